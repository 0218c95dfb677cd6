//! While keys are on their way to a target that takes its time, all go on but those who write to them.

use std::time::Duration;

use tests::client::{Client, Outcome};
use tests::frame::Frame;
use tests::server::{Kind, Server};

use super::target::{Peer, Target};

/// How long somebody who has to wait is listened to.
const SILENCE: Duration = Duration::from_millis(30);

/// A source whose keys `a`, `b` and `{b}2` are held: their target has them, and says nothing yet.
struct Scene {
    source: Server,
    mover: Client,
    target: Target,
    peer: Peer,
}

impl Scene {
    fn begin(cores: usize) -> Scene {
        let source = Server::start(Kind::Ashlar { cores }, &[]);
        let mut client = source.client();
        client.ok("MSET a 1 b 2 {b}2 3 c 4 {b}3 5");
        let (target, mut mover) = (Target::start(), source.client());
        let port = target.port.to_string();
        let words = ["MIGRATE", "127.0.0.1", &port, "", "0", "60000", "KEYS", "a", "none", "b", "{b}2"];
        mover.send(&words).expect("the server reads");
        let mut peer = target.connection();
        peer.hear("RESTORE", 3);
        Scene { source, mover, target, peer }
    }

    /// Clients that have sent a command each and have to wait.
    fn waiting(&self, commands: &[&str]) -> Vec<Client> {
        let send = |command: &&str| {
            let mut client = self.source.client();
            client.send(&command.split(' ').collect::<Vec<_>>()).expect("the server reads");
            client.wait = SILENCE;
            assert_eq!(client.read(), Outcome::Silent, "{command}");
            client.wait = tests::client::REPLY_WAIT;
            client
        };
        commands.iter().map(send).collect()
    }
}

fn int(n: i64) -> Frame {
    Frame::Int(n)
}

fn bulk(text: &str) -> Frame {
    Frame::Bulk(text.into())
}

