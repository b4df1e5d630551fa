//! Service parameters as a JSON object: one property per parameter, named as in zone files.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value};

use super::{Builder, Kind};
use crate::rdata::codec;
use crate::rdata::json::{self, JsonError};

/// The parameters of a valid list; `None` if a value is text that is no UTF-8.
pub(in crate::rdata) fn to_json(wire: &[u8]) -> Option<Value> {
    let mut object = Map::new();
    for (key, value) in super::params(wire) {
        object.insert(key_text(key), value_to_json(super::kind(key), value)?);
    }
    Some(Value::Object(object))
}

fn key_text(key: u16) -> String {
    let mut text = String::new();
    match super::write_key(key, &mut text) {
        Ok(()) => text,
        Err(_) => format!("key{key}"),
    }
}

/// The value of a parameter; `None` if its text is no UTF-8.
fn value_to_json(kind: Kind, value: &[u8]) -> Option<Value> {
    Some(match kind {
        Kind::Keys => super::keys(value).map(key_text).collect(),
        Kind::Alpn => super::alpn_ids(value).map(json::plain).collect::<Option<_>>()?,
        Kind::Empty => true.into(),
        Kind::Port => super::keys(value).next().into(),
        Kind::Ipv4s => value.as_chunks::<4>().0.iter().map(|a| Ipv4Addr::from(*a).to_string()).collect(),
        Kind::Ipv6s => value.as_chunks::<16>().0.iter().map(|a| Ipv6Addr::from(*a).to_string()).collect(),
        Kind::Base64 => json::text(|out| codec::write_base64(value, out)),
        Kind::Groups => super::keys(value).collect(),
        Kind::Octets | Kind::PathTemplate => json::plain(value)?,
    })
}

/// Appends the wire form of what [`to_json`] gives.
pub(in crate::rdata) fn from_json(value: &Value, out: &mut Vec<u8>) -> Result<(), JsonError> {
    let object = value.as_object().ok_or_else(|| JsonError::new("", "an object of service parameters"))?;
    let mut builder = Builder::default();
    for (name, value) in object {
        let at = |error: JsonError| JsonError { pointer: json::pointer(name) + &error.pointer, ..error };
        let key = super::key(name.as_bytes()).ok_or_else(|| at(JsonError::new("", "a service parameter")))?.0;
        builder.add(key, value_from_json(super::kind(key), value).map_err(at)?);
    }
    builder.finish(out).map_err(|error| JsonError::new("", format!("valid service parameters: {error}")))
}

fn value_from_json(kind: Kind, value: &Value) -> Result<Vec<u8>, JsonError> {
    let mut out = Vec::new();
    let bad = |what: &str| JsonError::new("", what);
    match (kind, value) {
        (Kind::Empty, Value::Bool(true)) => {}
        (Kind::Port, Value::Number(number)) => {
            let port = number.as_u64().and_then(|number| u16::try_from(number).ok());
            out.extend_from_slice(&port.ok_or_else(|| bad("a port number"))?.to_be_bytes());
        }
        (Kind::Octets, Value::String(text)) => out.extend_from_slice(text.as_bytes()),
        (Kind::PathTemplate, Value::String(text)) => {
            out = super::parse(kind, text.as_bytes().to_vec())
                .ok_or_else(|| bad("the template of a path with {?dns}"))?;
        }
        (Kind::Groups, Value::Array(items)) => {
            let numbers = items.iter().map(|item| item.as_u64().and_then(|number| u16::try_from(number).ok()));
            let numbers: Option<Vec<u16>> = numbers.collect();
            let numbers = numbers.ok_or_else(|| bad("numbers of groups up to 65535"))?;
            numbers.iter().for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
        }
        (Kind::Base64, Value::String(text)) => {
            json::base64_octets(text, &mut out).ok_or_else(|| bad("base64 data"))?;
        }
        (Kind::Keys, Value::Array(items)) => {
            let mut keys = Vec::new();
            json::each(items, |text| {
                keys.push(super::key(text.as_bytes()).ok_or_else(|| bad("a service parameter"))?.0);
                Ok(())
            })?;
            super::push_keys(keys, &mut out);
        }
        (Kind::Alpn | Kind::Ipv4s | Kind::Ipv6s, Value::Array(items)) => json::each(items, |text| {
            let done = match kind {
                Kind::Ipv4s => codec::ipv4(text.as_bytes()).map(|address| out.extend_from_slice(&address)),
                Kind::Ipv6s => codec::ipv6(text.as_bytes()).map(|address| out.extend_from_slice(&address)),
                _ => super::push_alpn(text.as_bytes(), &mut out),
            };
            done.ok_or_else(|| bad(if kind == Kind::Alpn { "a protocol identifier" } else { "an IP address" }))
        })?,
        _ => return Err(bad("a value that fits the parameter")),
    }
    Ok(out)
}
