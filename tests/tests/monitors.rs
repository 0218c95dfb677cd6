//! MONITOR over many cores: each client's commands in the order in which it sent them, exact lines, and monitors that do not read.
//! What is shown at all is compared with redis-server in `tests/sessions/monitor.txt`.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use tests::client::Client;
use tests::frame::Frame;
use tests::server::{Kind, Server};

const ALL: [Kind; 3] = [Kind::Redis, Kind::Ashlar { cores: 1 }, Kind::Ashlar { cores: 4 }];

/// What a monitor reads next: the place in brackets and the words behind it.
fn seen(monitor: &mut Client) -> (String, String) {
    let Frame::Simple(line) = monitor.read().expect("a line").frame else { panic!("a line is a simple string") };
    let line = String::from_utf8(line).expect("a line is ASCII");
    let (time, rest) = line.split_once(" [").expect("a place");
    let (seconds, micros) = time.split_once('.').expect("a time");
    assert!(seconds.len() == 10 && micros.len() == 6, "{time}");
    let (place, words) = rest.split_once("] ").expect("words");
    (place.to_owned(), words.to_owned())
}

#[test]
fn lines_name_the_client_and_hide_passwords() {
    for kind in ALL {
        let server = Server::start(kind, &[]);
        let (mut monitor, mut client) = (server.client(), server.client());
        monitor.ok("MONITOR");
        let address = client.addresses().0;
        client.ok("SELECT 7");
        assert_eq!(seen(&mut monitor), (format!("7 {address}"), r#""SELECT" "7""#.to_owned()), "{}", kind.name());
        client.ask("AUTH user secret");
        client.ask("HELLO 2 AUTH user secret SETNAME x");
        client.ask("PING");
        let words: Vec<String> = (0..3).map(|_| seen(&mut monitor).1).collect();
        let hidden = [
            r#""AUTH" "(redacted)" "(redacted)""#,
            r#""HELLO" "2" "AUTH" "(redacted)" "(redacted)" "SETNAME" "x""#,
            r#""PING""#,
        ];
        assert_eq!(words, hidden, "{}", kind.name());
        let path = server.unix_path();
        Client::connect_unix(&path).ask("ECHO unix");
        assert_eq!(seen(&mut monitor).0, format!("0 unix:{}", path.display()), "{}", kind.name());
    }
}

#[test]
fn commands_of_a_client_are_seen_in_its_order() {
    const CLIENTS: usize = 6;
    const COMMANDS: usize = 200;
    for kind in ALL {
        let server = Server::start(kind, &[]);
        let mut monitors = [server.client(), server.client(), server.client()];
        monitors.iter_mut().for_each(|monitor| monitor.ok("MONITOR"));
        let mut clients: Vec<Client> = (0..CLIENTS).map(|_| server.client()).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            let commands = (0..COMMANDS).map(|count| format!("SET key:{number}:{count} {number}:{count}"));
            let commands: Vec<Vec<Vec<u8>>> =
                commands.map(|line| line.split(' ').map(|word| word.as_bytes().to_vec()).collect()).collect();
            client.pipeline(&commands);
        }
        for monitor in &mut monitors {
            let mut next = [0; CLIENTS];
            for _ in 0..CLIENTS * COMMANDS {
                let words = seen(monitor).1;
                let value = words.rsplit(' ').next().expect("a value").trim_matches('"');
                let (number, count) = value.split_once(':').expect("two numbers");
                let number: usize = number.parse().expect("a client");
                assert_eq!(count, next[number].to_string(), "{} client {number}", kind.name());
                next[number] += 1;
            }
        }
    }
}

#[test]
fn a_monitor_that_does_not_read_is_ended_and_nobody_waits() {
    for kind in ALL {
        let server = Server::start(kind, &["--client-output-buffer-limit", "normal 4mb 0 0"]);
        let (mut monitor, mut client) = (server.client(), server.client());
        monitor.ok("MONITOR");
        let value = "x".repeat(100_000);
        let begun = Instant::now();
        let ended = |client: &mut Client| {
            let Frame::Bulk(text) = client.ask("CLIENT LIST") else { panic!("a list") };
            !String::from_utf8_lossy(&text).contains("cmd=monitor")
        };
        while !ended(&mut client) {
            client.ok(&format!("SET k {value}"));
            assert!(begun.elapsed() < Duration::from_secs(20), "{}: the monitor is not ended", kind.name());
        }
        client.ok("SET k v");
    }
}

#[test]
fn monitors_that_come_and_go_leave_nothing_behind() {
    for cores in [1, 4] {
        let server = Server::start(Kind::Ashlar { cores }, &[]);
        let mut client = server.client();
        for round in 0..50 {
            let mut monitor = server.client();
            monitor.send(&["MONITOR"]).expect("the server reads");
            if round % 3 > 0 {
                assert_eq!(monitor.read().expect("a reply").frame, Frame::Simple(b"OK".to_vec()));
            }
            if round % 3 == 1 {
                monitor.send(&["RESET"]).expect("the server reads");
                assert_eq!(monitor.read().expect("a reply").frame, Frame::Simple(b"RESET".to_vec()));
            }
            drop(monitor);
            client.ok("SET k v");
        }
        let mut monitor = server.client();
        monitor.ok("MONITOR");
        client.ask("PING");
        assert_eq!(seen(&mut monitor).1, r#""PING""#);
    }
}
