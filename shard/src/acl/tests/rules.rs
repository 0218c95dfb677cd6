//! Rules, what they print, and what they allow.

use keyspace::args::OwnedArgs;

use super::super::*;
use super::{lacks, user};
use crate::command;
use crate::settings::PubsubDefault;

fn printed(rules: &str) -> String {
    String::from_utf8(user(rules).print()).expect("these rules are text")
}

#[test]
fn rules_are_printed_in_their_order() {
    let a = hash(b"a").hex();
    for (rules, expected) in [
        ("", "off resetchannels -@all".to_owned()),
        ("ON >a", format!("on #{a} resetchannels -@all")),
        (">a nopass", "off nopass resetchannels -@all".to_owned()),
        ("nopass >a >a", format!("off #{a} resetchannels -@all")),
        (">a <a", "off resetchannels -@all".to_owned()),
        ("reset", "off sanitize-payload resetchannels -@all".to_owned()),
        ("%R~a %W~a ~b* %rw~c %R~", "off ~a ~b* ~c %R~ resetchannels -@all".to_owned()),
        ("%R~* ~a", "off %R~* ~a resetchannels -@all".to_owned()),
        ("%R~* %W~*", "off ~* resetchannels -@all".to_owned()),
        ("%RW~* ~a", "off %RW~* ~a resetchannels -@all".to_owned()),
        ("ALLKEYS ALLCHANNELS ALLCOMMANDS", "off ~* &* +@all".to_owned()),
        ("&a &a &b", "off resetchannels &a &b -@all".to_owned()),
        (
            "(~a +get) (+set &x)",
            "off resetchannels -@all (~a resetchannels -@all +get) (resetchannels &x -@all +set)".to_owned(),
        ),
        ("+get clearselectors (+set) clearselectors", "off resetchannels -@all +get".to_owned()),
        ("+@all -@dangerous +get -get", "off resetchannels +@all -@dangerous -get".to_owned()),
        ("+@all -config +config|get", "off resetchannels +@all -config +config|get".to_owned()),
        ("+config|get +config", "off resetchannels -@all +config".to_owned()),
        ("+@read +@write -@read", "off resetchannels -@all +@write".to_owned()),
        ("+select|0 +select|1 +SELECT|1", "off resetchannels -@all +select|0 +select|1".to_owned()),
        ("+select|0 +@all", "off resetchannels +@all".to_owned()),
        ("+select|0 -select", "off resetchannels -@all".to_owned()),
    ] {
        assert_eq!(printed(rules), expected, "{rules}");
    }
}

#[test]
fn a_rule_that_is_none_is_refused_and_nothing_changes() {
    let mut users = Users::new(b"", PubsubDefault::Resetchannels);
    for (rules, word, error) in [
        ("on foo", "foo", RuleError::Syntax),
        ("+foo", "+foo", RuleError::Unknown),
        ("+config|foo", "+config|foo", RuleError::Unknown),
        ("+config|", "+config|", RuleError::Syntax),
        ("+config|get|x", "+config|get|x", RuleError::FirstArgOfSubcommand),
        ("+get|a|b", "+get|a|b", RuleError::Unknown),
        ("-select|0", "-select|0", RuleError::Unknown),
        ("+@foo", "+@foo", RuleError::Unknown),
        ("~* ~a", "~a", RuleError::KeysAfterAll),
        ("&* &a", "&a", RuleError::ChannelsAfterAll),
        ("%RR~a", "%RR~a", RuleError::Syntax),
        ("%~a", "%~a", RuleError::Syntax),
        ("%", "%", RuleError::Syntax),
        ("#abc", "#abc", RuleError::BadHash),
        ("<a", "<a", RuleError::NoSuchPassword),
        ("(on)", "(on)", RuleError::Syntax),
        ("(+get (+set) )", "(+get (+set)", RuleError::Syntax),
    ] {
        let result = users.set(b"u", rules.split(' ').map(str::as_bytes));
        assert_eq!(result, Err(SetUserError::Rule(word.as_bytes().into(), error)), "{rules}");
        assert!(users.get(b"u").is_none());
    }
    assert_eq!(users.set(b"a b", std::iter::empty()), Err(SetUserError::Name));
    let open = users.set(b"u", [&b"(+get"[..], b"~a"].into_iter());
    assert_eq!(open, Err(SetUserError::Unmatched(b"(+get"[..].into())));
    assert_eq!(
        users.set(b"u", [&b"~a b"[..]].into_iter()),
        Err(SetUserError::Rule(b"~a b"[..].into(), RuleError::Syntax))
    );
}

