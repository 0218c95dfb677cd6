//! Boundary arguments for every command: sample calls in `tests/boundaries`, in which each argument in turn becomes each of [`VALUES`],
//! is left out, or stands there twice.
//!
//! ```text
//! # comment
//! == name                              begins a section of its own; a file with one section needs none
//! set hash-max-listpack-entries 512 1  a setting: what makes small values, and what makes large ones
//! data RPUSH l a b                     what is there before each call
//! end @near:2000 PTTL t                a question after each call; DEBUG DIGEST if the section has none
//! @sorted SMEMBERS s                   a sample call; its replies are compared through the named normaliser
//! ```
//!
//! Words are quoted as in case files, and `$(a|b)` makes several lines of one. `boundaries/play.rs` compares the servers,
//! `boundaries/rules.rs` lists what is compared in another way.

pub mod play;
pub mod rules;

use crate::grammar::Command;
use crate::normalise::Normaliser;
use crate::words;
use fastrand::Rng;

/// What every argument becomes.
pub const VALUES: &[&[u8]] = &[
    b"",
    b"0",
    b"-0",
    b"1",
    b"-1",
    b"2147483647",
    b"2147483648",
    b"-2147483648",
    b"-2147483649",
    b"4294967295",
    b"4294967296",
    b"9007199254740991",
    b"9007199254740993",
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775807",
    b"-9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551615",
    b"18446744073709551616",
    b"+1",
    b" 1",
    b"1 ",
    b"01",
    b"1.0",
    b"1e3",
    b"0x10",
    b"inf",
    b"-inf",
    b"+inf",
    b"nan",
    b"infinity",
    b"1e308",
    b"1e309",
    b"-1e309",
    b"1e-400",
    b"5e-324",
    b"3.1415926535897931",
    b"0.30000000000000004",
    b"(1",
    b"[a",
    b"-",
    b"+",
    b"*",
    b"$",
    b">",
    b"0-0",
    b"18446744073709551615-18446744073709551615",
    b"\x00",
    b"\xff",
    &[b'm'; 65],
    &[b'L'; 70_000],
];

/// What a family needs and does.
#[derive(Debug, Default)]
pub struct Section {
    /// Its heading.
    pub name: String,
    /// Settings with their two values.
    pub settings: Vec<(String, [String; 2])>,
    /// What is there before each call.
    pub data: Vec<Vec<Vec<u8>>>,
    /// The calls.
    pub samples: Vec<Command>,
    /// What is asked after each call.
    pub end: Vec<Command>,
}

/// Reads a file of sections. Panics with the line on a mistake.
pub fn read(name: &str, text: &str) -> Vec<Section> {
    let mut sections = vec![Section { name: name.to_owned(), ..Section::default() }];
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(heading) = line.strip_prefix("== ") {
            sections.push(Section { name: format!("{name}, {heading}"), ..Section::default() });
            continue;
        }
        let section = sections.last_mut().expect("there is always one");
        section.add(line).unwrap_or_else(|error| panic!("{name}: {line}: {error}"));
    }
    sections.retain(|section| !section.samples.is_empty());
    for section in sections.iter_mut().filter(|section| section.end.is_empty()) {
        section.end.push(command("DEBUG DIGEST").expect("words"));
    }
    sections
}

impl Section {
    fn add(&mut self, line: &str) -> Result<(), String> {
        if let Some(setting) = line.strip_prefix("set ") {
            let words: Vec<&str> = setting.split_ascii_whitespace().collect();
            let [name, small, large] = words[..] else { return Err("a setting has two values".into()) };
            self.settings.push((name.to_owned(), [small.to_owned(), large.to_owned()]));
        } else if let Some(data) = line.strip_prefix("data ") {
            self.data.push(words::split(data)?);
        } else if let Some(question) = line.strip_prefix("end ") {
            self.end.push(command(question)?);
        } else {
            for line in words::alternatives(line)? {
                self.samples.push(command(&line)?);
            }
        }
        Ok(())
    }
}

fn command(line: &str) -> Result<Command, String> {
    let (normaliser, words) = match line.strip_prefix('@').and_then(|rest| rest.split_once(' ')) {
        Some((name, rest)) => (Some(Normaliser::named(name)?), words::split(rest)?),
        None => (None, words::split(line)?),
    };
    if words.is_empty() { Err("a command has a name".into()) } else { Ok(Command { words, normaliser }) }
}

/// Which of the calls that a sample makes are played.
#[derive(Clone, Copy, Debug)]
pub enum Selection {
    /// All of them.
    All,
    /// So many of each argument, chosen by the seed.
    Some(usize),
}

/// The calls that a sample makes: itself, and itself with one argument changed.
pub fn calls(sample: &Command, selection: Selection, random: &mut Rng) -> Vec<Command> {
    let mut calls = vec![sample.clone()];
    for at in 1..sample.words.len() {
        let mut changed: Vec<Command> = VALUES.iter().map(|value| with(sample, at, &[value])).collect();
        changed.push(with(sample, at, &[]));
        changed.push(with(sample, at, &[&sample.words[at], &sample.words[at]]));
        if let Selection::Some(count) = selection {
            random.shuffle(&mut changed);
            changed.truncate(count);
        }
        calls.extend(changed);
    }
    calls
}

/// A sample with these words in the place of one.
fn with(sample: &Command, at: usize, instead: &[&[u8]]) -> Command {
    let mut words = sample.words.clone();
    words.splice(at..=at, instead.iter().map(|word| word.to_vec()));
    Command { words, normaliser: sample.normaliser }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_argument_is_changed_in_every_way() {
        let text = "data SET k v\n@sorted A $(x|y) \"1 2\"\n== more\nend DBSIZE\nB\n";
        let sections = read("file", text);
        assert_eq!(sections.iter().map(|section| &section.name[..]).collect::<Vec<_>>(), ["file", "file, more"]);
        assert_eq!(sections[0].end[0].text(), "DEBUG DIGEST");
        assert_eq!(sections[1].end[0].text(), "DBSIZE");
        let mut random = Rng::with_seed(1);
        let sample = &sections[0].samples[1];
        let all = calls(sample, Selection::All, &mut random);
        assert_eq!(all.len(), 1 + 2 * (VALUES.len() + 2));
        let lines: Vec<String> = all.iter().map(Command::text).collect();
        for line in
            ["A y \"1 2\"", "A \"\" \"1 2\"", "A \"1 2\"", "A y y \"1 2\"", "A y -1", "A y", "A y \"1 2\" \"1 2\""]
        {
            assert!(lines.iter().any(|known| known == line), "{line} in {lines:?}");
        }
        assert!(all.iter().all(|call| call.normaliser == Some(Normaliser::Sorted)));
        assert_eq!(calls(sample, Selection::Some(3), &mut random).len(), 1 + 2 * 3);
        assert_eq!(calls(&sections[1].samples[0], Selection::All, &mut random).len(), 1);
    }

    #[test]
    #[should_panic(expected = "a setting has two values")]
    fn a_mistake_is_named() {
        read("file", "set x 1\n");
    }
}
