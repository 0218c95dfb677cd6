//! The command table: every command of the server with its handler, by name.
//!
//! Data commands bring their rows from `keyspace`, all others from `commands`. The table is built once; its rows live as long as
//! the process, so a hop carries a row's number and a statistics slot is an index.

mod index;

use std::sync::LazyLock;

use keyspace::args::{Args, spells};
use keyspace::exec::DataFn;
use keyspace::refusal::{QUOTED_BYTES_MAX, Refusal, quoted};
use keyspace::spec::{Categories, CommandSpec, Flags, accepts};
use keyspace::whole::{WholeFn, WideRow};

use crate::commands::{self, SessionFn};

use index::NameIndex;

/// The number of a command: its place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u16);

/// How a command is carried out.
#[derive(Clone, Copy)]
pub enum Run {
    /// On the core that owns its keys; on one core with the others' slots on loan if they span cores.
    Data(DataFn),
    /// On one core with everything on loan.
    Whole(WholeFn),
    /// On the client's home core, with its session.
    Session(SessionFn),
    /// Not at all: it only has subcommands.
    Container,
}

/// A row of the table.
pub struct Command {
    /// Its number.
    pub id: CommandId,
    /// What it is.
    pub spec: &'static CommandSpec,
    /// The row's arity, here so that the check touches no other memory.
    arity: i16,
    /// How it is carried out.
    pub run: Run,
    /// Whether a data command needs everything with some arguments, and what it does then. Never where `only_key` is known.
    pub wide: Option<&'static WideRow>,
    /// The index of its key, if it always has exactly one.
    pub only_key: Option<u8>,
    /// Which argument is probably looked up in the collection of that key: what to fetch ahead.
    element: Looked,
    /// Its subcommands.
    pub subcommands: Vec<CommandId>,
}

impl Command {
    /// True if the row has all of these flags.
    #[inline]
    pub fn is(&self, flags: Flags) -> bool {
        self.spec.flags.has(flags)
    }

    /// True if it probably looks up an element in the collection of its key.
    #[inline]
    pub fn looks_up_element(&self) -> bool {
        self.element != Looked::None
    }

    /// The element that it probably looks up in the collection of its key.
    #[inline]
    pub fn element<'a>(&self, args: Args<'a>) -> Option<&'a [u8]> {
        match self.element {
            Looked::None => None,
            Looked::BehindKey => args.get(2),
            Looked::Last => args.get(args.len() - 1),
        }
    }

    /// True if it may have to wait for an element with these arguments. A stream is read without waiting, but for the option that
    /// asks for it.
    #[inline]
    pub fn may_wait(&self, args: Args) -> bool {
        self.is(Flags::BLOCKING) && (self.spec.group != "stream" || args.iter().any(|arg| spells(arg, "block")))
    }

    /// What it does with everything on loan, if it needs that with these arguments.
    pub fn whole(&self, args: Args) -> Option<WholeFn> {
        match self.run {
            Run::Whole(run) => Some(run),
            _ => self.wide.filter(|wide| (wide.is_needed)(args)).map(|wide| wide.run),
        }
    }
}

/// Which argument of a command names an element, in most calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looked {
    /// None.
    None,
    /// The one behind the key: a field of a hash, a member of a set.
    BehindKey,
    /// The last one: a member of a sorted set, which may have a score before it.
    Last,
}

impl Looked {
    fn of(spec: &CommandSpec) -> Looked {
        let categories = spec.all_categories();
        match categories.has(Categories::FAST) && spec.only_key() == Some(1) {
            true if categories.has(Categories::HASH) || categories.has(Categories::SET) => Looked::BehindKey,
            true if categories.has(Categories::SORTEDSET) && spec.syntax.contains("member") => Looked::Last,
            _ => Looked::None,
        }
    }
}

/// All commands.
pub struct CommandTable {
    commands: Vec<Command>,
    index: NameIndex,
}

/// A received command that is none, or has a wrong number of arguments.
#[derive(Debug)]
pub struct Rejection {
    /// The command, if there is one of that name.
    pub command: Option<CommandId>,
    /// What the client is told.
    pub refusal: Refusal,
}

static TABLE: LazyLock<CommandTable> = LazyLock::new(CommandTable::build);

/// The table of this build.
pub fn table() -> &'static CommandTable {
    &TABLE
}

impl CommandTable {
    fn build() -> Self {
        let data = keyspace::commands::rows().map(|row| (&row.spec, Run::Data(row.run)));
        let whole = keyspace::commands::whole_rows().map(|row| (&row.spec, Run::Whole(row.run)));
        let session = commands::rows().map(|row| (&row.spec, row.run));
        let mut commands: Vec<Command> = Vec::new();
        for (spec, run) in data.chain(whole).chain(session) {
            let id = CommandId(commands.len() as u16);
            let only_key = spec.only_key().map(|index| index as u8);
            let wide = keyspace::commands::wide_rows().find(|wide| wide.name == spec.name);
            assert!(wide.is_none() || only_key.is_none(), "{} is routed by its only key", spec.name);
            commands.push(Command {
                id,
                spec,
                arity: spec.arity,
                run,
                wide,
                only_key,
                element: Looked::of(spec),
                subcommands: Vec::new(),
            });
        }
        let mut table = CommandTable { commands, index: NameIndex::new() };
        // A subcommand's row may stand before its container's.
        let ids = 0..table.commands.len() as u16;
        let (subcommands, commands): (Vec<u16>, Vec<u16>) =
            ids.partition(|&id| table.get(CommandId(id)).spec.name.contains('|'));
        commands.into_iter().chain(subcommands).for_each(|id| table.enter(CommandId(id)));
        table
    }

