//! `notify-keyspace-events`: classes of events by letters.

use keyspace::signals::EventClasses;

use super::row::Kind;
use super::value::Value;

/// Events of modules: there are none, but `A` stands for them too and they have a letter.
const MODULE: EventClasses = EventClasses(1 << 13);

/// The classes that `A` stands for, in the order in which they are printed.
const ALL: [(u8, EventClasses); 10] = [
    (b'g', EventClasses::GENERIC),
    (b'$', EventClasses::STRING),
    (b'l', EventClasses::LIST),
    (b's', EventClasses::SET),
    (b'h', EventClasses::HASH),
    (b'z', EventClasses::SORTED_SET),
    (b'x', EventClasses::EXPIRED),
    (b'e', EventClasses::EVICTED),
    (b't', EventClasses::STREAM),
    (b'd', MODULE),
];

/// The others, in that order. The first is not printed beside an `A`, as in Redis.
const MORE: [(u8, EventClasses); 4] = [
    (b'n', EventClasses::NEW),
    (b'K', EventClasses::KEYSPACE),
    (b'E', EventClasses::KEYEVENT),
    (b'm', EventClasses::KEY_MISS),
];

fn all() -> EventClasses {
    ALL.iter().fold(EventClasses::default(), |all, (_, class)| all.and(*class))
}

impl Value for EventClasses {
    fn parse(_: &Self, _: &Kind, raw: &[u8]) -> Result<Self, String> {
        raw.iter().try_fold(EventClasses::default(), |classes, letter| {
            let known = ALL.iter().chain(&MORE).find(|(known, _)| known == letter).map(|(_, class)| *class);
            let class = if *letter == b'A' { Some(all()) } else { known };
            let class = class.ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")?;
            Ok(classes.and(class))
        })
    }

    fn print(&self, _: &Kind) -> Vec<u8> {
        let everything = [(b'A', all())];
        let rows = if self.has(all()) { everything.iter().chain(&MORE[1..]) } else { ALL.iter().chain(&MORE) };
        rows.filter(|(_, class)| self.has(*class)).map(|(letter, _)| *letter).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_read_in_any_order_and_printed_in_one() {
        for (given, printed) in [
            ("", ""),
            ("KEA", "AKE"),
            ("mnEKdtexzhsl$g", "AKEm"),
            ("Ag", "A"),
            ("mnd", "dnm"),
            ("g$lshzxet", "g$lshzxet"),
            ("EK", "KE"),
        ] {
            let classes = EventClasses::parse(&EventClasses::default(), &Kind::Text, given.as_bytes());
            let text = classes.map(|classes| String::from_utf8_lossy(&classes.print(&Kind::Text)).into_owned());
            assert_eq!(text.as_deref(), Ok(printed), "{given}");
        }
        assert!(EventClasses::parse(&EventClasses::default(), &Kind::Text, b"Kq").is_err());
    }
}
