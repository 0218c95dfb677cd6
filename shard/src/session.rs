//! A session: what the server knows of a client, changed only by the client's own commands and by CLIENT.

use std::sync::{Arc, LazyLock};

use clusterbus::gate::ClientModes;
use keyspace::exec::Caller;
use keyspace::reply::Resp;

use crate::acl::{DEFAULT_USER, User, Users};
use crate::command::CommandId;
use crate::commands::client_line::{ConnFacts, line};
use crate::hop::Context;
use crate::pubsub::Kind;
use crate::pubsub::subscriptions::Subscriptions;
use crate::resp::Auth;
use crate::settings::PubsubDefault;
use crate::tracking::session::Tracking;
use crate::transaction::{Transaction, Watching};

/// What becomes of replies: `CLIENT REPLY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ReplyMode {
    /// Replies are sent.
    #[default]
    On,
    /// No reply is sent.
    Off,
    /// The reply of the next command is dropped.
    SkipNext,
    /// The reply of the command that is being carried out is dropped.
    SkipThis,
}

/// A user that may nothing.
static NOBODY: LazyLock<Arc<User>> =
    LazyLock::new(|| Arc::new(User::new(DEFAULT_USER.as_bytes(), 0, PubsubDefault::Resetchannels)));

/// One client's session.
#[derive(Debug)]
pub struct Session {
    /// The client's number, unique in the process and growing with time.
    pub id: u64,
    /// The selected database.
    pub db: u16,
    /// The protocol version it asked for.
    pub resp: Resp,
    /// Whether it has authenticated, or there was no password when it came. Changed by `sign_in` and `sign_out`.
    pub auth: Auth,
    /// Who it is. Changed likewise.
    pub user: Arc<User>,
    /// Whether a command must be looked at before it is carried out: it may not do everything.
    pub guarded: bool,
    /// `CLIENT SETNAME`.
    pub name: Vec<u8>,
    /// `CLIENT SETINFO LIB-NAME`.
    pub lib_name: Vec<u8>,
    /// `CLIENT SETINFO LIB-VER`.
    pub lib_ver: Vec<u8>,
    /// `CLIENT NO-EVICT on`.
    pub no_evict: bool,
    /// `CLIENT NO-TOUCH on`.
    pub no_touch: bool,
    /// `CLIENT REPLY`.
    pub reply_mode: ReplyMode,
    /// What it queues since MULTI.
    pub transaction: Option<Box<Transaction>>,
    /// A command of its transaction is carried out: it may not wait, and gets one reply.
    pub executing: bool,
    /// Its commands cannot wait: it carries out a transaction, or is a script.
    pub impatient: bool,
    /// The keys that it watches.
    pub watching: Option<Box<Watching>>,
    /// When it connected, in microseconds of the monotonic clock.
    pub connected_us: u64,
    /// When it last sent a command, likewise.
    pub active_us: u64,
    /// Its last command.
    pub last_command: Option<CommandId>,
    /// The client's end of the connection, as CLIENT LIST shows it.
    pub peer: String,
    /// Our end.
    pub local: String,
    /// True for a client on the UNIX socket.
    pub unix: bool,
    /// What it has subscribed to; `None` for nothing.
    pub subscriptions: Option<Box<Subscriptions>>,
    /// It hears of all commands, or is about to: MONITOR.
    pub monitors: bool,
    /// How it tracks keys; `None` if it does not.
    pub tracking: Option<Box<Tracking>>,
    /// The reply of the command under way is a push: CLIENT REPLY does not drop it.
    pub replies_by_push: bool,
    /// What it said of itself to a cluster's node: ASKING, READONLY.
    pub modes: ClientModes,
    /// It wanted to be a replica, or to make one, which is refused without data replication: see CLUSTER MEET and SYNC.
    pub was_refused_replica: bool,
}

impl Session {
    /// A session that just began. It may do nothing until it is signed in or out.
    pub fn new(id: u64, auth: Auth, now_us: u64, peer: String, local: String, unix: bool) -> Self {
        let base = Session::of(NOBODY.clone());
        Session { id, auth, connected_us: now_us, active_us: now_us, peer, local, unix, ..base }
    }

    /// The session of a script that this one runs, in the room of one that is over. Its commands cannot wait.
    pub fn for_script(&self, spare: Option<Session>) -> Session {
        let spare = spare.unwrap_or_else(|| Session::of(self.user.clone()));
        let Session { mut peer, mut name, user, .. } = spare;
        peer.clone_from(&self.peer);
        name.clone_from(&self.name);
        // All cores count who has a user: that is left alone where it can be.
        let user = if Arc::ptr_eq(&user, &self.user) { user } else { self.user.clone() };
        let Session { id, db, resp, no_touch, modes, .. } = *self;
        Session { id, db, resp, no_touch, modes, peer, name, impatient: true, auth: Auth::Done, ..Session::of(user) }
    }

