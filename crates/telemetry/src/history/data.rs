//! The data of a response's answers, as much of it as a row keeps: of each record its type, the length of its data, and
//! the data, without compression.

use dns::RType;
use dns::rdata::{text, wire};

use super::bytes::Reader;
use crate::contents::Contents;

/// Bytes that a row keeps.
pub const MAX_DATA_LEN: usize = 64;
/// What stands before the data of a record.
const HEAD_LEN: usize = 3;
/// Longer data than any that fits.
const TOO_LONG: usize = 255;

/// Writes what a row keeps of `response` into `out`; `scratch` is overwritten. The last record may be cut off.
pub fn write(response: &[u8], scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
    out.clear();
    let Some(contents) = Contents::new(response) else { return };
    for place in contents.answers() {
        if out.len() + HEAD_LEN > MAX_DATA_LEN {
            return;
        }
        scratch.clear();
        if contents.expand(place, scratch).is_none() {
            return;
        }
        out.extend_from_slice(&place.rtype.0.to_le_bytes());
        out.push(scratch.len().min(TOO_LONG) as u8);
        out.extend_from_slice(&scratch[..scratch.len().min(MAX_DATA_LEN - out.len())]);
    }
}

/// The records' data in presentation form; what was cut off is left out.
pub fn texts(data: &[u8]) -> Vec<String> {
    let mut reader = Reader::new(data);
    let mut texts = Vec::new();
    while let Some((rtype, len)) = reader.u16().zip(reader.u8()) {
        let Some(rdata) = reader.take(len.into()) else { break };
        let mut out = String::new();
        if wire::validate(RType(rtype), rdata).is_ok() && text::write(RType(rtype), rdata, &mut out).is_ok() {
            texts.push(out);
        }
    }
    texts
}
