//! What a command is: its row in the command table.
//!
//! One row feeds dispatch, COMMAND, access control and the documentation. A row of a subcommand has the full name
//! `container|subcommand`; a container that does nothing by itself has a row without a handler.

mod movable;

use crate::args::Args;

pub use movable::{Form, KeyRun, MovableKeys};

/// Properties of a command, as `COMMAND INFO` names them, and two of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Flags(pub u32);

/// Bits with their names on the wire, listed in the order in which replies list them. One without a name is never shown.
macro_rules! bits {
    ($of:ident: $($(#[$doc:meta])* $name:ident = $bit:literal $(($wire:literal))?;)*) => {
        impl $of {
            $($(#[$doc])* pub const $name: $of = $of(1 << $bit);)*

            const WIRE: &[($of, &str)] = &[$($(($of::$name, $wire),)?)*];

            /// Both sets together.
            pub const fn and(self, other: $of) -> $of {
                $of(self.0 | other.0)
            }

            /// True if all of `other` are set.
            #[inline]
            pub const fn has(self, other: $of) -> bool {
                self.0 & other.0 == other.0
            }

            /// The names that clients know, in the order of replies.
            pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
                $of::WIRE.iter().filter(move |(bit, _)| self.has(*bit)).map(|(_, name)| *name)
            }
        }
    };
}

bits! { Flags:
    /// May change keys.
    WRITE = 0 ("write");
    /// Reads keys and changes none.
    READONLY = 1 ("readonly");
    /// May grow memory.
    DENYOOM = 2 ("denyoom");
    /// Administrative.
    ADMIN = 3 ("admin");
    /// Publish and subscribe.
    PUBSUB = 4 ("pubsub");
    /// Not in scripts.
    NOSCRIPT = 5 ("noscript");
    /// May wait.
    BLOCKING = 6 ("blocking");
    /// Allowed while loading.
    LOADING = 7 ("loading");
    /// Allowed on a stale replica.
    STALE = 8 ("stale");
    /// Not shown by MONITOR.
    SKIP_MONITOR = 9 ("skip_monitor");
    /// Not shown in the slow log.
    SKIP_SLOWLOG = 10 ("skip_slowlog");
    /// Goes to a node of a cluster as if ASKING had been sent before it.
    ASKING = 19 ("asking");
    /// O(1) or O(log n).
    FAST = 11 ("fast");
    /// Allowed before authentication.
    NO_AUTH = 12 ("no_auth");
    /// May replicate though it does not write.
    MAY_REPLICATE = 13;
    /// Keys may be missing: arguments decide.
    NO_MANDATORY_KEYS = 18 ("no_mandatory_keys");
    /// Not through an asynchronous loading.
    NO_ASYNC_LOADING = 16 ("no_async_loading");
    /// Not in transactions.
    NO_MULTI = 14 ("no_multi");
    /// Its keys cannot be told from the key specs alone.
    MOVABLEKEYS = 15 ("movablekeys");
    /// Allowed while a script is busy.
    ALLOW_BUSY = 17 ("allow_busy");
    /// For the server's developers: documented as such, and its subcommands are not shown.
    SYSCMD = 29;
    /// Ours: small and bounded, so that another core may carry it out as a visit (`cores.md` §3).
    VISITABLE = 30;
    /// Ours: needs every slot of every core, on one core (`cores.md` §7).
    ALL_SLOTS = 31;
}

/// Categories of access control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Categories(pub u32);

bits! { Categories:
    /// `@keyspace`
    KEYSPACE = 0 ("keyspace");
    /// `@read`
    READ = 1 ("read");
    /// `@write`
    WRITE = 2 ("write");
    /// `@set`
    SET = 3 ("set");
    /// `@sortedset`
    SORTEDSET = 4 ("sortedset");
    /// `@list`
    LIST = 5 ("list");
    /// `@hash`
    HASH = 6 ("hash");
    /// `@string`
    STRING = 7 ("string");
    /// `@bitmap`
    BITMAP = 8 ("bitmap");
    /// `@hyperloglog`
    HYPERLOGLOG = 9 ("hyperloglog");
    /// `@geo`
    GEO = 10 ("geo");
    /// `@stream`
    STREAM = 11 ("stream");
    /// `@pubsub`
    PUBSUB = 12 ("pubsub");
    /// `@admin`
    ADMIN = 13 ("admin");
    /// `@fast`
    FAST = 14 ("fast");
    /// `@slow`
    SLOW = 15 ("slow");
    /// `@blocking`
    BLOCKING = 16 ("blocking");
    /// `@dangerous`
    DANGEROUS = 17 ("dangerous");
    /// `@connection`
    CONNECTION = 18 ("connection");
    /// `@transaction`
    TRANSACTION = 19 ("transaction");
    /// `@scripting`
    SCRIPTING = 20 ("scripting");
}

impl KeyFlags {
    /// These flags but for `other`.
    pub const fn without(self, other: KeyFlags) -> KeyFlags {
        KeyFlags(self.0 & !other.0)
    }
}

impl Categories {
    /// Every category, each alone, in the order of replies.
    pub fn all() -> impl Iterator<Item = Categories> {
        Categories::WIRE.iter().map(|(category, _)| *category)
    }

    /// The category of this name (without `@`), whatever the case of its letters.
    pub fn named(name: &[u8]) -> Option<Categories> {
        let found = Categories::WIRE.iter().find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(name));
        found.map(|(category, _)| *category)
    }
}

/// What a command does to the keys of one key spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct KeyFlags(pub u16);

bits! { KeyFlags:
    /// Reads value and metadata only.
    RO = 0 ("RO");
    /// Reads and changes.
    RW = 1 ("RW");
    /// Overwrites without reading.
    OW = 2 ("OW");
    /// Deletes.
    RM = 3 ("RM");
    /// Returns or copies user data of the value.
    ACCESS = 4 ("access");
    /// Changes data.
    UPDATE = 5 ("update");
    /// Adds data only.
    INSERT = 6 ("insert");
    /// Deletes data or the key.
    DELETE = 7 ("delete");
    /// Not a key.
    NOT_KEY = 8 ("not_key");
    /// The spec may miss keys.
    INCOMPLETE = 9 ("incomplete");
    /// Arguments change what is done to the keys.
    VARIABLE_FLAGS = 10 ("variable_flags");
}

/// Where keys with a fixed place stand among a command's arguments: from argument `first`, every `step`th, up to `last`.
///
/// `last` counts from `first` if it is not negative, and from the end (`-1` is the last argument) if it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// What happens to these keys.
    pub flags: KeyFlags,
    /// Index of the first key.
    pub first: u8,
    /// The last key.
    pub last: i8,
    /// Distance between keys.
    pub step: u8,
}

impl KeySpec {
    /// Indexes of its keys among `count` arguments.
    pub fn indexes(&self, count: usize) -> impl Iterator<Item = usize> + use<> {
        let first = self.first as usize;
        let end = match self.last {
            from_first if from_first >= 0 => (first + from_first as usize + 1).min(count),
            from_end => (count + 1).saturating_sub(from_end.unsigned_abs() as usize),
        };
        (first..end).step_by(self.step.max(1) as usize)
    }
}

/// The row of a command.
#[derive(Clone, Copy, Debug)]
pub struct CommandSpec {
    /// Full name in lower case; `container|subcommand` for a subcommand.
    pub name: &'static str,
    /// Number of arguments, name (of container and subcommand) included; negative: at least that many.
    pub arity: i16,
    /// Properties.
    pub flags: Flags,
    /// Categories of access control beside those that follow from the flags.
    pub categories: Categories,
    /// Where its keys stand that have a fixed place.
    pub keys: &'static [KeySpec],
    /// Its other keys. A command that has any has the flag `MOVABLEKEYS`.
    pub movable_keys: &'static [MovableKeys],
    /// Finds all its keys, for a command whose key specs say only where they may be. They have the flags of the first spec.
    pub find_keys: Option<fn(Args) -> KeyRun>,
    /// The Redis version that brought it.
    pub since: &'static str,
    /// Group of the documentation: `string`, `generic`, `connection`, `server`, …
    pub group: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Cost.
    pub complexity: &'static str,
    /// Arguments in the notation of `COMMAND DOCS`' generator: see `shard`'s `commands::docs`.
    pub syntax: &'static str,
    /// Hints to clients, as `COMMAND INFO` lists them.
    pub tips: &'static [&'static str],
    /// A note on its first key spec, empty if there is none.
    pub key_note: &'static str,
    /// How its interface grew: versions and what they brought, in ascending order.
    pub history: &'static [(&'static str, &'static str)],
    /// Since when there is something better, if there is.
    pub deprecated: Option<Deprecation>,
}

