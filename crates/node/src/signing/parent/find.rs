//! Who is asked: the parent zone, its name servers with their addresses, and where it wants to be told of new CDS records
//! (RFC 9859 4.1). Names are looked up as the server itself resolves them; zones of our own come first.

use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use dns::rdata::typed::{Soa, target};
use dns::{Name, NameBuf, RType, Rcode, Record};
use resolver::{Outcome, Question};
use signer::parent::{Said, ServerId};
use zone::{Contents, Standing, ZoneTable};

use super::ask;
use crate::lookups::{Lookups, address};

/// The port of DNS (RFC 1035 4.2).
const DNS_PORT: u16 = 53;
/// An answer of the resolver that takes longer is given up.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Name servers of a parent that are looked up.
const MAX_NAMES: usize = 32;
/// Addresses of one of them.
const MAX_ADDRESSES: usize = 16;
/// Given servers that are asked for other things than DS records.
const MAX_ASKED: usize = 3;
/// The label that DSYNC records stand at (RFC 9859 3).
const DSYNC_LABEL: &[u8] = b"_dsync";
/// The scheme of NOTIFY (RFC 9859 2.1).
const SCHEME_NOTIFY: u8 = 1;

/// What is found at a name.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// RRsets of the answer; aliases are among them.
    pub records: Vec<Record>,
    /// The apex of the zone that has nothing there, if it says so.
    pub nothing_in: Option<NameBuf>,
}

/// Looks names up.
pub trait Find {
    /// What is there.
    ///
    /// # Errors
    /// Why it is not known: `is SERVFAIL`.
    fn find(&self, name: &Name, rtype: RType) -> Result<Answer, String>;
}

/// With our own resolver, and without one in our own zones.
impl Find for Lookups {
    fn find(&self, name: &Name, rtype: RType) -> Result<Answer, String> {
        let Some(lookup) = self.get() else {
            let found = self.local(name, rtype).map(|outcome| of_outcome(&outcome)).transpose()?;
            let found = found.filter(|answer| !answer.records.is_empty() || answer.nothing_in.is_some());
            return found.ok_or_else(|| format!("{name} cannot be looked up, as recursion is off"));
        };
        match lookup.wait(Question::new(name, rtype), false, TIMEOUT) {
            Ok(outcome) => of_outcome(&outcome.checked()).map_err(|why| format!("{name} {rtype} {why}")),
            Err(RecvTimeoutError::Timeout) => Err(format!("{name} {rtype} gets no answer in time")),
            Err(RecvTimeoutError::Disconnected) => Err("the resolver is being changed".to_owned()),
        }
    }
}

fn of_outcome(outcome: &Outcome) -> Result<Answer, String> {
    if !matches!(outcome.rcode, Rcode::NOERROR | Rcode::NXDOMAIN) {
        return Err(format!("is {}", outcome.rcode));
    }
    let records = outcome.answers.iter().flat_map(|timed| timed.rrset.records(timed.ttl)).collect();
    let soa = outcome.authorities.iter().find(|timed| timed.rrset.rtype == RType::SOA);
    Ok(Answer { records, nothing_in: soa.map(|timed| timed.rrset.owner.clone()) })
}

/// Looks names up at given servers that answer for them, and elsewhere otherwise.
pub struct Asking<'a, F> {
    /// The servers.
    pub servers: &'a [SocketAddr],
    /// Who knows the rest.
    pub otherwise: &'a F,
}

impl<F: Find> Find for Asking<'_, F> {
    fn find(&self, name: &Name, rtype: RType) -> Result<Answer, String> {
        let known = self.servers.iter().take(MAX_ASKED).find_map(|&server| {
            let answer = ask::ask(server, name, rtype).ok()?;
            let is_known = answer.header.aa && matches!(answer.header.rcode, Rcode::NOERROR | Rcode::NXDOMAIN);
            let soa = answer.authorities.into_iter().find(|record| record.rtype == RType::SOA);
            is_known.then(|| Answer { records: answer.answers, nothing_in: soa.map(|soa| soa.owner) })
        });
        known.map_or_else(|| self.otherwise.find(name, rtype), Ok)
    }
}

