//! Frame streams (the protocol of libfstrm): dnstap's way over a socket. A frame is a length and as many bytes; one of
//! length 0 is followed by a control frame.

use std::io::{self, ErrorKind, Read, Write};

use socket2::Type;

use super::connection::{Connection, connect};
use super::{Address, Pieces, Sink};

const ACCEPT: u32 = 1;
const START: u32 = 2;
const STOP: u32 = 3;
const READY: u32 = 4;
const FINISH: u32 = 5;
/// The only field of control frames: what the stream carries.
const CONTENT_TYPE: u32 = 1;
/// The longest control frame that libfstrm takes.
const MAX_CONTROL_BYTES: usize = 512;

/// A stream of frames, connected when it is needed.
#[derive(Debug)]
pub struct FrameStream {
    address: Address,
    content_type: &'static str,
    /// The reader says what it takes, and that it has got everything.
    is_bidirectional: bool,
    connection: Option<Connection>,
    lost: u64,
}

impl FrameStream {
    /// A stream of `content_type` to the reader at `address`.
    pub fn new(address: Address, content_type: &'static str, is_bidirectional: bool) -> FrameStream {
        FrameStream { address, content_type, is_bidirectional, connection: None, lost: 0 }
    }

    fn open(&self) -> io::Result<Connection> {
        let mut connection = Connection::new(connect(&self.address, Type::STREAM)?);
        let mut socket = connection.socket();
        if self.is_bidirectional {
            socket.write_all(&control(READY, Some(self.content_type)))?;
            let accepted = read_control(&mut socket)?;
            if accepted != control(ACCEPT, Some(self.content_type)) {
                let what = format!("the reader does not take {}", self.content_type);
                return Err(io::Error::new(ErrorKind::InvalidData, what));
            }
        }
        socket.write_all(&control(START, Some(self.content_type)))?;
        drop(socket);
        Ok(connection)
    }
}

impl Sink for FrameStream {
    fn write(&mut self, pieces: &Pieces, done: &mut usize) -> io::Result<()> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.open().map_err(for_good)?,
        };
        let result = connection.write(pieces, done);
        if result.as_ref().is_err_and(|error| error.kind() != ErrorKind::WouldBlock) {
            self.lost += u64::from(connection.is_torn());
        } else {
            self.connection = Some(connection);
        }
        result
    }

    fn lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    fn close(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if connection.is_torn() {
            self.lost += 1;
            return;
        }
        let mut socket = connection.socket();
        let stopped = socket.write_all(&control(STOP, None));
        if stopped.is_ok() && self.is_bidirectional {
            // FINISH says that everything was read; nothing depends on it.
            let finished = read_control(&mut socket).is_ok_and(|frame| frame == control(FINISH, None));
            tracing::debug!(address = %self.address, finished, "a frame stream ends");
        }
    }
}

/// A reader that does not answer in the handshake is not one that is slow to take frames.
fn for_good(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock => io::Error::new(ErrorKind::TimedOut, "the reader does not answer"),
        _ => error,
    }
}

/// Appends a frame with what `write` writes.
pub fn push_frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let len = (out.len() - start - 4) as u32;
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&len.to_be_bytes());
    }
}

/// A control frame with the escape in front.
fn control(kind: u32, content_type: Option<&str>) -> Vec<u8> {
    let mut out = 0u32.to_be_bytes().to_vec();
    push_frame(&mut out, |out| {
        out.extend_from_slice(&kind.to_be_bytes());
        if let Some(content_type) = content_type {
            out.extend_from_slice(&CONTENT_TYPE.to_be_bytes());
            push_frame(out, |out| out.extend_from_slice(content_type.as_bytes()));
        }
    });
    out
}

/// The next control frame, as [`control`] writes it.
fn read_control(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 8];
    stream.read_exact(&mut frame)?;
    let (escape, len) = frame.split_at(4);
    let len = len.iter().fold(0, |len, &byte| len << 8 | usize::from(byte));
    if escape != [0; 4] || len > MAX_CONTROL_BYTES {
        return Err(io::Error::new(ErrorKind::InvalidData, "no control frame"));
    }
    frame.resize(8 + len, 0);
    stream.read_exact(frame.get_mut(8..).unwrap_or_default())?;
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::super::tests::pieces;
    use super::*;

    const TYPE: &str = "protobuf:dnstap.Dnstap";

    /// What a reader gets, that answers if `answers`.
    fn received(answers: bool, is_bidirectional: bool) -> (io::Result<()>, Vec<u8>) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).expect("a socket");
        let reader = thread::spawn(move || {
            let mut stream = listener.accept().expect("a connection").0;
            let mut all = Vec::new();
            if is_bidirectional {
                assert_eq!(read_control(&mut stream).expect("READY"), control(READY, Some(TYPE)));
                let content = if answers { TYPE } else { "text" };
                stream.write_all(&control(ACCEPT, Some(content))).expect("ACCEPT");
                if answers {
                    let mut buffer = [0; 8 + 34 + 5 + 12];
                    stream.read_exact(&mut buffer).expect("START, a frame, STOP");
                    all.extend_from_slice(&buffer);
                    stream.write_all(&control(FINISH, None)).expect("FINISH");
                }
            }
            stream.read_to_end(&mut all).expect("the rest");
            all
        });
        let mut sink = FrameStream::new(Address::Unix(path), TYPE, is_bidirectional);
        let mut done = 0;
        let result = sink.write(&pieces(&["\0\0\0\x01x"]), &mut done);
        assert_eq!(done, usize::from(result.is_ok()));
        sink.close();
        drop(sink);
        (result, reader.join().expect("no panic"))
    }

    #[test]
    fn with_and_without_a_handshake() {
        let frames = [control(START, Some(TYPE)), b"\0\0\0\x01x".to_vec(), control(STOP, None)].concat();
        let start = b"\0\0\0\0\0\0\0\x22\0\0\0\x02\0\0\0\x01\0\0\0\x16protobuf:dnstap.Dnstap";
        assert_eq!(control(START, Some(TYPE)), start);
        for is_bidirectional in [true, false] {
            let (result, all) = received(true, is_bidirectional);
            result.expect("it is written");
            assert_eq!(all, frames);
        }
        let (result, all) = received(false, true);
        assert_eq!((result.expect_err("another type").kind(), all.len()), (ErrorKind::InvalidData, 0));
    }
}
