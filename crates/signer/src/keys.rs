//! The keys of a zone and how far each has come: a JSON document of the journal. Fields that are not known are left out,
//! fields that are missing have the values of [`Default`].
//!
//! A key has four elements, each of which caches may or may not have: its DNSKEY record, its signature over the DNSKEY
//! RRset, its signatures over the other RRsets, and its DS record at the parent. What moves them is [`crate::timeline`].

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dnssec::algorithm::Algorithm;
use dnssec::key::key_tag;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most keys of a zone, those that are on their way out included.
pub const MAX_KEYS: usize = 32;
/// Octets of the data of a DNSKEY record before the key: flags, protocol, algorithm (RFC 4034 2.1).
const HEADER_LEN: usize = 4;
/// The flags of a key that signs the zone only (RFC 4034 2.1.1).
pub const ZONE_KEY: u16 = 0x0100;
/// The flag of a key that a DS record may name (RFC 4034 2.1.1).
pub const SECURE_ENTRY_POINT: u16 = 0x0001;
/// The flag of a revoked key (RFC 5011 2.1).
pub const REVOKED: u16 = 0x0080;

/// What a key signs (RFC 6781 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The DNSKEY RRset; the parent's DS record names it.
    Ksk,
    /// Every other RRset.
    Zsk,
    /// Everything; the parent's DS record names it.
    Csk,
}

impl Role {
    /// Whether keys of the role sign the DNSKEY RRset, and DS records name them.
    pub fn signs_keys(self) -> bool {
        self != Role::Zsk
    }

    /// Whether keys of the role sign the RRsets other than the DNSKEY RRset.
    pub fn signs_zone(self) -> bool {
        self != Role::Ksk
    }

    /// Whether keys of the two roles sign something in common, so that one replaces the other.
    pub fn overlaps(self, other: Role) -> bool {
        self.signs_keys() && other.signs_keys() || self.signs_zone() && other.signs_zone()
    }

    /// The flags of a new key of the role.
    pub fn flags(self) -> u16 {
        if self.signs_keys() { ZONE_KEY | SECURE_ENTRY_POINT } else { ZONE_KEY }
    }

    /// The elements that keys of the role have.
    pub fn elements(self) -> &'static [ElementKind] {
        use ElementKind::{Dnskey, Ds, KeySignature, ZoneSignatures};
        match self {
            Role::Ksk => &[Dnskey, KeySignature, Ds],
            Role::Zsk => &[Dnskey, ZoneSignatures],
            Role::Csk => &[Dnskey, KeySignature, ZoneSignatures, Ds],
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Ksk => "key-signing key",
            Role::Zsk => "zone-signing key",
            Role::Csk => "combined signing key",
        })
    }
}

/// Where the private key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// It was made here.
    #[default]
    Made,
    /// It was brought in.
    Imported,
    /// The operator named its file in the configuration.
    #[serde(rename = "file")]
    Operator,
}

/// What caches may have of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// It is not published, and no cache has it.
    #[default]
    Hidden,
    /// It is published; caches may still have the RRset without it.
    Rumoured,
    /// Every cache that has the RRset has it, or can get it.
    Omnipresent,
    /// It is withdrawn; caches may still have it.
    Unretentive,
}

impl Visibility {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Visibility::Hidden => "hidden",
            Visibility::Rumoured => "rumoured",
            Visibility::Omnipresent => "omnipresent",
            Visibility::Unretentive => "unretentive",
        }
    }
}

/// One element of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Element {
    /// What caches may have of it.
    pub visibility: Visibility,
    /// Since when, in seconds since 1970.
    pub since_s: u64,
    /// The number of the change that published or withdrew it last ([`ZoneKeys::changes`]): the order of changes, which
    /// does not depend on the clock.
    pub change: u64,
}

impl Element {
    /// Whether it is published now.
    pub fn is_published(&self) -> bool {
        matches!(self.visibility, Visibility::Rumoured | Visibility::Omnipresent)
    }

