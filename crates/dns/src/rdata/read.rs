//! Reads single fields of record data from zone-file text. Called by [`super::text`], and by
//! [`super::json`] for values that are strings there.

use super::codec::{self, Base64Decoder, HexDecoder};
use super::field::{Field, Presence};
use super::mnemonics::Mnemonics;
use super::wire::{self, MAX_RDATA_LEN, RdataError};
use super::{a6, apl, bitmap, bits, gateway, hip, loc, svcb};
use crate::name::Name;
use crate::rtype::RType;
use crate::scan::{ScanError, ScanErrorKind, Scanner, Token};

/// Longest <character-string> (RFC 1035 3.3).
const MAX_STRING_LEN: usize = 255;

/// Stands for octets that are not there, where text must have something.
pub(super) const NONE: &[u8] = b"-";

/// The data fields of one entry.
pub(super) struct Fields<'s, 'a> {
    scanner: &'s mut Scanner<'a>,
    /// A token that was looked at already.
    pending: Option<Token<'a>>,
    /// What relative names are relative to.
    pub origin: &'s Name,
}

impl<'s, 'a> Fields<'s, 'a> {
    /// The fields that come next in `scanner`.
    pub fn new(scanner: &'s mut Scanner<'a>, origin: &'s Name) -> Result<Fields<'s, 'a>, ScanError> {
        let pending = scanner.token()?;
        Ok(Fields { scanner, pending, origin })
    }

    /// Whether the first field is this word, not in quotes.
    pub fn starts_with(&self, word: &[u8]) -> bool {
        self.pending.is_some_and(|token| !token.quoted && token.raw == word)
    }

    /// The next field; `None` at the end of the entry.
    #[inline]
    pub fn next(&mut self) -> Result<Option<Token<'a>>, ScanError> {
        match self.pending.take() {
            Some(token) => Ok(Some(token)),
            None => self.scanner.token(),
        }
    }

    /// The next field if it stands in quotes right behind the octet before `end`, as in `key="value"`.
    pub fn next_quoted_at(&mut self, end: usize) -> Result<Option<Token<'a>>, ScanError> {
        if self.pending.is_none() {
            self.pending = self.scanner.token()?;
        }
        Ok(self.pending.take_if(|token| token.quoted && token.offset == end))
    }

    /// The next field, or an error that says what was expected.
    #[inline]
    pub fn require(&mut self, what: &'static str) -> Result<Token<'a>, ScanError> {
        let next = self.next()?;
        next.ok_or_else(|| ScanError::new(ScanErrorKind::Missing(what), self.offset()))
    }

    /// An error unless the entry has ended.
    #[inline]
    pub fn require_end(&mut self) -> Result<(), ScanError> {
        match self.next()? {
            None => Ok(()),
            Some(token) => Err(ScanError::new(ScanErrorKind::Trailing, token.offset)),
        }
    }

    /// Where the scanner stands, for error messages.
    pub fn offset(&self) -> usize {
        self.scanner.offset()
    }
}

/// Appends one field to `out`; the data of the record begins at `start`.
#[inline]
pub(super) fn field(
    field: Field,
    fields: &mut Fields<'_, '_>,
    out: &mut Vec<u8>,
    start: usize,
) -> Result<(), ScanError> {
    match field {
        Field::CharStrings => char_strings(fields, out),
        Field::OptCharString => match fields.next()? {
            Some(token) => char_string(token, out),
            None => Ok(()),
        },
        Field::Names(_) => {
            while let Some(token) = fields.next()? {
                token.name(fields.origin, out)?;
            }
            Ok(())
        }
        Field::Hex(presence) => hex(presence, fields, out, start),
        Field::Base64(presence) => base64(presence, fields, out, start),
        Field::Bitmap => bitmap::scan(fields, out),
        Field::SvcParams => svcb::scan(fields, out),
        Field::Loc => loc::scan(fields, out),
        Field::Apl => apl::scan(fields, out),
        Field::Bits(names) => bits::scan(names, fields, out),
        Field::A6Suffix if !a6::has_suffix(out.get(start..).unwrap_or_default()) => Ok(()),
        Field::A6Prefix if !a6::has_prefix(out.get(start..).unwrap_or_default()) => Ok(()),
        _ => {
            let token = fields.require(field.expects())?;
            single(field, token, fields.origin, out, start)
        }
    }
}

