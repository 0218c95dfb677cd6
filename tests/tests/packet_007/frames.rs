//! Frames of the bus as somebody writes them who is no node: `cluster.md` §7.3.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::bed::LIMIT;

/// Bytes of a header, and of a name in it.
pub(crate) const HEADER: usize = 2_256;
pub(crate) const NAME: usize = 40;
/// Where fields of the header are.
pub(crate) const LENGTH: usize = 4;
pub(crate) const VERSION: usize = 8;
pub(crate) const KIND: usize = 12;
pub(crate) const COUNT: usize = 14;
pub(crate) const EPOCHS: usize = 16;
pub(crate) const SENDER: usize = 40;
pub(crate) const EXTENSIONS: usize = 2_214;
pub(crate) const FLAGS: usize = 2_250;
pub(crate) const MARKS: usize = 2_253;

/// A frame of a master without slots that says no more than it has to.
pub(crate) fn frame(kind: u16, sender: &[u8], body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; HEADER];
    frame[..4].copy_from_slice(b"RCmb");
    put(&mut frame, VERSION, &1_u16.to_be_bytes());
    put(&mut frame, KIND, &kind.to_be_bytes());
    put(&mut frame, SENDER, sender);
    put(&mut frame, FLAGS, &1_u16.to_be_bytes());
    frame.extend_from_slice(body);
    let length = u32::try_from(frame.len()).expect("it is short").to_be_bytes();
    put(&mut frame, LENGTH, &length);
    frame
}

pub(crate) fn put(frame: &mut [u8], at: usize, field: &[u8]) {
    frame[at..at + field.len()].copy_from_slice(field);
}

/// Sends a frame over a connection of its own, which is over when it returns: the frame was looked at.
pub(crate) fn send(bus: u16, frame: &[u8]) {
    let mut peer = TcpStream::connect(("127.0.0.1", bus)).expect("the bus listens");
    // It may have been sent away before.
    let _ = peer.write_all(frame).and_then(|()| peer.shutdown(Shutdown::Write));
    peer.set_read_timeout(Some(LIMIT)).expect("a time can be set");
    match peer.read_to_end(&mut Vec::new()) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("the connection is not closed"),
        _ => {}
    }
}
