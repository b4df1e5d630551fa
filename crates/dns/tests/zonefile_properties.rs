//! What holds for any text: the reader never panics, it says what is wrong on a line that exists,
//! and what it read can be printed and read again.

use std::path::Path;

use dns::zonefile::{self, NoIncludes, Options, Outcome, Record, Sink};
use dns::{Class, Name, NameBuf, RType};
use proptest::prelude::*;

/// Pieces of zone files, good and broken, to be put together at random.
const PIECES: &[&[u8]] = &[
    b"\n",
    b"\n",
    b"\n",
    b"\r\n",
    b" ",
    b"\t",
    b";",
    b"; comment\n",
    b"(",
    b")",
    b"\"",
    b"\\",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"@",
    b"a",
    b"a.b.",
    b"*",
    b".",
    b"..",
    b"\\@",
    b"\\000",
    b"\\25",
    b"0",
    b"60",
    b"1h30m",
    b"4294967296",
    b"-1",
    b" IN ",
    b" CH ",
    b" CLASS1 ",
    b" A ",
    b" NS ",
    b" TXT ",
    b" MX ",
    b" SOA ",
    b" TYPE1 ",
    b" TYPE65280 ",
    b" ANY ",
    b"192.0.2.1",
    b"2001:db8::1",
    b"\"text\"",
    b"\\# 4 0A000001",
    b"\\# 0",
    b"\\# 1 ",
    b"10 mail",
    b"\na 60 A 192.0.2.1\n",
    b"\nb 60 IN TXT \"x y\" z\n",
    b"\n@ 1d SOA a b 1 2 3 4 5\n",
    b"\n IN AAAA 2001:db8::1\n",
    b"\nc 60 MX 10 mail\n",
    b"\nd CNAME \\000\\255\\.x.\n",
    b"\ne.* 5 TYPE65280 \\# 3 010203\n",
    b"\nf 0 TXT ( \"\\\"\\010\"\n \\; )\n",
    b" SVCB ",
    b" CAA ",
    b" NSEC ",
    b" RRSIG ",
    b" LOC ",
    b" NAPTR ",
    b" DS ",
    b" NSEC3 ",
    b" APL ",
    b" HIP ",
    b" IPSECKEY ",
    b"1 . alpn=h2 ",
    b"0 issue \"x\" ",
    b"a. A RRSIG ",
    b"20240101000000 ",
    b"AQID ",
    b"0A0B ",
    b"51 30 N 0 8 W 0m ",
    b"1:10.0.0.0/8 ",
    b"\nh 60 SVCB 1 . alpn=h2,h3 port=53 ipv4hint=192.0.2.1\n",
    b"\ni 60 CAA 0 issue \"ca.example\"\n",
    b"\nj 60 NSEC a. A RRSIG TYPE1234\n",
    b"\nk 60 LOC 51 30 12.748 N 0 7 39.611 W 0.00m 0.00m 0.00m 0.00m\n",
    b"\nl 60 DS 1 13 2 ( 00112233445566778899AABBCCDDEEFF 00112233445566778899AABBCCDDEEFF )\n",
    b"\n$TTL 1h\n",
    b"\n$ORIGIN sub\n",
    b"\n$ORIGIN ",
    b"\n$TTL ",
    b"\n$INCLUDE x\n",
    b"\n$INCLUDE ",
    b"\n$GENERATE ",
    b"\n$GENERATE 0-3 g$ TXT $\n",
    b"\n$GENERATE 8-9 ${0,3,x} 60 NS ${-8,5,n}.\n",
    b"0-7/3 ",
    b"$",
    b"${",
    b"${1,2,d}",
    b"}",
];

/// Owned records, to compare.
#[derive(Default)]
struct Records(Vec<(NameBuf, u32, RType, Vec<u8>)>);

impl Sink for Records {
    fn record(&mut self, record: Record<'_>) {
        Name::from_wire(record.owner.as_wire()).expect("the owner is a name");
        self.0.push((record.owner.to_owned(), record.ttl, record.rtype, record.rdata.to_vec()));
    }
}

fn read(src: &[u8]) -> (Records, Outcome) {
    let options =
        Options { origin: Name::root(), default_ttl: Some(1), file: Path::new("z"), class: Class::IN, rules: false };
    let mut records = Records::default();
    let outcome = zonefile::parse(src, &options, &NoIncludes, &mut records);
    (records, outcome)
}

/// Reads `src`, prints what was good, and reads that.
fn check(src: &[u8]) {
    let (records, outcome) = read(src);
    assert_eq!(outcome.records, records.0.len() as u64);
    let lines = src.iter().filter(|&&octet| octet == b'\n').count() + 1;
    for problem in &outcome.problems {
        assert!((1..=lines).contains(&(problem.line as usize)), "{problem} of {lines} lines");
    }
    let mut text = String::new();
    for (owner, ttl, rtype, rdata) in &records.0 {
        zonefile::write_record(owner, *ttl, Class::IN, *rtype, rdata, &mut text).expect("a string takes it");
    }
    let (again, outcome) = read(text.as_bytes());
    assert_eq!(outcome.problems, [], "{text}");
    assert_eq!(records.0.len(), again.0.len(), "{text}");
    for (a, b) in records.0.iter().zip(&again.0) {
        assert_eq!((a.0.as_wire(), a.1, a.2, &a.3), (b.0.as_wire(), b.1, b.2, &b.3), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_octets(src in prop::collection::vec(any::<u8>(), 0..400)) {
        check(&src);
    }

    #[test]
    fn any_pieces(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        check(&pieces.concat());
    }
}

/// Every piece occurs in a zone that reads well at least once, else the test above tests little.
#[test]
fn good_pieces_are_good() {
    let text: Vec<u8> =
        PIECES.iter().filter(|piece| piece.len() > 12 && piece[0] == b'\n').copied().collect::<Vec<_>>().concat();
    let (records, outcome) = read(&text);
    assert!(records.0.len() >= 18, "{:?}", outcome.problems);
    assert!(outcome.problems.len() <= 1, "{:?}", outcome.problems);
}
