//! The values of a term, read as its key wants them.

use dns::{NameBuf, RType, Rcode, idn};

use super::error::FilterError;
use super::key::Key;
use super::lexer::{Comparison, RawValue, Unit};
use super::pattern::{Pattern, fold};
use super::test::Test;

/// The longest time that can be compared with, in seconds.
const MAX_SECONDS: u64 = 1_000_000_000;

/// The value of a term with `key`; `None`: without one.
pub fn read(key: Option<Key>, value: &RawValue) -> Result<Test, FilterError> {
    let Some(key) = key else { return name(value, true) };
    if let Some(comparison) = value.comparison {
        return match key {
            Key::Time => elapsed(value, comparison),
            _ => Err(expected(value, key, "a value without < or >, which only time: takes")),
        };
    }
    match key {
        Key::Name | Key::Zone => return name(value, false),
        Key::Group | Key::Action | Key::List | Key::Rule => return text(value),
        _ => {}
    }
    if value.units == [Unit::Star] {
        return Ok(Test::Any);
    }
    let word = word(value, key)?;
    match key {
        Key::Client | Key::Upstream => dns::network::parse(&word)
            .map(Test::Network)
            .ok_or_else(|| expected(value, key, "an address or a network such as 192.0.2.0/24 or 2001:db8::/32")),
        Key::Type => RType::from_text(word.as_bytes())
            .or_else(|| word.parse().ok().map(RType))
            .map(Test::Type)
            .ok_or_else(|| expected(value, key, "a record type such as AAAA or TYPE65280")),
        Key::Code => (word.parse().ok())
            .or_else(|| word.parse().ok().map(Rcode))
            .map(Test::Code)
            .ok_or_else(|| expected(value, key, "a response code such as NXDOMAIN or 3")),
        Key::Id => word
            .parse()
            .map(Test::Id)
            .map_err(|_| expected(value, key, "a UUID, as request_id of the query log has it")),
        Key::Time => Err(expected(value, key, "a comparison such as >200ms or <1s")),
        _ => {
            let words = key.words();
            let found = words.iter().copied().find(|known| word.eq_ignore_ascii_case(known));
            found.map(Test::Word).ok_or_else(|| expected(value, key, &format!("one of {}", words.join(", "))))
        }
    }
}

fn expected(value: &RawValue, key: Key, what: &str) -> FilterError {
    FilterError::new(value.at, format!("{key}: expected {what}"))
}

/// The value as text without `*`.
fn word(value: &RawValue, key: Key) -> Result<String, FilterError> {
    let octets = value.units.iter().map(|unit| match unit {
        Unit::Plain(octet) | Unit::Escaped(octet) => Some(*octet),
        Unit::Star => None,
    });
    let octets: Option<Vec<u8>> = octets.collect();
    let octets = octets.ok_or_else(|| expected(value, key, "* alone, or a value without it"))?;
    String::from_utf8(octets).map_err(|_| expected(value, key, "UTF-8"))
}

