//! Making the io_uring instance of a core, and saying in plain words why it cannot be made.
//!
//! Flags: SINGLE_ISSUER and DEFER_TASKRUN leave completions to the core's own enter (nothing interrupts a turn), COOP_TASKRUN
//! and TASKRUN_FLAG tell it when some are waiting, SUBMIT_ALL keeps one bad entry from holding back the others, NO_SQARRAY
//! (Linux 6.6) saves an indirection and is left out where it is refused. The completion queue is several times the submission
//! queue, as one multishot entry completes many times.

use std::io;

use io_uring::{IoUring, Probe, opcode};

use super::buffers::{self, Buffers};
use super::kernel::Kernel;
use crate::ring::{BULK_BUFFER_BYTES, BULK_BUFFERS};

/// Completion entries per submission entry.
const COMPLETIONS_PER_ENTRY: u32 = 8;

/// The oldest kernel that has every flag and operation: 6.1.
const KERNEL_MIN: (u32, u32) = (6, 1);

/// Sizes and socket settings of a ring.
#[derive(Clone, Debug)]
pub struct UringConfig {
    /// Submission entries, a power of two; more than this queued in one turn only costs a system call.
    pub entries: u32,
    /// Receive buffers, a power of two up to 32,768. All of them pass through the caches: keep them few.
    pub buffers: u16,
    /// Bytes per receive buffer.
    pub buffer_bytes: u32,
    /// Receive buffers for connections that send much, a power of two up to 32,768.
    pub bulk_buffers: u16,
    /// Bytes per receive buffer of these.
    pub bulk_buffer_bytes: u32,
    /// Keepalive time of accepted TCP connections in seconds; 0 for off.
    pub tcp_keepalive_s: u32,
}

impl Default for UringConfig {
    fn default() -> Self {
        Self {
            entries: 1024,
            buffers: 128,
            buffer_bytes: 4096,
            bulk_buffers: BULK_BUFFERS,
            bulk_buffer_bytes: BULK_BUFFER_BYTES,
            tcp_keepalive_s: 300,
        }
    }
}

/// Why io_uring cannot be used here, with the cure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// Older than Linux 6.1.
    #[error("this kernel is Linux {release}, but io_uring as Ashlar uses it needs Linux 6.1: boot a newer kernel")]
    KernelTooOld {
        /// As uname(2) reports it.
        release: String,
    },
    /// The sysctl forbids it.
    #[error(
        "io_uring is disabled by the sysctl kernel.io_uring_disabled={value}: run `sysctl -w kernel.io_uring_disabled=0`, \
         or for the value 1 start as root or in the group of kernel.io_uring_group"
    )]
    DisabledBySysctl {
        /// 1: only privileged processes; 2: nobody.
        value: u8,
    },
    /// A seccomp filter or a kernel without io_uring.
    #[error(
        "io_uring is refused ({error}), most likely by a seccomp filter: allow io_uring_setup, io_uring_enter and \
         io_uring_register (Docker: --security-opt seccomp=PROFILE; systemd: SystemCallFilter=@aio)"
    )]
    Filtered {
        /// What the system call said.
        error: io::Error,
    },
    /// Not enough lockable memory.
    #[error(
        "there is not enough lockable memory for io_uring: raise RLIMIT_MEMLOCK to 8 MiB or more \
         (`ulimit -l 8192`; systemd: LimitMEMLOCK=8M; Docker: --ulimit memlock=8388608) or the memory limit of the cgroup"
    )]
    MemoryLocked,
    /// Out of descriptors.
    #[error("there is no file descriptor left for io_uring: raise RLIMIT_NOFILE (`ulimit -n`; systemd: LimitNOFILE=)")]
    Descriptors,
    /// The kernel lacks something although its version suggests otherwise.
    #[error("this kernel's io_uring lacks {operation}: boot an unmodified Linux 6.1 or newer")]
    Missing {
        /// The operation or flags.
        operation: &'static str,
    },
    /// Sizes out of range.
    #[error("the ring's sizes are out of range: entries and buffers must be powers of two, at most 32768")]
    Sizes,
    /// Anything else.
    #[error("io_uring cannot be set up: {0}")]
    Other(io::Error),
}

