//! Access control beyond single replies: random rules against redis-server, files, what a restart keeps, and who must wait.
#![forbid(unsafe_code)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tests::binaries::ashlar_is_redis;
use tests::client::Client;
use tests::frame::Frame;
use tests::server::{Kind, Server, free_port, run, start_bare};

const FOUR: Kind = Kind::Ashlar { cores: 4 };

/// Users of the random test, each made of this many random rules.
const USERS: usize = 40;
const RULES: usize = 20;

fn text(frame: &Frame) -> String {
    String::from_utf8_lossy(frame.text().unwrap_or_default()).into_owned()
}

fn texts(frame: &Frame) -> Vec<String> {
    frame.items().unwrap_or_default().iter().map(text).collect()
}

/// The commands of a category, in an order that is everybody's.
fn category(client: &mut Client, name: &str) -> Vec<String> {
    let mut names = texts(&client.ask(&format!("ACL CAT {name}")));
    names.sort();
    names
}

/// What both servers know, with the categories of each.
fn common_commands(redis: &mut Client, ours: &mut Client) -> Vec<String> {
    let categories = texts(&redis.ask("ACL CAT"));
    assert_eq!(categories, texts(&ours.ask("ACL CAT")));
    let of =
        |client: &mut Client| -> Vec<Vec<String>> { categories.iter().map(|name| category(client, name)).collect() };
    let (theirs, mine) = (of(redis), of(ours));
    let known = |all: &[Vec<String>], name: &String| all.iter().any(|names| names.contains(name));
    let mut common: Vec<String> = theirs.iter().flatten().filter(|name| known(&mine, name)).cloned().collect();
    common.sort();
    common.dedup();
    for ((name, theirs), mine) in categories.iter().zip(&theirs).zip(&mine) {
        let both = |names: &[String]| names.iter().filter(|name| common.contains(name)).cloned().collect::<Vec<_>>();
        assert_eq!(both(theirs), both(mine), "@{name}");
    }
    common
}

fn random_rule(random: &mut fastrand::Rng, commands: &[String], categories: &[String]) -> String {
    let sign = ["+", "-"][random.usize(0..2)];
    let pattern = ["a*", "b", "*", "k[ab]", "", "ab"][random.usize(0..6)];
    match random.u8(0..12) {
        0..4 => format!("{sign}{}", commands[random.usize(0..commands.len())]),
        4..7 => format!("{sign}@{}", categories[random.usize(0..categories.len())]),
        7 => format!("+{}|{}", commands[random.usize(0..commands.len())], ["0", "a", "get"][random.usize(0..3)]),
        8 | 9 => format!("{}{pattern}", ["~", "%R~", "%W~", "%RW~"][random.usize(0..4)]),
        10 => format!("&{pattern}"),
        _ => ["resetkeys", "resetchannels", "allkeys", "allchannels", "nocommands", "allcommands"][random.usize(0..6)]
            .into(),
    }
}

/// What a user may do of every command without keys, and of some with keys.
fn powers(client: &mut Client, user: &str, commands: &[String]) -> Vec<String> {
    let mut asked: Vec<String> = commands.iter().map(|name| name.replace('|', " ")).collect();
    let more =
        ["GET a", "SET b 1", "SET b 1 GET", "MGET a b", "COPY a b", "GET ka", "DEL kb", "SORT a STORE b", "SELECT 0"];
    asked.extend(more.map(str::to_owned));
    asked.iter().map(|words| format!("{words}: {}", client.ask(&format!("ACL DRYRUN {user} {words}")))).collect()
}

