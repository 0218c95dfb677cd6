//! E004, C04: where a client is sent, and in which words; and redis-cli, redis-rs and redis-py go there.

use std::io::Write;
use std::process::{Command, Stdio};

use tests::binaries::redis_tool;
use tests::cluster::until;

use crate::bed::{Bed, LIMIT};
use crate::pair::{Pair, sessions_answer_alike};
use crate::rows;
use crate::stock_clients::follow_a_reshard_there_and_back;

rows! { "cluster.redirect_reply_contract_violation":
    FR_P2C_007_STRICT_E004_words + FR_P2C_007_HARDENED_E004_words => redirects_read_as_those_of_redis;
    FR_P2C_007_STRICT_E004_endpoints + FR_P2C_007_HARDENED_E004_endpoints => nodes_are_called_as_they_want_to_be;
    FR_P2C_007_STRICT_E004_followed + FR_P2C_007_HARDENED_E004_followed => redis_cli_follows;
    FR_P2C_007_STRICT_E004_stock_clients => follow_a_reshard_there_and_back;
}

/// Has the first node send keys of bar's slot to the second.
fn give_slot_of_bar(pair: &Pair) {
    let [first, second] = [0, 1].map(|node| (pair.nodes[node].client(), pair.nodes[node].id()));
    let ((mut to_first, first), (mut to_second, second)) = (first, second);
    to_second.ok(&format!("CLUSTER SETSLOT 5061 IMPORTING {first}"));
    to_first.ok(&format!("CLUSTER SETSLOT 5061 MIGRATING {second}"));
}

fn redirects_read_as_those_of_redis(bed: &mut Bed) {
    sessions_answer_alike(bed, include_str!("E004.txt"));
}

/// What clients are told of the second node, however it is to be called.
fn called(pair: &Pair) -> Vec<String> {
    give_slot_of_bar(pair);
    let (mut client, mut second) = (pair.nodes[0].client(), pair.nodes[1].client());
    let mut told = Vec::new();
    for name in ["", "second.example"] {
        if !name.is_empty() {
            second.ok(&format!("CONFIG SET cluster-announce-hostname {name}"));
            until("its name is known", LIMIT, || pair.nodes[0].text("CLUSTER NODES").contains(name));
        }
        for kind in ["ip", "hostname", "unknown-endpoint"] {
            client.ok(&format!("CONFIG SET cluster-preferred-endpoint-type {kind}"));
            for words in ["GET foo", "GET bar", "CLUSTER SLOTS"] {
                let reply = pair.equal(client.ask(words).to_string());
                let ports = reply.replace(&format!(" :{}", pair.nodes[0].port), " ONE");
                told.push(format!("{kind} {name} {words}: {ports}"));
            }
        }
    }
    told
}

fn nodes_are_called_as_they_want_to_be(bed: &mut Bed) {
    let pairs = Pair::both(bed);
    let [ours, theirs] = pairs.each_ref().map(called);
    assert_eq!(ours, theirs);
    bed.saw("names", ours.join("\n"));
}

/// What redis-cli prints that begins at the first node and goes where it is sent.
fn printed(pair: &Pair) -> String {
    give_slot_of_bar(pair);
    let mut tool = Command::new(redis_tool("redis-cli"));
    tool.args(["-c", "-p", &pair.nodes[0].port.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut tool = tool.spawn().expect("redis-cli runs");
    let mut words = tool.stdin.take().expect("its input is piped");
    words.write_all(b"SET hello 1\nSET foo 2\nGET foo\nSET bar 3\nGET hello\nGET bar\n").expect("it reads");
    drop(words);
    let output = tool.wait_with_output().expect("it ends");
    pair.equal(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn redis_cli_follows(bed: &mut Bed) {
    let pairs = Pair::both(bed);
    let [ours, theirs] = pairs.each_ref().map(printed);
    assert_eq!(ours, theirs);
    let values: Vec<&str> = ours.lines().filter(|line| !line.contains("Redirected")).collect();
    assert_eq!(values, ["OK", "OK", "2", "OK", "1", "3"]);
    bed.saw("redis-cli -c", ours);
}