/// Tells whether a ring can be made here, by making a small one. To be called once, before the cores start.
///
/// # Errors
///
/// What is missing, with its cure.
pub fn probe() -> Result<(), Unusable> {
    let release = kernel_release();
    if version(&release).is_some_and(|version| version < KERNEL_MIN) {
        return Err(Unusable::KernelTooOld { release });
    }
    let kernel = Kernel::new(build(8)?);
    let mut known = Probe::new();
    kernel.submitter().register_probe(&mut known).map_err(unusable)?;
    for (operation, code) in [
        ("IORING_OP_ACCEPT", opcode::AcceptMulti::CODE),
        ("IORING_OP_RECV", opcode::RecvMulti::CODE),
        ("IORING_OP_SEND", opcode::Send::CODE),
        ("IORING_OP_READ", opcode::Read::CODE),
        ("IORING_OP_ASYNC_CANCEL", opcode::AsyncCancel::CODE),
        ("IORING_OP_CLOSE", opcode::Close::CODE),
        ("IORING_OP_MSG_RING", opcode::MsgRingData::CODE),
    ] {
        if !known.is_supported(code) {
            return Err(Unusable::Missing { operation });
        }
    }
    let buffers = Buffers::new(&kernel, 0, 0, 1, 4096).map_err(|error| match error.raw_os_error() {
        Some(libc::EINVAL) => Unusable::Missing { operation: "IORING_REGISTER_PBUF_RING" },
        _ => unusable(error),
    });
    // The ring first: it refers to the buffers.
    drop(kernel);
    buffers.map(drop)
}

/// Makes the instance; it belongs to this thread.
pub(super) fn build(entries: u32) -> Result<IoUring, Unusable> {
    if !entries.is_power_of_two() || entries > u32::from(buffers::COUNT_MAX) {
        return Err(Unusable::Sizes);
    }
    let mut builder = IoUring::builder();
    builder
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_coop_taskrun()
        .setup_taskrun_flag()
        .setup_submit_all()
        .setup_clamp()
        .setup_cqsize(entries * COMPLETIONS_PER_ENTRY);
    let plain = builder.clone();
    let ring = match builder.setup_no_sqarray().build(entries) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => plain.build(entries),
        result => result,
    };
    let ring = ring.map_err(unusable)?;
    let known = ring.params();
    if !known.is_feature_ext_arg() || !known.is_feature_nodrop() {
        return Err(Unusable::Missing { operation: "IORING_FEAT_EXT_ARG and IORING_FEAT_NODROP" });
    }
    Ok(ring)
}

/// Names the reason behind an error of set-up or registration.
pub(super) fn unusable(error: io::Error) -> Unusable {
    match error.raw_os_error() {
        Some(libc::EPERM) => match disabled_by_sysctl() {
            Some(value) if value > 0 => Unusable::DisabledBySysctl { value },
            _ => Unusable::Filtered { error },
        },
        Some(libc::ENOSYS | libc::EACCES) => Unusable::Filtered { error },
        Some(libc::ENOMEM) => Unusable::MemoryLocked,
        Some(libc::EMFILE | libc::ENFILE) => Unusable::Descriptors,
        Some(libc::EINVAL) => {
            Unusable::Missing { operation: "IORING_SETUP_DEFER_TASKRUN, SINGLE_ISSUER, COOP_TASKRUN or SUBMIT_ALL" }
        }
        _ => Unusable::Other(error),
    }
}

fn disabled_by_sysctl() -> Option<u8> {
    let text = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled").ok()?;
    text.trim().parse().ok()
}

fn kernel_release() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// Major and minor of a release like `6.1.0-18-amd64`; `None` if it does not look like one.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_number() {
        for (release, expected) in [
            ("6.1.0-18-amd64", Some((6, 1))),
            ("5.15.153.1-microsoft-standard-WSL2", Some((5, 15))),
            ("6.10", Some((6, 10))),
            ("6", None),
            ("", None),
        ] {
            assert_eq!(version(release), expected, "{release}");
        }
        assert!((6, 0) < KERNEL_MIN && (6, 10) > KERNEL_MIN);
    }

    #[test]
    fn this_machine_can_make_rings() {
        probe().expect("the tests need io_uring");
    }

    #[test]
    fn every_refusal_names_its_cure() {
        for (errno, cure) in [
            (libc::ENOSYS, "seccomp"),
            (libc::ENOMEM, "RLIMIT_MEMLOCK"),
            (libc::EMFILE, "RLIMIT_NOFILE"),
            (libc::EINVAL, "6.1"),
        ] {
            let text = unusable(io::Error::from_raw_os_error(errno)).to_string();
            assert!(text.contains(cure), "{text}");
        }
        assert!(matches!(build(3), Err(Unusable::Sizes)));
    }
}
