//! A row of the query log as a line of JSON. The first ten keys are those that the log is known by, in their order; what
//! else is known follows.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;

use dns::RType;
use dns::query::flags;
use server::answered::Source;
use server::record::ResponseRecord;

use super::anonymise::Anonymise;
use crate::contents::Contents;
use crate::decision::Decision;
use crate::names;
use crate::request_id::RequestId;
use crate::rows::Row;
use crate::time::push_rfc3339;

/// Bytes of answers' data in a line, after which the others are left out; they are counted.
const MAX_DATA_BYTES: usize = 4096;
/// Bytes of an extended error's text in a line.
const MAX_ERROR_BYTES: usize = 512;
/// Bytes of a rule in a line.
const MAX_RULE_BYTES: usize = 512;
/// The port that is not written.
const DNS_PORT: u16 = 53;

const FLAGS: [(u16, &str); 7] =
    [(1 << 10, "aa"), (1 << 9, "tc"), (1 << 8, "rd"), (1 << 7, "ra"), (1 << 5, "ad"), (1 << 4, "cd"), (1 << 6, "z")];

/// Writes lines; keeps the memory that it takes.
#[derive(Debug, Default)]
pub struct LineFormat {
    data: Vec<u8>,
    text: String,
}

impl LineFormat {
    /// Appends the line of a row, with its end.
    pub fn push(&mut self, row: &Row<'_>, anonymise: &Anonymise, out: &mut Vec<u8>) {
        let record = &row.record;
        out.extend_from_slice(b"{\"timestamp\":\"");
        push_rfc3339(out, record.time_us);
        out.extend_from_slice(b"\",\"request_id\":\"");
        push_id(out, row.id);
        // Writing to memory cannot fail, here and below.
        let _ = write!(out, "\",\"client_ip\":\"{}\"", anonymise.address(record.client.ip()));
        self.push_question(row, out);
        let _ = write!(out, ",\"response_code\":\"{}\",\"response_time_ms\":", record.rcode);
        let _ = write!(out, "{}.{:03}", record.elapsed_us / 1000, record.elapsed_us % 1000);
        let is_hit = names::cache_hit(record.source) == Some(true);
        let _ = write!(out, ",\"cache_hit\":{is_hit},\"upstream_server\":");
        push_upstream(out, record.upstream);
        let contents = Contents::new(record.response);
        self.push_data(contents, row.question.map(|(_, rtype, _)| rtype), out);
        let _ = write!(out, ",\"transport\":\"{}\"", names::transport(record.transport));
        if !anonymise.is_on() {
            let _ = write!(out, ",\"client_port\":{}", record.client.port());
        }
        push_source(out, record.source);
        self.push_name(out, "zone", row.zone());
        match record.security {
            Some(security) => drop(write!(out, ",\"dnssec\":\"{}\"", security.as_str())),
            None => out.extend_from_slice(b",\"dnssec\":null"),
        }
        push_decision(out, &row.decision);
        push_error(out, contents);
        push_header(out, record);
        out.extend_from_slice(b"}\n");
    }

    fn push_question(&mut self, row: &Row<'_>, out: &mut Vec<u8>) {
        match row.question {
            Some((name, rtype, _)) => {
                let _ = write!(out, ",\"query_type\":\"{rtype}\"");
                self.push_name(out, "domain", Some(name));
            }
            None => out.extend_from_slice(b",\"query_type\":null,\"domain\":null"),
        }
    }

    /// A name without the dot at its end, unless it is the root.
    fn push_name(&mut self, out: &mut Vec<u8>, key: &str, name: Option<&dns::Name>) {
        let _ = write!(out, ",\"{key}\":");
        let Some(name) = name else { return out.extend_from_slice(b"null") };
        self.text.clear();
        let _ = write!(self.text, "{name}");
        let text = if name.is_root() { &self.text } else { self.text.strip_suffix('.').unwrap_or(&self.text) };
        push_text(out, text);
    }

