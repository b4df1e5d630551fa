//! A change as JSON for outsiders; `docs/change-events.md` describes it. Fields are only ever added; whatever else changes raises
//! [`VERSION`].

use access::NamePattern;
use dns::{Class, zonefile};
use journal::Accepted;
use serde::Serialize;
use zone::ZoneChange;
use zone::records::ListedRecord;

use crate::difference::{Difference, word};

/// The version of the form.
const VERSION: u32 = 1;
/// Octets of records in an event: what Kafka takes in one message, less what stands around them.
const MAX_RECORD_BYTES: usize = 700_000;
/// Records of an event that went, and as many that came.
const MAX_RECORDS: usize = 10_000;

/// A change.
#[derive(Debug, Serialize)]
struct Event<'a> {
    version: u32,
    id: u64,
    at_ms: u64,
    who: &'a str,
    why: &'a str,
    reverts: Option<u64>,
    zones: Vec<ZoneEvent>,
}

/// What happened to a zone.
#[derive(Debug, Serialize)]
struct ZoneEvent {
    zone: String,
    action: &'static str,
    from: Option<u32>,
    to: Option<u32>,
    removed: Vec<String>,
    added: Vec<String>,
    truncated: bool,
}

/// The event of a change, of zones that match one of `patterns`, or all if there are none; `None`: it has none of them.
pub fn event(change: &Accepted, patterns: &[NamePattern]) -> Option<String> {
    let is_told =
        |zone: &&ZoneChange| patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(&zone.zone.name));
    let set = &change.change;
    let mut room = MAX_RECORD_BYTES;
    let zones: Vec<ZoneEvent> = set.zones.iter().filter(is_told).map(|zone| zone_event(zone, &mut room)).collect();
    let event = Event {
        version: VERSION,
        id: change.offset,
        at_ms: set.at_ms,
        who: &set.who,
        why: &set.why,
        reverts: set.reverts,
        zones,
    };
    // Numbers and texts always have a form in JSON.
    (!event.zones.is_empty()).then(|| serde_json::to_string(&event).unwrap_or_default())
}

fn zone_event(change: &ZoneChange, room: &mut usize) -> ZoneEvent {
    let Difference { removed, added, truncated } = Difference::of(&change.action, MAX_RECORDS);
    let mut is_cut = truncated;
    let mut lines = |records: &[ListedRecord<'_>]| {
        let lines: Vec<String> = records.iter().map_while(|record| line(record, room)).collect();
        is_cut |= lines.len() < records.len();
        lines
    };
    let (removed, added) = (lines(&removed), lines(&added));
    ZoneEvent {
        zone: change.zone.to_string(),
        action: word(&change.action),
        from: change.from,
        to: change.to,
        removed,
        added,
        truncated: is_cut,
    }
}

/// A record as a line of a zone file; `None`: there is no room left for it.
fn line(record: &ListedRecord<'_>, room: &mut usize) -> Option<String> {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = zonefile::write_record(record.owner, record.ttl, Class::IN, record.rtype, record.rdata, &mut text);
    let text = text.trim_end().replace('\t', " ");
    *room = room.checked_sub(text.len())?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dns::RType;
    use zone::{Action, ChangeSet, Records, RrsetChange, ZoneSettings};

    use super::*;

    fn change(zone: &str, action: Action) -> ZoneChange {
        let zone = zone.parse().expect("a name");
        ZoneChange { zone, base: None, from: Some(7), to: Some(8), primary_serial: None, action }
    }

    fn accepted(zones: Vec<ZoneChange>) -> Accepted {
        let set = ChangeSet {
            at_ms: 1000,
            who: "user:anna".into(),
            why: "a \"reason\"".into(),
            zones,
            ..ChangeSet::default()
        };
        Accepted { first: 40, offset: 42, change: Arc::new(set) }
    }

    fn texts(data: &[&[u8]]) -> Option<Records> {
        let data = data.iter().map(|text| [&[text.len() as u8][..], text].concat()).collect();
        Some(Records { ttl: 300, data, signatures: Vec::new() })
    }

    fn edit(before: Option<Records>, after: Option<Records>) -> Action {
        let owner = "www.example.org.".parse().expect("a name");
        Action::Edit(vec![RrsetChange { owner, rtype: RType::TXT, before, after }])
    }

    /// The first version; whoever reads it must be able to go on.
    #[test]
    fn version_1() {
        let edit = edit(texts(&[b"a", b"b"]), texts(&[b"b", b"c"]));
        let told = event(&accepted(vec![change("example.org.", edit)]), &[]);
        assert_eq!(
            told.as_deref(),
            Some(
                r#"{"version":1,"id":42,"at_ms":1000,"who":"user:anna","why":"a \"reason\"","reverts":null,"zones":[{"zone":"example.org.","action":"edit","from":7,"to":8,"removed":["www.example.org. 300 IN TXT \"a\""],"added":["www.example.org. 300 IN TXT \"c\""],"truncated":false}]}"#
            )
        );
    }

    #[test]
    fn zones_that_nobody_wants_to_hear_of_are_left_out() {
        let configure = || Action::Configure { before: ZoneSettings::default(), after: ZoneSettings::default() };
        let zones = || vec![change("example.org.", configure()), change("example.net.", configure())];
        let patterns: Vec<NamePattern> = vec!["*.net".parse().expect("a pattern")];
        let told = event(&accepted(zones()), &patterns).expect("an event");
        assert!(told.contains("example.net.") && !told.contains("example.org."), "{told}");
        assert_eq!(event(&accepted(vec![change("example.org.", configure())]), &patterns), None);
    }

    #[test]
    fn what_is_too_long_for_a_message_is_cut() {
        let long: Vec<Vec<u8>> = (0..4000u32).map(|n| format!("{n:0200}").into_bytes()).collect();
        let long: Vec<&[u8]> = long.iter().map(Vec::as_slice).collect();
        let told = event(&accepted(vec![change("example.org.", edit(None, texts(&long)))]), &[]).expect("an event");
        assert!(told.len() < 1_000_000 && told.contains(r#""truncated":true"#), "{}", told.len());
    }
}
