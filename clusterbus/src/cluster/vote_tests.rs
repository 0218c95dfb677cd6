//! Whom a master votes for: each condition alone, and that a vote is one.
#![allow(non_snake_case)]

use keyspace::slot::Slot;

use super::world::World;
use super::{Cluster, VoteRefusal};
use crate::epoch::Epoch;
use crate::slot_table::NodeIndex;
use crate::time::{Millis, UnixMillis};
use crate::wire::{Body, Frame, Header, Marks};

/// Master 1 of a cluster in which master 0 has failed; 3 is a replica of 0, and so is 6.
pub(super) struct Poll {
    pub(super) voter: Cluster,
    pub(super) now: UnixMillis,
}

impl Poll {
    pub(super) fn new() -> Self {
        let mut world = World::formed(9, 3, 2_000, 19);
        world.crash(0);
        world.run_until(10_000, "FAIL", |world| world.flags(1, 0).has(crate::flags::NodeFlags::FAIL));
        let voter = world.members[1].take().expect("it runs").cluster;
        Self { voter, now: UnixMillis(world.now) }
    }

    pub(super) fn node(&self, member: usize) -> NodeIndex {
        self.voter.nodes().find(&World::id(member)).expect("known")
    }

    /// What a replica sends that asks for votes, one epoch after the voter's.
    pub(super) fn request(&self, replica: usize, ahead: u64) -> Header {
        let index = self.node(replica);
        let master = self.voter.nodes()[index].master.expect("a replica");
        Header {
            sender: World::id(replica),
            master: Some(self.voter.nodes()[master].id),
            current_epoch: Epoch::taken(self.voter.current_epoch().number() + ahead).expect("in range"),
            config_epoch: self.voter.nodes()[master].config_epoch,
            slots: self.voter.slots().slots_of(master).clone(),
            ..self.voter.header(Marks::NONE)
        }
    }

    /// Asks for a vote, as a frame on a new link. Returns whether the voter keeps a vote for it.
    pub(super) fn ask(&mut self, header: Header) -> bool {
        let host = World::address(3).host;
        let link = self.voter.accepted(host, host, self.now);
        let before = self.voter.last_vote_epoch();
        self.voter.handle_frame(link, &Frame { header, body: Body::AuthRequest }, self.now);
        self.voter.last_vote_epoch() != before
    }
}

#[test]
pub(crate) fn FR_P2C_007_U011_each_condition_of_a_vote() {
    let poll = Poll::new();
    let (now, three) = (poll.now, poll.node(3));
    let may = |voter: &Cluster, header: &Header| voter.may_vote(three, header, now);
    let request = poll.request(3, 1);
    assert_eq!(may(&poll.voter, &request), Ok(poll.node(0)));
    let stale = Header { current_epoch: Epoch::ZERO, ..request.clone() };
    assert_eq!(may(&poll.voter, &stale), Err(VoteRefusal::Stale));
    let mut voted = poll.voter.clone();
    voted.last_vote_epoch = voted.current_epoch;
    assert_eq!(may(&voted, &request), Err(VoteRefusal::Voted));
    // A replica of a master that lives is refused, unless that stands still by request.
    let (four, of_living) = (poll.node(4), poll.request(4, 1));
    assert_eq!(poll.voter.may_vote(four, &of_living, now), Err(VoteRefusal::MasterAlive));
    let forced = Header { marks: Marks::FORCE_ACK, ..of_living };
    assert_eq!(poll.voter.may_vote(four, &forced, now), Ok(poll.node(1)));
    assert_eq!(poll.voter.may_vote(poll.node(2), &request, now), Err(VoteRefusal::NoReplica));
    let mut old = poll.voter.clone();
    let slot = request.slots.iter().next().expect("it claims slots");
    let two = poll.node(2);
    old.slots.assign(two, slot);
    old.nodes[two].config_epoch = request.config_epoch.next();
    assert_eq!(may(&old, &request), Err(VoteRefusal::StaleSlots));
    let mut empty = poll.voter.clone();
    Slot::all().for_each(|slot| {
        let _ = empty.slots.remove(slot);
    });
    assert_eq!(may(&empty, &request), Err(VoteRefusal::NoVoter));
}

