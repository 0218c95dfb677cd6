//! Settings of the cluster whose values are addresses, names and kinds of endpoints: as `clusterbus` checks and holds them.
//!
//! Redis takes any text for `cluster-announce-ip`. This server takes only what can stand in a line of `nodes.conf` and in a redirect
//! without being read as something else.

use clusterbus::address::{Host, LABEL_BYTES_MAX, Label};
use clusterbus::snapshot::PreferredEndpoint;

use super::row::Kind;
use super::value::Value;

impl Value for Host {
    fn parse(_: &Self, _: &Kind, raw: &[u8]) -> Result<Self, String> {
        let host = std::str::from_utf8(raw).ok().and_then(Host::new);
        host.ok_or_else(|| "argument must be an IP address or a host name of at most 45 bytes".to_owned())
    }

    fn print(&self, _: &Kind) -> Vec<u8> {
        self.as_str().as_bytes().to_vec()
    }
}

/// The host name that a node announces, if any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnnouncedHostname(pub Option<Label>);

impl Value for AnnouncedHostname {
    fn parse(_: &Self, _: &Kind, raw: &[u8]) -> Result<Self, String> {
        if raw.len() > LABEL_BYTES_MAX {
            return Err("Hostnames must be less than 256 characters".to_owned());
        }
        label(raw, Label::hostname)
            .map(Self)
            .ok_or_else(|| "Hostnames may only contain alphanumeric characters, hyphens or dots".to_owned())
    }

    fn print(&self, _: &Kind) -> Vec<u8> {
        printed(self.0.as_ref())
    }
}

/// The name of a node for people that it announces, if any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnnouncedNodename(pub Option<Label>);

impl Value for AnnouncedNodename {
    fn parse(_: &Self, _: &Kind, raw: &[u8]) -> Result<Self, String> {
        label(raw, Label::nodename)
            .map(Self)
            .ok_or_else(|| "Announced human node name contained invalid character".to_owned())
    }

    fn print(&self, _: &Kind) -> Vec<u8> {
        printed(self.0.as_ref())
    }
}

/// `Some(None)` for an empty text, which announces nothing; `None` if the text is no label.
fn label(raw: &[u8], read: fn(&str) -> Option<Label>) -> Option<Option<Label>> {
    match raw {
        [] => Some(None),
        _ => read(std::str::from_utf8(raw).ok()?).map(Some),
    }
}

fn printed(label: Option<&Label>) -> Vec<u8> {
    label.map_or_else(Vec::new, |label| label.as_str().as_bytes().to_vec())
}

/// The words of `cluster-preferred-endpoint-type`, in the order in which an error lists them.
pub(super) const ENDPOINTS: &[&str] = &["ip", "hostname", "unknown-endpoint"];

/// What each of them means.
const MEANINGS: [PreferredEndpoint; 3] =
    [PreferredEndpoint::Ip, PreferredEndpoint::Hostname, PreferredEndpoint::Unknown];

impl Value for PreferredEndpoint {
    fn parse(_: &Self, _: &Kind, raw: &[u8]) -> Result<Self, String> {
        let place = ENDPOINTS.iter().position(|word| word.as_bytes().eq_ignore_ascii_case(raw));
        place
            .map(|place| MEANINGS[place])
            .ok_or_else(|| format!("argument(s) must be one of the following: {}", ENDPOINTS.join(", ")))
    }

    fn print(&self, _: &Kind) -> Vec<u8> {
        let place = MEANINGS.iter().position(|meaning| meaning == self).expect("every kind has its word");
        ENDPOINTS[place].as_bytes().to_vec()
    }
}
