//! Scripts that run without Lua: those that most servers run most often.
//!
//! A lock that is released, a counter with a limit, a value that is taken and replaced: a few commands, comparisons and sums, no loop and
//! no function of their own. Lua's state costs more than all of that: a stack to switch to, strings to intern, garbage to collect. Here the
//! instructions that Lua's own compiler made are carried out over bytes where they stand.
//!
//! Only what is certain is done here. Before anything else (an error, a number in an odd form, a string that grows long) the machine gives
//! the run over: Lua begins it anew and is told the answers that the commands gave already, which brings it to the same place, as a script of
//! this kind depends on nothing else. So whatever is not understood costs time and never changes what a script does.

mod answer;
mod machine;
mod program;

pub(crate) use machine::{Machine, Stop, World};
pub(crate) use program::Program;
