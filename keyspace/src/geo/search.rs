//! Areas to search: which scores places in them can have, and whether a place is in one.

use super::cell::{Area, Cell, STEPS_MAX};
use super::{EARTH_METRES, Point, degrees, radians};

/// Half the earth's circumference in the projection, in metres.
const MERCATOR_METRES: f64 = 20_037_726.37;

/// The form of an area, in the unit of its search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    /// All places up to this distance.
    Circle {
        /// The distance.
        radius: f64,
    },
    /// All places up to half of these distances to the east or west and to the north or south.
    Box {
        /// From west to east.
        width: f64,
        /// From south to north.
        height: f64,
    },
}

/// An area around a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Search {
    pub(crate) centre: Point,
    pub(crate) shape: Shape,
    /// The unit of the shape's distances, in metres.
    pub(crate) unit: f64,
}

impl Search {
    /// The distance of a place from the centre in metres, if it is in the area. Opposite ends of the earth can have a distance that
    /// is not a number: they are no farther than anything.
    pub(crate) fn distance_of(&self, place: Point) -> Option<f64> {
        let is_outside = match self.shape {
            Shape::Circle { radius } => self.centre.distance(place) > radius * self.unit,
            Shape::Box { width, height } => {
                let north = place.distance(Point { latitude: self.centre.latitude, ..place });
                let east = place.distance(Point { longitude: self.centre.longitude, ..place });
                north > height * self.unit / 2.0 || east > width * self.unit / 2.0
            }
        };
        (!is_outside).then(|| self.centre.distance(place))
    }

    /// Runs of scores that together hold every place in the area: from each first score up to, but not including, the second.
    /// Nine at most, in the order in which Redis looks at them; one may come twice, as there.
    pub(crate) fn scores(&self) -> impl Iterator<Item = (f64, f64)> + use<> {
        let mut before = None;
        let cells = self.cells().into_iter().flatten().enumerate().filter(move |&(at, cell)| {
            // In huge areas neighbours on both sides are the same cell.
            let again = before == Some(cell);
            if at > 0 && !again {
                before = Some(cell);
            }
            !again
        });
        cells.map(|(_, cell)| cell.scores())
    }

    /// The cell of the centre and those of its neighbours that the area reaches.
    fn cells(&self) -> [Option<Cell>; 9] {
        let bounds = self.bounds();
        let mut steps = self.steps();
        if steps > 1 && self.leaves_neighbours(Cell::of(self.centre, steps), &bounds) {
            steps -= 1;
        }
        let centre = Cell::of(self.centre, steps);
        let area = centre.area();
        // With one step the neighbours are the whole earth.
        let trims = steps >= 2;
        let skips = |columns: i32, rows: i32| {
            rows < 0 && area.south < bounds.south
                || rows > 0 && area.north > bounds.north
                || columns < 0 && area.west < bounds.west
                || columns > 0 && area.east > bounds.east
        };
        /// The centre, north, south, east, west, and the corners.
        const MOVES: [(i32, i32); 9] = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        MOVES.map(|(columns, rows)| (!trims || !skips(columns, rows)).then(|| centre.moved(columns, rows)))
    }

    /// How fine the grid can be so that a cell and its neighbours hold the area, at most latitudes.
    fn steps(&self) -> u32 {
        let mut metres = self.reach();
        if metres == 0.0 {
            return STEPS_MAX;
        }
        let mut steps: i32 = -1;
        while metres < MERCATOR_METRES {
            metres *= 2.0;
            steps += 1;
        }
        // Towards the poles a degree of longitude is shorter.
        steps -= match self.centre.latitude.abs() {
            latitude if latitude > 80.0 => 2,
            latitude if latitude > 66.0 => 1,
            _ => 0,
        };
        steps.clamp(1, STEPS_MAX as i32) as u32
    }

    /// The distance from the centre to the farthest point of the area, in metres.
    fn reach(&self) -> f64 {
        match self.shape {
            Shape::Circle { radius } => radius * self.unit,
            Shape::Box { width, height } => {
                let (width, height) = (width / 2.0, height / 2.0);
                (width * width + height * height).sqrt() * self.unit
            }
        }
    }

    /// The least rectangle of longitudes and latitudes around the area.
    fn bounds(&self) -> Area {
        let (width, height) = match self.shape {
            Shape::Circle { radius } => (radius, radius),
            Shape::Box { width, height } => (width / 2.0, height / 2.0),
        };
        let (width, height) = (self.unit * width, self.unit * height);
        let Point { longitude, latitude } = self.centre;
        let north = degrees(height / EARTH_METRES);
        // The side that is nearer to the pole spans more degrees of longitude.
        let widest = if latitude < 0.0 { latitude - north } else { latitude + north };
        let east = degrees(width / EARTH_METRES / radians(widest).cos());
        Area { west: longitude - east, east: longitude + east, south: latitude - north, north: latitude + north }
    }

    /// Whether the area goes beyond the neighbours of its centre's cell, which happens when the centre is near an edge of it.
    fn leaves_neighbours(&self, centre: Cell, bounds: &Area) -> bool {
        centre.moved(0, 1).area().north < bounds.north
            || centre.moved(0, -1).area().south > bounds.south
            || centre.moved(1, 0).area().east < bounds.east
            || centre.moved(-1, 0).area().west > bounds.west
    }
}
