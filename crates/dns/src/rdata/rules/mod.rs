//! Rules of record types beyond the form of their data: lengths that follow from an algorithm, fields that need one
//! another, records that must be the only one of their RRset.
//!
//! [`wire::validate`] decides what can be held and served, and transferred records must pass it. Records from a zone file,
//! the API or an update must also pass [`check`], because their author can still correct them. In transferred records,
//! what fails it is a warning (`zone::check`).

mod key;

use std::fmt;

use super::typed::{Ds, Nsec3, Rrsig};
use super::{svcb, wire};
use crate::name::Name;
use crate::rtype::RType;

/// How much a fault matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// The record is of no use, or misleads: it is refused where it is written.
    Forbidden,
    /// The record is served, and its owner is told.
    Odd,
}

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// How much it matters.
    pub weight: Weight,
    /// What it is.
    kind: Kind,
    /// The rule.
    source: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// What it is that has another length, the length it should have and the one it has, in octets.
    Length(&'static str, usize, usize),
    /// The rule that is broken.
    Rule(&'static str),
}

impl Fault {
    fn length(what: &'static str, want: usize, found: usize, source: &'static str) -> Result<(), Fault> {
        if want == found {
            return Ok(());
        }
        Err(Fault { weight: Weight::Forbidden, kind: Kind::Length(what, want, found), source })
    }

    fn rule(what: &'static str, source: &'static str) -> Fault {
        Fault { weight: Weight::Forbidden, kind: Kind::Rule(what), source }
    }

    fn odd(what: &'static str, source: &'static str) -> Fault {
        Fault { weight: Weight::Odd, ..Fault::rule(what, source) }
    }

    /// The fault, where it is one for which a record is refused.
    pub fn refuses(self) -> Option<Fault> {
        (self.weight == Weight::Forbidden).then_some(self)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Length(what, want, found) => write!(f, "{what} has {want} octets, not {found} ({})", self.source),
            Kind::Rule(what) => write!(f, "{what} ({})", self.source),
        }
    }
}

/// The text of a fault is an error's message.
impl std::error::Error for Fault {}

/// `fault` unless `holds`.
fn require(holds: bool, fault: Fault) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(fault) }
}

/// What a type demands of a record, given its owner and its data, which is valid. A rule allocates nothing.
pub type Rule = fn(&Name, &[u8]) -> Result<(), Fault>;

/// Whether a record, whose data is valid, keeps the rules of its type.
///
/// # Errors
/// The first rule that it breaks.
pub fn check(owner: &Name, rtype: RType, rdata: &[u8]) -> Result<(), Fault> {
    of(rtype).map_or(Ok(()), |rule| rule(owner, rdata))
}

/// The rules of a type; `None` if there are none.
#[inline]
pub fn of(rtype: RType) -> Option<Rule> {
    Some(match rtype {
        RType(0) => |_, _| Err(Fault::rule("type 0 is reserved: no record has it", "RFC 6895 3.1")),
        RType::X25 => |_, rdata| x25(rdata),
        RType::LOC => |_, rdata| known_form(RType::LOC, rdata),
        RType::CERT => |_, rdata| certificate(rdata),
        RType::APL => |_, rdata| known_form(RType::APL, rdata),
        RType::DS | RType::DLV | RType::TA => |_, rdata| digest(rdata),
        RType::SSHFP => |_, rdata| fingerprint(rdata),
        RType::IPSECKEY => |_, rdata| ipsec_key(rdata),
        RType::RRSIG => |_, rdata| signature(rdata),
        RType::DNSKEY => |_, rdata| key::check(rdata),
        RType::DHCID => |_, rdata| dhcid(rdata),
        RType::NSEC3 => hashed_owner,
        RType::TLSA | RType::SMIMEA => |_, rdata| association(rdata),
        RType::CDS => |_, rdata| deletion(rdata, CDS_DELETION).unwrap_or_else(|| digest(rdata)),
        RType::CDNSKEY => |_, rdata| deletion(rdata, CDNSKEY_DELETION).unwrap_or_else(|| key::check(rdata)),
        RType::ZONEMD => |_, rdata| zone_digest(rdata),
        RType::SVCB | RType::HTTPS => service,
        RType::URI => |_, rdata| uri(rdata),
        RType::CAA => |_, rdata| known_form(RType::CAA, rdata),
        RType::AMTRELAY => |_, rdata| known_form(RType::AMTRELAY, rdata),
        _ => return None,
    })
}

