//! A server process: started on free addresses, known to be up, always stopped.
//!
//! It is up when its log says so (on a port that we found free somebody else may have begun to listen meanwhile; then our server
//! says that it failed) and it answers PING. Dropping it kills it by process id; the reaper does so if we cannot.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::contender::{Contender, Endpoint};
use crate::error::BenchError;
use crate::reaper::Reaper;
use crate::resp_client::Client;
use crate::rig::Rig;
use crate::tool::quoted;

/// Time a server has to come up.
const START_UP: Duration = Duration::from_secs(20);
/// Pause between two looks at a server that starts.
const LOOK: Duration = Duration::from_millis(10);
/// Tries with other addresses, should another process take the port between our look and the server's bind.
const TRIES: usize = 3;

/// A running server.
pub(crate) struct Server<'a> {
    /// The contender's name.
    pub(crate) name: &'static str,
    /// Where it listens.
    pub(crate) endpoint: Endpoint,
    /// Program and arguments, as started.
    pub(crate) command_line: Vec<String>,
    child: Child,
    log: PathBuf,
    reaper: &'a Reaper,
}

impl<'a> Server<'a> {
    /// Starts `contender` with `cores` core loops, kept on CPU `pin` if given, with log and socket among the rig's files, and waits until
    /// it serves.
    pub(crate) fn start(
        contender: &Contender,
        cores: usize,
        pin: Option<usize>,
        rig: &'a Rig,
    ) -> Result<Self, BenchError> {
        let mut tries = 1;
        loop {
            match Self::try_start(contender, cores, pin, rig) {
                Err(BenchError::Server { .. }) if tries < TRIES => tries += 1,
                result => return result,
            }
        }
    }

    fn try_start(contender: &Contender, cores: usize, pin: Option<usize>, rig: &'a Rig) -> Result<Self, BenchError> {
        let (folder, reaper) = (rig.scratch.path(), &rig.reaper);
        let port = free_port()?;
        let log = folder.join(format!("{port}.log"));
        let endpoint = Endpoint { port, socket: folder.join(format!("{port}.sock")) };
        let command_line = contender.command_line(&endpoint, cores, pin);
        let output = File::create(&log).map_err(BenchError::io("create the server's log"))?;
        let errors = output.try_clone().map_err(BenchError::io("share the server's log"))?;
        let child = Command::new(&command_line[0])
            .args(&command_line[1..])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(BenchError::io(quoted(&command_line)))?;
        reaper.watch(child.id());
        let mut server = Self { name: contender.name, endpoint, command_line, child, log, reaper };
        server.wait_until_up(contender.ready_line())?;
        Ok(server)
    }

    fn wait_until_up(&mut self, ready_line: Option<&str>) -> Result<(), BenchError> {
        let deadline = Instant::now() + START_UP;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.fault(&format!("ended while starting ({status})")));
            }
            let ready = ready_line.is_none_or(|line| self.log_text().contains(line));
            if ready && self.ping(Duration::from_secs(1)).is_ok() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(self.fault("does not serve in time"));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// PING over a fresh connection; any reply will do, as the floor answers `+OK`.
    pub(crate) fn ping(&self, patience: Duration) -> Result<String, BenchError> {
        self.ask(&["PING"], patience)
    }

    /// One command over a fresh connection.
    pub(crate) fn ask(&self, words: &[&str], patience: Duration) -> Result<String, BenchError> {
        Client::connect(self.endpoint.port, patience)?.ask(words)
    }

    /// The last lines of what it printed.
    pub(crate) fn log_tail(&self) -> String {
        const LINES: usize = 30;
        let text = self.log_text();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    fn log_text(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn fault(&self, why: &str) -> BenchError {
        let why = format!("{why}: {}\n{}", quoted(&self.command_line), self.log_tail());
        BenchError::Server { server: self.name.to_owned(), why }
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.reaper.forget(self.child.id());
    }
}

fn free_port() -> Result<u16, BenchError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(BenchError::io("find a free port"))?;
    Ok(listener.local_addr().map_err(BenchError::io("find a free port"))?.port())
}
