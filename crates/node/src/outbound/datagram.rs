//! One exchange as a datagram on a socket of its own, on the thread that calls; sent again if no answer comes.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use dns::Message;
use dns::message::MAX_MESSAGE_LEN;

use super::exchange::{AnswerError, Exchange};

/// How often a datagram is sent, and how long each is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Attempts {
    /// How often it is sent.
    pub count: u32,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// Sends the message of `exchange` until `take` makes something of an answer. It gets what may be the answer, and its
/// octets, and returns `None` for what is to be passed over. Returns the answer and how long it took.
///
/// # Errors
/// The last one of the system, [`ErrorKind::TimedOut`] among them; what `take` says, at once.
pub fn ask<T, E: From<io::Error>>(
    server: SocketAddr,
    exchange: &mut Exchange,
    attempts: Attempts,
    mut take: impl FnMut(Result<Message, AnswerError>, &[u8]) -> Option<Result<T, E>>,
) -> Result<(T, Duration), E> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // The system gives a random port; a connected socket takes packets from the server alone.
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    let mut buffer = vec![0; MAX_MESSAGE_LEN];
    let mut failure = ErrorKind::TimedOut.into();
    for _ in 0..attempts.count {
        let sent = Instant::now();
        match send_and_receive(&socket, exchange, sent + attempts.timeout, &mut buffer, &mut take) {
            Ok(taken) => return taken.map(|answer| (answer, sent.elapsed())),
            // The port is closed or the packet was lost: the next attempt may fare better.
            Err(error) => failure = error,
        }
    }
    Err(E::from(failure))
}

fn send_and_receive<T>(
    socket: &UdpSocket,
    exchange: &mut Exchange,
    deadline: Instant,
    buffer: &mut [u8],
    take: &mut impl FnMut(Result<Message, AnswerError>, &[u8]) -> Option<T>,
) -> io::Result<T> {
    socket.send(exchange.octets())?;
    loop {
        socket.set_read_timeout(Some(remaining(deadline)?))?;
        let size = match socket.recv(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            received => received.map_err(timed_out)?,
        };
        let packet = &buffer[..size];
        if let Some(taken) = exchange.answer(packet).and_then(|answer| take(answer, packet)) {
            return Ok(taken);
        }
    }
}

/// The time left until `deadline`; none is [`ErrorKind::TimedOut`].
pub(super) fn remaining(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// A socket's timeout shows as one of two errors.
pub(super) fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use dns::{RType, Rcode};

    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(300);

    fn query() -> Message {
        Message::query(7, "a.example".parse().expect("name"), RType::SOA)
    }

    fn response(rcode: Rcode) -> Vec<u8> {
        let mut message = query();
        (message.header.qr, message.header.rcode) = (true, rcode);
        message.to_wire(512)
    }

    /// A server that answers each datagram with these packets.
    fn server(packets: Vec<Vec<u8>>) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("address");
        thread::spawn(move || {
            let mut buffer = [0; 64];
            while let Ok((_, client)) = socket.recv_from(&mut buffer) {
                packets.iter().for_each(|packet| drop(socket.send_to(packet, client)));
            }
        });
        address
    }

    fn ask_for_rcode(server: SocketAddr) -> io::Result<Rcode> {
        let attempts = Attempts { count: 2, timeout: TIMEOUT };
        let taken = ask(server, &mut Exchange::new(&query(), None), attempts, |answer, _| match answer {
            Err(_) => None,
            Ok(answer) if answer.header.rcode == Rcode::REFUSED => Some(Err(io::Error::other("refused"))),
            Ok(answer) => Some(Ok(answer.header.rcode)),
        });
        taken.map(|(rcode, _)| rcode)
    }

    #[test]
    fn packets_that_are_no_answer_are_passed_over() {
        let others = || vec![vec![1], vec![9; 3], vec![0, 7], query().to_wire(512)];
        let after = |packet: Vec<u8>| others().into_iter().chain([packet, response(Rcode::NXDOMAIN)]).collect();
        assert_eq!(ask_for_rcode(server(after(response(Rcode::NOERROR)))).expect("an answer"), Rcode::NOERROR);
        let refused = ask_for_rcode(server(after(response(Rcode::REFUSED)))).expect_err("refused");
        assert_eq!(refused.kind(), ErrorKind::Other);
        assert_eq!(ask_for_rcode(server(others())).expect_err("no answer").kind(), ErrorKind::TimedOut);
    }
}
