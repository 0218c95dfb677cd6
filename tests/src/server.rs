//! A server process of one test: free port, own folder, readiness, captured output, orderly end.
//!
//! Readiness is the line that both servers print, never a sleep. A port is chosen by binding port 0 and letting it go;
//! the race with other processes is answered by trying again.

use crate::binaries;
use crate::client::Client;
use crate::network::Host;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Longest wait for a server to say that it is ready, or to end.
pub const START_WAIT: Duration = Duration::from_secs(30);
/// The line of a server that listens.
pub const READY: &str = "Ready to accept connections";
/// Ports tried before giving up.
const PORT_TRIES: usize = 8;
/// Lines of output kept for failure messages.
const LOG_LINES_MAX: usize = 400;

/// Which program a server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Debian's redis-server, the reference.
    Redis,
    /// Ours, with this many core loops.
    Ashlar {
        /// Core loops.
        cores: usize,
    },
}

impl Kind {
    /// A short name for messages.
    pub fn name(self) -> String {
        match self {
            Kind::Redis => "redis".into(),
            Kind::Ashlar { cores } => format!("ashlar/{cores}"),
        }
    }

    fn program(self) -> PathBuf {
        match self {
            Kind::Redis => binaries::redis_tool("redis-server"),
            Kind::Ashlar { .. } => binaries::ashlar(),
        }
    }
}

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    /// Only ever used through `&mut self`; the lock makes a server shareable between the threads of a test.
    lines: Mutex<Receiver<String>>,
    log: VecDeque<String>,
    folder: tempfile::TempDir,
    /// Which program it is.
    pub kind: Kind,
    /// Its TCP port on 127.0.0.1.
    pub port: u16,
}

impl Server {
    /// Starts a server on a free port and returns once it is ready. `flags` come after ours. Panics with its output
    /// if it does not become ready.
    #[track_caller]
    pub fn start(kind: Kind, flags: &[&str]) -> Server {
        for _ in 0..PORT_TRIES {
            let mut server = Server::spawn(kind, free_port(), flags);
            match server.wait_ready() {
                Ok(()) => return server,
                Err(reason) if server.log_holds("Failed listening on port") || server.log_holds("Could not create") => {
                    eprintln!("{}: {reason}; trying another port", kind.name());
                }
                Err(reason) => panic!("{} did not start: {reason}\n{}", kind.name(), server.log_text()),
            }
        }
        panic!("{}: no free port in {PORT_TRIES} tries", kind.name());
    }

    /// Starts a server on this port without waiting for anything.
    pub fn spawn(kind: Kind, port: u16, flags: &[&str]) -> Server {
        let folder = tempfile::tempdir().expect("a scratch folder can be made");
        let mut command = Command::new(kind.program());
        command.current_dir(folder.path()).args(["--port", &port.to_string(), "--save", ""]);
        command.args(["--enable-debug-command", "yes"]);
        command.arg("--unixsocket").arg(folder.path().join("s"));
        let ours = matches!(kind, Kind::Ashlar { .. }) && !binaries::ashlar_is_redis();
        if let (Kind::Ashlar { cores }, true) = (kind, ours) {
            command.args(["--cores", &cores.to_string()]);
        }
        for pair in flags.chunks(2) {
            let redis_has_none = matches!(pair[0], "--cores" | "--ring-buffers");
            if ours || !redis_has_none {
                command.args(pair);
            }
        }
        launch(kind, port, command, folder)
    }

    /// Waits for the line that says that the server listens.
    pub fn wait_ready(&mut self) -> Result<(), String> {
        self.wait_line(READY).map(|_| ())
    }

