//! The notation of a command's arguments, as rows of the command table have it, and its parser.
//!
//! It is the notation that people know from Redis's documentation, with marks for what that leaves out:
//!
//! | written | meaning |
//! |---|---|
//! | `message` | an argument of that name: it has small letters |
//! | `index:integer` | with its kind; without one, [`KIND_BY_NAME`] decides, and a string is the rest |
//! | `KEEPTTL` | a token: a word that stands for itself, without small letters |
//! | `EX seconds` | a token and the argument, block or choice that follows it |
//! | `[...]` | optional: one argument, several (a block), or a choice |
//! | `<a \| b>` | a choice |
//! | `{a b}` | a block: its arguments always come together |
//! | `key [key ...]` | the argument before may be repeated; of several names it is those arguments, as a block |
//! | `TOKEN a [TOKEN a ...]` | it may be repeated, each time with its token |
//! | `name=X` | what comes is called `name`: a token, a choice, a block |
//! | `name=""` | an argument of that name that is empty |
//! | `X@6.2.0`, `X!2.8.12` | it came with that version; it is deprecated from that version |
//!
//! Without a name a token is called as it is, in small letters, and a block or a choice by the names in it, joined by `_`.
//! It does not say where keys are: that is the key specs' part.

use super::argument::{Argument, KINDS, Kind, Repeat};

/// Kinds of the arguments whose name says it.
const KIND_BY_NAME: [(&str, Kind); 11] = [
    ("key", Kind::Key),
    ("key1", Kind::Key),
    ("key2", Kind::Key),
    ("newkey", Kind::Key),
    ("pattern", Kind::Pattern),
    ("seconds", Kind::Integer),
    ("milliseconds", Kind::Integer),
    ("unix-time-seconds", Kind::UnixTime),
    ("unix-time-milliseconds", Kind::UnixTime),
    ("count", Kind::Integer),
    ("timeout", Kind::Integer),
];

/// The token that has no letters.
const EMPTY: &str = "\"\"";

/// Why a syntax is not one: what is wrong, and the rest of it from there.
pub(super) type Broken = (&'static str, String);

/// Parses a row's syntax.
pub(super) fn parse(syntax: &'static str) -> Result<Vec<Argument>, Broken> {
    let mut parser = Parser { rest: syntax };
    let alternatives = parser.alternatives("")?;
    match <[_; 1]>::try_from(alternatives) {
        Ok([arguments]) => Ok(arguments),
        Err(_) => Err(("a choice without brackets", syntax.into())),
    }
}

struct Parser {
    rest: &'static str,
}

impl Parser {
    /// The next word or bracket. Empty at the end.
    fn next(&mut self) -> &'static str {
        let lexeme = self.peek();
        self.rest = &self.rest.trim_start()[lexeme.len()..];
        lexeme
    }

    fn peek(&self) -> &'static str {
        let rest = self.rest.trim_start();
        let is_mark = |c: char| "[]<>{}|".contains(c);
        match rest.find(|c: char| c.is_whitespace() || is_mark(c)) {
            Some(0) => &rest[..1],
            Some(end) => &rest[..end],
            None => rest,
        }
    }

    fn broken<T>(&self, what: &'static str) -> Result<T, Broken> {
        Err((what, self.rest.into()))
    }

    /// Lists of arguments with `|` between them, up to `close`, which is taken.
    fn alternatives(&mut self, close: &str) -> Result<Vec<Vec<Argument>>, Broken> {
        let mut alternatives = vec![Vec::new()];
        loop {
            let list = alternatives.last_mut().expect("there is always one");
            match self.peek() {
                lexeme if lexeme == close => {
                    self.next();
                    let empty = !close.is_empty() && alternatives.iter().any(Vec::is_empty);
                    return if empty { self.broken("nothing in brackets") } else { Ok(alternatives) };
                }
                "" => return self.broken("an open bracket"),
                "|" => {
                    self.next();
                    alternatives.push(Vec::new());
                }
                "[" if self.repeated().is_some() => self.repeat(list)?,
                _ => list.push(self.argument()?),
            }
        }
    }

    /// The words of a repetition, if it is one that comes: brackets with only words in them, the last one `...`.
    fn repeated(&self) -> Option<Vec<&'static str>> {
        let inside = self.rest.trim_start().strip_prefix('[')?;
        let inside = &inside[..inside.find(']')?];
        let mut words: Vec<&str> = inside.split_whitespace().collect();
        (words.pop()? == "..." && !inside.contains(['[', '<', '{', '|'])).then_some(words)
    }

    /// Takes a repetition: marks what is repeated at the end of `list`.
    fn repeat(&mut self, list: &mut Vec<Argument>) -> Result<(), Broken> {
        let mut words = self.repeated().expect("the caller looked");
        let (mut count, mut repeat) = (0, Repeat::Yes);
        while let Some(word) = words.pop() {
            count += 1;
            let Some(argument) = list.len().checked_sub(count).map(|at| &list[at]) else {
                return self.broken("a repetition of what is not there");
            };
            let called = if argument.kind == Kind::PureToken { argument.token } else { Some(&*argument.name) };
            if called != Some(word) {
                return self.broken("a repetition of something else");
            }
            if argument.kind != Kind::PureToken && argument.token.is_some() && words.last().copied() == argument.token {
                words.pop();
                repeat = Repeat::WithToken;
            }
        }
        self.rest = &self.rest[self.rest.find(']').expect("a repetition has an end") + 1..];
        let mut repeated = match count {
            0 => return self.broken("a repetition of nothing"),
            1 => list.pop().expect("it was just compared"),
            _ => grouped(Kind::Block(list.split_off(list.len() - count)), None),
        };
        repeated.repeat = repeat;
        list.push(repeated);
        Ok(())
    }

    /// One argument with its name, token and versions.
    fn argument(&mut self) -> Result<Argument, Broken> {
        let first = self.next();
        let (label, lexeme) = match first.split_once('=').filter(|(label, _)| !label.is_empty()) {
            Some((label, "")) => (Some(label), self.next()),
            Some((label, word)) => (Some(label), word),
            None => (None, first),
        };
        match lexeme {
            "[" => {
                let mut argument = self.group("]", label)?;
                argument.optional = true;
                self.versions_after(argument)
            }
            "<" => {
                let argument = self.group(">", label)?;
                self.versions_after(argument)
            }
            "{" => {
                let argument = self.block(label)?;
                self.versions_after(argument)
            }
            "]" | ">" | "}" | "|" | "" | "..." => self.broken("a mark out of place"),
            word if is_token(word) => self.token(word, label),
            word => Ok(plain(word, label)),
        }
    }

    /// What brackets hold: a choice, a block, or the one argument in them.
    fn group(&mut self, close: &str, label: Option<&str>) -> Result<Argument, Broken> {
        let mut alternatives = self.alternatives(close)?;
        if alternatives.len() > 1 {
            let choices = alternatives.into_iter().map(|list| one(list, None)).collect();
            return Ok(grouped(Kind::OneOf(choices), label));
        }
        if close == ">" {
            return self.broken("a choice of one");
        }
        Ok(one(alternatives.pop().expect("there is always one"), label))
    }

    fn block(&mut self, label: Option<&str>) -> Result<Argument, Broken> {
        match <[_; 1]>::try_from(self.alternatives("}")?) {
            Ok([list]) => Ok(grouped(Kind::Block(list), label)),
            Err(_) => self.broken("a choice in a block's brackets"),
        }
    }

    /// A token, with the argument that follows it if it has a value.
    fn token(&mut self, word: &'static str, label: Option<&str>) -> Result<Argument, Broken> {
        let (token, since, deprecated_since) = versions(word);
        let next = self.peek();
        let has_value = match next {
            "<" | "{" => true,
            "[" | "]" | ">" | "}" | "|" | "" => false,
            word => !is_token(word),
        };
        if has_value && label.is_none() && since.is_none() {
            let mut argument = self.argument()?;
            argument.token = Some(token);
            return Ok(argument);
        }
        let name = label.map_or_else(|| token.to_ascii_lowercase(), str::to_string);
        let token = if token == EMPTY { "" } else { token };
        Ok(Argument { token: Some(token), since, deprecated_since, ..named(name, Kind::PureToken) })
    }

    /// Takes the versions that stand right behind a closing bracket.
    fn versions_after(&mut self, mut argument: Argument) -> Result<Argument, Broken> {
        if self.rest.starts_with(['@', '!']) {
            let (nothing, since, deprecated_since) = versions(self.next());
            if !nothing.is_empty() {
                return self.broken("a version out of place");
            }
            argument.since = since.or(argument.since);
            argument.deprecated_since = deprecated_since.or(argument.deprecated_since);
        }
        Ok(argument)
    }
}

