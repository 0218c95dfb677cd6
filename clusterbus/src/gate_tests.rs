//! The gate against a model that was written apart from it, over all circumstances; redirects byte by byte; clients that wait.
#![allow(non_snake_case)]

use keyspace::slot::Slot;

use crate::address::{Host, Label, Ports};
use crate::conf::PrimaryPort;
use crate::gate::{Access, ClientModes, Decision, Gate, Presence, Request, Topic, Verb, decide_key, decide_waiting};
use crate::id::NodeId;
use crate::redirect::{Security, error, script_error};
use crate::snapshot::{
    Endpoint, EndpointIndex, Mark, Owner, Permission, PreferredEndpoint, Role, RoutingRules, Snapshot, SnapshotVersion,
};
use crate::wire::Health;

/// Slot 866, and two more keys of it; slot 12182.
const KEYS: [&[u8]; 2] = [b"{hello}p", b"{hello}q"];
const ELSEWHERE: &[u8] = b"foo";

fn slot() -> Slot {
    Slot::of(KEYS[0])
}

fn endpoint(number: u8) -> Endpoint {
    let ports = Ports { client: 7000 + u16::from(number), other: 7100 + u16::from(number), bus: 17_000 };
    let host = Host::new(&format!("10.0.0.{number}")).expect("an address");
    Endpoint { id: NodeId::from_entropy([number; 20]), host, hostname: None, ports }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    Me,
    MyMaster,
    Stranger,
    Nobody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moving {
    No,
    Away,
    Here,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    One(Presence),
    Same(Presence),
    Two(Presence, Presence),
    Crossing,
    None,
}

/// All circumstances of one decision.
#[derive(Clone, Copy, Debug)]
struct Case {
    holder: Holder,
    moving: Moving,
    keys: Keys,
    request: Request,
    topic: Topic,
    health: Health,
    reads: Permission,
    pubsub: Permission,
}

fn snapshot_of(case: &Case) -> (Snapshot, EndpointIndex, EndpointIndex) {
    let rules = RoutingRules { reads_when_down: case.reads, pubsub_when_down: case.pubsub, ..RoutingRules::DEFAULT };
    let mut snapshot = Snapshot::new(SnapshotVersion(1), rules);
    snapshot.health = case.health;
    let (master, stranger) = (snapshot.add_endpoint(endpoint(1)), snapshot.add_endpoint(endpoint(2)));
    snapshot.role = Role::Replica(Some(master));
    let owner = match case.holder {
        Holder::Me => Owner::Me,
        Holder::MyMaster => Owner::Other(master),
        Holder::Stranger => Owner::Other(stranger),
        Holder::Nobody => Owner::Nobody,
    };
    snapshot.set_owner(slot(), owner);
    snapshot.set_owner(Slot::of(ELSEWHERE), owner);
    match case.moving {
        Moving::No => {}
        Moving::Away => snapshot.set_migrating(slot(), stranger),
        Moving::Here => snapshot.set_importing(slot(), stranger),
    }
    (snapshot, master, stranger)
}

fn decide(case: &Case, snapshot: &Snapshot) -> Decision {
    let mut gate = Gate::new(snapshot);
    gate.command(case.topic);
    let keys: &[(&[u8], Presence)] = match case.keys {
        Keys::One(one) => &[(KEYS[0], one)],
        Keys::Same(one) => &[(KEYS[0], one), (KEYS[0], one)],
        Keys::Two(one, two) => &[(KEYS[0], one), (KEYS[1], two)],
        Keys::Crossing => &[(KEYS[0], Presence::Present), (ELSEWHERE, Presence::Present)],
        Keys::None => &[],
    };
    keys.iter().for_each(|(key, presence)| gate.key(key, || *presence));
    gate.decide(&case.request)
}

/// The same in other words: every outcome says by itself when it is due, and exactly one has to be.
fn model(case: &Case, master: EndpointIndex, stranger: EndpointIndex) -> Decision {
    let keyless = case.keys == Keys::None;
    let unassigned = !keyless && case.holder == Holder::Nobody;
    let crossing = case.keys == Keys::Crossing && case.holder != Holder::Nobody;
    let early = keyless || unassigned || crossing;

    let channels = case.topic == Topic::Channels;
    let failed = case.health == Health::Fail;
    let refused = |permission| failed && permission == Permission::Refused;
    let down = !early && if channels { refused(case.pubsub) } else { refused(case.reads) };
    let down_for_writes = !early && !down && failed && !channels && case.request.access == Access::Write;
    let served = !early && !down && !down_for_writes;

    let leaving = case.moving == Moving::Away && case.holder == Holder::Me;
    let coming = case.moving == Moving::Here;
    let looked_for: Vec<Presence> = match case.keys {
        _ if channels => vec![],
        Keys::One(one) => vec![one],
        Keys::Same(one) => vec![one, one],
        Keys::Two(one, two) => vec![one, two],
        Keys::Crossing | Keys::None => vec![],
    };
    let absent = looked_for.contains(&Presence::Absent);
    let all_absent = absent && !looked_for.contains(&Presence::Present);
    let different = matches!(case.keys, Keys::Two(..));
    let migrate = case.request.verb == Verb::Migrate;
    let asking = case.request.modes.asking || case.request.verb == Verb::RestoreAsking;

    let moves_it = served && migrate && (leaving || coming);
    let ask = served && !migrate && leaving && all_absent;
    let asked = served && !migrate && coming && asking;
    let unstable = (served && !migrate && leaving && absent && !all_absent) || (asked && different && absent);
    let imported = asked && !(different && absent);
    let decided = moves_it || ask || unstable || imported;
    let mine = case.holder == Holder::Me;
    let reads = (case.request.modes.readonly || channels) && case.request.access == Access::Read;
    let replicated = case.holder == Holder::MyMaster && reads;
    let here = keyless || moves_it || imported || (served && !decided && (mine || replicated));
    let moved = served && !decided && !mine && !replicated;

    let owner = if case.holder == Holder::MyMaster { master } else { stranger };
    let due = [
        (here, Decision::Local),
        (unassigned, Decision::Unassigned),
        (crossing, Decision::CrossSlot),
        (down, Decision::Down),
        (down_for_writes, Decision::DownReadOnly),
        (ask, Decision::Ask(slot(), stranger)),
        (unstable, Decision::Unstable),
        (moved, Decision::Moved(slot(), owner)),
    ];
    let mut due = due.into_iter().filter(|(due, _)| *due).map(|(_, decision)| decision);
    let decision = due.next().unwrap_or_else(|| panic!("nothing is due: {case:?}"));
    assert_eq!(due.next(), None, "two are due: {case:?}");
    decision
}

fn cases() -> impl Iterator<Item = Case> {
    use Presence::{Absent, Present};
    const KEYS: [Keys; 10] = [
        Keys::One(Present),
        Keys::One(Absent),
        Keys::Same(Present),
        Keys::Same(Absent),
        Keys::Two(Present, Present),
        Keys::Two(Present, Absent),
        Keys::Two(Absent, Present),
        Keys::Two(Absent, Absent),
        Keys::Crossing,
        Keys::None,
    ];
    const PERMISSIONS: [Permission; 2] = [Permission::Allowed, Permission::Refused];
    let sizes = [4, 3, KEYS.len(), 2, 3, 2, 2, 2, 2, 2, 2];
    (0..sizes.iter().product::<usize>()).map(move |number| {
        let mut rest = number;
        let [holder, moving, keys, access, verb, asking, readonly, topic, health, reads, pubsub] = sizes.map(|size| {
            let digit = rest % size;
            rest /= size;
            digit
        });
        Case {
            holder: [Holder::Me, Holder::MyMaster, Holder::Stranger, Holder::Nobody][holder],
            moving: [Moving::No, Moving::Away, Moving::Here][moving],
            keys: KEYS[keys],
            request: Request {
                access: [Access::Read, Access::Write][access],
                verb: [Verb::Ordinary, Verb::Migrate, Verb::RestoreAsking][verb],
                modes: ClientModes { asking: asking == 1, readonly: readonly == 1 },
            },
            topic: [Topic::Keys, Topic::Channels][topic],
            health: [Health::Ok, Health::Fail][health],
            reads: PERMISSIONS[reads],
            pubsub: PERMISSIONS[pubsub],
        }
    })
}

#[test]
pub(crate) fn FR_P2C_007_U003_the_gate_is_its_model_in_all_circumstances() {
    let mut count = 0;
    for case in cases() {
        let (snapshot, master, stranger) = snapshot_of(&case);
        assert_eq!(decide(&case, &snapshot), model(&case, master, stranger), "{case:?}");
        count += 1;
    }
    assert_eq!(count, 46_080);
}

#[test]
pub(crate) fn FR_P2C_007_U003_one_key_is_looked_for_only_where_its_slot_is_being_moved() {
    for case in cases().filter(|case| matches!(case.keys, Keys::One(_)) && case.topic == Topic::Keys) {
        let (snapshot, ..) = snapshot_of(&case);
        let Keys::One(presence) = case.keys else { continue };
        let mut looked = false;
        let decision = decide_key(&snapshot, KEYS[0], &case.request, || {
            looked = true;
            presence
        });
        assert_eq!(decision, decide(&case, &snapshot));
        let moved = case.moving == Moving::Here || case.moving == Moving::Away && case.holder == Holder::Me;
        assert_eq!(looked, moved && case.holder != Holder::Nobody, "{case:?}");
    }
}

#[test]
pub(crate) fn FR_P2C_007_U002_two_slots_are_never_one() {
    let mut rng = fastrand::Rng::with_seed(2);
    let mut snapshot = Snapshot::new(SnapshotVersion(1), RoutingRules::DEFAULT);
    snapshot.health = Health::Ok;
    Slot::all().for_each(|slot| snapshot.set_owner(slot, Owner::Me));
    let request = Request { access: Access::Write, verb: Verb::Ordinary, modes: ClientModes::default() };
    for _ in 0..5_000 {
        let keys: Vec<String> = (0..rng.usize(2..5)).map(|_| format!("{{{}}}{}", rng.u8(..4), rng.u8(..9))).collect();
        let mut gate = Gate::new(&snapshot);
        keys.iter().for_each(|key| gate.key(key.as_bytes(), || Presence::Present));
        let slots: std::collections::HashSet<Slot> = keys.iter().map(|key| Slot::of(key.as_bytes())).collect();
        let expected = if slots.len() == 1 { Decision::Local } else { Decision::CrossSlot };
        assert_eq!(gate.decide(&request), expected, "{keys:?}");
    }
}

#[test]
pub(crate) fn FR_P2C_007_U003_a_key_behind_an_unassigned_or_crossing_one_changes_nothing() {
    let mut snapshot = Snapshot::new(SnapshotVersion(1), RoutingRules::DEFAULT);
    snapshot.set_owner(slot(), Owner::Me);
    let request = Request { access: Access::Read, verb: Verb::Ordinary, modes: ClientModes::default() };
    let decide = |keys: &[&'static [u8]]| {
        let mut gate = Gate::new(&snapshot);
        keys.iter().for_each(|key| gate.key(key, || Presence::Present));
        gate.decide(&request)
    };
    // The first key's slot is looked up before anything else, the health of the cluster included.
    assert_eq!(decide(&[ELSEWHERE, KEYS[0]]), Decision::Unassigned);
    assert_eq!(decide(&[KEYS[0], ELSEWHERE]), Decision::CrossSlot);
    assert_eq!(decide(&[KEYS[0], ELSEWHERE, KEYS[1]]), Decision::CrossSlot);
    assert_eq!(decide(&[KEYS[0]]), Decision::Down);
}

#[test]
pub(crate) fn FR_P2C_007_U003_channels_of_a_transaction_end_the_looking() {
    let case = Case {
        holder: Holder::Me,
        moving: Moving::Away,
        keys: Keys::None,
        request: Request { access: Access::Read, verb: Verb::Ordinary, modes: ClientModes::default() },
        topic: Topic::Keys,
        health: Health::Ok,
        reads: Permission::Refused,
        pubsub: Permission::Allowed,
    };
    let (snapshot, _, stranger) = snapshot_of(&case);
    let decide = |topics: [Topic; 2]| {
        let mut gate = Gate::new(&snapshot);
        for topic in topics {
            gate.command(topic);
            gate.key(KEYS[0], || Presence::Absent);
        }
        assert_eq!(gate.slot(), Some(slot()));
        gate.decide(&case.request)
    };
    assert_eq!(decide([Topic::Channels, Topic::Keys]), Decision::Local);
    assert_eq!(decide([Topic::Keys, Topic::Channels]), Decision::Ask(slot(), stranger), "it was looked for before");
}

#[test]
pub(crate) fn FR_P2C_007_U004_bytes_of_redirects() {
    let mut snapshot = Snapshot::new(SnapshotVersion(1), RoutingRules::DEFAULT);
    let plain = snapshot.add_endpoint(endpoint(1));
    let six = snapshot.add_endpoint(Endpoint {
        host: Host::new("2001:db8::7").expect("an address"),
        hostname: Label::hostname("db.example.com"),
        ..endpoint(2)
    });
    let nowhere = snapshot.add_endpoint(Endpoint { host: Host::UNKNOWN, ..endpoint(3) });
    use {PreferredEndpoint as Kind, PrimaryPort::Tcp, Security::Plain};
    let rows = [
        (plain, Kind::Ip, Tcp, Plain, "10.0.0.1:7001"),
        (plain, Kind::Ip, Tcp, Security::Tls, "10.0.0.1:7101"),
        (plain, Kind::Ip, PrimaryPort::Tls, Plain, "10.0.0.1:7101"),
        (plain, Kind::Ip, PrimaryPort::Tls, Security::Tls, "10.0.0.1:7001"),
        (plain, Kind::Hostname, Tcp, Plain, "?:7001"),
        (plain, Kind::Unknown, Tcp, Plain, ":7001"),
        (six, Kind::Ip, Tcp, Plain, "2001:db8::7:7002"),
        (six, Kind::Hostname, Tcp, Plain, "db.example.com:7002"),
        (six, Kind::Unknown, Tcp, Plain, ":7002"),
        (nowhere, Kind::Ip, Tcp, Plain, ":7003"),
    ];
    for (to, preferred, primary, security, place) in rows {
        snapshot.rules.preferred = preferred;
        snapshot.rules.primary = primary;
        let text = |decision| error(decision, &snapshot, security).expect("not local");
        assert_eq!(text(Decision::Moved(slot(), to)), format!("MOVED 866 {place}"));
        assert_eq!(text(Decision::Ask(slot(), to)), format!("ASK 866 {place}"));
    }
}

#[test]
pub(crate) fn FR_P2C_007_U004_bytes_of_errors() {
    let mut snapshot = Snapshot::new(SnapshotVersion(1), RoutingRules::DEFAULT);
    let other = snapshot.add_endpoint(endpoint(1));
    let local = "Script attempted to access a non local key in a cluster node";
    let rows = [
        (
            Decision::CrossSlot,
            "CROSSSLOT Keys in request don't hash to the same slot",
            "Command 'config|get' in script attempted to access keys that don't hash to the same slot",
        ),
        (
            Decision::Unstable,
            "TRYAGAIN Multiple keys request during rehashing of slot",
            "Unable to execute command 'config|get' in script because undeclared keys were accessed during rehashing of the slot",
        ),
        (
            Decision::Down,
            "CLUSTERDOWN The cluster is down",
            "Script attempted to execute a command while the cluster is down",
        ),
        (
            Decision::DownReadOnly,
            "CLUSTERDOWN The cluster is down and only accepts read commands",
            "Script attempted to execute a write command while the cluster is down and readonly",
        ),
        (Decision::Unassigned, "CLUSTERDOWN Hash slot not served", "Script attempted to access a slot not served"),
        (Decision::Moved(slot(), other), "MOVED 866 10.0.0.1:7001", local),
        (Decision::Ask(slot(), other), "ASK 866 10.0.0.1:7001", local),
    ];
    for (decision, of_client, of_script) in rows {
        assert_eq!(error(decision, &snapshot, Security::Plain).as_deref(), Some(of_client));
        assert_eq!(script_error(decision, "config|get").as_deref(), Some(of_script));
    }
    assert_eq!(error(Decision::Local, &snapshot, Security::Plain), None);
    assert_eq!(script_error(Decision::Local, "get"), None);
}

#[test]
pub(crate) fn FR_P2C_007_U005_who_waits_on() {
    for case in cases().filter(|case| matches!(case.keys, Keys::One(_)) && case.topic == Topic::Keys) {
        let (snapshot, master, stranger) = snapshot_of(&case);
        let Request { access, modes, .. } = case.request;
        let expected = match (case.health, case.holder) {
            (Health::Fail, _) => Some(Decision::Down),
            (_, Holder::Me) => None,
            _ if case.moving == Moving::Here => None,
            (_, Holder::Nobody) => Some(Decision::Unassigned),
            (_, Holder::MyMaster) if modes.readonly && access == Access::Read => None,
            (_, Holder::MyMaster) => Some(Decision::Moved(slot(), master)),
            (_, Holder::Stranger) => Some(Decision::Moved(slot(), stranger)),
        };
        assert_eq!(decide_waiting(&snapshot, slot(), modes, access), expected, "{case:?}");
    }
}

/// Says anything of some slots of a snapshot, in any order and again and again.
fn any_snapshot(rng: &mut fastrand::Rng, slots: &[Slot]) -> Snapshot {
    let refused = |rng: &mut fastrand::Rng| if rng.bool() { Permission::Refused } else { Permission::Allowed };
    let rules = RoutingRules { reads_when_down: refused(rng), ..RoutingRules::DEFAULT };
    let mut snapshot = Snapshot::new(SnapshotVersion(1), rules);
    let others: Vec<EndpointIndex> = (0..3).map(|n| snapshot.add_endpoint(endpoint(n))).collect();
    for _ in 0..rng.usize(..2 * slots.len()) {
        let (slot, other) = (slots[rng.usize(..slots.len())], others[rng.usize(..3)]);
        match rng.u8(..6) {
            0 => snapshot.set_migrating(slot, other),
            1 => snapshot.set_importing(slot, other),
            _ => snapshot.set_owner(slot, [Owner::Me, Owner::Me, Owner::Other(other), Owner::Nobody][rng.usize(..4)]),
        }
    }
    snapshot.health = [Health::Ok, Health::Ok, Health::Fail][rng.usize(..3)];
    snapshot.role = [Role::Master, Role::Replica(Some(others[0]))][rng.usize(..2)];
    snapshot
}

/// LEV-007: what is known with the snapshot is what the gate says, whatever is asked; and it is known wherever it can be.
#[test]
pub(crate) fn FR_P2C_007_U003_the_memo_answers_as_the_plain_gate() {
    let mut rng = fastrand::Rng::with_seed(7);
    let keys: Vec<String> = (0..40).map(|n| format!("key:{n}")).collect();
    let slots: Vec<Slot> = keys.iter().map(|key| Slot::of(key.as_bytes())).collect();
    let mut counts = [0; 2];
    for _ in 0..1_000 {
        let snapshot = any_snapshot(&mut rng, &slots);
        for (key, slot) in keys.iter().zip(&slots) {
            let settled = snapshot.is_settled(*slot);
            let ours = snapshot.owner(*slot) == Owner::Me && snapshot.mark(*slot) == Mark::Stable;
            assert_eq!(settled, ours && snapshot.health == Health::Ok);
            counts[usize::from(settled)] += 1;
            let request = Request {
                access: [Access::Read, Access::Write][rng.usize(..2)],
                verb: [Verb::Ordinary, Verb::Migrate, Verb::RestoreAsking][rng.usize(..3)],
                modes: ClientModes { asking: rng.bool(), readonly: rng.bool() },
            };
            let presence = [Presence::Present, Presence::Absent][rng.usize(..2)];
            let plain = decide_key(&snapshot, key.as_bytes(), &request, || presence);
            assert!(!settled || plain == Decision::Local, "{request:?} {presence:?}: {plain:?}");
        }
    }
    assert!(counts.iter().all(|count| *count > 1_000), "{counts:?}");
}

#[test]
fn FR_P2C_007_U005_who_waits_goes_on_until_it_is_decided_whose_the_slot_is() {
    let mut snapshot = Snapshot::new(SnapshotVersion(1), RoutingRules::DEFAULT);
    snapshot.health = Health::Ok;
    let decided = |snapshot: &Snapshot| decide_waiting(snapshot, slot(), ClientModes::default(), Access::Write);
    assert_eq!(decided(&snapshot), Some(Decision::Unassigned));
    snapshot.set_withheld(slot());
    assert_eq!(decided(&snapshot), None);
    let other = snapshot.add_endpoint(endpoint(1));
    let mut moved = Snapshot::new(SnapshotVersion(2), RoutingRules::DEFAULT);
    moved.health = Health::Ok;
    moved.add_endpoint(endpoint(1));
    moved.set_owner(slot(), Owner::Other(other));
    assert_eq!(decided(&moved), Some(Decision::Moved(slot(), other)));
}
