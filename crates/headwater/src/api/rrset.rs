//! RRsets and records as JSON. Data is one object per record, its properties those of the table of
//! record types, or one line of zone-file text.

use crate::new_zone::DEFAULT_TTL_S;
use dns::rdata::{json, text};
use dns::scan::Scanner;
use dns::{Name, NameBuf, RType};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use zone::Records;
use zone::node::{MAX_RRSET_BYTES, Rrset};

use super::names;
use super::problem::FieldError;

/// Largest TTL (RFC 2181 8).
const MAX_TTL_S: u32 = (1 << 31) - 1;

/// The records of one owner and type.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({"name": "www.example.org.", "type": "A", "ttl": 3600, "records": [{"address": "192.0.2.1"}]}))]
pub struct RrsetOut {
    /// The owner, absolute.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub rtype: String,
    /// Time to live in seconds.
    pub ttl: u32,
    /// The data of each record: an object as `GET /types` describes it.
    #[schema(value_type = Vec<Object>)]
    pub records: Vec<Value>,
}

impl RrsetOut {
    /// An RRset of a zone.
    pub fn new(owner: &Name, rrset: &Rrset<'_>) -> RrsetOut {
        RrsetOut {
            name: owner.to_string(),
            rtype: rrset.rtype.to_string(),
            ttl: rrset.ttl,
            records: rrset.data().map(|data| json::to_json(rrset.rtype, data)).collect(),
        }
    }
}

/// An RRset as a client gives it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "www", "type": "A", "ttl": 300, "records": [{"address": "192.0.2.1"}]}))]
pub struct RrsetIn {
    /// The owner: absolute with a final dot, else relative to the zone; `@` is the apex.
    pub name: String,
    /// The type: a mnemonic or `TYPEn`.
    #[serde(rename = "type")]
    pub rtype: String,
    /// Time to live in seconds.
    #[serde(default)]
    pub ttl: Option<u32>,
    /// The data of each record: an object as `GET /types` describes it, or a line of zone-file text.
    #[schema(value_type = Vec<Value>)]
    pub records: Vec<Value>,
}

impl RrsetIn {
    /// Reads it.
    ///
    /// # Errors
    /// Everything that is wrong, with pointers.
    pub fn read(&self, zone: &Name) -> Result<(NameBuf, RType, Records), Vec<FieldError>> {
        let owner = names::owner(&self.name, zone).map_err(|why| vec![FieldError::at("/name", why)])?;
        let rtype = names::rtype(&self.rtype).map_err(|why| vec![FieldError::at("/type", why)])?;
        let ttl = ttl(self.ttl)?.unwrap_or(DEFAULT_TTL_S);
        Ok((owner, rtype, Records { ttl, data: data(rtype, &self.records, zone)?, signatures: Vec::new() }))
    }
}

/// Checks a TTL.
///
/// # Errors
/// It is too large.
pub fn ttl(ttl: Option<u32>) -> Result<Option<u32>, Vec<FieldError>> {
    match ttl {
        Some(large) if large > MAX_TTL_S => {
            Err(vec![FieldError::at("/ttl", format!("a number of seconds up to {MAX_TTL_S} (RFC 2181 8)"))])
        }
        ttl => Ok(ttl),
    }
}

/// Reads the property `records`.
///
/// # Errors
/// Everything that is wrong with the records, with pointers.
pub fn data(rtype: RType, records: &[Value], zone: &Name) -> Result<Vec<Vec<u8>>, Vec<FieldError>> {
    data_at("/records", rtype, records, zone)
}

/// Reads a list of records that stands at `pointer`.
///
/// # Errors
/// Everything that is wrong with them, with pointers.
pub fn data_at(pointer: &str, rtype: RType, records: &[Value], zone: &Name) -> Result<Vec<Vec<u8>>, Vec<FieldError>> {
    if records.is_empty() {
        return Err(vec![FieldError::at(pointer, "at least one record; DELETE removes an RRset")]);
    }
    let (mut all, mut errors, mut octets) = (Vec::with_capacity(records.len()), Vec::new(), 0);
    for (i, value) in records.iter().enumerate() {
        match record(rtype, value, zone) {
            Ok(data) => {
                octets += data.len() + 2;
                all.push(data);
            }
            Err(error) => errors.push(error.below(&format!("{pointer}/{i}"))),
        }
    }
    if octets > MAX_RRSET_BYTES {
        errors.push(FieldError::at(pointer, "more data than a message can carry"));
    }
    if errors.is_empty() { Ok(all) } else { Err(errors) }
}

fn record(rtype: RType, value: &Value, zone: &Name) -> Result<Vec<u8>, FieldError> {
    let Value::String(line) = value else {
        return json::from_json(rtype, value)
            .map_err(|error| FieldError::at(error.pointer, format!("expected {}", error.expected)));
    };
    let mut scanner = Scanner::new(line.as_bytes());
    let mut data = Vec::new();
    let fault = |offset: usize, what: String| {
        let column = u32::try_from(offset + 1).ok();
        FieldError { pointer: Some(String::new()), column, detail: what, ..FieldError::default() }
    };
    text::scan(rtype, &mut scanner, zone, &mut data).map_err(|error| fault(error.offset, error.to_string()))?;
    scanner.next_entry();
    if scanner.at_end() { Ok(data) } else { Err(fault(scanner.offset(), "one record, not more".into())) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_and_lines() {
        let zone: NameBuf = "example.org".parse().expect("name");
        let check = |rtype: RType, value: Value, want: &[u8]| {
            assert_eq!(data(rtype, std::slice::from_ref(&value), &zone), Ok(vec![want.to_vec()]), "{value}");
        };
        check(RType::A, json!({"address": "192.0.2.1"}), &[192, 0, 2, 1]);
        check(RType::A, json!("192.0.2.1"), &[192, 0, 2, 1]);
        check(RType::MX, json!("10 mx"), b"\0\x0a\x02mx\x07example\x03org\0");
        check(RType::TXT, json!("\"a b\" c"), b"\x03a b\x01c");
    }

    #[test]
    fn faults_have_pointers() {
        let zone: NameBuf = "example.org".parse().expect("name");
        let check = |rtype: RType, records: Value, want: &str| {
            let records = records.as_array().expect("array").clone();
            let errors = data(rtype, &records, &zone).expect_err(want);
            assert_eq!(errors[0].pointer.as_deref(), Some(want), "{errors:?}");
        };
        check(RType::A, json!([]), "/records");
        check(RType::A, json!([{"address": "192.0.2.1"}, {"address": "x"}]), "/records/1/address");
        check(RType::A, json!([{"adress": "192.0.2.1"}]), "/records/0/adress");
        check(RType::A, json!(["192.0.2.1 2"]), "/records/0");
        check(RType::A, json!(["192.0.2.1\nb 1 IN A 192.0.2.2"]), "/records/0");
        check(RType::A, json!([7]), "/records/0");
        check(RType::TXT, json!([{"text": ["x".repeat(256)]}]), "/records/0/text/0");
    }
}
