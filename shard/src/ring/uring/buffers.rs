//! The provided-buffer ring: receive buffers that the kernel picks from when bytes arrive.
//!
//! One anonymous mapping holds the ring (16 bytes per buffer) and then the buffers. The kernel walks it in FIFO order, so the
//! whole of it passes through the caches: 128 buffers of 4 KiB cost 15 % less CPU per request than 4,096 of them
//! (notes/stack.md §6). It is therefore small, and running out of buffers is normal (see `starved`).

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::BufRingEntry;

use super::kernel::Kernel;
use crate::ring::BufferId;

/// The kernel's bound on entries of a provided-buffer ring; half of the numbers that buffers may have.
pub(super) const COUNT_MAX: u16 = 1 << 15;

/// Start of the buffers inside the mapping is rounded up to this.
const PAGE: usize = 4096;

/// The ring, its buffers, and how many of them the caller has.
pub(super) struct Buffers {
    mapping: NonNull<u8>,
    mapping_bytes: usize,
    data: NonNull<u8>,
    buffer_bytes: usize,
    group: u16,
    /// The number of the first buffer.
    first: u16,
    count: u16,
    tail: u16,
    lent: u16,
}

impl Buffers {
    /// Maps and registers `count` buffers (a power of two up to [`COUNT_MAX`]) of `buffer_bytes` each, with numbers from `first`, as
    /// this buffer group.
    pub(super) fn new(kernel: &Kernel, group: u16, first: u16, count: u16, buffer_bytes: u32) -> io::Result<Self> {
        if !count.is_power_of_two() || count > COUNT_MAX || buffer_bytes == 0 {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        let ring_bytes = (usize::from(count) * size_of::<BufRingEntry>()).next_multiple_of(PAGE);
        let mapping_bytes = ring_bytes + usize::from(count) * buffer_bytes as usize;
        let mapping = map(mapping_bytes)?;
        // SAFETY: `ring_bytes` lies inside the mapping.
        let data = unsafe { mapping.add(ring_bytes) };
        let buffer_bytes = buffer_bytes as usize;
        let mut buffers =
            Self { mapping, mapping_bytes, data, buffer_bytes, group, first, count, tail: 0, lent: count };
        for place in 0..count {
            buffers.recycle(BufferId(first + place));
        }
        // SAFETY: the mapping starts with `count` entries, is page-aligned, and is unmapped only in `drop`, which the ring's
        // owner runs after the ring is closed or idle.
        unsafe {
            kernel.submitter().register_buf_ring_with_flags(mapping.as_ptr() as u64, count, group, 0)?;
        }
        Ok(buffers)
    }

    /// Buffers that the caller does not have: an upper bound on what the kernel can still pick.
    pub(super) fn available(&self) -> u16 {
        self.count - self.lent
    }

    /// All buffers.
    pub(super) fn count(&self) -> u16 {
        self.count
    }

    /// The buffer group.
    pub(super) fn group(&self) -> u16 {
        self.group
    }

    /// The most that a buffer holds.
    pub(super) fn buffer_bytes(&self) -> usize {
        self.buffer_bytes
    }

    /// The place of a buffer among these, if it is one of them.
    fn place(&self, buffer: BufferId) -> Option<usize> {
        let place = buffer.0.checked_sub(self.first)?;
        (place < self.count).then_some(usize::from(place))
    }

    /// Notes that a completion handed out a buffer.
    pub(super) fn lend(&mut self) {
        debug_assert!(self.lent < self.count);
        self.lent += 1;
    }

    /// The first `len` bytes of a buffer that the caller has.
    pub(super) fn bytes(&self, buffer: BufferId, len: usize) -> &[u8] {
        let place = self.place(buffer).filter(|_| len <= self.buffer_bytes).expect("a buffer of this ring");
        // SAFETY: in bounds, as the place and the length were checked; initialised, as the mapping is zeroed; the kernel does not write it, because it
        // was handed out by a completion and is given back by value only.
        unsafe {
            let start = self.data.add(place * self.buffer_bytes);
            std::slice::from_raw_parts(start.as_ptr(), len)
        }
    }

    /// Gives a lent buffer back to the kernel.
    pub(super) fn recycle(&mut self, buffer: BufferId) {
        let of_buffer = self.place(buffer).filter(|_| self.lent > 0).expect("a lent buffer of this ring");
        self.lent -= 1;
        let place = usize::from(self.tail & (self.count - 1));
        let entries = self.mapping.cast::<BufRingEntry>();
        // SAFETY: the place is inside the mapping and free: at most `count` buffers are in the ring. Only this thread writes
        // entries. The tail shares the first entry's unused bytes, which the setters do not touch.
        unsafe {
            let entry = entries.add(place).as_mut();
            let data = self.data.add(of_buffer * self.buffer_bytes);
            entry.set_addr(data.as_ptr() as u64);
            entry.set_len(self.buffer_bytes as u32);
            entry.set_bid(buffer.0);
        }
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the tail lies in the first entry, is aligned for u16 and lives as long as the mapping; the kernel reads it
        // concurrently, hence the atomic. Release: the entry is written before it is published.
        unsafe {
            let tail = BufRingEntry::tail(entries.as_ptr()).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // SAFETY: mapped in `new` with this length, and no slice of it outlives `self`.
        unsafe { libc::munmap(self.mapping.as_ptr().cast(), self.mapping_bytes) };
    }
}

fn map(bytes: usize) -> io::Result<NonNull<u8>> {
    // SAFETY: an anonymous private mapping at an address of the kernel's choice touches no memory of ours.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE,
            -1,
            0,
        )
    };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(NonNull::new(address.cast()).expect("mmap without MAP_FIXED does not return address 0"))
}
