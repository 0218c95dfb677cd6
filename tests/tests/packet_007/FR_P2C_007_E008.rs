//! E008, C08: a node that starts again is what its file says, or does not start; and with an old file, another's, or none it harms nobody.

use std::fs;
use std::thread;

use tests::cluster::{Node, description, until, until_whole};
use tests::frame::Frame;

use crate::bed::{Bed, LIMIT, OURS, refused};
use crate::pair::Pair;
use crate::rows;

rows! { "cluster.verify_config_with_data_violation":
    FR_P2C_007_STRICT_E008_same => a_node_is_the_same_after_kill_9;
    FR_P2C_007_STRICT_E008_cut + FR_P2C_007_HARDENED_E008_cut => a_cut_file_is_refused_and_stays;
    FR_P2C_007_STRICT_E008_taken => a_file_is_one_process_s;
    FR_P2C_007_STRICT_E008_unwritten => a_file_that_cannot_be_written_ends_the_process;
    FR_P2C_007_STRICT_E008_edited => an_edited_file_is_taken_as_by_redis;
    FR_P2C_007_STRICT_E008_lost => a_node_that_lost_its_file_takes_nothing_from_the_others;
}

fn a_node_is_the_same_after_kill_9(bed: &mut Bed) {
    let mut node = bed.node(OURS, 2000);
    node.add_slots(0, 16383);
    node.client().ok("CLUSTER SET-CONFIG-EPOCH 7");
    until("it serves", LIMIT, || node.is_ok());
    let before = (node.id(), node.nodes(), node.text("CLUSTER MYSHARDID"), node.info("cluster_current_epoch"));
    for _ in 0..3 {
        node.kill();
        node.launch();
        node.wait_ready();
        let after = (node.id(), node.nodes(), node.text("CLUSTER MYSHARDID"), node.info("cluster_current_epoch"));
        assert_eq!(after, before);
        assert!(!node.is_ok(), "it waits before it serves again");
    }
    until("it serves again", LIMIT, || node.is_ok());
    node.client().ok("SET k v");
    bed.saw("kill -9", "the same");
}

fn a_cut_file_is_refused_and_stays(bed: &mut Bed) {
    let mut node = bed.node(OURS, 2000);
    node.add_slots(0, 99);
    node.kill();
    let path = node.file();
    let whole = fs::read(&path).expect("the file is there");
    for length in [1, 40, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).expect("the file can be written");
        node.launch();
        let status = node.server().wait_exit().expect("it ends by itself");
        assert_eq!(status.code(), Some(1), "{length}");
        bed.saw("a cut file", status);
        assert!(node.server().log_holds("corrupted cluster config file nodes.conf: line"), "{length}");
        assert_eq!(fs::read(&path).expect("the file is there"), whole[..length], "it was not touched");
    }
    fs::write(&path, &whole).expect("the file can be written");
    node.launch();
    node.wait_ready();
    assert_eq!(node.info("cluster_slots_assigned"), "100");
}

fn a_file_is_one_process_s(bed: &mut Bed) {
    let node = bed.node(OURS, 2000);
    let file = node.file().display().to_string();
    refused(&["--cluster-config-file", &file], "is already used by another node");
    refused(&["--cluster-config-file", ""], "cluster-config-file is empty");
    assert_eq!(node.client().ask("PING"), Frame::Simple(b"PONG".to_vec()));
    bed.saw("a file that is taken", "refused");
}

fn a_file_that_cannot_be_written_ends_the_process(bed: &mut Bed) {
    let mut node = bed.node(OURS, 2000);
    let folder = node.folder().to_owned();
    // Root may write anywhere, so the place is taken by something that cannot be replaced by a file.
    let file = node.file();
    // It may have saved meanwhile what it did before.
    until("its place is taken", LIMIT, || {
        let _ = fs::remove_file(&file);
        fs::create_dir(&file).is_ok()
    });
    let mut client = node.client();
    client.send(&["CLUSTER", "ADDSLOTS", "1"]).expect("it runs");
    let status = node.server().wait_exit().expect("it ends by itself");
    assert_eq!(status.code(), Some(1));
    bed.saw("a file that cannot be written", status);
    assert!(node.server().log_holds("Can't write nodes.conf"), "{}", folder.display());
}

/// What becomes what in a file.
type Changes = &'static [(&'static str, &'static str)];

