//! What the state machine wants done, in order. The transport does it and decides nothing.
//!
//! §18.5: what depends on something durable waits until it is: frames that tell of it, keys that go because of it. The outbox keeps such
//! effects apart and lets the others pass.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::address::Address;
use crate::conf::NodesConf;
use crate::id::NodeId;
use crate::slot_set::SlotSet;
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
    /// What cores route by has changed.
    Routes,
    /// The slots of this set are another node's now: drop what is stored in them, once no core writes there.
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

/// What is to be done, and what waits for the disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    ready: VecDeque<Effect>,
    held: VecDeque<(SaveSeq, Effect)>,
    requested: SaveSeq,
    durable: SaveSeq,
}

impl Outbox {
    /// Adds something to do.
    pub(crate) fn push(&mut self, effect: Effect) {
        self.ready.push_back(effect);
    }

    /// Adds something to do once the save with this number is durable.
    pub(crate) fn after(&mut self, save: SaveSeq, effect: Effect) {
        if save <= self.durable {
            self.ready.push_back(effect);
        } else {
            self.held.push_back((save, effect));
        }
    }

    /// Whether the save with this number is durable.
    pub(crate) fn is_durable(&self, save: SaveSeq) -> bool {
        save <= self.durable
    }

    /// The number that the next save will have.
    pub(crate) fn next_save(&self) -> SaveSeq {
        SaveSeq(self.requested.0 + 1)
    }

    /// Asks for a save.
    pub(crate) fn save(&mut self, durability: Durability, conf: NodesConf) {
        self.requested = self.next_save();
        self.push(Effect::Save(self.requested, durability, Box::new(conf)));
    }

    /// A save is done, and with it all before it. What waited for them goes.
    pub(crate) fn saved(&mut self, seq: SaveSeq) {
        self.durable = self.durable.max(seq.min(self.requested));
        let held = std::mem::take(&mut self.held);
        for (save, effect) in held {
            self.after(save, effect);
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
