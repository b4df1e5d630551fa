//! The JSON forms of how far the signing of a zone has come, and of what is waited for.

use node::signing::ZoneSigning;
use serde::Serialize;
use signer::keys::{ElementKind, Visibility, ZoneKey};
use signer::timeline::{Awaited, Wait};
use utoipa::ToSchema;

/// Seconds since 1970 in milliseconds.
pub fn ms(time_s: u64) -> u64 {
    time_s.saturating_mul(1000)
}

/// A part of a key that caches may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ElementName {
    /// Its DNSKEY record.
    Dnskey,
    /// Its signature over the DNSKEY records.
    KeySignature,
    /// Its signatures over all other records.
    ZoneSignatures,
    /// Its DS record at the parent.
    Ds,
}

impl From<ElementKind> for ElementName {
    fn from(kind: ElementKind) -> ElementName {
        match kind {
            ElementKind::Dnskey => ElementName::Dnskey,
            ElementKind::KeySignature => ElementName::KeySignature,
            ElementKind::ZoneSignatures => ElementName::ZoneSignatures,
            ElementKind::Ds => ElementName::Ds,
        }
    }
}

/// How it is with a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SigningStage {
    /// DS records at the parent lead to none of its keys: resolvers refuse the zone.
    Broken,
    /// Signing does not go on: `error` says why.
    Failing,
    /// It becomes insecure, and waits for its DS records to be forgotten.
    Withdrawing,
    /// It becomes insecure, and its signatures go.
    Unsigning,
    /// It is about to be signed.
    Pending,
    /// It is signed, and the parent's DS record leads to its keys.
    Secure,
    /// It is signed, and the parent is asked for a DS record.
    Waiting,
    /// It is signed, and it is too early for a DS record.
    Insecure,
}

/// How it is with a zone.
pub fn stage(status: &ZoneSigning) -> SigningStage {
    let has_ds = |wanted: Visibility| status.keys.iter().any(|key| key.key.ds.visibility == wanted);
    match () {
        () if status.broken_at.is_some() => SigningStage::Broken,
        () if status.error.is_some() => SigningStage::Failing,
        () if status.policy.is_empty() && status.keys.iter().any(|key| key.key.ds.visibility != Visibility::Hidden) => {
            SigningStage::Withdrawing
        }
        () if status.policy.is_empty() => SigningStage::Unsigning,
        () if !status.is_signed => SigningStage::Pending,
        () if has_ds(Visibility::Omnipresent) => SigningStage::Secure,
        () if has_ds(Visibility::Rumoured) => SigningStage::Waiting,
        () => SigningStage::Insecure,
    }
}

/// The same in a sentence.
pub fn sentence(stage: SigningStage) -> &'static str {
    match stage {
        SigningStage::Broken => "resolvers refuse it: DS records at the parent lead to none of its keys",
        SigningStage::Failing => "signing does not go on",
        SigningStage::Withdrawing => {
            "it becomes insecure: it stays signed until the parent has withdrawn its DS records, and caches forgot them"
        }
        SigningStage::Unsigning => "it becomes insecure: its signatures go",
        SigningStage::Pending => "it is about to be signed",
        SigningStage::Secure => "it is signed, and the parent's DS record leads to its keys",
        SigningStage::Waiting => "it is signed; for resolvers it is insecure until the parent has its DS record",
        SigningStage::Insecure => {
            "it is signed; for resolvers it is insecure, as there is no DS record at the parent yet"
        }
    }
}

/// What has to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Awaiting {
    /// Caches forget what was before: time alone does it.
    Caches,
    /// The zone is signed anew.
    Signing,
    /// The parent publishes or withdraws the DS record.
    Parent,
}

/// Something that is waited for.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyWaitOut {
    /// The tag of the key.
    pub tag: u16,
    /// What has to happen.
    pub what: Awaiting,
    /// Which part of the key it is about.
    pub element: ElementName,
    /// The part is published; false: it is withdrawn.
    pub published: bool,
    /// What, in a sentence.
    pub sentence: String,
    /// Since when.
    pub since_ms: u64,
    /// Until when; null: until somebody has done something.
    pub until_ms: Option<u64>,
}

impl KeyWaitOut {
    /// What is waited for of a zone.
    pub fn new(status: &ZoneSigning, wait: &Wait) -> KeyWaitOut {
        let (what, element) = match wait.what {
            Awaited::Caches(kind) => (Awaiting::Caches, kind),
            Awaited::Signing => (Awaiting::Signing, ElementKind::ZoneSignatures),
            Awaited::DsPublished | Awaited::DsWithdrawn => (Awaiting::Parent, ElementKind::Ds),
        };
        let is_meant = |key: &&ZoneKey| (key.tag(), key.algorithm()) == (wait.tag, wait.algorithm);
        let key = status.keys.iter().map(|key| &key.key).find(is_meant);
        KeyWaitOut {
            tag: wait.tag,
            what,
            element: element.into(),
            published: key.is_some_and(|key| key.element(element).is_published()),
            sentence: wait.sentence.clone(),
            since_ms: ms(wait.since_s),
            until_ms: wait.until_s.map(ms),
        }
    }
}

/// What is waited for first: what somebody else has to do, or else what time brings next.
pub fn next(status: &ZoneSigning) -> Option<&Wait> {
    status.waits.iter().min_by_key(|wait| wait.until_s)
}
