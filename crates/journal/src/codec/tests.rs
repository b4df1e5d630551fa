//! The codec against golden octets, damage, and itself.

use std::path::{Path, PathBuf};

use ::zone::{
    Action, DnssecValidation, RecordList, RecordListBuilder, Records, RrsetChange, SerialPolicy, Variant, ZoneChange,
    ZoneKind, ZoneSettings,
};
use dns::{NameBuf, RType};

use super::*;

fn name(text: &str) -> NameBuf {
    text.parse().expect("name")
}

fn records(data: &[&[u8]]) -> Option<Records> {
    let data = data.iter().map(|data| data.to_vec()).collect();
    Some(Records { ttl: 3600, data, signatures: Vec::new() })
}

fn soa(serial: u32) -> Vec<u8> {
    let mut data = b"\x03ns1\x07example\x03net\x00\x0ahostmaster\x07example\x03net\x00".to_vec();
    [serial, 7200, 900, 1_209_600, 300].iter().for_each(|field| data.extend_from_slice(&field.to_be_bytes()));
    data
}

fn listed(count: u8) -> RecordList {
    let mut list = RecordListBuilder::default();
    list.push(&name("example.net."), RType::SOA, 3600, &soa(7));
    (0..count).for_each(|i| list.push(&name("www.example.net."), RType::A, 300, &[192, 0, 2, i]));
    list.finish()
}

fn settings(kind: ZoneKind, serial_policy: SerialPolicy) -> ZoneSettings {
    let some = |entry: &str| vec![entry.to_owned()];
    ZoneSettings {
        kind,
        serial_policy,
        primaries: some("192.0.2.1:5353 key:transfer."),
        allow_query: Vec::new(),
        allow_transfer: vec!["192.0.2.0/24".to_owned(), "key:transfer.".to_owned()],
        allow_update: some("key:acme. names:_acme-challenge.example.net. types:TXT"),
        allow_notify: some("2001:db8::/32"),
        notify: some("[2001:db8::1]:53"),
        ..ZoneSettings::default()
    }
}

fn one(zone: &str, from: Option<u32>, to: Option<u32>, action: Action) -> ChangeSet {
    let zones = vec![ZoneChange { zone: name(zone).into(), base: None, from, to, primary_serial: None, action }];
    ChangeSet { at_ms: 1_790_000_000_123, who: "user:anna".to_owned(), zones, ..ChangeSet::default() }
}

fn one_record() -> ChangeSet {
    let rrset = |owner: &str, rtype, before, after| RrsetChange { owner: name(owner), rtype, before, after };
    let changes = vec![
        rrset("www.example.net.", RType::A, None, records(&[&[192, 0, 2, 1]])),
        rrset("example.net.", RType::SOA, records(&[&soa(7)]), records(&[&soa(8)])),
    ];
    one("example.net.", Some(7), Some(8), Action::Edit(changes))
}

/// Every way of being: other case, signatures, removal, several zones, a revert, a reason.
fn several_zones() -> ChangeSet {
    let mut change = one_record();
    let signed = Records { signatures: vec![b"over it".to_vec(), Vec::new()], ..records(&[b"", b"x"]).expect("some") };
    let rrset = |owner: &str, before, after| RrsetChange { owner: name(owner), rtype: RType(65280), before, after };
    let changes = vec![
        rrset("A.EXAMPLE.org.", records(&[b"gone", b"kept"]), Some(signed.clone())),
        rrset("b.example.org.", Some(signed), None),
        rrset("elsewhere.", None, None),
    ];
    let action = Action::Edit(changes);
    let zone = name("example.org.").into();
    change.zones.push(ZoneChange { zone, base: None, from: Some(u32::MAX), to: Some(1), primary_serial: None, action });
    let action = Action::Replace { before: RecordList::default(), after: listed(0) };
    let zone = NameBuf::root().into();
    change.zones.push(ZoneChange { zone, base: None, from: None, to: Some(7), primary_serial: None, action });
    change.reverts = Some(300);
    change.why = "Wrong: zur\u{fc}ck".to_owned();
    change
}

