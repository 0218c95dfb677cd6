//! Pipelines: replies in the order of the requests whatever core each goes to, any split of the bytes, any depth.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tests::client::{Client, Outcome, encode};
use tests::frame::Frame;
use tests::server::{Kind, Server};

const KINDS: [Kind; 2] = [Kind::Ashlar { cores: 1 }, Kind::Ashlar { cores: 4 }];

fn bulk(text: impl AsRef<[u8]>) -> Frame {
    Frame::Bulk(text.as_ref().to_vec())
}

fn ok() -> Frame {
    Frame::Simple(b"OK".to_vec())
}

/// Sends bytes from one thread and checks the replies in this one.
fn check(client: &mut Client, bytes: Vec<u8>, expected: &[Frame]) {
    let mut writer = client.duplicate();
    let sender = thread::spawn(move || writer.send_raw(&bytes));
    for (index, wanted) in expected.iter().enumerate() {
        let reply = client.read().expect("a pipelined command is answered");
        assert_eq!(reply.frame, *wanted, "reply {index}");
    }
    sender.join().expect("the writer ends").expect("the server reads on");
}

/// Random single-key and multi-key commands over few keys, with the replies of a model.
fn random_commands(seed: u64, count: usize) -> (Vec<u8>, Vec<Frame>) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut model: HashMap<String, String> = HashMap::new();
    let mut bytes = Vec::new();
    let mut expected = Vec::new();
    let get = |model: &HashMap<String, String>, key: &str| model.get(key).map_or(Frame::NullBulk, bulk);
    for index in 0..count {
        let key = format!("k{}", random.u8(0..24));
        let other = format!("k{}", random.u8(0..24));
        let value = format!("v{index}");
        let (words, reply) = match random.u8(0..12) {
            0..4 => {
                model.insert(key.clone(), value.clone());
                (vec!["SET", &key, &value], ok())
            }
            4..8 => (vec!["GET", &key], get(&model, &key)),
            8 => (vec!["ECHO", &value], bulk(&value)),
            9 => {
                model.insert(key.clone(), value.clone());
                model.insert(other.clone(), value.clone());
                (vec!["MSET", &key, &value, &other, &value], ok())
            }
            10 => (vec!["MGET", &key, &other], Frame::Array(vec![get(&model, &key), get(&model, &other)])),
            _ => {
                let gone = i64::from(model.remove(&key).is_some()) + i64::from(model.remove(&other).is_some());
                (vec!["DEL", &key, &other], Frame::Int(gone))
            }
        };
        encode(&words, &mut bytes);
        expected.push(reply);
    }
    (bytes, expected)
}

#[test]
fn replies_come_in_order_from_all_cores() {
    for kind in KINDS {
        let server = Server::start(kind, &[]);
        for seed in 0..8 {
            let mut client = server.client();
            client.ok("FLUSHALL");
            let (bytes, expected) = random_commands(seed, 3000);
            check(&mut client, bytes, &expected);
        }
    }
}

#[test]
fn barriers_inside_a_pipeline_hold() {
    let server = Server::start(Kind::Ashlar { cores: 4 }, &[]);
    let mut client = server.client();
    let mut bytes = Vec::new();
    let mut expected = Vec::new();
    for round in 0..200 {
        for key in 0..8 {
            encode(&["SET".into(), format!("k{key}"), format!("{round}")], &mut bytes);
            expected.push(ok());
        }
        let rows: [(&[&str], Frame); 7] = [
            (&["DBSIZE"], Frame::Int(8)),
            (&["SELECT", "1"], ok()),
            (&["DBSIZE"], Frame::Int(0)),
            (&["SELECT", "0"], ok()),
            (&["RENAME", "k0", "k1"], ok()),
            (&["EXISTS", "k0", "k1", "k2", "k3"], Frame::Int(3)),
            (&["FLUSHALL"], ok()),
        ];
        for (words, reply) in rows {
            encode(words, &mut bytes);
            expected.push(reply);
        }
    }
    check(&mut client, bytes, &expected);
}

#[test]
fn a_huge_pipeline_is_answered_whole() {
    for kind in KINDS {
        let server = Server::start(kind, &[]);
        let (bytes, expected) = random_commands(99, 150_000);
        check(&mut server.client(), bytes, &expected);
    }
}

#[test]
fn replies_larger_than_all_buffers_are_sent_whole() {
    for kind in KINDS {
        let server = Server::start(kind, &[]);
        let mut client = server.client();
        let value = "x".repeat(3_000_000);
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for key in ["a", "b", "c", "d"] {
            encode(&["SET", key, &value], &mut bytes);
            expected.push(ok());
        }
        for key in ["a", "b", "c", "d", "none"] {
            encode(&["GET", key], &mut bytes);
            expected.push(if key == "none" { Frame::NullBulk } else { bulk(&value) });
        }
        encode(&["MGET", "a", "b", "c", "d"], &mut bytes);
        expected.push(Frame::Array(vec![bulk(&value); 4]));
        check(&mut client, bytes, &expected);
    }
}

