//! Blocking pops: each element that is pushed is popped exactly once, in the order of each list, and nobody waits beside a list that
//! has one; of clients that are killed at most the reply on its way is lost.

use super::{FOUR, generator, operations, seed};
use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Instant;
use tests::client::{Client, Outcome};
use tests::frame::Frame;
use tests::server::Server;

const LISTS: usize = 6;
const PUSHERS: usize = 2;
const POPPERS: usize = 6;
/// The list that says that all is over: the last one that every popper waits for.
const END: &str = "{end}list";

fn list(index: usize) -> String {
    format!("{{{index}}}list")
}

/// An element that somebody got.
#[derive(Clone, Debug)]
struct Popped {
    list: String,
    element: String,
    sent: u64,
    ended: u64,
}

fn words(text: &str) -> Vec<&str> {
    text.split(' ').collect()
}

fn text(frame: &Frame) -> String {
    String::from_utf8_lossy(frame.text().unwrap_or_default()).into_owned()
}

/// Pushes `count` elements `pusher:list:number`, up to three at once, now and then to two lists in one transaction.
fn push(client: &mut Client, pusher: usize, count: usize, random: &mut fastrand::Rng) {
    let mut numbers = [0usize; LISTS];
    let mut left = count;
    while left > 0 {
        let mut command = |left: &mut usize| {
            let at = random.usize(0..LISTS);
            let several = random.usize(1..=3).min(*left);
            *left -= several;
            let elements = (numbers[at]..numbers[at] + several).map(|number| format!(" {pusher}:{at}:{number:07}"));
            let command = format!("RPUSH {}{}", list(at), elements.collect::<String>());
            numbers[at] += several;
            command
        };
        let first = command(&mut left);
        if left > 0 && left.is_multiple_of(4) {
            let second = command(&mut left);
            client.ok("MULTI");
            drop(client.ask(&first));
            drop(client.ask(&second));
            let reply = client.ask("EXEC");
            assert_eq!(reply.items().map(<[Frame]>::len), Some(2), "{reply}");
        } else {
            assert!(client.ask(&first).int().is_some(), "{first}");
        }
    }
}

/// The command of a popper: some lists in any order, [`END`] last.
fn pop_command(random: &mut fastrand::Rng) -> String {
    let mut lists: Vec<String> = (0..LISTS).map(list).collect();
    random.shuffle(&mut lists);
    lists.truncate(random.usize(2..=LISTS));
    lists.push(END.to_owned());
    let timeout = if random.u8(0..5) == 0 { "0.003" } else { "0" };
    match random.u8(0..2) {
        0 => format!("BLPOP {} {timeout}", lists.join(" ")),
        _ => {
            let count = random.usize(1..=3);
            format!("BLMPOP {timeout} {} {} LEFT COUNT {count}", lists.len(), lists.join(" "))
        }
    }
}

/// The list and the elements of a reply of BLPOP or BLMPOP; `None` for a null.
fn elements(reply: &Frame) -> Option<(String, Vec<String>)> {
    if reply.is_null() {
        return None;
    }
    let Some([list, popped]) = reply.items() else { panic!("no pop answers {reply}") };
    let elements = popped.items().map_or_else(|| vec![text(popped)], |items| items.iter().map(text).collect());
    Some((text(list), elements))
}

/// Pops until [`END`] has an element; gives what it got.
fn pop(client: &mut Client, random: &mut fastrand::Rng, start: Instant) -> Vec<Popped> {
    let mut all = Vec::new();
    let nanos = || u64::try_from(start.elapsed().as_nanos()).expect("a test is short");
    loop {
        let command = pop_command(random);
        let sent = nanos();
        let reply = client.call(&words(&command)).expect("whoever waits is served in the end").frame;
        let ended = nanos();
        let Some((list, found)) = elements(&reply) else { continue };
        if list == END {
            // The others want it too.
            drop(client.ask(&format!("RPUSH {END} over")));
            return all;
        }
        all.extend(found.into_iter().map(|element| Popped { list: list.clone(), element, sent, ended }));
    }
}

/// Elements of one pusher leave a list in the order in which they were pushed: no pop of a later one had ended before the pop of an
/// earlier one began.
fn check_order(popped: &[Popped]) {
    let mut lines: BTreeMap<(String, String), Vec<&Popped>> = BTreeMap::new();
    for one in popped {
        let pusher = one.element.split(':').next().unwrap_or_default().to_owned();
        lines.entry((one.list.clone(), pusher)).or_default().push(one);
    }
    for line in lines.values_mut() {
        line.sort_by(|a, b| a.element.cmp(&b.element));
        let mut latest: Option<&Popped> = None;
        for one in line.iter() {
            if let Some(before) = latest {
                assert!(one.ended >= before.sent, "{one:?} was popped before {before:?}");
            }
            if latest.is_none_or(|latest| latest.sent < one.sent) {
                latest = Some(one);
            }
        }
    }
}

