//! Every subcommand with too few and too many arguments, and with nonsense; what is refused changes nothing.
#![allow(non_snake_case)]

use fastrand::Rng;

use super::{ClusterCommand, ClusterReply, CommandFacts};
use crate::address::Ports;
use crate::cluster::Cluster;
use crate::conf::{NodesConf, PrimaryPort};
use crate::effect::Effect;
use crate::settings::ClusterSettings;
use crate::snapshot::Permission;
use crate::time::UnixMillis;

/// Names in texts of these tests, and what stands for them in the captured ones.
pub(super) const NAMES: [(&str, &str); 4] = [("<m>", M), ("<o>", O), ("<r>", R), ("<x>", X)];
const M: &str = "1111111111111111111111111111111111111111";
const O: &str = "2222222222222222222222222222222222222222";
const R: &str = "3333333333333333333333333333333333333333";
const X: &str = "ffffffffffffffffffffffffffffffffffffffff";

/// The file of a master that knows another and has a replica.
pub(super) const MASTER: &str = "\
<m> 127.0.0.1:7001@17001,,shard-id=<m> myself,master - 0 0 1 connected 0-8191
<o> 127.0.0.1:7002@17002,,shard-id=<o> master - 0 1 2 connected 8192-16383
<r> 127.0.0.1:7003@17003,,shard-id=<m> slave <m> 0 1 1 connected
vars currentEpoch 2 lastVoteEpoch 0
";

/// The file of the replica.
pub(super) const REPLICA: &str = "\
<m> 127.0.0.1:7001@17001,,shard-id=<m> master - 0 1 1 connected 0-8191
<o> 127.0.0.1:7002@17002,,shard-id=<o> master - 0 1 2 connected 8192-16383
<r> 127.0.0.1:7003@17003,,shard-id=<m> myself,slave <m> 0 0 1 connected
vars currentEpoch 2 lastVoteEpoch 0
";

/// The file of a node that knows nobody.
pub(super) const ALONE: &str = "\
<m> 127.0.0.1:7001@17001,,shard-id=<m> myself,master - 0 0 0 connected
vars currentEpoch 0 lastVoteEpoch 0
";

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

/// A node that is asked.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) cluster: Cluster,
}

impl Asked {
    /// The node that wrote this file.
    pub(super) fn new(conf: &str) -> Self {
        Self::with(conf, |_| {})
    }

    /// The same with other settings.
    pub(super) fn with(conf: &str, change: impl FnOnce(&mut ClusterSettings)) -> Self {
        let text = NAMES.iter().fold(conf.to_owned(), |text, (short, name)| text.replace(short, name));
        let conf = NodesConf::parse(text.as_bytes(), PrimaryPort::Tcp).expect("it is well-formed");
        let mut settings = ClusterSettings::new(Ports { client: 7001, other: 0, bus: 17001 });
        change(&mut settings);
        let mut cluster = Cluster::restore(settings, &conf, 1, NOW);
        cluster.before_sleep(NOW);
        while cluster.poll_effect().is_some() {}
        Self { cluster }
    }

    pub(super) fn ask<W: AsRef<[u8]>>(&mut self, words: &[W], facts: &CommandFacts) -> Result<ClusterReply, String> {
        let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
        let command = ClusterCommand::parse(&words)?;
        self.cluster.command(command, facts, NOW)
    }

    /// Asks with the words of a line.
    pub(super) fn say(&mut self, line: &str) -> Result<ClusterReply, String> {
        self.tell(line, &CommandFacts::quiet())
    }

    /// The same, with what cores know.
    pub(super) fn tell(&mut self, line: &str, facts: &CommandFacts) -> Result<ClusterReply, String> {
        let line = NAMES.iter().fold(line.to_owned(), |text, (short, name)| text.replace(short, name));
        self.ask(&line.split(' ').collect::<Vec<_>>(), facts)
    }

    /// The disk and all cores get to know what was decided; what is to be done then.
    pub(super) fn settle(&mut self) -> Vec<Effect> {
        self.effects();
        let decided = self.cluster.decided();
        self.cluster.saved(decided.save);
        self.cluster.acknowledged(decided.routes);
        self.effects()
    }

    /// All that the node knows and is about to do, as text.
    fn digest(&self) -> String {
        format!("{:?}", self.cluster)
    }

    fn effects(&mut self) -> Vec<Effect> {
        self.cluster.before_sleep(NOW);
        std::iter::from_fn(|| self.cluster.poll_effect()).collect()
    }
}

