//! The rows of CLUSTER, and of what clients say of themselves to a node.

use keyspace::spec::{Categories, CommandSpec, Deprecation, Flags};

use crate::command::Run;

use super::cluster::{
    asking, bus, count_keys_in_slot, get_keys_in_slot, help, keyslot, meet, readonly, readwrite, replicate, slot_stats,
};
use super::{SessionFn, SessionRow};

const ANYONE: Flags = Flags::STALE;
const READ: Flags = Flags::ADMIN.and(Flags::STALE);
const CHANGE: Flags = READ.and(Flags::NO_ASYNC_LOADING);

/// Its answer depends on time and place.
const VARIES: &[&str] = &["nondeterministic_output"];

/// A subcommand; those of Redis 3.0.0 that cost O(1) need say no more.
const SUB: CommandSpec = CommandSpec { since: "3.0.0", group: "cluster", ..CommandSpec::NONE };

const fn row(spec: CommandSpec, run: SessionFn) -> SessionRow {
    SessionRow { spec, run: Run::Session(run) }
}

/// A row of what the bus thread answers.
const fn of_bus(spec: CommandSpec) -> SessionRow {
    row(spec, bus)
}

const fn sub(name: &'static str, arity: i16, flags: Flags, syntax: &'static str, summary: &'static str) -> CommandSpec {
    CommandSpec { name, arity, flags, syntax, summary, ..SUB }
}

