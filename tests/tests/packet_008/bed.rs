//! What the rows stand on: a server in a mode, redis-server beside it, sums over what was said, and a line of evidence at the end.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};
use tests::client::Client;
use tests::evidence::{Digest, EXPIRE_EVICT, Line, Outcome};
use tests::frame::Frame;
use tests::server::{Kind, Server};

/// What all random choices begin with.
pub(crate) const SEED: u64 = 8;

/// Longest wait for something that has to come.
pub(crate) const WAIT: Duration = Duration::from_secs(60);

/// Core loops that every check runs with.
const CORES: [usize; 2] = [1, 4];

/// Where a check runs.
pub(crate) struct Bed {
    mode: &'static str,
    cores: usize,
    input: Digest,
    output: Digest,
}

/// Runs a check of a row on one core and on four, and writes its line.
pub(crate) fn row(test: &str, mode: &'static str, code: &str, check: fn(&mut Bed)) {
    let begun = Instant::now();
    let mut bed = Bed { mode, cores: 0, input: Digest::default(), output: Digest::default() };
    let ended = catch_unwind(AssertUnwindSafe(|| {
        for cores in CORES {
            bed.cores = cores;
            check(&mut bed);
        }
    }));
    let (input, output) = (bed.input, bed.output);
    let outcome = if ended.is_err() { Outcome::Failed(code) } else { Outcome::Passed };
    Line { packet: &EXPIRE_EVICT, test, mode, seed: SEED, input, output, time: begun.elapsed(), outcome }.write();
    if let Err(panic) = ended {
        resume_unwind(panic);
    }
}

/// Tests of a row: for each check one in each mode. The last word is the reason code of the row.
#[macro_export]
macro_rules! rows {
    ($code:literal: $($strict:ident $hardened:ident $check:ident;)+) => {$(
        #[test]
        fn $strict() {
            $crate::bed::row(stringify!($strict), "strict", $code, $check);
        }

        #[test]
        fn $hardened() {
            $crate::bed::row(stringify!($hardened), "hardened", $code, $check);
        }
    )+};
}

impl Bed {
    /// Our server in this mode.
    #[track_caller]
    pub(crate) fn ours(&self, flags: &[&str]) -> Server {
        let mode = ["--expire-evict-mode", self.mode];
        Server::start(Kind::Ashlar { cores: self.cores }, &[flags, &mode].concat())
    }

    /// The mode.
    pub(crate) fn mode(&self) -> &'static str {
        self.mode
    }

    /// Number of core loops.
    pub(crate) fn cores(&self) -> usize {
        self.cores
    }

    /// Takes what was sent and what came back into the sums: for what is the same in every run.
    pub(crate) fn sum(&mut self, input: &[u8], output: &[u8]) {
        self.input.add(input);
        self.output.add(output);
    }
}

/// Our server beside redis-server.
pub(crate) struct Beside<'a> {
    bed: &'a mut Bed,
    /// Both servers, redis-server first.
    pub(crate) servers: [Server; 2],
    clients: [Client; 2],
}

