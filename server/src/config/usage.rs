//! The texts that `--version`, `--help` and `--sample-config` print.

use std::fmt::Write as _;

use shard::settings::{Change, Group, Kind, ROWS, Row, Settings};

use super::syntax;

/// The version of Redis whose commands this server has: what clients decide by.
pub(crate) const REDIS_VERSION: &str = "7.2.4";

/// The text that an argument asks for, if it is one of those that only print.
pub(super) fn printed(argument: &[u8]) -> Option<String> {
    match argument {
        b"-v" | b"--version" => Some(version()),
        b"-h" | b"--help" => Some(help()),
        b"--sample-config" => Some(sample_config()),
        _ => None,
    }
}

/// One line in redis-server's form, for scripts that parse it.
fn version() -> String {
    let own = env!("CARGO_PKG_VERSION");
    // redis-server prints a checksum of its build here; ours is one of the version.
    let build = own
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let bits = usize::BITS;
    format!("Ashlar server v={REDIS_VERSION} sha=00000000:0 malloc=mimalloc bits={bits} build={build:x} ashlar={own}\n")
}

fn help() -> String {
    let mut text = "\
Usage: ashlar [CONFIG.toml] [--SETTING VALUE ...]
       ashlar --sample-config   print a configuration with every setting and its default
       ashlar -v or --version
       ashlar -h or --help

Examples:
       ashlar
       ashlar --port 7000 --bind 127.0.0.1 ::1 --save \"\"
       ashlar /etc/ashlar/ashlar.toml --loglevel verbose

Flags win over CONFIG.overrides.toml, where CONFIG REWRITE saves what was changed at run time, and that
wins over CONFIG.toml. Settings, by their tables in CONFIG.toml:
"
    .to_owned();
    let defaults = Settings::default();
    for group in Group::ALL {
        line(&mut text, &format!("\n[{}]", group.name()));
        for row in ROWS.iter().filter(|row| row.group == group) {
            let default = String::from_utf8_lossy(&row.get(&defaults)).into_owned();
            let default = if default.contains(' ') || default.is_empty() { format!("\"{default}\"") } else { default };
            line(&mut text, &format!("  --{} {default}", row.name));
            let aliases: String = row.aliases.iter().map(|alias| format!(" Also --{alias}.")).collect();
            line(&mut text, &format!("      {}{aliases}", sentence(row)));
        }
    }
    text
}

/// The commented sample: every setting with its default, commented out. `deploy/ashlar.toml` is this text.
fn sample_config() -> String {
    let mut text = "\
# Configuration of ashlar: every setting with its default. Remove the '#' in front of a name to change it.
# Start with: ashlar THIS_FILE. Each setting is also a flag: ashlar --port 7000
# Sizes take units: 1k is 1000 bytes, 1kb is 1024; likewise m, mb, g, gb.
# CONFIG REWRITE writes to a file of its own beside this one (NAME.overrides.toml) and never changes this one. Servers that share it
# have a file each: NAME.PORT.overrides.toml where a flag gives another port, NAME.IP-PORT.overrides.toml for [[cluster.nodes]].
"
    .to_owned();
    let defaults = Settings::default();
    for group in Group::ALL {
        line(&mut text, &format!("\n[{}]", group.name()));
        for row in ROWS.iter().filter(|row| row.group == group) {
            wrapped(&mut text, &(sentence(row) + &notes(row)));
            line(&mut text, &format!("#{} = {}\n", row.name, syntax::write(&row.kind, &row.get(&defaults))));
        }
        text.pop();
    }
    text += USERS_SAMPLE;
    text
}

/// What the sample says about users, which are no settings.
const USERS_SAMPLE: &str = "
# Users beside the one named default, whose password is requirepass. Rules are those of ACL SETUSER.
#   [[users]]
#   name = \"alice\"
#   rules = \"on >password ~cache:* +@read\"
";

/// The documentation of a row as one line.
fn sentence(row: &Row) -> String {
    row.doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What may be set and when, in brackets behind a space. Nothing where there is no choice.
fn notes(row: &Row) -> String {
    if row.only.is_some() {
        return String::new();
    }
    let values = match row.kind {
        Kind::Integer { max: i64::MAX, min } => Some(format!("from {min}")),
        Kind::Integer { min, max } => Some(format!("{min} to {max}")),
        Kind::Clamped { low, high } => Some(format!("{low} to {high}")),
        Kind::PowerOfTwo { min, max } => Some(format!("{min} to {max}, a power of two")),
        Kind::Bytes { min, max: u64::MAX } => Some(format!("from {min}")),
        Kind::Bytes { min, max } => {
            let [min, max] =
                [min, max].map(|bytes| syntax::write(&row.kind, bytes.to_string().as_bytes()).replace('"', ""));
            Some(format!("{min} to {max}"))
        }
        Kind::OneOf(words) => Some(words.join(", ")),
        _ => None,
    };
    let when = match row.change {
        Change::Anytime => "also by CONFIG SET",
        Change::AtStart | Change::Protected => "only at start",
    };
    match values {
        Some(values) => format!(" ({values}; {when})"),
        None => format!(" ({when})"),
    }
}

/// Columns of the sample file.
const COLUMNS: usize = 110;

/// Adds `sentence` as comment lines.
fn wrapped(text: &mut String, sentence: &str) {
    let mut current = String::from("#");
    for word in sentence.split(' ') {
        if current.len() + 1 + word.len() > COLUMNS {
            line(text, &current);
            current = String::from("#");
        }
        current.push(' ');
        current.push_str(word);
    }
    line(text, &current);
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string does not fail");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::file;
    use super::*;

    fn read(text: &str) -> Settings {
        let (mut settings, mut problems) = (Settings::default(), Vec::new());
        file::apply(Path::new("sample"), text, &mut settings, &mut Default::default(), &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        settings
    }

    #[test]
    fn the_committed_sample_is_the_generated_one() {
        let committed = include_str!("../../../deploy/ashlar.toml");
        assert!(committed == sample_config(), "run: ashlar --sample-config > deploy/ashlar.toml");
    }

    #[test]
    fn the_sample_says_the_defaults_with_and_without_its_comment_signs() {
        let sample = sample_config();
        assert_eq!(read(&sample), Settings::default());
        let uncommented: Vec<&str> = sample
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if !rest.starts_with(' ') => rest,
                _ => line,
            })
            .collect();
        let settings = uncommented.iter().filter(|line| line.contains(" = ") && !line.starts_with('#')).count();
        assert_eq!(settings, ROWS.len());
        assert_eq!(read(&uncommented.join("\n")), Settings::default());
    }

    #[test]
    fn the_version_is_one_line_that_scripts_for_redis_parse() {
        let version = version();
        assert_eq!(version.lines().count(), 1);
        let words: Vec<&str> = version.split_whitespace().collect();
        assert_eq!(words[..4], ["Ashlar", "server", "v=7.2.4", "sha=00000000:0"]);
        assert!(words.contains(&"bits=64") && words.iter().any(|word| word.starts_with("ashlar=")));
    }

    #[test]
    fn help_lists_every_setting() {
        let help = help();
        for row in ROWS {
            assert!(help.contains(&format!("\n  --{} ", row.name)), "{}", row.name);
        }
    }
}
