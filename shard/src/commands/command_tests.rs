//! COMMAND's replies without a server: entries, documentation, filters and keys, as redis-server 7.0.15 has them.

use keyspace::args::OwnedArgs;
use keyspace::reply::Resp;

use crate::command::table;

use super::*;

/// What `write` writes in one protocol version, with spaces for line ends.
fn written(resp: Resp, write: impl Fn(&mut Reply)) -> String {
    let mut out = Vec::new();
    write(&mut Reply::new(&mut out, resp));
    String::from_utf8(out).unwrap().trim_end().replace("\r\n", " ")
}

fn check_info(name: &str, v2: &str, v3: &str) {
    let info =
        |resp| written(resp, |reply| command_info::write(table(), table().find(name.as_bytes()).unwrap(), reply));
    assert_eq!((info(Resp::V2).as_str(), info(Resp::V3).as_str()), (v2, v3));
}

#[test]
fn entries() {
    check_info(
        "lcs",
        "*10 $3 lcs :-3 *1 +readonly :1 :2 :1 *3 +@read +@string +@slow *0 *1 *6 $5 flags *2 +RO +access \
         $12 begin_search *4 $4 type $5 index $4 spec *2 $5 index :1 \
         $9 find_keys *4 $4 type $5 range $4 spec *6 $7 lastkey :1 $7 keystep :1 $5 limit :0 *0",
        "*10 $3 lcs :-3 ~1 +readonly :1 :2 :1 ~3 +@read +@string +@slow ~0 ~1 %3 $5 flags ~2 +RO +access \
         $12 begin_search %2 $4 type $5 index $4 spec %1 $5 index :1 \
         $9 find_keys %2 $4 type $5 range $4 spec %3 $7 lastkey :1 $7 keystep :1 $5 limit :0 ~0",
    );
    check_info(
        "client|id",
        "*10 $9 client|id :2 *3 +noscript +loading +stale :0 :0 :0 *2 +@slow +@connection *0 *0 *0",
        "*10 $9 client|id :2 ~3 +noscript +loading +stale :0 :0 :0 ~2 +@slow +@connection ~0 ~0 ~0",
    );
    check_info(
        "debug",
        "*10 $5 debug :-2 *4 +admin +noscript +loading +stale :0 :0 :0 *3 +@admin +@slow +@dangerous *0 *0 *0",
        "*10 $5 debug :-2 ~4 +admin +noscript +loading +stale :0 :0 :0 ~3 +@admin +@slow +@dangerous ~0 ~0 ~0",
    );
}

#[test]
fn documentation_has_every_field() {
    let docs = written(Resp::V3, |reply| docs::write(table().find(b"getset").unwrap(), &[], reply));
    let end = "$5 since $5 1.0.0 $5 group $6 string $10 complexity $4 O(1) $9 doc_flags ~1 +deprecated \
               $16 deprecated_since $5 6.2.0 $11 replaced_by $30 `SET` with the `!GET` argument \
               $9 arguments *2 %3 $4 name $3 key $4 type $3 key $14 key_spec_index :0 %2 $4 name $5 value $4 type $6 string";
    assert!(docs.starts_with("%8 $7 summary $") && docs.ends_with(end), "{docs}");
    let container = table().find(b"config").unwrap();
    let docs = written(Resp::V2, |reply| docs::write(container, &subcommands(table(), container), reply));
    assert!(docs.contains("$11 subcommands *10 "), "{docs}");
    assert!(docs.contains("$10 config|get *12 ") && docs.contains("$7 history *1 *2 $5 7.0.0 "), "{docs}");
}

#[test]
fn keys_of_commands() {
    let keys = |words: &str| {
        let args: OwnedArgs = words.split(' ').collect();
        let found = command_keys::keys(table(), args.args()).map_err(|refusal| refusal.text().into_owned())?;
        let shown = |(flags, index): &(keyspace::spec::KeyFlags, usize)| {
            let flags: Vec<&str> = flags.names().collect();
            format!("{} {}", String::from_utf8_lossy(args.args().at(*index)), flags.join(","))
        };
        Ok::<_, Vec<u8>>(found.iter().map(shown).collect::<Vec<_>>().join(" "))
    };
    let rows: [(&str, Result<&str, &str>); 14] = [
        ("get a", Ok("a RO,access")),
        ("set a b", Ok("a OW,update")),
        ("SET a b ex GET", Ok("a RW,access,update")),
        ("mset a 1 b 2", Ok("a OW,update b OW,update")),
        ("mset a 1 b", Ok("a OW,update b OW,update")),
        ("rename a b", Ok("a RW,access,delete b OW,update")),
        ("object encoding k", Ok("k RO")),
        ("nosuch a", Err("ERR Invalid command specified")),
        ("object nosuch", Err("ERR Invalid command specified")),
        ("object|encoding x k", Err("ERR Invalid command specified")),
        ("ping a b c", Err("ERR The command has no key arguments")),
        ("object help", Err("ERR The command has no key arguments")),
        ("object encoding", Err("ERR Invalid number of arguments specified for command")),
        ("get a b", Err("ERR Invalid number of arguments specified for command")),
    ];
    for (words, expected) in rows {
        let expected = expected.map(str::to_string).map_err(|text| text.as_bytes().to_vec());
        assert_eq!(keys(words), expected, "{words}");
    }
}

#[test]
fn filters() {
    let names = |words: &str| {
        let args: OwnedArgs = words.split_whitespace().collect();
        let filter = Filter::parse(args.args()).ok()?;
        Some(table().all().iter().filter(|command| filter.accepts(command)).map(|command| command.spec.name).collect())
    };
    assert_eq!(names("").map(|all: Vec<&str>| all.len()), Some(table().all().len()));
    assert_eq!(names("filterby pattern CONFIG|GE?"), Some(vec!["config|get"]));
    assert!(names("FILTERBY ACLCAT String").unwrap().contains(&"append"));
    for nothing in ["filterby module x", "filterby aclcat @string", "filterby aclcat nosuch"] {
        assert_eq!(names(nothing), Some(vec![]), "{nothing}");
    }
    for wrong in ["x", "filterby", "filterby pattern", "filterby nosuch x", "filterby pattern x y", "nosuch pattern x"]
    {
        assert_eq!(names(wrong), None, "{wrong}");
    }
}
