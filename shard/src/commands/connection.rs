//! The connection itself: PING, ECHO, SELECT, QUIT.

use keyspace::args::Args;
use keyspace::number::parse_i64;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{Categories, CommandSpec, Flags};

use crate::command::Run;

use super::{SessionExec, SessionRow};

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[
    SessionRow {
        spec: CommandSpec {
            name: "ping",
            arity: -1,
            flags: Flags::FAST,
            categories: Categories::CONNECTION,
            group: "connection",
            summary: "Answers PONG, or the given message.",
            syntax: "[message]",
            tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
            ..CommandSpec::NONE
        },
        run: Run::Session(ping),
    },
    SessionRow {
        spec: CommandSpec {
            name: "echo",
            arity: 2,
            flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
            categories: Categories::CONNECTION,
            group: "connection",
            summary: "Answers with its argument.",
            syntax: "message",
            ..CommandSpec::NONE
        },
        run: Run::Session(echo),
    },
    SessionRow {
        spec: CommandSpec {
            name: "select",
            arity: 2,
            flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
            categories: Categories::CONNECTION,
            group: "connection",
            summary: "Selects the database that the connection's commands use.",
            syntax: "index:integer",
            ..CommandSpec::NONE
        },
        run: Run::Session(select),
    },
    SessionRow {
        spec: CommandSpec {
            name: "quit",
            arity: -1,
            flags: Flags::ALLOW_BUSY
                .and(Flags::NOSCRIPT)
                .and(Flags::LOADING)
                .and(Flags::STALE)
                .and(Flags::FAST)
                .and(Flags::NO_AUTH),
            categories: Categories::CONNECTION,
            group: "connection",
            summary: "Closes the connection.",
            ..CommandSpec::NONE
        },
        run: Run::Session(quit),
    },
];

fn ping(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    match args.len() {
        1 | 2 if exec.session.only_listens() => {
            // Told apart from messages by its form.
            reply.array(2);
            reply.text("pong");
            reply.bulk(args.get(1).unwrap_or_default());
        }
        1 => reply.simple("PONG"),
        2 => reply.bulk(args.at(1)),
        _ => return Err(Refusal::Arity("ping")),
    }
    Ok(())
}

fn echo(_: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    reply.bulk(args.at(1));
    Ok(())
}

fn select(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    let number = parse_i64(args.at(1)).ok_or(Refusal::NotInteger)?;
    if i32::try_from(number).is_err() {
        return Err(Refusal::Text("ERR value is out of range, value must between -2147483648 and 2147483647"));
    }
    if exec.facts.clustered && number != 0 {
        return Err(Refusal::Text("ERR SELECT is not allowed in cluster mode"));
    }
    if !(0..exec.facts.settings.databases as i64).contains(&number) {
        return Err(Refusal::Text("ERR DB index is out of range"));
    }
    exec.session.db = number as u16;
    reply.ok();
    Ok(())
}

fn quit(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    reply.ok();
    exec.close();
    Ok(())
}
