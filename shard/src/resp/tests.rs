//! The parser against fixed rows, against the model on generated streams, and against memory bounds.

use std::ops::RangeInclusive;

use super::model::{self, Outcome};
use super::*;

/// Small bounds, so that generated streams run into them.
const TIGHT: Limits = Limits { bulk_bytes_max: 20_000, args_max: 12, inline_bytes_max: 40, auth: Auth::Done };

/// Feeds `stream` in pieces of the lengths that `piece` yields, draining after each if `drains`.
fn feed(stream: &[u8], limits: &Limits, drains: bool, mut piece: impl FnMut() -> usize) -> Outcome {
    let mut outcome = Outcome::default();
    let (mut parser, mut input, mut drained) = (Parser::default(), Vec::new(), 0);
    let mut spans = vec![Span { start: 7, len: 7 }];
    let mut fed = 0;
    while fed < stream.len() {
        let end = stream.len().min(fed + piece());
        input.extend_from_slice(&stream[fed..end]);
        fed = end;
        loop {
            spans.truncate(1);
            let step = parser.next(&input, limits, &mut spans);
            let bytes = match &step {
                Step::Command => &input,
                Step::Inline(bytes) => bytes,
                Step::Incomplete => break,
                Step::Failed(error) => {
                    assert_eq!(parser.next(&input, limits, &mut spans), Step::Failed(*error), "asked again");
                    assert_eq!(spans.len(), 1, "nothing appended");
                    outcome.error = Some(*error);
                    break;
                }
            };
            let args = spans[1..].iter().map(|span| bytes[span.start as usize..][..span.len as usize].to_vec());
            outcome.commands.push(args.collect());
        }
        assert_eq!(spans.len(), 1, "an incomplete command leaves nothing behind");
        assert!(parser.wanted() <= 65_536.max(input.len()));
        outcome.consumed = drained + parser.position();
        if outcome.error.is_some() {
            break;
        }
        if drains {
            drained += parser.position();
            input.drain(..parser.position());
            parser.drained();
        }
    }
    outcome
}

fn whole(stream: &[u8], limits: &Limits) -> Outcome {
    feed(stream, limits, false, || usize::MAX - stream.len())
}

/// The stream's outcome: each command as its words in brackets, then the error or how much is left over.
fn told(stream: &[u8], limits: &Limits) -> String {
    let outcome = whole(stream, limits);
    assert_eq!(outcome, feed(stream, limits, true, || 1), "byte by byte");
    assert_eq!(outcome, model::read(stream, limits), "the model");
    let mut text = String::new();
    for args in &outcome.commands {
        let args: Vec<_> = args.iter().map(|arg| arg.escape_ascii().to_string()).collect();
        text += &format!("[{}]", args.join("|"));
    }
    if let Some(error) = outcome.error {
        let mut reply = Vec::new();
        error.append_reply(&mut reply);
        text += &reply.escape_ascii().to_string().replace("-ERR Protocol error: ", "!");
        assert!(text.ends_with("\\r\\n"));
        text.truncate(text.len() - 4);
    } else if outcome.consumed < stream.len() {
        text += &format!("+{}", stream.len() - outcome.consumed);
    }
    text
}

fn check(limits: &Limits, rows: &[(&[u8], &str)]) {
    for (stream, expected) in rows {
        assert_eq!(told(stream, limits), *expected, "{}", stream.escape_ascii());
    }
}