impl<'a> Beside<'a> {
    /// Starts both with these flags.
    #[track_caller]
    pub(crate) fn start(bed: &'a mut Bed, flags: &[&str]) -> Beside<'a> {
        let servers = [Server::start(Kind::Redis, flags), bed.ours(flags)];
        let clients = [servers[0].client(), servers[1].client()];
        Beside { bed, servers, clients }
    }

    /// Sends a command, written as words, to both: their replies must be equal byte by byte. Returns ours.
    #[track_caller]
    pub(crate) fn same(&mut self, words: &str) -> Frame {
        self.same_args(&words.split_ascii_whitespace().collect::<Vec<_>>())
    }

    /// The same for arguments that are no words.
    #[track_caller]
    pub(crate) fn same_args(&mut self, arguments: &[impl AsRef<[u8]>]) -> Frame {
        let [theirs, ours] = self.both(arguments);
        let shown: Vec<_> =
            arguments.iter().map(|argument| String::from_utf8_lossy(argument.as_ref()).into_owned()).collect();
        assert_eq!(String::from_utf8_lossy(&theirs), String::from_utf8_lossy(&ours), "{}", shown.join(" "));
        let sent: Vec<&[u8]> = arguments.iter().map(AsRef::as_ref).collect();
        self.bed.sum(&sent.join(&b' '), &ours);
        tests::frame::parse(&ours).expect("a reply parses").expect("it is whole").0
    }

    /// Sends a command to both; says nothing about the replies, redis-server's first.
    #[track_caller]
    pub(crate) fn both(&mut self, arguments: &[impl AsRef<[u8]>]) -> [Vec<u8>; 2] {
        let mut replies = self.clients.iter_mut().map(|client| client.call(arguments).expect("a reply").raw);
        [replies.next().expect("two"), replies.next().expect("two")]
    }

    /// Waits until the clock of this machine, which both servers read, is past the time.
    #[track_caller]
    pub(crate) fn pass(&mut self, unix_ms: i64) {
        for client in &mut self.clients {
            until("time passes", || clock(client) > unix_ms);
        }
    }
}

/// The time of a server, in milliseconds.
#[track_caller]
pub(crate) fn clock(client: &mut Client) -> i64 {
    let time = client.ask("TIME");
    let parts: Vec<i64> = time
        .items()
        .expect("TIME is a pair")
        .iter()
        .map(|part| std::str::from_utf8(part.text().expect("digits")).expect("digits").parse().expect("a number"))
        .collect();
    parts[0] * 1000 + parts[1] / 1000
}

/// Asks again and again until it holds; fails after [`WAIT`].
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + WAIT;
    while !holds() {
        assert!(Instant::now() < end, "not within {WAIT:?}: {what}");
    }
}

/// A field of INFO; empty if there is none.
#[track_caller]
pub(crate) fn info(client: &mut Client, section: &str, name: &str) -> String {
    let Frame::Bulk(info) = client.ask(&format!("INFO {section}")) else { panic!("INFO is text") };
    let info = String::from_utf8_lossy(&info).into_owned();
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::to_owned));
    line.unwrap_or_default()
}

/// A field of INFO that is a number; 0 if there is none.
#[track_caller]
pub(crate) fn count(client: &mut Client, section: &str, name: &str) -> u64 {
    info(client, section, name).parse().unwrap_or(0)
}

/// Keys, and keys with a deadline, of a database, as INFO tells them.
#[track_caller]
pub(crate) fn keys(client: &mut Client, db: usize) -> (u64, u64) {
    let line = info(client, "keyspace", &format!("db{db}"));
    let number = |name: &str| {
        let part = line.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        part.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    };
    (number("keys"), number("expires"))
}

/// A client that hears of these key events in database 0; the server notifies of them.
#[track_caller]
pub(crate) fn listener(server: &Server, events: &[&str]) -> Client {
    let mut client = server.client();
    client.ok("CONFIG SET notify-keyspace-events EA");
    for event in events {
        client.ask(&format!("SUBSCRIBE __keyevent@0__:{event}"));
    }
    client
}

/// The next event that a listener hears: its name and the key.
#[track_caller]
pub(crate) fn event(listener: &mut Client) -> (String, Vec<u8>) {
    let message = listener.read().expect("an event").frame;
    let items = message.items().expect("a message is an array");
    let text = |at: usize| items[at].text().expect("parts of a message are text").to_vec();
    let channel = String::from_utf8(text(1)).expect("events have plain names");
    let name = channel.rsplit(':').next().expect("a channel has a name").to_owned();
    (name, text(2))
}

/// Sends many commands and reads as many replies, which all begin alike.
#[track_caller]
pub(crate) fn load(client: &mut Client, commands: impl Iterator<Item = Vec<String>>, reply: u8) {
    const CHUNK: usize = 2_000;
    let mut commands = commands.peekable();
    while commands.peek().is_some() {
        let (mut bytes, mut sent) = (Vec::new(), 0);
        for command in commands.by_ref().take(CHUNK) {
            tests::client::encode(&command, &mut bytes);
            sent += 1;
        }
        client.send_raw(&bytes).expect("the server reads");
        for _ in 0..sent {
            let got = client.read().expect("a reply").raw;
            assert_eq!(got[0], reply, "{}", String::from_utf8_lossy(&got));
        }
    }
}
