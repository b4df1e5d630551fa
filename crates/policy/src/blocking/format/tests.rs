//! Every format, line by line.

use proptest::prelude::*;

use super::*;

fn read(format: Format, line: &str) -> Vec<String> {
    let mut all = Vec::new();
    format.read(line.as_bytes(), &mut |found| {
        let show = |name: &[u8], listed: Listed| {
            let mut text = format!("{} {:?}", String::from_utf8_lossy(name), listed.scope);
            for (set, word) in
                [(listed.allow, " allow"), (listed.important, " important"), (listed.disables, " disables")]
            {
                text.push_str(if set { word } else { "" });
            }
            text
        };
        all.push(match found {
            Found::Name(name, listed) => show(name.text(), listed),
            Found::Unicode(name, listed) => format!("idn {}", show(name, listed)),
            Found::Rule(rule) => format!("rule {rule}"),
            Found::Ignored(reason) => format!("{reason:?}"),
        });
    });
    all
}

fn check(format: Format, cases: &[(&str, &[&str])]) {
    for (line, expected) in cases {
        assert_eq!(read(format, line), *expected, "{line}");
    }
}

#[test]
fn hosts_files_name_exact_names() {
    check(
        Format::Hosts,
        &[
            ("", &[]),
            ("# comment", &[]),
            ("! comment", &[]),
            ("; comment", &[]),
            ("0.0.0.0 a.example", &["a.example Exact"]),
            ("0.0.0.0\tA.example  b.example # c.example", &["A.example Exact", "b.example Exact"]),
            ("127.0.0.1 a.example.", &["a.example Exact"]),
            ("  ::1 a.example\r", &["a.example Exact"]),
            (":: a.example", &["a.example Exact"]),
            ("127.0.0.1 localhost localhost.localdomain", &["LocalName", "LocalName"]),
            ("fe80::1%lo0 localhost", &["LocalName"]),
            ("255.255.255.255 broadcasthost", &["LocalName"]),
            ("0.0.0.0 0.0.0.0", &["LocalName"]),
            ("192.0.2.1 a.example", &["Redirect"]),
            ("0.0.0.0 192.0.2.1", &["Address"]),
            ("0.0.0.0 a/b", &["BadName"]),
            ("0.0.0.0 bücher.example", &["idn bücher.example Exact"]),
            ("0.0.0.0", &["Syntax"]),
            ("a.example", &["Syntax"]),
            ("a.example b.example", &["Syntax"]),
        ],
    );
}

#[test]
fn domain_lists_name_everything_below() {
    check(
        Format::Domains,
        &[
            ("a.example", &["a.example Below"]),
            ("*.a.example", &["a.example Below"]),
            (".a.example", &["a.example Below"]),
            ("a.example. # why", &["a.example Below"]),
            ("com", &["com Below"]),
            ("a_b.example", &["a_b.example Below"]),
            ("xn--bcher-kva.example", &["xn--bcher-kva.example Below"]),
            ("bücher.example", &["idn bücher.example Below"]),
            ("192.0.2.1", &["Address"]),
            ("2001:db8::1", &["Address"]),
            ("a.*.example", &["BadName"]),
            ("http://a.example/", &["BadName"]),
            ("a.example b.example", &["Syntax"]),
            ("; comment", &[]),
        ],
    );
}

#[test]
fn lines_of_dnsmasq_name_everything_below() {
    check(
        Format::Dnsmasq,
        &[
            ("address=/a.example/", &["a.example Below"]),
            ("address=/a.example/b.example/0.0.0.0", &["a.example Below", "b.example Below"]),
            ("address=/a.example/::", &["a.example Below"]),
            ("address=/a.example/#", &["a.example Below"]),
            ("address=/a.example/192.0.2.1", &["Redirect"]),
            ("local=/a.example/", &["a.example Below"]),
            ("server=/a.example/ # why", &["a.example Below"]),
            ("server=/a.example/192.0.2.1", &["Redirect"]),
            ("address=/#/0.0.0.0", &["BadName"]),
            ("address=//", &["BadName"]),
            ("address=/", &["BadName"]),
            ("server=192.0.2.1", &["Unsupported"]),
            ("cache-size=1000", &["Unsupported"]),
            ("bogus", &["Syntax"]),
            ("# comment", &[]),
        ],
    );
}

#[test]
fn lines_of_unbound_name_zones_and_names() {
    check(
        Format::Unbound,
        &[
            ("server:", &[]),
            ("local-zone: \"a.example\" always_nxdomain", &["a.example Below"]),
            ("local-zone: 'a.example.' redirect", &["a.example Below"]),
            ("  local-zone: a.example static # why", &["a.example Below"]),
            ("local-zone: \"a.example\" transparent", &["Unsupported"]),
            ("local-zone: \"a.example\"", &["Syntax"]),
            ("local-data: \"a.example A 0.0.0.0\"", &["a.example Exact"]),
            ("local-data: \"a.example. 60 IN AAAA ::\"", &["a.example Exact"]),
            ("local-data: \"a.example A 192.0.2.1\"", &["Redirect"]),
            ("local-data: \"a.example TXT text\"", &["Unsupported"]),
            ("verbosity: 1", &["Unsupported"]),
            ("bogus", &["Syntax"]),
        ],
    );
}

