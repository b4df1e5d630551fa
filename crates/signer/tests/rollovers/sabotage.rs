//! Wrong timetables, to see whether the simulation finds them.

use signer::keys::{ElementKind, Goal, Visibility, ZoneKey, ZoneKeys};
use signer::policy::SigningPolicy;
use signer::timeline::Facts;

/// What is done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    Nothing,
    /// The TTLs of the zone are not waited for.
    NoDataTtl,
    /// The TTL of the DNSKEY RRset is not waited for.
    NoKeyTtl,
    /// The TTL of the DS RRset is not waited for.
    NoDsTtl,
    /// The servers of the zone are taken to have everything at once.
    NoPropagation,
    /// One server of the parent is asked, not all.
    OneParentServer,
    /// The zone is taken to be signed before it is.
    SignedAtOnce,
    /// A DNSKEY record is withdrawn with the signatures by the key.
    KeyGoesWithSignatures,
    /// The parent gets the DS record of a key whose DNSKEY record was published just now.
    DsBeforeKey,
    /// A new algorithm's keys are published with its signatures.
    AlgorithmAtOnce,
    /// A DNSKEY record is withdrawn with the DS record.
    KeyGoesWithDs,
    /// A key signs in place of another before caches have its DNSKEY record.
    SignsBeforeKey,
    /// The signatures of an algorithm are withdrawn with its keys.
    AlgorithmGoesAtOnce,
    /// Keys and signatures are withdrawn before the DS records.
    InsecureAtOnce,
    /// A key that others may have is withdrawn as soon as its successor is published.
    CompromisedGoesAtOnce,
}

impl Sabotage {
    pub const ALL: [Sabotage; 14] = [
        Sabotage::NoDataTtl,
        Sabotage::NoKeyTtl,
        Sabotage::NoDsTtl,
        Sabotage::NoPropagation,
        Sabotage::OneParentServer,
        Sabotage::SignedAtOnce,
        Sabotage::KeyGoesWithSignatures,
        Sabotage::DsBeforeKey,
        Sabotage::AlgorithmAtOnce,
        Sabotage::KeyGoesWithDs,
        Sabotage::SignsBeforeKey,
        Sabotage::AlgorithmGoesAtOnce,
        Sabotage::InsecureAtOnce,
        Sabotage::CompromisedGoesAtOnce,
    ];

    /// The policy and facts as the timeline gets them.
    pub fn inputs(self, policy: &mut SigningPolicy, facts: &mut Facts) {
        match self {
            Sabotage::NoDataTtl => facts.max_ttl_s = 0,
            Sabotage::NoKeyTtl => (policy.dnskey_ttl_s, facts.dnskey_ttl_s) = (0, 0),
            Sabotage::NoDsTtl => {
                policy.parent_ds_ttl_s = 0;
                facts.ds_seen.iter_mut().for_each(|seen| seen.ttl_s = 0);
            }
            Sabotage::NoPropagation => policy.propagation_s = 0,
            Sabotage::SignedAtOnce => facts.zone_is_signed = true,
            _ => {}
        }
    }

    /// The keys as the zone and the parent get them.
    pub fn served(self, keys: &ZoneKeys) -> ZoneKeys {
        use ElementKind::{Dnskey, Ds, KeySignature, ZoneSignatures};
        use Visibility::{Hidden, Rumoured, Unretentive};
        let mut served = keys.clone();
        let is_early =
            |key: &ZoneKey| self == Sabotage::SignsBeforeKey && key.goal == Goal::InUse && key.is(Dnskey, Rumoured);
        let early: Vec<u8> = keys.keys.iter().filter(|key| is_early(key)).map(|key| key.algorithm().0).collect();
        let has_successor = |going: &ZoneKey| {
            let takes_over = |key: &ZoneKey| key.goal == Goal::InUse && key.is_published() && key.role == going.role;
            keys.keys.iter().any(takes_over)
        };
        for (key, real) in served.keys.iter_mut().zip(&keys.keys) {
            let mut set = |kinds: &[ElementKind], visibility| {
                for &kind in kinds.iter().filter(|kind| real.role.elements().contains(kind)) {
                    key.element_mut(kind).visibility = visibility;
                }
            };
            match self {
                Sabotage::KeyGoesWithSignatures if real.is(ZoneSignatures, Unretentive) => set(&[Dnskey], Hidden),
                Sabotage::DsBeforeKey if real.goal == Goal::InUse && real.is(Dnskey, Rumoured) => set(&[Ds], Rumoured),
                Sabotage::AlgorithmAtOnce if real.goal == Goal::InUse && real.is(Dnskey, Hidden) => {
                    set(&[Dnskey, KeySignature], Rumoured);
                }
                Sabotage::KeyGoesWithDs if real.is(Ds, Unretentive) => set(&[Dnskey, KeySignature], Hidden),
                Sabotage::SignsBeforeKey if early.contains(&real.algorithm().0) => {
                    set(&[ZoneSignatures], if is_early(real) { Rumoured } else { Hidden });
                }
                Sabotage::AlgorithmGoesAtOnce if real.is(Dnskey, Unretentive) => set(&[ZoneSignatures], Hidden),
                Sabotage::CompromisedGoesAtOnce if real.compromised && has_successor(real) => {
                    set(&[Dnskey, KeySignature], Hidden);
                }
                Sabotage::InsecureAtOnce if keys.wants_delete_ds() => {
                    set(&[Dnskey, KeySignature, ZoneSignatures], Hidden);
                }
                _ => {}
            }
        }
        served
    }
}
