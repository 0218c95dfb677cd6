//! A frame: a header and what the type says follows it.
//!
//! C10, §7.4, §7.7. Decoding checks everything that can be checked without knowing the cluster, in 64-bit or checked arithmetic, and
//! takes memory in proportion to the bytes that are there. Encoding counts what it writes, so that a frame of ours is always one.

use super::bytes::{Truncated, Unread};
use super::extension::{self, Extension};
use super::gossip::{self, GossipEntry};
use super::header::{Counts, Header, Marks};
use super::kind::{Kind, PulseKind};
use crate::epoch::Epoch;
use crate::faults::{Fault, planted};
use crate::id::NodeId;
use crate::slot_set::SlotSet;

/// A message of the bus. What clients published is borrowed from the received bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Who says it.
    pub header: Header,
    /// What it says.
    pub body: Body<'a>,
}

/// What follows a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// PING, PONG and MEET.
    Pulse(Pulse),
    /// FAIL: this node has failed.
    Fail(NodeId),
    /// PUBLISH.
    Publish(Publication<'a>),
    /// FAILOVER_AUTH_REQUEST.
    AuthRequest,
    /// FAILOVER_AUTH_ACK.
    AuthAck,
    /// UPDATE.
    Update(Box<Claim>),
    /// MFSTART.
    ManualFailoverStart,
    /// MODULE: for whom, the type that they agreed on, and what.
    Module(ModuleId, u8, &'a [u8]),
    /// PUBLISHSHARD.
    PublishShard(Publication<'a>),
}

/// What nodes tell each other all the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// Which of the three.
    pub kind: PulseKind,
    /// What the sender knows of some nodes. `None` if an entry names no node or no address: then none of them counts.
    pub gossip: Option<Vec<GossipEntry>>,
    /// What it says beside.
    pub extensions: Vec<Extension>,
}

/// A message of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publication<'a> {
    /// The channel.
    pub channel: &'a [u8],
    /// The message.
    pub message: &'a [u8],
}

/// The slots of a node, told by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The node.
    pub owner: NodeId,
    /// The epoch of its claim.
    pub config_epoch: Epoch,
    /// Its slots.
    pub slots: SlotSet,
}

/// The module that a frame is for, in the byte order of the machine that sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModuleId(pub [u8; 8]);

/// Why bytes of a peer are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It does not begin as frames do.
    #[error("not a frame of the bus")]
    Signature,
    /// Another version of the protocol.
    #[error("another version of the protocol")]
    Version,
    /// A type that nobody knows.
    #[error("unknown type {0}")]
    Kind(u16),
    /// A length that does not agree with the type, the counts or what is there.
    #[error("lengths do not agree")]
    Length,
    /// The sender's name is not one.
    #[error("the sender's name is not one")]
    Sender,
    /// The name of the sender's master is not one.
    #[error("the name of the sender's master is not one")]
    Master,
    /// The sender's address is not one.
    #[error("the sender's address is not one")]
    Address,
    /// An epoch beyond what may be taken from others.
    #[error("an epoch out of range")]
    Epoch,
    /// The node that the body is about has no name.
    #[error("the node it is about has no name")]
    Subject,
    /// An extension of this type that is not one.
    #[error("malformed extension of type {0}")]
    Extension(u16),
    /// Extensions from a sender who says that it sends none.
    #[error("extensions that are not announced")]
    Unannounced,
}

impl From<Truncated> for FrameError {
    fn from(Truncated: Truncated) -> Self {
        FrameError::Length
    }
}

impl Body<'_> {
    /// The type of a frame with this body.
    pub fn kind(&self) -> Kind {
        match self {
            Body::Pulse(pulse) => pulse.kind.into(),
            Body::Fail(_) => Kind::Fail,
            Body::Publish(_) => Kind::Publish,
            Body::AuthRequest => Kind::AuthRequest,
            Body::AuthAck => Kind::AuthAck,
            Body::Update(_) => Kind::Update,
            Body::ManualFailoverStart => Kind::ManualFailoverStart,
            Body::Module(..) => Kind::Module,
            Body::PublishShard(_) => Kind::PublishShard,
        }
    }

    /// Writes the body behind `out`.
    fn encode(&self, out: &mut Vec<u8>) {
        let mut chunk = |lengths: &[usize], parts: &[&[u8]]| {
            for &length in lengths {
                out.extend(u32::try_from(length).expect("what clients send is bounded far below 4 GiB").to_be_bytes());
            }
            parts.iter().for_each(|part| out.extend(*part));
        };
        match self {
            Body::Pulse(pulse) => {
                pulse.gossip.iter().flatten().for_each(|entry| entry.encode(out));
                pulse.extensions.iter().for_each(|extension| extension.encode(out));
            }
            Body::Fail(node) => chunk(&[], &[node.bytes()]),
            Body::Publish(Publication { channel, message }) | Body::PublishShard(Publication { channel, message }) => {
                chunk(&[channel.len(), message.len()], &[channel, message]);
            }
            Body::Update(claim) => {
                let Claim { owner, config_epoch, slots } = &**claim;
                chunk(&[], &[&config_epoch.number().to_be_bytes(), owner.bytes(), &slots.to_wire()]);
            }
            Body::Module(module, kind, payload) => {
                chunk(&[], &[&module.0]);
                chunk(&[payload.len()], &[&[*kind], payload]);
            }
            Body::AuthRequest | Body::AuthAck | Body::ManualFailoverStart => {}
        }
    }
}