#[test]
fn one_selector_must_allow_all_of_a_command() {
    let mixed = "+get ~a* (+set %W~b) (+sort +copy %R~r ~a)";
    for (rules, command, expected) in [
        ("", "get k", "command"),
        ("", "auth x", "-"),
        ("+@all", "get k", "key 1"),
        ("+@all", "ping", "-"),
        ("+@all ~*", "mset a 1 b 2", "-"),
        (mixed, "get ab", "-"),
        (mixed, "get b", "key 1"),
        (mixed, "set b 1", "-"),
        (mixed, "set b 1 get", "key 1"),
        (mixed, "set ab 1", "key 1"),
        (mixed, "copy r a", "-"),
        (mixed, "copy a r", "key 2"),
        (mixed, "mget ab", "command"),
        (mixed, "sort r store a", "-"),
        (mixed, "sort r store r", "key 3"),
        ("+select|0 +client|id", "select 0", "-"),
        ("+select|0 +client|id", "select 1", "command"),
        ("+select|0 +client|id", "client id", "-"),
        ("+select|0 +client|id", "client info", "command"),
        ("+@all -debug ~*", "debug sleep 0", "command"),
        ("+debug ~*", "debug sleep 0", "-"),
        ("+debug|sleep ~*", "debug sleep 0", "-"),
        ("+debug|sleep ~*", "debug object a", "command"),
        ("+xread %R~a", "xread count 1 streams a b 0 0", "key 5"),
        ("+georadius ~a", "georadius a 0 0 1 m store b", "key 7"),
        ("+object %W~a", "object encoding a", "-"),
        ("+exists %W~a", "exists a b", "key 2"),
        ("+bitfield %R~a", "bitfield a get u8 0", "-"),
        ("+bitfield %R~a", "bitfield a set u8 0 1", "key 1"),
    ] {
        assert_eq!(lacks(rules, command), expected, "{rules}: {command}");
    }
}

#[test]
fn channels_are_checked_where_a_command_uses_them() {
    let table = command::table();
    for (rules, words, expected) in [
        ("+@all ~* &c*", "publish cd x", None),
        ("+@all ~* &c*", "publish d cd", Some(1)),
        ("+@all ~* &c*", "subscribe c1 d", Some(2)),
        ("+@all ~* &c*", "psubscribe c*", None),
        ("+@all ~* &c*", "psubscribe cc", Some(1)),
        ("+@all ~* &c*", "unsubscribe d", None),
        ("+@all ~* (&d +publish)", "publish d x", None),
    ] {
        let args: OwnedArgs = words.split(' ').collect();
        // The commands of publish and subscribe may not be in this build.
        let Some(command) = table.find_command(args.args().at(0)) else { continue };
        let expected = expected.map_or(Ok(()), |index| Err(Denied::Channel(index)));
        assert_eq!(check(&user(rules), command, args.args()), expected, "{rules}: {words}");
    }
    let all = user("&*");
    for (old, new, lost) in
        [("&a", "&a &b", false), ("&a &b", "&a", true), ("&*", "&a", true), ("", "", false), ("(&a)", "&a", false)]
    {
        assert_eq!(channels_lost(&user(old), &user(new)), lost, "{old} {new}");
        assert!(!channels_lost(&user(old), &all));
    }
}

#[test]
fn sort_reads_other_keys_only_for_who_may_read_all() {
    let denied = |rules: &str, words: &str| {
        let args: OwnedArgs = words.split(' ').collect();
        let command = command::table().find_command(args.args().at(0)).expect("it exists");
        check_sort(&user(rules), command, args.args()).err()
    };
    for (words, expected) in [
        ("sort a by b*", Some(SortDenied::By)),
        ("sort a by nosort", None),
        ("sort a get #", Some(SortDenied::Get)),
        ("sort a store b get x", Some(SortDenied::Get)),
        ("sort_ro a store b get x", None),
        ("sort a limit x y get x", None),
        ("sort a limit 0 1 desc alpha get x", Some(SortDenied::Get)),
        ("sort a foo get x", None),
        ("sort a get", None),
    ] {
        assert_eq!(denied("+@all ~a", words), expected, "{words}");
        assert_eq!(denied("+@all %R~* ~b", words), None, "{words}");
        assert_eq!(denied("+@all ~*", words), None, "{words}");
    }
}

#[test]
fn only_who_may_do_everything_is_not_checked() {
    for (rules, expected) in [
        ("~* &* +@all", true),
        ("~* &* +@all -get", false),
        ("~* &* +@all -get +get", true),
        ("~* &* -@all", false),
        ("~* +@all", false),
        ("~a &* +@all", false),
        ("%RW~* &* +@all", false),
        ("(~* &* +@all)", true),
    ] {
        assert_eq!(user(rules).is_unrestricted(), expected, "{rules}");
    }
}

#[test]
fn what_is_printed_makes_the_same_user() {
    let mut random = fastrand::Rng::with_seed(7);
    let parts = [
        "(", ")", " ", "\t", "\n", "\0", "~a", "%R~", "&c", "+get", "+select|", "0", "-@all", "+@read", "|", "allkeys",
    ];
    for round in 0..20_000 {
        let word = |random: &mut fastrand::Rng| -> String {
            (0..random.usize(1..5)).map(|_| parts[random.usize(0..parts.len())]).collect()
        };
        let words: Vec<String> = (0..random.usize(1..4)).map(|_| word(&mut random)).collect();
        let mut users = Users::new(b"", PubsubDefault::Resetchannels);
        if users.set(b"u", words.iter().map(String::as_bytes)).is_err() {
            continue;
        }
        let printed = users.get(b"u").expect("it was made").print();
        users.set(b"again", printed.split(|byte| *byte == b' ')).unwrap_or_else(|error| panic!("{words:?}: {error:?}"));
        let again = users.get(b"again").expect("it was made").print();
        assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&printed), "{round}: {words:?}");
    }
}