/// The parent of `zone` among our own zones, with what it says of its DS records.
pub fn in_our_zones(zones: &ZoneTable, zone: &Name, now_s: u64) -> Option<(NameBuf, Said)> {
    let parent = zone.parent()?.ancestors().find_map(|name| zones.get(name))?;
    let contents = parent.contents.as_ref().filter(|contents| contents.standing(zone) != Standing::Occluded)?;
    let negative_s = negative_ttl_s(contents).unwrap_or_default();
    let records = contents.records(zone, RType::DS);
    let ttl_s = records.as_ref().map_or(negative_s, |records| records.ttl);
    let ds = records.map(|records| records.data).unwrap_or_default();
    let is_delegated = contents.get(zone).is_some();
    Some((parent.name.clone(), Said { ds, ttl_s, is_delegated, at_s: now_s }))
}

fn negative_ttl_s(contents: &Contents) -> Option<u32> {
    let soa = contents.records(contents.origin(), RType::SOA)?;
    Some(Soa::parse(soa.data.first()?)?.minimum.min(soa.ttl))
}

/// The zone above `zone`: that which a name right above it is in.
///
/// # Errors
/// It is the root, or nobody knows.
pub fn parent_zone(find: &impl Find, zone: &Name) -> Result<NameBuf, String> {
    let above = zone.parent().ok_or("the root has no parent")?;
    let answer = find.find(above, RType::SOA)?;
    let soa = answer.records.iter().find(|record| record.rtype == RType::SOA).map(|record| record.owner.clone());
    let apex = soa.or(answer.nothing_in).filter(|apex| above.is_at_or_below(apex));
    apex.ok_or_else(|| format!("the zone that {above} is in is not known"))
}

/// A name server, and where it can be asked, or why that is not known.
pub type Found = (ServerId, Result<SocketAddr, String>);

/// The name servers of a zone with all their addresses.
///
/// # Errors
/// Nobody knows which they are.
pub fn name_servers(find: &impl Find, zone: &Name) -> Result<Vec<Found>, String> {
    let answer = find.find(zone, RType::NS)?;
    let ns = answer.records.iter().filter(|record| record.rtype == RType::NS && *record.owner == *zone);
    let names: Vec<&Name> = ns.filter_map(|record| target(RType::NS, &record.rdata)).collect();
    if names.is_empty() {
        return Err(format!("{zone} has no name servers"));
    }
    if names.len() > MAX_NAMES {
        return Err(format!("{zone} has more than {MAX_NAMES} name servers"));
    }
    Ok(names.into_iter().flat_map(|name| servers_of(find, name)).collect())
}

fn servers_of(find: &impl Find, name: &Name) -> Vec<Found> {
    let server = |address| ServerId { name: Some(name.to_owned()), address };
    match addresses(find, name) {
        Ok(all) => all
            .into_iter()
            .map(|ip| SocketAddr::new(ip, DNS_PORT))
            .map(|address| (server(Some(address)), Ok(address)))
            .collect(),
        Err(why) => vec![(server(None), Err(format!("cannot be found: {why}")))],
    }
}

fn addresses(find: &impl Find, name: &Name) -> Result<Vec<IpAddr>, String> {
    let (v4, v6) = (find.find(name, RType::A), find.find(name, RType::AAAA));
    // An error of one family hides addresses: not all servers would be asked.
    let records = [v4?.records, v6?.records].concat();
    let mut all: Vec<IpAddr> = records.iter().filter_map(|record| address(record.rtype, &record.rdata)).collect();
    all.sort_unstable();
    all.dedup();
    match all.len() {
        0 => Err("it has no address".to_owned()),
        1..=MAX_ADDRESSES => Ok(all),
        _ => Err(format!("it has more than {MAX_ADDRESSES} addresses")),
    }
}

