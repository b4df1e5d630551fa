//! Type bitmaps of NSEC, NSEC3 and CSYNC (RFC 4034 4.1.2).

use std::fmt;

use super::read::Fields;
use super::wire::RdataError;
use crate::rtype::RType;
use crate::scan::{ScanError, ScanErrorKind, Token};

/// Octets of a window's bitmap, at most.
const MAX_WINDOW_LEN: usize = 32;

/// A borrowed, valid type bitmap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TypeBitmap<'a> {
    wire: &'a [u8],
}

impl<'a> TypeBitmap<'a> {
    /// The bitmap that `wire` holds, no octet more: windows ascend, none is empty or padded.
    pub fn parse(wire: &'a [u8]) -> Option<TypeBitmap<'a>> {
        check(wire).ok().map(|()| TypeBitmap { wire })
    }

    /// Whether `rtype` is in the set.
    pub fn contains(self, rtype: RType) -> bool {
        let [window, low] = rtype.0.to_be_bytes();
        let octets = windows(self.wire).find(|(number, _)| *number >= window);
        match octets {
            Some((number, octets)) if number == window => {
                octets.get(usize::from(low / 8)).is_some_and(|octet| octet & 0x80 >> (low % 8) != 0)
            }
            _ => false,
        }
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.wire.is_empty()
    }

    /// The types in the set, ascending.
    pub fn iter(self) -> impl Iterator<Item = RType> + 'a {
        types(self.wire)
    }

    /// The wire form.
    pub fn as_wire(self) -> &'a [u8] {
        self.wire
    }
}

impl fmt::Debug for TypeBitmap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Appends the bitmap of `types`, which may come in any order and more than once.
pub fn encode(types: impl IntoIterator<Item = RType>, out: &mut Vec<u8>) {
    let mut builder = Builder::default();
    for rtype in types {
        builder.add(rtype);
    }
    builder.finish(out);
}

/// Collects types: those below 256 in place, the rare others in a list.
#[derive(Default)]
struct Builder {
    low: [u8; MAX_WINDOW_LEN],
    others: Vec<u16>,
}

impl Builder {
    fn add(&mut self, rtype: RType) {
        let [window, low] = rtype.0.to_be_bytes();
        match window {
            0 => self.low[usize::from(low / 8)] |= 0x80 >> (low % 8),
            _ => self.others.push(rtype.0),
        }
    }

    fn finish(mut self, out: &mut Vec<u8>) {
        push_window(0, &self.low, out);
        self.others.sort_unstable();
        for chunk in self.others.chunk_by(|a, b| a >> 8 == b >> 8) {
            let mut octets = [0; MAX_WINDOW_LEN];
            for rtype in chunk {
                octets[usize::from(rtype & 0xff) / 8] |= 0x80 >> (rtype % 8);
            }
            push_window((chunk[0] >> 8) as u8, &octets, out);
        }
    }
}

fn push_window(number: u8, octets: &[u8; MAX_WINDOW_LEN], out: &mut Vec<u8>) {
    if let Some(last) = octets.iter().rposition(|&octet| octet != 0) {
        out.extend_from_slice(&[number, last as u8 + 1]);
        out.extend_from_slice(&octets[..=last]);
    }
}

/// The windows of a bitmap as number and octets; stops where the wire data is not valid.
fn windows(wire: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = wire;
    std::iter::from_fn(move || {
        let (&[number, len], tail) = rest.split_first_chunk()?;
        let (octets, next) = tail.split_at_checked(len.into())?;
        rest = next;
        Some((number, octets))
    })
}

/// The types in a bitmap, ascending.
pub(super) fn types(wire: &[u8]) -> impl Iterator<Item = RType> {
    windows(wire).flat_map(|(window, octets)| {
        let bits = (0..octets.len() * 8).filter(|bit| octets[bit / 8] & 0x80 >> (bit % 8) != 0);
        bits.map(move |bit| RType(u16::from_be_bytes([window, bit as u8])))
    })
}

/// Whether `wire` is a bitmap.
pub(super) fn check(wire: &[u8]) -> Result<(), RdataError> {
    let (mut used, mut previous) = (0, None);
    for (number, octets) in windows(wire) {
        let ascends = previous.is_none_or(|previous| previous < number);
        // RFC 4034 4.1.2: blocks without types and trailing zero octets must not be there.
        if !ascends || octets.len() > MAX_WINDOW_LEN || octets.last().is_none_or(|&octet| octet == 0) {
            return Err(RdataError::Invalid("a type bitmap whose windows are not as they should be"));
        }
        previous = Some(number);
        used += 2 + octets.len();
    }
    if used == wire.len() { Ok(()) } else { Err(RdataError::Truncated) }
}

/// Appends the bitmap of the types named by all further fields.
pub(super) fn scan(fields: &mut Fields<'_, '_>, out: &mut Vec<u8>) -> Result<(), ScanError> {
    let mut builder = Builder::default();
    while let Some(token) = fields.next()? {
        builder.add(rtype(token)?);
    }
    builder.finish(out);
    Ok(())
}

fn rtype(token: Token<'_>) -> Result<RType, ScanError> {
    let rtype = if token.quoted { None } else { RType::from_text(token.raw) };
    rtype.ok_or_else(|| ScanError::new(ScanErrorKind::Expected("a record type"), token.offset))
}

/// Prints the types with blanks between them.
pub(super) fn write(wire: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    for (i, rtype) in types(wire).enumerate() {
        if i > 0 {
            out.write_char(' ')?;
        }
        write!(out, "{rtype}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encode_and_read() {
        let types = [RType(1234), RType::A, RType::MX, RType::NSEC, RType::RRSIG, RType(1234), RType(0), RType(65535)];
        let mut wire = Vec::new();
        encode(types, &mut wire);
        let bitmap = TypeBitmap::parse(&wire).expect("bitmap");
        let sorted: Vec<u16> = bitmap.iter().map(|rtype| rtype.0).collect();
        assert_eq!(sorted, [0, 1, 15, 46, 47, 1234, 65535]);
        assert!(types.iter().all(|&rtype| bitmap.contains(rtype)));
        assert!([2, 14, 48, 255, 256, 1233, 1235, 65534].iter().all(|&number| !bitmap.contains(RType(number))));
    }

    #[test]
    fn bad_bitmaps() {
        let long = [&[0, 33][..], &[1; 33]].concat();
        let bad: [&[u8]; 7] = [&[0], &[0, 0], &[0, 1], &[0, 1, 0], &[0, 1, 1, 0, 1, 1], &[1, 1, 1, 0, 1, 1], &long];
        for wire in bad {
            assert!(TypeBitmap::parse(wire).is_none(), "{wire:?}");
        }
        assert!(TypeBitmap::parse(&[]).is_some_and(TypeBitmap::is_empty));
    }
}
