//! E013, C13 and C16: nothing expires while clients are paused; hardened mode does the same and says more of it; what is beyond its budget
//! is closed, and twice beyond it is the end of it.

use crate::bed::{Bed, clock, count, event, listener, until};
use crate::rows;
use std::time::{Duration, Instant};
use tests::client::Client;
use tests::evidence::Digest;
use tests::frame::Frame;
use tests::server::{Kind, Server};

rows! { "expireevict.hardened_policy_violation":
    FR_P2C_008_STRICT_E013_alike FR_P2C_008_HARDENED_E013_alike the_modes_answer_alike;
    FR_P2C_008_STRICT_E013_audit FR_P2C_008_HARDENED_E013_audit what_the_audit_log_says;
}

#[test]
fn FR_P2C_008_HARDENED_E013_budget() {
    crate::bed::row(
        "FR_P2C_008_HARDENED_E013_budget",
        "hardened",
        "expireevict.hardened_policy_violation",
        spent_budgets,
    );
}

/// Refused commands of a window beyond the budget of one core.
const BEYOND: usize = 400;

/// Commands with every kind of refusal, and what they leave behind.
fn transcript(client: &mut Client) -> Digest {
    let mut rng = fastrand::Rng::with_seed(crate::bed::SEED);
    let mut sum = Digest::default();
    for _ in 0..2_000 {
        let key = rng.u8(..8);
        let line = match rng.u8(..12) {
            0 => format!("SET {key} v"),
            1 => format!("EXPIREAT {key} 4000000000 NX XX"),
            2 => format!("PEXPIREAT {key} 4000000000000 BOGUS"),
            3 => format!("EXPIRE {key} 9223372036854775807"),
            4 => format!("SET {key} v EX 0"),
            5 => format!("RESTORE {key} 0 nonsense"),
            6 => "CONFIG SET maxmemory nonsense".to_owned(),
            7 => format!("CONFIG SET hz {}", rng.u16(..1_000)),
            8 => format!("PEXPIREAT {key} {}", 4_000_000_000_000 + rng.i64(..100)),
            9 => format!("PEXPIRETIME {key}"),
            10 => format!("PEXPIREAT {key} 1"),
            _ => "CONFIG GET hz".to_owned(),
        };
        sum.add(&client.call(&line.split(' ').collect::<Vec<_>>()).expect("a reply").raw);
    }
    sum.add(&client.call(&["DEBUG", "DIGEST"]).expect("a reply").raw);
    sum
}

fn the_modes_answer_alike(bed: &mut Bed) {
    let sums = ["strict", "hardened"].map(|mode| {
        let server = Server::start(Kind::Ashlar { cores: bed.cores() }, &["--expire-evict-mode", mode]);
        transcript(&mut server.client())
    });
    assert_eq!(sums[0], sums[1], "a client tells the modes apart");
    bed.sum(b"transcript", &sums[0].0.to_le_bytes());
    // And on a server that changes its mode meanwhile.
    let server = bed.ours(&[]);
    let (mut client, mut admin) = (server.client(), server.client());
    let sum = std::thread::scope(|scope| {
        let played = scope.spawn(|| transcript(&mut client));
        while !played.is_finished() {
            admin.ok("CONFIG SET expire-evict-mode hardened");
            admin.ok("CONFIG SET expire-evict-mode strict");
        }
        played.join().expect("the transcript is played")
    });
    assert_eq!(sum, sums[0]);
}

/// Part of a line of the audit log about this topic, with this text in it.
fn line(server: &mut Server, topic: &str, holds: &str) -> String {
    let topic = format!("\"test_or_scenario_id\":\"{topic}\"");
    loop {
        let line = server.wait_line(&topic).expect("the audit log says it");
        if line.contains(holds) {
            return line;
        }
    }
}

fn what_the_audit_log_says(bed: &mut Bed) {
    let mut server = bed.ours(&["--log-format", "json"]);
    let mut client = server.client();
    let (secret, hardened) = ("payload-of-a-client", bed.mode() == "hardened");
    let outcome = if hardened { "\"outcome\":\"pass\"" } else { "\"outcome\":\"fail\"" };
    let rows = [
        (format!("EXPIRE {secret} 1 NX XX"), "option_refused", "expire.option_parse_contract_violation"),
        (format!("EXPIRE {secret} 9223372036854775807"), "expire_time_refused", "expire.command_semantics_violation"),
        (format!("RESTORE {secret} 0 x"), "payload_refused", "expire.metadata_api_contract_violation"),
        (
            format!("CONFIG SET maxmemory {secret}"),
            "memory_setting_refused",
            "evict.maxmemory_state_contract_violation",
        ),
        ("CONFIG SET hz 501".to_owned(), "setting_clamped", "expire.fast_slow_budget_violation"),
    ];
    for (command, topic, code) in rows {
        client.ask(&command);
        let line = line(&mut server, topic, code);
        for field in ["ts_utc", "suite_id", "input_digest", "output_digest", "duration_ms", "core", "count"] {
            assert!(line.contains(&format!("\"{field}\":")), "{field} is missing: {line}");
        }
        let mode = format!("\"mode\":\"{}\"", bed.mode());
        for part in [outcome, &mode, "\"packet_id\":\"FR-P2C-008\""] {
            assert!(line.contains(part), "{part} is missing: {line}");
        }
        assert!(!line.contains(secret), "a payload is in the log: {line}");
    }
    for mode in ["hardened", "strict"] {
        client.ok(&format!("CONFIG SET expire-evict-mode {mode}"));
        if mode != bed.mode() {
            line(&mut server, "mode_changed", &format!("\"mode\":\"{mode}\""));
        }
    }
}

