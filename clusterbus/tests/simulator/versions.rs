//! What nodes of other versions send.

use std::sync::Arc;

use clusterbus::wire::{Body, Frame, Marks};

/// A frame as nodes send it that know no extensions: without them, and without the mark that says that they are understood.
pub(crate) fn without_extensions(frame: &[u8]) -> Arc<[u8]> {
    let Frame { mut header, mut body } = Frame::decode(frame).expect("our own frames are well-formed");
    let marks = [Marks::PAUSED, Marks::FORCE_ACK].into_iter().filter(|mark| header.marks.has(*mark));
    header.marks = marks.fold(Marks::NONE, Marks::and);
    if let Body::Pulse(pulse) = &mut body {
        pulse.extensions.clear();
    }
    Frame { header, body }.encode().into()
}