/// A command that stays for old clients only.
#[derive(Clone, Copy, Debug)]
pub struct Deprecation {
    /// The Redis version from which it counts as deprecated.
    pub since: &'static str,
    /// What does its work, as `COMMAND DOCS` says it.
    pub replaced_by: &'static str,
}

impl CommandSpec {
    /// A row to start from with `..`: no flag, no key, no text.
    pub const NONE: CommandSpec = CommandSpec {
        name: "",
        arity: 0,
        flags: Flags(0),
        categories: Categories(0),
        keys: &[],
        movable_keys: &[],
        find_keys: None,
        since: "1.0.0",
        group: "",
        summary: "",
        complexity: "O(1)",
        syntax: "",
        tips: &[],
        key_note: "",
        history: &[],
        deprecated: None,
    };

    /// True if `count` arguments, names included, are a legal number.
    #[inline]
    pub fn accepts(&self, count: usize) -> bool {
        accepts(self.arity, count)
    }

    /// All its categories: those of the row and those that follow from its flags.
    pub fn all_categories(&self) -> Categories {
        const IMPLIED: [(Flags, Categories); 6] = [
            (Flags::WRITE, Categories::WRITE),
            (Flags::READONLY, Categories::READ),
            (Flags::ADMIN, Categories::ADMIN.and(Categories::DANGEROUS)),
            (Flags::PUBSUB, Categories::PUBSUB),
            (Flags::BLOCKING, Categories::BLOCKING),
            (Flags::FAST, Categories::FAST),
        ];
        // A script reads what it is told to, so its command is of no category for that, as its kin that write are not.
        let categories = self.categories;
        let implies = |flag: Flags| flag != Flags::READONLY || !categories.has(Categories::SCRIPTING);
        let slow = if self.flags.has(Flags::FAST) { Categories(0) } else { Categories::SLOW };
        let implied = IMPLIED.iter().filter(|(flag, _)| self.flags.has(*flag) && implies(*flag));
        implied.fold(self.categories.and(slow), |all, (_, categories)| all.and(*categories))
    }

