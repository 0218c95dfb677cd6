//! This core's answers to questions, its own and those of other addresses.

use std::time::Duration;

use crate::ask::{Answer, Ask, ScriptsAsk};
use crate::mail::{Mail, Reply};
use crate::mesh::mailbox::Address;
use crate::mesh::{CoreId, Mesh};
use crate::pubsub::notice::Notice;
use crate::ring::Ring;
use crate::shard::Shard;

use super::Inner;
use super::spares::Spares;

/// Why some questions never reach a core.
const NO_CORE: &str = "a service thread is asked this";

impl<R: Ring> Inner<R> {
    /// This core's answer to question `id`; `None` if it is given later.
    pub(super) fn answer_to(&mut self, mesh: &Mesh<Shard>, from: Address, id: u64, ask: Ask) -> Option<Answer> {
        match ask {
            Ask::Subscribe(topics) => {
                self.subscribe(from, &topics);
                self.tell(from, Notice::Answer(Box::new(Reply { id, answer: Answer::Joined(topics) })));
                None
            }
            Ask::Unsubscribe(topics) => {
                self.unsubscribe(from, &topics);
                self.tell(from, Notice::Answer(Box::new(Reply { id, answer: Answer::Parted(topics) })));
                None
            }
            ask @ (Ask::Scan(..) | Ask::CountInSlot(_) | Ask::KeysInSlot(..) | Ask::SlotStats | Ask::SlotKeys) => {
                self.about_slots(from, id, ask)
            }
            Ask::DropSlots(slots) => {
                self.begin_dropping(from, id, &slots);
                None
            }
            Ask::Freed => {
                self.note_listening(from, id);
                None
            }
            Ask::Hold(ask) => self.hold(from, id, ask),
            Ask::EndHold(end) => self.end_hold(from, id, end),
            Ask::Monitor => {
                self.begin_monitoring(CoreId(from.0));
                // Behind the lines for monitors that were there before.
                self.tell(from, Notice::Answer(Box::new(Reply { id, answer: Answer::Done })));
                None
            }
            Ask::Pause(order) => {
                self.take_pause(order);
                self.answer_when_paused(from, id);
                None
            }
            Ask::Scripts(ask) if self.scripts.defers(&ask) => {
                self.scripts.questions.push((from, id, ask));
                None
            }
            ask => Some(self.answer_now(mesh, ask)),
        }
    }

