//! `client-output-buffer-limit`: three classes of clients, each with a hard and a soft limit.

use super::number;
use super::row::Kind;
use super::value::Value;

/// When the replies that wait for a client are too many, and it is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimit {
    /// Closed at once above this many bytes; 0 is no limit.
    pub hard_bytes: u64,
    /// Closed after [`OutputLimit::soft_seconds`] above this many bytes; 0 is no limit.
    pub soft_bytes: u64,
    /// How long a client may stay above the soft limit, in seconds.
    pub soft_seconds: u64,
}

/// The limits of each class of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimits {
    /// Clients that send commands.
    pub normal: OutputLimit,
    /// Replicas.
    pub replica: OutputLimit,
    /// Clients with a subscription.
    pub pubsub: OutputLimit,
}

const MIB: u64 = 1 << 20;

impl Default for OutputLimits {
    /// Redis's own for replicas and subscribers; finite for normal clients too, so that one that never reads cannot take all memory.
    fn default() -> Self {
        Self {
            normal: OutputLimit { hard_bytes: 1024 * MIB, soft_bytes: 256 * MIB, soft_seconds: 60 },
            replica: OutputLimit { hard_bytes: 256 * MIB, soft_bytes: 64 * MIB, soft_seconds: 60 },
            pubsub: OutputLimit { hard_bytes: 32 * MIB, soft_bytes: 8 * MIB, soft_seconds: 60 },
        }
    }
}

impl OutputLimits {
    fn class_mut(&mut self, name: &[u8]) -> Option<&mut OutputLimit> {
        match name.to_ascii_lowercase().as_slice() {
            b"normal" => Some(&mut self.normal),
            b"slave" | b"replica" => Some(&mut self.replica),
            b"pubsub" => Some(&mut self.pubsub),
            _ => None,
        }
    }
}

impl Value for OutputLimits {
    fn parse(current: &Self, _: &Kind, raw: &[u8]) -> Result<Self, String> {
        let mut limits = *current;
        if raw.is_empty() {
            return Ok(limits);
        }
        let words: Vec<&[u8]> = raw.split(|byte| *byte == b' ').collect();
        let (groups, rest) = words.as_chunks::<4>();
        if !rest.is_empty() {
            return Err("Wrong number of arguments in buffer limit configuration.".to_owned());
        }
        for [class, hard, soft, seconds] in groups {
            let limit =
                limits.class_mut(class).ok_or("Invalid client class specified in buffer limit configuration.")?;
            *limit = limit_of(hard, soft, seconds)
                .ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
        }
        Ok(limits)
    }

    fn print(&self, _: &Kind) -> Vec<u8> {
        let classes = [("normal", self.normal), ("slave", self.replica), ("pubsub", self.pubsub)];
        let parts = classes
            .map(|(name, limit)| format!("{name} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_seconds));
        parts.join(" ").into_bytes()
    }
}

fn limit_of(hard: &[u8], soft: &[u8], seconds: &[u8]) -> Option<OutputLimit> {
    Some(OutputLimit {
        hard_bytes: number::size(hard)?,
        soft_bytes: number::size(soft)?,
        soft_seconds: std::str::from_utf8(seconds).ok()?.parse().ok().filter(|value| i64::try_from(*value).is_ok())?,
    })
}
