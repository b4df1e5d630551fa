//! The octets of a change in the journal, called by the committer (encode) and by whoever folds events (decode).
//!
//! The first octet is the version of the format. A version, once released, is read for ever: the files in
//! `testdata/journal` hold it to that. One change becomes the same octets everywhere.
//!
//! An owner inside its zone is written as its own labels and [`ZONE_FOLLOWS`]; data that begins like the
//! data it replaces (an SOA does) as the number of octets they share, and the rest.

use dns::name::MAX_NAME_LEN;
use dns::{Name, NameBuf, RType};
use zone::{Action, ChangeSet, RecordList, Records, RrsetChange, SerialPolicy, ZoneChange, ZoneKind, ZoneSettings};

use crate::octets::{Reader, put_counted, put_varint};

/// The format that [`encode`] writes, and the latest that [`decode`] knows.
pub const VERSION: u8 = 1;
/// In place of the last labels of an owner: those of the zone. No label is that long.
const ZONE_FOLLOWS: u8 = 0xC0;

const CREATE: u8 = 0;
const EDIT: u8 = 1;
const REPLACE: u8 = 2;
const CONFIGURE: u8 = 3;
const DELETE: u8 = 4;

/// Bits that say which of two optional things are there.
const FIRST: u8 = 1;
const SECOND: u8 = 2;

/// Fewest octets of a zone's change, of an RRset's, of one record's data in it.
const MIN_ZONE_LEN: usize = 4;
const MIN_RRSET_LEN: usize = 4;
const MIN_DATA_LEN: usize = 2;

/// Why octets are not a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A later version of this server wrote it.
    #[error("it is written in format {found}, this server knows formats up to {known}; use a later server")]
    FromTheFuture {
        /// Its format.
        found: u8,
        /// The latest one known.
        known: u8,
    },
    /// It is damaged, or never was a change.
    #[error("it is damaged: bad {0}")]
    Damaged(&'static str),
}

/// The octets of `change`.
pub fn encode(change: &ChangeSet) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.push(VERSION);
    put_varint(&mut out, change.at_ms);
    put_counted(&mut out, change.who.as_bytes());
    put_counted(&mut out, change.why.as_bytes());
    out.push(u8::from(change.reverts.is_some()));
    change.reverts.iter().for_each(|offset| put_varint(&mut out, *offset));
    put_varint(&mut out, change.zones.len() as u64);
    change.zones.iter().for_each(|zone| put_zone(&mut out, zone));
    out
}

/// The change that `octets` are. What it takes of memory is bounded by their number.
///
/// # Errors
/// They are not from [`encode`], or from a later one.
pub fn decode(octets: &[u8]) -> Result<ChangeSet, CodecError> {
    let mut reader = Reader::new(octets);
    match reader.octet() {
        Some(VERSION) => {}
        Some(found) if found > VERSION => return Err(CodecError::FromTheFuture { found, known: VERSION }),
        _ => return Err(CodecError::Damaged("version")),
    }
    let at_ms = reader.varint().ok_or(CodecError::Damaged("time"))?;
    let who = text(&mut reader).ok_or(CodecError::Damaged("author"))?;
    let why = text(&mut reader).ok_or(CodecError::Damaged("reason"))?;
    let reverts = match reader.octet() {
        Some(0) => None,
        Some(1) => Some(reader.varint().ok_or(CodecError::Damaged("offset of what is reverted"))?),
        _ => return Err(CodecError::Damaged("mark of a revert")),
    };
    let count = reader.count(MIN_ZONE_LEN).ok_or(CodecError::Damaged("number of zones"))?;
    let zones = (0..count).map(|_| zone(&mut reader)).collect::<Result<_, _>>()?;
    if !reader.rest().is_empty() {
        return Err(CodecError::Damaged("end: something follows it"));
    }
    Ok(ChangeSet { at_ms, who, why, reverts, zones })
}

