//! Plays generated commands on redis-server and on `ashlar` with 1 and 4 cores, and compares every reply.
//!
//! A seed makes the whole sequence. It is printed when a reply differs; `ASHLAR_SEED` plays it again, and `ASHLAR_COMMANDS` says
//! how many commands there are.

use crate::client::Client;
use crate::server::{Kind, Server};
use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

/// Commands of a sequence unless the environment says otherwise.
pub const COMMANDS: usize = 5_000;
/// Commands sent at once.
const BATCH: usize = 50;
/// Bytes of a command or a reply shown in a report.
const SHOWN_MAX: usize = 600;

/// One command.
pub type Words = Vec<Vec<u8>>;

/// A command of words and of arguments that are not text.
pub fn words(text: &str) -> Words {
    text.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

/// Plays commands that `next` makes, then those of `last`, on servers with these flags. Panics at the first difference.
#[track_caller]
pub fn check(flags: &[&str], mut next: impl FnMut(&mut fastrand::Rng) -> Words, last: &[Words]) {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    let seed = number("ASHLAR_SEED").unwrap_or(since_epoch.as_nanos() as u64 % 1_000_000_007);
    let count = number("ASHLAR_COMMANDS").map_or(COMMANDS, |count| count as usize);
    println!("ASHLAR_SEED={seed} ASHLAR_COMMANDS={count}, flags {flags:?}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut commands: Vec<Words> = (0..count).map(|_| next(&mut random)).collect();
    commands.extend_from_slice(last);

    let redis = Server::start(Kind::Redis, flags);
    let ours = [1, 4].map(|cores| Server::start(Kind::Ashlar { cores }, flags));
    let mut reference = redis.client();
    let mut tested: Vec<(String, Client)> = ours.iter().map(|server| (server.kind.name(), server.client())).collect();
    for (number, batch) in commands.chunks(BATCH).enumerate() {
        let wanted = reference.pipeline(batch);
        for (name, client) in &mut tested {
            let got = client.pipeline(batch);
            for (index, (wanted, got)) in wanted.iter().zip(&got).enumerate() {
                if wanted != got {
                    let line: Vec<String> = batch[index].iter().map(|word| word.escape_ascii().to_string()).collect();
                    let (wanted, got) = from_difference(&format!("{wanted:?}"), &format!("{got:?}"));
                    let (number, line) = (number * BATCH + index, clip(&line.join(" ")));
                    panic!("seed {seed}, command {number} on {name}:\n  {line}\n  wanted {wanted}\n  got    {got}");
                }
            }
        }
    }
}

fn clip(text: &str) -> String {
    text.chars().take(SHOWN_MAX).collect()
}

/// Two texts from shortly before their first difference on.
fn from_difference(wanted: &str, got: &str) -> (String, String) {
    const BEFORE: usize = 60;
    let same = wanted.chars().zip(got.chars()).take_while(|(wanted, got)| wanted == got).count();
    let rest = |text: &str| clip(&text.chars().skip(same.saturating_sub(BEFORE)).collect::<String>());
    (rest(wanted), rest(got))
}
