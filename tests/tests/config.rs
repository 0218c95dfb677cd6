//! CONFIG REWRITE and what settings do while the server runs. Replies of CONFIG GET and SET are compared with Redis's
//! in `differential.rs`.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;
use tests::binaries::ashlar_is_redis;
use tests::client::{Client, Outcome};
use tests::frame::Frame;
use tests::server::{Kind, Server, free_port, start_bare};

const TWO: Kind = Kind::Ashlar { cores: 2 };

fn value(client: &mut Client, name: &str) -> String {
    let reply = client.ask(&format!("CONFIG GET {name}"));
    let value = reply.items().and_then(|items| items.get(1)).and_then(Frame::text);
    String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
}

fn start_from(file: &Path, port: u16) -> Server {
    let mut server = start_bare(TWO, port, &[&file.to_string_lossy()]);
    server.wait_ready().unwrap_or_else(|error| panic!("{error}: {}", server.log_text()));
    server
}

#[test]
fn rewrite_saves_what_changed_beside_the_file_and_never_in_it() {
    if ashlar_is_redis() {
        return;
    }
    let folder = tempfile::tempdir().expect("a scratch folder can be made");
    let file = folder.path().join("a.toml");
    let port = free_port();
    let text = format!("# mine\n[network]\nport = {port} # kept\ntimeout = 5\n");
    fs::write(&file, &text).expect("the scratch folder is writable");
    {
        let mut server = start_from(&file, port);
        let mut client = server.client();
        client.ok("CONFIG SET timeout 42 slowlog-max-len 7");
        client.ok("CONFIG REWRITE");
        client.ok("CONFIG SET tcp-keepalive 99");
        server.signal("TERM");
        assert!(server.wait_exit().is_some());
    }
    assert_eq!(fs::read_to_string(&file).expect("the file is there"), text, "the user's file is never rewritten");
    let server = start_from(&file, port);
    let mut client = server.client();
    assert_eq!(value(&mut client, "timeout"), "42");
    assert_eq!(value(&mut client, "slowlog-max-len"), "7");
    assert_eq!(value(&mut client, "tcp-keepalive"), "300", "what was not rewritten is not saved");
}

#[test]
fn rewrite_without_a_file_says_so() {
    let server = Server::start(TWO, &[]);
    let reply = server.client().ask("CONFIG REWRITE");
    assert_eq!(reply, Frame::Error(b"ERR The server is running without a config file".to_vec()));
}

#[test]
fn set_is_all_or_nothing_and_seen_by_every_core() {
    let server = Server::start(Kind::Ashlar { cores: 4 }, &[]);
    let mut clients: Vec<Client> = (0..16).map(|_| server.client()).collect();
    clients[0].ok("CONFIG SET timeout 1234 slowlog-max-len 55");
    for client in &mut clients {
        assert_eq!(value(client, "timeout"), "1234");
    }
    assert!(clients[1].ask("CONFIG SET timeout 1 hz none slowlog-max-len 2").is_error());
    for client in &mut clients {
        assert_eq!(value(client, "timeout"), "1234");
        assert_eq!(value(client, "slowlog-max-len"), "55");
    }
}

#[test]
fn maxclients_is_a_limit_over_all_cores() {
    let server = Server::start(Kind::Ashlar { cores: 4 }, &["--maxclients", "10"]);
    let mut clients: Vec<Client> = (0..10).map(|_| server.client()).collect();
    for client in &mut clients {
        assert_eq!(client.ask("PING"), Frame::Simple(b"PONG".to_vec()));
    }
    let mut refused = server.client();
    let reply = refused.read().expect("a refused client is told");
    assert_eq!(reply.raw, b"-ERR max number of clients reached\r\n", "{}", reply.frame);
    assert_eq!(refused.read(), Outcome::Closed);
    assert_eq!(clients[0].call(&["QUIT"]).expect("QUIT").raw, b"+OK\r\n");
    assert_eq!(clients[0].read(), Outcome::Closed);
    let mut stats = 0;
    // The place of a client that left is free once its core has noticed.
    while !matches!(server.client().call(&["PING"]), Outcome::Reply(reply) if reply.raw == b"+PONG\r\n") {
        stats += 1;
        assert!(stats < 1000, "a place becomes free");
    }
}

#[test]
fn timeout_closes_idle_clients_only() {
    let server = Server::start(TWO, &["--timeout", "1"]);
    let mut idle = server.client();
    let mut busy = server.client();
    assert_eq!(idle.ask("PING"), Frame::Simple(b"PONG".to_vec()));
    // The idle client is read while the busy one is kept alive by the loop of its own thread.
    let reader = std::thread::spawn(move || idle.read());
    while !reader.is_finished() {
        assert_eq!(busy.ask("PING"), Frame::Simple(b"PONG".to_vec()));
    }
    assert_eq!(reader.join().expect("the reader ends"), Outcome::Closed);
    assert_eq!(busy.ask("PING"), Frame::Simple(b"PONG".to_vec()));
}

#[test]
fn databases_bounds_select_on_every_core() {
    let server = Server::start(Kind::Ashlar { cores: 4 }, &["--databases", "3"]);
    for _ in 0..8 {
        let mut client = server.client();
        client.ok("SELECT 2");
        assert_eq!(client.ask("SELECT 3"), Frame::Error(b"ERR DB index is out of range".to_vec()));
    }
}

#[test]
fn debug_is_closed_unless_enabled() {
    let server = Server::start(TWO, &["--enable-debug-command", "no"]);
    let reply = server.client().ask("DEBUG SLEEP 0");
    let text = String::from_utf8_lossy(reply.text().unwrap_or_default()).into_owned();
    assert!(reply.is_error() && text.starts_with("ERR DEBUG command not allowed"), "{reply}");
}
