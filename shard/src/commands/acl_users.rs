//! ACL's commands about users. As with settings, core 0 decides about a change, so that two cannot undo each other; the reply comes
//! after all cores have taken it on.

use std::sync::Arc;

use keyspace::args::{Args, OwnedArgs};
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;

use crate::acl::{Selector, User, Users, print_line};
use crate::ask::{Answer, Ask, Audience};
use crate::mesh::CoreId;

use super::SessionExec;
use super::acl::one;

/// A change that core 0 decides about.
#[derive(Clone)]
pub enum UsersChange {
    /// A name, and rules for it.
    Set(Arc<OwnedArgs>),
    /// Names of users to delete.
    Delete(Arc<OwnedArgs>),
    /// These users in place of all.
    Replace(Arc<Users>),
}

/// What core 0 decided.
#[derive(Clone)]
pub struct UsersDecision {
    /// The users from now on.
    pub users: Arc<Users>,
    /// How many users it deleted that were named.
    pub deleted: u64,
    /// The client that asked: the only one of a deleted user that is still to be answered.
    pub client: u64,
}

pub(super) fn setuser(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    decide(exec, UsersChange::Set(Arc::new(OwnedArgs::copy(args.from(2)))), spread);
    Ok(())
}

pub(super) fn deluser(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    decide(exec, UsersChange::Delete(Arc::new(OwnedArgs::copy(args.from(2)))), spread);
    Ok(())
}

/// The service thread read the aclfile.
pub(super) fn adopted(exec: &mut SessionExec, _: Args, answers: Vec<Answer>, _: &mut Reply) -> Outcome {
    let Answer::AclFile(read) = one(answers) else { unreachable!("the question was about the aclfile") };
    decide(exec, UsersChange::Replace(read.map_err(Refusal::owned)?), spread);
    Ok(())
}

fn decide(exec: &mut SessionExec, change: UsersChange, finish: crate::ask::FinishFn) {
    exec.ask(Audience::Core(CoreId(0)), Ask::ChangeUsers(change, exec.session.id), finish);
}

/// Core 0 decided. The others take the users on before the client hears of it.
fn spread(exec: &mut SessionExec, _: Args, answers: Vec<Answer>, _: &mut Reply) -> Outcome {
    let Answer::Users(decision) = one(answers) else { unreachable!("the question was about users") };
    exec.ask(Audience::Cores, Ask::TakeUsers(decision?), finish);
    Ok(())
}

/// All cores have them. The client itself is not spared if its user is gone or has lost what it listens to: it has its answer, and
/// that is all.
fn finish(exec: &mut SessionExec, args: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    match one(answers) {
        Answer::Count(deleted) if args.is(1, "deluser") => reply.int(deleted as i64),
        _ => reply.ok(),
    }
    if !exec.session.is_of(&exec.facts.acl.users) {
        exec.session.sign_out(&exec.facts.acl.users);
        exec.close();
    }
    if !exec.session.may_listen() {
        exec.close();
    }
    Ok(())
}

pub(super) fn list(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    let users = exec.facts.acl.users.iter();
    reply.array(users.len());
    users.for_each(|user| reply.bulk(&print_line(user)));
    Ok(())
}

pub(super) fn users(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    let users = exec.facts.acl.users.iter();
    reply.array(users.len());
    users.for_each(|user| reply.bulk(&user.name));
    Ok(())
}

pub(super) fn getuser(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    match exec.facts.acl.users.get(args.at(2)) {
        None => reply.null(),
        Some(user) => write_user(user, reply),
    }
    Ok(())
}

fn write_user(user: &User, reply: &mut Reply) {
    reply.map(6);
    reply.text("flags");
    reply.set(user.flags().count());
    user.flags().for_each(|flag| reply.text(flag));
    reply.text("passwords");
    reply.array(user.passwords().len());
    user.passwords().iter().for_each(|hash| reply.text(&hash.hex()));
    let (root, more) = user.selectors().split_first().expect("a user has a selector");
    write_selector(root, reply);
    reply.text("selectors");
    reply.array(more.len());
    for selector in more {
        reply.map(3);
        write_selector(selector, reply);
    }
}

fn write_selector(selector: &Selector, reply: &mut Reply) {
    reply.text("commands");
    reply.bulk(&selector.print_commands());
    reply.text("keys");
    reply.bulk(&selector.print_keys());
    reply.text("channels");
    reply.bulk(&selector.print_channels());
}
