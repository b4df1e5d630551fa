//! What others see of the signing of a zone.

use std::sync::PoisonError;

use dns::{Name, NameBuf, RType};
use dnssec::digest::{DS_SHA256, DS_SHA384, ds_rdata};
use server::clock::unix_seconds;
use signer::keys::{Visibility, ZoneKey};
use signer::parent::{Parent, ServerId};
use signer::timeline::{Awaited, Wait};

use super::{Signing, SigningError, document};
use crate::signers::Refusal;

/// A parent that has not done what it was asked for after so many seconds is late: three days.
const LATE_S: u64 = 3 * 24 * 3600;

/// The signing of a zone.
#[derive(Debug, Clone)]
pub struct ZoneSigning {
    /// The zone.
    pub zone: NameBuf,
    /// The name of its policy; empty: it is becoming insecure.
    pub policy: String,
    /// The server of the cluster that signs it; empty: a server alone does, or none yet.
    pub signer: String,
    /// Whether the zone that is served is signed.
    pub is_signed: bool,
    /// Its keys, in the order in which they came.
    pub keys: Vec<KeyStatus>,
    /// What is waited for.
    pub waits: Vec<Wait>,
    /// What is known of its parent.
    pub parent: Parent,
    /// When the parent is asked next, in seconds since 1970; `None`: it is not.
    pub parent_next_s: Option<u64>,
    /// The name server of the parent whose DS records lead to no key of the zone: who asks it refuses the zone.
    pub broken_at: Option<ServerId>,
    /// The DNSKEY records of the zone that is served.
    pub published: Vec<Vec<u8>>,
    /// RRsets whose signatures are about to be made anew.
    pub stale: usize,
    /// When the first signature ends, in seconds since 1970.
    pub first_end_s: Option<u64>,
    /// Signatures should have been made anew by now: three quarters of the time for that are over.
    pub is_urgent: bool,
    /// Why signing does not go on.
    pub error: Option<String>,
    /// The last change that was refused, if none was made since.
    pub refusal: Option<Refusal>,
}

/// A key.
#[derive(Debug, Clone)]
pub struct KeyStatus {
    /// The key with its elements.
    pub key: ZoneKey,
    /// The parent shall have a DS record for it.
    pub wants_ds: bool,
    /// DS records for it.
    pub ds: Vec<DsRecord>,
}

/// A DS record for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DsRecord {
    /// 2: SHA-256; 4: SHA-384.
    pub digest_type: u8,
    /// The data of the record.
    pub rdata: Vec<u8>,
}

impl ZoneSigning {
    /// What has waited for the parent so long that somebody should look after it. A zone that never had a DS record is
    /// good as it is where the parent does not know it, or cannot be asked.
    pub fn late_parent(&self, now_s: u64) -> Option<&Wait> {
        let is_for_parent = |wait: &&Wait| matches!(wait.what, Awaited::DsPublished | Awaited::DsWithdrawn);
        let mut late = self.waits.iter().filter(is_for_parent);
        let had_ds = self
            .keys
            .iter()
            .any(|key| [Visibility::Omnipresent, Visibility::Unretentive].contains(&key.key.ds.visibility));
        let is_expected = had_ds || self.parent.problem.is_none() && !self.parent.is_undelegated();
        late.find(|wait| is_expected && wait.since_s.saturating_add(LATE_S) <= now_s)
    }
}

