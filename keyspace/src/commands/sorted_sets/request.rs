//! What a union, an intersection or a difference of sorted sets is asked for.

use crate::args::Args;
use crate::double;
use crate::number::parse_i64;
use crate::refusal::Refusal;

use super::Shown;

/// What is made of the sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Union,
    Intersection,
    Difference,
}

/// What the scores of one member become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    /// Takes one more score in. A sum of both infinities counts as nothing.
    #[inline]
    pub(super) fn apply(self, sum: &mut f64, score: f64) {
        match self {
            Aggregate::Sum => {
                *sum += score;
                if sum.is_nan() {
                    *sum = 0.0;
                }
            }
            // What is not a number is neither less nor greater.
            Aggregate::Min if score < *sum => *sum = score,
            Aggregate::Max if score > *sum => *sum = score,
            Aggregate::Min | Aggregate::Max => {}
        }
    }
}

/// The options of a call.
pub(super) struct Request {
    pub(super) operation: Operation,
    /// One for each key.
    pub(super) weights: Vec<f64>,
    pub(super) aggregate: Aggregate,
    pub(super) shown: Shown,
}

impl Request {
    /// Reads the number of keys, argument `index`; that many arguments follow it.
    pub(super) fn numkeys(args: Args, index: usize, name: &str) -> Result<usize, Refusal> {
        let numkeys = parse_i64(args.at(index)).ok_or(Refusal::NotInteger)?;
        if numkeys < 1 {
            return Err(Refusal::owned(format!("ERR at least 1 input key is needed for '{name}' command")));
        }
        usize::try_from(numkeys).ok().filter(|&numkeys| numkeys < args.len() - index).ok_or(Refusal::Syntax)
    }

    /// Reads the options of ZINTERCARD: the count at which it may stop, 0 for none.
    pub(super) fn limit(mut args: Args) -> Result<usize, Refusal> {
        let mut limit = 0;
        while !args.is_empty() {
            if args.len() < 2 || !args.is(0, "limit") {
                return Err(Refusal::Syntax);
            }
            let number = parse_i64(args.at(1)).and_then(|limit| usize::try_from(limit).ok());
            limit = number.ok_or(Refusal::Text("ERR LIMIT can't be negative"))?;
            args = args.from(2);
        }
        Ok(limit)
    }

    /// Reads what stands behind the keys. `most` is what may be shown: scores are not asked for where the result goes to a key.
    pub(super) fn parse(mut args: Args, numkeys: usize, operation: Operation, most: Shown) -> Result<Request, Refusal> {
        let weights = vec![1.0; numkeys];
        let mut request = Request { operation, weights, aggregate: Aggregate::Sum, shown: Shown::Members };
        let weighs = operation != Operation::Difference;
        while !args.is_empty() {
            let mut taken = 1;
            if weighs && args.len() > numkeys && args.is(0, "weights") {
                for (weight, text) in request.weights.iter_mut().zip(args.from(1).iter()) {
                    *weight = double::parse(text).ok_or(Refusal::Text("ERR weight value is not a float"))?;
                }
                taken += numkeys;
            } else if weighs && args.len() >= 2 && args.is(0, "aggregate") {
                let words = [("sum", Aggregate::Sum), ("min", Aggregate::Min), ("max", Aggregate::Max)];
                let chosen = words.iter().find(|(word, _)| args.is(1, word));
                request.aggregate = chosen.ok_or(Refusal::Syntax)?.1;
                taken += 1;
            } else if most == Shown::Scores && args.is(0, "withscores") {
                request.shown = Shown::Scores;
            } else {
                return Err(Refusal::Syntax);
            }
            args = args.from(taken);
        }
        Ok(request)
    }
}
