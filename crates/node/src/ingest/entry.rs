//! A message in the format of Stream-DNS as what an RRset shall be: key `NAME|TYPE`, value a JSON array of records. Pure.
//!
//! A record is an object with `name`, `type`, `content`, `ttl` and `priority`, in any case; `rdata`, `value` and `data` mean
//! `content`, numbers may be texts, what else stands there is ignored. No value, `null` and an empty array remove the RRset.

use dns::rdata::rules::{self, Fault};
use dns::rdata::text;
use dns::{Name, NameBuf, RType};
use serde_json::{Map, Value};
use zone::node::MAX_NODE_BYTES;
use zone::{Edit, Records};

/// Largest TTL (RFC 2181 8), in seconds.
const MAX_TTL_S: u32 = (1 << 31) - 1;
/// Longest value, in octets: several times the largest RRset as text.
const MAX_VALUE_BYTES: usize = 4 * MAX_NODE_BYTES;
/// Names of the key with the data of a record.
const CONTENT: [&str; 4] = ["content", "rdata", "value", "data"];

/// What the message with this key and value wants; records without a TTL get `default_ttl_s`.
///
/// # Errors
/// Why it is none that can be understood.
pub fn read(key: Option<&[u8]>, value: Option<&[u8]>, default_ttl_s: u32) -> Result<Edit, String> {
    let (owner, rtype) = read_key(key)?;
    let Some(value) = value else { return Ok(Edit { owner, rtype, records: None }) };
    if value.len() > MAX_VALUE_BYTES {
        return Err(format!("the value has {} octets, at most {MAX_VALUE_BYTES}", value.len()));
    }
    let value: Value = serde_json::from_slice(value).map_err(|error| format!("the value is no JSON: {error}"))?;
    let entries = match value {
        Value::Null => Vec::new(),
        Value::Array(entries) => entries,
        single @ Value::Object(_) => vec![single],
        _ => return Err("the value is no array of records".to_owned()),
    };
    let mut records = Records { ttl: u32::MAX, data: Vec::with_capacity(entries.len()), signatures: Vec::new() };
    let mut octets = 0;
    for (at, entry) in entries.iter().enumerate() {
        let (ttl, data) =
            read_record(entry, &owner, rtype, default_ttl_s).map_err(|why| format!("record {}: {why}", at + 1))?;
        // RFC 2181 5.2: one TTL for all of them.
        records.ttl = records.ttl.min(ttl);
        octets += data.len() + 2;
        if octets > MAX_NODE_BYTES {
            return Err(format!("the records have more than {MAX_NODE_BYTES} octets"));
        }
        records.data.push(data);
    }
    records.data.sort_unstable();
    records.data.dedup();
    let records = (!records.data.is_empty()).then_some(records);
    Ok(Edit { owner, rtype, records })
}

fn read_key(key: Option<&[u8]>) -> Result<(NameBuf, RType), String> {
    let key = key.ok_or("the message has no key: it is NAME|TYPE")?;
    let key = std::str::from_utf8(key).map_err(|_| "the key is no text")?;
    let (name, rtype) = key.rsplit_once('|').ok_or_else(|| format!("the key {key:?} is not NAME|TYPE"))?;
    let owner = dns::idn::name(name, Name::root()).map_err(|error| format!("{name:?} is no domain name: {error}"))?;
    let rtype = read_type(rtype)?;
    match rtype {
        RType::RRSIG => Err("signatures are made by the server".to_owned()),
        _ if rtype.is_meta() || rtype.0 == 0 => Err(format!("no zone can hold {rtype} records")),
        _ => Ok((owner, rtype)),
    }
}

fn read_type(text: &str) -> Result<RType, String> {
    RType::from_text(text.trim().as_bytes()).ok_or_else(|| format!("{text:?} is no record type"))
}

