//! A stream of messages to another server (RFC 1035 4.2.2), on the thread that calls.

use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::datagram::{remaining, timed_out};

/// Bytes that one system call reads from a stream.
const READ_BYTES: usize = 256 << 10;

/// What is waited for on a stream, and how long. What takes longer is [`ErrorKind::TimedOut`].
#[derive(Debug, Clone, Copy)]
pub enum Wait {
    /// For the next bytes, as long as this: a transfer may take hours, but not be silent.
    Silence(Duration),
    /// For the whole message, until then.
    Until(Instant),
}

/// A stream of messages (RFC 1035 4.2.2).
pub struct Stream(BufReader<TcpStream>);

impl Stream {
    /// Connects to `server`; connecting and each write may take `timeout`.
    ///
    /// # Errors
    /// The system's.
    pub fn connect(server: SocketAddr, timeout: Duration) -> io::Result<Stream> {
        let stream = TcpStream::connect_timeout(&server, timeout).map_err(timed_out)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(timeout))?;
        Ok(Stream(BufReader::with_capacity(READ_BYTES, stream)))
    }

    /// Sends a message; length and message in one write (RFC 7766 8).
    ///
    /// # Errors
    /// The system's.
    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let prefix = (message.len() as u16).to_be_bytes();
        self.0.get_mut().write_all(&[&prefix[..], message].concat()).map_err(timed_out)
    }

    /// Receives the next message into `message`.
    ///
    /// # Errors
    /// The system's; [`ErrorKind::UnexpectedEof`] if the server closes the connection.
    pub fn receive(&mut self, message: &mut Vec<u8>, wait: Wait) -> io::Result<()> {
        let mut prefix = [0; 2];
        self.fill(&mut prefix, wait)?;
        message.resize(usize::from(u16::from_be_bytes(prefix)), 0);
        self.fill(message, wait)
    }

    fn fill(&mut self, mut buffer: &mut [u8], wait: Wait) -> io::Result<()> {
        while !buffer.is_empty() {
            if self.0.buffer().is_empty() {
                let timeout = match wait {
                    Wait::Silence(timeout) => timeout,
                    Wait::Until(deadline) => remaining(deadline)?,
                };
                self.0.get_ref().set_read_timeout(Some(timeout))?;
            }
            match self.0.read(buffer) {
                Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection")),
                Ok(count) => buffer = &mut buffer[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(timed_out(error)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(300);

    #[test]
    fn messages_come_in_pieces_and_silence_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("address");
        let served = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut query = [0; 5];
            stream.read_exact(&mut query).expect("the query");
            for piece in [&[0][..], &[4, b'a'], b"bcd\0\x02x"] {
                stream.write_all(piece).expect("written");
                thread::sleep(Duration::from_millis(5));
            }
            thread::sleep(2 * TIMEOUT);
            query
        });
        let mut stream = Stream::connect(address, TIMEOUT).expect("a connection");
        stream.send(b"abc").expect("sent");
        let mut message = Vec::new();
        stream.receive(&mut message, Wait::Silence(TIMEOUT)).expect("a message");
        assert_eq!(message, b"abcd");
        let late = stream.receive(&mut message, Wait::Until(Instant::now() + TIMEOUT / 3)).expect_err("half a message");
        assert_eq!(late.kind(), ErrorKind::TimedOut);
        let end = stream.receive(&mut message, Wait::Silence(10 * TIMEOUT)).expect_err("the end");
        assert_eq!(end.kind(), ErrorKind::UnexpectedEof);
        assert_eq!(served.join().expect("no panic"), *b"\0\x03abc");
    }
}
