//! The HTTP endpoint: `/metrics` and `/healthz`, one task per connection on the service thread.
//!
//! Number of connections, size of a request and time for everything are bounded, so that nobody who can reach the port can take more
//! than that from the process. Reports are asked for by one request at a time: the cores' work for metrics does not grow with the number
//! of those who ask.

use std::cell::Cell;
use std::io;
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::rc::Rc;
use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use glommio::net::{TcpListener, TcpStream};
use glommio::sync::Semaphore;
use glommio::timer::{sleep, timeout};
use glommio::{GlommioError, Task};
use shard::ask::{Answer, Ask};
use shard::settings::Settings;

use super::duties::{Duties, Silence};
use super::http::{self, Body, ContentType, Page, REQUEST_BYTES_MAX, Request, Status};
use super::metrics::View;
use crate::listen;

/// Connections at a time. One more is closed unanswered.
const CONNECTIONS_MAX: usize = 64;

/// Time for a connection from its acceptance to its end.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(10);

/// Time for a request to arrive.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(5);

/// Time for all cores to answer.
const CORES_TIME_MAX: Duration = Duration::from_secs(1);

/// Rest after an accept that failed, which may be for want of descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Time for a client to leave after it was answered.
const LEAVING_TIME_MAX: Duration = Duration::from_secs(1);

/// Bytes that are read and thrown away after a response, so that closing does not reset the connection before the client read it.
const DISCARDED_BYTES_MAX: usize = 64 << 10;

/// Why there is no endpoint.
#[derive(Debug, thiserror::Error)]
#[error("Failed listening on port {port} (metrics, {host}): {error}")]
pub(crate) struct EndpointError {
    host: String,
    port: u16,
    error: io::Error,
}

/// Where the settings want the endpoint; `None` if they want none. Finds out whether somebody listens there.
///
/// # Errors
///
/// The address is taken or not ours.
pub(crate) fn address(settings: &Settings) -> Result<Option<SocketAddr>, EndpointError> {
    let (host, port) = (settings.metrics_bind.as_str(), settings.metrics_port);
    if port == 0 {
        return Ok(None);
    }
    let find = || {
        let address = (host, port).to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
        listen::check_free(address).map(|()| address)
    };
    find().map(Some).map_err(|error| EndpointError { host: host.into(), port, error })
}

/// Opens the endpoint; its task accepts until it is cancelled.
///
/// # Errors
///
/// The address cannot be listened on.
pub(super) fn open(address: SocketAddr, duties: Rc<Duties>) -> Result<Task<()>, EndpointError> {
    let listener = TcpListener::bind(address).map_err(|error| EndpointError {
        host: address.ip().to_string(),
        port: address.port(),
        error: error.into(),
    })?;
    let endpoint = Rc::new(Endpoint { duties, connections: Cell::new(0), reports: Semaphore::new(1) });
    Ok(glommio::spawn_local(endpoint.accept(listener)))
}

struct Endpoint {
    duties: Rc<Duties>,
    connections: Cell<usize>,
    /// Held by who asks the cores for their reports.
    reports: Semaphore,
}

/// A connection's place among [`CONNECTIONS_MAX`].
struct Place(Rc<Endpoint>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
    }
}