/// What is wrong with a record as soon as there is another one of its owner and type; `None` if nothing is.
pub fn needs_to_be_alone(rtype: RType, rdata: &[u8]) -> Option<Fault> {
    let deletion = Fault::rule("a record that asks for deletion (algorithm 0) must be the only one", "RFC 8078 4");
    match rtype {
        RType::CDS => (rdata == CDS_DELETION).then_some(deletion),
        RType::CDNSKEY => (rdata == CDNSKEY_DELETION).then_some(deletion),
        RType::MX => (rdata == NULL_MX).then_some(Fault::rule(
            "`0 .`, which says that there is no mail, must be the only MX record",
            "RFC 7505 3",
        )),
        _ => None,
    }
}

/// The MX record of a domain that takes no mail.
const NULL_MX: &[u8] = &[0, 0, 0];
/// The one CDS record that asks for the deletion of the DS set.
const CDS_DELETION: &[u8] = &[0, 0, 0, 0, 0];
/// The same as CDNSKEY record.
const CDNSKEY_DELETION: &[u8] = &[0, 0, 3, 0, 0];

/// What is said of a record whose algorithm, in the fourth octet, is that of a deletion; `None` for all others.
fn deletion(rdata: &[u8], form: &[u8]) -> Option<Result<(), Fault>> {
    // CDS has the algorithm in the third octet, CDNSKEY in the fourth.
    let at = if form == CDS_DELETION { 2 } else { 3 };
    let fault =
        Fault::rule("algorithm 0 asks for deletion: exactly `0 0 0 00` as CDS, `0 3 0 AA==` as CDNSKEY", "RFC 8078 4");
    (rdata.get(at) == Some(&0)).then(|| require(rdata == form, fault))
}

/// RFC 4034 5.1.4 and the documents of the other digest types.
fn digest(rdata: &[u8]) -> Result<(), Fault> {
    let Some(ds) = Ds::parse(rdata) else { return Ok(()) };
    let (what, len, source) = match ds.digest_type {
        1 => ("a SHA-1 digest", 20, "RFC 4034 5.1.4"),
        2 => ("a SHA-256 digest", 32, "RFC 4509 2.2"),
        3 => ("a digest by GOST R 34.11-94", 32, "RFC 5933 4"),
        4 => ("a SHA-384 digest", 48, "RFC 6605 2"),
        5 => ("a digest by GOST R 34.11-2012", 32, "RFC 9558 4"),
        6 => ("an SM3 digest", 32, "RFC 9563 4"),
        _ => return Ok(()),
    };
    Fault::length(what, len, ds.digest.len(), source)
}

fn fingerprint(rdata: &[u8]) -> Result<(), Fault> {
    let &[_, kind, ref fingerprint @ ..] = rdata else { return Ok(()) };
    match kind {
        1 => Fault::length("a SHA-1 fingerprint", 20, fingerprint.len(), "RFC 4255 3.1.2"),
        2 => Fault::length("a SHA-256 fingerprint", 32, fingerprint.len(), "RFC 6594 4.1"),
        _ => Ok(()),
    }
}

fn association(rdata: &[u8]) -> Result<(), Fault> {
    let &[_, _, matching, ref data @ ..] = rdata else { return Ok(()) };
    match matching {
        1 => Fault::length("a SHA-256 hash (matching type 1)", 32, data.len(), "RFC 6698 2.1.3"),
        2 => Fault::length("a SHA-512 hash (matching type 2)", 64, data.len(), "RFC 6698 2.1.3"),
        _ => Ok(()),
    }
}

