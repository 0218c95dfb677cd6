//! The check: may this user carry out this command with these arguments?
//!
//! One selector must allow all of it. The same function serves what a client sends, what a transaction carries out, what a script
//! calls and what ACL DRYRUN asks; logging and counting are their callers'.

use keyspace::args::Args;
use keyspace::number::parse_i64;
use keyspace::refusal::Refusal;
use keyspace::spec::{CommandSpec, Flags, KeyFlags};

use crate::command::{self, Command};
use crate::commands::command_keys::access_flags;

use super::patterns::Access;
use super::selector::Selector;
use super::user::User;

/// What a user lacks. Ordered: the last that any selector misses is what is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denied {
    /// The command.
    Command,
    /// What the command does to the key at this index.
    Key(usize),
    /// The channel at this index.
    Channel(usize),
}

impl Denied {
    /// What the client reads.
    pub fn refusal(self, command: &Command) -> Refusal {
        match self {
            Denied::Command => {
                let name = shown(command).spec.name;
                Refusal::owned(format!("NOPERM this user has no permissions to run the '{name}' command"))
            }
            Denied::Key(_) => {
                Refusal::Text("NOPERM this user has no permissions to access one of the keys used as arguments")
            }
            Denied::Channel(_) => {
                Refusal::Text("NOPERM this user has no permissions to access one of the channels used as arguments")
            }
        }
    }

    /// What EXEC answers in the place of a command that was allowed when it was queued.
    pub fn in_transaction(self) -> Refusal {
        let reason = match self {
            Denied::Command => "no permission to execute the command or subcommand",
            Denied::Key(_) => "no permission to touch the specified keys",
            Denied::Channel(_) => "no permission to access one of the channels used as arguments",
        };
        Refusal::owned(format!(
            "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no \
             longer allowed for the following reason: {reason}"
        ))
    }

    /// What a script reads.
    pub fn in_script(self) -> Refusal {
        Refusal::Text(match self {
            Denied::Command => "ERR The user executing the script can't run this command or subcommand",
            Denied::Key(_) => {
                "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments"
            }
            Denied::Channel(_) => {
                "ERR The user executing the script can't publish to the channel mentioned in the command"
            }
        })
    }

    /// What ACL DRYRUN answers.
    pub fn explanation(self, command: &Command, args: Args) -> Vec<u8> {
        let (verb, what, kind): (&[u8], &[u8], &[u8]) = match self {
            Denied::Command => (b"run", shown(command).spec.name.as_bytes(), b"command"),
            Denied::Key(index) => (b"access", args.at(index), b"key"),
            Denied::Channel(index) => (b"access", args.at(index), b"channel"),
        };
        [b"This user has no permissions to ", verb, b" the '", what, b"' ", kind].concat()
    }

    /// What ACL LOG names.
    pub fn object(self, command: &Command, args: Args) -> Vec<u8> {
        match self {
            Denied::Command => shown(command).spec.name.as_bytes().to_vec(),
            Denied::Key(index) | Denied::Channel(index) => args.at(index).to_vec(),
        }
    }
}

/// The command as clients know it.
fn shown(command: &Command) -> &'static Command {
    let table = command::table();
    let id = if command.spec.name.contains('|') { table.shown(command.id) } else { command.id };
    table.get(id)
}

/// Checks a command, of which the number of arguments is right.
pub fn check(user: &User, command: &Command, args: Args) -> Result<(), Denied> {
    if user.is_unrestricted() {
        return Ok(());
    }
    let command = shown(command);
    let mut worst = Denied::Command;
    for selector in user.selectors() {
        match check_selector(selector, command, args) {
            Ok(()) => return Ok(()),
            Err(denied) => worst = worst.max(denied),
        }
    }
    Err(worst)
}

