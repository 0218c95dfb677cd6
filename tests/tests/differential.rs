//! Every command against redis-server: one case file per family, see `tests::script` for the language of cases.
#![forbid(unsafe_code)]

use tests::compare::check_file;

macro_rules! families {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check_file(stringify!($name), &[]);
            }
        )*
    };
}

families! {
    strings
    counters
    lcs
    generic
    expiry
    connection
    errors
    server
    config
    protocol
    auth
    acl
    boundaries
    sorted_sets
    bitmaps
    hyperloglog
    geo
    hashes
    dump
    migrate
    sets
    lists
    streams
    sort
}
