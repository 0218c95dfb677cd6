//! From a TOML file to settings: a table per group, a key per setting.

use std::ops::Range;
use std::path::Path;

use shard::acl::UserLine;
use shard::settings::{Group, Row, Settings, find};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::described::NodesSection;
use super::error::{Place, Problem, unknown};
use super::{cluster_nodes, syntax, user_lines};

/// The key of the users, which are no settings.
const USERS: &str = "users";

/// The key of the nodes of a cluster in its table, which are none either.
const NODES: &str = "nodes";

/// What files say beside settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Declared {
    /// The users.
    pub(super) users: Vec<UserLine>,
    /// The nodes of a cluster.
    pub(super) nodes: Option<NodesSection>,
}

/// Sets what `text`, the content of `path`, says, of which users and nodes take the place of all that were declared before; adds what is
/// wrong with it to `problems`, in the order of lines.
pub(super) fn apply(
    path: &Path,
    text: &str,
    settings: &mut Settings,
    declared: &mut Declared,
    problems: &mut Vec<Problem>,
) {
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // The parser's text for people quotes the line, which may hold a password; its message alone does not.
        problems.extend(errors.iter().map(|error| {
            let line = line_at(text, &error.span().unwrap_or(0..0));
            let what = format!("not TOML: {}", error.message());
            Problem { place: Place::Line(path.to_owned(), line), what }
        }));
        return;
    }
    let mut reader = Reader { path, text, settings, found: Vec::new(), seen: Vec::new() };
    for (key, value) in document.get_ref() {
        reader.table(key, value);
    }
    // After the settings: one of them says what rules begin with.
    if let Some((key, value)) = document.get_ref().iter().find(|(key, _)| *key.get_ref() == USERS) {
        match user_lines::read(value, reader.settings.acl_pubsub_default) {
            Ok(lines) => declared.users = lines,
            Err(wrong) => wrong.into_iter().for_each(|(at, what)| reader.problem_at(key.get_ref(), at, what)),
        }
    }
    if let Some((key, value)) = nodes_in(document.get_ref()) {
        match cluster_nodes::read(key, value) {
            Ok(nodes) => {
                let line = line_at(text, &value_begin(value).unwrap_or(key.span()));
                declared.nodes = Some(NodesSection { nodes, path: path.to_owned(), line });
            }
            Err(wrong) => wrong.into_iter().for_each(|(name, at, what)| reader.problem_at(&name, at, what)),
        }
    }
    reader.found.sort_by_key(|(at, _)| *at);
    problems.extend(reader.found.into_iter().map(|(_, problem)| problem));
}

/// The nodes of a cluster in a file.
fn nodes_in<'a, 'b>(document: &'a DeTable<'b>) -> Option<(&'a Key<'b>, &'a Value<'b>)> {
    let (_, table) = document.iter().find(|(key, _)| *key.get_ref() == Group::Cluster.name())?;
    let DeValue::Table(keys) = table.get_ref() else { return None };
    keys.iter().find(|(key, _)| *key.get_ref() == NODES)
}

/// Where the first item of an array begins: with `[[name]]` tables the array itself has no place of its own.
fn value_begin(value: &Value<'_>) -> Option<Range<usize>> {
    let DeValue::Array(items) = value.get_ref() else { return None };
    items.iter().next().map(|item| item.span())
}

/// The line of a place in `text`, counted from 1.
fn line_at(text: &str, span: &Range<usize>) -> usize {
    1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count()
}

type Key<'a> = Spanned<DeString<'a>>;
type Value<'a> = Spanned<DeValue<'a>>;

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    settings: &'a mut Settings,
    /// Problems with their offset, since the parser gives keys in alphabetical order.
    found: Vec<(usize, Problem)>,
    /// The settings already set, because one may be given by its name and again by an alias.
    seen: Vec<&'static str>,
}

