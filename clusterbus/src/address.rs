//! Where a node is reached, and what it is called by people.
//!
//! §7.3, §7.6, §13.1. Texts come from peers and from the configuration and go into `nodes.conf`, redirects and replies, where a
//! space or a newline would be a forgery. So each is checked where it comes in, and bounded.

use std::fmt;

/// Bytes of an address on the wire; the longest IPv6 text and a NUL.
pub const HOST_BYTES: usize = 46;

/// The text of a node's IP address; empty if it is not known. Redis takes any text for `cluster-announce-ip`, so names are
/// possible; never a space, a comma, an `@` or what is not printable.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Host {
    /// Padded with zeros.
    bytes: [u8; HOST_BYTES],
}

impl Host {
    /// Not known.
    pub const UNKNOWN: Host = Host { bytes: [0; HOST_BYTES] };

    /// The address with this text, if it is one and shorter than [`HOST_BYTES`].
    pub fn new(text: &str) -> Option<Host> {
        let mut host = Host::UNKNOWN;
        let fits = text.len() < HOST_BYTES && text.bytes().all(in_host);
        fits.then(|| {
            host.bytes[..text.len()].copy_from_slice(text.as_bytes());
            host
        })
    }

    /// The address in a field of the wire. What is after the first NUL is left from longer addresses and means nothing.
    pub fn from_wire(field: &[u8; HOST_BYTES]) -> Option<Host> {
        let length = field.iter().position(|&byte| byte == 0)?;
        Host::new(std::str::from_utf8(&field[..length]).ok()?)
    }

    /// The field of the wire.
    pub const fn to_wire(&self) -> &[u8; HOST_BYTES] {
        &self.bytes
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        let length = self.bytes.iter().position(|&byte| byte == 0).unwrap_or(HOST_BYTES);
        std::str::from_utf8(&self.bytes[..length]).expect("an address is ASCII")
    }

    /// Whether it is not known.
    pub const fn is_unknown(&self) -> bool {
        self.bytes[0] == 0
    }
}

/// Bytes of IPv4, IPv6 with a zone, and names.
fn in_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'-' | b'_' | b'%')
}

impl Default for Host {
    fn default() -> Self {
        Host::UNKNOWN
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// The ports of a node. 0 means none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Ports {
    /// Of clients: TLS if the cluster speaks TLS, else TCP.
    pub client: u16,
    /// Of clients the other way; 0 if there is none.
    pub other: u16,
    /// Of the bus.
    pub bus: u16,
}

/// Where a node is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Address {
    /// The machine.
    pub host: Host,
    /// Its doors.
    pub ports: Ports,
}

/// Bytes of a label, without the NUL.
pub const LABEL_BYTES_MAX: usize = 255;

/// A host name or node name that a node announces: not empty, and at most [`LABEL_BYTES_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label(Box<str>);

impl Label {
    /// A host name: letters, digits, hyphens and dots.
    pub fn hostname(text: &str) -> Option<Label> {
        Self::of(text, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    }

    /// The name that people gave the node: printable, and none of what `nodes.conf` uses itself (§13.2).
    pub fn nodename(text: &str) -> Option<Label> {
        Self::of(text, |byte| byte.is_ascii_graphic() && !b"!#$%&()*+:;<>?@[]^{|}~'\"`,".contains(&byte))
    }

    fn of(text: &str, allowed: fn(u8) -> bool) -> Option<Label> {
        let sized = (1..=LABEL_BYTES_MAX).contains(&text.len());
        (sized && text.bytes().all(allowed)).then(|| Label(text.into()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;

    #[test]
    pub(crate) fn FR_P2C_007_U010_addresses_cannot_forge_lines() {
        for good in ["", "127.0.0.1", "::1", "fe80::1%eth0", "db-1.example.com", &"a".repeat(45)] {
            let host = Host::new(good).expect(good);
            assert_eq!((host.as_str(), host.is_unknown()), (good, good.is_empty()));
            assert_eq!(Host::from_wire(host.to_wire()), Some(host));
        }
        for bad in ["1.2.3.4 5", "a\nvars", "a,b", "a@b", "a\0", "é", &"a".repeat(46)] {
            assert_eq!(Host::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    pub(crate) fn FR_P2C_007_U010_what_is_behind_the_nul_means_nothing() {
        let mut field = [b'9'; HOST_BYTES];
        assert_eq!(Host::from_wire(&field), None, "no NUL");
        field[..10].copy_from_slice(b"10.0.0.1\0\xff");
        assert_eq!(Host::from_wire(&field), Host::new("10.0.0.1"));
    }

    #[test]
    pub(crate) fn FR_P2C_007_U010_labels() {
        let longest = "a".repeat(255);
        let too_long = "a".repeat(256);
        let rows = [
            ("node-1.example.com", true, true),
            ("node_1", false, true),
            ("a/b=c", false, true),
            ("", false, false),
            ("a b", false, false),
            ("a,b", false, false),
            ("a\n", false, false),
            ("a;b", false, false),
            ("ü", false, false),
            (&longest, true, true),
            (&too_long, false, false),
        ];
        for (text, hostname, nodename) in rows {
            assert_eq!(Label::hostname(text).is_some(), hostname, "{text:?}");
            assert_eq!(Label::nodename(text).is_some(), nodename, "{text:?}");
        }
    }
}
