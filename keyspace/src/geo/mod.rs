//! Places on the earth as scores of sorted sets: encoding, distances, and which scores an area can have. Pure arithmetic.
//!
//! A place is a cell of a grid that halves longitude and latitude 26 times; the bits of both, interleaved, are the score, so that
//! cells near each other are often near in the order. The latitudes are those of the Web Mercator projection. Formulas and the
//! order of their operations are Redis's: they decide the last digit.

mod cell;
mod search;

pub(crate) use search::{Search, Shape};

use cell::{Cell, STEPS_MAX, fraction};

/// The radius of the earth in metres.
const EARTH_METRES: f64 = 6_372_797.560856;

const LONGITUDE_MAX: f64 = 180.0;
const LATITUDE_MAX: f64 = 85.05112878;

fn radians(degrees: f64) -> f64 {
    // Not `to_radians`, which rounds otherwise.
    degrees * (std::f64::consts::PI / 180.0)
}

fn degrees(radians: f64) -> f64 {
    radians / (std::f64::consts::PI / 180.0)
}

/// A place, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) longitude: f64,
    pub(crate) latitude: f64,
}

impl Point {
    /// Whether the grid has the place.
    pub(crate) fn is_on_grid(self) -> bool {
        self.longitude.abs() <= LONGITUDE_MAX && self.latitude.abs() <= LATITUDE_MAX
    }

    /// The score of a place of the grid: a whole number.
    pub(crate) fn score(self) -> u64 {
        Cell::of(self, STEPS_MAX).bits()
    }

    /// The middle of the cell with this score. A score that is none leads to some place.
    pub(crate) fn of_score(score: f64) -> Point {
        let area = Cell::of_bits(whole(score), STEPS_MAX).area();
        let longitude = (area.west + area.east) / 2.0;
        let latitude = (area.south + area.north) / 2.0;
        Point {
            longitude: longitude.clamp(-LONGITUDE_MAX, LONGITUDE_MAX),
            latitude: latitude.clamp(-LATITUDE_MAX, LATITUDE_MAX),
        }
    }

    /// The distance to another place along a great circle, in metres.
    pub(crate) fn distance(self, other: Point) -> f64 {
        let v = ((radians(other.longitude) - radians(self.longitude)) / 2.0).sin();
        if v == 0.0 {
            return EARTH_METRES * (radians(other.latitude) - radians(self.latitude)).abs();
        }
        let (here, there) = (radians(self.latitude), radians(other.latitude));
        let u = ((there - here) / 2.0).sin();
        let a = u * u + here.cos() * there.cos() * v * v;
        2.0 * EARTH_METRES * a.sqrt().asin()
    }

    /// The standard geohash of the place: eleven digits, the last of them always 0 because 52 bits are ten and a half.
    pub(crate) fn geohash(self) -> [u8; 11] {
        const DIGITS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let column = fraction(self.longitude, LONGITUDE_MAX, STEPS_MAX);
        let row = fraction(self.latitude, 90.0, STEPS_MAX);
        let bits = Cell { column, row, steps: STEPS_MAX }.bits();
        std::array::from_fn(|at| match 47usize.checked_sub(at * 5) {
            Some(shift) => DIGITS[(bits >> shift) as usize % 32],
            None => DIGITS[0],
        })
    }
}

/// The bits of a score. Of a score that is no place they are what the conversion of x86-64 makes of it, as in Redis.
fn whole(score: f64) -> u64 {
    const HALF: f64 = (1u64 << 63) as f64;
    match score {
        _ if score < HALF => score as i64 as u64,
        _ if score < 2.0 * HALF => score as u64,
        _ if score.is_nan() => 1 << 63,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
