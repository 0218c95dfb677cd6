//! The one list of normalisers: how replies are compared that are random, unordered or of the moment by contract.
//!
//! Whatever is not named here is compared byte for byte. Some of them are conversations: they ask the server further questions
//! and compare the answers.

mod docs;

use crate::exceptions::{
    CLIENT_FIELDS_OF_THE_MOMENT, HELP_LINES_OF_7_2, INFO_DYNAMIC, INFO_FIELDS, STATS_OF_LATER_VERSIONS, STATS_TIMES,
};
use crate::frame::Frame;
use std::collections::BTreeSet;

/// How two replies are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normaliser {
    /// `sorted`: an array without an order (KEYS).
    Sorted,
    /// `pairs`: pairs without an order (HGETALL).
    Pairs,
    /// `unordered`: nested lists of names and maps without an order (COMMAND INFO, COMMAND DOCS, CONFIG GET).
    Unordered,
    /// `near:N`: integers that differ by at most N (TTL, times).
    Near(i64),
    /// `shape`: the same types and lengths, other values (TIME, ids, sizes).
    Shape,
    /// `type`: the same type only (texts and lists of the moment).
    Type,
    /// `scan`: the loop of SCAN, SSCAN or HSCAN from cursor 0 to its end: what it returned, as a set.
    Scan,
    /// `drawn`: a draw from a set (SPOP, SRANDMEMBER): how many members, how many different ones of those that must differ, and how
    /// many of them are in the set afterwards.
    Drawn,
    /// `popped`: what was taken at random (SPOP): the same number of different members. Whoever compares further puts it right.
    Popped,
    /// `exchanged`: RESTORE with a key for its payload, which generated commands fill with the other server's DUMP: equal replies.
    Exchanged,
    /// `member`: the key named in the reply exists on that server (RANDOMKEY).
    Member,
    /// `encoding`: OBJECT ENCODING, with the names that 7.2 gave to small sets and lists.
    Encoding,
    /// `set-encoding`: OBJECT ENCODING of a set, where 7.2 does not choose the smaller form that 7.0 does.
    SetEncoding,
    /// `client`: lines of CLIENT LIST: each field of Redis is there; values equal but for those of the moment.
    Client,
    /// `info`: INFO: each section and field of Redis is there, but for those named after commands, errors and databases.
    Info,
    /// `stats`: INFO's lines of counts per command, error and database, in any order, without times.
    Stats,
    /// `hello`: HELLO: Redis's fields in its order, equal but for id and version; ours may have more.
    Hello,
    /// `help`: HELP: the same first and last heads; each head between is one of Redis's. Explanations are our own words.
    Help,
    /// `names`: a map or list of pairs: each name of Redis is there (MEMORY STATS).
    Names,
    /// `docs`: COMMAND DOCS: equal but for texts, and for what later versions brought.
    Docs,
    /// `rules`: descriptions of users: the rules between spaces, in any order.
    Rules,
    /// `denials`: entries of ACL LOG: fields of Redis are equal but for times and what of the client is of the moment.
    Denials,
    /// `channels`: messages, in order within each channel: channels of different cores have no order among each other.
    Channels,
    /// `monitor`: lines of MONITOR, without their time and the client's address.
    Monitor,
    /// `code`: an error with the same first word (texts that quote addresses or lines of the process).
    Code,
}

/// Every normaliser and what it is called in cases; `near` takes a number.
const NAMES: &[(&str, Normaliser)] = &[
    ("sorted", Normaliser::Sorted),
    ("unordered", Normaliser::Unordered),
    ("shape", Normaliser::Shape),
    ("type", Normaliser::Type),
    ("scan", Normaliser::Scan),
    ("pairs", Normaliser::Pairs),
    ("drawn", Normaliser::Drawn),
    ("popped", Normaliser::Popped),
    ("exchanged", Normaliser::Exchanged),
    ("set-encoding", Normaliser::SetEncoding),
    ("encoding", Normaliser::Encoding),
    ("member", Normaliser::Member),
    ("client", Normaliser::Client),
    ("info", Normaliser::Info),
    ("stats", Normaliser::Stats),
    ("hello", Normaliser::Hello),
    ("help", Normaliser::Help),
    ("names", Normaliser::Names),
    ("docs", Normaliser::Docs),
    ("rules", Normaliser::Rules),
    ("denials", Normaliser::Denials),
    ("channels", Normaliser::Channels),
    ("monitor", Normaliser::Monitor),
    ("code", Normaliser::Code),
];

