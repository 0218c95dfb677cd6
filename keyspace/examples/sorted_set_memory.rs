//! What one large sorted set takes, in bytes per member: as it counts itself and as the system counts the process.
//!
//! `MEMBERS` sets the number of members, 10 million by default. Members have 12 bytes; scores come at random, then in order.

use keyspace::hash::{KeyHasher, Random};
use keyspace::types::sorted_set::SortedSet;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Resident bytes of this process.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells about a process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it tells what is resident");
    let kib: u64 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("in KiB");
    kib * 1024
}

fn main() {
    let members: u64 = std::env::var("MEMBERS").map_or(10_000_000, |text| text.parse().expect("MEMBERS is a number"));
    let hasher = KeyHasher::new([1, 2, 3, 4]);
    let mut random = Random::new(7);
    let start = resident_bytes();
    for order in ["at random", "in order"] {
        let mut set = SortedSet::default();
        for number in 0..members {
            let score = if order == "in order" { number as f64 } else { random.below(members) as f64 };
            set.upsert(&hasher, format!("m{number:011}").as_bytes(), |_| Some(score));
        }
        // The second set lives in memory that the allocator kept of the first.
        let (own, resident) = (set.heap_bytes() as u64, resident_bytes().saturating_sub(start));
        println!(
            "{members} members {order}: {:.1} bytes each by its own count, {:.1} resident",
            own as f64 / members as f64,
            resident as f64 / members as f64
        );
    }
}
