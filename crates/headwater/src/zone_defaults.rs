//! The records of a new zone: SOA and NS, so that nobody has to think of them.

use dns::{Name, RType};
use zone::{RecordList, RecordListBuilder};

/// TTL of what is made here, in seconds.
pub const DEFAULT_TTL: u32 = 3600;
/// Refresh, retry, expire and negative TTL of a new SOA record in seconds: within what RFC 1912 2.2 and RFC 2308 5
/// recommend.
const SOA_TIMERS: [u32; 4] = [7200, 900, 1_209_600, 3600];
/// The serial of a new zone.
const FIRST_SERIAL: u32 = 1;
/// Local part of the mailbox in a new SOA record (RFC 2142 7).
const MAILBOX: &[u8] = b"hostmaster";

/// The SOA and NS records of a new zone whose primary is `server`.
pub fn records(zone: &Name, server: &Name) -> RecordList {
    let mut builder = RecordListBuilder::default();
    builder.push(zone, RType::SOA, DEFAULT_TTL, &soa(zone, server, FIRST_SERIAL));
    builder.push(zone, RType::NS, DEFAULT_TTL, server.as_wire());
    builder.finish()
}

/// The data of a new SOA record (RFC 1035 3.3.13).
pub fn soa(zone: &Name, server: &Name, serial: u32) -> Vec<u8> {
    // A zone whose name leaves no room for a mailbox below it is its own.
    let mailbox = zone.prepend(MAILBOX).unwrap_or_else(|_| zone.to_owned());
    let mut data = [server.as_wire(), mailbox.as_wire(), &serial.to_be_bytes()].concat();
    SOA_TIMERS.iter().for_each(|timer| data.extend_from_slice(&timer.to_be_bytes()));
    data
}

#[cfg(test)]
mod tests {
    use dns::NameBuf;

    use super::*;

    #[test]
    fn a_new_zone_passes_the_checks() {
        let zone: NameBuf = "example.org.".parse().expect("name");
        let server: NameBuf = "ns.example.net.".parse().expect("name");
        let (contents, findings) = zone::diff::build(&zone, dns::NameHasher::new(1), &records(&zone, &server));
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(contents.soa().map(|soa| soa.serial), Some(1));
    }
}