/// The TTL and the data of a record.
fn read_record(entry: &Value, owner: &Name, rtype: RType, default_ttl_s: u32) -> Result<(u32, Vec<u8>), String> {
    let Value::Object(entry) = entry else { return Err("no object".to_owned()) };
    if let Some(name) = text_of(entry, &["name"])? {
        let name = dns::idn::name(&name, Name::root()).map_err(|error| format!("name: {error}"))?;
        if *name != *owner {
            return Err(format!("its name is {name}, that of the key {owner}"));
        }
    }
    if let Some(own) = text_of(entry, &["type"])? {
        let own = read_type(&own)?;
        if own != rtype {
            return Err(format!("its type is {own}, that of the key {rtype}"));
        }
    }
    if let Some(class) = text_of(entry, &["class"])?
        && !class.eq_ignore_ascii_case("IN")
    {
        return Err(format!("class {class:?} is not IN"));
    }
    let ttl = number_of(entry, "ttl", MAX_TTL_S)?.unwrap_or(default_ttl_s);
    let content = text_of(entry, &CONTENT)?.ok_or("there is no `content`")?;
    let data = read_content(rtype, &content, number_of(entry, "priority", u16::MAX.into())?)?;
    match rules::check(owner, rtype, &data).err().and_then(Fault::refuses) {
        Some(fault) => Err(fault.to_string()),
        None => Ok((ttl, data)),
    }
}

/// The data in a line of a zone file, before which a priority may be missing that stands by itself.
fn read_content(rtype: RType, content: &str, priority: Option<u32>) -> Result<Vec<u8>, String> {
    let scan = |line: &str| {
        let mut data = Vec::new();
        text::scan_single(rtype, line, Name::root(), &mut data).map(|()| data)
    };
    let with_priority = |priority: u32| scan(&format!("{priority} {content}"));
    let as_it_is = || scan(content);
    let read = match priority.filter(|_| has_priority(rtype)) {
        None => as_it_is(),
        // Whoever has no other place for it writes 0 for all that have none.
        Some(0) => as_it_is().or_else(|error| with_priority(0).map_err(|_| error)),
        Some(priority) => with_priority(priority).or_else(|error| as_it_is().map_err(|_| error)),
    };
    read.map_err(|error| format!("{content:?} is no {rtype} data: {error}"))
}

/// Whether data of this type begins with a preference or priority.
fn has_priority(rtype: RType) -> bool {
    matches!(
        rtype,
        RType::MX
            | RType::SRV
            | RType::KX
            | RType::AFSDB
            | RType::RT
            | RType::PX
            | RType::NAPTR
            | RType::SVCB
            | RType::HTTPS
    )
}

/// The value of the first of these keys, whatever their case.
fn find<'e>(entry: &'e Map<String, Value>, keys: &[&str]) -> Option<&'e Value> {
    let of = |key: &&str| entry.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value);
    keys.iter().find_map(of).filter(|value| !value.is_null())
}

fn text_of(entry: &Map<String, Value>, keys: &[&str]) -> Result<Option<String>, String> {
    match find(entry, keys) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(format!("`{}` is {other}, not a text", keys.first().copied().unwrap_or_default())),
    }
}