impl Reader<'_> {
    fn table(&mut self, key: &Key<'_>, value: &Value<'_>) {
        let name: &str = key.get_ref();
        if name == USERS {
            return;
        }
        let Some(group) = Group::ALL.into_iter().find(|group| group.name() == name) else {
            let what = match find(name.as_bytes()) {
                Some(row) => format!("this setting belongs under [{}]", row.group.name()),
                None => unknown_table(name),
            };
            return self.problem(key, what);
        };
        match value.get_ref() {
            DeValue::Table(keys) => {
                let is_setting = |key: &Key<'_>| !(group == Group::Cluster && *key.get_ref() == NODES);
                let settings = keys.iter().filter(|(key, _)| is_setting(key));
                settings.for_each(|(key, value)| self.setting(group, key, value));
            }
            _ => self.problem(key, format!("this is a table of settings: write [{name}]")),
        }
    }

    fn setting(&mut self, group: Group, key: &Key<'_>, value: &Value<'_>) {
        let name: &str = key.get_ref();
        // TOML keys are exact, unlike Redis's directives.
        let row = find(name.as_bytes()).filter(|row| row.name == name || row.aliases.contains(&name));
        let outcome = match row {
            None => Err(unknown(name)),
            Some(row) if row.group != group => Err(format!("this setting belongs under [{}]", row.group.name())),
            Some(row) => self.set(row, value),
        };
        if let Err(what) = outcome {
            self.problem(key, what);
        }
    }

    fn set(&mut self, row: &Row, value: &Value<'_>) -> Result<(), String> {
        if self.seen.contains(&row.name) {
            return Err("this setting is given twice, by its name and by an alias".to_owned());
        }
        self.seen.push(row.name);
        let text = syntax::read(&row.kind, value.get_ref())?;
        row.set(self.settings, &text)
    }

    fn problem(&mut self, key: &Key<'_>, what: String) {
        self.problem_at(key.get_ref(), key.span().start, what);
    }

    /// Adds a problem with what stands at an offset and belongs to a key.
    fn problem_at(&mut self, key: &str, at: usize, what: String) {
        let line = line_at(self.text, &(at..at));
        // A key may hold what would disturb a terminal.
        let name = key.replace(char::is_control, "?");
        let place = Place::Key(self.path.to_owned(), line, name);
        self.found.push((at, Problem { place, what }));
    }
}

