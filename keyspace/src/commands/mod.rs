//! The data commands, one family per file, each a row of the table and a handler.

pub mod bitfields;
pub mod bitmaps;
pub mod counters;
pub mod debug;
pub mod digests;
mod draw;
pub mod dump;
pub mod expiry;
pub mod flush;
pub mod geo;
pub mod hashes;
pub mod hyperloglogs;
pub mod keys;
pub mod lcs;
pub mod lists;
pub mod object;
pub mod populate;
pub mod ranges;
pub mod renames;
pub mod scan;
mod scan_options;
pub mod sets;
pub mod sort;
pub mod sorted_sets;
pub mod streams;
mod stretch;
pub mod strings;
pub mod strings_many;
mod strings_options;
pub mod sync;
mod waiting;
pub mod whole;

#[cfg(test)]
mod events_tests;
#[cfg(test)]
pub(crate) mod testing;

use crate::exec::DataRow;
use crate::whole::{WholeRow, WideRow};

/// The rows of all data commands.
pub fn rows() -> impl Iterator<Item = &'static DataRow> {
    let strings = [strings::ROWS, strings_many::ROWS, counters::ROWS, ranges::ROWS, lcs::ROWS];
    let generic =
        [keys::ROWS, renames::ROWS, expiry::ROWS, object::ROWS, dump::ROWS, sort::ROWS, debug::ROWS, digests::ROWS];
    let bits = [bitmaps::ROWS, bitfields::ROWS, hyperloglogs::ROWS];
    let collections = lists::rows().chain(hashes::rows()).chain(sets::rows()).chain(sorted_sets::rows());
    let more = streams::rows().chain(geo::rows());
    strings.into_iter().chain(generic).chain(bits).flatten().chain(collections).chain(more)
}

/// The rows of the commands that need every slot of every core.
pub fn whole_rows() -> impl Iterator<Item = &'static WholeRow> {
    [whole::ROWS, flush::ROWS, populate::ROWS, digests::WHOLE_ROWS, sync::ROWS].into_iter().flatten()
}

/// What those of the data commands do that need every slot of every core with some arguments.
pub fn wide_rows() -> impl Iterator<Item = &'static WideRow> {
    sort::WIDE_ROWS.iter()
}
