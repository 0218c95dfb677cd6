//! The least that PUBLISH can cost: a process that sends the same message to the same subscribers, one send(2) each, and does nothing else.
//!
//! It reads no command further than which it is, keeps nothing, and waits for one connection at a time. What is left is the kernel's work
//! for a socket, most of it that of TCP on both ends: on the loopback device the sender's CPU also receives. A server that takes less than
//! this has none of its own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use super::drive::{Drive, SUBSCRIBERS};
use crate::contender::pinned;
use crate::error::BenchError;
use crate::load::deadline;
use crate::procfs;
use crate::rig::Rig;
use crate::tool::Tool;

/// The hidden subcommand that runs [`serve`].
pub(crate) const SUBCOMMAND: &str = "sends";

const MESSAGE: &[u8] = b"*3\r\n$7\r\nmessage\r\n$7\r\nchannel\r\n$32\r\na message of thirty-two letters.\r\n";
const SUBSCRIBED: &[u8] = b"*3\r\n$9\r\nsubscribe\r\n$7\r\nchannel\r\n:1\r\n";

/// CPU nanoseconds per message sent of a fresh process, placed as a server is, under the load of [`Drive::Publish`].
pub(crate) fn cpu_per_send(messages: u64, rig: &Rig) -> Result<f64, BenchError> {
    let program = std::env::current_exe().map_err(BenchError::io("find our own program"))?;
    let mut line = pinned(rig.cpus.map(|cpus| cpus.server));
    line.extend([program.to_string_lossy().into_owned(), SUBCOMMAND.to_owned(), messages.to_string()]);
    line.extend(rig.cpus.map(|cpus| cpus.client.to_string()));
    let limit = deadline(messages.saturating_mul(SUBSCRIBERS));
    let output = Tool::start(&line, rig.scratch.path(), &rig.reaper)?.wait(limit)?.unwrap_or_default();
    let spent: u64 = output.trim().parse().map_err(|_| BenchError::parse("the time of the sends", &output))?;
    Ok(spent as f64 / (messages * SUBSCRIBERS) as f64)
}

/// Serves the load, which it starts itself, on the CPU that is named, and prints its own CPU time in nanoseconds.
pub(crate) fn serve(arguments: &[String]) -> Result<(), BenchError> {
    let wrong = || BenchError::Usage(format!("{SUBCOMMAND} {}", arguments.join(" ")));
    let (messages, cpu) = match arguments {
        [messages] => (messages, None),
        [messages, cpu] => (messages, Some(cpu.parse().map_err(|_| wrong())?)),
        _ => return Err(wrong()),
    };
    let messages = messages.parse().map_err(|_| wrong())?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(BenchError::io("listen"))?;
    let port = listener.local_addr().map_err(BenchError::io("listen"))?.port();
    let mut line = pinned(cpu);
    line.extend(Drive::Publish.command_line(port, messages)?);
    let mut load = Command::new(&line[0])
        .args(&line[1..])
        .stdin(Stdio::null())
        .spawn()
        .map_err(BenchError::io("start the load"))?;
    let before = procfs::cpu_ns(std::process::id())?;
    let served = publish(&listener, SUBSCRIBERS);
    let spent = procfs::cpu_ns(std::process::id())? - before;
    let _ended = load.wait();
    served.map_err(BenchError::io("serve the load"))?;
    println!("{spent}");
    Ok(())
}

/// Takes so many subscribers and a publisher, and sends on what that one publishes until it is gone.
fn publish(listener: &TcpListener, subscribers: u64) -> std::io::Result<()> {
    let accept = || {
        let (socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        Ok::<_, std::io::Error>(socket)
    };
    let mut subscribers = (0..subscribers).map(|_| accept()).collect::<Result<Vec<TcpStream>, _>>()?;
    let mut request = [0; 256];
    for subscriber in &mut subscribers {
        let _ = subscriber.read(&mut request)?;
        subscriber.write_all(SUBSCRIBED)?;
    }
    let mut publisher = accept()?;
    loop {
        let len = publisher.read(&mut request)?;
        if len == 0 {
            return Ok(());
        }
        if request[..len].windows(7).any(|word| word == b"PUBLISH") {
            subscribers.iter_mut().try_for_each(|subscriber| subscriber.write_all(MESSAGE))?;
            write!(publisher, ":{}\r\n", subscribers.len())?;
        } else {
            publisher.write_all(b"+PONG\r\n")?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subscriber_is_sent_each_message() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let server = std::thread::spawn(move || publish(&listener, 3));
        let connect = || TcpStream::connect(address).expect("it listens");
        let expect = |socket: &mut TcpStream, expected: &[u8]| {
            let mut bytes = vec![0; expected.len()];
            socket.read_exact(&mut bytes).expect("a reply");
            assert_eq!(bytes, expected);
        };
        let mut subscribers = [connect(), connect(), connect()];
        for subscriber in &mut subscribers {
            subscriber.write_all(b"SUBSCRIBE").expect("it is connected");
            expect(subscriber, SUBSCRIBED);
        }
        let mut publisher = connect();
        for _ in 0..2 {
            publisher.write_all(b"PUBLISH").expect("it is connected");
            expect(&mut publisher, b":3\r\n");
            publisher.write_all(b"PING").expect("it is connected");
            expect(&mut publisher, b"+PONG\r\n");
            subscribers.iter_mut().for_each(|subscriber| expect(subscriber, MESSAGE));
        }
        drop(publisher);
        server.join().expect("no panic").expect("an orderly end");
    }
}
