//! The options of CLIENT TRACKING, and which of them go together. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use keyspace::args::Args;
use keyspace::number::parse_i64;
use keyspace::refusal::Refusal;

use super::session::{Mode, Tracking};

/// Prefixes of one client.
const PREFIXES_MAX: usize = 4096;

/// What CLIENT TRACKING asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Track at all.
    pub on: bool,
    /// The number of the client that is told instead.
    pub redirect: Option<i64>,
    /// `BCAST`
    pub broadcast: bool,
    /// `OPTIN`
    pub optin: bool,
    /// `OPTOUT`
    pub optout: bool,
    /// `NOLOOP`
    pub noloop: bool,
    /// `PREFIX`, in order.
    pub prefixes: Vec<Arc<[u8]>>,
}

impl Options {
    /// Reads them.
    pub fn parse(args: Args) -> Result<Options, Refusal> {
        let mut options = Options::default();
        let mut index = 3;
        while index < args.len() {
            let value = args.get(index + 1);
            match value {
                Some(value) if args.is(index, "redirect") => {
                    if options.redirect.is_some() {
                        return Err(Refusal::Text("ERR A client can only redirect to a single other client"));
                    }
                    options.redirect = Some(parse_i64(value).ok_or(Refusal::NotInteger)?);
                    index += 1;
                }
                Some(value) if args.is(index, "prefix") => {
                    options.prefixes.push(value.into());
                    index += 1;
                }
                _ if args.is(index, "bcast") => options.broadcast = true,
                _ if args.is(index, "optin") => options.optin = true,
                _ if args.is(index, "optout") => options.optout = true,
                _ if args.is(index, "noloop") => options.noloop = true,
                _ => return Err(Refusal::Syntax),
            }
            index += 1;
        }
        options.on = match () {
            _ if args.is(2, "on") => true,
            _ if args.is(2, "off") => false,
            _ => return Err(Refusal::Syntax),
        };
        Ok(options)
    }

    /// The mode that they ask for.
    pub fn mode(&self) -> Mode {
        match () {
            _ if self.broadcast => Mode::Broadcast,
            _ if self.optin => Mode::OptIn,
            _ if self.optout => Mode::OptOut,
            _ => Mode::Default,
        }
    }

    /// Whether they go together, and with how the client tracks already.
    pub fn check(&self, tracking: Option<&Tracking>) -> Result<(), Refusal> {
        let mode = tracking.map(|tracking| tracking.mode);
        if !self.broadcast && !self.prefixes.is_empty() {
            return Err(Refusal::Text("ERR PREFIX option requires BCAST mode to be enabled"));
        }
        if mode.is_some_and(|mode| (mode == Mode::Broadcast) != self.broadcast) {
            return Err(Refusal::Text(
                "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it \
                 with a different mode.",
            ));
        }
        if self.broadcast && (self.optin || self.optout) {
            return Err(Refusal::Text("ERR OPTIN and OPTOUT are not compatible with BCAST"));
        }
        if self.optin && self.optout {
            return Err(Refusal::Text("ERR You can't specify both OPTIN mode and OPTOUT mode"));
        }
        if (self.optin && mode == Some(Mode::OptOut)) || (self.optout && mode == Some(Mode::OptIn)) {
            return Err(Refusal::Text(
                "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it \
                 with a different mode.",
            ));
        }
        let none = BTreeSet::new();
        self.check_prefixes(tracking.map_or(&none, |tracking| tracking.prefixes()))
    }

    /// No prefix of a client may begin another: it would be told twice. Each is held against those that the client has, then against
    /// those given after it.
    fn check_prefixes(&self, known: &BTreeSet<Arc<[u8]>>) -> Result<(), Refusal> {
        if known.len().saturating_add(self.prefixes.len()) > PREFIXES_MAX {
            return Err(Refusal::owned(format!("ERR A client can have at most {PREFIXES_MAX} prefixes")));
        }
        let first = self.first_overlap();
        for (index, prefix) in self.prefixes.iter().enumerate() {
            if let Some(other) = known_overlap(known, prefix) {
                return Err(overlapping(prefix, "an existing", other));
            }
            if first == Some(index) {
                let other = self.prefixes[index + 1..].iter().find(|other| overlap(prefix, other));
                return Err(overlapping(prefix, "another provided", other.expect("one given later overlaps")));
            }
        }
        Ok(())
    }

    /// The first of the given prefixes that overlaps with one given after it. O(n log n): a client may give thousands.
    fn first_overlap(&self) -> Option<usize> {
        let mut sorted: Vec<(&[u8], usize)> = Vec::with_capacity(self.prefixes.len());
        sorted.extend(self.prefixes.iter().enumerate().map(|(index, prefix)| (&**prefix, index)));
        sorted.sort_unstable();
        // Those that begin the next one, each with the least index among it and those before it.
        let mut outer: Vec<(&[u8], usize)> = Vec::new();
        let mut first = None;
        for (prefix, index) in sorted {
            while outer.pop_if(|(begin, _)| !prefix.starts_with(begin)).is_some() {}
            let least = outer.last().map_or(index, |(_, least)| index.min(*least));
            if !outer.is_empty() {
                first = Some(first.map_or(least, |first: usize| first.min(least)));
            }
            outer.push((prefix, least));
        }
        first
    }
}

