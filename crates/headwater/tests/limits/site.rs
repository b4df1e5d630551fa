//! A server with limits, and clients with addresses of their own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use dns::{Message, Rcode};
use socket2::{Domain, Socket, Type};

use crate::common::{ANSWER_TIMEOUT, Scratch, Server, counter, counters, free_port, until};

/// A zone whose answers are many times as long as the questions. Its keys and signatures are no real ones.
pub const ZONE: &str = concat!(
    "$TTL 600\n@ SOA ns host 1 7200 900 1209600 300\n@ NS ns\nns A 192.0.2.53\nwww A 192.0.2.80\n",
    "@ DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==\n",
    "@ DNSKEY 256 3 13 oJMRESz5E4gYzS/q6XDrvU1qMPYIjCWzJaOau8XNEZeqCYKD5ar0IRd8KqXXFJkqmVfRvMGPmM1x8fGAa2XhSA==\n",
    "big TXT \"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\" ",
    "\"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\" ",
    "\"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\" ",
    "\"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"\n",
);

/// A server.
pub struct Site {
    pub server: Server,
    pub scratch: Scratch,
}

impl Site {
    /// A server of `example.org` with these keys of `security.rate_limit` and these of `security`.
    pub fn start(name: &str, rate_limit: &str, security: &str) -> Site {
        let rest = format!(
            "resolver: {{ enabled: false }}\nzones: [{{ name: example.org, file: example.org.zone }}]\n\
             security: {{ {security} rate_limit: {{ {rate_limit} }} }}\n"
        );
        Site::with(name, &rest)
    }

    /// A server with this configuration besides its addresses.
    pub fn with(name: &str, rest: &str) -> Site {
        let scratch = Scratch::new(&format!("limits-{name}"));
        scratch.write("example.org.zone", ZONE);
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let config = format!(
            "server:\n  workers: 1\n  listen: [{{ address: \"{address}\", protocols: [udp, tcp] }}]\n\
             web: {{ enabled: false }}\nhistory: {{ enabled: false }}\n{rest}"
        );
        scratch.write("headwater.yaml", &config);
        let mut server = Server::launch(&scratch, &["--config", "headwater.yaml"], address);
        server.process.wait_for("\"ready\"", 1);
        Site { server, scratch }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// A counter of the server.
    pub fn count(&self, name: &str) -> u64 {
        counter(&counters(&self.scratch), name)
    }
}

/// A client with an address of its own, which waits for no answer.
pub struct Client(pub UdpSocket);

impl Client {
    pub fn new(address: [u8; 4], server: SocketAddr) -> Client {
        let socket = UdpSocket::bind((Ipv4Addr::from(address), 0)).expect("an address of the loopback network");
        socket.connect(server).expect("connect");
        socket.set_nonblocking(true).expect("non-blocking");
        Client(socket)
    }

    pub fn send(&self, octets: &[u8]) {
        // What does not leave is lost like what does not arrive.
        let _ = self.0.send(octets);
    }

    /// What has come.
    pub fn received(&self) -> Vec<Vec<u8>> {
        let mut buffer = [0; 65_535];
        std::iter::from_fn(|| self.0.recv(&mut buffer).ok().map(|len| buffer[..len].to_vec())).collect()
    }

    /// What comes within `wait`.
    pub fn await_all(&self, wait: Duration) -> Vec<Vec<u8>> {
        let (mut all, begin) = (Vec::new(), Instant::now());
        while begin.elapsed() < wait {
            all.extend(self.received());
            std::thread::sleep(Duration::from_millis(5));
        }
        all
    }

    /// The answer to one question; `None`: there is none within `wait`.
    pub fn ask(&self, query: &Message, wait: Duration) -> Option<Message> {
        self.send(&query.to_wire(4096));
        until(wait, || {
            let answers = self.received().into_iter().map(|octets| Message::parse(&octets).expect("a message"));
            answers.into_iter().find(|answer| answer.header.id == query.header.id)
        })
    }
}

/// A connection of a client with this address.
pub fn connect(address: [u8; 4], server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((address, 0)).into()).expect("an address of the loopback network");
    socket.connect_timeout(&server.into(), ANSWER_TIMEOUT).expect("a connection");
    socket.set_read_timeout(Some(ANSWER_TIMEOUT)).expect("timeout");
    socket.into()
}

/// The answer over TCP to a client with this address.
pub fn over_tcp(address: [u8; 4], server: SocketAddr, octets: &[u8]) -> Vec<u8> {
    let mut stream = connect(address, server);
    stream.write_all(&[&(octets.len() as u16).to_be_bytes()[..], octets].concat()).expect("a question");
    let mut len = [0; 2];
    stream.read_exact(&mut len).expect("an answer");
    let mut message = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut message).expect("an answer");
    message
}

/// Answers by kind.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    pub whole: usize,
    pub truncated: usize,
    pub refused: usize,
    pub failed: usize,
}

impl Kinds {
    pub fn of<'a>(messages: impl IntoIterator<Item = &'a Vec<u8>>) -> Kinds {
        let mut kinds = Kinds::default();
        for octets in messages {
            let message = Message::parse(octets).expect("a message");
            match message.header.rcode {
                _ if message.header.tc => kinds.truncated += 1,
                Rcode::REFUSED => kinds.refused += 1,
                Rcode::SERVFAIL => kinds.failed += 1,
                _ => kinds.whole += 1,
            }
        }
        kinds
    }
}