impl Normaliser {
    /// The normaliser that a case names.
    pub fn named(name: &str) -> Result<Normaliser, String> {
        if let Some(tolerance) = name.strip_prefix("near:") {
            return tolerance.parse().map(Normaliser::Near).map_err(|_| format!("tolerance {tolerance}"));
        }
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, normaliser)| *normaliser).ok_or_else(|| format!("no normaliser is named {name}"))
    }

    /// Whether it asks the server more than the one command.
    pub fn is_conversation(self) -> bool {
        matches!(self, Normaliser::Scan | Normaliser::Member | Normaliser::Drawn)
    }

    /// Whether `ours` is as good as Redis's `reference`. Two equal errors always are.
    pub fn agree(self, reference: &Frame, ours: &Frame) -> bool {
        if reference.is_error() || ours.is_error() {
            let code =
                |frame: &Frame| frame.text().and_then(|text| text.split(|&b| b == b' ').next().map(<[u8]>::to_vec));
            let same_code = reference.is_error() && ours.is_error() && code(reference) == code(ours);
            return reference == ours || (self == Normaliser::Code && same_code);
        }
        match self {
            Normaliser::Sorted => sorted(reference) == sorted(ours),
            Normaliser::Scan | Normaliser::Member | Normaliser::Drawn | Normaliser::Exchanged | Normaliser::Code => {
                reference == ours
            }
            Normaliser::Encoding => encoding(reference, ours),
            Normaliser::SetEncoding => {
                let larger = ours.text().is_some_and(|name| name == b"listpack" || name == b"hashtable");
                encoding(reference, ours) || larger && reference.text().is_some_and(|name| name == b"intset")
            }
            Normaliser::Pairs => same_type(reference, ours) && sorted_pairs(reference) == sorted_pairs(ours),
            Normaliser::Popped => same_shape(reference, ours) && different(reference) == different(ours),
            Normaliser::Unordered => canonical(reference) == canonical(ours),
            Normaliser::Near(tolerance) => near(reference, ours, tolerance),
            Normaliser::Shape => same_shape(reference, ours),
            Normaliser::Type => same_type(reference, ours),
            Normaliser::Client => client_lines(reference, ours),
            Normaliser::Stats => same_type(reference, ours) && stats(reference) == stats(ours),
            Normaliser::Hello => same_type(reference, ours) && hello(reference, ours),
            Normaliser::Channels => by_channel(reference) == by_channel(ours),
            Normaliser::Monitor => monitored(reference) == monitored(ours),
            Normaliser::Info => same_type(reference, ours) && info(reference, ours),
            Normaliser::Help => help(reference, ours),
            Normaliser::Docs => docs::agree(reference, ours),
            Normaliser::Rules => rules(reference) == rules(ours),
            Normaliser::Denials => denials(reference, ours),
            Normaliser::Names => same_type(reference, ours) && names(reference, ours),
        }
    }
}

fn sorted(frame: &Frame) -> Frame {
    let mut frame = frame.clone();
    if let Frame::Array(items) | Frame::Set(items) = &mut frame {
        items.sort_by_key(ToString::to_string);
    }
    frame
}

fn sorted_pairs(frame: &Frame) -> Option<Vec<(String, String)>> {
    let mut pairs: Vec<_> =
        frame.pairs()?.into_iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    pairs.sort();
    Some(pairs)
}

/// How many different items there are.
fn different(frame: &Frame) -> usize {
    frame.items().unwrap_or_default().iter().map(ToString::to_string).collect::<BTreeSet<_>>().len()
}

