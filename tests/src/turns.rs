//! Several clients that take turns, after a script: every server sends each of them the same bytes.

use std::collections::BTreeMap;

use crate::client::Client;
use crate::server::{Kind, Server};

const KINDS: [Kind; 3] = [Kind::Redis, Kind::Ashlar { cores: 1 }, Kind::Ashlar { cores: 4 }];

/// Plays a script: each line is a client's letter and its command, and behind `|` how many frames each client then reads; without
/// that its sender reads one. At the end everybody quits and must have read everything. The transcript has all bytes.
fn play(server: &Server, script: &str) -> Vec<String> {
    let mut clients: BTreeMap<&str, Client> = BTreeMap::new();
    let mut transcript = Vec::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (command, reads) = line.split_once('|').unwrap_or((line, ""));
        let mut words = command.split_ascii_whitespace();
        let sender = words.next().expect("a line names its client");
        let words: Vec<&str> = words.collect();
        clients.entry(sender).or_insert_with(|| server.client()).send(&words).expect("the server reads");
        let mut counts: Vec<(&str, usize)> = reads
            .split_ascii_whitespace()
            .map(|read| {
                let (client, count) = read.split_once('=').expect("client=count");
                (client, count.parse().expect("a number of frames"))
            })
            .collect();
        if counts.is_empty() {
            counts.push((sender, 1));
        }
        for (client, count) in counts {
            for _ in 0..count {
                let read = clients.get_mut(client).expect("it sent something before").read();
                let reply = read.expect(line);
                // HELLO tells the version.
                let shown = if line.contains("HELLO") { &reply.raw[..1] } else { &reply.raw };
                transcript.push(format!("{line} -> {client}: {:?}", String::from_utf8_lossy(shown)));
            }
        }
    }
    for (name, client) in &mut clients {
        client.send(&["QUIT"]).expect("the server reads");
        let (rest, closed) = client.read_to_end();
        assert!(closed, "{name} is not closed");
        transcript.push(format!("the end of {name}: {:?}", String::from_utf8_lossy(&rest)));
    }
    transcript
}

/// The script's transcript is the same from redis-server and from ours, on one core and on four.
#[track_caller]
pub fn check(flags: &[&str], script: &str) {
    let [expected, one, four] = KINDS.map(|kind| play(&Server::start(kind, flags), script));
    assert_eq!(one, expected, "one core");
    assert_eq!(four, expected, "four cores");
}
