//! Pages that are generated from code; `cargo xtask docs` writes them.

use std::fmt::Write;

use config::document;
use dns::rdata::table::TYPES;

use crate::reference;

/// The page of the record types.
pub const RECORD_TYPES: &str = "docs/guide/record-types.md";
/// The page of the metrics.
pub const METRICS: &str = "docs/guide/metrics.md";

/// Path and text of each page.
pub fn pages() -> [(&'static str, String); 5] {
    let openapi = api::openapi_json();
    [
        ("docs/guide/configuration.md", document::reference()),
        ("docs/guide/api-reference.md", reference::page(&openapi)),
        ("docs/api/openapi.json", openapi),
        (RECORD_TYPES, record_types()),
        (METRICS, metrics()),
    ]
}

fn metrics() -> String {
    let head = "# Metrics\n\n\
        <!-- Generated: `cargo xtask docs` -->\n\n\
        What `/metrics` has, see [monitoring](monitoring.md). Names and labels stay as they are. Counters begin with 0 at\n\
        each start. The bounds of histograms are 25 us, 50 us, 100 us, 250 us and so on to 10 s.\n\n\
        Sources of answers: `zone` (also transfers and updates), `cache`, `resolved`, `stale` (data that has expired),\n\
        `blocked`, `local` (the server by itself), `refused` (REFUSED or NOTAUTH), `error` (FORMERR, SERVFAIL, NOTIMP or\n\
        BADVERS, whoever gave it).\n\n";
    head.to_owned() + &telemetry::metrics::catalogue::table()
}

fn record_types() -> String {
    let mut out = String::from(
        "# Record types\n\n\
        <!-- Generated: `cargo xtask docs` -->\n\n\
        Every type below is read and written in zone files, messages and JSON with its own fields. Any other type can be\n\
        served too, as `TYPEn` with its data in hexadecimal (RFC 3597).\n\n\
        | Type | Number | Meaning | Fields | Defined in |\n\
        | --- | --- | --- | --- | --- |\n",
    );
    for def in TYPES {
        let fields: Vec<String> =
            def.fields.iter().map(|field| format!("`{}`: {}", field.name, field.field.expects())).collect();
        let (mnemonic, number, doc) = (def.mnemonic, def.rtype.0, def.doc);
        // Writing to a string does not fail.
        let _ = writeln!(out, "| {mnemonic} | {number} | {doc} | {} | {} |", fields.join("; "), def.source);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_row() {
        let page = record_types();
        let row = "| MX | 15 | Mail exchange. | `preference`: a number up to 65535; `exchange`: a domain name | RFC 1035 3.3.9 |";
        assert!(page.contains(row), "{page}");
        assert_eq!(page.lines().filter(|line| line.starts_with("| ")).count(), TYPES.len() + 2);
    }
}
