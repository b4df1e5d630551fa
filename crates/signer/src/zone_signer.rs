//! What signs a zone now: the private keys in use, the records that the signer itself puts at the apex, and what caches
//! may still hold of former keys.

use std::fmt;
use std::sync::Arc;

use dns::{Name, NameBuf, RType};
use dnssec::key::key_tag;
use dnssec::sign::SigningKey;
use zone::contents::Nsec3Params;

use crate::policy::{DenialMode, SigningPolicy};

/// A private key and the data of its DNSKEY record.
#[derive(Clone)]
pub struct KeyInUse {
    /// The key.
    pub key: Arc<SigningKey>,
    /// The data of its DNSKEY record.
    pub dnskey: Arc<[u8]>,
}

impl KeyInUse {
    /// The key tag and the number of the algorithm.
    pub fn id(&self) -> (u16, u8) {
        (key_tag(&self.dnskey), self.dnskey.get(3).copied().unwrap_or_default())
    }
}

/// A DNSKEY RRset that caches may still hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerKeys {
    /// The data of its records.
    pub dnskeys: Vec<Vec<u8>>,
    /// Until when, in seconds since 1970.
    pub until_s: u64,
}

/// All that signing a zone takes. It is made anew whenever a key changes its state.
#[derive(Clone)]
pub struct ZoneSigner {
    /// The apex.
    pub origin: NameBuf,
    /// How the zone is signed.
    pub policy: Arc<SigningPolicy>,
    /// Keys that sign the DNSKEY, CDS and CDNSKEY RRsets.
    pub key_signers: Vec<KeyInUse>,
    /// Keys that sign all other RRsets.
    pub zone_signers: Vec<KeyInUse>,
    /// The data of the DNSKEY records of our keys that the zone has.
    pub published: Vec<Vec<u8>>,
    /// The data of the DNSKEY records of all our keys. Others in the RRset are those of other signers (RFC 8901).
    pub known: Vec<Vec<u8>>,
    /// The data of the CDS records; empty: none.
    pub cds: Vec<Vec<u8>>,
    /// The data of the CDNSKEY records; empty: none.
    pub cdnskey: Vec<Vec<u8>>,
    /// DS records that the parent publishes, as far as is known.
    pub parent_ds: Vec<Vec<u8>>,
    /// The DS RRsets that name servers of the parent have now, of those that lead to keys of the zone as it is: one that is
    /// wrong already keeps nothing from being changed.
    pub parent_sets: Vec<Vec<Vec<u8>>>,
    /// DNSKEY RRsets that caches may still hold.
    pub former: Vec<FormerKeys>,
}

/// Shows the tags of the keys, and nothing of the private keys.
impl fmt::Debug for ZoneSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = |keys: &[KeyInUse]| keys.iter().map(KeyInUse::id).collect::<Vec<_>>();
        let (keys, zone) = (ids(&self.key_signers), ids(&self.zone_signers));
        write!(f, "ZoneSigner({} keys {keys:?} zone {zone:?})", self.origin)
    }
}

impl ZoneSigner {
    /// The keys that sign an RRset of this type. RFC 7344 4.1: CDS and CDNSKEY are signed by a key that the DS records
    /// name.
    pub fn signers_of(&self, owner: &Name, rtype: RType) -> &[KeyInUse] {
        let is_of_keys = matches!(rtype, RType::DNSKEY | RType::CDS | RType::CDNSKEY) && *owner == *self.origin;
        if is_of_keys { &self.key_signers } else { &self.zone_signers }
    }

    /// Whether it signs at all; a zone that becomes insecure loses its signatures.
    pub fn signs(&self) -> bool {
        !self.zone_signers.is_empty()
    }

    /// The parameters of the chain of NSEC3 records, if the policy wants one.
    pub fn nsec3(&self) -> Option<Nsec3Params> {
        match self.policy.denial {
            DenialMode::Nsec3 { .. } if self.signs() => Some(Nsec3Params { salt: Arc::default(), iterations: 0 }),
            _ => None,
        }
    }

    /// Whether the zone has a ZONEMD record.
    pub fn has_digest(&self) -> bool {
        self.policy.zonemd && self.signs()
    }

    /// Whether delegations without DS have no NSEC3 record.
    pub fn opts_out(&self) -> bool {
        self.policy.denial == DenialMode::Nsec3 { opt_out: true }
    }
}

/// Whether records of this type at this owner are made by the signer alone.
pub fn is_signers_own(origin: &Name, owner: &Name, rtype: RType) -> bool {
    match rtype {
        RType::NSEC | RType::NSEC3 | RType::RRSIG => true,
        RType::NSEC3PARAM | RType::CDS | RType::CDNSKEY | RType::ZONEMD => *owner == *origin,
        _ => false,
    }
}
