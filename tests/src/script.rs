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
//! @blocks b> BLPOP k 0              sends and waits until the server says that the connection is blocked; `@blocked b>` only waits
//! @rest b>                          all that came since: what redis-server sent, and what comes before the answer to a PING
//! @drop b>                          closes the connection and waits until the server has noticed
//! @settles PUBSUB NUMSUB c          asked again until the answer is redis-server's: for what other cores learn a moment later
//! @busy k                           waits until commands on k are answered with BUSY
//! @elapse 5                         waits until the server's clock is 5 ms further
//! @keep DUMP k                      keeps the text of the reply, which is not compared: {kept} in what follows
//! @except:name CLIENT SETINFO ...   a documented exception: ashlar's reply is compared with the next lines
//! => "+OK\r\n"                      ... for both protocols, `=2>` and `=3>` for one
//! ```
//!
//! In arguments, `{now+N}` and `{nowms+N}` are the same clock value for all servers of one comparison; `{id:b}`,
//! `{addr:b}` and `{laddr:b}` are facts of connection b on the server at hand; `{rep:x:N}` is N times x.
//!
//! `== [3] name` is for RESP3 only, `== [2] name` for RESP2. After `observe e` each command is followed by `@channels @rest e>`.

mod sessions;

use crate::exceptions::{self, Exception};
use crate::normalise::Normaliser;
use crate::replay::Protocol;
use crate::words;

pub use sessions::sessions;

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
    /// Sends a command, if there is one, and waits until its connection is blocked.
    Block(Option<Vec<Vec<u8>>>),
    /// Reads all that has come.
    Rest,
    /// Closes the connection without a word, and waits until the server has noticed.
    Drop,
    /// Calls until the reply is the reference's.
    Settle(Vec<Vec<u8>>),
    /// Waits until commands on this key are answered with BUSY.
    Busy(Vec<u8>),
    /// Waits until the server's clock is so many milliseconds further.
    Elapse(u64),
    /// Calls and keeps the reply's text.
    Keep(Vec<Vec<u8>>),
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
    /// The RESP versions that it is played in.
    pub protocols: &'static [Protocol],
    /// Whether the next script waits until the server has forgotten the connections of this one.
    pub apart: bool,
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
    protocols: &'static [Protocol],
    /// The connection that is looked at after each command.
    observer: Option<char>,
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
            let (protocols, name) = protocols(name);
            blocks.push(Block {
                name: name.to_owned(),
                protocols,
                observer: None,
                loops: Vec::new(),
                lines: Vec::new(),
            });
            continue;
        }
        let block = blocks.last_mut().unwrap_or_else(|| panic!("{file}:{number}: a script starts with =="));
        if let Some(observer) = line.strip_prefix("observe ") {
            block.observer = observer.chars().next();
            continue;
        }
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

/// The RESP versions that a heading asks for, and the name in it.
fn protocols(heading: &str) -> (&'static [Protocol], &str) {
    const RESP2: &[Protocol] = &[Protocol::Resp2];
    const RESP3: &[Protocol] = &[Protocol::Resp3];
    let only = |mark: &str| heading.strip_prefix(mark);
    match (only("[2] "), only("[3] ")) {
        (Some(name), _) => (RESP2, name),
        (_, Some(name)) => (RESP3, name),
        _ => (&Protocol::ALL, heading),
    }
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
                let step = step(*number, &line).unwrap_or_else(|error| fail(error));
                let observed = block.observer.filter(|name| *name != step.connection);
                steps.push(step);
                if let Some(connection) = observed {
                    let text = format!("what {connection} sees of {line}");
                    let normaliser = Some(Normaliser::Channels);
                    steps.push(Step { connection, normaliser, ..plain_step(*number, &text, Action::Rest) });
                }
            }
        }
    }
    Script { file: file.to_owned(), name: block.name, steps, protocols: block.protocols, apart: false }
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
            "later" | "read" | "silent" | "raw" | "rawend" | "rawfin" | "eof" | "blocks" | "blocked" | "rest"
            | "drop" | "settles" | "busy" | "elapse" | "keep" => mode = tag,
            _ => match tag.strip_prefix("except:") {
                Some(name) => step.exception = Some(exceptions::named(name)?),
                None => step.normaliser = Some(Normaliser::named(tag)?),
            },
        }
    }
    step.action = action(mode, words::split(rest)?)?;
    Ok(step)
}

fn action(mode: &str, arguments: Vec<Vec<u8>>) -> Result<Action, String> {
    let bytes = || arguments.first().cloned().unwrap_or_default();
    Ok(match mode {
        "read" => Action::Read,
        "eof" => Action::Eof,
        "rest" => Action::Rest,
        "drop" => Action::Drop,
        "blocked" => Action::Block(None),
        "raw" => Action::Raw(bytes()),
        "rawend" => Action::RawEnd { bytes: bytes(), finish: false },
        "rawfin" => Action::RawEnd { bytes: bytes(), finish: true },
        _ if arguments.is_empty() => return Err("no command".into()),
        "busy" => Action::Busy(bytes()),
        "elapse" => {
            let text = String::from_utf8_lossy(&arguments[0]).into_owned();
            Action::Elapse(text.parse().map_err(|_| format!("{text} is no number of milliseconds"))?)
        }
        "call" => Action::Call(arguments),
        "blocks" => Action::Block(Some(arguments)),
        "settles" => Action::Settle(arguments),
        "keep" => Action::Keep(arguments),
        _ => Action::Send(arguments),
    })
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