/// Sorts lists of texts, lists of named entries and maps, at every depth; other lists keep their order.
fn canonical(frame: &Frame) -> Frame {
    match frame {
        Frame::Array(items) | Frame::Set(items) => {
            let mut items: Vec<Frame> = items.iter().map(canonical).collect();
            let named = |item: &Frame| {
                let texts = item.items().is_some_and(|inner| inner.first().is_some_and(|f| f.text().is_some()));
                texts || matches!(item, Frame::Map(_))
            };
            let texts = items.iter().all(|item| item.text().is_some());
            if texts || items.iter().all(named) {
                items.sort_by_key(ToString::to_string);
            }
            if matches!(frame, Frame::Set(_)) { Frame::Set(items) } else { Frame::Array(items) }
        }
        Frame::Map(pairs) => {
            let mut pairs: Vec<_> = pairs.iter().map(|(key, value)| (canonical(key), canonical(value))).collect();
            pairs.sort_by_key(|(key, _)| key.to_string());
            Frame::Map(pairs)
        }
        other => other.clone(),
    }
}

fn near(reference: &Frame, ours: &Frame, tolerance: i64) -> bool {
    match (reference, ours) {
        (Frame::Int(reference), Frame::Int(ours)) => {
            // -1 and -2 are words, not times.
            let words = *reference < 0 || *ours < 0;
            if words { reference == ours } else { reference.abs_diff(*ours) <= tolerance.unsigned_abs() }
        }
        (Frame::Array(reference), Frame::Array(ours)) => {
            reference.len() == ours.len() && reference.iter().zip(ours).all(|(a, b)| near(a, b, tolerance))
        }
        (Frame::Map(reference), Frame::Map(ours)) => {
            let pair = |(a, b): (&(Frame, Frame), &(Frame, Frame))| a.0 == b.0 && near(&a.1, &b.1, tolerance);
            reference.len() == ours.len() && reference.iter().zip(ours).all(pair)
        }
        _ => reference == ours,
    }
}

/// Lists and small sets have one encoding more in 7.2.
fn encoding(reference: &Frame, ours: &Frame) -> bool {
    let renamed = reference.text().is_some_and(|name| name == b"hashtable" || name == b"quicklist");
    reference == ours || renamed && ours.text().is_some_and(|name| name == b"listpack")
}

fn same_type(reference: &Frame, ours: &Frame) -> bool {
    std::mem::discriminant(reference) == std::mem::discriminant(ours)
}

fn same_shape(reference: &Frame, ours: &Frame) -> bool {
    if !same_type(reference, ours) {
        return false;
    }
    match (reference, ours) {
        (Frame::Map(reference), Frame::Map(ours)) => {
            reference.len() == ours.len()
                && reference.iter().zip(ours).all(|(a, b)| a.0 == b.0 && same_shape(&a.1, &b.1))
        }
        _ => match (reference.items(), ours.items()) {
            (Some(reference), Some(ours)) => {
                reference.len() == ours.len() && reference.iter().zip(ours).all(|(a, b)| same_shape(a, b))
            }
            _ => true,
        },
    }
}

fn text_of(frame: &Frame) -> String {
    String::from_utf8_lossy(frame.text().unwrap_or_default()).into_owned()
}

fn client_lines(reference: &Frame, ours: &Frame) -> bool {
    if !same_type(reference, ours) {
        return false;
    }
    let (reference, ours) = (text_of(reference), text_of(ours));
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (reference, ours) = (lines(&reference), lines(&ours));
    reference.len() == ours.len() && reference.iter().zip(&ours).all(|(a, b)| client_line(a, b))
}

fn client_line(reference: &str, ours: &str) -> bool {
    let mut left = ours.split(' ');
    reference.split(' ').all(|field| {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        let of_the_moment = CLIENT_FIELDS_OF_THE_MOMENT.contains(&name);
        // Ours may have fields between, but those of Redis come in Redis's order.
        left.by_ref()
            .find_map(|field| field.split_once('=').filter(|(known, _)| *known == name))
            .is_some_and(|(_, ours)| of_the_moment || ours == value)
    })
}

fn info(reference: &Frame, ours: &Frame) -> bool {
    let lines = |frame: &Frame| -> BTreeSet<String> {
        let text = text_of(frame);
        let dynamic = |line: &str| INFO_DYNAMIC.iter().any(|start| line.starts_with(start));
        let names = text.lines().filter(|line| !line.is_empty() && !dynamic(line));
        names.map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect()
    };
    let ours = lines(ours);
    let excepted = |name: &String| INFO_FIELDS.iter().any(|(field, _)| field == name);
    lines(reference).iter().all(|name| ours.contains(name) || excepted(name))
}

