//! The file of a snapshot: how it begins, what stands before each entry, how it ends.
//!
//! Between beginning and end, pieces may come in any order: each of them says first which database its entries belong to.

use super::crc64::crc64_on;
use super::object_type::ObjectType;
use super::writer::{push_length, push_millis, push_string};

/// How a file begins: its name, and the version of the format. It is redis-server 7.0's, which reads every value but a hash with deadlines of
/// fields; a newer one reads older files, whatever is in them.
pub const BEGINNING: &[u8] = b"REDIS0010";

/// A fact about the server follows: name and value (`RDB_OPCODE_AUX`).
const FACT: u8 = 250;
/// The deadline of the next entry follows (`RDB_OPCODE_EXPIRETIME_MS`).
const DEADLINE: u8 = 252;
/// The number of a database follows, to which the next entries belong (`RDB_OPCODE_SELECTDB`).
const DATABASE: u8 = 254;
/// The end; the checksum follows (`RDB_OPCODE_EOF`).
const END: u8 = 255;

/// Appends a fact about the server.
pub fn push_fact(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(FACT);
    push_string(out, name.as_bytes());
    push_string(out, value.as_bytes());
}

/// Appends the number of the database to which the next entries belong.
pub fn push_database(out: &mut Vec<u8>, number: u16) {
    out.push(DATABASE);
    push_length(out, number.into());
}

/// Appends an entry: its deadline in milliseconds since 1970 if it has one, its key, and the value that `write` appends, which returns its
/// type.
pub fn push_entry(
    out: &mut Vec<u8>,
    key: &[u8],
    deadline: Option<i64>,
    write: impl FnOnce(&mut Vec<u8>) -> ObjectType,
) {
    if let Some(at) = deadline {
        out.push(DEADLINE);
        push_millis(out, at);
    }
    // The type's byte is known when the value is written.
    let place = out.len();
    out.push(0);
    push_string(out, key);
    let object_type = write(out);
    out[place] = object_type.byte();
}

/// The sum over a file so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(u64);

impl Sum {
    /// Takes in what the file goes on with. Cost: about 1 ns per byte.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0 = crc64_on(self.0, bytes);
    }

    /// How a file with this sum ends.
    pub fn end(mut self) -> [u8; 9] {
        self.add(&[END]);
        let mut end = [END; 9];
        end[1..].copy_from_slice(&self.0.to_le_bytes());
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file that redis-server 7.0.15 writes of the key `a` with the value `b`, but for the facts that change.
    #[test]
    fn a_file_as_redis_server_writes_it() {
        let mut file = BEGINNING.to_vec();
        push_fact(&mut file, "redis-ver", "7.0.15");
        push_fact(&mut file, "redis-bits", "64");
        push_database(&mut file, 0);
        push_entry(&mut file, b"a", None, |out| {
            push_string(out, b"b");
            ObjectType::String
        });
        push_entry(&mut file, b"c", Some(0x0102_0304), |out| {
            push_string(out, b"1");
            ObjectType::String
        });
        let begins = b"REDIS0010\xfa\x09redis-ver\x067.0.15\xfa\x0aredis-bits\xc0\x40\xfe\x00\x00\x01a\x01b";
        assert_eq!(file, [&begins[..], b"\xfc\x04\x03\x02\x01\0\0\0\0\x00\x01c\xc0\x01"].concat());
        let (mut whole, mut pieces) = (Sum::default(), Sum::default());
        whole.add(&file);
        file.chunks(7).for_each(|piece| pieces.add(piece));
        assert_eq!(whole.end(), pieces.end());
        file.extend_from_slice(&whole.end()[..1]);
        assert_eq!(whole.end()[1..], crate::rdb::crc64::crc64(&file).to_le_bytes());
    }
}