/// Appends a field that is one token.
#[inline]
pub(super) fn single(
    field: Field,
    token: Token<'_>,
    origin: &Name,
    out: &mut Vec<u8>,
    start: usize,
) -> Result<(), ScanError> {
    // RFC 1035 5.1: only <character-string>s may stand in quotes.
    if token.quoted && !matches!(field, Field::CharString | Field::Tag | Field::TextRest) {
        return Err(ScanError::expected(field.expects(), token));
    }
    let raw = token.raw;
    let done = match field {
        Field::Name(_) | Field::A6Prefix => return token.name(origin, out),
        Field::Ipv4 => codec::ipv4(raw).and_then(|octets| push(octets, out)),
        Field::Ipv6 => codec::ipv6(raw).and_then(|octets| push(octets, out)),
        Field::U8 => push([token.number(u8::MAX.into())? as u8], out),
        Field::U16 => push((token.number(u16::MAX.into())? as u16).to_be_bytes(), out),
        Field::U32 => push((token.number(u32::MAX.into())? as u32).to_be_bytes(), out),
        Field::Named8(names) => push([named(names, token, u8::MAX.into())? as u8], out),
        Field::Named16(names) => push(named(names, token, u16::MAX)?.to_be_bytes(), out),
        Field::Ttl => match codec::duration_s(raw) {
            Ok(seconds) => push(seconds.to_be_bytes(), out),
            Err(kind) => return Err(ScanError::new(kind, token.offset)),
        },
        Field::Timestamp => codec::timestamp(raw).and_then(|moment| push(moment.to_be_bytes(), out)),
        Field::Type => RType::from_text(raw).and_then(|rtype| push(rtype.0.to_be_bytes(), out)),
        Field::CharString => return char_string(token, out),
        Field::Tag => return tag(token, out),
        Field::TextRest => return token.unescape(out),
        Field::Eui(len) => codec::eui(raw, len.into(), out),
        Field::Locator64 => codec::locator64(raw).and_then(|octets| push(octets, out)),
        Field::Salt => salt(raw, out),
        Field::Base32Hex => behind_length(out, |out| codec::base32hex(raw, out)),
        Field::TopBit => push([(token.number(1)? as u8) << 7], out),
        Field::Low7 => {
            let low = token.number(0x7f)? as u8;
            out.last_mut().map(|octet| *octet |= low)
        }
        Field::Gateway(mask) => return gateway::scan(mask, token, origin, out, start),
        Field::HipAlgorithm => push(hip::head(token.number(u8::MAX.into())? as u8), out),
        Field::HipTag => hip::scan_tag(raw, out, start),
        Field::HipKey => hip::scan_key(raw, out, start),
        Field::Nsap => codec::nsap(raw, out),
        Field::A6Suffix => a6::scan_suffix(token, out, start),
        _ => None,
    };
    done.ok_or_else(|| ScanError::expected(field.expects(), token))
}

/// Appends octets; the result only says that the field was what it should be.
#[inline]
fn push<const N: usize>(octets: [u8; N], out: &mut Vec<u8>) -> Option<()> {
    out.extend_from_slice(&octets);
    Some(())
}

fn named(names: &Mnemonics, token: Token<'_>, max: u16) -> Result<u16, ScanError> {
    if token.raw.first().is_some_and(u8::is_ascii_digit) {
        return token.number(max.into()).map(|number| number as u16);
    }
    names.value(token.raw).ok_or_else(|| ScanError::expected("a number or mnemonic", token))
}

fn char_strings(fields: &mut Fields<'_, '_>, out: &mut Vec<u8>) -> Result<(), ScanError> {
    let mut token = fields.require(Field::CharStrings.expects())?;
    loop {
        long_string(token, out)?;
        let Some(next) = fields.next()? else { return Ok(()) };
        // `"""` is a quote whose backslash was forgotten, not two strings.
        if token.quoted && token.raw.is_empty() && next.quoted && next.offset == token.offset + 2 {
            return Err(ScanError::expected("a blank after the closing quote", next));
        }
        token = next;
    }
}

/// Appends text as <character-string>s, more than one if it is longer than 255 octets.
pub(super) fn long_string(token: Token<'_>, out: &mut Vec<u8>) -> Result<(), ScanError> {
    if !token.raw.contains(&b'\\') {
        return limited(token, out, |out| push_text(token.raw, out));
    }
    let mut text = Vec::new();
    token.unescape(&mut text)?;
    limited(token, out, |out| push_text(&text, out))
}

/// What `write` appends, at most as much as record data may have.
fn limited(token: Token<'_>, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), ScanError> {
    let start = out.len();
    write(out);
    if out.len() - start > MAX_RDATA_LEN {
        return Err(ScanError::new(ScanErrorKind::Other(RdataError::TooLong.to_string()), token.offset));
    }
    Ok(())
}

