//! Commands are carried out: what is asked is told, what is ordered is done or refused.

use super::parse::INVALID_SLOT;
use super::{
    ClusterCommand, ClusterReply, CommandFacts, LinksToKill, NamedNode, NamedSlot, SlotAction, SlotList, SlotRange,
};
use crate::cluster::{AdminError, Cluster, SlotChange, Stored, Withheld};
use crate::id::NodeId;
use crate::observed;
use crate::slot_set::span;
use crate::slot_table::NodeIndex;
use crate::time::UnixMillis;
use keyspace::slot::Slot;

impl Cluster {
    /// Withholds the slots that a command would let go of because nothing is stored there, as far as `facts` know. None if it lets go of
    /// nothing for that reason. Whoever gets something waits until all cores know, asks them again, has the command carried out, and
    /// gives it back.
    pub fn withhold_for(&mut self, command: &ClusterCommand, facts: &CommandFacts) -> Option<Withheld> {
        let me = &self.nodes()[self.me()];
        let empty = facts.keys() == Stored::Nothing;
        let slots = match command {
            ClusterCommand::FlushSlots if empty => Slot::all().collect(),
            ClusterCommand::Reset(_) if empty && me.is_master() => Slot::all().collect(),
            ClusterCommand::Replicate(NamedNode::Id(id)) if empty && self.may_replicate(*id) => Slot::all().collect(),
            ClusterCommand::SetSlot(NamedSlot::Slot(slot), SlotAction::Node(NamedNode::Id(id))) => {
                let mine = self.slots().owner(*slot) == Some(self.me());
                let other = self.nodes().find(id).filter(|to| *to != self.me() && self.nodes()[*to].is_master());
                let empty = facts.keys_in(*slot) == Stored::Nothing;
                // What is absent from a slot that is being moved away is asked for elsewhere, so nothing new is stored there.
                let leaves = self.slots().migrating(*slot).is_some();
                (mine && other.is_some() && empty && !leaves).then(|| [*slot].into_iter().collect())?
            }
            _ => return None,
        };
        Some(self.withhold_slots(slots))
    }

    /// Carries a command out. An error is the text for the client, without the `-` before it; then nothing was changed.
    pub fn command(
        &mut self,
        command: ClusterCommand,
        facts: &CommandFacts,
        now: UnixMillis,
    ) -> Result<ClusterReply, String> {
        let reply = self.carry_out(command, facts, now);
        observed::replied(&reply);
        reply
    }

    fn carry_out(
        &mut self,
        command: ClusterCommand,
        facts: &CommandFacts,
        now: UnixMillis,
    ) -> Result<ClusterReply, String> {
        let text = |id: &[u8]| Ok(ClusterReply::Bulk(id.to_vec()));
        match command {
            ClusterCommand::AddSlots(SlotList { ranges, fault: None }) => done(self.add_slots(each(&ranges))),
            ClusterCommand::AddSlots(SlotList { ranges, fault: Some(fault) }) => {
                self.may_add_slots(each(&ranges)).map_err(refused)?;
                Err(fault)
            }
            ClusterCommand::BumpEpoch => {
                let (epoch, bumped) = self.bump();
                let word = if bumped { "BUMPED" } else { "STILL" };
                Ok(ClusterReply::Status(format!("{word} {epoch}")))
            }
            ClusterCommand::CountFailureReports(node) => {
                let node = self.known(&node)?;
                Ok(ClusterReply::Int(self.failure_reports(node, now) as i64))
            }
            ClusterCommand::DeleteSlots(SlotList { ranges, fault: None }) => done(self.delete_slots(each(&ranges))),
            ClusterCommand::DeleteSlots(SlotList { ranges, fault: Some(fault) }) => {
                self.may_delete_slots(each(&ranges)).map_err(refused)?;
                Err(fault)
            }
            ClusterCommand::Failover(kind) => done(self.failover(kind, now)),
            ClusterCommand::FlushSlots => done(self.flush_slots(facts.keys())),
            ClusterCommand::Forget(node) => done(self.forget(named(&node)?, now)),
            ClusterCommand::Info => Ok(ClusterReply::Verbatim(self.info_text(facts))),
            ClusterCommand::KillLinks(links, node) => {
                let node = self.known(&node)?;
                let (to, from) = match links {
                    LinksToKill::To => (self.nodes()[node].outbound, None),
                    LinksToKill::From => (None, self.nodes()[node].inbound),
                    LinksToKill::All => (self.nodes()[node].outbound, self.nodes()[node].inbound),
                    LinksToKill::Unknown(word) => return Err(format!("ERR Unknown direction {word}")),
                };
                [to, from].into_iter().flatten().for_each(|link| self.close(link));
                Ok(ClusterReply::Ok)
            }
            ClusterCommand::Links => Ok(self.links_reply(facts)),
            ClusterCommand::Meet(address) => {
                self.meet(address, now);
                Ok(ClusterReply::Ok)
            }
            ClusterCommand::MyId => text(self.my_id().bytes()),
            ClusterCommand::MyShardId => text(self.nodes()[self.me()].shard.bytes()),
            ClusterCommand::Nodes => Ok(ClusterReply::Verbatim(self.nodes_text(facts.security))),
            ClusterCommand::Replicas(node) => self.replicas_reply(self.known(&node)?, facts.security),
            ClusterCommand::Replicate(node) => done(self.replicate(named(&node)?, facts.keys())),
            ClusterCommand::Reset(kind) => done(self.reset(kind, facts.keys())),
            ClusterCommand::SaveConfig => {
                self.save_conf();
                Ok(ClusterReply::Ok)
            }
            ClusterCommand::SetConfigEpoch(epoch) => done(self.set_config_epoch(epoch)),
            ClusterCommand::SetSlot(slot, action) => self.set_named_slot(slot, action, facts),
            ClusterCommand::Shards => Ok(self.shards_reply(facts)),
            ClusterCommand::Slots => Ok(self.slots_reply(facts)),
        }
    }

