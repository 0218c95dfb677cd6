//! Libraries of functions: one core decides what there is, and all take that on (as settings: `configure.rs`).

use std::sync::Arc;

use keyspace::args::{Args, OwnedArgs};
use scripting::{Answer as Said, Engine, LibraryInfo, Replace, Step};

use crate::ask::{Answer, Conflict, FunctionChange, FunctionReport, FunctionSet};
use crate::report::ScriptTotals;
use crate::ring::Ring;
use crate::ring::clock::{ticks, ticks_to_ns};
use crate::script::Program;
use crate::unit::{Job, Unit};

use super::Inner;
use super::engine::Scripts;

/// How long the body of a library may run, in nanoseconds: it registers functions and does no more.
const LOAD_NS_MAX: u64 = 500_000_000;

/// How long it may run where a decision is repeated: a core that is slower at the moment should not miss what the others have.
const REPEAT_NS_MAX: u64 = 10 * LOAD_NS_MAX;

impl Scripts {
    /// Decides about a change, on the deciding core: all libraries from then on. It is asked once no script is under way, or of a busy one
    /// (`defers`).
    pub(super) fn decide_functions(&mut self, change: &FunctionChange) -> Answer {
        if let Some(busy) = self.busy {
            return Answer::Busy(busy);
        }
        let mut engine = self.take_engine();
        let outcome = apply(&mut engine, change);
        let set = FunctionSet { version: self.functions_version + 1, codes: codes(&engine) };
        self.put_engine(engine);
        Answer::Functions(outcome.map(|()| {
            self.functions_version = set.version;
            set
        }))
    }

    /// Takes a decision on, unless a newer one is in force. A script that is under way keeps the functions that it began with.
    pub(super) fn take_functions(&mut self, set: FunctionSet) {
        if set.version <= self.functions_version {
            return;
        }
        self.functions_version = set.version;
        self.functions_due = Some(set);
        self.renew_functions();
    }

    /// Makes the engine's libraries those that were decided on, once no script is under way. A body that does otherwise here than on
    /// the deciding core (it may have had just time or memory enough there) leaves this core without its library.
    pub(super) fn renew_functions(&mut self) {
        if self.running().is_some() {
            return;
        }
        let Some(set) = self.functions_due.take() else { return };
        let mut engine = self.take_engine();
        let stale: Vec<Vec<u8>> = engine
            .libraries()
            .filter(|library| !set.codes.iter().any(|code| **code == *library.code))
            .map(|library| library.name.clone())
            .collect();
        for name in stale {
            engine.delete_library(&name);
        }
        for code in set.codes.iter() {
            if !engine.libraries().any(|library| *library.code == **code)
                && let Err(text) = load(&mut engine, code, Replace::No, REPEAT_NS_MAX)
            {
                tracing::error!("a core is without a library of functions that another core could load: {text}");
            }
        }
        self.put_engine(engine);
    }

    /// What it keeps.
    pub(super) fn totals(&self) -> ScriptTotals {
        let Some(engine) = &self.engine else { return ScriptTotals::default() };
        let loaded = self.sources.iter().filter(|(sha, _)| engine.find(sha).is_some());
        let mut totals = ScriptTotals { engine_bytes: engine.memory_bytes() as u64, ..ScriptTotals::default() };
        for (sha, source) in loaded {
            totals.names.push(*sha);
            totals.source_bytes += source.len() as u64;
        }
        for library in engine.libraries() {
            totals.libraries += 1;
            totals.functions += library.functions.len() as u64;
            totals.library_bytes += library.code.len() as u64;
        }
        totals
    }

    /// All libraries, by name.
    pub(super) fn libraries(&mut self) -> Vec<LibraryInfo> {
        self.engine().libraries().cloned().collect()
    }
}

/// The code of all libraries, by name.
fn codes(engine: &Engine) -> Arc<[Arc<[u8]>]> {
    engine.libraries().map(|library| library.code.as_slice().into()).collect()
}

/// Carries a change out, or changes nothing.
fn apply(engine: &mut Engine, change: &FunctionChange) -> Result<(), String> {
    match change {
        FunctionChange::Load(code, replace) => load(engine, code, *replace, LOAD_NS_MAX),
        FunctionChange::Delete(name) => match engine.delete_library(name) {
            true => Ok(()),
            false => Err("ERR Library not found".to_owned()),
        },
        FunctionChange::Flush => {
            engine.forget_libraries();
            Ok(())
        }
        FunctionChange::Restore(libraries, conflict) => restore(engine, libraries, *conflict),
    }
}

