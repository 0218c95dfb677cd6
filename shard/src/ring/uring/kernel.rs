//! The two queues shared with the kernel and the one system call that moves them.
//!
//! The system call is made here and not by the `io_uring` crate, for two reasons: the crate forgets the registered ring
//! descriptor with every temporary `Submitter`, and it asks for deferred completions only if it believes that there are some.
//! Entries that do not fit (the kernel refused to take any) wait in a backlog in their order.

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use io_uring::types::Timespec;
use io_uring::{IoUring, Submitter, cqueue, squeue};

use super::glance::{self, Glance};

/// Flags of io_uring_enter(2); the crate has them only inside its own calls.
const ENTER_GETEVENTS: u32 = 1 << 0;
const ENTER_EXT_ARG: u32 = 1 << 3;
const ENTER_REGISTERED_RING: u32 = 1 << 4;
const ENTER_NO_IOWAIT: u32 = 1 << 7;

/// Operations of io_uring_register(2).
const REGISTER_RING_FDS: u32 = 20;
const UNREGISTER_RING_FDS: u32 = 21;

/// Completions copied out of the queue at a time: bounds the stack, not the number reaped.
pub(super) const REAP_BATCH: usize = 64;

/// `struct io_uring_getevents_arg`.
#[repr(C)]
struct WaitArgument {
    sigmask: u64,
    sigmask_bytes: u32,
    min_wait_us: u32,
    timespec: u64,
}

/// `struct io_uring_rsrc_update`.
#[repr(C)]
struct RingUpdate {
    offset: u32,
    reserved: u32,
    data: u64,
}

/// The ring's queues.
pub(super) struct Kernel {
    ring: IoUring,
    /// Index of the registered ring descriptor, which saves a descriptor look-up per enter.
    registered: Option<u32>,
    /// Flags of every enter.
    flags: u32,
    /// Bounded by the operations that the connections can have queued (a receive, a send, two cancels and a close each).
    backlog: VecDeque<squeue::Entry>,
}

impl Kernel {
    /// Takes a ring that was made on this thread.
    pub(super) fn new(ring: IoUring) -> Self {
        let mut flags = 0;
        if ring.params().is_feature_no_iowait() {
            flags |= ENTER_NO_IOWAIT;
        }
        let registered = register_ring(ring.as_raw_fd());
        if registered.is_some() {
            flags |= ENTER_REGISTERED_RING;
        }
        Self { ring, registered, flags, backlog: VecDeque::new() }
    }

    /// The ring's descriptor, for other rings' messages.
    pub(super) fn fd(&self) -> RawFd {
        self.ring.as_raw_fd()
    }

    /// What other threads may see of this ring.
    pub(super) fn glance(&self) -> io::Result<Glance> {
        Glance::new(self.fd(), glance::flags_offset(&self.ring))
    }

