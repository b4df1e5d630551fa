//! What the signer puts at the apex: DNSKEY, CDS, CDNSKEY, NSEC3PARAM and ZONEMD records.

use dns::RType;
use zone::{Contents, Edit, Records};

use super::zone_digest;
use crate::zone_signer::ZoneSigner;

/// What has to change at the apex.
pub fn edits(signer: &ZoneSigner, contents: &Contents) -> Vec<Edit> {
    let ttl = signer.policy.dnskey_ttl_s;
    let nsec3param = signer.nsec3().map(|_| vec![vec![1, 0, 0, 0, 0]]).unwrap_or_default();
    let zonemd = zonemd(signer, contents).unwrap_or_default();
    let wanted = [
        (RType::DNSKEY, ttl, dnskeys(signer, contents)),
        (RType::CDS, ttl, signer.cds.clone()),
        (RType::CDNSKEY, ttl, signer.cdnskey.clone()),
        // RFC 5155 4: nobody caches it for answers.
        (RType::NSEC3PARAM, 0, nsec3param),
        (RType::ZONEMD, zonemd.ttl, zonemd.data),
    ];
    let edit = |(rtype, ttl, data): (RType, u32, Vec<Vec<u8>>)| {
        let now = contents.records(&signer.origin, rtype);
        let wanted = Records { ttl, data, signatures: Vec::new() }.normalised(rtype);
        let is_same = match &now {
            Some(now) => now.ttl == wanted.ttl && now.data == wanted.data,
            None => wanted.data.is_empty(),
        };
        let records = (!wanted.data.is_empty()).then_some(wanted);
        (!is_same).then(|| Edit { owner: signer.origin.clone(), rtype, records })
    };
    wanted.into_iter().filter_map(edit).collect()
}

/// The record that is there, or one that gets its digest when the rest of the zone is ready; `None`: there shall be none.
fn zonemd(signer: &ZoneSigner, contents: &Contents) -> Option<Records> {
    if !signer.has_digest() {
        return None;
    }
    contents.records(&signer.origin, RType::ZONEMD).or_else(|| zone_digest::placeholder(contents))
}

/// The data of the DNSKEY records that the zone shall have: our keys that are published, and those of other signers.
pub fn dnskeys(signer: &ZoneSigner, contents: &Contents) -> Vec<Vec<u8>> {
    let there = contents.records(&signer.origin, RType::DNSKEY).map(|records| records.data).unwrap_or_default();
    let others = there.into_iter().filter(|dnskey| !signer.known.contains(dnskey));
    signer.published.iter().cloned().chain(others).collect()
}
