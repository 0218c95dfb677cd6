//! Questions to all cores: what an administrative command needs to know or do everywhere.
//!
//! A handler on the home core asks; every core answers in its own turn; the handler's `finish` puts the answers together.

use std::sync::Arc;
use std::time::Duration;

use clusterbus::command::ClusterReply;
use clusterbus::slot_set::SlotSet;
use keyspace::args::{Args, OwnedArgs};
use keyspace::commands::dump::KeyCopy;
use keyspace::commands::scan::{ScanPart, ScanRequest};
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::slot::Slot;

use crate::acl::{Denial, Users};
use crate::busy::Busy;
use crate::cluster::stats::SlotUse;
use crate::commands::SessionExec;
use crate::commands::acl_users::{UsersChange, UsersDecision};
use crate::commands::client_filter::ClientFilter;
use crate::commands::client_line::ClientLine;
use crate::commands::client_pause::{Pause, PauseOrder};
use crate::latency::Event;
use crate::mesh::CoreId;
use crate::migration::{HoldAsk, HoldEnd, Transfer, Transferred};
use crate::pubsub::{Kind, Publication, Topic};
use crate::report::CoreReport;
use crate::saving::{SaveAnswer, SaveAsk};
use crate::settings::Settings;
use crate::slowlog::Slow;
use crate::tracking::Tracker;
use scripting::{LibraryInfo, Replace, Sha};

/// A question. Every core, or the address that is asked, answers each with the `Answer` named.
#[derive(Clone)]
pub enum Ask {
    /// Its part of a scan: `Answer::Scan`.
    Scan(Arc<ScanRequest>, u16),
    /// Changes the settings, on the core that decides about them: `Answer::Settings`.
    ConfigSet(Arc<OwnedArgs>),
    /// Takes these settings on, and these users, if they are newer: `Answer::Done`.
    Configure(Arc<Settings>, u64, Arc<Users>),
    /// Its slow log: `Answer::Slow`.
    Slowlog,
    /// Forgets its slow log: `Answer::Done`.
    SlowlogReset,
    /// Says that it takes turns: `Answer::Done`.
    Ping,
    /// Its latency events: `Answer::Latency`.
    Latency,
    /// Forgets the latency events with these names, or all without a name: `Answer::Latency`, what it forgot.
    LatencyReset(Arc<OwnedArgs>),
    /// Sets the counters that INFO prints to zero: `Answer::Done`.
    ResetStats,
    /// What it reports about itself: `Answer::Report`.
    Report,
    /// Writes the settings and users to the overrides file; the service thread: `Answer::Text`, the error reply without its `-`.
    ConfigRewrite(Arc<Users>),
    /// Changes the users on behalf of this client, on the core that decides about them: `Answer::Users`.
    ChangeUsers(UsersChange, u64),
    /// Takes these users on, if they are newer, and ends its clients of users that are gone: `Answer::Count`, as decided.
    TakeUsers(UsersDecision),
    /// Writes the users to the aclfile; the service thread: `Answer::Text`, the error reply without its `-`.
    AclSave(Arc<Users>),
    /// Reads the aclfile; the service thread: `Answer::AclFile`.
    AclLoad,
    /// What was denied to its clients: `Answer::Denials`.
    AclLog,
    /// Forgets what was denied to its clients: `Answer::Done`.
    AclLogReset,
    /// Ends the process; the service thread: `Answer::Text` if it does not end, the error reply without its `-`.
    Shutdown(ShutdownFlags),
    /// Gives memory back that it keeps for reuse: `Answer::Done`.
    Purge,
    /// Switches its active-expire cycle on or off: `Answer::Done`.
    ActiveExpire(bool),
    /// Says when what was dropped so far and is to be freed promptly is free: `Answer::Done`.
    Freed,
    /// Stops for a while: `Answer::Done`.
    Sleep(Duration),
    /// Lines about its clients that pass: `Answer::Clients`.
    Clients(Arc<ClientFilter>),
    /// Ends the waiting of the client with this number, if it is blocked here: `Answer::Count`.
    Unblock(u64, Ending),
    /// Something about its scripts and functions.
    Scripts(ScriptsAsk),
    /// Ends its clients that pass: `Answer::Count`.
    KillClients(Arc<ClientFilter>),
    /// Decides about a client pause, on the core that decides; `None` ends it: `Answer::Pause`.
    DecidePause(Option<Pause>),
    /// Publishes a message, on the core that orders its channel's: `Answer::Count`, its receivers.
    Publish(Arc<Publication>),
    /// Notes that a client of the asking core is a monitor: `Answer::Done`.
    Monitor,
    /// Where its client with this number is: `Answer::Client`.
    FindClient(u64),
    /// Notes that this client tracks by these prefixes: `Answer::Done`.
    Track(Tracker, Arc<[Arc<[u8]>]>),
    /// Notes that it does no longer track by prefixes: `Answer::Done`.
    Untrack(Tracker),
    /// Notes that a client of the asking core listens to these, as far as they concern this core: `Answer::Joined`.
    Subscribe(Arc<[Topic]>),
    /// Notes that it does no longer: `Answer::Parted`.
    Unsubscribe(Arc<[Topic]>),
    /// Copies keys and holds them, once their slots are here and nobody else holds one: `Answer::Copies`.
    Hold(Arc<HoldAsk>),
    /// Deletes what was sent of a hold, and ends it: `Answer::Done`.
    EndHold(Arc<HoldEnd>),
    /// Sends keys to another server; the service thread: `Answer::Transferred`.
    Transfer(Arc<Transfer>),
    /// A step of a snapshot; the service thread: `Answer::Save`.
    Save(Box<SaveAsk>),
    /// Who listens: `Answer::Names` or `Answer::Counts`.
    Pubsub(Arc<PubsubQuery>),
    /// Takes that decision on, if it is newer, and says when no write of its clients is under way: `Answer::Done`.
    Pause(PauseOrder),
    /// Likewise, but does not say when: `Answer::Done`.
    BeginPause(PauseOrder),
    /// A CLUSTER command, or DEBUG CLUSTERLINK; the bus thread: `Answer::Cluster`.
    Cluster(Arc<OwnedArgs>),
    /// Says that every core goes by the settings that the cluster has; the bus thread: `Answer::Done`.
    ClusterConfigured,
    /// How many keys this slot of it has: `Answer::Count`.
    CountInSlot(Slot),
    /// So many keys of this slot of it: `Answer::Names`.
    KeysInSlot(Slot, usize),
    /// How its slots are used that this node serves: `Answer::SlotStats`.
    SlotStats,
    /// Its slots that have keys; from the bus thread: `Answer::SlotKeys`.
    SlotKeys,
    /// Drops all keys of these slots; from the bus thread: `Answer::Count`, how many there were.
    DropSlots(Arc<SlotSet>),
}

