//! Commands at random: the language of the files in `tests/grammars`, one per family, and what it generates.
//!
//! ```text
//! # comment
//! include generic                     the lines of another file, too
//! set hash-max-listpack-entries 4 512 a setting, one of these values in each round; servers that do not know it leave it out
//! SET %k %v (EX %t|PX 90000)? (NX|XX)?
//! 5 @sorted SMEMBERS %k               five times as likely; compared through the named normaliser
//! ```
//!
//! In a command, `%k` is a key, `%m` a member or field, `%v` a value, `%i` an integer, `%n` a small count, `%f` a floating-point
//! number, `%t` a time in seconds, `%g` a pattern, and `%e` sometimes a word that fits nowhere. Parentheses group, `|` separates
//! alternatives, and behind an item `?` makes it optional, `+` repeats it, at least once and at times very often.

use crate::normalise::Normaliser;
use fastrand::Rng;

/// A command to send.
#[derive(Clone, Debug)]
pub struct Command {
    /// Its words.
    pub words: Vec<Vec<u8>>,
    /// How replies are compared; bytes if empty.
    pub normaliser: Option<Normaliser>,
}

impl Command {
    /// Its words as one line.
    pub fn text(&self) -> String {
        let words: Vec<String> = self.words.iter().map(|word| shown(word)).collect();
        words.join(" ")
    }
}

fn shown(word: &[u8]) -> String {
    /// Longer words are cut.
    const SHOWN_MAX: usize = 80;
    let text = word.iter().take(SHOWN_MAX).copied().collect::<Vec<_>>().escape_ascii().to_string();
    match word.len() {
        0 => "\"\"".into(),
        len if len > SHOWN_MAX => format!("\"{text}…\" ({len} bytes)"),
        _ if word.iter().all(u8::is_ascii_graphic) => text,
        _ => format!("\"{text}\""),
    }
}

/// The grammar of one family.
#[derive(Debug, Default)]
pub struct Grammar {
    rules: Vec<Rule>,
    settings: Vec<(String, Vec<String>)>,
}

#[derive(Debug)]
struct Rule {
    weight: u32,
    normaliser: Option<Normaliser>,
    items: Vec<Item>,
}

#[derive(Debug)]
struct Item {
    /// One list of items is enough for all that is not in parentheses.
    what: What,
    repeat: Repeat,
}

#[derive(Debug)]
enum What {
    Word(Vec<u8>),
    Hole(u8),
    Choice(Vec<Vec<Item>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    Once,
    Maybe,
    Some,
}

impl Grammar {
    /// Reads a grammar; `file` gives the text of an included one. Panics with the line on a mistake.
    pub fn read(text: &str, file: &dyn Fn(&str) -> String) -> Grammar {
        let mut grammar = Grammar::default();
        grammar.add(text, file);
        grammar
    }

    fn add(&mut self, text: &str, file: &dyn Fn(&str) -> String) {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix("include ") {
                self.add(&file(name), file);
            } else if let Some(setting) = line.strip_prefix("set ") {
                let mut words = setting.split_ascii_whitespace().map(str::to_owned);
                let name = words.next().unwrap_or_else(|| panic!("{line}: a setting has a name"));
                self.settings.push((name, words.collect()));
            } else {
                self.rules.push(Rule::read(line).unwrap_or_else(|error| panic!("{line}: {error}")));
            }
        }
    }

    /// One value for each setting.
    pub fn settings(&self, random: &mut Rng) -> Vec<(String, String)> {
        self.settings
            .iter()
            .map(|(name, values)| (name.clone(), values[random.usize(0..values.len())].clone()))
            .collect()
    }

    /// A command.
    pub fn command(&self, random: &mut Rng) -> Command {
        let total = self.rules.iter().map(|rule| rule.weight).sum();
        let mut left = random.u32(0..total);
        let rule = self.rules.iter().find(|rule| {
            let found = left < rule.weight;
            left = left.saturating_sub(rule.weight);
            found
        });
        let rule = rule.expect("the weights add up to the total");
        let mut words = Vec::new();
        rule.items.iter().for_each(|item| item.generate(random, &mut words));
        // Now and then a word too few, or one too many.
        match random.u8(..) {
            0 if words.len() > 1 => drop(words.pop()),
            1 => words.push(pick(random, &["extra", "1", "-1", "", "a"])),
            _ => {}
        }
        Command { words, normaliser: rule.normaliser }
    }
}

