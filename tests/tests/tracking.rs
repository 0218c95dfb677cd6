//! Client-side caching between several clients: byte by byte what redis-server 7.0.15 sends, on one core and on four.
#![forbid(unsafe_code)]

use tests::turns::check;

#[test]
fn who_has_read_a_key_hears_of_its_next_change() {
    check(
        &[],
        "a HELLO 3
         a CLIENT TRACKING ON
         a GET k
         w SET k 1 | w=1 a=1
         w SET k 2
         a MGET k l m
         w DEL k | w=1 a=1
         w MSET l 1 m 2 | w=1 a=2
         a EXISTS none
         w LPUSH none x | w=1 a=1
         a LRANGE none 0 -1
         w RPOP none | w=1 a=1
         a STRLEN s
         w EXPIRE s 100
         w SET s 1 | w=1 a=1
         a SET k own
         a GET k
         a SET k own2 | a=2
         a MULTI
         a GET m1
         a GET m2
         a EXEC
         w MULTI
         w SET m1 1
         w GET m2
         w EXEC | w=1 a=1
         a GET gone
         w FLUSHDB | w=1 a=1
         a GET gone
         w SELECT 3
         w SET gone 1 | w=1 a=1
         a CLIENT TRACKINGINFO
         a CLIENT TRACKING OFF
         a GET k
         w SELECT 0
         w SET k 3
         a CLIENT GETREDIR",
    );
}

#[test]
fn what_is_tracked_can_be_chosen() {
    check(
        &[],
        "a HELLO 3
         a CLIENT CACHING YES
         a CLIENT TRACKING ON OPTIN
         a GET k
         w SET k 1
         a CLIENT CACHING NO
         a CLIENT CACHING maybe
         a CLIENT CACHING YES
         a CLIENT TRACKINGINFO
         a GET k
         a GET l
         w SET l 1
         w SET k 2 | w=1 a=1
         a CLIENT TRACKING ON OPTOUT
         a CLIENT TRACKING OFF
         a CLIENT TRACKING ON OPTOUT NOLOOP
         a CLIENT CACHING YES
         a CLIENT CACHING NO
         a GET k
         a GET l
         w SET k 3
         w SET l 3 | w=1 a=1
         a GET k
         a SET k 4
         w SET k 5
         a CLIENT TRACKINGINFO
         a RESET
         a CLIENT TRACKINGINFO
         a CLIENT TRACKING ON
         a CLIENT CACHING YES
         a CLIENT TRACKING ON OPTIN OPTOUT
         a CLIENT TRACKING ON PREFIX x
         a CLIENT TRACKING ON REDIRECT 123456
         a CLIENT TRACKING ON REDIRECT none
         a CLIENT TRACKING ON WHAT
         a CLIENT TRACKING perhaps",
    );
}

#[test]
fn prefixes_are_told_to_those_who_wait_for_them() {
    check(
        &[],
        "a HELLO 3
         a CLIENT TRACKING ON BCAST PREFIX u: PREFIX v:
         w SET u:1 x | w=1 a=1
         w SET u:1 y | w=1 a=1
         w SET other y
         w LPUSH v:1 a | w=1 a=1
         w RENAME other v:2 | w=1 a=1
         a CLIENT TRACKING ON BCAST PREFIX u:1
         a CLIENT TRACKING ON BCAST PREFIX t PREFIX w
         a CLIENT TRACKING ON
         a CLIENT TRACKING ON BCAST OPTIN
         a CLIENT TRACKINGINFO
         w SET t1 x | w=1 a=1
         w FLUSHALL | w=1 a=1
         a CLIENT TRACKING OFF
         w SET u:1 x
         a CLIENT TRACKING ON BCAST NOLOOP
         a SET mine x
         w SET anything x | w=1 a=1
         a RESET
         w SET anything y
         a CLIENT TRACKINGINFO",
    );
}

#[test]
fn scripts_read_for_who_runs_them_and_exchanged_databases_are_not_told() {
    check(
        &[],
        "a HELLO 3
         a CLIENT TRACKING ON
         a EVAL return(redis.call('get',KEYS[1])) 1 k
         w SET k 1 | w=1 a=1
         a EVAL_RO return(redis.call('get',KEYS[1])) 1 k
         w SET k 2 | w=1 a=1
         a MULTI
         a EVAL_RO return(redis.call('get',KEYS[1])) 1 k
         a EXEC
         w SET k 3 | w=1 a=1
         a GET k
         w SWAPDB 0 1
         w SET k 4 | w=1 a=1",
    );
}

#[test]
fn what_is_told_of_the_next_command_ends_with_a_refused_exec() {
    check(
        &[],
        "a HELLO 3
         a CLIENT TRACKING ON OPTIN
         a MULTI
         a CLIENT CACHING YES
         a NOSUCH
         a EXEC
         a GET k
         w SET k 1
         a CLIENT CACHING YES
         a MULTI
         a NOSUCH
         a EXEC
         a GET k
         w SET k 2
         a CLIENT CACHING YES
         a MULTI
         a GET k
         a EXEC
         w SET k 3 | w=1 a=1
         a GET k
         w SET k 4",
    );
}