impl<'a> Frame<'a> {
    /// The frame as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        self.body.encode(&mut body);
        let (gossip, extensions) = match &self.body {
            Body::Pulse(pulse) => (pulse.gossip.as_ref().map_or(0, Vec::len), pulse.extensions.len()),
            _ => (0, 0),
        };
        let count = |count: usize| u16::try_from(count).expect("the table of nodes is smaller than 65,536");
        let bytes = super::header::HEADER_BYTES + body.len();
        let counts = Counts {
            bytes: u32::try_from(bytes).expect("bodies are bounded far below 4 GiB"),
            kind: self.body.kind().number(),
            gossip: count(gossip),
            extensions: count(extensions),
        };
        let mut out = Vec::with_capacity(bytes);
        self.header.encode(self.body.kind(), counts, &mut out);
        out.extend(body);
        out
    }

    /// The frame that these bytes are: all of them, no more.
    pub fn decode(bytes: &'a [u8]) -> Result<Frame<'a>, FrameError> {
        let mut unread = Unread::new(bytes);
        let (header, counts) = Header::decode(&mut unread)?;
        if usize::try_from(counts.bytes) != Ok(bytes.len()) {
            return Err(FrameError::Length);
        }
        let body = Body::decode(&header, counts, unread)?;
        Ok(Frame { header, body })
    }
}

impl<'a> Body<'a> {
    /// Reads the body of a frame with this header.
    fn decode(header: &Header, counts: Counts, mut unread: Unread<'a>) -> Result<Body<'a>, FrameError> {
        let body = match Kind::of_number(counts.kind).ok_or(FrameError::Kind(counts.kind))? {
            Kind::Ping => return Pulse::decode(PulseKind::Ping, header, counts, unread).map(Body::Pulse),
            Kind::Pong => return Pulse::decode(PulseKind::Pong, header, counts, unread).map(Body::Pulse),
            Kind::Meet => return Pulse::decode(PulseKind::Meet, header, counts, unread).map(Body::Pulse),
            Kind::Fail => Body::Fail(NodeId::new(*unread.array()?).ok_or(FrameError::Subject)?),
            Kind::Publish => Body::Publish(Publication::decode(&mut unread)?),
            Kind::PublishShard => Body::PublishShard(Publication::decode(&mut unread)?),
            Kind::AuthRequest => Body::AuthRequest,
            Kind::AuthAck => Body::AuthAck,
            Kind::ManualFailoverStart => Body::ManualFailoverStart,
            Kind::Update => Body::Update(Box::new(Claim::decode(&mut unread)?)),
            Kind::Module => {
                let module = ModuleId(*unread.array()?);
                let length = unread.u32()? as usize;
                let kind = unread.u8()?;
                Body::Module(module, kind, unread.slice(length)?)
            }
        };
        if unread.len() > 0 && !planted(Fault::TrailingBytesIgnored) { Err(FrameError::Length) } else { Ok(body) }
    }
}

impl Pulse {
    fn decode(kind: PulseKind, header: &Header, counts: Counts, mut unread: Unread<'_>) -> Result<Pulse, FrameError> {
        let gossip = gossip::decode_section(&mut unread, counts.gossip.into())?;
        if counts.extensions > 0 && !header.marks.has(Marks::EXTENSIONS) {
            return Err(FrameError::Unannounced);
        }
        let extensions = extension::decode_all(unread, counts.extensions)?;
        Ok(Pulse { kind, gossip, extensions })
    }
}

impl<'a> Publication<'a> {
    fn decode(unread: &mut Unread<'a>) -> Result<Publication<'a>, FrameError> {
        let (channel, message) = (unread.u32()? as usize, unread.u32()? as usize);
        Ok(Publication { channel: unread.slice(channel)?, message: unread.slice(message)? })
    }
}

impl Claim {
    fn decode(unread: &mut Unread<'_>) -> Result<Claim, FrameError> {
        let config_epoch = Epoch::taken(unread.u64()?).ok_or(FrameError::Epoch)?;
        let owner = NodeId::new(*unread.array()?).ok_or(FrameError::Subject)?;
        Ok(Claim { owner, config_epoch, slots: SlotSet::from_wire(unread.array()?) })
    }
}
