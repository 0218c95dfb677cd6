//! redis-py's cluster client, driven by `real_clients/redis_py_cluster.py`.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use tests::binaries::python_with_redis_py;

use super::Answered;
use crate::bed::LIMIT;

/// The program at work; killed when dropped.
pub(super) struct RedisPy {
    child: Child,
    /// What it says, but for what it hears of the shard channel.
    said: Receiver<String>,
    /// The greatest number that it heard on the shard channel.
    heard: Arc<AtomicU64>,
}

impl RedisPy {
    /// Starts it, and waits until it has done every kind of work. `None` where there is no redis-py.
    #[track_caller]
    pub(super) fn start(port: u16, shard_channel: &str, tags: &[String]) -> Option<RedisPy> {
        let Some(python) = python_with_redis_py() else {
            println!("SKIPPED: no redis-py here, redis-rs alone; run tests/real_clients/install.sh");
            return None;
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("real_clients/redis_py_cluster.py");
        let mut command = Command::new(python);
        command.arg(script).arg(port.to_string()).arg(shard_channel).args(tags);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python runs");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (tell, said) = channel();
        let heard = Arc::<AtomicU64>::default();
        let greatest = heard.clone();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                match line.strip_prefix("shard ") {
                    Some(number) => greatest.fetch_max(number.parse().expect("a number"), Ordering::Relaxed),
                    // Nobody hears it once the test is over.
                    None => tell.send(line).map_or(0, |()| 0),
                };
            }
        });
        let started = RedisPy { child, said, heard };
        assert_eq!(started.said.recv_timeout(LIMIT).as_deref(), Ok("working"), "redis-py is at work");
        Some(started)
    }

    /// The number of the last message of the shard channel.
    pub(super) fn heard_of_channel(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Ends the work: what was answered. `published` messages were sent to `news`.
    #[track_caller]
    pub(super) fn end(mut self, published: u64) -> Answered {
        let mut input = self.child.stdin.take().expect("it is piped");
        writeln!(input, "heard {published}").expect("it reads");
        drop(input);
        let mut answered = Answered::default();
        while let Ok(line) = self.said.recv_timeout(LIMIT) {
            let words: Vec<&str> = line.splitn(3, ' ').collect();
            let number = || words[2].parse().expect("a number");
            match words[..] {
                ["count", key, _] => drop(answered.counts.insert(key.into(), number())),
                ["doubt", key, _] => drop(answered.doubts.insert(key.into(), number())),
                ["value", key, value] => drop(answered.values.insert(key.into(), value.into())),
                ["error", ..] => answered.errors.push(line),
                _ => panic!("redis-py says {line}"),
            }
        }
        assert!(self.child.wait().expect("it ends").success(), "redis-py ended well");
        answered
    }
}

impl Drop for RedisPy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
