//! Access control at run time. One core decides about changes of users; all take them on, and then hold another immutable copy.

use std::sync::Arc;

use keyspace::args::Args;
use keyspace::refusal::Refusal;

use crate::acl::{self, Context, Denied, Note, Users};
use crate::command::Command;
use crate::commands::acl_users::{UsersChange, UsersDecision};
use crate::conn::Closing;
use crate::ring::{ConnId, Ring};
use crate::session::Session;
use crate::settings::Settings;

use super::Inner;

impl<R: Ring> Inner<R> {
    /// Checks a client's command, the number of whose arguments is right.
    ///
    /// # Errors
    ///
    /// What the client reads.
    pub(super) fn may(&self, session: &Session, command: &Command, args: Args) -> Result<(), Refusal> {
        if !session.guarded {
            return Ok(());
        }
        let context = if session.transaction.is_some() { Context::Multi } else { Context::TopLevel };
        self.check(session, command, args, context).map_err(|denied| denied.refusal(command))?;
        acl::check_sort(&session.user, command, args).map_err(acl::SortDenied::refusal)
    }

    /// Checks a queued command again when EXEC carries it out.
    ///
    /// # Errors
    ///
    /// What stands in the place of its reply.
    pub(super) fn may_still(&self, session: &Session, command: &Command, args: Args) -> Result<(), Refusal> {
        if !session.guarded {
            return Ok(());
        }
        self.check(session, command, args, Context::Multi).map_err(Denied::in_transaction)?;
        acl::check_sort(&session.user, command, args).map_err(acl::SortDenied::refusal)
    }

    /// Checks a command that a script calls.
    ///
    /// # Errors
    ///
    /// What the script reads.
    pub(super) fn script_is_allowed(&self, session: &Session, command: &Command, args: Args) -> Result<(), Refusal> {
        if !session.guarded {
            return Ok(());
        }
        self.check(session, command, args, Context::Lua).map_err(Denied::in_script)?;
        acl::check_sort(&session.user, command, args).map_err(acl::SortDenied::refusal)
    }

    /// Checks a command for a session, wherever it comes from. What is denied is counted and logged.
    ///
    /// # Errors
    ///
    /// What the user lacks; what the client reads about it depends on where the command came from.
    pub(super) fn check(
        &self,
        session: &Session,
        command: &Command,
        args: Args,
        context: Context,
    ) -> Result<(), Denied> {
        let checked = acl::check(&session.user, command, args);
        if let Err(denied) = checked {
            let client = session.client_info(command.spec.name, self.now.monotonic_us);
            let note = Note { settings: &self.settings, now: self.now };
            self.guard.note_denied(note, (&session.user, client), (command, args), denied, context);
        }
        checked
    }

    /// Decides about a change: on the deciding core only.
    pub(super) fn change_users(&mut self, change: UsersChange, client: u64) -> Result<UsersDecision, Refusal> {
        let mut users = Users::clone(&self.guard.users);
        let mut deleted = 0;
        match change {
            UsersChange::Set(words) => {
                let words = words.args();
                users.set(words.at(0), words.iter().skip(1)).map_err(|error| error.refusal())?;
            }
            UsersChange::Delete(names) => deleted = users.delete(names.args().iter())?,
            UsersChange::Replace(others) => users.replace(&others),
        }
        let users = Arc::new(users);
        self.take_users(users.clone(), Some(client));
        Ok(UsersDecision { users, deleted, client })
    }

    /// The users as settings that are about to be in force have them: on the deciding core only.
    pub(super) fn users_under(&self, settings: &Settings) -> Arc<Users> {
        let (password, channels) = (&settings.requirepass, settings.acl_pubsub_default);
        if *password == self.settings.requirepass && channels == self.settings.acl_pubsub_default {
            return self.guard.users.clone();
        }
        let mut users = Users::clone(&self.guard.users);
        users.set_channels(channels);
        if *password != self.settings.requirepass {
            users.set_default_password(password.reveal());
        }
        Arc::new(users)
    }

    /// Takes users on, unless newer ones are in force, and ends the connections of those that are gone or listen to what they may no
    /// longer; but for one client, who asked for it and is still to be answered. Who waits for an element that its user may not
    /// have any more waits in vain.
    pub(super) fn take_users(&mut self, users: Arc<Users>, spared: Option<u64>) {
        if users.version() <= self.guard.users.version() {
            return;
        }
        self.guard.users = users.clone();
        for id in self.conns.ids() {
            let session = &mut self.conns.get_mut(id).expect("it was just there").session;
            let old = session.user.clone();
            let spares = spared == Some(session.id);
            let stays = session.renew(&users) && (!acl::channels_lost(&old, &session.user) || session.may_listen());
            let changed = !Arc::ptr_eq(&old, &session.user);
            match stays || spares {
                true if changed => self.check_blocked(id),
                true => {}
                false => self.evict_client(id),
            }
        }
        for ghost in self.ghosts.values_mut() {
            if !ghost.session.renew(&users) {
                ghost.session.disown();
            }
        }
    }

    /// Ends the connection of a user that is gone or has lost channels.
    fn evict_client(&mut self, id: ConnId) {
        let mut conn = self.conns.take(id).expect("it was just there");
        tracing::debug!(client = conn.session.id, "closed: its user was deleted, or may not listen to its channels");
        if !conn.session.is_of(&self.guard.users) {
            conn.session.disown();
        }
        conn.closing = Closing::Now;
        self.settle(conn);
    }
}
