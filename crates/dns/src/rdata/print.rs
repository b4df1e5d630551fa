//! Prints single fields of record data as zone-file text, spelled as BIND does. Called by
//! [`super::text`], and by [`super::json`] for values that are strings there.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::field::{Field, Presence};
use super::mnemonics::Mnemonics;
use super::{a6, apl, bitmap, bits, codec, gateway, loc, svcb, wire};
use crate::name::Name;
use crate::rtype::RType;

/// A field's octets within valid record data.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    /// The data of the whole record; some kinds look back into it.
    pub rdata: &'a [u8],
    /// Where the field begins.
    pub at: usize,
    /// Where it ends.
    pub end: usize,
}

impl<'a> Value<'a> {
    /// The octets of the field.
    pub fn octets(self) -> &'a [u8] {
        self.rdata.get(self.at..self.end).unwrap_or_default()
    }

    /// The octets as one number, for fields of up to four octets.
    pub fn number(self) -> u32 {
        self.octets().iter().fold(0, |value, &octet| value << 8 | u32::from(octet))
    }

    /// The octets behind a length octet.
    pub fn behind_length(self) -> &'a [u8] {
        wire::char_string(self.octets()).unwrap_or_default()
    }
}

/// Prints one field.
pub(super) fn value(field: Field, value: Value<'_>, out: &mut impl fmt::Write) -> fmt::Result {
    let octets = value.octets();
    match field {
        Field::U8 | Field::U16 | Field::U32 | Field::Ttl => write!(out, "{}", value.number()),
        Field::Named8(names) | Field::Named16(names) => named(names, value.number(), out),
        Field::Timestamp => codec::write_timestamp(value.number(), out),
        Field::Type => write!(out, "{}", RType(value.number() as u16)),
        Field::Name(_) | Field::A6Prefix => name(octets, out),
        Field::Names(_) => names(octets, out),
        Field::Ipv4 => octets.try_into().map_or(Ok(()), |o: [u8; 4]| write!(out, "{}", Ipv4Addr::from(o))),
        Field::Ipv6 => octets.try_into().map_or(Ok(()), |o: [u8; 16]| write!(out, "{}", Ipv6Addr::from(o))),
        Field::Eui(_) => eui(octets, out),
        Field::Locator64 => locator64(octets, out),
        Field::CharString | Field::OptCharString | Field::CharStrings => char_strings(octets, out),
        Field::Tag => value.behind_length().iter().try_for_each(|&byte| out.write_char(byte.into())),
        Field::TextRest => quoted(octets, out),
        Field::Hex(_) => codec::write_hex(octets, out),
        Field::Base64(Presence::Optional) if octets.is_empty() => out.write_char('-'),
        Field::Base64(_) | Field::HipKey => codec::write_base64(octets, out),
        Field::Salt if value.behind_length().is_empty() => out.write_char('-'),
        Field::Salt => codec::write_hex(value.behind_length(), out),
        Field::Base32Hex => codec::write_base32hex(value.behind_length(), out),
        Field::Bitmap => bitmap::write(octets, out),
        Field::SvcParams => svcb::write(octets, out),
        Field::Loc => loc::write(octets, out),
        Field::Apl => apl::write(octets, out),
        Field::TopBit => write!(out, "{}", value.rdata.get(value.at).map_or(0, |octet| octet >> 7)),
        Field::Low7 => write!(out, "{}", value.number() & 0x7f),
        Field::Gateway(mask) => gateway::write(mask, value, out),
        Field::HipAlgorithm => write!(out, "{}", octets.get(1).copied().unwrap_or_default()),
        Field::HipTag => codec::write_hex(octets, out),
        Field::Nsap => out.write_str("0x").and_then(|()| codec::write_hex(octets, out)),
        Field::Bits(names) => bits::write(names, octets, out),
        Field::A6Suffix => a6::write_suffix(octets, out),
        Field::Opaque => Ok(()),
    }
}

fn named(names: &Mnemonics, number: u32, out: &mut impl fmt::Write) -> fmt::Result {
    match names.name(number as u16).filter(|_| names.printed) {
        Some(name) => out.write_str(name),
        None => write!(out, "{number}"),
    }
}

fn name(octets: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    Name::from_wire(octets).map_or(Ok(()), |name| write!(out, "{name}"))
}

fn names(mut octets: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    let mut separator = "";
    while let Ok((name, rest)) = Name::split_from_wire(octets) {
        write!(out, "{separator}{name}")?;
        (octets, separator) = (rest, " ");
    }
    Ok(())
}

fn eui(octets: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    for (i, octet) in octets.iter().enumerate() {
        write!(out, "{}{octet:02x}", if i > 0 { "-" } else { "" })?;
    }
    Ok(())
}

fn locator64(octets: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    for (i, pair) in octets.as_chunks::<2>().0.iter().enumerate() {
        write!(out, "{}{:x}", if i > 0 { ":" } else { "" }, u16::from_be_bytes(*pair))?;
    }
    Ok(())
}

fn char_strings(mut octets: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    let mut first = true;
    while let Ok(text) = wire::char_string(octets) {
        if !first {
            out.write_char(' ')?;
        }
        quoted(text, out)?;
        octets = octets.get(1 + text.len()..).unwrap_or_default();
        first = false;
    }
    Ok(())
}

/// Prints text in quotes, with the escapes of RFC 1035 5.1.
pub(super) fn quoted(text: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    out.write_char('"')?;
    for &byte in text {
        match byte {
            b'"' | b'\\' => write!(out, "\\{}", byte as char)?,
            b' '..=b'~' => out.write_char(byte as char)?,
            _ => write!(out, "\\{byte:03}")?,
        }
    }
    out.write_char('"')
}
