//! Zones that a part of the servers answers for.

use dns::{RType, Rcode};

use crate::common::{query, until};
use crate::node::ZONE;
use crate::transfer::axfr;
use crate::{Cluster, PATIENCE};

/// Placed on the servers `a` and `b` by a label, then on `c` by its name.
const PLACED: &str = "placed.example";

/// What each server answers for a name: its data, or the response code.
fn answers(cluster: &Cluster, name: &str) -> Vec<String> {
    cluster.servers.iter().map(|server| server.data(name, RType::TXT)).collect()
}

fn wait_for_answers(cluster: &Cluster, name: &str, want: [&str; 3]) {
    let found = until(PATIENCE, || (answers(cluster, name) == want).then_some(()));
    assert!(found.is_some(), "{:?} instead of {want:?}\n{}", answers(cluster, name), cluster.log());
}

#[test]
fn zones_are_answered_where_they_are_placed_and_changed_everywhere() {
    let Some(cluster) = Cluster::start("cluster-placement", "synced") else { return };
    let run = |which: usize, args: &[&str]| {
        let (done, said) = cluster.run(which, args);
        assert!(done, "{args:?}: {said}\n{}", cluster.log());
        said
    };
    let waited = ["--wait", "all", "--timeout-ms", "60000"];
    run(
        0,
        &[
            "zone",
            "create",
            PLACED,
            "--ns",
            "ns1.other.example",
            "--allow-transfer",
            "127.0.0.0/8",
            "--place",
            "region=eu",
        ],
    );
    let name = format!("one.{PLACED}");
    // The server that does not answer for it takes changes of it, and waits for those that do.
    let said = run(2, &[&["record", "add", PLACED, "one", "TXT", "x"][..], &waited].concat());
    assert!(said.contains("served by a\nserved by b\n") && !said.contains(" c\n"), "{said}");
    assert_eq!(answers(&cluster, &name), ["\"x\"", "\"x\"", "REFUSED"]);
    assert!(axfr(cluster.servers[0].address, PLACED).is_ok());
    assert!(axfr(cluster.servers[2].address, PLACED).is_err());
    // Everybody knows the zone and its serial.
    let rows: Vec<serde_json::Value> = (0..3)
        .map(|which| run(which, &["zone", "list", "--json"]))
        .map(|said| {
            said.lines().map(|line| serde_json::from_str(line).expect("JSON")).find(is_placed).expect("the zone")
        })
        .collect();
    assert!(rows.iter().all(|row| row["serial"] == rows[0]["serial"] && row["serial"].is_u64()), "{rows:?}");
    let states: Vec<&str> = rows.iter().filter_map(|row| row["state"].as_str()).collect();
    assert_eq!(states, ["serving", "serving", "elsewhere"]);
    let health = run(2, &["health"]);
    assert!(!health.contains(PLACED), "{health}");
    // Placed anew, at a server that does not answer for it, under queries.
    run(1, &["zone", "place", PLACED, "c"]);
    wait_for_answers(&cluster, &name, ["REFUSED", "REFUSED", "\"x\""]);
    let said = run(0, &[&["record", "add", PLACED, "two", "TXT", "y"][..], &waited].concat());
    assert!(said.contains("served by c\n") && !said.contains(" a\n") && !said.contains(" b\n"), "{said}");
    run(1, &["zone", "place", PLACED, "--everywhere"]);
    wait_for_answers(&cluster, &format!("two.{PLACED}"), ["\"y\""; 3]);
    // An alias into a zone that is answered elsewhere ends at the zone's border, as for every zone that one may not ask.
    run(1, &["zone", "place", PLACED, "c"]);
    wait_for_answers(&cluster, &name, ["REFUSED", "REFUSED", "\"x\""]);
    run(1, &["record", "add", ZONE, "alias", "CNAME", &format!("{name}.")]);
    let ask = || cluster.servers[0].ask(&query(&format!("alias.{ZONE}"), RType::TXT));
    let alias = until(PATIENCE, || Some(ask()).filter(|answer| !answer.answers.is_empty())).expect("the alias");
    assert_eq!((alias.header.rcode, alias.answers.len()), (Rcode::NOERROR, 1), "{alias:?}");
    cluster.stop();
}

fn is_placed(row: &serde_json::Value) -> bool {
    row["name"].as_str().is_some_and(|name| name.trim_end_matches('.') == PLACED)
}
