//! CLUSTER on a server that is no node of a cluster: every subcommand is known, and refused.

use keyspace::args::Args;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{CommandSpec, Deprecation, Flags};

use crate::command::Run;

use super::{SessionExec, SessionRow};

const ANYONE: Flags = Flags::STALE;
const READ: Flags = Flags::ADMIN.and(Flags::STALE);
const CHANGE: Flags = READ.and(Flags::NO_ASYNC_LOADING);

/// Its answer depends on time and place.
const VARIES: &[&str] = &["nondeterministic_output"];

/// A subcommand; those of Redis 3.0.0 that cost O(1) need say no more.
const SUB: CommandSpec = CommandSpec { since: "3.0.0", group: "cluster", ..CommandSpec::NONE };

const fn refused(spec: CommandSpec) -> SessionRow {
    SessionRow { spec, run: Run::Session(disabled) }
}

const fn sub(name: &'static str, arity: i16, flags: Flags, syntax: &'static str, summary: &'static str) -> CommandSpec {
    CommandSpec { name, arity, flags, syntax, summary, ..SUB }
}

const RANGES: &str = "start-slot:integer end-slot:integer [start-slot end-slot ...]";
const GREETED: &str = "ip port:integer [cluster_bus_port:integer]@4.0.0";
const PER_SLOT: &str = "O(N) for N slots.";
const PER_NODE: &str = "O(N) for N nodes of the cluster.";

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[
    SessionRow {
        spec: CommandSpec {
            complexity: "Depends on subcommand.",
            ..sub("cluster", -2, Flags(0), "", "The node and its cluster.")
        },
        run: Run::Container,
    },
    refused(CommandSpec {
        complexity: PER_SLOT,
        ..sub("cluster|addslots", -3, CHANGE, "slot:integer [slot ...]", "Gives slots to this node.")
    }),
    refused(CommandSpec {
        since: "7.0.0",
        complexity: PER_SLOT,
        ..sub("cluster|addslotsrange", -4, CHANGE, RANGES, "Gives ranges of slots to this node.")
    }),
    refused(CommandSpec { tips: VARIES, ..sub("cluster|bumpepoch", 2, CHANGE, "", "Raises the node's config epoch.") }),
    refused(CommandSpec {
        tips: VARIES,
        complexity: "O(N) for N reports.",
        ..sub("cluster|count-failure-reports", 3, READ, "node-id", "Counts the failure reports about a node.")
    }),
    refused(sub("cluster|countkeysinslot", 3, ANYONE, "slot:integer", "Counts the keys of a slot on this node.")),
    refused(CommandSpec {
        complexity: PER_SLOT,
        ..sub("cluster|delslots", -3, CHANGE, "slot:integer [slot ...]", "Makes slots unassigned in this node's view.")
    }),
    refused(CommandSpec {
        since: "7.0.0",
        complexity: PER_SLOT,
        ..sub("cluster|delslotsrange", -4, CHANGE, RANGES, "Makes ranges of slots unassigned in this node's view.")
    }),
    refused(sub(
        "cluster|failover",
        -2,
        CHANGE,
        "options=[FORCE | TAKEOVER]",
        "Has this replica take its primary's place.",
    )),
    refused(sub("cluster|flushslots", 2, CHANGE, "", "Makes all slots of this node unassigned.")),
    refused(sub("cluster|forget", 3, CHANGE, "node-id", "Removes a node from this node's view.")),
    refused(CommandSpec {
        tips: VARIES,
        complexity: "O(log N) for N keys asked for.",
        ..sub("cluster|getkeysinslot", 4, ANYONE, "slot:integer count", "Names keys of a slot on this node.")
    }),
    refused(CommandSpec {
        since: "5.0.0",
        ..sub("cluster|help", 2, Flags::LOADING.and(Flags::STALE), "", "Lists the subcommands.")
    }),
    refused(CommandSpec { tips: VARIES, ..sub("cluster|info", 2, ANYONE, "", "Tells how the cluster is.") }),
    refused(CommandSpec {
        complexity: "O(N) for N bytes of the key.",
        ..sub("cluster|keyslot", 3, ANYONE, "key:string", "Names the slot of a key.")
    }),
    refused(CommandSpec {
        since: "7.0.0",
        tips: VARIES,
        complexity: PER_NODE,
        ..sub("cluster|links", 2, ANYONE, "", "Lists the links to other nodes.")
    }),
    refused(CommandSpec {
        history: &[("4.0.0", "The bus port.")],
        ..sub("cluster|meet", -4, CHANGE, GREETED, "Greets a node, so that it joins.")
    }),
    refused(sub("cluster|myid", 2, ANYONE, "", "Names this node.")),
    refused(CommandSpec {
        tips: VARIES,
        complexity: PER_NODE,
        ..sub("cluster|nodes", 2, ANYONE, "", "Describes every known node on a line.")
    }),
    refused(CommandSpec {
        since: "5.0.0",
        tips: VARIES,
        ..sub("cluster|replicas", 3, READ, "node-id", "Lists the replicas of a primary.")
    }),
    refused(sub("cluster|replicate", 3, CHANGE, "node-id", "Makes this node a replica of a primary.")),
    refused(CommandSpec {
        complexity: PER_NODE,
        ..sub(
            "cluster|reset",
            -2,
            READ.and(Flags::NOSCRIPT),
            "[<HARD | SOFT>]",
            "Makes this node forget the cluster, and its keys if it was a replica.",
        )
    }),
    refused(sub("cluster|saveconfig", 2, CHANGE, "", "Writes the node's view of the cluster to its file.")),
    refused(sub(
        "cluster|set-config-epoch",
        3,
        CHANGE,
        "config-epoch:integer",
        "Sets the config epoch of a node without peers.",
    )),
    refused(sub(
        "cluster|setslot",
        -4,
        CHANGE,
        "slot:integer subcommand=<IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE>",
        "Assigns a slot, or says that it is on the move.",
    )),
    refused(CommandSpec {
        since: "7.0.0",
        tips: VARIES,
        complexity: PER_NODE,
        ..sub("cluster|shards", 2, ANYONE, "", "Describes slots and nodes, primary by primary.")
    }),
    refused(CommandSpec {
        tips: VARIES,
        deprecated: Some(Deprecation { since: "5.0.0", replaced_by: "`CLUSTER REPLICAS`" }),
        ..sub("cluster|slaves", 3, READ, "node-id", "Lists the replicas of a primary.")
    }),
    refused(CommandSpec {
        tips: VARIES,
        complexity: PER_NODE,
        deprecated: Some(Deprecation { since: "7.0.0", replaced_by: "`CLUSTER SHARDS`" }),
        history: &[("4.0.0", "The ids of nodes."), ("7.0.0", "More about the addresses of nodes.")],
        ..sub("cluster|slots", 2, ANYONE, "", "Maps ranges of slots to nodes.")
    }),
];

fn disabled(_: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    Err(Refusal::Text("ERR This instance has cluster support disabled"))
}
