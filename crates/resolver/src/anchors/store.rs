//! The file in which followed trust anchors ([`super::rollover`]) outlive a restart: lines of text that people can
//! read, with a version. Whoever manages trust anchors reads and writes it.

use std::fmt::{self, Write as _};
use std::str::SplitAsciiWhitespace;

use dns::rdata::text;
use dns::scan::Scanner;
use dns::{Name, NameBuf, RType};

use super::rollover::{KeyState, Managed, ManagedKey};
use crate::limits::{MAX_ANCHORS, MAX_MANAGED_KEYS};

/// The version that is written, and the only one that is read.
const VERSION: &str = "version 1";
const HEAD: &str = "; Trust anchors that are followed as zones change their keys (RFC 5011).";

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct StoreError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

/// The file's text. Times are seconds since 1970.
pub fn write(zones: &[Managed]) -> String {
    let mut out = format!("{HEAD}\n{VERSION}\n");
    for zone in zones {
        let _ = write_zone(zone, &mut out);
    }
    out
}

fn write_zone(zone: &Managed, out: &mut String) -> fmt::Result {
    let Managed { zone: apex, ds, keys, checked_s, next_s, retry_s } = zone;
    writeln!(out, "zone {apex} checked {checked_s} next {next_s} retry {retry_s}")?;
    for rdata in ds {
        out.push_str("ds ");
        text::write(RType::DS, rdata, out)?;
        out.push('\n');
    }
    for ManagedKey { rdata, state, since_s, until_s } in keys {
        write!(out, "key {} since {since_s} until {until_s} ", state.as_str())?;
        text::write(RType::DNSKEY, rdata, out)?;
        out.push('\n');
    }
    Ok(())
}

/// What [`write()`] wrote.
///
/// # Errors
/// [`StoreError`] for the first line that it did not write so.
pub fn parse(source: &str) -> Result<Vec<Managed>, StoreError> {
    let lines = source.lines().enumerate().map(|(i, text)| (i + 1, text.trim()));
    let mut lines = lines.filter(|(_, text)| !text.is_empty() && !text.starts_with(';'));
    match lines.next() {
        Some((_, VERSION)) => {}
        Some((line, _)) => return Err(StoreError { line, what: "a version that is not known" }),
        None => return Err(StoreError { line: 1, what: "no version" }),
    }
    let mut zones: Vec<Managed> = Vec::new();
    for (line, text) in lines {
        parse_line(text, &mut zones).map_err(|what| StoreError { line, what })?;
    }
    Ok(zones)
}

fn parse_line(text: &str, zones: &mut Vec<Managed>) -> Result<(), &'static str> {
    let (mut words, count) = (text.split_ascii_whitespace(), zones.len());
    match (words.next(), zones.last_mut()) {
        (Some("zone"), _) if count == MAX_ANCHORS => return Err("too many zones"),
        (Some("zone"), _) => zones.push(parse_zone(&mut words).ok_or("no zone with its times")?),
        (Some("ds"), Some(zone)) if zone.ds.len() < MAX_MANAGED_KEYS => {
            zone.ds.push(parse_rdata(RType::DS, words).ok_or("no DS record")?);
        }
        (Some("key"), Some(zone)) if zone.keys.len() < MAX_MANAGED_KEYS => {
            zone.keys.push(parse_key(words).ok_or("no key with its state")?);
        }
        (Some("ds" | "key"), Some(_)) => return Err("too many keys"),
        (Some("ds" | "key"), None) => return Err("a key before its zone"),
        _ => return Err("neither zone, ds nor key"),
    }
    Ok(())
}

fn parse_zone(words: &mut SplitAsciiWhitespace<'_>) -> Option<Managed> {
    let zone: NameBuf = words.next()?.parse().ok()?;
    let (checked_s, next_s, retry_s) = (number(words, "checked")?, number(words, "next")?, number(words, "retry")?);
    let (ds, keys) = (Vec::new(), Vec::new());
    words.next().is_none().then_some(Managed { zone, ds, keys, checked_s, next_s, retry_s })
}

fn parse_key(mut words: SplitAsciiWhitespace<'_>) -> Option<ManagedKey> {
    let name = words.next()?;
    let state = KeyState::ALL.into_iter().find(|state| state.as_str() == name)?;
    let (since_s, until_s) = (number(&mut words, "since")?, number(&mut words, "until")?);
    let rdata = parse_rdata(RType::DNSKEY, words)?;
    Some(ManagedKey { rdata, state, since_s, until_s })
}

/// A word and the number behind it.
fn number(words: &mut SplitAsciiWhitespace<'_>, word: &str) -> Option<u64> {
    if words.next() != Some(word) {
        return None;
    }
    words.next()?.parse().ok()
}

fn parse_rdata(rtype: RType, words: SplitAsciiWhitespace<'_>) -> Option<Vec<u8>> {
    let source: Vec<&str> = words.collect();
    let mut out = Vec::new();
    text::scan(rtype, &mut Scanner::new(source.join(" ").as_bytes()), Name::root(), &mut out).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
; Trust anchors that are followed as zones change their keys (RFC 5011).
version 1
zone . checked 1800000000 next 1800043200 retry 3600
ds 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D
key add-pend since 5 until 6 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=
key revoked since 5 until 6 257 3 15 AQI=
zone example. checked 0 next 1 retry 3600
key valid since 1 until 0 257 3 15 AQI=
key missing since 1 until 0 257 3 15 AQM=
key removed since 1 until 0 257 3 15 AQQ=
";

    #[test]
    fn files_come_back() {
        let zones = parse(FILE).expect("file");
        assert_eq!(write(&zones), FILE);
        assert_eq!(zones[0].keys[0].state, KeyState::AddPend);
        let trusted = zones[1].anchor().keys;
        assert_eq!(trusted.len(), 2);
        assert_eq!(parse("version 1\n"), Ok(Vec::new()));
    }

    #[test]
    fn files_that_are_wrong() {
        let check = |source: &str, want: &str| {
            assert_eq!(parse(source).map_err(|error| error.to_string()), Err(want.to_owned()), "{source}");
        };
        check("", "line 1: no version");
        check("; \n\nversion 2", "line 3: a version that is not known");
        check("version 1\nkey valid since 1 until 0 257 3 15 AQI=", "line 2: a key before its zone");
        let check = |line: &str, want: &str| check(&format!("{FILE}{line}"), &format!("line 11: {want}"));
        check("zone a. checked 1 next 2", "no zone with its times");
        check("zone a. checked 1 next 2 retry x", "no zone with its times");
        check("zone a. checked 1 next 2 retry 3 4", "no zone with its times");
        check("ds 1 2", "no DS record");
        check("key lost since 1 until 0 257 3 15 AQI=", "no key with its state");
        check("key valid since 1 until 257 3 15 AQI=", "no key with its state");
        check("other", "neither zone, ds nor key");
        let many = "key valid since 1 until 0 257 3 15 AQI=\n".repeat(MAX_MANAGED_KEYS);
        let error = parse(&format!("{FILE}{many}")).expect_err("many");
        assert_eq!(error.what, "too many keys");
    }
}
