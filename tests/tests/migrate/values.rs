//! Values of every type and size arrive as they left, with the time that they have left.

use tests::client::Client;
use tests::frame::Frame;
use tests::server::{Kind, Server};

/// Numbers of elements: small and large forms of everything.
const COUNTS: [usize; 5] = [1, 3, 128, 129, 3000];

/// What a command is given for one element.
type Element = fn(usize) -> Vec<String>;

/// Commands that make a value of `count` elements at `key`.
fn make(client: &mut Client, count: usize) {
    let families: [(&str, Element); 6] = [
        ("RPUSH", |n| vec![format!("element:{n}")]),
        ("SADD", |n| vec![format!("element:{n}")]),
        ("SADD", |n| vec![n.to_string()]),
        ("HSET", |n| vec![format!("field:{n}"), "value".repeat(n % 20)]),
        ("ZADD", |n| vec![(n as f64 * 0.37 - 50.0).to_string(), format!("member:{n}")]),
        ("PFADD", |n| vec![format!("element:{n}")]),
    ];
    for (index, (command, element)) in families.into_iter().enumerate() {
        for start in (0..count).step_by(500) {
            let elements = (start..count.min(start + 500)).flat_map(element);
            let words: Vec<String> = [command.into(), format!("{index}:{count}")].into_iter().chain(elements).collect();
            assert!(!client.call(&words).expect(command).frame.is_error());
        }
    }
    for n in 1..=count {
        client.ask(&format!("XADD stream:{count} {n}-1 field {n}"));
    }
    client.ok(&format!("XGROUP CREATE stream:{count} group 0"));
    client.ask(&format!("XREADGROUP GROUP group consumer COUNT 2 STREAMS stream:{count} >"));
    client.ok(&format!("SET string:{count} {}", "long ".repeat(count).trim_end().replace(' ', "_")));
    client.ok(&format!("SET number:{count} {count}"));
    client.ask(&format!("EXPIRE number:{count} 1000"));
}

fn travels(source: Kind, target: Kind) {
    let (source, target) = (Server::start(source, &[]), Server::start(target, &[]));
    let (mut from, mut to) = (source.client(), target.client());
    COUNTS.into_iter().for_each(|count| make(&mut from, count));
    let digest = from.ask("DEBUG DIGEST");
    let Frame::Array(keys) = from.ask("KEYS *") else { panic!("keys are a list") };
    let keys: Vec<Vec<u8>> = keys.into_iter().map(|key| key.text().expect("a key is a text").to_vec()).collect();
    let port = target.port.to_string();
    // Half of them one by one, the others at once.
    let (single, many) = keys.split_at(keys.len() / 2);
    let migrate = |key: &[u8], keys: &[Vec<u8>]| {
        let head = [&b"MIGRATE"[..], b"127.0.0.1", port.as_bytes(), key, b"0", b"5000"];
        let head = head.iter().map(|word| word.to_vec());
        let word = (!keys.is_empty()).then(|| b"KEYS".to_vec());
        head.chain(word).chain(keys.iter().cloned()).collect::<Vec<Vec<u8>>>()
    };
    for key in single {
        assert_eq!(from.call(&migrate(key, &[])).expect("MIGRATE").frame, Frame::Simple(b"OK".to_vec()));
    }
    assert_eq!(from.call(&migrate(b"", many)).expect("MIGRATE").frame, Frame::Simple(b"OK".to_vec()));
    assert_eq!(from.ask("DBSIZE"), Frame::Int(0));
    assert_eq!(to.ask("DEBUG DIGEST"), digest, "{} to {}", source.kind.name(), target.kind.name());
    for count in COUNTS {
        let Frame::Int(left) = to.ask(&format!("TTL number:{count}")) else { panic!("a time is a number") };
        assert!((900..=1000).contains(&left), "{left}");
        assert_eq!(to.ask(&format!("TTL string:{count}")), Frame::Int(-1));
    }
}

#[test]
fn values_travel_from_us_to_redis() {
    travels(Kind::Ashlar { cores: 4 }, Kind::Redis);
}

#[test]
fn values_travel_from_redis_to_us() {
    travels(Kind::Redis, Kind::Ashlar { cores: 4 });
}

#[test]
fn values_travel_between_ours() {
    travels(Kind::Ashlar { cores: 1 }, Kind::Ashlar { cores: 4 });
    travels(Kind::Ashlar { cores: 4 }, Kind::Ashlar { cores: 1 });
}
