//! Members in an area: GEOSEARCH, GEOSEARCHSTORE and the GEORADIUS commands.

use crate::args::Args;
use crate::commands::sorted_sets::{Start, build, store};
use crate::exec::Exec;
use crate::geo::Point;
use crate::packed::Element;
use crate::partial_sort::partial_sort;
use crate::refusal::Outcome;
use crate::reply::Reply;
use crate::types::kind::Kind;
use crate::types::scored::{Direction, Scored};
use crate::types::sorted_set::Edge;

use super::request::{Dialect, Order, Request, Storing, parse};
use super::{reply_distance, reply_point};

pub(super) fn georadius(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    search(exec, args, reply, Dialect::Radius(Storing::Allowed))
}

pub(super) fn georadius_ro(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    search(exec, args, reply, Dialect::Radius(Storing::Refused))
}

pub(super) fn georadiusbymember(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    search(exec, args, reply, Dialect::RadiusByMember(Storing::Allowed))
}

pub(super) fn georadiusbymember_ro(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    search(exec, args, reply, Dialect::RadiusByMember(Storing::Refused))
}

pub(super) fn geosearch(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    search(exec, args, reply, Dialect::Search)
}

pub(super) fn geosearchstore(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    search(exec, args, reply, Dialect::SearchStore)
}

/// A member in the area.
struct Hit<'a> {
    member: Element<'a>,
    score: f64,
    place: Point,
    /// From the centre, in metres.
    distance: f64,
}

fn search(exec: &mut Exec, args: Args, reply: &mut Reply, dialect: Dialect) -> Outcome {
    let source = match dialect.source() {
        1 => exec.first_key(args, 1),
        index => exec.key(args.at(index)),
    };
    let place = exec.read_as(&source, Kind::SortedSet)?;
    let set = place.map(|place| Scored::of(exec.entry(&source, place)));
    let hasher = exec.keyspace.hasher();
    let request = match set {
        Some(set) => parse(args, dialect, Some(&|member| set.score(hasher, member).map(Point::of_score)))?,
        None => parse(args, dialect, None)?,
    };
    let hits = set.map_or(Vec::new(), |set| sorted(find(set, &request), &request));
    let Some(index) = request.store else {
        write(&hits, &request, reply);
        return Ok(());
    };
    let target = if index == 1 { exec.first_key(args, 1) } else { exec.key(args.at(index)) };
    let entry = build(exec, &target, Start::Packed, |stored| {
        for hit in &hits {
            let score = if request.store_distances { hit.distance / request.search.unit } else { hit.score };
            stored.upsert(hit.member.text(&mut itoa::Buffer::new()), |_| Some(score));
        }
        Ok(())
    })?;
    let count = hits.len();
    let event = if dialect == Dialect::SearchStore { "geosearchstore" } else { "georadiusstore" };
    store(exec, &target, entry, event);
    // Each stored member counts as a change; storing has counted one.
    exec.counted(count.saturating_sub(1) as u64);
    reply.int(count as i64);
    Ok(())
}

/// All members in the area, or as many of them as are enough.
fn find<'a>(set: Scored<'a>, request: &Request) -> Vec<Hit<'a>> {
    /// Members that are looked at before asking whether there are enough.
    const PIECE: usize = 64;
    let enough = if request.any { request.count.unwrap_or(usize::MAX) } else { usize::MAX };
    let mut hits = Vec::new();
    for (from, to) in request.search.scores() {
        let ranks = set.ranks(Edge::BeforeScore(from), Edge::BeforeScore(to), Direction::Ascending);
        let mut next = ranks.start;
        while next < ranks.end && hits.len() < enough {
            let end = ranks.end.min(next + if enough == usize::MAX { usize::MAX - next } else { PIECE });
            set.walk(next..end, Direction::Ascending, |member, score| {
                let place = Point::of_score(score);
                if hits.len() < enough
                    && let Some(distance) = request.search.distance_of(place)
                {
                    hits.push(Hit { member, score, place, distance });
                }
            });
            next = end;
        }
    }
    hits
}

/// The hits that are wanted, in the order that is wanted. Of equal distances the one that was found first is first, but if some
/// are left out it is as Redis's partial sort has it.
fn sorted<'a>(mut hits: Vec<Hit<'a>>, request: &Request) -> Vec<Hit<'a>> {
    let by_distance = |a: &Hit, b: &Hit| match request.order {
        Order::Farthest => b.distance.total_cmp(&a.distance),
        _ => a.distance.total_cmp(&b.distance),
    };
    match (request.order, request.count) {
        (Order::Found, _) => {}
        (_, Some(count)) if count < hits.len() => partial_sort(&mut hits, 0..count, by_distance),
        _ => hits.sort_by(by_distance),
    }
    hits.truncate(request.count.unwrap_or(usize::MAX));
    hits
}

fn write(hits: &[Hit], request: &Request, reply: &mut Reply) {
    let shown = request.shown;
    reply.array(hits.len());
    for hit in hits {
        if shown.count() > 0 {
            reply.array(1 + shown.count());
        }
        reply.element(hit.member);
        if shown.distance {
            reply_distance(hit.distance / request.search.unit, reply);
        }
        if shown.hash {
            reply.int(hit.score as i64);
        }
        if shown.point {
            reply_point(hit.place, reply);
        }
    }
}
