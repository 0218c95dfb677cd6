//! Tests of access control.

mod model;
mod rules;
mod state;

use keyspace::args::OwnedArgs;

use crate::command;
use crate::settings::PubsubDefault;

use super::*;

/// A user with these rules.
fn user(rules: &str) -> User {
    let mut users = Users::new(b"", PubsubDefault::Resetchannels);
    users.set(b"u", rules.split_whitespace().map(str::as_bytes)).unwrap_or_else(|error| panic!("{rules}: {error:?}"));
    User::clone(users.get(b"u").expect("it was just made"))
}

/// What a user with these rules lacks for a command: a letter and the index.
fn lacks(rules: &str, command: &str) -> String {
    let args: OwnedArgs = command.split(' ').collect();
    let found = command::table().named_by(args.args()).or_else(|| command::table().find_command(args.args().at(0)));
    let found = found.unwrap_or_else(|| panic!("{command}"));
    match check(&user(rules), found, args.args()) {
        Ok(()) => "-".to_owned(),
        Err(Denied::Command) => "command".to_owned(),
        Err(Denied::Key(index)) => format!("key {index}"),
        Err(Denied::Channel(index)) => format!("channel {index}"),
    }
}
