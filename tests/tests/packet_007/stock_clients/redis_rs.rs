//! redis-rs's cluster client: a connection for each kind of work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use redis::cluster::{ClusterClient, ClusterConnection, cluster_pipe};
use redis::{Commands, RedisResult, Script, cmd};

use super::Answered;

/// Between messages.
const PUBLISH_PACE: Duration = Duration::from_millis(20);

/// Clients at work.
pub(super) struct RedisRs {
    stop: Arc<AtomicBool>,
    /// Messages of the shard channel so far.
    sent: Arc<AtomicU64>,
    workers: Vec<JoinHandle<Answered>>,
    publisher: Option<JoinHandle<u64>>,
    /// Its end stops the publisher.
    quiet: Option<Sender<()>>,
}

/// A round of work: with a connection, the tags, the round's number and what was answered.
type Work = fn(&mut ClusterConnection, &[String], u64, &mut Answered);

impl RedisRs {
    /// Starts them. They know the cluster by one node.
    pub(super) fn start(port: u16, channel: &str, tags: &[String]) -> RedisRs {
        let client = ClusterClient::new([format!("redis://127.0.0.1:{port}/")]).expect("an address of redis-rs");
        let connect = || client.get_connection().expect("redis-rs connects");
        let (stop, sent) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let works: [Work; 3] = [singles, groups, pipelines];
        let worker = |work: Work| {
            let (mut connection, tags, stop) = (connect(), tags.to_owned(), stop.clone());
            thread::spawn(move || {
                let mut answered = Answered::default();
                for round in 0.. {
                    work(&mut connection, &tags, round, &mut answered);
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
                answered
            })
        };
        let workers = works.map(worker).into();
        let (mut connection, channel, last) = (connect(), channel.to_owned(), sent.clone());
        let (quiet, end) = std::sync::mpsc::channel();
        let publisher = thread::spawn(move || publish(&mut connection, &channel, &last, &end));
        RedisRs { stop, sent, workers, publisher: Some(publisher), quiet: Some(quiet) }
    }

    /// The number of the message that the shard channel was sent last.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Ends the work: what was answered, and how many messages `news` was sent.
    pub(super) fn end(mut self) -> (Answered, u64) {
        self.stop.store(true, Ordering::Relaxed);
        let mut answered = Answered::default();
        self.workers.drain(..).for_each(|worker| answered.add(worker.join().expect("a worker ends")));
        drop(self.quiet.take());
        let publisher = self.publisher.take().expect("it ends once");
        (answered, publisher.join().expect("the publisher ends"))
    }
}

impl Drop for RedisRs {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Notes what became of increments.
fn counted<T>(answered: &mut Answered, keys: &[String], result: RedisResult<T>) -> Option<T> {
    let table = if result.is_ok() { &mut answered.counts } else { &mut answered.doubts };
    keys.iter().for_each(|key| *table.entry(key.clone()).or_default() += 1);
    result.map_err(|error| answered.errors.push(format!("{keys:?}: {error}"))).ok()
}

/// What is read after it was written.
fn read_back<T: PartialEq + std::fmt::Debug>(answered: &mut Answered, what: &str, got: RedisResult<T>, wanted: T) {
    match got {
        Ok(got) if got == wanted => {}
        other => answered.errors.push(format!("{what}: {other:?} instead of {wanted:?}")),
    }
}

fn singles(connection: &mut ClusterConnection, tags: &[String], round: u64, answered: &mut Answered) {
    for tag in tags {
        let (counter, key) = (format!("{{{tag}}}:n"), format!("{{{tag}}}:rs"));
        let result = connection.incr::<_, _, u64>(&counter, 1);
        counted(answered, &[counter], result);
        let written = connection.set::<_, _, String>(&key, round);
        read_back(answered, &key, written, "OK".into());
        let read = connection.get::<_, u64>(&key);
        read_back(answered, &key, read, round);
        answered.values.insert(key, round.to_string());
    }
}

fn groups(connection: &mut ClusterConnection, tags: &[String], round: u64, answered: &mut Answered) {
    let script = Script::new("return {redis.call('INCR', KEYS[1]), redis.call('INCR', KEYS[2])}");
    for tag in tags {
        let keys = ["a", "b"].map(|name| format!("{{{tag}}}:rs:{name}"));
        let pairs = keys.clone().map(|key| (key, round));
        let written = connection.mset::<_, _, String>(&pairs);
        read_back(answered, &keys[0], written, "OK".into());
        let read = connection.mget::<_, Vec<u64>>(&keys);
        read_back(answered, &keys[0], read, vec![round; 2]);
        answered.values.extend(keys.map(|key| (key, round.to_string())));
        let counters = ["e", "f"].map(|name| format!("{{{tag}}}:{name}"));
        let result = script.key(&counters[0]).key(&counters[1]).invoke::<(u64, u64)>(connection);
        if let Some((one, other)) = counted(answered, &counters, result) {
            read_back(answered, &counters[0], Ok(one), other);
        }
    }
}

/// redis-rs 1.8 gives redirects of commands in a pipeline back, as it does before Redis: then each may be done or not, and single commands
/// find out where the slots are.
fn pipelines(connection: &mut ClusterConnection, tags: &[String], round: u64, answered: &mut Answered) {
    let counters: Vec<String> = tags.iter().map(|tag| format!("{{{tag}}}:n")).collect();
    let mut pipeline = cluster_pipe();
    for counter in &counters {
        pipeline.incr(counter, 1).ignore().set(format!("{counter}:rs"), round);
    }
    let result = pipeline.query::<Vec<String>>(connection);
    let keys = counters.iter().map(|counter| format!("{counter}:rs"));
    let redirects = ["error: Moved: ", "error: Ask: "];
    if result.as_ref().is_err_and(|error| redirects.iter().any(|kind| error.to_string().contains(kind))) {
        counters.iter().for_each(|counter| *answered.doubts.entry(counter.clone()).or_default() += 1);
        keys.for_each(|key| {
            answered.values.remove(&key);
            if let Err(error) = connection.exists::<_, bool>(&key) {
                answered.errors.push(format!("{key}: {error}"));
            }
        });
    } else if let Some(replies) = counted(answered, &counters, result) {
        read_back(answered, "a pipeline", Ok(replies), vec!["OK".into(); counters.len()]);
        answered.values.extend(keys.map(|key| (key, round.to_string())));
    }
}

/// Publishes to the channel `news` and to the shard channel, the numbers from 0 and from 1. Returns how many `news` had.
fn publish(connection: &mut ClusterConnection, channel: &str, sent: &AtomicU64, end: &Receiver<()>) -> u64 {
    let mut published = 0;
    while end.recv_timeout(PUBLISH_PACE) == Err(RecvTimeoutError::Timeout) {
        connection.publish::<_, _, u64>("news", published).expect("any node takes a message");
        published += 1;
        // Nobody may listen just then: who did is told that the channel moved.
        let message = cmd("SPUBLISH").arg(channel).arg(published).query::<u64>(connection);
        message.expect("a redirect is followed");
        sent.store(published, Ordering::Relaxed);
    }
    published
}
