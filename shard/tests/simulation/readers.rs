//! Clients that wait for new entries of streams on all cores: each reads every entry once, in order, however its waiting ends.

use shard::ring::sim::SimOptions;

use super::client::{Client, command, rest};
use super::exact::settings;
use super::resp::Value;
use super::seeds;
use super::world::{Step, World};

/// The streams. The entries of each are numbered from 1.
const STREAMS: [&str; 4] = ["stream:0", "stream:1", "stream:2", "stream:3"];

/// A client that reads on from where it is.
struct Reader {
    client: Client,
    /// The last entry that it has read of each stream.
    last: [u64; STREAMS.len()],
    /// The streams that it waits for.
    waits: Vec<usize>,
    /// How far ahead of what it has read it asks: what it reads then does not count.
    ahead: u64,
    /// Entries that it has read while it waited, and how often it did so in vain.
    read: [usize; 2],
}

impl Reader {
    fn act(&mut self, random: &mut fastrand::Rng) {
        self.waits = (0..STREAMS.len()).filter(|_| random.bool()).collect();
        if self.waits.is_empty() {
            return;
        }
        // Most are served by the next entry, some only later: those behind them must not wait for that.
        self.ahead = [0, 0, 0, 5][random.usize(..4)];
        let block = ["0", "20", "300"][random.usize(..3)];
        let count = random.usize(1..4).to_string();
        let mut made = command(["XREAD", "COUNT", &count, "BLOCK", block, "STREAMS"]);
        made.extend(self.waits.iter().map(|stream| STREAMS[*stream].into()));
        made.extend(self.waits.iter().map(|stream| (self.last[*stream] + self.ahead).to_string().into_bytes()));
        self.client.send(&[made]);
    }

    /// Judges a reply: what follows on what it has read.
    fn heard(&mut self, reply: &Value) -> Result<(), String> {
        let Value::Array(streams) = reply else {
            self.read[1] += 1;
            return (*reply == Value::Nil).then_some(()).ok_or_else(|| format!("a reader reads {reply:?}"));
        };
        for stream in streams {
            let Value::Array(parts) = stream else { return Err(format!("{stream:?}")) };
            let place = STREAMS.iter().position(|name| parts[0] == Value::bulk(name)).ok_or("an unknown stream")?;
            let Value::Array(entries) = &parts[1] else { return Err(format!("{parts:?}")) };
            let mut last = self.last[place] + self.ahead;
            for entry in entries {
                let Value::Array(entry) = entry else { return Err(format!("{entry:?}")) };
                let next = last + 1;
                if entry[0] != Value::bulk(format!("{next}-0")) || !self.waits.contains(&place) {
                    return Err(format!("{entry:?} of {place} where {next} is due"));
                }
                last = next;
                self.read[0] += 1;
            }
            if self.ahead == 0 {
                self.last[place] = last;
            }
        }
        Ok(())
    }
}

/// A run.
struct Play {
    readers: Vec<Reader>,
    /// One for each stream, so that the order of its entries is known.
    writers: Vec<Client>,
    written: [u64; STREAMS.len()],
}

impl Play {
    fn act(&mut self, world: &mut World) {
        for reader in &mut self.readers {
            match world.random.u16(..1000) {
                0..60 if reader.client.owed == 0 => reader.act(&mut world.random),
                60 => reader.client.reset(),
                _ => {}
            }
        }
        for (stream, writer) in self.writers.iter_mut().enumerate() {
            if writer.owed == 0 && world.random.u16(..1000) < 2 {
                let entries = world.random.u64(1..4);
                let numbers = self.written[stream] + 1..=self.written[stream] + entries;
                self.written[stream] += entries;
                let adds = numbers.map(|number| command(["XADD", STREAMS[stream], &number.to_string(), "a", "b"]));
                let mut sent: Vec<_> = adds.collect();
                if world.random.bool() {
                    sent.insert(0, command(["MULTI"]));
                    sent.push(command(["EXEC"]));
                }
                writer.send(&sent);
            }
        }
    }

    fn read(&mut self, world: &mut World) -> Result<(), String> {
        for writer in &mut self.writers {
            writer.poll()?;
            if let Some(error) = writer.replies.drain(..).find(|reply| matches!(reply, Value::Error(_))) {
                return Err(format!("a writer reads {error:?}"));
            }
        }
        for reader in &mut self.readers {
            reader.client.poll()?;
            while let Some(reply) = reader.client.replies.pop_front() {
                reader.heard(&reply)?;
            }
            if reader.client.is_ended() {
                reader.client = Client::connect(world);
            }
        }
        Ok(())
    }

    /// Lets the cores work until they sleep, and time pass. Then nobody waits for what is there.
    fn quiet(&mut self, world: &mut World) -> Result<(), String> {
        for _ in 0..world.random.usize(2..6) {
            while !(world.step() == Step::Quiet && world.step() == Step::Quiet) {
                self.read(world)?;
            }
            world.pass_time();
        }
        self.read(world)?;
        let behind = |reader: &Reader| {
            reader.waits.iter().any(|stream| reader.last[*stream] + reader.ahead < self.written[*stream])
        };
        match self.readers.iter().any(|reader| reader.client.owed > 0 && behind(reader)) {
            true => Err("STUCK: a reader waits for what is there".into()),
            false => Ok(()),
        }
    }
}

pub(super) fn run(seed: u64) -> Result<(), String> {
    let cores = [2, 4, 3, 1][seed as usize % 4];
    let options = if seed.is_multiple_of(3) { SimOptions::calm() } else { SimOptions::rough() };
    let mut world = World::new(seed, cores, SimOptions { accept_error: 0, ..options }, settings(seed));
    let reader = |world: &mut World| Reader {
        client: Client::connect(world),
        last: [0; STREAMS.len()],
        waits: Vec::new(),
        ahead: 0,
        read: [0; 2],
    };
    let readers = (0..6).map(|_| reader(&mut world)).collect();
    let writers = STREAMS.map(|_| Client::connect(&mut world)).into();
    let mut play = Play { readers, writers, written: [0; STREAMS.len()] };
    for _ in 0..15 {
        for _ in 0..300 {
            world.step();
            play.act(&mut world);
            play.read(&mut world)?;
        }
        play.quiet(&mut world)?;
    }
    let read = play.readers.iter().map(|reader| reader.read);
    let [entries, in_vain] = read.fold([0, 0], |[entries, in_vain], read| [entries + read[0], in_vain + read[1]]);
    drop(play);
    rest(&mut world, &mut [])?;
    world.check_over()?;
    super::log::check_all(&world)?;
    // Otherwise nothing was tested.
    (entries > 0 && in_vain > 0).then_some(()).ok_or_else(|| format!("{entries} entries were read, {in_vain} in vain"))
}

#[test]
fn readers_miss_no_entry_of_a_stream() {
    seeds::each("readers_miss_no_entry_of_a_stream", 60, run);
}
