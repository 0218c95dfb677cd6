//! A connection: received bytes, its session, and the replies on their way out.

use keyspace::args::OwnedArgs;
use keyspace::refusal::Refusal;

use crate::client_memory::{ClientBooks, Entered, may_be_closed};
use crate::flight::Flight;
use crate::looks::Looks;
use crate::mesh::loans::PARKED_WORK_MAX;
use crate::mesh::mailbox::REQUESTS_PER_PAIR_MAX;
use crate::mesh::ticket::Ticket;
use crate::migration::Within;
use crate::resp::Parser;
use crate::ring::ConnId;
use crate::script::Script;
use crate::session::Session;
use crate::unit::UnitSeq;

/// Most connections of one core, with what is under way for those that are gone. Whoever comes then is refused, as above `maxclients`.
pub const CONNECTIONS_PER_CORE_MAX: usize = 131_072;

const _: () = assert!(
    1_023 * REQUESTS_PER_PAIR_MAX + CONNECTIONS_PER_CORE_MAX <= PARKED_WORK_MAX,
    "an owner can park all that credits and its own connections bring"
);

/// What a connection waits for before it takes its next command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Nothing.
    No,
    /// The hops of its batch.
    Hops,
    /// A multi-core command.
    Unit(UnitSeq),
    /// Answers of all cores.
    Answers(u64),
    /// The end of a `CLIENT PAUSE`.
    Pause,
    /// An element: it is blocked.
    Blocked,
    /// A snapshot, or the next piece of one.
    Snapshot(u64),
}

/// What a blocked client's home core knows of its waiting.
#[derive(Debug)]
pub struct Blocked {
    /// Whoever ends the waiting ends this first.
    pub ticket: Ticket,
    /// When its time is up, in microseconds of the monotonic clock; `u64::MAX` for never.
    pub deadline_us: u64,
    /// Whether its reply is dropped.
    pub muted: bool,
    /// Its command, to be checked again when what its user may do changes.
    pub args: OwnedArgs,
    /// What it reads when the waiting ends instead of what a time-out gives: its user may no longer do this.
    pub denied: Option<Refusal>,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closing {
    /// It does not.
    No,
    /// Once everything before was answered and sent.
    AfterReplies,
    /// At once.
    Now,
}

/// What a connection had of one turn: all that came for it during the turn counts together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Share {
    /// The turn's number.
    pub turn: u64,
    /// Commands that were carried out.
    pub commands: usize,
    /// Their time, in ticks.
    pub ticks: u64,
}

/// One client connection of this core.
pub struct Conn {
    /// Its name on the ring.
    pub id: ConnId,
    /// The client.
    pub session: Session,
    /// Received bytes that are not consumed.
    pub input: Vec<u8>,
    /// Progress in `input`.
    pub parser: Parser,
    /// A parsed command that could not run yet; it goes before everything in `input`.
    pub deferred: Option<OwnedArgs>,
    /// Replies that are not handed to the ring.
    pub out: Vec<u8>,
    /// Pushes that wait until what the client asked for before is answered.
    pub held: Vec<u8>,
    /// Bytes that the ring is sending.
    pub sending: usize,
    /// Bytes of the buffer in which they stand.
    pub sending_room: usize,
    /// Bytes of what the core holds elsewhere for the command that it waits for: set as it is put in its place.
    pub away_bytes: usize,
    /// How it stands in its core's books.
    entered: Entered,
    /// Whether `out` is queued for sending at the end of the turn.
    pub dirty: bool,
    /// Whether it is queued for another go in the next turn.
    pub ready: bool,
    /// What it had of the turn that it had something of last.
    pub share: Share,
    /// Whether receiving is stopped because too much is unread.
    pub paused: bool,
    /// What it waits for.
    pub waiting: Waiting,
    /// Its waiting, while it is blocked.
    pub blocked: Option<Box<Blocked>>,
    /// Its transaction that is carried out.
    pub executing: Option<UnitSeq>,
    /// A script that its transaction is to run now.
    pub script: Option<Box<Script>>,
    /// A MIGRATE of its transaction or script.
    pub migration: Option<Box<Within>>,
    /// The unit whose script this is the client of.
    pub script_of: Option<UnitSeq>,
    /// The replies of its batch, while hops are under way.
    pub flight: Option<Box<Flight>>,
    /// How it ends.
    pub closing: Closing,
    /// The client sends no more: the connection ends once what it sent is answered.
    pub ended: bool,
    /// Since when the output is above its soft limit, in microseconds of the monotonic clock.
    pub soft_since_us: Option<u64>,
}

