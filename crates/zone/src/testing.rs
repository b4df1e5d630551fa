//! What several tests need: zones from text and back, and random ones.

use std::path::Path;

use dns::zonefile::{self, NoIncludes, Options, Record, Sink};
use dns::{Class, Name, NameBuf, NameHasher, RType};

use crate::builder::Builder;
use crate::change::RrsetChange;
use crate::check::Finding;
use crate::contents::Contents;
use crate::diff::list;
use crate::draft::Records;

/// Anything in the zones of tests hangs below this.
pub const ORIGIN: &str = "example.";

pub fn name(text: &str) -> NameBuf {
    text.parse().expect("a name")
}

struct ToBuilder(Builder);

impl Sink for ToBuilder {
    fn record(&mut self, record: Record<'_>) {
        self.0.add(record.owner, record.rtype, record.ttl, record.rdata).expect("in the zone");
    }
}

/// The zone `example.` with these records; the TTL is 60 where none is given.
pub fn zone(text: &str) -> (Contents, Vec<Finding>) {
    let origin = name(ORIGIN);
    let options =
        Options { origin: &origin, default_ttl: Some(60), file: Path::new("zone"), class: Class::IN, rules: false };
    let mut sink = ToBuilder(Builder::new(&origin, NameHasher::new(5)));
    let outcome = zonefile::parse(text.as_bytes(), &options, &NoIncludes, &mut sink);
    assert_eq!(outcome.problems, [], "{text}");
    sink.0.finish()
}

/// All records as text, one a line, SOA first.
pub fn text(contents: &Contents) -> String {
    let mut out = String::new();
    for record in list(contents).iter() {
        zonefile::write_record(record.owner, record.ttl, Class::IN, record.rtype, record.rdata, &mut out)
            .expect("strings take everything");
    }
    out
}

/// A small generator; tests want the same numbers every time.
pub struct Random(pub u64);

impl Random {
    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % n
    }

    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len() as u64) as usize]
    }

    /// A name of a few short labels, so that names meet, hide and alias each other.
    pub fn owner(&mut self) -> NameBuf {
        let labels: String = (0..self.below(4)).map(|_| self.pick(&["a.", "b.", "ns.", "*.", "C."])).collect();
        name(&format!("{labels}{ORIGIN}"))
    }

    /// A type, and some records of it.
    pub fn rrset(&mut self) -> (RType, Records) {
        let target = |random: &mut Random| random.owner().into_wire();
        let rtype = [RType::A, RType::AAAA, RType::NS, RType::CNAME, RType::DNAME, RType::TXT, RType::MX, RType::SOA];
        let rtype = rtype[self.below(8) as usize];
        let count = if matches!(rtype, RType::CNAME | RType::DNAME | RType::SOA) { 1 } else { 1 + self.below(3) };
        let data = |random: &mut Random| match rtype {
            RType::A => vec![192, 0, 2, random.below(4) as u8],
            RType::AAAA => vec![random.below(4) as u8; 16],
            RType::TXT => vec![1, b'a' + random.below(3) as u8],
            RType::MX => [vec![0, 1], target(random)].concat(),
            RType::SOA => [target(random), vec![0], vec![random.below(4) as u8; 20]].concat(),
            _ => target(random),
        };
        let data = (0..count).map(|_| data(self)).collect();
        let signatures = (0..self.below(4) / 3).map(|_| [&rtype.0.to_be_bytes()[..], &[7; 20]].concat()).collect();
        (rtype, Records { ttl: 60 * (1 + self.below(2) as u32), data, signatures })
    }

    /// An RRset of `contents` becomes another one, or goes.
    pub fn change(&mut self, contents: &Contents) -> RrsetChange {
        let owner = self.owner();
        let (rtype, records) = self.rrset();
        let before = records_at(contents, &owner, rtype);
        RrsetChange { owner, rtype, before, after: (self.below(3) > 0).then_some(records) }
    }
}

/// The records of one owner and type.
pub fn records_at(contents: &Contents, owner: &Name, rtype: RType) -> Option<Records> {
    contents.get(owner)?.rrsets().find(|rrset| rrset.rtype == rtype).map(|rrset| Records::of(&rrset))
}
