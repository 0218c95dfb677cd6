//! LOLWUT: the version, and two small drawings of our own where redis-server has drawings (`VERSION 5` and `VERSION 6`).
//!
//! The arguments are Redis's: columns and the number of figures in a row and in a column for the first, columns and lines for the
//! second. The canvas is bounded, so that a drawing costs well below a millisecond.

use keyspace::args::Args;
use keyspace::hash::Random;
use keyspace::number::parse_i64;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{CommandSpec, Flags};

use crate::command::Run;

use super::{REDIS_VERSION, SessionExec, SessionRow};

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[SessionRow {
    spec: CommandSpec {
        name: "lolwut",
        arity: -1,
        flags: Flags::READONLY.and(Flags::FAST),
        since: "5.0.0",
        group: "server",
        summary: "Draws something, and tells the version.",
        complexity: "",
        syntax: "[VERSION version:integer]",
        ..CommandSpec::NONE
    },
    run: Run::Session(lolwut),
}];

/// The most characters of a drawing.
const CELLS_MAX: usize = 1 << 15;

fn lolwut(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    let mut random = Random::new(exec.facts.now.wall_us);
    let mut text = String::new();
    if args.len() > 2 && args.is(1, "version") {
        match parse_i64(&args[2]).ok_or(Refusal::NotInteger)? {
            5 => text = ripples(bounded(args, [(66, 1, 1000), (8, 1, 200), (12, 1, 200)])?, &mut random),
            6 => text = hills(bounded(args, [(80, 1, 1000), (20, 1, 1000)])?, &mut random),
            _ => {}
        }
    }
    text.push_str(&format!("Redis ver. {REDIS_VERSION}\n"));
    reply.verbatim(*b"txt", text.as_bytes());
    Ok(())
}

/// The arguments after the version: each has a default, a least and a greatest value, and what is outside becomes the nearest.
fn bounded<const N: usize>(args: Args, ranges: [(i64, i64, i64); N]) -> Result<[usize; N], Refusal> {
    let mut values = [0; N];
    for (index, (default, low, high)) in ranges.into_iter().enumerate() {
        let value = args.get(3 + index).map_or(Ok(default), |arg| parse_i64(arg).ok_or(Refusal::NotInteger))?;
        values[index] = value.clamp(low, high) as usize;
    }
    Ok(values)
}

/// Dots in a column and in a row of a braille character.
const DOTS: (usize, usize) = (4, 2);

/// The bit of each dot in a braille character, by row and column.
const BRAILLE: [[u32; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// A field of drops on water: rings that are whole in the first row and break up further down.
fn ripples([columns, across, down]: [usize; 3], random: &mut Random) -> String {
    let width = columns * DOTS.1;
    let side = (width / across).max(1);
    let lines = (side * down).div_ceil(DOTS.0).clamp(1, (CELLS_MAX / columns).max(1));
    let height = lines * DOTS.0;
    let drops: Vec<(f64, f64, f64)> = (0..across * (height / side).max(1))
        .map(|number| {
            let (row, column) = (number / across, number % across);
            let disorder = row as f64 / down.max(2) as f64;
            let mut shift = || (random.below(1000) as f64 / 1000.0 - 0.5) * disorder * side as f64;
            let centre = |place: usize| (place as f64 + 0.5) * side as f64;
            (centre(column) + shift(), centre(row) + shift(), disorder)
        })
        .collect();
    let is_dark = |x: usize, y: usize| {
        let nearest = (y / side).min(drops.len() / across - 1) * across + (x / side).min(across - 1);
        let (drop_x, drop_y, disorder) = drops[nearest];
        let distance = f64::hypot(x as f64 - drop_x, y as f64 - drop_y);
        let rings = (distance * 12.0 / side as f64).floor() as i64;
        distance < side as f64 * 0.5 && rings % 2 == 0 && (disorder < 0.8 || rings % 4 == 0)
    };
    let mut text = String::new();
    for line in 0..lines {
        for column in 0..columns {
            let dots = (0..DOTS.0).flat_map(|y| (0..DOTS.1).map(move |x| (x, y)));
            let dark = dots.filter(|(x, y)| is_dark(column * DOTS.1 + x, line * DOTS.0 + y));
            let bits: u32 = dark.map(|(x, y)| BRAILLE[y][x]).sum();
            text.push(char::from_u32(0x2800 + bits).expect("braille is a block of characters"));
        }
        text.push('\n');
    }
    text.push_str("\nDrops on water, from order to disorder. ");
    text
}

/// Terminal colours from the sky to the nearest hill.
const SHADES: [&str; 5] = ["0;97;107", "0;37;47", "0;36;46", "0;34;44", "0;30;40"];

/// Hills, the nearer the darker.
fn hills([columns, lines]: [usize; 2], random: &mut Random) -> String {
    let lines = lines.min((CELLS_MAX / columns).max(1));
    let layers: Vec<(f64, f64, f64)> = (1..SHADES.len())
        .map(|layer| {
            let mut part = || random.below(1000) as f64 / 1000.0;
            let top = layer as f64 / SHADES.len() as f64;
            (top, part() * std::f64::consts::TAU, (1.0 + part()) * std::f64::consts::TAU)
        })
        .collect();
    let mut text = String::new();
    for line in 0..lines {
        let height = line as f64 / lines as f64;
        for column in 0..columns {
            let x = column as f64 / columns as f64;
            let is_below = |(top, phase, waves): &(f64, f64, f64)| height >= top + 0.1 * (phase + x * waves).sin();
            let shade = SHADES[layers.iter().rposition(is_below).map_or(0, |layer| layer + 1)];
            text.push_str(&format!("\x1b[{shade}m \x1b[0m"));
        }
        text.push('\n');
    }
    text.push_str("Hills at dusk. ");
    text
}

#[cfg(test)]
mod tests {
    use keyspace::args::OwnedArgs;

    use super::*;

    #[test]
    fn drawings_are_bounded() {
        let mut random = Random::new(7);
        for size in [[1, 1, 1], [66, 8, 12], [1000, 200, 200], [1000, 1, 200], [1, 200, 200]] {
            let drawn = ripples(size, &mut random);
            let characters = drawn.chars().filter(|c| ('\u{2800}'..='\u{28ff}').contains(c)).count();
            assert!(characters >= size[0] && characters <= CELLS_MAX, "{size:?}: {characters}");
        }
        for size in [[1, 1], [80, 20], [1000, 1000]] {
            let lines = hills(size, &mut random).lines().count();
            assert!(lines > 1 && lines <= CELLS_MAX / size[0] + 1, "{size:?}: {lines}");
        }
    }

    #[test]
    fn arguments_are_clamped() {
        let of = |words: &[&str]| {
            let args = OwnedArgs::from_iter(["lolwut", "version", "6"].iter().chain(words));
            bounded(args.args(), [(80, 1, 1000), (20, 1, 1000)])
        };
        assert_eq!(of(&[]), Ok([80, 20]));
        assert_eq!(of(&["-5", "2000", "x"]), Ok([1, 1000]));
        assert_eq!(of(&["5", "x"]), Err(Refusal::NotInteger));
    }
}
