//! Thousands of clients that wait, each on a key of its own: each is woken once, by its own element, whoever pushes it and wherever both
//! are.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};
use tests::client::Client;
use tests::frame::Frame;
use tests::process::raise_descriptors;
use tests::server::{Kind, Server};

/// Longest wait for the server to have read what clients sent.
const WAIT: Duration = Duration::from_secs(30);

/// Clients, if there are descriptors for them.
const CLIENTS: u64 = 4_000;

/// Keys, and clients, by their numbers in an order that is not theirs.
fn scattered(count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |turn| turn * 2_654_435_761 % count)
}

fn key(number: usize) -> String {
    format!("key:{number}")
}

/// Has every client answered: the answer would stand behind whatever else it got.
fn all_answer(clients: &mut [Client]) {
    for client in &mut *clients {
        client.send(&["PING"]).expect("it is sent");
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.read().expect("a reply").frame, Frame::Simple(b"PONG".to_vec()), "client {number}");
    }
}

#[test]
fn each_client_is_woken_once_by_its_own_element() {
    let limit = raise_descriptors(CLIENTS + 500);
    let count = usize::try_from(limit.saturating_sub(500).min(CLIENTS)).expect("fits");
    for cores in [1, 4] {
        let server = Server::start(Kind::Ashlar { cores }, &["--maxclients", "10000"]);
        let mut clients: Vec<Client> = (0..count).map(|_| server.client()).collect();
        let mut pushers: Vec<Client> = (0..4).map(|_| server.client()).collect();
        for round in 0..2 {
            for (number, client) in clients.iter_mut().enumerate() {
                client.send(&["BLPOP", &key(number), "0"]).expect("it is sent");
            }
            until_blocked(&mut pushers[0], count);
            for (turn, number) in scattered(count).enumerate() {
                let element = format!("{round}:{number}");
                let pushed = pushers[turn % 4].call(&["RPUSH", &key(number), &element]).expect("a reply").frame;
                assert_eq!(pushed, Frame::Int(1), "{cores} cores: {number} had one already");
                if turn % 2 == 0 {
                    served(&mut clients[number], number, &element);
                }
            }
            // The others were served while nobody looked.
            for (_, number) in scattered(count).enumerate().filter(|(turn, _)| turn % 2 == 1) {
                served(&mut clients[number], number, &format!("{round}:{number}"));
            }
            all_answer(&mut clients);
        }
        assert_eq!(pushers[0].ask("DBSIZE"), Frame::Int(0), "{cores} cores");
        until_blocked(&mut pushers[0], 0);
    }
}

/// Asks until the server says that so many clients wait.
fn until_blocked(client: &mut Client, count: usize) {
    let deadline = Instant::now() + WAIT;
    loop {
        let Frame::Bulk(info) = client.ask("INFO clients") else { panic!("INFO is text") };
        if String::from_utf8_lossy(&info).contains(&format!("blocked_clients:{count}\r")) {
            return;
        }
        assert!(Instant::now() < deadline, "{count} clients do not wait after {WAIT:?}");
    }
}

fn served(client: &mut Client, number: usize, element: &str) {
    let reply = client.read().expect("a client is woken").frame;
    let expected = [key(number), element.to_owned()].map(|text| Frame::Bulk(text.into_bytes()));
    assert_eq!(reply, Frame::Array(expected.to_vec()), "client {number}");
}
