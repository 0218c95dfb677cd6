//! Libraries of functions as FUNCTION DUMP serialises them: each behind an opcode, then the frame of a payload.

use super::crc64::crc64;
use super::payload::{BadPayload, VERSION_MAX, seal};
use super::reader::Reader;
use super::{Corrupt, writer};

/// What stands before the code of a library: `RDB_OPCODE_FUNCTION2`.
const LIBRARY: u8 = 245;

/// The version of the format that brought it.
const VERSION: u16 = 10;

/// A payload of libraries, by their code.
pub fn dump<'a>(libraries: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut payload = Vec::new();
    for code in libraries {
        push_library(&mut payload, code);
    }
    seal(&mut payload, VERSION);
    payload
}

/// Appends a library, by its code.
pub fn push_library(out: &mut Vec<u8>, code: &[u8]) {
    out.push(LIBRARY);
    writer::push_string(out, code);
}

/// The code of the libraries of a payload.
pub fn read(payload: &[u8]) -> Result<Vec<Vec<u8>>, BadPayload> {
    let (checked, checksum) = payload.split_last_chunk::<8>().ok_or(BadPayload::VersionOrChecksum)?;
    let (libraries, version) = checked.split_last_chunk::<2>().ok_or(BadPayload::VersionOrChecksum)?;
    if u16::from_le_bytes(*version) > VERSION_MAX || crc64(checked) != u64::from_le_bytes(*checksum) {
        return Err(BadPayload::VersionOrChecksum);
    }
    let mut reader = Reader::new(libraries);
    let mut found = Vec::new();
    while reader.remaining() > 0 {
        if reader.byte().map_err(BadPayload::Value)? != LIBRARY {
            return Err(BadPayload::Value(Corrupt("not a library")));
        }
        found.push(reader.packed().map_err(BadPayload::Value)?.into_owned());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dumped_is_read() {
        let libraries: [&[u8]; 3] = [b"#!lua name=a\n", b"", &[b'x'; 70_000]];
        let payload = dump(libraries.into_iter());
        assert_eq!(read(&payload), Ok(libraries.map(<[u8]>::to_vec).to_vec()));
        assert_eq!(read(&dump(std::iter::empty())), Ok(Vec::new()));
        for at in 0..payload.len().min(64) {
            let mut broken = payload.clone();
            broken[at] ^= 1;
            assert_eq!(read(&broken), Err(BadPayload::VersionOrChecksum));
        }
        let mut other = vec![0, 1, b'a'];
        seal(&mut other, VERSION);
        assert_eq!(read(&other), Err(BadPayload::Value(Corrupt("not a library"))));
    }
}
