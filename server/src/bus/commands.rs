//! CLUSTER commands of this node's clients.

use clusterbus::command::{ClusterCommand, ClusterReply, CommandFacts, LinkFacts};
use clusterbus::slot_set::SlotSet;
use clusterbus::topics::Topic;
use shard::ask::{Answer, Ask};
use shard::mail::Question;
use shard::mesh::mailbox::Address;

use super::driver::Bus;
use super::held::Asker;

/// Most arguments of a command, and most bytes of each, that the audit tells it apart by.
const ARGS_MAX: usize = 8;
const ARG_BYTES_MAX: usize = 64;

impl Bus {
    /// A core asks something.
    pub(super) fn asked(&mut self, core: Address, question: Question) {
        let Question { id, ask } = question;
        let asker = Asker { core, id };
        let args = match ask {
            Ask::Cluster(args) => args,
            // The settings came before: a core asks when all cores have them.
            Ask::ClusterConfigured => return self.held.hold(asker, Answer::Done, self.clock.now()),
            _ => unreachable!("nothing else is asked of the bus thread"),
        };
        let args = args.args();
        let args: Vec<&[u8]> = args.iter().collect();
        match ClusterCommand::parse(&args) {
            Err(text) => {
                self.cluster.note(Topic::CommandRefused, &told_apart(&args));
                self.reply(asker, Err(text));
            }
            Ok(command) if command.asks_for_keys(&self.cluster) => self.run_with_keys(asker, command),
            Ok(command) => self.run(asker, command, SlotSet::EMPTY),
        }
    }

    /// Carries a command out, with what is stored.
    pub(super) fn run(&mut self, asker: Asker, command: ClusterCommand, stored: SlotSet) {
        let facts = self.facts(stored);
        let reply = self.cluster.command(command, &facts, self.clock.now());
        match reply {
            // What orders something says no more than that it is done.
            Ok(ClusterReply::Ok | ClusterReply::Status(_)) => {
                self.held.hold(asker, Answer::Cluster(reply), self.clock.now());
            }
            reply => self.reply(asker, reply),
        }
    }

    /// Answers at once.
    pub(super) fn reply(&mut self, asker: Asker, reply: Result<ClusterReply, String>) {
        self.post.borrow_mut().answer(asker.core, asker.id, Answer::Cluster(reply));
    }

    /// What a command may need to know.
    pub(super) fn facts(&self, stored: SlotSet) -> CommandFacts {
        let waiting = |outgoing: &super::outgoing::Outgoing| LinkFacts {
            allocated: outgoing.allocated() as u64,
            used: outgoing.bytes() as u64,
        };
        CommandFacts {
            stored,
            links: self.links.iter().map(|(id, link)| (*id, waiting(&link.borrow()))).collect(),
            links_over_limit: self.links_over_limit,
            ..CommandFacts::quiet()
        }
    }
}

/// What the audit sums of a command that was refused.
fn told_apart(args: &[&[u8]]) -> Vec<u8> {
    let args = args.iter().take(ARGS_MAX);
    args.flat_map(|arg| arg[..arg.len().min(ARG_BYTES_MAX)].iter().copied().chain([0])).collect()
}

/// The slots with keys of all cores, and the number of keys in databases that a cluster does not have. `None` if a core could not say.
pub(super) fn stored(answers: Vec<Answer>) -> Option<(SlotSet, u64)> {
    let mut all = (SlotSet::EMPTY, 0);
    for answer in answers {
        let Answer::SlotKeys(slots, elsewhere) = answer else { return None };
        slots.iter().for_each(|slot| {
            all.0.insert(slot);
        });
        all.1 += elsewhere;
    }
    Some(all)
}