    fn enter(&mut self, id: CommandId) {
        let name = self.get(id).spec.name;
        assert!(self.find(name.as_bytes()).is_none(), "two rows for {name}");
        match name.split_once('|') {
            None => self.index.enter(name, id.0),
            Some((container, _)) => {
                let found = self.find_command(container.as_bytes()).map(|container| container.id.0 as usize);
                let container = found.unwrap_or_else(|| panic!("{name} has no container"));
                self.commands[container].subcommands.push(id);
            }
        }
    }

    /// All rows in table order.
    pub fn all(&self) -> &[Command] {
        &self.commands
    }

    /// The row with this number.
    #[inline]
    pub fn get(&self, id: CommandId) -> &Command {
        &self.commands[id.0 as usize]
    }

    /// The command or subcommand with this full name, whatever the case of its letters.
    pub fn find(&self, name: &[u8]) -> Option<&Command> {
        match memchr::memchr(b'|', name) {
            None => self.find_command(name),
            Some(at) => self.find_subcommand(self.find_command(&name[..at])?, &name[at + 1..]),
        }
    }

    /// The command or container with this name, whatever the case of its letters.
    #[inline]
    pub fn find_command(&self, name: &[u8]) -> Option<&Command> {
        let spelled = |number: u16| self.commands[number as usize].spec.name.as_bytes();
        let number = self.index.find(name, |number| spelled(number).eq_ignore_ascii_case(name))?;
        Some(&self.commands[number as usize])
    }

    /// The subcommand of `container` that this word names.
    pub fn find_subcommand(&self, container: &Command, word: &[u8]) -> Option<&Command> {
        container.subcommands.iter().map(|&id| self.get(id)).find(|command| {
            let (_, name) = command.spec.name.split_once('|').expect("a subcommand's name has two parts");
            name.as_bytes().eq_ignore_ascii_case(word)
        })
    }

    /// The command that a received one names by its first word, or by its first two if the first is a container.
    pub fn named_by(&self, args: Args) -> Option<&Command> {
        let command = self.find_command(args.at(0))?;
        match args.get(1) {
            Some(word) if !command.subcommands.is_empty() => self.find_subcommand(command, word),
            _ => Some(command),
        }
    }

    /// The row under whose name clients know a command: the container's, where that hides its subcommands.
    pub fn shown(&self, id: CommandId) -> CommandId {
        let name = self.get(id).spec.name;
        let container = name.split_once('|').and_then(|(container, _)| self.find_command(container.as_bytes()));
        container.filter(|container| container.is(Flags::SYSCMD)).map_or(id, |container| container.id)
    }

    /// The row for a received command, its number of arguments checked.
    #[inline]
    pub fn resolve(&'static self, args: Args) -> Result<&'static Command, Rejection> {
        let Some(command) = self.find_command(args.at(0)) else {
            return Err(unknown_command(args));
        };
        if !command.subcommands.is_empty() {
            return self.resolve_subcommand(command, args);
        }
        if !accepts(command.arity, args.len()) {
            return Err(wrong_arity(command));
        }
        Ok(command)
    }

    #[cold]
    fn resolve_subcommand(
        &'static self,
        container: &'static Command,
        args: Args,
    ) -> Result<&'static Command, Rejection> {
        let found = self.named_by(args);
        if container.is(Flags::SYSCMD) {
            // One command to its clients: a row of a subcommand says how it is carried out, no more.
            let run = found.filter(|found| accepts(found.arity, args.len())).unwrap_or(container);
            return if accepts(container.arity, args.len()) { Ok(run) } else { Err(wrong_arity(container)) };
        }
        match found {
            None => Err(unknown_subcommand(container, args.at(1))),
            // A container alone is a command if it does something by itself.
            Some(command) if matches!(command.run, Run::Container) => Err(wrong_arity(command)),
            Some(command) if !accepts(command.arity, args.len()) => Err(wrong_arity(command)),
            Some(command) => Ok(command),
        }
    }
}

#[cold]
fn wrong_arity(command: &Command) -> Rejection {
    Rejection { command: Some(command.id), refusal: Refusal::Arity(command.spec.name) }
}

#[cold]
fn unknown_subcommand(container: &Command, word: &[u8]) -> Rejection {
    let after = format!("'. Try {} HELP.", container.spec.name.to_ascii_uppercase());
    Rejection { command: None, refusal: Refusal::quoting("ERR unknown subcommand '", word, &after) }
}

#[cold]
fn unknown_command(args: Args) -> Rejection {
    let mut text = b"ERR unknown command '".to_vec();
    text.extend_from_slice(quoted(args.at(0), QUOTED_BYTES_MAX));
    text.extend_from_slice(b"', with args beginning with: ");
    let before = text.len();
    for arg in args.iter().skip(1) {
        let Some(room) = QUOTED_BYTES_MAX.checked_sub(text.len() - before).filter(|&room| room > 0) else { break };
        text.push(b'\'');
        text.extend_from_slice(quoted(arg, room));
        text.extend_from_slice(b"' ");
    }
    Rejection { command: None, refusal: Refusal::owned(text) }
}

/// The refusal of a handler that knows its subcommand by name but not with these arguments, or tells subcommands apart itself.
pub(crate) fn misused_subcommand(container: &str, word: &[u8]) -> Refusal {
    let mut text = b"ERR unknown subcommand or wrong number of arguments for '".to_vec();
    text.extend_from_slice(quoted(word, QUOTED_BYTES_MAX));
    text.extend_from_slice(format!("'. Try {container} HELP.").as_bytes());
    Refusal::owned(text)
}

#[cfg(test)]
mod tests;