/// Shortest digest of any algorithm (RFC 8976 2.2.4).
const MIN_ZONE_DIGEST_LEN: usize = 12;

fn zone_digest(rdata: &[u8]) -> Result<(), Fault> {
    let &[_, _, _, _, _, algorithm, ref digest @ ..] = rdata else { return Ok(()) };
    match algorithm {
        1 => Fault::length("a SHA-384 digest", 48, digest.len(), "RFC 8976 2.2.4"),
        2 => Fault::length("a SHA-512 digest", 64, digest.len(), "RFC 8976 2.2.4"),
        _ => require(
            digest.len() >= MIN_ZONE_DIGEST_LEN,
            Fault::rule("a digest of a zone has 12 octets at least", "RFC 8976 2.2.4"),
        ),
    }
}

fn dhcid(rdata: &[u8]) -> Result<(), Fault> {
    match *rdata {
        // Two octets of identifier type, one of digest type.
        [_, _, 1, ref digest @ ..] => Fault::length("a SHA-256 digest", 32, digest.len(), "RFC 4701 3.4"),
        [_, _, _, ..] => Ok(()),
        _ => Err(Fault::odd("an identifier has two octets of type and one of digest type", "RFC 4701 3.1")),
    }
}

fn uri(rdata: &[u8]) -> Result<(), Fault> {
    // Priority and weight come first.
    require(rdata.len() > 4, Fault::rule("the target of a URI record is not empty", "RFC 7553 4.4"))
}

/// RFC 1183 3.1: decimal digits, the first four of which are a network's code.
fn x25(rdata: &[u8]) -> Result<(), Fault> {
    let address = wire::char_string(rdata).unwrap_or_default();
    let is_address = address.len() >= 4 && address.iter().all(u8::is_ascii_digit);
    require(is_address, Fault::rule("an X.25 address is at least four decimal digits", "RFC 1183 3.1"))
}

/// RFC 4398 2.1: private types say first whose they are, and a fingerprint has its length in front.
fn certificate(rdata: &[u8]) -> Result<(), Fault> {
    let &[high, low, _, _, _, ref certificate @ ..] = rdata else { return Ok(()) };
    match u16::from_be_bytes([high, low]) {
        6 => {
            let fits = certificate.first().is_some_and(|&len| usize::from(len) < certificate.len());
            require(
                fits,
                Fault::rule(
                    "an IPGP certificate begins with the length of a fingerprint and the fingerprint",
                    "RFC 4398 3.3",
                ),
            )
        }
        253 => require(
            certificate.contains(&0),
            Fault::rule("a certificate of type URI begins with a URI that ends in a zero octet", "RFC 4398 2.1"),
        ),
        254 => require(
            key::begins_with_oid(certificate),
            Fault::rule("a certificate of type OID begins with a length and an object identifier", "RFC 4398 2.1"),
        ),
        _ => Ok(()),
    }
}

fn ipsec_key(rdata: &[u8]) -> Result<(), Fault> {
    known_form(RType::IPSECKEY, rdata)?;
    let (Some(&algorithm), Ok(Some(key))) = (rdata.get(2), wire::last_field(RType::IPSECKEY, rdata)) else {
        return Ok(());
    };
    match algorithm {
        0 => Ok(()),
        _ if key.is_empty() => {
            Err(Fault::rule("an algorithm other than 0 says that there is a public key", "RFC 4025 2.4"))
        }
        1 => require(key::is_dsa(key), Fault::odd("a DSA key has the form of RFC 2536", "RFC 4025 2.6")),
        2 => require(
            key::rsa_modulus(key).is_some(),
            Fault::odd("an RSA key is the length of the exponent, the exponent and the modulus", "RFC 4025 2.6"),
        ),
        _ => Ok(()),
    }
}

