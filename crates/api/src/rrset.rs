//! RRsets and records as JSON. Data is one object per record, its properties those of the table of
//! record types, or one line of zone-file text. What comes keeps the rules of its type.

use dns::rdata::rules::{self, Fault};
use dns::rdata::{json, text, wire};
use dns::{Name, NameBuf, RType};
use node::new_zone::DEFAULT_TTL_S;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use zone::Records;
use zone::check::{Finding, Rule};
use zone::node::{MAX_NODE_BYTES, Rrset};

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
    /// The owner with U-labels, if it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unicode: Option<String>,
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
            unicode: dns::idn::to_u_labels(owner),
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
    pub fn read(&self, zone: &Name) -> Result<(NameBuf, RType, Records, Vec<Finding>), Vec<FieldError>> {
        let owner = names::owner(&self.name, zone).map_err(|why| vec![FieldError::at("/name", why)])?;
        let rtype = names::rtype(&self.rtype).map_err(|why| vec![FieldError::at("/type", why)])?;
        let ttl = ttl(self.ttl)?.unwrap_or(DEFAULT_TTL_S);
        let Given { data, notes } = Place { owner: &owner, rtype, zone }.data("/records", &self.records)?;
        Ok((owner, rtype, Records { ttl, data, signatures: Vec::new() }, notes))
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

/// Where records shall be.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Their owner.
    pub owner: &'a Name,
    /// Their type.
    pub rtype: RType,
    /// The zone, to which names in lines are relative.
    pub zone: &'a Name,
}

/// Records as a client gave them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// The data of each.
    pub data: Vec<Vec<u8>>,
    /// What the client should look at.
    pub notes: Vec<Finding>,
}