    /// A session of a user, of no client.
    fn of(user: Arc<User>) -> Session {
        Session {
            id: 0,
            db: 0,
            resp: Resp::V2,
            auth: Auth::Needed,
            guarded: !user.is_unrestricted(),
            user,
            name: Vec::new(),
            lib_name: Vec::new(),
            lib_ver: Vec::new(),
            no_evict: false,
            no_touch: false,
            reply_mode: ReplyMode::On,
            transaction: None,
            executing: false,
            impatient: false,
            watching: None,
            connected_us: 0,
            active_us: 0,
            last_command: None,
            peer: String::new(),
            local: String::new(),
            unix: false,
            subscriptions: None,
            monitors: false,
            tracking: None,
            replies_by_push: false,
            modes: ClientModes::default(),
            was_refused_replica: false,
        }
    }

    /// Whether it must authenticate before it may use commands. A client that never did may nevertheless while there is no
    /// password.
    #[inline]
    pub fn auth_under(&self, users: &Users) -> Auth {
        if users.is_open() { Auth::Done } else { self.auth }
    }

    /// Makes it a user's.
    pub fn sign_in(&mut self, user: Arc<User>) {
        self.auth = Auth::Done;
        self.guarded = !user.is_unrestricted();
        self.user = user;
    }

    /// Makes it nobody's: the default user's, who need not authenticate if that is so.
    pub fn sign_out(&mut self, users: &Users) {
        self.sign_in(users.default_user().clone());
        self.auth = if users.is_open() { Auth::Done } else { Auth::Needed };
        self.guarded |= self.auth == Auth::Needed;
    }

    /// True if its user is one of these.
    pub fn is_of(&self, users: &Users) -> bool {
        users.get(&self.user.name).is_some_and(|user| user.incarnation == self.user.incarnation)
    }

    /// Takes what its user is now. False if the user is gone.
    pub fn renew(&mut self, users: &Users) -> bool {
        let user = users.get(&self.user.name).filter(|user| user.incarnation == self.user.incarnation);
        if let Some(user) = user {
            self.guarded = self.auth == Auth::Needed || !user.is_unrestricted();
            self.user = user.clone();
        }
        user.is_some()
    }

    /// Makes it somebody's who may nothing: its user is gone, and what it has begun goes on without it.
    pub fn disown(&mut self) {
        self.sign_in(NOBODY.clone());
    }

    /// True if its user may have all that it has subscribed to.
    pub fn may_listen(&self) -> bool {
        let Some(subscriptions) = self.subscriptions.as_ref().filter(|_| self.guarded) else { return true };
        subscriptions.all().iter().all(|topic| match topic.kind {
            Kind::Pattern => self.user.admits_channel_pattern(&topic.name),
            Kind::Channel | Kind::Shard => self.user.admits_channel(&topic.name),
        })
    }

    /// True if a command that its keys route may not go on its way at once.
    #[inline]
    pub fn is_barred(&self) -> bool {
        let bound = self.transaction.is_some() || self.monitors || self.only_listens();
        self.auth == Auth::Needed || bound || self.caches_next()
    }

    /// What commands need to know of it.
    #[inline]
    pub fn context(&self, expiry_paused: bool) -> Context {
        let caller = Caller { db: self.db, no_touch: self.no_touch, expiry_paused, ..Caller::default() };
        let tracker = self.tracking.as_ref().and_then(|tracking| tracking.notes());
        Context { caller, resp: self.resp, client: self.id, tracker, modes: self.modes }
    }

    /// Begins a command that is routed: true if its reply is to be dropped.
    #[inline]
    pub fn begin(&mut self, command: CommandId) -> bool {
        self.last_command = Some(command);
        self.is_muted()
    }

    /// True if the next reply is to be dropped; uses up a `CLIENT REPLY SKIP`.
    #[inline]
    pub fn is_muted(&mut self) -> bool {
        match self.reply_mode {
            ReplyMode::On => false,
            ReplyMode::Off => true,
            ReplyMode::SkipNext | ReplyMode::SkipThis => {
                self.reply_mode = ReplyMode::On;
                true
            }
        }
    }

    /// Begins a command that may itself change what becomes of its reply; `ends` tells once the reply is made.
    pub fn begins(&mut self, command: CommandId) {
        self.last_command = Some(command);
        if self.reply_mode == ReplyMode::SkipNext {
            self.reply_mode = ReplyMode::SkipThis;
        }
    }

    /// Ends such a command: true if its reply is to be dropped.
    pub fn ends(&mut self) -> bool {
        let pushed = std::mem::take(&mut self.replies_by_push);
        let muted = match self.reply_mode {
            ReplyMode::On | ReplyMode::SkipNext => false,
            ReplyMode::Off => true,
            ReplyMode::SkipThis => {
                self.reply_mode = ReplyMode::On;
                true
            }
        };
        muted && !pushed
    }

