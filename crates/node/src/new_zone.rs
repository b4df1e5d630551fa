//! The records of a new zone, from the API or the configuration: what is given, and a SOA and NS records for it
//! where there are none.

use dns::{Name, NameBuf, RType};
use zone::{RecordList, RecordListBuilder, Records, SerialPolicy};

/// TTL of records that come without one.
pub const DEFAULT_TTL_S: u32 = 3600;
/// Seconds between two looks of a secondary (RFC 1912 2.2).
const REFRESH_S: u32 = 10_800;
/// Seconds until it looks again after a failure.
const RETRY_S: u32 = 3_600;
/// Seconds after which it stops to serve the zone: two weeks (RFC 1912 2.2).
const EXPIRE_S: u32 = 1_209_600;
/// Seconds for which resolvers may keep that a name is not there (RFC 2308 4).
const MINIMUM_S: u32 = 3_600;

/// The records of a new primary zone. `nameservers` is not empty; the first one is the SOA's MNAME.
pub fn records(
    zone: &Name,
    nameservers: &[NameBuf],
    given: &[(NameBuf, RType, Records)],
    policy: SerialPolicy,
    now_ms: u64,
) -> RecordList {
    let has = |rtype| given.iter().any(|(owner, have, _)| *have == rtype && **owner == *zone);
    let mut list = RecordListBuilder::default();
    if !has(RType::SOA) {
        list.push(zone, RType::SOA, DEFAULT_TTL_S, &soa(zone, nameservers, first_serial(policy, now_ms)));
    }
    if !has(RType::NS) {
        nameservers.iter().for_each(|server| list.push(zone, RType::NS, DEFAULT_TTL_S, server.as_wire()));
    }
    for (owner, rtype, records) in given {
        records.data.iter().for_each(|data| list.push(owner, *rtype, records.ttl, data));
    }
    list.finish()
}

fn soa(zone: &Name, nameservers: &[NameBuf], serial: u32) -> Vec<u8> {
    let root = NameBuf::root();
    // RFC 2142 7. A zone whose name leaves no room for that has no mailbox.
    let rname = zone.prepend(b"hostmaster").unwrap_or(NameBuf::root());
    let mut data = nameservers.first().unwrap_or(&root).as_wire().to_vec();
    data.extend_from_slice(rname.as_wire());
    for number in [serial, REFRESH_S, RETRY_S, EXPIRE_S, MINIMUM_S] {
        data.extend_from_slice(&number.to_be_bytes());
    }
    data
}

/// The serial that a zone starts with.
pub fn first_serial(policy: SerialPolicy, now_ms: u64) -> u32 {
    zone::settings::next_serial(policy, 0, now_ms / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_counts() {
        let zone: NameBuf = "example.org".parse().expect("name");
        let servers = ["ns1.example.net".parse().expect("name"), "ns2.example.net".parse().expect("name")];
        let types = |given: &[(NameBuf, RType, Records)]| -> Vec<RType> {
            records(&zone, &servers, given, SerialPolicy::Date, 20_454 * 86_400_000).iter().map(|r| r.rtype).collect()
        };
        assert_eq!(types(&[]), [RType::SOA, RType::NS, RType::NS]);
        let ns = Records { ttl: 1, data: vec![b"\x01a\0".to_vec()], signatures: Vec::new() };
        assert_eq!(types(&[(zone.clone(), RType::NS, ns)]), [RType::SOA, RType::NS]);
        assert_eq!(first_serial(SerialPolicy::Date, 20_454 * 86_400_000), 2_026_010_100);
    }
}
