//! The keys of signing.

use serde_json::Value as Json;
use signer::policy::SigningPolicy as Usual;

use super::period::Period;
use crate::reader::{Node, Reader};
use crate::section::{choice, section};
use crate::value::{At, Int, Kind, Named, Value};

/// The policy that is always there.
pub const DEFAULT_POLICY: &str = "default";

section! {
    /// Signing of zones.
    Dnssec at "dnssec" {
        /// Directory of the keys, in `data_dir`.
        keys_dir: String = "keys".into(),
        /// Policies by name; `default` is always there. A zone names the one that it is signed by.
        policies: Named<SigningPolicy> = Named::default_of(DEFAULT_POLICY, SigningPolicy::default()),
    }
}

section! {
    /// How zones are signed. Durations are seconds, or numbers with units: `90d`, `12h`.
    SigningPolicy at "dnssec.policies.NAME" {
        /// The algorithm of the keys.
        algorithm: SigningAlgorithm = SigningAlgorithm::EcdsaP256Sha256,
        /// Bits of new RSA keys.
        rsa_bits: Int<2048, 4096> = Int(Usual::default().rsa_bits.into()),
        /// One key that signs everything, instead of a key-signing key and a zone-signing key.
        csk: bool = false,
        /// Time after which the key-signing key, or the only key, is replaced (`365d`); 0: never.
        ksk_lifetime: Period = whole(Usual::default().ksk_lifetime_s),
        /// Time after which the zone-signing key is replaced; 0: never.
        zsk_lifetime: Period = whole(Usual::default().zsk_lifetime_s),
        /// How long new signatures are valid.
        signature_lifetime: Period = Period(Usual::default().signature_lifetime_s),
        /// Signatures that are valid for less time than this are made anew.
        signature_refresh: Period = Period(Usual::default().signature_refresh_s),
        /// By up to so much signatures made together end earlier, so that not all are made anew at one time.
        signature_jitter: Period = Period(Usual::default().signature_jitter_s),
        /// So much before they are made signatures begin to be valid, for validators whose clocks are behind.
        inception_offset: Period = Period(Usual::default().inception_offset_s),
        /// TTL of the DNSKEY, CDS and CDNSKEY records.
        dnskey_ttl: Period = Period(Usual::default().dnskey_ttl_s),
        /// Prove with NSEC3 that names are not there, instead of NSEC: without salt and additional iterations (RFC 9276 3.1).
        nsec3: bool = false,
        /// Leave delegations without DS out of the NSEC3 records (RFC 5155 6).
        nsec3_opt_out: bool = false,
        /// Time until a change is served by every name server of the zone.
        propagation: Period = Period(Usual::default().propagation_s),
        /// TTL of the DS records at the parent.
        parent_ds_ttl: Period = Period(Usual::default().parent_ds_ttl_s),
        /// Time until a change of the DS records is served by every name server of the parent.
        parent_propagation: Period = Period(Usual::default().parent_propagation_s),
        /// Name servers of the parent, as addresses with or without port, that are asked for its DS records. Without any
        /// they are looked up, which needs `resolver.enabled`, unless the parent zone is served here.
        parent_servers: Vec<At<String>> = Vec::new(),
        /// Time that is waited longer than the other times say, before a step that others depend on.
        safety: Period = Period(Usual::default().safety_s),
        /// Tell the parent with CDS and CDNSKEY records what its DS records shall be (RFC 7344).
        cds: bool = Usual::default().cds,
        /// Keep a ZONEMD record, a digest of the whole zone (RFC 8976); each change reads the whole zone for it.
        zonemd: bool = Usual::default().zonemd,
    }
}

choice! {
    /// An algorithm to sign with.
    SigningAlgorithm {
        /// ECDSA with P-256 (RFC 6605).
        EcdsaP256Sha256 = "ecdsap256sha256",
        /// ECDSA with P-384 (RFC 6605).
        EcdsaP384Sha384 = "ecdsap384sha384",
        /// Ed25519 (RFC 8080).
        Ed25519 = "ed25519",
        /// RSA (RFC 5702).
        RsaSha256 = "rsasha256",
    }
}

fn whole(seconds: u64) -> Period {
    Period(u32::try_from(seconds).unwrap_or(u32::MAX))
}

/// Name of a policy that a zone is signed by; empty: it is not signed. `off` and `false` in any case are read as empty:
/// YAML has them for the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyName(String);

impl PolicyName {
    /// The name that `text` is.
    pub fn of(text: &str) -> PolicyName {
        let is_off = ["off", "false"].iter().any(|word| word.eq_ignore_ascii_case(text));
        PolicyName(if is_off { String::new() } else { text.to_owned() })
    }

    /// The name; empty: not signed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for PolicyName {
    const KIND: Kind = Kind::Text;

    fn read(&mut self, node: Node<'_>, reader: &mut Reader<'_, '_>) {
        let mut text = String::new();
        text.read(node, reader);
        *self = PolicyName::of(&text);
    }

    fn is_off(&self) -> bool {
        self.0.is_empty()
    }

    fn to_json(&self) -> Json {
        if self.0.is_empty() { "off".into() } else { self.as_str().into() }
    }
}