fn check_selector(selector: &Selector, command: &Command, args: Args) -> Result<(), Denied> {
    if !selector.admits_command(command, args) {
        return Err(Denied::Command);
    }
    if !selector.has_all_keys() {
        for (index, flags) in keys_with_access(command.spec, args) {
            if !selector.admits_key(args.at(index), Access::of(flags)) {
                return Err(Denied::Key(index));
            }
        }
    }
    if !selector.has_all_channels() && command.is(Flags::PUBSUB) {
        let (range, is_pattern) = channels(command.spec, args);
        for index in range {
            let admits = match is_pattern {
                true => selector.admits_channel_pattern(args.at(index)),
                false => selector.admits_channel(args.at(index)),
            };
            if !admits {
                return Err(Denied::Channel(index));
            }
        }
    }
    Ok(())
}

/// Every key of a command with what is done to it: the keys of `CommandSpec::keys_of`, in its order.
pub fn keys_with_access(spec: &'static CommandSpec, args: Args) -> impl Iterator<Item = (usize, KeyFlags)> {
    let (keys, movable) = spec.specs_to_search(args);
    let fixed = keys.iter().filter(|key| !key.flags.has(KeyFlags::NOT_KEY)).flat_map(move |key| {
        let flags = access_flags(spec, key, args);
        key.indexes(args.len()).map(move |index| (index, flags))
    });
    let movable = movable.iter().filter_map(move |keys| Some((keys.run(args)?, keys.flags)));
    let all = spec.find_keys.map(|find| (find(args), spec.keys[0].flags));
    fixed.chain(movable.chain(all).flat_map(|(run, flags)| run.indexes().map(move |index| (index, flags))))
}

/// Where the channels stand that a command subscribes or publishes to, and whether they are patterns. Leaving one is for everybody.
fn channels(spec: &CommandSpec, args: Args) -> (std::ops::Range<usize>, bool) {
    match spec.name {
        "publish" | "spublish" => (1..args.len().min(2), false),
        "subscribe" | "ssubscribe" => (1..args.len(), false),
        "psubscribe" => (1..args.len(), true),
        _ => (0..0, false),
    }
}

/// Which option of SORT reads keys that a user may not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortDenied {
    /// `BY` with a pattern.
    By,
    /// `GET`.
    Get,
}

impl SortDenied {
    /// What the client reads.
    pub fn refusal(self) -> Refusal {
        Refusal::Text(match self {
            SortDenied::By => "ERR BY option of SORT denied due to insufficient ACL permissions.",
            SortDenied::Get => "ERR GET option of SORT denied due to insufficient ACL permissions.",
        })
    }
}

/// Checks SORT and SORT_RO for options that read other keys than those they name: these need every key. Options that the command
/// refuses come first. This is part of carrying the command out: as with Redis, neither queueing it nor ACL DRYRUN nor
/// `redis.acl_check_cmd` looks at it.
pub fn check_sort(user: &User, command: &Command, args: Args) -> Result<(), SortDenied> {
    if user.is_unrestricted() || !matches!(command.spec.name, "sort" | "sort_ro") {
        return Ok(());
    }
    let Some(denied) = option_that_reads(args, command.spec.name == "sort") else { return Ok(()) };
    let may = user
        .selectors()
        .iter()
        .any(|selector| selector.admits_any_key(Access::READ) && check_selector(selector, command, args).is_ok());
    if may { Ok(()) } else { Err(denied) }
}

/// The first option that reads keys by a pattern, if nothing before it is wrong.
fn option_that_reads(args: Args, stores: bool) -> Option<SortDenied> {
    let mut index = 2;
    while index < args.len() {
        let is = |word: &str, values: usize| args.is(index, word) && index + values < args.len();
        index += match () {
            () if is("asc", 0) || is("desc", 0) || is("alpha", 0) => 1,
            () if is("limit", 2) => {
                parse_i64(args.at(index + 1)).and(parse_i64(args.at(index + 2)))?;
                3
            }
            () if is("store", 1) && stores => 2,
            () if is("by", 1) => match args.at(index + 1).contains(&b'*') {
                true => return Some(SortDenied::By),
                false => 2,
            },
            () if is("get", 1) => return Some(SortDenied::Get),
            () => return None,
        };
    }
    None
}
