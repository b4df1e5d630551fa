//! `$GENERATE range lhs [ttl] [class] type rhs`: one record for each number of a range, as BIND has it.

use super::Sink;
use super::limits::{MAX_GENERATE_WIDTH, MAX_GENERATED};
use super::problem::{describe, other, shown};
use super::reader::{Context, Reader};
use crate::name::Name;
use crate::scan::{ScanError, Scanner, Token};

impl<S: Sink + ?Sized> Reader<'_, S> {
    /// What follows `$GENERATE`. A directive ends at its first bad record.
    pub(super) fn generate(
        &mut self,
        context: &mut Context,
        scanner: &mut Scanner<'_>,
        line: u32,
    ) -> Result<(), ScanError> {
        let token = scanner.require("a range such as 1-100 or 0-255/2")?;
        let range = Range::from_field(token).ok_or(ScanError::expected("a range such as 1-100 or 0-255/2", token))?;
        let lhs_token = scanner.require("the owner")?;
        if lhs_token.quoted {
            return Err(ScanError::expected("the owner", lhs_token));
        }
        let lhs = Template::from_field(lhs_token, lhs_token.raw)?;
        let header = self.header(scanner.require("a record type")?, scanner)?;
        let rhs_token = scanner.require("the record data; quotes make several fields one")?;
        let rhs_text = without_escaped_quotes(rhs_token);
        let rhs = Template::from_field(rhs_token, &rhs_text)?;
        scanner.require_end()?;
        if range.count() > MAX_GENERATED - self.generated {
            return Err(other(format!("more than {MAX_GENERATED} records from $GENERATE in one zone"), token.offset));
        }
        self.generated += range.count();
        let (mut text, mut owner) = (Vec::new(), Vec::new());
        for number in range.numbers() {
            lhs.expand(number, &mut text);
            owner.clear();
            Token { raw: &text, ..lhs_token }
                .name(&context.origin, &mut owner)
                .map_err(|error| in_expansion(number, &ScanError { offset: 0, ..error }, &text, lhs_token))?;
            rhs.expand(number, &mut text);
            self.record(Name::from_validated(&owner), &header, context, &mut Scanner::new(&text), line)
                .map_err(|error| in_expansion(number, &error, &text, rhs_token))?;
        }
        Ok(())
    }
}

/// An error in text that `$GENERATE` made: its place is the template.
fn in_expansion(number: u32, error: &ScanError, text: &[u8], template: Token<'_>) -> ScanError {
    other(format!("at number {number}: {}", describe(error, text)), template.offset)
}

/// The text of a right side: in quotes, a quote is written `\"`.
fn without_escaped_quotes(token: Token<'_>) -> Vec<u8> {
    let mut text = Vec::with_capacity(token.raw.len());
    let mut rest = token.raw;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (byte, tail) {
            (b'\\', [b'"', after @ ..]) if token.quoted => {
                text.push(b'"');
                rest = after;
            }
            (b'\\', [next, after @ ..]) => {
                text.extend([b'\\', *next]);
                rest = after;
            }
            _ => text.push(*byte),
        }
    }
    text
}

/// `start-stop` or `start-stop/step`, both ends included.
struct Range {
    start: u32,
    stop: u32,
    step: u32,
}

impl Range {
    fn from_field(token: Token<'_>) -> Option<Range> {
        let text = std::str::from_utf8(token.raw).ok().filter(|_| !token.quoted)?;
        let (ends, step) = text.split_once('/').unwrap_or((text, "1"));
        let (start, stop) = ends.split_once('-')?;
        let range = Range { start: decimal(start)?, stop: decimal(stop)?, step: decimal(step)? };
        (range.start <= range.stop && range.step > 0).then_some(range)
    }

    fn count(&self) -> u64 {
        u64::from((self.stop - self.start) / self.step) + 1
    }

    fn numbers(&self) -> impl Iterator<Item = u32> {
        (self.start..=self.stop).step_by(self.step as usize)
    }
}

/// Digits only, at most 2^31-1.
fn decimal<T: TryFrom<i32>>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    T::try_from(text.parse::<i32>().ok().filter(|_| digits)?).ok()
}

/// A side of `$GENERATE`, cut at its `$`s.
struct Template<'a> {
    pieces: Vec<Piece<'a>>,
}

enum Piece<'a> {
    Text(&'a [u8]),
    Number(Format),
}

/// `${offset,width,base}`; a bare `$` is `${0,0,d}`.
struct Format {
    offset: i32,
    width: usize,
    base: Base,
}

#[derive(Clone, Copy)]
enum Base {
    Decimal,
    Octal,
    Hex {
        upper: bool,
    },
    /// Hexadecimal digits from the last to the first with dots between, for ip6.arpa.
    Nibbles {
        upper: bool,
    },
}

impl<'a> Template<'a> {
    /// Cuts `text`, the content of `token`. `$$` and `\$` stand for `$` itself.
    fn from_field(token: Token<'_>, text: &'a [u8]) -> Result<Template<'a>, ScanError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(found) = memchr::memchr2(b'$', b'\\', rest) {
            let (before, from) = rest.split_at(found);
            pieces.push(Piece::Text(before));
            rest = match from {
                [b'$', b'$', tail @ ..] => {
                    pieces.push(Piece::Text(b"$"));
                    tail
                }
                [b'$', b'{', tail @ ..] => {
                    let message = || other(format!("bad ${{offset,width,base}} in {}", shown(token.raw)), token.offset);
                    let close = memchr::memchr(b'}', tail).ok_or_else(message)?;
                    pieces.push(Piece::Number(Format::from_text(&tail[..close]).ok_or_else(message)?));
                    &tail[close + 1..]
                }
                [b'$', tail @ ..] => {
                    pieces.push(Piece::Number(Format { offset: 0, width: 0, base: Base::Decimal }));
                    tail
                }
                // The text is read again after this, so an escape stays one.
                _ => {
                    let (escape, tail) = from.split_at(from.len().min(2));
                    pieces.push(Piece::Text(escape));
                    tail
                }
            };
        }
        pieces.push(Piece::Text(rest));
        Ok(Template { pieces })
    }

    /// Writes the text for one number over `out`.
    fn expand(&self, number: u32, out: &mut Vec<u8>) {
        out.clear();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Number(format) => {
                    format.write(i64::from(number) + i64::from(format.offset), out);
                }
            }
        }
    }
}

