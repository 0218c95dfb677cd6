//! What the state machine wants done, in order. The transport does it and decides nothing.
//!
//! §18.5: what depends on something durable waits until it is: frames that tell of it, keys that go because of it. §18.3: what depends on
//! cores having given up a right waits until they have. The outbox keeps such effects apart and lets the others pass.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::address::Address;
use crate::conf::NodesConf;
use crate::id::NodeId;
use crate::slot_set::SlotSet;
use crate::snapshot::SnapshotVersion;
use crate::time::UnixMillis;

/// A connection of the bus. Never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// A save of `nodes.conf`. Later saves have greater numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SaveSeq(pub u64);

/// How much of a save has to be on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// It may be lost with the machine.
    Written,
    /// It may not: something depends on it.
    Synced,
}

/// Something that is to be done.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Open a connection to a bus port; say `dialled` or `closed`.
    Dial(LinkId, Address),
    /// Close a connection, without saying so.
    Close(LinkId),
    /// Send a frame.
    Send(LinkId, Arc<[u8]>),
    /// Replace the file by this; say `saved`. If it cannot be written the process ends.
    Save(SaveSeq, Durability, Box<NodesConf>),
    /// What cores route by has changed: give them the snapshot of this version; say `acknowledged` when all of them run under it.
    Routes(SnapshotVersion),
    /// The slots of this set are another node's now: drop what is stored in them. No core writes there any more.
    Lost(Box<SlotSet>),
    /// Follow this master, or nobody.
    Follow(Option<(NodeId, Address)>),
    /// Stop all writes, until this time at most; say `writes_paused` when no core writes any more.
    Pause(UnixMillis),
    /// Let writes go on.
    Resume,
    /// Something that a human should hear of.
    Alarm(Alarm),
}

/// Something that a human should hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// A peer named an epoch so far ahead that it was not believed.
    EpochJump(NodeId),
    /// Two masters had one config epoch; this node took another.
    EpochCollision(NodeId),
    /// There is no room for another node.
    TableFull,
    /// The control loop stood still for longer than the node timeout.
    Stalled,
}

/// What has to be done before something else may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Until {
    /// This save is durable.
    pub save: SaveSeq,
    /// All cores run under this snapshot or a later one.
    pub routes: SnapshotVersion,
}

/// What is to be done, and what waits for the disk or for cores.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    ready: VecDeque<Effect>,
    held: VecDeque<(Until, Effect)>,
    /// What was asked for last, of either.
    asked: Until,
    /// What is done.
    done: Until,
}

impl Outbox {
    /// Adds something to do.
    pub(crate) fn push(&mut self, effect: Effect) {
        self.ready.push_back(effect);
    }

    /// Adds something to do once something else is done.
    pub(crate) fn after(&mut self, until: Until, effect: Effect) {
        if self.is_done(until) {
            self.ready.push_back(effect);
        } else {
            self.held.push_back((until, effect));
        }
    }

    /// Whether it is.
    pub(crate) fn is_done(&self, until: Until) -> bool {
        until.save <= self.done.save && until.routes <= self.done.routes
    }

    /// All that was asked for.
    pub(crate) fn asked(&self) -> Until {
        self.asked
    }

    /// The number that the next save will have.
    pub(crate) fn next_save(&self) -> SaveSeq {
        SaveSeq(self.asked.save.0 + 1)
    }

    /// The version that the next snapshot will have.
    pub(crate) fn next_routes(&self) -> SnapshotVersion {
        SnapshotVersion(self.asked.routes.0 + 1)
    }

    /// Asks for a save.
    pub(crate) fn save(&mut self, durability: Durability, conf: NodesConf) {
        self.asked.save = self.next_save();
        self.push(Effect::Save(self.asked.save, durability, Box::new(conf)));
    }

    /// Gives the cores a new snapshot.
    pub(crate) fn route(&mut self) {
        self.asked.routes = self.next_routes();
        self.push(Effect::Routes(self.asked.routes));
    }

    /// A save is done, and with it all before it. What waited for them goes.
    pub(crate) fn saved(&mut self, seq: SaveSeq) {
        self.done.save = self.done.save.max(seq.min(self.asked.save));
        self.release();
    }

    /// All cores run under a snapshot. What waited for it goes.
    pub(crate) fn acknowledged(&mut self, version: SnapshotVersion) {
        self.done.routes = self.done.routes.max(version.min(self.asked.routes));
        self.release();
    }

    fn release(&mut self) {
        for (until, effect) in std::mem::take(&mut self.held) {
            self.after(until, effect);
        }
    }

    /// Drops what waits for a link that is gone.
    pub(crate) fn forget(&mut self, link: LinkId) {
        self.held.retain(|(_, effect)| !matches!(effect, Effect::Send(of, _) if *of == link));
    }

    /// The next thing to do.
    pub(crate) fn poll(&mut self) -> Option<Effect> {
        self.ready.pop_front()
    }
}
