//! The rows of the searches for members in an area.

use crate::args::Args;
use crate::exec::DataRow;
use crate::spec::{CommandSpec, Deprecation, Flags, Form, KeyFlags, KeyRun, KeySpec, MovableKeys};

use super::search::{georadius, georadius_ro, georadiusbymember, georadiusbymember_ro, geosearch, geosearchstore};
use super::{GEO, READ_KEY};

/// What the rows of this sub-family share.
const SEARCH: CommandSpec = CommandSpec {
    flags: Flags::READONLY,
    keys: &[READ_KEY],
    complexity: "O(N+log(M)) for N members in and around the area, of M in all",
    ..GEO
};

/// A search that may store what it finds.
const STORES: Flags = Flags::WRITE.and(Flags::DENYOOM);

const STORED: KeyFlags = KeyFlags::OW.and(KeyFlags::UPDATE);

const UPPERCASE: (&str, &str) = ("7.0.0", "Units may be in capitals.");

/// The rows of this sub-family.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "geosearch",
            arity: -7,
            since: "6.2.0",
            summary: "Returns the members whose places are in a circle or a rectangle.",
            syntax: "key from=<FROMMEMBER member | FROMLONLAT {longitude:double latitude:double}> \
                     by=<circle={BYRADIUS radius:double unit=<M | KM | FT | MI>} | \
                     box={BYBOX width:double height:double unit=<M | KM | FT | MI>}> \
                     order=[ASC | DESC] count=[COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]",
            history: &[UPPERCASE],
            ..SEARCH
        },
        run: geosearch,
    },
    DataRow {
        spec: CommandSpec {
            name: "geosearchstore",
            arity: -8,
            flags: STORES,
            keys: &[KeySpec { flags: STORED, ..READ_KEY }, KeySpec { first: 2, ..READ_KEY }],
            since: "6.2.0",
            summary: "Stores the members whose places are in a circle or a rectangle under another key.",
            syntax: "destination:key source:key \
                     from=<FROMMEMBER member | FROMLONLAT {longitude:double latitude:double}> \
                     by=<circle={BYRADIUS radius:double unit=<M | KM | FT | MI>} | \
                     box={BYBOX width:double height:double unit=<M | KM | FT | MI>}> \
                     order=[ASC | DESC] count=[COUNT count [ANY]] [STOREDIST]",
            history: &[UPPERCASE],
            ..SEARCH
        },
        run: geosearchstore,
    },
    DataRow {
        spec: CommandSpec {
            name: "georadius",
            arity: -6,
            flags: STORES.and(Flags::MOVABLEKEYS),
            movable_keys: const {
                &[
                    MovableKeys { find: Some(|args| stored_under(args, 6, "store")), ..behind("STORE", 6) },
                    MovableKeys { find: Some(|args| stored_under(args, 6, "storedist")), ..behind("STOREDIST", 6) },
                ]
            },
            summary: "Returns or stores the members up to a distance from a place.",
            syntax: "key longitude:double latitude:double radius:double unit=<M | KM | FT | MI> \
                     [WITHCOORD] [WITHDIST] [WITHHASH] count=[COUNT count [ANY]@6.2.0] order=[ASC | DESC] \
                     [STORE key] [STOREDIST key]",
            history: &[("6.2.0", "The option ANY for COUNT."), UPPERCASE],
            deprecated: Some(Deprecation {
                since: "6.2.0",
                replaced_by: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
            }),
            ..SEARCH
        },
        run: georadius,
    },
    DataRow {
        spec: CommandSpec {
            name: "georadius_ro",
            arity: -6,
            since: "3.2.10",
            summary: "Returns the members up to a distance from a place.",
            syntax: "key longitude:double latitude:double radius:double unit=<M | KM | FT | MI> \
                     [WITHCOORD] [WITHDIST] [WITHHASH] count=[COUNT count [ANY]@6.2.0] order=[ASC | DESC]",
            history: &[("6.2.0", "The option ANY for COUNT.")],
            deprecated: Some(Deprecation { since: "6.2.0", replaced_by: "`GEOSEARCH` with the `BYRADIUS` argument" }),
            ..SEARCH
        },
        run: georadius_ro,
    },
    DataRow {
        spec: CommandSpec {
            name: "georadiusbymember",
            arity: -5,
            flags: STORES.and(Flags::MOVABLEKEYS),
            movable_keys: const {
                &[
                    MovableKeys { find: Some(|args| stored_under(args, 5, "store")), ..behind("STORE", 5) },
                    MovableKeys { find: Some(|args| stored_under(args, 5, "storedist")), ..behind("STOREDIST", 5) },
                ]
            },
            summary: "Returns or stores the members up to a distance from the place of one of them.",
            syntax: "key member radius:double unit=<M | KM | FT | MI> \
                     [WITHCOORD] [WITHDIST] [WITHHASH] count=[COUNT count [ANY]] order=[ASC | DESC] \
                     [STORE key] [STOREDIST key]",
            history: &[UPPERCASE],
            deprecated: Some(Deprecation {
                since: "6.2.0",
                replaced_by: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
            }),
            ..SEARCH
        },
        run: georadiusbymember,
    },
    DataRow {
        spec: CommandSpec {
            name: "georadiusbymember_ro",
            arity: -5,
            since: "3.2.10",
            summary: "Returns the members up to a distance from the place of one of them.",
            syntax: "key member radius:double unit=<M | KM | FT | MI> \
                     [WITHCOORD] [WITHDIST] [WITHHASH] count=[COUNT count [ANY]] order=[ASC | DESC]",
            deprecated: Some(Deprecation {
                since: "6.2.0",
                replaced_by: "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments",
            }),
            ..SEARCH
        },
        run: georadiusbymember_ro,
    },
];

/// The key behind one of the words that store.
const fn behind(word: &'static str, from: u8) -> MovableKeys {
    MovableKeys::new(STORED, Form::Behind { word, from })
}

/// The key behind the last use of a word as an option: the one that counts if it is given several times.
fn stored_under(args: Args, from: usize, word: &str) -> KeyRun {
    let mut found = KeyRun::NONE;
    let mut index = from;
    while index + 1 < args.len() {
        let stores = args.is(index, "store") || args.is(index, "storedist");
        if args.is(index, word) {
            found = KeyRun::one(index + 1);
        }
        index += 1 + stores as usize;
    }
    found
}
