//! Files of snapshots, between the cores that write them and the clients that read them.
//!
//! Each snapshot has a task of its own, which does what it is asked in the order of arrival: so pieces of several cores follow each other in
//! the file, and what waits is bounded by what cores ask before they are answered. A file has no name: it is gone with the process at the
//! latest.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::rc::Rc;

use glommio::channels::local_channel::{LocalReceiver, LocalSender, new_unbounded};
use glommio::io::{BufferedFile, OpenOptions};
use keyspace::rdb::file::{BEGINNING, Sum};
use shard::ask::Answer;
use shard::mesh::mailbox::Address;
use shard::saving::{SaveAnswer, SaveAsk, SaveStep};

use crate::post::Post;

/// Bytes of a piece that a client is given.
const PIECE_BYTES: usize = 256 << 10;

/// Files at a time, each with a client that is given one.
const FILES_MAX: usize = 16;

/// What an address asked.
type Asked = (Address, u64, SaveStep);

/// All snapshots that are not forgotten.
#[derive(Default)]
pub(super) struct Saves {
    files: RefCell<BTreeMap<u64, LocalSender<Asked>>>,
}

impl Saves {
    /// Does what an address asks, after all that was asked of the snapshot before.
    pub(super) fn take(self: &Rc<Self>, from: Address, question: u64, ask: SaveAsk, post: &Rc<RefCell<Post>>) {
        let mut files = self.files.borrow_mut();
        let is_last = matches!(ask.what, SaveStep::Forget);
        let is_full = files.len() >= FILES_MAX;
        let asks = files.entry(ask.number).or_insert_with(|| self.open(ask.number, is_full, post));
        asks.try_send((from, question, ask.what)).expect("a task takes all that is asked until it is told to forget");
        if is_last {
            files.remove(&ask.number);
        }
    }

    /// Starts the task of a snapshot.
    fn open(&self, number: u64, is_full: bool, post: &Rc<RefCell<Post>>) -> LocalSender<Asked> {
        let (asks, asked) = new_unbounded();
        let (post, cores) = (post.clone(), post.borrow().cores());
        glommio::spawn_local(async move { serve(number, is_full, cores, asked, post).await }).detach();
        asks
    }
}

/// A snapshot's task.
async fn serve(number: u64, is_full: bool, cores: usize, asked: LocalReceiver<Asked>, post: Rc<RefCell<Post>>) {
    let mut save = match is_full {
        true => Save { state: Err("there are too many".into()), ended: 0 },
        false => Save { state: File::begin(number).await, ended: 0 },
    };
    let mut waiting = None;
    while let Some((from, question, step)) = asked.recv().await {
        let is_last = matches!(step, SaveStep::Forget);
        if let SaveStep::Await = step {
            waiting = Some((from, question));
        } else {
            let answer = Answer::Save(save.carry_out(step, cores).await);
            post.borrow_mut().answer(from, question, answer);
        }
        if save.ended == cores
            && let Some((from, question)) = waiting.take()
        {
            post.borrow_mut().answer(from, question, Answer::Save(save.length()));
        }
        if is_last {
            return;
        }
    }
}

/// One snapshot.
struct Save {
    /// Its file, or why there is none.
    state: Result<File, String>,
    /// Cores that have come to their end.
    ended: usize,
}

impl Save {
    async fn carry_out(&mut self, step: SaveStep, cores: usize) -> SaveAnswer {
        match step {
            SaveStep::Keep(bytes) => self.keep(bytes).await,
            SaveStep::End(outcome) => {
                match outcome {
                    Ok(bytes) => self.keep(bytes).await,
                    Err(why) => self.state = Err(why),
                }
                self.ended += 1;
                if self.ended == cores
                    && let Ok(file) = &self.state
                {
                    let end = file.sum.end().to_vec();
                    self.keep(end).await;
                }
            }
            SaveStep::Read(from) => return self.read(from).await,
            SaveStep::Forget => {}
            SaveStep::Await => unreachable!("it is not carried out but waited for"),
        }
        match &self.state {
            Ok(_) => SaveAnswer::Kept,
            Err(why) => SaveAnswer::Failed(why.clone()),
        }
    }

    /// Appends bytes, if there is a file. What fails is the end of it.
    async fn keep(&mut self, bytes: Vec<u8>) {
        if let Ok(file) = &mut self.state
            && let Err(why) = file.append(bytes).await
        {
            tracing::warn!("A snapshot could not be written: {why}");
            self.state = Err(why);
        }
    }

    async fn read(&self, from: u64) -> SaveAnswer {
        match &self.state {
            Ok(file) => file.read(from).await.map_or_else(SaveAnswer::Failed, SaveAnswer::Piece),
            Err(why) => SaveAnswer::Failed(why.clone()),
        }
    }

    fn length(&self) -> SaveAnswer {
        match &self.state {
            Ok(file) => SaveAnswer::Whole(file.length),
            Err(why) => SaveAnswer::Failed(why.clone()),
        }
    }
}

/// The file of a snapshot.
struct File {
    file: BufferedFile,
    length: u64,
    sum: Sum,
}

impl File {
    /// Makes one in the working directory, without a name there.
    async fn begin(number: u64) -> Result<File, String> {
        let path = format!("temp-sync-{}-{number}.rdb", std::process::id());
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let file = options.buffered_open(&path).await.map_err(|error| error.to_string())?;
        fs::remove_file(&path).map_err(|error| format!("{path}: {error}"))?;
        let mut file = File { file, length: 0, sum: Sum::default() };
        file.append(BEGINNING.to_vec()).await?;
        Ok(file)
    }

    async fn append(&mut self, bytes: Vec<u8>) -> Result<(), String> {
        self.sum.add(&bytes);
        let (from, wanted) = (self.length, bytes.len());
        if wanted > 0 {
            let written = self.file.write_at(bytes, from).await.map_err(|error| error.to_string())?;
            if written < wanted {
                return Err("the disk is full".into());
            }
        }
        self.length += wanted as u64;
        Ok(())
    }

    async fn read(&self, from: u64) -> Result<Vec<u8>, String> {
        let left = self.length.saturating_sub(from).min(PIECE_BYTES as u64) as usize;
        let piece = self.file.read_at(from, left).await.map_err(|error| error.to_string())?;
        match piece.len() {
            0 => Err("the file is shorter than it was".into()),
            _ => Ok(piece.to_vec()),
        }
    }
}
