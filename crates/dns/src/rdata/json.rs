//! Record data as JSON, for the API and the dashboard: one object, a property per field.
//!
//! Numbers are numbers; names, addresses, times, hex and base64 are strings as in zone files; lists
//! are arrays. Text is itself, without the escapes of zone files, and is cut into `<character-string>`s here where it
//! is longer than one. Any type also takes `{"data": "HEX"}`, the form of unknown types; data whose text is no UTF-8
//! has that form too, so that the way back gives the same octets. Names may be written with U-labels
//! ([`crate::idn`]).

use serde_json::{Map, Value};

use super::codec::{Base64Decoder, HexDecoder};
use super::field::{BitNames, Field, FieldDef, Presence};
use super::print;
use super::read::{self, Fields};
use super::wire::{self, MAX_RDATA_LEN};
use super::{a6, apl, bitmap, bits, codec, loc, svcb, table};
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

/// The JSON form of record data. Unknown types, data that is not valid or of unknown form, and text that is no UTF-8
/// become `{"data": "HEX"}`.
pub fn to_json(rtype: RType, rdata: &[u8]) -> Value {
    let def = table::by_type(rtype).filter(|_| wire::has_known_form(rtype, rdata).is_ok());
    let object = def.and_then(|def| fields_to_json(def.fields, rdata)).unwrap_or_else(|| {
        let hex = text(|out| codec::write_hex(rdata, out));
        Map::from_iter([(DATA.to_owned(), hex)])
    });
    Value::Object(object)
}

/// A property for each field; `None` if one has no form of its own.
fn fields_to_json(fields: &[FieldDef], rdata: &[u8]) -> Option<Map<String, Value>> {
    let mut object = Map::new();
    let mut at = 0;
    for def in fields {
        let end = wire::field_end(def.field, rdata, at).ok()?;
        // What was left out is not the same as what is empty.
        if end > at || !is_absent_when_empty(def.field) {
            object.insert(def.name.into(), field_to_json(def.field, print::Value { rdata, at, end })?);
        }
        at = end;
    }
    Some(object)
}

fn is_absent_when_empty(field: Field) -> bool {
    matches!(field, Field::OptCharString | Field::A6Suffix | Field::A6Prefix)
}

/// Octets as text; `None` if they are no UTF-8.
pub(super) fn plain(octets: &[u8]) -> Option<Value> {
    std::str::from_utf8(octets).ok().map(Value::from)
}