fn put_zone(out: &mut Vec<u8>, change: &ZoneChange) {
    out.extend_from_slice(change.zone.as_wire());
    out.push(mark(change.from.is_some(), change.to.is_some()));
    [change.from, change.to].iter().flatten().for_each(|serial| out.extend_from_slice(&serial.to_be_bytes()));
    match &change.action {
        Action::Create { settings, records } => {
            out.push(CREATE);
            put_settings(out, settings);
            put_counted(out, records.as_octets());
        }
        Action::Edit(changes) => {
            out.push(EDIT);
            put_varint(out, changes.len() as u64);
            changes.iter().for_each(|rrset| put_rrset(out, &change.zone, rrset));
        }
        Action::Replace { before, after } => {
            out.push(REPLACE);
            put_counted(out, before.as_octets());
            put_counted(out, after.as_octets());
        }
        Action::Configure { before, after } => {
            out.push(CONFIGURE);
            put_settings(out, before);
            put_settings(out, after);
        }
        Action::Delete { settings, records } => {
            out.push(DELETE);
            put_settings(out, settings);
            put_counted(out, records.as_octets());
        }
    }
}

fn zone(reader: &mut Reader<'_>) -> Result<ZoneChange, CodecError> {
    let (zone, rest) = Name::split_from_wire(reader.rest()).map_err(|_| CodecError::Damaged("name of a zone"))?;
    reader.set_rest(rest);
    let there = marks(reader).ok_or(CodecError::Damaged("mark of serials"))?;
    let mut serial = |is_there: bool| match is_there {
        true => reader.array().map(|octets| Some(u32::from_be_bytes(octets))).ok_or(CodecError::Damaged("serial")),
        false => Ok(None),
    };
    let (from, to) = (serial(there.0)?, serial(there.1)?);
    let action = match reader.octet() {
        Some(CREATE) => Action::Create { settings: settings(reader)?, records: records(reader)? },
        Some(EDIT) => {
            let count = reader.count(MIN_RRSET_LEN).ok_or(CodecError::Damaged("number of RRsets"))?;
            let rrsets = (0..count).map(|_| rrset(reader, zone).ok_or(CodecError::Damaged("RRset")));
            Action::Edit(rrsets.collect::<Result<_, _>>()?)
        }
        Some(REPLACE) => Action::Replace { before: records(reader)?, after: records(reader)? },
        Some(CONFIGURE) => Action::Configure { before: settings(reader)?, after: settings(reader)? },
        Some(DELETE) => Action::Delete { settings: settings(reader)?, records: records(reader)? },
        _ => return Err(CodecError::Damaged("kind of change")),
    };
    Ok(ZoneChange { zone: zone.to_owned(), from, to, action })
}

fn put_rrset(out: &mut Vec<u8>, zone: &Name, change: &RrsetChange) {
    // Case counts: owners are shown as they were given.
    match change.owner.strip_suffix(zone).filter(|_| change.owner.as_wire().ends_with(zone.as_wire())) {
        Some(labels) => {
            out.extend_from_slice(labels);
            out.push(ZONE_FOLLOWS);
        }
        None => out.extend_from_slice(change.owner.as_wire()),
    }
    out.extend_from_slice(&change.rtype.0.to_be_bytes());
    out.push(mark(change.before.is_some(), change.after.is_some()));
    if let Some(before) = &change.before {
        put_records(out, before, &[]);
    }
    if let Some(after) = &change.after {
        put_records(out, after, change.before.as_ref().map_or(&[], |before| &before.data));
    }
}

fn rrset(reader: &mut Reader<'_>, zone: &Name) -> Option<RrsetChange> {
    let owner = owner(reader, zone)?;
    let rtype = RType(u16::from_be_bytes(reader.array()?));
    let (has_before, has_after) = marks(reader)?;
    let before = if has_before { Some(rrset_records(reader, &[])?) } else { None };
    let model = before.as_ref().map_or(&[][..], |before| &before.data);
    let after = if has_after { Some(rrset_records(reader, model)?) } else { None };
    Some(RrsetChange { owner, rtype, before, after })
}