/// Runs poppers beside pushers, each of whom pushes its share of all operations; once these are done, pushes to [`END`]. Gives what
/// each popper gives.
fn beside_pushes<T: Send>(server: &Server, seed: u64, pop: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let each = operations() / PUSHERS;
    thread::scope(|scope| {
        let pop = &pop;
        let popping: Vec<_> = (0..POPPERS).map(|popper| scope.spawn(move || pop(popper))).collect();
        let push = move |pusher: usize| push(&mut server.client(), pusher, each, &mut generator(seed, 100 + pusher));
        let pushing: Vec<_> = (0..PUSHERS).map(|pusher| scope.spawn(move || push(pusher))).collect();
        pushing.into_iter().for_each(|thread| thread.join().expect("a pusher ends"));
        drop(server.client().ask(&format!("RPUSH {END} over")));
        popping.into_iter().map(|thread| thread.join().expect("a popper ends")).collect()
    })
}

#[test]
fn each_element_is_popped_once_and_in_order() {
    let seed = seed("blocking pops");
    let each = operations() / PUSHERS;
    let server = Server::start(FOUR, &[]);
    let start = Instant::now();
    let got = beside_pushes(&server, seed, |popper| pop(&mut server.client(), &mut generator(seed, popper), start));
    let mut popped: Vec<Popped> = got.into_iter().flatten().collect();
    // Poppers that saw the end first may have left some behind.
    popped.extend(leftovers(&server, start));
    let different: BTreeSet<&str> = popped.iter().map(|one| one.element.as_str()).collect();
    assert_eq!(different.len(), popped.len(), "an element was popped twice");
    assert_eq!(popped.len(), each * PUSHERS, "elements were lost");
    check_order(&popped);
}

/// What is still in the lists.
fn leftovers(server: &Server, start: Instant) -> Vec<Popped> {
    let mut client = server.client();
    let now = u64::try_from(start.elapsed().as_nanos()).expect("a test is short");
    let mut left = Vec::new();
    for at in 0..LISTS {
        let reply = client.ask(&format!("LRANGE {} 0 -1", list(at)));
        let items = reply.items().expect("a list");
        left.extend(items.iter().map(|item| Popped { list: list(at), element: text(item), sent: now, ended: now }));
    }
    left
}

/// Pops on connections that are closed or killed while they wait or are served; gives what it got, and how many may
/// have taken an element with them.
fn pop_and_die(server: &Server, random: &mut fastrand::Rng) -> (Vec<String>, usize) {
    let mut killer = server.client();
    let (mut all, mut deaths) = (Vec::new(), 0);
    loop {
        let mut client = server.client();
        let id = client.ask("CLIENT ID").int().expect("an id is a number");
        for _ in 0..random.usize(0..6) {
            let reply =
                client.call(&words(&format!("BLPOP {} {END} 0", list(random.usize(0..LISTS))))).expect("served").frame;
            let Some((list, found)) = elements(&reply) else { continue };
            if list == END {
                drop(client.ask(&format!("RPUSH {END} over")));
                return (all, deaths);
            }
            all.extend(found);
        }
        let lists: Vec<String> = (0..LISTS).map(list).collect();
        let _ = client.send(&words(&format!("BLPOP {} 0", lists.join(" "))));
        if random.bool() {
            drop(killer.ask(&format!("CLIENT KILL ID {id}")));
            // It was killed before or after it was served.
            if let Outcome::Reply(reply) = client.read()
                && let Some((_, found)) = elements(&reply.frame)
            {
                all.extend(found);
                continue;
            }
        }
        deaths += 1;
    }
}

#[test]
fn clients_that_die_take_at_most_one_element_each() {
    let seed = seed("pops by clients that die");
    let each = operations() / PUSHERS;
    let server = Server::start(FOUR, &[]);
    let got = beside_pushes(&server, seed, |popper| pop_and_die(&server, &mut generator(seed, popper)));
    let (seen, deaths): (Vec<Vec<String>>, Vec<usize>) = got.into_iter().unzip();
    let (mut seen, deaths): (Vec<String>, usize) = (seen.concat(), deaths.iter().sum());
    seen.extend(leftovers(&server, Instant::now()).into_iter().map(|one| one.element));
    let different: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(different.len(), seen.len(), "an element was popped twice");
    let lost = each * PUSHERS - seen.len();
    println!("{deaths} clients died, {lost} elements with them");
    assert!(lost <= deaths, "{lost} elements are lost, but only {deaths} clients died");
}
