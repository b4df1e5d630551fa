//! How fast a zone file is read: `parse_speed FILE [ORIGIN]` prints records per second.

use std::path::Path;
use std::time::Instant;

use dns::zonefile::{self, NoIncludes, Options, Record, Sink};
use dns::{Class, NameBuf};

/// Adds up what a loader would have to copy.
#[derive(Default)]
struct Octets(u64);

impl Sink for Octets {
    fn record(&mut self, record: Record<'_>) {
        self.0 += (record.owner.len() + record.rdata.len()) as u64;
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let file = args.next().expect("parse_speed FILE [ORIGIN]");
    let origin: NameBuf = args.next().unwrap_or(".".into()).parse().expect("the origin is a domain name");
    let src = std::fs::read(&file).expect("the file can be read");
    let options =
        Options { origin: &origin, default_ttl: None, file: Path::new(&file), class: Class::IN, rules: false };
    let mut octets = Octets::default();
    let start = Instant::now();
    let outcome = zonefile::parse(&src, &options, &NoIncludes, &mut octets);
    let seconds = start.elapsed().as_secs_f64();
    for problem in outcome.problems.iter().take(10) {
        eprintln!("{problem}");
    }
    let records = outcome.records as f64;
    println!(
        "{records} records, {} octets of names and data, {:.1} ms, {:.0} records/s, {:.0} ns a record",
        octets.0,
        seconds * 1e3,
        records / seconds,
        seconds * 1e9 / records
    );
}
