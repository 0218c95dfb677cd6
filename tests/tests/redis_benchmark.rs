//! redis-benchmark's default tests run without errors, for the commands that exist.
#![forbid(unsafe_code)]

use std::process::Command;
use tests::binaries::redis_tool;
use tests::server::{Kind, Server};

/// Tests of redis-benchmark's default list whose commands exist. `lpush` and its kin join with their types.
const TESTS: &str = "ping_inline,ping_mbulk,set,get,incr,mset";

fn check(server: &Server, flags: &[&str]) {
    let mut command = Command::new(redis_tool("redis-benchmark"));
    command.args(["-p", &server.port.to_string(), "-t", TESTS, "-n", "5000", "--csv"]).args(flags);
    let output = command.output().expect("redis-benchmark runs");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{flags:?}: {text}");
    assert!(!text.to_lowercase().contains("error"), "{flags:?}: {text}");
    let rows = text.lines().filter(|line| line.starts_with('"') && !line.starts_with("\"test\"")).count();
    assert_eq!(rows, TESTS.split(',').count(), "{flags:?}: {text}");
}

#[test]
fn default_tests_run_on_1_and_4_cores() {
    for cores in [1, 4] {
        let server = Server::start(Kind::Ashlar { cores }, &[]);
        check(&server, &["-c", "50"]);
        check(&server, &["-c", "50", "-P", "16", "-r", "100000"]);
        check(&server, &["-c", "10", "-P", "64", "-r", "1000", "-d", "3000"]);
    }
}

#[test]
fn default_tests_run_with_threads_and_resp3() {
    let server = Server::start(Kind::Ashlar { cores: 4 }, &[]);
    check(&server, &["-c", "20", "--threads", "2", "-r", "1000"]);
    check(&server, &["-c", "20", "-3"]);
    check(&server, &["-c", "1", "-k", "0", "-n", "2000"]);
}

#[test]
fn redis_cli_talks() {
    let server = Server::start(Kind::Ashlar { cores: 4 }, &[]);
    let cli = |arguments: &[&str]| {
        let mut command = Command::new(redis_tool("redis-cli"));
        let output = command.args(["-p", &server.port.to_string()]).args(arguments).output().expect("redis-cli runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(cli(&["SET", "k", "v"]), "OK\n");
    assert_eq!(cli(&["-3", "GET", "k"]), "v\n");
    assert_eq!(cli(&["-n", "3", "DBSIZE"]), "0\n");
    assert_eq!(cli(&["--scan"]), "k\n");
    assert!(cli(&["--bigkeys"]).contains("Sampled 1 keys"));
    assert!(cli(&["INFO", "server"]).contains("redis_version:"));
}
