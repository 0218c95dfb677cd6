//! The thread that writes `nodes.conf`, so that the bus goes on while the disk takes its time.
//!
//! Saves wait in a queue, of which only the newest is written: it has what the others have. A save that fails ends the process: it may
//! not go on with what the disk does not know (§13.3).

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use clusterbus::effect::SaveSeq;

use super::nodes_file;
use crate::alarm::Alarm;

/// A file to write.
struct Save {
    seq: SaveSeq,
    text: String,
}

/// The bus's side of the thread.
pub(super) struct Saver {
    saves: Sender<Save>,
    done: Receiver<SaveSeq>,
    thread: JoinHandle<()>,
}

impl Saver {
    /// Starts the thread. It rings the alarm when a save is done.
    ///
    /// # Errors
    ///
    /// The system refuses a thread.
    pub(super) fn start(path: PathBuf, alarm: Arc<Alarm>) -> io::Result<Saver> {
        let (saves, queue) = channel();
        let (tell, done) = channel();
        let body = move || write_all(&path, &queue, &tell, &alarm);
        let thread = std::thread::Builder::new().name("bus-disk".into()).spawn(body)?;
        Ok(Saver { saves, done, thread })
    }

    /// Has the file replaced.
    pub(super) fn save(&self, seq: SaveSeq, text: String) {
        self.saves.send(Save { seq, text }).expect("the thread ends after this side, or with the process");
    }

    /// A save that is done, if there is one that was not told of; all before it are, too.
    pub(super) fn done(&self) -> Option<SaveSeq> {
        self.done.try_recv().ok()
    }

    /// Waits until all is written.
    pub(super) fn end(self) {
        drop(self.saves);
        self.thread.join().expect("a panic ends the process");
    }
}

fn write_all(path: &std::path::Path, queue: &Receiver<Save>, tell: &Sender<SaveSeq>, alarm: &Alarm) {
    while let Ok(first) = queue.recv() {
        let newest = queue.try_iter().last().unwrap_or(first);
        if let Err(error) = nodes_file::replace(path, &newest.text) {
            tracing::error!("{error}. A node may not go on with what its file does not have; ending.");
            shard::ring::process::end_now(1);
        }
        // The other side may be about to end.
        let _ = tell.send(newest.seq);
        alarm.ring();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_save_is_on_disk_and_told_of() {
        let folder = tempfile::tempdir().expect("a scratch folder can be made");
        let path = folder.path().join("nodes.conf");
        let saver = Saver::start(path.clone(), Arc::default()).expect("there are threads");
        for number in 1..=50 {
            saver.save(SaveSeq(number), format!("file {number}"));
        }
        let mut told = SaveSeq(0);
        while told < SaveSeq(50) {
            let done = saver.done.recv().expect("the thread runs");
            assert!(done > told, "in order");
            told = done;
        }
        assert_eq!(std::fs::read_to_string(&path).expect("it was written"), "file 50");
        saver.save(SaveSeq(51), "last".into());
        saver.end();
        assert_eq!(std::fs::read_to_string(&path).expect("it was written"), "last");
    }
}
