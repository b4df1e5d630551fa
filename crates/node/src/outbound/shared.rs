//! Many exchanges at once on two sockets, one for each family of addresses: for messages whose answers nobody has a use
//! for forging. A task of the runtime sends and receives; who uses it decides what is sent again, and when.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use dns::Message;
use tokio::net::UdpSocket;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::exchange::{AnswerError, Exchange};

/// Largest answer that is read, in octets.
const MAX_ANSWER_LEN: usize = 4096;

/// Hears of the answer to the message with this identifier.
type OnAnswer = Box<dyn Fn(u16, &Message) + Send>;

enum Order {
    Send(SocketAddr, Box<Exchange>),
    Forget(u16),
}

/// The task's end of the line. Exchanges are known by their identifiers: who uses this gives each its own, and bounds how
/// many there are. The task ends when this is dropped.
pub struct Datagrams {
    orders: UnboundedSender<Order>,
}

impl Datagrams {
    /// Opens the sockets and starts the task; `answered` hears of each answer, once.
    ///
    /// # Errors
    /// No socket is to be had.
    pub fn start(runtime: &Handle, answered: impl Fn(u16, &Message) + Send + 'static) -> io::Result<Datagrams> {
        let bind = |address: SocketAddr| {
            let socket = std::net::UdpSocket::bind(address)?;
            socket.set_nonblocking(true)?;
            UdpSocket::from_std(socket)
        };
        let _inside = runtime.enter();
        let v4 = bind((Ipv4Addr::UNSPECIFIED, 0).into())?;
        // A machine may have no IPv6.
        let v6 = bind((Ipv6Addr::UNSPECIFIED, 0).into()).ok();
        let (orders, received) = unbounded_channel();
        let task = Task { v4, v6, under_way: HashMap::new(), answered: Box::new(answered) };
        runtime.spawn(task.run(received));
        Ok(Datagrams { orders })
    }

    /// Sends a message once, and waits for its answer until [`Datagrams::forget`]. Another one with its identifier is
    /// forgotten.
    pub fn send(&self, server: SocketAddr, exchange: Exchange) {
        let _ = self.orders.send(Order::Send(server, Box::new(exchange)));
    }

    /// Waits no longer for the answer to the message with this identifier.
    pub fn forget(&self, id: u16) {
        let _ = self.orders.send(Order::Forget(id));
    }
}

struct Task {
    v4: UdpSocket,
    v6: Option<UdpSocket>,
    under_way: HashMap<u16, (SocketAddr, Exchange)>,
    answered: OnAnswer,
}

impl Task {
    async fn run(mut self, mut orders: UnboundedReceiver<Order>) {
        let (mut a, mut b) = ([0; MAX_ANSWER_LEN], [0; MAX_ANSWER_LEN]);
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Send(server, exchange)) => self.send(server, *exchange).await,
                    Some(Order::Forget(id)) => drop(self.under_way.remove(&id)),
                    None => return,
                },
                Ok((size, from)) = self.v4.recv_from(&mut a) => self.received(&a[..size], from),
                Ok((size, from)) = receive(self.v6.as_ref(), &mut b) => self.received(&b[..size], from),
            }
        }
    }

    async fn send(&mut self, server: SocketAddr, exchange: Exchange) {
        let socket = if server.is_ipv4() { Some(&self.v4) } else { self.v6.as_ref() };
        let result = match socket {
            Some(socket) => socket.send_to(exchange.octets(), server).await,
            None => Err(io::ErrorKind::AddrNotAvailable.into()),
        };
        if let Err(error) = result {
            tracing::debug!(%server, %error, "message not sent");
        }
        self.under_way.insert(exchange.id(), (server, exchange));
    }

    fn received(&mut self, packet: &[u8], from: SocketAddr) {
        let Some(id) = packet.first_chunk::<2>().map(|id| u16::from_be_bytes(*id)) else { return };
        let Some((_, exchange)) = self.under_way.get_mut(&id).filter(|(server, _)| *server == from) else { return };
        match exchange.answer(packet) {
            Some(Ok(answer)) => {
                self.under_way.remove(&id);
                (self.answered)(id, &answer);
            }
            // RFC 8945 5.4: what does not verify may be forged; the right one may still come.
            Some(Err(error @ AnswerError::Tsig(_))) => tracing::warn!(server = %from, %error, "answer ignored"),
            Some(Err(AnswerError::Malformed(_))) | None => {}
        }
    }
}

async fn receive(socket: Option<&UdpSocket>, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    match socket {
        Some(socket) => socket.recv_from(buffer).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use dns::RType;

    use super::*;

    fn query(id: u16) -> Message {
        Message::query(id, "a.example".parse().expect("name"), RType::SOA)
    }

    /// A server that answers all but one identifier; a stranger answers that.
    #[test]
    fn a_thousand_answers_on_one_socket() {
        const LOST: u16 = 77;
        let server = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = server.local_addr().expect("address");
        thread::spawn(move || {
            let stranger = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
            let mut buffer = [0; 512];
            while let Ok((size, client)) = server.recv_from(&mut buffer) {
                let mut message = Message::parse(&buffer[..size]).expect("a query");
                message.header.qr = true;
                let sender = if message.header.id == LOST { &stranger } else { &server };
                sender.send_to(&message.to_wire(512), client).expect("sent");
            }
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (answered, answers) = channel();
        let datagrams =
            Datagrams::start(runtime.handle(), move |id, _| answered.send(id).unwrap_or_default()).expect("sockets");
        let mut expected: Vec<u16> = (0..1000).filter(|id| *id != LOST).collect();
        let mut found = Vec::new();
        // What was lost is sent again, by us.
        for _ in 0..20 {
            (0..1000)
                .filter(|id| !found.contains(id))
                .for_each(|id| datagrams.send(address, Exchange::new(&query(id), None)));
            while let Ok(id) = answers.recv_timeout(Duration::from_millis(200)) {
                found.push(id);
            }
            if found.len() >= expected.len() {
                break;
            }
        }
        found.sort_unstable();
        found.dedup();
        expected.sort_unstable();
        assert_eq!(found, expected, "all but the one that a stranger answered");
    }

    #[test]
    fn what_is_forgotten_is_not_heard_of() {
        let server = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (answered, answers) = channel();
        let datagrams =
            Datagrams::start(runtime.handle(), move |id, _| answered.send(id).unwrap_or_default()).expect("sockets");
        let mut buffer = [0; 512];
        for id in [1, 2] {
            datagrams.send(server.local_addr().expect("address"), Exchange::new(&query(id), None));
        }
        datagrams.forget(1);
        for _ in [1, 2] {
            let (size, client) = server.recv_from(&mut buffer).expect("a query");
            let mut message = Message::parse(&buffer[..size]).expect("a query");
            message.header.qr = true;
            // The task hears of the order to forget before this.
            thread::sleep(Duration::from_millis(50));
            server.send_to(&message.to_wire(512), client).expect("sent");
        }
        assert_eq!(answers.recv_timeout(Duration::from_secs(10)), Ok(2));
        assert!(answers.try_recv().is_err());
    }
}
