use super::*;
use dns::{Name, RType, Rcode};

fn name(text: &str) -> NameBuf {
    text.parse().expect("name")
}

/// An answered query for an address that was not in the cache.
fn query(time_ms: u64, name: &Name) -> Observation<'_> {
    Observation {
        time_ms,
        client: "192.0.2.7".parse().expect("address"),
        device: None,
        name,
        qtype: RType::A,
        rcode: Rcode::NOERROR,
        blocked: false,
        payload_len: 0,
        addresses: &[],
        min_ttl: 300,
        from_cache: false,
        zone_of_ours: false,
    }
}

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;

/// A detector that has known the client of [`query`] for a day.
fn detector() -> Detector {
    let mut detector = Detector::new(Thresholds::default(), 42);
    detector.observe(&query(0, &name("www.example.com")));
    detector
}

fn kinds(detector: &mut Detector, now_ms: u64) -> Vec<Kind> {
    detector.tick(now_ms).into_iter().map(|anomaly| anomaly.kind).collect()
}

/// A label that looks drawn at random.
fn random_label(i: u64) -> String {
    let mut state = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d;
    (0..16)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'a' + ((state >> 40) % 26) as u8)
        })
        .collect()
}

#[test]
fn a_public_name_with_a_private_address_is_told_at_once() {
    let mut detector = detector();
    let inner: IpAddr = "192.168.1.1".parse().expect("address");
    let outer: IpAddr = "198.51.100.1".parse().expect("address");
    let rebinding = name("x.attacker.example.com");
    detector.observe(&Observation { addresses: &[outer], ..query(DAY_MS, &rebinding) });
    assert!(detector.tick(DAY_MS).is_empty());
    detector.observe(&Observation { addresses: &[outer, inner], ..query(DAY_MS, &rebinding) });
    let news = detector.tick(DAY_MS + 1);
    assert_eq!(news.len(), 1);
    assert_eq!((news[0].kind, &news[0].subject.zone), (Kind::Rebinding, &Some(name("example.com"))));
    assert_eq!((&news[0].examples, news[0].score), (&vec![rebinding], 1.0));
    assert_eq!(news[0].reasons[0].to_string(), "answer has the private address 192.168.1.1");
}

#[test]
fn private_addresses_are_expected_of_local_names_our_zones_block_lists_and_exceptions() {
    let mut detector = detector();
    detector.set_rebinding_exceptions(vec![name("intranet.example.net")]);
    let inner: &[IpAddr] = &["127.0.0.2".parse().expect("address")];
    for expected in ["printer.lan", "2.0.0.127.bl.example.org", "10-0-0-1.x.plex.direct", "wiki.intranet.example.net"] {
        detector.observe(&Observation { addresses: inner, ..query(DAY_MS, &name(expected)) });
    }
    detector.observe(&Observation { addresses: inner, zone_of_ours: true, ..query(DAY_MS, &name("a.example.com")) });
    detector.observe(&Observation { addresses: inner, blocked: true, ..query(DAY_MS, &name("b.example.com")) });
    assert!(detector.tick(DAY_MS).is_empty());
}

#[test]
fn random_names_that_fail_are_told_with_their_zone_whoever_asks() {
    let mut detector = Detector::new(Thresholds::default(), 1);
    for i in 0..600u32 {
        let asked = name(&format!("{}.victim.example.com", random_label(i.into())));
        let client = IpAddr::from([10, 0, (i >> 8) as u8, i as u8]);
        detector.observe(&Observation { client, rcode: Rcode::SERVFAIL, ..query(DAY_MS, &asked) });
    }
    let news = detector.tick(DAY_MS);
    assert_eq!(news.len(), 1);
    assert_eq!((news[0].kind, &news[0].subject.zone), (Kind::RandomSubdomains, &Some(name("example.com"))));
    assert!(!news[0].examples.is_empty() && news[0].score > 0.85);
}

#[test]
fn names_behind_a_search_list_are_not_random_subdomains() {
    let mut detector = detector();
    for i in 0..600 {
        let asked = name(&format!("www.site{i}.com.corp.example.com"));
        detector.observe(&Observation { rcode: Rcode::NXDOMAIN, ..query(DAY_MS, &asked) });
    }
    assert!(detector.tick(DAY_MS).is_empty());
}

