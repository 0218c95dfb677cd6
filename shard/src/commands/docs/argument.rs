//! What COMMAND DOCS says of one argument, and what follows from a list of them.

use keyspace::reply::Reply;
use keyspace::spec::{CommandSpec, Form, KeyFlags, KeySpec};

/// An argument of a command, as its syntax describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The word that stands before it, or that it is.
    pub(super) token: Option<&'static str>,
    /// The version that brought it, if the command is older.
    pub(super) since: Option<&'static str>,
    /// The version from which it counts as deprecated.
    pub(super) deprecated_since: Option<&'static str>,
    pub(super) optional: bool,
    pub(super) repeat: Repeat,
}

/// Whether an argument may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It may not.
    No,
    /// It may, after one token.
    Yes,
    /// It may, each time with its token.
    WithToken,
}

/// What kind of argument it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    Integer,
    Double,
    /// A key: it has a key spec.
    Key,
    Pattern,
    UnixTime,
    /// Its token alone.
    PureToken,
    /// One of these.
    OneOf(Vec<Argument>),
    /// All of these, in order.
    Block(Vec<Argument>),
}

/// Kinds that a syntax can name.
pub(super) const KINDS: [(&str, Kind); 6] = [
    ("string", Kind::String),
    ("integer", Kind::Integer),
    ("double", Kind::Double),
    ("key", Kind::Key),
    ("pattern", Kind::Pattern),
    ("unix-time", Kind::UnixTime),
];

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Kind::OneOf(_) => "oneof",
            Kind::Block(_) => "block",
            Kind::PureToken => "pure-token",
            plain => KINDS.iter().find(|(_, kind)| kind == plain).expect("all others are in the list").0,
        }
    }

    /// The arguments inside.
    pub(super) fn inner(&self) -> &[Argument] {
        match self {
            Kind::OneOf(inner) | Kind::Block(inner) => inner,
            _ => &[],
        }
    }
}

/// How many words arguments take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) least: usize,
    /// Whether it is always that many.
    pub(super) exact: bool,
}

impl Argument {
    /// The words that it takes.
    pub(super) fn words(&self) -> Words {
        let token = (self.token.is_some() && self.kind != Kind::PureToken) as usize;
        let Words { least, exact } = match &self.kind {
            Kind::Block(inner) => words(inner),
            Kind::OneOf(inner) => {
                // One has to be chosen, even if its own parts are optional.
                let choices = inner.iter().map(Argument::words);
                let least = choices.clone().map(|words| words.least).min().unwrap_or(0).max(1);
                Words { least, exact: choices.into_iter().all(|words| words.exact && words.least == least) }
            }
            _ => Words { least: 1, exact: true },
        };
        match self.optional {
            true => Words { least: 0, exact: false },
            false => Words { least: least + token, exact: exact && self.repeat == Repeat::No },
        }
    }
}

/// The words that arguments take together.
pub(super) fn words(arguments: &[Argument]) -> Words {
    arguments.iter().map(Argument::words).fold(Words { least: 0, exact: true }, |sum, words| Words {
        least: sum.least + words.least,
        exact: sum.exact && words.exact,
    })
}

/// The arguments that name keys, keys and patterns, in the order of the syntax, each with the number of its key spec: fixed ones
/// come first, then the movable ones. `at` is the index of the first argument among all words of the command, if it has one.
/// A key has no spec if none covers its place; a pattern has one only if it names keys to read.
pub(super) fn key_specs<'a>(
    arguments: &'a [Argument],
    spec: &CommandSpec,
    at: Option<usize>,
) -> Vec<(&'a Argument, Option<usize>)> {
    let mut found = Vec::new();
    find_key_specs(arguments, spec, at, None, &mut found);
    found
}

