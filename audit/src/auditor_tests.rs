//! Tests of the auditor: few records for much, evidence within budgets, and the way back to strict.

use super::*;
use crate::sample::{Auditor, Event, SampleError as Error, Topic};

const WALL: UnixMillis = UnixMillis(1_000);

fn at(windows: u64) -> Monotonic {
    Monotonic(windows * WINDOW_US)
}

fn input(text: &str) -> Digest {
    Digest::default().and(text.as_bytes())
}

#[test]
pub(crate) fn FR_P2C_008_STRICT_U013_FR_P2C_007_STRICT_U012_a_million_refusals_make_one_record() {
    let mut auditor = Auditor::new(Mode::Strict);
    assert!(auditor.take(WALL, at(1)).is_empty());
    auditor.note(Topic::Refused, input("set"));
    let first = auditor.take(WALL, at(1));
    assert_eq!((first.len(), first[0].count, first[0].verdict, first[0].at), (1, 1, Verdict::Fail, WALL));
    assert_eq!(first[0].reason, Some(Error::Critical.code()));
    for _ in 0..1_000_000 {
        auditor.note(Topic::Refused, input("set"));
    }
    assert!(auditor.take(WALL, Monotonic(WINDOW_US + WINDOW_US / 2)).is_empty());
    let later = auditor.take(WALL, at(2));
    assert_eq!((later.len(), later[0].count), (1, 1_000_000));
    assert_ne!(later[0].input, first[0].input);
    assert!(auditor.take(WALL, at(3)).is_empty());
}

#[test]
pub(crate) fn FR_P2C_008_STRICT_U013_FR_P2C_007_STRICT_U012_no_defence_is_used() {
    let mut auditor = Auditor::new(Mode::Strict);
    for &topic in Topic::ALL {
        auditor.note(topic, input("x"));
    }
    let events = auditor.take(WALL, at(1));
    assert_eq!(events.len(), Topic::ALL.len());
    for (event, topic) in events.iter().zip(Topic::ALL) {
        assert_eq!((event.topic, event.verdict, event.reason), (*topic, Verdict::Fail, Some(topic.row().code())));
        assert!(event.record().to_json_line().contains("\"packet_id\":\"SAMPLE\""));
    }
}

#[test]
pub(crate) fn FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_evidence_within_the_budget_then_closed() {
    let mut auditor = Auditor::new(Mode::Hardened);
    for n in 0..Topic::BUDGETS[0] + 5 {
        auditor.note(Topic::Malformed, input(&n.to_string()));
    }
    auditor.note(Topic::Unlisted, input("leap"));
    let events = auditor.take(WALL, Monotonic(1));
    let (defences, rest): (Vec<&Event>, Vec<&Event>) = events.iter().partition(|event| event.verdict == Verdict::Pass);
    assert_eq!(defences.len(), Topic::BUDGETS[0] as usize);
    let codes: Vec<(&str, u64)> = rest.iter().map(|event| (event.reason.unwrap_or_default(), event.count)).collect();
    let expected = [("sample.exhausted", 5), ("sample.not_listed", 1)];
    assert_eq!(codes, expected);
    assert_eq!(auditor.mode(), Mode::Hardened);
}

#[test]
pub(crate) fn FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_the_first_window_is_as_long_as_any() {
    let mut auditor = Auditor::new(Mode::Hardened);
    let begun = Monotonic(7 * WINDOW_US + 1);
    let spend = |auditor: &mut Auditor, now| {
        for _ in 0..Topic::BUDGETS[0] {
            auditor.note(Topic::Malformed, input("x"));
        }
        auditor.take(WALL, now).iter().filter(|event| event.verdict == Verdict::Pass).count()
    };
    let budget = Topic::BUDGETS[0] as usize;
    assert_eq!(spend(&mut auditor, begun), budget);
    assert_eq!(spend(&mut auditor, Monotonic(begun.0 + WINDOW_US - 1)), 0, "what was spent is spent");
    assert!(auditor.take(WALL, Monotonic(begun.0 + WINDOW_US)).len() <= 1);
    assert_eq!(spend(&mut auditor, Monotonic(begun.0 + WINDOW_US)), budget);
}