impl Conn {
    /// A new connection.
    pub fn new(id: ConnId, session: Session) -> Self {
        Conn {
            id,
            session,
            input: Vec::new(),
            parser: Parser::default(),
            deferred: None,
            out: Vec::new(),
            held: Vec::new(),
            sending: 0,
            sending_room: 0,
            away_bytes: 0,
            entered: Entered::default(),
            dirty: false,
            ready: false,
            share: Share::default(),
            paused: false,
            waiting: Waiting::No,
            blocked: None,
            executing: None,
            script: None,
            migration: None,
            script_of: None,
            flight: None,
            closing: Closing::No,
            ended: false,
            soft_since_us: None,
        }
    }

    /// Bytes of replies and pushes that the client has not taken.
    #[inline]
    pub fn output_bytes(&self) -> usize {
        self.out.len() + self.held.len() + self.sending
    }

    /// Bytes of the buffers in which they stand, and of what is put aside of replies while hops are under way.
    pub fn output_room(&self) -> usize {
        let aside = self.flight.as_ref().map_or(0, |flight| flight.heap_bytes());
        self.out.capacity() + self.held.capacity() + self.sending_room + aside
    }

    /// Bytes received and not consumed.
    pub fn unread_bytes(&self) -> usize {
        self.input.len() - self.parser.position()
    }

    /// Forgets consumed input, once that is at least half of all.
    pub fn drain_input(&mut self) {
        let consumed = self.parser.position();
        if consumed == self.input.len() {
            self.input.clear();
        } else if consumed * 2 >= self.input.len() {
            self.input.drain(..consumed);
        } else {
            // Moving much for little would cost more the longer a pipeline is.
            return;
        }
        self.parser.drained();
    }

    /// True while a reply is under way that a push may not overtake (`cores.md` §5.3).
    pub fn awaits_reply(&self) -> bool {
        match self.waiting {
            Waiting::Hops | Waiting::Unit(_) | Waiting::Answers(_) | Waiting::Snapshot(_) => true,
            Waiting::No | Waiting::Pause | Waiting::Blocked => false,
        }
    }

    /// Appends a push, or holds it until the replies before it are there.
    pub fn push(&mut self, bytes: &[u8]) {
        let to = if self.awaits_reply() { &mut self.held } else { &mut self.out };
        to.extend_from_slice(bytes);
    }

    /// Appends what was held once nothing is before it.
    #[inline]
    pub fn release_held(&mut self) {
        if !self.held.is_empty() && !self.awaits_reply() {
            self.out.append(&mut self.held);
            self.held = Vec::new();
        }
    }

    /// Pieces of work that are under way for it: each comes back, whether it is still there or not.
    pub fn under_way(&self) -> usize {
        match self.waiting {
            Waiting::No | Waiting::Pause | Waiting::Blocked | Waiting::Snapshot(_) => 0,
            Waiting::Hops => self.flight.as_ref().map_or(0, |flight| flight.outstanding()),
            Waiting::Unit(_) | Waiting::Answers(_) => 1,
        }
    }

    /// Bytes that it holds on the heap, its own place included:
    ///
    /// - what is received and not consumed, and a command that is put off;
    /// - replies and pushes that are not sent, are being sent, or wait for replies before them, and the replies of a batch that has hops
    ///   under way;
    /// - what its session holds: the transaction that it queues, the keys that it watches, subscriptions, prefixes that it tracks;
    /// - what it waits for: the arguments of a command that is blocked, is a unit, or asks; a transaction or a script that is carried
    ///   out, with the reply so far; hops with their arguments.
    ///
    /// Not among them is what the core holds of it for others: that it waits on a key, tracks or watches one, or hears a channel.
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        let deferred = self.deferred.as_ref().map_or(0, |args| args.room());
        let blocked = self.blocked.as_ref().map_or(0, |blocked| size_of::<Blocked>() + blocked.args.room());
        let flight = self.flight.as_ref().map_or(0, |flight| flight.heap_bytes());
        let script = self.script.as_ref().map_or(0, |script| script.heap_bytes());
        let waits = deferred + blocked + flight + script + self.away_bytes;
        let buffers = self.input.capacity() + self.out.capacity() + self.held.capacity() + self.sending_room;
        size_of::<Conn>() + buffers + self.session.heap_bytes() + waits
    }

    /// Bytes with which it stands in its core's books.
    pub fn entered_bytes(&self) -> u64 {
        self.entered.bytes
    }
}

