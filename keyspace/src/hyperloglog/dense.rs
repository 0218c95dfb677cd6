//! Dense registers: six bits each, the lowest bits of a byte first. Three bytes hold four registers.

use super::{Histogram, Hit, REGISTERS, Registers};

const BITS: usize = 6;
const MASK: u32 = (1 << BITS) - 1;

/// Bytes of all registers.
pub(super) const BYTES: usize = REGISTERS * BITS / 8;

/// Bytes of a group of whole registers.
const GROUP_BYTES: usize = 3;
const GROUP: usize = GROUP_BYTES * 8 / BITS;

/// The registers of a group.
fn unpack(group: &[u8; GROUP_BYTES]) -> [u8; GROUP] {
    let bits = u32::from_le_bytes([group[0], group[1], group[2], 0]);
    std::array::from_fn(|at| (bits >> (at * BITS) & MASK) as u8)
}

fn pack(registers: &[u8; GROUP]) -> [u8; GROUP_BYTES] {
    let bits = (0..GROUP).fold(0, |bits, at| bits | (registers[at] as u32 & MASK) << (at * BITS));
    let [a, b, c, _] = bits.to_le_bytes();
    [a, b, c]
}

/// Raises a register. False if it is that high already.
pub(super) fn raise(bytes: &mut [u8], hit: Hit) -> bool {
    let (groups, _) = bytes.as_chunks_mut::<GROUP_BYTES>();
    let group = &mut groups[hit.index / GROUP];
    let mut registers = unpack(group);
    let register = &mut registers[hit.index % GROUP];
    if *register >= hit.rank {
        return false;
    }
    *register = hit.rank;
    *group = pack(&registers);
    true
}

/// Appends all registers.
pub(super) fn push(out: &mut Vec<u8>, registers: &Registers) {
    let (groups, _) = registers.as_chunks::<GROUP>();
    out.extend(groups.iter().flat_map(pack));
}

/// Raises `registers` to these.
pub(super) fn merge(bytes: &[u8], registers: &mut Registers) {
    let (groups, _) = bytes.as_chunks::<GROUP_BYTES>();
    let (targets, _) = registers.as_chunks_mut::<GROUP>();
    for (target, group) in targets.iter_mut().zip(groups) {
        for (register, other) in target.iter_mut().zip(unpack(group)) {
            *register = (*register).max(other);
        }
    }
}

/// How many registers have each value.
pub(super) fn histogram(bytes: &[u8]) -> Histogram {
    let (groups, _) = bytes.as_chunks::<GROUP_BYTES>();
    let mut histogram = Histogram::default();
    groups.iter().flat_map(unpack).for_each(|register| histogram.add(register, 1));
    histogram
}
