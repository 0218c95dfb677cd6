//! The shared part: batons, addresses, published numbers.

use crate::mesh::baton::Post;
use crate::mesh::mailbox::Address;
use crate::mesh::*;

#[test]
fn services_are_addresses_after_the_cores() {
    let MeshParts { mesh, mut services, .. } = MeshParts::new(vec![(), ()], 1);
    assert_eq!((mesh.cores(), mesh.addresses()), (2, 3));
    assert!(services[0].park());
    assert_eq!(mesh.post(Address::from(CoreId(1))), Post::Nothing);
    assert_eq!(mesh.post(Address(2)), Post::Wake);
}

#[test]
fn connections_go_to_the_core_with_the_fewest() {
    let MeshParts { mesh, .. } = MeshParts::new(vec![(); 3], 0);
    for _ in 0..3 {
        mesh.published(mesh.least_connected()).connections.add(1);
    }
    assert!(mesh.published.iter().all(|core| core.connections.get() == 1));
    mesh.published(CoreId(1)).connections.sub(1);
    assert_eq!(mesh.least_connected(), CoreId(1));
    assert_eq!(mesh.published(CoreId(2)).each().next(), Some(("connections", 1)));
}