    /// Whether caches agree about it.
    pub fn is_stable(&self) -> bool {
        matches!(self.visibility, Visibility::Hidden | Visibility::Omnipresent)
    }
}

/// Names an element of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementKind {
    /// The DNSKEY record.
    Dnskey,
    /// The signature over the DNSKEY RRset.
    KeySignature,
    /// The signatures over the other RRsets.
    ZoneSignatures,
    /// The DS record at the parent.
    Ds,
}

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// It is in use, or will be.
    #[default]
    InUse,
    /// It is on its way out. It goes on signing until others have taken over.
    Gone,
}

/// How it is known what the parent has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DsSource {
    /// Every name server of the parent was asked.
    Seen,
    /// Somebody said so.
    Hand,
}

/// What is known of the DS record of a key at the parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DsConfirmation {
    /// How it is known.
    pub by: DsSource,
    /// The parent has it; otherwise it has withdrawn it.
    pub published: bool,
    /// Since when, in seconds since 1970.
    pub at_s: u64,
}

/// How far a key has come, in the words of RFC 7583 3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// It is there, and its DNSKEY record is not published.
    Generated,
    /// Its DNSKEY record is published; not every cache has it.
    Published,
    /// Every cache has its DNSKEY record; it is not in use.
    Ready,
    /// It signs the zone, or the parent's DS record names it.
    Active,
    /// Others have taken over; caches may still need it.
    Retired,
    /// Nothing in caches needs it; its DNSKEY record is still published.
    Dead,
    /// Its DNSKEY record is withdrawn.
    Removed,
}

impl KeyState {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyState::Generated => "generated",
            KeyState::Published => "published",
            KeyState::Ready => "ready",
            KeyState::Active => "active",
            KeyState::Retired => "retired",
            KeyState::Dead => "dead",
            KeyState::Removed => "removed",
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A key of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneKey {
    /// What it signs.
    pub role: Role,
    /// Where the private key comes from.
    #[serde(default)]
    pub origin: Origin,
    /// The data of its DNSKEY record (RFC 4034 2.1); base64 in JSON.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub dnskey: Vec<u8>,
    /// When it was made, in seconds since 1970.
    #[serde(default)]
    pub created_s: u64,
    /// When it came into use, in seconds since 1970: its lifetime begins. For a zone-signing key, when it began to sign;
    /// for others, when the parent was asked for its DS record.
    #[serde(default)]
    pub active_since_s: Option<u64>,
    /// What becomes of it.
    #[serde(default)]
    pub goal: Goal,
    /// Somebody else may have its private key: others take over as fast as caches allow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compromised: bool,
    /// Its DNSKEY record.
    #[serde(default)]
    pub dnskey_record: Element,
    /// Its signature over the DNSKEY RRset.
    #[serde(default)]
    pub key_signature: Element,
    /// Its signatures over the other RRsets.
    #[serde(default)]
    pub zone_signatures: Element,
    /// Its DS record.
    #[serde(default)]
    pub ds: Element,
    /// What is known of its DS record at the parent, and by whom.
    #[serde(default)]
    pub ds_confirmed: Option<DsConfirmation>,
}

impl ZoneKey {
    /// A key that is not published yet. `dnskey` is the data of its DNSKEY record.
    pub fn new(role: Role, origin: Origin, dnskey: Vec<u8>, created_s: u64) -> ZoneKey {
        ZoneKey {
            role,
            origin,
            dnskey,
            created_s,
            active_since_s: None,
            goal: Goal::InUse,
            compromised: false,
            dnskey_record: Element::default(),
            key_signature: Element::default(),
            zone_signatures: Element::default(),
            ds: Element::default(),
            ds_confirmed: None,
        }
    }

