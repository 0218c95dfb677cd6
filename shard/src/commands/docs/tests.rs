//! The notation by examples, and the rows of the command table: each must say the same thing everywhere.

use std::fmt::Write;

use keyspace::spec::{Form, KeyFlags, KeySpec, MovableKeys};

use crate::command::{Run, table};

use super::argument::{Kind, Repeat, key_specs, words};
use super::*;

/// Arguments in one line: `token`name:kind, versions, flags, and what is inside.
fn shown(arguments: &[Argument]) -> String {
    let one = |argument: &Argument| {
        let mut text = argument.token.map_or(String::new(), |token| format!("`{token}`"));
        let kind = match &argument.kind {
            Kind::OneOf(inner) => format!("oneof({})", shown(inner)),
            Kind::Block(inner) => format!("block({})", shown(inner)),
            plain => format!("{plain:?}").to_lowercase(),
        };
        write!(text, "{}:{kind}", argument.name).unwrap();
        argument.since.iter().for_each(|version| text += &format!("@{version}"));
        argument.deprecated_since.iter().for_each(|version| text += &format!("!{version}"));
        text += if argument.optional { "?" } else { "" };
        text += match argument.repeat {
            Repeat::No => "",
            Repeat::Yes => "*",
            Repeat::WithToken => "**",
        };
        text
    };
    arguments.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn check(syntax: &'static str, expected: &str) {
    let found = syntax::parse(syntax).map(|arguments| shown(&arguments));
    assert_eq!(found.as_deref(), Ok(expected), "{syntax}");
}

#[test]
fn the_notation() {
    check("", "");
    check("key value", "key:key value:string");
    check("index:integer ip:port yes/no", "index:integer ip:port:string yes/no:string");
    check("[message]", "message:string?");
    check("[GET]", "`GET`get:puretoken?");
    check("[MATCH pattern] [COUNT count]", "`MATCH`pattern:pattern? `COUNT`count:integer?");
    check("[NX | XX]", "nx_xx:oneof(`NX`nx:puretoken `XX`xx:puretoken)?");
    check("<a | B c:double>", "a_c:oneof(a:string `B`c:double)");
    check("mode=[A | B]@6.2.0", "mode:oneof(`A`a:puretoken `B`b:puretoken)@6.2.0?");
    check("[GET]@6.2.0 a@1.0.0", "`GET`get:puretoken@6.2.0? a:string@1.0.0");
    check(
        "<EX seconds@2.6.12 | KEEPTTL@6.0.0>",
        "seconds_keepttl:oneof(`EX`seconds:integer@2.6.12 `KEEPTTL`keepttl:puretoken@6.0.0)",
    );
    check("ip:port!2.8.12", "ip:port:string!2.8.12");
    check("a {b c}", "a:string b_c:block(b:string c:string)");
    check("[AUTH {user password}]", "`AUTH`user_password:block(user:string password:string)?");
    check("all=[a B]", "all:block(a:string `B`b:puretoken)?");
    check("changed=CH", "`CH`changed:puretoken");
    check("<equal== | about=~> [*]", "equal_about:oneof(`=`equal:puretoken `~`about:puretoken) `*`*:puretoken?");
}

#[test]
fn repetitions() {
    check("key [key ...]", "key:key*");
    check("key value [key value ...]", "key_value:block(key:key value:string)*");
    check("[name [name ...]]", "name:string?*");
    check("a [PREFIX prefix [PREFIX prefix ...]]", "a:string `PREFIX`prefix:string?**");
    check("ID ids={id:integer [id ...]}", "`ID`ids:block(id:integer*)");
    check("list=<a | B c> [list ...]", "list:oneof(a:string `B`c:string)*");
    check("{parameter} [parameter ...]", "parameter:block(parameter:string)*");
    check("FLAG [FLAG ...]", "`FLAG`flag:puretoken*");
}

#[test]
fn what_is_not_the_notation() {
    for syntax in
        ["[a", "a]", "<a>", "[]", "a | b", "{a | b}", "a [b ...]", "[...]", "[a |]", "<a b> c", "[a]x@1 ...", "a ..."]
    {
        assert!(syntax::parse(syntax).is_err(), "{syntax}");
    }
}

#[test]
fn places_of_keys() {
    let specs_of = |spec: &CommandSpec| {
        let arguments = syntax::parse(spec.syntax).unwrap();
        key_specs(&arguments, spec, Some(1)).into_iter().map(|(_, index)| index).collect::<Vec<_>>()
    };
    let specs = |row: &str| specs_of(table().find(row.as_bytes()).unwrap().spec);
    assert_eq!(specs("get"), [Some(0)]);
    assert_eq!(specs("mset"), [Some(0)]);
    assert_eq!(specs("lcs"), [Some(0), Some(0)]);
    assert_eq!(specs("keys"), [None]);
    const FIRST: KeySpec = KeySpec { flags: KeyFlags::RO, first: 1, last: 0, step: 1 };
    const fn keys(flags: KeyFlags, form: Form) -> MovableKeys {
        MovableKeys::new(flags, form)
    }
    let rows: [(&str, CommandSpec, &[Option<usize>]); 4] = [
        (
            "ZUNIONSTORE",
            CommandSpec {
                keys: &[FIRST],
                movable_keys: const { &[keys(KeyFlags::RO, Form::Counted { at: 2 })] },
                syntax: "destination:key numkeys:integer key [key ...] [WEIGHTS weight:integer]",
                ..CommandSpec::NONE
            },
            &[Some(0), Some(1)],
        ),
        (
            "XREAD",
            CommandSpec {
                movable_keys: const { &[keys(KeyFlags::RO, Form::HalfBehind { word: "STREAMS", from: 1 })] },
                syntax: "[COUNT count] STREAMS streams={key [key ...] id [id ...]}",
                ..CommandSpec::NONE
            },
            &[Some(0)],
        ),
        (
            "GEORADIUS",
            CommandSpec {
                keys: &[FIRST],
                movable_keys: const {
                    &[
                        keys(KeyFlags::OW, Form::Behind { word: "STORE", from: 2 }),
                        keys(KeyFlags::OW, Form::Behind { word: "STOREDIST", from: 2 }),
                    ]
                },
                syntax: "key [STORE key] [STOREDIST key]",
                ..CommandSpec::NONE
            },
            &[Some(0), Some(1), Some(2)],
        ),
        (
            "SORT",
            CommandSpec {
                keys: &[FIRST],
                movable_keys: const { &[keys(KeyFlags::RO, Form::Unknown), keys(KeyFlags::OW, Form::Unknown)] },
                syntax: "key [BY pattern] [GET pattern [GET pattern ...]] [STORE destination:key]",
                ..CommandSpec::NONE
            },
            &[Some(0), Some(1), Some(1), Some(2)],
        ),
    ];
    for (name, spec, expected) in rows {
        assert_eq!(specs_of(&spec), expected, "{name}");
    }
}

/// Rows whose arguments are not documented, as in redis-server 7.0.15: their arity says more than their syntax.
const UNDOCUMENTED: &[&str] = &["command|getkeys", "command|getkeysandflags", "quit", "replconf", "debug"];

#[test]
fn rows_are_well_formed() {
    let faults: Vec<String> = table().all().iter().flat_map(faults).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What is wrong with a row.
fn faults(command: &Command) -> Vec<String> {
    let (spec, name) = (command.spec, command.spec.name);
    let arguments = match syntax::parse(spec.syntax) {
        Ok(arguments) => arguments,
        Err(broken) => return vec![format!("{name}: {broken:?} in {}", spec.syntax)],
    };
    let name_words = 1 + name.contains('|') as usize;
    let specs = key_specs(&arguments, spec, Some(name_words));
    let specified = |index: usize| specs.iter().any(|(_, found)| *found == Some(index));
    let is_key = |index: &usize| spec.keys.get(*index).is_none_or(|key| !key.flags.has(KeyFlags::NOT_KEY));
    let mut key_specs = (0..spec.keys.len() + spec.movable_keys.len()).filter(is_key);
    let versions: Vec<_> = spec.history.iter().map(|(version, _)| *version).collect();
    let is_version = |text: &str| text.split('.').filter(|part| part.parse::<u16>().is_ok()).count() == 3;
    let runs = !matches!(command.run, Run::Container);
    let undocumented = table().shown(command.id) != command.id || UNDOCUMENTED.contains(&name);
    let taken = words(&arguments);
    let arity = if taken.exact { 1 } else { -1 } * (name_words + taken.least) as i16;
    let rules = [
        (name == name.to_ascii_lowercase(), "its name is in small letters"),
        (spec.summary.len() > 1 && spec.summary.ends_with('.'), "its summary is a sentence"),
        (is_version(spec.since), "since is a version"),
        (!spec.group.is_empty(), "it has a group"),
        (spec.complexity.is_empty() || spec.complexity.starts_with(['O', 'D']), "its complexity is one"),
        (runs || !command.subcommands.is_empty(), "a container has subcommands"),
        (undocumented || !command.subcommands.is_empty() || spec.arity == arity, "its arity is that of its syntax"),
        (
            specs.iter().all(|(key, spec)| key.kind != Kind::Key || spec.is_some()),
            "each key in its syntax has a key spec",
        ),
        (key_specs.all(specified), "each key spec has a key in its syntax"),
        (
            command.is(Flags::MOVABLEKEYS) != spec.movable_keys.is_empty(),
            "movablekeys says that there are movable keys",
        ),
        (spec.key_range().is_some(), "its keys make one run"),
        (versions.iter().all(|version| is_version(version)), "its history is of versions"),
        (spec.history.iter().all(|(_, change)| change.ends_with('.')), "its history is sentences"),
    ];
    rules.iter().filter(|(kept, _)| !kept).map(|(_, rule)| format!("{name}: {rule} ({})", spec.syntax)).collect()
}
