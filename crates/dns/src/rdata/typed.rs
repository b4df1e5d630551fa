//! Borrowed readers of record data, for what the server itself understands.

use super::bitmap::TypeBitmap;
use super::field::Field;
use super::{table, wire};
use crate::name::Name;
use crate::rtype::RType;

/// Takes fixed-size fields and names off the front of record data.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (octets, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*octets)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[octet]| octet)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn name(&mut self) -> Option<&'a Name> {
        let (name, rest) = Name::split_from_wire(self.rest).ok()?;
        self.rest = rest;
        Some(name)
    }

    fn behind_length(&mut self) -> Option<&'a [u8]> {
        let octets = wire::char_string(self.rest).ok()?;
        self.rest = self.rest.get(1 + octets.len()..)?;
        Some(octets)
    }
}

/// Start of authority (RFC 1035 3.3.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Soa<'a> {
    /// The primary server.
    pub mname: &'a Name,
    /// The mailbox of the person responsible.
    pub rname: &'a Name,
    /// Serial number.
    pub serial: u32,
    /// Seconds until a secondary asks again.
    pub refresh: u32,
    /// Seconds until a secondary tries again after a failure.
    pub retry: u32,
    /// Seconds after which a secondary gives up.
    pub expire: u32,
    /// Upper bound of the negative TTL in seconds (RFC 2308 4).
    pub minimum: u32,
}

impl<'a> Soa<'a> {
    /// Reads it; `None` if `rdata` is something else.
    pub fn parse(rdata: &'a [u8]) -> Option<Soa<'a>> {
        let mut cursor = Cursor { rest: rdata };
        let soa = Soa {
            mname: cursor.name()?,
            rname: cursor.name()?,
            serial: cursor.u32()?,
            refresh: cursor.u32()?,
            retry: cursor.u32()?,
            expire: cursor.u32()?,
            minimum: cursor.u32()?,
        };
        cursor.rest.is_empty().then_some(soa)
    }
}

/// Delegation signer; CDS and DLV have the same form (RFC 4034 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ds<'a> {
    /// Tag of the key.
    pub key_tag: u16,
    /// Algorithm of the key.
    pub algorithm: u8,
    /// How the digest was made.
    pub digest_type: u8,
    /// The digest, not empty.
    pub digest: &'a [u8],
}

impl<'a> Ds<'a> {
    /// Reads it; `None` if `rdata` is something else.
    pub fn parse(rdata: &'a [u8]) -> Option<Ds<'a>> {
        let mut cursor = Cursor { rest: rdata };
        let (key_tag, algorithm, digest_type) = (cursor.u16()?, cursor.u8()?, cursor.u8()?);
        (!cursor.rest.is_empty()).then_some(Ds { key_tag, algorithm, digest_type, digest: cursor.rest })
    }
}

/// Public key; CDNSKEY and KEY have the same form (RFC 4034 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dnskey<'a> {
    /// Zone key 0x0100, revoked 0x0080, secure entry point 0x0001.
    pub flags: u16,
    /// 3.
    pub protocol: u8,
    /// Algorithm.
    pub algorithm: u8,
    /// The key, not empty.
    pub public_key: &'a [u8],
}

impl<'a> Dnskey<'a> {
    /// Reads it; `None` if `rdata` is something else.
    pub fn parse(rdata: &'a [u8]) -> Option<Dnskey<'a>> {
        let mut cursor = Cursor { rest: rdata };
        let (flags, protocol, algorithm) = (cursor.u16()?, cursor.u8()?, cursor.u8()?);
        (!cursor.rest.is_empty()).then_some(Dnskey { flags, protocol, algorithm, public_key: cursor.rest })
    }
}

/// Signature; SIG has the same form (RFC 4034 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rrsig<'a> {
    /// The type that is signed.
    pub type_covered: RType,
    /// Algorithm of the key.
    pub algorithm: u8,
    /// Labels of the owner, without the root and a wildcard.
    pub labels: u8,
    /// TTL of the signed set in its zone, in seconds.
    pub original_ttl: u32,
    /// End of validity, serial number arithmetic over seconds since 1970.
    pub expiration: u32,
    /// Start of validity.
    pub inception: u32,
    /// Tag of the key.
    pub key_tag: u16,
    /// Owner of the key.
    pub signer: &'a Name,
    /// The signature, not empty.
    pub signature: &'a [u8],
}