fn stats(frame: &Frame) -> Vec<String> {
    let left_out = || STATS_TIMES.iter().chain(STATS_OF_LATER_VERSIONS);
    let compared = |field: &&str| !left_out().any(|name| field.starts_with(name));
    let text = text_of(frame);
    let mut lines: Vec<String> =
        text.lines().map(|line| line.split([',', ':']).filter(compared).collect::<Vec<_>>().join(",")).collect();
    lines.sort();
    lines
}

/// A list of messages, those of each channel together.
fn by_channel(frame: &Frame) -> Vec<Frame> {
    let channel = |message: &Frame| match message.items() {
        Some([_, channel, _]) | Some([_, _, channel, _]) => channel.to_string(),
        _ => String::new(),
    };
    let mut messages = frame.items().unwrap_or_default().to_vec();
    messages.sort_by_key(channel);
    messages
}

/// A line `time [db address] "command"`, or a list of such lines, with the database and the command only.
fn monitored(frame: &Frame) -> Frame {
    let short = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        let (_, after) = text.split_once(" [")?;
        let (db, rest) = after.split_once(' ')?;
        let (address, command) = rest.split_once(']')?;
        let place = if address == "lua" { "lua" } else { "client" };
        Some(Frame::Simple(format!("[{db} {place}]{command}").into_bytes()))
    };
    match frame {
        Frame::Array(items) => Frame::Array(items.iter().map(monitored).collect()),
        Frame::Simple(text) => short(text).unwrap_or_else(|| frame.clone()),
        other => other.clone(),
    }
}

fn hello(reference: &Frame, ours: &Frame) -> bool {
    let (Some(reference), Some(ours)) = (reference.pairs(), ours.pairs()) else {
        return false;
    };
    let mut left = ours.into_iter();
    reference.into_iter().all(|(name, value)| {
        let of_the_process = name.text().is_some_and(|name| name == b"id" || name == b"version");
        let found = left.find(|(known, _)| *known == name);
        found.is_some_and(|(_, ours)| if of_the_process { same_type(value, ours) } else { value == ours })
    })
}

fn help(reference: &Frame, ours: &Frame) -> bool {
    // Lines that are indented explain in our own words; the others name subcommands and their arguments.
    let heads = |frame: &Frame| -> Option<Vec<String>> {
        let lines: Option<Vec<String>> =
            frame.items()?.iter().map(|line| matches!(line, Frame::Simple(_)).then(|| text_of(line))).collect();
        Some(lines?.into_iter().filter(|line| !line.starts_with("    ")).collect())
    };
    let (Some(reference), Some(ours)) = (heads(reference), heads(ours)) else { return false };
    let known = |line: &String| reference.contains(line) || HELP_LINES_OF_7_2.contains(&line.as_str());
    reference.first() == ours.first() && reference.last() == ours.last() && ours.iter().all(known)
}

/// Every text with its words sorted, at every depth.
fn rules(frame: &Frame) -> Frame {
    match frame {
        Frame::Bulk(text) => {
            let mut words: Vec<&[u8]> = text.split(|&byte| byte == b' ').collect();
            words.sort_unstable();
            Frame::Bulk(words.join(&b' '))
        }
        Frame::Array(items) => Frame::Array(items.iter().map(rules).collect()),
        Frame::Map(pairs) => Frame::Map(pairs.iter().map(|(key, value)| (key.clone(), rules(value))).collect()),
        other => other.clone(),
    }
}

fn denials(reference: &Frame, ours: &Frame) -> bool {
    let (Some(reference), Some(ours)) = (reference.items(), ours.items()) else { return false };
    reference.len() == ours.len() && reference.iter().zip(ours).all(|(reference, ours)| denial(reference, ours))
}

fn denial(reference: &Frame, ours: &Frame) -> bool {
    let (Some(reference), Some(ours)) = (reference.pairs(), ours.pairs()) else { return false };
    // Ours has the fields of 7.2 behind those of 7.0.
    reference.len() <= ours.len()
        && reference.iter().zip(&ours).all(|((name, value), (our_name, ours))| {
            let alike = match text_of(name).as_str() {
                "age-seconds" => same_type(value, ours),
                "client-info" => client_line(&text_of(value), &text_of(ours)),
                _ => value == ours,
            };
            name == our_name && alike
        })
}

