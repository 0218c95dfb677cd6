//! When the machine held up the server or the load: a virtual machine stands still now and then, and others want its CPUs; then requests
//! wait whatever the server does.
//!
//! A thread on each CPU sleeps for [`TICK`] with a real-time priority, over and over. No process keeps it from waking up, but for a system
//! call in a kernel that does not preempt itself; the memory calls of `ashlar` while keys expire take 0.05 ms at most (`strace -T`), well
//! below [`LATE`]. Where the thread wakes up late, its CPU was not there. And whenever it wakes up it asks the kernel how long the thread that
//! works on its CPU, the server's or the load's, was ready to run and could not, as another had the CPU: a thread of the kernel, mostly.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long the thread sleeps.
const TICK: Duration = Duration::from_micros(250);
/// Later than this is late.
const LATE: Duration = Duration::from_micros(250);
/// Longer than this between two looks is long for a thread to wait. The watch itself takes the CPU for some 0.01 ms.
const WAITED: Duration = Duration::from_micros(100);
/// Enough for a line of `schedstat`.
const LINE_BYTES: usize = 128;
/// The priority of its class; any will do.
const PRIORITY: &str = "50";
/// After so many times its own length, what a standstill held up is made up for: a server that takes half of what it can, and works on
/// the cycle for a third of its time meanwhile, needs that long.
const AFTERWARDS: u32 = 3;
/// Standstills before an answer among which the one that held it up is looked for.
const LOOK_BACK: usize = 8;

/// What is watched: a CPU, and the thread that works on it, by its folder in `/proc`.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) cpu: usize,
    pub(super) thread: PathBuf,
}

/// A time in which a CPU stood still, or another had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Still {
    /// The last moment at which it is known to have run.
    from: Instant,
    /// The first moment at which it ran again.
    to: Instant,
}

/// All standstills of a run, by when they began.
#[derive(Clone, Debug, Default)]
pub(super) struct Stills(Vec<Still>);

impl Stills {
    /// True if one of them held up a request that was due and answered then: it came between, or so shortly before that it was not yet made
    /// up for.
    pub(super) fn held_up(&self, due: Instant, answered: Instant) -> bool {
        let began = self.0.partition_point(|still| still.from < answered);
        let made_up_for = |still: &Still| still.to + (still.to - still.from) * AFTERWARDS;
        self.0[..began].iter().rev().take(LOOK_BACK).any(|still| due < made_up_for(still))
    }

    /// How many there were.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The threads that watch.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Option<Vec<Still>>>>,
}

impl Watch {
    /// Begins to watch these CPUs and threads.
    pub(super) fn start(watched: Vec<Watched>) -> Watch {
        let stop = Arc::new(AtomicBool::new(false));
        let begin = |watched| {
            let stop = stop.clone();
            thread::spawn(move || watch(&watched, &stop))
        };
        Watch { threads: watched.into_iter().map(begin).collect(), stop }
    }

    /// Ends it. `None` if there was nothing to watch, or no right to a real-time priority.
    pub(super) fn end(self) -> Option<Stills> {
        self.stop.store(true, Ordering::Relaxed);
        let watched = !self.threads.is_empty();
        let seen = self.threads.into_iter().map(|thread| thread.join().ok().flatten());
        let mut stills = seen.collect::<Option<Vec<_>>>()?.concat();
        stills.sort_by_key(|still| still.from);
        watched.then_some(Stills(stills))
    }
}

/// Watches a CPU until it is to stop.
fn watch(Watched { cpu, thread }: &Watched, stop: &AtomicBool) -> Option<Vec<Still>> {
    let path = fs::read_link("/proc/thread-self").ok()?;
    let set = |program: &str, options: &[&str]| {
        let mut command = Command::new(program);
        command.args(options).arg(path.file_name()?).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().ok().filter(|status| status.success())
    };
    set("taskset", &["--cpu-list", "--pid", &cpu.to_string()])?;
    set("chrt", &["--fifo", "--pid", PRIORITY])?;
    let schedstat = File::open(thread.join("schedstat")).ok()?;
    let mut stills = Vec::new();
    let (mut from, mut waited_before) = (Instant::now(), waited(&schedstat)?);
    while !stop.load(Ordering::Relaxed) {
        // The sleep is what is measured, by how late it ends: nobody waits for anything by it.
        thread::sleep(TICK);
        let (to, waited_now) = (Instant::now(), waited(&schedstat)?);
        let waited = waited_now.saturating_sub(waited_before);
        if to - from > TICK + LATE || waited > WAITED {
            // The kernel counts a wait when it is over: it may have begun before the last look.
            stills.push(Still { from: from.min(to - waited), to });
        }
        (from, waited_before) = (to, waited_now);
    }
    Some(stills)
}

/// How long a thread was ready to run and had no CPU, since it began: the second figure of its `schedstat`.
fn waited(schedstat: &File) -> Option<Duration> {
    let mut line = [0; LINE_BYTES];
    let read = schedstat.read_at(&mut line, 0).ok()?;
    let text = std::str::from_utf8(&line[..read]).ok()?;
    text.split_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_through_a_standstill_or_behind_it_was_held_up() {
        let begun = Instant::now();
        let at = |ms: u64| begun + Duration::from_millis(ms);
        let still = |from, to| Still { from: at(from), to: at(to) };
        let stills = Stills(vec![still(100, 110), still(200, 201)]);
        let rows = [
            ((90, 99), false),
            ((90, 101), true),
            ((105, 140), true),
            ((139, 145), true),
            ((140, 145), false),
            ((199, 201), true),
            ((203, 204), true),
            ((204, 205), false),
        ];
        for ((due, answered), held_up) in rows {
            assert_eq!(stills.held_up(at(due), at(answered)), held_up, "{due} {answered}");
        }
        assert!(!Stills::default().held_up(at(0), at(1_000)));
    }

    #[test]
    fn how_long_a_thread_waited_is_read() {
        let schedstat = File::open("/proc/thread-self/schedstat").expect("this thread has figures");
        let before = waited(&schedstat).expect("they have a second one");
        thread::yield_now();
        assert!(waited(&schedstat) >= Some(before));
        assert_eq!(waited(&File::open("/dev/null").expect("it is there")), None);
    }
}