    /// A key of a zone that was signed elsewhere and comes here with its keys: it is published and in use; `has_ds`: the
    /// parent has a DS record for it. Whoever signed the zone before is trusted to have kept the times.
    pub fn in_service(role: Role, origin: Origin, dnskey: Vec<u8>, now_s: u64, has_ds: bool) -> ZoneKey {
        let mut key = ZoneKey { active_since_s: Some(now_s), ..ZoneKey::new(role, origin, dnskey, now_s) };
        for &kind in role.elements().iter().filter(|&&kind| kind != ElementKind::Ds || has_ds) {
            *key.element_mut(kind) = Element { visibility: Visibility::Omnipresent, since_s: now_s, change: 0 };
        }
        key
    }

    /// Its algorithm; 0 if the data are too short to have one.
    pub fn algorithm(&self) -> Algorithm {
        Algorithm::from_u8(self.dnskey.get(3).copied().unwrap_or(0))
    }

    /// Its flags (RFC 4034 2.1.1); 0 if the data are too short to have any.
    pub fn flags(&self) -> u16 {
        self.dnskey.first_chunk().map_or(0, |flags| u16::from_be_bytes(*flags))
    }

    /// Its key tag (RFC 4034 B).
    pub fn tag(&self) -> u16 {
        key_tag(&self.dnskey)
    }

    /// Whether its DNSKEY record is in the zone.
    pub fn is_published(&self) -> bool {
        self.dnskey_record.is_published()
    }

    /// Whether it signs the DNSKEY RRset.
    pub fn signs_keys(&self) -> bool {
        self.key_signature.is_published()
    }

    /// Whether it signs the other RRsets.
    pub fn signs_zone(&self) -> bool {
        self.zone_signatures.is_published()
    }

    /// Whether the parent shall have its DS record: CDS and CDNSKEY records name it (RFC 7344 3).
    pub fn wants_ds(&self) -> bool {
        self.ds.is_published()
    }

    /// Whether nothing of it is published or in caches, and it is on its way out: its private key can be destroyed.
    pub fn is_finished(&self) -> bool {
        self.goal == Goal::Gone && self.role.elements().iter().all(|&kind| self.is(kind, Visibility::Hidden))
    }

    /// How far it has come.
    pub fn state(&self) -> KeyState {
        use Visibility::{Hidden, Omnipresent, Rumoured, Unretentive};
        let in_use = self.signs_zone() || self.is(ElementKind::Ds, Omnipresent);
        let retiring = self.is(ElementKind::ZoneSignatures, Unretentive) || self.is(ElementKind::Ds, Unretentive);
        match (self.dnskey_record.visibility, self.goal) {
            (Hidden, Goal::InUse) => KeyState::Generated,
            (Hidden, Goal::Gone) | (Unretentive, _) => KeyState::Removed,
            (Rumoured, _) if !in_use => KeyState::Published,
            _ if in_use && !(retiring && self.goal == Goal::Gone) => KeyState::Active,
            _ if retiring => KeyState::Retired,
            (_, Goal::InUse) => KeyState::Ready,
            // It is to go, but the parent's DS record for it is on its way to caches.
            _ if self.is(ElementKind::Ds, Rumoured) => KeyState::Ready,
            _ => KeyState::Dead,
        }
    }

    /// An element.
    pub fn element(&self, kind: ElementKind) -> &Element {
        match kind {
            ElementKind::Dnskey => &self.dnskey_record,
            ElementKind::KeySignature => &self.key_signature,
            ElementKind::ZoneSignatures => &self.zone_signatures,
            ElementKind::Ds => &self.ds,
        }
    }

    /// An element, to be changed.
    pub fn element_mut(&mut self, kind: ElementKind) -> &mut Element {
        match kind {
            ElementKind::Dnskey => &mut self.dnskey_record,
            ElementKind::KeySignature => &mut self.key_signature,
            ElementKind::ZoneSignatures => &mut self.zone_signatures,
            ElementKind::Ds => &mut self.ds,
        }
    }

