//! The header of an entry: the bits of its flags byte, and the parts that follow from them.

use std::alloc::Layout;

use crate::types::kind::{Form, Kind};

/// The longest value, in bytes, that is stored beside its key. Above it a copy costs more than the second allocation.
pub const INLINE_BYTES_MAX: usize = 4096;

pub(super) const HEADER_BYTES: usize = 8;
pub(super) const POINTER_BYTES: usize = size_of::<*mut u8>();
pub(super) const SHORT_KEY_BYTES_MAX: usize = u16::MAX as usize;

pub(super) const DEADLINE: u8 = 1;
pub(super) const LONG_KEY: u8 = 2;
pub(super) const BOXED: u8 = 4;
/// Two bits: the shape of a string, the form of a collection.
pub(super) const SHAPE_SHIFT: u8 = 3;
pub(super) const SHAPE_MASK: u8 = 3 << SHAPE_SHIFT;
/// Three bits: the kind. Strings are zero.
pub(super) const KIND_SHIFT: u8 = 5;
pub(super) const KIND_MASK: u8 = 7 << KIND_SHIFT;

/// The bits of the flags byte for a collection of this kind in this form.
pub(super) const fn described(kind: Kind, form: Form) -> u8 {
    (kind as u8) << KIND_SHIFT | (form as u8) << SHAPE_SHIFT
}

/// The parts of a header, decoded once per access.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) flags: u8,
    pub(super) key_start: usize,
    pub(super) key_len: usize,
    pub(super) inline_len: usize,
}

impl Head {
    pub(super) fn payload_start(self) -> usize {
        self.key_start + self.key_len
    }

    pub(super) fn payload_len(self) -> usize {
        if self.flags & BOXED != 0 { POINTER_BYTES } else { self.inline_len }
    }

    pub(super) fn is_large(self) -> bool {
        is_large(self.flags)
    }

    pub(super) fn layout(self) -> Layout {
        layout(self.payload_start() + self.payload_len())
    }
}

/// True if the payload is a pointer to an `Object`.
#[inline]
pub(super) fn is_large(flags: u8) -> bool {
    flags & KIND_MASK != 0 && flags & SHAPE_MASK == (Form::Large as u8) << SHAPE_SHIFT
}

pub(super) fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes.next_multiple_of(8), 8).expect("an entry is far below isize::MAX bytes")
}
