//! SORT by its replies, with one keyspace and with several, and which calls need everything.

use crate::args::OwnedArgs;
use crate::commands::testing::{Desk, START, check, run_whole, stripe};
use crate::exec::Caller;
use crate::hash::{KeyHasher, Random};
use crate::limits::DataLimits;
use crate::reply::{Reply, Resp};
use crate::slot::Slot;
use crate::spec::CommandSpec;
use crate::store::Keyspace;
use crate::whole::WholeRow;

use super::request::Storing;
use super::*;

#[test]
fn orders() {
    check(&[
        ("rpush l 3 1 10 2.5", ":4"),
        ("sort l", "*4 $1 1 $3 2.5 $1 3 $2 10"),
        ("sort l desc limit 1 2", "*2 $1 3 $3 2.5"),
        ("sort l alpha", "*4 $1 1 $2 10 $3 2.5 $1 3"),
        ("sort l by nosort desc limit 0 3", "*3 $3 2.5 $2 10 $1 1"),
        ("sort_ro l limit -1 1", "*1 $1 1"),
        ("sort l limit 9223372036854775807 9223372036854775807", "*0"),
        ("zadd z 3 10 1 20 2 5", ":3"),
        ("sort z by nosort desc limit 0 2", "*2 $2 10 $1 5"),
        ("sort z by nosort limit 1 5", "*2 $1 5 $2 10"),
        ("sort nosuch", "*0"),
        ("rpush equal 1.0 1 01 -0 0", ":5"),
        ("sort equal", "*5 $2 -0 $1 0 $2 01 $1 1 $3 1.0"),
        ("sort equal desc", "*5 $3 1.0 $1 1 $2 01 $1 0 $2 -0"),
    ]);
}

#[test]
fn patterns() {
    check(&[
        ("rpush l 1 2 3", ":3"),
        ("mset w_1 3 w_2 2 o_1 one o_3 three", "+OK"),
        ("sort l by w_*", "*3 $1 3 $1 2 $1 1"),
        ("sort l by w_* desc get # get o_* get none", "*9 $1 1 $3 one $-1 $1 2 $-1 $-1 $1 3 $5 three $-1"),
        ("sort l by o_* alpha", "*3 $1 2 $1 1 $1 3"),
        ("sort l by o_*", "-ERR One or more scores can't be converted into double"),
        ("hset h_1 f 9 g 1", ":2"),
        ("sort l by h_*->f get h_*->g get h_* get w_*->f", "*9 $-1 $-1 $-1 $-1 $-1 $-1 $1 1 $-1 $-1"),
        ("@resp 3", ""),
        ("sort l get o_*", "*3 $3 one _ $5 three"),
        ("@hits", "23 13"),
    ]);
}

#[test]
fn stored() {
    check(&[
        ("rpush l 2 1", ":2"),
        ("set d string ex 100", "+OK"),
        ("@changes", "3"),
        ("sort l store d", ":2"),
        ("@changes", "2"),
        ("lrange d 0 -1", "*2 $1 1 $1 2"),
        ("@left d", "never"),
        ("sort l get # get none store l", ":4"),
        ("lrange l 0 -1", "*4 $1 1 $0  $1 2 $0 "),
        ("@changes", "4"),
        ("sort nosuch store d", ":0"),
        ("@changes", "1"),
        ("exists d", ":0"),
        ("sort nosuch store d", ":0"),
        ("@changes", "0"),
        ("sadd s b a 10 9", ":4"),
        ("sort s by nosort store d", ":4"),
        ("lrange d 0 -1", "*4 $2 10 $1 9 $1 a $1 b"),
    ]);
}

#[test]
fn refusals() {
    const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    check(&[
        ("set s x", "+OK"),
        ("rpush l 1 a", ":2"),
        ("sort", "-ERR wrong number of arguments for 'sort' command"),
        ("sort s foo", "-ERR syntax error"),
        ("sort s", WRONG_TYPE),
        ("sort_ro s store d", "-ERR syntax error"),
        ("sort l limit 1", "-ERR syntax error"),
        ("sort l limit a b foo", "-ERR value is not an integer or out of range"),
        ("sort l foo limit a b", "-ERR syntax error"),
        ("sort l store s", "-ERR One or more scores can't be converted into double"),
        ("get s", "$1 x"),
    ]);
}

