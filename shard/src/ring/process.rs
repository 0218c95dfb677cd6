//! What the operating system knows of this process: processor time, resident memory, and the machine it runs on.
//!
//! The processor times cost a system call of well below a microsecond each. Resident memory is read from a file of `/proc`, so it
//! is sampled by a timer rather than for a command. Where the system does not answer, the figure is 0.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io::Read;
use std::sync::OnceLock;

use crate::report::CpuTime;

/// Processor time of all threads of this process.
pub fn cpu_of_process() -> CpuTime {
    cpu(libc::RUSAGE_SELF)
}

/// Processor time of the calling thread.
pub fn cpu_of_thread() -> CpuTime {
    cpu(libc::RUSAGE_THREAD)
}

fn cpu(who: libc::c_int) -> CpuTime {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the structure is valid for the call and all-zero is a value of it, whether or not the call fills it.
    let usage = unsafe {
        libc::getrusage(who, usage.as_mut_ptr());
        usage.assume_init()
    };
    let us = |time: libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
    CpuTime { user_us: us(usage.ru_utime), system_us: us(usage.ru_stime) }
}

/// Resident memory of this process in bytes. Reads `/proc/self/statm`; some ten microseconds.
pub fn resident_bytes() -> u64 {
    let mut text = [0; 128];
    let read = std::fs::File::open("/proc/self/statm").and_then(|mut file| file.read(&mut text));
    let text = std::str::from_utf8(&text[..read.unwrap_or(0)]).unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * page_bytes()
}

fn page_bytes() -> u64 {
    // SAFETY: the call has no preconditions.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as u64 }
}

/// Has the process allowed at least `wanted` open descriptors, if the system lets it. Returns how many it may have now.
pub fn allow_descriptors(wanted: u64) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is valid for the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 || limit.rlim_cur >= wanted {
        return limit.rlim_cur;
    }
    let set = |soft: u64, hard: u64| {
        let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
        // SAFETY: the structure is valid for the call, which only reads it.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) == 0 }
    };
    // A privileged process may raise the hard limit as well.
    match set(wanted, limit.rlim_max.max(wanted)) {
        true => wanted,
        false if set(limit.rlim_max, limit.rlim_max) => limit.rlim_max,
        false => limit.rlim_cur,
    }
}

/// The machine, as it was when this was first called.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Name and release of the kernel and the machine's architecture, with spaces between them.
    pub os: String,
    /// Memory in bytes.
    pub memory_bytes: u64,
}

/// The machine. Asks the system once.
pub fn machine() -> &'static Machine {
    static MACHINE: OnceLock<Machine> = OnceLock::new();
    MACHINE.get_or_init(|| Machine { os: os(), memory_bytes: memory_bytes() })
}

fn os() -> String {
    // SAFETY: all-zero is a value of the structure; the call fills it with strings that end in a zero byte.
    let name = unsafe {
        let mut name = std::mem::MaybeUninit::<libc::utsname>::zeroed();
        libc::uname(name.as_mut_ptr());
        name.assume_init()
    };
    let text = |field: &[libc::c_char]| {
        let bytes: Vec<u8> = field.iter().map(|&byte| byte as u8).collect();
        CStr::from_bytes_until_nul(&bytes).unwrap_or_default().to_string_lossy().into_owned()
    };
    format!("{} {} {}", text(&name.sysname), text(&name.release), text(&name.machine))
}

fn memory_bytes() -> u64 {
    // SAFETY: all-zero is a value of the structure, and it is valid for the call.
    let info = unsafe {
        let mut info = std::mem::MaybeUninit::<libc::sysinfo>::zeroed();
        libc::sysinfo(info.as_mut_ptr());
        info.assume_init()
    };
    info.totalram * u64::from(info.mem_unit)
}

/// Ends the process at once with this status. Nothing else of it runs: what libraries do at the end of a process could wait for threads
/// that are in the middle of something.
pub fn end_now(status: i32) -> ! {
    // SAFETY: it does not return, and touches no memory.
    unsafe { libc::_exit(status) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_answers() {
        assert!(allow_descriptors(1) >= 1);
        let before = cpu_of_process();
        assert!(resident_bytes() > 1 << 20 && machine().memory_bytes > 1 << 26);
        assert!(machine().os.starts_with("Linux "));
        let (thread, after) = (cpu_of_thread(), cpu_of_process());
        assert!(after.user_us >= before.user_us && after.user_us + after.system_us >= thread.user_us);
    }
}
