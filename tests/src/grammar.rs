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
//! What a `%` and a letter stand for is in `grammar/holes.rs`. Parentheses group, `|` separates alternatives, and behind an item `?`
//! makes it optional, `+` repeats it, at least once and at times very often.

mod holes;

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
            1 => words.push(holes::value(random)),
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
                What::Hole(b'e') => words.extend(holes::odd(random)),
                What::Hole(letter) => words.push(holes::fill(*letter, random)),
                What::Choice(choices) => {
                    choices[random.usize(0..choices.len())].iter().for_each(|item| item.generate(random, words));
                }
            }
        }
    }
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