    fn answer_now(&mut self, mesh: &Mesh<Shard>, ask: Ask) -> Answer {
        let shard = self.owner.shard();
        match ask {
            Ask::Publish(publication) => Answer::Count(self.publish_everywhere(publication)),
            Ask::FindClient(client) => Answer::Client(self.find_client(client)),
            Ask::Track(tracker, prefixes) => {
                self.track_prefixes(tracker, &prefixes);
                Answer::Tracked(tracker)
            }
            Ask::Untrack(tracker) => {
                self.untrack_prefixes(tracker);
                Answer::Done
            }
            Ask::Pubsub(query) => self.answer_about_pubsub(&query),
            Ask::ConfigSet(pairs) => self.config_set(pairs.args()),
            Ask::Configure(settings, version, users) => {
                self.configure(settings, version);
                self.take_users(users, None);
                Answer::Done
            }
            Ask::Slowlog => Answer::Slow(self.slowlog.entries().cloned().collect()),
            Ask::SlowlogReset => {
                self.slowlog.clear();
                Answer::Done
            }
            Ask::Latency => Answer::Latency(shard.latency.events().to_vec()),
            Ask::LatencyReset(names) => Answer::Latency(shard.latency.forget(names.args())),
            Ask::ResetStats => {
                self.reset_stats();
                Answer::Done
            }
            Ask::Report => Answer::Report(Box::new(self.report())),
            Ask::ChangeUsers(change, client) => Answer::Users(self.change_users(change, client)),
            Ask::TakeUsers(decision) => {
                self.take_users(decision.users, Some(decision.client));
                Answer::Count(decision.deleted)
            }
            Ask::AclLog => Answer::Denials(self.guard.book.borrow().log.entries().cloned().collect()),
            Ask::AclLogReset => {
                self.guard.book.borrow_mut().log.clear();
                Answer::Done
            }
            Ask::Purge => self.purge(),
            Ask::ActiveExpire(on) => {
                self.expiry.turn(on);
                Answer::Done
            }
            Ask::Sleep(time) => self.sleep(time),
            Ask::BeginPause(order) => {
                self.take_pause(order);
                Answer::Done
            }
            Ask::Ping => Answer::Done,
            Ask::Clients(filter) => Answer::Clients(self.clients(&filter)),
            Ask::Scripts(ask) => self.answer_about_scripts(ask),
            Ask::Unblock(client, ending) => Answer::Count(self.unblock(mesh, client, ending) as u64),
            Ask::KillClients(filter) => Answer::Count(self.kill_clients(&filter)),
            Ask::DecidePause(pause) => Answer::Pause(self.decide_pause(pause)),
            Ask::Subscribe(_) | Ask::Unsubscribe(_) | Ask::Monitor | Ask::Pause(_) => {
                unreachable!("these are answered later")
            }
            Ask::Scan(..) | Ask::CountInSlot(_) | Ask::KeysInSlot(..) | Ask::SlotStats | Ask::SlotKeys => {
                unreachable!("these wait for slots")
            }
            Ask::DropSlots(_) | Ask::Hold(_) | Ask::EndHold(_) | Ask::Freed => unreachable!("these wait, too"),
            Ask::ConfigRewrite(_) | Ask::Shutdown(_) | Ask::AclSave(_) | Ask::AclLoad => unreachable!("{NO_CORE}"),
            Ask::Transfer(_) | Ask::Save(_) | Ask::Cluster(_) | Ask::ClusterConfigured => unreachable!("{NO_CORE}"),
        }
    }

    /// Gives memory back that is kept for reuse.
    fn purge(&mut self) -> Answer {
        self.spares = Spares::default();
        Answer::Done
    }

    /// DEBUG SLEEP.
    fn sleep(&mut self, time: Duration) -> Answer {
        // To stop the core, and all who wait for it, is what was asked for.
        std::thread::sleep(time);
        self.clock();
        Answer::Done
    }

    /// Answers the questions that waited for the engine.
    pub(super) fn answer_script_questions(&mut self, mesh: &Mesh<Shard>) {
        for (from, id, ask) in self.scripts.questions_due() {
            let answer = self.answer_about_scripts(ask);
            self.answer_later(mesh, from, Reply { id, answer });
        }
    }

    /// Gives an answer that was not given at once.
    pub(super) fn answer_later(&mut self, mesh: &Mesh<Shard>, from: Address, reply: Reply) {
        match from == self.id.into() {
            true => self.answered(mesh, from, reply),
            false => self.outboxes.answer(from, Mail::Answer(Box::new(reply))),
        }
    }

    fn answer_about_scripts(&mut self, ask: ScriptsAsk) -> Answer {
        match ask {
            ScriptsAsk::Source(sha) => Answer::Source(self.scripts.source(&sha)),
            ScriptsAsk::Load(source) => self.scripts.load(&source),
            ScriptsAsk::Exist(shas) => Answer::Counts(self.scripts.exist(&shas)),
            ScriptsAsk::Flush => self.scripts.flush(),
            ScriptsAsk::DecideFunctions(change) => {
                let answer = self.scripts.decide_functions(&change);
                if let Answer::Functions(Ok(_)) = &answer {
                    self.owner.shard().log_apart(change.words());
                }
                answer
            }
            ScriptsAsk::TakeFunctions(set) => {
                self.scripts.take_functions(set);
                Answer::Done
            }
            ScriptsAsk::Libraries => Answer::Libraries(self.scripts.libraries()),
            ScriptsAsk::RunningFunction => Answer::RunningFunction(self.running_function()),
            ScriptsAsk::Kill(target) => self.kill_script(target),
        }
    }
}
