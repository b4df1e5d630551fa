//! Record data as JSON, for the API and the dashboard: one object, a property per field.
//!
//! Numbers are numbers; names, addresses, times, hex and base64 are strings as in zone files; lists
//! are arrays. Text keeps its UTF-8, other octets and control characters are `\DDD` (RFC 1035 5.1), so
//! that the way back gives the same octets. Any type also takes `{"data": "HEX"}`, the form of unknown
//! types.

use serde_json::{Map, Value};

use super::codec::{Base64Decoder, HexDecoder};
use super::field::{Field, Presence};
use super::print;
use super::read::{self, Fields};
use super::wire::{self, MAX_RDATA_LEN};
use super::{apl, bitmap, codec, loc, svcb, table};
use crate::name::Name;
use crate::rtype::RType;
use crate::scan::{ScanError, ScanErrorKind, Scanner, Token};

/// The property that holds data in hex where nothing better is known.
const DATA: &str = "data";

/// What is wrong with a JSON value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: expected {expected}")]
pub struct JsonError {
    /// Where it is (RFC 6901), the object itself is "".
    pub pointer: String,
    /// What should be there.
    pub expected: String,
}

impl JsonError {
    pub(super) fn new(pointer: impl Into<String>, expected: impl Into<String>) -> JsonError {
        JsonError { pointer: pointer.into(), expected: expected.into() }
    }
}

impl From<ScanError> for JsonError {
    /// What the text of a single value should have been.
    fn from(error: ScanError) -> JsonError {
        let expected = match error.kind {
            ScanErrorKind::Expected(what) | ScanErrorKind::Missing(what) => what.into(),
            ScanErrorKind::OutOfRange(max) => format!("a number up to {max}"),
            ScanErrorKind::Name(error) => format!("text without this fault: {error}"),
            other => format!("text without this fault: {other}"),
        };
        JsonError { pointer: String::new(), expected }
    }
}

/// The JSON form of record data. Unknown types and data that is not valid become `{"data": "HEX"}`.
pub fn to_json(rtype: RType, rdata: &[u8]) -> Value {
    let mut object = Map::new();
    match table::by_type(rtype).filter(|_| wire::validate(rtype, rdata).is_ok()) {
        None => {
            object.insert(DATA.into(), text(|out| codec::write_hex(rdata, out)));
        }
        Some(def) => {
            let mut at = 0;
            for def in def.fields {
                let Ok(end) = wire::field_end(def.field, rdata, at) else { break };
                // A string that was left out is no empty string.
                if def.field != Field::OptCharString || end > at {
                    object.insert(def.name.into(), field_to_json(def.field, print::Value { rdata, at, end }));
                }
                at = end;
            }
        }
    }
    Value::Object(object)
}

fn field_to_json(field: Field, value: print::Value<'_>) -> Value {
    let octets = value.octets();
    match field {
        Field::U8 | Field::U16 | Field::U32 | Field::Ttl | Field::Named8(_) | Field::Named16(_) => {
            value.number().into()
        }
        Field::Low7 => (value.number() & 0x7f).into(),
        Field::TopBit => value.rdata.get(value.at).is_some_and(|octet| octet & 0x80 != 0).into(),
        Field::HipAlgorithm => octets.get(1).copied().unwrap_or_default().into(),
        Field::CharString | Field::OptCharString | Field::Tag => escaped(value.behind_length()).into(),
        Field::CharStrings => svcb::alpn_ids(octets).map(escaped).collect(),
        Field::TextRest => escaped(octets).into(),
        Field::Names(_) => names(octets),
        Field::Bitmap => bitmap::types(octets).map(|rtype| rtype.to_string()).collect(),
        Field::Apl => apl::prefixes(octets).map(|prefix| prefix.to_string()).collect(),
        Field::SvcParams => svcb::json::to_json(octets),
        Field::Opaque => text(|out| codec::write_hex(octets, out)),
        _ => text(|out| print::value(field, value, out)),
    }
}

/// What `write` writes, as a string.
pub(super) fn text(write: impl FnOnce(&mut String) -> std::fmt::Result) -> Value {
    let mut out = String::new();
    match write(&mut out) {
        Ok(()) => out.into(),
        Err(_) => Value::Null,
    }
}

fn names(mut octets: &[u8]) -> Value {
    let mut names = Vec::new();
    while let Ok((name, rest)) = Name::split_from_wire(octets) {
        names.push(name.to_string().into());
        octets = rest;
    }
    Value::Array(names)
}

/// Octets as JSON text: UTF-8 as it is, backslashes doubled, all else as `\DDD`.
pub(super) fn escaped(octets: &[u8]) -> String {
    let mut out = String::with_capacity(octets.len());
    for chunk in octets.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => out.push_str("\\\\"),
                _ if character.is_control() => character.to_string().bytes().for_each(|byte| escape(byte, &mut out)),
                _ => out.push(character),
            }
        }
        chunk.invalid().iter().for_each(|&byte| escape(byte, &mut out));
    }
    out
}