fn number_of(entry: &Map<String, Value>, key: &str, max: u32) -> Result<Option<u32>, String> {
    let Some(value) = find(entry, &[key]) else { return Ok(None) };
    let number = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let number = number.and_then(|number| u32::try_from(number).ok()).filter(|number| *number <= max);
    number.map(Some).ok_or_else(|| format!("`{key}` is {value}, not a number from 0 to {max}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(edit: &Edit) -> String {
        let data = |records: &Records| {
            let json = |data: &Vec<u8>| dns::rdata::json::to_json(edit.rtype, data).to_string();
            format!("{} {}", records.ttl, records.data.iter().map(json).collect::<Vec<_>>().join(" "))
        };
        format!("{} {} {}", edit.owner, edit.rtype, edit.records.as_ref().map_or("-".to_owned(), data))
    }

    fn check(key: &str, value: &str, want: &str) {
        let got = read(Some(key.as_bytes()), Some(value.as_bytes()), 77);
        assert_eq!(got.as_ref().map(line), Ok(want.to_owned()), "{key} {value}");
    }

    #[test]
    fn records_as_the_original_writes_them() {
        check(
            "example.internal.|A",
            r#"[{"Name":"example.internal.","Type":"A","Content":"93.184.216.34","Ttl":5570,"Priority":0}]"#,
            r#"example.internal. A 5570 {"address":"93.184.216.34"}"#,
        );
        check(
            "*.wiki.internal.|AAAA",
            r#"[{"Name":"*.wiki.internal.","Type":"AAAA","Content":"2001:db8::1","Ttl":3600,"Metadatas":{"CreatedAt":1,"Producer":"x"}}]"#,
            r#"*.wiki.internal. AAAA 3600 {"address":"2001:db8::1"}"#,
        );
        let mx = r#"example.internal. MX 60 {"preference":10,"exchange":"mx.example.internal."}"#;
        check("example.internal.|MX", r#"[{"Content":"mx.example.internal.","Ttl":60,"Priority":10}]"#, mx);
        check("example.internal.|MX", r#"[{"Content":"10 mx.example.internal.","Ttl":60,"Priority":0}]"#, mx);
        check("example.internal.|MX", r#"[{"Content":"10 mx.example.internal.","Ttl":60,"Priority":10}]"#, mx);
        // A single object is an array of one.
        check("a.|A", r#"{"Content":"192.0.2.1"}"#, r#"a. A 77 {"address":"192.0.2.1"}"#);
    }

    #[test]
    fn spellings() {
        let a = r#"www.example.org. A 300 {"address":"192.0.2.1"}"#;
        for value in [
            r#"[{"name":"www.example.org.","ttl":300,"type":"A","content":"192.0.2.1"}]"#,
            r#"[{"name":"WWW.example.org","ttl":"300","type":"a","rdata":"192.0.2.1","class":"IN"}]"#,
            r#"[{"ttl":300,"value":"192.0.2.1"},{"TTL":301,"DATA":"192.0.2.1"}]"#,
        ] {
            check("www.example.org.|A", value, a);
            check("www.example.org|a", value, a);
        }
        check("t.|TXT", r#"[{"content":"v=spf1 -all"}]"#, r#"t. TXT 77 {"text":["v=spf1 -all"]}"#);
        check("c.|CNAME", r#"[{"content":"www.example.org"}]"#, r#"c. CNAME 77 {"target":"www.example.org."}"#);
    }

    #[test]
    fn what_removes() {
        check("a.|A", "null", "a. A -");
        check("a.|A", "[]", "a. A -");
        let tombstone = read(Some(b"a.|A"), None, 1).expect("an edit");
        assert_eq!(line(&tombstone), "a. A -");
    }

    #[test]
    fn what_is_refused_says_why() {
        let check = |key: &str, value: &str, want: &str| {
            let got = read(Some(key.as_bytes()), Some(value.as_bytes()), 1).expect_err(key);
            assert!(got.contains(want), "{key} {value}: {got}");
        };
        assert!(read(None, None, 1).expect_err("no key").contains("NAME|TYPE"));
        check("a.", "[]", "not NAME|TYPE");
        check("a..b|A", "[]", "no domain name");
        check("a.|NOPE", "[]", "no record type");
        check("a.|ANY", "[]", "no zone can hold");
        check("a.|RRSIG", "[]", "made by the server");
        check("a.|A", "", "no JSON");
        check("a.|A", "[{", "no JSON");
        check("a.|A", "7", "no array");
        check("a.|A", "[7]", "record 1: no object");
        check("a.|A", r#"[{"content":"192.0.2.1"},{"content":"x"}]"#, "record 2: \"x\" is no A data");
        check("a.|A", r#"[{"ttl":1}]"#, "no `content`");
        check("a.|A", r#"[{"content":5}]"#, "not a text");
        check("a.|A", r#"[{"content":"192.0.2.1","ttl":-1}]"#, "`ttl` is -1");
        check("a.|A", r#"[{"content":"192.0.2.1","ttl":4294967295}]"#, "`ttl`");
        check("a.|A", r#"[{"content":"192.0.2.1","name":"b."}]"#, "its name is b.");
        check("a.|A", r#"[{"content":"192.0.2.1","type":"TXT"}]"#, "its type is TXT");
        check("a.|A", r#"[{"content":"192.0.2.1","class":"CH"}]"#, "not IN");
        check("a.|DS", r#"[{"content":"1 8 2 00"}]"#, "record 1");
    }
}
