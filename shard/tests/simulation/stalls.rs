//! The simulation can fail: when wake-ups get lost, it reports a stall.

use shard::ring::sim::SimOptions;
use shard::settings::Settings;

use super::client::{Client, settle};
use super::program;
use super::world::World;

/// Some load in a world that loses this many wake-ups per million.
fn load(seed: u64, lost_wake: u32) -> Result<(), String> {
    let options = SimOptions { lost_wake, ..SimOptions::rough() };
    let mut world = World::new(seed, 2, options, Settings::default());
    let mut clients: Vec<_> = (0..3).map(|_| Client::connect(&mut world)).collect();
    for _ in 0..40 {
        for client in &mut clients {
            let commands: Vec<_> = (0..8).map(|_| program::any(&mut world.random)).collect();
            client.send(&commands);
        }
        settle(&mut world, &mut clients, |_, _, _, _| {})?;
    }
    Ok(())
}

#[test]
fn a_lost_wake_up_is_reported_as_a_stall() {
    const SEEDS: u64 = 20;
    let stalls = |lost_wake| {
        let found = (0..SEEDS).filter_map(move |seed| load(seed, lost_wake).err());
        found.inspect(|error| assert!(error.starts_with("STALL"), "{error}")).count()
    };
    assert_eq!(stalls(0), 0);
    let found = stalls(100_000);
    assert!(found >= SEEDS as usize / 2, "one wake-up in ten lost stalls {found} of {SEEDS} runs");
}
