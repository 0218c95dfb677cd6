//! What clients and scripts read in the end, and what is counted of it.

use keyspace::args::Args;
use keyspace::refusal::Refusal;
use keyspace::reply::{Reply, Resp};
use scripting::Outcome;

use crate::conn::Conn;
use crate::ring::Ring;
use crate::script::Script;

use super::Inner;

impl<R: Ring> Inner<R> {
    /// Answers a command whose script or function is not run.
    pub(super) fn refuse_script(&mut self, conn: &mut Conn, muted: bool, refusal: &Refusal) {
        let text = refusal.text();
        let command = conn.session.last_command.expect("a script is run by a command");
        let shard = self.owner.shard();
        shard.stats.failed(command, &text);
        shard.account(self.table.get(command), Args::new(&[], &[]), 0);
        if !muted {
            Reply::new(&mut conn.out, conn.session.resp).error(text);
        }
    }

    /// Answers a script's call of a command that is not carried out.
    pub(super) fn refuse_call(&mut self, args: Args, text: &[u8], reply: &mut Reply) {
        let command = self.table.resolve(args).map_or_else(|rejection| rejection.command, |command| Some(command.id));
        self.owner.shard().stats.rejected(command, text);
        reply.error(text);
    }

    /// Appends what a script that is over replies, and keeps the books.
    pub(super) fn script_reply(&mut self, script: &Script, outcome: Outcome, out: &mut Vec<u8>) {
        let (args, command) = (script.args.args(), self.table.get(script.command));
        let ns = self.now.monotonic_us.saturating_sub(script.began_us).saturating_mul(1000);
        if let Some(text) = &script.refused {
            let shard = self.owner.shard();
            if script.started {
                shard.stats.failed(command.id, text.as_bytes());
                shard.account(command, args, ns);
            } else {
                shard.stats.rejected(Some(command.id), text.as_bytes());
            }
            return Reply::new(out, script.resp).error(text);
        }
        let before = out.len();
        match outcome {
            Outcome::Returned | Outcome::Failed => {
                let errors = self.scripts.engine().take_errors();
                if errors.count() > 0 {
                    self.owner.shard().stats.replied(command.id, &errors);
                }
                out.extend_from_slice(self.scripts.engine().reply());
            }
            Outcome::Aborted => {
                let (chunk, line) = self.scripts.engine().place();
                let text = format!("{}, on {}:{line}.", script.killed_text(), String::from_utf8_lossy(chunk));
                let shard = self.owner.shard();
                shard.stats.failed(command.id, text.as_bytes());
                Reply::new(out, Resp::V2).error(text);
            }
        }
        let shard = self.owner.shard();
        shard.account(command, args, ns);
        shard.note_use(command, args, ns, out.len() - before);
    }
}