/// Loads all libraries of a payload, or none.
fn restore(engine: &mut Engine, libraries: &[Vec<u8>], conflict: Conflict) -> Result<(), String> {
    engine.keep_libraries();
    if conflict == Conflict::Flush {
        engine.forget_libraries();
    }
    let replace = if conflict == Conflict::Replace { Replace::Yes } else { Replace::No };
    // FUNCTION RESTORE names what is in its way without quotes.
    let unquoted = |text: String| text.replace('\'', "");
    let mut loads = libraries.iter().map(|code| load(engine, code, replace, LOAD_NS_MAX));
    let outcome = loads.try_for_each(|loaded| loaded.map_err(unquoted));
    match &outcome {
        Ok(()) => engine.commit_libraries(),
        Err(_) => engine.restore_libraries(),
    }
    outcome
}

/// Loads one library: runs its body, which may not call commands, for at most so many nanoseconds.
fn load(engine: &mut Engine, code: &[u8], replace: Replace, ns_max: u64) -> Result<(), String> {
    engine.start_load(code, replace)?;
    let started = ticks();
    loop {
        let late = ticks_to_ns(ticks().wrapping_sub(started)) > ns_max;
        match engine.resume(if late { Said::Abort } else { Said::Go }) {
            Step::Done(_) if late => return Err("ERR FUNCTION LOAD timeout".to_owned()),
            Step::Done(_) => return engine.loaded().clone().map(drop),
            Step::Log(level) => super::scripts::log(level, engine.text()),
            Step::Rest => {}
            Step::Call(_) | Step::AclCheck => unreachable!("the engine refuses commands while a library is loaded"),
        }
    }
}

impl<R: Ring> Inner<R> {
    /// The function that has this core's engine between turns: its name, its command and since when it runs, in milliseconds.
    pub(super) fn running_function(&mut self) -> FunctionReport {
        let unit = self.scripts.running().and_then(|seq| self.units.get(&seq));
        let script = unit.and_then(|unit: &Unit| match &unit.job {
            Job::Script(script) => Some(script),
            Job::Exec(exec) => exec.script.as_ref(),
            _ => None,
        });
        let running = script.and_then(|script| match &script.program {
            Program::Function(name) => {
                let args: Args = script.args.args();
                let ms = self.now.monotonic_us.saturating_sub(script.began_us) / 1000;
                Some((name.clone(), OwnedArgs::copy(args), ms))
            }
            Program::Script(_) => None,
        });
        let libraries = self.scripts.libraries();
        let functions = libraries.iter().map(|library| library.functions.len()).sum();
        FunctionReport { running, libraries: libraries.len(), functions }
    }
}

#[cfg(test)]
mod tests {
    use keyspace::reply::Resp;
    use scripting::{Env, Target};

    use super::*;

    fn set(version: u64, codes: &[&str]) -> FunctionSet {
        FunctionSet { version, codes: codes.iter().map(|code| code.as_bytes().into()).collect() }
    }

    /// What a function that calls no command replies.
    fn called(engine: &mut Engine, name: &[u8]) -> Vec<u8> {
        let none = || std::iter::empty::<&[u8]>();
        engine.start(Target::Function(name), none(), none(), Env { resp: Resp::V2 });
        assert!(matches!(engine.resume(Said::Go), Step::Done(_)));
        engine.reply().to_vec()
    }

    #[test]
    fn a_core_that_cannot_load_a_library_goes_without_it() {
        let mut scripts = Scripts::default();
        let one = "#!lua name=one\nredis.register_function('f', function() return 1 end)";
        // Stands for a body that does well on the deciding core only.
        let wrong = "#!lua name=wrong\nnosuch()";
        scripts.take_functions(set(1, &[one, wrong]));
        let names: Vec<Vec<u8>> = scripts.libraries().into_iter().map(|library| library.name).collect();
        assert_eq!(names, [b"one"]);
        scripts.take_functions(set(2, &[wrong]));
        assert!(scripts.libraries().is_empty());
    }

    #[test]
    fn a_restore_that_fails_leaves_the_libraries_and_their_state() {
        let mut engine = Engine::new(scripting::Limits::default());
        let code = "#!lua name=counter\nlocal n = 0\nredis.register_function('f', function() n = n + 1 return n end)";
        load(&mut engine, code.as_bytes(), Replace::No, LOAD_NS_MAX).expect("it loads");
        assert_eq!(called(&mut engine, b"f"), b":1\r\n");
        for (conflict, count) in [(Conflict::Flush, ":2\r\n"), (Conflict::Replace, ":3\r\n")] {
            let payload = [format!("{code} -- other").into_bytes(), b"#!lua name=bad\nif".to_vec()];
            assert!(restore(&mut engine, &payload, conflict).is_err());
            assert_eq!(engine.libraries().count(), 1);
            assert_eq!(called(&mut engine, b"f"), count.as_bytes());
        }
    }
}
