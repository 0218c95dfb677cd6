//! Questions to all cores: what an administrative command needs to know or do everywhere.
//!
//! A handler on the home core asks; every core answers in its own turn; the handler's `finish` puts the answers together.

use std::sync::Arc;
use std::time::Duration;

use keyspace::args::{Args, OwnedArgs};
use keyspace::commands::scan::{ScanPart, ScanRequest};
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;

use crate::acl::{Denial, Users};
use crate::commands::SessionExec;
use crate::commands::acl_users::{UsersChange, UsersDecision};
use crate::commands::client_filter::ClientFilter;
use crate::commands::client_line::ClientLine;
use crate::commands::client_pause::{Pause, PauseOrder};
use crate::latency::Event;
use crate::mesh::CoreId;
use crate::report::CoreReport;
use crate::settings::Settings;
use crate::slowlog::Slow;

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
    /// Stops for a while: `Answer::Done`.
    Sleep(Duration),
    /// Lines about its clients that pass: `Answer::Clients`.
    Clients(Arc<ClientFilter>),
    /// Ends its clients that pass: `Answer::Count`.
    KillClients(Arc<ClientFilter>),
    /// Decides about a client pause, on the core that decides; `None` ends it: `Answer::Pause`.
    DecidePause(Option<Pause>),
    /// Takes that decision on, if it is newer, and says when no write of its clients is under way: `Answer::Done`.
    Pause(PauseOrder),
}

/// An answer.
pub enum Answer {
    /// It is done.
    Done,
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
    /// What was decided about a client pause.
    Pause(PauseOrder),
    /// What was decided about users, or why nothing was.
    Users(Result<UsersDecision, Refusal>),
    /// The users of the aclfile, or the error reply without its `-`.
    AclFile(Result<Arc<Users>, String>),
    /// What was denied, newest first.
    Denials(Vec<Denial>),
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
