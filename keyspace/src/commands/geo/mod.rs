//! Places in sorted sets: GEOADD and its relatives. What a place, an area and a distance are is `geo`'s business.

mod places;
mod request;
mod search;
mod search_rows;

use crate::args::Args;
use crate::double;
use crate::exec::DataRow;
use crate::geo::Point;
use crate::refusal::Refusal;
use crate::reply::{Reply, Resp};
use crate::spec::{Categories, CommandSpec, KeyFlags, KeySpec};

/// The rows of all sub-families.
pub fn rows() -> impl Iterator<Item = &'static DataRow> {
    places::ROWS.iter().chain(search_rows::ROWS)
}

/// What the rows of all sub-families share.
const GEO: CommandSpec = CommandSpec { categories: Categories::GEO, since: "3.2.0", group: "geo", ..CommandSpec::NONE };

/// One key, the first argument, that is read.
const READ_KEY: KeySpec = KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 1, last: 0, step: 1 };

/// Reads a longitude and, in the argument behind it, a latitude.
fn point_at(args: Args, index: usize) -> Result<Point, Refusal> {
    let degrees = |index: usize| double::parse(args.at(index)).ok_or(Refusal::NotFloat);
    let point = Point { longitude: degrees(index)?, latitude: degrees(index + 1)? };
    if !point.is_on_grid() {
        let Point { longitude, latitude } = point;
        return Err(Refusal::owned(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}")));
    }
    Ok(point)
}

/// Reads a unit of length: its metres.
fn unit_at(args: Args, index: usize) -> Result<f64, Refusal> {
    let units = [("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.34)];
    let named = units.into_iter().find(|(name, _)| args.is(index, name));
    named.map(|(_, metres)| metres).ok_or(Refusal::Text("ERR unsupported unit provided. please use M, KM, FT, MI"))
}

/// Writes a distance, with four digits behind the point in every protocol.
fn reply_distance(distance: f64, reply: &mut Reply) {
    reply.text(&four_digits(distance));
}

/// The text of a distance. Redis rounds the product, in which the last digit can be another than that of the distance itself.
fn four_digits(distance: f64) -> String {
    const SCALE: u64 = 10_000;
    let scaled = (distance * SCALE as f64).round_ties_even();
    // What is not a number is the least integer, as the conversion of x86-64 has it.
    let scaled = if scaled.is_nan() { i64::MIN } else { scaled as i64 };
    let (sign, digits) = (if scaled < 0 { "-" } else { "" }, scaled.unsigned_abs());
    format!("{sign}{}.{:04}", digits / SCALE, digits % SCALE)
}

/// Writes a place as an array of its longitude and latitude, with up to 17 digits behind the point.
fn reply_point(point: Point, reply: &mut Reply) {
    reply.array(2);
    for degrees in [point.longitude, point.latitude] {
        let text = format!("{degrees:.17}");
        let text = match text.trim_end_matches('0').trim_end_matches('.') {
            "-0" => "0",
            text => text,
        };
        match reply.resp() {
            Resp::V2 => reply.text(text),
            Resp::V3 => reply.raw(format!(",{text}\r\n").as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests;
