//! A text that comes in chunks, cut into lines.

/// Octets of the longest line that is read; a longer one is ignored and counted.
pub const MAX_LINE_OCTETS: usize = 4096;

/// Cuts chunks of a text into lines. Lines end with LF or CRLF; a byte order mark of UTF-8 at the start is dropped.
#[derive(Debug, Default)]
pub struct Lines {
    /// The start of a line whose end has not come yet; never more than [`MAX_LINE_OCTETS`] and one.
    partial: Vec<u8>,
    started: bool,
}

impl Lines {
    /// Takes the next chunk and gives each line that ends in it, without its end; `None` for one that is too long.
    pub fn push(&mut self, chunk: &[u8], line: &mut impl FnMut(Option<&[u8]>)) {
        let mut rest = chunk;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (head, tail) = rest.split_at(end);
            if self.partial.is_empty() {
                self.emit(head, line);
            } else {
                self.keep(head);
                let whole = std::mem::take(&mut self.partial);
                self.emit(&whole, line);
                self.partial = whole;
                self.partial.clear();
            }
            rest = tail.split_first().map_or(&[], |(_, rest)| rest);
        }
        self.keep(rest);
    }

    /// The end of the text: gives the last line if it had no end, and is ready for another text.
    pub fn end(&mut self, line: &mut impl FnMut(Option<&[u8]>)) {
        let last = std::mem::take(&mut self.partial);
        if !last.is_empty() {
            self.emit(&last, line);
        }
        *self = Lines::default();
    }

    fn emit(&mut self, text: &[u8], line: &mut impl FnMut(Option<&[u8]>)) {
        let text = if self.started { text } else { text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text) };
        self.started = true;
        line((text.len() <= MAX_LINE_OCTETS).then(|| text.strip_suffix(b"\r").unwrap_or(text)));
    }

    /// Keeps what fits and one octet more, by which a line that is too long is known.
    fn keep(&mut self, text: &[u8]) {
        let room = (MAX_LINE_OCTETS + 1).saturating_sub(self.partial.len());
        self.partial.extend(text.iter().take(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<Option<String>> {
        let (mut split, mut all) = (Lines::default(), Vec::new());
        let mut take = |line: Option<&[u8]>| all.push(line.map(|line| String::from_utf8_lossy(line).into_owned()));
        chunks.iter().for_each(|chunk| split.push(chunk, &mut take));
        split.end(&mut take);
        all
    }

    #[test]
    fn lines_are_the_same_however_the_text_is_cut() {
        let text = b"\xef\xbb\xbfone\r\ntwo\n\n  three\nfour";
        let whole = lines(&[text]);
        assert_eq!(whole, ["one", "two", "", "  three", "four"].map(|line| Some(line.to_owned())));
        for cut in 0..text.len() {
            let (head, tail) = text.split_at(cut);
            assert_eq!(lines(&[head, tail]), whole, "cut at {cut}");
        }
        assert_eq!(lines(&text.chunks(1).collect::<Vec<_>>()), whole);
    }

    #[test]
    fn a_line_that_is_too_long_is_told_and_the_next_is_read() {
        let mut text = vec![b'a'; MAX_LINE_OCTETS + 1];
        text.extend_from_slice(b"\nb\n");
        assert_eq!(lines(&[&text]), [None, Some("b".to_owned())]);
        assert_eq!(lines(&text.chunks(100).collect::<Vec<_>>()), [None, Some("b".to_owned())]);
        assert_eq!(lines(&[&vec![b'a'; 3 * MAX_LINE_OCTETS]]), [None]);
        assert_eq!(lines(&[&vec![b'a'; MAX_LINE_OCTETS]])[0].as_ref().map(String::len), Some(MAX_LINE_OCTETS));
    }
}
