//! Facts about a running process from `/proc`, and the limit of open files, without `unsafe`.

use std::fs;
use std::process::{self, Command, Stdio};

/// Resident bytes of a process; `None` if it has ended.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// CPU time of a process so far, user and system, in clock ticks of 10 ms; `None` if it has ended.
pub fn cpu_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

/// Open descriptors of a process.
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map(Iterator::count).unwrap_or(0)
}

/// Raises this process's limit of open files towards `wanted` and returns what holds now. Children inherit it.
pub fn raise_descriptors(wanted: u64) -> u64 {
    let own = process::id().to_string();
    let limits = fs::read_to_string("/proc/self/limits").expect("/proc is mounted");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("the kernel lists open files");
    let numbers: Vec<u64> = line.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
    let (soft, hard) = (numbers[0], *numbers.last().expect("a soft limit is there"));
    if soft >= wanted {
        return soft;
    }
    for (soft, hard) in [(wanted, hard.max(wanted)), (wanted.min(hard), hard)] {
        let limit = format!("--nofile={soft}:{hard}");
        let status = Command::new("prlimit").args(["--pid", &own, &limit]).stderr(Stdio::null()).status();
        if status.is_ok_and(|status| status.success()) {
            return soft;
        }
    }
    soft
}