/// Weights of elements that come from keys which expire while they are looked up, in the same slot as what is sorted.
#[test]
fn keys_that_expire() {
    let mut desk = Desk::new();
    desk.run("rpush {a}l 1 2 3");
    for element in 1..=3 {
        desk.run(&format!("set {{a}}w_{element} -{element} px 10"));
    }
    assert_eq!(desk.run("sort {a}l by {a}w_*"), "*3 $1 3 $1 2 $1 1");
    desk.run("@later 20");
    assert_eq!(desk.run("sort {a}l by {a}w_* get {a}w_* get #"), "*6 $-1 $1 1 $-1 $1 2 $-1 $1 3");
    assert_eq!(desk.run("debug digest-value {a}w_1"), "*1 +0000000000000000000000000000000000000000");
}

#[test]
fn keys_of_several_cores() {
    const CORES: usize = 3;
    let hasher = KeyHasher::new([1, 2, 3, 4]);
    let new = || Keyspace::new(16, hasher.clone(), Random::new(5), DataLimits::default());
    let mut keyspaces: Vec<Keyspace> = (0..CORES).map(|_| new()).collect();
    let owner = |slot: Slot| stripe(slot, CORES);
    let mut run = |line: &str| {
        let args: OwnedArgs = line.split(' ').collect();
        let args = args.args();
        let name = String::from_utf8(args.at(0).to_vec()).expect("names of commands are text");
        let mut out = Vec::new();
        let reply = &mut Reply::new(&mut out, Resp::V2);
        match WIDE_ROWS.iter().find(|row| row.name == name) {
            Some(wide) => {
                let row = WholeRow { spec: CommandSpec { arity: -2, ..CommandSpec::NONE }, run: wide.run };
                let mut all: Vec<&mut Keyspace> = keyspaces.iter_mut().collect();
                run_whole(&row, &mut all, &owner, args, Caller::default(), START, reply);
            }
            None => {
                let mut desk = Desk::new();
                let home = &mut keyspaces[owner(Slot::of(args.at(1)))];
                std::mem::swap(&mut desk.keyspace, home);
                out = desk.command(&args.iter().collect::<Vec<_>>());
                std::mem::swap(&mut desk.keyspace, home);
            }
        }
        String::from_utf8(out).expect("the replies of these cases are text").replace("\r\n", " ")
    };
    run("rpush l 0 1 2 3 4 5 6 7 8 9");
    for element in 0..10 {
        run(&format!("set w_{element} {}", element * 7 % 10));
        run(&format!("hset h_{element} f x{element}"));
    }
    assert_eq!(run("sort l by w_* limit 0 3 get # get h_*->f"), "*6 $1 0 $2 x0 $1 3 $2 x3 $1 6 $2 x6 ");
    for target in ["a", "b", "c", "d", "l"] {
        assert_eq!(run(&format!("sort l by w_* limit 7 3 store {target}")), ":3 ");
        assert_eq!(run(&format!("lrange {target} 0 -1")), "*3 $1 1 $1 4 $1 7 ");
    }
}

#[test]
fn what_needs_everything() {
    let rows = [
        ("sort k", false),
        ("sort k store d", false),
        ("sort k by nosort get # get none limit 0 1", false),
        ("sort k by w_*", true),
        ("sort k by w_* by nosort", false),
        ("sort k by nosort by w_*", false),
        ("sort k get # get o_*", true),
        ("sort k get o_* foo", false),
        ("sort k limit 0 1 get *", true),
    ];
    for (line, expected) in rows {
        let args: OwnedArgs = line.split(' ').collect();
        assert_eq!(request::looks_up_keys(args.args(), Storing::Allowed), expected, "{line}");
    }
    let args: OwnedArgs = "sort_ro k by w_* store d".split(' ').collect();
    assert!(!request::looks_up_keys(args.args(), Storing::Refused), "it is refused");
}
