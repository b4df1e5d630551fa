//! One HTTP/1.1 request over one connection (RFC 9112), for commands: small, synchronous, and with a bound for
//! everything that the other side sends.

use std::io::{self, BufRead, BufReader, Read, Write};

/// Octets of a response's head.
const MAX_HEAD_LEN: u64 = 64 << 10;
/// Header fields of a response.
const MAX_FIELDS: usize = 64;
/// Octets of the line that starts a chunk, and of those behind the last.
const MAX_LINE_LEN: u64 = 4 << 10;
/// Lines behind the last chunk.
const MAX_TRAILERS: usize = 64;

/// A response; its body is read from it.
pub struct Response<S> {
    /// The status code.
    pub status: u16,
    /// The header fields that a command wants: in lower case, with their values.
    fields: Vec<(String, String)>,
    stream: BufReader<S>,
    left: Left,
}

/// How much of a body is still to come (RFC 9112 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// So many octets.
    Octets(u64),
    /// The rest of a chunk, and more chunks.
    Chunk(u64),
    /// Everything up to the end of the connection.
    UntilEnd,
}

/// Sends a request and reads the head of its response.
///
/// # Errors
/// The connection's; [`io::ErrorKind::InvalidData`] if no response comes back.
pub fn exchange<S: Read + Write>(
    mut stream: S,
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response<S>> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    for (name, value) in fields {
        // A line break would begin another field.
        if value.bytes().any(|octet| octet.is_ascii_control()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name} has control characters")));
        }
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    // A server that refuses early closes; what it says counts, not that it did not read on.
    let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).and_then(|()| stream.flush());
    match (Response::read(BufReader::new(stream)), sent) {
        (Err(_), Err(error)) => Err(error),
        (response, _) => response,
    }
}

impl<S: Read> Response<S> {
    fn read(mut stream: BufReader<S>) -> io::Result<Response<S>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let room = MAX_HEAD_LEN.saturating_sub(head.len() as u64);
            if (&mut stream).take(room).read_until(b'\n', &mut head)? == 0 {
                return Err(invalid("the response ends in its head"));
            }
        }
        let mut slots = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut parsed = httparse::Response::new(&mut slots);
        match parsed.parse(&head) {
            Ok(httparse::Status::Complete(_)) => {}
            _ => return Err(invalid("this is no HTTP response")),
        }
        let status = parsed.code.unwrap_or_default();
        let text = |field: &httparse::Header<'_>| {
            (field.name.to_ascii_lowercase(), String::from_utf8_lossy(field.value).trim().to_owned())
        };
        let fields: Vec<(String, String)> = parsed.headers.iter().map(text).collect();
        let mut response = Response { status, fields, stream, left: Left::UntilEnd };
        response.left = response.length()?;
        Ok(response)
    }

    fn length(&self) -> io::Result<Left> {
        if self.status == 204 || self.status == 304 {
            return Ok(Left::Octets(0));
        }
        if let Some(coding) = self.field("transfer-encoding") {
            return if coding.eq_ignore_ascii_case("chunked") {
                Ok(Left::Chunk(0))
            } else {
                Err(invalid("unknown transfer coding"))
            };
        }
        let length = self.field("content-length").map(|length| length.parse().map(Left::Octets));
        length.unwrap_or(Ok(Left::UntilEnd)).map_err(|_| invalid("bad content length"))
    }

    /// A header field; `name` in lower case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        (&mut self.stream).take(MAX_LINE_LEN).read_until(b'\n', &mut line)?;
        if line.ends_with(b"\n") { Ok(line) } else { Err(cut_off()) }
    }

    /// The length of the next chunk; behind the last one, the trailers are skipped (RFC 9112 7.1).
    fn next_chunk(&mut self) -> io::Result<u64> {
        let line = self.line()?;
        let length = match httparse::parse_chunk_size(&line) {
            Ok(httparse::Status::Complete((_, length))) => length,
            _ => return Err(invalid("bad chunk")),
        };
        for _ in 0..MAX_TRAILERS {
            if length > 0 || self.line()? == b"\r\n" {
                return Ok(length);
            }
        }
        Err(invalid("too many trailers"))
    }
}

impl<S: Read> Read for Response<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == Left::Chunk(0) {
            self.left = match self.next_chunk()? {
                0 => Left::Octets(0),
                length => Left::Chunk(length),
            };
        }
        let (Left::Octets(left) | Left::Chunk(left)) = self.left else { return self.stream.read(buffer) };
        if left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let len = (&mut self.stream).take(left).read(buffer)?;
        let left = left - len as u64;
        match self.left {
            _ if len == 0 => return Err(cut_off()),
            Left::Chunk(_) => {
                if left == 0 && self.line()? != b"\r\n" {
                    return Err(invalid("bad end of a chunk"));
                }
                self.left = Left::Chunk(left);
            }
            _ => self.left = Left::Octets(left),
        }
        Ok(len)
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the response is cut off")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says `answer`, whatever it is asked.
    struct Peer<'a> {
        answer: &'a [u8],
        asked: Vec<u8>,
    }

    impl Read for Peer<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            // In small pieces, as they may come.
            let len = buffer.len().min(3);
            self.answer.read(&mut buffer[..len])
        }
    }

    impl Write for Peer<'_> {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.asked.write(octets)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn bodies_by_length_chunks_and_end() {
        let check = |answer: &str, want: Result<(u16, &str), io::ErrorKind>| {
            let peer = Peer { answer: answer.as_bytes(), asked: Vec::new() };
            let got = exchange(peer, "POST", "/x", &[("if-match", "\"1\"")], b"body").and_then(|mut response| {
                let mut text = String::new();
                response.read_to_string(&mut text)?;
                Ok((response.status, text))
            });
            let got = got.as_ref().map(|(status, text)| (*status, text.as_str())).map_err(io::Error::kind);
            assert_eq!(got, want, "{answer:?}");
        };
        let ok = "HTTP/1.1 200 OK\r\n";
        check(&format!("{ok}Content-Length: 5\r\n\r\nhello, more"), Ok((200, "hello")));
        check(&format!("{ok}\r\nto the end"), Ok((200, "to the end")));
        let chunked = format!("{ok}transfer-encoding: chunked\r\n\r\n");
        check(&format!("{chunked}5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nt: r\r\n\r\n"), Ok((200, "hello!")));
        check(&format!("{chunked}5\r\nhello\r\n"), Err(io::ErrorKind::UnexpectedEof));
        check(&format!("{chunked}5\r\nhelloo\r\n0\r\n\r\n"), Err(io::ErrorKind::InvalidData));
        check(&format!("{chunked}xyz\r\n"), Err(io::ErrorKind::InvalidData));
        check(&format!("{ok}content-length: 9\r\n\r\nhello"), Err(io::ErrorKind::UnexpectedEof));
        check(&format!("{ok}content-length: -1\r\n\r\n"), Err(io::ErrorKind::InvalidData));
        check("HTTP/1.1 204 No Content\r\n\r\n", Ok((204, "")));
        check("nonsense\r\n\r\n", Err(io::ErrorKind::InvalidData));
        check("", Err(io::ErrorKind::InvalidData));
        let long = format!("{ok}{}\r\n", "a: b\r\n".repeat(20_000));
        check(&long, Err(io::ErrorKind::InvalidData));
    }

    #[test]
    fn a_field_is_one_line() {
        let peer = Peer { answer: b"", asked: Vec::new() };
        let error = exchange(peer, "GET", "/", &[("accept", "a\r\nb: c")], b"").err().expect("refused");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
