//! The kinds of fields that record data is made of.
//!
//! A kind says everything that wire, zone file, JSON and forms have to know about a field. A new
//! kind needs an arm in [`super::wire`], [`super::read`], [`super::print`] and [`super::json`].

use super::mnemonics::Mnemonics;
use crate::rtype::RType;

/// What one field of record data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// An unsigned 8-bit number.
    U8,
    /// An unsigned 16-bit number.
    U16,
    /// An unsigned 32-bit number.
    U32,
    /// An 8-bit number that may be written as a mnemonic.
    Named8(&'static Mnemonics),
    /// A 16-bit number that may be written as a mnemonic.
    Named16(&'static Mnemonics),
    /// A duration in seconds; zone files may use units (RFC 2308 4, as BIND does).
    Ttl,
    /// A moment modulo 2^32 seconds: `YYYYMMDDHHmmSS` or seconds since 1970 (RFC 4034 3.2).
    Timestamp,
    /// A record type, by mnemonic or `TYPEn`.
    Type,
    /// A domain name.
    Name(NameRules),
    /// Domain names up to the end, possibly none.
    Names(NameRules),
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// An EUI-48 or EUI-64 with this many octets: hex pairs with hyphens (RFC 7043 3.2, 4.2).
    Eui(u8),
    /// 64 bits as four groups of hex digits with colons (RFC 6742 2.1.2, 2.3.2).
    Locator64,
    /// One `<character-string>` (RFC 1035 3.3).
    CharString,
    /// One `<character-string>` that may be left out.
    OptCharString,
    /// One or more `<character-string>`s up to the end.
    CharStrings,
    /// A `<character-string>` of letters and digits, at least one (RFC 8659 4.1).
    Tag,
    /// Text up to the end without a length octet (RFC 8659 4.1, RFC 7553 4.4).
    TextRest,
    /// Octets up to the end, written in hex, blanks allowed.
    Hex(Presence),
    /// Octets up to the end, written in base64, blanks allowed.
    Base64(Presence),
    /// Octets behind a length octet, written in hex without blanks, `-` if empty (RFC 5155 3.3).
    Salt,
    /// Octets behind a length octet, at least one, written in base32hex (RFC 5155 3.3).
    Base32Hex,
    /// A type bitmap up to the end (RFC 4034 4.1.2).
    Bitmap,
    /// Service parameters up to the end (RFC 9460 2.1).
    SvcParams,
    /// A location (RFC 1876 2).
    Loc,
    /// Address prefixes up to the end, possibly none (RFC 3123 4).
    Apl,
    /// The top bit of an octet whose other bits are the next field, [`Field::Low7`] (RFC 8777 4.2).
    TopBit,
    /// The low seven bits of the octet that [`Field::TopBit`] began.
    Low7,
    /// A gateway whose type is in the second octet of the data under this mask: nothing, an address
    /// or a name (RFC 4025 2.3, RFC 8777 4.2.3).
    Gateway(u8),
    /// The algorithm in the first four octets of HIP data; the lengths there follow from the next
    /// two fields (RFC 8005 5).
    HipAlgorithm,
    /// The host identity tag of HIP data.
    HipTag,
    /// The public key of HIP data.
    HipKey,
    /// Octets up to the end, at least one, in hex behind `0x`, dots allowed (RFC 1706 5).
    Nsap,
    /// A bit for each number from 0 on, up to the end; what the numbers are called is given.
    Bits(BitNames),
    /// The part of an IPv6 address that A6 data gives, as many octets as the prefix length before it
    /// leaves; a whole address in text, left out where there are none (RFC 2874 3.1).
    A6Suffix,
    /// The name of the rest of the address in A6 data, left out where the prefix length is 0.
    A6Prefix,
    /// Octets up to the end that have no form of their own in zone files (RFC 1035 3.3.10).
    Opaque,
}

/// What the numbers of a [`Field::Bits`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BitNames {
    /// Ports, by number or by the name of a service; at most 65536 (RFC 1035 3.4.2).
    Ports,
    /// Record types below 128 (RFC 2535 5.2).
    Types,
}

