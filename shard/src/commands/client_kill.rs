//! CLIENT KILL: every core ends its own clients that match; the asking one, if it matches too, ends after the reply.

use std::sync::Arc;

use keyspace::args::{Args, spells};
use keyspace::number::parse_i64;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;

use crate::ask::{Answer, Ask, Audience};

use super::SessionExec;
use super::client_filter::{ClientFilter, ClientType};

/// What a CLIENT KILL asks for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    filter: ClientFilter,
    /// Whether the asking client is spared.
    skip_me: bool,
}

/// Ends clients on all cores.
pub(super) fn kill(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    let filter = ClientFilter { except: Some(exec.session.id), ..parse(args)?.filter };
    if let Some(name) = filter.user.as_ref().filter(|name| exec.facts.acl.users.get(name).is_none()) {
        return Err(Refusal::naming("ERR No such user '", name, "'"));
    }
    exec.ask(Audience::Cores, Ask::KillClients(Arc::new(filter)), finish);
    Ok(())
}

/// True for the form with nothing but an address, which answers differently.
fn is_short(args: Args) -> bool {
    args.len() == 3
}

fn parse(args: Args) -> Result<Request, Refusal> {
    let mut request = Request { filter: ClientFilter::default(), skip_me: true };
    if is_short(args) {
        request.filter.addr = Some(args.at(2).to_vec());
        return Ok(Request { skip_me: false, ..request });
    }
    for index in (2..args.len()).step_by(2) {
        let value = args.get(index + 1).ok_or(Refusal::Syntax)?;
        parse_option(&mut request, args, index, value)?;
    }
    Ok(request)
}

fn parse_option(request: &mut Request, args: Args, index: usize, value: &[u8]) -> Outcome {
    let filter = &mut request.filter;
    if args.is(index, "id") {
        let id = parse_i64(value).filter(|id| *id > 0);
        let id = id.ok_or(Refusal::Text("ERR client-id should be greater than 0"))?;
        filter.ids = Some(vec![id as u64]);
    } else if args.is(index, "type") {
        filter.kind = Some(ClientType::parse(value)?);
    } else if args.is(index, "addr") {
        filter.addr = Some(value.to_vec());
    } else if args.is(index, "laddr") {
        filter.laddr = Some(value.to_vec());
    } else if args.is(index, "user") {
        filter.user = Some(value.to_vec());
    } else if args.is(index, "skipme") {
        request.skip_me = match value {
            _ if spells(value, "yes") => true,
            _ if spells(value, "no") => false,
            _ => return Err(Refusal::Syntax),
        };
    } else if args.is(index, "maxage") {
        let age = parse_i64(value).ok_or(Refusal::Text("ERR maxage is not an integer or out of range"))?;
        if age <= 0 {
            return Err(Refusal::Text("ERR maxage should be greater than 0"));
        }
        filter.min_age_s = Some(age as u64);
    } else {
        return Err(Refusal::Syntax);
    }
    Ok(())
}

fn finish(exec: &mut SessionExec, args: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let request = parse(args)?;
    let counts = answers.iter().map(|answer| if let Answer::Count(count) = answer { *count } else { 0 });
    let mut killed: u64 = counts.sum();
    if !request.skip_me && request.filter.passes(exec.session, exec.facts.now.monotonic_us) {
        killed += 1;
        exec.close();
    }
    match (is_short(args), killed) {
        (true, 0) => return Err(Refusal::Text("ERR No such client")),
        (true, _) => reply.ok(),
        (false, _) => reply.int(killed as i64),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyspace::args::OwnedArgs;

    fn parsed(words: &str) -> Result<Request, String> {
        let args: OwnedArgs = words.split(' ').collect();
        parse(args.args()).map_err(|refusal| String::from_utf8_lossy(&refusal.text()).into_owned())
    }

    #[test]
    fn filters_are_read() {
        let all = ClientFilter::default;
        let check = |words: &str, filter: ClientFilter, skip_me: bool| {
            assert_eq!(parsed(words), Ok(Request { filter, skip_me }), "{words}");
        };
        check("CLIENT KILL 1:2", ClientFilter { addr: Some(b"1:2".to_vec()), ..all() }, false);
        check("CLIENT KILL ID", ClientFilter { addr: Some(b"ID".to_vec()), ..all() }, false);
        check("CLIENT KILL id 5 ID 6", ClientFilter::one(6), true);
        check("CLIENT KILL USER default", ClientFilter { user: Some(b"default".to_vec()), ..all() }, true);
        check(
            "CLIENT KILL LADDR a TYPE normal MAXAGE 3 SKIPME No",
            ClientFilter { laddr: Some(b"a".to_vec()), kind: Some(ClientType::Normal), min_age_s: Some(3), ..all() },
            false,
        );
    }

    #[test]
    fn the_first_wrong_filter_is_refused() {
        for (words, text) in [
            ("CLIENT KILL ID 0 FOO", "ERR client-id should be greater than 0"),
            ("CLIENT KILL FOO ID 0", "ERR syntax error"),
            ("CLIENT KILL ADDR x FOO", "ERR syntax error"),
            ("CLIENT KILL MAXAGE x", "ERR maxage is not an integer or out of range"),
            ("CLIENT KILL MAXAGE 0", "ERR maxage should be greater than 0"),
            ("CLIENT KILL SKIPME maybe", "ERR syntax error"),
        ] {
            assert_eq!(parsed(words), Err(text.to_owned()), "{words}");
        }
    }
}