impl Place<'_> {
    /// Reads the list of records that come, which stands at `pointer`.
    ///
    /// # Errors
    /// Everything that is wrong with them, with pointers.
    pub fn data(self, pointer: &str, records: &[Value]) -> Result<Given, Vec<FieldError>> {
        let given = self.list(pointer, records)?;
        let broken = |data: &Vec<u8>| rules::check(self.owner, self.rtype, data).err().and_then(Fault::refuses);
        let faults = given.data.iter().enumerate().filter_map(|(i, data)| Some((i, broken(data)?)));
        let errors: Vec<_> =
            faults.map(|(i, fault)| FieldError::at(format!("{pointer}/{i}"), fault.to_string())).collect();
        if errors.is_empty() { Ok(given) } else { Err(errors) }
    }

    /// Reads the list of records that go, which stands at `pointer`: those that break a rule may go too.
    ///
    /// # Errors
    /// Everything that is wrong with them, with pointers.
    pub fn to_remove(self, pointer: &str, records: &[Value]) -> Result<Vec<Vec<u8>>, Vec<FieldError>> {
        self.list(pointer, records).map(|given| given.data)
    }

    fn list(self, pointer: &str, records: &[Value]) -> Result<Given, Vec<FieldError>> {
        if records.is_empty() {
            return Err(vec![FieldError::at(pointer, "at least one record; DELETE removes an RRset")]);
        }
        let (mut given, mut errors, mut octets) = (Given::default(), Vec::new(), 0);
        for (i, value) in records.iter().enumerate() {
            match self.record(value, &mut given.notes) {
                Ok(data) => {
                    octets += data.len() + 2;
                    given.data.push(data);
                }
                Err(error) => errors.push(error.below(&format!("{pointer}/{i}"))),
            }
        }
        if octets > MAX_NODE_BYTES {
            errors.push(FieldError::at(pointer, format!("more than {MAX_NODE_BYTES} octets")));
        }
        if errors.is_empty() { Ok(given) } else { Err(errors) }
    }

    fn record(self, value: &Value, notes: &mut Vec<Finding>) -> Result<Vec<u8>, FieldError> {
        let Value::String(line) = value else {
            return json::from_json(self.rtype, value)
                .map_err(|error| FieldError::at(error.pointer, format!("expected {}", error.expected)));
        };
        let mut data = Vec::new();
        text::scan_single(self.rtype, line, self.zone, &mut data).map_err(|error| {
            let column = u32::try_from(error.offset + 1).ok();
            FieldError { pointer: Some(String::new()), column, detail: error.to_string(), ..FieldError::default() }
        })?;
        self.note_relative_names(line, &data, notes);
        Ok(data)
    }

    /// A name of several labels without a final dot looks like a whole one, and is relative to the zone all the same.
    fn note_relative_names(self, line: &str, data: &[u8], notes: &mut Vec<Finding>) {
        let mut whole = Vec::new();
        if text::scan_single(self.rtype, line, Name::root(), &mut whole).is_err() {
            return;
        }
        let pairs = wire::names(self.rtype, data).zip(wire::names(self.rtype, &whole));
        for (name, written) in pairs.filter(|(name, written)| name != written && written.label_count() > 1) {
            let written = written.to_string();
            let short = written.trim_end_matches('.');
            let message =
                format!("{short:?} is relative to {}: it means {name}; a whole name ends in a dot", self.zone);
            let (owner, rtype) = (self.owner.to_owned(), Some(self.rtype));
            notes.push(Finding { rule: Rule::WholeName, owner, rtype, host: None, message });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_and_lines() {
        let zone: NameBuf = "example.org".parse().expect("name");
        let check = |rtype: RType, value: Value, want: &[u8]| {
            let place = Place { owner: &zone, rtype, zone: &zone };
            let given = place.data("/records", std::slice::from_ref(&value));
            assert_eq!(given.map(|given| given.data), Ok(vec![want.to_vec()]), "{value}");
        };
        check(RType::A, json!({"address": "192.0.2.1"}), &[192, 0, 2, 1]);
        check(RType::A, json!("192.0.2.1"), &[192, 0, 2, 1]);
        check(RType::MX, json!("10 mx"), b"\0\x0a\x02mx\x07example\x03org\0");
        check(RType::TXT, json!("\"a b\" c"), b"\x03a b\x01c");
    }

    /// RFC 1035 5.1: without a final dot a name is relative. Whoever sends one that looks whole is told.
    #[test]
    fn relative_names_are_noted() {
        let zone: NameBuf = "example.org".parse().expect("name");
        let check = |rtype: RType, value: Value, want: &[&str]| {
            let place = Place { owner: &zone, rtype, zone: &zone };
            let given = place.data("/records", std::slice::from_ref(&value)).expect("data");
            let notes: Vec<String> = given.notes.iter().map(ToString::to_string).collect();
            assert_eq!(notes, want, "{value}");
        };
        let note = "example.org. MX: \"aspmx.l.google.com\" is relative to example.org.: it means \
            aspmx.l.google.com.example.org.; a whole name ends in a dot";
        check(RType::MX, json!("10 aspmx.l.google.com"), &[note]);
        check(RType::MX, json!("10 aspmx.l.google.com."), &[]);
        check(RType::MX, json!("10 mx"), &[]);
        check(RType::MX, json!("10 @"), &[]);
        check(RType::MX, json!({"preference": 10, "exchange": "aspmx.l.google.com"}), &[]);
        check(RType::TXT, json!("aspmx.l.google.com"), &[]);
        check(RType::A, json!("192.0.2.1"), &[]);
    }

    /// What breaks a rule cannot come, but it can go.
    #[test]
    fn faulty_records_may_go() {
        let zone: NameBuf = "example.org".parse().expect("name");
        let place = Place { owner: &zone, rtype: RType::DS, zone: &zone };
        assert_eq!(place.to_remove("/remove", &[json!("1 8 2 00")]), Ok(vec![vec![0, 1, 8, 2, 0]]));
    }

    #[test]
    fn faults_have_pointers() {
        let zone: NameBuf = "example.org".parse().expect("name");
        let check = |rtype: RType, records: Value, want: &str| {
            let records = records.as_array().expect("array").clone();
            let errors = Place { owner: &zone, rtype, zone: &zone }.data("/records", &records).expect_err(want);
            assert_eq!(errors[0].pointer.as_deref(), Some(want), "{errors:?}");
        };
        check(RType::A, json!([]), "/records");
        check(RType::A, json!([{"address": "192.0.2.1"}, {"address": "x"}]), "/records/1/address");
        check(RType::A, json!([{"adress": "192.0.2.1"}]), "/records/0/adress");
        check(RType::A, json!(["192.0.2.1 2"]), "/records/0");
        check(RType::A, json!(["192.0.2.1\nb 1 IN A 192.0.2.2"]), "/records/0");
        check(RType::A, json!([7]), "/records/0");
        check(RType::HINFO, json!([{"cpu": "x".repeat(256), "os": ""}]), "/records/0/cpu");
        check(RType::DS, json!(["1 8 200 00", "1 8 2 00"]), "/records/1");
        check(RType::DS, json!([{"key_tag": 1, "algorithm": 8, "digest_type": 2, "digest": "00"}]), "/records/0");
        check(RType::NSEC3, json!(["1 0 0 - 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR A"]), "/records/0");
    }
}