/// A stream that holds every way in which a command may be written, and what follows a protocol error.
const STREAM: &[u8] = b"PING\r\n*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\na\r\nb\x00\r\n  ECHO \"x \\x41\" \r\n\r\n*0\r\n\
*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\nFOO a b\r\n*5\r\n$4\r\nMSET\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n\
*3\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\nQUIT now\r\nPING\r\n";
/// The same with an error in the place of QUIT.
const BROKEN_END: &[u8] = b"*1\r\n$4\r\nPING\r\n*2\r\n$x\r\nPING\r\n";

fn whole(server: &Server, parts: &[&[u8]], first_replies: usize) -> Vec<u8> {
    let mut client = server.client();
    let mut bytes = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let _ = client.send_raw(part);
        if index == 0 {
            // Replies that are due show that the server has read the first part on its own.
            for _ in 0..first_replies {
                bytes.extend(client.read().expect("a whole command is answered").raw);
            }
        }
    }
    let (rest, closed) = client.read_to_end();
    assert!(closed, "the stream ends the connection");
    bytes.extend(rest);
    bytes
}

/// How many replies the first `cut` bytes are owed: parsed as whole replies of the full answer, found by sending them.
fn replies_of_prefix(server: &Server, prefix: &[u8]) -> usize {
    let mut client = server.client();
    let _ = client.send_raw(prefix);
    client.finish_sending();
    let (mut bytes, _) = client.read_to_end();
    let mut count = 0;
    while let Ok(Some((_, length))) = tests::frame::parse(&bytes) {
        bytes.drain(..length);
        count += 1;
    }
    count
}

#[test]
fn any_split_of_a_stream_gives_the_same_replies() {
    for kind in [Kind::Redis, KINDS[0], KINDS[1]] {
        let server = Server::start(kind, &[]);
        let quit = STREAM.len() - b"QUIT now\r\nPING\r\n".len();
        for stream in [STREAM.to_vec(), [&STREAM[..quit], BROKEN_END].concat()] {
            let reference = whole(&server, &[&stream], 0);
            for cut in 1..stream.len() {
                let (first, second) = stream.split_at(cut);
                let due = replies_of_prefix(&server, first).min(3);
                let got = whole(&server, &[first, second], due);
                assert_eq!(got.escape_ascii().to_string(), reference.escape_ascii().to_string(), "cut at {cut}");
            }
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            assert_eq!(whole(&server, &bytes, 0), reference, "byte by byte");
            let mut random = fastrand::Rng::with_seed(7);
            for _ in 0..50 {
                let mut rest = &stream[..];
                let mut parts = Vec::new();
                while !rest.is_empty() {
                    let (part, after) = rest.split_at(random.usize(1..=rest.len().min(20)));
                    parts.push(part);
                    rest = after;
                }
                assert_eq!(whole(&server, &parts, 0), reference, "{parts:?}");
            }
        }
    }
}

#[test]
fn all_servers_answer_the_stream_alike() {
    let answers: Vec<String> = [Kind::Redis, KINDS[0], KINDS[1]]
        .map(|kind| whole(&Server::start(kind, &[]), &[STREAM], 0).escape_ascii().to_string())
        .into();
    assert_eq!(answers[1], answers[0]);
    assert_eq!(answers[2], answers[0]);
}

#[test]
fn a_deep_pipeline_does_not_starve_others() {
    for kind in KINDS {
        let server = Server::start(kind, &[]);
        let others_are_done = AtomicBool::new(false);
        let (bytes, expected) = random_commands(5, 50_000);
        thread::scope(|scope| {
            // The pipeline goes on until the others are served: one that starved them would never end, and their wait would.
            scope.spawn(|| {
                let mut client = server.client();
                while !others_are_done.load(Ordering::SeqCst) {
                    client.ok("FLUSHALL");
                    check(&mut client, bytes.clone(), &expected);
                }
            });
            let mut clients: Vec<Client> = (0..8).map(|_| server.client()).collect();
            let mut is_served = |client: &mut Client| matches!(client.call(&["GET", "k1"]), Outcome::Reply(_));
            let served = (0..50).all(|_| clients.iter_mut().all(&mut is_served));
            others_are_done.store(true, Ordering::SeqCst);
            assert!(served, "{}: a client waits for as long as another one pipelines", kind.name());
        });
    }
}