    /// For registrations at start-up only.
    pub(super) fn submitter(&self) -> Submitter<'_> {
        self.ring.submitter()
    }

    /// Queues an entry; if the queue is full, submits and goes on.
    ///
    /// # Safety
    ///
    /// Memory and descriptors that the entry refers to stay valid until its last completion.
    pub(super) unsafe fn push(&mut self, entry: squeue::Entry) {
        if !self.backlog.is_empty() {
            self.backlog.push_back(entry);
            return;
        }
        // SAFETY: the caller's promise covers the entry's memory.
        if unsafe { self.ring.submission().push(&entry) }.is_ok() {
            return;
        }
        self.submit();
        // SAFETY: as above.
        if unsafe { self.ring.submission().push(&entry) }.is_err() {
            self.backlog.push_back(entry);
        }
    }

    /// Hands queued entries over without waiting or asking for completions. What the kernel refuses stays queued.
    pub(super) fn submit(&mut self) {
        self.refill();
        let queued = self.ring.submission().len() as u32;
        if queued > 0 {
            // The error is of no use here: whatever was not taken is still queued for the next enter, which reports it.
            let _ = self.call(queued, 0, self.flags, None);
        }
    }

    /// Submits everything, then waits for `want` completions for at most `timeout` (`None`: without end).
    ///
    /// Makes no system call if there is nothing to submit, to wait for or to run.
    pub(super) fn enter(&mut self, want: u32, timeout: Option<Duration>) -> io::Result<()> {
        self.refill();
        let submission = self.ring.submission();
        let queued = submission.len() as u32;
        let pending = submission.taskrun() || submission.cq_overflow();
        drop(submission);
        if queued == 0 && want == 0 && !pending {
            return Ok(());
        }
        let timeout = if want == 0 { None } else { timeout };
        match self.call(queued, want, self.flags | ENTER_GETEVENTS, timeout) {
            Ok(()) => Ok(()),
            Err(error) => match error.raw_os_error() {
                // A passed timeout, a signal, a full completion queue (reap first), or no memory just now: go on.
                Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN) => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// Copies up to a batch of completions out of the queue.
    pub(super) fn reap<'a>(
        &mut self,
        batch: &'a mut [MaybeUninit<cqueue::Entry>; REAP_BATCH],
    ) -> &'a mut [cqueue::Entry] {
        self.ring.completion().fill(batch)
    }

    /// Whether everything queued was taken by the kernel.
    pub(super) fn all_submitted(&mut self) -> bool {
        self.backlog.is_empty() && self.ring.submission().is_empty()
    }

    /// Whether completions can be reaped, now or after an enter that makes room for them.
    pub(super) fn is_ready(&self) -> bool {
        // SAFETY: no other view of the queues exists: they are made for single calls inside this type, which one thread has.
        let (submission, completion) = unsafe { (self.ring.submission_shared(), self.ring.completion_shared()) };
        !completion.is_empty() || submission.cq_overflow()
    }

    /// Whether the kernel says that it has work to run in our next enter. Only a hint: it is raised after the work is queued,
    /// so an enter at that moment can run the work first, and the flag then stays up with nothing behind it until more comes.
    pub(super) fn is_deferring(&self) -> bool {
        // SAFETY: as above.
        unsafe { self.ring.submission_shared() }.taskrun()
    }

    /// Whether entries wait for room in the submission queue.
    pub(super) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Moves the backlog into the queue as far as it has room.
    fn refill(&mut self) {
        while let Some(entry) = self.backlog.front() {
            // SAFETY: the promise was given to `push`.
            if unsafe { self.ring.submission().push(entry) }.is_err() {
                return;
            }
            self.backlog.pop_front();
        }
    }

    fn call(&self, submit: u32, want: u32, flags: u32, timeout: Option<Duration>) -> io::Result<()> {
        let fd = self.registered.map_or(self.ring.as_raw_fd(), |index| index as RawFd);
        let timespec =
            timeout.map(|limit| Timespec::new().sec(limit.as_secs()).nsec(limit.subsec_nanos())).unwrap_or_default();
        let argument =
            WaitArgument { sigmask: 0, sigmask_bytes: 0, min_wait_us: 0, timespec: &raw const timespec as u64 };
        let (flags, pointer, bytes) = match timeout {
            Some(_) => (flags | ENTER_EXT_ARG, &raw const argument, size_of::<WaitArgument>()),
            None => (flags, std::ptr::null(), 0),
        };
        // SAFETY: the argument and the timespec in it live until the call returns; the flags say which of both forms it has.
        // What the queued entries refer to is valid by the promise given to `push`.
        let result = unsafe { libc::syscall(libc::SYS_io_uring_enter, fd, submit, want, flags, pointer, bytes) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

#[cfg(test)]
impl Kernel {
    /// Raises the hint of deferred work with nothing behind it, as the kernel can.
    pub(super) fn raise_stale_hint(&self) {
        use std::sync::atomic::{AtomicU32, Ordering};
        const SQ_TASKRUN: u32 = 1 << 2;
        const BYTES: usize = 4096;
        let offset = glance::flags_offset(&self.ring);
        // SAFETY: The mapping is the ring's own first page, the offset that of an aligned 32-bit word in it, which is only
        // accessed atomically.
        unsafe {
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            let page = libc::mmap(std::ptr::null_mut(), BYTES, protection, libc::MAP_SHARED, self.fd(), 0);
            assert!(page != libc::MAP_FAILED);
            AtomicU32::from_ptr(page.byte_add(offset).cast()).fetch_or(SQ_TASKRUN, Ordering::Relaxed);
            libc::munmap(page, BYTES);
        }
        assert!(self.is_deferring());
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        if let Some(index) = self.registered {
            // The registration holds the ring open beyond its descriptor, until the thread ends.
            let mut update = RingUpdate { offset: index, reserved: 0, data: 0 };
            register(self.ring.as_raw_fd(), UNREGISTER_RING_FDS, &mut update);
        }
    }
}

/// Registers a ring's descriptor with this thread. `None` if the kernel has no place left: then plain enters are used.
fn register_ring(ring: RawFd) -> Option<u32> {
    let mut update = RingUpdate { offset: u32::MAX, reserved: 0, data: ring as u64 };
    (register(ring, REGISTER_RING_FDS, &mut update) == 1).then_some(update.offset)
}

fn register(ring: RawFd, operation: u32, update: &mut RingUpdate) -> i64 {
    // SAFETY: `update` is one `struct io_uring_rsrc_update`, as both operations take, and lives until the call returns.
    unsafe { libc::syscall(libc::SYS_io_uring_register, ring, operation, &raw mut *update, 1_u32) }
}
