//! The fields of zone-file text (RFC 1035 5.1): blanks, quotes, escapes, comments, parentheses.
//!
//! A [`Scanner`] walks source text and hands out [`Token`]s of the current entry; a token is one
//! stretch of the source, its escapes not yet resolved. Both the zone-file reader and the text form
//! of single records (API, UPDATE tools) read through it.

use crate::idn;
use crate::name::{self, MAX_LABEL_LEN, MAX_NAME_LEN, Name, NameError};

/// Deepest nesting of parentheses; RFC 1035 does not define nesting, one level is what is used.
const MAX_PAREN_DEPTH: u32 = 1;

/// One field of an entry as it stands in the source.
#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    /// The text between blanks or quotes, escapes unresolved.
    pub raw: &'a [u8],
    /// Whether it stood in quotes.
    pub quoted: bool,
    /// Byte offset in the source, for error messages.
    pub offset: usize,
    /// Whether names in it may be written with U-labels ([`crate::idn`]).
    pub idn: bool,
}

/// What is wrong with a stretch of text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanErrorKind {
    /// A field is missing.
    #[error("expected {0}, found the end of the entry")]
    Missing(&'static str),
    /// A field is not what it should be.
    #[error("expected {0}")]
    Expected(&'static str),
    /// A number that does not fit.
    #[error("number out of range, at most {0}")]
    OutOfRange(u64),
    /// A bad domain name.
    #[error("bad domain name: {0}")]
    Name(#[from] NameError),
    /// More fields than the record has.
    #[error("unexpected field after the record data")]
    Trailing,
    /// A quote that is not closed on its line.
    #[error("quoted string is not closed")]
    OpenQuote,
    /// `)` without `(`, or `(` inside parentheses.
    #[error("unbalanced parenthesis")]
    Parenthesis,
    /// The file ends inside parentheses.
    #[error("parenthesis is not closed")]
    OpenParenthesis,
    /// A comment where there is none.
    #[error("\";\" begins a comment, which a single record cannot have: put the text in quotes, or write \"\\;\"")]
    Comment,
    /// Anything a record type demands beyond its fields' syntax.
    #[error("{0}")]
    Other(String),
}

/// An error and where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct ScanError {
    /// What is wrong.
    pub kind: ScanErrorKind,
    /// Byte offset in the source.
    pub offset: usize,
}

impl ScanError {
    /// An error at `offset`.
    pub fn new(kind: ScanErrorKind, offset: usize) -> ScanError {
        ScanError { kind, offset }
    }

    /// "expected WHAT" at a token.
    pub fn expected(what: &'static str, token: Token<'_>) -> ScanError {
        ScanError::new(ScanErrorKind::Expected(what), token.offset)
    }
}

/// A walk over source text, entry by entry.
#[derive(Debug, Clone)]
pub struct Scanner<'a> {
    src: &'a [u8],
    pos: usize,
    line: u32,
    depth: u32,
    paren_offset: usize,
    /// Whether the source is one record on its own instead of a file.
    single: bool,
}

/// Whether an octet outside quotes belongs to a token as it is.
static PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    let special = b" \t\r\n;()\"\\";
    let mut i = 0;
    while i < special.len() {
        plain[special[i] as usize] = false;
        i += 1;
    }
    plain
};

/// Where the plain octets from `at` on end.
#[inline(always)]
fn plain_end(src: &[u8], mut at: usize) -> usize {
    while src.get(at).is_some_and(|&byte| PLAIN[byte as usize]) {
        at += 1;
    }
    at
}