fn names(reference: &Frame, ours: &Frame) -> bool {
    let (Some(reference), Some(ours)) = (reference.pairs(), ours.pairs()) else {
        return false;
    };
    reference.iter().all(|(name, _)| ours.iter().any(|(known, _)| known == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Frame {
        Frame::Bulk(text.as_bytes().to_vec())
    }

    #[test]
    fn each_normaliser_accepts_and_refuses() {
        let list = |texts: &[&str]| Frame::Array(texts.iter().map(|text| bulk(text)).collect());
        let help =
            |texts: &[&str]| Frame::Array(texts.iter().map(|text| Frame::Simple(text.as_bytes().to_vec())).collect());
        let rows = [
            (
                "help",
                help(&["X.", "A", "    a", "B", "HELP"]),
                help(&["X.", "B", "    b", "HELP"]),
                help(&["X.", "C", "HELP"]),
            ),
            ("sorted", list(&["a", "b"]), list(&["b", "a"]), list(&["b", "b"])),
            ("unordered", list(&["a", "b"]), list(&["b", "a"]), list(&["b"])),
            ("near:5", Frame::Int(100), Frame::Int(96), Frame::Int(94)),
            ("near:5", Frame::Int(-1), Frame::Int(-1), Frame::Int(-2)),
            ("shape", list(&["1"]), list(&["2"]), Frame::Array(vec![Frame::Int(1)])),
            ("pairs", list(&["a", "1", "b", "2"]), list(&["b", "2", "a", "1"]), list(&["b", "1", "a", "2"])),
            ("popped", list(&["a", "b"]), list(&["c", "b"]), list(&["b", "b"])),
            ("set-encoding", bulk("intset"), bulk("listpack"), bulk("quicklist")),
            ("set-encoding", bulk("hashtable"), bulk("listpack"), bulk("intset")),
            ("encoding", bulk("hashtable"), bulk("listpack"), bulk("intset")),
            ("encoding", bulk("intset"), bulk("intset"), bulk("listpack")),
            ("type", bulk("a"), bulk("b"), Frame::Int(1)),
            ("client", bulk("id=1 db=0 cmd=x\n"), bulk("id=2 db=0 lib=q cmd=x\n"), bulk("id=1 db=1 cmd=x\n")),
            ("info", bulk("# A\r\nx:1\r\n"), bulk("# A\r\ny:1\r\nx:2\r\n"), bulk("# A\r\ny:1\r\n")),
            (
                "channels",
                Frame::Array(vec![list(&["message", "a", "1"]), list(&["message", "b", "2"])]),
                Frame::Array(vec![list(&["message", "b", "2"]), list(&["message", "a", "1"])]),
                Frame::Array(vec![list(&["message", "b", "1"]), list(&["message", "a", "2"])]),
            ),
            (
                "monitor",
                Frame::Simple(b"1.5 [0 127.0.0.1:99] \"GET\" \"k\"".to_vec()),
                Frame::Simple(b"2.5 [0 127.0.0.1:98] \"GET\" \"k\"".to_vec()),
                Frame::Simple(b"1.5 [1 127.0.0.1:99] \"GET\" \"k\"".to_vec()),
            ),
            ("names", list(&["a", "1"]), list(&["b", "1", "a", "3"]), list(&["b", "1"])),
            ("rules", bulk("on +a +b"), bulk("on +b +a"), bulk("on +b")),
            (
                "denials",
                Frame::Array(vec![list(&["count", "1", "age-seconds", "2"])]),
                Frame::Array(vec![list(&["count", "1", "age-seconds", "3", "entry-id", "4"])]),
                Frame::Array(vec![list(&["count", "2", "age-seconds", "2"])]),
            ),
            ("code", Frame::Error(b"ERR a".to_vec()), Frame::Error(b"ERR b".to_vec()), Frame::Error(b"BUSY".to_vec())),
        ];
        for (name, reference, good, bad) in rows {
            let normaliser = Normaliser::named(name).expect("listed");
            assert!(normaliser.agree(&reference, &good), "{name}: {reference} and {good}");
            assert!(!normaliser.agree(&reference, &bad), "{name}: {reference} and {bad}");
        }
    }
}
