//! The servers that are measured and the flags each is started with.

use std::path::{Path, PathBuf};

use crate::workload::{Cell, Transport, Verb};

/// Which program a contender is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Debian's redis-server.
    Redis,
    /// Ours.
    Ashlar,
    /// The bare ring that answers `+OK` to everything: what the kernel's share costs.
    Floor,
}

/// One server of a comparison.
#[derive(Clone, Debug)]
pub(crate) struct Contender {
    /// Its name in tables and plots.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) kind: Kind,
    /// The program.
    pub(crate) program: PathBuf,
    /// Core loops whatever the cell says, for runs that compare one program at several numbers of cores.
    pub(crate) cores: Option<usize>,
    /// Flags beside the usual ones.
    pub(crate) extra: &'static [&'static str],
}

/// Where a server listens.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// TCP port on the loopback.
    pub(crate) port: u16,
    /// Path of its UNIX socket.
    pub(crate) socket: PathBuf,
}

impl Contender {
    /// `program` with the usual flags only.
    pub(crate) fn new(name: &'static str, kind: Kind, program: &Path) -> Self {
        Self { name, kind, program: program.to_owned(), cores: None, extra: &[] }
    }

    /// Whether it can serve `cell`. The floor has one core loop and a TCP listener, and an answer that has no value in it, so it
    /// stands beside GET and SET only.
    pub(crate) fn serves(&self, cell: &Cell) -> bool {
        self.kind != Kind::Floor
            || cell.data.cores == 1 && cell.transport == Transport::Tcp && matches!(cell.verb, Verb::Get | Verb::Set)
    }

    /// Whether it keeps what it is sent.
    pub(crate) fn stores(&self) -> bool {
        self.kind != Kind::Floor
    }

    /// The line in its log that says that it listens; `None` if it prints none.
    pub(crate) fn ready_line(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Redis | Kind::Ashlar => Some("Ready to accept connections"),
            Kind::Floor => None,
        }
    }

    /// Program and arguments. redis-server has one command thread whatever `cores` says: its io-threads are meant for more CPUs
    /// than the goals' machine has and would only raise its cost per request there.
    pub(crate) fn command_line(&self, endpoint: &Endpoint, cores: usize, pin: Option<usize>) -> Vec<String> {
        let mut line = pinned(pin);
        let mut add = |words: &[&str]| line.extend(words.iter().map(|word| (*word).to_owned()));
        let (program, socket) = (self.program.to_string_lossy(), endpoint.socket.to_string_lossy());
        let (port, cores) = (endpoint.port.to_string(), self.cores.unwrap_or(cores).to_string());
        add(&[&program, "--port", &port]);
        match self.kind {
            Kind::Redis => add(&["--save", "", "--appendonly", "no", "--unixsocket", &socket]),
            Kind::Ashlar => add(&["--save", "", "--cores", &cores, "--unixsocket", &socket]),
            Kind::Floor => {}
        }
        if let (Kind::Floor, Some(cpu)) = (self.kind, pin) {
            add(&["--pin", &cpu.to_string()]);
        }
        add(self.extra);
        line
    }
}

/// The beginning of a command line that keeps a program on `cpu`.
pub(crate) fn pinned(cpu: Option<usize>) -> Vec<String> {
    cpu.map_or_else(Vec::new, |cpu| vec!["taskset".to_owned(), "-c".to_owned(), cpu.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Kind, pin: Option<usize>, expected: &str) {
        let endpoint = Endpoint { port: 7000, socket: PathBuf::from("/t/s") };
        let contender = Contender::new("x", kind, Path::new("prog"));
        assert_eq!(contender.command_line(&endpoint, 2, pin).join(" "), expected);
    }

    #[test]
    fn command_lines() {
        check(Kind::Redis, None, "prog --port 7000 --save  --appendonly no --unixsocket /t/s");
        check(Kind::Ashlar, Some(1), "taskset -c 1 prog --port 7000 --save  --cores 2 --unixsocket /t/s");
        check(Kind::Floor, Some(0), "taskset -c 0 prog --port 7000 --pin 0");
    }
}