fn owner(reader: &mut Reader<'_>, zone: &Name) -> Option<NameBuf> {
    let octets = reader.rest();
    let mut at = 0;
    while at < MAX_NAME_LEN {
        match *octets.get(at)? {
            ZONE_FOLLOWS => {
                let mut wire = Vec::with_capacity(at + zone.len());
                wire.extend_from_slice(octets.get(..at)?);
                wire.extend_from_slice(zone.as_wire());
                reader.set_rest(octets.get(at + 1..)?);
                return NameBuf::from_wire(wire).ok();
            }
            0 => {
                let (name, rest) = Name::split_from_wire(octets).ok()?;
                reader.set_rest(rest);
                return Some(name.to_owned());
            }
            len => at += 1 + usize::from(len),
        }
    }
    None
}

/// `model`: data that each record's data, in turn, may begin like.
fn put_records(out: &mut Vec<u8>, records: &Records, model: &[Vec<u8>]) {
    put_varint(out, u64::from(records.ttl));
    put_varint(out, records.data.len() as u64);
    for (i, data) in records.data.iter().enumerate() {
        let like = model.get(i).map_or(&[][..], Vec::as_slice);
        let shared = data.iter().zip(like).take_while(|(a, b)| a == b).count();
        put_varint(out, shared as u64);
        put_counted(out, data.get(shared..).unwrap_or_default());
    }
    put_varint(out, records.signatures.len() as u64);
    records.signatures.iter().for_each(|data| put_counted(out, data));
}

fn rrset_records(reader: &mut Reader<'_>, model: &[Vec<u8>]) -> Option<Records> {
    let ttl = u32::try_from(reader.varint()?).ok()?;
    let count = reader.count(MIN_DATA_LEN)?;
    let mut data = Vec::with_capacity(count);
    for i in 0..count {
        let shared = usize::try_from(reader.varint()?).ok()?;
        let start = model.get(i).map_or(&[][..], Vec::as_slice).get(..shared)?;
        data.push(checked_len([start, reader.counted()?].concat())?);
    }
    let count = reader.count(1)?;
    let signatures = (0..count).map(|_| checked_len(reader.counted()?.to_vec())).collect::<Option<_>>()?;
    Some(Records { ttl, data, signatures })
}

/// Record data is at most 65,535 octets long (RFC 1035 3.2.1).
fn checked_len(data: Vec<u8>) -> Option<Vec<u8>> {
    (data.len() <= usize::from(u16::MAX)).then_some(data)
}

fn records(reader: &mut Reader<'_>) -> Result<RecordList, CodecError> {
    let octets = reader.counted().ok_or(CodecError::Damaged("length of records"))?;
    RecordList::from_octets(octets.to_vec()).ok_or(CodecError::Damaged("record"))
}

/// Appends settings: the store keeps them in this form too.
pub(crate) fn put_settings(out: &mut Vec<u8>, settings: &ZoneSettings) {
    let ZoneSettings { kind, serial_policy, primaries, allow_query, allow_transfer, .. } = settings;
    let ZoneSettings { allow_update, allow_notify, notify, .. } = settings;
    out.push(match kind {
        ZoneKind::Primary => 0,
        ZoneKind::Secondary => 1,
    });
    out.push(match serial_policy {
        SerialPolicy::Increment => 0,
        SerialPolicy::Date => 1,
        SerialPolicy::UnixTime => 2,
    });
    for list in [primaries, allow_query, allow_transfer, allow_update, allow_notify, notify] {
        put_varint(out, list.len() as u64);
        list.iter().for_each(|entry| put_counted(out, entry.as_bytes()));
    }
}

