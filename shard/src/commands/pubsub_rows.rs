//! The rows of the commands of publish and subscribe.

use keyspace::spec::{CommandSpec, Flags, KeyFlags, KeySpec};

use crate::command::Run;

use super::pubsub::{psubscribe, publish, punsubscribe, spublish, ssubscribe, subscribe, sunsubscribe, unsubscribe};
use super::{SessionFn, SessionRow, pubsub_query as query};

/// What all of them have.
const PUBSUB: CommandSpec = CommandSpec { since: "2.0.0", group: "pubsub", ..CommandSpec::NONE };

const LISTENS: Flags = Flags::PUBSUB.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE);

const SPEAKS: Flags = Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST).and(Flags::MAY_REPLICATE);

const ASKS: Flags = Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE);

/// A shard channel has a slot as a key has, and is none.
const SHARD_CHANNELS: &[KeySpec] = &[KeySpec { flags: KeyFlags::NOT_KEY, first: 1, last: -1, step: 1 }];

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[
    SessionRow {
        spec: CommandSpec {
            name: "publish",
            arity: 3,
            flags: SPEAKS,
            summary: "Sends a message to a channel.",
            complexity: "O(N+M) for N subscribers of the channel and M patterns of any client.",
            syntax: "channel message",
            ..PUBSUB
        },
        run: Run::Session(publish),
    },
    SessionRow {
        spec: CommandSpec {
            name: "spublish",
            arity: 3,
            flags: SPEAKS,
            keys: &[KeySpec { flags: KeyFlags::NOT_KEY, first: 1, last: 0, step: 1 }],
            since: "7.0.0",
            summary: "Sends a message to a shard channel.",
            complexity: "O(N) for N subscribers of the shard channel.",
            syntax: "shardchannel message",
            ..PUBSUB
        },
        run: Run::Session(spublish),
    },
    listens(
        CommandSpec {
            name: "subscribe",
            arity: -2,
            summary: "Listens to channels.",
            complexity: "O(N) for N channels.",
            syntax: "channel [channel ...]",
            ..PUBSUB
        },
        subscribe,
    ),
    listens(
        CommandSpec {
            name: "unsubscribe",
            arity: -1,
            summary: "Listens to channels no longer.",
            complexity: "O(N) for N channels.",
            syntax: "[channel [channel ...]]",
            ..PUBSUB
        },
        unsubscribe,
    ),
    listens(
        CommandSpec {
            name: "psubscribe",
            arity: -2,
            summary: "Listens to all channels whose names match.",
            complexity: "O(N) for N patterns.",
            syntax: "pattern={pattern} [pattern ...]",
            ..PUBSUB
        },
        psubscribe,
    ),
    listens(
        CommandSpec {
            name: "punsubscribe",
            arity: -1,
            summary: "Listens to channels whose names match no longer.",
            complexity: "O(N) for N patterns.",
            syntax: "[pattern [pattern ...]]",
            ..PUBSUB
        },
        punsubscribe,
    ),
    listens(
        CommandSpec {
            name: "ssubscribe",
            arity: -2,
            keys: SHARD_CHANNELS,
            since: "7.0.0",
            summary: "Listens to shard channels.",
            complexity: "O(N) for N shard channels.",
            syntax: "shardchannel [shardchannel ...]",
            ..PUBSUB
        },
        ssubscribe,
    ),
    listens(
        CommandSpec {
            name: "sunsubscribe",
            arity: -1,
            keys: SHARD_CHANNELS,
            since: "7.0.0",
            summary: "Listens to shard channels no longer.",
            complexity: "O(N) for N shard channels.",
            syntax: "[shardchannel [shardchannel ...]]",
            ..PUBSUB
        },
        sunsubscribe,
    ),
    SessionRow {
        spec: CommandSpec {
            name: "pubsub",
            arity: -2,
            since: "2.8.0",
            summary: "Who listens to what.",
            complexity: "Depends on subcommand.",
            ..PUBSUB
        },
        run: Run::Container,
    },
    asks(
        CommandSpec {
            name: "pubsub|channels",
            summary: "Lists the channels that have subscribers.",
            complexity: "O(N) for N channels with subscribers.",
            syntax: "[pattern]",
            ..PUBSUB
        },
        "2.8.0",
        query::channels,
    ),
    asks(
        CommandSpec {
            name: "pubsub|numsub",
            summary: "Counts the subscribers of channels.",
            complexity: "O(N) for N channels.",
            syntax: "[channel [channel ...]]",
            ..PUBSUB
        },
        "2.8.0",
        query::numsub,
    ),
    SessionRow {
        spec: CommandSpec {
            name: "pubsub|numpat",
            arity: 2,
            flags: ASKS,
            since: "2.8.0",
            summary: "Counts the patterns that clients listen to.",
            ..PUBSUB
        },
        run: Run::Session(query::numpat),
    },
    asks(
        CommandSpec {
            name: "pubsub|shardchannels",
            summary: "Lists the shard channels that have subscribers.",
            complexity: "O(N) for N shard channels with subscribers.",
            syntax: "[pattern]",
            ..PUBSUB
        },
        "7.0.0",
        query::shard_channels,
    ),
    asks(
        CommandSpec {
            name: "pubsub|shardnumsub",
            summary: "Counts the subscribers of shard channels.",
            complexity: "O(N) for N shard channels.",
            syntax: "[shardchannel [shardchannel ...]]",
            ..PUBSUB
        },
        "7.0.0",
        query::shard_numsub,
    ),
    SessionRow {
        spec: CommandSpec {
            name: "pubsub|help",
            arity: 2,
            flags: Flags::LOADING.and(Flags::STALE),
            since: "6.2.0",
            summary: "Lists the subcommands.",
            ..PUBSUB
        },
        run: Run::Session(query::help),
    },
];

const fn listens(spec: CommandSpec, run: SessionFn) -> SessionRow {
    SessionRow { spec: CommandSpec { flags: LISTENS, ..spec }, run: Run::Session(run) }
}

const fn asks(spec: CommandSpec, since: &'static str, run: SessionFn) -> SessionRow {
    SessionRow { spec: CommandSpec { arity: -2, flags: ASKS, since, ..spec }, run: Run::Session(run) }
}