/// `1.5s`, `200ms`, `30us`; without a unit milliseconds.
fn elapsed(value: &RawValue, comparison: Comparison) -> Result<Test, FilterError> {
    let text = word(value, Key::Time)?;
    let wrong = || expected(value, Key::Time, "a number with us, ms or s behind it, such as >200ms or <1.5s");
    let (number, us) = [("us", 1), ("µs", 1), ("ms", 1000), ("s", 1_000_000), ("", 1000)]
        .into_iter()
        .find_map(|(unit, us)| text.strip_suffix(unit).map(|number| (number, us)))
        .ok_or_else(wrong)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |digits: &str| (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let scale = 10u64.pow(fraction.len() as u32);
    let fraction: u64 = fraction.parse().map_err(|_| wrong())?;
    let elapsed_us = (whole * us + fraction * us / scale).min(MAX_SECONDS * 1_000_000);
    Ok(Test::ElapsedUs(comparison, elapsed_us))
}

fn text(value: &RawValue) -> Result<Test, FilterError> {
    Ok(Test::Text(pattern(&value.units, |octet| octet, |octet| octet, false)))
}

/// A pattern of names. `is_part`: any part of a name matches; otherwise the whole name has to.
fn name(value: &RawValue, is_part: bool) -> Result<Test, FilterError> {
    if value.comparison.is_some() {
        return Err(FilterError::new(value.at, "expected a part of a name; < and > belong to time:"));
    }
    let mut units = a_labels(value)?;
    let has_star = units.contains(&Unit::Star);
    let is_root = !is_part && units == [Unit::Plain(b'.')];
    let starts_with_dot = !is_part && units.first() == Some(&Unit::Plain(b'.'));
    if units.windows(2).any(|two| two == [Unit::Plain(b'.'); 2]) || starts_with_dot && !is_root {
        return Err(FilterError::new(value.at, "a name has no empty label: expected one dot between labels"));
    }
    if !is_part && !matches!(units.last(), Some(Unit::Star | Unit::Plain(b'.'))) {
        units.push(Unit::Plain(b'.'));
    }
    if !is_part && !has_star {
        let text: Vec<u8> = units.iter().flat_map(presentation).collect();
        if let Err(error) = NameBuf::from_text(&text, dns::Name::root()) {
            return Err(FilterError::new(value.at, format!("no name: {error}")));
        }
    }
    let plain = |octet: u8| octet.to_ascii_lowercase();
    Ok(Test::Text(pattern(&units, plain, fold, is_part)))
}

fn presentation(unit: &Unit) -> Vec<u8> {
    match unit {
        Unit::Plain(b'.') => vec![b'.'],
        Unit::Plain(octet) | Unit::Escaped(octet) => format!("\\{octet:03}").into_bytes(),
        Unit::Star => vec![b'*'],
    }
}

/// The units of a name with A-labels in the place of U-labels.
fn a_labels(value: &RawValue) -> Result<Vec<Unit>, FilterError> {
    let is_foreign = |unit: &Unit| matches!(unit, Unit::Plain(octet) if !octet.is_ascii());
    if !value.units.iter().any(is_foreign) {
        return Ok(value.units.clone());
    }
    let mut units = Vec::new();
    for (i, label) in value.units.split(|unit| *unit == Unit::Plain(b'.')).enumerate() {
        if i > 0 {
            units.push(Unit::Plain(b'.'));
        }
        if !label.iter().any(is_foreign) {
            units.extend_from_slice(label);
            continue;
        }
        let plain = label.iter().map(|unit| match unit {
            Unit::Plain(octet) => Some(*octet),
            Unit::Escaped(_) | Unit::Star => None,
        });
        let plain: Option<Vec<u8>> = plain.collect();
        let converted = plain.and_then(|label| idn::to_a_labels(&label).ok());
        let message = "expected a label of letters, or its ASCII form (xn--...) if it has * or \\ in it";
        units.extend(converted.ok_or_else(|| FilterError::new(value.at, message))?.into_iter().map(Unit::Plain));
    }
    Ok(units)
}

/// The units as a pattern, octets changed by `plain` and `escaped`. `is_part`: anything may be before and behind it.
fn pattern(units: &[Unit], plain: impl Fn(u8) -> u8, escaped: impl Fn(u8) -> u8, is_part: bool) -> Pattern {
    let mut parts = vec![Vec::new()];
    for unit in units {
        match (unit, parts.last_mut()) {
            (Unit::Star, _) | (_, None) => parts.push(Vec::new()),
            (Unit::Plain(octet), Some(part)) => part.push(plain(*octet)),
            (Unit::Escaped(octet), Some(part)) => part.push(escaped(*octet)),
        }
    }

    Pattern::new(&parts, is_part || units.first() == Some(&Unit::Star), is_part || units.last() == Some(&Unit::Star))
}