    /// True if it has a subscription.
    #[inline]
    pub fn is_subscribed(&self) -> bool {
        self.subscriptions.is_some()
    }

    /// True if CLIENT CACHING told something about its next command.
    #[inline]
    pub fn caches_next(&self) -> bool {
        self.tracking.as_ref().is_some_and(|tracking| tracking.caching)
    }

    /// Forgets what it had subscribed to if that is nothing now.
    pub fn drop_empty_subscriptions(&mut self) {
        self.subscriptions.take_if(|subscriptions| subscriptions.is_empty());
    }

    /// Bytes that it holds on the heap: names and addresses, the transaction that is queued, the keys that are watched, subscriptions, and
    /// prefixes that are tracked. Its user is shared.
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        let names = self.name.capacity() + self.lib_name.capacity() + self.lib_ver.capacity();
        let addresses = self.peer.capacity() + self.local.capacity();
        let queued = self.transaction.as_ref().map_or(0, |transaction| transaction.heap_bytes());
        let watched = self.watching.as_ref().map_or(0, |watching| watching.heap_bytes());
        let listens = self.subscriptions.as_ref().map_or(0, |subscriptions| subscriptions.heap_bytes());
        let tracks = self.tracking.as_ref().map_or(0, |tracking| tracking.heap_bytes());
        names + addresses + queued + watched + listens + tracks
    }

    /// True if it may use only the commands of a subscriber: it could not tell other replies from messages.
    #[inline]
    pub fn only_listens(&self) -> bool {
        self.is_subscribed() && self.resp == Resp::V2
    }

    /// Its line of CLIENT LIST, as far as the session knows it, while it carries out this command.
    pub fn client_info(&self, command: &str, now_us: u64) -> Vec<u8> {
        let mut text = line(self, &ConnFacts::default(), Some(command), now_us).text;
        text.truncate(text.trim_ascii_end().len());
        text
    }

    /// True for a client of this machine: UNIX socket or loopback.
    pub fn is_local(&self) -> bool {
        self.unix || self.peer.starts_with("127.") || self.peer.starts_with("[::1]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skip_is_used_up_by_one_command_and_undone_by_on() {
        let mut session = Session::new(1, Auth::Done, 0, String::new(), String::new(), false);
        let id = CommandId(0);
        session.reply_mode = ReplyMode::SkipNext;
        assert!(session.begin(id) && !session.begin(id));
        session.reply_mode = ReplyMode::SkipNext;
        session.begins(id);
        assert!(session.ends() && !session.begin(id));
        for (during, dropped, next_dropped) in
            [(ReplyMode::On, false, false), (ReplyMode::SkipNext, false, true), (ReplyMode::Off, true, true)]
        {
            session.reply_mode = ReplyMode::SkipNext;
            session.begins(id);
            session.reply_mode = during;
            assert_eq!((session.ends(), session.begin(id)), (dropped, next_dropped), "{during:?}");
        }
    }

    #[test]
    fn without_a_password_nobody_has_to_authenticate() {
        let session = Session::new(1, Auth::Needed, 0, String::new(), String::new(), false);
        assert_eq!(session.auth_under(&Users::new(b"", PubsubDefault::Resetchannels)), Auth::Done);
        assert_eq!(session.auth_under(&Users::new(b"x", PubsubDefault::Resetchannels)), Auth::Needed);
    }

    #[test]
    fn what_a_session_may_follows_its_user() {
        let mut session = Session::new(1, Auth::Needed, 0, String::new(), String::new(), false);
        assert!(session.guarded);
        let mut users = Users::new(b"", PubsubDefault::Resetchannels);
        session.sign_out(&users);
        assert!(!session.guarded && session.auth == Auth::Done);
        users.set(b"u", [&b"on"[..]].into_iter()).expect("a rule");
        session.sign_in(users.get(b"u").expect("it was made").clone());
        assert!(session.guarded);
        users.set(b"u", [&b"+@all"[..], b"~*", b"&*"].into_iter()).expect("these are rules");
        assert!(session.renew(&users) && !session.guarded);
        users.delete([&b"u"[..]].into_iter()).expect("it is not default");
        users.set(b"u", std::iter::empty()).expect("no rule");
        assert!(!session.is_of(&users) && !session.renew(&users), "another one of that name");
        users.set_default_password(b"x");
        session.sign_out(&users);
        assert!(session.guarded && session.auth == Auth::Needed && session.is_of(&users));
        users.set_default_password(b"");
        assert!(session.renew(&users) && session.guarded, "who never said who it is is looked at");
    }
}
