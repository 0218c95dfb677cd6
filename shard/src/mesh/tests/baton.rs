//! One thread through each row of the table; what threads do to each other is in `tests/tests/model_baton.rs`.

use crate::mesh::baton::*;

#[test]
fn only_a_parked_shard_is_visited() {
    let (baton, mut owner) = Baton::new(1);
    assert!(baton.try_visit().is_none());
    assert!(owner.park() && !owner.is_awake());
    let mut visit = baton.try_visit().unwrap();
    *visit += 1;
    assert!(baton.try_visit().is_none());
    assert_eq!(visit.leave(Errand::None), Leave::Quiet);
    assert_eq!(owner.wake(), Wake::Awake);
    assert_eq!(*owner.shard(), 2);
}

#[test]
fn the_first_mail_of_a_parked_owner_wakes_it_and_bars_visitors() {
    let (baton, mut owner) = Baton::new(());
    assert!(owner.park());
    assert_eq!((baton.post(), baton.post()), (Post::Wake, Post::Nothing));
    assert!(baton.try_visit().is_none());
    assert_eq!(owner.wake(), Wake::Awake);
    assert!(!owner.park(), "there is mail");
    assert!(owner.take_mail() && !owner.take_mail());
    assert!(owner.park());
}

#[test]
fn a_visitor_answers_for_mail_and_for_a_waiting_owner() {
    let (baton, mut owner) = Baton::new(());
    assert!(owner.park());
    let visit = baton.try_visit().unwrap();
    assert_eq!(baton.post(), Post::Nothing);
    assert_eq!(visit.leave(Errand::None), Leave::WakeOwner);
    assert_eq!(owner.wake(), Wake::Awake);
    assert!(owner.take_mail() && owner.park());

    let visit = baton.try_visit().unwrap();
    assert_eq!((owner.wake(), owner.wake()), (Wake::Visited, Wake::Visited));
    assert_eq!(visit.leave(Errand::None), Leave::WakeOwner);
    assert_eq!(owner.wake(), Wake::Awake);
    assert!(!owner.take_mail() && owner.park());
}

#[test]
fn an_errand_owes_one_wake_up() {
    let (baton, mut owner) = Baton::new(());
    assert!(owner.park());
    assert_eq!(baton.try_visit().unwrap().leave(Errand::ForOwner), Leave::WakeOwner);
    assert!(baton.try_visit().is_none(), "the owner is on its way");
    assert_eq!(baton.post(), Post::Nothing);
    assert_eq!(owner.wake(), Wake::Awake);
    assert!(owner.take_mail());
}

#[test]
#[should_panic(expected = "while it holds the baton")]
fn a_parked_owner_does_not_touch_its_shard() {
    let (_baton, mut owner) = Baton::new(());
    assert!(owner.park());
    owner.shard();
}

#[test]
#[should_panic(expected = "a visit ends by `leave`")]
fn a_visit_is_not_dropped() {
    let (baton, mut owner) = Baton::new(());
    assert!(owner.park());
    drop(baton.try_visit());
}