const LISTS: Flags = Flags::LOADING.and(Flags::STALE);
const LASTING: Flags = Flags::FAST.and(Flags::LOADING).and(Flags::STALE);
const STATS: &str = "filter=<slotsrange=SLOTSRANGE {start-slot:integer end-slot:integer} | \
    orderby=ORDERBY {metric:string [limit=LIMIT:integer] [order=<ASC | DESC>]}>";
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
    of_bus(CommandSpec {
        complexity: PER_SLOT,
        ..sub("cluster|addslots", -3, CHANGE, "slot:integer [slot ...]", "Gives slots to this node.")
    }),
    of_bus(CommandSpec {
        since: "7.0.0",
        complexity: PER_SLOT,
        ..sub("cluster|addslotsrange", -4, CHANGE, RANGES, "Gives ranges of slots to this node.")
    }),
    of_bus(CommandSpec { tips: VARIES, ..sub("cluster|bumpepoch", 2, CHANGE, "", "Raises the node's config epoch.") }),
    of_bus(CommandSpec {
        tips: VARIES,
        complexity: "O(N) for N reports.",
        ..sub("cluster|count-failure-reports", 3, READ, "node-id", "Counts the failure reports about a node.")
    }),
    row(
        sub("cluster|countkeysinslot", 3, ANYONE, "slot:integer", "Counts the keys of a slot on this node."),
        count_keys_in_slot,
    ),
    of_bus(CommandSpec {
        complexity: PER_SLOT,
        ..sub("cluster|delslots", -3, CHANGE, "slot:integer [slot ...]", "Makes slots unassigned in this node's view.")
    }),
    of_bus(CommandSpec {
        since: "7.0.0",
        complexity: PER_SLOT,
        ..sub("cluster|delslotsrange", -4, CHANGE, RANGES, "Makes ranges of slots unassigned in this node's view.")
    }),
    of_bus(sub(
        "cluster|failover",
        -2,
        CHANGE,
        "options=[FORCE | TAKEOVER]",
        "Has this replica take its primary's place.",
    )),
    of_bus(sub("cluster|flushslots", 2, CHANGE, "", "Makes all slots of this node unassigned.")),
    of_bus(sub("cluster|forget", 3, CHANGE, "node-id", "Removes a node from this node's view.")),
    row(
        CommandSpec {
            tips: VARIES,
            complexity: "O(log N) for N keys asked for.",
            ..sub("cluster|getkeysinslot", 4, ANYONE, "slot:integer count", "Names keys of a slot on this node.")
        },
        get_keys_in_slot,
    ),
    row(
        CommandSpec {
            since: "5.0.0",
            ..sub("cluster|help", 2, Flags::LOADING.and(Flags::STALE), "", "Lists the subcommands.")
        },
        help,
    ),
    of_bus(CommandSpec { tips: VARIES, ..sub("cluster|info", 2, ANYONE, "", "Tells how the cluster is.") }),
    row(
        CommandSpec {
            complexity: "O(N) for N bytes of the key.",
            ..sub("cluster|keyslot", 3, ANYONE, "key:string", "Names the slot of a key.")
        },
        keyslot,
    ),
    of_bus(CommandSpec {
        since: "7.0.0",
        tips: VARIES,
        complexity: PER_NODE,
        ..sub("cluster|links", 2, ANYONE, "", "Lists the links to other nodes.")
    }),
    row(
        CommandSpec {
            history: &[("4.0.0", "The bus port.")],
            ..sub("cluster|meet", -4, CHANGE, GREETED, "Greets a node, so that it joins.")
        },
        meet,
    ),
    of_bus(sub("cluster|myid", 2, ANYONE, "", "Names this node.")),
    of_bus(CommandSpec { since: "7.2.0", ..sub("cluster|myshardid", 2, ANYONE, "", "Names the shard of this node.") }),
    of_bus(CommandSpec {
        tips: VARIES,
        complexity: PER_NODE,
        ..sub("cluster|nodes", 2, ANYONE, "", "Describes every known node on a line.")
    }),
    of_bus(CommandSpec {
        since: "5.0.0",
        tips: VARIES,
        ..sub("cluster|replicas", 3, READ, "node-id", "Lists the replicas of a primary.")
    }),
    row(sub("cluster|replicate", 3, CHANGE, "node-id", "Makes this node a replica of a primary."), replicate),
    of_bus(CommandSpec {
        complexity: PER_NODE,
        ..sub(
            "cluster|reset",
            -2,
            READ.and(Flags::NOSCRIPT),
            "[<HARD | SOFT>]",
            "Makes this node forget the cluster, and its keys if it was a replica.",
        )
    }),
    of_bus(sub("cluster|saveconfig", 2, CHANGE, "", "Writes the node's view of the cluster to its file.")),
    of_bus(sub(
        "cluster|set-config-epoch",
        3,
        CHANGE,
        "config-epoch:integer",
        "Sets the config epoch of a node without peers.",
    )),
    of_bus(sub(
        "cluster|setslot",
        -4,
        CHANGE,
        "slot:integer subcommand=<IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE>",
        "Assigns a slot, or says that it is on the move.",
    )),
    of_bus(CommandSpec {
        since: "7.0.0",
        tips: VARIES,
        complexity: PER_NODE,
        ..sub("cluster|shards", 2, ANYONE, "", "Describes slots and nodes, primary by primary.")
    }),
    of_bus(CommandSpec {
        tips: VARIES,
        deprecated: Some(Deprecation { since: "5.0.0", replaced_by: "`CLUSTER REPLICAS`" }),
        ..sub("cluster|slaves", 3, READ, "node-id", "Lists the replicas of a primary.")
    }),
    of_bus(CommandSpec {
        tips: VARIES,
        complexity: PER_NODE,
        deprecated: Some(Deprecation { since: "7.0.0", replaced_by: "`CLUSTER SHARDS`" }),
        history: &[("4.0.0", "The ids of nodes."), ("7.0.0", "More about the addresses of nodes.")],
        ..sub("cluster|slots", 2, ANYONE, "", "Maps ranges of slots to nodes.")
    }),
    row(
        CommandSpec {
            since: "8.0.0",
            tips: &["nondeterministic_output", "request_policy:all_shards"],
            complexity: "O(N log N) for N slots, with ORDERBY; else O(N).",
            ..sub("cluster|slot-stats", -4, LISTS, STATS, "Tells how the slots of this shard are used.")
        },
        slot_stats,
    ),
    row(mode("asking", Flags::FAST, "Has the next command carried out in a slot that comes to this node."), asking),
    row(mode("readonly", LASTING, "Lets this node answer reads of what its primary owns."), readonly),
    row(mode("readwrite", LASTING, "Sends reads of what another node owns there again."), readwrite),
];

/// A command by which a client says something of itself.
const fn mode(name: &'static str, flags: Flags, summary: &'static str) -> CommandSpec {
    CommandSpec { name, arity: 1, flags, summary, categories: Categories::CONNECTION, ..SUB }
}
