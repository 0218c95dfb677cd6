//! Arguments in the style of redis-server: `[FILE] [--name value …]`, the values of a flag reaching to the next flag.
//!
//! As in redis-server, flags are names of settings in any case, a repeated flag replaces what it set before, and an argument with
//! dashes directly behind a flag is its value (`--requirepass --abc`), unless it is the name of a setting. `--name=value` is not accepted.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use shard::settings::{Row, Settings, find};

use super::error::{Problem, in_argument, unknown};
use super::usage;

/// What the arguments ask for.
pub(super) enum Request {
    /// Print this text and exit.
    Print(String),
    /// Serve.
    Serve(Arguments),
}

/// The arguments of a server that is to serve.
#[derive(Default)]
pub(super) struct Arguments {
    pub(super) config_file: Option<PathBuf>,
    pub(super) flags: Vec<Flag>,
}

/// One flag: its name without dashes, and its values.
pub(super) struct Flag {
    name: Vec<u8>,
    values: Vec<Vec<u8>>,
}

impl Flag {
    fn shown(&self) -> String {
        format!("--{}", String::from_utf8_lossy(&self.name).replace(char::is_control, "?"))
    }
}

/// Sorts the arguments, without the program's own name.
///
/// Errors: an argument that is neither the file in front nor belongs to a flag. Names and values are not looked at.
pub(super) fn read(args: &[OsString]) -> Result<Request, Problem> {
    let mut arguments = Arguments::default();
    for (index, arg) in args.iter().enumerate() {
        let bytes = arg.as_bytes();
        if index == 0 {
            if let Some(text) = usage::printed(bytes) {
                return Ok(Request::Print(text));
            }
            if !bytes.starts_with(b"-") {
                arguments.config_file = Some(PathBuf::from(arg));
                continue;
            }
        }
        let name = bytes.strip_prefix(b"--");
        let is_value = match (arguments.flags.last(), name) {
            (Some(flag), Some(name)) => flag.values.is_empty() && !starts_a_flag(name),
            (Some(_), None) => true,
            (None, _) => false,
        };
        match (name, arguments.flags.last_mut()) {
            (_, Some(flag)) if is_value => flag.values.push(bytes.to_vec()),
            (Some(name), _) => match usage::printed(bytes) {
                Some(text) => return Ok(Request::Print(text)),
                None => arguments.flags.push(Flag { name: name.to_vec(), values: Vec::new() }),
            },
            (None, _) => return Err(in_argument(shown(arg), stray(bytes))),
        }
    }
    Ok(Request::Serve(arguments))
}

/// Whether an argument with dashes directly behind a flag is a flag itself rather than that flag's value.
fn starts_a_flag(name: &[u8]) -> bool {
    find(name).is_some() || usage::printed(&[b"--", name].concat()).is_some()
}

fn stray(arg: &[u8]) -> &'static str {
    match arg {
        b"-" => "the configuration cannot be read from standard input; give its path",
        _ => "flags have two dashes, as in '--port 7000', and follow the configuration file",
    }
}

fn shown(arg: &OsStr) -> String {
    format!("'{}'", arg.to_string_lossy().replace(char::is_control, "?"))
}

/// Sets what the flags say, in their order.
pub(super) fn apply(flags: &[Flag], settings: &mut Settings, problems: &mut Vec<Problem>) {
    for flag in flags {
        let outcome = match find(&flag.name) {
            Some(row) => value(row, &flag.values).and_then(|value| row.set(settings, &value)),
            None => Err(unknown_flag(&flag.name)),
        };
        if let Err(what) = outcome {
            problems.push(in_argument(flag.shown(), what));
        }
    }
}

/// The text of a value that was given as several arguments.
fn value(row: &Row, values: &[Vec<u8>]) -> Result<Vec<u8>, String> {
    match values {
        [value] => Ok(value.clone()),
        // redis-server takes `--save` alone for "no snapshots", though no other list.
        [] if row.name != "save" => Err("wrong number of arguments".to_owned()),
        several if row.kind.is_list() => Ok(several.join(&b' ')),
        _ => Err("wrong number of arguments".to_owned()),
    }
}

