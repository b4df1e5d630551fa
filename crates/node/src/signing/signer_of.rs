//! From the keys of a zone, and how far each has come, to what signs it now.

use std::sync::Arc;

use dns::{Name, NameBuf};
use dnssec::digest::{DS_SHA256, ds_rdata};
use signer::keys::{Goal, Visibility, ZoneKey};
use signer::policy::SigningPolicy;
use signer::zone_signer::{FormerKeys, KeyInUse, ZoneSigner};

use super::document::{self, ZoneDocument};
use super::key_store::{KeyStore, KeyStoreError};

/// The CDS record that asks for the withdrawal of all DS records (RFC 8078 4).
const DELETE_CDS: [u8; 5] = [0, 0, 0, 0, 0];
/// The CDNSKEY record that asks for the same.
const DELETE_CDNSKEY: [u8; 5] = [0, 0, 3, 0, 0];

/// What signs a zone as its document says. `parent_sets`: DS RRsets that lead to it now.
///
/// # Errors
/// A private key that is needed and cannot be read.
pub fn signer_of(
    zone: &Name,
    document: &ZoneDocument,
    policy: &Arc<SigningPolicy>,
    parent_sets: Vec<Vec<Vec<u8>>>,
    store: &KeyStore,
) -> Result<ZoneSigner, KeyStoreError> {
    let all = &document.keys.keys;
    let keys = |wanted: fn(&ZoneKey) -> bool| {
        let load = |key: &ZoneKey| -> Result<KeyInUse, KeyStoreError> {
            let signing = store.load(zone, &key.dnskey)?;
            Ok(KeyInUse { key: Arc::new(signing), dnskey: key.dnskey.clone().into() })
        };
        all.iter().filter(|key| wanted(key)).map(load).collect::<Result<Vec<_>, _>>()
    };
    let data = |wanted: fn(&ZoneKey) -> bool| -> Vec<Vec<u8>> {
        all.iter().filter(|key| wanted(key)).map(|key| key.dnskey.clone()).collect()
    };
    let asked = if policy.cds { data(ZoneKey::wants_ds) } else { Vec::new() };
    let (mut cds, mut cdnskey) = (asked.iter().filter_map(|dnskey| ds_rdata(zone, dnskey, DS_SHA256)).collect(), asked);
    if policy.cds && document.keys.wants_delete_ds() {
        (cds, cdnskey) = (vec![DELETE_CDS.to_vec()], vec![DELETE_CDNSKEY.to_vec()]);
    }
    let zone_signers = keys(ZoneKey::signs_zone)?;
    // A zone without signatures by decision has no key that stays: this one lacks a part of its keys.
    if zone_signers.is_empty() && all.iter().any(|key| key.goal == Goal::InUse) {
        return Err(KeyStoreError::Incomplete);
    }
    let former = document.former.iter();
    Ok(ZoneSigner {
        origin: NameBuf::from(zone),
        policy: policy.clone(),
        key_signers: keys(ZoneKey::signs_keys)?,
        zone_signers,
        published: data(ZoneKey::is_published),
        known: data(|_| true),
        cds,
        cdnskey,
        parent_ds: data(is_at_parent).iter().filter_map(|dnskey| ds_rdata(zone, dnskey, DS_SHA256)).collect(),
        parent_sets,
        former: former
            .map(|former| FormerKeys { dnskeys: document::from_text(&former.dnskeys), until_s: former.until_s })
            .collect(),
    })
}

fn is_at_parent(key: &ZoneKey) -> bool {
    key.ds.visibility == Visibility::Omnipresent
}
