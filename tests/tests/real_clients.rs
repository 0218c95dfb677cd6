//! Real clients with their defaults: redis-rs and redis-py, against one core and four.
//!
//! redis-py runs in the Python of target/redis-py, which `tests/real_clients/install.sh` makes, or in the system's. Without either its
//! part is skipped, and says so.
#![forbid(unsafe_code)]

use redis::{Commands, Connection, Pipeline, PushKind, RedisResult, Script};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use tests::binaries::python_with_redis_py;
use tests::server::{Kind, Server};

/// Longest wait for a push or a message.
const WAIT: Duration = Duration::from_secs(20);
const WORKERS: usize = 4;

/// Opens connections of one protocol to one server.
struct Door {
    client: redis::Client,
    /// Whether connections speak RESP3, which has pushes.
    resp3: bool,
}

impl Door {
    fn connect(&self) -> Connection {
        let connection = self.client.get_connection().expect("redis-rs connects");
        connection.set_read_timeout(Some(WAIT)).expect("a socket has a timeout");
        connection
    }
}

/// Runs `part` on one core and four, in RESP2 and RESP3.
fn with_redis_rs(part: impl Fn(&Door)) {
    for cores in [1, 4] {
        let server = Server::start(Kind::Ashlar { cores }, &[]);
        for protocol in ["", "?protocol=resp3"] {
            let url = format!("redis://127.0.0.1:{}/{protocol}", server.port);
            let door =
                Door { client: redis::Client::open(url).expect("an address of redis-rs"), resp3: !protocol.is_empty() };
            redis::cmd("FLUSHALL").exec(&mut door.connect()).expect("FLUSHALL");
            part(&door);
        }
    }
}

/// The result, with the step's name if it is an error.
#[track_caller]
fn good<T>(what: &str, result: RedisResult<T>) -> T {
    result.unwrap_or_else(|error| panic!("{what}: {error}"))
}

#[test]
fn redis_rs_connects_and_pipelines() {
    with_redis_rs(|door| {
        let mut connection = door.connect();
        good("SET", connection.set::<_, _, ()>("k", "v"));
        assert_eq!(good("GET", connection.get::<_, Option<String>>("k")).as_deref(), Some("v"));
        assert_eq!(good("GET", connection.get::<_, Option<String>>("nokey")), None);
        let unknown = redis::cmd("NOSUCH").query::<()>(&mut connection).expect_err("no such command");
        assert!(unknown.to_string().contains("unknown command"), "{unknown}");
        let mut pipeline = Pipeline::new();
        for number in 0..500 {
            pipeline.set(format!("k{number}"), number).ignore().incr("n", 1);
        }
        let counts: Vec<i64> = good("a pipeline", pipeline.query(&mut connection));
        assert_eq!(counts, (1..=500).collect::<Vec<i64>>());
        let pairs: Vec<(String, String)> = {
            good("HSET", connection.hset_multiple::<_, _, _, ()>("h", &[("f", "1"), ("g", "2")]));
            good("HGETALL", connection.hgetall("h"))
        };
        assert_eq!(pairs.len(), 2);
        let keys: Vec<String> = {
            let found: redis::Iter<'_, String> = good("SCAN", connection.scan());
            found.map(|key| good("SCAN", key)).collect()
        };
        assert_eq!(keys.len(), 503);
    });
}

#[test]
fn redis_rs_transactions() {
    with_redis_rs(|door| {
        let mut connection = door.connect();
        let (a, b): (i64, i64) =
            good("MULTI", redis::pipe().atomic().set("x", 1).ignore().incr("x", 1).incr("y", 5).query(&mut connection));
        assert_eq!((a, b), (2, 5));
        thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    let mut connection = door.connect();
                    for _ in 0..50 {
                        let (next,): (i64,) = good(
                            "WATCH and MULTI",
                            redis::transaction(&mut connection, &["counter"], |connection, pipe| {
                                let value: Option<i64> = connection.get("counter")?;
                                let next = value.unwrap_or(0) + 1;
                                pipe.set("counter", next).ignore().get("counter").query(connection)
                            }),
                        );
                        assert!(next > 0);
                    }
                });
            }
        });
        assert_eq!(good("GET", connection.get::<_, i64>("counter")), 50 * WORKERS as i64);
    });
}

