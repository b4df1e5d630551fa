//! Generated attacks are found and generated days without are quiet: the short version of the example `anomaly`.

#[path = "../examples/anomaly/attacks.rs"]
mod attacks;
#[path = "../examples/anomaly/benign.rs"]
mod benign;
#[path = "../examples/anomaly/evaluate.rs"]
mod evaluate;
#[path = "../examples/anomaly/traffic.rs"]
mod traffic;

#[test]
fn attacks_of_every_family_that_thresholds_were_fixed_on_are_reported() {
    for family in attacks::FAMILIES.iter().filter(|family| family.is_known) {
        let found = evaluate::detected(family, 4, 100);
        assert_eq!(found, 4, "{}", family.name);
    }
}

/// Thresholds were not fixed on these. The example's longer run found 269 of 300 the one time it counted; what it missed
/// were slow tunnels in address queries and beacons that last for less than half an hour.
#[test]
fn four_of_five_attacks_of_families_not_seen_before_are_reported() {
    let unseen: Vec<_> = attacks::FAMILIES.iter().filter(|family| !family.is_known).collect();
    let found: u64 = unseen.iter().map(|family| evaluate::detected(family, 2, 100)).sum();
    assert!(found * 5 >= unseen.len() as u64 * 2 * 4, "{found} of {}", unseen.len() * 2);
}

#[test]
fn two_hundred_days_of_clients_with_nothing_wrong_give_two_false_alarms_at_most() {
    let (alarms, queries) = evaluate::false_alarms(100, 13);
    assert!(queries > 500_000, "{queries}");
    assert!(alarms.values().map(Vec::len).sum::<usize>() <= 2, "{alarms:#?}");
}
