//! Client-side caching between several clients: byte by byte what redis-server 7.0.15 sends, on one core and on four.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tests::client::Client;
use tests::frame::Frame;
use tests::server::{Kind, Server};
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

/// Longest wait for what the server does by itself.
const WAIT: Duration = Duration::from_secs(20);

/// The keys of an invalidation.
fn invalidated(frame: &Frame) -> Option<Vec<String>> {
    let Frame::Push(parts) = frame else { return None };
    let [kind, keys] = &parts[..] else { return None };
    let text = |frame: &Frame| String::from_utf8_lossy(frame.text().unwrap_or_default()).into_owned();
    (kind.text() == Some(b"invalidate")).then(|| keys.items().unwrap_or_default().iter().map(text).collect())
}

/// Sends a command and reads up to its reply; keys that the client is told of meanwhile go to `told`.
fn ask_and_hear(client: &mut Client, words: &[&str], told: &mut Vec<String>) -> Frame {
    client.send(words).expect("the server reads");
    loop {
        let frame = client.read().expect("a reply").frame;
        match invalidated(&frame) {
            Some(keys) => told.extend(keys),
            None => return frame,
        }
    }
}

#[test]
fn keys_above_the_bound_of_the_table_are_given_up_and_told() {
    const KEYS: usize = 200;
    for cores in [1, 4] {
        let kind = Kind::Ashlar { cores };
        let server = Server::start(kind, &["--tracking-table-max-keys", "16"]);
        let (mut reader, mut writer) = (server.client(), server.client());
        reader.ask("HELLO 3");
        reader.ok("CLIENT TRACKING ON");
        let keys: BTreeSet<String> = (0..KEYS).map(|number| format!("key:{number}")).collect();
        let mut told = Vec::new();
        for key in &keys {
            assert!(ask_and_hear(&mut reader, &["GET", key], &mut told).is_null());
        }
        let info = writer.ask("INFO stats").text().map(|text| String::from_utf8_lossy(text).into_owned());
        let field = info.as_deref().and_then(|info| info.split("tracking_total_keys:").nth(1)?.lines().next());
        let kept: usize = field.and_then(|number| number.parse().ok()).expect("INFO has the number of keys");
        assert!((1..=16).contains(&kept), "{kind:?}: {kept} keys are kept");
        // Every key is told once: when it was given up, or else when it changes.
        while told.len() < KEYS - kept {
            told.extend(invalidated(&reader.read().expect("a key that was given up").frame).expect("an invalidation"));
        }
        for key in &keys {
            writer.ok(&format!("SET {key} v"));
        }
        while told.len() < KEYS {
            told.extend(invalidated(&reader.read().expect("a key that was changed").frame).expect("an invalidation"));
        }
        assert_eq!(told.iter().cloned().collect::<BTreeSet<String>>(), keys, "{kind:?}");
        ask_and_hear(&mut reader, &["PING"], &mut told);
        assert_eq!(told.len(), KEYS, "{kind:?}: a key was told twice");
    }
}

#[test]
fn what_is_redirected_to_a_client_that_is_gone_is_said_to_be_broken() {
    for cores in [1, 4] {
        let server = Server::start(Kind::Ashlar { cores }, &[]);
        let (mut reader, mut writer, mut listener) = (server.client(), server.client(), server.client());
        let id = listener.ask("CLIENT ID").int().expect("a number");
        listener.ask("SUBSCRIBE __redis__:invalidate");
        reader.ask("HELLO 3");
        reader.ok(&format!("CLIENT TRACKING ON REDIRECT {id}"));
        assert_eq!(reader.ask("CLIENT GETREDIR").int(), Some(id));
        reader.ask("GET k");
        writer.ok("SET k 1");
        let message = listener.read().expect("an invalidation as a message").raw;
        assert_eq!(message, b"*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n");
        reader.ask("GET k");
        drop(listener);
        let end = Instant::now() + WAIT;
        while writer.ask(&format!("CLIENT LIST ID {id}")).text() != Some(b"") {
            assert!(Instant::now() < end, "a client that left is still there");
        }
        writer.ok("SET k 2");
        let push = reader.read().expect("a push about the redirection").raw;
        assert_eq!(push, format!(">2\r\n$21\r\ntracking-redir-broken\r\n:{id}\r\n").into_bytes());
        let info = reader.ask("CLIENT TRACKINGINFO").to_string();
        assert!(info.contains("broken_redirect"), "{info}");
        // Without the redirection the client hears for itself.
        reader.ok("CLIENT TRACKING ON");
        let info = reader.ask("CLIENT TRACKINGINFO").to_string();
        assert!(!info.contains("broken_redirect"), "{info}");
        reader.ask("GET k");
        writer.ok("SET k 3");
        assert_eq!(invalidated(&reader.read().expect("an invalidation").frame), Some(vec!["k".to_owned()]));
    }
}