#[test]
fn a_client_that_asks_for_made_up_registrable_names_is_told_after_its_burn_in() {
    let ask = |detector: &mut Detector, from_ms: u64| {
        for i in 0..40 {
            let asked = name(&format!("{}.com", random_label(i)));
            detector.observe(&Observation { rcode: Rcode::NXDOMAIN, ..query(from_ms + i * 1_000, &asked) });
        }
    };
    let mut detector = detector();
    ask(&mut detector, MINUTE_MS);
    assert!(detector.tick(2 * MINUTE_MS).is_empty(), "the client is new");
    ask(&mut detector, DAY_MS);
    let news = detector.tick(DAY_MS + MINUTE_MS);
    assert_eq!(news.iter().map(|a| a.kind).collect::<Vec<_>>(), [Kind::GeneratedNames]);
    assert_eq!(news[0].subject.to_string(), "client 192.0.2.7");
}

#[test]
fn made_up_names_that_a_list_blocks_say_nothing() {
    let mut detector = detector();
    for i in 0..400 {
        let asked = name(&format!("{}.com", random_label(i)));
        detector.observe(&Observation { rcode: Rcode::NXDOMAIN, blocked: true, ..query(DAY_MS + i, &asked) });
    }
    assert!(detector.tick(DAY_MS + MINUTE_MS).is_empty());
}

#[test]
fn the_addresses_of_a_device_count_together() {
    let mut detector = Detector::new(Thresholds::default(), 1);
    for i in 0..40u64 {
        let asked = name(&format!("{}.net", random_label(i)));
        let client = IpAddr::from([10, 0, 0, i as u8]);
        let o = query(i * MINUTE_MS / 2, &asked);
        detector.observe(&Observation { client, device: Some(9), rcode: Rcode::NXDOMAIN, ..o });
    }
    let news = detector.tick(20 * MINUTE_MS);
    assert_eq!(news.len(), 1);
    assert_eq!((news[0].subject.device, detector.fill().clients), (Some(9), 1));
}

#[test]
fn data_in_names_and_texts_is_a_tunnel_and_keys_of_block_lists_are_none() {
    let ask = |detector: &mut Detector, zone: &str| {
        for i in 0..200 {
            let asked = name(&format!("{}{}.{}.{zone}", random_label(i), random_label(i + 999), random_label(i + 7)));
            let o = query(DAY_MS + i * 1_000, &asked);
            detector.observe(&Observation { qtype: RType::TXT, payload_len: 180, ..o });
        }
    };
    let mut detector = detector();
    ask(&mut detector, "avts.mcafee.com");
    assert!(detector.tick(DAY_MS + 4 * MINUTE_MS).is_empty());
    ask(&mut detector, "t.example.net");
    let news = detector.tick(DAY_MS + 5 * MINUTE_MS);
    assert_eq!(news.iter().map(|a| a.kind).collect::<Vec<_>>(), [Kind::Tunnel]);
    assert_eq!(news[0].subject.to_string(), "client 192.0.2.7, zone example.net.");
    assert_eq!(news[0].reasons.len(), 7);
}

#[test]
fn a_name_asked_for_like_clockwork_is_told_unless_it_is_habit_or_the_ttl() {
    let run = |first_ms: u64, interval_s: u64, ttl: u32| {
        let mut detector = detector();
        let beacon = name("c2.example.net");
        for i in 0..100 {
            let jitter_ms = (i * 7_919) % 4_000;
            let o = query(first_ms + i * interval_s * 1_000 + jitter_ms, &beacon);
            detector.observe(&Observation { min_ttl: ttl, ..o });
        }
        kinds(&mut detector, first_ms + 100 * interval_s * 1_000)
    };
    assert_eq!(run(DAY_MS, 60, 5), [Kind::Beacon]);
    assert!(run(MINUTE_MS, 60, 5).is_empty(), "a habit");
    assert!(run(DAY_MS, 303, 300).is_empty(), "a cache that asks again");
}

