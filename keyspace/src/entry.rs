//! The entry: one key with its value, in one allocation behind one thin pointer.
//!
//! A table of thin pointers costs 9 bytes per bucket where one of `Box<[u8]>` costs 17, and the bytes around key and value are
//! eight. That is what keeps Ashlar below 40 bytes per key, and the reason that this file may use `unsafe`:
//!
//! ```text
//! offset 0   u32   access bits (24), flags (8)
//!        4   u16   length of the key (short keys)
//!        6   u16   length of the value (inline values)
//!        8   i64   deadline          only with DEADLINE
//!            u64   length of the key only with LONG_KEY
//!            key bytes
//!            value bytes, or with BOXED the pointer to a Vec<u8>
//! ```
//!
//! The allocation is that long, rounded up to 8, and aligned to 8. Values above `INLINE_BYTES_MAX`, and strings that grow in
//! place, live in a `Vec` of their own. Lengths are checked by the commands: keys and values stay below 4 GiB.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::ptr::NonNull;

use evict::access::AccessBits;
use evict::time::UnixMillis;

/// The longest value, in bytes, that is stored beside its key. Above it a copy costs more than the second allocation.
pub const INLINE_BYTES_MAX: usize = 4096;

const HEADER_BYTES: usize = 8;
const SHORT_KEY_BYTES_MAX: usize = u16::MAX as usize;

const DEADLINE: u8 = 1;
const LONG_KEY: u8 = 2;
const BOXED: u8 = 4;
const SHAPE_SHIFT: u8 = 3;
const SHAPE_MASK: u8 = 3 << SHAPE_SHIFT;

/// How a string came to be, as far as `OBJECT ENCODING` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Shape {
    /// Stored whole: `int`, `embstr` or `raw`, by its bytes.
    Stored = 0,
    /// Changed in place (APPEND, SETRANGE): always `raw`.
    Edited = 1,
    /// The result of INCRBYFLOAT: never `int`.
    Float = 2,
}

/// One key with its value.
pub struct Entry(NonNull<u8>);

// SAFETY: an entry owns its allocation and the `Vec` it may point to; nothing in it is tied to a thread.
unsafe impl Send for Entry {}

/// The parts of a header, decoded once per access.
#[derive(Clone, Copy)]
struct Head {
    flags: u8,
    key_start: usize,
    key_len: usize,
    inline_len: usize,
}

impl Head {
    fn payload_start(self) -> usize {
        self.key_start + self.key_len
    }

    fn payload_len(self) -> usize {
        if self.flags & BOXED != 0 { size_of::<*mut Vec<u8>>() } else { self.inline_len }
    }

    fn layout(self) -> Layout {
        layout(self.payload_start() + self.payload_len())
    }
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes.next_multiple_of(8), 8).expect("an entry is far below isize::MAX bytes")
}

impl Entry {
    /// An entry of `key` and `value`.
    pub fn new(key: &[u8], value: &[u8], deadline: Option<UnixMillis>, access: AccessBits) -> Entry {
        let boxed = value.len() > INLINE_BYTES_MAX;
        let long = key.len() > SHORT_KEY_BYTES_MAX;
        let flags = if deadline.is_some() { DEADLINE } else { 0 }
            | if long { LONG_KEY } else { 0 }
            | if boxed { BOXED } else { 0 };
        let key_start = HEADER_BYTES + if deadline.is_some() { 8 } else { 0 } + if long { 8 } else { 0 };
        let head = Head { flags, key_start, key_len: key.len(), inline_len: if boxed { 0 } else { value.len() } };
        let layout = head.layout();
        // SAFETY: the layout is at least HEADER_BYTES long.
        let Some(ptr) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        let mut entry = Entry(ptr);
        // SAFETY: `layout` covers the header, the optional words, the key and the payload at the offsets of `head`, and nobody
        // else knows the allocation. All stores are unaligned-safe or at offsets that are multiples of their size.
        unsafe {
            let base = ptr.as_ptr();
            base.cast::<u32>().write(access.bits() | (flags as u32) << 24);
            base.add(4).cast::<u16>().write(if long { 0 } else { key.len() as u16 });
            base.add(6).cast::<u16>().write(head.inline_len as u16);
            if let Some(at) = deadline {
                base.add(8).cast::<i64>().write(at.0);
            }
            if long {
                base.add(key_start - 8).cast::<u64>().write(key.len() as u64);
            }
            base.add(key_start).copy_from_nonoverlapping(key.as_ptr(), key.len());
        }
        match boxed {
            true => entry.put_pointer(Box::new(value.to_vec())),
            false => entry.write_inline(value),
        }
        entry
    }