impl<'a> Rrsig<'a> {
    /// Reads it; `None` if `rdata` is something else.
    pub fn parse(rdata: &'a [u8]) -> Option<Rrsig<'a>> {
        let mut cursor = Cursor { rest: rdata };
        let rrsig = Rrsig {
            type_covered: RType(cursor.u16()?),
            algorithm: cursor.u8()?,
            labels: cursor.u8()?,
            original_ttl: cursor.u32()?,
            expiration: cursor.u32()?,
            inception: cursor.u32()?,
            key_tag: cursor.u16()?,
            signer: cursor.name()?,
            signature: cursor.rest,
        };
        (!rrsig.signature.is_empty()).then_some(rrsig)
    }
}

/// Next secure name (RFC 4034 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nsec<'a> {
    /// The next owner in canonical order.
    pub next: &'a Name,
    /// The types at this owner.
    pub types: TypeBitmap<'a>,
}

impl<'a> Nsec<'a> {
    /// Reads it; `None` if `rdata` is something else.
    pub fn parse(rdata: &'a [u8]) -> Option<Nsec<'a>> {
        let mut cursor = Cursor { rest: rdata };
        Some(Nsec { next: cursor.name()?, types: TypeBitmap::parse(cursor.rest)? })
    }
}

/// Next secure name, hashed (RFC 5155 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nsec3<'a> {
    /// Hash algorithm.
    pub algorithm: u8,
    /// Opt-out 0x01.
    pub flags: u8,
    /// Additional iterations.
    pub iterations: u16,
    /// Salt.
    pub salt: &'a [u8],
    /// The next hash, not empty.
    pub next_hashed: &'a [u8],
    /// The types at the owner of the hash.
    pub types: TypeBitmap<'a>,
}

impl<'a> Nsec3<'a> {
    /// Reads it; `None` if `rdata` is something else.
    pub fn parse(rdata: &'a [u8]) -> Option<Nsec3<'a>> {
        let mut cursor = Cursor { rest: rdata };
        Some(Nsec3 {
            algorithm: cursor.u8()?,
            flags: cursor.u8()?,
            iterations: cursor.u16()?,
            salt: cursor.behind_length()?,
            next_hashed: cursor.behind_length().filter(|hash| !hash.is_empty())?,
            types: TypeBitmap::parse(cursor.rest)?,
        })
    }
}

/// Parameters of NSEC3 (RFC 5155 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nsec3Param<'a> {
    /// Hash algorithm.
    pub algorithm: u8,
    /// 0.
    pub flags: u8,
    /// Additional iterations.
    pub iterations: u16,
    /// Salt.
    pub salt: &'a [u8],
}

impl<'a> Nsec3Param<'a> {
    /// Reads it; `None` if `rdata` is something else.
    pub fn parse(rdata: &'a [u8]) -> Option<Nsec3Param<'a>> {
        let mut cursor = Cursor { rest: rdata };
        let param = Nsec3Param {
            algorithm: cursor.u8()?,
            flags: cursor.u8()?,
            iterations: cursor.u16()?,
            salt: cursor.behind_length()?,
        };
        cursor.rest.is_empty().then_some(param)
    }
}

/// The name that a record points to, for types that end in one: NS, CNAME, DNAME, PTR, MX, SRV, ...
/// `None` for all others and for data that is not valid.
pub fn target(rtype: RType, rdata: &[u8]) -> Option<&Name> {
    let [before @ .., last] = table::by_type(rtype)?.fields else { return None };
    if !matches!(last.field, Field::Name(_)) {
        return None;
    }
    let mut at = 0;
    for def in before {
        at = wire::field_end(def.field, rdata, at).ok()?;
    }
    Name::from_wire(rdata.get(at..)?).ok()
}
