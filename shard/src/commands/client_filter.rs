//! Which clients CLIENT LIST and CLIENT KILL mean. Pure.

use keyspace::args::spells;
use keyspace::refusal::Refusal;

use crate::session::Session;

/// The types that clients are told apart by. There is neither a primary nor a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientType {
    /// Sends commands.
    Normal,
    /// Our primary.
    Primary,
    /// A replica of ours.
    Replica,
    /// Has a subscription.
    Pubsub,
}

impl ClientType {
    /// A client's type.
    fn of(session: &Session) -> ClientType {
        if session.is_subscribed() { ClientType::Pubsub } else { ClientType::Normal }
    }

    /// Reads its name.
    pub fn parse(word: &[u8]) -> Result<ClientType, Refusal> {
        match word {
            _ if spells(word, "normal") => Ok(ClientType::Normal),
            _ if spells(word, "master") => Ok(ClientType::Primary),
            _ if spells(word, "slave") || spells(word, "replica") => Ok(ClientType::Replica),
            _ if spells(word, "pubsub") => Ok(ClientType::Pubsub),
            _ => Err(Refusal::naming("ERR Unknown client type '", word, "'")),
        }
    }
}

/// Conditions that all must hold; the default is every client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientFilter {
    /// One of these numbers, ascending; `None` for any.
    pub ids: Option<Vec<u64>>,
    /// Not this one.
    pub except: Option<u64>,
    /// This type.
    pub kind: Option<ClientType>,
    /// The user's name.
    pub user: Option<Vec<u8>>,
    /// The client's address.
    pub addr: Option<Vec<u8>>,
    /// Our address.
    pub laddr: Option<Vec<u8>>,
    /// At least this old, in seconds.
    pub min_age_s: Option<u64>,
}

impl ClientFilter {
    /// The filter that only one client passes.
    pub fn one(id: u64) -> Self {
        ClientFilter { ids: Some(vec![id]), ..ClientFilter::default() }
    }

    /// True if a client passes at this time, in microseconds of the monotonic clock.
    pub fn passes(&self, session: &Session, now_us: u64) -> bool {
        let age_s = now_us.saturating_sub(session.connected_us) / 1_000_000;
        self.ids.as_ref().is_none_or(|ids| ids.binary_search(&session.id).is_ok())
            && self.except != Some(session.id)
            && self.kind.is_none_or(|kind| kind == ClientType::of(session))
            && self.user.as_ref().is_none_or(|name| **name == *session.user.name)
            && self.addr.as_ref().is_none_or(|addr| addr == session.peer.as_bytes())
            && self.laddr.as_ref().is_none_or(|laddr| laddr == session.local.as_bytes())
            && self.min_age_s.is_none_or(|least| age_s >= least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Auth;

    #[test]
    fn a_client_passes_if_every_condition_holds() {
        let session = Session::new(7, Auth::Done, 5_000_000, "1.2.3.4:5".into(), "6.7.8.9:10".into(), false);
        let all = ClientFilter::default;
        let check = |filter: ClientFilter, passes: bool| {
            assert_eq!(filter.passes(&session, 15_999_999), passes, "{filter:?}");
        };
        check(all(), true);
        check(ClientFilter::one(7), true);
        check(ClientFilter::one(8), false);
        check(ClientFilter { ids: Some(vec![]), ..all() }, false);
        check(ClientFilter { ids: Some(vec![1, 7, 9]), ..all() }, true);
        check(ClientFilter { except: Some(7), ..all() }, false);
        check(ClientFilter { except: Some(8), ..all() }, true);
        check(ClientFilter { user: Some(b"default".to_vec()), ..all() }, true);
        check(ClientFilter { user: Some(b"defaul".to_vec()), ..all() }, false);
        check(ClientFilter { kind: Some(ClientType::Normal), ..all() }, true);
        check(ClientFilter { kind: Some(ClientType::Replica), ..all() }, false);
        check(ClientFilter { kind: Some(ClientType::Pubsub), ..all() }, false);
        check(ClientFilter { addr: Some(b"1.2.3.4:5".to_vec()), ..all() }, true);
        check(ClientFilter { addr: Some(b"1.2.3.4:55".to_vec()), ..all() }, false);
        check(ClientFilter { laddr: Some(b"6.7.8.9:10".to_vec()), ..all() }, true);
        check(ClientFilter { laddr: Some(b"1.2.3.4:5".to_vec()), ..all() }, false);
        check(ClientFilter { min_age_s: Some(10), ..all() }, true);
        check(ClientFilter { min_age_s: Some(11), ..all() }, false);
        check(ClientFilter { ids: Some(vec![7]), kind: Some(ClientType::Pubsub), ..all() }, false);
    }

    #[test]
    fn types_are_read_whatever_their_case() {
        assert_eq!(ClientType::parse(b"Slave"), Ok(ClientType::Replica));
        assert_eq!(ClientType::parse(b"MASTER"), Ok(ClientType::Primary));
        assert_eq!(ClientType::parse(b"foo").unwrap_err().text(), &b"ERR Unknown client type 'foo'"[..]);
    }
}
