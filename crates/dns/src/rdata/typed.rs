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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rdata::text;
    use crate::scan::Scanner;

    fn rdata(rtype: RType, source: &str) -> Vec<u8> {
        let mut out = Vec::new();
        text::scan(rtype, &mut Scanner::new(source.as_bytes()), Name::root(), &mut out).expect(source);
        out
    }

    #[test]
    fn readers() {
        let data = rdata(RType::SOA, "ns. host. 1 2 3 4 5");
        let soa = Soa::parse(&data).expect("SOA");
        assert_eq!((soa.mname.to_string(), soa.rname.to_string()), ("ns.".into(), "host.".into()));
        assert_eq!((soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum), (1, 2, 3, 4, 5));

        let data = rdata(RType::DS, "60485 5 1 2BB1");
        let ds = Ds { key_tag: 60485, algorithm: 5, digest_type: 1, digest: &[0x2b, 0xb1] };
        assert_eq!(Ds::parse(&data), Some(ds));

        let data = rdata(RType::DNSKEY, "257 3 13 AQI=");
        let key = Dnskey { flags: 257, protocol: 3, algorithm: 13, public_key: &[1, 2] };
        assert_eq!(Dnskey::parse(&data), Some(key));

        let data = rdata(RType::RRSIG, "MX 13 2 3600 20 10 4711 a. AQI=");
        let sig = Rrsig::parse(&data).expect("RRSIG");
        assert_eq!((sig.type_covered, sig.algorithm, sig.labels, sig.original_ttl), (RType::MX, 13, 2, 3600));
        assert_eq!((sig.expiration, sig.inception, sig.key_tag), (20, 10, 4711));
        assert_eq!((sig.signer.to_string(), sig.signature), ("a.".into(), &[1, 2][..]));

        let data = rdata(RType::NSEC, "b. A MX");
        let nsec = Nsec::parse(&data).expect("NSEC");
        assert!(nsec.next.to_string() == "b." && nsec.types.iter().eq([RType::A, RType::MX]));

        let data = rdata(RType::NSEC3, "1 1 5 AB 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR A");
        let nsec3 = Nsec3::parse(&data).expect("NSEC3");
        assert_eq!((nsec3.algorithm, nsec3.flags, nsec3.iterations, nsec3.salt), (1, 1, 5, &[0xab][..]));
        assert!(nsec3.next_hashed.len() == 20 && nsec3.types.contains(RType::A));

        let data = rdata(RType::NSEC3PARAM, "1 0 5 AB");
        let param = Nsec3Param { algorithm: 1, flags: 0, iterations: 5, salt: &[0xab] };
        assert_eq!(Nsec3Param::parse(&data), Some(param));
    }

    #[test]
    fn no_reader_takes_cut_or_longer_data() {
        let soa = rdata(RType::SOA, "ns. host. 1 2 3 4 5");
        assert!((0..soa.len()).all(|len| Soa::parse(&soa[..len]).is_none()));
        assert_eq!(Soa::parse(&[&soa[..], &[0]].concat()), None);
        let param = rdata(RType::NSEC3PARAM, "1 0 5 AB");
        assert!((0..param.len()).all(|len| Nsec3Param::parse(&param[..len]).is_none()));
        assert_eq!(Nsec3Param::parse(&[&param[..], &[0]].concat()), None);
    }

    #[test]
    fn targets() {
        let check = |rtype, source: &str, want: Option<&str>| {
            let data = rdata(rtype, source);
            assert_eq!(target(rtype, &data).map(|name| name.to_string()).as_deref(), want, "{rtype} {source}");
        };
        check(RType::NS, "a.", Some("a."));
        check(RType::MX, "1 a.", Some("a."));
        check(RType::SRV, "1 2 3 a.", Some("a."));
        check(RType::NAPTR, "1 2 \"\" \"\" \"\" a.", Some("a."));
        check(RType::SOA, "a. b. 1 2 3 4 5", None);
        check(RType::HTTPS, "1 a.", None);
        check(RType::TXT, "a", None);
        assert_eq!(target(RType::NS, b"\x01a"), None);
        assert_eq!(target(RType(65280), b"\x01a\0"), None);
    }
}
