//! Access control at run time. One core decides about changes of users; all take them on, and then hold another immutable copy.

use std::sync::Arc;

use keyspace::args::Args;
use keyspace::refusal::Refusal;
use keyspace::reply::{Reply, Resp};

use crate::acl::{self, Context, Denied, Note, Users};
use crate::command::Command;
use crate::commands::acl_users::{UsersChange, UsersDecision};
use crate::conn::Closing;
use crate::ring::{ConnId, Ring};
use crate::script::Script;
use crate::session::Session;
use crate::settings::Settings;

use super::Inner;

/// Where a command comes from that is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A client sent it: to be carried out now, or queued.
    Client,
    /// EXEC carries it out. The user may have lost it since it was queued.
    Transaction,
    /// A script calls it.
    Script,
}

impl<R: Ring> Inner<R> {
    /// Checks a command, the number of whose arguments is right, against the user that its session holds.
    ///
    /// # Errors
    ///
    /// What is read in the place of its reply.
    pub(super) fn may(&self, session: &Session, command: &Command, args: Args, origin: Origin) -> Result<(), Refusal> {
        if !session.guarded {
            return Ok(());
        }
        let is_queued = origin == Origin::Client && session.transaction.is_some();
        let context = match origin {
            Origin::Client if !is_queued => Context::TopLevel,
            Origin::Client | Origin::Transaction => Context::Multi,
            Origin::Script => Context::Lua,
        };
        self.check(session, command, args, context).map_err(|denied| match origin {
            Origin::Client => denied.refusal(command),
            Origin::Transaction => denied.in_transaction(),
            Origin::Script => denied.in_script(),
        })?;
        match is_queued {
            true => Ok(()),
            false => acl::check_sort(&session.user, command, args).map_err(acl::SortDenied::refusal),
        }
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

    /// Answers `redis.acl_check_cmd`.
    pub(super) fn script_may(&self, script: &Script, args: Args, out: &mut Vec<u8>) {
        let mut reply = Reply::new(out, Resp::V2);
        match self.table.resolve(args) {
            Ok(command) => {
                let user = &script.client.session.user;
                reply.int(i64::from(crate::acl::check(user, command, args).is_ok()));
            }
            Err(_) => reply.error("ERR Invalid command passed to redis.acl_check_cmd()"),
        }
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
        // What goes on without its client, and scripts, which hold a session of their own: their next command is checked against what
        // the user is now. In Redis nobody can see this, as users do not change while a script runs.
        let ghosts = self.ghosts.values_mut().map(|ghost| &mut ghost.session);
        let scripts = self.units.values_mut().filter_map(|unit| Some(&mut unit.job.script_mut()?.client.session));
        for session in ghosts.chain(scripts) {
            if !session.renew(&users) {
                session.disown();
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