impl<'a> Scanner<'a> {
    /// A scanner at the start of `src`.
    pub fn new(src: &'a [u8]) -> Scanner<'a> {
        Scanner { src, pos: 0, line: 1, depth: 0, paren_offset: 0, single: false }
    }

    /// A scanner of the text of a single record, as people and programs send it: a comment in it is an error, because
    /// it is text whose quotes were forgotten, and names may have U-labels.
    pub fn of_single(src: &'a [u8]) -> Scanner<'a> {
        Scanner { single: true, ..Scanner::new(src) }
    }

    /// Where the scanner stands in the source.
    pub fn offset(&self) -> usize {
        self.pos
    }

    /// Where the field begins that is the next one from `offset`, a place between two fields, on.
    pub fn next_field_from(&self, offset: usize) -> usize {
        let blanks = self.src.get(offset..).unwrap_or_default().iter();
        offset + blanks.take_while(|byte| matches!(byte, b' ' | b'\t' | b'(')).count()
    }

    /// The line where the scanner stands, from 1.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// Whether the source is used up.
    pub fn at_end(&self) -> bool {
        self.pos >= self.src.len()
    }

    /// Whether the current line begins with a blank (the owner is left out, RFC 1035 5.1). Only
    /// meaningful at the start of an entry.
    pub fn starts_with_blank(&self) -> bool {
        matches!(self.src.get(self.pos), Some(b' ' | b'\t'))
    }

    /// The next field of the entry; `None` at its end (the line break is not consumed).
    #[inline(always)]
    pub fn token(&mut self) -> Result<Option<Token<'a>>, ScanError> {
        let mut at = self.pos;
        while let Some(b' ' | b'\t') = self.src.get(at) {
            at += 1;
        }
        let end = plain_end(self.src, at);
        self.pos = end;
        match self.src.get(end) {
            // The usual: a stretch of plain octets up to a blank or the line break.
            Some(b' ' | b'\t' | b'\n') if end > at => {
                Ok(Some(Token { raw: &self.src[at..end], quoted: false, offset: at, idn: self.single }))
            }
            Some(b'\n') if self.depth == 0 => Ok(None),
            _ => self.unusual_token(at),
        }
    }

    /// The next field, when a comment, parenthesis, quote or escape may come first.
    fn unusual_token(&mut self, start: usize) -> Result<Option<Token<'a>>, ScanError> {
        self.pos = start;
        loop {
            let Some(&byte) = self.src.get(self.pos) else {
                return if self.depth > 0 { Err(self.open_parenthesis()) } else { Ok(None) };
            };
            match byte {
                b' ' | b'\t' | b'\r' => self.pos += 1,
                b'\n' if self.depth == 0 => return Ok(None),
                b'\n' => self.line_break(),
                b';' if self.single => return Err(ScanError::new(ScanErrorKind::Comment, self.pos)),
                b';' => self.skip_line(),
                b'(' | b')' => self.parenthesis(byte)?,
                b'"' => return self.quoted().map(Some),
                _ => return Ok(Some(self.plain())),
            }
        }
    }

    /// The next field, or an error that says what was expected.
    #[inline(always)]
    pub fn require(&mut self, what: &'static str) -> Result<Token<'a>, ScanError> {
        match self.token()? {
            Some(token) => Ok(token),
            None => Err(ScanError::new(ScanErrorKind::Missing(what), self.pos)),
        }
    }

    /// An error unless the entry has ended.
    pub fn require_end(&mut self) -> Result<(), ScanError> {
        match self.token()? {
            None => Ok(()),
            Some(token) => Err(ScanError::new(ScanErrorKind::Trailing, token.offset)),
        }
    }

    /// Looks at the next field without consuming it.
    pub fn peek(&self) -> Result<Option<Token<'a>>, ScanError> {
        self.clone().token()
    }

    /// Goes to the start of the next entry, from anywhere inside this one, errors or not.
    #[inline]
    pub fn next_entry(&mut self) {
        if self.depth == 0 && self.src.get(self.pos) == Some(&b'\n') {
            self.line_break();
        } else {
            self.skip_rest();
        }
    }

    fn skip_rest(&mut self) {
        while let Some(&byte) = self.src.get(self.pos) {
            match byte {
                b'\n' => {
                    self.line_break();
                    if self.depth == 0 {
                        return;
                    }
                }
                b';' => self.skip_line(),
                b'\\' => self.pos += self.escape_len(self.pos),
                b'(' => {
                    self.depth = 1;
                    self.pos += 1;
                }
                b')' => {
                    self.depth = 0;
                    self.pos += 1;
                }
                b'"' => {
                    // An open quote ends with its line, so that one error does not swallow the file.
                    if self.quoted().is_err() {
                        self.skip_line();
                    }
                }
                _ => self.pos += 1,
            }
        }
        self.depth = 0;
    }

    /// Goes to the line break.
    fn skip_line(&mut self) {
        let rest = &self.src[self.pos..];
        self.pos += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    }

    fn line_break(&mut self) {
        self.pos += 1;
        self.line = self.line.wrapping_add(1);
    }