/// Changes of the file of a node that owns slots 0 to 8191 with epoch 1, and how many slots the node knows then; none if it does not start.
const EDITS: [(Changes, Option<&str>); 8] = [
    // A slot of the other node, whose epoch is greater.
    (&[("0-8191", "0-8191 9000"), ("8192-16383", "8192-8999 9001-16383")], Some("16384")),
    // Slots that it does not want any more; the other goes on to send clients here.
    (&[("0-8191", "0-8000")], Some("16193")),
    (&[("0-8000", "0-8191")], Some("16384")),
    // A past without epochs.
    (&[("vars currentEpoch 2", "vars currentEpoch 0")], Some("16384")),
    (&[("master", "noble")], None),
    (&[("0-8191", "0-16384")], None),
    (&[("myself,", "")], None),
    // Slots of two nodes: who has the later epoch has them in the end.
    (&[("0-8191", "0-9000")], Some("16384")),
];

fn an_edited_file_is_taken_as_by_redis(bed: &mut Bed) {
    let pairs = Pair::both(bed);
    let [ours, theirs] = thread::scope(|scope| {
        pairs.map(|pair| scope.spawn(|| edited(pair))).map(|edits| edits.join().expect("it was edited"))
    });
    assert_eq!(ours, theirs);
    bed.saw("edits", ours.join("\n"));
}

/// What becomes of the first node of a pair with each edit.
fn edited(mut pair: Pair) -> Vec<String> {
    let mut became = Vec::new();
    for (changes, slots) in EDITS {
        let node = &mut pair.nodes[0];
        node.kill();
        let path = node.file();
        let text = fs::read_to_string(&path).expect("the file is there");
        let edit = changes.iter().fold(text.clone(), |text, (old, new)| text.replace(old, new));
        assert_ne!(edit, text, "{changes:?}");
        fs::write(&path, edit).expect("the file can be written");
        node.launch();
        let Some(slots) = slots else {
            let status = node.server().wait_exit().expect("it ends by itself");
            became.push(format!("{changes:?}: ends well: {}", status.success()));
            fs::write(&path, text).expect("the file can be written");
            continue;
        };
        node.wait_ready();
        until("it knows the other and its slots", LIMIT, || {
            let (first, second) = (&pair.nodes[0], &pair.nodes[1]);
            first.info("cluster_slots_assigned") == slots
                && [first, second].iter().all(|node| node.text("CLUSTER NODES").matches(" connected").count() == 2)
                && first.is_ok() == (slots == "16384")
        });
        for node in &pair.nodes {
            let told = ["SET hello 1", "SET foo 1", "GET z"].map(|words| node.client().ask(words).to_string());
            let mut slots: Vec<_> = node.nodes().into_values().map(|known| (known.epoch, known.slots)).collect();
            slots.sort();
            became.push(pair.equal(format!("{changes:?}: {} {slots:?}", told.join(", "))));
        }
    }
    became
}

fn a_node_that_lost_its_file_takes_nothing_from_the_others(bed: &mut Bed) {
    let folder = tempfile::tempdir().expect("a scratch folder can be made");
    let path = folder.path().join("cluster.toml");
    let (text, ports) = description(3);
    fs::write(&path, text).expect("the folder can be written");
    let path = path.to_str().expect("a path of letters");
    let start = |ports: &(u16, u16)| bed.node_with(OURS, *ports, &[path, "--port", &ports.0.to_string()]);
    let mut nodes: Vec<Node> = ports.iter().map(start).collect();
    until_whole(&nodes);
    // A slot of the first node moves to the last, which is the newest owner from then on.
    let (from, to) = (nodes[0].id(), nodes[2].id());
    nodes[2].client().ok(&format!("CLUSTER SETSLOT 0 IMPORTING {from}"));
    nodes[0].client().ok(&format!("CLUSTER SETSLOT 0 MIGRATING {to}"));
    nodes[2].client().ok(&format!("CLUSTER SETSLOT 0 NODE {to}"));
    let owns_it = |node: &Node| node.nodes().get(&to).is_some_and(|last| last.slots.iter().any(|slot| slot == "0"));
    until("all know the new owner", LIMIT, || nodes.iter().all(owns_it));

    nodes[0].kill();
    fs::remove_file(nodes[0].file()).expect("it has a file");
    nodes[0].launch();
    nodes[0].wait_ready();
    assert_ne!(nodes[0].id(), from, "it is another node now");
    until("it knows the owner", LIMIT, || owns_it(&nodes[0]));
    assert!(nodes[1..].iter().all(owns_it));
    bed.saw("a lost file", "another node");
    let mut client = nodes[0].client();
    until("it sends clients there", LIMIT, || {
        // The key "3560" is in slot 0.
        let reply = client.ask("GET 3560").to_string();
        reply.contains(&format!("MOVED 0 127.0.0.1:{}", nodes[2].port)) || reply.contains("CLUSTERDOWN")
    });
}