/// An answer.
pub enum Answer {
    /// It is done.
    Done,
    /// This client is told of keys by their prefixes from now on.
    Tracked(Tracker),
    /// Copies of keys that are there, by their numbers, ascending.
    Copies(Vec<(u32, KeyCopy)>),
    /// What became of keys that were to be sent.
    Transferred(Transferred),
    /// What became of a step of a snapshot.
    Save(SaveAnswer),
    /// What was decided about the libraries, or the text of the refusal.
    Functions(Result<FunctionSet, String>),
    /// Libraries by name.
    Libraries(Vec<LibraryInfo>),
    /// The function that runs, and counts.
    RunningFunction(FunctionReport),
    /// The source of a script, if there is one.
    Source(Option<Arc<[u8]>>),
    /// It could not be done: a busy script has the slots.
    Busy(Busy),
    /// Part of a scan.
    Scan(ScanPart),
    /// The settings after a change with their version, and the users that may come with it; or the text of the refusal.
    Settings(Result<(Arc<Settings>, u64, Arc<Users>), String>),
    /// Slow commands.
    Slow(Vec<Slow>),
    /// Latency events by name.
    Latency(Vec<Event>),
    /// A core's report.
    Report(Box<CoreReport>),
    /// Success, or the text of an error reply without its `-`.
    Text(Result<(), String>),
    /// Lines about clients.
    Clients(Vec<ClientLine>),
    /// How many.
    Count(u64),
    /// Where a client is, if it is there.
    Client(Option<Tracker>),
    /// The core noted these subscriptions.
    Joined(Arc<[Topic]>),
    /// The core noted the end of these subscriptions.
    Parted(Arc<[Topic]>),
    /// Names of channels.
    Names(Vec<Arc<[u8]>>),
    /// Numbers, one per name asked for.
    Counts(Vec<u64>),
    /// What was decided about a client pause.
    Pause(PauseOrder),
    /// What was decided about users, or why nothing was.
    Users(Result<UsersDecision, Refusal>),
    /// The users of the aclfile, or the error reply without its `-`.
    AclFile(Result<Arc<Users>, String>),
    /// What was denied, newest first.
    Denials(Vec<Denial>),
    /// The reply to a CLUSTER command, or the error reply without its `-`.
    Cluster(Result<ClusterReply, String>),
    /// How slots are used.
    SlotStats(Vec<SlotUse>),
    /// Slots that have keys, and how many keys there are in databases other than 0.
    SlotKeys(Box<SlotSet>, u64),
}

