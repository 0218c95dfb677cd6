//! What a core holds of access control: the published users, and its own book.

use std::cell::RefCell;
use std::sync::Arc;

use keyspace::args::Args;

use crate::command::Command;
use crate::ring::Now;
use crate::session::Session;
use crate::settings::Settings;

use super::attempts::{Address, Claim};
use super::book::Book;
use super::check::Denied;
use super::denial_log::{Context, Denial, Reason};
use super::user::User;
use super::users::Users;

/// The guard of one core. Handlers of the session see it whole and write to its book; nobody keeps that borrowed.
pub struct Guard {
    /// The users in force.
    pub users: Arc<Users>,
    /// Log, counters and more.
    pub book: RefCell<Book>,
}

/// The moment and the limits of an entry in the book.
#[derive(Clone, Copy)]
pub struct Note<'a> {
    /// The settings in force.
    pub settings: &'a Settings,
    /// The time of this turn.
    pub now: Now,
}

/// Why somebody is not who they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAdmitted {
    /// Name and password do not belong together, or the user is off.
    Wrong,
    /// The address must wait before it tries this user; for so many seconds.
    TooManyAttempts(u64),
}

impl Guard {
    /// The guard of a core that has seen nothing, with a seed that nobody else has.
    pub fn new(users: Arc<Users>, seed: [u8; 32]) -> Self {
        Guard { users, book: RefCell::new(Book::new(seed)) }
    }

    /// Logs and counts that a user may not do something; `client` is the client's line of CLIENT LIST.
    pub fn note_denied(
        &self,
        note: Note,
        (user, client): (&User, Vec<u8>),
        (command, args): (&Command, Args),
        denied: Denied,
        context: Context,
    ) {
        let reason = match denied {
            Denied::Command => Reason::Command,
            Denied::Key(_) => Reason::Key,
            Denied::Channel(_) => Reason::Channel,
        };
        let username = user.name.to_vec();
        self.enter(note, Denial { client, ..note.denial(reason, context, denied.object(command, args), username) });
    }

    /// Looks up whose a name and a password are, which a client sent with this command.
    ///
    /// # Errors
    ///
    /// Nobody's, which is counted and logged under the command's first word; or it is not the time to try.
    pub fn admit(
        &self,
        note: Note,
        session: &Session,
        (command, args): (&str, Args),
        (name, password): (&[u8], &[u8]),
    ) -> Result<Arc<User>, NotAdmitted> {
        let now_ms = note.now.monotonic_us / 1000;
        let claim = Claim::new(Address::of(&session.peer), name);
        let failures_max = note.settings.auth_failures_max;
        let wait_ms = self.book.borrow().attempts.wait_ms(claim, now_ms, failures_max);
        if wait_ms > 0 {
            self.book.borrow_mut().counters.auth += 1;
            return Err(NotAdmitted::TooManyAttempts(wait_ms.div_ceil(1000)));
        }
        if let Some(user) = self.users.authenticate(name, password) {
            self.book.borrow_mut().attempts.succeeded(claim);
            return Ok(user.clone());
        }
        self.book.borrow_mut().attempts.failed(claim, now_ms);
        let client = session.client_info(command, note.now.monotonic_us);
        let denial = note.denial(Reason::Auth, Context::TopLevel, args.at(0).to_vec(), name.to_vec());
        self.enter(note, Denial { client, ..denial });
        Err(NotAdmitted::Wrong)
    }

    fn enter(&self, note: Note, denial: Denial) {
        let entries_max = usize::try_from(note.settings.acllog_max_len).unwrap_or(usize::MAX);
        self.book.borrow_mut().denied(denial, entries_max);
    }
}

impl Note<'_> {
    fn denial(&self, reason: Reason, context: Context, object: Vec<u8>, username: Vec<u8>) -> Denial {
        let (first_ms, last_ms) = (self.now.wall_us / 1000, self.now.wall_us / 1000);
        Denial { count: 1, reason, context, object, username, client: Vec::new(), first_ms, last_ms, id: 0, last_id: 0 }
    }
}
