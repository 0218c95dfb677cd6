//! Which core loop of ashlar owns a key: the CRC16 of Redis Cluster's specification, and stripes of slots dealt to the cores in turn.

const SLOTS: u16 = 16_384;
/// Neighbouring slots of one core.
const STRIPE: u16 = 16;

/// The core that owns `key`, which has no hash tag, of `cores`.
pub(crate) fn core_of(key: &str, cores: u16) -> u16 {
    crc16(key.as_bytes()) % SLOTS / STRIPE % cores
}

/// CRC-16/XMODEM: polynomial 0x1021, from zero, no reflection.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(crc16(b"foo") % SLOTS, 12_182);
        assert_eq!(core_of("foo", 2), 12_182 / STRIPE % 2);
    }
}