impl Endpoint {
    async fn accept(self: Rc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok(stream) if self.connections.get() < CONNECTIONS_MAX => {
                    self.connections.set(self.connections.get() + 1);
                    glommio::spawn_local(Place(self.clone()).serve(stream)).detach();
                }
                Ok(_) => {
                    tracing::debug!("a connection to the metrics endpoint was closed: there are {CONNECTIONS_MAX}")
                }
                Err(error) => {
                    tracing::debug!("the metrics endpoint can't accept: {error}");
                    sleep(ACCEPT_REST).await;
                }
            }
        }
    }

    /// The page as a response.
    async fn page(&self, page: Page, body: Body) -> Vec<u8> {
        match page {
            Page::Metrics => match self.metrics().await {
                Ok(text) => http::response(Status::Ok, ContentType::Metrics, &text, body),
                Err(silence) => unavailable(&silence, body),
            },
            Page::Health => match self.duties.ask_cores(Ask::Ping, CORES_TIME_MAX).await {
                Ok(_) => http::response(Status::Ok, ContentType::Text, "ok\n", body),
                Err(silence) => unavailable(&silence, body),
            },
        }
    }

    async fn metrics(&self) -> Result<String, Silence> {
        let turn = self.reports.acquire_permit(1).await;
        let answers = self.duties.ask_cores(Ask::Report, CORES_TIME_MAX).await?;
        drop(turn);
        let reports = answers.into_iter().map(|answer| match answer {
            Answer::Report(report) => *report,
            _ => unreachable!("a core answers what it was asked"),
        });
        Ok(View::new(reports.collect(), self.duties.server.clone(), self.duties.settings()).exposition())
    }
}

impl Place {
    async fn serve(self, mut stream: TcpStream) {
        // Whatever goes wrong concerns this client only, and it sees it.
        let _ = timeout(CONNECTION_TIME_MAX, async {
            let response = match timeout(REQUEST_TIME_MAX, receive(&mut stream)).await {
                Ok(Request::For(page, body)) => self.0.page(page, body).await,
                Ok(Request::Refused(status)) => http::refusal(status),
                Ok(Request::Partial) => return Ok(()),
                Err(GlommioError::TimedOut(_)) => http::refusal(Status::RequestTimeout),
                Err(error) => return Err(error),
            };
            stream.write_all(&response).await?;
            stream.shutdown(Shutdown::Write).await?;
            timeout(LEAVING_TIME_MAX, discard(&mut stream)).await
        })
        .await;
    }
}

/// Reads a request; `Partial` if the client left before its end.
async fn receive(stream: &mut TcpStream) -> Result<Request, GlommioError<()>> {
    let mut bytes = vec![0; REQUEST_BYTES_MAX];
    let mut length = 0;
    loop {
        let read = stream.read(&mut bytes[length..]).await?;
        length += read;
        match http::parse(&bytes[..length]) {
            Request::Partial if read > 0 => {}
            request => return Ok(request),
        }
    }
}

async fn discard(stream: &mut TcpStream) -> Result<(), GlommioError<()>> {
    let mut bytes = [0; 1024];
    let mut left = DISCARDED_BYTES_MAX;
    while left > 0 {
        match stream.read(&mut bytes).await? {
            0 => break,
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}

fn unavailable(silence: &Silence, body: Body) -> Vec<u8> {
    let text = match silence {
        Silence::Late(cores) => {
            let cores: Vec<String> = cores.iter().map(|core| core.0.to_string()).collect();
            format!("no answer within {} s from core {}\n", CORES_TIME_MAX.as_secs(), cores.join(", "))
        }
        Silence::Flooded => "a core has too many unanswered questions\n".to_owned(),
    };
    http::response(Status::Unavailable, ContentType::Text, &text, body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    fn settings(port: u16) -> Settings {
        Settings { metrics_port: port, ..Settings::default() }
    }

    #[test]
    fn an_address_is_refused_while_somebody_listens_and_free_again_after_that() {
        assert_eq!(address(&settings(0)).expect("none is wanted"), None);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there are free ports");
        let port = listener.local_addr().expect("it is bound").port();
        // A connection that the server's side ended first stays in TIME_WAIT, as the endpoint's do.
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
        let (mut server, _) = listener.accept().expect("there is a connection");
        server.write_all(b"x").expect("it is open");
        assert!(address(&settings(port)).expect_err("it is taken").to_string().starts_with("Failed listening on port"));
        drop((server, listener));
        client.read_to_end(&mut Vec::new()).expect("the server ended it");
        drop(client);
        assert!(address(&settings(port)).expect("nobody listens any more").is_some());
    }
}
