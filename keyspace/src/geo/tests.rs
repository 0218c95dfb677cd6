//! Places and areas; the numbers are redis-server 7.0.15's.

use super::*;

const PALERMO: Point = Point { longitude: 13.361389, latitude: 38.115556 };
const CATANIA: Point = Point { longitude: 15.087269, latitude: 37.502669 };

#[test]
fn places() {
    assert_eq!(PALERMO.score(), 3_479_099_956_230_698);
    assert_eq!(CATANIA.score(), 3_479_447_370_796_909);
    let palermo = Point::of_score(3_479_099_956_230_698.0);
    assert_eq!(palermo, Point { longitude: 13.361_389_338_970_184, latitude: 38.115_556_395_496_3 });
    assert_eq!(&palermo.geohash(), b"sqc8b49rny0");
    let catania = Point::of_score(CATANIA.score() as f64);
    assert_eq!(&catania.geohash(), b"sqdtr74hyu0");
    assert_eq!(format!("{:.4}", palermo.distance(catania)), "166274.1516");
    assert_eq!(palermo.distance(palermo), 0.0);
}

#[test]
fn edges_of_the_grid() {
    for (longitude, latitude, good) in [
        (180.0, 85.05112878, true),
        (-180.0, -85.05112878, true),
        (180.1, 0.0, false),
        (0.0, -85.06, false),
        (f64::INFINITY, 0.0, false),
        (0.0, f64::NAN, false),
    ] {
        let point = Point { longitude, latitude };
        assert_eq!(point.is_on_grid(), good);
        let back = Point::of_score(point.score() as f64);
        assert!(back.is_on_grid(), "{point:?}");
    }
    for score in [-1.0, 0.5, 1e17, 1.9e19, 1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        assert!(Point::of_score(score).is_on_grid(), "{score}");
    }
}

#[test]
fn bits_come_back() {
    let mut random = fastrand::Rng::with_seed(8);
    for _ in 0..1000 {
        let steps = random.u32(1..=STEPS_MAX);
        let cell = Cell { column: random.u32(0..1 << steps), row: random.u32(0..1 << steps), steps };
        assert_eq!(Cell::of_bits(cell.bits(), steps), cell);
        assert_eq!(cell.moved(1, -1).moved(-1, 1), cell);
    }
}

/// Every place in an area has a score in one of its runs, but for areas that reach over a pole or the edge of the map.
#[test]
fn runs_hold_their_area() {
    let mut random = fastrand::Rng::with_seed(9);
    for _ in 0..2000 {
        let centre = Point { longitude: random.f64() * 200.0 - 100.0, latitude: random.f64() * 120.0 - 60.0 };
        let metres = 10f64.powf(random.f64() * 6.0);
        let shape = match random.bool() {
            true => Shape::Circle { radius: metres },
            false => Shape::Box { width: metres, height: metres * random.f64() },
        };
        let search = Search { centre, shape, unit: 1.0 };
        let runs: Vec<(f64, f64)> = search.scores().collect();
        assert!(runs.len() <= 9);
        for _ in 0..20 {
            let mut near = |degrees: f64| degrees + (random_sign(&mut random) * metres / 100_000.0);
            let point = Point { longitude: centre.longitude, latitude: near(centre.latitude) };
            if search.distance_of(point).is_some() {
                let score = point.score() as f64;
                assert!(runs.iter().any(|&(from, to)| from <= score && score < to), "{search:?} {point:?}");
            }
        }
    }
}

/// A number from -1 to 1.
fn random_sign(random: &mut fastrand::Rng) -> f64 {
    random.f64() * 2.0 - 1.0
}

#[test]
fn areas_without_end() {
    for radius in [0.0, f64::MIN_POSITIVE, 1e300, f64::INFINITY] {
        let search = Search { centre: PALERMO, shape: Shape::Circle { radius }, unit: 1609.34 };
        assert!(search.scores().count() > 0);
        assert!(search.distance_of(PALERMO).is_some());
    }
}
