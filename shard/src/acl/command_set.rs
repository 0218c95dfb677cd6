//! The commands that a selector allows: a bit for each, and first arguments with which a command is allowed that otherwise is not.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use keyspace::args::Args;
use keyspace::spec::{Categories, Flags};

use crate::command::{self, Command, CommandId, CommandTable};

/// What a rule does with what it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// `+`: it is allowed.
    Plus,
    /// `-`: it is not.
    Minus,
}

impl Sign {
    /// The other one.
    pub fn inverse(self) -> Sign {
        match self {
            Sign::Plus => Sign::Minus,
            Sign::Minus => Sign::Plus,
        }
    }

    /// As rules have it.
    pub fn letter(self) -> char {
        match self {
            Sign::Plus => '+',
            Sign::Minus => '-',
        }
    }

    /// Sets bits of a word, or clears them.
    fn apply(self, word: &mut u64, bits: u64) {
        *word = if self == Sign::Plus { *word | bits } else { *word & !bits };
    }
}

/// A set of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandSet {
    bits: Bits,
    /// Whether it began with all commands: those of versions to come are then in it too.
    from_all: bool,
    first_args: BTreeMap<CommandId, Vec<Box<[u8]>>>,
}

impl CommandSet {
    /// No command.
    pub fn none() -> Self {
        let words = command::table().all().len().div_ceil(64);
        CommandSet { bits: vec![0; words].into(), from_all: false, first_args: BTreeMap::new() }
    }

    /// Makes it all commands, or none.
    pub fn set_all(&mut self, sign: Sign) {
        self.bits.fill(if sign == Sign::Plus { u64::MAX } else { 0 });
        self.from_all = sign == Sign::Plus;
        self.first_args.clear();
    }

    /// Whether it began with all commands.
    pub fn is_from_all(&self) -> bool {
        self.from_all
    }

    /// True if every command is in it.
    pub fn is_all(&self) -> bool {
        self.from_all && command::table().all().iter().all(|command| self.has(command.id))
    }

    /// True if the command is in it, whatever its arguments.
    #[inline]
    pub fn has(&self, id: CommandId) -> bool {
        is_set(&self.bits, id)
    }

    /// Puts a command with its subcommands in, or takes it out. Rules about its first arguments are forgotten.
    pub fn set(&mut self, id: CommandId, sign: Sign) {
        sign.apply(&mut self.bits[usize::from(id.0) / 64], 1 << (id.0 % 64));
        self.first_args.remove(&id);
        for subcommand in &command::table().get(id).subcommands {
            self.set(*subcommand, sign);
        }
    }

    /// Likewise for all commands of a category. One that is a container takes its subcommands along.
    pub fn set_category(&mut self, category: Categories, sign: Sign) {
        let Some(members) = MEMBERS.iter().find(|members| members.category == category) else { return };
        self.bits.iter_mut().zip(&members.with_subcommands).for_each(|(word, mask)| sign.apply(word, *mask));
        self.first_args.retain(|id, _| !is_set(&members.with_subcommands, *id));
    }

    /// Allows a command with this first argument. One that is allowed with any stays so.
    pub fn add_first_arg(&mut self, id: CommandId, arg: &[u8]) {
        if self.has(id) {
            return;
        }
        let args = self.first_args.entry(id).or_default();
        if !args.iter().any(|known| known.eq_ignore_ascii_case(arg)) {
            args.push(arg.into());
        }
    }

    /// The first arguments with which a command is allowed beside what `has` says.
    pub fn first_args(&self, id: CommandId) -> &[Box<[u8]>] {
        self.first_args.get(&id).map_or(&[], Vec::as_slice)
    }

    /// True if it allows a command with these arguments. Commands for clients that are nobody yet are for everybody.
    #[inline]
    pub fn admits(&self, command: &Command, args: Args) -> bool {
        if self.has(command.id) || command.is(Flags::NO_AUTH) {
            return true;
        }
        let place = if command.spec.name.contains('|') { 2 } else { 1 };
        let given = args.get(place);
        given.is_some_and(|given| self.first_args(command.id).iter().any(|arg| arg.eq_ignore_ascii_case(given)))
    }
}

/// A bit for every command.
type Bits = Box<[u64]>;

#[inline]
fn is_set(bits: &[u64], id: CommandId) -> bool {
    bits[usize::from(id.0) / 64] >> (id.0 % 64) & 1 == 1
}

/// The commands of a category.
pub(super) struct Members {
    /// The category, alone.
    pub(super) category: Categories,
    /// Those that rules can name.
    own: Bits,
    /// The same with all their subcommands, which go where their containers go.
    with_subcommands: Bits,
}

/// Every category, in the order of replies.
pub(super) static MEMBERS: LazyLock<Vec<Members>> = LazyLock::new(|| {
    let table = command::table();
    let members = Categories::all().map(|category| {
        let (mut own, mut with_subcommands) = (CommandSet::none(), CommandSet::none());
        for command in listed(table).filter(|command| command.spec.all_categories().has(category)) {
            own.bits[usize::from(command.id.0) / 64] |= 1 << (command.id.0 % 64);
            with_subcommands.set(command.id, Sign::Plus);
        }
        Members { category, own: own.bits, with_subcommands: with_subcommands.bits }
    });
    members.collect()
});

impl Members {
    /// How many of them are in a set, and how many are not.
    pub(super) fn count(&self, set: &CommandSet) -> (usize, usize) {
        let count = |bits: &mut dyn Iterator<Item = u64>| bits.map(|word| word.count_ones() as usize).sum();
        let inside: usize = count(&mut self.own.iter().zip(&set.bits).map(|(own, set)| own & set));
        let all: usize = count(&mut self.own.iter().copied());
        (inside, all - inside)
    }
}

/// The commands and subcommands that rules can name, each container before its subcommands.
pub fn listed(table: &CommandTable) -> impl Iterator<Item = &Command> {
    let commands = table.all().iter().filter(|command| !command.spec.name.contains('|'));
    commands.flat_map(move |command| {
        let hidden = command.is(Flags::SYSCMD);
        let subcommands = command.subcommands.iter().filter(move |_| !hidden).map(move |id| table.get(*id));
        std::iter::once(command).chain(subcommands)
    })
}
