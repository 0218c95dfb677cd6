//! Signals: SIGTERM and SIGINT stop the server in order, a second one at once; SIGHUP is ignored, as Redis does.
//!
//! A thread of their own waits for them, so that the second signal works whatever the service thread does.

use std::io;
use std::sync::Arc;

use shard::settings::Settings;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::alarm::Alarm;
use crate::pidfile;

/// Exit code after a second signal.
const INSISTED: i32 = 1;

/// Starts to listen for signals, for the rest of the process's life.
///
/// # Errors
///
/// The system refused a handler or the thread.
pub(crate) fn listen(alarm: Arc<Alarm>, settings: Arc<Settings>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let body = move || {
        let mut stopping = false;
        for signal in signals.forever() {
            let name = match signal {
                SIGTERM => "SIGTERM",
                SIGINT => "SIGINT",
                _ => continue,
            };
            if stopping {
                tracing::warn!("Received {name} again, exiting now.");
                pidfile::remove(&settings);
                std::process::exit(INSISTED);
            }
            tracing::warn!("Received {name} scheduling shutdown...");
            stopping = true;
            alarm.ask_to_stop();
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(body)?;
    Ok(())
}