impl Signing {
    /// The signing of a zone; `None`: it is not signed here, and shall not be.
    pub fn zone(&self, zone: &Name) -> Option<ZoneSigning> {
        let entry = self.parts.catalogue.zone(zone)?;
        let kept = document::read(&self.parts.settings.state(), zone);
        let policy = entry.settings().dnssec.clone();
        if policy.is_empty() && kept.document.keys.keys.is_empty() {
            return None;
        }
        let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner).get(zone).cloned().unwrap_or_default();
        let status =
            |key: &ZoneKey| KeyStatus { wants_ds: key.wants_ds(), ds: ds_records(zone, key), key: key.clone() };
        let zones = self.parts.zones.latest();
        let contents = zones.get(zone).and_then(|zone| zone.contents.as_ref());
        let dnskeys = contents.and_then(|contents| contents.records(zone, RType::DNSKEY)).map(|records| records.data);
        let (parent, published) = (self.parents.parent(zone), dnskeys.unwrap_or_default());
        Some(ZoneSigning {
            zone: zone.to_owned(),
            policy,
            signer: kept.document.signer.clone(),
            is_signed: contents.is_some_and(|contents| contents.is_signed()),
            keys: kept.document.keys.keys.iter().map(status).collect(),
            waits: looked.found.waits,
            broken_at: parent.broken_at(zone, &published).cloned(),
            parent_next_s: self.parents.next_s(zone, unix_seconds()),
            parent,
            published,
            stale: looked.found.stale,
            first_end_s: looked.found.first_end_s,
            is_urgent: self.is_urgent(zone, looked.found.first_end_s),
            error: looked.error,
            refusal: self.parts.signers.last_refusal(zone),
        })
    }

    fn is_urgent(&self, zone: &Name, first_end_s: Option<u64>) -> bool {
        let policy = self.parts.wish(zone).ok().flatten().map(|wish| wish.policy).unwrap_or_default();
        let left_s = u64::from(policy.signature_refresh_s) / 4;
        first_end_s.is_some_and(|end_s| end_s < unix_seconds() + left_s)
    }

    /// The same, of a zone that has to be signed.
    ///
    /// # Errors
    /// [`SigningError::NotSigned`].
    pub fn signed_zone(&self, zone: &Name) -> Result<ZoneSigning, SigningError> {
        self.zone(zone).ok_or_else(|| SigningError::NotSigned(zone.to_owned()))
    }

    /// The policies that zones may be signed by, as the configuration has them now.
    pub fn policies(&self) -> config::Policies {
        self.parts.policies()
    }

    /// The signing of every zone that is signed here.
    pub fn zones(&self) -> Vec<ZoneSigning> {
        let names: Vec<NameBuf> = self.looked.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        names.iter().filter_map(|name| self.zone(name)).collect()
    }
}

fn ds_records(zone: &Name, key: &ZoneKey) -> Vec<DsRecord> {
    if !key.role.signs_keys() {
        return Vec::new();
    }
    let record = |digest_type| Some(DsRecord { digest_type, rdata: ds_rdata(zone, &key.dnskey, digest_type)? });
    [DS_SHA256, DS_SHA384].into_iter().filter_map(record).collect()
}

#[cfg(test)]
mod tests {
    use dnssec::algorithm::Algorithm;
    use signer::keys::{ElementKind, Origin, Role};
    use signer::parent::{Problem, Round, Said};

    use super::*;

    /// A zone whose only key waits for its DS record since the first second.
    fn waiting(change: impl Fn(&mut ZoneSigning)) -> Option<u64> {
        let zone: NameBuf = "made.test.".parse().expect("a name");
        let key = ZoneKey::new(Role::Csk, Origin::Made, vec![1, 1, 3, 13, 5], 0);
        let wait = Wait {
            tag: key.tag(),
            algorithm: Algorithm::ECDSAP256SHA256,
            what: Awaited::DsPublished,
            since_s: 1,
            until_s: None,
            sentence: String::new(),
        };
        let mut status = ZoneSigning {
            zone,
            policy: "default".to_owned(),
            signer: String::new(),
            is_signed: true,
            keys: vec![KeyStatus { key, wants_ds: true, ds: Vec::new() }],
            waits: vec![wait],
            parent: Parent::default(),
            parent_next_s: None,
            broken_at: None,
            published: Vec::new(),
            stale: 0,
            first_end_s: None,
            is_urgent: false,
            error: None,
            refusal: None,
        };
        change(&mut status);
        // The first day on which somebody is told.
        (0..10).find(|day| status.late_parent(day * 86_400 + 1).is_some())
    }

    #[test]
    fn a_parent_is_late_after_three_days() {
        assert_eq!(waiting(|_| {}), Some(3));
        assert_eq!(waiting(|status| status.waits[0].what = Awaited::Signing), None);
        let lost = |status: &mut ZoneSigning| {
            status.parent.problem = Some(Problem { why: "nobody knows".to_owned(), since_s: 1 });
        };
        assert_eq!(waiting(lost), None, "a zone that nobody expects to be secure");
        let replaced = |status: &mut ZoneSigning| {
            lost(status);
            status.keys[0].key.element_mut(ElementKind::Ds).visibility = Visibility::Unretentive;
        };
        assert_eq!(waiting(replaced), Some(3), "one whose key is being replaced");
    }

    #[test]
    fn a_zone_that_the_parent_does_not_know_waits_in_peace() {
        let answered = |is_delegated: bool| {
            waiting(move |status| {
                let said = Said { ds: Vec::new(), ttl_s: 1, is_delegated, at_s: 1 };
                let servers = Ok(vec![(ServerId { name: None, address: None }, Ok(said))]);
                let keys: Vec<ZoneKey> = status.keys.iter().map(|key| key.key.clone()).collect();
                status.parent.take(Round { zone: None, servers, at_s: 1 }, &status.zone, &keys);
            })
        };
        assert_eq!((answered(true), answered(false)), (Some(3), None));
    }
}
