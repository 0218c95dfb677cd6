//! Users, the log, waits and files.

use std::collections::HashSet;

use super::super::*;
use crate::settings::PubsubDefault;

#[test]
fn a_user_is_found_by_name_and_password() {
    let mut users = Users::new(b"", PubsubDefault::Resetchannels);
    assert!(users.is_open());
    users.set(b"u", [&b"on"[..], b">pw"].into_iter()).expect("these are rules");
    users.set(b"free", [&b"on"[..], b"nopass"].into_iter()).expect("these are rules");
    users.set(b"gone", [&b"off"[..], b">pw"].into_iter()).expect("these are rules");
    for (name, password, admitted) in [
        ("u", "pw", true),
        ("u", "", false),
        ("u", "pw ", false),
        ("free", "anything", true),
        ("gone", "pw", false),
        ("nobody", "pw", false),
        ("default", "x", true),
    ] {
        assert_eq!(users.authenticate(name.as_bytes(), password.as_bytes()).is_some(), admitted, "{name} {password}");
    }
    users.set_default_password(b"x");
    assert!(!users.is_open() && users.authenticate(b"default", b"").is_none());
    assert!(users.delete([&b"u"[..], b"default"].into_iter()).is_err() && users.get(b"u").is_some());
    assert_eq!(users.delete([&b"u"[..], b"u", b"v"].into_iter()), Ok(1));
}

#[test]
fn a_user_that_comes_again_is_another() {
    let mut users = Users::new(b"", PubsubDefault::Resetchannels);
    let incarnation = |users: &Users, name: &str| users.get(name.as_bytes()).expect("it exists").incarnation;
    users.set(b"u", std::iter::empty()).expect("no rule");
    let first = incarnation(&users, "u");
    let version = users.version();
    users.set(b"u", [&b"on"[..]].into_iter()).expect("a rule");
    assert!(incarnation(&users, "u") == first && users.version() > version);
    users.delete([&b"u"[..]].into_iter()).expect("it is not default");
    users.set(b"u", std::iter::empty()).expect("no rule");
    let second = incarnation(&users, "u");
    let others = users.clone();
    let version = users.version();
    users.replace(&others);
    let third = incarnation(&users, "u");
    assert_eq!(HashSet::from([first, second, third]).len(), 3);
    assert!(incarnation(&users, "default") == 0 && users.version() > version);
}

fn denial(object: &str, last_ms: u64) -> Denial {
    Denial {
        count: 1,
        reason: Reason::Key,
        context: Context::TopLevel,
        object: object.as_bytes().to_vec(),
        username: b"u".to_vec(),
        client: format!("at {last_ms}").into_bytes(),
        first_ms: last_ms,
        last_ms,
        id: last_ms,
        last_id: last_ms,
    }
}

#[test]
fn what_happens_again_soon_is_one_entry() {
    let mut log = DenialLog::default();
    for (object, at) in [("a", 0), ("b", 10), ("a", 20), ("c", 30), ("b", 90_000)] {
        log.push(denial(object, at), 3);
    }
    let shown: Vec<_> = log
        .entries()
        .map(|entry| (String::from_utf8_lossy(&entry.object).into_owned(), entry.count, entry.first_ms, entry.last_ms))
        .collect();
    assert_eq!(shown, [("b".into(), 1, 90_000, 90_000), ("c".into(), 1, 30, 30), ("a".into(), 2, 0, 20)]);
    let parts = [log.entries().cloned().collect(), vec![denial("a", 50), denial("d", 5)]];
    let merged: Vec<_> = merge(parts.into_iter(), 3).into_iter().map(|entry| (entry.object, entry.count)).collect();
    assert_eq!(merged, [(b"b".to_vec(), 1), (b"a".to_vec(), 3), (b"c".to_vec(), 1)]);
    log.push(denial("x", 1), 0);
    assert_eq!(log.entries().count(), 0);
}

