//! The `ashlar` process: configuration, boot, service thread, metrics, the bus of the cluster.
#![forbid(unsafe_code)]

mod alarm;
mod audit;
mod boot;
mod bus;
mod config;
mod listen;
mod log;
mod needs;
mod pidfile;
mod post;
mod service;
mod signals;
mod users;

use std::ffi::OsString;
use std::fmt::Display;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;

use boot::Alarms;
use config::{Origin, Start};
use service::ServiceParts;
use shard::settings::Settings;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match config::load(&args) {
        Ok(Start::PrintAndExit(text)) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Ok(Start::Serve { settings, origin }) => serve(settings, *origin),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the server until it is told to stop.
fn serve(mut settings: Arc<Settings>, origin: Origin) -> ExitCode {
    if let Err(error) = std::env::set_current_dir(&settings.dir) {
        eprintln!("Can't chdir to '{}': {error}", settings.dir);
        return ExitCode::FAILURE;
    }
    let log = Arc::new(log::start(&settings));
    end_with_any_thread();
    let cores = boot::core_count(&settings);
    tracing::info!(
        "Ashlar version={}, compatible with Redis {}, pid={}, cores={cores}, just started",
        env!("CARGO_PKG_VERSION"),
        config::REDIS_VERSION,
        std::process::id()
    );
    if let Err(missing) = needs::check(&mut settings, cores) {
        missing.iter().for_each(|need| log.refuse(need));
        return ExitCode::FAILURE;
    }
    origin.notices.iter().for_each(|notice| tracing::warn!("{notice}"));
    let threads = match start(&settings, origin, log.clone()) {
        Ok(threads) => threads,
        Err(error) => {
            log.refuse(&error);
            return ExitCode::FAILURE;
        }
    };
    pidfile::write(&settings);
    log.announce("Ready to accept connections");
    for thread in threads {
        thread.join().expect("a panic ends the process");
    }
    pidfile::remove(&settings);
    tracing::warn!("Ashlar is now ready to exit, bye bye...");
    ExitCode::SUCCESS
}

/// Starts the cores, the service thread, the bus thread if there is a cluster, and the handling of signals. Returns their threads once
/// all of them run.
fn start(
    settings: &Arc<Settings>,
    mut origin: Origin,
    log: Arc<log::Log>,
) -> Result<Vec<JoinHandle<()>>, Box<dyn Display>> {
    let metrics = service::address(settings).map_err(displayed)?;
    let users = users::at_start(settings, &origin.users)
        .map_err(|what| displayed(format!("Aborting startup because of ACL errors: {what}")))?;
    // Before anything runs: who a node is decides whether it may.
    let described = origin.described.take();
    let node = settings.cluster_enabled.then(|| bus::prepare(settings, described)).transpose().map_err(displayed)?;
    let alarms = Alarms { service: Arc::default(), bus: node.as_ref().map(|_| Arc::default()) };
    let config_file = origin.config_file.clone();
    let (running, seat, mut threads) = boot::start(settings.clone(), users, config_file, &alarms).map_err(displayed)?;
    let alarm = alarms.service;
    if let (Some(node), Some(seat), Some(alarm)) = (node, seat, alarms.bus) {
        threads.push(bus::start(node, seat, settings.clone(), alarm).map_err(displayed)?);
    }
    signals::listen(alarm.clone(), settings.clone()).map_err(displayed)?;
    let parts = ServiceParts { running, alarm, log, origin, metrics };
    threads.push(service::start(parts).map_err(displayed)?);
    Ok(threads)
}

fn displayed(error: impl Display + 'static) -> Box<dyn Display> {
    Box::new(error)
}

/// Has a panic of any thread end the process: what it worked on may be half changed, and nobody else can go on without it.
fn end_with_any_thread() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tracing::error!("{panic}");
        report(panic);
        std::process::abort();
    }));
}
