//! Records from text, for the tests of this crate.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;

use dns::rdata::text;
use dns::scan::Scanner;
use dns::zonefile::{NoIncludes, Options, Record, Sink, parse};
use dns::{Class, Name, NameBuf, RType};

pub fn name(text: &str) -> NameBuf {
    text.parse().expect("name")
}

pub fn rdata(rtype: RType, source: &str) -> Vec<u8> {
    let mut out = Vec::new();
    text::scan(rtype, &mut Scanner::new(source.as_bytes()), Name::root(), &mut out).expect(source);
    out
}

/// Data of records by owner and type.
#[derive(Default)]
pub struct Zone(pub BTreeMap<(NameBuf, RType), Vec<Vec<u8>>>);

impl Sink for Zone {
    fn record(&mut self, record: Record<'_>) {
        self.0.entry((record.owner.to_owned(), record.rtype)).or_default().push(record.rdata.to_vec());
    }
}

impl Zone {
    pub fn read(file: &str) -> Zone {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/answers").join(file);
        Zone::parse(&std::fs::read(path).expect(file))
    }

    pub fn parse(text: &[u8]) -> Zone {
        let mut zone = Zone::default();
        let file = std::path::Path::new("test");
        let options = Options { origin: Name::root(), default_ttl: Some(3600), file, class: Class::IN, rules: false };
        let outcome = parse(text, &options, &NoIncludes, &mut zone);
        assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
        zone
    }

    pub fn get(&self, owner: &Name, rtype: RType) -> &[Vec<u8>] {
        self.0.get(&(owner.to_owned(), rtype)).map_or(&[], Vec::as_slice)
    }

    /// Owner and data of the records of a type, those whose owner begins with one of `first`.
    pub fn starting(&self, rtype: RType, first: &[&str]) -> Vec<(&Name, &[u8])> {
        let starts = |owner: &Name| {
            let text = owner.to_string().to_ascii_lowercase();
            first.iter().any(|first| text.starts_with(first))
        };
        let sets = self.0.iter().filter(|((owner, is), _)| *is == rtype && starts(owner));
        sets.flat_map(|((owner, _), data)| data.iter().map(move |data| (&**owner, data.as_slice()))).collect()
    }

    pub fn all(&self, rtype: RType) -> Vec<(&Name, &[u8])> {
        self.starting(rtype, &[""])
    }
}