impl Format {
    /// What stands between the braces: `offset[,width[,base]]`.
    fn from_text(text: &[u8]) -> Option<Format> {
        let mut fields = std::str::from_utf8(text).ok()?.split(',');
        let offset = fields.next()?;
        let (negative, digits) = match offset.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, offset.strip_prefix('+').unwrap_or(offset)),
        };
        let offset: i32 = decimal(digits)?;
        let width = fields.next().map_or(Some(0), decimal)?;
        let base = match fields.next() {
            None | Some("d") => Base::Decimal,
            Some("o") => Base::Octal,
            Some("x") => Base::Hex { upper: false },
            Some("X") => Base::Hex { upper: true },
            Some("n") => Base::Nibbles { upper: false },
            Some("N") => Base::Nibbles { upper: true },
            Some(_) => return None,
        };
        let offset = if negative { -offset } else { offset };
        (fields.next().is_none() && width <= MAX_GENERATE_WIDTH).then_some(Format { offset, width, base })
    }

    /// Writes a number. A negative one has a sign in decimal; other bases show its 32 bits (as BIND and PowerDNS do).
    fn write(&self, value: i64, out: &mut Vec<u8>) {
        let (width, bits) = (self.width, value as u32);
        let text = match self.base {
            Base::Decimal => format!("{value:0width$}"),
            Base::Octal => format!("{bits:0width$o}"),
            Base::Hex { upper: false } => format!("{bits:0width$x}"),
            Base::Hex { upper: true } => format!("{bits:0width$X}"),
            Base::Nibbles { upper } => nibbles(bits, width, upper),
        };
        out.extend_from_slice(text.as_bytes());
    }
}

/// Hexadecimal digits from the last to the first with dots between; `width` counts the dots too.
fn nibbles(mut value: u32, width: usize, upper: bool) -> String {
    let digits = if upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    let mut text = String::new();
    loop {
        text.push(digits[(value & 15) as usize] as char);
        value >>= 4;
        if value == 0 && text.len() >= width {
            return text;
        }
        text.push('.');
        if value == 0 && text.len() >= width {
            return text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(raw: &[u8]) -> Token<'_> {
        Token::plain(raw)
    }

    #[test]
    fn ranges() {
        let check = |text: &str, want: Option<&[u32]>| {
            let range = Range::from_field(field(text.as_bytes()));
            assert_eq!(range.as_ref().map(Range::count), want.map(|numbers| numbers.len() as u64), "{text}");
            assert_eq!(range.map(|range| range.numbers().collect::<Vec<_>>()).as_deref(), want, "{text}");
        };
        check("1-3", Some(&[1, 2, 3]));
        check("0-5/2", Some(&[0, 2, 4]));
        check("0-6/2", Some(&[0, 2, 4, 6]));
        check("7-7", Some(&[7]));
        check("2147483646-2147483647", Some(&[2_147_483_646, 2_147_483_647]));
        for text in ["", "1", "1-", "-1", "3-1", "1-3/0", "1-3/", "+1-3", "1-2147483648", "a-b", "1-3-5"] {
            check(text, None);
        }
    }

    #[test]
    fn templates() {
        let check = |text: &str, number: u32, want: Option<&str>| {
            let token = field(text.as_bytes());
            let mut out = Vec::new();
            let got = Template::from_field(token, token.raw).map(|template| template.expand(number, &mut out));
            assert_eq!(got.ok().map(|()| String::from_utf8_lossy(&out)).as_deref(), want, "{text} {number}");
        };
        check("host-$", 7, Some("host-7"));
        check("$.$", 7, Some("7.7"));
        check("a$$b\\$c$", 7, Some("a$b\\$c7"));
        check("a\\", 7, Some("a\\"));
        check("${10}", 7, Some("17"));
        check("${-7}", 7, Some("0"));
        check("${-1}", 0, Some("-1"));
        check("${-5,3}", 0, Some("-05"));
        check("${-5,3,x}", 0, Some("fffffffb"));
        check("${-5,0,X}", 1, Some("FFFFFFFC"));
        check("${-5,3,o}", 0, Some("37777777773"));
        check("${-5,3,n}", 0, Some("b.f.f.f.f.f.f.f"));
        check("${+1,3}x", 7, Some("008x"));
        check("${0,4,d}", 7, Some("0007"));
        check("${0,3,o}", 8, Some("010"));
        check("${0,0,x}", 255, Some("ff"));
        check("${0,4,X}", 255, Some("00FF"));
        check("${0,0,n}", 0x1a2, Some("2.a.1"));
        check("${0,7,N}", 0x1a2, Some("2.A.1.0"));
        check("${0,8,n}", 0x1a2, Some("2.a.1.0."));
        for text in ["${", "${}", "${1", "${1,}", "${1,256}", "${1,2,q}", "${1,2,d,}", "${,2}", "${--1}", "${1,2,dd}"] {
            check(text, 7, None);
        }
    }
}
