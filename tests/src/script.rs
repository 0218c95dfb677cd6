//! Cases as data: the files in `tests/cases`, read into scripts of steps.
//!
//! ```text
//! # comment
//! == name of a script               every script starts on empty servers with fresh connections
//! for N in 1 | 2 | $SMALLINT        the whole script once per value, on a flushed server each time; may be nested
//! SET k $N                          one command, as typed into redis-cli; $(a|b) and $LIST make several lines of one
//! b> GET k                          the same on connection b (a is the default), opened at first use
//! @near:2 TTL k                     the reply is compared through the named normaliser
//! @later b> ...                     sends only; `@read b>` reads the reply
//! @silent CLIENT REPLY OFF          no reply is expected: the next one read belongs to the next command
//! @raw "*1\r\n..."                  sends bytes and reads one reply; @rawend reads until the server closes
//! @rawfin "*1"                      sends bytes and the end of the stream, reads until the server closes
//! @eof                              reads until the server closes the connection
//! @except:name CLIENT SETINFO ...   a documented exception: ashlar's reply is compared with the next lines
//! => "+OK\r\n"                      ... for both protocols, `=2>` and `=3>` for one
//! ```
//!
//! In arguments, `{now+N}` and `{nowms+N}` are the same clock value for all servers of one comparison; `{id:b}`,
//! `{addr:b}` and `{laddr:b}` are facts of connection b on the server at hand; `{rep:x:N}` is N times x.

use crate::exceptions::{self, Exception};
use crate::normalise::Normaliser;
use crate::words;

/// What a step does on its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sends a command and reads its reply.
    Call(Vec<Vec<u8>>),
    /// Sends a command only.
    Send(Vec<Vec<u8>>),
    /// Reads a reply.
    Read,
    /// Sends bytes and reads a reply.
    Raw(Vec<u8>),
    /// Sends bytes and reads until the server closes; ends our side first if `finish`.
    RawEnd {
        /// The bytes.
        bytes: Vec<u8>,
        /// Whether our end of the stream follows them.
        finish: bool,
    },
    /// Reads until the server closes.
    Eof,
    /// Empties the server between two rounds of a `for`.
    Flush,
}

/// One step of a script.
#[derive(Clone, Debug)]
pub struct Step {
    /// Line of the case file.
    pub line: usize,
    /// The line as expanded.
    pub text: String,
    /// Name of the connection.
    pub connection: char,
    /// What happens.
    pub action: Action,
    /// How replies are compared; bytes if empty.
    pub normaliser: Option<Normaliser>,
    /// Set where ashlar's reply is compared with `literal` and not with Redis's.
    pub exception: Option<&'static Exception>,
    /// The bytes that ashlar must answer under an exception: in RESP2, in RESP3.
    pub literal: [Option<Vec<u8>>; 2],
}

/// A named list of steps.
#[derive(Clone, Debug)]
pub struct Script {
    /// Stem of the case file.
    pub file: String,
    /// Its heading.
    pub name: String,
    /// Its steps, all loops and alternatives expanded.
    pub steps: Vec<Step>,
}

impl Script {
    /// Whether all steps are plain calls on one connection, so that they may be sent as one pipeline.
    pub fn is_plain(&self) -> bool {
        self.steps.iter().all(|step| {
            let plain = matches!(step.action, Action::Call(_) | Action::Flush);
            plain && step.connection == 'a' && !step.normaliser.is_some_and(Normaliser::is_conversation)
        })
    }
}

struct Block {
    name: String,
    loops: Vec<(String, Vec<String>)>,
    lines: Vec<(usize, String)>,
}

/// Reads a case file. Panics with the line on a mistake, since cases are part of the tests.
pub fn read(file: &str, text: &str) -> Vec<Script> {
    let mut blocks: Vec<Block> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("== ") {
            blocks.push(Block { name: name.to_owned(), loops: Vec::new(), lines: Vec::new() });
            continue;
        }
        let block = blocks.last_mut().unwrap_or_else(|| panic!("{file}:{number}: a script starts with =="));
        match line.strip_prefix("for ").and_then(|rest| rest.split_once(" in ")) {
            Some((name, list)) => {
                let values = |choice: String| {
                    words::alternatives(&choice).unwrap_or_else(|error| panic!("{file}:{number}: {error}"))
                };
                block.loops.push((format!("${name}"), words::choices(list).into_iter().flat_map(values).collect()));
            }
            None => block.lines.push((number, line.to_owned())),
        }
    }
    blocks.into_iter().map(|block| expand(file, block)).collect()
}