fn escape(byte: u8, out: &mut String) {
    out.push('\\');
    for digit in [byte / 100, byte / 10 % 10, byte % 10] {
        out.push((b'0' + digit) as char);
    }
}

/// The uncompressed wire form of what [`to_json`] gives. Names count as absolute. Numbers that have
/// mnemonics, and durations and times, may be strings too. Properties that the type does not have are errors.
pub fn from_json(rtype: RType, value: &Value) -> Result<Vec<u8>, JsonError> {
    let object = value.as_object().ok_or_else(|| JsonError::new("", "an object"))?;
    let mut out = Vec::new();
    let fields = table::by_type(rtype).map(|def| def.fields).filter(|_| !is_generic(object));
    if let Some(fields) = fields {
        if let Some(name) = object.keys().find(|name| !fields.iter().any(|def| def.name == *name)) {
            return Err(JsonError::new(pointer(name), format!("no such property in {rtype} data")));
        }
        for def in fields {
            let value = object.get(def.name).unwrap_or(&Value::Null);
            from_field(def.field, value, &mut out)
                .map_err(|error| JsonError { pointer: pointer(def.name) + &error.pointer, ..error })?;
        }
    } else {
        let hex = object.get(DATA).and_then(Value::as_str);
        hex.and_then(|hex| hex_octets(hex, &mut out))
            .ok_or_else(|| JsonError::new(pointer(DATA), "hexadecimal data"))?;
    }
    if out.len() > MAX_RDATA_LEN {
        return Err(JsonError::new("", wire::RdataError::TooLong.to_string()));
    }
    // What is left to check spans fields.
    wire::validate(rtype, &out).map_err(|error| JsonError::new("", format!("valid {rtype} data: {error}")))?;
    Ok(out)
}

fn is_generic(object: &Map<String, Value>) -> bool {
    object.len() == 1 && object.contains_key(DATA)
}

/// A JSON pointer to a property (RFC 6901 3).
pub(super) fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn from_field(field: Field, value: &Value, out: &mut Vec<u8>) -> Result<(), JsonError> {
    let expected = || JsonError::new("", field.expects());
    // The data begins with `out`: lookbacks start at 0.
    let single = |text: &str, out: &mut Vec<u8>| {
        let quoted = matches!(field, Field::CharString | Field::OptCharString | Field::Tag | Field::TextRest);
        let token = Token { raw: text.as_bytes(), quoted, offset: 0 };
        let field = if field == Field::OptCharString { Field::CharString } else { field };
        read::single(field, token, Name::root(), out, 0).map_err(JsonError::from)
    };
    match (field, value) {
        (_, Value::Null) if may_be_left_out(field) => Ok(()),
        (Field::TopBit, Value::Bool(bit)) => single(if *bit { "1" } else { "0" }, out),
        (Field::SvcParams, _) => svcb::json::from_json(value, out),
        (Field::CharStrings, Value::Array(items)) if items.is_empty() => Err(expected()),
        (Field::CharStrings | Field::Names(_) | Field::Apl, Value::Array(items)) => each(items, |text| {
            let quoted = field == Field::CharStrings;
            let token = Token { raw: text.as_bytes(), quoted, offset: 0 };
            let done = match field {
                Field::CharStrings => read::char_string(token, out),
                Field::Apl => apl::scan_prefix(token, out),
                _ => token.name(Name::root(), out),
            };
            done.map_err(JsonError::from)
        }),
        (Field::Bitmap, Value::Array(items)) => {
            let mut types = Vec::new();
            each(items, |text| {
                types.push(RType::from_text(text.as_bytes()).ok_or_else(|| JsonError::new("", "a record type"))?);
                Ok(())
            })?;
            bitmap::encode(types, out);
            Ok(())
        }
        (Field::Hex(_) | Field::Opaque, Value::String(text)) => hex_octets(text, out).ok_or_else(expected),
        (Field::Base64(_), Value::String(text)) => base64_octets(text, out).ok_or_else(expected),
        (Field::Loc, Value::String(text)) => location(text, out).ok_or_else(expected),
        (_, Value::Number(number)) if takes_numbers(field) => single(&number.to_string(), out),
        (_, Value::String(text)) if !is_list(field) && !takes_only_numbers(field) => single(text, out),
        _ => Err(expected()),
    }
}

fn may_be_left_out(field: Field) -> bool {
    matches!(field, Field::OptCharString | Field::SvcParams | Field::Names(_) | Field::Apl)
        || matches!(field, Field::Base64(presence) if presence != Presence::Required)
}

