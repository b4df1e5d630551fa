//! The text of a filter, cut into terms, and these into values.

use dns::{Name, NameBuf};

use super::error::FilterError;
use super::key::Key;
use super::{MAX_TERMS, MAX_VALUES};

/// A term as it stands there.
pub struct RawTerm {
    /// It has a minus before it.
    pub is_negated: bool,
    /// What is before the colon; `None`: there is none.
    pub key: Option<Key>,
    /// What is behind it; at least one.
    pub values: Vec<RawValue>,
}

/// A value as it stands there.
pub struct RawValue {
    /// Where it begins.
    pub at: usize,
    /// The comparison before it.
    pub comparison: Option<Comparison>,
    /// Its octets; at least one.
    pub units: Vec<Unit>,
}

/// How a number is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

/// The operators; what begins with another one comes before it.
pub const COMPARISONS: [(Comparison, &str); 4] =
    [(Comparison::AtLeast, ">="), (Comparison::Above, ">"), (Comparison::AtMost, "<="), (Comparison::Below, "<")];

/// An octet of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// As it stands there.
    Plain(u8),
    /// Behind a backslash: it has no meaning of its own.
    Escaped(u8),
    /// `*`: any octets.
    Star,
}

/// The terms of `text`.
pub fn terms(text: &str) -> Result<Vec<RawTerm>, FilterError> {
    let mut lexer = Lexer { bytes: text.as_bytes(), at: 0, values: 0 };
    let mut terms = Vec::new();
    loop {
        lexer.skip_space();
        if lexer.peek().is_none() {
            return Ok(terms);
        }
        if terms.len() == MAX_TERMS {
            return Err(lexer.error(format!("a filter has at most {MAX_TERMS} terms")));
        }
        terms.push(lexer.term(text)?);
    }
}

struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    /// How many there have been.
    values: usize,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn is_next(&self, byte: u8) -> bool {
        self.peek() == Some(byte)
    }

    fn error(&self, message: impl Into<String>) -> FilterError {
        FilterError::new(self.at, message)
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn term(&mut self, text: &str) -> Result<RawTerm, FilterError> {
        let is_negated = self.is_next(b'-');
        self.at += usize::from(is_negated);
        let key = self.key(text)?;
        let mut values = vec![self.value()?];
        while self.is_next(b',') {
            self.at += 1;
            values.push(self.value()?);
        }
        Ok(RawTerm { is_negated, key, values })
    }

    /// Reads `key:`, if that is next.
    fn key(&mut self, text: &str) -> Result<Option<Key>, FilterError> {
        let start = self.at;
        let is_end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b':' | b',' | b'"' | b'\\' | b'*');
        let Some(len) = self.bytes[start..].iter().position(is_end) else { return Ok(None) };
        if self.bytes[start + len] != b':' {
            return Ok(None);
        }
        let name = &text[start..start + len];
        let Some(key) = Key::from_text(name) else {
            let keys: Vec<&str> = Key::names().collect();
            let expected = format!("expected one of {}; a part of a name with a colon needs quotes", keys.join(", "));
            return Err(self.error(format!("there is no key {name:?}: {expected}")));
        };
        self.at += len + 1;
        Ok(Some(key))
    }

    fn value(&mut self) -> Result<RawValue, FilterError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.error(format!("a filter has at most {MAX_VALUES} values")));
        }
        let at = self.at;
        let behind = &self.bytes[at..];
        let comparison = COMPARISONS.iter().find(|(_, text)| behind.starts_with(text.as_bytes()));
        self.at += comparison.map_or(0, |(_, text)| text.len());
        let units = if self.is_next(b'"') { self.quoted()? } else { self.unquoted()? };
        if units.is_empty() {
            return Err(self.error("expected a value"));
        }
        Ok(RawValue { at, comparison: comparison.map(|(comparison, _)| *comparison), units })
    }

    fn unquoted(&mut self) -> Result<Vec<Unit>, FilterError> {
        let mut units = Vec::new();
        while let Some(byte) = self.peek().filter(|byte| !byte.is_ascii_whitespace() && *byte != b',') {
            match byte {
                b'"' => return Err(self.error("quotes stand around a whole value; one within it is written \\\"")),
                b'*' if units.last() == Some(&Unit::Star) => {}
                b'*' => units.push(Unit::Star),
                b'\\' => {
                    units.push(self.escape()?);
                    continue;
                }
                byte => units.push(Unit::Plain(byte)),
            }
            self.at += 1;
        }
        Ok(units)
    }

    fn quoted(&mut self) -> Result<Vec<Unit>, FilterError> {
        let start = self.at;
        self.at += 1;
        let mut units = Vec::new();
        loop {
            match self.peek() {
                None => {
                    return Err(FilterError::new(start, "a quote that is not closed: expected \" behind the value"));
                }
                Some(b'"') => break,
                Some(b'\\') => units.push(self.escape()?),
                Some(byte) => {
                    units.push(if byte == b'*' { Unit::Escaped(byte) } else { Unit::Plain(byte) });
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        match self.peek() {
            None | Some(b',') => Ok(units),
            Some(byte) if byte.is_ascii_whitespace() => Ok(units),
            Some(_) => Err(self.error("expected a space or a comma behind the closing quote")),
        }
    }

    /// Escapes are those of names, so an escape is read as a name of one octet.
    fn escape(&mut self) -> Result<Unit, FilterError> {
        let behind = &self.bytes[self.at..];
        let len = if behind.get(1).is_some_and(u8::is_ascii_digit) { 4 } else { 2 };
        let name = behind.get(..len).and_then(|text| NameBuf::from_text(text, Name::root()).ok());
        let Some(octet) = name.and_then(|name| name.as_wire().get(1).copied()) else {
            return Err(self.error("expected a character or three decimal digits up to 255 behind the backslash"));
        };
        self.at += len;
        Ok(Unit::Escaped(octet))
    }
}
