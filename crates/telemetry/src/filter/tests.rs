use std::net::SocketAddr;

use dns::{Class, Name, NameBuf};
use proptest::prelude::*;
use server::answered::Refusal;
use server::record::ResponseRecord;

use super::*;

const ID: &str = "018bcfe5-687b-71c8-9234-567800000009";

fn row(name: &Name) -> Row<'_> {
    Row {
        id: ID.parse().expect("an identifier"),
        question: Some((name, RType::from_text(b"AAAA").expect("a type"), Class::IN)),
        record: ResponseRecord {
            time_us: 1_700_000_000_123_456,
            elapsed_us: 200_000,
            client: "[::ffff:192.0.2.7]:5300".parse().expect("an address"),
            transport: Transport::Tcp,
            source: Source::Resolver,
            rcode: Rcode::NXDOMAIN,
            security: Some(Security::Secure),
            apex_labels: Some(2),
            upstream: Some("[2001:db8::53]:53".parse::<SocketAddr>().expect("an address")),
            policy: None,
            query_len: 40,
            response_len: 90,
            query: &[],
            response: &[],
        },
        decision: Decision::default(),
    }
}

fn name(text: &str) -> NameBuf {
    text.parse().expect("a name")
}

fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Filters that the row of the test passes.
const PASSED: &[&str] = &[
    "",
    "  ",
    "example",
    "EXAMPLE.ORG",
    "w.a\\.b.e",
    "w*b.ex",
    "\"www\"",
    "name:www.a\\.b.example.org",
    "name:www.a\\.b.example.org.",
    "name:*.org",
    "name:w*",
    "name:w*e*g",
    "name:*",
    "name:other,*.example.org",
    "zone:example.org",
    "zone:*.org",
    "client:192.0.2.7",
    "client:192.0.2.0/24",
    "client:2001:db8::1,192.0.2.7",
    "client:::ffff:192.0.2.7",
    "upstream:2001:db8::/32",
    "upstream:*",
    "type:A,aaaa",
    "type:TYPE28",
    "type:28",
    "code:nxdomain",
    "code:3",
    "source:resolved",
    "cache:miss",
    "cache:*",
    "proto:tcp",
    "dnssec:secure",
    "time:>199ms",
    "time:>=200",
    "time:<0.2001s",
    "time:<=200000us",
    "time:>1s,<1s",
    "id:018bcfe5-687b-71c8-9234-567800000009",
    "-name:*.apple.com",
    "-list:Ads -group:* -rule:x -action:blocked",
    "time:>1ms time:<1s type:AAAA www",
];

#[test]
fn each_key_matches_what_it_says_and_nothing_else() {
    let name = name("WWW.a\\.b.Example.org.");
    let row = row(&name);
    for text in PASSED {
        assert!(filter(text).matches(&row), "{text}");
        if !text.contains(' ') && !text.is_empty() && !text.starts_with('-') {
            assert!(!filter(&format!("-{text}")).matches(&row), "-{text}");
        }
    }
    let no = [
        "exampleorg",
        "a.b",
        "w\\*b",
        "\"w*b\"",
        "name:www",
        "name:example.org",
        "name:*.example",
        "name:a*",
        "zone:org",
        "zone:www.*",
        "client:192.0.2.8",
        "client:192.0.3.0/24",
        "client:2001:db8::53",
        "upstream:192.0.2.7",
        "type:A",
        "code:NOERROR",
        "source:cache,zone,refused",
        "cache:hit",
        "cache:stale",
        "proto:udp",
        "dnssec:none,bogus",
        "time:>200ms",
        "time:<200ms",
        "id:018bcfe5-687b-71c8-9234-567800000008",
        "list:Ads",
        "group:*",
        "www -type:AAAA",
    ];
    no.iter().for_each(|text| assert!(!filter(text).matches(&row), "{text}"));
}

#[test]
fn what_is_not_there_matches_its_negation_alone() {
    let name = name(".");
    let mut row = row(&name);
    assert!(filter("name:. name:* .").matches(&row));
    assert!(!filter("zone:.").matches(&row), "it has fewer labels than the apex");
    row.record.apex_labels = Some(0);
    assert!(filter("zone:.").matches(&row));
    row.question = None;
    row.record = ResponseRecord { upstream: None, security: None, apex_labels: None, ..row.record };
    row.record.source = Source::Refused(Refusal::Recursion);
    for text in ["name:*", "type:*", "zone:*", "upstream:*", "dnssec:*", "cache:*", "x", "type:A", "upstream:::/0"] {
        assert!(!filter(text).matches(&row), "{text}");
        assert!(filter(&format!("-{text}")).matches(&row), "-{text}");
    }
    assert!(filter("dnssec:none source:refused source:recursion_denied -source:zone_denied").matches(&row));
    row.record.source = Source::Stale;
    assert!(filter("cache:hit cache:stale -cache:miss source:stale").matches(&row));
}

#[test]
fn names_in_unicode_and_with_odd_octets() {
    let check = |of: &str, text: &str| assert!(filter(text).matches(&row(&name(of))), "{text}");
    check("xn--bcher-kva.example.", "name:bücher.example");
    check("xn--bcher-kva.example.", "name:*.bücher.example,bücher.*");
    check("xn--bcher-kva.example.", "Bücher");
    check("sp\\032ace.x.", "name:\"sp ace.x\"");
    check("sp\\032ace.x.", "sp\\032ace sp\\ ace");
    check("a\\,b\\\"c.x.", "name:a\\,b\\\"c.x");
    check("a\\*b.x.", "name:a\\*b.x \"a*b\" a*b");
    check("a:b.x.", "\"a:b\" a\\:b");
}

