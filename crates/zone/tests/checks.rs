//! What the checks say about a zone: each case is a zone file and the finding that it must have.

use std::path::Path;

use dns::zonefile::{self, NoIncludes, Options, Record, Sink};
use dns::{Class, NameBuf, NameHasher};
use zone::Builder;
use zone::check::{Finding, Severity, Source};

struct ToBuilder(Builder);

impl Sink for ToBuilder {
    fn record(&mut self, record: Record<'_>) {
        self.0.add(record.owner, record.rtype, record.ttl, record.rdata).expect("in the zone");
    }
}

fn findings(text: &str) -> Vec<Finding> {
    let origin: NameBuf = "example.".parse().expect("a name");
    let options =
        Options { origin: &origin, default_ttl: Some(60), file: Path::new("zone"), class: Class::IN, rules: false };
    let mut sink = ToBuilder(Builder::new(&origin, NameHasher::new(5)));
    let outcome = zonefile::parse(text.as_bytes(), &options, &NoIncludes, &mut sink);
    assert_eq!(outcome.problems, [], "{text}");
    sink.0.finish().1
}

/// The smallest zone that has nothing wrong, for the rest to be put behind.
const GOOD: &str = "@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n";

/// How bad what is found is in a zone that was made here, in one from a file, and in one that came by transfer.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bad {
    /// It is refused in all.
    Always,
    /// It is refused but in what came by transfer.
    Made,
    /// It is refused in changes.
    Changes,
    /// It is a warning in all.
    Never,
}

fn badness(finding: &Finding) -> Bad {
    let refuses = |source| finding.severity(source) == Severity::Error;
    match [Source::Made, Source::ZoneFile, Source::Transferred].map(refuses) {
        [true, true, true] => Bad::Always,
        [true, true, false] => Bad::Made,
        [true, false, false] => Bad::Changes,
        [false, false, false] => Bad::Never,
        worse => panic!("worse when it is somebody else's: {finding} {worse:?}"),
    }
}

/// Checks that `GOOD` and `rest` have exactly the findings in `want`.
fn check(rest: &str, want: &[(Bad, &str)]) {
    check_whole(&format!("{GOOD}{rest}"), want);
}

fn check_whole(text: &str, want: &[(Bad, &str)]) {
    let found = findings(text);
    let found: Vec<(Bad, String)> = found.iter().map(|finding| (badness(finding), finding.to_string())).collect();
    let want: Vec<(Bad, String)> = want.iter().map(|&(bad, text)| (bad, text.to_owned())).collect();
    assert_eq!(found, want, "{text}");
}

/// What makes a zone unservable or ambiguous (RFC 1035 5.2, RFC 2181 10.1, RFC 6672 2.4).
#[test]
fn what_is_refused() {
    use Bad::{Always, Made};
    check("", &[]);
    check("@ SOA ns host 2 2 3 4 5\n", &[(Always, "example. SOA: more than one SOA record")]);
    check("a SOA ns host 2 2 3 4 5\n", &[(Made, "a.example. SOA: SOA below the apex")]);
    check("a CNAME b\na A 192.0.2.1\n", &[(Made, "a.example. CNAME: CNAME beside A")]);
    check("a CNAME b\na DNAME c\n", &[(Made, "a.example. CNAME: CNAME beside DNAME")]);
    check("@ CNAME b\n", &[(Made, "example. CNAME: CNAME beside SOA")]);
    check("a CNAME b\na CNAME c\n", &[(Made, "a.example. CNAME: more than one CNAME record")]);
    check("a DNAME b\na DNAME c\n", &[(Made, "a.example. DNAME: more than one DNAME record")]);
    check_whole("@ SOA ns.b. host 1 2 3 4 5\n", &[(Made, "example. NS: no NS record at the apex")]);
    check_whole("@ NS ns.b.\n", &[(Always, "example. SOA: no SOA record at the apex")]);
}

/// What every server serves.
#[test]
fn what_is_a_warning() {
    use Bad::Never;
    let below = "data below a DNAME is never answered (RFC 6672 2.4)";
    check("a DNAME b\nx.a A 192.0.2.1\n", &[(Never, &format!("x.a.example.: {below}"))]);
    check(
        "a 5 A 192.0.2.1\na 6 A 192.0.2.2\n",
        &[(Never, "a.example. A: records differ in TTL, the smallest is used")],
    );
    check("a NS ns.b.\nx.a TXT y\n", &[(Never, "x.a.example.: data below a delegation is never answered")]);
    check("a NS ns.b.\na DNAME b.\n", &[(Never, "a.example. DNAME: DNAME beside a delegation (RFC 6672 2.4)")]);
    check("@ DNAME b.\n", &[(Never, &format!("ns.example.: {below}"))]);
    check(
        "a NSEC z A NSEC\n",
        &[
            (Never, "ns.example. NSEC: missing in a zone with NSEC records"),
            (Never, "a.example. NSEC: chain is broken: next name is not the next owner"),
        ],
    );
}

/// RFC 4035 2.4, RFC 4592 4.2.
#[test]
fn what_stands_only_at_delegations() {
    let ds = "DS 1 8 1 0000000000000000000000000000000000000000\n";
    check(
        &format!("@ {ds}"),
        &[(Bad::Made, "example. DS: DS at the apex; it belongs in the parent zone (RFC 4035 2.4)")],
    );
    check(&format!("a {ds}"), &[(Bad::Changes, "a.example. DS: DS without NS records (RFC 4034 5)")]);
    check(&format!("a NS ns.b.\na {ds}"), &[]);
    check("*.a NS ns.b.\n", &[(Bad::Made, "*.a.example. NS: NS at a wildcard delegates nothing (RFC 4592 4.2)")]);
}

