//! `docs`: COMMAND DOCS field by field. Texts are our own words; everything else is Redis's: the order of the fields, versions, flags
//! and the tree of arguments with names, types, tokens, versions and key specs.

use super::same_type;
use crate::exceptions::DOCS_OF_LATER_VERSIONS;
use crate::frame::Frame;

/// Fields that explain: each must be there, and is ours.
const EXPLANATIONS: [&str; 3] = ["summary", "complexity", "replaced_by"];

/// Whether `ours` documents the same commands as Redis's `reference` in the same way.
pub(super) fn agree(reference: &Frame, ours: &Frame) -> bool {
    every_field(reference, ours, |_, reference, ours| every_field(reference, ours, command_field))
}

/// Whether both are maps of the same fields in the same order, and `same` holds for each.
fn every_field(reference: &Frame, ours: &Frame, same: impl Fn(&str, &Frame, &Frame) -> bool) -> bool {
    let (Some(fields), Some(our_fields)) = (reference.pairs(), ours.pairs()) else { return false };
    same_type(reference, ours)
        && fields.len() == our_fields.len()
        && fields
            .iter()
            .zip(&our_fields)
            .all(|((name, value), (our_name, our_value))| name == our_name && same(&name_of(name), value, our_value))
}

fn command_field(field: &str, reference: &Frame, ours: &Frame) -> bool {
    match field {
        field if EXPLANATIONS.contains(&field) => same_type(reference, ours),
        "doc_flags" => super::sorted(reference) == super::sorted(ours),
        "history" => {
            let version = |change: &Frame| change.items().map_or(String::new(), |change| name_of(&change[0]));
            let ours = without_later(ours, version);
            each(reference, &ours, |change, ours| version(change) == version(ours))
        }
        "arguments" => arguments(reference, ours),
        "subcommands" => subcommands(reference, ours),
        _ => reference == ours,
    }
}

/// Whether both are lists of the same length, and `same` holds for each member.
fn each(reference: &Frame, ours: &Frame, same: impl Fn(&Frame, &Frame) -> bool) -> bool {
    let (Some(members), Some(our_members)) = (reference.items(), ours.items()) else { return false };
    same_type(reference, ours)
        && members.len() == our_members.len()
        && members.iter().zip(our_members).all(|(member, ours)| same(member, ours))
}

fn arguments(reference: &Frame, ours: &Frame) -> bool {
    let ours = without_later(ours, |argument| argument.pairs().map_or(String::new(), |fields| name_of(fields[0].1)));
    each(reference, &ours, |argument, ours| {
        every_field(argument, ours, |field, reference, ours| match field {
            "arguments" => arguments(reference, ours),
            "flags" => super::sorted(reference) == super::sorted(ours),
            _ => reference == ours,
        })
    })
}

/// A list without those members of which a later version brought what `named` says.
fn without_later(list: &Frame, named: impl Fn(&Frame) -> String) -> Frame {
    match list {
        Frame::Array(members) => Frame::Array(members.iter().filter(|m| !is_later(&named(m))).cloned().collect()),
        Frame::Set(members) => Frame::Set(members.iter().filter(|m| !is_later(&named(m))).cloned().collect()),
        other => other.clone(),
    }
}

/// Each subcommand of ours is one of Redis's. Which are missing is seen elsewhere: they answer an error.
fn subcommands(reference: &Frame, ours: &Frame) -> bool {
    let (Some(all), Some(our)) = (reference.pairs(), ours.pairs()) else { return false };
    same_type(reference, ours)
        && our.iter().filter(|(name, _)| !is_later(&name_of(name))).all(|(name, ours)| {
            let known = all.iter().find(|(known, _)| known == name);
            known.is_some_and(|(_, reference)| every_field(reference, ours, command_field))
        })
}

fn is_later(name: &str) -> bool {
    DOCS_OF_LATER_VERSIONS.contains(&name)
}

fn name_of(frame: &Frame) -> String {
    super::text_of(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Docs of a command `x` with one argument, in RESP2's form: its name, kind, flags and since when the command exists.
    fn docs(argument: [&str; 4], more: &[&str]) -> Frame {
        let text = |text: &str| Frame::Bulk(text.as_bytes().to_vec());
        let [name, kind, flags, since] = argument;
        let one = |name: &str| {
            let flags = Frame::Array(flags.split(' ').map(text).collect());
            Frame::Array(vec![text("name"), text(name), text("type"), text(kind), text("flags"), flags])
        };
        let arguments = Frame::Array([name].iter().chain(more).map(|name| one(name)).collect());
        let fields = vec![text("summary"), text(since), text("since"), text(since), text("arguments"), arguments];
        Frame::Array(vec![text("x"), Frame::Array(fields)])
    }

    #[test]
    fn only_texts_the_order_of_flags_and_what_is_excepted_may_differ() {
        let reference = docs(["key", "key", "optional multiple", "1.0.0"], &[]);
        let good = [docs(["key", "key", "multiple optional", "1.0.0"], &["maxage"]), reference.clone()];
        let bad = [
            docs(["kex", "key", "optional multiple", "1.0.0"], &[]),
            docs(["key", "string", "optional multiple", "1.0.0"], &[]),
            docs(["key", "key", "optional", "1.0.0"], &[]),
            docs(["key", "key", "optional multiple", "1.0.1"], &[]),
            docs(["key", "key", "optional multiple", "1.0.0"], &["other"]),
        ];
        good.iter().for_each(|ours| assert!(agree(&reference, ours), "{ours}"));
        bad.iter().for_each(|ours| assert!(!agree(&reference, ours), "{ours}"));
    }
}
