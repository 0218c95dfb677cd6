//! What a search for members in an area is asked for: the arguments of GEOSEARCH and of the older GEORADIUS commands.
//!
//! Redis reads them with the sorted set at hand, so a member without a place is refused before a mistake behind it, and if there
//! is no sorted set a member is not looked for.

use crate::args::Args;
use crate::double;
use crate::geo::{Point, Search, Shape};
use crate::number::parse_i64;
use crate::refusal::Refusal;

use super::{point_at, unit_at};

/// Which command it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// GEORADIUS: a place and a radius at the front.
    Radius(Storing),
    /// GEORADIUSBYMEMBER: a member and a radius at the front.
    RadiusByMember(Storing),
    /// GEOSEARCH: all of it as options.
    Search,
    /// GEOSEARCHSTORE: the same, behind the key to store under.
    SearchStore,
}

/// Whether the options STORE and STOREDIST exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storing {
    Allowed,
    Refused,
}

impl Dialect {
    /// The argument that is the sorted set's key.
    pub(super) fn source(self) -> usize {
        if self == Dialect::SearchStore { 2 } else { 1 }
    }

    /// The first argument that may be an option.
    fn options(self) -> usize {
        match self {
            Dialect::Radius(_) => 6,
            Dialect::RadiusByMember(_) => 5,
            Dialect::Search => 2,
            Dialect::SearchStore => 3,
        }
    }

    fn is_search(self) -> bool {
        matches!(self, Dialect::Search | Dialect::SearchStore)
    }

    fn has_store(self) -> bool {
        matches!(self, Dialect::Radius(Storing::Allowed) | Dialect::RadiusByMember(Storing::Allowed))
    }
}

/// In which order results come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// As they were found.
    Found,
    /// The nearest first.
    Nearest,
    /// The farthest first.
    Farthest,
}

/// What a result shows beside its member.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shown {
    pub(super) distance: bool,
    pub(super) hash: bool,
    pub(super) point: bool,
}

impl Shown {
    /// How many parts that are.
    pub(super) fn count(self) -> usize {
        self.distance as usize + self.hash as usize + self.point as usize
    }
}

/// A search.
pub(super) struct Request {
    /// The area. Without a sorted set it may be that of another place.
    pub(super) search: Search,
    pub(super) shown: Shown,
    pub(super) order: Order,
    /// The most results.
    pub(super) count: Option<usize>,
    /// Any results will do: the search ends when there are enough.
    pub(super) any: bool,
    /// The argument that is the key to store results under.
    pub(super) store: Option<usize>,
    /// What is stored as scores are distances.
    pub(super) store_distances: bool,
}

/// Finds the place of a member. `None` if it is not in the sorted set.
pub(super) type PlaceOf<'a> = &'a dyn Fn(&[u8]) -> Option<Point>;

struct Parser<'a> {
    args: Args<'a>,
    dialect: Dialect,
    /// Without one there is no sorted set.
    place_of: Option<PlaceOf<'a>>,
    centre: Option<Point>,
    from_member: bool,
    shape: Option<Shape>,
    request: Request,
}

/// Reads all arguments.
pub(super) fn parse(args: Args, dialect: Dialect, place_of: Option<PlaceOf>) -> Result<Request, Refusal> {
    let search =
        Search { centre: Point { longitude: 0.0, latitude: 0.0 }, shape: Shape::Circle { radius: 0.0 }, unit: 1.0 };
    let request = Request {
        search,
        shown: Shown::default(),
        order: Order::Found,
        count: None,
        any: false,
        store: (dialect == Dialect::SearchStore).then_some(1),
        store_distances: false,
    };
    let mut parser = Parser { args, dialect, place_of, centre: None, from_member: false, shape: None, request };
    parser.front()?;
    let mut index = dialect.options();
    while index < args.len() {
        index = parser.option(index)?;
    }
    parser.finish()
}

