//! Voters that start from a file: none votes again where it may have voted, and none waits for longer than it has to.
#![allow(non_snake_case)]

use keyspace::slot::Slot;

use super::vote_tests::Poll;
use super::world::World;
use super::{Cluster, ReplicationFacts};
use crate::epoch::Epoch;
use crate::time::Millis;
use crate::wire::{Body, Frame, Header, Marks, Pulse, PulseKind};

impl Poll {
    /// The voter ends, and starts from this copy of its file.
    fn again(&mut self, copy: &crate::conf::NodesConf) {
        self.voter = Cluster::restore(self.voter.settings.clone(), copy, 1, self.now);
    }

    /// A node says something, of this current epoch.
    fn speaks(&mut self, member: usize, epoch: Epoch) {
        let index = self.node(member);
        let master = self.voter.nodes()[index].master.unwrap_or(index);
        let header = Header {
            sender: World::id(member),
            master: (master != index).then(|| self.voter.nodes()[master].id),
            current_epoch: epoch,
            config_epoch: self.voter.nodes()[master].config_epoch,
            slots: self.voter.slots().slots_of(master).clone(),
            ..self.voter.header(Marks::NONE)
        };
        let host = World::address(member).host;
        let link = self.voter.accepted(host, host, self.now);
        let pulse = Pulse { kind: PulseKind::Ping, gossip: Some(Vec::new()), extensions: Vec::new() };
        self.voter.handle_frame(link, &Frame { header, body: Body::Pulse(pulse) }, self.now);
    }

    fn ticks(&mut self, ticks: u64) {
        for _ in 0..ticks {
            self.now = self.now + Millis(100);
            self.voter.tick(self.now);
            self.voter.before_sleep(self.now);
        }
    }
}

/// Everybody but the voter, which is 1, and 0, which has failed.
const LIVING: [usize; 7] = [2, 3, 4, 5, 6, 7, 8];
/// Ticks of the longest election, with a node timeout of 2 s.
const ELECTION_TICKS: u64 = 40;

#[test]
pub(crate) fn FR_P2C_007_U011_an_old_file_gives_no_second_vote() {
    let mut poll = Poll::new();
    let copy = poll.voter.conf();
    let (first, second) = (poll.request(3, 1), poll.request(6, 1));
    let voted = first.current_epoch;
    assert!(poll.ask(first), "it votes for 3");
    poll.again(&copy);
    assert!(poll.voter.last_vote_epoch() < voted, "and does not know it any more");
    assert!(!poll.ask(second.clone()), "nobody was heard");
    LIVING.iter().for_each(|member| poll.speaks(*member, voted));
    poll.ticks(1);
    assert!(!poll.ask(second.clone()), "others have heard of that epoch");
    // For the next epoch it votes, once the election that it voted in is over.
    let next = Header { current_epoch: voted.next(), ..second };
    assert!(!poll.ask(next.clone()));
    poll.ticks(ELECTION_TICKS - 2);
    assert!(poll.voter.last_vote_epoch() <= voted);
    poll.ticks(3);
    assert_eq!(poll.voter.last_vote_epoch(), voted.next(), "who asked meanwhile is not forgotten");
    assert!(!poll.ask(next), "one vote");
}

#[test]
fn FR_P2C_007_U011_who_has_not_heard_a_majority_votes_never() {
    let mut poll = Poll::new();
    let copy = poll.voter.conf();
    poll.again(&copy);
    let replicas = LIVING.iter().filter(|member| **member != 2);
    let epoch = copy.current_epoch;
    replicas.for_each(|member| poll.speaks(*member, epoch));
    poll.ticks(2 * ELECTION_TICKS);
    let request = poll.request(3, 1);
    assert!(!poll.ask(request.clone()), "of three masters one has failed and one is silent");
    poll.speaks(2, epoch);
    poll.ticks(1);
    assert!(poll.ask(Header { current_epoch: request.current_epoch.next(), ..request }));
}

#[test]
fn FR_P2C_007_U011_who_comes_late_tells_of_epochs_as_well() {
    let mut poll = Poll::new();
    let copy = poll.voter.conf();
    poll.again(&copy);
    let epoch = copy.current_epoch;
    // 3 is not heard at first, and is found failing; nobody else has heard of its election.
    LIVING.iter().filter(|member| **member != 3).for_each(|member| poll.speaks(*member, epoch));
    let three = poll.node(3);
    poll.voter.nodes[three].flags.set(crate::flags::NodeFlags::PFAIL);
    poll.ticks(2);
    poll.speaks(3, epoch.next());
    let request = poll.request(6, 0);
    assert_eq!(request.current_epoch, epoch.next());
    assert!(!poll.ask(request), "3 has asked for votes in this epoch");
}

#[test]
fn FR_P2C_007_U011_a_cluster_that_starts_again_doubts_nothing_for_long() {
    for seed in 0..3 {
        let mut world = World::formed(6, 3, 15_000, seed);
        (0..6).for_each(|at| world.crash(at));
        (0..6).for_each(|at| world.start(at));
        let certain = |world: &World| world.running().all(|(_, cluster)| cluster.doubt.is_none());
        let took = world.run_until(5_000, "all were heard", certain);
        assert!(took <= 1_000, "seed {seed}: {took} ms");
    }
}

#[test]
fn FR_P2C_007_U011_who_does_not_come_back_with_the_others_is_replaced() {
    for seed in 0..4 {
        let mut world = World::formed(6, 3, 5_000, seed);
        (0..6).for_each(|at| world.crash(at));
        (1..6).for_each(|at| world.start(at));
        // It has its master's data, as it was when both ended.
        let facts = ReplicationFacts { offset: 1, heard: world.clock(3) };
        world.at_node(3, |cluster, _| cluster.set_replication(facts));
        let taken = |world: &World| world.owner(1, Slot::FIRST) == Some(World::id(3)) && world.all_ok();
        let took = world.run_until(60_000, "its replica has its place", taken);
        // The first election wins: two node timeouts after the start, not four after it was tried in vain.
        assert!(took <= 2 * 5_000 + 2_000, "seed {seed}: {took} ms");
    }
}
