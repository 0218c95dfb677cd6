//! Where the bus listens and from where it dials.

use std::io;
use std::net::{IpAddr, SocketAddr};

use shard::settings::Settings;

use crate::listen;

/// How far the bus port is from the clients' where nothing else is said.
const BUS_PORT_DISTANCE: u16 = 10_000;

/// Why the bus cannot be where the settings want it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    /// There is no port so far away.
    #[error(
        "port {port} is too high for a node of a cluster: the cluster bus is {BUS_PORT_DISTANCE} ports higher, so use 55535 or \
         less, or set cluster-port"
    )]
    PortTooHigh {
        /// The clients' port.
        port: u16,
    },
    /// Without a TCP port there is no place that others could be told of.
    #[error("a node of a cluster needs a TCP port: port is 0")]
    NoPort,
    /// Somebody else could reach the bus.
    #[error(
        "the cluster bus would listen on {address}, which other machines may reach, and whoever reaches it can take the cluster \
         over: protect its port {port} from strangers and set cluster-bus-open to yes, or bind only loopback addresses"
    )]
    Open {
        /// The address.
        address: String,
        /// The bus port.
        port: u16,
    },
    /// An address is taken or not ours.
    #[error("Failed listening on port {port} (cluster bus, {address}): {error}")]
    Listen {
        /// The bus port.
        port: u16,
        /// The address.
        address: String,
        /// Why.
        error: io::Error,
    },
}

/// Where the bus is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Its port.
    pub(super) port: u16,
    /// Where it listens.
    pub(super) listens: Vec<SocketAddr>,
}

impl Place {
    /// The place that the settings ask for. Finds out whether somebody listens there.
    ///
    /// # Errors
    ///
    /// See [`PlaceError`].
    pub(super) fn find(settings: &Settings) -> Result<Place, PlaceError> {
        let port = bus_port(settings)?;
        let mut listens = Vec::new();
        for name in &settings.bind {
            let (name, optional) = name.strip_prefix('-').map_or((name.as_str(), false), |rest| (rest, true));
            let failed = |error| PlaceError::Listen { port, address: name.into(), error };
            let address = listen::address(name, port).map_err(failed)?;
            if !address.ip().is_loopback() && !settings.cluster_bus_open {
                return Err(PlaceError::Open { address: name.into(), port });
            }
            match listen::check_free(address) {
                Ok(()) => listens.push(address),
                Err(error) if optional && listen::is_missing(&error) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(Place { port, listens })
    }

    /// The address to dial from: the first of the target's family, so that the target sees where this node is. None where the system
    /// chooses.
    pub(super) fn source(&self, target: IpAddr) -> Option<SocketAddr> {
        let same = |address: &&SocketAddr| address.is_ipv4() == target.is_ipv4();
        let first = self.listens.iter().find(same).filter(|address| !address.ip().is_unspecified())?;
        // What listens on loopback only cannot dial out from there.
        let reaches = target.is_loopback() || !first.ip().is_loopback();
        reaches.then(|| SocketAddr::new(first.ip(), 0))
    }
}

/// The port of the bus.
pub(crate) fn bus_port(settings: &Settings) -> Result<u16, PlaceError> {
    match (settings.port, settings.cluster_port) {
        (0, _) => Err(PlaceError::NoPort),
        (port, 0) => port.checked_add(BUS_PORT_DISTANCE).ok_or(PlaceError::PortTooHigh { port }),
        (_, port) => Ok(port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(bind: &[&str], port: u16, cluster_port: u16) -> Settings {
        let bind = bind.iter().map(|&name| name.to_owned()).collect();
        Settings { bind, port, cluster_port, ..Settings::default() }
    }

    #[test]
    fn the_port_is_far_above_or_as_set() {
        assert_eq!(bus_port(&settings(&[], 6379, 0)).expect("it fits"), 16_379);
        assert_eq!(bus_port(&settings(&[], 55_535, 0)).expect("it fits"), 65_535);
        assert_eq!(bus_port(&settings(&[], 60_000, 7)).expect("it is said"), 7);
        assert!(matches!(bus_port(&settings(&[], 55_536, 0)), Err(PlaceError::PortTooHigh { port: 55_536 })));
        assert!(matches!(bus_port(&settings(&[], 0, 7)), Err(PlaceError::NoPort)));
    }

    #[test]
    fn other_machines_reach_the_bus_only_where_that_is_wanted() {
        let closed = settings(&["127.0.0.1", "*"], 6379, 1);
        assert!(matches!(Place::find(&closed), Err(PlaceError::Open { .. })));
    }

    #[test]
    fn it_dials_from_where_it_listens() {
        let target = |text: &str| text.parse::<IpAddr>().expect("an address");
        let place = |texts: &[&str]| {
            let listens = texts.iter().map(|text| SocketAddr::new(target(text), 1)).collect();
            Place { port: 1, listens }
        };
        let rows = [
            (&["127.0.0.2", "::1"][..], "127.0.0.9", Some("127.0.0.2:0")),
            (&["127.0.0.2", "::1"], "::1", Some("[::1]:0")),
            (&["127.0.0.1"], "10.0.0.1", None),
            (&["10.0.0.2"], "10.0.0.1", Some("10.0.0.2:0")),
            (&["0.0.0.0"], "10.0.0.1", None),
            (&[], "10.0.0.1", None),
        ];
        for (listens, to, from) in rows {
            let source = place(listens).source(target(to)).map(|source| source.to_string());
            assert_eq!(source.as_deref(), from, "{listens:?} {to}");
        }
    }
}
