//! The demo's own zones: a company's, a home's, and the names of their addresses. They are written to zone files, and asked
//! for what the server answered before it ran.

use std::fmt::Write;

use dns::{NameBuf, RType, Rcode, Record};

use super::answers::{Answer, record};
use super::model::{DEVICES, Device, Group};

/// The company's zone.
pub const COMPANY: &str = "brightwater.example";
/// The home's zone.
pub const HOME: &str = "home.arpa";
/// The names of addresses.
pub const REVERSE: &str = "127.in-addr.arpa";

/// How often an alias is followed.
const MAX_ALIASES: usize = 4;
/// The longest name of a device, and a blank: records stand below each other.
const OWNER_WIDTH: usize = 22;

/// A record as it is written down: owner within the zone, type, data.
type Written = (&'static str, &'static str, &'static str);

/// A zone.
#[derive(Debug)]
pub struct Zone {
    /// Its name.
    pub name: &'static str,
    /// What its file says first.
    comment: &'static str,
    ttl: u32,
    /// Owner, type and data.
    records: Vec<(String, &'static str, String)>,
}

const COMPANY_RECORDS: &[Written] = &[
    ("@", "SOA", "ns1 hostmaster 2024010101 7200 900 1209600 300"),
    ("@", "NS", "ns1"),
    ("@", "NS", "ns2"),
    ("@", "MX", "10 mail"),
    ("@", "MX", "20 mail-backup"),
    ("@", "A", "203.0.113.80"),
    ("@", "AAAA", "2001:db8:80::80"),
    ("@", "TXT", "\"v=spf1 mx -all\""),
    ("@", "CAA", "0 issue \"ca.example\""),
    ("@", "CAA", "0 iodef \"mailto:hostmaster@brightwater.example\""),
    ("@", "HTTPS", "1 . alpn=h2,h3 ipv4hint=203.0.113.80"),
    ("ns1", "A", "127.20.0.10"),
    ("ns2", "A", "203.0.113.54"),
    ("www", "CNAME", "@"),
    ("mail-backup", "A", "203.0.113.26"),
    ("_dmarc", "TXT", "\"v=DMARC1; p=quarantine; rua=mailto:dmarc@brightwater.example\""),
    ("s1._domainkey", "TXT", "\"v=DKIM1; k=ed25519; p=G0y0Zk2vHq3m0mR1c0xJr6k9bq8D1o0V3xv7cJ2m1pE=\""),
    ("_ldap._tcp", "SRV", "0 100 389 dc1"),
    ("_kerberos._udp", "SRV", "0 100 88 dc1"),
    ("_sip._tcp", "SRV", "10 60 5060 voice"),
    ("voice", "A", "127.20.0.9"),
    ("intranet", "CNAME", "files"),
    ("wiki", "CNAME", "files"),
    ("git", "A", "127.20.0.6"),
    ("git", "HTTPS", "1 . alpn=h2 port=8443"),
    ("_dns", "SVCB", "1 ns1 alpn=dot"),
    ("xn--bcher-kva", "A", "127.20.0.7"),
    ("*.preview", "A", "127.20.0.6"),
];

const HOME_RECORDS: &[Written] = &[
    ("@", "SOA", "router hostmaster 2024010101 3600 600 604800 300"),
    ("@", "NS", "router"),
    ("router", "A", "127.10.0.1"),
    ("nas", "A", "127.10.0.5"),
    ("nas", "AAAA", "fd00:10::5"),
    ("photos", "CNAME", "nas"),
    ("printer", "A", "127.10.0.6"),
    ("_ipp._tcp", "PTR", "office._ipp._tcp"),
    ("office._ipp._tcp", "SRV", "0 0 631 printer"),
    ("office._ipp._tcp", "TXT", "\"rp=ipp/print\" \"ty=Inkjet\""),
];

const REVERSE_RECORDS: &[Written] = &[
    ("@", "SOA", "ns1.brightwater.example. hostmaster.brightwater.example. 2024010101 7200 900 1209600 300"),
    ("@", "NS", "ns1.brightwater.example."),
    ("1.0.10", "PTR", "router.home.arpa."),
    ("5.0.10", "PTR", "nas.home.arpa."),
];

impl Zone {
    /// All zones.
    pub fn all() -> [Zone; 3] {
        let own = |written: &[Written]| -> Vec<(String, &'static str, String)> {
            written.iter().map(|(owner, rtype, data)| ((*owner).to_owned(), *rtype, (*data).to_owned())).collect()
        };
        let (mut company, mut home, mut reverse) = (own(COMPANY_RECORDS), own(HOME_RECORDS), own(REVERSE_RECORDS));
        for device in &DEVICES {
            let [_, place, _, host] = device.address.octets();
            let (records, zone) = if is_company(device) { (&mut company, COMPANY) } else { (&mut home, HOME) };
            records.push((device.name.to_owned(), "A", device.address.to_string()));
            if is_company(device) {
                records.push((device.name.to_owned(), "AAAA", format!("fd00:{place}::{host}")));
            }
            reverse.push((format!("{host}.0.{place}"), "PTR", format!("{}.{zone}.", device.name)));
        }
        [
            Zone { name: COMPANY, comment: "The company of the demo.", ttl: 3600, records: company },
            Zone { name: HOME, comment: "The home of the demo (RFC 8375).", ttl: 300, records: home },
            Zone { name: REVERSE, comment: "Names of the demo's addresses.", ttl: 3600, records: reverse },
        ]
    }

    /// The text of its file.
    pub fn text(&self) -> String {
        let mut text = format!("; {}\n$ORIGIN {}.\n$TTL {}\n", self.comment, self.name, self.ttl);
        for (owner, rtype, data) in &self.records {
            // A String takes everything.
            let _ = writeln!(text, "{owner:<OWNER_WIDTH$} {rtype:<6} {data}");
        }
        text
    }

    /// Whether this name, as text, is in the zone.
    pub fn has(&self, name: &str) -> bool {
        name.strip_suffix(self.name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// What the zone answers, as far as the demo asks: without wildcards and names between others.
    ///
    /// # Errors
    /// A record that is none.
    pub fn answer(&self, name: &str, rtype: RType) -> anyhow::Result<Answer> {
        let origin: NameBuf = self.name.parse()?;
        let mut owner = match name.strip_suffix(self.name).map(|rest| rest.trim_end_matches('.')) {
            None | Some("") => "@".to_owned(),
            Some(owner) => owner.to_owned(),
        };
        let mut records = Vec::new();
        for _ in 0..MAX_ALIASES {
            let of_owner: Vec<_> = self.records.iter().filter(|(other, ..)| *other == owner).collect();
            if of_owner.is_empty() {
                records.push(self.soa(&origin)?);
                return Ok(Answer { rcode: Rcode::NXDOMAIN, negative: true, records });
            }
            let full: NameBuf = if owner == "@" { origin.clone() } else { format!("{owner}.{}", self.name).parse()? };
            let alias = of_owner.iter().find(|(_, other, _)| *other == "CNAME");
            if let Some((_, _, target)) = alias {
                records.push(record(&full, RType::CNAME, self.ttl, target, &origin)?);
                owner.clone_from(target);
                continue;
            }
            let wanted = rtype.to_string();
            let found: Vec<Record> = of_owner
                .iter()
                .filter(|(_, other, _)| *other == wanted)
                .map(|(_, _, data)| record(&full, rtype, self.ttl, data, &origin))
                .collect::<anyhow::Result<_>>()?;
            let negative = found.is_empty();
            records.extend(found);
            if negative {
                records.push(self.soa(&origin)?);
            }
            return Ok(Answer { rcode: Rcode::NOERROR, negative, records });
        }
        Ok(Answer { rcode: Rcode::NOERROR, negative: false, records })
    }

    fn soa(&self, origin: &NameBuf) -> anyhow::Result<Record> {
        let data = self.records.iter().find(|(_, rtype, _)| *rtype == "SOA").map_or("", |(_, _, data)| data.as_str());
        record(origin, RType::SOA, self.ttl, data, origin)
    }
}

/// Whether a device is in the company and not at home.
fn is_company(device: &Device) -> bool {
    matches!(device.group, Group::Office | Group::Servers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::names::{Fate, Names};

    #[test]
    fn names_are_answered_as_the_files_say() {
        let zones = Zone::all();
        let check = |name: &str, rtype: RType, want: (Rcode, bool, usize)| {
            let zone = zones.iter().find(|zone| zone.has(name)).expect("a zone");
            let answer = zone.answer(name, rtype).expect("an answer");
            assert_eq!((answer.rcode, answer.negative, answer.records.len()), want, "{name} {rtype}");
        };
        check("brightwater.example", RType::MX, (Rcode::NOERROR, false, 2));
        check("www.brightwater.example", RType::A, (Rcode::NOERROR, false, 2));
        check("wiki.brightwater.example", RType::HTTPS, (Rcode::NOERROR, true, 2));
        check("_ldap._tcp.brightwater.example", RType::SRV, (Rcode::NOERROR, false, 1));
        check("wpad.home.arpa", RType::A, (Rcode::NXDOMAIN, true, 1));
        check("14.0.10.127.in-addr.arpa", RType::PTR, (Rcode::NOERROR, false, 1));
        assert!(!zones.iter().any(|zone| zone.has("notbrightwater.example")));
    }

    #[test]
    fn all_own_names_of_the_traffic_are_in_a_zone() {
        let zones = Zone::all();
        let names = Names::new().expect("names");
        for site in names.sites.iter().filter(|site| site.fate == Fate::Ours) {
            let zone = zones.iter().find(|zone| zone.has(&site.text)).expect("a zone");
            site.types.iter().for_each(|&rtype| drop(zone.answer(&site.text, rtype).expect("an answer")));
        }
    }
}
