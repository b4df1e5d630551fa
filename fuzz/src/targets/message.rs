//! `Message::parse` and `Message::to_wire`: what was read is written and read again as the same.

use dns::{Class, Edns, Message, RType, Record};

use super::{Target, golden, mark};

/// The limit of a message without EDNS over UDP.
const SMALL: usize = 512;

pub struct MessageTarget;

impl Target for MessageTarget {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let name: dns::NameBuf = "www.example.org.".parse().expect("a name");
        let query = Message::query(1, name.clone(), RType::A);
        let records = golden().into_iter().filter_map(|(rtype, _, rdata)| {
            let rtype = RType::from_text(rtype.as_bytes())?;
            let record = Record { owner: name.clone(), rtype, class: Class::IN, ttl: 60, rdata };
            Some(Message { answers: vec![record], edns: Some(Edns::default()), ..query.clone() })
        });
        std::iter::once(query.clone()).chain(records).map(|message| message.to_wire(usize::MAX)).collect()
    }

    fn words(&self) -> Vec<Vec<u8>> {
        let pieces: [&[u8]; 8] = [
            &[0xc0, 0x0c],
            &[0xc0, 0x00],
            &[0xff, 0xff],
            &[0, 0, 41, 4, 208, 0, 0, 128, 0, 0, 0],
            &[0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8],
            b"\x03www\x07example\x03org\x00",
            &[63; 64],
            &[0, 0, 250, 0, 255, 0, 0, 0, 0],
        ];
        pieces.map(<[u8]>::to_vec).into()
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let message = match Message::parse(input) {
            Ok(message) => message,
            Err(error) => return mark((std::mem::discriminant(&error.kind), error.offset.min(64))),
        };
        let wire = message.to_wire(usize::MAX);
        let again = Message::parse(&wire).expect("what was written is read");
        // Names that were compressed in the input may not fit any more; then TC says so.
        if again.header.tc == message.header.tc {
            assert_eq!(again, message, "what is read again is the same");
        }
        let small = message.to_wire(SMALL);
        assert!(small.len() <= SMALL, "{} octets", small.len());
        Message::parse(&small).expect("what was written is read");
        let kinds = |records: &[Record]| records.iter().map(|record| record.rtype.0).take(3).collect::<Vec<_>>();
        let options =
            message.edns.as_ref().map(|edns| edns.options.iter().map(|o| o.code()).take(3).collect::<Vec<_>>());
        mark((kinds(&message.answers), kinds(&message.authorities), kinds(&message.additionals), options))
    }
}
