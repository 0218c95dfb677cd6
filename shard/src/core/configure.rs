//! Settings at run time. One core decides about changes, so that two CONFIG SETs cannot undo each other; all take them on.

use std::sync::Arc;

use audit::digest::Digest;
use evict::topics::Topic;
use keyspace::args::Args;

use crate::ask::Answer;
use crate::mail::Mail;
use crate::memory;
use crate::mesh::mailbox::Address;
use crate::ring::{Ring, process};
use crate::settings::{Settings, config_set};

use super::Inner;
use super::client_eviction::clients_limit;

/// Descriptors of the process that are not a client's: standard streams, log, service thread.
const DESCRIPTORS_RESERVED: u64 = 32;

/// Descriptors that each core has beside its clients: ring, wake-up, listeners.
const DESCRIPTORS_PER_CORE: u64 = 8;

impl<R: Ring> Inner<R> {
    /// Decides about a change: on the deciding core only.
    pub(super) fn config_set(&mut self, args: Args) -> Answer {
        let pairs: Vec<(&[u8], &[u8])> = (0..args.len() / 2).map(|n| (args.at(2 * n), args.at(2 * n + 1))).collect();
        let result = config_set(&self.settings, &pairs);
        self.note_config_set(args, &result);
        let settings = match result {
            Ok(settings) => Arc::new(settings),
            Err(error) => return Answer::Settings(Err(error.to_string())),
        };
        if let Err(refusal) = self.make_room(settings.maxclients) {
            return Answer::Settings(Err(refusal));
        }
        if let Some(reason) = memory::too_little(&settings, self.map.cores()) {
            let sum = Digest::default().and(&settings.maxmemory.to_le_bytes());
            self.owner.shard().auditor.note(Topic::LimitTooSmall, sum);
            let text = format!("ERR CONFIG SET failed (possibly related to argument 'maxmemory') - {reason}");
            return Answer::Settings(Err(text));
        }
        self.owner.shard().memory.budget().resize(self.settings.maxmemory, settings.maxmemory);
        let version = self.settings_version + 1;
        let users = self.users_under(&settings);
        self.configure(settings.clone(), version);
        self.take_users(users.clone(), None);
        let service = Address(self.map.cores());
        for address in std::iter::once(service).chain(self.bus) {
            self.outboxes.notice(address, Mail::Configured(settings.clone()));
        }
        Answer::Settings(Ok((settings, version, users)))
    }

    /// Makes sure that the process may have the descriptors of this many clients.
    fn make_room(&self, maxclients: u32) -> Result<(), String> {
        if maxclients <= self.settings.maxclients {
            return Ok(());
        }
        let reserved = DESCRIPTORS_RESERVED + u64::from(self.map.cores()) * DESCRIPTORS_PER_CORE;
        let allowed = process::allow_descriptors(u64::from(maxclients) + reserved).saturating_sub(reserved);
        match allowed >= u64::from(maxclients) {
            true => Ok(()),
            false => Err(format!(
                "ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to \
                 handle the specified number of clients, try with {allowed}"
            )),
        }
    }

    /// Takes settings on, unless newer ones are in force.
    pub(super) fn configure(&mut self, settings: Arc<Settings>, version: u64) {
        if version > self.settings_version {
            self.settings_version = version;
            self.ring.set_keepalive(settings.tcp_keepalive);
            // A limit that begins to hold charges the core for all that it uses.
            let others = self.other_bytes();
            self.owner.shard().memory.stand_beside(others);
            self.owner.shard().configure(settings.clone());
            self.clients_limit = clients_limit(&settings);
            self.audit_settings(&settings);
            self.settings = settings;
        }
    }
}