    /// SETSLOT: a replica refuses before it looks at the slot.
    fn set_named_slot(
        &mut self,
        slot: NamedSlot,
        action: SlotAction,
        facts: &CommandFacts,
    ) -> Result<ClusterReply, String> {
        if !self.nodes()[self.me()].is_master() {
            return Err(refused(AdminError::NotMaster));
        }
        let NamedSlot::Slot(slot) = slot else { return Err(INVALID_SLOT.into()) };
        let owned = self.slots().owner(slot) == Some(self.me());
        let change = match action {
            SlotAction::Stable => SlotChange::Stable,
            SlotAction::Migrating(_) if !owned => return Err(refused(AdminError::NotOwner(slot))),
            SlotAction::Importing(_) if owned => return Err(refused(AdminError::AlreadyOwner(slot))),
            SlotAction::Migrating(NamedNode::Id(id)) => SlotChange::Migrating(id),
            SlotAction::Importing(NamedNode::Id(id)) => SlotChange::Importing(id),
            SlotAction::Migrating(NamedNode::Nobody(name)) | SlotAction::Importing(NamedNode::Nobody(name)) => {
                return Err(format!("ERR I don't know about node {name}"));
            }
            SlotAction::Node(node) => SlotChange::Node(named(&node)?),
            SlotAction::Unknown => {
                return Err("ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP".into());
            }
        };
        done(self.set_slot(slot, change, facts.keys_in(slot)))
    }

    /// The place of a node that a client names.
    fn known(&self, node: &NamedNode) -> Result<NodeIndex, String> {
        let id = named(node)?;
        self.nodes().find(&id).ok_or_else(|| refused(AdminError::UnknownNode(id)))
    }
}

/// All slots of the ranges, in the order in which they were given.
fn each(ranges: &[SlotRange]) -> impl Iterator<Item = Slot> + '_ {
    ranges.iter().flat_map(|range| span(range.first, range.last))
}

/// A name that a node may have.
fn named(node: &NamedNode) -> Result<NodeId, String> {
    match node {
        NamedNode::Id(id) => Ok(*id),
        NamedNode::Nobody(name) => Err(format!("ERR Unknown node {name}")),
    }
}

/// The text for the client.
fn refused(error: impl std::fmt::Display) -> String {
    format!("ERR {error}")
}

fn done<E: std::fmt::Display>(result: Result<(), E>) -> Result<ClusterReply, String> {
    result.map(|()| ClusterReply::Ok).map_err(refused)
}
