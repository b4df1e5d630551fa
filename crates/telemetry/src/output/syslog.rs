//! Syslog (RFC 5424): over a Unix socket, as datagrams or a stream, whichever listens there; over UDP (RFC 5426); over TCP
//! with lengths in front of messages (RFC 6587 3.4.1).

use std::io::{self, ErrorKind, Write};

use socket2::{Socket, Type};

use super::connection::{Connection, connect};
use super::{Address, Pieces, Sink};
use crate::time::push_rfc3339;

/// How bad something is (RFC 5424 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something does not work.
    Error = 3,
    /// Something needs attention.
    Warning = 4,
    /// Something happened.
    Info = 6,
    /// Something for those who look into it.
    Debug = 7,
}

/// Whom to tell, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyslogSettings {
    /// Where it listens.
    pub address: Address,
    /// The number of the facility (RFC 5424 6.2.1), up to 23.
    pub facility: u8,
    /// This host's name, without blanks; empty: unknown.
    pub host: String,
}

/// Writes messages in syslog's form.
#[derive(Debug)]
pub struct SyslogFormat {
    settings: SyslogSettings,
    message: Vec<u8>,
}

impl SyslogFormat {
    /// The form for these settings.
    pub fn new(settings: SyslogSettings) -> SyslogFormat {
        SyslogFormat { settings, message: Vec::new() }
    }

    /// Appends a message to `pieces`: what `text` writes, of the kind `kind`.
    pub fn push(
        &mut self,
        pieces: &mut Pieces,
        severity: Severity,
        time_us: u64,
        kind: &str,
        text: impl FnOnce(&mut Vec<u8>),
    ) {
        let message = &mut self.message;
        message.clear();
        let host = if self.settings.host.is_empty() { "-" } else { &self.settings.host };
        // Writing to memory cannot fail.
        let _ = write!(message, "<{}>1 ", self.settings.facility * 8 + severity as u8);
        push_rfc3339(message, time_us);
        let _ = write!(message, " {host} headwater {} {kind} - ", std::process::id());
        text(message);
        while message.last() == Some(&b'\n') {
            message.pop();
        }
        let out = pieces.buffer();
        match self.settings.address {
            Address::Tcp(_) => {
                let _ = write!(out, "{} ", message.len());
                out.extend_from_slice(message);
            }
            Address::Udp(_) => out.extend_from_slice(message),
            // The line's end parts messages where the socket is a stream.
            Address::Unix(_) => {
                out.extend_from_slice(message);
                out.push(b'\n');
            }
        }
        pieces.end_piece();
    }
}

/// A connection to syslog, made when it is needed.
#[derive(Debug)]
pub struct Syslog {
    address: Address,
    link: Option<Link>,
    lost: u64,
}

#[derive(Debug)]
enum Link {
    Datagrams(Socket),
    Stream(Connection),
}

impl Syslog {
    /// A sink for messages of [`SyslogFormat`] with the same address.
    pub fn new(address: Address) -> Syslog {
        Syslog { address, link: None, lost: 0 }
    }

    fn link(&mut self) -> io::Result<&mut Link> {
        let link = match self.link.take() {
            Some(link) => link,
            None => open(&self.address)?,
        };
        Ok(self.link.insert(link))
    }
}

fn open(address: &Address) -> io::Result<Link> {
    let stream = |address| connect(address, Type::STREAM).map(|socket| Link::Stream(Connection::new(socket)));
    match address {
        Address::Tcp(_) => stream(address),
        Address::Udp(_) => connect(address, Type::DGRAM).map(Link::Datagrams),
        Address::Unix(_) => match connect(address, Type::DGRAM) {
            // What listens there speaks streams.
            Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EPROTOTYPE as i32) => stream(address),
            other => other.map(Link::Datagrams),
        },
    }
}

impl Sink for Syslog {
    fn write(&mut self, pieces: &Pieces, done: &mut usize) -> io::Result<()> {
        let (result, lost) = match self.link()? {
            Link::Datagrams(socket) => send(socket, pieces, done),
            Link::Stream(connection) => {
                let result = connection.write(pieces, done);
                let is_broken = result.as_ref().is_err_and(|error| error.kind() != ErrorKind::WouldBlock);
                (result, u64::from(is_broken && connection.is_torn()))
            }
        };
        self.lost += lost;
        if result.as_ref().is_err_and(|error| error.kind() != ErrorKind::WouldBlock) {
            self.link = None;
        }
        result
    }

    fn lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }
}

/// Sends each piece as a datagram; those that are too large for one are lost.
fn send(socket: &Socket, pieces: &Pieces, done: &mut usize) -> (io::Result<()>, u64) {
    let mut lost = 0;
    while *done < pieces.len() {
        let piece = pieces.get(*done);
        match socket.send(piece.strip_suffix(b"\n").unwrap_or(piece)) {
            Ok(_) => *done += 1,
            Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EMSGSIZE as i32) => {
                lost += 1;
                *done += 1;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (Err(error), lost),
        }
    }
    (Ok(()), lost)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::unix::net::{UnixDatagram, UnixListener};

    use super::*;

    fn message(settings: &SyslogSettings) -> Pieces {
        let mut pieces = Pieces::default();
        let mut format = SyslogFormat::new(settings.clone());
        format.push(&mut pieces, Severity::Info, 1_767_225_600_123_000, "query", |out| out.extend_from_slice(b"{}\n"));
        pieces
    }

    fn settings(address: Address) -> SyslogSettings {
        SyslogSettings { address, facility: 3, host: "ns1".into() }
    }

    fn expected() -> String {
        format!("<30>1 2026-01-01T00:00:00.123Z ns1 headwater {} query - {{}}", std::process::id())
    }

    #[test]
    fn over_udp_and_tcp() {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let settings_udp = settings(Address::Udp(receiver.local_addr().expect("an address")));
        let mut sink = Syslog::new(settings_udp.address.clone());
        let mut done = 0;
        sink.write(&message(&settings_udp), &mut done).expect("it is sent");
        let mut buffer = [0; 1000];
        let len = receiver.recv(&mut buffer).expect("a message");
        assert_eq!((std::str::from_utf8(&buffer[..len]), done), (Ok(expected().as_str()), 1));
        let tcp = settings(Address::Tcp(([127, 0, 0, 1], 1).into()));
        let text = expected();
        assert_eq!(message(&tcp).get(0), format!("{} {text}", text.len()).as_bytes(), "RFC 6587 3.4.1");
        let error = Syslog::new(tcp.address.clone()).write(&message(&tcp), &mut 0).expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }

    #[test]
    fn whichever_unix_socket_listens() {
        use std::io::Read;
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("datagrams");
        let receiver = UnixDatagram::bind(&path).expect("a socket");
        let unix = settings(Address::Unix(path));
        Syslog::new(unix.address.clone()).write(&message(&unix), &mut 0).expect("it is sent");
        let mut buffer = [0; 1000];
        let len = receiver.recv(&mut buffer).expect("a message");
        assert_eq!(std::str::from_utf8(&buffer[..len]), Ok(expected().as_str()));
        let path = directory.path().join("stream");
        let listener = UnixListener::bind(&path).expect("a socket");
        let unix = settings(Address::Unix(path));
        let mut sink = Syslog::new(unix.address.clone());
        sink.write(&message(&unix), &mut 0).expect("it is sent");
        drop(sink);
        let mut text = String::new();
        listener.accept().expect("a connection").0.read_to_string(&mut text).expect("text");
        assert_eq!(text, expected() + "\n");
    }
}
