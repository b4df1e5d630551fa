//! Record data as bytes: checked, taken out of messages, canonical (RFC 3597, RFC 4034 6.2).
//!
//! Called by the message reader and writer, the signer, zone loading and transfers.

use super::field::{Field, FieldDef, NameRules, Presence};
use super::table::{self, TYPES};
use super::{a6, apl, bitmap, bits, gateway, hip, loc, svcb};
use crate::name::{self, Name, NameError};
use crate::rtype::RType;

/// Longest record data (RFC 1035 3.2.1: RDLENGTH has 16 bits).
pub const MAX_RDATA_LEN: usize = 65535;

/// Why bytes are not data of their type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RdataError {
    /// The bytes end inside a field.
    #[error("record data ends early")]
    Truncated,
    /// Bytes behind the last field.
    #[error("bytes after the record data")]
    Trailing,
    /// More than 65535 octets.
    #[error("record data longer than 65535 octets")]
    TooLong,
    /// A bad domain name.
    #[error("bad domain name: {0}")]
    Name(#[from] NameError),
    /// A field whose value its type forbids.
    #[error("record data has {0}")]
    Invalid(&'static str),
}

/// Whether `rdata` is uncompressed data of its type that can be held and served; unknown types take anything.
///
/// What is inside a field that the server itself does not look into may be of a form that is not known here
/// (RFC 3597: such data passes as it came); [`has_known_form`] tells.
pub fn validate(rtype: RType, rdata: &[u8]) -> Result<(), RdataError> {
    walk(rtype, rdata, |_, _, _| Ok(()))
}

/// Whether `rdata` is valid, and every field of it of a form that text and JSON can show.
pub fn has_known_form(rtype: RType, rdata: &[u8]) -> Result<(), RdataError> {
    walk(rtype, rdata, field_form)
}

fn walk(
    rtype: RType,
    rdata: &[u8],
    form: impl Fn(Field, &[u8], &[u8]) -> Result<(), RdataError>,
) -> Result<(), RdataError> {
    if rdata.len() > MAX_RDATA_LEN {
        return Err(RdataError::TooLong);
    }
    let Some(def) = table::by_type(rtype) else { return Ok(()) };
    let mut at = 0;
    for def in def.fields {
        let end = field_end(def.field, rdata, at)?;
        form(def.field, rdata, rdata.get(at..end).ok_or(RdataError::Truncated)?)?;
        at = end;
    }
    if at == rdata.len() { Ok(()) } else { Err(RdataError::Trailing) }
}

/// The octets of the last field of valid data; `None` for unknown types.
pub(super) fn last_field(rtype: RType, rdata: &[u8]) -> Result<Option<&[u8]>, RdataError> {
    let Some([before @ .., _]) = table::by_type(rtype).map(|def| def.fields) else { return Ok(None) };
    let at = before.iter().try_fold(0, |at, def| field_end(def.field, rdata, at))?;
    Ok(rdata.get(at..))
}

/// Whether a field, `octets` of `rdata`, is of a known form.
fn field_form(field: Field, rdata: &[u8], octets: &[u8]) -> Result<(), RdataError> {
    match field {
        Field::Tag if !is_tag(char_string(octets)?) => Err(RdataError::Invalid("a tag that is not letters and digits")),
        Field::SvcParams => svcb::check(octets),
        Field::Loc => loc::check(octets),
        Field::Apl => apl::check(octets),
        Field::Gateway(mask) => gateway::check(mask, rdata),
        Field::Base64(Presence::IfAlgorithm) if !octets.is_empty() && rdata.get(2) == Some(&0) => {
            Err(RdataError::Invalid("a public key without an algorithm"))
        }
        Field::Bits(names) if !bits::is_canonical(names, octets) => {
            Err(RdataError::Invalid("a bitmap with more octets than it needs"))
        }
        Field::A6Suffix if !a6::is_padded(rdata, octets) => {
            Err(RdataError::Invalid("a suffix that begins with bits of the prefix"))
        }
        _ => Ok(()),
    }
}

/// Whether `text` is a tag (RFC 8659 4.1).
pub(super) fn is_tag(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_alphanumeric)
}

