//! The types of frames: one table.
//!
//! §7.4, §6.3. Numbers on the wire, names in CLUSTER INFO.

/// The type of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Are you there?
    Ping,
    /// I am.
    Pong,
    /// Know me.
    Meet,
    /// A majority finds this node failed.
    Fail,
    /// A message of a channel.
    Publish,
    /// Vote for me.
    AuthRequest,
    /// I do.
    AuthAck,
    /// The slots of a node, to one who claims some of them with an older epoch.
    Update,
    /// Stand still: I take over by request.
    ManualFailoverStart,
    /// Something between modules.
    Module,
    /// A message of a sharded channel.
    PublishShard,
}

/// Number of types.
const KINDS: usize = 11;

impl Kind {
    /// All types with their names in statistics, in the order of their numbers.
    const TABLE: [(Kind, &str); KINDS] = [
        (Kind::Ping, "ping"),
        (Kind::Pong, "pong"),
        (Kind::Meet, "meet"),
        (Kind::Fail, "fail"),
        (Kind::Publish, "publish"),
        (Kind::AuthRequest, "auth-req"),
        (Kind::AuthAck, "auth-ack"),
        (Kind::Update, "update"),
        (Kind::ManualFailoverStart, "mfstart"),
        (Kind::Module, "module"),
        (Kind::PublishShard, "publishshard"),
    ];

    /// All of them, in the order of their numbers.
    pub fn all() -> impl ExactSizeIterator<Item = Kind> {
        Self::TABLE.iter().map(|row| row.0)
    }

    /// The type with this number.
    pub fn of_number(number: u16) -> Option<Kind> {
        Self::TABLE.get(usize::from(number)).map(|row| row.0)
    }

    /// Its number on the wire.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Its name in statistics.
    pub const fn name(self) -> &'static str {
        Self::TABLE[self as usize].1
    }

    /// Whether it carries messages of clients, which may be large.
    pub const fn is_publication(self) -> bool {
        matches!(self, Kind::Publish | Kind::PublishShard)
    }
}

/// The three types that carry gossip and extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PulseKind {
    /// Asks for a pong.
    Ping,
    /// Answers, or tells all of a change.
    Pong,
    /// A ping that also asks to be known.
    Meet,
}

impl From<PulseKind> for Kind {
    fn from(kind: PulseKind) -> Kind {
        match kind {
            PulseKind::Ping => Kind::Ping,
            PulseKind::Pong => Kind::Pong,
            PulseKind::Meet => Kind::Meet,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names() {
        for (kind, number) in Kind::all().zip(0..) {
            assert_eq!((kind.number(), Kind::of_number(number)), (number, Some(kind)));
        }
        assert_eq!((Kind::all().len(), Kind::of_number(11), Kind::of_number(u16::MAX)), (KINDS, None, None));
        let names: Vec<&str> = Kind::all().map(Kind::name).collect();
        assert_eq!(names.join(" "), "ping pong meet fail publish auth-req auth-ack update mfstart module publishshard");
    }
}
