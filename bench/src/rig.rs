//! What every run needs: scratch space, the reaper, the CPUs to pin to.

use tempfile::TempDir;

use crate::error::BenchError;
use crate::procfs;
use crate::reaper::Reaper;
use crate::tool::first_line;

/// The set-up of this machine for runs.
pub(crate) struct Rig {
    /// Ends our children if we disappear.
    pub(crate) reaper: Reaper,
    /// Sockets, logs and output of tools; removed at the end.
    pub(crate) scratch: TempDir,
    /// CPUs for the server and the client of a pinned run; `None` on a machine with one CPU.
    pub(crate) cpus: Option<Cpus>,
}

/// Where a pinned run puts its two sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpus {
    /// The server's CPU.
    pub(crate) server: usize,
    /// The client's CPU.
    pub(crate) client: usize,
}

impl Rig {
    /// Looks at the machine and checks that redis-benchmark and taskset are there.
    pub(crate) fn new() -> Result<Self, BenchError> {
        for (program, package) in [("redis-benchmark", "redis-tools"), ("taskset", "util-linux")] {
            if first_line(program, &["--version"]).is_none() {
                let cure = format!("apt-get install {package}");
                return Err(BenchError::Missing { program: program.to_owned(), cure });
            }
        }
        let cpus = match procfs::allowed_cpus()?.as_slice() {
            [server, client, ..] => Some(Cpus { server: *server, client: *client }),
            _ => None,
        };
        let scratch = tempfile::Builder::new()
            .prefix("ashlar-bench-")
            .tempdir()
            .map_err(BenchError::io("create a scratch folder"))?;
        Ok(Self { reaper: Reaper::start(scratch.path())?, scratch, cpus })
    }
}