#[test]
fn redis_rs_publishes_and_subscribes() {
    with_redis_rs(|door| {
        let mut listener = door.connect();
        let mut subscription = listener.as_pubsub();
        // redis-rs waits for the first answer of each: what is published to comes first.
        good("PSUBSCRIBE", subscription.psubscribe("a*"));
        good("SUBSCRIBE", subscription.subscribe(&["a", "b"]));
        let mut publisher = door.connect();
        for number in 0..50 {
            assert_eq!(good("PUBLISH", publisher.publish::<_, _, i64>("a", number)), 2);
        }
        for number in 0..50 {
            for pattern in [false, true] {
                let message = good("a message", subscription.get_message());
                assert_eq!(message.from_pattern(), pattern);
                assert_eq!(good("its text", message.get_payload::<i64>()), number);
            }
        }
        good("UNSUBSCRIBE", subscription.unsubscribe(&["a", "b"]));
        good("PUNSUBSCRIBE", subscription.punsubscribe("a*"));
        // redis-rs does not wait for all the answers.
        let end = Instant::now() + WAIT;
        while good("PUBLISH", publisher.publish::<_, _, i64>("a", "x")) > 0 {
            assert!(Instant::now() < end, "somebody still listens");
        }
    });
}

#[test]
fn redis_rs_blocks() {
    with_redis_rs(|door| {
        let lists = ["l1", "l2", "l3"];
        let popped = thread::scope(|scope| {
            let popping: Vec<_> = (0..WORKERS)
                .map(|_| {
                    scope.spawn(|| {
                        let mut connection = door.connect();
                        let pop = |_| good("BLPOP", connection.blpop::<_, (String, usize)>(&lists, 10.0)).1;
                        (0..25).map(pop).collect::<Vec<usize>>()
                    })
                })
                .collect();
            let mut connection = door.connect();
            for number in 0..25 * WORKERS {
                good("RPUSH", connection.rpush::<_, _, ()>(lists[number % lists.len()], number));
            }
            let mut popped: Vec<usize> =
                popping.into_iter().flat_map(|thread| thread.join().expect("a popper ends")).collect();
            popped.sort_unstable();
            popped
        });
        assert_eq!(popped, (0..25 * WORKERS).collect::<Vec<usize>>());
        let none: Option<(String, String)> = good("BLPOP", door.connect().blpop("nolist", 0.01));
        assert_eq!(none, None);
    });
}

#[test]
fn redis_rs_scripts() {
    with_redis_rs(|door| {
        let mut connection = door.connect();
        let script = Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1]) * 2");
        redis::cmd("SCRIPT").arg("FLUSH").exec(&mut connection).expect("SCRIPT FLUSH");
        // The first run finds no script of that SHA-1 and loads it.
        assert_eq!(good("EVALSHA", script.key("n").arg(5).invoke::<i64>(&mut connection)), 10);
        assert_eq!(good("EVALSHA", script.key("n").arg(5).invoke::<i64>(&mut connection)), 20);
        let failing = Script::new("return redis.call('NOSUCH')");
        let error = failing.invoke::<()>(&mut connection).expect_err("no such command");
        assert!(error.to_string().contains("nknown"), "{error}");
    });
}

#[test]
fn redis_rs_hears_of_changes() {
    with_redis_rs(|door| {
        if !door.resp3 {
            return;
        }
        let mut connection = door.connect();
        let (sender, pushes) = mpsc::channel();
        connection.set_push_sender(sender);
        good("CLIENT TRACKING", redis::cmd("CLIENT").arg("TRACKING").arg("ON").exec(&mut connection));
        let mut other = door.connect();
        for value in 0..10 {
            let before: Option<i64> = good("GET", connection.get("k"));
            assert_eq!(before, (value > 0).then_some(value - 1));
            good("SET", other.set::<_, _, ()>("k", value));
            // Pushes are read along with replies.
            let end = Instant::now() + WAIT;
            let push = loop {
                good("PING", connection.ping::<()>());
                if let Ok(push) = pushes.try_recv() {
                    break push;
                }
                assert!(Instant::now() < end, "no push tells of the change");
            };
            assert_eq!(push.kind, PushKind::Invalidate);
        }
    });
}

fn with_redis_py(part: &str) {
    let Some(python) = python_with_redis_py() else {
        println!("SKIPPED: no redis-py here; run tests/real_clients/install.sh");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("real_clients/redis_py.py");
    for cores in [1, 4] {
        let server = Server::start(Kind::Ashlar { cores }, &[]);
        // A call that nobody answers would hang: timeout(1) ends it.
        let mut command = Command::new("timeout");
        command.arg("60").arg(&python).arg(&script).args([&server.port.to_string(), part]);
        let output = command.output().expect("timeout is part of coreutils");
        let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        print!("{printed}");
        assert!(output.status.success(), "{part} on {cores} cores: {}\n{printed}{errors}", output.status);
    }
}

macro_rules! redis_py {
    ($($name:ident: $part:literal;)*) => {
        $(
            #[test]
            fn $name() {
                with_redis_py($part);
            }
        )*
    };
}

redis_py! {
    redis_py_basics: "basics";
    redis_py_setinfo: "setinfo";
    redis_py_pipelines: "pipelines";
    redis_py_transactions: "transactions";
    redis_py_pubsub: "pubsub";
    redis_py_blocking: "blocking";
    redis_py_scripts: "scripts";
    redis_py_caching: "caching";
}