#[test]
fn a_rhythm_below_a_zone_with_several_names_or_many_clients_is_that_of_a_site() {
    for others in [["www.example.net", "static.example.net"], ["c2.example.net"; 2]] {
        let mut detector = detector();
        for i in 0..100 {
            let beacon = name("c2.example.net");
            detector.observe(&Observation { min_ttl: 5, ..query(DAY_MS + i * MINUTE_MS, &beacon) });
            let other = name(others[i as usize % 2]);
            let client = IpAddr::from([10, 0, 0, i as u8 % 8]);
            detector.observe(&Observation { client, ..query(DAY_MS + i * MINUTE_MS, &other) });
        }
        assert!(kinds(&mut detector, 2 * DAY_MS).is_empty(), "{others:?}");
    }
}

#[test]
fn a_client_far_above_its_habit_for_minutes_is_told() {
    let mut detector = detector();
    let asked = name("www.example.com");
    let minute = |detector: &mut Detector, number: u64, queries: u64| {
        (0..queries).for_each(|i| {
            let time_ms = DAY_MS + number * MINUTE_MS + i * MINUTE_MS / queries;
            detector.observe(&Observation { from_cache: true, ..query(time_ms, &asked) });
        });
        kinds(detector, DAY_MS + (number + 1) * MINUTE_MS)
    };
    assert!(minute(&mut detector, 0, 1_000).is_empty());
    assert!(minute(&mut detector, 1, 3_500).is_empty(), "less than four times the habit");
    assert!((2..4).all(|number| minute(&mut detector, number, 30_000).is_empty() || number > 2));
    assert_eq!(minute(&mut detector, 4, 30_000), [Kind::HighFrequency]);
}

#[test]
fn mismatched_replies_are_told_per_server() {
    let mut detector = Detector::new(Thresholds::default(), 1);
    let server = "198.51.100.53".parse().expect("address");
    for i in 0..49 {
        detector.mismatch(&Mismatch { time_ms: i, server });
        detector.mismatch(&Mismatch { time_ms: i, server: IpAddr::from([192, 0, 2, i as u8]) });
    }
    assert!(detector.tick(50).is_empty());
    detector.mismatch(&Mismatch { time_ms: 50, server });
    let news = detector.tick(51);
    assert_eq!((news[0].kind, news[0].subject.server), (Kind::ForgedReplies, Some(server)));
}

#[test]
fn what_is_muted_by_zone_is_not_told() {
    let mut detector = detector();
    let mute = Mute { target: MuteTarget::Zone(name("example.com")), kind: None, reason: "t".into(), until_ms: None };
    detector.mute(mute).expect("room");
    let inner: &[IpAddr] = &["10.0.0.1".parse().expect("address")];
    detector.observe(&Observation { addresses: inner, ..query(DAY_MS, &name("a.example.com")) });
    assert!(detector.tick(DAY_MS).is_empty());
    assert_eq!((detector.fill().muted, detector.mutes().len()), (1, 1));
}

#[test]
fn tables_stay_within_their_limits() {
    let mut detector = Detector::new(Thresholds::default(), 1);
    for i in 0..100_000u32 {
        let asked = name(&format!("{}.{}.com", random_label(i.into()), random_label(u64::from(i) << 32)));
        let client = IpAddr::from(i.to_be_bytes());
        detector.observe(&Observation { client, ..query(u64::from(i), &asked) });
    }
    let fill = detector.fill();
    assert_eq!(
        (fill.clients, fill.zones, fill.exchanges, fill.beacons),
        (MAX_CLIENTS, MAX_ZONES, MAX_EXCHANGES, MAX_BEACONS)
    );
    assert!(fill.replaced > 200_000);
}

#[test]
fn the_root_and_the_strangest_names_are_taken() {
    let mut detector = detector();
    let longest = vec!["\\000"; 127].join(".");
    for text in [".", "com", "a.", &longest, &format!("{0}.{0}.{0}.com", "\\255".repeat(63))] {
        for rcode in [Rcode::NOERROR, Rcode::NXDOMAIN, Rcode(4095)] {
            let qtype = RType(u16::MAX);
            detector.observe(&Observation { rcode, qtype, min_ttl: u32::MAX, ..query(u64::MAX, &name(text)) });
        }
    }
    assert!(detector.tick(0).is_empty());
}
