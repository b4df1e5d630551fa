use serde_json::json;

use super::*;

const TEXT: &str = "\
# The office.
server:          # sockets
  dns_port: 53   # as everybody
  listen:
    # the inside
    - { address: \"192.0.2.1:53\", protocols: [udp, tcp] }
    - address: 192.0.2.2:53  # the other
      protocols: [udp]

zones:
- name: a.example # first
  file: a.zone
# between
- name: b.example
  file: 'b.zone'
cache: {max_size_mb: 10, min_ttl: 5} # small
empty:
";

fn changed(text: &str, changes: Json) -> String {
    let Json::Object(changes) = changes else { panic!("an object") };
    apply(text, &changes).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// Applies `changes` to TEXT; `want` is TEXT with each first text of a pair replaced by the second.
fn check(changes: Json, want: &[(&str, &str)]) {
    let expected = want.iter().fold(TEXT.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    });
    assert_eq!(changed(TEXT, changes.clone()), expected, "{changes}");
}

#[test]
fn values_are_replaced_in_place() {
    check(json!({}), &[]);
    check(json!({ "server.dns_port": 53 }), &[]);
    check(json!({ "server.dns_port": 5300 }), &[("dns_port: 53 ", "dns_port: 5300 ")]);
    check(json!({ "cache.min_ttl": 7 }), &[("min_ttl: 5", "min_ttl: 7")]);
    check(json!({ "empty": "x" }), &[("empty:\n", "empty: \"x\"\n")]);
    let zones = json!([{ "name": "a.example", "file": "a.zone" }, { "name": "b.example", "file": "it's" }]);
    check(json!({ "zones": zones }), &[("'b.zone'", "'it''s'")]);
    let zones = json!([{ "name": "a.example", "file": "zones/a" }, { "name": "b.example", "file": "b.zone" }]);
    check(json!({ "zones": zones }), &[("a.zone", "zones/a")]);
}

#[test]
fn keys_are_added_where_they_belong() {
    check(json!({ "server.workers": 2 }), &[("[udp]\n", "[udp]\n  workers: 2\n")]);
    check(json!({ "server.tls.key": "k" }), &[("[udp]\n", "[udp]\n  tls:\n    key: k\n")]);
    check(json!({ "cache.max_ttl": 9 }), &[("min_ttl: 5}", "min_ttl: 5, \"max_ttl\": 9}")]);
    check(
        json!({ "web.enabled": false, "web.history_limit": 5 }),
        &[("empty:\n", "empty:\nweb:\n  enabled: false\n  history_limit: 5\n")],
    );
    assert_eq!(changed("", json!({ "a.b": 1 })), "a:\n  b: 1\n");
    assert_eq!(changed("# nothing yet\n", json!({ "a": [] })), "# nothing yet\na: []\n");
    assert_eq!(changed("a: 1", json!({ "b": "x y" })), "a: 1\nb: \"x y\"\n");
    assert_eq!(changed("{\n  \"a\": 1\n}\n", json!({ "b.c": true })), "{\n  \"a\": 1, \"b\": { \"c\": true }\n}\n");
    assert_eq!(changed("a:\n", json!({ "a.b": 1 })), "a: { \"b\": 1 }\n");
}

#[test]
fn keys_are_taken_out() {
    check(json!({ "server.dns_port": null }), &[("  dns_port: 53   # as everybody\n", "")]);
    check(json!({ "cache.max_size_mb": null }), &[("max_size_mb: 10, ", "")]);
    check(json!({ "cache.min_ttl": null }), &[(", min_ttl: 5", "")]);
    check(json!({ "cache.min_ttl": null, "cache.max_ttl": 3 }), &[(", min_ttl: 5", ", \"max_ttl\": 3")]);
    check(
        json!({ "cache.min_ttl": null, "cache.max_size_mb": null }),
        &[("cache: {max_size_mb: 10, min_ttl: 5} # small\n", "")],
    );
    check(json!({ "empty": null }), &[("empty:\n", "")]);
    check(json!({ "nothing.there": null }), &[]);
    assert_eq!(changed("# one\na: 1\n# two\n", json!({ "a": null })), "# one\n# two\n");
}

#[test]
fn lists_change_by_what_differs() {
    let (a, b) = (json!({ "name": "a.example", "file": "a.zone" }), json!({ "name": "b.example", "file": "b.zone" }));
    let c = json!({ "name": "c.example" });
    check(json!({ "zones": [a, b, c] }), &[("  file: 'b.zone'\n", "  file: 'b.zone'\n- name: c.example\n")]);
    check(json!({ "zones": [a, c, b] }), &[("  file: a.zone\n", "  file: a.zone\n- name: c.example\n")]);
    check(json!({ "zones": [c, a, b] }), &[("zones:\n", "zones:\n- name: c.example\n")]);
    check(json!({ "zones": [b] }), &[("- name: a.example # first\n  file: a.zone\n", "")]);
    check(json!({ "zones": [a] }), &[("- name: b.example\n  file: 'b.zone'\n", "")]);
    check(json!({ "zones": [a, { "file": "b.zone" }] }), &[("name: b.example\n  file", "file")]);
    check(
        json!({ "zones": [] }),
        &[(
            "zones:\n- name: a.example # first\n  file: a.zone\n# between\n- name: b.example\n  file: 'b.zone'\n",
            "zones: []\n",
        )],
    );
    assert_eq!(changed("a: [1, 2, 3] # c\n", json!({ "a": [1, 4, 2] })), "a: [1, 4, 2] # c\n");
    assert_eq!(changed("a: [1, 2]\n", json!({ "a": [0, 1, 2, 3] })), "a: [0, 1, 2, 3]\n");
    assert_eq!(changed("a: [1, 2, 3, 4]\n", json!({ "a": [1] })), "a: [1]\n");
    assert_eq!(changed("a: one # c\n", json!({ "a": ["one", "two"] })), "a: [\"one\", \"two\"] # c\n");
}

#[test]
fn every_way_to_write_text_is_understood() {
    assert_eq!(changed("a: |\n  one\n  two\nb: 1\n", json!({ "a": "x" })), "a: \"x\"\nb: 1\n");
    assert_eq!(changed("a: \"\\u00e9\" # c\nb: é\n", json!({ "b": "ü" })), "a: \"\\u00e9\" # c\nb: \"ü\"\n");
    assert_eq!(changed("é: x # ü\na: 1\n", json!({ "a": 2 })), "é: x # ü\na: 2\n");
    assert_eq!(changed("a: x\r\nb: 1\r\n", json!({ "a": "y" })), "a: y\r\nb: 1\r\n");
    assert_eq!(changed("---\na: 1\n...\n", json!({ "a": 2 })), "---\na: 2\n...\n");
}

#[test]
fn what_is_unusual_is_refused_and_not_guessed() {
    let refused = |text: &str| {
        let changes = Map::from_iter([("b".to_owned(), json!(1))]);
        apply(text, &changes).expect_err(text)
    };
    refused("a: &x 1\n");
    refused("a: *x\n");
    refused("- a\n");
    refused("? a\n: 1\n");
    refused("a: [\n");
    refused(&format!("a: {}1{}\n", "[".repeat(40), "]".repeat(40)));
    assert!(apply("a: 1\n", &Map::from_iter([("a.b".to_owned(), json!(1))])).is_err(), "a number is no section");
}
