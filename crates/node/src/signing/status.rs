//! What others see of the signing of a zone.

use std::sync::PoisonError;

use dns::{Name, NameBuf};
use dnssec::digest::{DS_SHA256, DS_SHA384, ds_rdata};
use server::clock::unix_seconds;
use signer::keys::ZoneKey;
use signer::timeline::Wait;

use super::{Signing, SigningError, document};
use crate::signers::Refusal;

/// The signing of a zone.
#[derive(Debug, Clone)]
pub struct ZoneSigning {
    /// The zone.
    pub zone: NameBuf,
    /// The name of its policy; empty: it is becoming insecure.
    pub policy: String,
    /// Whether the zone that is served is signed.
    pub is_signed: bool,
    /// Its keys, in the order in which they came.
    pub keys: Vec<KeyStatus>,
    /// What is waited for.
    pub waits: Vec<Wait>,
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
        Some(ZoneSigning {
            zone: zone.to_owned(),
            policy,
            is_signed: contents.is_some_and(|contents| contents.is_signed()),
            keys: kept.document.keys.keys.iter().map(status).collect(),
            waits: looked.found.waits,
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