#[test]
pub(crate) fn FR_P2C_007_S19_no_second_vote_in_an_epoch_or_about_a_master() {
    let mut poll = Poll::new();
    let (first, second) = (poll.request(3, 1), poll.request(6, 1));
    assert!(poll.ask(first.clone()));
    let voted = poll.voter.last_vote_epoch();
    assert!(!poll.ask(second.clone()) && !poll.ask(first), "one vote per epoch");
    // In the next epoch the master is still too fresh in memory.
    let next = Header { current_epoch: voted.next(), ..second };
    assert_eq!(
        poll.voter.may_vote(poll.node(6), &next, poll.now),
        Err(VoteRefusal::Voted),
        "the frame raises the epoch"
    );
    assert!(!poll.ask(next.clone()));
    assert_eq!(poll.voter.may_vote(poll.node(6), &next, poll.now), Err(VoteRefusal::TooSoon));
    let later = poll.now + Millis(4_000);
    assert_eq!(poll.voter.may_vote(poll.node(6), &next, later), Ok(poll.node(0)));
    // After a crash what is on disk says the same.
    let conf = poll.voter.conf();
    let again = Cluster::restore(poll.voter.settings.clone(), &conf, 1, poll.now);
    assert_eq!(again.last_vote_epoch(), voted);
}

#[test]
fn FR_P2C_007_U011_failed_masters_are_replaced_in_turn() {
    let mut world = World::formed(10, 5, 2_000, 20);
    let now = UnixMillis(world.now);
    let mut replica = world.members[9].take().expect("it runs").cluster;
    let node = |member: usize| replica.nodes().find(&World::id(member)).expect("known");
    // Master 4 is to be replaced, and the others have smaller epochs.
    let masters: Vec<NodeIndex> = (0..5).map(node).collect();
    let (mine, replicas): (NodeIndex, Vec<NodeIndex>) = (masters[4], (5..10).map(node).collect());
    for (master, epoch) in masters.iter().zip([1, 2, 3, 4, 5]) {
        replica.nodes[*master].config_epoch = Epoch::taken(epoch).expect("in range");
    }
    assert_eq!(replica.turn(mine, now), 0, "nobody else failed");
    for (master, turn) in masters.iter().zip(1..=4) {
        replica.nodes[*master].flags.set(crate::flags::NodeFlags::FAIL);
        replica.nodes[*master].fail_time = now;
        assert_eq!(replica.turn(mine, now), turn);
    }
    masters.iter().zip(0..).for_each(|(master, turn)| assert_eq!(replica.turn(*master, now), turn));
    // Whoever will not be replaced is not waited for: nobody may, nobody can, there is nothing to take over, and it is too late.
    replica.nodes[replicas[0]].flags.set(crate::flags::NodeFlags::NOFAILOVER);
    assert_eq!(replica.turn(mine, now), 3);
    replica.nodes[replicas[1]].flags.set(crate::flags::NodeFlags::FAIL);
    assert_eq!(replica.turn(mine, now), 2);
    replica.slots.forget(masters[2]);
    assert_eq!(replica.turn(mine, now), 1);
    replica.nodes[masters[3]].fail_time = UnixMillis(now.0 - 31_000);
    assert_eq!(replica.turn(mine, now), 0);
    // By name where epochs are equal.
    replica.nodes[replicas[0]].flags.clear(crate::flags::NodeFlags::NOFAILOVER);
    replica.nodes[masters[0]].config_epoch = replica.nodes[mine].config_epoch;
    assert_eq!(replica.turn(mine, now), 1);
}
