//! What passes between a script and its driver.

use keyspace::reply::Resp;

/// Bounds of one engine.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes that the Lua state may hold, scripts and libraries included.
    pub memory_bytes_max: usize,
    /// Most bytes of one reply, of one command's arguments, and of what a library encodes.
    pub reply_bytes_max: usize,
    /// Most bytes of a script's or a library's source.
    pub source_bytes_max: usize,
    /// Instructions of Lua between two [`Step::Rest`]. 20,000 are about 0.1 ms.
    pub instructions_per_slice: u32,
    /// Bytes of the stack that scripts run on. Only what they touch is real memory.
    pub stack_bytes: usize,
    /// Most scripts of EVAL in the cache; those of SCRIPT LOAD do not count.
    pub cached_scripts_max: usize,
    /// Most bytes of their sources, and as many of those of SCRIPT LOAD. Of the former the oldest go; of the latter no more are taken.
    pub cached_source_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory_bytes_max: 256 << 20,
            reply_bytes_max: 256 << 20,
            source_bytes_max: 16 << 20,
            instructions_per_slice: 20_000,
            stack_bytes: 4 << 20,
            cached_scripts_max: 500,
            cached_source_bytes_max: 64 << 20,
        }
    }
}

/// What a run is told about its client and server.
#[derive(Clone, Copy, Debug)]
pub struct Env {
    /// Protocol of the client that gets the reply.
    pub resp: Resp,
}

/// What to run.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// A loaded script, by its name in lower-case hexadecimal.
    Script(&'a crate::Sha),
    /// A function of a library.
    Function(&'a [u8]),
}

/// What a script wants of its driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Carry out the command in [`Engine::args`](crate::Engine::args) and answer with its reply, written in this protocol.
    Call(Resp),
    /// Write [`Engine::text`](crate::Engine::text) to the log at this level, 0 (debug) to 3 (warning), and go on.
    Log(u8),
    /// Say whether the user may run the command in [`Engine::args`](crate::Engine::args): answer `:1`, `:0`, or an error
    /// if there is no such command.
    AclCheck,
    /// The slice is over. Go on now or later.
    Rest,
    /// The run is over; its reply is [`Engine::reply`](crate::Engine::reply).
    Done(Outcome),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The script returned.
    Returned,
    /// The script raised an error, which is the reply.
    Failed,
    /// The driver aborted it. There is no reply.
    Aborted,
}

/// What the driver answers to a step.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// Start, or go on.
    Go,
    /// The reply of the command. Of one of more than [`Limits::reply_bytes_max`] the script reads an error.
    Reply(&'a [u8]),
    /// End the script; nothing in it can catch that.
    Abort,
}
