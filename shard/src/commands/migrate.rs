//! MIGRATE: keys go to another server, and are deleted here once that has them. `migration` tells how.

use keyspace::args::Args;
use keyspace::number::parse_i64;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{Categories, CommandSpec, Flags, Form, KeyFlags, KeyRun, KeySpec, MovableKeys};

use crate::command::Run;
use crate::migration::{Login, Request, Target};

use super::{SessionExec, SessionRow, Then};

/// What is done to the keys.
const MOVED: KeyFlags = KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE);

/// The index of the one key, or of nothing in its place.
const KEY: usize = 3;

/// The first index of an option.
const OPTIONS: usize = 6;

/// How long each step may take if the client says nothing of use, in milliseconds.
const TIMEOUT_MS: u64 = 1_000;

const TWO_PLACES: Refusal =
    Refusal::Text("ERR When using MIGRATE KEYS option, the key argument must be set to the empty string");

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[SessionRow {
    spec: CommandSpec {
        name: "migrate",
        arity: -6,
        flags: Flags::WRITE.and(Flags::MOVABLEKEYS),
        categories: Categories::KEYSPACE.and(Categories::DANGEROUS),
        keys: &[KeySpec { flags: MOVED, first: KEY as u8, last: 0, step: 1 }],
        movable_keys: &[MovableKeys::new(MOVED.and(KeyFlags::INCOMPLETE), Form::AllBehind { word: "KEYS" })],
        find_keys: Some(keys),
        since: "2.6.0",
        group: "generic",
        summary: "Sends keys to another server, and deletes them here once that has them.",
        complexity: "DUMP and DEL here and RESTORE there for each key, and O(N) for the N bytes that are sent.",
        syntax: "host port:integer key_or_empty_string=<key | empty_string=\"\"> destination-db:integer timeout:integer \
                 [COPY]@3.0.0 [REPLACE]@3.0.0 \
                 authentication=[AUTH password@4.0.7 | AUTH2 username_password={username password}@6.0.0] \
                 [KEYS key [key ...]]@3.0.6",
        tips: &["nondeterministic_output"],
        history: &[
            ("3.0.0", "The options COPY and REPLACE."),
            ("3.0.6", "The option KEYS."),
            ("4.0.7", "The option AUTH."),
            ("6.0.0", "The option AUTH2."),
        ],
        ..CommandSpec::NONE
    },
    run: Run::Session(migrate),
}];

/// The keys among the arguments, whatever else is wrong with them.
fn keys(args: Args) -> KeyRun {
    let mut index = OPTIONS;
    while index < args.len() && !args.is(index, "keys") {
        index += match () {
            () if args.is(index, "auth") => 2,
            () if args.is(index, "auth2") => 3,
            () => 1,
        };
    }
    let first = index + 1;
    match args.get(KEY) {
        None => KeyRun::NONE,
        _ if first >= args.len() => KeyRun::one(KEY),
        Some([]) => KeyRun { first, end: args.len(), step: 1 },
        Some(_) => KeyRun::NONE,
    }
}

fn migrate(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    let mut request = parse(args)?;
    request.target.asking = exec.facts.settings.cluster_enabled;
    *exec.then = Then::Migrate(Box::new(request));
    Ok(())
}

/// Reads the arguments.
fn parse(args: Args) -> Result<Request, Refusal> {
    let (mut copies, mut replaces, mut login) = (false, false, None);
    let mut keys = KEY..KEY + 1;
    let mut index = OPTIONS;
    while index < args.len() {
        let word = |ahead: usize| args.get(index + ahead).map(Box::from).ok_or(Refusal::Syntax);
        if args.is(index, "copy") {
            copies = true;
        } else if args.is(index, "replace") {
            replaces = true;
        } else if args.is(index, "auth") {
            let user = login.take().and_then(|login: Login| login.user);
            login = Some(Login { user, password: word(1)? });
            index += 1;
        } else if args.is(index, "auth2") {
            login = Some(Login { password: word(2)?, user: Some(word(1)?) });
            index += 2;
        } else if args.is(index, "keys") {
            if !args.at(KEY).is_empty() {
                return Err(TWO_PLACES);
            }
            keys = index + 1..args.len();
            break;
        } else {
            return Err(Refusal::Syntax);
        }
        index += 1;
    }
    let timeout = parse_i64(args.at(5)).ok_or(Refusal::NotInteger)?;
    let db = parse_i64(args.at(4)).ok_or(Refusal::NotInteger)?;
    let timeout_ms = u64::try_from(timeout).ok().filter(|ms| *ms > 0).unwrap_or(TIMEOUT_MS);
    let (host, port) = (args.at(1).into(), args.at(2).into());
    let target = Target { host, port, db, timeout_ms, login, replaces, asking: false };
    Ok(Request { target, keys, copies })
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyspace::args::OwnedArgs;

    fn words(text: &str) -> OwnedArgs {
        text.split(' ').map(|word| if word == "-" { "" } else { word }).collect()
    }

    #[test]
    fn keys_are_found_where_redis_finds_them() {
        let rows: [(&str, &[&str]); 10] = [
            ("migrate h p", &[]),
            ("migrate h p k 0 9", &["k"]),
            ("migrate h p - 0 9", &[""]),
            ("migrate h p k 0 9 copy replace", &["k"]),
            ("migrate h p - 0 9 keys a b", &["a", "b"]),
            ("migrate h p - 0 9 copy foo KEYS a keys b", &["a", "keys", "b"]),
            ("migrate h p - 0 9 keys", &[""]),
            ("migrate h p k 0 9 keys a", &[]),
            ("migrate h p - 0 9 auth keys a b", &[""]),
            ("migrate h p - 0 9 auth2 x keys keys b", &["b"]),
        ];
        for (text, expected) in rows {
            let args = words(text);
            let found: Vec<&[u8]> = keys(args.args()).indexes().map(|index| args.args().at(index)).collect();
            assert_eq!(found, expected.iter().map(|key| key.as_bytes()).collect::<Vec<_>>(), "{text}");
        }
    }

    #[test]
    fn options_are_read_in_any_order() {
        let args = words("migrate h p - 3 0 REPLACE auth2 u pw copy keys a b");
        let request = parse(args.args()).expect("it is right");
        assert_eq!((request.keys, request.copies, request.target.replaces), (12..14, true, true));
        assert_eq!((request.target.db, request.target.timeout_ms), (3, TIMEOUT_MS));
        let login = request.target.login.expect("it was given");
        assert_eq!((login.user.as_deref(), &*login.password), (Some(&b"u"[..]), &b"pw"[..]));
        let rows = [
            ("migrate h p k 0 9 keys a", TWO_PLACES),
            ("migrate h p - 0 9 auth", Refusal::Syntax),
            ("migrate h p - 0 9 auth2 u", Refusal::Syntax),
            ("migrate h p - 0 9 nothing", Refusal::Syntax),
            ("migrate h p k x 9", Refusal::NotInteger),
            ("migrate h p k 0 x", Refusal::NotInteger),
        ];
        for (text, refusal) in rows {
            assert_eq!(parse(words(text).args()).expect_err(text).text(), refusal.text(), "{text}");
        }
    }
}
