//! The data commands, one family per file, each a row of the table and a handler.

pub mod bitfields;
pub mod bitmaps;
pub mod counters;
pub mod debug;
pub mod digests;
pub mod dump;
pub mod expiry;
pub mod flush;
pub mod geo;
pub mod hashes;
pub mod hashes_counters;
pub mod hashes_read;
pub mod hashes_walk;
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
pub mod streams_claim;
pub mod streams_groups;
pub mod streams_info;
mod streams_options;
pub mod streams_pending;
pub mod streams_range;
pub mod streams_read;
mod stretch;
pub mod strings;
pub mod strings_many;
mod strings_options;
pub mod whole;

#[cfg(test)]
pub(crate) mod testing;

use crate::exec::DataRow;
use crate::whole::{WholeRow, WideRow};

/// The rows of all data commands.
pub fn rows() -> impl Iterator<Item = &'static DataRow> {
    let strings = [strings::ROWS, strings_many::ROWS, counters::ROWS, ranges::ROWS, lcs::ROWS];
    let generic = [keys::ROWS, renames::ROWS, expiry::ROWS, object::ROWS, debug::ROWS, digests::ROWS, dump::ROWS];
    let generic = generic.into_iter().chain([sort::ROWS]);
    let hashes = [hashes::ROWS, hashes_read::ROWS, hashes_counters::ROWS, hashes_walk::ROWS];
    let bits = [bitmaps::ROWS, bitfields::ROWS, hyperloglogs::ROWS];
    let streams = [
        streams::ROWS,
        streams_range::ROWS,
        streams_read::ROWS,
        streams_groups::ROWS,
        streams_pending::ROWS,
        streams_claim::ROWS,
        streams_info::ROWS,
    ];
    let families = sorted_sets::rows().chain(geo::rows()).chain(lists::rows()).chain(sets::rows());
    strings.into_iter().chain(generic).chain(bits).chain(hashes).chain(streams).flatten().chain(families)
}

/// The rows of the commands that need every slot of every core.
pub fn whole_rows() -> impl Iterator<Item = &'static WholeRow> {
    [whole::ROWS, flush::ROWS, populate::ROWS, digests::WHOLE_ROWS].into_iter().flatten()
}

/// What those of the data commands do that need every slot of every core with some arguments.
pub fn wide_rows() -> impl Iterator<Item = &'static WideRow> {
    sort::WIDE_ROWS.iter()
}
