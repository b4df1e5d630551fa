//! Connections to programs that take what is logged. No call takes longer than a second or two.

use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use nix::sys::socket::MsgFlags;
use socket2::{Domain, SockAddr, Socket, Type};

use super::{Address, Pieces, write_pieces};

/// For a connection to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// For the other side to take something, or to say something.
const TIMEOUT: Duration = Duration::from_secs(1);
/// A connection whose other side takes nothing for so long is given up, and another one made.
const STALLED: Duration = Duration::from_secs(30);

/// A stream or datagram socket that is connected.
///
/// # Errors
/// Nobody listens there, or nobody accepts in time.
pub fn connect(address: &Address, kind: Type) -> io::Result<Socket> {
    let socket = match address {
        Address::Unix(path) => {
            let socket = Socket::new(Domain::UNIX, kind, None)?;
            // A listener that does not accept would have us wait for ever.
            socket.set_nonblocking(true)?;
            socket.connect(&SockAddr::unix(path)?)?;
            socket.set_nonblocking(false)?;
            socket
        }
        Address::Tcp(address) => {
            let socket = Socket::new(Domain::for_address(*address), kind, None)?;
            socket.connect_timeout(&(*address).into(), CONNECT_TIMEOUT)?;
            socket.set_tcp_nodelay(true)?;
            socket.set_keepalive(true)?;
            socket
        }
        Address::Udp(address) => {
            let socket = Socket::new(Domain::for_address(*address), kind, None)?;
            socket.connect(&(*address).into())?;
            socket
        }
    };
    socket.set_read_timeout(Some(TIMEOUT))?;
    socket.set_write_timeout(Some(TIMEOUT))?;
    Ok(socket)
}

/// A stream that pieces are written to.
#[derive(Debug)]
pub struct Connection {
    socket: Socket,
    rest: Vec<u8>,
    /// When the other side last took something.
    moved: Instant,
}

impl Connection {
    /// A connection over this stream.
    pub fn new(socket: Socket) -> Connection {
        Connection { socket, rest: Vec::new(), moved: Instant::now() }
    }

    /// Writes pieces; see [`super::Sink::write`].
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] while the other side takes nothing: the connection is still good. After any other one it
    /// is not.
    pub fn write(&mut self, pieces: &Pieces, done: &mut usize) -> io::Result<()> {
        if self.is_closed() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let before = (*done, self.rest.len());
        let result = write_pieces(&mut &self.socket, &mut self.rest, pieces, done);
        if result.is_ok() || before != (*done, self.rest.len()) {
            self.moved = Instant::now();
        }
        match result {
            Err(error) if error.kind() == ErrorKind::WouldBlock && self.moved.elapsed() >= STALLED => {
                Err(ErrorKind::TimedOut.into())
            }
            other => other,
        }
    }

    /// Whether a piece is half written.
    pub fn is_torn(&self) -> bool {
        !self.rest.is_empty()
    }

    /// The socket, between two pieces.
    pub fn socket(&mut self) -> impl Read + Write + '_ {
        &self.socket
    }

    /// Whether the other side has closed it: it would be noticed only after something is lost.
    fn is_closed(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_PEEK;
        matches!(self.socket.recv_with_flags(&mut byte, flags.bits()), Ok(0))
    }
}