    #[inline]
    fn head(&self) -> Head {
        let base = self.0.as_ptr();
        // SAFETY: every entry begins with a header, written by `new`, and the optional words that its flags announce.
        unsafe {
            let flags = *base.add(3);
            let words = (flags & DEADLINE) as usize + ((flags & LONG_KEY) >> 1) as usize;
            let key_start = HEADER_BYTES + words * 8;
            let key_len = match flags & LONG_KEY {
                0 => base.add(4).cast::<u16>().read() as usize,
                _ => base.add(key_start - 8).cast::<u64>().read() as usize,
            };
            Head { flags, key_start, key_len, inline_len: base.add(6).cast::<u16>().read() as usize }
        }
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        let head = self.head();
        // SAFETY: `head` describes this allocation; the key's bytes are initialised and live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().add(head.key_start), head.key_len) }
    }

    /// The value's bytes.
    #[inline]
    pub fn value(&self) -> &[u8] {
        let head = self.head();
        if head.flags & BOXED != 0 {
            // SAFETY: BOXED says that the payload is a pointer made by `Box::into_raw`, owned by this entry.
            return unsafe { &*self.pointer() };
        }
        // SAFETY: without BOXED the payload is `inline_len` initialised bytes of this allocation.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().add(head.payload_start()), head.inline_len) }
    }

    /// The value's bytes, for changes that keep its length.
    #[inline]
    pub fn value_mut(&mut self) -> &mut [u8] {
        let head = self.head();
        if head.flags & BOXED != 0 {
            return self.boxed_mut();
        }
        // SAFETY: without BOXED the payload is `inline_len` initialised bytes of this allocation; `&mut self` makes it exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_ptr().add(head.payload_start()), head.inline_len) }
    }

    /// When the entry expires, if it does.
    #[inline]
    pub fn deadline(&self) -> Option<UnixMillis> {
        // SAFETY: the flags byte is part of every header; with DEADLINE an i64 stands at offset 8.
        unsafe {
            let base = self.0.as_ptr();
            (*base.add(3) & DEADLINE != 0).then(|| UnixMillis(base.add(8).cast::<i64>().read()))
        }
    }

    /// The access bits that eviction policies read.
    pub fn access(&self) -> AccessBits {
        // SAFETY: the first word is part of every header.
        AccessBits::new(unsafe { self.0.as_ptr().cast::<u32>().read() } & 0x00ff_ffff)
    }

    /// Sets the access bits.
    #[inline]
    pub fn set_access(&mut self, access: AccessBits) {
        // SAFETY: as for `access`; `&mut self` makes the store exclusive.
        unsafe {
            let word = self.0.as_ptr().cast::<u32>();
            word.write(word.read() & 0xff00_0000 | access.bits());
        }
    }

    /// How the value came to be.
    pub fn shape(&self) -> Shape {
        match (self.head().flags & SHAPE_MASK) >> SHAPE_SHIFT {
            0 => Shape::Stored,
            1 => Shape::Edited,
            _ => Shape::Float,
        }
    }

    /// Records how the value came to be.
    #[inline]
    pub fn set_shape(&mut self, shape: Shape) {
        let flags = self.head().flags & !SHAPE_MASK | (shape as u8) << SHAPE_SHIFT;
        self.set_flags(flags);
    }

    #[inline]
    fn set_flags(&mut self, flags: u8) {
        // SAFETY: the flags byte is part of every header. Callers keep it true to what the allocation holds.
        unsafe { *self.0.as_ptr().add(3) = flags };
    }

    /// Replaces the value. In place when the allocation's size stays the same.
    #[inline]
    pub fn set_value(&mut self, value: &[u8]) {
        let head = self.head();
        if head.flags & BOXED != 0 || value.len() > INLINE_BYTES_MAX {
            return self.replace_boxed(value);
        }
        if value.len() != head.inline_len {
            self.resize_inline(head, value.len());
        }
        self.write_inline(value);
    }

    /// Replaces the value where the old or the new one is boxed.
    fn replace_boxed(&mut self, value: &[u8]) {
        if value.len() > INLINE_BYTES_MAX {
            let vec = self.boxed_mut();
            vec.clear();
            vec.shrink_to(value.len());
            vec.extend_from_slice(value);
        } else {
            self.drop_box();
            self.resize_inline(self.head(), value.len());
            self.write_inline(value);
        }
    }

    /// The value as a growable string of its own: for edits in place. Boxes an inline value first.
    pub fn boxed_mut(&mut self) -> &mut Vec<u8> {
        let head = self.head();
        if head.flags & BOXED == 0 {
            let value = Box::new(self.value().to_vec());
            self.resize_inline(head, size_of::<*mut Vec<u8>>());
            self.set_inline_len(0);
            self.set_flags(head.flags | BOXED);
            self.put_pointer(value);
        }
        // SAFETY: BOXED is set, so the payload is a live pointer that this entry owns; `&mut self` makes it exclusive.
        unsafe { &mut *self.pointer() }
    }

