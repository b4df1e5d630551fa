use super::*;

fn report(node: &str, started_ms: u64, number: u64, zones: u64) -> Report {
    Report {
        node: node.to_owned(),
        started_ms,
        number,
        at_ms: 1_000 + number,
        positions: Positions { zones, access: 3, settings: 4 },
        version: "1".to_owned(),
        zones: 2,
        inventory: zones * 7,
        labels: BTreeMap::new(),
        problems: Vec::new(),
        is_stopping: false,
        is_removed: false,
    }
}

/// Everything up to this change of zones, of all servers.
fn zones(zones: u64) -> Awaited {
    Awaited { positions: Positions { zones, ..Positions::default() }, holders: Holders::All }
}

fn counted(position: u64) -> Counted {
    Counted { position, zones: 2, sum: position * 7 }
}

/// When each has served everything up to this change; 0: not yet.
fn served(nodes: &Nodes, position: u64) -> Vec<(String, u64)> {
    let receipts = nodes.receipts(&zones(position), &BTreeSet::new());
    receipts.into_iter().map(|receipt| (receipt.node, receipt.served_at_ms.unwrap_or(0))).collect()
}

#[test]
fn a_receipt_says_when_a_server_had_a_change_at_the_latest() {
    let nodes = Nodes::new("a");
    nodes.tell(report("a", 1, 1, 10), counted(10));
    nodes.hear(report("b", 1, 1, 5), Duration::ZERO);
    nodes.hear(report("b", 1, 2, 9), Duration::ZERO);
    assert_eq!(served(&nodes, 10), [("a".to_owned(), 1_001), ("b".to_owned(), 0)]);
    nodes.hear(report("b", 1, 3, 12), Duration::ZERO);
    nodes.hear(report("b", 1, 4, 12), Duration::ZERO);
    assert_eq!(served(&nodes, 10)[1], ("b".to_owned(), 1_003));
    assert_eq!(served(&nodes, 6)[1], ("b".to_owned(), 1_002));
    // Other streams count too.
    let positions = Positions { zones: 5, access: 3, settings: 5 };
    let wanted = Awaited { positions, holders: Holders::All };
    assert!(nodes.receipts(&wanted, &BTreeSet::new()).iter().all(|receipt| receipt.served_at_ms.is_err()));
}

#[test]
fn what_is_older_changes_nothing_and_what_comes_back_with_less_has_less() {
    let nodes = Nodes::new("a");
    nodes.hear(report("b", 5, 7, 20), Duration::ZERO);
    nodes.hear(report("b", 5, 6, 30), Duration::ZERO);
    nodes.hear(report("b", 4, 9, 30), Duration::ZERO);
    nodes.hear(report("b", 5, 7, 30), Duration::ZERO);
    assert_eq!((served(&nodes, 20)[0].1, served(&nodes, 21)[0].1), (1_007, 0));
    // It started again, and has not read what came while it was away.
    nodes.hear(report("b", 6, 1, 15), Duration::ZERO);
    assert_eq!((served(&nodes, 15)[0].1, served(&nodes, 20)[0].1), (1_001, 0));
    nodes.hear(report("b", 6, 2, 20), Duration::ZERO);
    assert_eq!((served(&nodes, 15)[0].1, served(&nodes, 20)[0].1), (1_001, 1_002));
}

#[test]
fn who_is_away_is_named_and_not_taken_for_one_that_serves() {
    let nodes = Nodes::new("a");
    nodes.tell(report("a", 1, 1, 10), counted(10));
    nodes.hear(report("b", 1, 1, 9), ABSENT_AFTER + Duration::from_secs(1));
    nodes.hear(Report { is_stopping: true, ..report("c", 1, 1, 9) }, Duration::ZERO);
    let receipts = nodes.receipts(&zones(10), &BTreeSet::new());
    let problems: Vec<String> = receipts.iter().filter_map(|receipt| receipt.served_at_ms.clone().err()).collect();
    assert_eq!(problems, ["nobody has heard of it for 17 s", "it stopped 0 s ago"]);
    let presences: Vec<Presence> = nodes.views().iter().map(|view| view.presence).collect();
    assert_eq!(presences, [Presence::Serving, Presence::Absent, Presence::Stopped]);
    // What it served while it was there it did serve.
    assert_eq!(served(&nodes, 9)[1].1, 1_001);
    nodes.hear(Report::removed("b", 2_000), Duration::ZERO);
    nodes.hear(report("b", 1, 2, 10), Duration::ZERO);
    assert_eq!(nodes.views().len(), 2, "what it said before it was removed does not bring it back");
    nodes.hear(report("b", 3_000, 1, 10), Duration::ZERO);
    assert_eq!(nodes.views().len(), 3, "a new start does");
    nodes.hear(Report::removed("b", 4_000), Duration::ZERO);
    assert_eq!(nodes.views().len(), 2);
    nodes.hear(Report { at_ms: 4_001, ..report("b", 3_000, 2, 10) }, Duration::ZERO);
    assert_eq!(nodes.views().len(), 3, "and so does what it says afterwards");
    // Another server of its name came and stopped.
    nodes.hear(Report { at_ms: 4_002, is_stopping: true, ..report("b", 3_500, 1, 10) }, Duration::ZERO);
    nodes.hear(Report { at_ms: 4_003, ..report("b", 3_000, 3, 10) }, Duration::ZERO);
    assert_eq!(nodes.views()[1].presence, Presence::Serving);
}

