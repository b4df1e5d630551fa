//! Whether what a zone answers to questions for what is not there is proved, by the same functions as the resolver's
//! validator uses, signatures taken on trust.

use dns::header::Rcode;
use dns::query::Query;
use dns::question::HashedName;
use dns::response::Writer;
use dns::{Message, Name, RType};
use dnssec::denial::Denial;
use dnssec::nsec::{nsec_denies_ds, nsec_denies_name, nsec_denies_type};
use dnssec::nsec3::{HashBudget, nsec3_denies_ds, nsec3_denies_name, nsec3_denies_type};
use zone::answer::{Ask, answer};
use zone::{Contents, Zone, ZoneTable};

/// What a response has to prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denies {
    Name,
    Type,
    /// That a delegation has no DS.
    Ds,
}

/// Asks `contents`; where `must_prove`, what it answers must be proved. `cut` is the delegation for [`Denies::Ds`].
pub fn check(
    contents: &Contents,
    qname: &Name,
    qtype: RType,
    denies: Denies,
    cut: &Name,
    must_prove: bool,
    what: &str,
) {
    let response = ask(contents, qname, qtype);
    let is_name_error = response.header.rcode == Rcode::NXDOMAIN;
    assert_eq!(is_name_error, denies == Denies::Name, "{what}: {qname} {qtype}");
    if must_prove {
        let is_proved = is_proved(&response, contents.origin(), qname, qtype, denies, cut);
        assert!(is_proved, "{what}: {qname} {qtype} is not proved:\n{:#?}", response.authorities);
    }
}

fn ask(contents: &Contents, qname: &Name, qtype: RType) -> Message {
    let zone = Zone { name: contents.origin().to_owned(), contents: Some(contents.clone()), policy: None };
    let zones = ZoneTable::new(contents.hasher(), vec![zone.into()]);
    let mut buffer = vec![0; 65_535];
    let query = Message::query(1, qname.to_owned(), qtype).to_wire(512);
    buffer[..query.len()].copy_from_slice(&query);
    let (mut read, mut hashed, mut alias) = (Query::default(), HashedName::default(), HashedName::default());
    read.read(&query, &mut hashed, zones.hasher()).expect("a query");
    let (zone, _) = zones.find(&hashed, qtype).expect("our zone");
    let mut writer = Writer::new(&mut buffer, &hashed, zones.hasher(), usize::from(read.question_end), 65_535);
    let ask = Ask { qtype, dnssec_ok: true, any_in_full: true, minimal: true };
    let verdict = answer(&zones, zone, ask, &|_| true, &mut alias, &mut writer);
    let len = writer.finish(1, 0, verdict.rcode.0 as u8);
    Message::parse(&buffer[..len]).expect("a well-formed response")
}

fn is_proved(response: &Message, apex: &Name, qname: &Name, qtype: RType, denies: Denies, cut: &Name) -> bool {
    let is_signed = |owner: &Name, rtype: RType| {
        let covers = |sig: &&dns::Record| sig.rtype == RType::RRSIG && sig.rdata[..2] == rtype.0.to_be_bytes();
        response.authorities.iter().filter(covers).any(|sig| *sig.owner == *owner)
    };
    let of_type = |rtype: RType| {
        let records = response.authorities.iter().filter(move |record| record.rtype == rtype);
        records.filter(|r| is_signed(&r.owner, rtype)).map(|r| (&*r.owner, &r.rdata[..])).collect::<Vec<_>>()
    };
    let (nsec, nsec3) = (of_type(RType::NSEC), of_type(RType::NSEC3));
    let budget = &mut HashBudget::new(1000);
    let (by_nsec, by_nsec3) = match denies {
        Denies::Name => (nsec_denies_name(&nsec, apex, qname), nsec3_denies_name(&nsec3, apex, qname, 150, budget)),
        Denies::Ds => (nsec_denies_ds(&nsec, apex, cut), nsec3_denies_ds(&nsec3, apex, cut, 150, budget)),
        Denies::Type => {
            (nsec_denies_type(&nsec, apex, qname, qtype), nsec3_denies_type(&nsec3, apex, qname, qtype, 150, budget))
        }
    };
    by_nsec == Denial::Proved || by_nsec3 == Denial::Proved
}