    /// Sets or clears the deadline. The first one of an entry moves the entry to a longer allocation; clearing moves it back.
    pub fn set_deadline(&mut self, deadline: Option<UnixMillis>) {
        let has = self.deadline().is_some();
        if let (true, Some(at)) = (has, deadline) {
            // SAFETY: with DEADLINE an i64 stands at offset 8.
            return unsafe { self.0.as_ptr().add(8).cast::<i64>().write(at.0) };
        }
        if has == deadline.is_some() {
            return;
        }
        let next = self.moved(None, deadline);
        *self = next;
    }

    /// The same value, deadline, shape and access bits under another key. A boxed value changes hands, it is not copied.
    pub fn renamed(mut self, key: &[u8]) -> Entry {
        let deadline = self.deadline();
        self.moved(Some(key), deadline)
    }

    /// What replaces this entry when its key or the room for its deadline changes. Takes a boxed value with it.
    fn moved(&mut self, key: Option<&[u8]>, deadline: Option<UnixMillis>) -> Entry {
        let boxed = self.head().flags & BOXED != 0;
        let value = if boxed { b"" } else { self.value() };
        let mut next = Entry::new(key.unwrap_or(self.key()), value, deadline, self.access());
        next.set_shape(self.shape());
        if boxed {
            *next.boxed_mut() = std::mem::take(self.boxed_mut());
        }
        next
    }

    /// Bytes that this entry holds on the heap. The capacity of an edited string counts, not only its length.
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        let head = self.head();
        let own = head.layout().size();
        if head.flags & BOXED == 0 {
            return own;
        }
        // SAFETY: BOXED says that the payload is a live pointer.
        own + size_of::<Vec<u8>>() + unsafe { (*self.pointer()).capacity() }
    }

    /// Asks the processor to fetch the entry's first cache line; has no other effect.
    #[inline]
    pub fn prefetch(&self) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch reads nothing and cannot fault; SSE is part of x86-64.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(self.0.as_ptr().cast());
        }
    }

    /// Changes an inline payload's length. The caller overwrites the payload next: what grew is not initialised.
    fn resize_inline(&mut self, head: Head, len: usize) {
        let old = layout(head.payload_start() + head.inline_len);
        let new = layout(head.payload_start() + len);
        if old.size() != new.size() {
            // SAFETY: the allocation was made with `old` (the rounded length follows from the header), `new` is not empty.
            let moved = unsafe { realloc(self.0.as_ptr(), old, new.size()) };
            let Some(ptr) = NonNull::new(moved) else { handle_alloc_error(new) };
            self.0 = ptr;
        }
        self.set_inline_len(len);
    }

    fn set_inline_len(&mut self, len: usize) {
        // SAFETY: the length word is part of every header.
        unsafe { self.0.as_ptr().add(6).cast::<u16>().write(len as u16) };
    }

    /// Overwrites the whole inline payload, which is as long as `value`. Only without BOXED.
    #[inline]
    fn write_inline(&mut self, value: &[u8]) {
        let head = self.head();
        assert!(head.flags & BOXED == 0 && head.inline_len == value.len(), "the payload was made for this value");
        // SAFETY: without BOXED the payload is `inline_len` bytes of this allocation, which `value` cannot overlap while
        // `self` is borrowed exclusively.
        unsafe { self.0.as_ptr().add(head.payload_start()).copy_from_nonoverlapping(value.as_ptr(), value.len()) };
    }

    /// The pointer of a boxed payload. Only with BOXED.
    #[inline]
    fn pointer(&self) -> *mut Vec<u8> {
        let head = self.head();
        debug_assert!(head.flags & BOXED != 0);
        // SAFETY: with BOXED the payload is a pointer; it may be unaligned as the key precedes it.
        unsafe { self.0.as_ptr().add(head.payload_start()).cast::<*mut Vec<u8>>().read_unaligned() }
    }

    /// Writes the pointer of a boxed payload. Only with BOXED, and when the old pointer is owned by nobody.
    #[expect(clippy::box_collection, reason = "the entry has room for a thin pointer")]
    fn put_pointer(&mut self, value: Box<Vec<u8>>) {
        let start = self.head().payload_start();
        // SAFETY: with BOXED the allocation has room for a pointer at the payload.
        unsafe { self.0.as_ptr().add(start).cast::<*mut Vec<u8>>().write_unaligned(Box::into_raw(value)) };
    }

    /// Frees a boxed value and leaves an inline payload as long as a pointer.
    fn drop_box(&mut self) {
        let pointer = self.pointer();
        // SAFETY: the pointer came from `Box::into_raw` and is owned by this entry, which forgets it here.
        drop(unsafe { Box::from_raw(pointer) });
        self.set_flags(self.head().flags & !BOXED);
        self.set_inline_len(size_of::<*mut Vec<u8>>());
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let head = self.head();
        let layout = head.layout();
        if head.flags & BOXED != 0 {
            // SAFETY: as in `drop_box`; the entry is gone after this.
            drop(unsafe { Box::from_raw(self.pointer()) });
        }
        // SAFETY: the allocation was made with exactly this layout.
        unsafe { dealloc(self.0.as_ptr(), layout) };
    }
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
