//! What the checks say about a zone: each case is a zone file and the finding that it must have.

use std::path::Path;

use dns::zonefile::{self, NoIncludes, Options, Record, Sink};
use dns::{Class, NameBuf, NameHasher};
use zone::Builder;
use zone::check::{Finding, Severity};

struct ToBuilder(Builder);

impl Sink for ToBuilder {
    fn record(&mut self, record: Record<'_>) {
        self.0.add(record.owner, record.rtype, record.ttl, record.rdata).expect("in the zone");
    }
}

fn findings(text: &str) -> Vec<Finding> {
    let origin: NameBuf = "example.".parse().expect("a name");
    let options = Options { origin: &origin, default_ttl: Some(60), file: Path::new("zone"), class: Class::IN };
    let mut sink = ToBuilder(Builder::new(&origin, NameHasher::new(5)));
    let outcome = zonefile::parse(text.as_bytes(), &options, &NoIncludes, &mut sink);
    assert_eq!(outcome.problems, [], "{text}");
    sink.0.finish().1
}

/// The smallest zone that has nothing wrong, for the rest to be put behind.
const GOOD: &str = "@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n";

/// Checks that `GOOD` and `rest` have exactly the findings in `want`.
fn check(rest: &str, want: &[(Severity, &str)]) {
    let found = findings(&format!("{GOOD}{rest}"));
    let found: Vec<(Severity, String)> = found.iter().map(|finding| (finding.severity, finding.to_string())).collect();
    let want: Vec<(Severity, String)> = want.iter().map(|&(severity, text)| (severity, text.to_owned())).collect();
    assert_eq!(found, want, "{rest}");
}

#[test]
fn errors_and_warnings() {
    use Severity::{Error, Warning};
    check("", &[]);
    check("@ SOA ns host 2 2 3 4 5\n", &[(Error, "example. SOA: more than one SOA record")]);
    check("a SOA ns host 2 2 3 4 5\n", &[(Error, "a.example. SOA: SOA below the apex")]);
    check("a CNAME b\na A 192.0.2.1\n", &[(Error, "a.example. CNAME: CNAME beside A")]);
    check("a CNAME b\na CNAME c\n", &[(Error, "a.example. CNAME: more than one CNAME record")]);
    check("a DNAME b\nx.a A 192.0.2.1\n", &[(Error, "x.a.example.: data below a DNAME (RFC 6672 2.4)")]);
    check(
        "a 5 A 192.0.2.1\na 6 A 192.0.2.2\n",
        &[(Warning, "a.example. A: records differ in TTL, the smallest is used")],
    );
    check("a NS ns.b.\nx.a TXT y\n", &[(Warning, "x.a.example.: data below a delegation is never answered")]);
}

/// RFC 1912 2.3, RFC 2181 10.3.
#[test]
fn name_servers_have_addresses() {
    use Severity::Error;
    check("a NS ns.a\n", &[(Error, "a.example. NS: ns.a.example. has no address in the zone")]);
    check("a NS ns.a\nns.a AAAA 2001:db8::1\n", &[]);
    check("a NS alias\nalias CNAME ns\n", &[(Error, "a.example. NS: alias.example. is an alias (RFC 2181 10.3)")]);
    check("a NS ns.b\nb NS ns.elsewhere.\n", &[]);
    check("a NS x.w\n*.w A 192.0.2.1\n", &[]);
}

/// RFC 9276 3.2.
#[test]
fn iterations_are_bounded() {
    check("@ NSEC3PARAM 1 0 150 -\n", &[]);
    check("@ NSEC3PARAM 1 0 151 -\n", &[(Severity::Error, "example. NSEC3PARAM: 151 iterations, more than 150")]);
}

#[test]
fn chains_are_followed() {
    let chain = |last: &str| format!("@ NSEC ns SOA NS NSEC\nns NSEC {last} A NSEC\n");
    check(&chain("@"), &[]);
    let broken = "ns.example. NSEC: chain is broken: next name is not the next owner";
    check(&chain("zz"), &[(Severity::Error, broken)]);
    let missing = "zz.example. NSEC: missing in a zone with NSEC records";
    check(&format!("{}zz A 192.0.2.1\n", chain("@")), &[(Severity::Error, missing)]);
}

#[test]
fn an_empty_zone_says_what_it_lacks() {
    let found: Vec<String> = findings("").iter().map(ToString::to_string).collect();
    assert_eq!(found, ["example. SOA: no SOA record at the apex", "example. NS: no NS record at the apex"]);
}