fn is_token(word: &'static str) -> bool {
    let (word, ..) = versions(word);
    let word = word.split_once('=').filter(|(label, _)| !label.is_empty()).map_or(word, |(_, word)| word);
    !word.is_empty() && !word.contains(|c: char| c.is_ascii_lowercase())
}

/// A word without its versions, the version that brought it, and that which deprecated it.
fn versions(word: &'static str) -> (&'static str, Option<&'static str>, Option<&'static str>) {
    let (word, deprecated) = word.split_once('!').map_or((word, None), |(word, version)| (word, Some(version)));
    let (word, since) = word.split_once('@').map_or((word, None), |(word, version)| (word, Some(version)));
    (word, since, deprecated)
}

/// An argument of one word.
fn plain(word: &'static str, label: Option<&str>) -> Argument {
    let (word, since, deprecated_since) = versions(word);
    let typed = word.rsplit_once(':').and_then(|(name, kind)| Some((name, kind_named(kind, &KINDS)?)));
    let (name, kind) = typed.unwrap_or_else(|| (word, kind_named(word, &KIND_BY_NAME).unwrap_or(Kind::String)));
    Argument { since, deprecated_since, ..named(label.unwrap_or(name).into(), kind) }
}

fn kind_named(name: &str, kinds: &[(&str, Kind)]) -> Option<Kind> {
    kinds.iter().find(|(known, _)| *known == name).map(|(_, kind)| kind.clone())
}

/// The one argument of a list, or the list as a block.
fn one(mut list: Vec<Argument>, label: Option<&str>) -> Argument {
    match list.len() {
        1 => {
            let argument = list.pop().expect("there is one");
            let name = label.map_or(argument.name, str::to_string);
            Argument { name, ..argument }
        }
        _ => grouped(Kind::Block(list), label),
    }
}

/// A block or a choice, called by the names in it if it has no other.
fn grouped(kind: Kind, label: Option<&str>) -> Argument {
    let names: Vec<&str> = kind.inner().iter().map(|argument| &*argument.name).collect();
    let name = label.map_or_else(|| names.join("_"), str::to_string);
    named(name, kind)
}

fn named(name: String, kind: Kind) -> Argument {
    Argument { name, kind, token: None, since: None, deprecated_since: None, optional: false, repeat: Repeat::No }
}