impl Parser<'_> {
    /// Reads what stands before the options.
    fn front(&mut self) -> Result<(), Refusal> {
        match self.dialect {
            Dialect::Radius(_) => {
                self.centre = Some(point_at(self.args, 2)?);
                self.circle(4)
            }
            // Without a sorted set, not even the radius is looked at.
            Dialect::RadiusByMember(_) if self.place_of.is_some() => {
                self.member(2)?;
                self.circle(3)
            }
            _ => Ok(()),
        }
    }

    /// Reads the member whose place is the centre.
    fn member(&mut self, index: usize) -> Result<(), Refusal> {
        self.from_member = true;
        if let Some(place_of) = self.place_of {
            let place = place_of(self.args.at(index));
            self.centre = Some(place.ok_or(Refusal::Text("ERR could not decode requested zset member"))?);
        }
        Ok(())
    }

    fn number(&self, index: usize, what: &'static str) -> Result<f64, Refusal> {
        double::parse(self.args.at(index)).ok_or(Refusal::Text(what))
    }

    /// Reads a radius and its unit.
    fn circle(&mut self, index: usize) -> Result<(), Refusal> {
        let radius = self.number(index, "ERR need numeric radius")?;
        if radius < 0.0 {
            return Err(Refusal::Text("ERR radius cannot be negative"));
        }
        self.request.search.unit = unit_at(self.args, index + 1)?;
        self.shape = Some(Shape::Circle { radius });
        Ok(())
    }

    /// Reads a width, a height and their unit.
    fn rectangle(&mut self, index: usize) -> Result<(), Refusal> {
        let width = self.number(index, "ERR need numeric width")?;
        let height = self.number(index + 1, "ERR need numeric height")?;
        if width < 0.0 || height < 0.0 {
            return Err(Refusal::Text("ERR height or width cannot be negative"));
        }
        self.request.search.unit = unit_at(self.args, index + 2)?;
        self.shape = Some(Shape::Box { width, height });
        Ok(())
    }

    /// Reads the option at an index and what belongs to it. Returns the index behind that.
    fn option(&mut self, index: usize) -> Result<usize, Refusal> {
        let (args, dialect, request) = (self.args, self.dialect, &mut self.request);
        let is = |word: &str| args.is(index, word);
        let following = args.len() - index - 1;
        let mut taken = 1;
        match () {
            _ if is("withdist") => request.shown.distance = true,
            _ if is("withhash") => request.shown.hash = true,
            _ if is("withcoord") => request.shown.point = true,
            _ if is("any") => request.any = true,
            _ if is("asc") => request.order = Order::Nearest,
            _ if is("desc") => request.order = Order::Farthest,
            _ if is("count") && following >= 1 => {
                let count = parse_i64(args.at(index + 1)).ok_or(Refusal::NotInteger)?;
                if count <= 0 {
                    return Err(Refusal::Text("ERR COUNT must be > 0"));
                }
                request.count = Some(usize::try_from(count).unwrap_or(usize::MAX));
                taken = 2;
            }
            _ if dialect.has_store() && following >= 1 && (is("store") || is("storedist")) => {
                request.store = Some(index + 1);
                request.store_distances = is("storedist");
                taken = 2;
            }
            _ if dialect == Dialect::SearchStore && is("storedist") => request.store_distances = true,
            _ if dialect.is_search() => taken = self.area_option(index, following)?,
            _ => return Err(Refusal::Syntax),
        }
        Ok(index + taken)
    }

    /// Reads an option of GEOSEARCH that says where to search. Returns how many arguments it takes.
    fn area_option(&mut self, index: usize, following: usize) -> Result<usize, Refusal> {
        let (args, from_point) = (self.args, self.centre.is_some() && !self.from_member);
        let is = |word: &str| args.is(index, word);
        match () {
            _ if is("frommember") && following >= 1 && !from_point => self.member(index + 1).map(|()| 2),
            _ if is("fromlonlat") && following >= 2 && !self.from_member => {
                self.centre = Some(point_at(args, index + 1)?);
                Ok(3)
            }
            _ if is("byradius") && following >= 2 && !matches!(self.shape, Some(Shape::Box { .. })) => {
                self.circle(index + 1).map(|()| 3)
            }
            _ if is("bybox") && following >= 3 && !matches!(self.shape, Some(Shape::Circle { .. })) => {
                self.rectangle(index + 1).map(|()| 4)
            }
            _ => Err(Refusal::Syntax),
        }
    }

    /// Looks whether the options go together.
    fn finish(mut self) -> Result<Request, Refusal> {
        let (args, request) = (self.args, &mut self.request);
        let missing = |what| Err(Refusal::quoting(what, args.at(0), ""));
        if request.store.is_some() && request.shown.count() > 0 {
            return Err(Refusal::Text(match self.dialect {
                Dialect::SearchStore => {
                    "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
                }
                _ => "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            }));
        }
        if self.dialect.is_search() && self.centre.is_none() && !self.from_member {
            return missing("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ");
        }
        if self.dialect.is_search() && self.shape.is_none() {
            return missing("ERR exactly one of BYRADIUS and BYBOX can be specified for ");
        }
        if request.any && request.count.is_none() {
            return Err(Refusal::Text("ERR the ANY argument requires COUNT argument"));
        }
        // The nearest are found by looking at all; any are enough otherwise.
        if request.count.is_some() && request.order == Order::Found && !request.any {
            request.order = Order::Nearest;
        }
        request.search.centre = self.centre.unwrap_or(request.search.centre);
        request.search.shape = self.shape.unwrap_or(request.search.shape);
        Ok(self.request)
    }
}
