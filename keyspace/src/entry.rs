//! The entry: one key with its value, in one allocation behind one thin pointer.
//!
//! A table of thin pointers costs 9 bytes per value where one of `Box<[u8]>` costs 21, and the bytes around key and value are
//! eight. That is what keeps Ashlar below 40 bytes per key, and the reason that this file may use `unsafe`:
//!
//! ```text
//! offset 0   u32   access bits (24), flags (8)
//!        4   u16   length of the key (short keys)
//!        6   u16   length of the value (inline values)
//!        8   i64   deadline          only with DEADLINE
//!            u64   length of the key only with LONG_KEY
//!            key bytes
//!            payload: bytes, or with BOXED the pointer to a Vec<u8> or an Object
//! ```
//!
//! The allocation is that long, rounded up to 8, and aligned to 8. Payloads above `INLINE_BYTES_MAX`, and strings that grow in
//! place, live in a `Vec` of their own. Lengths are checked by the commands: keys and values stay below 4 GiB.
//!
//! A string's payload is the string. A small collection's is its packed bytes, so that it is one allocation with its key; a
//! large collection's is a pointer to its `Object`.
#![allow(unsafe_code)]

mod header;

use std::alloc::{alloc, dealloc, handle_alloc_error, realloc};
use std::ops::Range;
use std::ptr::NonNull;

use evict::access::AccessBits;
use evict::time::UnixMillis;

use crate::hash::KeyHasher;
use crate::packed::ByteStore;
use crate::prefetch::prefetch;
use crate::types::Object;
use crate::types::fields::Fields;
pub use crate::types::kind::{Form, Kind, Shape};

pub use header::INLINE_BYTES_MAX;
use header::{
    BOXED, DEADLINE, HEADER_BYTES, Head, KIND_MASK, KIND_SHIFT, LONG_KEY, POINTER_BYTES, SHAPE_MASK, SHAPE_SHIFT,
    SHORT_KEY_BYTES_MAX, described, is_large, layout,
};

/// Bytes of an entry that are fetched ahead: header, deadline, a key of some twenty bytes and a short value.
const FETCHED: usize = 41;

/// One key with its value.
pub struct Entry(NonNull<u8>);

// SAFETY: an entry owns its allocation and the `Vec` or `Object` it may point to; nothing in them is tied to a thread.
unsafe impl Send for Entry {}