#[test]
fn reads_and_other_keys_go_on() {
    for cores in [1, 4] {
        let Scene { source, mut mover, mut peer, .. } = Scene::begin(cores);
        for _ in 0..3 {
            // On different cores, as far as there are any.
            let mut client = source.client();
            assert_eq!(client.ask("GET a"), bulk("1"));
            assert_eq!(client.ask("STRLEN b"), int(1));
            assert_eq!(client.ask("EXISTS a b c {b}2 {b}3"), int(5));
            assert!(client.ask("DBSIZE").int() >= Some(5));
            assert_eq!(client.ask("SCAN 0 COUNT 100").items().expect("a list").len(), 2);
            assert_eq!(client.ask("EVAL_RO return(redis.call('get',KEYS[1])) 1 a"), bulk("1"));
            for command in ["INCR c", "INCR {b}3", "APPEND d x", "INCRBY none 1"] {
                assert!(matches!(client.ask(command), Frame::Int(_)), "{command}");
            }
            client.ok("MSET e 1 f 2 g 3 h 4");
            // Units, too: with one core these need everything.
            assert_eq!(client.ask("RPUSH l x"), int(1));
            assert!(matches!(client.ask("BLPOP l 1"), Frame::Array(_)));
            client.ok("MULTI");
            client.send(&["INCR", "c"]).expect("the server reads");
            client.send(&["EXEC"]).expect("the server reads");
            drop(client.read().expect("QUEUED"));
            assert!(matches!(client.read().expect("EXEC").frame, Frame::Array(_)));
            client.ok("MULTI");
            client.send(&["GET", "a"]).expect("the server reads");
            client.send(&["GET", "b"]).expect("the server reads");
            client.send(&["EXEC"]).expect("the server reads");
            (0..2).for_each(|_| drop(client.read().expect("QUEUED")));
            assert_eq!(client.read().expect("EXEC").frame, Frame::Array(vec![bulk("1"), bulk("2")]));
        }
        peer.say("+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
        assert_eq!(mover.read().expect("MIGRATE").frame, Frame::Simple(b"OK".to_vec()));
        let mut client = source.client();
        assert_eq!(client.ask("EXISTS a b {b}2"), int(0));
    }
}

#[test]
fn writes_wait_and_are_carried_out_afterwards() {
    for cores in [1, 4] {
        let scene = Scene::begin(cores);
        let commands =
            ["SET a new", "INCR b", "DEL {b}2", "MSET c 9 b 10", "EVAL return(redis.call('incr',KEYS[1])) 1 a"];
        let mut waiting = scene.waiting(&commands[..1]);
        waiting.extend(scene.waiting(&commands[1..]));
        let Scene { source, mut mover, mut peer, target } = scene;
        // Only b was taken.
        peer.say("+OK\r\n-ERR a\r\n+OK\r\n-ERR b2\r\n");
        let reply = mover.read().expect("MIGRATE").frame;
        assert_eq!(reply, Frame::Error(b"ERR Target instance replied with error: ERR a".to_vec()));
        let replies: Vec<Frame> = waiting.iter_mut().map(|client| client.read().expect("a reply").frame).collect();
        assert_eq!(replies[0], Frame::Simple(b"OK".to_vec()));
        assert!(replies[1] == int(1) || replies[1] == int(11), "{cores}: {replies:?}");
        assert_eq!(replies[2], int(1));
        assert_eq!(target.others(), 0);
        let mut client = source.client();
        assert_eq!(client.ask("EXISTS {b}2"), int(0));
        assert_eq!(client.ask("GET c"), bulk("9"));
        assert!(client.ask("INCR a").is_error() || client.ask("GET a") == bulk("new"), "{replies:?}");
    }
}

#[test]
fn a_key_may_expire_while_it_is_held() {
    for cores in [1, 4] {
        let source = Server::start(Kind::Ashlar { cores }, &[]);
        let (target, mut mover, mut client) = (Target::start(), source.client(), source.client());
        // Long enough to be sent before it is over.
        client.ok("SET a 1 PX 1000");
        let port = target.port.to_string();
        mover.send(&["MIGRATE", "127.0.0.1", &port, "a", "0", "60000"]).expect("the server reads");
        let mut peer = target.connection();
        peer.hear("RESTORE", 1);
        while client.ask("EXISTS a") == int(1) {}
        let mut writer = source.client();
        writer.send(&["SET", "a", "new"]).expect("the server reads");
        writer.wait = SILENCE;
        assert_eq!(writer.read(), Outcome::Silent);
        peer.say("+OK\r\n+OK\r\n");
        assert_eq!(mover.read().expect("MIGRATE").frame, Frame::Simple(b"OK".to_vec()));
        writer.wait = tests::client::REPLY_WAIT;
        assert_eq!(writer.read().expect("SET").frame, Frame::Simple(b"OK".to_vec()));
        assert_eq!(client.ask("GET a"), bulk("new"));
    }
}

#[test]
fn a_flush_waits_and_takes_all() {
    for cores in [1, 4] {
        let scene = Scene::begin(cores);
        let mut waiting = scene.waiting(&["FLUSHALL", "SWAPDB 0 1"]);
        let Scene { source, mut mover, mut peer, .. } = scene;
        peer.say("+OK\r\n-ERR no\r\n-ERR no\r\n-ERR no\r\n");
        assert!(mover.read().expect("MIGRATE").frame.is_error());
        for client in &mut waiting {
            assert_eq!(client.read().expect("a reply").frame, Frame::Simple(b"OK".to_vec()));
        }
        assert_eq!(source.client().ask("DBSIZE"), int(0));
    }
}

#[test]
fn a_hold_ends_though_its_client_is_gone_and_its_target_leaves() {
    for cores in [1, 4] {
        let scene = Scene::begin(cores);
        let mut waiting = scene.waiting(&["APPEND a x", "APPEND b x", "MSET {b}2 7 a 8"]);
        let Scene { source, mover, peer, target } = scene;
        drop(mover);
        drop(peer);
        // It is tried once more, and in vain.
        target.connection().hear("RESTORE", 3);
        waiting.iter_mut().for_each(|client| assert!(!client.read().expect("a reply").frame.is_error()));
        assert_eq!(source.client().ask("EXISTS a b {b}2"), int(3));
    }
}

#[test]
fn a_second_sender_waits_for_the_first() {
    for cores in [1, 4] {
        let Scene { source, mut mover, mut peer, target } = Scene::begin(cores);
        let (mut second, mut other) = (source.client(), source.client());
        let port = target.port.to_string();
        second.send(&["MIGRATE", "127.0.0.1", &port, "", "0", "60000", "KEYS", "c", "b", "a"]).expect("it reads");
        // One with keys of its own does not wait.
        other.send(&["MIGRATE", "127.0.0.1", &port, "{b}3", "0", "60000"]).expect("it reads");
        let mut its_peer = target.connection();
        its_peer.hear("{b}3", 1);
        its_peer.say("+OK\r\n+OK\r\n");
        assert_eq!(other.read().expect("MIGRATE").frame, Frame::Simple(b"OK".to_vec()));
        peer.say("+OK\r\n+OK\r\n-ERR no\r\n+OK\r\n");
        assert!(mover.read().expect("MIGRATE").frame.is_error());
        // Over the connection that was used last; what it said was an error.
        peer.hear("$1\r\nc\r\n", 1);
        peer.say("+OK\r\n+OK\r\n+OK\r\n");
        assert_eq!(second.read().expect("MIGRATE").frame, Frame::Simple(b"OK".to_vec()));
        assert_eq!(source.client().ask("DBSIZE"), int(0));
    }
}

#[test]
fn many_send_at_once() {
    const SENDERS: usize = 150;
    let source = Server::start(Kind::Ashlar { cores: 4 }, &[]);
    let target = Server::start(Kind::Ashlar { cores: 1 }, &[]);
    let mut client = source.client();
    let port = target.port.to_string();
    let mut senders: Vec<Client> = (0..SENDERS).map(|_| source.client()).collect();
    for round in 0..3 {
        for n in 0..SENDERS {
            client.ok(&format!("SET key:{round}:{n} {n}"));
        }
        for (n, sender) in senders.iter_mut().enumerate() {
            let key = format!("key:{round}:{n}");
            sender.send(&["MIGRATE", "127.0.0.1", &port, &key, "0", "20000"]).expect("the server reads");
        }
        for sender in &mut senders {
            assert_eq!(sender.read().expect("MIGRATE").frame, Frame::Simple(b"OK".to_vec()));
        }
    }
    assert_eq!(client.ask("DBSIZE"), int(0));
    assert_eq!(target.client().ask("DBSIZE"), int(3 * SENDERS as i64));
}
