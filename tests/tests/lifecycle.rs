//! How the process starts, answers for itself, and ends.
#![forbid(unsafe_code)]

use std::fs;
use std::time::Duration;
use tests::binaries::ashlar_is_redis;
use tests::client::{Client, Outcome};
use tests::frame::Frame;
use tests::process::cpu_ticks;
use tests::server::{Kind, READY, Server, free_port, run, start_bare};

const ONE: Kind = Kind::Ashlar { cores: 1 };
const FOUR: Kind = Kind::Ashlar { cores: 4 };

/// The version that clients are told.
fn redis_version() -> &'static str {
    if ashlar_is_redis() { "7.0.15" } else { "7.2.4" }
}

#[test]
fn ready_line_comes_once_every_core_listens() {
    let server = Server::start(FOUR, &[]);
    // Connections are spread over all cores: each must answer at once.
    let mut clients: Vec<Client> = (0..32).map(|_| server.client()).collect();
    for client in &mut clients {
        assert_eq!(client.ask("PING"), Frame::Simple(b"PONG".to_vec()));
    }
}

#[test]
fn a_second_server_on_the_port_is_refused() {
    let first = Server::start(ONE, &[]);
    let port = first.port.to_string();
    let (status, output) = run(ONE, &["--port", &port, "--save", ""]);
    assert_eq!(status.and_then(|status| status.code()), Some(1), "{output}");
    assert!(output.contains(&format!("Failed listening on port {port}")), "{output}");
    assert_eq!(first.client().ask("PING"), Frame::Simple(b"PONG".to_vec()));
}

#[test]
fn term_and_int_end_it_in_order() {
    for (kind, signal) in [(ONE, "TERM"), (FOUR, "TERM"), (FOUR, "INT")] {
        let mut server = Server::start(kind, &[]);
        let mut client = server.client();
        client.ok("SET k v");
        server.signal(signal);
        let status = server.wait_exit().unwrap_or_else(|| panic!("SIG{signal} ends {}", kind.name()));
        assert_eq!(status.code(), Some(0), "{} after SIG{signal}", kind.name());
        assert_eq!(client.read(), Outcome::Closed);
        assert!(!server.unix_path().exists(), "the UNIX socket is removed");
    }
}

#[test]
fn shutdown_ends_it_in_order() {
    for words in ["SHUTDOWN", "SHUTDOWN NOSAVE", "SHUTDOWN NOW", "SHUTDOWN NOSAVE FORCE", "shutdown nosave now force"] {
        let mut server = Server::start(FOUR, &[]);
        let mut idle = server.client();
        assert_eq!(idle.ask("PING"), Frame::Simple(b"PONG".to_vec()));
        let mut client = server.client();
        let words: Vec<&str> = words.split(' ').collect();
        assert_eq!(client.call(&words), Outcome::Closed, "{words:?}");
        let status = server.wait_exit().unwrap_or_else(|| panic!("{words:?} ends the server"));
        assert_eq!(status.code(), Some(0), "{words:?}");
        assert_eq!(idle.read(), Outcome::Closed, "{words:?} closes other connections");
    }
}

#[test]
fn shutdown_at_the_end_of_a_pipeline_ends_it_too() {
    let mut server = Server::start(FOUR, &[]);
    let mut client = server.client();
    client.send_raw(b"SET a 1\r\nSET b 2\r\nMGET a b\r\nSHUTDOWN NOSAVE\r\n").expect("the server listens");
    let (bytes, closed) = client.read_to_end();
    assert!(closed);
    // Redis drops the replies of the batch that ends it; whatever is sent must be the right ones.
    let replies = b"+OK\r\n+OK\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n";
    assert!(replies.starts_with(&bytes), "{}", bytes.escape_ascii());
    assert_eq!(server.wait_exit().and_then(|status| status.code()), Some(0));
}

#[test]
fn an_idle_server_sleeps() {
    let server = Server::start(FOUR, &[]);
    let mut clients: Vec<Client> = (0..100).map(|_| server.client()).collect();
    for client in &mut clients {
        assert_eq!(client.ask("PING"), Frame::Simple(b"PONG".to_vec()));
    }
    let before = cpu_ticks(server.pid()).expect("it runs");
    // A read that nothing answers is the clock of this test.
    clients[0].wait = Duration::from_secs(3);
    assert_eq!(clients[0].read(), Outcome::Silent);
    let used = cpu_ticks(server.pid()).expect("it runs") - before;
    // A loop that spins takes 300; `bench idle` measures how little a sleeping server takes.
    assert!(used <= 60, "{used} ticks of 10 ms in 3 s: a busy loop");
}

#[test]
fn the_unix_socket_serves_as_tcp_does() {
    for kind in [ONE, FOUR] {
        let server = Server::start(kind, &[]);
        let mut tcp = server.client();
        let mut unix: Vec<Client> = (0..8).map(|_| Client::connect_unix(&server.unix_path())).collect();
        for (index, client) in unix.iter_mut().enumerate() {
            client.ok(&format!("SET k{index} v{index}"));
        }
        for index in 0..8 {
            assert_eq!(tcp.ask(&format!("GET k{index}")), Frame::Bulk(format!("v{index}").into_bytes()));
        }
        let list = tcp.ask("CLIENT LIST");
        let text = String::from_utf8_lossy(list.text().unwrap_or_default()).into_owned();
        assert_eq!(
            text.matches(&format!("addr={}:0", server.unix_path().display())).count(),
            16,
            "addr and laddr:\n{text}"
        );
    }
}

