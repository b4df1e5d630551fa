//! A reply as one JSON object, for programs.

use data_encoding::HEXLOWER;
use dns::edns::EdnsOption;
use dns::{Edns, Record, rdata};
use serde_json::{Value, json};

use super::exchange::{NoReply, Reply};
use super::text;
use super::words::Request;

/// A reply.
pub fn reply(reply: &Reply) -> String {
    let message = &reply.message;
    let header = &message.header;
    let question = |q: &dns::Question| json!({ "name": q.name.to_string(), "type": q.rtype.to_string(), "class": q.class.to_string() });
    let section = |records: &[Record]| records.iter().map(record).collect::<Value>();
    line(&json!({
        "server": reply.server.to_string(),
        "transport": reply.transport.to_ascii_lowercase(),
        "time_ms": reply.elapsed.as_micros() as f64 / 1000.0,
        "size_bytes": reply.size,
        "id": header.id,
        "opcode": header.opcode.to_string(),
        "rcode": header.rcode.to_string(),
        "flags": text::flag_names(header),
        "edns": message.edns.as_ref().map(edns),
        "question": message.questions.iter().map(question).collect::<Value>(),
        "answer": section(&message.answers),
        "authority": section(&message.authorities),
        "additional": section(&message.additionals),
    }))
}

/// That there is no reply.
pub fn no_reply(request: &Request, error: &NoReply) -> String {
    line(&json!({ "server": request.server.to_string(), "error": error.to_string() }))
}

fn line(value: &Value) -> String {
    format!("{value:#}\n")
}

fn edns(edns: &Edns) -> Value {
    json!({
        "version": edns.version,
        "udp_size": edns.udp_size,
        "flags": text::edns_flag_names(edns),
        "options": edns.options.iter().map(option).collect::<Value>(),
    })
}

fn option(option: &EdnsOption) -> Value {
    let mut value = json!({
        "code": option.code(),
        "name": text::option_name(option),
        "text": text::option_text(option),
    });
    match option {
        EdnsOption::ExtendedError { info, text } => {
            value["info_code"] = json!(info);
            value["extra_text"] = json!(text);
        }
        EdnsOption::Nsid(id) => value["hex"] = json!(HEXLOWER.encode(id)),
        _ => {}
    }
    value
}

fn record(record: &Record) -> Value {
    json!({
        "name": record.owner.to_string(),
        "ttl": record.ttl,
        "class": record.class.to_string(),
        "type": record.rtype.to_string(),
        "rdata": text::rdata(record),
        "data": rdata::json::to_json(record.rtype, &record.rdata),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn one_object() {
        let value: Value = serde_json::from_str(&reply(&sample())).expect("JSON");
        let check = |pointer: &str, want: Value| assert_eq!(value.pointer(pointer), Some(&want), "{pointer}");
        check("/server", json!("192.0.2.53:53"));
        check("/transport", json!("udp"));
        check("/time_ms", json!(1.234));
        check("/rcode", json!("NXDOMAIN"));
        check("/flags", json!(["qr", "aa", "rd"]));
        check("/edns/flags", json!(["do"]));
        check("/edns/options/0", json!({ "code": 3, "name": "NSID", "text": "6e7331 \"ns1\"", "hex": "6e7331" }));
        check("/edns/options/1/info_code", json!(15));
        check("/question/0", json!({ "name": "www.example.", "type": "A", "class": "IN" }));
        check("/answer/1/rdata", json!("192.0.2.1"));
        check("/answer/1/data", json!({ "address": "192.0.2.1" }));
        check("/answer/1/ttl", json!(86400));
        check("/authority/0/type", json!("TYPE65280"));
        check("/additional", json!([]));
    }

    #[test]
    fn no_object_without_an_error() {
        let value: Value = serde_json::from_str(&no_reply(&request(), &NoReply::TimedOut)).expect("JSON");
        assert_eq!(value, json!({ "server": "127.0.0.1:5353", "error": "timed out" }));
    }

    fn request() -> Request {
        match super::super::words::parse(&["example".to_string()]) {
            Ok(super::super::words::Words::Request(request)) => *request,
            _ => panic!("one word is enough"),
        }
    }
}
