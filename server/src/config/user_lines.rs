//! The users of a TOML file: `[[users]]` tables, each with a `name` and `rules`, or the same as an array.

use std::collections::HashSet;

use shard::acl::{UserLine, Users};
use shard::settings::PubsubDefault;
use toml::Spanned;
use toml::de::DeValue;

use super::syntax::quoted;

/// A user that is wrong: its place in the file, and why. Rules are quoted only where they name commands.
pub(super) type WrongUser = (usize, String);

type Value<'a> = Spanned<DeValue<'a>>;

/// Reads the users, whose selectors begin with these channels.
pub(super) fn read(value: &Value<'_>, channels: PubsubDefault) -> Result<Vec<UserLine>, Vec<WrongUser>> {
    let DeValue::Array(items) = value.get_ref() else {
        return Err(vec![(value.span().start, "expected [[users]] tables with name and rules".to_owned())]);
    };
    let (mut lines, mut wrong, mut names) = (Vec::new(), Vec::new(), HashSet::new());
    for item in items.iter() {
        match read_one(item, channels) {
            Ok(line) if !names.insert(line.name.clone()) => {
                wrong.push((item.span().start, "a user of this name was declared before".to_owned()));
            }
            Ok(line) => lines.push(line),
            Err(what) => wrong.push(what),
        }
    }
    if wrong.is_empty() { Ok(lines) } else { Err(wrong) }
}

fn read_one(item: &Value<'_>, channels: PubsubDefault) -> Result<UserLine, WrongUser> {
    let at = item.span().start;
    let DeValue::Table(keys) = item.get_ref() else {
        return Err((at, "expected a table with name and rules".to_owned()));
    };
    let mut line = UserLine { name: String::new(), rules: String::new() };
    let (mut named, mut rules_at) = (false, at);
    for (key, value) in keys {
        let DeValue::String(text) = value.get_ref() else {
            return Err((key.span().start, "expected a string".to_owned()));
        };
        match &**key.get_ref() {
            "name" => (line.name, named) = (text.to_string(), true),
            "rules" => (line.rules, rules_at) = (text.to_string(), key.span().start),
            _ => return Err((key.span().start, "a user has a name and rules, nothing else".to_owned())),
        }
    }
    if !named {
        return Err((at, "a user has a name".to_owned()));
    }
    let checked = Users::new(b"", channels).declare_lines(std::slice::from_ref(&line));
    checked.map_err(|(_, what)| (rules_at, what))?;
    Ok(line)
}

/// Users as a line of TOML that stands before every table.
pub(super) fn write(lines: &[UserLine]) -> String {
    let items = lines
        .iter()
        .map(|line| format!("\n    {{ name = {}, rules = {} }},", quoted(&line.name), quoted(&line.rules)))
        .collect::<String>();
    let end = if items.is_empty() { "" } else { "\n" };
    format!("users = [{items}{end}]\n")
}