    /// Waits for an output line that holds `text`, and returns it.
    pub fn wait_line(&mut self, text: &str) -> Result<String, String> {
        let deadline = Instant::now() + START_WAIT;
        loop {
            match self.lines().recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.keep(line.clone());
                    if line.contains(text) {
                        return Ok(line);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("no line with {text:?} in {START_WAIT:?}"));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(format!("ended without a line with {text:?}"));
                }
            }
        }
    }

    fn lines(&mut self) -> &mut Receiver<String> {
        self.lines.get_mut().expect("nobody panics while holding it")
    }

    fn keep(&mut self, line: String) {
        if self.log.len() == LOG_LINES_MAX {
            self.log.pop_front();
        }
        self.log.push_back(line);
    }

    /// The last lines that the server printed.
    pub fn log_text(&mut self) -> String {
        while let Ok(line) = self.lines().try_recv() {
            self.keep(line);
        }
        self.log.iter().map(|line| format!("  | {line}\n")).collect()
    }

    /// Whether a kept line of its output holds `text`.
    pub fn log_holds(&mut self, text: &str) -> bool {
        self.log_text().contains(text)
    }

    /// A new connection over TCP.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(self.port)
    }

    /// Path of its UNIX socket.
    pub fn unix_path(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// Its working folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal by name, as `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "kill -{name} {}", self.pid());
    }

    /// Waits until the process has closed its output and ended. `None` if it does not within the wait.
    pub fn wait_exit(&mut self) -> Option<ExitStatus> {
        let deadline = Instant::now() + START_WAIT;
        loop {
            match self.lines().recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.keep(line),
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().ok(),
            }
        }
    }
}

/// Runs a server program that is expected to end by itself: how it ended (`None` if it had to be killed) and all that
/// it printed.
pub fn run(kind: Kind, arguments: &[&str]) -> (Option<ExitStatus>, String) {
    let folder = tempfile::tempdir().expect("a scratch folder can be made");
    let mut command = Command::new(kind.program());
    command.current_dir(folder.path()).args(arguments);
    let mut server = launch(kind, 0, command, folder);
    let status = server.wait_exit();
    (status, server.log_text())
}

/// Starts a server with exactly these arguments, in `folder`, without waiting for anything. `port` is the one that the
/// arguments or the configuration say.
pub fn start_bare(kind: Kind, port: u16, arguments: &[&str]) -> Server {
    let folder = tempfile::tempdir().expect("a scratch folder can be made");
    let mut command = Command::new(kind.program());
    command.current_dir(folder.path()).args(arguments);
    launch(kind, port, command, folder)
}

/// Starts a server with exactly these arguments in a folder that outlives it, without waiting for anything.
pub fn start_in(kind: Kind, port: u16, folder: &Path, arguments: &[&str]) -> Server {
    let scratch = tempfile::tempdir().expect("a scratch folder can be made");
    let mut command = Command::new(kind.program());
    command.current_dir(folder).args(arguments);
    launch(kind, port, command, scratch)
}

/// Likewise, on a host of a network of the test's own.
pub fn start_on(host: &Host, kind: Kind, port: u16, folder: &Path, arguments: &[&str]) -> Server {
    let scratch = tempfile::tempdir().expect("a scratch folder can be made");
    // `ip netns exec` becomes the program: signals reach it.
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &host.namespace]).arg(kind.program());
    command.current_dir(folder).args(arguments);
    launch(kind, port, command, scratch)
}

fn launch(kind: Kind, port: u16, mut command: Command, folder: tempfile::TempDir) -> Server {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (sender, lines) = channel();
    forward(child.stdout.take().expect("stdout is piped"), sender.clone());
    forward(child.stderr.take().expect("stderr is piped"), sender);
    Server { child, lines: Mutex::new(lines), log: VecDeque::new(), folder, kind, port }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("last output of {}:\n{}", self.kind.name(), self.log_text());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn forward(pipe: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n') {
            let Ok(line) = line else { return };
            if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
}

/// Ports that no outgoing connection gets by itself, on Linux as it comes: between being found free and being listened on, one is nobody's.
const PORTS: Range<u16> = 10_240..32_000;

/// A port that nobody listened on a moment ago, and that this process was not given before.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    let mut tries = (0..count).map(|_| {
        let number = std::process::id().wrapping_mul(37).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        PORTS.start + (number % count) as u16
    });
    tries.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a loopback port can be bound")
}
