//! Replicas that migrate: who goes, where to, and when nobody does.
#![allow(non_snake_case)]

use super::Cluster;
use super::world::World;
use crate::flags::NodeFlags;
use crate::settings::ClusterSettings;
use crate::snapshot::Permission;

/// Masters 0, 1 and 2; 3 and 6 are replicas of 0, 4 and 7 of 1, and 5 of 2.
fn world(seed: u64, change: impl Fn(&mut ClusterSettings)) -> World {
    let mut world = World::formed(8, 3, 1_000, seed);
    for member in 0..8 {
        world.at_node(member, |cluster, _| {
            let mut settings = cluster.settings().clone();
            change(&mut settings);
            cluster.configure(settings);
        });
    }
    world
}

/// Whom a node follows, as it says itself.
fn master(cluster: &Cluster) -> Option<usize> {
    let master = cluster.nodes()[cluster.me()].master?;
    (0..8).find(|member| World::id(*member) == cluster.nodes()[master].id)
}

fn followed_by(world: &World, of: usize) -> Vec<usize> {
    world.running().filter(|(_, cluster)| master(cluster) == Some(of)).map(|(member, _)| member).collect()
}

#[test]
pub(crate) fn FR_P2C_007_U011_a_replica_goes_to_an_orphaned_master() {
    for seed in 0..5 {
        let mut world = world(seed, |_| {});
        let crashed = world.now;
        world.crash(5);
        world.run_until(20_000, "it is helped", |world| !followed_by(world, 2).is_empty());
        // The smallest name of those whose masters have most, and nobody else.
        assert!(world.now - crashed > 1_000 + 5_000, "it might have come back");
        world.run(20_000);
        assert_eq!([0, 1, 2].map(|of| followed_by(&world, of)), [vec![6], vec![4, 7], vec![3]], "seed {seed}");
        assert!(world.all_ok() && world.agreed());
        // Everybody knows, and the three are of one shard again.
        let shard = |at: usize, of: usize| {
            let nodes = world.member(at).nodes();
            nodes[nodes.find(&World::id(of)).expect("known")].shard
        };
        assert!((0..8).filter(|at| *at != 5).all(|at| shard(at, 3) == shard(at, 2)));
    }
}

#[test]
pub(crate) fn FR_P2C_007_U011_nobody_goes_who_is_needed_or_forbidden_to() {
    let barrier: fn(&mut ClusterSettings) = |settings| settings.migration_barrier = 2;
    let forbidden: fn(&mut ClusterSettings) = |settings| settings.replica_migration = Permission::Refused;
    for change in [barrier, forbidden] {
        let mut world = world(9, change);
        world.crash(5);
        world.run(30_000);
        assert!(world.flags(0, 5).has(NodeFlags::FAIL));
        assert_eq!(followed_by(&world, 2), []);
    }
}

#[test]
pub(crate) fn FR_P2C_007_U011_nobody_goes_if_the_replica_comes_back_in_time() {
    let mut world = world(3, |_| {});
    world.crash(5);
    world.run_until(10_000, "FAIL", |world| world.flags(3, 5).has(NodeFlags::FAIL));
    world.run(4_500);
    assert_eq!(followed_by(&world, 2), [], "it may come back");
    world.start(5);
    world.run_until(10_000, "it is back", |world| !world.flags(3, 5).has_any(NodeFlags::FAIL));
    world.run(20_000);
    assert_eq!(followed_by(&world, 2), [5]);
}
