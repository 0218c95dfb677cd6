//! Random rules and commands: no panic, every key is looked at, and what is printed makes the same user.

use keyspace::args::OwnedArgs;
use keyspace::spec::KeyFlags;
use proptest::prelude::*;

use super::super::*;
use crate::command;
use crate::settings::PubsubDefault;

/// Rules of every kind, of which some are refused after others.
fn rule() -> impl Strategy<Value = String> {
    let table = command::table();
    let names: Vec<&'static str> = listed(table).map(|command| command.spec.name).collect();
    let categories: Vec<&'static str> =
        keyspace::spec::Categories::all().flat_map(keyspace::spec::Categories::names).chain(["all"]).collect();
    let sign = || prop_oneof![Just("+"), Just("-")];
    let pattern = || "[abk*?]{0,3}";
    prop_oneof![
        4 => (sign(), prop::sample::select(names.clone())).prop_map(|(sign, name)| format!("{sign}{name}")),
        3 => (sign(), prop::sample::select(categories)).prop_map(|(sign, name)| format!("{sign}@{name}")),
        1 => (prop::sample::select(names), "[01a]").prop_map(|(name, arg)| format!("+{name}|{arg}")),
        2 => (prop::sample::select(vec!["~", "%R~", "%W~", "%RW~", "&"]), pattern())
            .prop_map(|(sign, pattern)| format!("{sign}{pattern}")),
        1 => prop::sample::select(vec!["resetkeys", "resetchannels", "allkeys", "allchannels", "nocommands"])
            .prop_map(str::to_owned),
    ]
}

fn random_user() -> impl Strategy<Value = User> {
    (prop::collection::vec(rule(), 0..24), prop::collection::vec(prop::collection::vec(rule(), 0..6), 0..3)).prop_map(
        |(root, more)| {
            let mut users = Users::new(b"", PubsubDefault::Resetchannels);
            let selectors = more.iter().map(|rules| format!("({})", rules.join(" ")));
            for rule in root.into_iter().chain(selectors) {
                // What is refused changes nothing.
                let _ = users.set(b"u", [rule.as_bytes()].into_iter());
            }
            users.set(b"u", std::iter::empty()).expect("no rule");
            User::clone(users.get(b"u").expect("it was just made"))
        },
    )
}

/// The place of any command in the table, with words that may be anything, of any number.
fn random_command() -> impl Strategy<Value = (usize, OwnedArgs)> {
    let table = command::table();
    let word = prop_oneof![
        4 => "[abk]{0,2}".prop_map(|word| word),
        2 => prop::sample::select(vec!["0", "1", "2", "3", "-1", "9223372036854775807"]).prop_map(str::to_owned),
        2 => prop::sample::select(vec![
            "streams", "store", "storedist", "get", "by", "weights", "count", "keys", "limit", "x*", "#", "set", "id",
        ])
        .prop_map(str::to_owned),
    ];
    (0..table.all().len(), prop::collection::vec(word, 0..10)).prop_map(move |(place, words)| {
        let command = &table.all()[place];
        let named = command.spec.name.split('|').map(str::to_owned);
        (place, named.chain(words).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_printed_makes_the_same_user(user in random_user()) {
        let mut users = Users::new(b"", PubsubDefault::Resetchannels);
        let printed = user.print();
        let words = printed.split(|byte| *byte == b' ');
        users.set(b"u", words).expect("printed rules are right");
        let again = users.get(b"u").expect("it was just made");
        // A sole `%RW~*` is printed as `~*`, which is another rule to the same effect.
        let commands = |user: &User| user.selectors().iter().map(|selector| selector.commands.clone()).collect::<Vec<_>>();
        prop_assert_eq!(commands(again), commands(&user), "{}", String::from_utf8_lossy(&printed));
        prop_assert_eq!(again.print(), printed);
    }

    #[test]
    fn every_key_is_looked_at_with_what_is_done_to_it((place, args) in random_command()) {
        let (command, args) = (&command::table().all()[place], args.args());
        let seen: Vec<&[u8]> = keys_with_access(command.spec, args).map(|(index, _)| args.at(index)).collect();
        let keys: Vec<&[u8]> = command.spec.keys_of(args).collect();
        prop_assert_eq!(seen, keys);
        for (_, flags) in keys_with_access(command.spec, args) {
            // What changes data says so: nothing is written with a pattern that is for reading.
            let access = Access::of(flags);
            let changes = [KeyFlags::RW, KeyFlags::OW, KeyFlags::RM].into_iter().any(|flag| flags.has(flag));
            let only_caches = matches!(command.spec.name, "pfcount" | "pfdebug");
            prop_assert!(!changes || access.write || only_caches, "{} {:?}", command.spec.name, flags);
            prop_assert!(!access.write || !command.is(keyspace::spec::Flags::READONLY), "{}", command.spec.name);
        }
    }

    #[test]
    fn what_is_allowed_is_allowed_by_one_selector_whole(user in random_user(), (place, args) in random_command()) {
        let (command, args) = (&command::table().all()[place], args.args());
        let allowed = user.selectors().iter().any(|selector| {
            selector.admits_command(command, args)
                && keys_with_access(command.spec, args)
                    .all(|(index, flags)| selector.admits_key(args.at(index), Access::of(flags)))
        });
        let checked = check(&user, command, args);
        if !command.is(keyspace::spec::Flags::PUBSUB) && !command.spec.name.contains("debug") {
            prop_assert_eq!(checked.is_ok(), allowed || user.is_unrestricted(), "{:?}", checked);
        }
        let _ = check_sort(&user, command, args);
        if let Err(denied) = checked {
            let texts = [denied.explanation(command, args), denied.object(command, args)];
            prop_assert!(texts.iter().all(|text| !text.is_empty() || args.iter().any(<[u8]>::is_empty)));
        }
    }
}