fn unknown_flag(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    match name.split_once('=') {
        Some((setting, _)) if find(setting.as_bytes()).is_some() => {
            format!("write '--{setting}', a space and the value")
        }
        _ => unknown(&name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(args: &[&str]) -> Result<Settings, String> {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let arguments = match read(&args) {
            Ok(Request::Serve(arguments)) => arguments,
            Ok(Request::Print(text)) => {
                return Err(format!("print: {}", text.lines().next().unwrap_or_default()));
            }
            Err(problem) => return Err(format!("{}: {}", problem.place, problem.what)),
        };
        let (mut settings, mut problems) = (Settings::default(), Vec::new());
        apply(&arguments.flags, &mut settings, &mut problems);
        match problems.is_empty() {
            true => Ok(settings),
            false => Err(problems
                .iter()
                .map(|problem| format!("{}: {}", problem.place, problem.what))
                .collect::<Vec<_>>()
                .join("\n")),
        }
    }

    fn check(args: &[&str], name: &str, expected: &str) {
        let settings = settings(args).unwrap_or_else(|error| panic!("{args:?}: {error}"));
        let row = find(name.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(row.get(&settings)).unwrap(), expected, "{args:?}");
    }

    #[test]
    fn sets_what_flags_say() {
        check(&[], "port", "6379");
        check(&["--port", "7000"], "port", "7000");
        check(&["--PORT", "7000", "--Hz", "20"], "hz", "20");
        check(&["--port", "7000", "--port", "7001"], "port", "7001");
        check(&["--save", "", "--port", "7000"], "port", "7000");
        check(&["--save", "--port", "7000"], "port", "7000");
        check(&["--port", "7000", "--save"], "save", "");
        check(&["--bind", "127.0.0.1", "::1"], "bind", "127.0.0.1 ::1");
        check(&["--bind", "127.0.0.1 ::1"], "bind", "127.0.0.1 ::1");
        check(&["--requirepass", "--abc"], "requirepass", "--abc");
        check(&["--requirepass", "-abc"], "requirepass", "-abc");
        check(&["--requirepass", "-"], "requirepass", "-");
        check(&["--logfile", ""], "logfile", "");
        check(&["--slowlog-log-slower-than", "-1"], "slowlog-log-slower-than", "-1");
        check(&["--lua-time-limit", "7"], "busy-reply-threshold", "7");
        check(&["--latency-tracking-info-percentiles", "50", "90"], "latency-tracking-info-percentiles", "50 90");
        check(
            &["--client-output-buffer-limit", "normal", "1", "2", "3", "pubsub", "4", "5", "6"],
            "client-output-buffer-limit",
            "normal 1 2 3 slave 268435456 67108864 60 pubsub 4 5 6",
        );
        check(&["file.toml", "--port", "7000"], "port", "7000");
    }

    #[test]
    fn says_what_is_wrong() {
        let rows: &[(&[&str], &str)] = &[
            (&["--prot", "1"], "--prot: no setting has this name; did you mean 'port'?"),
            (&["--zzzzzzzz", "1"], "--zzzzzzzz: no setting has this name; --help lists all"),
            (&["--port=7000"], "--port=7000: write '--port', a space and the value"),
            (&["--port"], "--port: wrong number of arguments"),
            (&["--loglevel", "--port", "7000"], "--loglevel: wrong number of arguments"),
            (&["--port", "7000", "7001"], "--port: wrong number of arguments"),
            (&["--port", "x"], "--port: argument couldn't be parsed into an integer"),
            (&["--appendonly", "yes"], "--appendonly: this server supports only 'no' here"),
            (&["--save", "60", "1"], "--save: this server supports only '' here"),
            (
                &["--hz", "x", "--loglevel", "x"],
                "--hz: argument couldn't be parsed into an integer\n\
                 --loglevel: argument(s) must be one of the following: debug, verbose, notice, warning",
            ),
            (&["-"], "'-': the configuration cannot be read from standard input; give its path"),
            (&["-x"], "'-x': flags have two dashes, as in '--port 7000', and follow the configuration file"),
            (
                &["a.toml", "b.toml"],
                "'b.toml': flags have two dashes, as in '--port 7000', and follow the configuration file",
            ),
            (&["--"], "--: no setting has this name; --help lists all"),
            (&["-v", "--foo"], "print: Ashlar server v=7.2.4"),
        ];
        for (args, expected) in rows {
            let error = settings(args).unwrap_err();
            assert!(error.starts_with(expected), "{args:?}: {error}");
        }
    }

    #[test]
    fn texts_are_printed_on_request() {
        for args in [
            &["-v"][..],
            &["--version"],
            &["-h"],
            &["--help"],
            &["--sample-config"],
            &["--port", "1", "--help"],
            &["a.toml", "--version"],
        ] {
            assert!(settings(args).unwrap_err().starts_with("print: "), "{args:?}");
        }
    }
}