/// Appends the uncompressed form of the `len` octets of record data at `at` of a message.
///
/// Compressed names are taken in every type whose names are lower-cased in canonical form: the types
/// of RFC 1035, those that RFC 3597 4 lists and a few as old. On an error `out` may hold a part.
pub fn expand(rtype: RType, message: &[u8], at: usize, len: usize, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let end = at.checked_add(len).filter(|&end| end <= message.len()).ok_or(RdataError::Truncated)?;
    let rdata = message.get(at..end).ok_or(RdataError::Truncated)?;
    if !has_compressed_names(rtype) {
        validate(rtype, rdata)?;
    }
    expand_names(rtype, message, at, len, out)
}

fn has_compressed_names(rtype: RType) -> bool {
    table::by_type(rtype).is_some_and(|def| def.fields.iter().any(|def| may_be_compressed(def.field)))
}

/// As [`expand`], but data of types without names that may be compressed is taken as it comes, right or wrong.
///
/// # Errors
/// As [`expand`].
pub fn expand_names(rtype: RType, message: &[u8], at: usize, len: usize, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let end = at.checked_add(len).filter(|&end| end <= message.len()).ok_or(RdataError::Truncated)?;
    let rdata = message.get(at..end).ok_or(RdataError::Truncated)?;
    let Some(def) = table::by_type(rtype).filter(|_| has_compressed_names(rtype)) else {
        out.extend_from_slice(rdata);
        return Ok(());
    };
    let start = out.len();
    let mut pos = 0;
    for def in def.fields {
        if may_be_compressed(def.field) {
            pos = name::expand(&message[..end], at + pos, out)? - at;
        } else {
            // No type with such names has fields that depend on earlier ones.
            let next = field_end(def.field, rdata, pos)?;
            out.extend_from_slice(&rdata[pos..next]);
            pos = next;
        }
    }
    if pos != len {
        return Err(RdataError::Trailing);
    }
    if out.len() - start > MAX_RDATA_LEN { Err(RdataError::TooLong) } else { Ok(()) }
}

/// Whether a name is in lower case in canonical form; but for A6, these are those that may be compressed.
fn is_lowercased(field: Field) -> bool {
    field == Field::A6Prefix || may_be_compressed(field)
}

fn may_be_compressed(field: Field) -> bool {
    matches!(field, Field::Name(NameRules::Compressed | NameRules::Lowercased))
}

/// Where the names are that a message writer may compress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Layout {
    /// Octets before the first such name.
    pub prefix: u8,
    /// How many such names follow one another; 0: the data is copied as it is.
    pub names: u8,
}

/// Types with compressible names have numbers below this (RFC 1035 types only).
const LAYOUTS: usize = 64;

static LAYOUT: [Layout; LAYOUTS] = {
    let mut layouts = [Layout { prefix: 0, names: 0 }; LAYOUTS];
    let mut i = 0;
    while i < TYPES.len() {
        let layout = layout_of(TYPES[i].fields);
        if layout.names > 0 {
            layouts[TYPES[i].rtype.0 as usize] = layout;
        }
        i += 1;
    }
    layouts
};

const fn layout_of(fields: &[FieldDef]) -> Layout {
    let mut layout = Layout { prefix: 0, names: 0 };
    let mut i = 0;
    while i < fields.len() {
        match fields[i].field {
            Field::Name(NameRules::Compressed) => layout.names += 1,
            _ if layout.names > 0 => return layout,
            Field::U8 => layout.prefix += 1,
            Field::U16 => layout.prefix += 2,
            _ => return Layout { prefix: 0, names: 0 },
        }
        i += 1;
    }
    layout
}

/// How a message writer treats data of this type.
#[inline]
pub fn layout(rtype: RType) -> Layout {
    LAYOUT.get(rtype.0 as usize).copied().unwrap_or_default()
}

/// Appends the canonical form (RFC 4034 6.2 as amended by RFC 6840 5.1): names of the older types in
/// lower case. Data that is not valid is appended as it is.
pub fn canonical(rtype: RType, rdata: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(rdata);
    let Some(def) = table::by_type(rtype) else { return };
    if !def.fields.iter().any(|def| is_lowercased(def.field)) {
        return;
    }
    let mut at = 0;
    for def in def.fields {
        let Ok(end) = field_end(def.field, rdata, at) else { return };
        if is_lowercased(def.field) {
            // Length octets are below 64: no letters.
            out[start + at..start + end].make_ascii_lowercase();
        }
        at = end;
    }
}

