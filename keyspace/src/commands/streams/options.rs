//! The options of XADD and XTRIM.

use crate::args::Args;
use crate::number::parse_i64;
use crate::refusal::Refusal;
use crate::types::stream::{AskedId, By, Stays, StreamId, Trim};

/// Nodes that trimming by nodes looks at, if no limit is given.
const NODES_BY_DEFAULT: usize = 100;
/// The limit without one and where nodes have none, in entries.
const LIMIT_WITHOUT_NODES: u64 = 10_000;
/// The greatest limit that follows from the size of nodes.
const LIMIT_BY_DEFAULT_MAX: u64 = 1_000_000;

/// What is asked for of XADD before the fields.
pub(super) struct AddOptions {
    /// The id.
    pub(super) id: AskedId,
    /// NOMKSTREAM: a missing stream is not made.
    pub(super) needs_stream: bool,
    /// How to trim the stream afterwards.
    pub(super) trim: Option<Trim>,
    /// Where that is said.
    pub(super) words: TrimWords,
    /// Index of the first field.
    pub(super) pairs: usize,
}

/// Where the options of trimming stand among the arguments.
#[derive(Clone, Copy, Default)]
pub(super) struct TrimWords {
    /// `=` or `~`.
    pub(super) operator: Option<usize>,
    /// The count or the id.
    pub(super) threshold: usize,
    /// LIMIT.
    pub(super) limit: Option<usize>,
}

impl AddOptions {
    /// Reads them; `node_entries` is `stream-node-max-entries`.
    pub(super) fn parse(args: Args, node_entries: usize) -> Result<AddOptions, Refusal> {
        let (mut trimming, mut needs_stream, mut index) = (Trimming::default(), false, 2);
        let mut id = AskedId::Automatic;
        while index < args.len() {
            // What only looks like `*` is refused as an id below.
            if args.at(index).split(|&byte| byte == 0).next() == Some(b"*") {
                break;
            }
            if let Some(taken) = trimming.take(args, index)? {
                index += taken;
            } else if args.is(index, "nomkstream") {
                needs_stream = true;
                index += 1;
            } else {
                id = AskedId::parse(args.at(index))?;
                break;
            }
        }
        let words = trimming.words;
        Ok(AddOptions { id, needs_stream, trim: trimming.finish(node_entries)?, words, pairs: index.saturating_add(1) })
    }
}

/// Options of trimming, while they are read.
#[derive(Default)]
pub(super) struct Trimming {
    stays: Option<Stays>,
    by_nodes: bool,
    limit: Option<u64>,
    words: TrimWords,
}

impl Trimming {
    /// Reads the options of XTRIM, which must name what stays.
    pub(super) fn parse_alone(args: Args, node_entries: usize) -> Result<(Trim, TrimWords), Refusal> {
        let (mut trimming, mut index) = (Trimming::default(), 2);
        while index < args.len() {
            index += trimming.take(args, index)?.ok_or(Refusal::Syntax)?;
        }
        let nothing = Refusal::Text("ERR syntax error, XTRIM must be called with a trimming strategy");
        if trimming.stays.is_none() && trimming.limit == Some(0) {
            return Err(nothing);
        }
        let words = trimming.words;
        Ok((trimming.finish(node_entries)?.ok_or(nothing)?, words))
    }

    /// Reads the option at `index` and tells how many arguments it takes; `None` if it is not one of trimming.
    fn take(&mut self, args: Args, index: usize) -> Result<Option<usize>, Refusal> {
        if index + 1 >= args.len() {
            return Ok(None);
        }
        if args.is(index, "limit") {
            let limit = parse_i64(args.at(index + 1)).ok_or(Refusal::NotInteger)?;
            let limit = u64::try_from(limit).map_err(|_| Refusal::Text("ERR The LIMIT argument must be >= 0."))?;
            self.limit = Some(limit);
            self.words.limit = Some(index);
            return Ok(Some(2));
        }
        let newest = args.is(index, "maxlen");
        if !newest && !args.is(index, "minid") {
            return Ok(None);
        }
        if self.stays.is_some() {
            return Err(Refusal::Text(
                "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
            ));
        }
        let operator = args.get(index + 2).and_then(|_| match args.at(index + 1).split(|&byte| byte == 0).next() {
            Some(b"~") => Some(true),
            Some(b"=") => Some(false),
            _ => None,
        });
        self.by_nodes = operator == Some(true);
        self.words.operator = operator.map(|_| index + 1);
        self.words.threshold = index + 1 + operator.is_some() as usize;
        let threshold = args.at(self.words.threshold);
        self.stays = Some(if newest {
            let count = parse_i64(threshold).ok_or(Refusal::NotInteger)?;
            let count = u64::try_from(count).map_err(|_| Refusal::Text("ERR The MAXLEN argument must be >= 0."))?;
            Stays::Newest(count)
        } else {
            Stays::From(StreamId::parse(threshold)?)
        });
        Ok(Some(2 + operator.is_some() as usize))
    }

    /// What all options together mean.
    fn finish(self, node_entries: usize) -> Result<Option<Trim>, Refusal> {
        let Some(stays) = self.stays else {
            return match self.limit {
                Some(1..) => {
                    Err(Refusal::Text("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"))
                }
                Some(0) => Err(WITHOUT_NODES),
                None => Ok(None),
            };
        };
        let by = match (self.by_nodes, self.limit) {
            (false, None) => By::Entries,
            (false, Some(_)) => return Err(WITHOUT_NODES),
            (true, Some(limit)) => By::Nodes { limit },
            (true, None) if node_entries == 0 => By::Nodes { limit: LIMIT_WITHOUT_NODES },
            (true, None) => {
                let limit = node_entries.saturating_mul(NODES_BY_DEFAULT) as u64;
                By::Nodes { limit: limit.min(LIMIT_BY_DEFAULT_MAX) }
            }
        };
        Ok(Some(Trim { stays, by }))
    }
}

const WITHOUT_NODES: Refusal = Refusal::Text("ERR syntax error, LIMIT cannot be used without the special ~ option");
