//! PUBLISH and SUBSCRIBE with their kin.
//!
//! A client's core changes the session at once and tells the cores of the channels; the replies follow when those have noted it.
//! What is published after a client has its reply reaches it.

use std::sync::Arc;

use keyspace::args::Args;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::{Reply, Resp};

use crate::ask::{Answer, Ask, Audience};
use crate::pubsub::subscriptions::Subscriptions;
use crate::pubsub::{Kind, Publication, Topic};

use super::{Facts, SessionExec};

/// `PUBLISH`
pub(super) fn publish(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    publish_to(exec, Kind::Channel, args);
    Ok(())
}

/// `SPUBLISH`
pub(super) fn spublish(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    publish_to(exec, Kind::Shard, args);
    Ok(())
}

fn publish_to(exec: &mut SessionExec, kind: Kind, args: Args) {
    let publication = Arc::new(Publication::new(kind, args.at(1), args.at(2)));
    let core = publication.core(exec.facts.map);
    exec.ask(Audience::Core(core), Ask::Publish(publication), published);
}

fn published(_: &mut SessionExec, _: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let [Answer::Count(receivers)] = answers[..] else { unreachable!("one core counts receivers") };
    reply.int(receivers as i64);
    Ok(())
}

/// `SUBSCRIBE`
pub(super) fn subscribe(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    begin(exec, Kind::Channel, "subscribe", args, reply);
    Ok(())
}

/// `PSUBSCRIBE`
pub(super) fn psubscribe(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    begin(exec, Kind::Pattern, "psubscribe", args, reply);
    Ok(())
}

/// `SSUBSCRIBE`
pub(super) fn ssubscribe(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    if exec.session.impatient {
        return Err(Refusal::Text("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"));
    }
    begin(exec, Kind::Shard, "ssubscribe", args, reply);
    Ok(())
}

/// `UNSUBSCRIBE`
pub(super) fn unsubscribe(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    end(exec, Kind::Channel, "unsubscribe", args, reply);
    Ok(())
}

/// `PUNSUBSCRIBE`
pub(super) fn punsubscribe(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    end(exec, Kind::Pattern, "punsubscribe", args, reply);
    Ok(())
}

/// `SUNSUBSCRIBE`
pub(super) fn sunsubscribe(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    end(exec, Kind::Shard, "sunsubscribe", args, reply);
    Ok(())
}

/// Subscribes to every argument.
fn begin(exec: &mut SessionExec, kind: Kind, word: &str, args: Args, reply: &mut Reply) {
    let resp = exec.session.resp;
    let subscriptions = exec.session.subscriptions.get_or_insert_default();
    let (mut fresh, mut replies) = (Vec::new(), Vec::new());
    for name in args.from(1).iter() {
        let topic = Topic { kind, name: name.into() };
        if subscriptions.add(&topic) {
            fresh.push(topic);
        }
        confirm(&mut replies, resp, word, Some(name), subscriptions.counted_with(kind));
    }
    settle(exec, fresh, replies, Ask::Subscribe, reply);
}

/// Unsubscribes from every argument; without any from everything of the kind.
fn end(exec: &mut SessionExec, kind: Kind, word: &str, args: Args, reply: &mut Reply) {
    let resp = exec.session.resp;
    let mut none = Subscriptions::default();
    let subscriptions = exec.session.subscriptions.as_deref_mut().unwrap_or(&mut none);
    let topics: Vec<Topic> = match args.len() {
        1 => subscriptions.of_kind(kind),
        _ => args.from(1).iter().map(|name| Topic { kind, name: name.into() }).collect(),
    };
    let (mut left, mut replies) = (Vec::new(), Vec::new());
    if topics.is_empty() {
        confirm(&mut replies, resp, word, None, subscriptions.counted_with(kind));
    }
    for topic in topics {
        let was_there = subscriptions.remove(kind, &topic.name);
        confirm(&mut replies, resp, word, Some(&topic.name), subscriptions.counted_with(kind));
        if was_there {
            left.push(topic);
        }
    }
    settle(exec, left, replies, Ask::Unsubscribe, reply);
}

/// One reply about one topic.
pub(crate) fn confirm(out: &mut Vec<u8>, resp: Resp, word: &str, name: Option<&[u8]>, count: usize) {
    let mut reply = Reply::new(out, resp);
    reply.push(3);
    reply.text(word);
    match name {
        Some(name) => reply.bulk(name),
        None => reply.null(),
    }
    reply.int(count as i64);
}

/// Has the cores told of what changed. The replies are given then, or at once if nothing did.
fn settle(
    exec: &mut SessionExec,
    changed: Vec<Topic>,
    replies: Vec<u8>,
    ask: fn(Arc<[Topic]>) -> Ask,
    reply: &mut Reply,
) {
    exec.session.replies_by_push = true;
    if changed.is_empty() {
        exec.session.drop_empty_subscriptions();
        return reply.raw(&replies);
    }
    exec.session.subscriptions.get_or_insert_default().replies = replies;
    let to = audience(&changed, exec.facts);
    exec.ask(to, ask(changed.into()), noted);
}

/// Every core that is concerned has noted the change.
fn noted(exec: &mut SessionExec, _: Args, _: Vec<Answer>, reply: &mut Reply) -> Outcome {
    exec.session.replies_by_push = true;
    if let Some(subscriptions) = &mut exec.session.subscriptions {
        reply.raw(&std::mem::take(&mut subscriptions.replies));
    }
    exec.session.drop_empty_subscriptions();
    Ok(())
}

/// Who is to be told of these topics: their one core, or all.
pub(super) fn audience(topics: &[Topic], facts: &Facts) -> Audience {
    let mut cores = topics.iter().map(|topic| topic.core(facts.map));
    let first = cores.next().flatten();
    match first {
        Some(core) if cores.all(|other| other == first) => Audience::Core(core),
        _ => Audience::Cores,
    }
}
