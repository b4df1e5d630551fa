//! Where lines and messages go: files with rotation, standard output, syslog, frame streams. What is written comes in
//! pieces, each a line or message that is whole; a sink never leaves out the middle of one.

pub mod address;
pub mod connection;
pub mod file;
pub mod frames;
pub mod rotation;
pub mod stdout;
pub mod syslog;
pub mod writer;

use std::io::{self, ErrorKind, Write};

pub use address::Address;
pub use rotation::{Compression, Rotation};

/// Lines or messages, one behind the other.
#[derive(Debug, Clone, Default)]
pub struct Pieces {
    bytes: Vec<u8>,
    /// Where each piece ends.
    ends: Vec<usize>,
}

impl Pieces {
    /// Where the next piece is written to, behind what is there; [`Pieces::end_piece`] ends it.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// What was written since the last piece is one, unless it is nothing.
    pub fn end_piece(&mut self) {
        if self.bytes.len() > self.start(self.ends.len()) {
            self.ends.push(self.bytes.len());
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of all.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets them and keeps their memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// One of them; empty if there are fewer.
    pub fn get(&self, index: usize) -> &[u8] {
        let end = self.ends.get(index).copied().unwrap_or(self.bytes.len());
        self.bytes.get(self.start(index)..end).unwrap_or_default()
    }

    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.ends.get(before).copied().unwrap_or(self.bytes.len()))
    }
}

/// Something that pieces are written to.
pub trait Sink: Send {
    /// Writes the pieces from number `done` on, and counts in `done` those that need not be given again.
    ///
    /// # Errors
    /// What is in the way. It may pass: the same call again writes what is left, and nothing twice.
    fn write(&mut self, pieces: &Pieces, done: &mut usize) -> io::Result<()>;

    /// Pieces that were counted as done and did not get there, since the last call.
    fn lost(&mut self) -> u64 {
        0
    }

    /// Closes what is open and opens it again, because somebody may have moved it.
    fn reopen(&mut self) {}

    /// Nothing more comes.
    fn close(&mut self) {}
}

/// Writes pieces to a stream. What is left of one that the stream took a part of stands in `rest` and goes first the
/// next time, so that a stream never has half a piece between two.
pub(crate) fn write_pieces(
    stream: &mut impl Write,
    rest: &mut Vec<u8>,
    pieces: &Pieces,
    done: &mut usize,
) -> io::Result<()> {
    loop {
        while !rest.is_empty() {
            let written = write_some(stream, rest)?;
            rest.drain(..written);
        }
        let start = pieces.start(*done);
        let bytes = pieces.bytes.get(start..).unwrap_or_default();
        if *done >= pieces.len() || bytes.is_empty() {
            return Ok(());
        }
        let position = start + write_some(stream, bytes)?;
        *done = pieces.ends.partition_point(|&end| end <= position);
        if position > pieces.start(*done) {
            let end = pieces.ends.get(*done).copied().unwrap_or(position);
            rest.extend_from_slice(pieces.bytes.get(position..end).unwrap_or_default());
            *done += 1;
        }
    }
}

fn write_some(stream: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match stream.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `room` bytes, and then no more.
    struct Narrow {
        taken: Vec<u8>,
        room: usize,
    }

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let len = bytes.len().min(self.room).min(3);
            if len == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.room -= len;
            self.taken.extend_from_slice(&bytes[..len]);
            Ok(len)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    pub(crate) fn pieces(texts: &[&str]) -> Pieces {
        let mut pieces = Pieces::default();
        for text in texts {
            pieces.buffer().extend_from_slice(text.as_bytes());
            pieces.end_piece();
        }
        pieces
    }

    #[test]
    fn no_piece_is_torn_or_written_twice() {
        let all = pieces(&["one\n", "two\n", "", "three\n"]);
        assert_eq!((all.len(), all.get(2), all.get(7)), (3, &b"three\n"[..], &b""[..]));
        let whole = "one\ntwo\nthree\n";
        for room in 0..whole.len() {
            let mut stream = Narrow { taken: Vec::new(), room };
            let (mut rest, mut done) = (Vec::new(), 0);
            write_pieces(&mut stream, &mut rest, &all, &mut done).expect_err("there is no room");
            let given: usize = (0..done).map(|i| all.get(i).len()).sum();
            assert_eq!(given, room + rest.len(), "{room}: what is done is written, or will be");
            stream.room = 100;
            write_pieces(&mut stream, &mut rest, &all, &mut done).expect("there is room");
            assert_eq!((String::from_utf8_lossy(&stream.taken).as_ref(), done), (whole, 3), "{room}");
        }
    }
}
