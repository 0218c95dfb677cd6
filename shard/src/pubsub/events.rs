//! Keyspace notifications: an event of a key as messages to two channels.

use std::sync::Arc;

use keyspace::signals::{Event, EventClasses};

use super::{Kind, Publication};

/// The messages that tell of an event: by key and by event, as the settings want either.
pub fn publications(event: &Event, classes: EventClasses) -> impl Iterator<Item = Arc<Publication>> {
    let by_key = classes.has(EventClasses::KEYSPACE).then(|| {
        let channel = [format!("__keyspace@{}__:", event.db).as_bytes(), &event.key].concat();
        Publication::new(Kind::Channel, &channel, event.name.as_bytes())
    });
    let by_event = classes.has(EventClasses::KEYEVENT).then(|| {
        let channel = format!("__keyevent@{}__:{}", event.db, event.name);
        Publication::new(Kind::Channel, channel.as_bytes(), &event.key)
    });
    by_key.into_iter().chain(by_event).map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_goes_to_the_channels_that_are_wanted() {
        let event = Event { name: "set", db: 3, key: b"k"[..].into() };
        let told = |classes: EventClasses| -> Vec<(String, String)> {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            publications(&event, classes).map(|told| (text(&told.channel), text(&told.message))).collect()
        };
        let (by_key, by_event) = (("__keyspace@3__:k".into(), "set".into()), ("__keyevent@3__:set".into(), "k".into()));
        assert_eq!(told(EventClasses::KEYSPACE), std::slice::from_ref(&by_key));
        assert_eq!(told(EventClasses::KEYEVENT), std::slice::from_ref(&by_event));
        assert_eq!(told(EventClasses::KEYSPACE.and(EventClasses::KEYEVENT)), [by_key, by_event]);
    }
}