/// What a core is asked about scripts and functions.
#[derive(Clone)]
pub enum ScriptsAsk {
    /// The source of a script that it has loaded: `Answer::Source`.
    Source(Sha),
    /// Loads a script, to stay until SCRIPT FLUSH: `Answer::Source`, its name as the source, or `Answer::Text`, the refusal.
    Load(Arc<[u8]>),
    /// Which of these scripts it has loaded: `Answer::Counts`, a 1 for each that it has.
    Exist(Arc<[Sha]>),
    /// Forgets all scripts: `Answer::Done`.
    Flush,
    /// Decides about a change of the libraries, on the core that decides: `Answer::Functions`.
    DecideFunctions(Arc<FunctionChange>),
    /// Takes that decision on, if it is newer: `Answer::Done`.
    TakeFunctions(FunctionSet),
    /// All libraries: `Answer::Libraries`.
    Libraries,
    /// The function that has its engine, if one has, and how many libraries and functions there are: `Answer::RunningFunction`.
    RunningFunction,
    /// Ends the script that has its engine, if there is one: `Answer::Text`, or `Answer::Done` without one.
    Kill(KillTarget),
}

/// A change of the libraries.
#[derive(Clone, Debug)]
pub enum FunctionChange {
    /// Another library, by its code.
    Load(Box<[u8]>, Replace),
    /// One library fewer, by its name.
    Delete(Box<[u8]>),
    /// No libraries.
    Flush,
    /// The libraries of a dump.
    Restore(Vec<Vec<u8>>, Conflict),
}

impl FunctionChange {
    /// The commands that make the change, for the log.
    pub fn words(&self) -> Vec<OwnedArgs> {
        let load = |code: &[u8], replace: bool| {
            let option = replace.then_some(&b"REPLACE"[..]);
            [&b"FUNCTION"[..], b"LOAD"].into_iter().chain(option).chain([code]).collect::<OwnedArgs>()
        };
        let flush = || [b"FUNCTION".as_slice(), b"FLUSH"].iter().collect();
        match self {
            FunctionChange::Load(code, replace) => vec![load(code, *replace == Replace::Yes)],
            FunctionChange::Delete(name) => vec![[b"FUNCTION".as_slice(), b"DELETE", name].iter().collect()],
            FunctionChange::Flush => vec![flush()],
            FunctionChange::Restore(libraries, conflict) => {
                let before = (*conflict == Conflict::Flush).then(flush);
                let replace = *conflict == Conflict::Replace;
                before.into_iter().chain(libraries.iter().map(|code| load(code, replace))).collect()
            }
        }
    }
}

/// What becomes of the libraries that are there when others are restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// They are deleted.
    Flush,
    /// They stay; one of the same name is an error.
    Append,
    /// One of the same name is replaced.
    Replace,
}

/// All libraries after a decision.
#[derive(Clone, Debug)]
pub struct FunctionSet {
    /// The number of the decision.
    pub version: u64,
    /// Their code, by their names.
    pub codes: Arc<[Arc<[u8]>]>,
}

/// What a core tells FUNCTION STATS.
pub struct FunctionReport {
    /// The function that runs: its name, its command, and for how many milliseconds.
    pub running: Option<(Box<[u8]>, OwnedArgs, u64)>,
    /// How many libraries there are.
    pub libraries: usize,
    /// How many functions they have.
    pub functions: usize,
}

/// What is to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillTarget {
    /// A script of EVAL.
    Script,
    /// A function of FCALL.
    Function,
}

/// Why a blocked client stops waiting without what it waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its time is up, or CLIENT UNBLOCK says so.
    TimeOut,
    /// CLIENT UNBLOCK with an error.
    Error,
}

/// What PUBSUB asks a core about the topics that it knows of.
#[derive(Clone, Debug)]
pub enum PubsubQuery {
    /// The active channels of this kind whose names match: `Answer::Names`.
    Active(Kind, Option<Box<[u8]>>),
    /// Subscribers of each of these channels, 0 for those of other cores: `Answer::Counts`.
    Subscribers(Kind, OwnedArgs),
    /// How many patterns there are: `Answer::Counts`, one number.
    Patterns,
}

/// How SHUTDOWN is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownFlags {
    /// `NOSAVE`: nothing is saved, whatever the settings say.
    pub nosave: bool,
    /// `SAVE`: everything is saved, whatever the settings say.
    pub save: bool,
    /// `NOW`: no replica is waited for.
    pub now: bool,
    /// `FORCE`: what fails does not stop it.
    pub force: bool,
    /// `ABORT`: an earlier one that still waits is called off.
    pub abort: bool,
}

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Every core, the asking one included.
    Cores,
    /// One core.
    Core(CoreId),
    /// The service thread.
    Service,
    /// The bus thread. Only where the cluster is on.
    Bus,
}

/// Makes the reply from the answers, in the order of the cores. It may ask again.
pub type FinishFn = fn(&mut SessionExec<'_>, Args<'_>, Vec<Answer>, &mut Reply<'_>) -> Outcome;

/// What a handler wants asked before its reply can be made.
pub struct Asking {
    /// Who is asked.
    pub to: Audience,
    /// What.
    pub ask: Ask,
    /// How the reply is made.
    pub finish: FinishFn,
}