fn expand(file: &str, block: Block) -> Script {
    let mut steps = Vec::new();
    let mut rounds = vec![Vec::new()];
    for (name, values) in &block.loops {
        rounds = rounds
            .iter()
            .flat_map(|round: &Vec<(&str, &str)>| {
                values.iter().map(|value| {
                    let mut round = round.clone();
                    round.push((name.as_str(), value.as_str()));
                    round
                })
            })
            .collect();
    }
    for (index, round) in rounds.iter().enumerate() {
        if index > 0 {
            steps.push(plain_step(0, "FLUSHALL", Action::Flush));
        }
        for (number, line) in &block.lines {
            let line = round.iter().fold(line.clone(), |line, (name, value)| bind(&line, name, value));
            let fail = |error: String| -> ! { panic!("{file}:{number}: {error}") };
            if line.starts_with('=') {
                literal(&line, steps.last_mut()).unwrap_or_else(|error| fail(error));
                continue;
            }
            for line in words::alternatives(&line).unwrap_or_else(|error| fail(error)) {
                steps.push(step(*number, &line).unwrap_or_else(|error| fail(error)));
            }
        }
    }
    Script { file: file.to_owned(), name: block.name, steps }
}

/// Replaces a loop variable where its name is not the start of a longer one.
fn bind(line: &str, name: &str, value: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(name) {
        let after = &rest[at + name.len()..];
        let whole = !after.starts_with(|letter: char| letter.is_ascii_uppercase());
        out.push_str(&rest[..at]);
        out.push_str(if whole { value } else { name });
        rest = after;
    }
    out + rest
}

fn plain_step(line: usize, text: &str, action: Action) -> Step {
    let text = text.to_owned();
    Step { line, text, connection: 'a', action, normaliser: None, exception: None, literal: [None, None] }
}

fn literal(line: &str, step: Option<&mut Step>) -> Result<(), String> {
    let (form, rest) = line.split_once('>').ok_or("a literal is => \"bytes\"")?;
    let step = step.filter(|step| step.exception.is_some()).ok_or("a literal follows an @except line")?;
    let bytes = words::split(rest)?.pop().ok_or("a literal has bytes")?;
    match form {
        "=" => step.literal = [Some(bytes.clone()), Some(bytes)],
        "=2" => step.literal[0] = Some(bytes),
        "=3" => step.literal[1] = Some(bytes),
        _ => return Err(format!("{form}> is not a form of literal")),
    }
    Ok(())
}

fn step(number: usize, line: &str) -> Result<Step, String> {
    let mut step = plain_step(number, line, Action::Eof);
    let mut rest = line.trim_start();
    let mut mode = "call";
    loop {
        if let Some(after) = rest.get(1..).and_then(|tail| tail.strip_prefix("> ").or((tail == ">").then_some(""))) {
            step.connection = rest.chars().next().ok_or("a connection has a name")?;
            rest = after.trim_start();
            continue;
        }
        let Some(tagged) = rest.strip_prefix('@') else {
            break;
        };
        let (tag, after) = tagged.split_once(' ').unwrap_or((tagged, ""));
        rest = after.trim_start();
        match tag {
            "later" | "read" | "silent" | "raw" | "rawend" | "rawfin" | "eof" => mode = tag,
            _ => match tag.strip_prefix("except:") {
                Some(name) => step.exception = Some(exceptions::named(name)?),
                None => step.normaliser = Some(Normaliser::named(tag)?),
            },
        }
    }
    let mut arguments = words::split(rest)?;
    let bytes = || arguments.first().cloned().unwrap_or_default();
    step.action = match mode {
        "read" => Action::Read,
        "eof" => Action::Eof,
        "raw" => Action::Raw(bytes()),
        "rawend" => Action::RawEnd { bytes: bytes(), finish: false },
        "rawfin" => Action::RawEnd { bytes: bytes(), finish: true },
        _ if arguments.is_empty() => return Err("no command".into()),
        "call" => Action::Call(std::mem::take(&mut arguments)),
        _ => Action::Send(std::mem::take(&mut arguments)),
    };
    Ok(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_alternatives_and_connections_expand() {
        let text = "== one\nfor N in 1 | \" 2\"\nSET k $N $(|NX)\nb> @near:5 TTL k\n";
        let scripts = read("f", text);
        assert_eq!(scripts.len(), 1);
        let texts: Vec<&str> = scripts[0].steps.iter().map(|step| step.text.as_str()).collect();
        let first = ["SET k 1 ", "SET k 1 NX", "b> @near:5 TTL k"];
        let second = ["FLUSHALL", "SET k \" 2\" ", "SET k \" 2\" NX", "b> @near:5 TTL k"];
        assert_eq!(texts, [&first[..], &second[..]].concat());
        assert_eq!(scripts[0].steps[2].connection, 'b');
        assert_eq!(scripts[0].steps[2].normaliser, Some(Normaliser::Near(5)));
        assert!(!scripts[0].is_plain());
    }
}
