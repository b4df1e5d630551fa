//! Packets of real exchanges, all of them well-formed: each is accepted and survives another round;
//! no part of one is, nor one with an octet behind it.

use std::path::Path;

use data_encoding::HEXLOWER;
use dns::Message;
use dns::message::{MAX_MESSAGE_LEN, MessageErrorKind};
use serde_json::Value;

#[test]
fn packets() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/packets/packets.jsonl");
    let Ok(lines) = std::fs::read_to_string(&path) else {
        println!("skipped: no corpora");
        return;
    };
    for line in lines.lines() {
        let case: Value = serde_json::from_str(line).expect("JSON line");
        let id = &case["id"];
        let mut octets = HEXLOWER.decode(case["hex"].as_str().expect("hex").as_bytes()).expect("hex");
        let message = Message::parse(&octets).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(Message::parse(&message.to_wire(MAX_MESSAGE_LEN)).as_ref(), Ok(&message), "{id}");

        for len in 0..octets.len() {
            assert!(Message::parse(&octets[..len]).is_err(), "{id}: the first {len} octets");
        }
        octets.push(0);
        let kind = Message::parse(&octets).map_err(|error| error.kind);
        assert_eq!(kind, Err(MessageErrorKind::TrailingData), "{id}");
    }
}
