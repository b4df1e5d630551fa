//! The one table of record types. Wire, zone file, JSON, forms, documentation and the fuzzers'
//! dictionary read it; nothing else says what a type consists of.

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
    /// A duration in seconds; zone files may use units (RFC 2308 4, as BIND does).
    Ttl,
    /// A domain name.
    Name(NameRules),
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// One <character-string> (RFC 1035 3.3).
    CharString,
    /// One or more <character-string>s up to the end.
    CharStrings,
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

macro_rules! rr_types {
    ($( #[doc = $doc:literal] $mnemonic:ident = $number:literal, $source:literal { $( $name:ident : $field:expr ),* $(,)? } )*) => {
        impl RType {
            $( #[doc = $doc] pub const $mnemonic: RType = RType($number); )*
        }

        /// Every record type that this server knows, by number.
        pub static TYPES: &[TypeDef] = &[ $( TypeDef {
            rtype: RType($number),
            mnemonic: stringify!($mnemonic),
            doc: $doc.trim_ascii(),
            source: $source,
            fields: { use self::Field::*; use self::NameRules::*; &[ $( FieldDef { name: stringify!($name), field: $field } ),* ] },
        } ),* ];
    };
}

rr_types! {
    /// IPv4 address.
    A = 1, "RFC 1035 3.4.1" { address: Ipv4 }
    /// Authoritative name server.
    NS = 2, "RFC 1035 3.3.11" { host: Name(Compressed) }
    /// Canonical name of an alias.
    CNAME = 5, "RFC 1035 3.3.1" { target: Name(Compressed) }
    /// Start of authority.
    SOA = 6, "RFC 1035 3.3.13" { mname: Name(Compressed), rname: Name(Compressed), serial: U32, refresh: Ttl, retry: Ttl, expire: Ttl, minimum: Ttl }
    /// Mail exchange.
    MX = 15, "RFC 1035 3.3.9" { preference: U16, exchange: Name(Compressed) }
    /// Descriptive text.
    TXT = 16, "RFC 1035 3.3.14" { text: CharStrings }
    /// IPv6 address.
    AAAA = 28, "RFC 3596 2.2" { address: Ipv6 }
    /// Service location.
    SRV = 33, "RFC 2782" { priority: U16, weight: U16, port: U16, target: Name(Lowercased) }
    /// Redirection of a subtree.
    DNAME = 39, "RFC 6672 2.1" { target: Name(Lowercased) }
    /// Delegation signer.
    DS = 43, "RFC 4034 5.1" { }
    /// Signature of an RRset.
    RRSIG = 46, "RFC 4034 3.1" { }
    /// Next secure name.
    NSEC = 47, "RFC 4034 4.1" { }
    /// Public key of a zone.
    DNSKEY = 48, "RFC 4034 2.1" { }
    /// Next secure name, hashed.
    NSEC3 = 50, "RFC 5155 3.2" { }
    /// Parameters of NSEC3.
    NSEC3PARAM = 51, "RFC 5155 4.2" { }
}

/// The definition of a type; `None` for the unknown (RFC 3597).
pub fn by_type(rtype: RType) -> Option<&'static TypeDef> {
    TYPES.iter().find(|def| def.rtype == rtype)
}

/// The definition of the type with this mnemonic, case ignored.
pub fn by_mnemonic(text: &[u8]) -> Option<&'static TypeDef> {
    TYPES.iter().find(|def| text.eq_ignore_ascii_case(def.mnemonic.as_bytes()))
}
