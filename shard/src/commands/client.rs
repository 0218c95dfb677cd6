//! CLIENT: the rows of all its subcommands, and those that only concern the client's own session.

use keyspace::args::Args;
use keyspace::number::parse_i64;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{Categories, CommandSpec, Flags};

use crate::ask::{Answer, Ask, Audience, Ending};
use crate::command::Run;
use crate::session::{ReplyMode, Session};

use super::client_kill::kill;
use super::client_list::{info, list};
use super::client_pause::{pause, unpause};
use super::{SessionExec, SessionFn, SessionRow, write_help};

/// Flags of subcommands that concern the own session.
const OWN: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE);

/// Flags of subcommands that concern other clients.
const OTHERS: Flags = OWN.and(Flags::ADMIN);

/// What the rows have in common.
const ROW: CommandSpec =
    CommandSpec { flags: OWN, categories: Categories::CONNECTION, group: "connection", ..CommandSpec::NONE };

const fn row(spec: CommandSpec, run: SessionFn) -> SessionRow {
    SessionRow { spec, run: Run::Session(run) }
}

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[
    SessionRow {
        spec: CommandSpec {
            name: "client",
            arity: -2,
            since: "2.4.0",
            group: "connection",
            summary: "Commands about client connections.",
            complexity: "Depends on subcommand.",
            ..CommandSpec::NONE
        },
        run: Run::Container,
    },
    row(
        CommandSpec {
            name: "client|id",
            arity: 2,
            since: "5.0.0",
            summary: "Tells the number of the connection, which no other connection ever has.",
            ..ROW
        },
        id,
    ),
    row(
        CommandSpec {
            name: "client|getname",
            arity: 2,
            since: "2.6.9",
            summary: "Tells the name that was given to the connection.",
            ..ROW
        },
        getname,
    ),
    row(
        CommandSpec {
            name: "client|setname",
            arity: 3,
            since: "2.6.9",
            summary: "Names the connection.",
            syntax: "connection-name",
            ..ROW
        },
        setname,
    ),
    row(
        CommandSpec {
            name: "client|setinfo",
            arity: 4,
            since: "7.2.0",
            summary: "Records the client library's name or version.",
            syntax: "attr=<LIB-NAME libname | LIB-VER libver>",
            ..ROW
        },
        setinfo,
    ),
    row(
        CommandSpec {
            name: "client|list",
            arity: -2,
            flags: OTHERS,
            since: "2.4.0",
            summary: "Describes the connected clients, one per line.",
            complexity: "O(N) for N connections.",
            syntax: "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>]@5.0.0 [ID id={client-id:integer [client-id ...]}]@6.2.0",
            history: &[
                ("2.8.12", "Tells the number of the client, `id`."),
                ("5.0.0", "TYPE."),
                ("6.0.0", "Tells the `user`."),
                ("6.2.0", "ID; tells `argv-mem`, `tot-mem`, `laddr` and `redir`."),
                ("7.0.0", "Tells `resp`, `multi-mem`, `rbs` and `rbp`."),
                ("7.0.3", "Tells `ssub`."),
                ("7.2.0", "Tells `lib-name` and `lib-ver`."),
            ],
            tips: &["nondeterministic_output"],
            ..ROW
        },
        list,
    ),
    row(
        CommandSpec {
            name: "client|info",
            arity: 2,
            since: "6.2.0",
            summary: "Describes the own connection.",
            tips: &["nondeterministic_output"],
            ..ROW
        },
        info,
    ),
    row(
        CommandSpec {
            name: "client|kill",
            arity: -3,
            flags: OTHERS,
            since: "2.4.0",
            summary: "Closes the connections that match an address or all of the given filters.",
            complexity: "O(N) for N connections.",
            syntax: "filter=<ip:port!2.8.12 | new-format=<[ID client-id:integer]@2.8.12 | \
                     [TYPE normal_master_slave_pubsub=<NORMAL | MASTER@3.2.0 | SLAVE | REPLICA@5.0.0 | PUBSUB>]@2.8.12 | \
                     [USER username] | [ADDR ip:port] | [LADDR ip:port]@6.2.0 | [SKIPME yes/no] | \
                     [MAXAGE maxage:integer]@7.4.0> [new-format ...]>",
            history: &[
                ("2.8.12", "Filters: ADDR, TYPE, SKIPME."),
                ("2.8.12", "ID."),
                ("3.2.0", "TYPE MASTER."),
                ("5.0.0", "TYPE REPLICA, which SLAVE means too."),
                ("6.2.0", "LADDR."),
                ("7.4.0", "MAXAGE."),
            ],
            ..ROW
        },
        kill,
    ),
    row(
        CommandSpec {
            name: "client|no-evict",
            arity: 3,
            flags: OTHERS,
            since: "7.0.0",
            summary: "Protects the connection from being closed when clients take too much memory.",
            syntax: "enabled=<ON | OFF>",
            ..ROW
        },
        no_evict,
    ),
    row(
        CommandSpec {
            name: "client|no-touch",
            arity: 3,
            since: "7.2.0",
            summary: "Makes the connection's commands leave the recency and frequency of keys alone.",
            syntax: "enabled=<ON | OFF>",
            ..ROW
        },
        no_touch,
    ),
    row(
        CommandSpec {
            name: "client|reply",
            arity: 3,
            since: "3.2.0",
            summary: "Chooses whether the connection's commands are answered.",
            syntax: "<ON | OFF | SKIP>",
            ..ROW
        },
        reply_mode,
    ),
    row(
        CommandSpec {
            name: "client|pause",
            arity: -3,
            flags: OTHERS,
            since: "2.9.50",
            summary: "Holds back all commands, or those that write, for some time.",
            syntax: "timeout mode=[WRITE | ALL]@6.2.0",
            history: &[("6.2.0", "WRITE and ALL.")],
            ..ROW
        },
        pause,
    ),
    row(
        CommandSpec {
            name: "client|unpause",
            arity: 2,
            flags: OTHERS,
            since: "6.2.0",
            summary: "Ends a pause.",
            complexity: "O(N) for N clients that wait.",
            ..ROW
        },
        unpause,
    ),
    row(
        CommandSpec {
            name: "client|unblock",
            arity: -3,
            flags: OTHERS,
            since: "5.0.0",
            summary: "Ends the waiting of a client that a blocking command holds.",
            syntax: "client-id:integer [TIMEOUT | ERROR]",
            ..ROW
        },
        unblock,
    ),
    row(
        CommandSpec {
            name: "client|help",
            arity: 2,
            flags: Flags::LOADING.and(Flags::STALE),
            since: "5.0.0",
            summary: "Lists the subcommands.",
            ..ROW
        },
        help,
    ),
];

