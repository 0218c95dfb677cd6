//! How a stream of bytes arrives does not matter: the replies are the same, valid or not.

use shard::ring::sim::{SimClient, SimOptions};
use shard::settings::Settings;

use super::client::encode;
use super::program;
use super::seeds;
use super::world::{Step, World};

/// Pieces of protocol that are wrong, or unusual.
const ODD: &[&[u8]] = &[
    b"\r\n",
    b"*0\r\n",
    b"*-1\r\n",
    b"PING\r\n",
    b"  set  a \"b\\x41\\n\" \r\n",
    b"get a\n",
    b"set a 'x y'\r\nget a\r\n",
    b"*1\r\n$4\r\nPING\r\n*0\r\nPING\r\n",
    b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n",
];

/// Pieces that end a connection.
const FATAL: &[&[u8]] = &[
    b"get \"a\r\n",
    b"*3\r\n$-1\r\n",
    b"*2\r\n$3\r\nGET\r\n:1\r\n",
    b"*99999999999\r\n",
    b"*x\r\n",
    b"*1\r\n$600000000\r\n",
    b"*1\r\n$4 \r\nPING\r\n",
    b"*1\r\n$a\r\n",
    b"*2\r\nGET\r\n",
    b"POST / HTTP/1.1\r\n",
    b"Host: here\r\n",
    b"*1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nPING\r\n",
    b"quit\r\nping\r\n",
];

/// A stream: commands, oddities and sometimes something fatal or mere noise.
fn stream(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.usize(1..60) {
        match random.u8(..40) {
            0..4 => bytes.extend_from_slice(ODD[random.usize(..ODD.len())]),
            4 if random.bool() => bytes.extend_from_slice(FATAL[random.usize(..FATAL.len())]),
            5 if random.u8(..8) == 0 => bytes.extend((0..random.usize(1..40)).map(|_| random.u8(..))),
            6 if random.u8(..8) == 0 => bytes.extend(std::iter::repeat_n(b'x', random.usize(65_000..66_000))),
            7 if random.u8(..8) == 0 => {
                let command = program::any(random);
                (0..700).for_each(|_| encode(&command, &mut bytes));
            }
            8 if random.u8(..4) == 0 => {
                bytes.truncate(bytes.len() - random.usize(..=bytes.len().min(5)));
            }
            _ => encode(&program::any(random), &mut bytes),
        }
    }
    bytes
}

/// Everything that a server answers to a stream, and whether it ended the connection.
fn answer(seed: u64, cores: u16, options: SimOptions, bytes: &[u8]) -> Result<(Vec<u8>, bool), String> {
    // The hash seed is the world's: only what the network and the driver do may differ.
    let mut world = World::with_hasher(seed, 7, cores, options, Settings::default());
    let client: SimClient = world.net.connect(0, shard::ring::ListenerId(0));
    client.write(bytes);
    let mut replies = Vec::new();
    let mut timers = 0;
    // Accepting that failed is tried again by timers; nothing else needs one.
    while timers < 100 {
        if world.step() == Step::Quiet {
            let read = client.read();
            if read.is_empty() {
                world.pass_time();
                timers += 1;
            }
            replies.extend(read);
        } else if world.random.u8(..) < 16 {
            replies.extend(client.read());
        }
    }
    world.check_rest()?;
    Ok((replies, client.is_ended()))
}

fn run(seed: u64) -> Result<(), String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let bytes = stream(&mut random);
    let cores = [1, 1, 2][seed as usize % 3];
    let whole = answer(seed, cores, SimOptions { buffer_bytes: 1 << 20, ..SimOptions::calm() }, &bytes)?;
    let byte_by_byte = SimOptions { buffer_bytes: 1, ..SimOptions::calm() };
    let few = SimOptions { buffers: 1, buffer_bytes: 16, ..SimOptions::rough() };
    let ways = [SimOptions::rough(), few, byte_by_byte];
    let count = if bytes.len() > 20_000 { 1 } else { ways.len() };
    for (way, options) in ways.into_iter().take(count).enumerate() {
        let split = answer(seed + 1, cores, options, &bytes)?;
        if split != whole {
            let at = whole.0.iter().zip(&split.0).position(|(a, b)| a != b);
            let at = at.unwrap_or(whole.0.len().min(split.0.len()));
            let text = |bytes: &[u8], from: usize| {
                let part = &bytes[from.min(bytes.len())..(from + 600).min(bytes.len())];
                String::from_utf8_lossy(part).into_owned()
            };
            let from = at.saturating_sub(100);
            return Err(format!(
                "way {way} differs at {at} of {} and {} bytes (ended: {} and {})\nWHOLE\n{}\nSPLIT\n{}\nSENT\n{}",
                whole.0.len(),
                split.0.len(),
                whole.1,
                split.1,
                text(&whole.0, from),
                text(&split.0, from),
                text(&bytes, bytes.len().saturating_sub(600)),
            ));
        }
    }
    Ok(())
}

#[test]
fn how_a_stream_is_split_does_not_matter() {
    seeds::each("how_a_stream_is_split_does_not_matter", 400, run);
}