    /// Octets of the escape whose backslash stands at `at`: it takes the next octet, never the line break.
    fn escape_len(&self, at: usize) -> usize {
        if matches!(self.src.get(at + 1), None | Some(b'\n')) { 1 } else { 2 }
    }

    fn parenthesis(&mut self, byte: u8) -> Result<(), ScanError> {
        let opens = byte == b'(';
        if (opens && self.depth == MAX_PAREN_DEPTH) || (!opens && self.depth == 0) {
            return Err(ScanError::new(ScanErrorKind::Parenthesis, self.pos));
        }
        if opens {
            self.depth += 1;
            self.paren_offset = self.pos;
        } else {
            self.depth -= 1;
        }
        self.pos += 1;
        Ok(())
    }

    fn open_parenthesis(&self) -> ScanError {
        ScanError::new(ScanErrorKind::OpenParenthesis, self.paren_offset)
    }

    /// The token outside quotes that starts here, escapes and all.
    fn plain(&mut self) -> Token<'a> {
        let start = self.pos;
        self.pos = plain_end(self.src, start);
        while self.src.get(self.pos) == Some(&b'\\') {
            self.pos = plain_end(self.src, self.pos + self.escape_len(self.pos));
        }
        Token { raw: &self.src[start..self.pos], quoted: false, offset: start, idn: self.single }
    }

    fn quoted(&mut self) -> Result<Token<'a>, ScanError> {
        let start = self.pos + 1;
        let (mut at, mut breaks) = (start, 0);
        while let Some(found) = memchr::memchr3(b'"', b'\\', b'\n', &self.src[at..]) {
            at += found;
            match self.src[at] {
                b'"' => {
                    let token = Token { raw: &self.src[start..at], quoted: true, offset: self.pos, idn: self.single };
                    self.pos = at + 1;
                    self.line = self.line.wrapping_add(breaks);
                    return Ok(token);
                }
                // Inside parentheses line breaks do not end the entry, so strings may hold them.
                b'\n' if self.depth > 0 => {
                    breaks += 1;
                    at += 1;
                }
                b'\\' => at += self.escape_len(at),
                _ => break,
            }
        }
        Err(ScanError::new(ScanErrorKind::OpenQuote, self.pos))
    }
}

impl<'a> Token<'a> {
    /// A token of its own, outside quotes.
    pub fn plain(raw: &'a [u8]) -> Token<'a> {
        Token { raw, quoted: false, offset: 0, idn: false }
    }
}

impl Token<'_> {
    /// An unsigned decimal number up to `max`, digits only.
    pub fn number(self, max: u64) -> Result<u64, ScanError> {
        let mut value = 0u64;
        for &byte in self.raw {
            if !byte.is_ascii_digit() {
                return Err(ScanError::expected("a number", self));
            }
            value = value.saturating_mul(10).saturating_add((byte - b'0') as u64);
        }
        if self.raw.is_empty() || self.quoted {
            return Err(ScanError::expected("a number", self));
        }
        if value > max { Err(ScanError::new(ScanErrorKind::OutOfRange(max), self.offset)) } else { Ok(value) }
    }

    /// Appends the wire form of a domain name; relative names get `origin`.
    pub fn name(self, origin: &Name, out: &mut Vec<u8>) -> Result<(), ScanError> {
        if self.quoted {
            return Err(ScanError::expected("a domain name", self));
        }
        if self.idn && !self.raw.is_ascii() {
            let text = idn::to_a_labels(self.raw).map_err(|e| ScanError::new(e.into(), self.offset))?;
            return name::append_text(out, &text, origin).map_err(|e| ScanError::new(e.into(), self.offset));
        }
        if append_plain_name(self.raw, origin, out) {
            return Ok(());
        }
        name::append_text(out, self.raw, origin).map_err(|e| ScanError::new(e.into(), self.offset))
    }

    /// Appends the octets that the text stands for, escapes resolved.
    pub fn unescape(self, out: &mut Vec<u8>) -> Result<(), ScanError> {
        let mut rest = self.raw;
        while let Some(at) = rest.iter().position(|&byte| byte == b'\\') {
            let bad = ScanError::new(NameError::BadEscape.into(), self.offset);
            let (octet, used) = name::unescape(&rest[at + 1..]).ok_or(bad)?;
            out.extend_from_slice(&rest[..at]);
            out.push(octet);
            rest = &rest[at + 1 + used..];
        }
        out.extend_from_slice(rest);
        Ok(())
    }
}