#[test]
fn random_rules_make_the_same_users() {
    let seed =
        std::env::var("ASHLAR_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("ASHLAR_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let (redis, ours) = (Server::start(Kind::Redis, &[]), Server::start(FOUR, &[]));
    let (mut redis, mut ours) = (redis.client(), ours.client());
    let commands = common_commands(&mut redis, &mut ours);
    let mut categories = texts(&redis.ask("ACL CAT"));
    categories.push("all".to_owned());
    for user in 0..USERS {
        // Were all its rules refused, there would be no user.
        let made = format!("ACL SETUSER u{user}");
        assert_eq!(redis.ask(&made), ours.ask(&made));
        for _ in 0..random.usize(1..RULES) {
            let rule = random_rule(&mut random, &commands, &categories);
            let rule = if random.u8(0..8) == 0 { format!("({rule} +@read ~x)") } else { rule };
            let change = format!("ACL SETUSER u{user} {rule}");
            assert_eq!(redis.ask(&change), ours.ask(&change), "seed {seed}: {change}");
        }
        let name = format!("u{user}");
        let expected = powers(&mut redis, &name, &commands);
        assert_eq!(expected, powers(&mut ours, &name, &commands), "seed {seed}");
        // What ours prints makes the same user on ours again.
        let lines = texts(&ours.ask("ACL LIST"));
        let line = lines.iter().find_map(|line| line.strip_prefix(&format!("user {name} "))).expect("it is listed");
        ours.ok(&format!("ACL SETUSER again reset {line}"));
        assert_eq!(expected, powers(&mut ours, "again", &commands), "seed {seed}: {line}");
        ours.ask("ACL DELUSER again");
    }
}

/// A command on keys of which a user may use some.
fn keyed(random: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let mut key = || format!("{}{}", ["a", "b", "r", "w"][random.usize(0..4)], random.u8(0..9));
    let (one, two, three) = (key(), key(), key());
    let line = match random.u8(0..14) {
        0 | 1 => format!("GET {one}"),
        2 | 3 => format!("SET {one} {two}"),
        4 => format!("MGET {one} {two} {three}"),
        5 => format!("MSET {one} 1 {two} 2"),
        6 => format!("DEL {one} {two}"),
        7 => format!("COPY {one} {two} REPLACE"),
        8 => format!("SET {one} {two} GET"),
        9 => format!("EXISTS {one} {two}"),
        10 => format!("INCR {one}"),
        11 => format!("RENAME {one} {two}"),
        12 => format!("GETDEL {one}"),
        _ => "NOSUCH".to_owned(),
    };
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

#[test]
fn pipelines_of_a_restricted_user_get_the_same_answers() {
    let seed =
        std::env::var("ASHLAR_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("ASHLAR_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let servers = [Kind::Redis, Kind::Ashlar { cores: 1 }, FOUR].map(|kind| Server::start(kind, &[]));
    let mut admins = servers.each_ref().map(Server::client);
    let mut clients = servers.each_ref().map(Server::client);
    for rules in ["~a* %R~r* %W~w* +@all", "~a* +@all -copy (~b* +get +set)", "~* &* +@all", "~* +@read +set|a1 -mget"]
    {
        let change = format!("ACL SETUSER u reset on nopass {rules}");
        admins.iter_mut().for_each(|admin| admin.ok(&change));
        clients.iter_mut().for_each(|client| client.ok("AUTH u x"));
        for _ in 0..4 {
            let commands: Vec<_> = (0..500).map(|_| keyed(&mut random)).collect();
            let [expected, one, four] = clients.each_mut().map(|client| client.pipeline(&commands));
            for (index, expected) in expected.iter().enumerate() {
                let command = String::from_utf8_lossy(&commands[index].join(&b' ')).into_owned();
                assert_eq!((&one[index], &four[index]), (expected, expected), "seed {seed}: {rules}: {command}");
            }
        }
    }
}

#[test]
fn changes_of_many_clients_are_all_made_and_seen_by_all() {
    let server = Server::start(FOUR, &[]);
    let mut clients: Vec<Client> = (0..16).map(|_| server.client()).collect();
    for round in 0..10 {
        for (number, client) in clients.iter_mut().enumerate() {
            client
                .send(&["ACL", "SETUSER", &format!("u{number}"), "on", "nopass", &format!("~{round}")])
                .expect("it is sent");
        }
        clients.iter_mut().for_each(|client| assert!(!client.read().expect("a reply").frame.is_error()));
    }
    let lists: Vec<Vec<String>> = clients.iter_mut().map(|client| texts(&client.ask("ACL LIST"))).collect();
    assert!(lists.iter().all(|list| *list == lists[0] && list.len() == 17), "{:?}", lists[0]);
    assert!(lists[0][1].contains("~0 ~1 ~2 ~3 ~4 ~5 ~6 ~7 ~8 ~9 "), "{:?}", lists[0]);
    // A user that is deleted is gone on every core, and its name comes back without its clients.
    let (admin, others) = clients.split_first_mut().expect("there are clients");
    others.iter_mut().for_each(|client| client.ok("AUTH u1 x"));
    admin.ok("ACL SETUSER u2 on");
    assert_eq!(admin.ask("ACL DELUSER u1 u2 u2"), Frame::Int(2));
    admin.ok("ACL SETUSER u1 on nopass +@all ~*");
    others.iter_mut().for_each(|client| assert!(client.read_to_end().1, "its user is gone"));
}

#[test]
fn users_of_a_file_are_loaded_and_saved() {
    let folder = tempfile::tempdir().expect("a scratch folder can be made");
    let file = folder.path().join("users.acl");
    let write = |content: &str| fs::write(&file, content).expect("the scratch folder is writable");
    write("user alice on >pw ~a* +@all\nuser bob on nopass +ping\n");
    let path = file.to_string_lossy().into_owned();
    let server = Server::start(FOUR, &["--aclfile", &path]);
    let mut admin = server.client();
    let mut clients: Vec<Client> = (0..8).map(|_| server.client()).collect();
    clients.iter_mut().for_each(|client| client.ok("AUTH bob x"));
    let mut alice = server.client();
    alice.ok("AUTH alice pw");
    assert_eq!(
        alice.ask("GET b"),
        Frame::Error(b"NOPERM this user has no permissions to access one of the keys used as arguments".to_vec())
    );

    // A file that is wrong changes nothing, and says so without passwords.
    write("user alice on >hunter2 +foo\n");
    let error = text(&admin.ask("ACL LOAD"));
    assert!(error.starts_with("ERR ") && error.contains("users.acl:1: Error in applying operation '+foo'"), "{error}");
    assert!(!error.contains("hunter2"));
    assert_eq!(texts(&admin.ask("ACL USERS")), ["alice", "bob", "default"]);
    assert_eq!(text(&alice.ask("ACL WHOAMI")), "alice");

    // Users that were loaded anew are others: their clients are gone.
    write("user carol on >c ~* +@all\n");
    admin.ok("ACL LOAD");
    assert_eq!(texts(&admin.ask("ACL USERS")), ["carol", "default"]);
    for client in clients.iter_mut().chain([&mut alice]) {
        assert!(client.read_to_end().1, "its user is gone");
    }
    assert_eq!(text(&admin.ask("ACL WHOAMI")), "default");

    admin.ok("ACL SETUSER dave on >d ~d +get");
    admin.ok("ACL SAVE");
    let saved = fs::read_to_string(&file).expect("it was saved");
    assert_eq!(saved.lines().count(), 3);
    assert!(saved.contains("user dave on #") && !saved.contains(">d"), "{saved}");
    if !ashlar_is_redis() {
        let mode = fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    admin.ok("ACL LOAD");
    assert_eq!(texts(&admin.ask("ACL LIST")).join("\n") + "\n", saved);
}

#[test]
fn a_wrong_file_stops_the_start() {
    let folder = tempfile::tempdir().expect("a scratch folder can be made");
    let file = folder.path().join("users.acl");
    fs::write(&file, "user alice on +foo >hunter2\nuser").expect("the scratch folder is writable");
    for path in [file.to_string_lossy().into_owned(), "/nowhere/users.acl".to_owned()] {
        let (status, output) = run(FOUR, &["--port", &free_port().to_string(), "--aclfile", &path]);
        assert!(!status.expect("it ends").success(), "{output}");
        assert!(
            output.contains("because of ACL errors") && output.contains(&path) && !output.contains("hunter2"),
            "{output}"
        );
    }
}

fn start_from(file: &Path, port: u16) -> Server {
    let mut server = start_bare(FOUR, port, &[&file.to_string_lossy()]);
    server.wait_ready().unwrap_or_else(|error| panic!("{error}: {}", server.log_text()));
    server
}

#[test]
fn users_of_the_configuration_outlive_a_restart() {
    if ashlar_is_redis() {
        return;
    }
    let folder = tempfile::tempdir().expect("a scratch folder can be made");
    let file = folder.path().join("a.toml");
    let port = free_port();
    let content = format!(
        "[network]\nport = {port}\n[cores]\ncores = 4\n[[users]]\nname = \"alice\"\nrules = \"on >pw ~a* +@read\"\n"
    );
    fs::write(&file, content).expect("the scratch folder is writable");
    let expected = {
        let mut server = start_from(&file, port);
        let mut client = server.client();
        assert_eq!(texts(&client.ask("ACL USERS")), ["alice", "default"]);
        client.ok("ACL SETUSER bob on >b (~c* +get) &d");
        client.ok("ACL SETUSER alice +set");
        client.ok("CONFIG REWRITE");
        let list = client.ask("ACL LIST");
        server.signal("TERM");
        server.wait_exit();
        list
    };
    let server = start_from(&file, port);
    let mut client = server.client();
    assert_eq!(client.ask("ACL LIST"), expected);
    client.ok("AUTH alice pw");
    let folder: Vec<_> = fs::read_dir(folder.path()).expect("it is there").collect();
    assert_eq!(folder.len(), 2, "the configuration and its overrides");
}

#[test]
fn whoever_guesses_must_wait() {
    if ashlar_is_redis() {
        return;
    }
    let server = Server::start(Kind::Ashlar { cores: 1 }, &["--requirepass", "right", "--auth-failures-max", "3"]);
    let mut client = server.client();
    let mut inside = server.client();
    inside.ok("AUTH right");
    let wrong = "WRONGPASS invalid username-password pair or user is disabled.";
    for _ in 0..2 {
        assert_eq!(text(&client.ask("AUTH wrong")), wrong);
    }
    // A right one clears what the address failed with that user.
    server.client().ok("AUTH right");
    for _ in 0..3 {
        assert_eq!(text(&client.ask("AUTH wrong")), wrong);
    }
    for mut client in [client, server.client()] {
        for command in ["AUTH right", "HELLO 3 AUTH default right", "AUTH wrong"] {
            let refused = text(&client.ask(command));
            assert!(refused.starts_with("WRONGPASS too many wrong passwords"), "{refused}");
        }
    }
    // Who comes from there as another user may, which helps nobody to guess on.
    inside.ok("ACL SETUSER free on nopass +ping");
    server.client().ok("AUTH free x");
    assert!(text(&server.client().ask("AUTH right")).starts_with("WRONGPASS too many"));
    // Who is inside goes on, and may lift the limit.
    inside.ok("SET k v");
    inside.ok("CONFIG SET auth-failures-max 0");
    server.client().ok("AUTH right");
}

#[test]
fn who_loses_a_channel_is_cut_if_it_listens_to_it() {
    for kind in [Kind::Redis, Kind::Ashlar { cores: 1 }, FOUR] {
        let server = Server::start(kind, &[]);
        let mut admin = server.client();
        admin.ok("ACL SETUSER u on nopass +@all ~* &a* &p* &s");
        let mut clients: Vec<Client> = (0..12).map(|_| server.client()).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            client.ok("AUTH u x");
            client.ask(["SUBSCRIBE a1", "PSUBSCRIBE p*", "SSUBSCRIBE s", "PING"][number % 4]);
        }
        admin.ok("ACL SETUSER u resetchannels &a*");
        for (number, client) in clients.iter_mut().enumerate() {
            match number % 4 {
                0 | 3 => assert!(!client.ask("PING").is_error(), "{kind:?}: {number}"),
                _ => assert!(client.read_to_end().1, "{kind:?}: {number}"),
            }
        }
        admin.ok("ACL SETUSER u allchannels");
        assert_eq!(admin.ask("PUBLISH a1 x"), Frame::Int(3));
        admin.ok("ACL SETUSER u resetchannels");
        assert_eq!(admin.ask("PUBLISH a1 x"), Frame::Int(0));
    }
}

#[test]
fn who_waits_for_what_it_may_not_have_any_more_is_told() {
    if ashlar_is_redis() {
        return;
    }
    for cores in [1, 4] {
        let server = Server::start(Kind::Ashlar { cores }, &[]);
        let mut admin = server.client();
        admin.ok("ACL SETUSER u on nopass +@all ~*");
        let mut clients: Vec<Client> = (0..8).map(|_| server.client()).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            client.ok("AUTH u x");
            client.send(&["BLPOP", if number % 2 == 0 { "a" } else { "b" }, "0"]).expect("it is sent");
        }
        let all_wait = (0..10_000).any(|_| text(&admin.ask("INFO clients")).contains("blocked_clients:8"));
        assert!(all_wait, "{cores} cores");
        admin.ok("ACL SETUSER u resetkeys ~b*");
        assert_eq!(admin.ask("LPUSH a 1"), Frame::Int(1));
        assert_eq!(admin.ask("LPUSH b 1 2 3 4"), Frame::Int(4));
        for (number, client) in clients.iter_mut().enumerate() {
            let denied = client.read().expect("a reply").frame.is_error();
            assert_eq!(denied, number % 2 == 0, "{cores} cores: {number}");
            assert_eq!(text(&client.ask("PING")), "PONG");
        }
        assert_eq!(admin.ask("LLEN a"), Frame::Int(1));
    }
}

/// A script that reads its key until it is refused.
const READER: &str = "#!lua
    redis.log(redis.LOG_WARNING, 'the reader runs')
    while true do
        local reply = redis.pcall('get', KEYS[1])
        if type(reply) == 'table' then return reply end
    end";

#[test]
fn a_script_loses_what_its_user_loses() {
    if ashlar_is_redis() {
        return;
    }
    for (cores, change) in [(1, "SETUSER u -get"), (4, "SETUSER u resetkeys"), (1, "DELUSER u"), (4, "DELUSER u")] {
        for begin in [&["EVAL"][..], &["MULTI", "EVAL", "EXEC"]] {
            let mut server = Server::start(Kind::Ashlar { cores }, &[]);
            let mut admin = server.client();
            admin.ok("ACL SETUSER u on nopass +@all ~*");
            let mut client = server.client();
            client.ok("AUTH u x");
            for name in begin {
                let sent = match *name {
                    "EVAL" => client.send(&["EVAL", READER, "1", "k"]),
                    name => client.send(&[name]),
                };
                sent.expect("it is sent");
            }
            server.wait_line("the reader runs").expect("the script runs");
            admin.ask(&format!("ACL {change}"));
            // The script is over, or its key would not be to be had.
            admin.ok("SET k v");
            match change {
                "DELUSER u" => assert!(client.read_to_end().1, "{cores} cores: a client of nobody"),
                _ => {
                    let replies: Vec<Frame> = begin.iter().map(|_| client.read().expect("a reply").frame).collect();
                    let last = replies.last().expect("one for each command").to_string();
                    assert!(last.contains("The user executing the script can"), "{cores} cores, {change}: {last}");
                }
            }
        }
    }
}

#[test]
fn changes_of_keys_are_told_to_those_who_may_know_of_them() {
    if ashlar_is_redis() {
        return;
    }
    let server = Server::start(FOUR, &[]);
    let mut admin = server.client();
    admin.ok("ACL SETUSER u on nopass +@all ~a*");
    let mut client = server.client();
    client.ok("AUTH u x");
    client.ask("HELLO 3");
    client.ok("CLIENT TRACKING ON BCAST");
    for key in ["b", "a", "b", "a"] {
        admin.ok(&format!("SET {key} 1"));
    }
    for _ in 0..2 {
        let told = client.read().expect("a push").raw;
        assert!(told.ends_with(b"*1\r\n$1\r\na\r\n"), "{}", String::from_utf8_lossy(&told));
    }
    assert_eq!(text(&client.ask("PING")), "PONG");
}