fn samples() -> [(&'static str, ChangeSet); 7] {
    let primary = || settings(ZoneKind::Primary, SerialPolicy::Date);
    let secondary = || settings(ZoneKind::Secondary, SerialPolicy::UnixTime);
    let replace = Action::Replace { before: listed(1), after: listed(3) };
    let configure = Action::Configure { before: secondary(), after: ZoneSettings::default() };
    let delete = Action::Delete { settings: secondary(), records: listed(2) };
    let empty = Action::Create { settings: secondary(), records: RecordList::default() };
    [
        ("create", one("example.net.", None, Some(7), Action::Create { settings: primary(), records: listed(2) })),
        ("create-empty", one("example.net.", None, None, empty)),
        ("edit", one_record()),
        ("replace", one("example.net.", Some(7), Some(9), replace)),
        ("configure", one("example.net.", Some(9), Some(9), configure)),
        ("delete", one("example.net.", Some(9), None, delete)),
        ("several-zones", several_zones()),
    ]
}

/// The samples as this version writes them: with an identity, built on an event of this node or of another one, or on
/// none that is known; one zone is a variant.
fn identified() -> [(&'static str, ChangeSet); 7] {
    let own = EventId { node: *b"own node", number: 300 };
    let bases = [None, Some(EventId { number: 299, ..own }), Some(EventId { node: *b"another.", number: 1 })];
    let mut samples = samples();
    for (i, (_, change)) in samples.iter_mut().enumerate() {
        change.id = Some(own);
        change.zones.iter_mut().enumerate().for_each(|(at, zone)| zone.base = bases[(i + at) % bases.len()]);
    }
    let several = &mut samples[6].1;
    several.zones[1].zone.variant = Variant::new("internal").expect("a variant");
    samples
}

/// Changes of settings that name a policy to sign by, before or after.
fn signed() -> [(&'static str, ChangeSet); 5] {
    let settings = |policy: &str| ZoneSettings {
        dnssec: policy.to_owned(),
        ..settings(ZoneKind::Primary, SerialPolicy::UnixTime)
    };
    let create = Action::Create { settings: settings("default"), records: listed(1) };
    let sign = Action::Configure { before: ZoneSettings::default(), after: settings("short-lived") };
    let end = Action::Configure { before: settings("default"), after: settings("") };
    let delete = Action::Delete { settings: settings("default"), records: listed(2) };
    let mut samples = [
        ("create", one("example.net.", None, Some(7), create)),
        ("configure", one("example.net.", Some(7), Some(7), sign.clone())),
        ("configure-off", one("example.net.", Some(8), Some(8), end)),
        ("delete", one("example.net.", Some(9), None, delete)),
        ("several-zones", several_zones()),
    ];
    // One of several is signed: all settings have the field then.
    let zones = &mut samples[4].1.zones;
    let unsigned = Action::Create { settings: settings(""), records: listed(0) };
    for (zone, action) in [("a.test.", unsigned), ("b.test.", sign)] {
        zones.push(ZoneChange {
            zone: name(zone).into(),
            base: None,
            from: None,
            to: Some(7),
            primary_serial: None,
            action,
        });
    }
    samples.iter_mut().for_each(|(_, change)| change.id = Some(EventId { node: *b"own node", number: 300 }));
    samples
}

/// What format 4 adds: the serial of a primary, and what is done about signatures that others made.
fn of_others() -> [(&'static str, ChangeSet); 3] {
    let settings =
        |dnssec_validate| ZoneSettings { dnssec_validate, ..settings(ZoneKind::Secondary, SerialPolicy::Increment) };
    let configure =
        Action::Configure { before: settings(DnssecValidation::Warn), after: settings(DnssecValidation::Refuse) };
    let records = RecordList::default();
    let create = Action::Create { settings: settings(DnssecValidation::Expire), records };
    let mut samples = [
        ("edit", one_record()),
        ("configure", one("example.net.", Some(7), Some(7), configure)),
        ("create", one("example.net.", None, None, create)),
    ];
    samples[0].1.zones[0].primary_serial = Some(2_026_030_901);
    samples.iter_mut().for_each(|(_, change)| change.id = Some(EventId { node: *b"own node", number: 300 }));
    samples
}

/// What format 5 adds: which servers answer for a zone, and whose updates a secondary forwards.
fn placed() -> [(&'static str, ChangeSet); 3] {
    let settings = |placement: &[&str]| ZoneSettings {
        placement: placement.iter().map(|place| (*place).to_owned()).collect(),
        ..settings(ZoneKind::Primary, SerialPolicy::Increment)
    };
    let place = Action::Configure { before: settings(&[]), after: settings(&["region=eu", "ns1"]) };
    let create = Action::Create { settings: settings(&["*"]), records: listed(1) };
    let forward = Action::Configure {
        before: settings(&[]),
        after: ZoneSettings { allow_update_forwarding: vec!["192.0.2.0/24 key:k".into()], ..settings(&[]) },
    };
    let mut samples = [
        ("configure", one("example.net.", Some(7), Some(7), place)),
        ("create", one("example.net.", None, Some(7), create)),
        ("forward", one("example.net.", Some(7), Some(7), forward)),
    ];
    // It does not bring the format down.
    samples[0].1.zones[0].primary_serial = Some(2_026_030_901);
    samples.iter_mut().for_each(|(_, change)| change.id = Some(EventId { node: *b"own node", number: 300 }));
    samples
}

fn golden_path(version: &str, file: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/journal").join(version);
    directory.join(file).with_extension("hex")
}

fn hex(octets: &[u8]) -> String {
    let line = |line: &[u8]| line.iter().map(|octet| format!("{octet:02x}")).collect::<String>() + "\n";
    octets.chunks(32).map(line).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex");
    digits.chunks(2).map(octet).collect()
}

/// What format 1 wrote stays readable: no identity, no variant.
#[test]
fn golden_version_1() {
    for (file, change) in samples() {
        let golden = std::fs::read_to_string(golden_path("v1", file)).expect(file);
        assert_eq!(decode(&unhex(&golden)).as_ref(), Ok(&change), "{file}");
    }
}

/// What formats 2 to 5 wrote stays readable, and is still what is written: format 3 only where a zone is signed, so that
/// a server that does not know of it refuses what it would serve unsigned, and nothing else; formats 4 and 5 likewise.
#[test]
fn golden() {
    let unsigned = identified().map(|(file, change)| ("v2", file, change));
    let signed = signed().map(|(file, change)| ("v3", file, change));
    let of_others = of_others().map(|(file, change)| ("v4", file, change));
    let placed = placed().map(|(file, change)| ("v5", file, change));
    for (version, file, change) in unsigned.into_iter().chain(signed).chain(of_others).chain(placed) {
        let path = golden_path(version, file);
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(hex(&encode(&change)), golden, "{}", path.display());
        let decoded = decode(&unhex(&golden)).expect("golden");
        assert_eq!(decoded, change, "{file}");
        // Equality of names ignores case; their octets do not.
        assert_eq!(encode(&decoded), encode(&change), "{file}");
        for zone in &change.zones {
            let octets = encode_zone(zone);
            assert_eq!(decode_zone(&octets).as_ref(), Ok(zone), "{file}");
            assert!(
                decode_zone(&octets[..octets.len() - 1]).is_err()
                    && decode_zone(&[&octets[..], &[0]].concat()).is_err()
            );
        }
    }
}

/// A reader passes over what later versions add to an event and to a zone's change; it refuses what is no list of
/// fields.
#[test]
fn extensions_are_passed_over() {
    let (_, change) = &identified()[2];
    let octets = encode(change);
    // Behind the extensions of the event stands the number of zones; those of the only zone come last.
    let event = encode(&ChangeSet { zones: Vec::new(), ..change.clone() }).len() - 2;
    let with = |of_event: &[u8], of_zone: &[u8]| {
        let (zones, end) = (&octets[event + 1..octets.len() - 1], octets.len());
        assert_eq!((octets[event], octets[end - 1]), (0, 0), "no extensions yet");
        decode(&[&octets[..event], of_event, zones, of_zone].concat())
    };
    let fields = [&[9][..], &[1, 2, b'a', b'b'], &[3, 0], &[0x80, 1, 0]].concat();
    assert_eq!(with(&fields, &fields).as_ref(), Ok(change));
    assert_eq!(with(&[0], &[0]).as_ref(), Ok(change));
    for bad in [&[1, 1][..], &[2, 1, 5], &[4, 3, 0, 3, 0], &[4, 3, 0, 1, 0]] {
        assert_eq!(with(bad, &[0]), Err(CodecError::Damaged("extension")), "{bad:?}");
        assert_eq!(with(&[0], bad), Err(CodecError::Damaged("extension")), "{bad:?}");
    }
}

#[test]
fn a_change_of_one_record_is_small() {
    let (_, change) = &identified()[2];
    assert!(encode(change).len() <= 200, "{} octets", encode(change).len());
}

#[test]
fn damage_is_an_error_or_another_change_and_never_a_panic() {
    let mut state = 1u64;
    let mut random = |n: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % n
    };
    for (file, change) in identified().into_iter().chain(signed()).chain(of_others()) {
        let good = encode(&change);
        for len in 0..good.len() {
            assert!(decode(&good[..len]).is_err(), "{file} cut to {len}");
        }
        assert!(decode(&[&good[..], &[0]].concat()).is_err(), "{file} with one octet more");
        for _ in 0..20_000 {
            let mut bad = good.clone();
            for _ in 0..=random(3) {
                let at = random(bad.len());
                bad[at] = random(256) as u8;
            }
            // What is accepted means something: it survives being written again.
            if let Ok(other) = decode(&bad) {
                assert_eq!(decode(&encode(&other)), Ok(other), "{file}");
            }
        }
    }
}

#[test]
fn versions() {
    let mut octets = encode(&one_record());
    octets[0] = VERSION + 1;
    assert_eq!(decode(&octets), Err(CodecError::FromTheFuture { found: VERSION + 1, known: VERSION }));
    octets[0] = 0;
    assert_eq!(decode(&octets), Err(CodecError::Damaged("version")));
}

/// `cargo test --profile quick -p headwater-journal -- --ignored --nocapture speed`
#[test]
#[ignore = "a measurement"]
fn speed_of_the_codec() {
    const RECORDS: u32 = 100_000;
    let rrset = |i: u32| RrsetChange {
        owner: name(&format!("name{i}.example.net.")),
        rtype: RType::A,
        before: None,
        after: records(&[&i.to_be_bytes()]),
    };
    let change = one("example.net.", Some(7), Some(8), Action::Edit((0..RECORDS).map(rrset).collect()));
    let started = std::time::Instant::now();
    let octets = encode(&change);
    let encoded = started.elapsed();
    let back = decode(&octets).expect("encoded");
    let decoded = started.elapsed() - encoded;
    println!(
        "{} octets, per record: {:?} to encode, {:?} to decode",
        octets.len(),
        encoded / RECORDS,
        decoded / RECORDS
    );
    assert_eq!(back, change);
}
