//! A node's disk: one file, replaced step by step, and what a crash leaves of it.
//!
//! A save writes another file (nobody sees it), renames it (whoever starts now sees it, unless the power fails), and makes the name
//! durable. What is asked for while a save is under way waits, and only the last of it is written.

use std::collections::VecDeque;
use std::sync::Arc;

use clusterbus::conf::{NodesConf, PrimaryPort};
use clusterbus::effect::{Durability, SaveSeq};
use fastrand::Rng;

/// Earlier contents that are kept, for nodes that come back with an old file.
const OLDER_MAX: usize = 12;

/// How a node ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    /// The process is killed; the system goes on.
    Kill,
    /// The machine loses its power.
    Power,
}

/// How far a save is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// It was asked for; the other file is not complete.
    Asked,
    /// The file has its name.
    Renamed,
    /// The name is durable.
    Synced,
    /// The node knows.
    Told,
}

/// All steps at which a node can crash.
pub(crate) const STEPS: [Step; 4] = [Step::Asked, Step::Renamed, Step::Synced, Step::Told];

#[derive(Clone, Debug)]
struct Save {
    seq: SaveSeq,
    durability: Durability,
    conf: Arc<NodesConf>,
}

/// A disk.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// What whoever opens the file sees, and what is there after the power failed.
    visible: Option<Arc<NodesConf>>,
    durable: Option<Arc<NodesConf>>,
    older: VecDeque<Arc<NodesConf>>,
    under_way: Option<(Save, Step)>,
    waiting: Option<Save>,
    /// Saves that were begun.
    pub(crate) begun: u64,
}

impl Disk {
    /// Asks for a save. Returns whether the disk has to begin it.
    pub(crate) fn save(&mut self, seq: SaveSeq, durability: Durability, conf: NodesConf) -> bool {
        let before = self.waiting.take().map_or(durability, |before| before.durability);
        self.waiting = Some(Save { seq, durability: durability.max(before), conf: Arc::new(conf) });
        self.under_way.is_none() && self.begin()
    }

    /// Begins what waits. Returns whether something did.
    pub(crate) fn begin(&mut self) -> bool {
        self.under_way = self.waiting.take().map(|save| (save, Step::Asked));
        self.begun += u64::from(self.under_way.is_some());
        self.under_way.is_some()
    }

    /// How far the save is that is under way.
    pub(crate) fn step(&self) -> Option<Step> {
        self.under_way.as_ref().map(|(_, step)| *step)
    }

    /// Takes the next step. Returns the number of the save when the node is to be told.
    pub(crate) fn advance(&mut self) -> Option<SaveSeq> {
        let (save, step) = self.under_way.as_mut()?;
        let next = match (*step, save.durability) {
            (Step::Asked, _) => Step::Renamed,
            (Step::Renamed, Durability::Synced) => Step::Synced,
            _ => Step::Told,
        };
        *step = next;
        let conf = Arc::clone(&save.conf);
        match next {
            Step::Renamed => self.visible = Some(conf),
            Step::Synced => {
                self.older.extend(self.durable.replace(conf));
                if self.older.len() > OLDER_MAX {
                    self.older.pop_front();
                }
            }
            Step::Asked | Step::Told => {}
        }
        (next == Step::Told).then_some(save.seq)
    }

    /// The node is gone, and with it what it was about to write.
    pub(crate) fn crash(&mut self, crash: Crash, rng: &mut Rng) {
        if crash == Crash::Power && rng.bool() {
            self.visible.clone_from(&self.durable);
        }
        self.durable.clone_from(&self.visible);
        (self.under_way, self.waiting) = (None, None);
    }

    /// Somebody puts an old copy of the file back. Returns whether there was one.
    pub(crate) fn put_back(&mut self, rng: &mut Rng) -> bool {
        let old = (!self.older.is_empty()).then(|| Arc::clone(&self.older[rng.usize(..self.older.len())]));
        if let Some(old) = &old {
            (self.visible, self.durable) = (Some(Arc::clone(old)), Some(Arc::clone(old)));
        }
        old.is_some()
    }

    /// Somebody puts another file there, of a node that does not run.
    pub(crate) fn put(&mut self, conf: NodesConf) {
        let conf = Arc::new(conf);
        (self.visible, self.durable) = (Some(Arc::clone(&conf)), Some(conf));
    }

    /// Somebody deletes the file.
    pub(crate) fn wipe(&mut self) {
        *self = Disk { begun: self.begun, ..Disk::default() };
    }

    /// What a node that starts reads.
    pub(crate) fn read(&self) -> Option<NodesConf> {
        self.visible.as_ref().map(|conf| again(conf))
    }

    /// What is there whatever happens.
    pub(crate) fn durable(&self) -> Option<&NodesConf> {
        self.durable.as_deref()
    }
}

/// What was written, as it is read.
fn again(conf: &NodesConf) -> NodesConf {
    NodesConf::parse(conf.print(PrimaryPort::Tcp).as_bytes(), PrimaryPort::Tcp).expect("we wrote it")
}
