//! The JSON forms of keys that sign zones. Times are in milliseconds since 1970.

use dns::{Name, RType};
use node::signing::{KeyStatus, ZoneSigning};
use serde::{Deserialize, Serialize};
use signer::keys::{DsSource, Element, Goal, Origin, Role, Visibility, ZoneKey};
use utoipa::ToSchema;

use super::key_waits::{KeyWaitOut, SigningStage, ms, next, sentence, stage};
use super::parent_forms::ParentOut;
use super::record_text::{line, text};

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyRole {
    /// The DNSKEY records; the parent's DS record names it.
    Ksk,
    /// All other records.
    Zsk,
    /// Everything; the parent's DS record names it.
    Csk,
}

impl From<KeyRole> for Role {
    fn from(role: KeyRole) -> Role {
        match role {
            KeyRole::Ksk => Role::Ksk,
            KeyRole::Zsk => Role::Zsk,
            KeyRole::Csk => Role::Csk,
        }
    }
}

impl From<Role> for KeyRole {
    fn from(role: Role) -> KeyRole {
        match role {
            Role::Ksk => KeyRole::Ksk,
            Role::Zsk => KeyRole::Zsk,
            Role::Csk => KeyRole::Csk,
        }
    }
}

/// The signing of a zone.
#[derive(Debug, Serialize, ToSchema)]
pub struct ZoneKeysOut {
    /// The zone.
    pub zone: String,
    /// The policy that it is signed by; empty: it is becoming insecure.
    pub policy: String,
    /// The server of the cluster that has its private keys and signs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// Whether the zone that is served is signed.
    pub signed: bool,
    /// How it is with the zone, in a word.
    pub stage: SigningStage,
    /// How it is with the zone, in a sentence.
    pub state: String,
    /// Its keys, in the order in which they came.
    pub keys: Vec<ZoneKeyOut>,
    /// What is waited for.
    pub waits: Vec<KeyWaitOut>,
    /// What the name servers of the parent have; null: the zone has not been looked at yet.
    pub parent: Option<ParentOut>,
    /// Its signatures.
    pub signatures: SignaturesOut,
    /// Why signing does not go on.
    pub error: Option<String>,
    /// The last change that was refused, if none was made since.
    pub refusal: Option<SigningRefusalOut>,
}

/// A key that signs a zone.
#[derive(Debug, Serialize, ToSchema)]
pub struct ZoneKeyOut {
    /// Its key tag (RFC 4034 B).
    pub tag: u16,
    /// Its algorithm.
    pub algorithm: String,
    /// The number of the algorithm.
    pub algorithm_number: u8,
    /// What it signs.
    pub role: KeyRole,
    /// Its flags (RFC 4034 2.1.1).
    pub flags: u16,
    /// `made` here, `imported`, or from a `file` of the operator.
    pub origin: &'static str,
    /// How far it has come (RFC 7583 3.1): `generated`, `published`, `ready`, `active`, `retired`, `dead` or `removed`.
    pub state: &'static str,
    /// It is on its way out.
    pub going: bool,
    /// Somebody else may have its private key.
    pub compromised: bool,
    /// When it was made.
    pub created_at_ms: u64,
    /// When it came into use.
    pub active_since_ms: Option<u64>,
    /// What caches may have of it.
    pub elements: KeyElementsOut,
    /// The parent shall have a DS record for it.
    pub wants_ds: bool,
    /// What is known of its DS record at the parent.
    pub ds_confirmed: Option<DsConfirmedOut>,
    /// Its DNSKEY record, as zone files have it.
    pub dnskey: String,
    /// DS records for it.
    pub ds: Vec<DsTextOut>,
}

/// What caches may have of each part of a key.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyElementsOut {
    /// Its DNSKEY record.
    pub dnskey: KeyElementOut,
    /// Its signature over the DNSKEY records; null: it makes none.
    pub key_signature: Option<KeyElementOut>,
    /// Its signatures over all other records; null: it makes none.
    pub zone_signatures: Option<KeyElementOut>,
    /// Its DS record at the parent; null: there shall never be one.
    pub ds: Option<KeyElementOut>,
}

/// What caches may have of something.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyElementOut {
    /// `hidden`: no cache has it; `rumoured`: it is published, and some have; `omnipresent`: all have it or can get it;
    /// `unretentive`: it is withdrawn, and some still have it.
    pub visibility: &'static str,
    /// Since when; null: always.
    pub since_ms: Option<u64>,
}

/// What is known of a DS record at the parent.
#[derive(Debug, Serialize, ToSchema)]
pub struct DsConfirmedOut {
    /// `hand`: somebody said so; `seen`: every name server of the parent was asked.
    pub by: &'static str,
    /// The parent has it; false: it has withdrawn it.
    pub published: bool,
    /// Since when.
    pub at_ms: u64,
}

/// A DS record.
#[derive(Debug, Serialize, ToSchema)]
pub struct DsTextOut {
    /// 2: SHA-256; 4: SHA-384.
    pub digest_type: u8,
    /// Its data, as zone files have them.
    pub text: String,
}

/// The signatures of a zone.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignaturesOut {
    /// RRsets whose signatures are about to be made anew.
    pub stale: usize,
    /// When the first one ends.
    pub first_end_ms: Option<u64>,
}

/// A change that was refused, as resolvers would have refused what it leads to, or it could not be signed.
#[derive(Debug, Serialize, ToSchema)]
pub struct SigningRefusalOut {
    /// When.
    pub at_ms: u64,
    /// Why.
    pub why: String,
}

