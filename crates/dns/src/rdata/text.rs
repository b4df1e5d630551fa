//! Record data as zone-file text (RFC 1035 5.1, RFC 3597 5). Called by the zone-file reader and
//! writer, the API and the command line tools.

use std::fmt;

use super::codec::{self, HexDecoder};
pub use super::codec::{duration_s, timestamp};
use super::field::{Field, Presence};
use super::print::{self, Value};
use super::read::{self, Fields};
use super::table;
use super::wire::{self, MAX_RDATA_LEN};
use crate::name::Name;
use crate::rtype::RType;
use crate::scan::{ScanError, ScanErrorKind, Scanner, Token};

/// What types without a text form are written as.
const GENERIC: &str = "\\# and hexadecimal data";

/// Appends the uncompressed wire form of the record data that comes next in `scanner`, up to the end
/// of the entry. Relative names get `origin` behind them.
///
/// Every type takes the generic form `\# LENGTH HEX` (RFC 3597 5), unknown types nothing else. The
/// result is valid data of its type. On an error `out` may hold a part of it.
pub fn scan(rtype: RType, scanner: &mut Scanner<'_>, origin: &Name, out: &mut Vec<u8>) -> Result<(), ScanError> {
    let start = out.len();
    let entry = scanner.offset();
    let mut fields = Fields::new(scanner, origin)?;
    if fields.starts_with(b"\\#") {
        return generic(rtype, &mut fields, out);
    }
    let Some(def) = table::by_type(rtype) else {
        return Err(ScanError::new(ScanErrorKind::Expected(GENERIC), entry));
    };
    for def in def.fields {
        read::field(def.field, &mut fields, out, start)?;
    }
    fields.require_end()?;
    check_len(out.len() - start, entry)
}

/// Appends the wire form of the record data that `line` holds on its own, as people and programs send it. There are
/// no comments, and names may have U-labels ([`Scanner::of_single`]).
///
/// A line of a type that is all text (TXT, SPF, ...) is zone-file text if it begins with a quote. If it does not, it is
/// the text itself as one string, blanks and `;` included, for that is what is meant by whoever leaves the quotes
/// away; escapes are resolved. A quote further on is an error then, because it could mean either.
///
/// # Errors
/// What is wrong, and where. On an error `out` may hold a part of the data.
pub fn scan_single(rtype: RType, line: &str, origin: &Name, out: &mut Vec<u8>) -> Result<(), ScanError> {
    if let Some(token) = bare_text(rtype, line) {
        return match token.raw.iter().position(|&byte| byte == b'"' || byte == b'\n') {
            Some(at) => Err(ScanError::expected(BARE_TEXT, Token { offset: token.offset + at, ..token })),
            None => read::long_string(token, out),
        };
    }
    let mut scanner = Scanner::of_single(line.as_bytes());
    scan(rtype, &mut scanner, origin, out)?;
    scanner.next_entry();
    let more = ScanErrorKind::Expected("one record, not more");
    if scanner.at_end() { Ok(()) } else { Err(ScanError::new(more, scanner.offset())) }
}

/// What text without quotes around it has to be.
const BARE_TEXT: &str = "text in quotes, or text that has no quote and no line break";

/// The whole line, where it is text without quotes around it.
fn bare_text(rtype: RType, line: &str) -> Option<Token<'_>> {
    let is_text =
        table::by_type(rtype).is_some_and(|def| matches!(def.fields, [only] if only.field == Field::CharStrings));
    let text = line.trim();
    if !is_text || text.is_empty() || text.starts_with(['"', '(']) || text.starts_with("\\#") {
        return None;
    }
    let offset = line.len() - line.trim_start().len();
    Some(Token { offset, ..Token::plain(text.as_bytes()) })
}

fn check_len(len: usize, offset: usize) -> Result<(), ScanError> {
    if len <= MAX_RDATA_LEN {
        return Ok(());
    }
    Err(ScanError::new(ScanErrorKind::Other(wire::RdataError::TooLong.to_string()), offset))
}