/// Whether one of two prefixes begins the other.
fn overlap(a: &[u8], b: &[u8]) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

/// The first of a client's prefixes, in order, that overlaps with this one. None of them but the empty one begins another, so it is a
/// neighbour.
fn known_overlap<'a>(known: &'a BTreeSet<Arc<[u8]>>, prefix: &Arc<[u8]>) -> Option<&'a Arc<[u8]>> {
    let neighbours = [known.first(), known.range(..=prefix.clone()).next_back(), known.range(prefix.clone()..).next()];
    neighbours.into_iter().flatten().find(|other| overlap(prefix, other))
}

fn overlapping(prefix: &[u8], which: &str, other: &[u8]) -> Refusal {
    let text = [b"ERR Prefix '", prefix, b"' overlaps with ", which.as_bytes(), b" prefix '", other].concat();
    Refusal::owned([&text[..], b"'. Prefixes for a single client must not overlap."].concat())
}

#[cfg(test)]
mod tests {
    use super::super::Tracker;
    use super::*;
    use crate::mesh::CoreId;
    use crate::ring::ConnId;
    use keyspace::args::OwnedArgs;

    fn refusal(words: &str, mode: Option<Mode>) -> String {
        let me = Tracker { home: CoreId(0), conn: ConnId { index: 0, generation: 0 } };
        let tracking = mode.map(|mode| {
            let prefixes = if mode == Mode::Broadcast { BTreeSet::from([b"foo"[..].into()]) } else { BTreeSet::new() };
            Tracking::new(me, mode).with_prefixes(prefixes)
        });
        let args: OwnedArgs = format!("CLIENT TRACKING {words}").split(' ').collect();
        let checked = Options::parse(args.args()).and_then(|options| options.check(tracking.as_ref()));
        checked.err().map_or(String::new(), |refusal| String::from_utf8_lossy(&refusal.text()).into_owned())
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (words, mode, begins) in [
            ("ON", None, ""),
            ("on optin noloop", Some(Mode::Default), ""),
            ("ON BCAST PREFIX bar PREFIX baz", Some(Mode::Broadcast), ""),
            ("maybe", None, "ERR syntax"),
            ("ON REDIRECT", None, "ERR syntax"),
            ("ON REDIRECT x", None, "ERR value is not an integer"),
            ("ON REDIRECT 1 REDIRECT 1", None, "ERR A client can only"),
            ("ON PREFIX a", None, "ERR PREFIX option"),
            ("ON", Some(Mode::Broadcast), "ERR You can't switch BCAST"),
            ("ON BCAST OPTIN", None, "ERR OPTIN and OPTOUT"),
            ("ON OPTIN OPTOUT", None, "ERR You can't specify both"),
            ("ON OPTOUT", Some(Mode::OptIn), "ERR You can't switch OPTIN"),
            ("ON BCAST PREFIX a PREFIX ab", None, "ERR Prefix 'a' overlaps with another provided prefix 'ab'."),
            (
                "ON BCAST PREFIX foobar",
                Some(Mode::Broadcast),
                "ERR Prefix 'foobar' overlaps with an existing prefix 'foo'",
            ),
        ] {
            let text = refusal(words, mode);
            assert!(text.starts_with(begins) && text.is_empty() == begins.is_empty(), "{words}: {text}");
        }
    }
    #[test]
    fn prefixes_are_limited_and_checked_in_time() {
        let words = |count: usize| -> String { (0..count).map(|number| format!(" PREFIX {number:05}")).collect() };
        assert_eq!(refusal(&format!("ON BCAST{}", words(PREFIXES_MAX)), None), "");
        assert!(refusal(&format!("ON BCAST{}", words(PREFIXES_MAX + 1)), None).starts_with("ERR A client can have"));
    }

    #[test]
    fn the_first_overlap_is_named() {
        let known = Some(Mode::Broadcast);
        for (words, mode, begins) in [
            ("PREFIX b PREFIX a PREFIX bc", None, "ERR Prefix 'b' overlaps with another provided prefix 'bc'"),
            ("PREFIX a PREFIX a", None, "ERR Prefix 'a' overlaps with another provided prefix 'a'"),
            ("PREFIX ab PREFIX abc PREFIX a", None, "ERR Prefix 'ab' overlaps with another provided prefix 'abc'"),
            (
                "PREFIX z PREFIX ac PREFIX ab PREFIX a",
                None,
                "ERR Prefix 'ac' overlaps with another provided prefix 'a'",
            ),
            ("PREFIX b PREFIX foobar PREFIX bc", known, "ERR Prefix 'b' overlaps with another provided prefix 'bc'"),
            ("PREFIX foobar PREFIX foobar", known, "ERR Prefix 'foobar' overlaps with an existing prefix 'foo'"),
            ("PREFIX fo", known, "ERR Prefix 'fo' overlaps with an existing prefix 'foo'"),
            ("PREFIX fop PREFIX fon", known, ""),
        ] {
            let text = refusal(&format!("ON BCAST {words}"), mode);
            assert!(text.starts_with(begins) && text.is_empty() == begins.is_empty(), "{words}: {text}");
        }
    }
}
