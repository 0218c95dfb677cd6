//! The frame of a payload: type byte, value, version of the format (two bytes), checksum (eight bytes).

use super::Corrupt;
use super::crc64::crc64;
use super::object_type::ObjectType;
use super::reader::Reader;

/// The newest version of the format that is read: Redis 8.0's.
pub const VERSION_MAX: u16 = 12;

const VERSION_BYTES: usize = 2;
const CHECKSUM_BYTES: usize = 8;

/// Why a payload is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPayload {
    /// It is too short, of a version to come, or its checksum is wrong.
    VersionOrChecksum,
    /// The frame is whole and what stands in it is not.
    Value(Corrupt),
}

/// Opens a payload: what it holds, and a reader of the value's bytes.
pub fn open(payload: &[u8]) -> Result<(ObjectType, Reader<'_>), BadPayload> {
    let (checked, checksum) = payload.split_last_chunk::<CHECKSUM_BYTES>().ok_or(BadPayload::VersionOrChecksum)?;
    let (value, version) = checked.split_last_chunk::<VERSION_BYTES>().ok_or(BadPayload::VersionOrChecksum)?;
    if u16::from_le_bytes(*version) > VERSION_MAX || crc64(checked) != u64::from_le_bytes(*checksum) {
        return Err(BadPayload::VersionOrChecksum);
    }
    let mut reader = Reader::new(value);
    let object_type = reader.byte().and_then(ObjectType::of).map_err(BadPayload::Value)?;
    Ok((object_type, reader))
}

/// A payload of the value that `write` appends, which returns its type.
pub fn build(write: impl FnOnce(&mut Vec<u8>) -> ObjectType) -> Vec<u8> {
    // The type's byte is known when the value is written.
    let mut payload = vec![0];
    let object_type = write(&mut payload);
    payload[0] = object_type.byte();
    seal(&mut payload, object_type.version());
    payload
}

/// Appends version and checksum.
pub(crate) fn seal(payload: &mut Vec<u8>, version: u16) {
    payload.extend_from_slice(&version.to_le_bytes());
    payload.extend_from_slice(&crc64(payload).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames() {
        let payload = build(|out| {
            out.extend_from_slice(b"\x01a");
            ObjectType::String
        });
        // `DUMP` of "a" at redis-server 7.0.15.
        assert_eq!(payload, b"\x00\x01a\x0a\x00\xbf\xfe\xef\x9b\x8f\x36\x7d\xb4");
        let (object_type, mut reader) = open(&payload).unwrap();
        assert_eq!((object_type, reader.take(2)), (ObjectType::String, Ok(&b"\x01a"[..])));
        for at in 0..payload.len() {
            let mut broken = payload.clone();
            broken[at] ^= 1;
            assert_eq!(open(&broken).err(), Some(BadPayload::VersionOrChecksum));
            assert_eq!(open(&payload[..at]).err(), Some(BadPayload::VersionOrChecksum));
        }
    }

    #[test]
    fn versions_and_types() {
        let with = |object_type: u8, version| {
            let mut payload = vec![object_type, 1, b'a'];
            seal(&mut payload, version);
            open(&payload).map(|(object_type, _)| object_type).ok()
        };
        for version in [0, 6, 9, 12] {
            assert_eq!(with(0, version), Some(ObjectType::String));
        }
        assert_eq!(with(0, 13), None);
        for refused in [6, 7, 8, 26, 27, 255] {
            assert_eq!(with(refused, 10), None, "type {refused}");
        }
    }
}
