//! Load runs of `ashlar` beside redis-server: `cargo run --release -p bench -- compare`.
//!
//! The servers are separate processes reached through their sockets, the load comes from the tools that people use, and the cost is
//! read from `/proc`. Nothing here links the server. In reading order:
#![forbid(unsafe_code)]

mod args;
// What is run.
mod blocked;
mod clients;
mod compare;
mod eviction;
mod evidence;
mod expiry;
mod fairness;
mod hop;
mod idle;
mod soak;
mod types;
// What it is made of.
mod contender;
mod goal;
mod load;
mod memory;
mod runner;
mod workload;
// Processes and the machine.
mod binaries;
mod machine;
mod procfs;
mod reaper;
mod resp_client;
mod rig;
mod server;
mod tool;
// What comes out.
mod error;
mod report;
mod results;
mod stats;

use std::path::Path;
use std::process::ExitCode;

use args::Action;
use error::BenchError;

/// Runs a load by its arguments.
type Serve = fn(&[String]) -> Result<(), BenchError>;

/// The hidden subcommands that are processes of their own: loads, and what loads are put to.
const LOADS: [(&str, Serve); 5] = [
    (clients::drive::SUBCOMMAND, clients::drive::serve),
    (clients::sends::SUBCOMMAND, clients::sends::serve),
    (expiry::pace::SUBCOMMAND, expiry::pace::serve),
    (eviction::aside::SUBCOMMAND, eviction::aside::serve),
    (eviction::flood::SUBCOMMAND, eviction::flood::serve),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|word| word == reaper::SUBCOMMAND) {
        reaper::serve(std::io::stdin().lock(), arguments.get(1).map(Path::new));
        return ExitCode::SUCCESS;
    }
    let load = LOADS.iter().find(|(name, _)| arguments.first().is_some_and(|word| word == name));
    if let Some((_, serve)) = load {
        return match serve(&arguments[1..]) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("bench: {error}");
                ExitCode::FAILURE
            }
        };
    }
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::from(2)
        }
    }
}

/// Success, failure for a stall or an idle server that is not idle; a missed ratio on a shared machine is a finding, not a failure.
fn run(arguments: &[String]) -> Result<ExitCode, BenchError> {
    if arguments.first().is_some_and(|word| word == "--help") {
        println!("{}", args::help());
        return Ok(ExitCode::SUCCESS);
    }
    let (action, options) = args::parse(arguments)?;
    if options.help {
        println!("{}", args::help());
        return Ok(ExitCode::SUCCESS);
    }
    let passed = match action {
        Action::Compare => compare::run(&options).map(|()| true)?,
        Action::Types => types::run(&options).map(|()| true)?,
        Action::Clients => clients::run(&options).map(|()| true)?,
        Action::Fairness => fairness::run(&options).map(|()| true)?,
        Action::Blocked => blocked::run(&options).map(|()| true)?,
        Action::Expiry => expiry::run(&options).map(|()| true)?,
        Action::Evidence => evidence::run(&options).map(|()| true)?,
        Action::Eviction => eviction::run(&options).map(|()| true)?,
        Action::Hop => hop::run(&options).map(|()| true)?,
        Action::Soak => soak::run(&options)? == soak::Ending::Clean,
        Action::Idle => idle::run(&options)?.passes() != Some(false),
    };
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