/// Where the parent wants to be told of new CDS records of `zone`; `None`: nowhere.
///
/// # Errors
/// Nobody knows.
pub fn cds_endpoint(find: &impl Find, zone: &Name) -> Result<Option<SocketAddr>, String> {
    let Some(above) = zone.parent() else { return Ok(None) };
    // RFC 9859 4.1: behind the first label, right before the parent zone, then without what is in front.
    let mut parent = above.to_owned();
    let mut answer = find.find(&dsync_name(zone, &parent)?, RType::DSYNC)?;
    if let Some(apex) = answer.nothing_in.take().filter(|apex| above.is_at_or_below(apex) && **apex != *above) {
        parent = apex;
        answer = find.find(&dsync_name(zone, &parent)?, RType::DSYNC)?;
    }
    let mut endpoint = answer.records.iter().find_map(endpoint);
    if endpoint.is_none() {
        let name = parent.prepend(DSYNC_LABEL).map_err(|error| error.to_string())?;
        endpoint = find.find(&name, RType::DSYNC)?.records.iter().find_map(self::endpoint);
    }
    let Some((host, port)) = endpoint else { return Ok(None) };
    Ok(addresses(find, &host)?.first().map(|&ip| SocketAddr::new(ip, port)))
}

/// `zone` with `_dsync` before `parent`.
fn dsync_name(zone: &Name, parent: &Name) -> Result<NameBuf, String> {
    let mut name = parent.prepend(DSYNC_LABEL);
    let labels: Vec<&[u8]> = zone.labels().take(zone.label_count().saturating_sub(parent.label_count())).collect();
    for label in labels.into_iter().rev() {
        name = name.and_then(|name| name.prepend(label));
    }
    name.map_err(|error| error.to_string())
}

