//! Frames there and back, and what is left of them when they are damaged.
#![allow(non_snake_case)]

use fastrand::Rng;
use proptest::prelude::*;

use super::*;

const TEXT: &[u8] = b"{news}weather: sunny, with a chance of \0 and \xff";

fn frame(rng: &mut Rng) -> Frame<'static> {
    Frame { header: generated::header(rng), body: generated::body(rng, TEXT) }
}

/// A frame of each type, in the order of their numbers.
fn one_of_each() -> Vec<Frame<'static>> {
    let mut rng = Rng::with_seed(1);
    Kind::all()
        .map(|kind| {
            std::iter::repeat_with(|| frame(&mut rng)).find(|frame| frame.body.kind() == kind).expect("endless")
        })
        .collect()
}

proptest! {
    #[test]
    fn FR_P2C_007_U010_there_and_back(seed: u64) {
        let frame = frame(&mut Rng::with_seed(seed));
        let bytes = frame.encode();
        prop_assert_eq!(Frame::decode(&bytes), Ok(frame));
    }
}

#[test]
pub(crate) fn FR_P2C_007_U010_truncated_at_every_byte() {
    for frame in one_of_each() {
        let bytes = frame.encode();
        for length in 0..bytes.len() {
            assert!(Frame::decode(&bytes[..length]).is_err(), "{:?} cut to {length}", frame.body.kind());
            // The same with the length put right, as a liar would send it.
            if length >= 8 {
                let mut lie = bytes[..length].to_vec();
                lie[4..8].copy_from_slice(&(length as u32).to_be_bytes());
                assert!(Frame::decode(&lie).is_err(), "{:?} cut to {length} and labelled so", frame.body.kind());
            }
        }
    }
}

#[test]
pub(crate) fn FR_P2C_007_U010_longer_than_it_says() {
    for frame in one_of_each() {
        let bytes = frame.encode();
        for extra in [1, 8, 104, 4096] {
            let mut long = bytes.clone();
            long.resize(bytes.len() + extra, 0);
            assert_eq!(Frame::decode(&long), Err(FrameError::Length));
            let length = long.len() as u32;
            long[4..8].copy_from_slice(&length.to_be_bytes());
            assert_eq!(Frame::decode(&long), Err(FrameError::Length), "{:?} and {extra} more", frame.body.kind());
        }
    }
}

/// Places of a header's fields, and a value with which no frame of `kind` is one.
fn bad_fields() -> Vec<(usize, Vec<u8>, FrameError)> {
    let name = |byte: u8| vec![byte; 40];
    vec![
        (0, b"RCMB".to_vec(), FrameError::Signature),
        (4, 2255_u32.to_be_bytes().to_vec(), FrameError::Length),
        (4, u32::MAX.to_be_bytes().to_vec(), FrameError::Length),
        (8, vec![0, 0], FrameError::Version),
        (8, vec![0, 2], FrameError::Version),
        (12, vec![0, 11], FrameError::Kind(11)),
        (12, vec![0x80, 4], FrameError::Kind(0x8004)),
        (16, vec![0x80, 0, 0, 0, 0, 0, 0, 0], FrameError::Epoch),
        (24, vec![0xff; 8], FrameError::Epoch),
        (40, name(b'A'), FrameError::Sender),
        (40, name(0), FrameError::Sender),
        (79, vec![b' '], FrameError::Sender),
        (2128, name(b'\n'), FrameError::Master),
        (2128, [vec![0; 39], vec![b'a']].concat(), FrameError::Master),
        (2168, b"1.2.3.4 x\0".to_vec(), FrameError::Address),
        (2168, vec![b'1'; 46], FrameError::Address),
    ]
}