/// `\# LENGTH HEX...`
fn generic(rtype: RType, fields: &mut Fields<'_, '_>, out: &mut Vec<u8>) -> Result<(), ScanError> {
    let start = out.len();
    let first = fields.require("\\#")?;
    let length = fields.require("a length")?.number(MAX_RDATA_LEN as u64)? as usize;
    let mut decoder = HexDecoder::default();
    while let Some(token) = fields.next()? {
        if token.quoted || decoder.push(token.raw, out).is_none() {
            return Err(ScanError::expected("hexadecimal data", token));
        }
    }
    if decoder.finish().is_none() || out.len() - start != length {
        return Err(ScanError::expected("as many octets as the length says", first));
    }
    let invalid = |e| ScanError::new(ScanErrorKind::Other(format!("no valid {rtype} data: {e}")), first.offset);
    wire::validate(rtype, &out[start..]).map_err(invalid)
}

/// Prints record data in one line as BIND spells it: absolute names, numbers, hex in upper case,
/// base64 unbroken. Unknown types, data that is not valid and data of unknown form are printed as `\# LENGTH HEX`.
pub fn write(rtype: RType, rdata: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    let Some(def) = table::by_type(rtype).filter(|_| wire::has_known_form(rtype, rdata).is_ok()) else {
        return write_generic(rdata, out);
    };
    if matches!(def.fields, [only] if only.field == Field::Opaque) {
        return write_generic(rdata, out);
    }
    let mut at = 0;
    for (i, def) in def.fields.iter().enumerate() {
        let Ok(end) = wire::field_end(def.field, rdata, at) else { return Ok(()) };
        // Fields that may be left out have nothing to print when they are.
        if i > 0 && (end > at || prints_when_empty(def.field)) {
            out.write_char(' ')?;
        }
        print::value(def.field, Value { rdata, at, end }, out)?;
        at = end;
    }
    Ok(())
}

/// Whether a field without octets of its own has a text form.
fn prints_when_empty(field: Field) -> bool {
    matches!(field, Field::TextRest | Field::TopBit | Field::Gateway(_) | Field::Base64(Presence::Optional))
}

fn write_generic(rdata: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    write!(out, "\\# {}", rdata.len())?;
    if !rdata.is_empty() {
        out.write_char(' ')?;
    }
    codec::write_hex(rdata, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What users of other servers' APIs send.
    #[test]
    fn lines_on_their_own() {
        let zone = crate::NameBuf::from_text(b"example.", Name::root()).expect("a name");
        let check = |rtype: RType, line: &str, want: Result<&[u8], usize>| {
            let mut out = Vec::new();
            let got = scan_single(rtype, line, &zone, &mut out).map(|()| &out[..]);
            assert_eq!(got.map_err(|error| error.offset), want, "{rtype} {line}");
        };
        check(RType::TXT, "v=DMARC1; p=none", Ok(b"\x10v=DMARC1; p=none"));
        check(RType::TXT, "v=DMARC1\\; p=none", Ok(b"\x10v=DMARC1; p=none"));
        check(RType::TXT, "\"v=DMARC1; p=none\"", Ok(b"\x10v=DMARC1; p=none"));
        check(RType::TXT, "  v=spf1 -all ", Ok(b"\x0bv=spf1 -all"));
        check(RType::TXT, "\"a b\" c", Ok(b"\x03a b\x01c"));
        check(RType::TXT, "a \"b\"", Err(2));
        check(RType::TXT, "\"a\" ; b", Err(4));
        check(RType::TXT, "a\nb", Err(1));
        check(RType::TXT, "", Err(0));
        check(RType::TXT, "\\# 2 0161", Ok(b"\x01a"));
        check(RType::SPF, "v=spf1 ; -all", Ok(b"\x0dv=spf1 ; -all"));
        check(RType::CAA, "0 issue letsencrypt.org; validationmethods=dns-01", Err(23));
        check(RType::CAA, "0 issue \"letsencrypt.org; a=b\"", Ok(b"\0\x05issueletsencrypt.org; a=b"));
        check(RType::A, "192.0.2.1 ; note", Err(10));
        check(RType::A, "192.0.2.1 # note", Err(10));
        check(RType::A, "192.0.2.1\n", Ok(&[192, 0, 2, 1]));
        check(RType::A, "192.0.2.1\n192.0.2.2", Err(10));
        check(RType::MX, "10 b\u{fc}cher", Ok(b"\0\x0a\x0dxn--bcher-kva\x07example\0"));
        check(RType::HTTPS, "1 . alpn=h2;h3", Err(11));
    }
}
