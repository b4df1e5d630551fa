//! What a journal gives back: octets of a change, and entries that are parts of events.

use journal::{Assembler, Entry, codec, frame};

use super::{Target, files, framed, hex, mark};

pub struct EventTarget;

/// What is decoded means the same when it is encoded and decoded again.
fn check_codec(octets: &[u8]) -> u64 {
    match codec::decode(octets) {
        Ok(change) => {
            let encoded = codec::encode(&change);
            let again = codec::decode(&encoded).expect("what was encoded is decoded");
            assert_eq!(again, change, "a change comes back as it was");
            // Equality of names ignores case; their octets do not.
            assert_eq!(codec::encode(&again), encoded, "the same octets for the same change");
            let zones: Vec<_> = change.zones.iter().take(3).map(|zone| std::mem::discriminant(&zone.action)).collect();
            mark((zones, change.reverts.is_some(), change.id.is_some(), change.why.is_empty(), change.who.is_empty()))
        }
        Err(error) => mark(error.to_string()),
    }
}

/// The input as entries of a journal: nothing comes out that did not go in.
fn check_parts(input: &[u8]) -> u64 {
    let mut assembler = Assembler::default();
    let mut octets = 0;
    let mut outcomes = Vec::new();
    for (offset, body) in (1..).zip(framed(input)) {
        octets += body.len();
        // Nobody guesses a checksum; that wrong ones are noticed is tested elsewhere.
        match assembler.push(Entry { offset, body: frame::with_sum(&[body]) }) {
            Ok(Some(event)) => {
                assert!(event.first <= event.offset && event.offset == offset && event.body.len() <= octets);
                outcomes.push(1 + u8::from(event.first < event.offset));
            }
            Ok(None) => outcomes.push(0),
            Err(_) => outcomes.push(3),
        }
        assert!(assembler.first_open().is_none_or(|first| first <= offset), "an open event has begun");
    }
    outcomes.truncate(4);
    mark(outcomes)
}

impl Target for EventTarget {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let texts = ["journal/v1", "journal/v2"].map(|version| files(version, "hex")).concat();
        let events: Vec<Vec<u8>> = texts.iter().map(|text| hex(&String::from_utf8_lossy(text))).collect();
        // Kind, identifier, number, octets: as they are written, but shorter.
        let part = |kind: u8, id: u8, number: u8| [&[kind][..], &[id; 16], &[0, 0, 0, number], b"octets"].concat();
        let whole = b"\0whole".to_vec();
        let parts = super::frame(&[part(1, 1, 0), part(1, 2, 0), whole, part(1, 1, 1), part(2, 2, 1), part(2, 1, 2)]);
        events.into_iter().chain([parts]).collect()
    }

    fn words(&self) -> Vec<Vec<u8>> {
        let pieces: [&[u8]; 6] =
            [b"\x07example\x03org\x00", &[0xc0], &[0x80, 0x01], &[0xff; 9], &[0, 27, 1, 1, 1, 1], &[0, 27, 2, 1, 1, 1]];
        pieces.map(<[u8]>::to_vec).into()
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        mark((check_codec(input), check_parts(input)))
    }
}