/// The lines of HELP: heads as clients know them, explanations indented.
const HELP: &[&str] = &[
    "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CACHING (YES|NO)",
    "    Track the keys of the next command with OPTIN, or do not with OPTOUT.",
    "GETREDIR",
    "    The number of the connection that hears of changed keys instead.",
    "GETNAME",
    "    The name of this connection.",
    "ID",
    "    The number of this connection.",
    "INFO",
    "    The line of LIST about this connection.",
    "KILL <ip:port>",
    "    Close the connection that came from this address.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Close the connections that pass all options, and tell how many:",
    "    * ADDR (<ip:port>|<unixsocket>:0)     the client's address",
    "    * ID <number>                         the connection's number",
    "    * LADDR (<ip:port>|<unixsocket>:0)    the server's address",
    "    * MAXAGE <seconds>                    at least this old",
    "    * SKIPME (YES|NO)                     whether this connection is spared; YES if not given",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "    * USER <name>",
    "LIST [options ...]",
    "    One line about each connection, or about those that an option chooses:",
    "    * ID <number> [<number> ...]",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "NO-EVICT (ON|OFF)",
    "    Whether this connection is spared when clients take too much memory.",
    "NO-TOUCH (ON|OFF)",
    "    Whether this connection's commands leave the recency of keys alone.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Hold back all commands, or those that write, for that many milliseconds.",
    "REPLY (ON|OFF|SKIP)",
    "    Answer commands, answer none, or do not answer the next one.",
    "SETINFO <option> <value>",
    "    Record the name (LIB-NAME) or the version (LIB-VER) of the client library.",
    "SETNAME <name>",
    "    Name this connection.",
    "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
    "         [OPTIN] [OPTOUT] [NOLOOP]",
    "    Tell this connection which keys that it has read were changed.",
    "TRACKINGINFO",
    "    How this connection tracks keys.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    End the waiting of a connection as if its time were up, or with an error.",
    "UNPAUSE",
    "    End a pause.",
    "HELP",
    "    Prints this help.",
];

