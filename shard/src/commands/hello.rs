//! HELLO and AUTH: which protocol a connection speaks and who it is.
//!
//! A password that is set later does not end the sessions that are open; RESET gives up what a session has.

use keyspace::args::Args;
use keyspace::number::parse_i64;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::{Reply, Resp};
use keyspace::spec::{Categories, CommandSpec, Flags};

use crate::acl::{DEFAULT_USER, NotAdmitted, Note};
use crate::command::Run;
use crate::resp::Auth;
use crate::settings::{self, Kind};

use super::client::set_name;
use super::{SessionExec, SessionRow};

/// The version that clients are told: what they decide by which commands they may use.
pub const REDIS_VERSION: &str = "7.2.4";

/// What stands for a secret argument in the slow log.
pub const REDACTED: &str = "(redacted)";

const WRONG_PASSWORD: Refusal = Refusal::Text("WRONGPASS invalid username-password pair or user is disabled.");

const NO_PASSWORD: Refusal = Refusal::Text(
    "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
);

const HELLO_NEEDS_AUTH: Refusal = Refusal::Text(
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used \
to authenticate the client and select the RESP protocol version at the same time",
);

/// Flags of commands that anybody may use at any time.
pub(super) const ANYBODY: Flags =
    Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST).and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY);

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[
    SessionRow {
        spec: CommandSpec {
            name: "hello",
            arity: -1,
            flags: ANYBODY,
            categories: Categories::CONNECTION,
            since: "6.0.0",
            group: "connection",
            summary: "Chooses the protocol version, and may authenticate and name the connection on the way.",
            syntax: "arguments=[protover:integer [AUTH {username password}] [SETNAME clientname]]",
            history: &[("6.2.0", "Without arguments it only describes the connection.")],
            ..CommandSpec::NONE
        },
        run: Run::Session(hello),
    },
    SessionRow {
        spec: CommandSpec {
            name: "auth",
            arity: -2,
            flags: ANYBODY,
            categories: Categories::CONNECTION,
            group: "connection",
            summary: "Authenticates the connection.",
            complexity: "O(N) in the length of the given password.",
            syntax: "[username]@6.0.0 password",
            history: &[("6.0.0", "A username.")],
            ..CommandSpec::NONE
        },
        run: Run::Session(auth),
    },
];

/// Options take effect one by one, as in Redis 7.0: a name given before a wrong option stays.
fn hello(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    let version = match args.get(1).map(parse_i64) {
        None => None,
        Some(Some(2)) => Some(Resp::V2),
        Some(Some(3)) => Some(Resp::V3),
        Some(Some(_)) => return Err(Refusal::Text("NOPROTO unsupported protocol version")),
        Some(None) => return Err(Refusal::Text("ERR Protocol version is not an integer or out of range")),
    };
    let mut index = 2;
    while index < args.len() {
        if args.is(index, "auth") && index + 2 < args.len() {
            authenticate(exec, args, (args.at(index + 1), args.at(index + 2)))?;
            index += 3;
        } else if args.is(index, "setname") && index + 1 < args.len() {
            set_name(exec.session, args.at(index + 1))?;
            index += 2;
        } else {
            return Err(Refusal::naming("ERR Syntax error in HELLO option '", args.at(index), "'"));
        }
    }
    if exec.session.auth == Auth::Needed {
        return Err(HELLO_NEEDS_AUTH);
    }
    exec.session.resp = version.unwrap_or(exec.session.resp);
    introduce(exec, &mut reply.switched(exec.session.resp));
    Ok(())
}

/// Who we are.
fn introduce(exec: &SessionExec, reply: &mut Reply) {
    reply.map(7);
    reply.text("server");
    reply.text("redis");
    reply.text("version");
    reply.text(REDIS_VERSION);
    reply.text("proto");
    reply.int(match exec.session.resp {
        Resp::V2 => 2,
        Resp::V3 => 3,
    });
    reply.text("id");
    reply.int(exec.session.id as i64);
    reply.text("mode");
    reply.text(if exec.facts.clustered { "cluster" } else { "standalone" });
    reply.text("role");
    reply.text("master");
    reply.text("modules");
    reply.array(0);
}

fn auth(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    match args.len() {
        2 if exec.facts.acl.users.default_user().nopass => return Err(NO_PASSWORD),
        2 => authenticate(exec, args, (DEFAULT_USER.as_bytes(), args.at(1)))?,
        3 => authenticate(exec, args, (args.at(1), args.at(2)))?,
        _ => return Err(Refusal::Syntax),
    }
    reply.ok();
    Ok(())
}

/// A wrong password leaves the session as it is.
fn authenticate(exec: &mut SessionExec, args: Args, (user, password): (&[u8], &[u8])) -> Outcome {
    let facts = exec.facts;
    let command = if args.is(0, "auth") { "auth" } else { "hello" };
    let note = Note { settings: facts.settings, now: facts.now };
    match facts.acl.admit(note, exec.session, (command, args), (user, password)) {
        Ok(user) => {
            exec.session.sign_in(user);
            Ok(())
        }
        Err(NotAdmitted::Wrong) => Err(WRONG_PASSWORD),
        Err(NotAdmitted::TooManyAttempts(seconds)) => Err(Refusal::owned(format!(
            "WRONGPASS too many wrong passwords from this address, try again in {seconds} seconds."
        ))),
    }
}

/// True if argument `index` of a command may be a password: the slow log shows `REDACTED` in its place.
pub fn is_secret(command: &str, args: Args, index: usize) -> bool {
    match command {
        "auth" => index >= 1,
        "acl|setuser" | "acl|deluser" | "acl|getuser" => index >= 2,
        "hello" => index >= 3 && (args.is(index - 1, "auth") || args.is(index - 2, "auth")),
        "config|set" => {
            let row = if index >= 3 && index % 2 == 1 { settings::find(args.at(index - 1)) } else { None };
            row.is_some_and(|row| matches!(row.kind, Kind::Secret))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyspace::args::OwnedArgs;

    #[test]
    fn secrets_are_found_where_commands_take_them() {
        let check = |command: &str, words: &str, secret: &[usize]| {
            let args: OwnedArgs = words.split(' ').collect();
            let found: Vec<usize> =
                (0..args.args().len()).filter(|&index| is_secret(command, args.args(), index)).collect();
            assert_eq!(found, secret, "{words}");
        };
        check("auth", "AUTH pw", &[1]);
        check("auth", "AUTH user pw", &[1, 2]);
        check("hello", "HELLO 3 SETNAME n AUTH user pw", &[5, 6]);
        check("acl|setuser", "ACL SETUSER u on >pw", &[2, 3, 4]);
        check("config|set", "CONFIG SET maxclients 5 requirepass pw", &[5]);
        check("get", "GET auth", &[]);
    }
}