#[test]
pub(crate) fn FR_P2C_007_U010_bad_fields_of_the_header() {
    for frame in one_of_each() {
        let bytes = frame.encode();
        for (at, field, error) in bad_fields() {
            let mut bad = bytes.clone();
            bad[at..at + field.len()].copy_from_slice(&field);
            assert_eq!(Frame::decode(&bad), Err(error), "{:?} at {at}", frame.body.kind());
        }
    }
}

/// A ping with this gossip count, extension count and body.
fn ping(marks: u8, gossip: u16, extensions: u16, body: &[u8]) -> Vec<u8> {
    let header = Header { marks: Marks::from_bits(marks), ..generated::header(&mut Rng::with_seed(2)) };
    let pulse = Pulse { kind: PulseKind::Ping, gossip: Some(Vec::new()), extensions: Vec::new() };
    let mut bytes = Frame { header, body: Body::Pulse(pulse) }.encode();
    bytes.extend(body);
    let length = bytes.len() as u32;
    bytes[4..8].copy_from_slice(&length.to_be_bytes());
    bytes[14..16].copy_from_slice(&gossip.to_be_bytes());
    bytes[2214..2216].copy_from_slice(&extensions.to_be_bytes());
    bytes
}

/// An extension that says so of its length.
fn extension(length: u32, number: u16, data: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes()[..], &number.to_be_bytes(), &[0, 0], data].concat()
}

#[test]
pub(crate) fn FR_P2C_007_U010_lying_counts() {
    let known = extension(16, 0, b"host\0\0\0\0");
    for (gossip, extensions, body) in [
        (1, 0, &[][..]),
        (u16::MAX, 0, &[]),
        (0, 1, &[]),
        (0, u16::MAX, &[]),
        (0, 0, &known),
        (0, 2, &known),
        (1, 1, &known),
        (u16::MAX, u16::MAX, &known),
    ] {
        let decoded = Frame::decode(&ping(4, gossip, extensions, body)).map(|_| ());
        assert_eq!(decoded, Err(FrameError::Length), "{gossip} {extensions}");
    }
    assert!(Frame::decode(&ping(4, 0, 1, &known)).is_ok());
    assert_eq!(Frame::decode(&ping(0, 0, 1, &known)).map(|_| ()), Err(FrameError::Unannounced));
}

#[test]
pub(crate) fn FR_P2C_007_U010_lengths_of_extensions() {
    let id = [b'a'; 40];
    let forgotten = [&id[..], &[0; 8]].concat();
    let cases: [(u32, u16, &[u8], bool); 20] = [
        (16, 0, b"host\0\0\0\0", true),
        (16, 0, b"hostname", false),
        (16, 0, b"\0\0\0\0\0\0\0\0", false),
        (16, 0, b"a b\0\0\0\0\0", false),
        (8, 0, b"", false),
        (0, 0, b"", false),
        (4, 0, b"", false),
        (9, 0, b"", false),
        (12, 0, b"abc\0", false),
        (24, 0, b"host\0\0\0\0", false),
        (u32::MAX, 0, b"host\0\0\0\0", false),
        // 16 in the lower half: who keeps 16 bits only takes it for good.
        (0x1_0010, 0, b"host\0\0\0\0", false),
        (16, 1, b"name\0\0\0\0", true),
        (16, 1, b"na,me\0\0\0", true),
        (16, 1, b"nodename", false),
        (56, 2, &forgotten, true),
        (48, 2, &id, false),
        (48, 3, &id, true),
        (40, 3, &id[..32], false),
        (8, 9, b"", true),
    ];
    for (length, number, data, good) in cases {
        let bytes = ping(4, 0, 1, &extension(length, number, data));
        let decoded = Frame::decode(&bytes);
        assert_eq!(decoded.is_ok(), good, "{length} {number} {data:?} {decoded:?}");
    }
    // Names are looked at.
    for (number, data) in [(2, [&[b'A'; 40][..], &[0; 8]].concat()), (3, [0; 40].to_vec())] {
        let length = 8 + data.len() as u32;
        let decoded = Frame::decode(&ping(4, 0, 1, &extension(length, number, &data))).map(|_| ());
        assert_eq!(decoded, Err(FrameError::Extension(number)));
    }
}

