//! `expiry`: what deadlines cost beside redis-server. Many keys whose deadlines fall in the same second, under a load at half of the
//! peak; the memory of a deadline; and SET with EX against plain SET.

mod connection;
mod cost;
mod memory;
pub(crate) mod pace;
mod rush;

use crate::args::Options;
use crate::binaries;
use crate::contender::{Contender, Kind};
use crate::error::BenchError;
use crate::goal::{ASHLAR, REDIS, Verdict};
use crate::rig::Rig;

/// The parts, as `--only` names them.
const PARTS: [&str; 3] = ["rush", "memory", "cost"];

/// Measures the parts and prints a line per server with verdicts on ours.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    let wanted = |name: &str| options.only.as_deref().is_none_or(|only| name.contains(only));
    if options.list {
        PARTS.iter().for_each(|name| println!("{name}"));
        return Ok(());
    }
    let rig = Rig::new()?;
    let contenders = [
        Contender::new(ASHLAR, Kind::Ashlar, &binaries::ashlar(options.ashlar.clone())?),
        Contender::new(REDIS, Kind::Redis, &binaries::redis(options.redis.clone())?),
    ];
    let [rush, memory, cost] = PARTS.map(wanted);
    if rush {
        rush::run(&contenders, options.keys, &rig)?;
    }
    if memory {
        memory::run(&contenders, &rig)?;
    }
    if cost {
        cost::run(&contenders, options.rounds, options.requests, &rig)?;
    }
    Ok(())
}

/// A line with a figure of ours and what became of its goal.
fn print_verdict(what: &str, measured: f64, at_most: f64) {
    let verdict = Verdict { what: what.to_owned(), measured: Some(measured), at_most };
    println!("    {what:<48} {measured:>8.2} <= {at_most:.2}  {}", verdict.word());
}

/// The number behind `name:` in what INFO answers.
fn info_number(text: &str, name: &'static str) -> Result<u64, BenchError> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.and_then(|value| value.trim().parse().ok()).ok_or_else(|| BenchError::parse(name, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_info() {
        let text = "$42\r\n# Stats\r\nexpired_keys:17\r\nexpired_keys_active:3\r\n";
        assert_eq!(info_number(text, "expired_keys").expect("it is there"), 17);
        assert!(info_number(text, "expired").is_err());
    }
}
