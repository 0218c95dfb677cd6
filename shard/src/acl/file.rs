//! The aclfile: a line `user NAME RULES…` for every user. Its texts are Redis's, so that files go from one to the other.

use std::sync::Arc;

use crate::settings::PubsubDefault;

use super::rules::{RuleError, join_selectors};
use super::selector::has_space;
use super::user::User;
use super::users::{DEFAULT_USER, UserLine, Users};

/// What is wrong with a file, all of it: the error reply's text without its code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}WARNING: ACL errors detected, no change to the previously active ACL rules was performed")]
pub struct FileError(String);

/// What is wrong with one user of a file.
enum Wrong {
    Unmatched,
    /// Each rule that is refused.
    Rules(Vec<(String, RuleError)>),
}

/// The users that `text`, the content of the file `path`, says. `default` may do everything unless a line says otherwise.
///
/// # Errors
///
/// Everything that is wrong. Rules are quoted only where they name commands, since others may be passwords.
pub fn parse_file(path: &str, text: &[u8], channels: PubsubDefault) -> Result<Users, FileError> {
    let mut users = Users::new(b"", channels);
    let (mut errors, mut seen) = (String::new(), std::collections::HashSet::new());
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(b"user"), Some(name)) = (words.next(), words.next()) else {
            errors += &format!("{path}:{number} should start with user keyword followed by the username. ");
            continue;
        };
        if has_space(name) {
            let name = String::from_utf8_lossy(name);
            errors += &format!("'{path}:{number}: username '{name}' contains invalid characters. ");
            continue;
        }
        if !seen.insert(name) {
            let name = String::from_utf8_lossy(name);
            errors += &format!("WARNING: Duplicate user '{name}' found on line {number}. ");
            continue;
        }
        match declared(name, words, channels) {
            Ok(user) => users.declare(user),
            Err(wrong) => errors += &told(path, number, wrong),
        }
    }
    if errors.is_empty() { Ok(users) } else { Err(FileError(errors)) }
}

fn declared<'a>(name: &[u8], words: impl Iterator<Item = &'a [u8]>, channels: PubsubDefault) -> Result<User, Wrong> {
    let rules = join_selectors(words).map_err(|_| Wrong::Unmatched)?;
    let mut user = User::new(name, 0, channels);
    let mut wrong = Vec::new();
    for rule in &rules {
        if let Err((rule, error)) = user.apply_all(std::slice::from_ref(rule), channels) {
            wrong.push((String::from_utf8_lossy(&rule).into_owned(), error));
        }
    }
    if wrong.is_empty() { Ok(user) } else { Err(Wrong::Rules(wrong)) }
}

/// Every unknown command, and of the other errors the first: it may bring the later ones with it.
fn told(path: &str, number: u32, wrong: Wrong) -> String {
    let Wrong::Rules(rules) = wrong else {
        return format!("{path}:{number}: Unmatched parenthesis in selector definition.");
    };
    let (mut text, mut told_one) = (String::new(), false);
    for (rule, error) in rules {
        if error == RuleError::Unknown {
            text += &format!("{path}:{number}: Error in applying operation '{rule}': {}. ", error.text());
        } else if !std::mem::replace(&mut told_one, true) {
            text += &format!("{path}:{number}: {}. ", error.text());
        }
    }
    text
}

/// The file of these users.
pub fn print_file(users: &Users) -> Vec<u8> {
    users.iter().flat_map(|user| [print_line(user), b"\n".to_vec()]).flatten().collect()
}

/// The line of a user, as ACL LIST has it.
pub fn print_line(user: &Arc<User>) -> Vec<u8> {
    [b"user ", &*user.name, b" ", &*user.print()].concat()
}

impl Users {
    /// Adds the users of the configuration. One called `default` takes the place of the one that is there.
    ///
    /// # Errors
    ///
    /// Which line is wrong, and why. A rule is quoted only where it names commands.
    pub fn declare_lines(&mut self, lines: &[UserLine]) -> Result<(), (usize, String)> {
        let channels = self.channels();
        for (place, line) in lines.iter().enumerate() {
            let problem = |what: String| Err((place, what));
            if has_space(line.name.as_bytes()) {
                return problem("a user's name has no spaces".to_owned());
            }
            if lines[..place].iter().any(|earlier| earlier.name == line.name) {
                return problem(format!("the user '{}' is declared twice", line.name));
            }
            let words = line.rules.split_ascii_whitespace().map(str::as_bytes);
            match declared(line.name.as_bytes(), words, channels) {
                Ok(user) => self.declare(user),
                Err(Wrong::Unmatched) => return problem("a parenthesis is not closed".to_owned()),
                Err(Wrong::Rules(rules)) => {
                    let (rule, error) = rules.into_iter().next().expect("one at least is wrong");
                    return problem(match error {
                        RuleError::Unknown => format!("'{rule}': {}", error.text()),
                        _ => error.text().to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    /// The lines that `declare_lines` makes these users from. Of `default` there is one only if it differs from the one that there
    /// is with this password. `None` if a name or pattern is not UTF-8 text, which lines are.
    pub fn lines(&self, default_password: &[u8]) -> Option<Vec<UserLine>> {
        let usual = Users::new(default_password, self.channels());
        let unusual = self
            .iter()
            .filter(|user| *user.name != *DEFAULT_USER.as_bytes() || user.print() != usual.default_user().print());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).ok();
        unusual.map(|user| Some(UserLine { name: text(user.name.to_vec())?, rules: text(user.print())? })).collect()
    }
}