#[test]
fn errors_say_where_and_what_was_expected() {
    let many = "x ".repeat(MAX_TERMS + 1);
    let values = format!("type:{}A", "A,".repeat(MAX_VALUES));
    let cases = [
        ("www clint:192.0.2.1", 4, "there is no key \"clint\": expected one of client, group, name"),
        ("type:A,,B", 7, "expected a value"),
        ("client:", 7, "expected a value"),
        ("-", 1, "expected a value"),
        ("type:A, B", 7, "expected a value"),
        ("type:FOO", 5, "type: expected a record type"),
        ("type:A,FOO", 7, "type: expected a record type"),
        ("type:A*", 5, "type: expected * alone"),
        ("code:>3", 5, "code: expected a value without < or >"),
        ("client:tv", 7, "client: expected an address or a network"),
        ("client:192.0.2.0/33", 7, "client: expected an address or a network"),
        ("source:nobody", 7, "source: expected one of zone, cache"),
        ("time:5ms", 5, "time: expected a comparison"),
        ("time:>fast", 5, "time: expected a number"),
        ("time:>-1", 5, "time: expected a number"),
        ("time:>99999999999999999999", 5, "time: expected a number"),
        ("id:1", 3, "id: expected a UUID"),
        ("name:\"abc", 5, "a quote that is not closed"),
        ("name:\"abc\"d", 10, "expected a space or a comma"),
        ("name:a\"b\"", 6, "quotes stand around a whole value"),
        ("name:a\\", 6, "expected a character or three decimal digits"),
        ("name:a\\999", 6, "expected a character or three decimal digits"),
        ("name:a..b", 5, "a name has no empty label"),
        ("name:.a", 5, "a name has no empty label"),
        ("name:*bü", 5, "expected a label of letters"),
        (">5", 0, "expected a part of a name"),
        (&many, 2 * MAX_TERMS, "a filter has at most 32 terms"),
        (&values, 5 + 2 * MAX_VALUES, "a filter has at most 64 values"),
    ];
    for (text, offset, message) in cases {
        let error = Filter::parse(text).expect_err(text);
        assert!(error.offset == offset && error.message.starts_with(message), "{text}: {error}");
    }
    assert_eq!(Filter::parse(&"a".repeat(MAX_LEN + 1)).expect_err("too long").offset, MAX_LEN);
    assert!(Filter::parse(&format!("name:{}.x", "a".repeat(64))).is_err());
    assert!(Filter::parse("").is_ok_and(|filter| filter.is_empty()));
}

#[test]
fn suffixes_of_folded_names() {
    let check = |text: &str, labels, want: Option<&str>| {
        assert_eq!(folded_suffix(text.as_bytes(), labels), want.map(str::as_bytes), "{text} {labels}");
    };
    check("www.example.org.", 0, Some("."));
    check("www.example.org.", 1, Some("org."));
    check("www.example.org.", 3, Some("www.example.org."));
    check("www.example.org.", 4, None);
    check(".", 0, Some("."));
    check(".", 1, None);
}

/// Text that is a filter more often than not.
fn filter_text() -> impl Strategy<Value = String> {
    let key =
        proptest::sample::select(vec!["name:", "zone:", "", "type:", "code:", "client:", "time:", "list:", "cache:"]);
    let value = prop_oneof![
        "[a-cA*.\\\\,-]{1,8}",
        "\"[a-c *.:]{1,8}\"",
        "\\PC{1,6}",
        "[<>]=?[0-9]{1,3}(\\.[0-9]{1,3})?(us|ms|s)?",
        proptest::sample::select(vec![
            "A",
            "MX",
            "NXDOMAIN",
            "192.0.2.0/25",
            "::1",
            "hit",
            "*",
            "\\065\\200",
            "bücher"
        ])
        .prop_map(str::to_owned),
    ];
    let term = ("-?", key, proptest::collection::vec(value, 1..3))
        .prop_map(|(minus, key, values)| format!("{minus}{key}{}", values.join(",")));
    proptest::collection::vec(term, 0..4).prop_map(|terms| terms.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn what_is_printed_reads_the_same(text in filter_text()) {
        match Filter::parse(&text) {
            Ok(filter) => {
                let printed = filter.to_string();
                prop_assert_eq!(Filter::parse(&printed), Ok(filter), "{}", printed);
            }
            Err(error) => prop_assert!(text.is_char_boundary(error.offset), "{}: {}", text, error),
        }
    }

    /// Patterns beside the plainest way to match them.
    #[test]
    fn patterns_match_as_they_should(pattern in "[ab*]{1,7}", text in "[ab]{1,9}") {
        fn naive(pattern: &[u8], text: &[u8]) -> bool {
            match pattern.split_first() {
                None => text.is_empty(),
                Some((b'*', rest)) => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
                Some((octet, rest)) => text.first() == Some(octet) && naive(rest, &text[1..]),
            }
        }
        let name = name(&text);
        let filter = Filter::parse(&format!("name:{pattern}")).expect("a pattern");
        let pattern = if pattern.ends_with('*') { pattern } else { format!("{pattern}.") };
        prop_assert_eq!(filter.matches(&row(&name)), naive(pattern.as_bytes(), format!("{text}.").as_bytes()));
    }
}
