//! What the two sides of the fiber share: buffers that pass through, and the state of the run.

use crate::direct::Program;
use crate::json::JsonSettings;
use crate::random::Random;
use crate::registration::Registration;
use crate::reply_errors::ReplyErrors;
use crate::step::Limits;
use keyspace::args::OwnedArgs;
use keyspace::reply::Resp;
use std::cell::{Cell, RefCell};

/// What the fiber is doing; some functions may be called in some phases only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing.
    Idle,
    /// The body of a library registers its functions.
    Loading,
    /// A script of EVAL.
    Script,
    /// A function of a library.
    Function,
}

/// An error that ended a run, and where it was raised.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failure {
    /// The text, with its code.
    pub(crate) text: Vec<u8>,
    /// Chunk and line, if a chunk of a client raised it.
    pub(crate) place: Option<(Vec<u8>, i64)>,
    /// The source did not compile.
    pub(crate) compiling: bool,
    /// The server counted it already.
    pub(crate) counted: bool,
}

/// One per engine. Nothing borrows a buffer across a switch of stacks.
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) phase: Cell<Phase>,
    /// Bytes that the Lua state holds.
    pub(crate) memory: Cell<usize>,
    /// Set by an abort; from then on everything raises until the run is over.
    pub(crate) aborting: Cell<bool>,
    /// Protocol in which the script gets replies: `redis.setresp`.
    pub(crate) resp: Cell<Resp>,
    /// Protocol of the client.
    pub(crate) client: Cell<Resp>,
    pub(crate) keys: RefCell<OwnedArgs>,
    pub(crate) argv: RefCell<OwnedArgs>,
    /// The command that the script calls.
    pub(crate) args: RefCell<OwnedArgs>,
    /// Why the command cannot be called, noticed ahead of the call.
    pub(crate) refused: Cell<Option<&'static str>>,
    /// The driver's reply to it.
    pub(crate) answer: RefCell<Vec<u8>>,
    /// The line for the log.
    pub(crate) text: RefCell<Vec<u8>>,
    /// The reply of the run.
    pub(crate) reply: RefCell<Vec<u8>>,
    /// The errors in it.
    pub(crate) errors: RefCell<ReplyErrors>,
    pub(crate) failure: RefCell<Option<Failure>>,
    /// What the chunk that was compiled last is without Lua, if it can be.
    pub(crate) program: RefCell<Option<Program>>,
    /// The engine's own sequence, and that of a script that chose a seed.
    pub(crate) random: RefCell<Random>,
    pub(crate) seeded: RefCell<Option<Random>>,
    pub(crate) json: Cell<JsonSettings>,
    pub(crate) registered: RefCell<Vec<Registration>>,
}

impl Shared {
    pub(crate) fn new(limits: Limits) -> Self {
        Shared {
            limits,
            phase: Cell::new(Phase::Idle),
            memory: Cell::new(0),
            aborting: Cell::new(false),
            resp: Cell::new(Resp::V2),
            client: Cell::new(Resp::V2),
            keys: RefCell::default(),
            argv: RefCell::default(),
            args: RefCell::default(),
            refused: Cell::new(None),
            answer: RefCell::default(),
            text: RefCell::default(),
            reply: RefCell::default(),
            errors: RefCell::default(),
            failure: RefCell::default(),
            program: RefCell::default(),
            random: RefCell::new(Random::unseeded()),
            seeded: RefCell::default(),
            json: Cell::new(JsonSettings::default()),
            registered: RefCell::default(),
        }
    }

    /// What every run starts with, so that nothing of the one before is left.
    pub(crate) fn begin(&self, phase: Phase) {
        self.phase.set(phase);
        self.aborting.set(false);
        self.resp.set(Resp::V2);
        *self.seeded.borrow_mut() = None;
        self.args.borrow_mut().clear();
        self.refused.set(None);
        self.json.set(JsonSettings::default());
        self.failure.borrow_mut().take();
        self.reply.borrow_mut().clear();
        self.errors.take();
    }
}
