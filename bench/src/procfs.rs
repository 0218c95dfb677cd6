//! What the kernel says about a process: CPU time, resident memory, where its threads stand.
//!
//! CPU time is field 1 of each thread's `schedstat` (nanoseconds on a CPU; field 2: ready but waiting for one; kernel `Documentation/scheduler/sched-stats.rst`): `stat`
//! counts in ticks of 10 ms, too coarse for a run of one second. A thread that ends takes its time with it; servers keep theirs.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::BenchError;

/// CPU time of all threads of `pid` since they began, in nanoseconds.
pub(crate) fn cpu_ns(pid: u32) -> Result<u64, BenchError> {
    schedstat(pid, 0)
}

/// Time for which threads of `pid` were ready to run and had no CPU, in nanoseconds: others had it.
pub(crate) fn waited_ns(pid: u32) -> Result<u64, BenchError> {
    schedstat(pid, 1)
}

fn schedstat(pid: u32, field: usize) -> Result<u64, BenchError> {
    let mut sum = 0;
    for task in tasks(pid)? {
        // A thread may end between the listing and the read.
        if let Ok(text) = fs::read_to_string(task.join("schedstat")) {
            sum += parse_schedstat(&text, field)?;
        }
    }
    Ok(sum)
}

/// The thread of `pid` that has had the most CPU time, and what all others have had together, in nanoseconds.
pub(crate) fn busiest_thread(pid: u32) -> Result<(u32, u64), BenchError> {
    let mut threads = Vec::new();
    for task in tasks(pid)? {
        let name = task.file_name().and_then(|name| name.to_str()?.parse().ok());
        // A thread may end between the listing and the read.
        if let (Some(thread), Ok(text)) = (name, fs::read_to_string(task.join("schedstat"))) {
            threads.push((parse_schedstat(&text, 0)?, thread));
        }
    }
    let all: u64 = threads.iter().map(|(ns, _)| ns).sum();
    let busiest = threads.into_iter().max().map(|(ns, thread)| (thread, all - ns));
    busiest.ok_or_else(|| BenchError::parse("a thread", &format!("/proc/{pid}/task")))
}

/// Resident bytes of `pid`.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64, BenchError> {
    parse_kib(&read(&format!("/proc/{pid}/status"))?, "VmRSS:")
}

/// Bytes that the machine can still give to processes.
pub(crate) fn available_bytes() -> Result<u64, BenchError> {
    parse_kib(&read("/proc/meminfo")?, "MemAvailable:")
}

/// The CPUs that we may use, in ascending order.
pub(crate) fn allowed_cpus() -> Result<Vec<usize>, BenchError> {
    parse_allowed(&read("/proc/self/status")?)
}

/// Names of those threads of `pid` that may run on other CPUs than `cpu`.
pub(crate) fn threads_off_cpu(pid: u32, cpu: usize) -> Result<Vec<String>, BenchError> {
    let mut names = Vec::new();
    for task in tasks(pid)? {
        let Ok(status) = fs::read_to_string(task.join("status")) else {
            continue;
        };
        if parse_allowed(&status)? != [cpu] {
            names.push(field(&status, "Name:").unwrap_or("?").to_owned());
        }
    }
    Ok(names)
}

/// The state of every thread of `pid` for a human reader: whatever is readable of stat, wait channel, system call and stack.
pub(crate) fn dump(pid: u32) -> String {
    let mut text = String::new();
    let Ok(tasks) = tasks(pid) else {
        return format!("process {pid} is gone\n");
    };
    for task in tasks {
        let _ = writeln!(text, "-- {}", task.display());
        for name in ["stat", "wchan", "syscall", "stack"] {
            if let Ok(content) = fs::read_to_string(task.join(name)) {
                let _ = writeln!(text, "{name}: {}", content.trim_end());
            }
        }
    }
    text
}

/// Lines of the kernel's TCP table with `port` at either end: states and queue lengths. At most 200.
pub(crate) fn sockets(port: u16) -> String {
    const LINES: usize = 200;
    let Ok(table) = fs::read_to_string("/proc/net/tcp") else {
        return String::new();
    };
    let wanted = format!(":{port:04X} ");
    let rows = table.lines().skip(1).filter(|line| line.contains(&wanted)).take(LINES);
    table.lines().take(1).chain(rows).map(|line| format!("{line}\n")).collect()
}

fn tasks(pid: u32) -> Result<Vec<PathBuf>, BenchError> {
    let folder = format!("/proc/{pid}/task");
    let entries = fs::read_dir(&folder).map_err(BenchError::io(folder))?;
    Ok(entries.filter_map(Result::ok).map(|entry| entry.path()).collect())
}

fn read(path: &str) -> Result<String, BenchError> {
    fs::read_to_string(Path::new(path)).map_err(BenchError::io(path))
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

fn parse_schedstat(text: &str, field: usize) -> Result<u64, BenchError> {
    let number = text.split_ascii_whitespace().nth(field).and_then(|n| n.parse().ok());
    number.ok_or_else(|| BenchError::parse("nanoseconds on and before a CPU", text))
}

fn parse_kib(text: &str, name: &'static str) -> Result<u64, BenchError> {
    let kib = field(text, name).and_then(|value| value.strip_suffix("kB")).and_then(|n| n.trim().parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| BenchError::parse(name, text))
}

fn parse_allowed(status: &str) -> Result<Vec<usize>, BenchError> {
    let list = field(status, "Cpus_allowed_list:").ok_or_else(|| BenchError::parse("Cpus_allowed_list", status))?;
    parse_cpu_list(list).ok_or_else(|| BenchError::parse("a list of CPUs", list))
}

/// `0-2,5` → 0, 1, 2, 5.
fn parse_cpu_list(list: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cpus.extend(first.parse::<usize>().ok()?..=last.parse().ok()?);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tredis-server\nVmHWM:\t   10172 kB\nVmRSS:\t   10160 kB\nCpus_allowed_list:\t0-1\n";

    #[test]
    fn fields_of_status() {
        assert_eq!(parse_kib(STATUS, "VmRSS:").expect("the sample is well formed"), 10_160 * 1024);
        assert_eq!(parse_allowed(STATUS).expect("the sample is well formed"), [0, 1]);
        assert_eq!(field(STATUS, "Name:"), Some("redis-server"));
        assert!(parse_kib(STATUS, "VmSwap:").is_err());
    }

    #[test]
    fn cpu_lists() {
        assert_eq!(parse_cpu_list("0-2,5"), Some(vec![0, 1, 2, 5]));
        assert_eq!(parse_cpu_list("3"), Some(vec![3]));
        assert_eq!(parse_cpu_list(""), None);
    }

    #[test]
    fn fields_of_schedstat() {
        let text = "1681100205 56308828 9917\n";
        let fields = [0, 1].map(|field| parse_schedstat(text, field).expect("the sample is well formed"));
        assert_eq!(fields, [1_681_100_205, 56_308_828]);
        assert!(parse_schedstat("", 0).is_err());
    }

    #[test]
    fn our_own_process_is_readable() {
        let pid = std::process::id();
        assert!(cpu_ns(pid).expect("this process has figures") > 0);
        assert!(busiest_thread(pid).is_ok());
        assert!(resident_bytes(pid).expect("this process has figures") > 100 * 1024);
        assert!(dump(pid).contains("stat: "));
        assert!(!allowed_cpus().expect("the sample is well formed").is_empty());
    }
}