impl Entry {
    /// An entry of `key` and a string.
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
            true => entry.put_pointer(Box::into_raw(Box::new(value.to_vec()))),
            false => entry.write_inline(value),
        }
        entry
    }

    /// An entry of `key` and a small collection, whose bytes the kind's module made.
    pub fn packed(key: &[u8], kind: Kind, form: Form, bytes: &[u8], access: AccessBits) -> Entry {
        assert!(kind != Kind::String && form != Form::Large, "only small collections are bytes");
        let mut entry = Entry::new(key, bytes, None, access);
        entry.set_flags(entry.flags() | described(kind, form));
        entry
    }

    /// An entry of `key` and a large collection.
    pub fn large(key: &[u8], object: Box<Object>, access: AccessBits) -> Entry {
        let mut entry = Entry::new(key, b"", None, access);
        entry.set_object(object);
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

    /// The string, or the bytes of a small collection. Panics for a large one.
    #[inline]
    pub fn value(&self) -> &[u8] {
        let head = self.head();
        if head.flags & BOXED != 0 {
            assert!(!head.is_large(), "a large collection has no bytes");
            // SAFETY: BOXED says that the payload is a pointer made by `Box::into_raw`, owned by this entry; not of an object.
            return unsafe { &*self.pointer() };
        }
        // SAFETY: without BOXED the payload is `inline_len` initialised bytes of this allocation.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().add(head.payload_start()), head.inline_len) }
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

    /// The fields of a large hash.
    #[inline]
    fn fields(&self) -> Option<&Fields> {
        // The flags come first: an object is memory of its own, which other kinds need not touch for this.
        match self.kind() {
            Kind::Hash => self.object().and_then(Object::fields),
            _ => None,
        }
    }

    /// True if it holds a hash with a field that has a deadline.
    #[inline]
    pub fn has_volatile_fields(&self) -> bool {
        self.fields().is_some_and(|fields| fields.volatile() > 0)
    }

    /// Nothing of it, itself or a field of its hash, is due earlier. `None` if nothing ever is.
    #[inline]
    pub fn earliest(&self) -> Option<UnixMillis> {
        let fields = self.fields().and_then(Fields::earliest);
        match (self.deadline(), fields) {
            (Some(own), Some(fields)) => Some(own.min(fields)),
            (own, fields) => own.or(fields),
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

    #[inline]
    fn flags(&self) -> u8 {
        // SAFETY: the flags byte is part of every header.
        unsafe { *self.0.as_ptr().add(3) }
    }

    /// What kind of value it is.
    #[inline]
    pub fn kind(&self) -> Kind {
        match self.flags() >> KIND_SHIFT {
            0 => Kind::String,
            1 => Kind::List,
            2 => Kind::Hash,
            3 => Kind::Set,
            4 => Kind::SortedSet,
            _ => Kind::Stream,
        }
    }

    /// True if the value is a string: the only kind that most commands see.
    #[inline]
    pub fn is_string(&self) -> bool {
        self.flags() & KIND_MASK == 0
    }

    /// True if the value is a large collection: `object` has it.
    #[inline]
    pub fn is_large(&self) -> bool {
        is_large(self.flags())
    }

    /// How a collection is kept. A string has none.
    #[inline]
    pub fn form(&self) -> Option<Form> {
        let flags = self.flags();
        if flags & KIND_MASK == 0 {
            return None;
        }
        Some(match (flags & SHAPE_MASK) >> SHAPE_SHIFT {
            0 => Form::Packed,
            1 => Form::IntSet,
            _ => Form::Large,
        })
    }

    /// A large collection.
    #[inline]
    pub fn object(&self) -> Option<&Object> {
        let head = self.head();
        // SAFETY: the flags say that the payload is a pointer to an `Object`, made by `Box::into_raw` and owned by this entry.
        head.is_large().then(|| unsafe { &*self.pointer().cast::<Object>() })
    }

    /// A large collection, to change.
    #[inline]
    pub fn object_mut(&mut self) -> Option<&mut Object> {
        let head = self.head();
        // SAFETY: as for `object`; `&mut self` makes it exclusive.
        head.is_large().then(|| unsafe { &mut *self.pointer().cast::<Object>() })
    }

    /// How a string came to be.
    pub fn shape(&self) -> Shape {
        match (self.head().flags & SHAPE_MASK) >> SHAPE_SHIFT {
            0 => Shape::Stored,
            1 => Shape::Edited,
            2 => Shape::Float,
            _ => Shape::Copied,
        }
    }

    /// Records that the value is a string and how it came to be. Not for a large collection: `set_value` replaces one first.
    #[inline]
    pub fn set_shape(&mut self, shape: Shape) {
        let flags = self.flags();
        assert!(!is_large(flags), "an object is no string");
        self.set_flags(flags & !(SHAPE_MASK | KIND_MASK) | (shape as u8) << SHAPE_SHIFT);
    }

    /// Records that the bytes are those of an intset or packed. Only between these two.
    pub fn set_form(&mut self, form: Form) {
        let flags = self.flags();
        assert!(flags & KIND_MASK != 0 && !is_large(flags) && form != Form::Large, "only bytes become other bytes");
        self.set_flags(flags & !SHAPE_MASK | (form as u8) << SHAPE_SHIFT);
    }

    /// Makes a string a small collection, whose bytes the kind's module made.
    pub fn set_packed(&mut self, kind: Kind, form: Form, bytes: &[u8]) {
        assert!(self.is_string() && kind != Kind::String && form != Form::Large, "only small collections are bytes");
        self.set_value(bytes);
        self.set_flags(self.flags() & !(SHAPE_MASK | KIND_MASK) | described(kind, form));
    }

    /// Makes a collection large, in the place of whatever the entry holds.
    pub fn set_object(&mut self, object: Box<Object>) {
        let head = self.head();
        if head.flags & BOXED != 0 {
            self.drop_box();
        }
        self.resize_inline(self.head(), POINTER_BYTES);
        self.set_inline_len(0);
        let kind = described(object.kind(), Form::Large);
        self.set_flags(self.flags() & !(SHAPE_MASK | KIND_MASK) | BOXED | kind);
        self.put_pointer(Box::into_raw(object).cast());
    }

    /// Takes a large collection out and leaves an empty string.
    #[inline]
    pub fn take_object(&mut self) -> Option<Box<Object>> {
        if self.is_large() { self.take_large() } else { None }
    }

    #[cold]
    fn take_large(&mut self) -> Option<Box<Object>> {
        // SAFETY: the payload is a pointer to an `Object`, made by `Box::into_raw`; `forget_box` makes the entry forget it.
        let object = unsafe { Box::from_raw(self.pointer().cast::<Object>()) };
        self.forget_box();
        self.resize_inline(self.head(), 0);
        Some(object)
    }

    #[inline]
    fn set_flags(&mut self, flags: u8) {
        // SAFETY: the flags byte is part of every header. Callers keep it true to what the allocation holds.
        unsafe { *self.0.as_ptr().add(3) = flags };
    }

    /// Replaces the string, or the bytes of a small collection. In place when the allocation's size stays the same.
    ///
    /// A large collection is dropped, which takes as long as it is large; what it leaves is a string.
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
    #[inline(never)]
    fn replace_boxed(&mut self, value: &[u8]) {
        drop(self.take_object());
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

    /// The value as a growable string of its own: for edits in place. Boxes an inline value first. Panics for a large collection.
    pub fn boxed_mut(&mut self) -> &mut Vec<u8> {
        let head = self.head();
        assert!(!head.is_large(), "a large collection has no bytes");
        if head.flags & BOXED == 0 {
            let value = Box::new(self.value().to_vec());
            self.resize_inline(head, POINTER_BYTES);
            self.set_inline_len(0);
            self.set_flags(head.flags | BOXED);
            self.put_pointer(Box::into_raw(value));
        }
        // SAFETY: BOXED is set and no object, so the payload is a live pointer to a `Vec` that this entry owns; `&mut self`
        // makes it exclusive.
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

    /// The same value, deadline and access bits under another key. A boxed value changes hands, it is not copied.
    pub fn renamed(mut self, key: &[u8]) -> Entry {
        let deadline = self.deadline();
        self.moved(Some(key), deadline)
    }

    /// A copy under another key: value and deadline, and all elements of a collection. O(n).
    pub fn duplicate(&self, key: &[u8], access: AccessBits, hasher: &KeyHasher) -> Entry {
        let Some(object) = self.object() else {
            let mut copy = Entry::new(key, self.value(), self.deadline(), access);
            copy.set_flags(copy.flags() | self.flags() & (SHAPE_MASK | KIND_MASK));
            return copy;
        };
        let mut copy = Entry::new(key, b"", self.deadline(), access);
        copy.set_object(Box::new(object.duplicate(hasher)));
        copy
    }

    /// What replaces this entry when its key or the room for its deadline changes. Takes a boxed value with it.
    fn moved(&mut self, key: Option<&[u8]>, deadline: Option<UnixMillis>) -> Entry {
        let flags = self.flags();
        let boxed = flags & BOXED != 0;
        let value = if boxed { b"" } else { self.value() };
        let mut next = Entry::new(key.unwrap_or(self.key()), value, deadline, self.access());
        if let Some(object) = self.take_object() {
            next.set_object(object);
            return next;
        }
        next.set_flags(next.flags() | flags & (SHAPE_MASK | KIND_MASK));
        if boxed {
            *next.boxed_mut() = std::mem::take(self.boxed_mut());
        }
        next
    }

    /// Bytes that this entry holds on the heap. The capacity of an edited string counts, not only its length. O(1).
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        let head = self.head();
        let own = head.layout().size();
        if head.flags & BOXED == 0 {
            return own;
        }
        if let Some(object) = self.object() {
            return own + size_of::<Object>() + object.heap_bytes();
        }
        // SAFETY: BOXED without an object says that the payload is a live pointer to a `Vec`.
        own + size_of::<Vec<u8>>() + unsafe { (*self.pointer()).capacity() }
    }

    /// Asks the processor to fetch the entry as far as most go, which is one cache line or two; has no other effect.
    #[inline]
    pub fn prefetch(&self) {
        prefetch(self.0.as_ptr());
        prefetch(self.0.as_ptr().wrapping_add(FETCHED - 1));
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
    fn put_pointer(&mut self, value: *mut Vec<u8>) {
        let start = self.head().payload_start();
        // SAFETY: with BOXED the allocation has room for a pointer at the payload.
        unsafe { self.0.as_ptr().add(start).cast::<*mut Vec<u8>>().write_unaligned(value) };
    }

    /// Frees a boxed value and leaves an inline payload as long as a pointer.
    fn drop_box(&mut self) {
        self.free_box();
        self.forget_box();
    }

    /// Frees what the pointer of a boxed payload points to. Only with BOXED; the pointer is dead afterwards.
    fn free_box(&mut self) {
        let (pointer, large) = (self.pointer(), self.is_large());
        // SAFETY: the pointer came from `Box::into_raw` of the type that the flags tell and is owned by this entry, which the
        // caller makes forget it.
        unsafe {
            match large {
                true => drop(Box::from_raw(pointer.cast::<Object>())),
                false => drop(Box::from_raw(pointer)),
            }
        }
    }

    /// Makes of a boxed payload an inline one as long as the pointer, of whatever kind; of a large collection a string.
    fn forget_box(&mut self) {
        let described = if self.is_large() { SHAPE_MASK | KIND_MASK } else { 0 };
        self.set_flags(self.flags() & !(BOXED | described));
        self.set_inline_len(POINTER_BYTES);
    }

    /// `ByteStore::replace` where the payload is inline and stays so.
    fn replace_inline(&mut self, range: Range<usize>, pieces: &[&[u8]], added: usize) {
        let head = self.head();
        assert!(
            head.flags & BOXED == 0 && range.start <= range.end && range.end <= head.inline_len,
            "inside the payload"
        );
        let len = head.inline_len - range.len() + added;
        if len > head.inline_len {
            self.resize_inline(head, len);
        }
        // SAFETY: the allocation covers the payload at its longer length, before or after the edit. The tail is moved within it,
        // and the pieces, which cannot overlap what `self` owns exclusively, fill the gap that `added` counts.
        unsafe {
            let payload = self.0.as_ptr().add(head.payload_start());
            if added != range.len() {
                payload.add(range.end).copy_to(payload.add(range.start + added), head.inline_len - range.end);
            }
            let mut to = payload.add(range.start);
            for piece in pieces {
                to.copy_from_nonoverlapping(piece.as_ptr(), piece.len());
                to = to.add(piece.len());
            }
        }
        if len < head.inline_len {
            self.resize_inline(head, len);
        }
    }
}

/// The payload of a small collection, to edit in place. It moves to a `Vec` of its own when it grows beyond `INLINE_BYTES_MAX`,
/// and back at half of that.
impl ByteStore for Entry {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.value()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        let head = self.head();
        if head.flags & BOXED != 0 {
            return self.boxed_mut();
        }
        // SAFETY: without BOXED the payload is `inline_len` initialised bytes of this allocation; `&mut self` makes them
        // exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_ptr().add(head.payload_start()), head.inline_len) }
    }

    fn replace(&mut self, range: Range<usize>, pieces: &[&[u8]]) {
        let added: usize = pieces.iter().map(|piece| piece.len()).sum();
        let before = self.value().len();
        let after = before - range.len() + added;
        let boxed = self.head().flags & BOXED != 0;
        if !boxed && after <= INLINE_BYTES_MAX {
            return self.replace_inline(range, pieces, added);
        }
        let bytes = self.boxed_mut();
        bytes.replace(range, pieces);
        if after <= INLINE_BYTES_MAX / 2 {
            let bytes = std::mem::take(bytes);
            self.set_value(&bytes);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let head = self.head();
        let layout = head.layout();
        if head.flags & BOXED != 0 {
            self.free_box();
        }
        // SAFETY: the allocation was made with exactly this layout.
        unsafe { dealloc(self.0.as_ptr(), layout) };
    }
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
