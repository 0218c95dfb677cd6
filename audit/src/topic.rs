//! What a running server has to say of a packet: one topic for each thing that it detects, rejects or recovers from.
//!
//! A topic names the row that it is about, which is where its reason code comes from, and the deviation that hardened mode would want because
//! of it. In strict mode none is wanted.

use std::fmt::Debug;

use crate::contract::Contract;
use crate::loss::Sign;
use crate::mode::{CATEGORIES, Category, Deviation};

/// The topics of a packet. Each packet lists its own with [`topics!`](crate::topics).
pub trait AuditTopic: Copy + Debug + PartialEq + 'static {
    /// The rows of the packet.
    type Row: Contract;

    /// The suite of records of the running server.
    const SUITE: &'static str;

    /// Defences of each category per window and auditor, in the order of [`Category::ALL`].
    const BUDGETS: [u32; CATEGORIES];

    /// All topics, in the order of their declaration.
    const ALL: &'static [Self];

    /// That another mode is in force.
    const MODE_CHANGED: Self;

    /// Its place in [`AuditTopic::ALL`].
    fn index(self) -> usize;

    /// Its name in log records.
    fn name(self) -> &'static str;

    /// The row of the contract that it is about.
    fn row(self) -> Self::Row;

    /// What it is a sign of.
    fn sign(self) -> Sign;

    /// What hardened mode would want to do about it.
    fn wanted(self) -> Option<Deviation>;
}

/// To say more about input that does not parse.
pub const DIAGNOSE: Option<Deviation> = Some(Deviation::Listed(Category::BoundedParserDiagnostics));

/// To say which metadata was put right.
pub const SANITISE: Option<Deviation> = Some(Deviation::Listed(Category::MetadataSanitization));

/// To say which resource was held to its bound.
pub const CLAMP: Option<Deviation> = Some(Deviation::Listed(Category::ResourceClamp));

/// What is on no list.
pub const UNLISTED: Option<Deviation> = Some(Deviation::Other);

/// Declares the topics of a packet: the suite and the budgets, then a row for each topic with its name in records, the error of its row in the
/// contract, its sign and what hardened mode would want. One of them is called `ModeChanged`.
#[macro_export]
macro_rules! topics {
    (
        $error:ident, $suite:literal, $budgets:expr;
        $($(#[$doc:meta])* $topic:ident $name:literal $row:ident $sign:ident $wanted:expr;)+
    ) => {
        /// Something that is worth a record.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Topic { $($(#[$doc])* $topic,)+ }

        impl $crate::topic::AuditTopic for Topic {
            type Row = $error;

            const SUITE: &'static str = $suite;
            const BUDGETS: [u32; $crate::mode::CATEGORIES] = $budgets;
            const ALL: &'static [Topic] = &[$(Topic::$topic,)+];
            const MODE_CHANGED: Topic = Topic::ModeChanged;

            fn index(self) -> usize {
                self as usize
            }

            fn name(self) -> &'static str {
                match self { $(Topic::$topic => $name,)+ }
            }

            fn row(self) -> $error {
                match self { $(Topic::$topic => $error::$row,)+ }
            }

            fn sign(self) -> $crate::loss::Sign {
                match self { $(Topic::$topic => $crate::loss::Sign::$sign,)+ }
            }

            fn wanted(self) -> Option<$crate::mode::Deviation> {
                match self { $(Topic::$topic => $wanted,)+ }
            }
        }

        /// Something to be told of this packet.
        pub type Event = $crate::auditor::Event<Topic>;

        /// What somebody has to say of this packet.
        pub type Auditor = $crate::auditor::Auditor<Topic>;
    };
}