/// Every subcommand: its name, the fewest arguments, the most, and whether more than that fits its row in the table of commands.
const ARITIES: [(&str, usize, usize, bool); 24] = [
    ("ADDSLOTS", 3, usize::MAX, true),
    ("ADDSLOTSRANGE", 4, usize::MAX, true),
    ("BUMPEPOCH", 2, 2, false),
    ("COUNT-FAILURE-REPORTS", 3, 3, false),
    ("DELSLOTS", 3, usize::MAX, true),
    ("DELSLOTSRANGE", 4, usize::MAX, true),
    ("FAILOVER", 2, 3, true),
    ("FLUSHSLOTS", 2, 2, false),
    ("FORGET", 3, 3, false),
    ("INFO", 2, 2, false),
    ("LINKS", 2, 2, false),
    ("MEET", 4, 5, true),
    ("MYID", 2, 2, false),
    ("MYSHARDID", 2, 2, false),
    ("NODES", 2, 2, false),
    ("REPLICAS", 3, 3, false),
    ("REPLICATE", 3, 3, false),
    ("RESET", 2, 3, true),
    ("SAVECONFIG", 2, 2, false),
    ("SET-CONFIG-EPOCH", 3, 3, false),
    ("SETSLOT", 4, usize::MAX, true),
    ("SHARDS", 2, 2, false),
    ("SLAVES", 3, 3, false),
    ("SLOTS", 2, 2, false),
];

#[test]
pub(crate) fn FR_P2C_007_U001_every_subcommand_with_every_number_of_arguments() {
    let wrong = |name: &str| format!("ERR wrong number of arguments for 'cluster|{}' command", name.to_lowercase());
    for (name, least, most, open) in ARITIES {
        for name in [name.to_owned(), name.to_lowercase(), format!("{}{}", &name[..1], name[1..].to_lowercase())] {
            let ask = |count: usize| {
                let words: Vec<&[u8]> = [b"CLUSTER".as_slice(), name.as_bytes()]
                    .into_iter()
                    .chain(std::iter::repeat(b"x".as_slice()))
                    .take(count)
                    .collect();
                ClusterCommand::parse(&words)
            };
            if least > 2 {
                assert_eq!(ask(least - 1), Err(wrong(&name)));
            }
            for count in [least, most.min(least + 3)] {
                let few = ask(count).err().filter(|text| text.contains("number of arguments"));
                let pairs = name.to_lowercase().ends_with("slotsrange") && count % 2 == 1;
                assert_eq!(few, pairs.then(|| wrong(&name)), "{count}");
            }
            if let Some(count) = most.checked_add(1) {
                let forms = "ERR unknown subcommand or wrong number of arguments for";
                let expected = if open { format!("{forms} '{name}'. Try CLUSTER HELP.") } else { wrong(&name) };
                assert_eq!(ask(count), Err(expected));
            }
        }
    }
    let nothing: [&[u8]; 0] = [];
    assert_eq!(ClusterCommand::parse(&nothing), ClusterCommand::parse(&[b"CLUSTER"]));
}

#[test]
pub(crate) fn FR_P2C_007_U001_what_is_refused_changes_nothing() {
    let facts = {
        let mut facts = CommandFacts::quiet();
        facts.stored.insert(keyspace::slot::Slot::of(b"bar"));
        facts
    };
    let words: Vec<&str> =
        ["0", "1", "9000", "16383", "16384", "-1", "x", "", M, O, R, X, "STABLE", "NODE", "MIGRATING"]
            .into_iter()
            .chain(["IMPORTING", "FORCE", "TAKEOVER", "HARD", "SOFT", "10.0.0.1", "9223372036854775807", "\0", "\r\n"])
            .collect();
    let mut refused = 0;
    for (seed, conf) in [MASTER, REPLICA, ALONE].into_iter().enumerate() {
        let mut rng = Rng::with_seed(seed as u64);
        let before = Asked::with(conf, |settings| settings.replication = Permission::Refused);
        let digest = before.digest();
        for _ in 0..400 {
            let mut line = vec!["CLUSTER", ARITIES[rng.usize(..ARITIES.len())].0];
            line.extend((0..rng.usize(..5)).map(|_| words[rng.usize(..words.len())]));
            let mut asked = before.clone();
            if asked.ask(&line, &facts).is_err() {
                refused += 1;
                assert_eq!(asked.digest(), digest, "{line:?}");
            }
        }
    }
    assert!(refused > 800, "{refused}");
}