fn unknown_table(name: &str) -> String {
    let tables = Group::ALL.map(Group::name).join(", ");
    match shard::settings::nearest(name).and_then(|near| Some((near, find(near.as_bytes())?))) {
        Some((near, row)) => {
            format!("no table has this name; did you mean the setting '{near}' under [{}]?", row.group.name())
        }
        None => format!("no table has this name; there are {tables}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        let (mut settings, mut declared, mut problems) = (Settings::default(), Declared::default(), Vec::new());
        apply(Path::new("a.toml"), text, &mut settings, &mut declared, &mut problems);
        let lines: Vec<String> =
            problems.iter().map(|problem| format!("{}: {}", problem.place, problem.what)).collect();
        match lines.is_empty() {
            true => Ok(settings),
            false => Err(lines.join("\n")),
        }
    }

    fn check(text: &str, name: &str, expected: &[u8]) {
        let settings = read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(find(name.as_bytes()).unwrap().get(&settings), expected, "{text}");
    }

    #[test]
    fn reads_each_kind() {
        check("", "port", b"6379");
        check("[network]\nport = 7000", "port", b"7000");
        check("network.port = 0x1b58", "port", b"7000");
        check("network = { port = 7_000 }", "port", b"7000");
        check("[network]\nbind = [\"127.0.0.1\", \"-::1\"]", "bind", b"127.0.0.1 -::1");
        check("[network]\nbind = []", "bind", b"");
        check("[network]\nbind = \"127.0.0.1 ::1\"", "bind", b"127.0.0.1 ::1");
        check("[persistence]\nsave = \"\"", "save", b"");
        check("[network]\nunixsocketperm = \"770\"", "unixsocketperm", b"770");
        check("[security]\nprotected-mode = false", "protected-mode", b"no");
        check("[security]\nrequirepass = \"a\\u0000\\n\"", "requirepass", b"a\0\n");
        check("[security]\nrequirepass = { hex = \"00fF\" }", "requirepass", b"\0\xff");
        check("[security]\nenable-debug-command = \"local\"", "enable-debug-command", b"local");
        check("[clients]\nproto-max-bulk-len = \"1mb\"", "proto-max-bulk-len", b"1048576");
        check("[clients]\nproto-max-bulk-len = 1048576", "proto-max-bulk-len", b"1048576");
        check(
            "[statistics]\nlatency-tracking-info-percentiles = [50, 99.9]",
            "latency-tracking-info-percentiles",
            b"50 99.9",
        );
        check("[scripts]\nlua-time-limit = 7", "busy-reply-threshold", b"7");
        check(
            "[clients]\nclient-output-buffer-limit = { normal = \"1kb 2 3\", replica = \"4 5 6\" }",
            "client-output-buffer-limit",
            b"normal 1024 2 3 slave 4 5 6 pubsub 33554432 8388608 60",
        );
    }

    /// A file and the start of what is wrong with it.
    const WRONG: &[(&str, &str)] = &[
        ("\n[network]\nprot = 1", "a.toml:3: prot: no setting has this name; did you mean 'port'?"),
        ("port = 1", "a.toml:1: port: this setting belongs under [network]"),
        ("[clients]\nport = 1", "a.toml:2: port: this setting belongs under [network]"),
        ("[netwrk]\nport = 1", "a.toml:1: netwrk: no table has this name; there are network, "),
        ("prot = 1", "a.toml:1: prot: no table has this name; did you mean the setting 'port' under [network]?"),
        ("network = 1", "a.toml:1: network: this is a table of settings: write [network]"),
        ("[network]\nPort = 1", "a.toml:2: Port: no setting has this name; did you mean 'port'?"),
        ("[network]\nport = \"1\"", "a.toml:2: port: expected an integer, found a string"),
        ("[network]\nport = 70000", "a.toml:2: port: argument must be between 0 and 65535 inclusive"),
        ("[network]\nport = 99999999999999999999", "a.toml:2: port: "),
        ("[network]\nbind = 1", "a.toml:2: bind: expected a string or an array of strings, found an integer"),
        ("[network]\nbind = [1]", "a.toml:2: bind: expected a string or an array of strings, found an integer in it"),
        (
            "[network]\nbind = [\"a b\"]",
            "a.toml:2: bind: expected a string or an array of strings, found a space in one",
        ),
        (
            "[network]\nunixsocketperm = 770",
            "a.toml:2: unixsocketperm: expected a string of octal digits, found an integer",
        ),
        ("[security]\nprotected-mode = \"yes\"", "a.toml:2: protected-mode: expected true or false, found a string"),
        (
            "[security]\nrequirepass = { hex = \"0\" }",
            "a.toml:2: requirepass: expected a string or { hex = \"…\" } with two digits per byte",
        ),
        ("[log]\nloglevel = 1979-05-27", "a.toml:2: loglevel: expected a string, found a date"),
        ("[persistence]\nappendonly = true", "a.toml:2: appendonly: this server supports only 'no' here"),
        (
            "[scripts]\nbusy-reply-threshold = 1\nlua-time-limit = 1",
            "a.toml:3: lua-time-limit: this setting is given twice",
        ),
        (
            "[network]\ntimeout = -1\nport = true\n[cores]\nhz = 1.5",
            "a.toml:2: timeout: argument must be between 0 and 2147483647 inclusive\n\
                 a.toml:3: port: expected an integer, found true or false\n\
                 a.toml:5: hz: expected an integer, found a number with decimals",
        ),
        ("users = 1", "a.toml:1: users: expected [[users]] tables with name and rules"),
        ("users = [1]", "a.toml:1: users: expected a table with name and rules"),
        ("[[users]]\nname = \"a\"\nrules = 1", "a.toml:3: users: expected a string"),
        ("[[users]]\nrules = \"on\"", "a.toml:1: users: a user has a name"),
        ("[[users]]\nname = \"a\"\nrule = \"on\"", "a.toml:3: users: a user has a name and rules, nothing else"),
        ("[[users]]\nname = \"a b\"", "a.toml:1: users: a user's name has no spaces"),
        (
            "[[users]]\nname = \"a\"\n\nrules = \"on +foo\"",
            "a.toml:4: users: '+foo': Unknown command or category name in ACL",
        ),
        ("[[users]]\nname = \"a\"\nrules = \"hunter2\"", "a.toml:3: users: Syntax error"),
        ("[[users]]\nname = \"a\"\nrules = \"(+get\"", "a.toml:3: users: a parenthesis is not closed"),
        (
            "[[users]]\nname = \"a\"\n[[users]]\nname = \"a\"",
            "a.toml:3: users: a user of this name was declared before",
        ),
        ("[network]\nport = 1\nport = 2", "a.toml:3: not TOML: duplicate key"),
        ("[network\nport = 1", "a.toml:1: not TOML: "),
    ];

    #[test]
    fn says_what_is_wrong_and_where() {
        for (text, expected) in WRONG {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}\n{error}");
        }
    }

    #[test]
    fn no_problem_shows_a_password() {
        for value in [
            "hunter2",
            "\"hunter2",
            "'hunter2",
            "\"hunter2\" x",
            "[\"hunter2\"]",
            "\"\\hunter2\"",
            "{ hunter2 }",
            "{ hex = \"hunter2\" }",
            "\"\"\"hunter2",
        ] {
            let error = read(&format!("[security]\nrequirepass = {value}\n")).unwrap_err();
            assert!(!error.contains("hunter2") && error.starts_with("a.toml:"), "{value}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "(\\[(network|clients|security|zz)\\]|port|bind|requirepass|=|\\[|\\]|\\{|\\}|\"|'|\n|,|[0-9]{1,3}|true|.){0,24}") {
            let _ = read(&text);
        }
    }
}
