//! The records of a new zone: what the client gives, and a SOA and NS records for it where it gives none.

use dns::{Name, NameBuf, RType};
use zone::settings::next_serial;
use zone::{RecordList, RecordListBuilder, Records, SerialPolicy};

use crate::zone_defaults::{DEFAULT_TTL, soa};

/// The records of a new primary zone. The first of `nameservers` is the SOA's MNAME.
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
        let primary = nameservers.first().map_or(Name::root(), |name| &**name);
        // The one after none: 1, or what date or time say.
        list.push(zone, RType::SOA, DEFAULT_TTL, &soa(zone, primary, next_serial(policy, 0, now_ms / 1000)));
    }
    if !has(RType::NS) {
        nameservers.iter().for_each(|server| list.push(zone, RType::NS, DEFAULT_TTL, server.as_wire()));
    }
    for (owner, rtype, records) in given {
        records.data.iter().for_each(|data| list.push(owner, *rtype, records.ttl, data));
    }
    list.finish()
}

#[cfg(test)]
mod tests {
    use dns::rdata::typed::Soa;

    use super::*;

    #[test]
    fn what_is_given_counts() {
        let zone: NameBuf = "example.org".parse().expect("name");
        let servers = ["ns1.example.net".parse().expect("name"), "ns2.example.net".parse().expect("name")];
        let list = |given: &[_]| records(&zone, &servers, given, SerialPolicy::Date, 20_454 * 86_400_000);
        let types = |given: &[_]| -> Vec<RType> { list(given).iter().map(|record| record.rtype).collect() };
        assert_eq!(types(&[]), [RType::SOA, RType::NS, RType::NS]);
        let ns = Records { ttl: 1, data: vec![b"\x01a\0".to_vec()], signatures: Vec::new() };
        assert_eq!(types(&[(zone.clone(), RType::NS, ns)]), [RType::SOA, RType::NS]);
        let made = list(&[]);
        let soa = made.iter().next().and_then(|record| Some(Soa::parse(record.rdata)?.serial));
        assert_eq!(soa, Some(2_026_010_100));
    }
}
