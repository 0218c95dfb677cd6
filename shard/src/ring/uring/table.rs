//! How rings reach each other: one published ring descriptor and one eventfd per core.
//!
//! The table is made before the cores start, so that a core can be woken from its first moment. A core that has a ring of its
//! own wakes another by MSG_RING in its next enter; everybody else, and everybody while the target has no ring yet, writes the
//! target's eventfd, which the target reads through its ring.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};

use super::glance::Glance;
use crate::ring::Wake;

/// No ring is published.
const NO_RING: RawFd = -1;

struct Place {
    ring: AtomicI32,
    glance: OnceLock<Glance>,
    eventfd: OwnedFd,
}

/// One place per core; shared by all cores and service threads of the process.
pub struct RingTable {
    places: Box<[Place]>,
}

impl RingTable {
    /// Makes the table for `cores` cores, numbered from 0.
    ///
    /// # Errors
    ///
    /// The process is out of descriptors (one is needed per core).
    pub fn new(cores: u16) -> io::Result<Arc<Self>> {
        let places = (0..cores)
            .map(|_| Ok(Place { ring: AtomicI32::new(NO_RING), glance: OnceLock::new(), eventfd: eventfd()? }))
            .collect::<io::Result<_>>()?;
        Ok(Arc::new(Self { places }))
    }

    /// What wakes a core; usable before the core has its ring. Panics if there is no such core.
    pub fn waker(self: &Arc<Self>, core: u16) -> UringWaker {
        assert!(usize::from(core) < self.places.len(), "a waker of a core that is not in the table");
        UringWaker { table: Arc::clone(self), core }
    }

    /// Makes a core's ring known to the others.
    pub(super) fn publish(&self, core: u16, ring: RawFd, glance: Glance) {
        let place = &self.places[usize::from(core)];
        // A ring that takes another's place is not looked at: a core of the server has one ring in its life.
        let _ = place.glance.set(glance);
        place.ring.store(ring, Ordering::Release);
    }

    /// Whether the kernel has work for a core, so that it wakes by itself. A hint.
    pub(super) fn is_due(&self, core: u16) -> bool {
        self.places[usize::from(core)].glance.get().is_some_and(Glance::is_due)
    }

    /// Takes a core's ring back, before it is closed.
    pub(super) fn withdraw(&self, core: u16) {
        self.places[usize::from(core)].ring.store(NO_RING, Ordering::Release);
    }

    /// A core's ring, if it has one.
    pub(super) fn ring(&self, core: u16) -> Option<RawFd> {
        let ring = self.places[usize::from(core)].ring.load(Ordering::Acquire);
        (ring != NO_RING).then_some(ring)
    }

    /// A core's eventfd, for its own ring to read.
    pub(super) fn eventfd(&self, core: u16) -> RawFd {
        self.places[usize::from(core)].eventfd.as_raw_fd()
    }

    /// Writes a core's eventfd.
    pub(super) fn signal(&self, core: u16) {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: the bytes are valid for the length given, and the table owns the descriptor. The result is of no use: the
        // write fails only if the counter is full, and then the eventfd is readable already.
        unsafe { libc::write(self.eventfd(core), one.as_ptr().cast(), one.len()) };
    }
}

/// Wakes one core by its eventfd.
#[derive(Clone)]
pub struct UringWaker {
    table: Arc<RingTable>,
    core: u16,
}

impl Wake for UringWaker {
    fn wake(&self) {
        self.table.signal(self.core);
    }
}

fn eventfd() -> io::Result<OwnedFd> {
    // Blocking on purpose: io_uring does not wait for a descriptor with O_NONBLOCK, it fails with EAGAIN.
    // SAFETY: takes no pointers; the result is checked before it becomes an owned descriptor, which nobody else has.
    unsafe {
        let fd = libc::eventfd(0, libc::EFD_CLOEXEC);
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(fd)) }
    }
}