fn takes_numbers(field: Field) -> bool {
    takes_only_numbers(field) || matches!(field, Field::Named8(_) | Field::Named16(_) | Field::Ttl | Field::Timestamp)
}

fn takes_only_numbers(field: Field) -> bool {
    matches!(field, Field::U8 | Field::U16 | Field::U32 | Field::Low7 | Field::TopBit | Field::HipAlgorithm)
}

fn is_list(field: Field) -> bool {
    matches!(field, Field::CharStrings | Field::Names(_) | Field::Apl | Field::Bitmap)
}

/// Calls `take` with every item, all of which must be strings.
pub(super) fn each(items: &[Value], mut take: impl FnMut(&str) -> Result<(), JsonError>) -> Result<(), JsonError> {
    for (i, item) in items.iter().enumerate() {
        let at = |error: JsonError| JsonError { pointer: format!("/{i}{}", error.pointer), ..error };
        take(item.as_str().ok_or_else(|| at(JsonError::new("", "a string")))?).map_err(at)?;
    }
    Ok(())
}

/// Appends the octets that [`escaped`] text stands for.
pub(super) fn unescape(text: &str, out: &mut Vec<u8>) -> Result<(), JsonError> {
    let token = Token { raw: text.as_bytes(), quoted: true, offset: 0 };
    token.unescape(out).map_err(JsonError::from)
}

fn hex_octets(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let mut decoder = HexDecoder::default();
    decoder.push(text.as_bytes(), out)?;
    decoder.finish()
}

/// Appends the octets of base64 text.
pub(super) fn base64_octets(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let mut decoder = Base64Decoder::default();
    decoder.push(text.as_bytes(), out)?;
    decoder.finish()
}

fn location(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let mut scanner = Scanner::new(text.as_bytes());
    let mut fields = Fields::new(&mut scanner, Name::root()).ok()?;
    loc::scan(&mut fields, out).ok()?;
    fields.require_end().ok()?;
    scanner.at_end().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn errors_point_at_the_field() {
        let check = |rtype, value: Value, pointer: &str| {
            let error = from_json(rtype, &value).expect_err(pointer);
            assert_eq!(error.pointer, pointer, "{error}");
        };
        check(RType::A, json!([]), "");
        check(RType::A, json!({}), "/address");
        check(RType::A, json!({"address": "192.0.2.256"}), "/address");
        check(RType::A, json!({"address": 1}), "/address");
        check(RType::A, json!({"address": "192.0.2.1", "x/y": 1}), "/x~1y");
        check(RType::A, json!({"data": "00"}), "");
        check(RType::MX, json!({"preference": 65536, "exchange": "a."}), "/preference");
        check(RType::MX, json!({"preference": 1.5, "exchange": "a."}), "/preference");
        check(RType::MX, json!({"preference": -1, "exchange": "a."}), "/preference");
        check(RType::MX, json!({"preference": 1, "exchange": "a..b"}), "/exchange");
        check(RType::TXT, json!({"text": ["a", 1]}), "/text/1");
        check(RType::TXT, json!({"text": []}), "/text");
        check(RType::TXT, json!({"text": ["\\256"]}), "/text/0");
        check(RType::NSEC, json!({"next": ".", "types": ["A", "NO"]}), "/types/1");
        check(RType::HTTPS, json!({"priority": 1, "target": ".", "params": {"port": "x"}}), "/params/port");
        check(RType::HTTPS, json!({"priority": 1, "target": ".", "params": {"alpn": ["h2", ""]}}), "/params/alpn/1");
        check(RType::HTTPS, json!({"priority": 1, "target": ".", "params": {"nope": 1}}), "/params/nope");
        check(RType::LOC, json!({"location": "1 N 1 E 0m\n1"}), "/location");
        check(RType(65280), json!({"data": "0"}), "/data");
        check(RType(65280), json!({}), "/data");
    }

    #[test]
    fn liberal_input() {
        let check = |rtype, value: Value, want: &[u8]| {
            assert_eq!(from_json(rtype, &value).as_deref(), Ok(want), "{value}");
        };
        check(RType::A, json!({"data": "c0000201"}), &[192, 0, 2, 1]);
        check(RType::NS, json!({"host": "a"}), b"\x01a\0");
        check(
            RType::DS,
            json!({"key_tag": 1, "algorithm": "RSASHA256", "digest_type": 2, "digest": "AB"}),
            &[0, 1, 8, 2, 0xab],
        );
        check(RType::HTTPS, json!({"priority": 0, "target": "a"}), b"\0\0\x01a\0");
        check(RType::TXT, json!({"text": ["a\"b;\u{e9}\\000"]}), b"\x07a\"b;\xc3\xa9\0");
    }
}
