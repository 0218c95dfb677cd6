//! Connections of the bus: opened by dialling, taken by listening, and made alike.
//!
//! glommio opens connections from any address; the bus dials from where it listens, since the other side takes the address that it
//! sees for ours. So the socket is made here, with glommio's version of `socket2`, and handed over while it connects: a write of
//! nothing waits until it is connected.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use clusterbus::address::{Address, Host};
use clusterbus::effect::LinkId;
use clusterbus::time::Millis;
use futures_lite::{AsyncWrite, future};
use glommio::GlommioError;
use glommio::net::{TcpListener, TcpStream};
use glommio::timer::{sleep, timeout};
use glommio_socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::driver::Bus;
use super::link::{End, Link};
use super::outgoing::Outgoing;
use super::place::Place;
use super::tasks;
use crate::listen;

/// Connections that are accepted before others have their turn (§7.1).
const ACCEPTS_MAX: usize = 1000;

/// Rest after an accept that failed, which may be for want of descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Limits of the time for a connection to be made.
const DIAL_TIME: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The longest keepalive that the kernel takes, in seconds.
const KEEPALIVE_SECONDS_MAX: u64 = 32_767;

/// Unanswered keepalive probes that end a connection.
const KEEPALIVE_PROBES: u32 = 3;

/// How connections are made.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    /// Where the bus is.
    pub(super) place: Rc<Place>,
    /// `cluster-node-timeout`.
    pub(super) node_timeout: Millis,
}

impl Manner {
    /// What TCP does when a connection is silent: it asks after twice the node timeout.
    fn keepalive(&self) -> TcpKeepalive {
        let seconds = (self.node_timeout.0.saturating_mul(2) / 1000).clamp(1, KEEPALIVE_SECONDS_MAX);
        let between = Duration::from_secs((seconds / u64::from(KEEPALIVE_PROBES)).max(1));
        TcpKeepalive::new()
            .with_time(Duration::from_secs(seconds))
            .with_interval(between)
            .with_retries(KEEPALIVE_PROBES)
    }

    /// Sets what every connection of the bus has set.
    fn prepare(&self, socket: &SockRef<'_>) -> io::Result<()> {
        socket.set_nodelay(true)?;
        socket.set_tcp_keepalive(&self.keepalive())
    }

    /// A socket that connects.
    fn dial(&self, target: SocketAddr) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
        self.prepare(&SockRef::from(&socket))?;
        if let Some(source) = self.place.source(target.ip()) {
            socket.bind(&source.into())?;
        }
        socket.set_nonblocking(true)?;
        match socket.connect(&target.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            _ => {}
        }
        Ok(TcpStream::from(socket))
    }

    /// How long making a connection may take: a node that cannot be reached must be found so in time.
    fn dial_time(&self) -> Duration {
        Duration::from_millis(self.node_timeout.0 / 2).clamp(DIAL_TIME.0, DIAL_TIME.1)
    }
}

/// Opens a link that the state machine asked for, and serves it.
pub(super) async fn dial(
    bus: Rc<RefCell<Bus>>,
    manner: Manner,
    id: LinkId,
    outgoing: Rc<RefCell<Outgoing>>,
    address: Address,
) {
    let connected = async {
        let target = resolve(address).await?;
        let mut stream = manner.dial(target)?;
        std::future::poll_fn(|context| Pin::new(&mut stream).poll_write(context, &[])).await?;
        Ok::<_, GlommioError<()>>(stream)
    };
    let dropped = async {
        over(&outgoing).await;
        Err(GlommioError::from(io::Error::from(io::ErrorKind::ConnectionAborted)))
    };
    // One that is dropped meanwhile ends at once: its place in the table of links is gone.
    let outcome = timeout(manner.dial_time(), future::or(dropped, connected)).await;
    match outcome.and_then(|stream| Ok((ends(&stream)?, stream))) {
        Ok((hosts, stream)) => {
            bus.borrow_mut().dialled(id, hosts);
            Link::new(bus, id, outgoing, stream).serve().await;
        }
        Err(error) => {
            tracing::debug!("no link to {}:{}: {error}", address.host, address.ports.bus);
            bus.borrow_mut().link_ended(id, End::Broken);
        }
    }
}

/// Waits until a link is over.
async fn over(outgoing: &RefCell<Outgoing>) {
    std::future::poll_fn(|context| {
        let mut outgoing = outgoing.borrow_mut();
        outgoing.arm(context.waker());
        if outgoing.is_over() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// Where to dial. Addresses are mostly numbers; a name is looked up where it blocks nobody.
async fn resolve(address: Address) -> io::Result<SocketAddr> {
    let port = address.ports.bus;
    match address.host.as_str().parse::<IpAddr>() {
        Ok(ip) => Ok(SocketAddr::new(ip, port)),
        Err(_) => glommio::executor().spawn_blocking(move || listen::address(address.host.as_str(), port)).await,
    }
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hosts {
    /// The other side.
    pub(super) peer: Host,
    /// Ours.
    pub(super) local: Host,
}

fn ends(stream: &TcpStream) -> Result<Hosts, GlommioError<()>> {
    Ok(Hosts { peer: host(stream.peer_addr()?.ip()), local: host(stream.local_addr()?.ip()) })
}

/// An address as nodes write it.
fn host(ip: IpAddr) -> Host {
    Host::new(&ip.to_canonical().to_string()).expect("an address is a text of letters, digits, dots and colons")
}

/// Takes connections for as long as the process lives.
pub(super) async fn accept(bus: Rc<RefCell<Bus>>, listener: TcpListener) {
    loop {
        for _ in 0..ACCEPTS_MAX {
            match listener.accept().await {
                Ok(stream) => welcome(&bus, stream),
                Err(error) => {
                    tracing::warn!("The cluster bus can't accept: {error}");
                    sleep(ACCEPT_REST).await;
                }
            }
        }
        glommio::executor().yield_task_queue_now().await;
    }
}

/// A link that somebody opened. What goes wrong here concerns them only.
fn welcome(bus: &Rc<RefCell<Bus>>, stream: TcpStream) {
    let mut opened = bus.borrow_mut();
    let prepared = opened.manner().prepare(&SockRef::from(&stream));
    let Ok(hosts) = prepared.map_err(GlommioError::from).and_then(|()| ends(&stream)) else { return };
    if let Some((id, outgoing)) = opened.accepted(hosts) {
        tasks::spawn(Link::new(bus.clone(), id, outgoing, stream).serve());
    }
}
