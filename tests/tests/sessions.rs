//! What several connections see of each other, against redis-server: see `tests::script` for the language of `tests/sessions`.
//!
//! `SESSIONS=all` also plays the families whose commands ashlar does not know; `ASHLAR_BIN=redis-server` plays redis-server against
//! itself, which shows that a case has one answer.
#![forbid(unsafe_code)]

use tests::binaries;
use tests::compare::check_sessions;

/// Families that are played.
macro_rules! families {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check_sessions(stringify!($name), &[]);
            }
        )*
    };
}

/// Families whose commands are unknown here: one line moves to `families` when they are known.
macro_rules! unknown_families {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                if binaries::ashlar_is_redis() || std::env::var_os("SESSIONS").is_some_and(|all| all == "all") {
                    check_sessions(stringify!($name), &[]);
                }
            }
        )*
    };
}

families! {
}

unknown_families! {
    transactions
    blocking
    pubsub
    notifications
    scripts
    functions
    tracking
    monitor
    client
    reset
}
