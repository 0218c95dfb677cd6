//! A script under way: what it runs, the client as which it runs commands, and how to take back what it did.
//!
//! A script has the slots of the keys that it declares. When it wants another it is ended, what it wrote is taken back, and it begins
//! again with everything (`cores.md` §7.4). For that the entries that it changes are copied before. A large one is not: to change it the
//! script first begins again with everything, and with everything nothing is ever taken back.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use clusterbus::gate::ClientModes;
use clusterbus::snapshot::Snapshot;
use evict::evictions::Outcome as Memory;
use evict::oom::{Declared, Need, OomRefusal, Subject, Written, refused};
use keyspace::args::{Args, OwnedArgs};
use keyspace::entry::Entry;
use keyspace::limits::Removal;
use keyspace::refusal::Refusal;
use keyspace::reply::Resp;
use keyspace::signals::Changed;
use keyspace::slot::Slot;
use keyspace::spec;
use keyspace::store::Keyspace;
use scripting::{Flags, Sha};

use crate::busy::Busy;
use crate::command::{Command, CommandId};
use crate::conn::Conn;
use crate::effects::Effect;
use crate::listeners::Doubt;
use crate::tracking::Tracker;

/// The largest entry that is copied before a script changes it, in bytes.
const COPIED_BYTES_MAX: usize = 16 << 10;

/// What a client wants to have run, as its command says.
#[derive(Clone, Debug)]
pub struct Request {
    /// What it is.
    pub what: Wanted,
    /// Where its keys stand among the arguments; or why their number is refused, if there is such a function.
    pub keys: Result<Range<usize>, Refusal>,
    /// By a command that only reads.
    pub read_only: bool,
}

/// What a client wants to have run.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// The script that is the first argument.
    Source,
    /// The script whose name is the first argument; with its source once another core gave it.
    Name(Option<Arc<[u8]>>),
    /// The function whose name is the first argument.
    Function,
}

/// What a script runs.
#[derive(Clone, Debug)]
pub enum Program {
    /// A script of EVAL, by its name.
    Script(Sha),
    /// A function, by its name.
    Function(Box<[u8]>),
}

impl Program {
    /// What it is to those who need its slots.
    pub fn busy(&self) -> Busy {
        match self {
            Program::Script(_) => Busy::Script,
            Program::Function(_) => Busy::Function,
        }
    }
}

/// A script under way.
pub struct Script {
    /// What it runs.
    pub program: Program,
    /// The command that runs it, and its arguments.
    pub command: CommandId,
    /// See there.
    pub args: OwnedArgs,
    /// Its keys among the arguments.
    pub keys: Range<usize>,
    /// What to compile if this core does not know it: another one did.
    pub source: Option<Arc<[u8]>>,
    /// Its source is the first argument: EVAL.
    pub inline: bool,
    /// The client as which it runs commands.
    pub client: Box<Conn>,
    /// The client that ran it, if the keys that it reads are to be noted.
    pub tracker: Option<Tracker>,
    /// Protocol version of the client that gets the reply.
    pub resp: Resp,
    /// How the look for memory before it ended.
    pub memory: Memory,
    /// What it says about itself.
    declared: Declared,
    /// What its client had said of itself to a cluster's node.
    pub modes: ClientModes,
    /// What it knows of the cluster, from its beginning to its end.
    pub snapshot: Option<Arc<Snapshot>>,
    /// The slot of its keys in a cluster: of those that it declares, or of the first that it calls for.
    pub slot: Option<Slot>,
    /// Its calls may be for keys of several slots.
    crosses_slots: bool,
    /// It may not write.
    pub read_only: bool,
    /// It is run by a command that only reads.
    pub by_reader: bool,
    /// Why it was not run at all.
    pub refused: Option<String>,
    /// The slots that it has, ascending, unless it has everything.
    pub slots: Vec<Slot>,
    /// It has everything, and need not be able to take anything back.
    pub everything: bool,
    /// It has written: SCRIPT KILL is refused.
    pub wrote: bool,
    /// It was entered.
    pub started: bool,
    /// SCRIPT KILL asked for its end.
    pub killed: bool,
    /// When it began, in microseconds of the monotonic clock.
    pub began_us: u64,
    /// Others hear that it is busy.
    pub busy: bool,
    /// What it left to do while it may have to be taken back: done once it is over.
    pub effects: Vec<Effect>,
    /// Likewise, who watches what it changed.
    pub doubt: Doubt,
    /// Changes that it counted.
    pub changes: u64,
    /// The database in which it begins.
    db: u16,
    /// The reply to the command that it waits for.
    pub answer: Option<Vec<u8>>,
    undo: Undo,
}