/// The domain names in the data, in wire order; ends at the first field that is not valid.
pub fn names(rtype: RType, rdata: &[u8]) -> impl Iterator<Item = &Name> {
    let mut fields = table::by_type(rtype).map_or(&[][..], |def| def.fields).iter();
    let (mut at, mut to_end) = (0, false);
    std::iter::from_fn(move || {
        loop {
            if to_end && at == rdata.len() {
                return None;
            }
            let field = if to_end { Field::Name(NameRules::Verbatim) } else { fields.next()?.field };
            to_end |= matches!(field, Field::Names(_));
            if to_end && matches!(field, Field::Names(_)) {
                continue;
            }
            let start = at;
            at = field_end(field, rdata, at).ok()?;
            let is_name = match field {
                Field::Name(_) => true,
                Field::Gateway(mask) => gateway::is_name(mask, rdata),
                Field::A6Prefix => at > start,
                _ => false,
            };
            if is_name {
                return Name::from_wire(rdata.get(start..at)?).ok();
            }
        }
    })
}

/// Where the field that begins at `at` ends; its value is checked. Some kinds look back into `rdata`.
pub(super) fn field_end(field: Field, rdata: &[u8], at: usize) -> Result<usize, RdataError> {
    let rest = rdata.get(at..).ok_or(RdataError::Truncated)?;
    let to_end = |result: Result<(), RdataError>| result.map(|()| rdata.len());
    match field {
        Field::U8 | Field::Named8(_) | Field::Low7 => fixed(rest, at, 1),
        Field::U16 | Field::Named16(_) | Field::Type => fixed(rest, at, 2),
        Field::U32 | Field::Ttl | Field::Timestamp | Field::Ipv4 => fixed(rest, at, 4),
        Field::Locator64 => fixed(rest, at, 8),
        Field::Ipv6 => fixed(rest, at, 16),
        Field::Eui(len) => fixed(rest, at, len.into()),
        Field::Name(_) => Ok(at + Name::split_from_wire(rest)?.0.len()),
        Field::Names(_) => to_end(check_names(rest)),
        Field::CharString | Field::Tag | Field::Salt => Ok(at + char_string(rest)?.len() + 1),
        Field::OptCharString if rest.is_empty() => Ok(at),
        Field::OptCharString => Ok(at + char_string(rest)?.len() + 1),
        Field::CharStrings => to_end(check_char_strings(rest)),
        Field::Base32Hex => match char_string(rest)? {
            [] => Err(RdataError::Invalid("an empty hash")),
            hash => Ok(at + 1 + hash.len()),
        },
        Field::Hex(presence) | Field::Base64(presence) => match presence.allows(&rdata[..at], rest) {
            true => Ok(rdata.len()),
            false if rest.is_empty() => Err(RdataError::Truncated),
            false => Err(RdataError::Trailing),
        },
        Field::TextRest | Field::Opaque => Ok(rdata.len()),
        Field::Bitmap => to_end(bitmap::check(rest)),
        Field::SvcParams => to_end(svcb::check_frames(rest)),
        Field::Loc => loc::end(rest).map(|len| at + len),
        Field::Apl => Ok(rdata.len()),
        Field::Nsap if rest.is_empty() => Err(RdataError::Truncated),
        Field::Nsap => Ok(rdata.len()),
        Field::Bits(_) => to_end(bits::check(rest)),
        Field::A6Suffix => a6::suffix_end(rdata, at),
        Field::A6Prefix => a6::prefix_end(rdata, at),
        // The octet belongs to the field behind this one.
        Field::TopBit => fixed(rest, at, 1).map(|_| at),
        Field::Gateway(mask) => gateway::end(mask, rdata, at),
        Field::HipAlgorithm => hip::head_end(rdata),
        Field::HipTag => hip::tag_end(rdata, at),
        Field::HipKey => hip::key_end(rdata, at),
    }
}

fn fixed(rest: &[u8], at: usize, len: usize) -> Result<usize, RdataError> {
    if rest.len() < len { Err(RdataError::Truncated) } else { Ok(at + len) }
}

/// The <character-string> at the start of `rest`, without its length octet.
pub(super) fn char_string(rest: &[u8]) -> Result<&[u8], RdataError> {
    let (&len, tail) = rest.split_first().ok_or(RdataError::Truncated)?;
    tail.get(..len.into()).ok_or(RdataError::Truncated)
}

