//! Commands of the session and the server: everything that is not about keys alone. Each family is a file of rows and handlers.
//!
//! A handler runs on the client's home core. It sees the session and facts about core and process, writes its reply, and does no
//! I/O. What must be known or done on other cores it asks for with `SessionExec::ask`; the reply is then made by the `finish`
//! function that it names.

pub mod acl;
mod acl_log;
pub mod acl_users;
pub mod client;
pub mod client_filter;
mod client_kill;
pub mod client_line;
mod client_list;
pub mod client_pause;
mod cluster;
pub mod cluster_rows;
pub mod command;
mod command_info;
pub(crate) mod command_keys;
pub mod config;
pub mod connection;
pub mod containers;
pub mod debug;
mod docs;
pub mod functions;
pub mod hello;
pub mod info;
mod info_load;
mod info_process;
mod info_tables;
pub mod latency;
mod latency_histogram;
mod latency_text;
pub mod memory;
pub mod migrate;
pub mod monitor;
pub(crate) mod pubsub;
mod pubsub_query;
pub mod pubsub_rows;
pub(crate) mod replconf;
pub mod reset;
pub mod scan;
pub mod scripts;
pub mod server;
pub mod server_lolwut;
pub mod slowlog;
mod tracking;
pub mod tracking_rows;
pub mod transactions;

use std::path::PathBuf;
use std::sync::Arc;

use keyspace::args::Args;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{Categories, CommandSpec, Flags};

use crate::acl::Guard;
use crate::ask::{Answer, Ask, Asking, Audience, FinishFn};
use crate::command::{CommandTable, Run};
use crate::mesh::{CoreId, Mesh};
use crate::migration;
use crate::ring::{ConnId, Now};
use crate::route::SlotMap;
use crate::script;
use crate::session::Session;
use crate::settings::Settings;
use crate::shard::Shard;

/// The version of Redis whose commands are all here: what clients choose their features by.
pub const REDIS_VERSION: &str = "7.2.4";

/// Our own version.
pub const ASHLAR_VERSION: &str = env!("CARGO_PKG_VERSION");

/// A session command's handler.
pub type SessionFn = fn(&mut SessionExec<'_>, Args<'_>, &mut Reply<'_>) -> Outcome;

/// A session command's row in the command table.
pub struct SessionRow {
    /// What it is.
    pub spec: CommandSpec,
    /// How it is carried out: `Run::Session` or `Run::Container`.
    pub run: Run,
}

/// The rows of all session commands.
pub fn rows() -> impl Iterator<Item = &'static SessionRow> {
    let connection = [client::ROWS, connection::ROWS, hello::ROWS, reset::ROWS, pubsub_rows::ROWS, transactions::ROWS];
    let data = [containers::ROWS, scan::ROWS, memory::ROWS, debug::ROWS, migrate::ROWS];
    let server = [acl::ROWS, command::ROWS, config::ROWS, info::ROWS, latency::ROWS, slowlog::ROWS];
    let more = [scripts::ROWS, functions::ROWS, server::ROWS, cluster_rows::ROWS, server_lolwut::ROWS];
    let all = [tracking_rows::ROWS, monitor::ROWS, replconf::ROWS];
    connection.into_iter().chain(data).chain(server).chain(more).chain(all).flatten()
}

/// The row of a HELP subcommand.
const fn help_row(name: &'static str, since: &'static str, run: SessionFn) -> SessionRow {
    let spec = CommandSpec {
        name,
        arity: 2,
        flags: Flags::LOADING.and(Flags::STALE),
        since,
        group: "server",
        summary: "Lists the subcommands.",
        ..CommandSpec::NONE
    };
    SessionRow { spec, run: Run::Session(run) }
}

/// The same of a container of scripts, whose help belongs to their category.
const fn scripts_help_row(name: &'static str, since: &'static str, run: SessionFn) -> SessionRow {
    let mut row = help_row(name, since, run);
    row.spec.categories = Categories::SCRIPTING;
    row
}

/// Writes the reply of a HELP subcommand.
fn write_help(reply: &mut Reply<'_>, lines: &[&str]) -> Outcome {
    reply.lines(lines);
    Ok(())
}

/// The `finish` of what is done once everybody has answered.
fn done(_: &mut SessionExec, _: Args, _: Vec<Answer>, reply: &mut Reply) -> Outcome {
    reply.ok();
    Ok(())
}

/// The `finish` of what the service thread does, or refuses with a text.
fn done_by_service(_: &mut SessionExec, _: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let Some(Answer::Text(result)) = answers.into_iter().next() else {
        unreachable!("the service thread answers with a text");
    };
    result.map_err(Refusal::owned)?;
    reply.ok();
    Ok(())
}

/// What must happen after a handler.
#[derive(Default)]
pub enum Then {
    /// Nothing: the reply is written.
    #[default]
    Nothing,
    /// The connection ends once its replies are sent.
    Close,
    /// A question; the reply is made from the answers.
    Ask(Asking),
    /// The session's transaction is carried out.
    Exec,
    /// A script or a function is run.
    Script(script::Request),
    /// Keys are sent to another server.
    Migrate(Box<migration::Request>),
    /// The session watches the keys that are the arguments.
    Watch,
    /// The session hears of all commands.
    Monitor,
    /// It does no longer.
    StopMonitor,
}

/// A session command's view of the world.
pub struct SessionExec<'a> {
    /// The connection.
    pub conn: ConnId,
    /// The client.
    pub session: &'a mut Session,
    /// Core and process.
    pub facts: &'a Facts<'a>,
    /// What happens next.
    pub then: &'a mut Then,
}

impl SessionExec<'_> {
    /// Has a question asked; `finish` makes the reply, and the handler writes none.
    pub fn ask(&mut self, to: Audience, ask: Ask, finish: FinishFn) {
        *self.then = Then::Ask(Asking { to, ask, finish });
    }

    /// Has the connection ended after its replies.
    pub fn close(&mut self) {
        *self.then = Then::Close;
    }
}

/// Facts about core and process.
pub struct Facts<'a> {
    /// The home core.
    pub core: CoreId,
    /// Number of cores.
    pub cores: u16,
    /// Which core serves a slot.
    pub map: &'a SlotMap,
    /// The time of this turn.
    pub now: Now,
    /// The settings in force.
    pub settings: &'a Arc<Settings>,
    /// The users in force, and what this core notes about them.
    pub acl: &'a Guard,
    /// The process.
    pub server: &'a Arc<ServerInfo>,
    /// All commands.
    pub table: &'static CommandTable,
    /// Whether this is a node of a cluster.
    pub clustered: bool,
    /// Published numbers of all cores.
    pub published: &'a Mesh<Shard>,
}

/// What is known of the process from its start.
pub struct ServerInfo {
    /// 40 hexadecimal digits, new with every start.
    pub run_id: String,
    /// Process id.
    pub pid: u32,
    /// When it started, in microseconds of the ring's wall clock.
    pub started_us: u64,
    /// The binary.
    pub executable: PathBuf,
    /// The configuration file, if there is one.
    pub config_file: Option<PathBuf>,
    /// Whether `bind` was left at its default: what protected mode is for.
    pub default_bind: bool,
}
