//! Standard output: a terminal, a file, or a pipe whose reader may be slow.

use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Pieces, Sink, write_pieces};

/// A pipe with room takes so many bytes without waiting (`PIPE_BUF`), and nothing of others comes between them.
const MAX_BYTES: usize = 4096;
/// The longest wait for room, in milliseconds.
const TIMEOUT_MS: u16 = 1000;

/// Standard output as a sink.
#[derive(Debug, Default)]
pub struct Stdout {
    rest: Vec<u8>,
}

impl Sink for Stdout {
    fn write(&mut self, pieces: &Pieces, done: &mut usize) -> io::Result<()> {
        write_pieces(&mut Polled, &mut self.rest, pieces, done)
    }
}

/// Writes only what can be taken at once.
struct Polled;

impl Write for Polled {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let stdout = io::stdout();
        let mut ready = [PollFd::new(stdout.as_fd(), PollFlags::POLLOUT)];
        if poll(&mut ready, PollTimeout::from(TIMEOUT_MS))? == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(nix::unistd::write(stdout.as_fd(), head(bytes))?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As many whole lines as may be written at once, or a part of a long one.
fn head(bytes: &[u8]) -> &[u8] {
    let Some(head) = bytes.get(..MAX_BYTES) else { return bytes };
    match head.iter().rposition(|&byte| byte == b'\n') {
        Some(newline) => head.get(..=newline).unwrap_or(head),
        None => head,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_together() {
        let line = [b"x".repeat(99), b"\n".to_vec()].concat();
        let many = line.repeat(100);
        assert_eq!(head(&many).len(), 4000);
        assert_eq!(head(&line), line);
        assert_eq!(head(&b"y".repeat(9000)).len(), MAX_BYTES);
    }
}