fn check_char_strings(mut rest: &[u8]) -> Result<(), RdataError> {
    loop {
        rest = &rest[1 + char_string(rest)?.len()..];
        if rest.is_empty() {
            return Ok(());
        }
    }
}

fn check_names(mut rest: &[u8]) -> Result<(), RdataError> {
    while !rest.is_empty() {
        (_, rest) = Name::split_from_wire(rest)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts() {
        let check = |rtype, prefix, names| assert_eq!(layout(rtype), Layout { prefix, names }, "{rtype}");
        check(RType::NS, 0, 1);
        check(RType::SOA, 0, 2);
        check(RType::MX, 2, 1);
        check(RType::MINFO, 0, 2);
        check(RType::A, 0, 0);
        check(RType::SRV, 0, 0);
        check(RType::RRSIG, 0, 0);
        check(RType(65280), 0, 0);
    }

    #[test]
    fn expand_follows_pointers_only_where_it_may() {
        let check = |rtype, rdata: &[u8], want: Result<&[u8], RdataError>| {
            let message = [b"\x03Www\x01t\0", rdata, b"rest"].concat();
            let mut out = Vec::new();
            let got = expand(rtype, &message, 7, rdata.len(), &mut out);
            assert_eq!(got.map(|()| &out[..]), want, "{rtype}");
        };
        check(RType::MX, b"\0\x01\xc0\x00", Ok(b"\0\x01\x03Www\x01t\0"));
        let soa = [b"\xc0\0\x01a\xc0\x04", &[0; 20][..]].concat();
        check(RType::SOA, &soa, Ok(&[b"\x03Www\x01t\0\x01a\x01t\0", &[0; 20][..]].concat()));
        check(RType::SRV, b"\0\x01\0\x02\0\x03\xc0\x04", Ok(b"\0\x01\0\x02\0\x03\x01t\0"));
        check(RType::NS, b"\xc0\x04\0", Err(RdataError::Trailing));
        check(RType::NS, b"\x02a", Err(RdataError::Name(NameError::Truncated)));
        check(RType::HTTPS, b"\0\x01\xc0\x04", Err(RdataError::Name(NameError::BadLabelType)));
        check(RType::A, b"abc", Err(RdataError::Truncated));
        check(RType(65280), b"\xc0\x04", Ok(b"\xc0\x04"));
    }

    #[test]
    fn canonical_form() {
        let check = |rtype, rdata: &[u8], want: &[u8]| {
            let mut out = b"X".to_vec();
            canonical(rtype, rdata, &mut out);
            assert_eq!(out, [b"X", want].concat(), "{rtype}");
        };
        check(RType::MX, b"AB\x01A\0", b"AB\x01a\0");
        check(RType::NSEC, b"\x01A\0\0\x01\x40", b"\x01A\0\0\x01\x40");
        check(RType::TXT, b"\x01A", b"\x01A");
        check(RType::NS, b"\x05A", b"\x05A");
        check(RType::NAPTR, b"AAAA\x01U\x01S\x01R\x01N\0", b"AAAA\x01U\x01S\x01R\x01n\0");
    }

    #[test]
    fn names_inside() {
        let check = |rtype, rdata: &[u8], want: &[&str]| {
            let got: Vec<String> = names(rtype, rdata).map(|name| name.to_string()).collect();
            assert_eq!(got, want, "{rtype}");
        };
        check(RType::MINFO, b"\x01a\0\x01b\0", &["a.", "b."]);
        check(RType::MX, b"\0\x01\x01a\0", &["a."]);
        check(RType::IPSECKEY, b"\x0a\x03\x00\x01a\0", &["a."]);
        check(RType::IPSECKEY, b"\x0a\x01\x00\x01a\0\0", &[]);
        check(RType::A6, &[&[120, 1][..], b"\x01a\0"].concat(), &["a."]);
        check(RType::A6, &[0; 17], &[]);
        check(RType::HIP, b"\x01\x02\0\x01HK\x01a\0\x01b\0", &["a.", "b."]);
        check(RType::TXT, b"\x01a", &[]);
        check(RType::MX, b"\0\x01\x05a\0", &[]);
    }
}
