//! What a primary sends to a secondary, and what a secondary asks: a zone that was received can be sent again and
//! received as the same, an answer to a query that was read is well-formed.
//!
//! The first octet of an input says what was asked for (AXFR, IXFR); messages follow, each behind its length.

use dns::{Message, NameBuf, NameHasher, RType};
use zone::xfr::{Asked, Incoming, Limits, Outgoing, Progress, edits, query};
use zone::{Action, Contents, Edit, RecordList, Records, ZoneChange, diff};

use super::{Target, contents, frame, framed, mark};

const ORIGIN: &str = "example.org.";
const ID: u16 = 0x1234;
/// Far above what an input can bring.
const LIMITS: Limits = Limits { records: 100_000, octets: 1 << 24 };

pub struct TransferTarget {
    name: NameBuf,
    /// What the secondary has, and what the primary has.
    before: Contents,
    after: Contents,
}

impl TransferTarget {
    pub fn new() -> TransferTarget {
        let before = contents(ORIGIN, "rfc1034.zone", NameHasher::new(3));
        let name: NameBuf = ORIGIN.parse().expect("a name");
        let mut soa = before.records(&name, RType::SOA).expect("a SOA record");
        let serial_at = soa.data[0].len() - 20;
        soa.data[0][serial_at + 3] = soa.data[0][serial_at + 3].wrapping_add(1);
        let www: NameBuf = "www.example.org.".parse().expect("a name");
        let addresses = Records { ttl: 60, data: vec![vec![192, 0, 2, 99]], signatures: Vec::new() };
        let after = before.with(&[
            Edit { owner: name.clone(), rtype: RType::SOA, records: Some(soa) },
            Edit { owner: www, rtype: RType::A, records: Some(addresses) },
        ]);
        TransferTarget { name, before, after }
    }

    fn serial(&self) -> u32 {
        self.before.soa().expect("a SOA record").serial
    }

    fn incoming(&self, qtype: RType) -> Incoming {
        Incoming::new(self.name.clone(), qtype, Some(self.serial()), ID, LIMITS)
    }

    /// A zone that came as a whole is sent and received again.
    fn check_full(&self, records: &RecordList) {
        assert_eq!(records.iter().next().map(|first| first.rtype), Some(RType::SOA), "the SOA record comes first");
        let built = diff::build(&self.name, self.before.hasher(), records).0;
        let asked = Asked::read(&query(ID, &self.name, None).to_wire(512)).expect("our own query");
        let (mut incoming, mut last) = (self.incoming(RType::AXFR), None);
        for message in sent(Outgoing::axfr(built.clone(), asked)) {
            last = Some(incoming.message(&message).expect("our own message"));
        }
        let Some(Progress::Full(again)) = last else { panic!("the transfer has no end: {last:?}") };
        let again = diff::build(&self.name, self.before.hasher(), &again).0;
        assert!(diff::diff(&built, &again).is_empty(), "a zone comes as it was sent");
    }

    /// A query that can be read has an answer that can be.
    fn check_query(&self, message: &[u8]) -> bool {
        let Some(asked) = Asked::read(message) else { return false };
        for answer in sent(Outgoing::axfr(self.after.clone(), asked.clone())) {
            Message::parse(&answer).expect("a well-formed answer");
        }
        let datagram = Outgoing::soa(self.after.clone(), asked).into_datagram(512);
        assert!(datagram.len() <= 512, "{} octets", datagram.len());
        Message::parse(&datagram).expect("a well-formed answer");
        true
    }
}

/// All messages of an answer.
fn sent(mut outgoing: Outgoing) -> Vec<Vec<u8>> {
    let (mut messages, mut out) = (Vec::new(), Vec::new());
    while outgoing.next(&mut out) {
        messages.push(std::mem::take(&mut out));
    }
    messages
}

impl Target for TransferTarget {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let (to, action) =
            (self.after.soa().map(|soa| soa.serial), Action::Edit(diff::diff(&self.before, &self.after)));
        let change = ZoneChange {
            zone: self.name.clone().into(),
            base: None,
            from: Some(self.serial()),
            to,
            primary_serial: None,
            action,
        };
        let queries = [None, Some(self.serial())].map(|serial| query(ID, &self.name, serial).to_wire(512));
        let [axfr, ixfr] = queries.each_ref().map(|query| Asked::read(query).expect("our own query"));
        let answers = [
            (0, sent(Outgoing::axfr(self.after.clone(), axfr))),
            (1, sent(Outgoing::axfr(self.after.clone(), ixfr.clone()))),
            (1, sent(Outgoing::ixfr(self.after.clone(), ixfr.clone(), &[change]))),
            (1, sent(Outgoing::soa(self.before.clone(), ixfr))),
            (0, queries.to_vec()),
        ];
        answers.iter().map(|(kind, messages)| [&[*kind][..], &frame(messages)].concat()).collect()
    }

    fn words(&self) -> Vec<Vec<u8>> {
        let pieces: [&[u8]; 6] = [
            &[0xc0, 0x0c],
            b"\x03www\xc0\x0c",
            &[0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1],
            &[0, 6, 0, 1],
            &[0x12, 0x34, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0],
            b"\x07example\x03org\x00",
        ];
        pieces.map(<[u8]>::to_vec).into()
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let Some((kind, rest)) = input.split_first() else { return 0 };
        let mut incoming = self.incoming(if kind & 1 == 0 { RType::AXFR } else { RType::IXFR });
        let mut outcome = mark("no message");
        let mut asked = 0;
        for message in framed(rest) {
            asked += usize::from(self.check_query(message));
            match incoming.message(message) {
                Ok(Progress::More) => continue,
                Ok(Progress::Full(records)) => {
                    self.check_full(&records);
                    outcome = mark(("full", records.len().min(64)));
                }
                Ok(Progress::Incremental(steps)) => match edits(&steps, &self.before) {
                    Ok(edits) => {
                        let after = self.before.with(&edits);
                        assert!(after.soa().is_some(), "the zone keeps its SOA record");
                        assert_eq!(after.record_count(), diff::list(&after).len(), "records are counted");
                        outcome = mark(("steps", steps.len(), edits.len()));
                    }
                    Err(error) => outcome = mark(error.to_string()),
                },
                Ok(Progress::UpToDate { .. }) => outcome = mark("up to date"),
                Err(error) => outcome = mark((error.to_string(), incoming.ignored().min(2))),
            }
            break;
        }
        mark((outcome, asked.min(3)))
    }
}
