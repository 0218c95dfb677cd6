//! CLUSTER, ASKING, READONLY and READWRITE.
//!
//! What the cluster knows is the bus thread's to answer, and what a slot holds its core's. Without a cluster all are refused.

use std::sync::Arc;

use clusterbus::modes::{ModeCommand, Transaction};
use keyspace::args::{Args, OwnedArgs};
use keyspace::number::parse_i64;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::slot::Slot;

use crate::ask::{Answer, Ask, Audience};
use crate::cluster::replies;
use crate::cluster::stats::{self, Detail, StatsRequest};

use super::{SessionExec, write_help};

/// What every command reads where there is no cluster.
const DISABLED: Refusal = Refusal::Text("ERR This instance has cluster support disabled");

/// What CLUSTER MEET reads on a connection that asked for a replica.
const NO_REPLICAS: Refusal = Refusal::Text(
    "ERR this connection asked for a replica (CLUSTER REPLICATE), and this server does not support data replication: create the \
     cluster without replicas; RESET this connection to use CLUSTER MEET nevertheless",
);

const HELP: &[&str] = &[
    "CLUSTER <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ADDSLOTS <slot> [<slot> ...]",
    "    Gives slots to this node.",
    "ADDSLOTSRANGE <first> <last> [<first> <last> ...]",
    "    Gives ranges of slots to this node.",
    "BUMPEPOCH",
    "    Raises the node's config epoch.",
    "COUNT-FAILURE-REPORTS <node-id>",
    "    Counts the failure reports about a node.",
    "COUNTKEYSINSLOT <slot>",
    "    Counts the keys of a slot on this node.",
    "DELSLOTS <slot> [<slot> ...]",
    "    Makes slots unassigned in this node's view.",
    "DELSLOTSRANGE <first> <last> [<first> <last> ...]",
    "    Makes ranges of slots unassigned in this node's view.",
    "FAILOVER [FORCE|TAKEOVER]",
    "    Has this replica take its primary's place.",
    "FLUSHSLOTS",
    "    Makes all slots of this node unassigned.",
    "FORGET <node-id>",
    "    Removes a node from this node's view.",
    "GETKEYSINSLOT <slot> <count>",
    "    Names keys of a slot on this node.",
    "INFO",
    "    Tells how the cluster is.",
    "KEYSLOT <key>",
    "    Names the slot of a key.",
    "LINKS",
    "    Lists the links to other nodes.",
    "MEET <ip> <port> [<bus-port>]",
    "    Greets a node, so that it joins.",
    "MYID",
    "    Names this node.",
    "MYSHARDID",
    "    Names the shard of this node.",
    "NODES",
    "    Describes every known node on a line.",
    "REPLICAS <node-id>",
    "    Lists the replicas of a primary.",
    "REPLICATE <node-id>",
    "    Makes this node a replica of a primary.",
    "RESET [HARD|SOFT]",
    "    Makes this node forget the cluster.",
    "SAVECONFIG",
    "    Writes the node's view of the cluster to its file.",
    "SET-CONFIG-EPOCH <epoch>",
    "    Sets the config epoch of a node without peers.",
    "SETSLOT <slot> (IMPORTING|MIGRATING|NODE <node-id>|STABLE)",
    "    Assigns a slot, or says that it is on the move.",
    "SHARDS",
    "    Describes slots and nodes, primary by primary.",
    "SLOT-STATS (SLOTSRANGE <first> <last>|ORDERBY <metric> [LIMIT <count>] [ASC|DESC])",
    "    Tells how the slots of this shard are used.",
    "SLOTS",
    "    Maps ranges of slots to nodes.",
    "HELP",
    "    Print this help.",
];

fn enabled(exec: &SessionExec) -> Outcome {
    if exec.facts.clustered { Ok(()) } else { Err(DISABLED) }
}

/// What the bus thread answers.
pub(super) fn bus(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    enabled(exec)?;
    ask_bus(exec, args);
    Ok(())
}

/// Has the bus thread carry a command out.
pub(super) fn ask_bus(exec: &mut SessionExec, args: Args) {
    exec.ask(Audience::Bus, Ask::Cluster(Arc::new(OwnedArgs::copy(args))), told_by_bus);
}

fn told_by_bus(_: &mut SessionExec, _: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let Some(Answer::Cluster(result)) = answers.into_iter().next() else {
        unreachable!("the bus thread answers for the cluster")
    };
    replies::write(&result.map_err(Refusal::owned)?, reply);
    Ok(())
}

