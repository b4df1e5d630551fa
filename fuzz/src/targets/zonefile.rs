//! Zone files, from text to the checked contents of a zone: every record that is read is valid, and
//! its text form is read as the same record.

use std::path::Path;

use dns::rdata::wire;
use dns::zonefile::{self, NoIncludes, Options, Record, Sink};
use dns::{Class, NameBuf, NameHasher, RType};
use zone::Builder;

use super::{Target, files, golden, mark};

/// Records that are looked at closely; $GENERATE can make a million of one line.
const CLOSELY: u64 = 200;

pub struct ZoneFileTarget;

struct Checking {
    builder: Builder,
    seen: u64,
    types: u64,
}

/// A record of its own.
#[derive(Default, PartialEq, Debug)]
struct Kept(Vec<(NameBuf, u32, Class, RType, Vec<u8>)>);

impl Sink for Kept {
    fn record(&mut self, record: Record<'_>) {
        let Record { owner, ttl, class, rtype, rdata, .. } = record;
        self.0.push((owner.to_owned(), ttl, class, rtype, rdata.to_vec()));
    }
}

impl Sink for Checking {
    fn record(&mut self, record: Record<'_>) {
        self.seen += 1;
        if self.seen > CLOSELY {
            return;
        }
        let Record { owner, ttl, class, rtype, rdata, .. } = record;
        assert_eq!(wire::validate(rtype, rdata), Ok(()), "{rtype}");
        self.types = mark((self.types, rtype.0));
        let mut text = String::new();
        zonefile::write_record(owner, ttl, class, rtype, rdata, &mut text).expect("a string takes it");
        let mut again = Kept::default();
        let outcome = parse(text.as_bytes(), class, &mut again);
        assert!(outcome.problems.is_empty(), "{text:?}: {:?}", outcome.problems);
        let want = Kept(vec![(owner.to_owned(), ttl, class, rtype, rdata.to_vec())]);
        assert_eq!(again, want, "{text:?}");
        // Records outside the zone are the loader's to refuse.
        let _ = self.builder.add(owner, rtype, ttl, rdata);
    }
}

fn parse(source: &[u8], class: Class, sink: &mut dyn Sink) -> zonefile::Outcome {
    let origin = origin();
    let options = Options { origin: &origin, default_ttl: None, file: Path::new("input"), class, rules: false };
    zonefile::parse(source, &options, &NoIncludes, sink)
}

fn origin() -> NameBuf {
    "example.org.".parse().expect("a name")
}

impl Target for ZoneFileTarget {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let lines = golden().into_iter().map(|(rtype, text, _)| format!("www 60 IN {rtype} {text}\n").into_bytes());
        [files("zones/parse", "zone"), files("answers", "zone"), lines.collect()].concat()
    }

    fn words(&self) -> Vec<Vec<u8>> {
        let words = "$ORIGIN|$TTL|$INCLUDE|$GENERATE 1-3|IN|CH|1h30m|( |)|\"|;|\\000|\\255|\\.|\\# 4 01020304|@|*|\n|\r\n|\t| A | NS | SOA | MX | TXT | RRSIG | NSEC3 | SVCB | CNAME | DNAME | TYPE65280 |${0,3,d}|\u{feff}|4294967295|65536";
        words.split('|').map(|word| word.as_bytes().to_vec()).collect()
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let builder = Builder::new(&origin(), NameHasher::new(1));
        let mut sink = Checking { builder, seen: 0, types: 0 };
        let outcome = parse(input, Class::IN, &mut sink);
        assert_eq!(outcome.records, sink.seen);
        let (contents, findings) = sink.builder.finish();
        let names = contents.nodes().count();
        let problem = |text: &str| text.chars().filter(char::is_ascii_lowercase).take(24).collect::<String>();
        let problems: Vec<String> = outcome.problems.iter().take(2).map(|found| problem(&found.message)).collect();
        let findings: Vec<String> = findings.iter().take(2).map(|found| problem(&found.message)).collect();
        mark((sink.types, names.min(4), problems, findings))
    }
}
