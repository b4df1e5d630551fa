//! The ZONEMD record: a digest of the whole zone, for whoever has a copy of it (RFC 8976).

use dns::{Class, Name, RType};
use dnssec::canonical::Rrset;
use dnssec::zone_digest::{HASH_SHA384, SCHEME_SIMPLE, SHA384_LEN, ZoneDigest};
use zone::{Contents, Records};

/// The ZONEMD record before the digest is known: it stands in the zone while the records of denial are made, whose
/// bitmaps name its type (RFC 8976 3.1).
pub fn placeholder(contents: &Contents) -> Option<Records> {
    Some(with_digest(contents, &[0; SHA384_LEN])?.normalised(RType::ZONEMD))
}

/// The ZONEMD record of a zone as it is. Its own data, and signatures over it, do not count (RFC 8976 3.3.1).
pub fn zonemd(contents: &Contents) -> Option<Records> {
    let mut digest = ZoneDigest::default();
    for node in contents.nodes() {
        let owner = contents.owner(&node);
        let is_apex = *owner == *contents.origin();
        let mut sets: Vec<_> = node.rrsets().filter(|set| !(is_apex && set.rtype == RType::ZONEMD)).collect();
        sets.sort_unstable_by_key(|set| set.rtype.0);
        let (before, behind) = sets.split_at(sets.partition_point(|set| set.rtype.0 < RType::RRSIG.0));
        before.iter().for_each(|set| add(&mut digest, &owner, set.rtype, set.ttl, &set.data().collect::<Vec<_>>()));
        // Sorted by their data, signatures are sorted by the type that they cover.
        for set in &sets {
            let (ttl, signatures) = set.signatures();
            add(&mut digest, &owner, RType::RRSIG, ttl, &signatures.collect::<Vec<_>>());
        }
        behind.iter().for_each(|set| add(&mut digest, &owner, set.rtype, set.ttl, &set.data().collect::<Vec<_>>()));
    }
    with_digest(contents, &digest.finish())
}

fn add(digest: &mut ZoneDigest, owner: &Name, rtype: RType, ttl: u32, rdatas: &[&[u8]]) {
    digest.add(&Rrset { owner, class: Class::IN, rtype, ttl, rdatas });
}

/// The record with this digest; `None`: the zone has no SOA record.
fn with_digest(contents: &Contents, digest: &[u8; SHA384_LEN]) -> Option<Records> {
    let ttl = contents.apex()?.rrset(RType::SOA)?.ttl;
    let mut data = contents.soa()?.serial.to_be_bytes().to_vec();
    data.extend_from_slice(&[SCHEME_SIMPLE, HASH_SHA384]);
    data.extend_from_slice(digest);
    Some(Records { ttl, data: vec![data], signatures: Vec::new() })
}