#[test]
fn an_address_waits_longer_with_every_failure() {
    let claim = |peer, name: &str| Claim::new(Address::of(peer), name.as_bytes());
    let (mut attempts, address) = (Attempts::default(), claim("1.2.3.4:5", "u"));
    let other = claim("1.2.3.5:5", "u");
    for _ in 0..4 {
        assert_eq!(attempts.wait_ms(address, 0, 5), 0);
        attempts.failed(address, 0);
    }
    for expected in [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000] {
        attempts.failed(address, 0);
        assert_eq!(attempts.wait_ms(address, 0, 5), expected);
        assert_eq!((attempts.wait_ms(address, expected, 5), attempts.wait_ms(address, 0, 0)), (0, 0));
    }
    assert_eq!(attempts.wait_ms(other, 0, 5), 0);
    assert_eq!(attempts.wait_ms(claim("1.2.3.4:6", "v"), 0, 5), 0);
    attempts.succeeded(claim("1.2.3.4:6", "v"));
    assert!(attempts.wait_ms(address, 0, 5) > 0, "another user's password clears nothing");
    attempts.succeeded(address);
    assert_eq!(attempts.wait_ms(address, 0, 5), 0);
    for seconds in 0..6 {
        attempts.failed(address, seconds * 1_000_000);
    }
    assert_eq!(attempts.wait_ms(address, 5_000_000, 5), 0, "what is long ago is forgotten");
}

#[test]
fn addresses_without_end_take_no_more_room() {
    let mut attempts = Attempts::default();
    let guessed = Claim::new(Address::Local, b"default");
    (0..5).for_each(|_| attempts.failed(guessed, 0));
    for number in 0..100_000u32 {
        let address = Address::Machine(core::net::IpAddr::V4(number.into()));
        attempts.failed(Claim::new(address, b"u"), number.into());
        assert!(attempts.len() <= 16_384);
    }
    assert!(attempts.len() > 4_000);
    assert!(attempts.wait_ms(guessed, 0, 5) > 0, "who fails often is remembered");
}

#[test]
fn addresses_are_machines() {
    for (one, other, same) in [
        ("1.2.3.4:5", "1.2.3.4:6", true),
        ("1.2.3.4:5", "1.2.3.5:5", false),
        ("1.2.3.4:5", "[::ffff:1.2.3.4]:5", true),
        ("[2001:db8::1]:5", "[2001:db8::2]:5", true),
        ("[2001:db8::1]:5", "[2001:db8:1::1]:5", false),
        ("[2001:db8::1]:5", "[2001:db8:0:1::1]:5", false),
        ("/tmp/a.sock:0", "/tmp/b.sock:0", true),
    ] {
        assert_eq!(Address::of(one) == Address::of(other), same, "{one} {other}");
    }
}

#[test]
fn secrets_never_come_again() {
    let mut secrets = Secrets::new([7; 32]);
    let mut seen = HashSet::new();
    for _ in 0..1000 {
        let digits = secrets.digits(65);
        assert!(digits.len() == 65 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        assert!(seen.insert(digits));
        assert!(seen.insert(Secrets::new(secrets.seed()).digits(64)));
    }
    assert_eq!(secrets.digits(1024).len(), 1024);
}

#[test]
fn a_file_says_everything_that_is_wrong() {
    let end = "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";
    for (text, expected) in [
        ("foo\n", "f:1 should start with user keyword followed by the username. "),
        ("\n user\n", "f:2 should start with user keyword followed by the username. "),
        (
            "user a on +foo ~a %X~b\n\n   \nuser b\tc on\n",
            "f:1: Error in applying operation '+foo': Unknown command or category name in ACL. f:1: Syntax error. 'f:4: username \
             'b\tc' contains invalid characters. ",
        ),
        (
            "user a (+get\nuser b on\nuser b off\n",
            "f:1: Unmatched parenthesis in selector definition.WARNING: Duplicate user 'b' found on line 3. ",
        ),
        ("user  b on", "f:1: Syntax error. "),
        ("user b hunter2 #hunter2", "f:1: Syntax error. "),
    ] {
        let error = parse_file("f", text.as_bytes(), PubsubDefault::Resetchannels).expect_err(text);
        assert_eq!(error.to_string(), format!("{expected}{end}"), "{text}");
    }
}

#[test]
fn a_file_that_was_written_is_read() {
    let text = b"user default on +@all ~* \r\n\nuser b on >x (+get ~a) (+set\t%W~b)\nuser a nopass &\xff";
    let users = parse_file("f", text, PubsubDefault::Resetchannels).expect("it is right");
    let printed = print_file(&users);
    let again = parse_file("f", &printed, PubsubDefault::Resetchannels).expect("it was printed");
    assert_eq!(print_file(&again), printed);
    let names: Vec<_> = again.iter().map(|user| user.name.to_vec()).collect();
    assert_eq!(names, [b"a".to_vec(), b"b".to_vec(), b"default".to_vec()]);
    let empty = parse_file("f", b"", PubsubDefault::Resetchannels).expect("nothing is wrong");
    assert!(empty.default_user().is_unrestricted() && empty.is_open());
}
