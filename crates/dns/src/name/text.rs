//! Presentation form of names (RFC 1035 5.1), written and read; the scanner of zone files calls it too.

use std::fmt;

use super::{MAX_LABEL_LEN, MAX_NAME_LEN, Name, NameError};

/// Appends the wire form of presentation text to `out`; on an error `out` may hold a part of it.
pub fn append_text(out: &mut Vec<u8>, text: &[u8], origin: &Name) -> Result<(), NameError> {
    let start = out.len();
    if text == b"@" {
        out.extend_from_slice(&origin.0);
        return Ok(());
    }
    if text == b"." {
        out.push(0);
        return Ok(());
    }
    if text.is_empty() {
        return Err(NameError::EmptyLabel);
    }
    let mut label = out.len();
    out.push(0);
    let mut at = 0;
    let mut absolute = false;
    while at < text.len() {
        let byte = text[at];
        at += 1;
        if byte == b'.' {
            close_label(out, label)?;
            absolute = at == text.len();
            label = out.len();
            out.push(0);
        } else if byte == b'\\' {
            let (octet, used) = unescape(&text[at..]).ok_or(NameError::BadEscape)?;
            at += used;
            out.push(octet);
        } else {
            out.push(byte);
        }
        if out.len() - start > 2 * MAX_NAME_LEN {
            return Err(NameError::TooLong);
        }
    }
    if !absolute {
        close_label(out, label)?;
        out.extend_from_slice(&origin.0);
    }
    if out.len() - start > MAX_NAME_LEN { Err(NameError::TooLong) } else { Ok(()) }
}

/// Sets the length octet of the label that starts at `label`.
fn close_label(out: &mut [u8], label: usize) -> Result<(), NameError> {
    match out.len() - label - 1 {
        0 => Err(NameError::EmptyLabel),
        len if len > MAX_LABEL_LEN => Err(NameError::LabelTooLong),
        len => {
            out[label] = len as u8;
            Ok(())
        }
    }
}

/// The octet that an escape stands for (`text` begins behind the backslash) and how many
/// characters it took: `\DDD` or `\X` (RFC 1035 5.1).
pub fn unescape(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [a @ b'0'..=b'9', rest @ ..] => match rest {
            [b @ b'0'..=b'9', c @ b'0'..=b'9', ..] => {
                let value = (a - b'0') as u16 * 100 + (b - b'0') as u16 * 10 + (c - b'0') as u16;
                Some((u8::try_from(value).ok()?, 3))
            }
            _ => None,
        },
        [byte, ..] => Some((*byte, 1)),
        [] => None,
    }
}

impl fmt::Display for Name {
    /// Presentation form, absolute, with the escapes of RFC 1035 5.1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        for label in self.labels() {
            for &byte in label {
                match byte {
                    b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => write!(f, "\\{}", byte as char)?,
                    0x21..=0x7e => write!(f, "{}", byte as char)?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::NameBuf;
    use super::*;

    fn name(text: &str) -> NameBuf {
        text.parse().expect("test name")
    }

    #[test]
    fn text_round_trip() {
        for text in [".", "example.", "a.b.example.", "\\000\\255.x.", "a\\.b.c.", "\\@.x.", "sp\\032ace."] {
            assert_eq!(name(text).to_string(), text);
        }
        assert_eq!(NameBuf::from_text(b"www", &name("example.")).expect("name").to_string(), "www.example.");
    }

    #[test]
    fn text_errors() {
        let check = |text: &str, want| assert_eq!(text.parse::<NameBuf>().expect_err(text), want, "{text}");
        check("", NameError::EmptyLabel);
        check("a..b.", NameError::EmptyLabel);
        check("..", NameError::EmptyLabel);
        check(".a.", NameError::EmptyLabel);
        check("a\\", NameError::BadEscape);
        check("a\\25", NameError::BadEscape);
        check("a\\256", NameError::BadEscape);
        check(&"a".repeat(64), NameError::LabelTooLong);
        check(&"a.".repeat(128), NameError::TooLong);
        assert!("a.".repeat(127).parse::<NameBuf>().is_ok());
    }
}
