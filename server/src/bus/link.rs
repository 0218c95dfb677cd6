//! The task of one link: it sends what waits, and hands what arrives to the bus, frame by frame.
//!
//! Both directions are one task, so nothing is shared between two and nothing is borrowed while it waits. A poll does a bounded amount
//! of work, then lets the other links have theirs.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use clusterbus::effect::LinkId;
use clusterbus::wire::{Arrived, Frame, FrameLimits, FrameStream};
use futures_lite::{AsyncRead, AsyncWrite};
use glommio::net::TcpStream;

use super::driver::Bus;
use super::outgoing::Outgoing;

/// Bytes that are read at a time (§7.7).
const READ_BYTES: usize = 4352;

/// Reads, and as many writes, of one poll.
const STEPS_MAX: usize = 64;

/// Why a link is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The bus said so.
    Dropped,
    /// The connection broke, or the peer does not speak the protocol.
    Broken,
}

/// Whose a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// A node's that we know.
    Member,
    /// Of somebody who has not made himself known.
    Stranger,
}

impl Whose {
    /// How long frames may be that are kept.
    fn limits(self) -> FrameLimits {
        match self {
            Whose::Member => FrameLimits::MEMBER,
            Whose::Stranger => FrameLimits::STRANGER,
        }
    }
}

/// What a link keeps of what arrived, and on whose account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// On whose.
    pub(super) whose: Whose,
    /// So many bytes.
    pub(super) bytes: usize,
}

/// A link that is open.
pub(super) struct Link {
    bus: Rc<RefCell<Bus>>,
    id: LinkId,
    outgoing: Rc<RefCell<Outgoing>>,
    stream: TcpStream,
    arrived: FrameStream,
    kept: Kept,
}

impl Link {
    /// The link over this connection.
    pub(super) fn new(bus: Rc<RefCell<Bus>>, id: LinkId, outgoing: Rc<RefCell<Outgoing>>, stream: TcpStream) -> Link {
        let kept = Kept { whose: Whose::Stranger, bytes: 0 };
        Link { bus, id, outgoing, stream, arrived: FrameStream::default(), kept }
    }

    /// Serves the link until it is over.
    pub(super) async fn serve(mut self) {
        let end = std::future::poll_fn(|context| self.poll(context)).await;
        let mut bus = self.bus.borrow_mut();
        bus.account(self.kept, Kept { bytes: 0, ..self.kept });
        bus.link_ended(self.id, end);
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        self.outgoing.borrow_mut().arm(context.waker());
        if self.outgoing.borrow().is_over() {
            return Poll::Ready(End::Dropped);
        }
        let mut more = match self.send(context) {
            Ok(more) => more,
            Err(end) => return Poll::Ready(end),
        };
        match self.receive(context) {
            Ok(left) => more |= left,
            Err(end) => return Poll::Ready(end),
        }
        if more {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Sends what waits. Returns whether there is more that could go.
    fn send(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        let mut outgoing = self.outgoing.borrow_mut();
        for _ in 0..STEPS_MAX {
            let Some(bytes) = outgoing.next() else { return Ok(false) };
            match Pin::new(&mut self.stream).poll_write(context, bytes) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Ok(sent)) if sent > 0 => outgoing.advance(sent),
                Poll::Ready(_) => return Err(End::Broken),
            }
        }
        Ok(true)
    }

    /// Reads what arrived. Returns whether there may be more.
    fn receive(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        let mut bytes = [0; READ_BYTES];
        for _ in 0..STEPS_MAX {
            match Pin::new(&mut self.stream).poll_read(context, &mut bytes) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Ok(read)) if read > 0 => self.take(&bytes[..read])?,
                Poll::Ready(_) => return Err(End::Broken),
            }
        }
        Ok(true)
    }

    /// Hands the frames that are whole with these bytes to the bus.
    fn take(&mut self, bytes: &[u8]) -> Result<(), End> {
        self.arrived.push(bytes);
        self.keep()?;
        loop {
            let limits = self.bus.borrow().whose(self.id).limits();
            let frame = match self.arrived.next_frame(limits) {
                Ok(Some(Arrived::Frame(frame))) => frame,
                Ok(Some(Arrived::TooLong)) => {
                    self.bus.borrow_mut().heard_too_much(self.id);
                    continue;
                }
                Ok(None) => return Ok(()),
                Err(error) => {
                    tracing::debug!("a link of the cluster bus is closed: {error}");
                    self.bus.borrow_mut().heard_noise(error);
                    return Err(End::Broken);
                }
            };
            match Frame::decode(frame) {
                Ok(frame) => self.bus.borrow_mut().heard(self.id, &frame),
                Err(error) => self.bus.borrow_mut().heard_nonsense(self.id, error),
            }
            // What was heard may have ended the link.
            if self.outgoing.borrow().is_over() {
                return Err(End::Dropped);
            }
        }
    }

    /// Accounts for what is kept now. An error if there is no room for it.
    fn keep(&mut self) -> Result<(), End> {
        let mut bus = self.bus.borrow_mut();
        let before =
            std::mem::replace(&mut self.kept, Kept { whose: bus.whose(self.id), bytes: self.arrived.memory_bytes() });
        bus.account(before, self.kept);
        if self.kept.bytes > before.bytes && bus.is_overfull(self.kept.whose) {
            tracing::warn!("A link of the cluster bus is closed: too much has arrived that is not read yet.");
            return Err(End::Broken);
        }
        Ok(())
    }
}
