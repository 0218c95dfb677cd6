//! The line that CLIENT LIST and CLIENT INFO print about a client. Pure.
//!
//! Fields and their order are those of Redis 7.0, the two of 7.2 and `watch` of 7.4. A client that nothing holds in memory has zeros: buffers
//! are lent to connections only while there is something in them.

use std::io::Write;

use keyspace::reply::Resp;

use crate::pubsub::Kind;
use crate::session::Session;
use crate::tracking::session::Mode;

use super::tracking::redirects_to;

/// One client's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientLine {
    /// The client's number.
    pub id: u64,
    /// The line with its end.
    pub text: Vec<u8>,
}

/// What of a connection beside its session stands in the line.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnFacts {
    /// Place in its core's table.
    pub fd: u32,
    /// Bytes received that belong to commands not done.
    pub query_bytes: usize,
    /// Room for more, in bytes.
    pub query_free_bytes: usize,
    /// Bytes of the arguments of the command that waits.
    pub args_bytes: usize,
    /// Capacity of the buffer of replies, in bytes.
    pub reply_capacity: usize,
    /// Bytes of replies that are not handed to the ring.
    pub reply_bytes: usize,
    /// Bytes of replies that the ring is sending.
    pub sending_bytes: usize,
    /// Bytes of pushes that wait for replies before them.
    pub held_bytes: usize,
    /// Bytes of all buffers of what is to be sent.
    pub output_bytes: usize,
    /// Everything that the connection holds, in bytes.
    pub total_bytes: usize,
    /// Whether a pause holds its command back.
    pub blocked: bool,
    /// Whether it ends after its replies.
    pub closing: bool,
    /// Whether nothing is received because too much is unread.
    pub deaf: bool,
}

/// The line of a client at `now_us` of the monotonic clock, whose last command has this name.
pub fn line(session: &Session, facts: &ConnFacts, command: Option<&str>, now_us: u64) -> ClientLine {
    let seconds = |since: u64| now_us.saturating_sub(since) / 1_000_000;
    let mut text = Vec::with_capacity(384 + session.name.len());
    let resp = match session.resp {
        Resp::V2 => 2,
        Resp::V3 => 3,
    };
    let mut put = |field: std::fmt::Arguments| {
        text.write_fmt(field).expect("writing to memory does not fail");
    };
    put(format_args!("id={} addr={} laddr={} fd={} name=", session.id, session.peer, session.local, facts.fd));
    put(format_args!("{}", String::from_utf8_lossy(&session.name)));
    put(format_args!(" age={} idle={}", seconds(session.connected_us), seconds(session.active_us)));
    let subscribed = |kind| session.subscriptions.as_ref().map_or(0, |subscriptions| subscriptions.len(kind));
    let transaction = session.transaction.as_deref();
    let queued = transaction.map_or(-1, |transaction| transaction.len() as i64);
    let queued_bytes = transaction.map_or(0, |transaction| transaction.args_bytes());
    let watched = session.watching.as_ref().map_or(0, |watching| watching.keys.len());
    put(format_args!(" flags={} db={}", flags(session, facts), session.db));
    put(format_args!(" sub={} psub={}", subscribed(Kind::Channel), subscribed(Kind::Pattern)));
    put(format_args!(" ssub={} multi={queued} watch={watched}", subscribed(Kind::Shard)));
    put(format_args!(" qbuf={} qbuf-free={}", facts.query_bytes, facts.query_free_bytes));
    put(format_args!(" argv-mem={} multi-mem={queued_bytes}", facts.args_bytes));
    put(format_args!(" rbs={} rbp={}", facts.reply_capacity, facts.reply_bytes.max(facts.sending_bytes)));
    // Buffers beside the one in which replies gather.
    let others = usize::from(facts.sending_bytes > 0) + usize::from(facts.held_bytes > 0);
    put(format_args!(" obl={} oll={others}", facts.reply_bytes));
    put(format_args!(" omem={} tot-mem={}", facts.output_bytes, facts.total_bytes));
    put(format_args!(" events={} cmd={}", events(facts), command.unwrap_or("NULL")));
    let user = String::from_utf8_lossy(&session.user.name);
    put(format_args!(" user={user} redir={} resp={resp}", redirects_to(session.tracking.as_deref())));
    put(format_args!(" lib-name={}", String::from_utf8_lossy(&session.lib_name)));
    put(format_args!(" lib-ver={}\n", String::from_utf8_lossy(&session.lib_ver)));
    ClientLine { id: session.id, text }
}

