//! Pages that are generated from code; `cargo xtask docs` writes them.

use std::fmt::Write;

use dns::rdata::table::TYPES;
use headwater::config::document;

/// The page of the record types.
pub const RECORD_TYPES: &str = "docs/guide/record-types.md";

/// Path and text of each page.
pub fn pages() -> [(&'static str, String); 3] {
    [
        ("docs/guide/configuration.md", document::reference()),
        ("docs/api/openapi.json", headwater::api::openapi_json()),
        (RECORD_TYPES, record_types()),
    ]
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
