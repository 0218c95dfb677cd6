//! Extensions of pings, pongs and meets.
//!
//! §7.6, §7.7. A type that we do not know is skipped, its length is checked all the same. Lengths are read in their full 32 bits.

use super::bytes::{Truncated, Unread};
use super::frame::FrameError;
use crate::address::Label;
use crate::faults::{Fault, planted};
use crate::id::{NodeId, ShardId};

/// Bytes in front of an extension's data.
const HEAD_BYTES: usize = 8;
/// Extensions are as long as a multiple of this.
const ALIGNMENT: usize = 8;

/// For how many seconds a forgotten node is not to be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ForgetTtl(pub u64);

/// What a frame says beside its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extension {
    /// The sender's host name.
    Hostname(Label),
    /// The sender's name among people.
    Nodename(Label),
    /// A node that the sender was told to forget.
    Forgotten(NodeId, ForgetTtl),
    /// The sender's shard.
    Shard(ShardId),
}

/// Numbers of types.
const HOSTNAME: u16 = 0;
const NODENAME: u16 = 1;
const FORGOTTEN: u16 = 2;
const SHARD: u16 = 3;

impl Extension {
    /// Writes the extension behind `out`.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let text = |label: &Label| [label.as_str().as_bytes(), &[0]].concat();
        let (number, data) = match self {
            Extension::Hostname(label) => (HOSTNAME, text(label)),
            Extension::Nodename(label) => (NODENAME, text(label)),
            Extension::Forgotten(id, ttl) => (FORGOTTEN, [&id.bytes()[..], &ttl.0.to_be_bytes()].concat()),
            Extension::Shard(id) => (SHARD, id.bytes().to_vec()),
        };
        let padded = data.len().next_multiple_of(ALIGNMENT);
        let length = u32::try_from(HEAD_BYTES + padded).expect("labels are short");
        out.extend(length.to_be_bytes());
        out.extend(number.to_be_bytes());
        out.extend([0; 2]);
        out.extend(&data);
        out.resize(out.len() + padded - data.len(), 0);
    }

    /// Reads what stands in the data of an extension. `None` inside for what is not for us.
    fn decode(number: u16, data: &[u8]) -> Result<Option<Extension>, FrameError> {
        let wrong = FrameError::Extension(number);
        let mut unread = Unread::new(data);
        let short = |Truncated| wrong;
        let extension = match number {
            HOSTNAME => Extension::Hostname(Label::hostname(text(data).ok_or(wrong)?).ok_or(wrong)?),
            // Redis lets a comma through, which its own file cannot hold. Such a name is not worth the frame.
            NODENAME => match Label::nodename(text(data).ok_or(wrong)?) {
                Some(label) => Extension::Nodename(label),
                None => return Ok(None),
            },
            FORGOTTEN => {
                let id = NodeId::new(*unread.array().map_err(short)?).ok_or(wrong)?;
                Extension::Forgotten(id, ForgetTtl(unread.u64().map_err(short)?))
            }
            SHARD => Extension::Shard(ShardId::new(*unread.array().map_err(short)?).ok_or(wrong)?),
            _ => return Ok(None),
        };
        Ok(Some(extension))
    }
}

/// The text up to the first NUL, which has to be there.
fn text(data: &[u8]) -> Option<&str> {
    let length = data.iter().position(|&byte| byte == 0)?;
    std::str::from_utf8(&data[..length]).ok()
}

/// Reads `count` extensions, which have to end where the bytes do.
pub(super) fn decode_all(mut unread: Unread<'_>, count: u16) -> Result<Vec<Extension>, FrameError> {
    let mut extensions = Vec::new();
    for _ in 0..count {
        let length = unread.u32()?;
        let length = if planted(Fault::ExtensionLengthCut) { length & 0xffff } else { length };
        let number = unread.u16()?;
        unread.u16()?;
        let wrong = FrameError::Extension(number);
        let length = usize::try_from(length).map_err(|_| wrong)?;
        if !length.is_multiple_of(ALIGNMENT) {
            return Err(wrong);
        }
        let data = unread.slice(length.checked_sub(HEAD_BYTES).ok_or(wrong)?)?;
        extensions.extend(Extension::decode(number, data)?);
    }
    if unread.len() > 0 { Err(FrameError::Length) } else { Ok(extensions) }
}