/// A zone that is signed here.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedZoneOut {
    /// The zone.
    pub zone: String,
    /// The policy that it is signed by; empty: it is becoming insecure.
    pub policy: String,
    /// Whether the zone that is served is signed.
    pub signed: bool,
    /// How it is with the zone, in a word.
    pub stage: SigningStage,
    /// How it is with the zone, in a sentence.
    pub state: String,
    /// How many keys it has.
    pub keys: usize,
    /// When the first signature ends.
    pub first_end_ms: Option<u64>,
    /// How much is waited for.
    pub waits: usize,
    /// What is waited for first: what the parent has to do, or else what comes next.
    pub next: Option<KeyWaitOut>,
    /// Signatures should have been made anew by now.
    pub is_urgent: bool,
    /// Why signing does not go on.
    pub error: Option<String>,
    /// The last change that was refused, if none was made since.
    pub refusal: Option<SigningRefusalOut>,
}

impl From<&ZoneSigning> for ZoneKeysOut {
    fn from(status: &ZoneSigning) -> ZoneKeysOut {
        ZoneKeysOut {
            zone: status.zone.to_string(),
            policy: status.policy.clone(),
            signer: Some(status.signer.clone()).filter(|signer| !signer.is_empty()),
            signed: status.is_signed,
            stage: stage(status),
            state: sentence(stage(status)).to_owned(),
            keys: status.keys.iter().map(|key| ZoneKeyOut::new(&status.zone, key)).collect(),
            waits: status.waits.iter().map(|wait| KeyWaitOut::new(status, wait)).collect(),
            parent: status.parent_next_s.map(|next_s| ParentOut::new(status, next_s)),
            signatures: SignaturesOut { stale: status.stale, first_end_ms: status.first_end_s.map(ms) },
            error: status.error.clone(),
            refusal: status.refusal.as_ref().map(SigningRefusalOut::from),
        }
    }
}

impl From<&ZoneSigning> for SignedZoneOut {
    fn from(status: &ZoneSigning) -> SignedZoneOut {
        SignedZoneOut {
            zone: status.zone.to_string(),
            policy: status.policy.clone(),
            signed: status.is_signed,
            stage: stage(status),
            state: sentence(stage(status)).to_owned(),
            keys: status.keys.len(),
            first_end_ms: status.first_end_s.map(ms),
            waits: status.waits.len(),
            next: next(status).map(|wait| KeyWaitOut::new(status, wait)),
            is_urgent: status.is_urgent,
            error: status.error.clone(),
            refusal: status.refusal.as_ref().map(SigningRefusalOut::from),
        }
    }
}

impl ZoneKeyOut {
    fn new(zone: &Name, status: &KeyStatus) -> ZoneKeyOut {
        let key = &status.key;
        let ds = |record: &node::signing::DsRecord| DsTextOut {
            digest_type: record.digest_type,
            text: text(RType::DS, &record.rdata),
        };
        ZoneKeyOut {
            tag: key.tag(),
            algorithm: key.algorithm().to_string(),
            algorithm_number: key.algorithm().0,
            role: key.role.into(),
            flags: key.flags(),
            origin: match key.origin {
                Origin::Made => "made",
                Origin::Imported => "imported",
                Origin::Operator => "file",
            },
            state: key.state().as_str(),
            going: key.goal == Goal::Gone,
            compromised: key.compromised,
            created_at_ms: ms(key.created_s),
            active_since_ms: key.active_since_s.map(ms),
            elements: KeyElementsOut::from(key),
            wants_ds: status.wants_ds,
            ds_confirmed: confirmed(key),
            dnskey: line(zone, RType::DNSKEY, &key.dnskey),
            ds: status.ds.iter().map(ds).collect(),
        }
    }
}

/// What is known of the DS record of a key.
pub fn confirmed(key: &ZoneKey) -> Option<DsConfirmedOut> {
    key.ds_confirmed.map(|known| DsConfirmedOut {
        by: match known.by {
            DsSource::Seen => "seen",
            DsSource::Hand => "hand",
        },
        published: known.published,
        at_ms: ms(known.at_s),
    })
}

impl From<&ZoneKey> for KeyElementsOut {
    fn from(key: &ZoneKey) -> KeyElementsOut {
        let (signs_keys, signs_zone) = (key.role.signs_keys(), key.role.signs_zone());
        KeyElementsOut {
            dnskey: KeyElementOut::from(&key.dnskey_record),
            key_signature: signs_keys.then(|| KeyElementOut::from(&key.key_signature)),
            zone_signatures: signs_zone.then(|| KeyElementOut::from(&key.zone_signatures)),
            ds: signs_keys.then(|| KeyElementOut::from(&key.ds)),
        }
    }
}

impl From<&Element> for KeyElementOut {
    fn from(element: &Element) -> KeyElementOut {
        let visibility = match element.visibility {
            Visibility::Hidden => "hidden",
            Visibility::Rumoured => "rumoured",
            Visibility::Omnipresent => "omnipresent",
            Visibility::Unretentive => "unretentive",
        };
        KeyElementOut { visibility, since_ms: (element.since_s > 0).then(|| ms(element.since_s)) }
    }
}

impl From<&node::signers::Refusal> for SigningRefusalOut {
    fn from(refusal: &node::signers::Refusal) -> SigningRefusalOut {
        SigningRefusalOut { at_ms: ms(refusal.at_s), why: refusal.why.clone() }
    }
}
