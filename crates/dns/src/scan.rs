//! The fields of zone-file text (RFC 1035 5.1): blanks, quotes, escapes, comments, parentheses.
//!
//! A [`Scanner`] walks source text and hands out [`Token`]s of the current entry; a token is one
//! stretch of the source, its escapes not yet resolved. Both the zone-file reader and the text form
//! of single records (API, UPDATE tools) read through it.

use crate::name::{self, Name, NameError};

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
    #[error("unexpected field behind the record data")]
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
    depth: u32,
    paren_offset: usize,
}

/// What each octet means to the scanner outside quotes.
const PLAIN: u8 = 0;
const BLANK: u8 = 1;
const SPECIAL: u8 = 2;
static CLASS: [u8; 256] = {
    let mut class = [PLAIN; 256];
    class[b' ' as usize] = BLANK;
    class[b'\t' as usize] = BLANK;
    class[b'\r' as usize] = BLANK;
    class[b'\n' as usize] = SPECIAL;
    class[b';' as usize] = SPECIAL;
    class[b'(' as usize] = SPECIAL;
    class[b')' as usize] = SPECIAL;
    class[b'"' as usize] = SPECIAL;
    class[b'\\' as usize] = SPECIAL;
    class
};

impl<'a> Scanner<'a> {
    /// A scanner at the start of `src`.
    pub fn new(src: &'a [u8]) -> Scanner<'a> {
        Scanner { src, pos: 0, depth: 0, paren_offset: 0 }
    }

    /// Where the scanner stands in the source.
    pub fn offset(&self) -> usize {
        self.pos
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
    #[inline]
    pub fn token(&mut self) -> Result<Option<Token<'a>>, ScanError> {
        loop {
            let Some(&byte) = self.src.get(self.pos) else {
                return if self.depth > 0 { Err(self.open_parenthesis()) } else { Ok(None) };
            };
            match byte {
                b' ' | b'\t' | b'\r' => self.pos += 1,
                b'\n' if self.depth == 0 => return Ok(None),
                b'\n' => self.pos += 1,
                b';' => self.skip_comment(),
                b'(' | b')' => self.parenthesis(byte)?,
                b'"' => return self.quoted().map(Some),
                _ => return Ok(Some(self.plain())),
            }
        }
    }

    /// The next field, or an error that says what was expected.
    #[inline]
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
    pub fn next_entry(&mut self) {
        while let Some(&byte) = self.src.get(self.pos) {
            match byte {
                b'\n' if self.depth == 0 => {
                    self.pos += 1;
                    return;
                }
                b';' => self.skip_comment(),
                b'\\' => self.pos = (self.pos + 2).min(self.src.len()),
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
                        self.pos +=
                            self.src[self.pos..].iter().position(|&b| b == b'\n').unwrap_or(self.src.len() - self.pos);
                    }
                }
                _ => self.pos += 1,
            }
        }
        self.depth = 0;
    }

    fn skip_comment(&mut self) {
        let rest = &self.src[self.pos..];
        self.pos += rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
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

    #[inline]
    fn plain(&mut self) -> Token<'a> {
        let start = self.pos;
        let mut at = start;
        while let Some(&byte) = self.src.get(at) {
            match CLASS[byte as usize] {
                PLAIN => at += 1,
                // An escape takes the next octet, but never the line break.
                SPECIAL if byte == b'\\' => {
                    at += if matches!(self.src.get(at + 1), None | Some(b'\n')) { 1 } else { 2 }
                }
                _ => break,
            }
        }
        self.pos = at;
        Token { raw: &self.src[start..at], quoted: false, offset: start }
    }

    fn quoted(&mut self) -> Result<Token<'a>, ScanError> {
        let start = self.pos + 1;
        let mut at = start;
        while let Some(&byte) = self.src.get(at) {
            match byte {
                b'"' => {
                    let token = Token { raw: &self.src[start..at], quoted: true, offset: self.pos };
                    self.pos = at + 1;
                    return Ok(token);
                }
                // Inside parentheses line breaks do not end the entry, so strings may hold them.
                b'\n' if self.depth == 0 => break,
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        Err(ScanError::new(ScanErrorKind::OpenQuote, self.pos))
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
    }

    #[test]
    fn errors_do_not_swallow_the_next_entry() {
        for text in ["\"open\nok", "a ) b\nok", "( ( a\n)\nok"] {
            let mut scanner = Scanner::new(text.as_bytes());
            while let Ok(Some(_)) = scanner.token() {}
            assert!(scanner.token().is_err(), "{text}");
            scanner.next_entry();
            let next = scanner.token().expect("next entry").expect("a token");
            assert_eq!(next.raw, b"ok", "{text}");
        }
    }
}