#[test]
pub(crate) fn FR_P2C_007_U001_any_bytes_are_refused_or_a_command() {
    let mut asked = Asked::new(MASTER);
    let mut rng = Rng::with_seed(1);
    for _ in 0..20_000 {
        let words: Vec<Vec<u8>> =
            (0..rng.usize(..6)).map(|_| (0..rng.usize(..12)).map(|_| rng.u8(..)).collect()).collect();
        let text = asked.ask(&words, &CommandFacts::quiet()).expect_err("no bytes at random are a command");
        assert!(text.starts_with("ERR ") && text.len() < 1_000, "{text}");
    }
    let long = vec![b'x'; 1 << 20];
    let text = asked.ask(&[b"CLUSTER".as_slice(), &long], &CommandFacts::quiet()).expect_err("nobody knows it");
    assert_eq!(text.len(), "ERR unknown subcommand ''. Try CLUSTER HELP.".len() + 128);
    let inside = asked.ask(&[b"CLUSTER".as_slice(), b"IN\0FO"], &CommandFacts::quiet());
    assert!(inside.is_err_and(|text| text.contains("unknown subcommand")));
    // A list that names more slots than there are ends with the first that is named again.
    let mut alone = Asked::new(ALONE);
    let words: Vec<&str> =
        ["CLUSTER", "ADDSLOTSRANGE"].into_iter().chain(["0", "16383"].into_iter().cycle().take(200_000)).collect();
    assert_eq!(alone.ask(&words, &CommandFacts::quiet()), Err("ERR Slot 0 specified multiple times".into()));
}

#[test]
pub(crate) fn FR_P2C_007_U001_who_cannot_replicate_says_so_when_nothing_else_is_wrong() {
    let mut alone = Asked::with(MASTER, |settings| settings.replication = Permission::Refused);
    let not_empty = "ERR To set a master the node must be empty and without assigned slots.";
    assert_eq!(alone.say("CLUSTER REPLICATE <o>"), Err(not_empty.into()));
    assert_eq!(alone.say("CLUSTER FLUSHSLOTS"), Ok(ClusterReply::Ok));
    let text = alone.say("CLUSTER REPLICATE <o>").expect_err("it cannot");
    assert!(text.starts_with("ERR This node cannot replicate"), "{text}");
    assert_eq!(alone.say("CLUSTER REPLICATE <x>"), Err(format!("ERR Unknown node {X}")));
}

#[test]
pub(crate) fn FR_P2C_007_U001_failover_of_a_replica_without_a_link() {
    let down = "ERR Master is down or failed, please use CLUSTER FAILOVER FORCE";
    assert_eq!(Asked::new(REPLICA).say("CLUSTER FAILOVER"), Err(down.into()));
    assert_eq!(Asked::new(REPLICA).say("CLUSTER FAILOVER force"), Ok(ClusterReply::Ok));
    let mut replica = Asked::new(REPLICA);
    assert_eq!(replica.say("CLUSTER FAILOVER TAKEOVER"), Ok(ClusterReply::Ok));
    assert_eq!(replica.say("CLUSTER BUMPEPOCH"), Ok(ClusterReply::Status("STILL 3".into())));
    assert_eq!(replica.cluster.slots().count_of(replica.cluster.me()), 8_192);
}

#[test]
pub(crate) fn FR_P2C_007_U001_reset() {
    // A master keeps its name and its shard.
    let mut master = Asked::new(MASTER);
    assert_eq!(master.say("CLUSTER RESET"), Ok(ClusterReply::Ok));
    let shown = master.cluster.conf().print(PrimaryPort::Tcp);
    assert_eq!(shown.lines().count(), 2, "it knows nobody:\n{shown}");
    assert!(shown.contains(&format!("shard-id={M} myself,master - 0 0 1 connected\n")), "{shown}");
    assert!(shown.contains("currentEpoch 2"), "{shown}");
    assert!(!master.effects().iter().any(|effect| matches!(effect, Effect::Lost(_))));

    // A replica becomes a master of a shard of its own, without the data of its master.
    let mut replica = Asked::new(REPLICA);
    assert_eq!(replica.say("CLUSTER RESET SOFT"), Ok(ClusterReply::Ok));
    let cluster = &replica.cluster;
    assert!(cluster.nodes()[cluster.me()].is_master() && cluster.my_id().as_str() == R);
    assert_ne!(cluster.nodes()[cluster.me()].shard.as_str(), M);
    let after = replica.settle();
    let all = after.iter().any(|effect| matches!(effect, Effect::Lost(slots) if slots.len() == keyspace::slot::SLOTS));
    assert!(all && after.iter().any(|effect| matches!(effect, Effect::Follow(None))), "{after:?}");

    // HARD makes another node of it.
    let mut hard = Asked::new(MASTER);
    assert_eq!(hard.say("cluster reset hard"), Ok(ClusterReply::Ok));
    let cluster = &hard.cluster;
    assert_ne!(cluster.my_id().as_str(), M);
    assert_ne!(cluster.nodes()[cluster.me()].shard.as_str(), M);
    assert_eq!(cluster.nodes().find(&cluster.my_id()), Some(cluster.me()));
    let epochs = [cluster.current_epoch(), cluster.last_vote_epoch(), cluster.nodes()[cluster.me()].config_epoch];
    assert_eq!(epochs.map(crate::epoch::Epoch::number), [0; 3]);
}