/// `CLUSTER REPLICATE`
pub(super) fn replicate(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    enabled(exec)?;
    exec.ask(Audience::Bus, Ask::Cluster(Arc::new(OwnedArgs::copy(args))), |exec, args, answers, reply| {
        let outcome = told_by_bus(exec, args, answers, reply);
        exec.session.was_refused_replica |= outcome.is_err();
        outcome
    });
    Ok(())
}

/// `CLUSTER MEET`
///
/// `redis-cli --cluster create` makes every node what it is to be before the nodes meet, and goes on if that fails for a replica: it tries
/// again when they have met, and then overlooks the failure. Of what it sends to that node, only a MEET that is refused makes it give up
/// and show the reason.
pub(super) fn meet(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    enabled(exec)?;
    if exec.session.was_refused_replica {
        return Err(NO_REPLICAS);
    }
    bus(exec, args, reply)
}

/// `CLUSTER HELP`
pub(super) fn help(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    enabled(exec)?;
    write_help(reply, HELP)
}

/// `CLUSTER KEYSLOT`
pub(super) fn keyslot(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    enabled(exec)?;
    reply.int(i64::from(Slot::of(args.at(2)).number()));
    Ok(())
}

/// The slot with a number in an argument, if there is one.
fn slot_in(arg: &[u8]) -> Result<Option<Slot>, Refusal> {
    let number = parse_i64(arg).ok_or(Refusal::NotInteger)?;
    Ok(u16::try_from(number).ok().and_then(Slot::new))
}

/// `CLUSTER COUNTKEYSINSLOT`
pub(super) fn count_keys_in_slot(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    enabled(exec)?;
    let slot = slot_in(args.at(2))?.ok_or(Refusal::Text("ERR Invalid slot"))?;
    let core = exec.facts.map.owner(slot);
    exec.ask(Audience::Core(core), Ask::CountInSlot(slot), |_, _, answers, reply| {
        let [Answer::Count(keys)] = answers[..] else { unreachable!("one core has the slot") };
        reply.int(keys as i64);
        Ok(())
    });
    Ok(())
}

/// `CLUSTER GETKEYSINSLOT`
pub(super) fn get_keys_in_slot(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    enabled(exec)?;
    let slot = slot_in(args.at(2))?;
    let count = parse_i64(args.at(3)).ok_or(Refusal::NotInteger)?;
    let count = usize::try_from(count).ok();
    let (Some(slot), Some(count)) = (slot, count) else {
        return Err(Refusal::Text("ERR Invalid slot or number of keys"));
    };
    let core = exec.facts.map.owner(slot);
    exec.ask(Audience::Core(core), Ask::KeysInSlot(slot, count), |_, _, answers, reply| {
        let Some(Answer::Names(keys)) = answers.into_iter().next() else { unreachable!("one core has the slot") };
        reply.array(keys.len());
        keys.iter().for_each(|key| reply.bulk(key));
        Ok(())
    });
    Ok(())
}

/// How much is told of slots.
fn detail(exec: &SessionExec) -> Detail {
    Detail::of(exec.facts.settings.cluster_slot_stats_enabled)
}

/// `CLUSTER SLOT-STATS`
pub(super) fn slot_stats(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    enabled(exec)?;
    StatsRequest::parse(args, detail(exec))?;
    exec.ask(Audience::Cores, Ask::SlotStats, |exec, args, answers, reply| {
        let of_cores = answers.into_iter().map(|answer| match answer {
            Answer::SlotStats(slots) => slots,
            _ => unreachable!("every core tells of its slots"),
        });
        let request = StatsRequest::parse(args, detail(exec))?;
        stats::write(request, detail(exec), of_cores.flatten().collect(), reply);
        Ok(())
    });
    Ok(())
}

/// What a client says holds from now on: how long is the connection's to see to.
fn say(exec: &mut SessionExec, command: ModeCommand, reply: &mut Reply) -> Outcome {
    enabled(exec)?;
    exec.session.modes = exec.session.modes.after(command, Transaction::Open);
    reply.ok();
    Ok(())
}

/// `ASKING`
pub(super) fn asking(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    say(exec, ModeCommand::Asking, reply)
}

/// `READONLY`
pub(super) fn readonly(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    say(exec, ModeCommand::Readonly, reply)
}

/// `READWRITE`
pub(super) fn readwrite(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    say(exec, ModeCommand::Readwrite, reply)
}
