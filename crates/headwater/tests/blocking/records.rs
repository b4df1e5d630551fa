//! What the history, the query log and the metrics say of what was blocked.

use std::net::Ipv4Addr;

use dns::RType;
use serde_json::Value;

use crate::common::{PATIENCE, until};
use crate::site::{CLIENT, OUTSIDE, Site};

const KID: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
const POLICY: &str = "logging: { queries: { enabled: true, file: q.jsonl } }
blocking:
  lists:
    - { name: ads, file: ads.txt, format: domains, action: nxdomain, groups: [default, kids] }
  rules: ['||ruled.com^', '|moved.com^$dnsrewrite=192.0.2.77', '@@||good.ads.com^']
clients: [{ name: tablet, addresses: [127.0.0.9], group: kids }]
groups: [{ name: kids }]
";

fn rows(site: &Site) -> Vec<Value> {
    let text = std::fs::read_to_string(site.scratch.path().join("q.jsonl")).unwrap_or_default();
    let rows = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    rows.filter(|row| row.get("request_id").is_some()).collect()
}

/// The last row of a name.
fn row(site: &Site, client: Ipv4Addr, name: &str) -> Value {
    let client = client.to_string();
    let found = until(PATIENCE, || {
        rows(site).into_iter().rev().find(|row| row["domain"] == name && row["client_ip"] == client.as_str())
    });
    found.unwrap_or_else(|| panic!("no row of {name}"))
}

#[test]
fn rows_name_the_action_the_list_the_rule_and_the_group() {
    let site = Site::start("rows", POLICY, &[("ads.txt", "ads.com\nkids-ads.com\n")], "cloak CNAME ads.com.\n");
    site.wait("ads.com", RType::A, "NXDOMAIN");
    site.wait("ruled.com", RType::A, "NOERROR 0.0.0.0");
    for (client, name, says, facts) in [
        (CLIENT, "x.ads.com", "NXDOMAIN", ["blocked", "ads", "line 1", "default", "blocked"]),
        (KID, "kids-ads.com", "NXDOMAIN", ["blocked", "ads", "line 2", "kids", "blocked"]),
        (CLIENT, "cloak.com", "NXDOMAIN", ["blocked", "ads", "line 1", "default", "blocked"]),
        (CLIENT, "x.ruled.com", "NOERROR 0.0.0.0", ["blocked", "rules", "||ruled.com^", "default", "blocked"]),
        (
            CLIENT,
            "moved.com",
            "NOERROR 192.0.2.77",
            ["rewritten", "rules", "|moved.com^$dnsrewrite=192.0.2.77", "default", "blocked"],
        ),
    ] {
        assert_eq!(site.says(client, name, RType::A), says, "{name}");
        let row = row(&site, client, name);
        let said = ["action", "list", "rule", "group", "source"].map(|key| row[key].as_str().unwrap_or_default());
        assert_eq!(said, facts, "{row}");
    }
    assert_eq!(site.says(CLIENT, "good.ads.com", RType::A), OUTSIDE);
    let allowed = row(&site, CLIENT, "good.ads.com");
    assert_eq!([&allowed["action"], &allowed["rule"]], ["allowed", "@@||good.ads.com^"], "{allowed}");
    assert_ne!(allowed["source"], "blocked");
    for (filter, wanted) in [
        ("action:blocked%20x.ads.com", "x.ads.com"),
        ("list:ads%20group:kids", "kids-ads.com"),
        ("action:rewritten", "moved.com"),
        ("action:allowed", "good.ads.com"),
    ] {
        let found = until(PATIENCE, || {
            let page: Value = serde_json::from_str(&site.control(&format!("/api/v1/queries?filter={filter}"))).ok()?;
            page["items"].as_array()?.first()?["domain"].as_str().map(str::to_owned)
        });
        let page = || site.control(&format!("/api/v1/queries?filter={filter}"));
        assert_eq!(found.as_deref(), Some(wanted), "{filter}: {}", page());
    }
}

/// The value of a metric with these labels.
fn metric(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in:\n{text}"))
}

#[test]
fn metrics_count_what_was_blocked_by_list() {
    let site = Site::start("metrics", POLICY, &[("ads.txt", "ads.com\n")], "");
    site.wait("ads.com", RType::A, "NXDOMAIN");
    site.wait("ruled.com", RType::A, "NOERROR 0.0.0.0");
    let names = ["headwater_blocked_total{list=\"ads\"}", "headwater_blocked_total{list=\"rules\"}"];
    let before = names.map(|name| metric(&site.metrics(), name));
    for _ in 0..3 {
        site.says(CLIENT, "ads.com", RType::A);
        site.says(CLIENT, "good.ads.com", RType::A);
    }
    site.says(CLIENT, "moved.com", RType::A);
    let text = site.metrics();
    let counted: Vec<f64> = names.iter().zip(before).map(|(name, before)| metric(&text, name) - before).collect();
    assert_eq!(counted, [3.0, 1.0], "what was allowed is not counted");
    let nxdomain = "headwater_responses_total{rcode=\"NXDOMAIN\",source=\"blocked\"}";
    assert!(metric(&text, nxdomain) >= 3.0);
    for limit in ["client", "responses", "networks"] {
        assert_eq!(metric(&text, &format!("headwater_rate_limited_total{{limit=\"{limit}\"}}")), 0.0);
    }
}