#[test]
pub(crate) fn FR_P2C_007_U001_texts_of_info_and_nodes() {
    let mut master = Asked::with(MASTER, |settings| {
        settings.hostname = crate::address::Label::hostname("host-1.example.com");
    });
    master.say("CLUSTER SETSLOT 9000 IMPORTING <o>").expect("it is theirs");
    master.say("CLUSTER SETSLOT 7 MIGRATING <o>").expect("it is ours");
    let verbatim = |reply| match reply {
        Ok(ClusterReply::Verbatim(text)) => text,
        other => panic!("{other:?}"),
    };
    let info = verbatim(master.say("CLUSTER INFO"));
    let expected = "cluster_state:fail\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\n\
        cluster_slots_pfail:0\r\ncluster_slots_fail:0\r\ncluster_known_nodes:3\r\ncluster_size:2\r\n\
        cluster_current_epoch:2\r\ncluster_my_epoch:1\r\ncluster_stats_messages_sent:0\r\n\
        cluster_stats_messages_received:0\r\ntotal_cluster_links_buffer_limit_exceeded:0\r\n";
    assert_eq!(info, expected);
    let nodes = verbatim(master.say("CLUSTER NODES"));
    let pong = {
        let nodes = master.cluster.nodes();
        let other = nodes.find(&crate::id::NodeId::parse(O.as_bytes()).expect("a name")).expect("it is known");
        nodes[other].pong_received.0
    };
    let expected = format!(
        "{M} 127.0.0.1:7001@17001,host-1.example.com myself,master - 0 0 1 connected 0-8191 [7->-{O}] [9000-<-{O}]\n\
        {O} 127.0.0.1:7002@17002 master - 0 {pong} 2 disconnected 8192-16383\n\
        {R} 127.0.0.1:7003@17003 slave {M} 0 {pong} 1 disconnected\n"
    );
    assert_eq!(nodes, expected);
    let line = ClusterReply::Array(vec![ClusterReply::bulk(expected.lines().nth(2).expect("of the replica"))]);
    assert_eq!(master.say("CLUSTER REPLICAS <m>"), Ok(line));
}

#[test]
fn FR_P2C_007_U014_what_is_so_already_is_not_saved_again() {
    let mut asked = Asked::new(MASTER);
    let mut saves = |line: &str| {
        asked.tell(line, &CommandFacts::quiet()).unwrap_or_else(|text| panic!("{line}: {text}"));
        asked.effects().iter().filter(|effect| matches!(effect, Effect::Save(..))).count()
    };
    saves("CLUSTER SETSLOT 5 MIGRATING <o>");
    for (line, count) in [
        ("CLUSTER SETSLOT 5 MIGRATING <o>", 0),
        ("CLUSTER SETSLOT 5 NODE <o>", 1),
        ("CLUSTER SETSLOT 5 NODE <o>", 0),
        ("CLUSTER SETSLOT 5 STABLE", 0),
        ("CLUSTER SETSLOT 5 IMPORTING <o>", 1),
        ("CLUSTER SETSLOT 5 STABLE", 1),
        ("CLUSTER SAVECONFIG", 1),
    ] {
        assert_eq!(saves(line), count, "{line}");
    }
}

#[test]
fn cores_are_asked_for_keys_only_where_keys_bind_a_slot() {
    let mut asked = Asked::new(MASTER);
    let asks = |asked: &Asked, line: &str| {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        ClusterCommand::parse(&words).expect("a command").asks_for_keys(&asked.cluster)
    };
    let give = |slot: u16| format!("CLUSTER SETSLOT {slot} NODE {O}");
    assert!(asks(&asked, &give(5)) && asks(&asked, "CLUSTER FLUSHSLOTS"));
    assert!(!asks(&asked, &give(9000)), "it is not here");
    let others = ["CLUSTER SETSLOT 5 STABLE".into(), format!("CLUSTER SETSLOT 5 MIGRATING {O}"), "CLUSTER INFO".into()];
    assert!(others.iter().all(|line: &String| !asks(&asked, line)));
    asked.tell(&give(5), &CommandFacts::quiet()).expect("it is empty");
    assert!(!asks(&asked, &give(5)));
}