impl Script {
    /// A script that has not begun.
    pub fn new(program: Program, command: CommandId, args: OwnedArgs, client: Box<Conn>, now_us: u64) -> Self {
        let (resp, db, modes) = (client.session.resp, client.session.db, client.session.modes);
        Script {
            program,
            command,
            args,
            keys: 0..0,
            source: None,
            inline: false,
            client,
            tracker: None,
            memory: Memory::Ok,
            declared: Declared::Nothing,
            resp,
            read_only: false,
            by_reader: false,
            modes,
            snapshot: None,
            slot: None,
            crosses_slots: false,
            refused: None,
            slots: Vec::new(),
            everything: false,
            wrote: false,
            started: false,
            killed: false,
            began_us: now_us,
            busy: false,
            effects: Vec::new(),
            doubt: Doubt::default(),
            changes: 0,
            db,
            answer: None,
            undo: Undo::default(),
        }
    }

    /// It is to have the slots of its keys, and no others.
    pub fn declare(&mut self) {
        self.slots = self.keys().map(Slot::of).collect();
        self.slots.sort_unstable();
    }

    /// Its keys.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.keys.clone().map(|index| self.args.args().at(index))
    }

    /// Its other arguments.
    pub fn rest(&self) -> impl Iterator<Item = &[u8]> {
        (self.keys.end..self.args.args().len()).map(|index| self.args.args().at(index))
    }

    /// Takes on what the script declares about itself, or says why it is not run by this command.
    pub fn admit_flags(&mut self, flags: Flags) -> Result<(), String> {
        if self.snapshot.is_some() && flags.no_cluster {
            return Err("ERR Can not run script on cluster, 'no-cluster' flag is set.".to_owned());
        }
        self.crosses_slots = flags.undeclared || flags.allow_cross_slot_keys;
        if self.by_reader && !flags.undeclared && !flags.no_writes {
            return Err("ERR Can not execute a script with write flag using *_ro command.".to_owned());
        }
        self.read_only |= flags.no_writes;
        self.declared = match flags {
            Flags { undeclared: true, .. } => Declared::Nothing,
            Flags { no_writes: true, .. } => Declared::NoWrites,
            Flags { allow_oom: true, .. } => Declared::AllowOom,
            _ => Declared::Plain,
        };
        // As a command that needs memory: Redis looks at these flags before it looks at the script.
        let needs = if self.declared == Declared::Plain { Need::Memory } else { Need::Nothing };
        refused(self.memory, Subject::Command(needs)).map_or(Ok(()), |refusal| Err(refusal.text().to_owned()))
    }

    /// Notes that it calls for keys of a slot. False if it may not: it has had keys of another one.
    pub fn reaches(&mut self, slot: Slot) -> bool {
        self.crosses_slots || *self.slot.get_or_insert(slot) == slot
    }

    /// Why a command that it calls is refused for want of memory.
    pub fn refused_for_memory(&self, command: &Command) -> Option<OomRefusal> {
        let need = if command.is(spec::Flags::DENYOOM) { Need::Memory } else { Need::Nothing };
        let written = if self.wrote { Written::Something } else { Written::Nothing };
        refused(self.memory, Subject::Called { need, script: self.declared, written })
    }

    /// True if it has a slot.
    pub fn holds(&self, slot: Slot) -> bool {
        self.everything || self.slots.binary_search(&slot).is_ok()
    }

    /// Bytes that it holds for its client. Copies of what it may have to take back, which are bounded by the keys that it declares, and
    /// what it keeps in Lua are not among them.
    pub fn heap_bytes(&self) -> usize {
        size_of::<Script>() + size_of::<Conn>() + self.args.room()
    }

    /// What its client reads after SCRIPT KILL or FUNCTION KILL.
    pub fn killed_text(&self) -> String {
        let name = match &self.program {
            Program::Script(sha) => String::from_utf8_lossy(sha),
            Program::Function(name) => String::from_utf8_lossy(name),
        };
        format!("ERR Script killed by user with SCRIPT KILL... script: {name}")
    }

    /// Copies what a command is going to change. False if it cannot be taken back.
    pub fn prepare(&mut self, keyspace: &Keyspace, command: &Command, args: Args, db: u16) -> bool {
        if self.everything || !command.is(spec::Flags::WRITE) {
            return true;
        }
        // These two write to a database of their choice.
        if matches!(command.spec.name, "move" | "copy") {
            return false;
        }
        command.spec.keys_of(args).all(|key| self.undo.keep(keyspace, db, key))
    }

    /// Takes back what it wrote and selected.
    pub fn roll_back(&mut self, keyspace: &mut Keyspace) {
        self.undo.restore(keyspace);
        // What it found to be over stays so, unless it was put back for being written to.
        let mut notes = std::mem::take(&mut keyspace.signals.log);
        notes.take_back(|note| {
            let db = keyspace.db(usize::from(note.db)).expect("it was noted by this number");
            keyspace.locate(db, &keyspace.key(note.parts.args().at(0))).is_none()
        });
        keyspace.signals.log = notes;
        keyspace.stats.changes = keyspace.stats.changes.wrapping_sub(std::mem::take(&mut self.changes));
        self.client.session.db = self.db;
        (self.wrote, self.started) = (false, false);
    }
}

