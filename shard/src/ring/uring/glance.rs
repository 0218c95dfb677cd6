//! A glance at another core's ring: whether the kernel has work for it that it has not taken yet.
//!
//! The kernel raises SQ_TASKRUN in the page that it shares with a ring's process. A second, read-only mapping of that page, kept for as long
//! as the table of rings, lets every thread read the flag without a system call and without touching the ring.

use std::io;
use std::os::fd::RawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use io_uring::IoUring;

/// IORING_SQ_TASKRUN: completions wait for the owner's next enter.
const SQ_TASKRUN: u32 = 1 << 2;

/// Length of the mapping: the flags stand in the first page.
const PAGE: usize = 4096;

/// Place of `sq_off.flags` among the 32-bit words of `struct io_uring_params`: ten words, then head, tail, mask, entries, flags.
const FLAGS_OFFSET_WORD: usize = 14;

/// Where the flags of a ring's submission queue stand in its first page, in bytes.
pub(super) fn flags_offset(ring: &IoUring) -> usize {
    let parameters = (&raw const *ring.params()).cast::<u32>();
    // SAFETY: the parameters are a transparent wrapper over `struct io_uring_params`, 120 bytes of 32- and 64-bit words.
    unsafe { parameters.add(FLAGS_OFFSET_WORD).read() as usize }
}

/// The flags of one ring, for any thread.
pub(super) struct Glance {
    page: NonNull<libc::c_void>,
    offset: usize,
}

// SAFETY: the mapping is read-only and belongs to the process; what is in it is only read atomically.
unsafe impl Send for Glance {}
// SAFETY: as above.
unsafe impl Sync for Glance {}

impl Glance {
    /// Maps the flags that stand `offset` bytes into the page that `ring` shares with the kernel.
    pub(super) fn new(ring: RawFd, offset: usize) -> io::Result<Glance> {
        assert!(offset.is_multiple_of(align_of::<AtomicU32>()) && offset < PAGE, "the kernel's layout of the ring");
        // SAFETY: a mapping at an address of the kernel's choice touches no memory of ours. The offset 0 is IORING_OFF_SQ_RING.
        let page = unsafe { libc::mmap(std::ptr::null_mut(), PAGE, libc::PROT_READ, libc::MAP_SHARED, ring, 0) };
        if page == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Glance { page: NonNull::new(page).expect("mmap without MAP_FIXED does not return address 0"), offset })
    }

    /// Whether the kernel had work for the ring just now. A hint: it may be stale either way.
    pub(super) fn is_due(&self) -> bool {
        // SAFETY: the word lies in the mapping, which lives as long as `self`, is aligned, and is only accessed atomically.
        let flags = unsafe { AtomicU32::from_ptr(self.page.as_ptr().byte_add(self.offset).cast()) };
        flags.load(Ordering::Relaxed) & SQ_TASKRUN != 0
    }
}

impl Drop for Glance {
    fn drop(&mut self) {
        // SAFETY: mapped in `new` with this length; nothing borrowed from it outlives `self`.
        unsafe { libc::munmap(self.page.as_ptr(), PAGE) };
    }
}
