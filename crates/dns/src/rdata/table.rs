//! The one table of record types. Wire, zone file, JSON, forms, documentation and the fuzzers'
//! dictionary read it; nothing else says what a type consists of.

pub use super::field::{BitNames, Field, FieldDef, NameRules, Presence, TypeDef};
use super::mnemonics::*;
use crate::rtype::RType;

/// A mnemonic as it is written, which need not be an identifier.
macro_rules! spelling {
    ($mnemonic:ident) => {
        stringify!($mnemonic)
    };
    ($mnemonic:ident $spelled:literal) => {
        $spelled
    };
}

macro_rules! rr_types {
    ($( #[doc = $doc:literal] $mnemonic:ident $(as $spelled:literal)? = $number:literal, $source:literal { $( $name:ident : $field:expr ),* $(,)? } )*) => {
        impl RType {
            $( #[doc = $doc] pub const $mnemonic: RType = RType($number); )*
        }

        /// Every record type that this server knows, by number.
        pub static TYPES: &[TypeDef] = &[ $( TypeDef {
            rtype: RType($number),
            mnemonic: spelling!($mnemonic $($spelled)?),
            doc: $doc.trim_ascii(),
            source: $source,
            fields: {
                #[allow(unused_imports)]
                use self::{BitNames::*, Field::*, NameRules::*, Presence::*};
                &[ $( FieldDef { name: stringify!($name), field: $field } ),* ]
            },
        } ),* ];
    };
}

rr_types! {
    /// IPv4 address.
    A = 1, "RFC 1035 3.4.1" { address: Ipv4 }
    /// Authoritative name server.
    NS = 2, "RFC 1035 3.3.11" { host: Name(Compressed) }
    /// Mail destination, obsolete.
    MD = 3, "RFC 1035 3.3.4" { host: Name(Compressed) }
    /// Mail forwarder, obsolete.
    MF = 4, "RFC 1035 3.3.5" { host: Name(Compressed) }
    /// Canonical name of an alias.
    CNAME = 5, "RFC 1035 3.3.1" { target: Name(Compressed) }
    /// Start of authority.
    SOA = 6, "RFC 1035 3.3.13" { mname: Name(Compressed), rname: Name(Compressed), serial: U32, refresh: Ttl, retry: Ttl, expire: Ttl, minimum: Ttl }
    /// Mailbox host, experimental.
    MB = 7, "RFC 1035 3.3.3" { host: Name(Compressed) }
    /// Member of a mail group, experimental.
    MG = 8, "RFC 1035 3.3.6" { mailbox: Name(Compressed) }
    /// New name of a mailbox, experimental.
    MR = 9, "RFC 1035 3.3.8" { mailbox: Name(Compressed) }
    /// Anything at all, experimental.
    NULL = 10, "RFC 1035 3.3.10" { data: Opaque }
    /// Well-known services, obsolete.
    WKS = 11, "RFC 1035 3.4.2" { address: Ipv4, protocol: Named8(&IP_PROTOCOLS), services: Bits(Ports) }
    /// Pointer to another name.
    PTR = 12, "RFC 1035 3.3.12" { target: Name(Compressed) }
    /// Host information.
    HINFO = 13, "RFC 1035 3.3.2" { cpu: CharString, os: CharString }
    /// Mailbox or mailing list information, experimental.
    MINFO = 14, "RFC 1035 3.3.7" { rmailbx: Name(Compressed), emailbx: Name(Compressed) }
    /// Mail exchange.
    MX = 15, "RFC 1035 3.3.9" { preference: U16, exchange: Name(Compressed) }
    /// Descriptive text.
    TXT = 16, "RFC 1035 3.3.14" { text: CharStrings }
    /// Responsible person.
    RP = 17, "RFC 1183 2.2" { mbox: Name(Lowercased), txt: Name(Lowercased) }
    /// AFS database or authenticated name server.
    AFSDB = 18, "RFC 1183 1" { subtype: U16, host: Name(Lowercased) }
    /// X.25 address.
    X25 = 19, "RFC 1183 3.1" { psdn_address: CharString }
    /// ISDN address.
    ISDN = 20, "RFC 1183 3.2" { address: CharString, subaddress: OptCharString }
    /// Route through an intermediate host.
    RT = 21, "RFC 1183 3.3" { preference: U16, host: Name(Lowercased) }
    /// OSI network address, obsolete.
    NSAP = 22, "RFC 1706 5" { address: Nsap }
    /// Name of an OSI network address, obsolete.
    NSAP_PTR as "NSAP-PTR" = 23, "RFC 1348" { host: Name(Verbatim) }
    /// Signature of a record set before RRSIG; of transactions (SIG(0)).
    SIG = 24, "RFC 2535 4.1, RFC 2931" { type_covered: Type, algorithm: Named8(&ALGORITHMS), labels: U8, original_ttl: U32, expiration: Timestamp, inception: Timestamp, key_tag: U16, signer: Name(Lowercased), signature: Base64(Required) }
    /// Public key of a name.
    KEY = 25, "RFC 2535 3.1, RFC 3445" { flags: U16, protocol: Named8(&KEY_PROTOCOLS), algorithm: Named8(&ALGORITHMS), public_key: Base64(UnlessNoKey) }
    /// X.400 mail mapping.
    PX = 26, "RFC 2163 4" { preference: U16, map822: Name(Lowercased), mapx400: Name(Lowercased) }
    /// Geographical position, obsolete.
    GPOS = 27, "RFC 1712 3" { longitude: CharString, latitude: CharString, altitude: CharString }
    /// IPv6 address.
    AAAA = 28, "RFC 3596 2.2" { address: Ipv6 }
    /// Location on the earth.
    LOC = 29, "RFC 1876 2" { location: Loc }
    /// Next name in a signed zone, before NSEC; obsolete.
    NXT = 30, "RFC 2535 5.2" { next: Name(Lowercased), types: Bits(Types) }
    /// Nimrod endpoint, obsolete.
    EID = 31, "draft-ietf-nimrod-dns-01" { endpoint: Hex(Required) }
    /// Nimrod locator, obsolete.
    NIMLOC = 32, "draft-ietf-nimrod-dns-01" { locator: Hex(Required) }
    /// Service location.
    SRV = 33, "RFC 2782" { priority: U16, weight: U16, port: U16, target: Name(Lowercased) }
    /// ATM address, obsolete.
    ATMA = 34, "ATM Forum af-dans-0152.000" { data: Opaque }
    /// Naming authority pointer.
    NAPTR = 35, "RFC 3403 4.1" { order: U16, preference: U16, flags: CharString, services: CharString, regexp: CharString, replacement: Name(Lowercased) }
    /// Key exchanger.
    KX = 36, "RFC 2230 3.1" { preference: U16, exchanger: Name(Lowercased) }
    /// Certificate or certificate revocation list.
    CERT = 37, "RFC 4398 2" { cert_type: Named16(&CERT_TYPES), key_tag: U16, algorithm: Named8(&CERT_ALGORITHMS), certificate: Base64(Required) }
    /// Part of an IPv6 address, historic.
    A6 = 38, "RFC 2874 3.1" { prefix_length: U8, suffix: A6Suffix, prefix: A6Prefix }
    /// Redirection of a subtree.
    DNAME = 39, "RFC 6672 2.1" { target: Name(Lowercased) }
    /// Anything at all, never standardised.
    SINK = 40, "draft-eastlake-kitchen-sink-02" { meaning: U8, coding: U8, subcoding: U8, content: Base64(Optional) }
    /// Lists of address prefixes.
    APL = 42, "RFC 3123 4" { prefixes: Apl }
    /// Delegation signer.
    DS = 43, "RFC 4034 5.1" { key_tag: U16, algorithm: Named8(&ALGORITHMS), digest_type: U8, digest: Hex(Required) }
    /// SSH key fingerprint.
    SSHFP = 44, "RFC 4255 3.1" { algorithm: U8, fingerprint_type: U8, fingerprint: Hex(Required) }
    /// IPsec public key and gateway.
    IPSECKEY = 45, "RFC 4025 2" { precedence: U8, gateway_type: U8, algorithm: U8, gateway: Gateway(0xff), public_key: Base64(IfAlgorithm) }
    /// Signature of an RRset.
    RRSIG = 46, "RFC 4034 3.1" { type_covered: Type, algorithm: Named8(&ALGORITHMS), labels: U8, original_ttl: U32, expiration: Timestamp, inception: Timestamp, key_tag: U16, signer: Name(Lowercased), signature: Base64(Required) }
    /// Next secure name.
    NSEC = 47, "RFC 4034 4.1" { next: Name(Verbatim), types: Bitmap }
    /// Public key of a zone.
    DNSKEY = 48, "RFC 4034 2.1" { flags: U16, protocol: U8, algorithm: Named8(&ALGORITHMS), public_key: Base64(Required) }
    /// DHCP client identifier.
    DHCID = 49, "RFC 4701 3.1" { identifier: Base64(Required) }
    /// Next secure name, hashed.
    NSEC3 = 50, "RFC 5155 3.2" { algorithm: U8, flags: U8, iterations: U16, salt: Salt, next_hashed: Base32Hex, types: Bitmap }
    /// Parameters of NSEC3.
    NSEC3PARAM = 51, "RFC 5155 4.2" { algorithm: U8, flags: U8, iterations: U16, salt: Salt }
    /// Certificate of a TLS service.
    TLSA = 52, "RFC 6698 2.1" { usage: Named8(&TLSA_USAGES), selector: Named8(&TLSA_SELECTORS), matching_type: Named8(&TLSA_MATCHING), certificate: Hex(Required) }
    /// Certificate of a mail user.
    SMIMEA = 53, "RFC 8162 2" { usage: Named8(&TLSA_USAGES), selector: Named8(&TLSA_SELECTORS), matching_type: Named8(&TLSA_MATCHING), certificate: Hex(Required) }
    /// Host identity.
    HIP = 55, "RFC 8005 5" { algorithm: HipAlgorithm, hit: HipTag, public_key: HipKey, servers: Names(Verbatim) }
    /// State of a zone, for people.
    NINFO = 56, "IANA DNS parameters, expert review" { text: CharStrings }
    /// Key for encrypted data.
    RKEY = 57, "IANA DNS parameters, expert review" { flags: U16, protocol: U8, algorithm: Named8(&ALGORITHMS), public_key: Base64(Required) }
    /// Links in the history of trust anchors.
    TALINK = 58, "IANA DNS parameters, expert review" { previous: Name(Verbatim), next: Name(Verbatim) }
    /// What the parent's DS set should be.
    CDS = 59, "RFC 7344 3.1" { key_tag: U16, algorithm: Named8(&ALGORITHMS), digest_type: U8, digest: Hex(OrDeletion) }
    /// The keys from which the parent's DS set should be made.
    CDNSKEY = 60, "RFC 7344 3.2" { flags: U16, protocol: U8, algorithm: Named8(&ALGORITHMS), public_key: Base64(OrDeletion) }
    /// OpenPGP key of a mail user.
    OPENPGPKEY = 61, "RFC 7929 2.1" { public_key: Base64(Required) }
    /// Child records that the parent should copy.
    CSYNC = 62, "RFC 7477 2.1" { serial: U32, flags: U16, types: Bitmap }
    /// Digest of the whole zone.
    ZONEMD = 63, "RFC 8976 2.2" { serial: U32, scheme: U8, algorithm: U8, digest: Hex(Required) }
    /// Service binding.
    SVCB = 64, "RFC 9460 2" { priority: U16, target: Name(Verbatim), params: SvcParams }
    /// Service binding for HTTPS.
    HTTPS = 65, "RFC 9460 9" { priority: U16, target: Name(Verbatim), params: SvcParams }
    /// Where a child tells its parent about changes.
    DSYNC = 66, "RFC 9859 2.1" { rrtype: Type, scheme: Named8(&DSYNC_SCHEMES), port: U16, target: Name(Verbatim) }
    /// Host identity of a drone.
    HHIT = 67, "RFC 9886" { identity: Base64(Required) }
    /// Broadcast identity of a drone.
    BRID = 68, "RFC 9886" { identity: Base64(Required) }
    /// Sender policy, historic.
    SPF = 99, "RFC 7208 14.1" { text: CharStrings }
    /// User information, reserved.
    UINFO = 100, "IANA DNS parameters, reserved" { data: Opaque }
    /// User identifier, reserved.
    UID = 101, "IANA DNS parameters, reserved" { data: Opaque }
    /// Group identifier, reserved.
    GID = 102, "IANA DNS parameters, reserved" { data: Opaque }
    /// Anything unspecified, reserved.
    UNSPEC = 103, "IANA DNS parameters, reserved" { data: Opaque }
    /// Node identifier (ILNP).
    NID = 104, "RFC 6742 2.1" { preference: U16, node_id: Locator64 }
    /// 32-bit locator (ILNP).
    L32 = 105, "RFC 6742 2.2" { preference: U16, locator: Ipv4 }
    /// 64-bit locator (ILNP).
    L64 = 106, "RFC 6742 2.3" { preference: U16, locator: Locator64 }
    /// Name of locators (ILNP).
    LP = 107, "RFC 6742 2.4" { preference: U16, target: Name(Verbatim) }
    /// 48-bit hardware address.
    EUI48 = 108, "RFC 7043 3" { address: Eui(6) }
    /// 64-bit hardware address.
    EUI64 = 109, "RFC 7043 4" { address: Eui(8) }
    /// Uniform resource identifier.
    URI = 256, "RFC 7553 4" { priority: U16, weight: U16, target: TextRest }
    /// Certification authority authorization.
    CAA = 257, "RFC 8659 4.1" { flags: U8, tag: Tag, value: TextRest }
    /// Visibility and control of an application.
    AVC = 258, "IANA DNS parameters, expert review" { text: CharStrings }
    /// Digital object.
    DOA = 259, "draft-durand-doa-over-dns-02" { enterprise: U32, object_type: U32, location: U8, media_type: CharString, content: Base64(Optional) }
    /// Relay for automatic multicast tunnelling.
    AMTRELAY = 260, "RFC 8777 4.2" { precedence: U8, discovery_optional: TopBit, relay_type: Low7, relay: Gateway(0x7f) }
    /// What a resolver is able to do.
    RESINFO = 261, "RFC 9606 5" { text: CharStrings }
    /// Public wallet address.
    WALLET = 262, "IANA DNS parameters, expert review" { text: CharStrings }
    /// Convergence layer adapter of a bundle protocol node.
    CLA = 263, "IANA DNS parameters, expert review" { text: CharStrings }
    /// Number of a bundle protocol node.
    IPN = 264, "IANA DNS parameters, expert review" { data: Opaque }
    /// DNSSEC trust authority, before the root was signed.
    TA = 32768, "IANA DNS parameters, expert review" { key_tag: U16, algorithm: Named8(&ALGORITHMS), digest_type: U8, digest: Hex(Required) }
    /// DNSSEC lookaside validation, historic.
    DLV = 32769, "RFC 4431 2" { key_tag: U16, algorithm: Named8(&ALGORITHMS), digest_type: U8, digest: Hex(Required) }
}

/// Numbers below this are looked up in an array.
const INDEXED: usize = 265;

/// Position in `TYPES` plus one, by number; 0 for the unknown.
static BY_NUMBER: [u8; INDEXED] = {
    let mut index = [0; INDEXED];
    let mut i = 0;
    while i < TYPES.len() {
        let number = TYPES[i].rtype.0 as usize;
        if number < INDEXED {
            index[number] = i as u8 + 1;
        }
        i += 1;
    }
    index
};

/// The definition of a type; `None` for the unknown (RFC 3597).
#[inline]
pub fn by_type(rtype: RType) -> Option<&'static TypeDef> {
    match BY_NUMBER.get(rtype.0 as usize) {
        Some(0) => None,
        Some(&position) => TYPES.get(position as usize - 1),
        None => TYPES.iter().rev().find(|def| def.rtype == rtype),
    }
}

/// Slots of the mnemonics' hash table, a power of two with room to spare.
const SLOTS: usize = 256;

/// Position in `TYPES` plus one, by hash of the mnemonic, collisions in the next free slot.
static BY_MNEMONIC: [u8; SLOTS] = {
    let mut slots = [0; SLOTS];
    let mut i = 0;
    while i < TYPES.len() {
        let mut slot = slot_of(TYPES[i].mnemonic.as_bytes());
        while slots[slot] != 0 {
            slot = (slot + 1) % SLOTS;
        }
        slots[slot] = i as u8 + 1;
        i += 1;
    }
    slots
};

/// Where a mnemonic of any case has its place.
#[inline]
const fn slot_of(text: &[u8]) -> usize {
    let mut key = text.len() as u64;
    let mut i = 0;
    while i < text.len() {
        // The bit that tells upper from lower case is set in all.
        key = key.rotate_left(8) ^ (text[i] | 0x20) as u64;
        i += 1;
    }
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize % SLOTS
}

/// Longest mnemonic; longer text is not looked up.
const MAX_MNEMONIC: usize = 16;

/// The definition of the type with this mnemonic, case ignored.
#[inline]
pub fn by_mnemonic(text: &[u8]) -> Option<&'static TypeDef> {
    if text.len() > MAX_MNEMONIC {
        return None;
    }
    let mut slot = slot_of(text);
    // The table is never full, so an empty slot ends the walk.
    while let position @ 1.. = BY_MNEMONIC[slot] {
        let def = &TYPES[position as usize - 1];
        if text.eq_ignore_ascii_case(def.mnemonic.as_bytes()) {
            return Some(def);
        }
        slot = (slot + 1) % SLOTS;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookups_find_every_type() {
        for def in TYPES {
            assert_eq!(by_type(def.rtype), Some(def));
            assert_eq!(by_mnemonic(def.mnemonic.as_bytes()), Some(def));
            assert_eq!(by_mnemonic(def.mnemonic.to_ascii_lowercase().as_bytes()), Some(def));
            assert!(def.mnemonic.len() <= MAX_MNEMONIC && !def.doc.is_empty());
        }
        for text in ["", "B", "AA", "\0A", "TYPE1", "NSEC3PARAMX", "AAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(by_mnemonic(text.as_bytes()), None, "{text}");
        }
        for number in [0, 69, 128, 265, 32770, 65535] {
            assert_eq!(by_type(RType(number)), None, "{number}");
        }
    }

    #[test]
    fn types_are_sorted_and_small_enough_for_the_index() {
        assert!(TYPES.is_sorted_by(|a, b| a.rtype.0 < b.rtype.0));
        assert!(TYPES.len() < 200);
    }
}
