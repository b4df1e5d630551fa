//! What a change did, record by record: as JSON and as lines of a zone file with `-` and `+`.

use std::fmt::Write;

use dns::rdata::json;
use dns::{Class, zonefile};
use node::difference::{Difference, word};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use zone::records::ListedRecord;
use zone::{Action, ZoneChange};

use super::limits::MAX_DIFF_RECORDS;
use super::settings::SettingsOut;

/// A record.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RecordOut {
    /// The owner.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub rtype: String,
    /// Time to live in seconds.
    pub ttl: u32,
    /// The data, as in RRsets.
    #[schema(value_type = Object)]
    pub data: Value,
}

/// What happened to one zone.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ZoneDiff {
    /// The zone.
    pub zone: String,
    /// `create`, `edit`, `replace`, `configure` or `delete`.
    pub action: &'static str,
    /// The serial before.
    pub from: Option<u32>,
    /// The serial after.
    pub to: Option<u32>,
    /// The records that went.
    pub removed: Vec<RecordOut>,
    /// The records that came.
    pub added: Vec<RecordOut>,
    /// Whether there are more records than are listed.
    pub truncated: bool,
    /// The settings before, where they changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings_before: Option<SettingsOut>,
    /// The settings after, where they changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings_after: Option<SettingsOut>,
}

/// The difference that a change of a zone made.
pub fn of(change: &ZoneChange) -> ZoneDiff {
    let rows = Difference::of(&change.action, MAX_DIFF_RECORDS);
    let out = |rows: &[ListedRecord<'_>]| rows.iter().map(record_out).collect();
    let (settings_before, settings_after) = match &change.action {
        Action::Configure { before, after } => (Some(before.into()), Some(after.into())),
        Action::Create { settings, .. } => (None, Some(settings.into())),
        Action::Delete { settings, .. } => (Some(settings.into()), None),
        Action::Edit(_) | Action::Replace { .. } => (None, None),
    };
    ZoneDiff {
        zone: change.zone.to_string(),
        action: word(&change.action),
        from: change.from,
        to: change.to,
        removed: out(&rows.removed),
        added: out(&rows.added),
        truncated: rows.truncated,
        settings_before,
        settings_after,
    }
}

fn record_out(record: &ListedRecord<'_>) -> RecordOut {
    RecordOut {
        name: record.owner.to_string(),
        rtype: record.rtype.to_string(),
        ttl: record.ttl,
        data: json::to_json(record.rtype, record.rdata),
    }
}

/// Appends the difference as text: a comment line for the zone, then its records.
pub fn write_text(change: &ZoneChange, out: &mut String) {
    let rows = Difference::of(&change.action, MAX_DIFF_RECORDS);
    let serial = |serial: Option<u32>| serial.map_or_else(|| "none".into(), |serial| serial.to_string());
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "; {} {} serial {} -> {}",
        word(&change.action),
        change.zone,
        serial(change.from),
        serial(change.to)
    );
    for (sign, rows) in [('-', &rows.removed), ('+', &rows.added)] {
        for row in rows {
            out.push(sign);
            let _ = zonefile::write_record(row.owner, row.ttl, Class::IN, row.rtype, row.rdata, out);
        }
    }
    if rows.truncated {
        out.push_str("; there are more records than these\n");
    }
}

#[cfg(test)]
mod tests {
    use dns::RType;
    use zone::{Records, RrsetChange};

    use super::*;

    #[test]
    fn only_what_differs_is_listed() {
        let records = |ttl, data: &[u8]| {
            Some(Records { ttl, data: data.iter().map(|&n| vec![192, 0, 2, n]).collect(), signatures: Vec::new() })
        };
        let check = |before: Option<Records>, after: Option<Records>, want: &str| {
            let owner = "a.example.".parse().expect("name");
            let edit = Action::Edit(vec![RrsetChange { owner, rtype: RType::A, before, after }]);
            let zone = "example.".parse().expect("name");
            let mut out = String::new();
            write_text(
                &ZoneChange { zone, base: None, from: Some(1), to: Some(2), primary_serial: None, action: edit },
                &mut out,
            );
            let lines: Vec<String> =
                out.lines().skip(1).map(|line| line.replace("a.example.\t", "").replace('\t', " ")).collect();
            assert_eq!(lines.join(","), want);
        };
        check(records(1, &[1, 2]), records(1, &[2, 3]), "-1 IN A 192.0.2.1,+1 IN A 192.0.2.3");
        check(None, records(1, &[1]), "+1 IN A 192.0.2.1");
        check(records(1, &[1]), None, "-1 IN A 192.0.2.1");
        check(records(1, &[1]), records(2, &[1]), "-1 IN A 192.0.2.1,+2 IN A 192.0.2.1");
    }
}
