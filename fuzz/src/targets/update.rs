//! UPDATE messages to a small zone: whatever comes of them is a zone that holds what the edits say, can be built
//! anew to the same, and goes back to what it was.

use dns::{Class, Header, Message, Name, NameBuf, NameHasher, Opcode, Question, RType, Record};
use zone::{Contents, Records, check::check_change, diff, update};

use super::{Target, contents, golden, mark};

const ORIGIN: &str = "example.org.";
/// Nobody may change these, so that refusals happen too.
const FORBIDDEN: RType = RType::NAPTR;

pub struct UpdateTarget {
    before: Contents,
}

impl UpdateTarget {
    pub fn new() -> UpdateTarget {
        UpdateTarget { before: contents(ORIGIN, "rfc1034.zone", NameHasher::new(3)) }
    }

    /// What must hold of the zone that an update leads to.
    fn check(&self, edits: &[zone::Edit]) -> usize {
        let before = &self.before;
        let after = before.with(edits);
        for edit in edits {
            let held = after.records(&edit.owner, edit.rtype).map(|records| sorted(edit.rtype, records));
            let wanted = edit.records.clone().map(|records| sorted(edit.rtype, records));
            assert_eq!(held, wanted, "{} {}", edit.owner, edit.rtype);
        }
        let all = diff::list(&after);
        assert_eq!(after.record_count(), all.len(), "records are counted");
        let anew = diff::build(after.origin(), after.hasher(), &all).0;
        assert_eq!(diff::list(&anew), all, "a zone built anew is the same");
        let changes = diff::diff(before, &after);
        assert!(changes.len() <= edits.len(), "nothing changes but what was edited");
        let back = diff::undo_changes(&after, &changes);
        assert!(diff::diff(before, &back).is_empty(), "a change can be taken back");
        check_change(&after, &changes).len()
    }
}

fn sorted(rtype: RType, records: Records) -> Records {
    records.normalised(rtype)
}

fn record(owner: &Name, class: Class, rtype: RType, ttl: u32, rdata: Vec<u8>) -> Record {
    Record { owner: owner.to_owned(), rtype, class, ttl, rdata }
}

fn message(prerequisites: Vec<Record>, updates: Vec<Record>) -> Vec<u8> {
    let name: NameBuf = ORIGIN.parse().expect("a name");
    let message = Message {
        header: Header { id: 7, opcode: Opcode::UPDATE, ..Header::default() },
        questions: vec![Question { name, rtype: RType::SOA, class: Class::IN }],
        answers: prerequisites,
        authorities: updates,
        ..Message::default()
    };
    message.to_wire(usize::MAX)
}

impl Target for UpdateTarget {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let new: NameBuf = "new.example.org.".parse().expect("a name");
        let add = golden().into_iter().filter_map(|(rtype, _, rdata)| {
            let rtype = RType::from_text(rtype.as_bytes())?;
            Some(message(Vec::new(), vec![record(&new, Class::IN, rtype, 60, rdata)]))
        });
        let held = diff::list(&self.before);
        let held = held.iter().flat_map(|held| {
            let one = |class, rtype, rdata: &[u8]| record(held.owner, class, rtype, 0, rdata.to_vec());
            let exact = one(Class::IN, held.rtype, held.rdata);
            [
                message(vec![exact.clone()], vec![one(Class::NONE, held.rtype, held.rdata), exact]),
                message(vec![one(Class::ANY, held.rtype, &[])], vec![one(Class::ANY, held.rtype, &[])]),
                message(vec![one(Class::NONE, RType::ANY, &[])], Vec::new()),
                message(Vec::new(), vec![one(Class::ANY, RType::ANY, &[])]),
            ]
        });
        add.chain(held).collect()
    }

    fn words(&self) -> Vec<Vec<u8>> {
        let pieces: [&[u8]; 10] = [
            &[0xc0, 0x0c],
            b"\x01*\xc0\x0c",
            b"\x03sub\xc0\x0c",
            &[0, 255, 0, 255, 0, 0, 0, 0, 0, 0],
            &[0, 1, 0, 254, 0, 0, 0, 0, 0, 4],
            &[0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 0x0c],
            &[0, 39, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 0x0c],
            &[0, 2, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 0x0c],
            &[0, 46],
            &[0, 0, 0, 2],
        ];
        pieces.map(<[u8]>::to_vec).into()
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let edits = update::parse(input).and_then(|parsed| {
            let may = |_: &Name, rtype: RType| rtype != FORBIDDEN;
            update::apply(&parsed, &self.before, &may)
        });
        match edits {
            Ok(edits) => {
                let findings = self.check(&edits);
                let kinds: Vec<_> = edits.iter().take(3).map(|edit| (edit.rtype.0, edit.records.is_some())).collect();
                mark((kinds, findings.min(3)))
            }
            Err(rcode) => mark(rcode.0),
        }
    }
}
