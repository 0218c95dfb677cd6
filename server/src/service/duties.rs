//! What the service thread does about its mail: it answers questions, takes settings on, and stops the server.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use glommio::GlommioError;
use glommio::timer::timeout;
use shard::acl::Users;
use shard::ask::{Answer, Ask, ShutdownFlags};
use shard::commands::ServerInfo;
use shard::mail::Question;
use shard::mesh::CoreId;
use shard::mesh::mailbox::Address;
use shard::migration::Transfer;
use shard::settings::Settings;

use super::saves::Saves;
use super::transfers::Transfers;
use crate::alarm::Alarm;
use crate::audit;
use crate::boot::Running;
use crate::config::{self, Origin};
use crate::log::Log;
use crate::post::{Answers, Arrival, Post};
use crate::users;

/// The state of the service thread.
pub(super) struct Duties {
    post: Rc<RefCell<Post>>,
    alarm: Arc<Alarm>,
    log: Arc<Log>,
    origin: Origin,
    /// Facts about the process.
    pub(super) server: Arc<ServerInfo>,
    settings: RefCell<Arc<Settings>>,
    transfers: Rc<Transfers>,
    saves: Rc<Saves>,
}

/// Why cores did not answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// These took longer than the limit.
    Late(Vec<CoreId>),
    /// One has too many unanswered questions already.
    Flooded,
}

/// Whether the server goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Going {
    On,
    Stop,
}

impl Duties {
    /// The duties towards the cores that run.
    pub(super) fn new(running: Running, alarm: Arc<Alarm>, log: Arc<Log>, origin: Origin) -> Duties {
        let Running { service, server, settings } = running;
        let post = Rc::new(RefCell::new(Post::new(service)));
        let transfers = Rc::new(Transfers::new());
        Duties { post, alarm, log, origin, server, settings: RefCell::new(settings), transfers, saves: Rc::default() }
    }

    /// The settings in force.
    pub(super) fn settings(&self) -> Arc<Settings> {
        self.settings.borrow().clone()
    }

    /// Serves until the server stops. Every core and the bus thread were told to when this returns.
    pub(super) async fn serve(&self) {
        std::future::poll_fn(|context| {
            self.alarm.arm(context.waker());
            self.post.borrow_mut().wake();
            match self.turn() {
                Going::On => Poll::Pending,
                Going::Stop => Poll::Ready(()),
            }
        })
        .await;
        self.post.borrow_mut().stop_all();
    }

    /// Asks every core and waits for their answers, at most this long.
    pub(super) async fn ask_cores(&self, ask: Ask, limit: Duration) -> Result<Vec<Answer>, Silence> {
        let id = self.post.borrow_mut().ask_cores(&ask).ok_or(Silence::Flooded)?;
        let mut answers = Answers::new(self.post.clone(), id);
        let waited = timeout(limit, async { Ok::<_, GlommioError<()>>((&mut answers).await) }).await;
        waited.map_err(|_| Silence::Late(answers.silent()))
    }

    /// Does what the mail says until there is none, then parks.
    fn turn(&self) -> Going {
        let mut questions: Vec<(Address, Question)> = Vec::new();
        let mut arrivals = Vec::new();
        loop {
            if self.alarm.stop_is_asked() {
                return self.stop();
            }
            self.post.borrow_mut().receive(&mut arrivals);
            // Questions wait for the next look at the mail: settings that were in force before one was asked are then known here,
            // although they come from another core.
            let due = std::mem::take(&mut questions);
            for arrival in arrivals.drain(..) {
                match arrival {
                    Arrival::Configured(settings) => self.configure(settings),
                    Arrival::Audit(core, events) => audit::log(Some(CoreId(core.0)), &events),
                    Arrival::Question(from, question) => questions.push((from, question)),
                    Arrival::RoutesTaken(..) | Arrival::BusPublish(_) => {
                        unreachable!("the cluster is the bus thread's")
                    }
                    Arrival::Stop => unreachable!("this thread tells the others"),
                }
            }
            for (from, question) in due {
                match question.ask {
                    Ask::ConfigRewrite(users) => {
                        let answer = Answer::Text(self.rewrite(&users));
                        self.post.borrow_mut().answer(from, question.id, answer);
                    }
                    Ask::AclLoad => {
                        let read = users::load(&self.settings()).map(Arc::new);
                        let answer = Answer::AclFile(read.map_err(|what| format!("ERR {what}")));
                        self.post.borrow_mut().answer(from, question.id, answer);
                    }
                    Ask::AclSave(users) => {
                        let answer = Answer::Text(self.save_users(&users));
                        self.post.borrow_mut().answer(from, question.id, answer);
                    }
                    Ask::Transfer(transfer) => self.transfer(from, question.id, transfer),
                    Ask::Save(ask) => self.saves.take(from, question.id, *ask, &self.post),
                    Ask::Shutdown(flags) => match refusal(flags) {
                        // The client gets no reply: its connection ends with the process.
                        None => return self.stop(),
                        Some(text) => {
                            let answer = Answer::Text(Err(text.into()));
                            self.post.borrow_mut().answer(from, question.id, answer);
                        }
                    },
                    _ => unreachable!("a core answers that"),
                }
            }
            if questions.is_empty() && self.post.borrow_mut().park() {
                return Going::On;
            }
        }
    }

    fn stop(&self) -> Going {
        tracing::warn!("User requested shutdown...");
        Going::Stop
    }

    /// Sends keys to another server, beside all else.
    fn transfer(&self, from: Address, question: u64, transfer: Arc<Transfer>) {
        let (transfers, post) = (self.transfers.clone(), self.post.clone());
        let send = async move {
            let answer = Answer::Transferred(transfers.send(&transfer).await);
            post.borrow_mut().answer(from, question, answer);
        };
        glommio::spawn_local(send).detach();
    }

    fn configure(&self, settings: Arc<Settings>) {
        self.log.set_level(settings.loglevel);
        self.settings.replace(settings);
    }

    fn save_users(&self, users: &Users) -> Result<(), String> {
        users::save(&self.settings(), users).map_err(|error| {
            tracing::warn!("ACL SAVE failed: {error}");
            "ERR There was an error trying to save the ACLs. Please check the server logs for more information"
                .to_owned()
        })
    }

    fn rewrite(&self, users: &Users) -> Result<(), String> {
        match config::rewrite(&self.origin, &self.settings(), users) {
            Ok(()) => {
                tracing::info!("CONFIG REWRITE executed with success.");
                Ok(())
            }
            Err(error) => {
                tracing::warn!("CONFIG REWRITE failed: {error}");
                Err(error.to_string())
            }
        }
    }
}

/// Why SHUTDOWN with these flags does not end the process; the error reply without its `-`.
fn refusal(flags: ShutdownFlags) -> Option<&'static str> {
    if flags.abort {
        // One that was accepted ends the process before anybody could call it off.
        return Some("ERR No shutdown in progress.");
    }
    if flags.save && !flags.force {
        tracing::warn!("SHUTDOWN SAVE was refused: this version keeps no snapshots.");
        return Some("ERR Errors trying to SHUTDOWN. Check logs.");
    }
    None
}