fn field_to_json(field: Field, value: print::Value<'_>) -> Option<Value> {
    let octets = value.octets();
    let value = match field {
        Field::U8 | Field::U16 | Field::U32 | Field::Ttl | Field::Named8(_) | Field::Named16(_) => {
            value.number().into()
        }
        Field::Low7 => (value.number() & 0x7f).into(),
        Field::TopBit => value.rdata.get(value.at).is_some_and(|octet| octet & 0x80 != 0).into(),
        Field::HipAlgorithm => octets.get(1).copied().unwrap_or_default().into(),
        Field::CharString | Field::OptCharString | Field::Tag => plain(value.behind_length())?,
        Field::CharStrings => svcb::alpn_ids(octets).map(plain).collect::<Option<_>>()?,
        Field::TextRest => plain(octets)?,
        Field::Names(_) => names(octets),
        Field::Bitmap => bitmap::types(octets).map(|rtype| rtype.to_string()).collect(),
        Field::Apl => apl::prefixes(octets).map(|prefix| prefix.to_string()).collect(),
        Field::SvcParams => svcb::json::to_json(octets)?,
        Field::Bits(BitNames::Ports) => bits::numbers(octets).map(Value::from).collect(),
        Field::Bits(BitNames::Types) => bits::numbers(octets).map(|number| RType(number).to_string()).collect(),
        Field::Base64(Presence::Optional) => text(|out| codec::write_base64(octets, out)),
        Field::Opaque => text(|out| codec::write_hex(octets, out)),
        _ => text(|out| print::value(field, value, out)),
    };
    Some(value)
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
    let checked = if fields.is_some() { wire::has_known_form(rtype, &out) } else { wire::validate(rtype, &out) };
    checked.map_err(|error| JsonError::new("", format!("valid {rtype} data: {error}")))?;
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
        let token = Token { idn: true, ..Token::plain(text.as_bytes()) };
        read::single(field, token, Name::root(), out, 0).map_err(JsonError::from)
    };
    match (field, value) {
        (_, Value::Null) if may_be_left_out(field) => Ok(()),
        (Field::A6Suffix, Value::Null) if !a6::has_suffix(out) => Ok(()),
        (Field::A6Prefix, Value::Null) if !a6::has_prefix(out) => Ok(()),
        (Field::A6Suffix, Value::String(_)) if !a6::has_suffix(out) => Err(expected()),
        (Field::A6Prefix, Value::String(_)) if !a6::has_prefix(out) => Err(expected()),
        (Field::TopBit, Value::Bool(bit)) => single(if *bit { "1" } else { "0" }, out),
        (Field::SvcParams, _) => svcb::json::from_json(value, out),
        (Field::CharString | Field::OptCharString, Value::String(text)) => one_string(text, out).ok_or_else(expected),
        (Field::Tag, Value::String(text)) if !wire::is_tag(text.as_bytes()) => Err(expected()),
        (Field::Tag, Value::String(text)) => one_string(text, out).ok_or_else(expected),
        (Field::TextRest, Value::String(text)) => {
            out.extend_from_slice(text.as_bytes());
            Ok(())
        }
        (Field::CharStrings, Value::Array(items)) if items.is_empty() => Err(expected()),
        (Field::CharStrings, Value::Array(items)) => each(items, |text| {
            read::push_text(text.as_bytes(), out);
            Ok(())
        }),
        (Field::Names(_) | Field::Apl, Value::Array(items)) => each(items, |text| {
            let token = Token { idn: true, ..Token::plain(text.as_bytes()) };
            let done = match field {
                Field::Apl => apl::scan_prefix(token, out),
                _ => token.name(Name::root(), out),
            };
            done.map_err(JsonError::from)
        }),
        (Field::Bits(names), Value::Array(items)) => bitmap_of(names, items, out),
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

/// Appends text as one <character-string>; `None` if it is too long for that.
fn one_string(text: &str, out: &mut Vec<u8>) -> Option<()> {
    out.push(u8::try_from(text.len()).ok()?);
    out.extend_from_slice(text.as_bytes());
    Some(())
}

/// Appends the bitmap of numbers, services or types.
fn bitmap_of(names: BitNames, items: &[Value], out: &mut Vec<u8>) -> Result<(), JsonError> {
    let start = out.len();
    for (i, item) in items.iter().enumerate() {
        let text = match item {
            Value::Number(number) if names == BitNames::Ports => number.to_string(),
            Value::String(text) => text.clone(),
            _ => return Err(JsonError::new(format!("/{i}"), Field::Bits(names).expects())),
        };
        let set = bits::set(names, Token::plain(text.as_bytes()), out, start).map_err(JsonError::from);
        set.map_err(|error| JsonError { pointer: format!("/{i}"), ..error })?;
    }
    Ok(())
}

fn may_be_left_out(field: Field) -> bool {
    match field {
        Field::OptCharString | Field::SvcParams | Field::Names(_) | Field::Apl | Field::Bits(_) => true,
        Field::Base64(presence) => !matches!(presence, Presence::Required | Presence::OrDeletion),
        _ => false,
    }
}

fn takes_numbers(field: Field) -> bool {
    takes_only_numbers(field) || matches!(field, Field::Named8(_) | Field::Named16(_) | Field::Ttl | Field::Timestamp)
}

fn takes_only_numbers(field: Field) -> bool {
    matches!(field, Field::U8 | Field::U16 | Field::U32 | Field::Low7 | Field::TopBit | Field::HipAlgorithm)
}

fn is_list(field: Field) -> bool {
    matches!(field, Field::CharStrings | Field::Names(_) | Field::Apl | Field::Bitmap | Field::Bits(_))
}

/// Calls `take` with every item, all of which must be strings.
pub(super) fn each(items: &[Value], mut take: impl FnMut(&str) -> Result<(), JsonError>) -> Result<(), JsonError> {
    for (i, item) in items.iter().enumerate() {
        let at = |error: JsonError| JsonError { pointer: format!("/{i}{}", error.pointer), ..error };
        take(item.as_str().ok_or_else(|| at(JsonError::new("", "a string")))?).map_err(at)?;
    }
    Ok(())
}

fn hex_octets(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let mut decoder = HexDecoder::default();
    text.split_ascii_whitespace().try_for_each(|part| decoder.push(part.as_bytes(), out))?;
    decoder.finish()
}

/// Appends the octets of base64 text.
pub(super) fn base64_octets(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let mut decoder = Base64Decoder::default();
    text.split_ascii_whitespace().try_for_each(|part| decoder.push(part.as_bytes(), out))?;
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
        check(RType::HINFO, json!({"cpu": "x".repeat(256), "os": ""}), "/cpu");
        check(RType::WKS, json!({"address": "192.0.2.1", "protocol": 6, "services": [25, 65536]}), "/services/1");
        check(RType::A6, json!({"prefix_length": 64}), "/suffix");
        check(RType::CAA, json!({"flags": 0, "tag": "a-b", "value": ""}), "/tag");
        check(RType::NS, json!({"host": "\u{378}.test"}), "/host");
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
        check(RType::NS, json!({"host": "b\u{fc}cher.test"}), b"\x0dxn--bcher-kva\x04test\0");
        check(RType::DHCID, json!({"identifier": "AAIB Y2/A"}), &[0, 2, 1, 0x63, 0x6f, 0xc0]);
        check(
            RType::WKS,
            json!({"address": "192.0.2.1", "protocol": "tcp", "services": [7, "SMTP"]}),
            b"\xc0\0\x02\x01\x06\x01\0\0\x40",
        );
    }

    /// JSON has escapes of its own: those of zone files mean nothing in it.
    #[test]
    fn text_is_itself() {
        let check = |rtype, value: Value, want: &[u8]| {
            assert_eq!(from_json(rtype, &value).as_deref(), Ok(want), "{value}");
            assert_eq!(to_json(rtype, want), value);
        };
        check(RType::TXT, json!({"text": ["a\\b"]}), b"\x03a\\b");
        check(RType::TXT, json!({"text": ["a\"b;\u{e9}\\000", ""]}), b"\x0aa\"b;\xc3\xa9\\000\0");
        check(RType::TXT, json!({"text": ["\u{0}\n"]}), b"\x02\0\n");
        check(RType::HINFO, json!({"cpu": "\\;", "os": ""}), b"\x02\\;\0");
        check(RType::CAA, json!({"flags": 0, "tag": "issue", "value": "a; b=\\1"}), b"\0\x05issuea; b=\\1");
        check(RType::URI, json!({"priority": 1, "weight": 1, "target": "x:\\"}), b"\0\x01\0\x01x:\\");
        check(
            RType::SVCB,
            json!({"priority": 1, "target": ".", "params": {"alpn": ["a\\,"], "key667": "\\000"}}),
            b"\0\x01\0\0\x01\0\x04\x03a\\,\x02\x9b\0\x04\\000",
        );
        check(RType::TXT, json!({"data": "02C328"}), b"\x02\xc3\x28");
        check(RType::SVCB, json!({"data": "000100029B0001FF"}), b"\0\x01\0\x02\x9b\0\x01\xff");
    }

    /// Text of more than 255 octets becomes several <character-string>s.
    #[test]
    fn long_text_is_cut_here() {
        let rdata = from_json(RType::TXT, &json!({"text": ["x".repeat(600), "y"]})).expect("text");
        let strings: Vec<usize> = svcb::alpn_ids(&rdata).map(<[u8]>::len).collect();
        assert_eq!(strings, [255, 255, 90, 1]);
        let too_long = json!({"text": ["x".repeat(70_000)]});
        assert_eq!(from_json(RType::TXT, &too_long).map_err(|error| error.pointer), Err(String::new()));
    }
}