#[test]
fn who_is_waited_for() {
    let nodes = Nodes::new("a");
    nodes.tell(report("a", 1, 1, 10), counted(10));
    nodes.hear(report("b", 1, 1, 10), Duration::ZERO);
    nodes.hear(report("c", 1, 1, 9), Duration::ZERO);
    let met = |wait: WaitFor, drained: &[&str]| {
        let drained = drained.iter().map(|&node| node.to_owned()).collect();
        wait.is_met(&nodes.receipts(&zones(10), &drained))
    };
    assert!(!met(WaitFor::All, &[]) && met(WaitFor::Quorum, &[]));
    assert!(met(WaitFor::All, &["c"]), "a server that is drained is not waited for");
    assert!(!met(WaitFor::All, &["b"]));
    assert!(!met(WaitFor::Quorum, &["a"]), "one of two is no majority");
    assert!(met(WaitFor::Count(2), &["a"]) && !met(WaitFor::Count(3), &[]));
}

#[test]
fn who_does_not_answer_for_the_zones_is_not_waited_for() {
    let nodes = Nodes::new("a");
    let labelled = |node: &str, region: &str, zones| {
        let labels = BTreeMap::from([("region".to_owned(), region.to_owned())]);
        Report { labels, ..report(node, 1, 1, zones) }
    };
    nodes.tell(labelled("a", "eu", 10), counted(10));
    nodes.hear(labelled("b", "us", 9), Duration::ZERO);
    nodes.hear(labelled("c", "asia", 9), Duration::ZERO);
    let receipts = |placements: &[&[&str]]| {
        let lists = placements.iter().map(|placement| {
            let placement = placement.iter().map(|place| (*place).to_owned()).collect();
            let settings = zone::ZoneSettings { placement, ..zone::ZoneSettings::default() };
            config::ZoneLists::parse(&settings).expect("lists").into()
        });
        nodes.receipts(&Awaited { holders: Holders::Of(lists.collect()), ..zones(10) }, &BTreeSet::new())
    };
    let names = |receipts: Vec<Receipt>| receipts.into_iter().map(|receipt| receipt.node).collect::<Vec<_>>();
    assert!(WaitFor::All.is_met(&receipts(&[&["region=eu"]])));
    assert_eq!(names(receipts(&[&["region=eu"]])), ["a"]);
    assert_eq!(names(receipts(&[&["region=eu", "c"]])), ["a", "c"]);
    assert_eq!(names(receipts(&[&["region=eu"], &["b"]])), ["a", "b"], "a change of two zones");
    assert_eq!(names(receipts(&[&["region=eu"], &[]])), ["a", "b", "c"], "one of them is everywhere");
}

#[test]
fn zones_that_differ_at_the_same_position_are_seen() {
    let nodes = Nodes::new("a");
    nodes.tell(report("a", 1, 1, 10), counted(10));
    let differs = || nodes.views()[1].differs;
    nodes.hear(report("b", 1, 1, 10), Duration::ZERO);
    assert!(!differs());
    nodes.hear(Report { inventory: 1, ..report("b", 1, 2, 11) }, Duration::ZERO);
    assert!(!differs(), "at another position nothing can be said");
    nodes.hear(Report { inventory: 1, ..report("b", 1, 3, 10) }, Duration::ZERO);
    assert!(differs());
    nodes.hear(report("b", 1, 4, 12), Duration::ZERO);
    assert!(differs(), "until the same position shows the same zones");
    nodes.tell(report("a", 1, 2, 12), counted(12));
    nodes.hear(report("b", 1, 5, 12), Duration::ZERO);
    assert!(!differs());
}

#[tokio::test]
async fn a_wait_ends_with_the_last_receipt_or_with_its_time() {
    let nodes = std::sync::Arc::new(Nodes::new("a"));
    nodes.tell(report("a", 1, 1, 10), counted(10));
    nodes.hear(report("b", 1, 1, 9), Duration::ZERO);
    let long = Duration::from_secs(60);
    let (waiting, awaited) = (nodes.clone(), zones(10));
    let wait = tokio::spawn(async move { waiting.wait(&awaited, WaitFor::All, long, BTreeSet::new).await });
    tokio::task::yield_now().await;
    nodes.hear(report("b", 1, 2, 10), Duration::ZERO);
    let receipts = wait.await.expect("no panic");
    assert!(receipts.iter().all(|receipt| receipt.served_at_ms.is_ok()), "{receipts:?}");
    let receipts = nodes.wait(&zones(11), WaitFor::Count(1), Duration::from_millis(10), BTreeSet::new).await;
    assert!(receipts.iter().all(|receipt| receipt.served_at_ms.is_err()), "{receipts:?}");
}