fn signature(rdata: &[u8]) -> Result<(), Fault> {
    let covered = Rrsig::parse(rdata).map(|rrsig| rrsig.type_covered);
    require(covered != Some(RType::RRSIG), Fault::rule("RRSIG records are not signed themselves", "RFC 4035 2.2"))
}

/// Octets of the only hash of NSEC3 (RFC 5155 11).
const SHA1_LEN: usize = 20;
/// The same as label, in base32hex without padding.
const SHA1_LABEL_LEN: usize = 32;

/// RFC 5155 3: the owner is the hash of a name.
fn hashed_owner(owner: &Name, rdata: &[u8]) -> Result<(), Fault> {
    let Some(nsec3) = Nsec3::parse(rdata).filter(|nsec3| nsec3.algorithm == 1) else { return Ok(()) };
    Fault::length("a SHA-1 hash", SHA1_LEN, nsec3.next_hashed.len(), "RFC 5155 3.1.7")?;
    let is_digit = |byte: &u8| byte.is_ascii_digit() || matches!(byte.to_ascii_lowercase(), b'a'..=b'v');
    let is_hash =
        owner.labels().next().is_some_and(|label| label.len() == SHA1_LABEL_LEN && label.iter().all(is_digit));
    require(
        is_hash,
        Fault::rule("the owner of an NSEC3 record begins with a hash, 32 digits of base32hex", "RFC 5155 3"),
    )
}

/// RFC 9460: parameters of a form that clients take, and that do not contradict one another.
fn service(owner: &Name, rdata: &[u8]) -> Result<(), Fault> {
    let Ok((_, params)) = rdata.get(2..).map_or(Ok((owner, rdata)), Name::split_from_wire) else { return Ok(()) };
    if svcb::check(params).is_err() {
        return Err(Fault::rule(
            "the parameters ascend, each once, with values of their form, and the mandatory ones are there",
            "RFC 9460 2.2, 8",
        ));
    }
    let value = |wanted: u16| svcb::params(params).find(|(key, _)| *key == wanted).map(|(_, value)| value);
    if value(svcb::NO_DEFAULT_ALPN).is_some() && value(svcb::ALPN).is_none() {
        return Err(Fault::rule("no-default-alpn needs alpn beside it", "RFC 9460 7.1.1"));
    }
    if rdata.starts_with(&[0, 0]) && !params.is_empty() {
        return Err(Fault::odd("an alias (priority 0) has no parameters: clients ignore them", "RFC 9460 2.4.2"));
    }
    if value(svcb::ECH).is_some_and(|list| !svcb::is_ech_list(list)) {
        return Err(Fault::odd("the value of ech is no list of configurations", "RFC 9848 3"));
    }
    let speaks_http =
        value(svcb::ALPN).is_some_and(|ids| svcb::alpn_ids(ids).any(|id| id.starts_with(b"h2") || id == b"h3"));
    let is_dns = owner.labels().any(|label| label.eq_ignore_ascii_case(b"_dns"));
    let silent = is_dns && speaks_http && value(svcb::DOHPATH).is_none();
    require(!silent, Fault::odd("a DNS server that speaks HTTP has dohpath", "RFC 9461 5"))
}

/// What only the generic form can bring: data of a form that no client knows.
fn known_form(rtype: RType, rdata: &[u8]) -> Result<(), Fault> {
    if wire::has_known_form(rtype, rdata).is_ok() {
        return Ok(());
    }
    Err(match rtype {
        RType::CAA => Fault::rule("a tag is letters and digits", "RFC 8659 4.1"),
        RType::IPSECKEY => Fault::rule(
            "the gateway is of a known type, and there is a key only with an algorithm",
            "RFC 4025 2.3, 2.4",
        ),
        RType::AMTRELAY => Fault::odd("the relay is of no known type", "RFC 8777 4.2.3"),
        RType::LOC => Fault::odd("the location is of no known version, or out of range", "RFC 1876 2"),
        _ => Fault::odd("an address prefix is of no known family, or out of range", "RFC 3123 4"),
    })
}
