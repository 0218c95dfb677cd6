//! PUBSUB: who listens to what, asked of all cores.

use std::sync::Arc;

use keyspace::args::{Args, OwnedArgs};
use keyspace::refusal::Outcome;
use keyspace::reply::Reply;

use crate::ask::{Answer, Ask, Audience, PubsubQuery};
use crate::command::misused_subcommand;
use crate::pubsub::Kind;

use super::{SessionExec, write_help};

/// `PUBSUB CHANNELS`
pub(super) fn channels(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    active(exec, Kind::Channel, args)
}

/// `PUBSUB SHARDCHANNELS`
pub(super) fn shard_channels(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    active(exec, Kind::Shard, args)
}

/// `PUBSUB NUMSUB`
pub(super) fn numsub(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    subscribers(exec, Kind::Channel, args);
    Ok(())
}

/// `PUBSUB SHARDNUMSUB`
pub(super) fn shard_numsub(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    subscribers(exec, Kind::Shard, args);
    Ok(())
}

/// `PUBSUB NUMPAT`: every core knows all patterns.
pub(super) fn numpat(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    exec.ask(Audience::Core(exec.facts.core), Ask::Pubsub(Arc::new(PubsubQuery::Patterns)), count_patterns);
    Ok(())
}

/// `PUBSUB HELP`
pub(super) fn help(_: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    write_help(
        reply,
        &[
            "PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "CHANNELS [<pattern>]",
            "    Lists the channels with subscribers whose names match (default: all).",
            "NUMPAT",
            "    Counts the patterns that clients listen to.",
            "NUMSUB [<channel> ...]",
            "    Counts the subscribers of each channel, without those that listen by a",
            "    pattern (default: no channels).",
            "SHARDCHANNELS [<pattern>]",
            "    Lists the shard channels with subscribers whose names match (default: all).",
            "SHARDNUMSUB [<shardchannel> ...]",
            "    Counts the subscribers of each shard channel (default: none).",
            "HELP",
            "    Prints this help.",
        ],
    )
}

fn active(exec: &mut SessionExec, kind: Kind, args: Args) -> Outcome {
    if args.len() > 3 {
        return Err(misused_subcommand("PUBSUB", args.at(1)));
    }
    let query = PubsubQuery::Active(kind, args.get(2).map(Into::into));
    exec.ask(Audience::Cores, Ask::Pubsub(Arc::new(query)), list_names);
    Ok(())
}

fn list_names(_: &mut SessionExec, _: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let names =
        answers.into_iter().flat_map(|answer| if let Answer::Names(names) = answer { names } else { Vec::new() });
    let names: Vec<Arc<[u8]>> = names.collect();
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name));
    Ok(())
}

fn subscribers(exec: &mut SessionExec, kind: Kind, args: Args) {
    let names = OwnedArgs::copy(args.from(2));
    exec.ask(Audience::Cores, Ask::Pubsub(Arc::new(PubsubQuery::Subscribers(kind, names))), list_counts);
}

/// Each name is known to one core; the others count nobody.
fn list_counts(_: &mut SessionExec, args: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let names = args.from(2);
    let mut sums = vec![0; names.len()];
    for counts in
        answers.iter().filter_map(|answer| if let Answer::Counts(counts) = answer { Some(counts) } else { None })
    {
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    reply.array(2 * names.len());
    for (name, sum) in names.iter().zip(sums) {
        reply.bulk(name);
        reply.int(sum as i64);
    }
    Ok(())
}

fn count_patterns(_: &mut SessionExec, _: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let Some(Answer::Counts(counts)) = answers.first() else { unreachable!("the core counts its patterns") };
    reply.int(counts.iter().sum::<u64>() as i64);
    Ok(())
}
