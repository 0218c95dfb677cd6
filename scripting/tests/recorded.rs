//! What redis-server 7.0.15 answered to a list of scripts, recorded by `record.py`, byte by byte.
#![forbid(unsafe_code)]

mod fake;

use fake::Fake;
use keyspace::reply::Resp;

/// Starts of snippets whose replies differ on purpose, each with its reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("error('a',2)", "above the script stands a function of the engine's own, and C in Redis"),
    ("local f,e=load(function() error('x')", "Redis's handler of errors also sees what load catches"),
    ("return {string.match('a\\0b','\\0')", "patterns may hold zero bytes here"),
    ("local ok,e=pcall(setmetatable,1)", "functions of Lua have no caller's name for themselves"),
    ("local ok,e=pcall(string.rep)", "nothing and nil are one to functions of the engine"),
];

#[test]
fn replies_are_those_of_redis() {
    let mut faults = Vec::new();
    let mut fake = Fake::new();
    let rows: Vec<&str> = include_str!("recorded.txt").lines().filter(|line| !line.starts_with('#')).collect();
    assert!(rows.len() > 700, "the record is there");
    for row in rows {
        let parts: Vec<&str> = row.split('\t').collect();
        let [protocol, source, expected] = parts[..] else { panic!("a row has three parts: {row}") };
        // Functions of the engine cannot tell an argument that is not there from nil.
        let expected = expected.replace("got no value", "got nil");
        let (source, expected) = (unescaped(source), unescaped(&expected));
        if EXCEPTIONS.iter().any(|(start, _)| source.starts_with(start.as_bytes())) {
            continue;
        }
        let resp = if protocol == "3" { Resp::V3 } else { Resp::V2 };
        fake.values.clear();
        let reply = fake.eval_bytes(&source, &["k1", "k2"], &["a1", "a2"], resp);
        let reply = String::from_utf8_lossy(&reply).replace("got no value", "got nil").into_bytes();
        if reply != String::from_utf8_lossy(&expected).as_bytes() {
            let text = String::from_utf8_lossy;
            faults.push(format!("{}\n  redis: {:?}\n  ours:  {:?}", text(&source), text(&expected), text(&reply)));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut letters = text.bytes();
    while let Some(letter) = letters.next() {
        if letter != b'\\' {
            out.push(letter);
            continue;
        }
        out.push(match letters.next().expect("an escape has a letter") {
            b'n' => b'\n',
            b'r' => b'\r',
            b'x' => {
                let digits = [letters.next(), letters.next()].map(|digit| digit.expect("two digits"));
                let digits = String::from_utf8(digits.to_vec()).expect("digits are ASCII");
                u8::from_str_radix(&digits, 16).expect("digits are hexadecimal")
            }
            other => other,
        });
    }
    out
}
