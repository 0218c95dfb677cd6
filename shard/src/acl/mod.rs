//! Access control: who the users are, what each may do, and what became of attempts to do more.
//!
//! Pure. `Users` is immutable: a change makes another one, which core 0 decides about and every core then holds as an `Arc`
//! (`core/access.rs`). A session holds the `Arc` of its user, so that a check touches nothing that another core writes. Files are
//! read and written by the service thread; here are only their texts.

mod attempts;
mod book;
mod check;
mod command_set;
mod denial_log;
mod describe;
mod file;
mod guard;
mod password;
mod patterns;
mod rules;
mod secrets;
mod selector;
mod user;
mod users;

pub use attempts::{Address, Attempts, Claim};
pub use book::{AccessCounters, Book};
pub use check::{Denied, SortDenied, check, check_sort, keys_with_access};
pub use command_set::{CommandSet, Sign, listed};
pub use denial_log::{Context, Denial, DenialLog, Reason, merge};
pub use file::{FileError, parse_file, print_file, print_line};
pub use guard::{Guard, NotAdmitted, Note};
pub use password::{Hash, hash};
pub use patterns::{Access, KeyPattern};
pub use rules::{RuleError, SetUserError, join_selectors};
pub use secrets::Secrets;
pub use selector::Selector;
pub use user::{Payload, User, channels_lost};
pub use users::{DEFAULT_USER, UserLine, Users};

#[cfg(test)]
mod tests;
