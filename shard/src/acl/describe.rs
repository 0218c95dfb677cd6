//! The rules that make a set of commands, as ACL LIST and GETUSER print them.
//!
//! They are not the rules that were given: they start from all or nothing, go on with the categories that say most in one word,
//! and end with single commands.

use crate::command::{self, Command};

use super::command_set::{CommandSet, MEMBERS, Members, Sign, listed};

/// Prints the rules of a set.
pub(super) fn describe(set: &CommandSet) -> Vec<u8> {
    let table = command::table();
    // The sign of what is said after all or nothing.
    let sign = if set.is_from_all() { Sign::Minus } else { Sign::Plus };
    let mut made = CommandSet::none();
    made.set_all(sign.inverse());
    let mut out = format!("{}@all", sign.inverse().letter());
    let mut left = set.clone();
    let mut unused: Vec<&Members> = MEMBERS.iter().collect();
    while let Some(place) = best(&left, &unused, sign) {
        let category = unused.remove(place).category;
        made.set_category(category, sign);
        left.set_category(category, sign.inverse());
        let name = category.names().next().expect("a category has a name");
        out += &format!(" {}@{name}", sign.letter());
    }
    let mut out = out.into_bytes();
    for command in listed(table) {
        single(set, &mut made, command, &mut out);
    }
    out
}

/// Where the category stands that brings `left` nearest to what has been said already.
fn best(left: &CommandSet, categories: &[&Members], sign: Sign) -> Option<usize> {
    let mut best: Option<(usize, usize, usize)> = None;
    for (place, members) in categories.iter().enumerate() {
        let (inside, outside) = members.count(left);
        let (same, wrong) = if sign == Sign::Plus { (inside, outside) } else { (outside, inside) };
        let better = best.is_none_or(|(_, least, most)| wrong < least || (wrong == least && same > most));
        if same > wrong && better {
            best = Some((place, wrong, same));
        }
    }
    best.map(|(place, _, _)| place)
}

/// Prints what is to be said about one command.
fn single(set: &CommandSet, made: &mut CommandSet, command: &Command, out: &mut Vec<u8>) {
    let (allowed, name) = (set.has(command.id), command.spec.name.as_bytes());
    if allowed != made.has(command.id) {
        let sign = if allowed { Sign::Plus } else { Sign::Minus };
        out.extend_from_slice(format!(" {}", sign.letter()).as_bytes());
        out.extend_from_slice(name);
        made.set(command.id, sign);
    }
    if !allowed {
        for arg in set.first_args(command.id) {
            out.extend_from_slice(&[b" +", name, b"|", arg].concat());
        }
    }
}