impl ClientBooks {
    /// Enters what a connection uses now.
    #[inline]
    fn renew(&mut self, conn: &mut Conn) {
        let now = Entered { bytes: conn.heap_bytes() as u64, counts: may_be_closed(&conn.session) };
        let before = std::mem::replace(&mut conn.entered, now);
        self.enter(conn.id, before, now);
    }
}

/// The connections of one core, by the ring's index.
#[derive(Default)]
pub struct Conns {
    slab: Vec<Option<Box<Conn>>>,
    len: usize,
    looks: Looks,
    books: ClientBooks,
}

impl Conns {
    /// Adds a connection.
    pub fn add(&mut self, mut conn: Box<Conn>) {
        self.books.renew(&mut conn);
        let index = conn.id.index as usize;
        if self.slab.len() <= index {
            self.slab.resize_with(index + 1, || None);
        }
        assert!(self.slab[index].is_none(), "the ring reuses an index only after its release");
        self.slab[index] = Some(conn);
        self.len += 1;
    }

    /// Takes a connection out to work on it; `put_back` follows, unless it is gone.
    #[inline]
    pub fn take(&mut self, id: ConnId) -> Option<Box<Conn>> {
        let place = self.slab.get_mut(id.index as usize)?;
        match place {
            Some(conn) if conn.id == id => place.take(),
            _ => None,
        }
    }

    /// Puts a connection back, and enters what it uses now.
    #[inline]
    pub fn put_back(&mut self, mut conn: Box<Conn>) {
        self.books.renew(&mut conn);
        let index = conn.id.index as usize;
        self.slab[index] = Some(conn);
    }

    /// The connection with this name.
    pub fn get(&self, id: ConnId) -> Option<&Conn> {
        self.slab.get(id.index as usize)?.as_deref().filter(|conn| conn.id == id)
    }

    /// Likewise, to change.
    pub fn get_mut(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.slab.get_mut(id.index as usize)?.as_deref_mut().filter(|conn| conn.id == id)
    }

    /// Enters what a connection uses now that was changed in its place.
    pub fn renew(&mut self, id: ConnId) {
        let conn = self.slab.get_mut(id.index as usize).and_then(Option::as_mut).filter(|conn| conn.id == id);
        if let Some(conn) = conn {
            self.books.renew(conn);
        }
    }

    /// Likewise, of one that is taken out.
    pub fn renew_taken(&mut self, conn: &mut Conn) {
        self.books.renew(conn);
    }

    /// Notes that a connection that was taken out is gone.
    pub fn gone(&mut self, conn: &mut Conn) {
        let before = std::mem::take(&mut conn.entered);
        self.books.enter(conn.id, before, Entered::default());
        self.len -= 1;
    }

    /// What the connections use.
    pub fn books(&self) -> &ClientBooks {
        &self.books
    }

    /// Likewise, to publish.
    pub fn books_mut(&mut self) -> &mut ClientBooks {
        &mut self.books
    }

    /// Bytes that the core holds for its connections as a table.
    pub fn table_bytes(&self) -> usize {
        self.slab.capacity() * size_of::<Option<Box<Conn>>>()
    }

    /// Number of connections.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True without connections.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All connections that are in place.
    pub fn iter(&self) -> impl Iterator<Item = &Conn> {
        self.slab.iter().inspect(|_| self.looks.add(1)).flatten().map(|conn| &**conn)
    }

    /// Likewise, for who checks what the core does: the looks are not counted.
    pub fn in_place(&self) -> impl Iterator<Item = &Conn> {
        self.slab.iter().flatten().map(|conn| &**conn)
    }

    /// Places that were gone through.
    pub fn looks(&self) -> u64 {
        self.looks.count()
    }

    /// The names of all connections that are in place.
    pub fn ids(&self) -> Vec<ConnId> {
        self.iter().map(|conn| conn.id).collect()
    }
}