/// Host and port of a DSYNC record for NOTIFY(CDS) (RFC 9859 2.1).
fn endpoint(record: &Record) -> Option<(NameBuf, u16)> {
    let (head, _) = record.rdata.split_first_chunk::<5>().filter(|_| record.rtype == RType::DSYNC)?;
    let [high, low, scheme, port_high, port_low] = *head;
    let host = target(RType::DSYNC, &record.rdata).filter(|host| !host.is_root())?;
    let port = u16::from_be_bytes([port_high, port_low]);
    let is_for_cds = RType(u16::from_be_bytes([high, low])) == RType::CDS && scheme == SCHEME_NOTIFY && port != 0;
    is_for_cds.then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::HashMap;

    use dns::Class;

    use super::*;

    fn name(text: &str) -> NameBuf {
        text.parse().expect("a name")
    }

    fn record(owner: &str, rtype: RType, rdata: &[u8]) -> Record {
        Record { owner: name(owner), rtype, class: Class::IN, ttl: 60, rdata: rdata.to_vec() }
    }

    /// Knows some records; elsewhere there is nothing in the zone `apex`. Remembers what it was asked.
    struct Fake {
        apex: &'static str,
        known: HashMap<(NameBuf, RType), Vec<Record>>,
        asked: RefCell<Vec<String>>,
    }

    impl Fake {
        fn new(apex: &'static str, records: Vec<Record>) -> Fake {
            let mut known: HashMap<(NameBuf, RType), Vec<Record>> = HashMap::new();
            records
                .into_iter()
                .for_each(|record| known.entry((record.owner.clone(), record.rtype)).or_default().push(record));
            Fake { apex, known, asked: RefCell::default() }
        }
    }

    impl Find for Fake {
        fn find(&self, name: &Name, rtype: RType) -> Result<Answer, String> {
            self.asked.borrow_mut().push(format!("{name} {rtype}"));
            if name.to_string().starts_with("lost") {
                return Err(format!("{name} is SERVFAIL"));
            }
            let records = self.known.get(&(name.to_owned(), rtype)).cloned().unwrap_or_default();
            let nothing_in = records.is_empty().then(|| self.apex.parse().expect("a name"));
            Ok(Answer { records, nothing_in })
        }
    }

    #[test]
    fn the_zone_above() {
        let of = |apex, zone: &str, records| parent_zone(&Fake::new(apex, records), &name(zone));
        assert_eq!(of("example.", "a.b.example.", vec![]), Ok(name("example.")));
        assert_eq!(of("example.", "a.b.example.", vec![record("b.example.", RType::SOA, &[])]), Ok(name("b.example.")));
        assert_eq!(of(".", "example.", vec![record(".", RType::SOA, &[])]), Ok(NameBuf::root()));
        assert!(of(".", ".", vec![]).is_err());
        assert!(of("org.", "a.b.example.", vec![]).is_err_and(|why| why.contains("is not known")));
    }

    #[test]
    fn every_address_of_every_name_server() {
        let ns = |target: &str| record("example.", RType::NS, name(target).as_wire());
        let known = vec![
            ns("a.example."),
            ns("b.example."),
            ns("lost.example."),
            record("a.example.", RType::A, &[192, 0, 2, 1]),
            record("a.example.", RType::A, &[192, 0, 2, 2]),
            record("a.example.", RType::AAAA, &[0; 16]),
        ];
        let found = name_servers(&Fake::new("example.", known), &name("example.")).expect("name servers");
        let said = |(id, address): &Found| match address {
            Ok(_) => id.to_string(),
            Err(why) => format!("{id} {why}"),
        };
        let want = [
            "a.example. (192.0.2.1:53)",
            "a.example. (192.0.2.2:53)",
            "a.example. ([::]:53)",
            "b.example. cannot be found: it has no address",
            "lost.example. cannot be found: lost.example. is SERVFAIL",
        ];
        assert_eq!(found.iter().map(said).collect::<Vec<_>>(), want);
        let none = name_servers(&Fake::new("example.", vec![]), &name("example."));
        assert_eq!(none, Err("example. has no name servers".to_owned()));
        let many = (0..33).map(|number| ns(&format!("n{number}.example."))).collect();
        assert!(name_servers(&Fake::new("example.", many), &name("example.")).is_err());
    }

    /// `rrtype scheme port target.`
    fn dsync(owner: &str, rtype: RType, scheme: u8, port: u16, host: &str) -> Record {
        let target = name(host);
        let data = [&rtype.0.to_be_bytes()[..], &[scheme], &port.to_be_bytes(), target.as_wire()].concat();
        record(owner, RType::DSYNC, &data)
    }

    /// RFC 9859 4.1: which names are asked, and where it is found.
    #[test]
    fn where_the_parent_wants_to_be_told() {
        let host = || record("n.example.", RType::A, &[192, 0, 2, 7]);
        let of = |zone: &str, records| {
            let fake = Fake::new("example.", records);
            let found = cds_endpoint(&fake, &name(zone)).expect("an answer");
            let asked =
                fake.asked.borrow().iter().filter(|asked| asked.ends_with("DSYNC")).cloned().collect::<Vec<_>>();
            (found.map(|found| found.to_string()), asked)
        };
        let at = |owner| vec![host(), dsync(owner, RType::CDS, 1, 5300, "n.example.")];
        let there = Some("192.0.2.7:5300".to_owned());
        assert_eq!(
            of("a.example.", at("a._dsync.example.")),
            (there.clone(), vec!["a._dsync.example. DSYNC".to_owned()])
        );
        let (found, asked) = of("a.b.example.", at("a.b._dsync.example."));
        assert_eq!(
            (found, asked),
            (there.clone(), vec!["a._dsync.b.example. DSYNC".into(), "a.b._dsync.example. DSYNC".into()])
        );
        let (found, asked) = of("a.b.example.", at("_dsync.example."));
        assert_eq!((found, asked.len(), asked.last().cloned()), (there, 3, Some("_dsync.example. DSYNC".into())));
        assert_eq!(of("a.example.", vec![host()]).0, None);
        // Another type, another scheme, no port, no host.
        for other in [
            dsync("_dsync.example.", RType::CSYNC, 1, 53, "n.example."),
            dsync("_dsync.example.", RType::CDS, 2, 53, "n.example."),
            dsync("_dsync.example.", RType::CDS, 1, 0, "n.example."),
            dsync("_dsync.example.", RType::CDS, 1, 53, "."),
            record("_dsync.example.", RType::DSYNC, &[0, 59, 1]),
        ] {
            assert_eq!(of("a.example.", vec![host(), other]).0, None);
        }
        assert_eq!(cds_endpoint(&Fake::new(".", vec![]), Name::root()), Ok(None));
    }
}
