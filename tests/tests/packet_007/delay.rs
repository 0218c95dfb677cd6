//! A network that takes its time: a port in front of another one, whose bytes arrive in both directions this much later.
//!
//! The kernels that tests run on need not have a queue that delays packets, so the delay is here.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Listens on a port of its own until the process ends, and carries what comes there to the port `to` and back.
pub(crate) fn slow_port(to: u16, delay: Duration) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        for here in listener.incoming().flatten() {
            // Nobody is there: whoever came is sent away.
            let Ok(there) = TcpStream::connect(("127.0.0.1", to)) else { continue };
            let twice = |stream: &TcpStream| stream.try_clone().expect("a descriptor is free");
            carry(twice(&here), twice(&there), delay);
            carry(there, here, delay);
        }
    });
    port
}

/// Carries what one says to the other until it is over.
fn carry(mut from: TcpStream, to: TcpStream, delay: Duration) {
    let (pieces, due) = channel();
    thread::spawn(move || deliver(to, &due));
    thread::spawn(move || {
        let mut buffer = [0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if pieces.send((Instant::now() + delay, buffer[..length].to_vec())).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Read);
    });
}

fn deliver(mut to: TcpStream, due: &Receiver<(Instant, Vec<u8>)>) {
    let (_open, never) = channel::<()>();
    while let Ok((time, bytes)) = due.recv() {
        let _ = never.recv_timeout(time.saturating_duration_since(Instant::now()));
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