/// More refusals than a budget holds: evidence ends, commands do not; in the second window in a row the mode does, on all cores.
fn spent_budgets(bed: &mut Bed) {
    let mut server = bed.ours(&["--log-format", "json"]);
    let mut client = server.client();
    let exhaust = |client: &mut Client| {
        for n in 0..BEYOND {
            let reply = client.ask(&format!("EXPIRE key {n} NX GT"));
            assert!(reply.is_error(), "{reply}");
        }
    };
    exhaust(&mut client);
    line(&mut server, "option_refused", "expireevict.hardened_budget_exhausted_failclosed");
    let mut noise = client.another();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let fallen = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                exhaust(&mut noise);
            }
        });
        let lines: Vec<String> =
            (0..bed.cores()).map(|_| line(&mut server, "mode_changed", "\"mode\":\"strict\"")).collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        lines
    });
    let code = "expireevict.hardened_budget_exhausted_failclosed";
    assert!(fallen.iter().any(|line| line.contains(code)), "{fallen:?}");
    let cores =
        (0..bed.cores()).filter(|core| fallen.iter().any(|line| line.contains(&format!("\"core\":{core},")))).count();
    assert_eq!(cores, bed.cores(), "every core is strict: {fallen:?}");
    // The setting still says what was configured; only a change of it hardens again.
    assert_eq!(
        client.ask("CONFIG GET expire-evict-mode").items().map(|items| items[1].clone()),
        Some(Frame::Bulk(b"hardened".to_vec()))
    );
    client.ok("CONFIG SET expire-evict-mode strict");
    client.ok("CONFIG SET expire-evict-mode hardened");
    line(&mut server, "mode_changed", "\"mode\":\"hardened\"");
}

/// Nothing expires while a pause of writes, or of everything, is in force.
fn nothing_expires_in_a_pause(bed: &mut Bed) {
    const PAUSE: Duration = Duration::from_millis(3_000);
    for pause in ["WRITE", "ALL"] {
        let server = bed.ours(&[]);
        let (mut client, mut heard) = (server.client(), listener(&server, &["expired"]));
        let at = clock(&mut client) + 2_000;
        for key in 0..500 {
            client.ok(&format!("SET {key} v PXAT {at}"));
        }
        assert!(clock(&mut client) < at, "this machine is too slow for the check");
        let begun = Instant::now();
        client.ok(&format!("CLIENT PAUSE {} {pause}", PAUSE.as_millis()));
        // Nobody answers while all is paused: what was removed when shows in when it is told.
        assert_eq!(event(&mut heard).0, "expired");
        assert!(begun.elapsed() >= PAUSE, "{pause}: told after {:?}", begun.elapsed());
        until("they are gone", || count(&mut client, "stats", "expired_keys") == 500);
    }
}

/// Nothing is evicted while writes are paused, though the limit is passed; afterwards it is.
fn nothing_is_evicted_in_a_pause(bed: &mut Bed) {
    for pause in ["WRITE", "ALL"] {
        let server = bed.ours(&["--maxmemory-policy", "allkeys-lru"]);
        let [mut client, mut writer] = [server.client(), server.client()];
        client.ok("DEBUG POPULATE 20000 key 1000");
        let limit = count(&mut client, "memory", "used_memory") - (8 << 20);
        let set = format!("CONFIG SET maxmemory {limit}");
        if pause == "ALL" {
            // The limit comes with the pause in one transaction: nothing else is carried out in it.
            client.ok("MULTI");
            client.ask("CLIENT PAUSE 1000 ALL");
            client.ask(&set);
            client.ask("INFO stats");
            let replies = client.ask("EXEC");
            let stats = replies.items().expect("three replies")[2].text().expect("text").to_vec();
            assert!(String::from_utf8_lossy(&stats).contains("evicted_keys:0\r\n"), "{pause}");
        } else {
            client.ok("CLIENT PAUSE 100000 WRITE");
            client.ok(&set);
            writer.send(&["SET", "more", "value"]).expect("it is sent");
            let begun = Instant::now();
            while begun.elapsed().as_millis() < 500 {
                assert_eq!(count(&mut client, "stats", "evicted_keys"), 0, "{pause}");
            }
            assert_eq!(client.ask("DBSIZE"), Frame::Int(20_000));
            client.ok("CLIENT UNPAUSE");
            assert_eq!(writer.read().expect("the write goes on").frame, Frame::Simple(b"OK".to_vec()));
        }
        until("it is evicted afterwards", || count(&mut client, "memory", "used_memory") <= limit + (64 << 10));
        assert!(count(&mut client, "stats", "evicted_keys") > 0, "{pause}");
    }
}

rows! { "evict.safety_gate_contract_violation":
    FR_P2C_008_STRICT_E013_eviction FR_P2C_008_HARDENED_E013_eviction nothing_is_evicted_in_a_pause;
    FR_P2C_008_STRICT_E013_pause FR_P2C_008_HARDENED_E013_pause nothing_expires_in_a_pause;
}