impl Rule {
    fn read(line: &str) -> Result<Rule, String> {
        let (mut weight, mut normaliser, mut rest) = (1, None, line);
        if let Some((first, after)) = rest.split_once(' ')
            && let Ok(number) = first.parse()
        {
            (weight, rest) = (number, after.trim_start());
        }
        if let Some((name, after)) = rest.strip_prefix('@').and_then(|rest| rest.split_once(' ')) {
            (normaliser, rest) = (Some(Normaliser::named(name)?), after.trim_start());
        }
        let mut parser = Parser { rest: rest.as_bytes() };
        let items = parser.items()?;
        if parser.rest.is_empty() { Ok(Rule { weight, normaliser, items }) } else { Err("an unmatched )".into()) }
    }
}

struct Parser<'a> {
    rest: &'a [u8],
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn take(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    /// Items up to the end, a `|` or a `)`.
    fn items(&mut self) -> Result<Vec<Item>, String> {
        let mut items = Vec::new();
        while let Some(byte) = self.peek() {
            let what = match byte {
                b' ' => {
                    self.take();
                    continue;
                }
                b'|' | b')' => break,
                b'(' => self.choice()?,
                b'%' => {
                    self.take();
                    What::Hole(self.take().ok_or("a % without a letter")?)
                }
                _ => self.word(),
            };
            let repeat = match self.peek() {
                Some(b'?') => Repeat::Maybe,
                Some(b'+') => Repeat::Some,
                _ => Repeat::Once,
            };
            if repeat != Repeat::Once {
                self.take();
            }
            items.push(Item { what, repeat });
        }
        Ok(items)
    }

    fn choice(&mut self) -> Result<What, String> {
        let mut choices = Vec::new();
        loop {
            self.take();
            choices.push(self.items()?);
            match self.peek() {
                Some(b'|') => {}
                Some(b')') => break,
                _ => return Err("an unmatched (".into()),
            }
        }
        self.take();
        Ok(What::Choice(choices))
    }

    fn word(&mut self) -> What {
        let end = self.rest.iter().position(|byte| b" |()?%".contains(byte)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        What::Word(if word == b"\"\"" { Vec::new() } else { word.to_vec() })
    }
}

impl Item {
    fn generate(&self, random: &mut Rng, words: &mut Vec<Vec<u8>>) {
        let times = match self.repeat {
            Repeat::Once => 1,
            Repeat::Maybe => random.usize(0..2),
            Repeat::Some => match random.u8(0..100) {
                0..60 => random.usize(1..=2),
                60..85 => random.usize(1..=6),
                85..96 => random.usize(4..=30),
                96..99 => random.usize(100..=140),
                _ => random.usize(500..=530),
            },
        };
        for _ in 0..times {
            match &self.what {
                What::Word(word) => words.push(word.clone()),
                What::Hole(b'e') => words.extend(odd(random)),
                What::Hole(letter) => words.push(fill(*letter, random)),
                What::Choice(choices) => {
                    choices[random.usize(0..choices.len())].iter().for_each(|item| item.generate(random, words));
                }
            }
        }
    }
}

/// What stands for a letter.
fn fill(letter: u8, random: &mut Rng) -> Vec<u8> {
    match letter {
        b'k' => key(random),
        b'm' => member(random),
        b'v' => value(random),
        b'i' => integer(random),
        b'n' => count(random),
        b'f' => float(random),
        b't' => pick(random, &["100", "1000", "100000", "0", "-1", "x", "9223372036854775807"]),
        b'g' => pick(random, &["*", "a*", "*1*", "?", "[ab]*", "nosuch", ""]),
        other => panic!("%{} stands for nothing", other as char),
    }
}

fn pick(random: &mut Rng, from: &[&str]) -> Vec<u8> {
    from[random.usize(0..from.len())].as_bytes().to_vec()
}

/// A key: few, so that commands meet.
fn key(random: &mut Rng) -> Vec<u8> {
    pick(random, &["a", "b", "c", "d", "key:1", "key:2", "{a}1", "{a}2"])
}

/// A member or field: mostly one of few.
fn member(random: &mut Rng) -> Vec<u8> {
    match random.u8(0..100) {
        0..45 => random.i32(-3..30).to_string().into_bytes(),
        45..70 => pick(random, &["a", "b", "c", "d", "e", "ab", "abc", "field", "member"]),
        70..85 => random.i32(0..700).to_string().into_bytes(),
        85..92 => format!("m{}", random.u16(0..300)).into_bytes(),
        _ => value(random),
    }
}

/// A value: texts and numbers at the limits of encodings.
fn value(random: &mut Rng) -> Vec<u8> {
    /// Lengths at which something may change.
    const LENGTHS: [usize; 14] = [1, 2, 3, 4, 43, 44, 45, 63, 64, 65, 66, 127, 4095, 4097];
    match random.u8(0..100) {
        0..40 => random.i32(-200..200).to_string().into_bytes(),
        40..60 => integer(random),
        60..75 => {
            pick(random, &["", "a", "text", "0.5", "-1.25", "1e3", "007", "-0", " 1", "inf", "nan", "\r\n", "\0"])
        }
        75..90 => vec![b"xyz"[random.usize(0..3)]; LENGTHS[random.usize(0..LENGTHS.len())]],
        _ => (0..random.usize(0..20)).map(|_| random.u8(..)).collect(),
    }
}

fn integer(random: &mut Rng) -> Vec<u8> {
    match random.u8(0..20) {
        0..14 => random.i32(-20..60).to_string().into_bytes(),
        14 => pick(random, &["x", "", "1.5", " 1", "+1", "01", "9223372036854775808", "-9223372036854775809"]),
        _ => {
            let edges = [8, 15, 16, 23, 31, 32, 63].map(|bits| (1i128 << bits) as i64);
            let edge = edges[random.usize(0..edges.len())];
            let edge = if random.bool() { edge } else { edge.wrapping_neg() };
            edge.wrapping_add(random.i64(-2..=2)).to_string().into_bytes()
        }
    }
}

/// A count: mostly small.
fn count(random: &mut Rng) -> Vec<u8> {
    match random.u8(0..20) {
        0..12 => random.i32(0..8).to_string().into_bytes(),
        12..16 => random.i32(0..300).to_string().into_bytes(),
        _ => pick(random, &["-1", "-3", "x", "", "1.0", "9223372036854775807", "-9223372036854775808"]),
    }
}

fn float(random: &mut Rng) -> Vec<u8> {
    match random.u8(0..10) {
        0..5 => format!("{}", f64::from(random.i32(-400..400)) / 8.0).into_bytes(),
        5..7 => random.i32(-20..60).to_string().into_bytes(),
        _ => pick(random, &["0.1", "-0", "1e10", "3.3333333", "inf", "-inf", "nan", "x", "", "1e400", "0x10", " 1"]),
    }
}

/// Now and then a word that fits nowhere.
fn odd(random: &mut Rng) -> Option<Vec<u8>> {
    (random.u8(0..30) == 0).then(|| pick(random, &["nonsense", "", "-1", "LIMIT", "EX", "COUNT", "WITHVALUES"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_generate_what_they_say() {
        let text = "# all\ninclude other\nset name 1 2\n3 @sorted A (%k|B C)+ D?\n";
        let grammar = Grammar::read(text, &|name| format!("X {name}"));
        let mut random = Rng::with_seed(1);
        assert!(["1", "2"].contains(&grammar.settings(&mut random)[0].1.as_str()));
        let mut first = std::collections::BTreeSet::new();
        for _ in 0..300 {
            let command = grammar.command(&mut random);
            first.insert(command.words[0].clone());
            let is_a = command.words[0] == b"A";
            assert_eq!(command.normaliser, is_a.then_some(Normaliser::Sorted));
            assert!(
                !is_a
                    || command.text().matches(" B").count() == command.text().matches(" C").count()
                    || command.words.len() > 1
            );
        }
        assert_eq!(first, [b"A".to_vec(), b"X".to_vec()].into());
    }

    #[test]
    #[should_panic(expected = "an unmatched (")]
    fn a_mistake_is_named() {
        Grammar::read("A (B", &|_| String::new());
    }
}