    /// The data of the answers; of signatures only if they were asked for.
    fn push_data(&mut self, contents: Option<Contents<'_>>, asked: Option<RType>, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"response_data\":[");
        let with_signatures = matches!(asked, Some(RType::RRSIG | RType::SIG | RType::ANY));
        let start = out.len();
        let (mut left_out, mut is_first) = (0u32, true);
        for place in contents.into_iter().flat_map(|contents| contents.answers()) {
            if place.rtype == RType::RRSIG && !with_signatures {
                continue;
            }
            if out.len() - start >= MAX_DATA_BYTES {
                left_out += 1;
                continue;
            }
            self.text.clear();
            if let Some(contents) = contents {
                contents.write_data(place, &mut self.data, &mut self.text);
            }
            if !std::mem::take(&mut is_first) {
                out.push(b',');
            }
            push_text(out, cut(&self.text, MAX_DATA_BYTES));
        }
        out.push(b']');
        if left_out > 0 {
            let _ = write!(out, ",\"response_data_left_out\":{left_out}");
        }
    }
}

fn push_source(out: &mut Vec<u8>, source: Source) {
    let _ = write!(out, ",\"source\":\"{}\",\"refusal\":", names::source(source));
    match names::refusal(source) {
        Some(refusal) => drop(write!(out, "\"{refusal}\"")),
        None => out.extend_from_slice(b"null"),
    }
}

/// What policy said; keys of what it did not say are null.
fn push_decision(out: &mut Vec<u8>, decision: &Decision<'_>) {
    let Decision { action, policy, group, list, rule } = *decision;
    for (key, text) in [("action", action), ("policy", policy), ("group", group), ("list", list), ("rule", rule)] {
        let _ = write!(out, ",\"{key}\":");
        match text {
            "" => out.extend_from_slice(b"null"),
            text => push_text(out, cut(text, MAX_RULE_BYTES)),
        }
    }
}

fn push_upstream(out: &mut Vec<u8>, upstream: Option<SocketAddr>) {
    let _ = match upstream {
        None => write!(out, "null"),
        Some(server) if server.port() == DNS_PORT => write!(out, "\"{}\"", server.ip()),
        Some(server) => write!(out, "\"{server}\""),
    };
}

fn push_error(out: &mut Vec<u8>, contents: Option<Contents<'_>>) {
    match contents.and_then(Contents::extended_error) {
        None => out.extend_from_slice(b",\"ede_code\":null,\"ede_text\":null"),
        Some(error) => {
            let _ = write!(out, ",\"ede_code\":{},\"ede_text\":", error.code);
            let text = String::from_utf8_lossy(error.text);
            push_text(out, cut(&text, MAX_ERROR_BYTES));
        }
    }
}

/// Flags and sizes.
fn push_header(out: &mut Vec<u8>, record: &ResponseRecord<'_>) {
    let _ = write!(out, ",\"query_size\":{},\"response_size\":{}", record.query_len, record.response_len);
    out.extend_from_slice(b",\"flags\":\"qr");
    if let Some(&[_, _, high, low]) = record.response.first_chunk::<4>() {
        let bits = u16::from_be_bytes([high, low]);
        for (_, word) in FLAGS.iter().filter(|(bit, _)| bits & bit != 0) {
            let _ = write!(out, " {word}");
        }
    }
    out.push(b'"');
}