/// What [`put_settings`] wrote.
pub(crate) fn settings(reader: &mut Reader<'_>) -> Result<ZoneSettings, CodecError> {
    let kind = match reader.octet() {
        Some(0) => ZoneKind::Primary,
        Some(1) => ZoneKind::Secondary,
        _ => return Err(CodecError::Damaged("kind of zone")),
    };
    let serial_policy = match reader.octet() {
        Some(0) => SerialPolicy::Increment,
        Some(1) => SerialPolicy::Date,
        Some(2) => SerialPolicy::UnixTime,
        _ => return Err(CodecError::Damaged("serial policy")),
    };
    let mut list = || {
        let count = reader.count(1)?;
        (0..count).map(|_| text(reader)).collect::<Option<Vec<String>>>()
    };
    let mut next = || list().ok_or(CodecError::Damaged("list of settings"));
    Ok(ZoneSettings {
        kind,
        serial_policy,
        primaries: next()?,
        allow_query: next()?,
        allow_transfer: next()?,
        allow_update: next()?,
        allow_notify: next()?,
        notify: next()?,
    })
}

fn text(reader: &mut Reader<'_>) -> Option<String> {
    String::from_utf8(reader.counted()?.to_vec()).ok()
}

fn mark(first: bool, second: bool) -> u8 {
    [(first, FIRST), (second, SECOND)].iter().filter(|(is_there, _)| *is_there).map(|(_, bit)| bit).sum()
}

fn marks(reader: &mut Reader<'_>) -> Option<(bool, bool)> {
    let octet = reader.octet()?;
    (octet & !(FIRST | SECOND) == 0).then_some((octet & FIRST != 0, octet & SECOND != 0))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use zone::RecordListBuilder;

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
        }
    }

    fn one(zone: &str, from: Option<u32>, to: Option<u32>, action: Action) -> ChangeSet {
        let zones = vec![ZoneChange { zone: name(zone), from, to, action }];
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
        let signed =
            Records { signatures: vec![b"over it".to_vec(), Vec::new()], ..records(&[b"", b"x"]).expect("some") };
        let rrset = |owner: &str, before, after| RrsetChange { owner: name(owner), rtype: RType(65280), before, after };
        let changes = vec![
            rrset("A.EXAMPLE.org.", records(&[b"gone", b"kept"]), Some(signed.clone())),
            rrset("b.example.org.", Some(signed), None),
            rrset("elsewhere.", None, None),
        ];
        let action = Action::Edit(changes);
        change.zones.push(ZoneChange { zone: name("example.org."), from: Some(u32::MAX), to: Some(1), action });
        let action = Action::Replace { before: RecordList::default(), after: listed(0) };
        change.zones.push(ZoneChange { zone: NameBuf::root(), from: None, to: Some(7), action });
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

    /// Octets of a journal written by format 1 stay readable, and are still what is written.
    #[test]
    fn golden() {
        for (file, change) in samples() {
            let path =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/journal").join(file).with_extension("hex");
            let lines: Vec<String> = encode(&change)
                .chunks(32)
                .map(|line| line.iter().map(|octet| format!("{octet:02x}")).collect::<String>() + "\n")
                .collect();
            let golden = std::fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(lines.concat(), golden, "{}", path.display());
            let digits: Vec<u8> = golden.bytes().filter(u8::is_ascii_hexdigit).collect();
            let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex");
            let decoded = decode(&digits.chunks(2).map(octet).collect::<Vec<_>>()).expect("golden");
            assert_eq!(decoded, change, "{file}");
            // Equality of names ignores case; their octets do not.
            assert_eq!(encode(&decoded), encode(&change), "{file}");
        }
    }

    #[test]
    fn a_change_of_one_record_is_small() {
        assert!(encode(&one_record()).len() <= 200, "{} octets", encode(&one_record()).len());
    }

    #[test]
    fn damage_is_an_error_or_another_change_and_never_a_panic() {
        let mut state = 1u64;
        let mut random = |n: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % n
        };
        for (file, change) in samples() {
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
}
