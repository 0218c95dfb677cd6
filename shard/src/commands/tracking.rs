//! CLIENT TRACKING and what belongs to it.

use std::collections::BTreeSet;
use std::sync::Arc;

use keyspace::args::Args;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;

use crate::ask::{Answer, Ask, Audience};
use crate::tracking::Tracker;
use crate::tracking::options::Options;
use crate::tracking::session::{Mode, Redirect, Tracking};

use super::{SessionExec, done};

/// `CLIENT TRACKING`
pub(super) fn tracking(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    let options = Options::parse(args)?;
    match options.redirect {
        Some(client) => exec.ask(Audience::Cores, Ask::FindClient(client.max(0) as u64), found),
        None => set(exec, &options, None, reply)?,
    }
    Ok(())
}

/// Every core has said whether the client is there that is to be told instead.
fn found(exec: &mut SessionExec, args: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let options = Options::parse(args)?;
    let found = answers.iter().find_map(|answer| if let Answer::Client(found) = answer { *found } else { None });
    let to = found.ok_or(Refusal::Text("ERR The client ID you want redirect to does not exist"))?;
    let client = options.redirect.unwrap_or(0).max(0) as u64;
    set(exec, &options, Some(Redirect { client, to, broken: false }), reply)
}

fn set(exec: &mut SessionExec, options: &Options, redirect: Option<Redirect>, reply: &mut Reply) -> Outcome {
    if !options.on {
        match stop(exec) {
            Some(tracker) => exec.ask(Audience::Cores, Ask::Untrack(tracker), done),
            None => reply.ok(),
        }
        return Ok(());
    }
    options.check(exec.session.tracking.as_deref())?;
    let me = Tracker { home: exec.facts.core, conn: exec.conn };
    let before = exec.session.tracking.take();
    let mut prefixes = before.map_or(BTreeSet::new(), |before| before.prefixes().clone());
    let mut added: Vec<Arc<[u8]>> = options.prefixes.clone();
    if options.broadcast && added.is_empty() {
        added.push(Arc::default());
    }
    prefixes.extend(added.iter().cloned());
    let mut tracking = Tracking::new(me, options.mode()).with_prefixes(prefixes);
    (tracking.noloop, tracking.redirect) = (options.noloop, redirect);
    exec.session.tracking = Some(Box::new(tracking));
    match added.is_empty() {
        true => reply.ok(),
        false => exec.ask(Audience::Cores, Ask::Track(me, added.into()), done),
    }
    Ok(())
}

/// Stops tracking. The client, if the cores have to be told.
pub(super) fn stop(exec: &mut SessionExec) -> Option<Tracker> {
    let tracking = exec.session.tracking.take()?;
    (tracking.mode == Mode::Broadcast).then_some(tracking.me)
}

/// `CLIENT CACHING`
pub(super) fn caching(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    let tracking = exec.session.tracking.as_mut().ok_or(Refusal::Text(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
    ))?;
    match () {
        _ if args.is(2, "yes") && tracking.mode != Mode::OptIn => {
            return Err(Refusal::Text("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."));
        }
        _ if args.is(2, "no") && tracking.mode != Mode::OptOut => {
            return Err(Refusal::Text("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."));
        }
        _ if args.is(2, "yes") || args.is(2, "no") => tracking.caching = true,
        _ => return Err(Refusal::Syntax),
    }
    reply.ok();
    Ok(())
}

/// `CLIENT GETREDIR`
pub(super) fn getredir(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    reply.int(redirects_to(exec.session.tracking.as_deref()));
    Ok(())
}

/// The number of the client that is told: 0 for the client itself, -1 if it does not track.
pub(super) fn redirects_to(tracking: Option<&Tracking>) -> i64 {
    tracking.map_or(-1, |tracking| tracking.redirect.map_or(0, |redirect| redirect.client as i64))
}

/// `CLIENT TRACKINGINFO`
pub(super) fn trackinginfo(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    let tracking = exec.session.tracking.as_deref();
    let is = |test: fn(&Tracking) -> bool| tracking.is_some_and(test);
    let flags = [
        (tracking.is_none(), "off"),
        (tracking.is_some(), "on"),
        (is(|tracking| tracking.mode == Mode::Broadcast), "bcast"),
        (is(|tracking| tracking.mode == Mode::OptIn), "optin"),
        (is(|tracking| tracking.mode == Mode::OptIn && tracking.caching), "caching-yes"),
        (is(|tracking| tracking.mode == Mode::OptOut), "optout"),
        (is(|tracking| tracking.mode == Mode::OptOut && tracking.caching), "caching-no"),
        (is(|tracking| tracking.noloop), "noloop"),
        (is(|tracking| tracking.redirect.is_some_and(|redirect| redirect.broken)), "broken_redirect"),
    ];
    let flags: Vec<&str> = flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
    reply.map(3);
    reply.text("flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.text(flag));
    reply.text("redirect");
    reply.int(redirects_to(tracking));
    reply.text("prefixes");
    let prefixes: Vec<&Arc<[u8]>> = tracking.iter().flat_map(|tracking| tracking.prefixes()).collect();
    reply.array(prefixes.len());
    prefixes.iter().for_each(|prefix| reply.bulk(prefix));
    Ok(())
}