fn id(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    reply.int(exec.session.id as i64);
    Ok(())
}

fn getname(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    match exec.session.name.as_slice() {
        [] => reply.null(),
        name => reply.bulk(name),
    }
    Ok(())
}

fn setname(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    set_name(exec.session, args.at(2))?;
    reply.ok();
    Ok(())
}

/// Names a session; an empty name takes the name away. A name must not break the lines and fields of CLIENT LIST.
pub(super) fn set_name(session: &mut Session, name: &[u8]) -> Outcome {
    if !is_word(name) {
        return Err(Refusal::Text("ERR Client names cannot contain spaces, newlines or special characters."));
    }
    session.name = name.to_vec();
    Ok(())
}

fn is_word(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_graphic)
}

fn setinfo(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    let attribute = args.at(2);
    let place = match () {
        () if args.is(2, "lib-name") => &mut exec.session.lib_name,
        () if args.is(2, "lib-ver") => &mut exec.session.lib_ver,
        () => return Err(Refusal::naming("ERR Unrecognized option '", attribute, "'")),
    };
    if !is_word(args.at(3)) {
        let after = " cannot contain spaces, newlines or special characters.";
        return Err(Refusal::naming("ERR ", attribute, after));
    }
    *place = args.at(3).to_vec();
    reply.ok();
    Ok(())
}

fn no_evict(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    exec.session.no_evict = on_or_off(args)?;
    reply.ok();
    Ok(())
}

fn no_touch(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    exec.session.no_touch = on_or_off(args)?;
    reply.ok();
    Ok(())
}

fn on_or_off(args: Args) -> Result<bool, Refusal> {
    match args.is(2, "on") {
        true => Ok(true),
        false if args.is(2, "off") => Ok(false),
        false => Err(Refusal::Syntax),
    }
}

/// Only ON is answered.
fn reply_mode(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    let mode = &mut exec.session.reply_mode;
    if args.is(2, "on") {
        *mode = ReplyMode::On;
        reply.ok();
    } else if args.is(2, "off") {
        *mode = ReplyMode::Off;
    } else if !args.is(2, "skip") {
        return Err(Refusal::Syntax);
    } else if *mode != ReplyMode::Off {
        *mode = ReplyMode::SkipNext;
    }
    Ok(())
}

fn unblock(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    if args.len() > 4 {
        return Err(too_many(args));
    }
    if args.len() == 4 && !args.is(3, "timeout") && !args.is(3, "error") {
        return Err(Refusal::Text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
    }
    let number = parse_i64(args.at(2)).ok_or(Refusal::NotInteger)?;
    let ending = if args.is(3, "error") { Ending::Error } else { Ending::TimeOut };
    exec.ask(Audience::Cores, Ask::Unblock(u64::try_from(number).unwrap_or(0), ending), unblocked);
    Ok(())
}

fn unblocked(_: &mut SessionExec, _: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let found = answers.iter().any(|answer| matches!(answer, Answer::Count(1..)));
    reply.int(found as i64);
    Ok(())
}

/// What a subcommand answers to arguments that its arity allows and its syntax does not. It quotes the client's word.
pub(super) fn too_many(args: Args) -> Refusal {
    let before = "ERR unknown subcommand or wrong number of arguments for '";
    Refusal::naming(before, args.at(1), "'. Try CLIENT HELP.")
}

fn help(_: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    write_help(reply, HELP)
}