    /// First key, last key and step in the form that describes all keys at once, but for movable ones; zeros without keys. The
    /// last key counts from the end if it is negative. `None` if the key specs do not make one run.
    pub fn key_range(&self) -> Option<(i32, i32, i32)> {
        let absolute = |spec: &KeySpec| match spec.last {
            from_end if from_end < 0 => from_end as i32,
            from_first => spec.first as i32 + from_first as i32,
        };
        let [first, rest @ ..] = self.keys else { return Some((0, 0, 0)) };
        let run = (first.first as i32, absolute(first), first.step as i32);
        rest.iter().try_fold(run, |(start, last, step), spec| {
            let follows = last + 1 == spec.first as i32 && step == 1 && spec.step == 1;
            follows.then_some((start, absolute(spec), step))
        })
    }

    /// True if any argument may be a key.
    pub fn has_keys(&self) -> bool {
        !self.movable_keys.is_empty() || self.keys.iter().any(|spec| !spec.flags.has(KeyFlags::NOT_KEY))
    }

    /// The index of its key, for a command that always has exactly one.
    #[inline]
    pub fn only_key(&self) -> Option<usize> {
        match self.keys {
            [spec] if spec.last == 0 && !spec.flags.has(KeyFlags::NOT_KEY) && self.movable_keys.is_empty() => {
                Some(spec.first as usize)
            }
            _ => None,
        }
    }

    /// The keys among `args`: those with a fixed place, then the movable ones. Whoever routes by them may count on all that the
    /// command will touch, but for arguments that it refuses.
    pub fn keys_of<'a>(&self, args: Args<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.placed_by(args, |spec| !spec.flags.has(KeyFlags::NOT_KEY))
    }

    /// What of `args` says which node of a cluster serves the command: its keys, and shard channels, which have slots as keys have.
    /// Where the command will not be able to read its arguments, no node is better than another: each refuses them.
    pub fn routed_by<'a>(&self, args: Args<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let is_readable =
            self.movable_keys.iter().all(|keys| keys.is_readable.is_none_or(|is_readable| is_readable(args)));
        is_readable.then(|| self.placed_by(args, |_| true)).into_iter().flatten()
    }

    /// True if any argument may say which node of a cluster serves the command.
    pub fn is_routed(&self) -> bool {
        !self.movable_keys.is_empty() || !self.keys.is_empty()
    }

    /// What stands in the places of these key specs, then the movable keys.
    fn placed_by<'a>(&self, args: Args<'a>, wanted: fn(&KeySpec) -> bool) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (keys, movable) = self.specs_to_search(args);
        let all = self.find_keys.map(|find| find(args)).into_iter().flat_map(KeyRun::indexes);
        let fixed = keys.iter().filter(move |spec| wanted(spec));
        let fixed = fixed.flat_map(move |spec| spec.indexes(args.len()));
        let movable = movable.iter().filter_map(move |keys| keys.run(args)).flat_map(KeyRun::indexes);
        fixed.chain(movable).chain(all).map(move |index| args.at(index))
    }

    /// The key specs, fixed and movable, by which its keys among `args` are found: none if `find_keys` does that, or if one of its specs
    /// cannot find any, for then the command refuses its arguments.
    pub fn specs_to_search(&self, args: Args) -> (&'static [KeySpec], &'static [MovableKeys]) {
        let has_none = self.find_keys.is_some() || self.movable_keys.iter().any(|keys| keys.are_missing(args));
        if has_none { (&[], &[]) } else { (self.keys, self.movable_keys) }
    }
}

/// True if an arity allows `count` arguments, names included.
#[inline]
pub fn accepts(arity: i16, count: usize) -> bool {
    match arity {
        exact if exact >= 0 => count == exact as usize,
        least => count >= least.unsigned_abs() as usize,
    }
}
