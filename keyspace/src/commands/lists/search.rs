//! LPOS: the indexes of items that equal a text.

use std::ops::ControlFlow;

use crate::args::Args;
use crate::exec::{DataRow, Exec};
use crate::packed::Element;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::spec::{CommandSpec, Flags};
use crate::types::list::List;
use crate::types::nodes::End;

use super::read::read;
use super::{LIST, READ, count, integer};

/// The row.
pub(super) static ROWS: &[DataRow] = &[DataRow {
    spec: CommandSpec {
        name: "lpos",
        arity: -3,
        flags: Flags::READONLY.and(Flags::VISITABLE),
        keys: READ,
        since: "6.0.6",
        summary: "Returns the indexes of items of a list that equal an element.",
        complexity: "O(N) where N is the number of items that are compared",
        syntax: "key element [RANK rank:integer] [COUNT num-matches:integer] [MAXLEN len:integer]",
        ..LIST
    },
    run: lpos,
}];

/// What LPOS looks for.
struct Search {
    from: End,
    /// Matches that are passed over before the first that counts.
    passed: u64,
    /// How many are asked for: `None` without COUNT, 0 for all.
    count: Option<usize>,
    /// The most items to compare; 0 for all.
    compared: usize,
}

impl Search {
    fn parse(args: Args) -> Result<Search, Refusal> {
        let mut search = Search { from: End::Head, passed: 0, count: None, compared: 0 };
        let mut index = 3;
        while index < args.len() {
            let value = index + 1;
            if value == args.len() {
                return Err(Refusal::Syntax);
            }
            if args.is(index, "rank") {
                let rank = integer(args, value)?;
                if rank == 0 {
                    return Err(Refusal::Text(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
                         negative to start from the end of the list",
                    ));
                }
                search.from = if rank < 0 { End::Tail } else { End::Head };
                // The least integer has no counterpart, and is as good as -1.
                search.passed = rank.checked_abs().unwrap_or(1).unsigned_abs() - 1;
            } else if args.is(index, "count") {
                search.count = Some(count(args, value, 0, "ERR COUNT can't be negative")?);
            } else if args.is(index, "maxlen") {
                search.compared = count(args, value, 0, "ERR MAXLEN can't be negative")?;
            } else {
                return Err(Refusal::Syntax);
            }
            index += 2;
        }
        Ok(search)
    }

    /// Visits the indexes of matches in the order in which they are found.
    fn run(&self, list: List, element: Element, mut visit: impl FnMut(usize)) {
        let most = match self.count {
            None => 1,
            Some(0) => usize::MAX,
            Some(count) => count,
        };
        let (mut step, mut passed, mut found) = (0, 0, 0);
        let len = list.len();
        list.walk(self.from, |item| {
            if item == element && passed < self.passed {
                passed += 1;
            } else if item == element {
                visit(if self.from == End::Head { step } else { len - 1 - step });
                found += 1;
            }
            step += 1;
            if found == most || step == self.compared { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }
}

fn lpos(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let search = Search::parse(args)?;
    let list = read(exec, args)?;
    let mut found = Vec::new();
    if let Some(list) = list {
        search.run(list, Element::of(args.at(2)), |index| found.push(index));
    }
    match (search.count, found.first()) {
        (Some(_), _) => {
            reply.array(found.len());
            found.iter().for_each(|&index| reply.int(index as i64));
        }
        (None, Some(&index)) => reply.int(index as i64),
        (None, None) => reply.null(),
    }
    Ok(())
}