#[test]
pub(crate) fn FR_P2C_007_U010_one_bad_entry_voids_the_section() {
    let mut rng = Rng::with_seed(3);
    let frame = std::iter::repeat_with(|| frame(&mut rng)).find(
        |frame| matches!(&frame.body, Body::Pulse(pulse) if pulse.gossip.as_ref().is_some_and(|all| all.len() > 2)),
    );
    let bytes = frame.expect("endless").encode();
    for (at, byte) in [(HEADER_BYTES, b'Z'), (HEADER_BYTES + 104 + 39, 0), (HEADER_BYTES + 2 * 104 + 48, b' ')] {
        let mut bad = bytes.clone();
        bad[at] = byte;
        let decoded = Frame::decode(&bad).expect("the frame itself is well-formed");
        assert!(matches!(decoded.body, Body::Pulse(Pulse { gossip: None, .. })), "{at}");
    }
}

/// Damages some bytes, preferably those that say how long things are.
fn damage(rng: &mut Rng, bytes: &mut Vec<u8>) {
    const LENGTHS: [usize; 6] = [4, 12, 14, 2214, HEADER_BYTES, HEADER_BYTES + 4];
    for _ in 0..rng.usize(1..6) {
        match rng.u8(..5) {
            0 => bytes.truncate(rng.usize(..=bytes.len())),
            1 => bytes.extend(std::iter::repeat_n(rng.u8(..), rng.usize(..300))),
            2 => {
                let at = LENGTHS[rng.usize(..LENGTHS.len())];
                for byte in bytes.iter_mut().skip(at).take(4) {
                    *byte = [0, 1, 0x7f, 0xff, rng.u8(..)][rng.usize(..5)];
                }
            }
            _ if !bytes.is_empty() => {
                let at = rng.usize(..bytes.len());
                bytes[at] = rng.u8(..);
            }
            _ => {}
        }
    }
    // Half of them are labelled as long as they are, so that they are looked into.
    if rng.bool() && bytes.len() >= 8 {
        let length = bytes.len() as u32;
        bytes[4..8].copy_from_slice(&length.to_be_bytes());
    }
}

#[test]
pub(crate) fn FR_P2C_007_U010_damaged_frames_are_refused_or_are_frames() {
    const FRAMES: u64 = 30_000;
    let (mut refused, mut taken) = (0, 0);
    for seed in 0..FRAMES {
        let mut rng = Rng::with_seed(seed);
        let mut bytes = frame(&mut rng).encode();
        damage(&mut rng, &mut bytes);
        let Ok(frame) = Frame::decode(&bytes) else {
            refused += 1;
            continue;
        };
        taken += 1;
        // What is taken is well-formed: it is the same after a journey of its own.
        let again = frame.encode();
        let mut twice = Frame::decode(&again).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        if let (Body::Pulse(of_twice), Body::Pulse(of_frame)) = (&mut twice.body, &frame.body) {
            of_twice.gossip = of_twice.gossip.take().filter(|_| of_frame.gossip.is_some());
        }
        assert_eq!(twice, frame, "seed {seed}");
    }
    assert!(refused > FRAMES / 4 && taken > FRAMES / 20, "{refused} refused, {taken} taken");
}

#[test]
pub(crate) fn FR_P2C_007_U010_noise_is_refused() {
    let mut rng = Rng::with_seed(4);
    for _ in 0..20_000 {
        let length = rng.usize(..3_000);
        let mut bytes: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(length).collect();
        if bytes.len() >= 8 && rng.bool() {
            let length = bytes.len() as u32;
            bytes[..4].copy_from_slice(b"RCmb");
            bytes[4..8].copy_from_slice(&length.to_be_bytes());
        }
        assert!(Frame::decode(&bytes).is_err());
    }
}