/// What a script that is over leaves to the next: short ones come by the hundred thousand, and each would ask for it anew.
#[derive(Default)]
pub struct Room {
    /// Room for the arguments.
    pub args: OwnedArgs,
    /// Room for the client as which it runs commands.
    pub client: RoomOfClient,
}

/// The client of a script that is over, if there was one.
#[derive(Default)]
pub struct RoomOfClient(Option<Box<Conn>>);

/// The largest room that is kept, in bytes.
pub const ROOM_BYTES_MAX: usize = 64 << 10;

impl Room {
    /// The room of a script, unless it is large.
    pub fn of(script: Script) -> Option<Room> {
        let Script { mut args, client, .. } = script;
        args.clear();
        (args.room() <= ROOM_BYTES_MAX).then(|| Room { args, client: RoomOfClient(Some(client)) })
    }
}

impl RoomOfClient {
    /// The client as which a script of `conn` runs commands. Nothing of the one before is left in it.
    pub fn for_script(self, conn: &Conn) -> Box<Conn> {
        match self.0 {
            None => Box::new(Conn::new(conn.id, conn.session.for_script(None))),
            Some(mut client) => {
                let Conn { session, mut out, .. } = *client;
                out.clear();
                out.shrink_to(ROOM_BYTES_MAX);
                *client = Conn::new(conn.id, conn.session.for_script(Some(session)));
                client.out = out;
                client
            }
        }
    }
}

/// The name of a script as a client spells it. What is none names no script.
pub fn sha_named(name: &[u8]) -> Sha {
    let mut sha = [b'?'; 40];
    if name.len() == sha.len() {
        sha.copy_from_slice(name);
        sha.make_ascii_lowercase();
    }
    sha
}

/// What entries were before a script changed them.
#[derive(Default)]
struct Undo {
    kept: HashSet<(u16, Box<[u8]>)>,
    images: Vec<(Changed, Option<Entry>)>,
}

impl Undo {
    /// Copies an entry, if it is not yet. False if it is too large.
    fn keep(&mut self, keyspace: &Keyspace, db: u16, bytes: &[u8]) -> bool {
        if self.kept.contains(&(db, bytes.into())) {
            return true;
        }
        let place = keyspace.db(db as usize).expect("SELECT checks the number");
        let key = keyspace.key(bytes);
        if keyspace.weight(place, key.slot, key.hash) > COPIED_BYTES_MAX {
            return false;
        }
        let entry = keyspace.locate(place, &key).map(|found| keyspace.at(place, key.slot, found));
        let image = entry.map(|entry| entry.duplicate(bytes, entry.access(), keyspace.hasher()));
        self.kept.insert((db, bytes.into()));
        self.images.push((Changed::value(db, bytes), image));
        true
    }

    /// Puts the copies in the place of what is there.
    fn restore(&mut self, keyspace: &mut Keyspace) {
        for (changed, image) in self.images.drain(..) {
            let db = keyspace.db(changed.db as usize).expect("it was kept by this number");
            let key = keyspace.key(&changed.key);
            if let Some(place) = keyspace.locate(db, &key) {
                keyspace.discard(db, key.slot, key.hash, place, Removal::Server);
            }
            if let Some(entry) = image {
                keyspace.insert(db, key.slot, key.hash, entry);
            }
        }
        self.kept.clear();
    }
}