/// Appends octets as <character-string>s, each but the last as long as one can be.
pub(super) fn push_text(text: &[u8], out: &mut Vec<u8>) {
    if text.is_empty() {
        out.push(0);
    }
    for part in text.chunks(MAX_STRING_LEN) {
        out.push(part.len() as u8);
        out.extend_from_slice(part);
    }
}

/// Appends one <character-string> with its length octet.
pub(super) fn char_string(token: Token<'_>, out: &mut Vec<u8>) -> Result<(), ScanError> {
    let length_at = out.len();
    out.push(0);
    token.unescape(out)?;
    match u8::try_from(out.len() - length_at - 1) {
        Ok(length) => {
            out[length_at] = length;
            Ok(())
        }
        Err(_) => Err(ScanError::expected(Field::CharString.expects(), token)),
    }
}

fn tag(token: Token<'_>, out: &mut Vec<u8>) -> Result<(), ScanError> {
    let length_at = out.len();
    char_string(token, out)?;
    if !wire::is_tag(&out[length_at + 1..]) {
        return Err(ScanError::expected(Field::Tag.expects(), token));
    }
    Ok(())
}

fn salt(raw: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if raw == b"-" {
        out.push(0);
        return Some(());
    }
    behind_length(out, |out| {
        let mut decoder = HexDecoder::default();
        decoder.push(raw, out)?;
        decoder.finish()
    })
}

/// Appends what `write` writes, at least one octet and at most 255, behind a length octet.
fn behind_length(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Option<()>) -> Option<()> {
    let length_at = out.len();
    out.push(0);
    write(out)?;
    let length = u8::try_from(out.len() - length_at - 1).ok().filter(|&length| length > 0)?;
    out[length_at] = length;
    Some(())
}

fn hex(presence: Presence, fields: &mut Fields<'_, '_>, out: &mut Vec<u8>, start: usize) -> Result<(), ScanError> {
    let (mut decoder, at) = (HexDecoder::default(), out.len());
    let offset = to_end(fields, |raw| decoder.push(raw, out), Field::Hex(presence), presence)?;
    if presence == Presence::OrDeletion && decoder.is_at_zero() && out.len() == at {
        out.push(0);
        return Ok(());
    }
    decoder.finish().ok_or_else(|| expected(Field::Hex(presence), offset))?;
    check_presence(presence, Field::Hex(presence), &out[start..], at - start, offset)
}

fn base64(presence: Presence, fields: &mut Fields<'_, '_>, out: &mut Vec<u8>, start: usize) -> Result<(), ScanError> {
    let (mut decoder, at) = (Base64Decoder::default(), out.len());
    let offset = to_end(fields, |raw| decoder.push(raw, out), Field::Base64(presence), presence)?;
    if presence == Presence::OrDeletion && decoder.is_at_zero() && out.len() == at {
        out.push(0);
        return Ok(());
    }
    decoder.finish().ok_or_else(|| expected(Field::Base64(presence), offset))?;
    check_presence(presence, Field::Base64(presence), &out[start..], at - start, offset)
}

/// Feeds every further token to `push`; returns where the last one was.
fn to_end(
    fields: &mut Fields<'_, '_>,
    mut push: impl FnMut(&[u8]) -> Option<()>,
    field: Field,
    presence: Presence,
) -> Result<usize, ScanError> {
    let mut offset = fields.offset();
    let mut may_be_none = presence == Presence::Optional;
    while let Some(token) = fields.next()? {
        offset = token.offset;
        if std::mem::take(&mut may_be_none) && !token.quoted && token.raw == NONE {
            return Ok(offset);
        }
        if token.quoted || push(token.raw).is_none() {
            return Err(ScanError::expected(field.expects(), token));
        }
    }
    // What is not there is written as well.
    if may_be_none { Err(ScanError::new(ScanErrorKind::Missing(field.expects()), offset)) } else { Ok(offset) }
}

fn check_presence(presence: Presence, field: Field, rdata: &[u8], at: usize, offset: usize) -> Result<(), ScanError> {
    let (before, rest) = rdata.split_at(at);
    let needless = presence == Presence::IfAlgorithm && !rest.is_empty() && before.get(2) == Some(&0);
    match presence.allows(before, rest) && !needless {
        true => Ok(()),
        false if rest.is_empty() => Err(ScanError::new(ScanErrorKind::Missing(field.expects()), offset)),
        false => Err(ScanError::new(ScanErrorKind::Trailing, offset)),
    }
}

fn expected(field: Field, offset: usize) -> ScanError {
    ScanError::new(ScanErrorKind::Expected(field.expects()), offset)
}