#[test]
pub(crate) fn FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_two_exhausted_windows_are_told() {
    let mut auditor = Auditor::new(Mode::Hardened);
    let exhaust = |auditor: &mut Auditor, window| {
        for _ in 0..=Topic::BUDGETS[0] {
            auditor.note(Topic::Malformed, input("x"));
        }
        let events = auditor.take(WALL, at(window));
        events.into_iter().filter(|event| event.topic == Topic::ModeChanged).collect::<Vec<_>>()
    };
    assert!(exhaust(&mut auditor, 0).is_empty());
    assert!(exhaust(&mut auditor, 1).is_empty() && !auditor.has_fallen());
    let told = exhaust(&mut auditor, 2);
    assert_eq!((told.len(), auditor.mode(), auditor.has_fallen()), (1, Mode::Strict, true));
    assert_eq!(told[0].reason, Some("sample.exhausted"));
    let told = exhaust(&mut auditor, 3);
    assert!(told.is_empty(), "it stays strict");
    auditor.configure(Mode::Hardened);
    let told = auditor.take(WALL, at(3));
    assert_eq!((told[0].topic, told[0].reason, auditor.has_fallen()), (Topic::ModeChanged, None, false));
    auditor.fall_back();
    assert_eq!((auditor.mode(), auditor.has_fallen()), (Mode::Strict, false));
    assert_eq!(auditor.take(WALL, at(3)).len(), 1);
}

#[test]
pub(crate) fn FR_P2C_008_U012_FR_P2C_007_U012_what_goes_on_is_told_when_it_begins_and_when_it_is_over() {
    let mut auditor = Auditor::new(Mode::Strict);
    auditor.stands(Topic::Failing, false, at(1));
    assert!(auditor.take(WALL, at(1)).is_empty());
    auditor.stands(Topic::Failing, true, at(1));
    auditor.stands(Topic::Failing, true, at(2));
    let begun = auditor.take(WALL, at(2));
    assert_eq!((begun.len(), begun[0].verdict, begun[0].count), (1, Verdict::Fail, 1));
    // It flaps: one record says how often it began anew.
    for _ in 0..3 {
        auditor.stands(Topic::Failing, false, at(2));
        auditor.stands(Topic::Failing, true, at(2));
    }
    auditor.stands(Topic::Failing, false, at(2));
    assert!(auditor.take(WALL, at(2)).is_empty());
    let over = auditor.take(WALL, at(4));
    let of = |event: &Event| (event.verdict, event.count, event.millis);
    assert_eq!(over.iter().map(of).collect::<Vec<_>>(), [(Verdict::Pass, 3, 2 * WINDOW_US / 1000)]);
    assert!(auditor.take(WALL, at(6)).is_empty());
}

#[test]
fn what_could_not_be_handed_on_is_told_the_next_time() {
    let mut auditor = Auditor::new(Mode::Strict);
    auditor.note(Topic::Refused, input("client"));
    let events = auditor.take(WALL, at(1));
    auditor.put_back(events.clone());
    assert_eq!(auditor.take(WALL, at(1)), events);
    auditor.put_back(vec![events[0]; 10 * UNSENT_MAX]);
    assert_eq!(auditor.take(WALL, at(1)).len(), UNSENT_MAX);
}

#[test]
pub(crate) fn FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_probable_harm_on_a_critical_row_is_drift() {
    let mut auditor = Auditor::new(Mode::Hardened);
    auditor.note(Topic::HarmElsewhere, input("x"));
    assert_eq!((auditor.mode(), auditor.has_fallen()), (Mode::Hardened, false));
    auditor.note(Topic::Harm, input("x"));
    assert_eq!((auditor.mode(), auditor.has_fallen()), (Mode::Strict, true));
    auditor.note(Topic::Harm, input("x"));
    let events = auditor.take(WALL, Monotonic(1));
    let told: Vec<_> = events.iter().map(|event| (event.topic, event.count, event.verdict, event.reason)).collect();
    let expected = [
        (Topic::ModeChanged, 1, Verdict::Fail, Some("sample.critical")),
        (Topic::HarmElsewhere, 1, Verdict::Fail, Some("sample.ordinary")),
        (Topic::Harm, 2, Verdict::Fail, Some("sample.critical")),
    ];
    assert_eq!(told, expected);
}