#[test]
fn multibulk_commands() {
    check(
        &Limits::default(),
        &[
            (b"", ""),
            (b"*1\r\n$4\r\nPING\r\n", "[PING]"),
            (b"*1\r\n$0\r\n\r\n", "[]"),
            (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\nabc\r\ndef\0ghi\r\n*1\r\n$1\r\n", "[SET|k|abc\\r\\ndef\\x00ghi]+8"),
            (b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nPING\r\n", "[GET|k][PING]"),
            (b"*-1\r\n*0\r\n*-5\r\n*-9223372036854775808\r\n*1\r\n$1\r\na\r\n", "[a]"),
            (b"*1\r\n$5\r\nhello\r", "+14"),
            (b"*1", "+2"),
            (b"*1\r", "+3"),
            (b"*1\r\n$536870912\r\n", "+16"),
            (b"*1048576\r\n", "+10"),
            // Line ends are skipped unseen.
            (b"*1\rx$4\rxPINGab*1\r\n$4\r\nPING\r\n", "[PING][PING]"),
        ],
    );
}

#[test]
fn multibulk_errors() {
    let count = "!invalid multibulk length";
    let bulk = "!invalid bulk length";
    check(
        &Limits::default(),
        &[
            (b"*\r\n", count),
            (b"*-0\r\n", count),
            (b"*00\r\n", count),
            (b"*01\r\n", count),
            (b"*+1\r\n", count),
            (b"* 1\r\n", count),
            (b"*1 \r\n", count),
            (b"*abc\r\n", count),
            (b"*1\n$4\r\nPING\r\n", count),
            (b"*1048577\r\n", count),
            (b"*2147483648\r\n", count),
            (b"*9223372036854775808\r\n", count),
            (b"*-9223372036854775809\r\n", count),
            (b"*99999999999999999999999999999999\r\n", count),
            (b"*1\r\n$\r\n", bulk),
            (b"*1\r\n$-1\r\n", bulk),
            (b"*1\r\n$00\r\n\r\n", bulk),
            (b"*1\r\n$04\r\nPING\r\n", bulk),
            (b"*1\r\n$004\r\nPING\r\n", bulk),
            (b"*1\r\n$+4\r\nPING\r\n", bulk),
            (b"*1\r\n$4 \r\nPING\r\n", bulk),
            (b"*1\r\n$4:\r\nPING\r\n", bulk),
            (b"*1\r\n$536870913\r\n", bulk),
            (b"*1\r\n$4294967295\r\n", bulk),
            (b"*1\r\n$4294967296\r\n", bulk),
            (b"*1\r\n$1\r\na\r\n*1\r\n$-1\r\n", "[a]!invalid bulk length"),
            (b"*1\r\nx\r\n", "!expected \\'$\\', got \\'x\\'"),
            (b"*1\r\nx", "+5"),
            (b"*1\r\nx\r", "+6"),
            (b"*1\r\n:4\r\n", "!expected \\'$\\', got \\':\\'"),
            (b"*1\r\n\xff\r\n", "!expected \\'$\\', got \\'\\xff\\'"),
            (b"*1\r\n\r\n", "!expected \\'$\\', got \\' \\'"),
            (b"*1\r\n\n\r\n", "!expected \\'$\\', got \\' \\'"),
            (b"*1\r\n\0abc\r\n", "+10"),
            (b"*1\0\r\n", "+5"),
        ],
    );
}

#[test]
fn inline_commands() {
    let unbalanced = "!unbalanced quotes in request";
    check(
        &Limits::default(),
        &[
            (b"PING\r\n", "[PING]"),
            (b"PING\n", "[PING]"),
            (b"PING\r\r\n", "[PING]"),
            (b"\r\n\n\r\r\n \t\x0b\x0c \r\nPING\n", "[PING]"),
            (b"  SET\tk  v \r\nGET k\r\nx", "[SET|k|v][GET|k]+1"),
            (b"PING\x0b\r\n", "[PING\\x0b]"),
            (b"ECHO a\x0bb\r\n", "[ECHO|a\\x0bb]"),
            (b"ECHO \x0ba\r\n", "[ECHO|a]"),
            (b"ECHO a\rb\r\n", "[ECHO|a|b]"),
            (b"$4\r\n", "[$4]"),
            (b"\xff\xfe\r\n", "[\\xff\\xfe]"),
            (b"\"\" ''\r\n", "[|]"),
            (b"ECHO a\"b c\"\r\n", "[ECHO|ab c]"),
            (b"ECHO a'b c' d\r\n", "[ECHO|ab c|d]"),
            (b"ECHO \"a\rb\"\x0b\r\n", "[ECHO|a\\rb]"),
            (b"ECHO \\x41\r\n", "[ECHO|\\\\x41]"),
            (b"\"\\n\\r\\t\\b\\a\\x41\\xzz\\x4\\q\\\"\\\\\"\r\n", "[\\n\\r\\t\\x08\\x07Axzzx4q\\\"\\\\]"),
            (b"'a\\'b\\n\\x41'\r\n", "[a\\'b\\\\n\\\\x41]"),
            (b"\"a\r\n", unbalanced),
            (b"'a\r\n", unbalanced),
            (b"\"a\"b\r\n", unbalanced),
            (b"'a'b\r\n", unbalanced),
            (b"\"a\"\"b\"\r\n", unbalanced),
            (b"\"a\\\r\n", unbalanced),
            (b"\"a\\\"\r\n", unbalanced),
            (b"'a\\\r\n", unbalanced),
            (b"PING\r\nECHO \"\r\n", "[PING]!unbalanced quotes in request"),
            (b"PI\0NG\r\n", "+7"),
        ],
    );
}

#[test]
fn lines_have_a_bound() {
    let limits = Limits::default();
    let rows: [(&[u8], u8, usize, &str); 6] = [
        (b"*", b'1', 65_536, "+65536"),
        (b"*", b'1', 65_537, "!too big mbulk count string"),
        (b"*1\r\n$", b'1', 65_536, "+65540"),
        (b"*1\r\n$", b'1', 65_537, "!too big bulk count string"),
        (b"a", b'a', 65_536, "+65536"),
        (b"PI\0NG\r\n", b'a', 65_537, "!too big inline request"),
    ];
    for (head, filler, line, expected) in rows {
        let mut stream = head.to_vec();
        let before = head.iter().position(|byte| *byte == b'$').unwrap_or(0);
        stream.resize(before + line, filler);
        assert_eq!(told(&stream, &limits), expected, "{} {line}", head.escape_ascii());
    }
    let longest = [vec![b'a'; 65_536], b"\r\n".to_vec()].concat();
    assert_eq!(told(&longest, &limits), "!too big inline request");
    assert_eq!(whole(&longest[1..], &limits).commands, [[vec![b'a'; 65_535]]]);
}

#[test]
fn before_authentication() {
    let limits = Limits { auth: Auth::Needed, ..Limits::default() };
    check(
        &limits,
        &[
            (b"*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n", "[AUTH|x]"),
            (b"*10\r\n", "+5"),
            (b"*11\r\n", "!unauthenticated multibulk length"),
            (b"*2147483647\r\n", "!unauthenticated multibulk length"),
            (b"*2147483648\r\n", "!invalid multibulk length"),
            (b"*1048577\r\n", "!unauthenticated multibulk length"),
            (b"*1\r\n$16384\r\n", "+12"),
            (b"*1\r\n$16385\r\n", "!unauthenticated bulk length"),
            (b"*1\r\n$536870913\r\n", "!invalid bulk length"),
            (b"PING 2 3 4 5 6 7 8 9 10 11\r\n", "[PING|2|3|4|5|6|7|8|9|10|11]"),
        ],
    );
}

#[test]
fn announced_lengths_reserve_nothing() {
    let limits = Limits::default();
    let (mut parser, mut spans) = (Parser::default(), Vec::new());
    let mut input = b"*1048576\r\n$536870912\r\n".to_vec();
    assert_eq!(parser.next(&input, &limits, &mut spans), Step::Incomplete);
    assert_eq!((parser.heap_args(), spans.capacity(), parser.wanted()), (0, 0, 64 << 10));
    input.resize(input.len() + (1 << 20), b'v');
    assert_eq!(parser.next(&input, &limits, &mut spans), Step::Incomplete);
    assert_eq!((parser.heap_args(), parser.wanted()), (0, (1 << 20) - 2));
}

#[test]
fn memory_follows_the_bytes_received() {
    let limits = Limits::default();
    let args = Limits::ARGS_MAX as usize;
    let (mut parser, mut spans) = (Parser::default(), Vec::new());
    let stream = [b"*1048576\r\n".to_vec(), b"$0\r\n\r\n".repeat(args)].concat();
    for end in (0..stream.len()).step_by(16 << 10) {
        assert_eq!(parser.next(&stream[..end], &limits, &mut spans), Step::Incomplete);
        assert!(parser.heap_args() <= 8 + end / 3, "{} for {end}", parser.heap_args());
    }
    assert_eq!(parser.next(&stream, &limits, &mut spans), Step::Command);
    assert_eq!((spans.len(), parser.heap_args(), parser.wanted()), (args, 0, 0));
}

#[test]
fn cross_protocol_words() {
    for word in ["POST", "post", "Host:", "HOST:", "host:"] {
        assert!(is_cross_protocol(word.as_bytes()), "{word}");
    }
    for word in ["", "GET", "POS", "POSTS", "Host", "Host: "] {
        assert!(!is_cross_protocol(word.as_bytes()), "{word}");
    }
}

/// A stream of mostly valid requests, damaged here and there, or of random bytes.
fn generate(rng: &mut fastrand::Rng) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..rng.usize(0..5) {
        match rng.u8(0..12) {
            0..8 => multibulk(rng, &mut stream),
            8..11 => inline_line(rng, &mut stream),
            _ => stream.extend((0..rng.usize(0..30)).map(|_| rng.u8(..))),
        }
    }
    if rng.bool() {
        for _ in 0..rng.usize(0..3) {
            mutate(rng, &mut stream);
        }
    }
    stream
}

fn multibulk(rng: &mut fastrand::Rng, stream: &mut Vec<u8>) {
    let count = if rng.u8(0..20) == 0 { rng.usize(0..16) } else { rng.usize(1..5) };
    stream.extend_from_slice(format!("*{count}\r\n").as_bytes());
    for _ in 0..count {
        let len = match rng.u8(0..40) {
            0 => rng.usize(990..1_010),
            1 => rng.usize(16_380..16_390),
            2..6 => rng.usize(95..105),
            _ => rng.usize(0..13),
        };
        stream.extend_from_slice(format!("${len}\r\n").as_bytes());
        let byte = rng.u8(..);
        stream.extend((0..len).map(|index| byte.wrapping_add(index as u8)));
        stream.extend_from_slice(b"\r\n");
    }
}

fn inline_line(rng: &mut fastrand::Rng, stream: &mut Vec<u8>) {
    const PIECES: [&[u8]; 14] =
        [b"GET", b"k", b" ", b" ", b"\t", b"\"", b"'", b"\\", b"\\x4", b"1", b"\\n", b"\x0b", b"\r", b"\0"];
    let usable = if rng.u8(0..8) == 0 { PIECES.len() } else { PIECES.len() - 1 };
    for _ in 0..rng.usize(0..12) {
        stream.extend_from_slice(PIECES[rng.usize(..usable)]);
    }
    stream.extend_from_slice(if rng.bool() { b"\r\n" } else { b"\n" });
}

fn mutate(rng: &mut fastrand::Rng, stream: &mut Vec<u8>) {
    const BYTES: &[u8] = b"*$0123456789-+ :\r\n\0ax\"'\\";
    let byte = if rng.bool() { rng.u8(..) } else { BYTES[rng.usize(..BYTES.len())] };
    // Damage to the first bytes finds length lines more often.
    let reach = if rng.bool() { stream.len() } else { stream.len().min(24) };
    let at = rng.usize(..=reach);
    match rng.u8(0..4) {
        0 if at < stream.len() => stream[at] = byte,
        1 if at < stream.len() => {
            stream.remove(at);
        }
        2 => stream.truncate(at),
        _ => stream.insert(at, byte),
    }
}

/// Any bytes: the parser agrees with the model, whole and cut anywhere.
fn fuzz_parser(stream: &[u8], limits: &Limits, pieces: RangeInclusive<usize>, rng: &mut fastrand::Rng) {
    let expected = model::read(stream, limits);
    assert_eq!(whole(stream, limits), expected, "whole: {}", stream.escape_ascii());
    let drains = rng.bool();
    let cut = feed(stream, limits, drains, || rng.usize(pieces.clone()));
    assert_eq!(cut, expected, "in pieces of {pieces:?}: {}", stream.escape_ascii());
}

#[test]
fn any_stream_reads_alike_however_it_is_cut() {
    let limits = [TIGHT, Limits { auth: Auth::Needed, ..TIGHT }, Limits::default()];
    for case in 0..200_000 {
        let mut rng = fastrand::Rng::with_seed(case);
        let stream = generate(&mut rng);
        let limits = &limits[rng.usize(..limits.len())];
        let pieces = match rng.u8(0..3) {
            0 if stream.len() < 300 => 1..=1,
            1 => 1..=8,
            _ => 1..=1 + stream.len(),
        };
        fuzz_parser(&stream, limits, pieces, &mut rng);
    }
}