    /// Whether an element is `visibility`.
    pub fn is(&self, kind: ElementKind, visibility: Visibility) -> bool {
        self.element(kind).visibility == visibility
    }
}

/// Why a key is not added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// The data are not those of a DNSKEY record with a key.
    #[error("the data of the DNSKEY record have {0} octets, at least {min} are needed", min = HEADER_LEN + 1)]
    TooShort(usize),
    /// Another key could be taken for it.
    #[error("key tag {0}, or that of the revoked form, is taken by another key of the zone; make another key")]
    TagTaken(u16),
    /// There are [`MAX_KEYS`].
    #[error("the zone has {MAX_KEYS} keys, and cannot have more; forget those that are finished")]
    TooMany,
}

/// The keys of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ZoneKeys {
    /// The keys, in the order in which they came.
    pub keys: Vec<ZoneKey>,
    /// Since when every RRset has the signatures of exactly the keys that sign the zone, in seconds since 1970; `None`:
    /// not every RRset has them.
    pub signed_since_s: Option<u64>,
    /// The number of the last change that published or withdrew elements.
    pub changes: u64,
}

impl ZoneKeys {
    /// The key with this tag.
    pub fn by_tag(&self, tag: u16) -> Option<&ZoneKey> {
        self.keys.iter().find(|key| key.tag() == tag)
    }

    /// Whether neither the key tag of `dnskey_rdata` nor that of its revoked form (RFC 5011 2.1) is that of a key of the
    /// zone, revoked or not. The two forms of one key may not have the same tag either.
    pub fn tag_is_free(&self, dnskey_rdata: &[u8]) -> bool {
        let [plain, revoked] = tags(dnskey_rdata);
        plain != revoked
            && !self.keys.iter().flat_map(|key| tags(&key.dnskey)).any(|tag| [plain, revoked].contains(&tag))
    }

    /// Adds a key.
    ///
    /// # Errors
    /// [`AddError`]; nothing is added.
    pub fn add(&mut self, key: ZoneKey) -> Result<(), AddError> {
        if key.dnskey.len() <= HEADER_LEN {
            return Err(AddError::TooShort(key.dnskey.len()));
        }
        if self.keys.len() >= MAX_KEYS {
            return Err(AddError::TooMany);
        }
        if !self.tag_is_free(&key.dnskey) {
            return Err(AddError::TagTaken(key.tag()));
        }
        self.keys.push(key);
        Ok(())
    }

    /// The records that the keys ask for were published just now: the times of what was published or withdrawn begin.
    /// Those of DS records are the parent's.
    pub fn begin_changes(&mut self, now_s: u64) {
        let kinds = [ElementKind::Dnskey, ElementKind::KeySignature, ElementKind::ZoneSignatures];
        for key in &mut self.keys {
            for kind in kinds {
                let element = key.element_mut(kind);
                if !element.is_stable() {
                    element.since_s = element.since_s.max(now_s);
                }
            }
        }
    }

    /// Takes out the keys that are finished ([`ZoneKey::is_finished`]). The caller destroys their private keys.
    pub fn forget_finished(&mut self) -> Vec<ZoneKey> {
        self.keys.extract_if(.., |key| key.is_finished()).collect()
    }

    /// Whether the CDS and CDNSKEY records shall ask the parent for the withdrawal of all DS records (RFC 8078 4): there
    /// may be some, and none shall stay.
    pub fn wants_delete_ds(&self) -> bool {
        self.keys.iter().any(|key| key.is(ElementKind::Ds, Visibility::Unretentive))
            && !self.keys.iter().any(ZoneKey::wants_ds)
    }
}

/// The tags of a key as it is and with the REVOKE flag changed.
fn tags(dnskey: &[u8]) -> [u16; 2] {
    let mut other = dnskey.to_vec();
    if let Some(low) = other.get_mut(1) {
        *low ^= REVOKED as u8;
    }
    [key_tag(dnskey), key_tag(&other)]
}

fn to_base64<S: Serializer>(octets: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(octets))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(|_| serde::de::Error::custom("the data of a DNSKEY record are not base64"))
}