fn flags(session: &Session, facts: &ConnFacts) -> String {
    let tracking = session.tracking.as_deref();
    let known = [
        (session.monitors, 'O'),
        (session.is_subscribed(), 'P'),
        (session.transaction.is_some(), 'x'),
        (facts.blocked, 'b'),
        (tracking.is_some(), 't'),
        (tracking.is_some_and(|tracking| tracking.redirect.is_some_and(|redirect| redirect.broken)), 'R'),
        (tracking.is_some_and(|tracking| tracking.mode == Mode::Broadcast), 'B'),
        (session.watching.as_ref().is_some_and(|watching| watching.ticket.has_ended()), 'd'),
        (facts.closing, 'c'),
        (session.unix, 'U'),
        (session.modes.readonly, 'r'),
        (session.no_evict, 'e'),
        (session.no_touch, 'T'),
    ];
    let flags: String = known.iter().filter(|(set, _)| *set).map(|(_, flag)| flag).collect();
    if flags.is_empty() { "N".to_owned() } else { flags }
}

/// What is waited for: `r` for bytes to receive, `w` for the end of a send.
fn events(facts: &ConnFacts) -> &'static str {
    match (facts.deaf, facts.sending_bytes > 0) {
        (false, false) => "r",
        (false, true) => "rw",
        (true, false) => "",
        (true, true) => "w",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pubsub::Topic;
    use crate::resp::Auth;

    fn session() -> Session {
        Session::new(3, Auth::Done, 1_000_000, "1.2.3.4:5".into(), "6.7.8.9:10".into(), false)
    }

    #[test]
    fn a_line_has_every_field_in_order() {
        let facts = ConnFacts { fd: 9, query_bytes: 26, args_bytes: 10, total_bytes: 4321, ..ConnFacts::default() };
        let line = line(&session(), &facts, Some("client|list"), 5_500_000);
        let expected = "id=3 addr=1.2.3.4:5 laddr=6.7.8.9:10 fd=9 name= age=4 idle=4 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 watch=0 \
            qbuf=26 qbuf-free=0 argv-mem=10 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=4321 events=r cmd=client|list \
            user=default redir=-1 resp=2 lib-name= lib-ver=\n";
        assert_eq!((line.id, String::from_utf8(line.text).unwrap().as_str()), (3, expected));
    }

    #[test]
    fn a_line_tells_what_is_set_and_what_waits() {
        let mut session = Session { unix: true, no_evict: true, no_touch: true, resp: Resp::V3, db: 4, ..session() };
        session.name = b"n".to_vec();
        session.lib_name = b"lib".to_vec();
        session.lib_ver = b"1.2".to_vec();
        for (kind, name) in [(Kind::Channel, "a"), (Kind::Channel, "b"), (Kind::Pattern, "a"), (Kind::Shard, "a")] {
            let topic = Topic { kind, name: name.as_bytes().into() };
            session.subscriptions.get_or_insert_default().add(&topic);
        }
        let facts = ConnFacts {
            reply_capacity: 100,
            reply_bytes: 7,
            sending_bytes: 50,
            held_bytes: 1,
            output_bytes: 151,
            blocked: true,
            closing: true,
            deaf: true,
            ..ConnFacts::default()
        };
        let text = String::from_utf8(line(&session, &facts, None, 0).text).unwrap();
        let expected = [
            " name=n age=0 idle=0 flags=PbcUeT db=4 sub=2 psub=1 ssub=1 multi=-1 watch=0 ",
            " rbs=100 rbp=50 obl=7 oll=2 omem=151 ",
            " events=w cmd=NULL user=default redir=-1 resp=3 lib-name=lib lib-ver=1.2\n",
        ];
        expected.iter().for_each(|part| assert!(text.contains(part), "{part} in {text}"));
    }
}