/// The quick way for the usual name: copies the text whole and turns its dots into label lengths.
/// `false`, with `out` as it was, for whatever is not plain: [`name::append_text`] has the rules.
fn append_plain_name(raw: &[u8], origin: &Name, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let fits = raw.len() + origin.len() < MAX_NAME_LEN;
    if !fits || raw.is_empty() || raw == b"@" {
        return false;
    }
    out.push(0);
    out.extend_from_slice(raw);
    let wire = &mut out[start..];
    let mut label = 0;
    for (at, &byte) in raw.iter().enumerate() {
        if byte == b'.' && (1..=MAX_LABEL_LEN).contains(&(at - label)) {
            wire[label] = (at - label) as u8;
            label = at + 1;
        } else if byte == b'.' || byte == b'\\' {
            out.truncate(start);
            return false;
        }
    }
    // A dot at the end has become the root label.
    let last = raw.len() - label;
    if last > MAX_LABEL_LEN {
        out.truncate(start);
        return false;
    }
    wire[label] = last as u8;
    if last > 0 {
        out.extend_from_slice(origin.as_wire());
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        let mut scanner = Scanner::new(text.as_bytes());
        let mut out = Vec::new();
        while !scanner.at_end() {
            while let Some(token) = scanner.token().expect("tokens") {
                out.push(String::from_utf8_lossy(token.raw).into_owned());
            }
            out.push("|".into());
            scanner.next_entry();
        }
        out
    }

    #[test]
    fn fields() {
        assert_eq!(tokens("a b ; c\nd"), ["a", "b", "|", "d", "|"]);
        assert_eq!(tokens("a ( b ; x )\n c\r\n ) d\ne"), ["a", "b", "c", "d", "|", "e", "|"]);
        assert_eq!(tokens("a \"b c;(\" d\\ e f\\;g"), ["a", "b c;(", "d\\ e", "f\\;g", "|"]);
        assert_eq!(tokens("\"a\"\"b\""), ["a", "b", "|"]);
        assert_eq!(tokens("( \"a\nb\" )"), ["a\nb", "|"]);
    }

    #[test]
    fn plain_names_are_as_all_names() {
        let origin = crate::NameBuf::from_text(b"Example", Name::root()).expect("origin");
        let label = "a".repeat(63);
        let long = format!("{label}.{label}.{label}.");
        let mut texts: Vec<String> =
            ["", ".", "@", "a", "a.", "A.b", "a.b.", "..", ".a", "a..", "a..b", "a\\.b", "\\@", "@.", "a@"]
                .map(String::from)
                .into();
        texts.extend([
            label.clone(),
            format!("{label}b"),
            format!("{label}b."),
            format!("{label}b.c"),
            format!("{label}.b"),
        ]);
        texts.extend((40..64).flat_map(|n| [format!("{long}{}", &label[..n]), format!("{long}{}.", &label[..n])]));
        for text in &texts {
            let (mut quick, mut all) = (vec![7], vec![7]);
            let is_plain = append_plain_name(text.as_bytes(), &origin, &mut quick);
            match name::append_text(&mut all, text.as_bytes(), &origin) {
                Ok(()) if is_plain => assert_eq!(quick, all, "{text}"),
                _ => assert!(!is_plain && quick == [7], "{text}"),
            }
        }
        assert!(append_plain_name(b"www.a", &origin, &mut Vec::new()));
    }

    #[test]
    fn every_octet_ends_tokens_or_does_not() {
        for byte in 0..=255u8 {
            for before in 0..20 {
                let text = [&vec![b'a'; before][..], &[byte, b'b'], &[b'c'; 12]].concat();
                let want = if b" \t\r\n;()\"\\".contains(&byte) { before } else { text.len() };
                assert_eq!(plain_end(&text, 0), want, "{byte:#x} behind {before}");
            }
        }
    }

    #[test]
    fn errors_do_not_swallow_the_next_entry() {
        for text in ["\"open\nok", "\"open\\\nok", "a ) \\\nok", "a ) b\nok", "( ( a\n)\nok"] {
            let mut scanner = Scanner::new(text.as_bytes());
            while let Ok(Some(_)) = scanner.token() {}
            assert!(scanner.token().is_err(), "{text}");
            scanner.next_entry();
            let next = scanner.token().expect("next entry").expect("a token");
            assert_eq!(next.raw, b"ok", "{text}");
        }
    }
}