#[test]
fn rules_that_are_names_are_told_from_rules_that_are_more() {
    check(
        Format::Adguard,
        &[
            ("! comment", &[]),
            ("# comment", &[]),
            ("#", &[]),
            ("[Adblock Plus 2.0]", &[]),
            ("||a.example^", &["a.example Below"]),
            ("@@||a.example^", &["a.example Below allow"]),
            ("||a.example^$important", &["a.example Below important"]),
            ("@@||a.example^$important", &["a.example Below allow important"]),
            ("||a.example^$badfilter", &["a.example Below disables"]),
            ("||a.example^$important,badfilter", &["a.example Below important disables"]),
            ("||bücher.example^", &["idn bücher.example Below"]),
            ("a.example", &["a.example Exact"]),
            ("0.0.0.0 a.example b.example", &["a.example Exact", "b.example Exact"]),
            ("127.0.0.1 localhost", &["LocalName"]),
            ("192.0.2.1 a.example", &["rule 192.0.2.1 a.example"]),
            ("||a.example", &["rule ||a.example"]),
            ("||a.example^|", &["rule ||a.example^|"]),
            ("||*.a.example^", &["rule ||*.a.example^"]),
            ("||192.0.2.1^", &["rule ||192.0.2.1^"]),
            ("||a.example^$client=b", &["rule ||a.example^$client=b"]),
            ("@@a.example", &["rule @@a.example"]),
            ("ads", &["rule ads"]),
            ("/ads##[0-9]/", &["rule /ads##[0-9]/"]),
            ("a.example##.banner", &["Unsupported"]),
            ("##.banner", &["Unsupported"]),
            ("#@#.banner", &["Unsupported"]),
            ("|a\u{7}|", &["NotText"]),
        ],
    );
    let mut found = None;
    Format::Adguard.read(b"|a\xff|", &mut |what| found = Some(what));
    assert_eq!(found, Some(Found::Ignored(Reason::NotText)));
}

#[test]
fn the_format_of_a_text_is_recognised() {
    for (text, expected) in [
        ("# hosts\n127.0.0.1 localhost\n0.0.0.0 a.example\n", Ok(Format::Hosts)),
        ("# names\na.example\nb.example\nbücher.example\n", Ok(Format::Domains)),
        ("*.a.example\n*.b.example\n", Ok(Format::Domains)),
        ("address=/a.example/\nlocal=/b.example/\n", Ok(Format::Dnsmasq)),
        ("server:\nlocal-zone: \"a.example\" always_null\n", Ok(Format::Unbound)),
        ("! Title\n||a.example^\na.example\n", Ok(Format::Adguard)),
        ("! nothing yet\n", Ok(Format::Adguard)),
        ("", Ok(Format::Adguard)),
        ("<!DOCTYPE html>\n<html><body>404</body></html>", Err(NotAList::Html)),
        ("\n  <html lang=en>", Err(NotAList::Html)),
        ("<?xml version=\"1.0\"?><rss/>", Err(NotAList::Structured)),
        ("{\"error\": 1}", Err(NotAList::Structured)),
        ("[\"a.example\"]", Err(NotAList::Structured)),
        ("\u{1f}\u{0}", Err(NotAList::Binary)),
        ("$TTL 60\n@ SOA a. b. 1 2 3 4 5\na.example CNAME .\n", Err(NotAList::Zone)),
        ("Not found, sorry.\nTry later, please.\n", Err(NotAList::Unknown)),
    ] {
        assert_eq!(detect(text.as_bytes()), expected, "{text}");
    }
    assert_eq!(detect(b"\x1f\x8b\x08aaaa"), Err(NotAList::Binary));
}

#[test]
fn a_line_that_the_sample_cuts_is_not_counted() {
    let mut text = vec![b' '; SAMPLE_OCTETS - 24];
    text.extend_from_slice(b"\n0.0.0.0 b.example\nc.example\n");
    assert_eq!(detect(&text), Ok(Format::Hosts));
}

proptest! {
    /// Pieces that mean something, in any order, and octets that mean nothing.
    #[test]
    fn no_line_is_too_odd_to_be_read(
        pieces in prop::collection::vec(prop_oneof![
            prop::sample::select(vec!["||", "@@", "^", "$important", "$badfilter", ",", "/", "#", "##", " ", "*", ".", "\"", "a",
                "address=", "local-zone:", "local-data:", "0.0.0.0 ", "ü", "%", "::1 ", "=", ":"]).prop_map(|piece| piece.as_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 0..70),
        ], 0..12),
    ) {
        let line = pieces.concat();
        let _ = detect(&line);
        for format in [Format::Hosts, Format::Domains, Format::Dnsmasq, Format::Unbound, Format::Adguard] {
            format.read(&line, &mut |found| {
                if let Found::Name(name, _) = found {
                    let text = std::str::from_utf8(name.text()).expect("ASCII");
                    let name: dns::NameBuf = text.parse().expect("a name");
                    assert_eq!(name.to_string().trim_end_matches('.'), text);
                }
            });
        }
    }
}