fn push_id(out: &mut Vec<u8>, id: RequestId) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (i, byte) in id.bits().to_be_bytes().into_iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// The first bytes of a text, whole characters only.
fn cut(text: &str, max_bytes: usize) -> &str {
    let end = (0..=max_bytes.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

/// Appends a JSON string.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            // Lines end where the row ends.
            0..0x20 | 0x7f => drop(write!(out, "\\u{byte:04x}")),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

const _: () = assert!(FLAGS[1].0 >> 8 == flags::TC as u16, "bits of the whole word");

#[cfg(test)]
mod tests {
    use dns::edns::EdnsOption;
    use dns::{Class, Edns, Message, Rcode, Record};
    use serde_json::{Value, json};
    use server::transport::Transport;

    use super::*;

    /// A response about `name` with so many addresses.
    fn response(name: &str, addresses: u8, edns: Option<Edns>) -> Message {
        let owner: dns::NameBuf = name.parse().expect("a name");
        let mut message = Message::query(1, owner.clone(), RType::A);
        message.header.qr = true;
        message.header.tc = true;
        let record = |rtype, rdata: &[u8]| Record {
            owner: owner.clone(),
            rtype,
            class: Class::IN,
            ttl: 1,
            rdata: rdata.to_vec(),
        };
        message.answers = (0..addresses).map(|n| record(RType::A, &[192, 0, 2, n])).collect();
        let signature = [&[0, 1, 8, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0][..], &[7; 64]].concat();
        message.answers.push(record(RType::RRSIG, &signature));
        Message { edns, ..message }
    }

    fn row(response: &[u8], anonymise: &Anonymise) -> Value {
        let record = ResponseRecord {
            time_us: 1_767_225_600_123_456,
            elapsed_us: 12_034,
            client: "[::ffff:192.0.2.7]:5300".parse().expect("an address"),
            transport: Transport::Tcp,
            source: Source::Stale,
            rcode: Rcode::SERVFAIL,
            security: Some(resolver::Security::Bogus),
            apex_labels: None,
            upstream: Some(([192, 0, 2, 53], 53).into()),
            policy: None,
            query_len: 40,
            response_len: response.len() as u16,
            query: &[],
            response,
        };
        let question = server::answered::question(response);
        let row = Row { id: RequestId::new(record.time_us, 7, 9), question, record, decision: Decision::default() };
        let mut out = Vec::new();
        LineFormat::default().push(&row, anonymise, &mut out);
        assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 1);
        serde_json::from_slice(&out).expect("JSON")
    }

    #[test]
    fn what_a_resolver_says() {
        let text = "no \"signature\"\n".to_owned();
        let edns =
            Edns { options: vec![EdnsOption::ExtendedError { info: 10, text: text.clone() }], ..Edns::default() };
        let row = row(&response("a\\.b.example.", 2, Some(edns)).to_wire(65_535), &Anonymise::No);
        let id = RequestId::new(1_767_225_600_123_456, 7, 9).to_string();
        assert_eq!((&row["request_id"], &row["timestamp"]), (&json!(id), &json!("2026-01-01T00:00:00.123Z")));
        assert_eq!((&row["domain"], &row["client_ip"]), (&json!("a\\.b.example"), &json!("192.0.2.7")));
        assert_eq!((&row["response_time_ms"], &row["cache_hit"]), (&json!(12.034), &json!(true)));
        assert_eq!((&row["upstream_server"], &row["source"]), (&json!("192.0.2.53"), &json!("stale")));
        assert_eq!(row["response_data"], json!(["192.0.2.0", "192.0.2.1"]), "no signatures");
        assert_eq!((&row["ede_code"], &row["ede_text"]), (&json!(10), &json!(text)));
        assert_eq!((&row["dnssec"], &row["flags"]), (&json!("bogus"), &json!("qr tc rd")));
        assert_eq!((&row["response_code"], &row["transport"]), (&json!("SERVFAIL"), &json!("tcp")));
    }

    #[test]
    fn large_and_broken_responses() {
        let mut message = response(".", 255, None);
        message.answers.extend_from_within(..);
        let octets = message.to_wire(65_535);
        let row_of = |octets: &[u8]| row(octets, &Anonymise::Prefix { ipv4: 24, ipv6: 48 });
        let large = row_of(&octets);
        let data = large["response_data"].as_array().expect("a list").len() as u64;
        assert!(large.to_string().len() < MAX_DATA_BYTES + 1000 && data > 200, "{data}");
        assert_eq!(large["response_data_left_out"].as_u64(), Some(510 - data));
        assert_eq!((&large["domain"], &large["client_ip"]), (&json!("."), &json!("192.0.2.0")));
        assert_eq!(large.get("client_port"), None);
        for len in 0..200 {
            row_of(&octets[..len]);
        }
        let cut = row_of(&octets[..100]);
        assert_eq!(cut["response_data"], json!(["192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]));
        assert_eq!(row_of(&octets[..3])["domain"], Value::Null);
    }

    #[test]
    fn texts_are_json() {
        let mut out = Vec::new();
        let text = "a\"\\\u{1}\n\u{7f}ä";
        push_text(&mut out, text);
        assert_eq!(String::from_utf8(out).expect("text"), "\"a\\\"\\\\\\u0001\\u000a\\u007fä\"");
        assert_eq!((cut("ää", 3), cut("ää", 4), cut("", 9)), ("ä", "ää", ""));
    }
}
