//! `/types`: the table of record types, from which clients make forms.

use std::sync::Arc;

use axum::Json;
use dns::rdata::table::{BitNames, Field, FieldDef, Presence, TYPES, TypeDef};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::state::App;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A record type.
#[derive(Debug, Serialize, ToSchema)]
pub struct TypeOut {
    /// Its mnemonic.
    name: &'static str,
    /// Its number.
    number: u16,
    /// What it is for.
    doc: &'static str,
    /// Where it is defined.
    source: &'static str,
    /// What its data consists of.
    fields: Vec<FieldOut>,
}

/// A property of record data.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldOut {
    /// Its name.
    name: &'static str,
    /// What it is in JSON: `number`, `string`, `boolean`, `array` or `object`.
    json: &'static str,
    /// What kind of value it is, for choosing a widget.
    kind: &'static str,
    /// What is expected, for people.
    expects: &'static str,
    /// Whether it must be there.
    required: bool,
}

/// The record types that have fields of their own, by number. Every other type takes `{"data": "HEX"}`.
#[utoipa::path(get, path = "/types", tag = "server", security(()), responses((status = 200, body = Vec<TypeOut>)))]
async fn list() -> Json<Vec<TypeOut>> {
    Json(TYPES.iter().map(type_out).collect())
}

fn type_out(def: &TypeDef) -> TypeOut {
    TypeOut {
        name: def.mnemonic,
        number: def.rtype.0,
        doc: def.doc,
        source: def.source,
        fields: def.fields.iter().map(field_out).collect(),
    }
}

fn field_out(def: &FieldDef) -> FieldOut {
    let (json, kind) = kind(def.field);
    FieldOut { name: def.name, json, kind, expects: def.field.expects(), required: is_required(def.field) }
}

fn is_required(field: Field) -> bool {
    match field {
        Field::OptCharString | Field::SvcParams | Field::Names(_) | Field::Apl | Field::Bits(_) => false,
        // The prefix length says whether they are there.
        Field::A6Suffix | Field::A6Prefix => false,
        Field::Base64(presence) => matches!(presence, Presence::Required | Presence::OrDeletion),
        _ => true,
    }
}

/// The JSON type and the kind of a field.
fn kind(field: Field) -> (&'static str, &'static str) {
    match field {
        Field::U8 | Field::U16 | Field::U32 | Field::Low7 | Field::HipAlgorithm => ("number", "number"),
        Field::Named8(_) | Field::Named16(_) => ("number", "mnemonic"),
        Field::Ttl => ("number", "duration"),
        Field::Timestamp => ("string", "time"),
        Field::Type => ("string", "type"),
        Field::Name(_) | Field::A6Prefix => ("string", "name"),
        Field::Names(_) => ("array", "names"),
        Field::Ipv4 => ("string", "ipv4"),
        Field::Ipv6 | Field::A6Suffix => ("string", "ipv6"),
        Field::Eui(_) => ("string", "eui"),
        Field::Locator64 => ("string", "locator"),
        Field::CharString | Field::OptCharString | Field::Tag | Field::TextRest => ("string", "text"),
        Field::CharStrings => ("array", "texts"),
        Field::Hex(_) | Field::Salt | Field::HipTag | Field::Opaque => ("string", "hex"),
        Field::Base64(_) | Field::HipKey => ("string", "base64"),
        Field::Base32Hex => ("string", "base32hex"),
        Field::Bitmap | Field::Bits(BitNames::Types) => ("array", "types"),
        Field::Bits(BitNames::Ports) => ("array", "ports"),
        Field::Nsap => ("string", "nsap"),
        Field::SvcParams => ("object", "service_parameters"),
        Field::Loc => ("string", "location"),
        Field::Apl => ("array", "prefixes"),
        Field::TopBit => ("boolean", "boolean"),
        Field::Gateway(_) => ("string", "gateway"),
    }
}

#[cfg(test)]
mod tests {
    use dns::rdata::json;
    use serde_json::Value;

    use super::*;

    /// What the forms say is what the JSON form of data is.
    #[test]
    fn kinds_agree_with_the_json_form() {
        let check = |mnemonic: &str, rdata: &[u8]| {
            let def = TYPES.iter().find(|def| def.mnemonic == mnemonic).expect("type");
            let Value::Object(object) = json::to_json(def.rtype, rdata) else { panic!("no object") };
            for field in type_out(def).fields {
                let json = match &object[field.name] {
                    Value::Number(_) => "number",
                    Value::String(_) => "string",
                    Value::Bool(_) => "boolean",
                    Value::Array(_) => "array",
                    _ => "object",
                };
                assert_eq!(json, field.json, "{mnemonic} {}", field.name);
            }
        };
        check("A", &[192, 0, 2, 1]);
        check("MX", b"\0\x0a\x01a\0");
        check("TXT", b"\x01a");
        check("HTTPS", b"\0\x01\0");
        check("NSEC", b"\x01a\0\0\x01\x40");
        check("TLSA", b"\x03\x01\x01\xab");
        check("CAA", b"\0\x05issuea");
        check("AMTRELAY", b"\x0a\x00");
        check("WKS", &[192, 0, 2, 1, 6, 0x40]);
        check("NXT", b"\0\x40");
        check("NSAP", &[0x47]);
        check("A6", b"\x78\x01\x01a\0");
        check("DOA", &[0; 10]);
    }
}
