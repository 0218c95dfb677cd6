//! `types`: the data types beside redis-server: processor time per request of their commands, and resident bytes of large data sets.

mod table;

use crate::args::Options;
use crate::binaries;
use crate::contender::{Contender, Kind, pinned};
use crate::error::BenchError;
use crate::goal::{ASHLAR, REDIS, Verdict};
use crate::load::{REDIS_BENCHMARK, deadline, parse_redis_benchmark};
use crate::memory::settled;
use crate::procfs;
use crate::resp_client::feed;
use crate::rig::Rig;
use crate::server::Server;
use crate::stats::{Spread, ratio};
use crate::tool::Tool;
use crate::workload::CONNECTIONS;

use table::{LOADS, Load, STORES, Store};

const ROUNDS: u64 = 5;
/// Commands sent before the client waits for replies.
const PIPELINE: u32 = 16;

/// Measures both tables and prints them with a verdict per row.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    let wanted = |name: &str| options.only.as_deref().is_none_or(|only| name.contains(only));
    let loads: Vec<&Load> = LOADS.iter().filter(|load| wanted(load.name)).collect();
    let stores: Vec<&Store> = STORES.iter().filter(|store| wanted(store.name)).collect();
    if options.list {
        loads.iter().for_each(|load| println!("{}", load.name));
        stores.iter().for_each(|store| println!("{}", store.name));
        return Ok(());
    }
    if loads.is_empty() && stores.is_empty() {
        return Err(BenchError::Usage("no row of the tables matches; --list shows them".to_owned()));
    }
    let rig = Rig::new()?;
    let contenders = [
        Contender::new(REDIS, Kind::Redis, &binaries::redis(options.redis.clone())?),
        Contender::new(ASHLAR, Kind::Ashlar, &binaries::ashlar(options.ashlar.clone())?),
    ];
    let rounds = options.rounds.unwrap_or(ROUNDS);
    println!(
        "server CPU per request, ns (redis-benchmark, {CONNECTIONS} connections, P={PIPELINE}, medians of {rounds} rounds)"
    );
    for load in loads {
        let medians = measure_load(load, &contenders, rounds, options.requests, &rig)?;
        print_row(load.name, medians, load.at_most);
    }
    println!("resident bytes, MiB");
    for store in stores {
        let mut grown = [None; 2];
        for (contender, grown) in contenders.iter().zip(&mut grown) {
            *grown = Some(measure_store(store, contender, &rig)? as f64 / f64::from(1 << 20));
        }
        print_row(store.name, grown, store.at_most);
    }
    Ok(())
}

/// Medians of redis-server and ashlar. Every round starts fresh servers, in alternating order.
fn measure_load(
    load: &Load,
    contenders: &[Contender; 2],
    rounds: u64,
    requests: Option<u64>,
    rig: &Rig,
) -> Result<[Option<f64>; 2], BenchError> {
    let mut samples = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        for index in order {
            samples[index].push(one_run(load, &contenders[index], requests.unwrap_or(load.requests), rig)?);
        }
    }
    Ok(samples.map(|values| Spread::of(values).map(|spread| spread.median)))
}

fn one_run(load: &Load, contender: &Contender, requests: u64, rig: &Rig) -> Result<f64, BenchError> {
    let server = Server::start(contender, 1, rig.cpus.map(|cpus| cpus.server), rig)?;
    feed(server.endpoint.port, &mut *(load.fill)())?;
    let mut line = pinned(rig.cpus.map(|cpus| cpus.client));
    let numbers = [
        ("-p", server.endpoint.port.to_string()),
        ("-c", CONNECTIONS.to_string()),
        ("-P", PIPELINE.to_string()),
        ("-n", requests.to_string()),
        ("-r", load.range.to_string()),
    ];
    line.push(REDIS_BENCHMARK.to_owned());
    line.extend(numbers.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]));
    line.extend(load.command.split(' ').map(str::to_owned));
    let before = procfs::cpu_ns(server.pid())?;
    let limit = deadline(requests);
    let output = Tool::start(&line, rig.scratch.path(), &rig.reaper)?.wait(limit)?;
    let output = output.ok_or_else(|| BenchError::Server {
        server: contender.name.to_owned(),
        why: format!("stalled: {} not done in {} s", load.name, limit.as_secs()),
    })?;
    let spent = procfs::cpu_ns(server.pid())?.saturating_sub(before);
    parse_redis_benchmark(&output)?;
    Ok(spent as f64 / requests as f64)
}

fn measure_store(store: &Store, contender: &Contender, rig: &Rig) -> Result<u64, BenchError> {
    let server = Server::start(contender, 1, None, rig)?;
    let before = settled(server.pid())?;
    feed(server.endpoint.port, &mut *(store.fill)())?;
    Ok(settled(server.pid())?.saturating_sub(before))
}

fn print_row(name: &str, [redis, ashlar]: [Option<f64>; 2], at_most: f64) {
    let verdict = Verdict { what: name.to_owned(), measured: ratio(ashlar, redis), at_most };
    let figure = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.0}"));
    let measured = verdict.measured.map_or("-".to_owned(), |measured| format!("{measured:.2}"));
    println!(
        "  {name:<44} {REDIS} {:>7}  {ASHLAR} {:>7}  {measured:>5} <= {at_most:.2}  {}",
        figure(redis),
        figure(ashlar),
        verdict.word()
    );
}
