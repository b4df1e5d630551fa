//! What commands print: tables, times, differences, outcomes of changes.

use std::io::{self, Write};

use dns::{Class, NameBuf, RType, rdata, zonefile};
use serde_json::Value;

/// Shown where there is nothing.
const NOTHING: &str = "-";

/// Prints rows under a header, each column as wide as it has to be, the last one free.
pub fn table<const N: usize>(out: &mut impl Write, header: [&str; N], rows: &[[String; N]]) -> io::Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(header.get(column).map(|title| title.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut line = |cells: [&str; N]| {
        let mut text = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            text.push_str(&format!("{:width$}  ", printable(cell)));
        }
        writeln!(out, "{}", text.trim_end())
    };
    line(header)?;
    rows.iter().try_for_each(|row| line(std::array::from_fn(|i| row.get(i).map_or("", String::as_str))))
}

/// Text of somebody else, without what a terminal would act on.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A value as a cell of a table.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => NOTHING.to_owned(),
        Value::String(text) if text.is_empty() => NOTHING.to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => NOTHING.to_owned(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// A name as a cell, with U-labels behind it if it has any.
pub fn name(value: &Value) -> String {
    let text = cell(value);
    let unicode = text.parse::<NameBuf>().ok().and_then(|name| dns::idn::to_u_labels(&name));
    unicode.map_or_else(|| text.clone(), |unicode| format!("{text} ({unicode})"))
}

/// Milliseconds since 1970 as date and time (UTC).
pub fn time(ms: &Value) -> String {
    let Some(seconds) = ms.as_u64().map(|ms| ms / 1000) else { return NOTHING.to_owned() };
    let (year, month, day) = rdata::date(u32::try_from(seconds / 86400).unwrap_or(u32::MAX));
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// Prints objects as JSON, one a line.
pub fn json_lines(out: &mut impl Write, items: &[Value]) -> io::Result<()> {
    items.iter().try_for_each(|item| writeln!(out, "{item}"))
}

/// Prints what became of a change: a line for each zone. Warnings go to standard error.
pub fn outcome(out: &mut impl Write, outcome: &Value) -> io::Result<()> {
    warnings(outcome);
    let zones = outcome["zones"].as_array().map_or(&[][..], Vec::as_slice);
    if zones.is_empty() {
        return writeln!(out, "nothing to change");
    }
    let would = if outcome["dry_run"].as_bool() == Some(true) { "would " } else { "" };
    for zone in zones {
        let (name, action) = (name(&zone["zone"]), cell(&zone["action"]));
        let (from, to) = (cell(&zone["from"]), cell(&zone["to"]));
        let change = outcome["change"].as_u64().map_or(String::new(), |id| format!(", change {id}"));
        writeln!(out, "{name}: {would}{action}, serial {from} -> {to}{change}")?;
    }
    Ok(())
}

/// Prints which servers have served a change, if it waited for them.
pub fn receipts(out: &mut impl Write, outcome: &Value) -> io::Result<()> {
    for receipt in outcome["receipts"].as_array().into_iter().flatten() {
        let node = printable(&cell(&receipt["node"]));
        match receipt["problem"].as_str() {
            None => writeln!(out, "served by {node}")?,
            Some(problem) => writeln!(out, "not served by {node}: {}", printable(problem))?,
        }
    }
    Ok(())
}

/// Prints what the checks found to standard error.
pub fn warnings(outcome: &Value) {
    for warning in outcome["warnings"].as_array().into_iter().flatten() {
        let rtype = warning["type"].as_str().map_or(String::new(), |rtype| format!(" {rtype}"));
        eprintln!("{}: {}{rtype}: {}", cell(&warning["severity"]), cell(&warning["name"]), cell(&warning["detail"]));
    }
}

/// Prints the records that a dry run says would go and come, as lines of a zone file with `-` and `+`.
pub fn diff(out: &mut impl Write, outcome: &Value) -> io::Result<()> {
    for zone in outcome["diff"].as_array().into_iter().flatten() {
        for (sign, key) in [("-", "removed"), ("+", "added")] {
            for row in zone[key].as_array().into_iter().flatten() {
                write!(out, "{sign}{}", record(row).unwrap_or_else(|| format!("{row}\n")))?;
            }
        }
        if zone["truncated"].as_bool() == Some(true) {
            writeln!(out, "; there are more records than these")?;
        }
    }
    Ok(())
}

/// A record of the API as a line of a zone file.
fn record(row: &Value) -> Option<String> {
    let owner: NameBuf = row["name"].as_str()?.parse().ok()?;
    let rtype = RType::from_text(row["type"].as_str()?.as_bytes())?;
    let ttl = u32::try_from(row["ttl"].as_u64()?).ok()?;
    let data = rdata::json::from_json(rtype, &row["data"]).ok()?;
    let mut line = String::new();
    zonefile::write_record(&owner, ttl, Class::IN, rtype, &data, &mut line).ok()?;
    Some(line)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_utc() {
        let check = |ms: Value, want: &str| assert_eq!(time(&ms), want);
        check(json!(0), "1970-01-01 00:00:00");
        check(json!(951_827_696_789_u64), "2000-02-29 12:34:56");
        check(Value::Null, "-");
    }

    #[test]
    fn tables_are_aligned_and_harmless() {
        let mut out = Vec::new();
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        table(&mut out, ["A", "LONG"], &[row("longer", "x"), row("b\x1b[2J", "y")]).expect("written");
        assert_eq!(String::from_utf8_lossy(&out), "A       LONG\nlonger  x\nb [2J   y\n");
    }

    #[test]
    fn differences_are_lines_of_a_zone_file() {
        let row = |address: &str| json!({"name": "a.example.", "type": "A", "ttl": 60, "data": {"address": address}});
        let outcome =
            json!({"diff": [{"removed": [row("192.0.2.1")], "added": [row("192.0.2.2")], "truncated": true}]});
        let mut out = Vec::new();
        diff(&mut out, &outcome).expect("written");
        let text = String::from_utf8_lossy(&out).replace('\t', " ");
        let want =
            "-a.example. 60 IN A 192.0.2.1\n+a.example. 60 IN A 192.0.2.2\n; there are more records than these\n";
        assert_eq!(text, want);
    }
}