/// How a domain name in record data may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameRules {
    /// May be compressed in messages (RFC 1035 types only, RFC 3597 4); lower-cased in canonical form.
    Compressed,
    /// Never compressed when sent; lower-cased in canonical form (RFC 4034 6.2).
    Lowercased,
    /// Never compressed; left as it is in canonical form (RFC 6840 5.1).
    Verbatim,
}

/// Whether octets up to the end may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// At least one octet.
    Required,
    /// At least one octet, unless the flags in the first two octets say that there is no key
    /// (RFC 2535 3.1.2).
    UnlessNoKey,
    /// None if the algorithm in the third octet is 0, else any number (RFC 4025 2.4).
    IfAlgorithm,
    /// At least one octet. A lone `0` in text is the zero octet of a deletion (RFC 8078 4).
    OrDeletion,
    /// Any number; `-` for none.
    Optional,
}

impl Presence {
    /// Whether `rest` may be the end of `rdata`, whose fields before it are complete.
    pub(super) fn allows(self, rdata: &[u8], rest: &[u8]) -> bool {
        match self {
            Presence::Required | Presence::OrDeletion => !rest.is_empty(),
            Presence::IfAlgorithm | Presence::Optional => true,
            Presence::UnlessNoKey => !rest.is_empty() || rdata.first().is_some_and(|flags| flags & 0xc0 == 0xc0),
        }
    }
}

impl Field {
    /// What a reader expects here, for error messages and forms.
    pub fn expects(self) -> &'static str {
        match self {
            Field::U8 => "a number up to 255",
            Field::U16 => "a number up to 65535",
            Field::U32 => "a number up to 4294967295",
            Field::Named8(_) | Field::Named16(_) => "a number or mnemonic",
            Field::Ttl => "a duration in seconds or with units (1w2d3h4m5s)",
            Field::Timestamp => "a time as YYYYMMDDHHmmSS or seconds since 1970",
            Field::Type => "a record type",
            Field::Name(_) => "a domain name",
            Field::Names(_) => "domain names",
            Field::Ipv4 => "an IPv4 address",
            Field::Ipv6 => "an IPv6 address",
            Field::Eui(6) => "an EUI-48 (xx-xx-xx-xx-xx-xx)",
            Field::Eui(_) => "an EUI-64 (xx-xx-xx-xx-xx-xx-xx-xx)",
            Field::Locator64 => "64 bits (xxxx:xxxx:xxxx:xxxx)",
            Field::CharString | Field::OptCharString => "a character string of up to 255 octets",
            Field::CharStrings => "character strings of up to 255 octets",
            Field::Tag => "a tag of letters and digits",
            Field::TextRest => "text",
            Field::Hex(_) => "hexadecimal data",
            Field::Base64(_) => "base64 data",
            Field::Salt => "a salt in hexadecimal or -",
            Field::Base32Hex => "a hash in base32hex",
            Field::Bitmap => "record types",
            Field::SvcParams => "service parameters",
            Field::Loc => "a location",
            Field::Apl => "address prefixes (1:192.0.2.0/24)",
            Field::TopBit => "0 or 1",
            Field::Low7 => "a number up to 127",
            Field::Gateway(_) => "a gateway that fits its type",
            Field::HipAlgorithm => "an algorithm number",
            Field::HipTag => "a host identity tag in hexadecimal",
            Field::HipKey => "a public key in base64",
            Field::Nsap => "0x and hexadecimal data",
            Field::Bits(BitNames::Ports) => "ports or services",
            Field::Bits(BitNames::Types) => "record types below 128",
            Field::A6Suffix => "an IPv6 address whose prefix is 0",
            Field::A6Prefix => "the name of the prefix",
            Field::Opaque => "\\# and hexadecimal data",
        }
    }
}

/// A named field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldDef {
    /// The field's name in JSON and in forms.
    pub name: &'static str,
    /// What it is.
    pub field: Field,
}

/// One record type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeDef {
    /// Its number.
    pub rtype: RType,
    /// Its mnemonic.
    pub mnemonic: &'static str,
    /// One sentence for people.
    pub doc: &'static str,
    /// Where it is defined.
    pub source: &'static str,
    /// What its data consists of, in wire order.
    pub fields: &'static [FieldDef],
}