/// RFC 8078 4, RFC 9615 4.2, RFC 7505 3. Of servers that load zone files, only BIND refuses one of these.
#[test]
fn what_has_to_be_alone() {
    let deletion = "a record that asks for deletion (algorithm 0) must be the only one (RFC 8078 4)";
    let (cds, key) = ("@ CDS 1 8 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", "AwEAAQ==");
    check("@ CDS 0 0 0 00\n@ CDNSKEY 0 3 0 AA==\n@ MX 0 .\n", &[]);
    check(&format!("@ CDS 0 0 0 00\n{cds}"), &[(Bad::Changes, &format!("example. CDS: {deletion}"))]);
    let keys = format!("@ CDNSKEY 0 3 0 AA==\n@ CDNSKEY 257 3 253 {key}\n");
    let found = findings(&format!("{GOOD}{keys}"));
    assert!(found.iter().any(|it| it.to_string() == format!("example. CDNSKEY: {deletion}")), "{found:?}");
    let no_mail = "example. MX: `0 .`, which says that there is no mail, must be the only MX record (RFC 7505 3)";
    check("@ MX 0 .\n@ MX 10 ns\n", &[(Bad::Changes, no_mail)]);
    check("@ MX 10 .\n@ MX 0 ns\n", &[]);
}

/// RFC 1912 2.3, RFC 2181 10.3. Other servers serve such zones (and those who ask find the way by other servers).
#[test]
fn name_servers_have_addresses() {
    use Bad::Never;
    check("a NS ns.a\n", &[(Never, "a.example. NS: ns.a.example. has no address in the zone")]);
    check("a NS ns.a\nns.a AAAA 2001:db8::1\n", &[]);
    check("a NS alias\nalias CNAME ns\n", &[(Never, "a.example. NS: alias.example. is an alias (RFC 2181 10.3)")]);
    check("a NS ns.b\nb NS ns.elsewhere.\n", &[]);
    check("a NS x.w\n*.w A 192.0.2.1\n", &[]);
    // A name server that is a delegation itself.
    check("@ NS child\nchild NS ns.other.net.\n", &[]);
    check("a NS child\nchild NS ns.other.net.\n", &[]);
    check("a NS a\n", &[(Never, "a.example. NS: a.example. has no address in the zone")]);
}

/// RFC 9276 3.2, RFC 5155 10.3.
#[test]
fn iterations_are_bounded() {
    check("@ NSEC3PARAM 1 0 150 -\n", &[]);
    let found = |iterations, bad, text: &str| {
        let text = format!("example. NSEC3PARAM: {iterations} iterations, more than {text}");
        check(&format!("@ NSEC3PARAM 1 0 {iterations} -\n"), &[(bad, &text)]);
    };
    found(151, Bad::Never, "150: validators take the zone for insecure (RFC 9276 3.2)");
    found(2500, Bad::Never, "150: validators take the zone for insecure (RFC 9276 3.2)");
    found(2501, Bad::Never, "2500: answers do without these NSEC3 records (RFC 5155 10.3)");
}

#[test]
fn chains_are_followed() {
    let chain = |last: &str| format!("@ NSEC ns SOA NS NSEC\nns NSEC {last} A NSEC\n");
    check(&chain("@"), &[]);
    let broken = "ns.example. NSEC: chain is broken: next name is not the next owner";
    check(&chain("zz"), &[(Bad::Never, broken)]);
    let missing = "zz.example. NSEC: missing in a zone with NSEC records";
    check(&format!("{}zz A 192.0.2.1\n", chain("@")), &[(Bad::Never, missing)]);
    let bitmap = "ns.example. NSEC: does not list AAAA";
    check(&format!("{}ns AAAA 2001:db8::1\n", chain("@")), &[(Bad::Never, bitmap)]);
}

#[test]
fn an_empty_zone_says_what_it_lacks() {
    let found: Vec<String> = findings("").iter().map(ToString::to_string).collect();
    assert_eq!(found, ["example. SOA: no SOA record at the apex", "example. NS: no NS record at the apex"]);
}

/// What refuses a zone is found behind any number of warnings.
#[test]
fn warnings_do_not_crowd_errors_out() {
    let many: String = (0..3000).map(|i| format!("a{i} NS ns.b.\nx.a{i} TXT y\n")).collect();
    let found = findings(&format!("{GOOD}{many}z CNAME a\nz A 192.0.2.1\n"));
    assert!(found.iter().any(|finding| finding.to_string() == "z.example. CNAME: CNAME beside A"));
    assert_eq!(found.len(), 1000);
}

/// What came by transfer is served, and its owner is told.
#[test]
fn records_that_break_the_rules_of_their_type() {
    let warning = |text: &'static str| [(Bad::Never, text)];
    check("a CDS 1 8 2 00\n", &warning("a.example. CDS: a SHA-256 digest has 32 octets, not 1 (RFC 4509 2.2)"));
    check("a SSHFP 1 1 00\n", &warning("a.example. SSHFP: a SHA-1 fingerprint has 20 octets, not 1 (RFC 4255 3.1.2)"));
    check("a TYPE0 \\# 0\n", &warning("a.example. TYPE0: type 0 is reserved: no record has it (RFC 6895 3.1)"));
    check(
        "a HTTPS 1 . no-default-alpn\n",
        &warning("a.example. HTTPS: no-default-alpn needs alpn beside it (RFC 9460 7.1.1)"),
    );
    check(
        "_dns.a SVCB 1 . alpn=h2\n",
        &warning("_dns.a.example. SVCB: a DNS server that speaks HTTP has dohpath (RFC 9461 5)"),
    );
    check("a SSHFP 1 1 0123456789abcdef0123456789abcdef01234567\n", &[]);
}