/// `key_specs` of what stands behind the token `behind`.
fn find_key_specs<'a>(
    arguments: &'a [Argument],
    spec: &CommandSpec,
    at: Option<usize>,
    behind: Option<&str>,
    found: &mut Vec<(&'a Argument, Option<usize>)>,
) {
    // What follows an argument of variable length has no place of its own.
    let mut place = at;
    for argument in arguments {
        let token = (argument.token.is_some() && argument.kind != Kind::PureToken) as usize;
        let inside = place.map(|place| place + token);
        let behind = argument.token.or(behind);
        match &argument.kind {
            Kind::Key => found.push((argument, key_spec(spec, inside, behind))),
            Kind::Pattern => found.push((argument, unknown_keys(spec, KeyFlags::RO))),
            Kind::Block(inner) => find_key_specs(inner, spec, inside, behind, found),
            Kind::OneOf(inner) => {
                for choice in inner {
                    find_key_specs(std::slice::from_ref(choice), spec, inside, behind, found);
                }
            }
            _ => {}
        }
        let words = argument.words();
        place = place.filter(|_| words.exact).map(|place| place + words.least);
    }
}

/// The number of the spec of a key at a place, if it has one, and behind a token, if there is one.
fn key_spec(spec: &CommandSpec, place: Option<usize>, behind: Option<&str>) -> Option<usize> {
    let fixed = place.and_then(|index| spec.keys.iter().position(|keys| covers(keys, index)));
    let movable = spec.movable_keys.iter().position(|keys| match keys.form {
        Form::Counted { at } => place.is_some_and(|index| index > at as usize),
        Form::Behind { word, .. } | Form::HalfBehind { word, .. } | Form::AllBehind { word } => behind == Some(word),
        Form::Unknown => false,
    });
    fixed.or(movable.map(|index| spec.keys.len() + index)).or_else(|| unknown_keys(spec, KeyFlags::OW))
}

/// The number of the spec whose keys nothing is told about, but what is done to them.
fn unknown_keys(spec: &CommandSpec, done: KeyFlags) -> Option<usize> {
    let found = spec.movable_keys.iter().position(|keys| keys.form == Form::Unknown && keys.flags.has(done));
    found.map(|index| spec.keys.len() + index)
}

/// True if a key spec speaks of the word at this index.
fn covers(spec: &KeySpec, index: usize) -> bool {
    let first = spec.first as usize;
    let before_last = spec.last < 0 || index <= first + spec.last as usize;
    index >= first && before_last && (index - first).is_multiple_of(spec.step.max(1) as usize)
}

/// Writes `arguments` as the value of `arguments` in COMMAND DOCS. `keys` gives the specs of keys and patterns in order.
pub(super) fn write(arguments: &[Argument], keys: &mut impl Iterator<Item = Option<usize>>, reply: &mut Reply) {
    reply.array(arguments.len());
    for argument in arguments {
        let key_spec = if matches!(argument.kind, Kind::Key | Kind::Pattern) { keys.next().flatten() } else { None };
        let texts =
            [("token", argument.token), ("since", argument.since), ("deprecated_since", argument.deprecated_since)];
        let texts = texts.iter().filter_map(|(field, text)| Some((*field, (*text)?)));
        let flags = flags(argument);
        let flags_shown = flags.clone().next().is_some();
        let inner = argument.kind.inner();
        let fields = 2 + key_spec.is_some() as usize + texts.clone().count() + flags_shown as usize;
        reply.map(fields + !inner.is_empty() as usize);
        reply.text("name");
        reply.text(&argument.name);
        reply.text("type");
        reply.text(argument.kind.name());
        if let Some(index) = key_spec {
            reply.text("key_spec_index");
            reply.int(index as i64);
        }
        for (field, text) in texts {
            reply.text(field);
            reply.text(text);
        }
        if flags_shown {
            reply.text("flags");
            super::write_flags(flags, reply);
        }
        if !inner.is_empty() {
            reply.text("arguments");
            write(inner, keys, reply);
        }
    }
}

fn flags(argument: &Argument) -> impl Iterator<Item = &'static str> + Clone {
    let rows = [
        (argument.optional, "optional"),
        (argument.repeat != Repeat::No, "multiple"),
        (argument.repeat == Repeat::WithToken, "multiple_token"),
    ];
    rows.into_iter().filter(|(set, _)| *set).map(|(_, name)| name)
}
