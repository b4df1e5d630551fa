//! Record data as zone-file text (RFC 1035 5.1, RFC 3597 5). Called by the zone-file reader and
//! writer, the API and the command line tools.

use std::fmt;

use super::codec::{self, HexDecoder};
pub use super::codec::{duration_s, timestamp};
use super::print::{self, Value};
use super::read::{self, Fields};
use super::wire::{self, MAX_RDATA_LEN};
use super::{field::Field, table};
use crate::name::Name;
use crate::rtype::RType;
use crate::scan::{ScanError, ScanErrorKind, Scanner};

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
/// base64 unbroken. Unknown types and data that is not valid are printed as `\# LENGTH HEX`.
pub fn write(rtype: RType, rdata: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    let Some(def) = table::by_type(rtype).filter(|_| wire::validate(rtype, rdata).is_ok()) else {
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
    matches!(field, Field::TextRest | Field::TopBit | Field::Gateway(_))
}

fn write_generic(rdata: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    write!(out, "\\# {}", rdata.len())?;
    if !rdata.is_empty() {
        out.write_char(' ')?;
    }
    codec::write_hex(rdata, out)
}