#[test]
fn version_is_one_line_in_the_form_of_redis() {
    for flag in ["-v", "--version"] {
        let (status, output) = run(ONE, &[flag]);
        assert_eq!(status.and_then(|status| status.code()), Some(0), "{output}");
        assert_eq!(output.lines().count(), 1, "{output}");
        let words: Vec<&str> = output.split_ascii_whitespace().collect();
        let version = format!("v={}", redis_version());
        assert!(words.contains(&version.as_str()) && output.contains(" server v="), "{output}");
        for name in ["sha=", "malloc=", "bits=64", "build="] {
            assert!(words.iter().any(|word| word.starts_with(name)), "{name} in {output}");
        }
        assert!(ashlar_is_redis() || output.contains(env!("CARGO_PKG_VERSION")), "{output}");
    }
}

#[test]
fn help_names_every_setting() {
    if ashlar_is_redis() {
        return;
    }
    let server = Server::start(ONE, &[]);
    let settings = server.client().ask("CONFIG GET *");
    for flag in ["-h", "--help"] {
        let (status, output) = run(ONE, &[flag]);
        assert_eq!(status.and_then(|status| status.code()), Some(0), "{output}");
        for (name, _) in settings.pairs().expect("CONFIG GET answers pairs") {
            let name = String::from_utf8_lossy(name.text().unwrap_or_default()).into_owned();
            assert!(output.contains(&format!("--{name}")), "--{name} in --help");
        }
    }
}

#[test]
fn wrong_flags_are_named_and_nothing_starts() {
    if ashlar_is_redis() {
        return;
    }
    let rows: &[(&[&str], &[&str])] = &[
        (&["--prot", "7000"], &["prot", "port"]),
        (&["--port", "seven"], &["port"]),
        (&["--port", "65536"], &["port"]),
        (&["--port"], &["port"]),
        (&["--timeout", "-1"], &["timeout"]),
        (&["--maxmemory-policy", "sometimes"], &["maxmemory-policy"]),
        (&["--databases", "0"], &["databases"]),
        (&["--cores", "-1"], &["cores"]),
        (&["--appendonly", "yes"], &["appendonly"]),
        (&["--cluster-enabled", "maybe"], &["cluster-enabled"]),
        (&["/no/such/file.toml"], &["/no/such/file.toml"]),
    ];
    for (flags, named) in rows {
        let (status, output) = run(ONE, flags);
        assert_eq!(status.and_then(|status| status.code()), Some(1), "{flags:?}: {output}");
        assert!(!output.contains(READY), "{flags:?}: {output}");
        for name in *named {
            assert!(output.contains(name), "{flags:?} names {name}: {output}");
        }
    }
}

#[test]
fn wrong_files_are_named_with_line_and_key() {
    if ashlar_is_redis() {
        return;
    }
    // The wrong line is always the third.
    let rows: &[(&str, &[&str])] = &[
        ("# a\n[network]\nprot = 7000\n", &["prot", "port"]),
        ("# a\n[network]\nport = \"seven\"\n", &["port"]),
        ("# a\n[network]\nport = 65536\n", &["port"]),
        ("# a\n[network]\nport = true\n", &["port"]),
        ("# a\n[network]\nport = \n", &[]),
        ("# a\n\n[netwrok]\n", &["netwrok", "network"]),
    ];
    for (text, named) in rows {
        let folder = tempfile::tempdir().expect("a scratch folder can be made");
        let path = folder.path().join("wrong.toml");
        fs::write(&path, text).expect("the scratch folder is writable");
        let (status, output) = run(ONE, &[&path.to_string_lossy()]);
        assert_eq!(status.and_then(|status| status.code()), Some(1), "{text}: {output}");
        assert!(output.contains("wrong.toml:3"), "{text} names file and line: {output}");
        for name in *named {
            assert!(output.contains(name), "{text} names {name}: {output}");
        }
    }
}

#[test]
fn a_file_configures_and_flags_win_over_it() {
    if ashlar_is_redis() {
        return;
    }
    let folder = tempfile::tempdir().expect("a scratch folder can be made");
    let path = folder.path().join("a.toml");
    let port = free_port();
    let text = format!("[network]\nport = {port}\ntimeout = 77\ntcp-keepalive = 11\n[cores]\ncores = 2\n");
    fs::write(&path, &text).expect("the scratch folder is writable");
    let mut server = start_bare(ONE, port, &[&path.to_string_lossy(), "--timeout", "99"]);
    server.wait_ready().unwrap_or_else(|error| panic!("{error}: {}", server.log_text()));
    let mut client = server.client();
    for (name, value) in [("timeout", "99"), ("tcp-keepalive", "11"), ("cores", "2")] {
        let reply = client.ask(&format!("CONFIG GET {name}"));
        let value = Frame::Bulk(value.as_bytes().to_vec());
        assert_eq!(reply.items().and_then(|items| items.get(1)), Some(&value), "{name}");
    }
}
