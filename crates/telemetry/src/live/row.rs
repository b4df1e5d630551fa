//! An answer in the live view: the keys of the query log that fit into a row of a page.

use dns::Name;
use serde::Serialize;
use server::answered::Source;

use crate::names;
use crate::rows::Row;
use crate::time::push_rfc3339;

/// The row. Keys are those of the query log, and have the same values.
#[derive(Debug, Serialize)]
struct LiveRow<'a> {
    timestamp: String,
    request_id: String,
    client_ip: String,
    query_type: Option<String>,
    domain: Option<String>,
    response_code: String,
    response_time_ms: f64,
    cache_hit: bool,
    upstream_server: Option<String>,
    transport: &'a str,
    source: &'a str,
    dnssec: &'a str,
    action: Option<&'a str>,
    group: Option<&'a str>,
    list: Option<&'a str>,
    rule: Option<&'a str>,
}

/// A name without the dot at its end, unless it is the root: as the query log has it.
pub fn name_text(name: &Name) -> String {
    let mut text = name.to_string();
    if !name.is_root() {
        text.pop();
    }
    text
}

/// A text of a decision; `None`: nothing was said.
fn said(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// The row as JSON.
pub fn json(row: &Row<'_>) -> Vec<u8> {
    let record = &row.record;
    let mut timestamp = Vec::new();
    push_rfc3339(&mut timestamp, record.time_us);
    let live = LiveRow {
        timestamp: String::from_utf8_lossy(&timestamp).into_owned(),
        request_id: row.id.to_string(),
        client_ip: names::address(record.client.ip()).to_string(),
        query_type: row.question.map(|(_, rtype, _)| rtype.to_string()),
        domain: row.question.map(|(name, ..)| name_text(name)),
        response_code: record.rcode.to_string(),
        response_time_ms: record.elapsed_us as f64 / 1000.0,
        cache_hit: matches!(record.source, Source::Cache | Source::Stale),
        upstream_server: record.upstream.map(|server| server.to_string()),
        transport: names::transport(record.transport),
        source: names::source(record.source),
        dnssec: names::security(record.security),
        action: said(row.decision.action),
        group: said(row.decision.group),
        list: said(row.decision.list),
        rule: said(row.decision.rule),
    };
    // It consists of texts and numbers: it can always be written.
    serde_json::to_vec(&live).unwrap_or_default()
}
