//! What a zone must hold: updates made on plain sets, in the simplest way that RFC 2136 allows.

use std::collections::{BTreeMap, BTreeSet};

use dns::RType;

use crate::common::Random;

/// TTL of all records of these tests, in seconds.
pub const TTL: u32 = 300;
/// Names of a client: few, so that changes meet each other.
const NAMES: usize = 40;
/// Most operations of a message.
const MAX_OPS: usize = 24;

/// A record: owner, type, TTL, data. Ordered by the owner's text, which is lower case and ends with a dot.
pub type Row = (String, u16, u32, Vec<u8>);
/// The records of a zone, or of a part of it.
pub type Rows = BTreeSet<Row>;

/// One line of an update's section of changes (RFC 2136 2.5).
#[derive(Debug, Clone)]
pub enum Op {
    Add(String, RType, Vec<u8>),
    DeleteRecord(String, RType, Vec<u8>),
    DeleteRrset(String, RType),
    DeleteName(String),
}

/// Makes an update; says whether anything is different in the end.
pub fn apply(rows: &mut Rows, ops: &[Op]) -> bool {
    let mut before: BTreeMap<Row, bool> = BTreeMap::new();
    for op in ops {
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        match op {
            Op::Add(owner, rtype, data) => added.push((owner.clone(), rtype.0, TTL, data.clone())),
            Op::DeleteRecord(owner, rtype, data) => removed.push((owner.clone(), rtype.0, TTL, data.clone())),
            Op::DeleteRrset(owner, rtype) => removed.extend(at(rows, owner).filter(|row| row.1 == rtype.0).cloned()),
            Op::DeleteName(owner) => removed.extend(at(rows, owner).cloned()),
        }
        for row in removed {
            let was = rows.remove(&row);
            before.entry(row).or_insert(was);
        }
        for row in added {
            before.entry(row.clone()).or_insert(!rows.insert(row));
        }
    }
    before.iter().any(|(row, was)| rows.contains(row) != *was)
}

/// The records of a name.
fn at<'a>(rows: &'a Rows, owner: &'a str) -> impl Iterator<Item = &'a Row> {
    rows.range((owner.to_owned(), 0, 0, Vec::new())..).take_while(move |row| row.0 == owner)
}

/// A client's part of the zone, and what it sent since its state was known.
#[derive(Debug, Clone)]
pub struct Part {
    /// What the owners of this part end with.
    suffix: String,
    /// The state that was found last.
    pub known: Rows,
    /// The state if everything sent is made.
    pub hoped: Rows,
    /// Messages sent since `known`.
    pub sent: Vec<Vec<Op>>,
    /// How many of them are acknowledged.
    pub acknowledged: usize,
    next_value: u32,
}

impl Part {
    /// The part of client `number` in `zone`.
    pub fn new(number: usize, zone: &str) -> Part {
        let suffix = format!(".c{number}.{zone}");
        let (known, hoped, sent) = (Rows::new(), Rows::new(), Vec::new());
        Part { suffix, known, hoped, sent, acknowledged: 0, next_value: 0 }
    }

    /// The next message: one operation or many; of a few it is certain that they change nothing.
    pub fn message(&mut self, random: &mut Random) -> Vec<Op> {
        let count = if random.once_in(2) { 1 } else { 1 + random.below(MAX_OPS) };
        let mut ops = Vec::new();
        while ops.len() < count {
            let owner = format!("n{}{}", random.below(NAMES), self.suffix);
            match random.below(10) {
                0..=4 => ops.push(self.add(owner, random)),
                5 | 6 => {
                    let add = self.add(owner.clone(), random);
                    let Op::Add(_, rtype, _) = add else { unreachable!("an addition") };
                    ops.extend([Op::DeleteRrset(owner, rtype), add]);
                }
                7 => {
                    let Some(row) = self.hoped.iter().nth(random.below(self.hoped.len().max(1))) else { continue };
                    ops.push(Op::DeleteRecord(row.0.clone(), RType(row.1), row.3.clone()));
                }
                8 => ops.push(Op::DeleteRrset(owner, RType::TXT)),
                _ => ops.push(Op::DeleteName(owner)),
            }
        }
        apply(&mut self.hoped, &ops);
        self.sent.push(ops.clone());
        ops
    }

    /// Data that was never there before: no state comes back but by changes that change nothing.
    fn add(&mut self, owner: String, random: &mut Random) -> Op {
        self.next_value += 1;
        if random.once_in(3) {
            return Op::Add(owner, RType::A, self.next_value.to_be_bytes().to_vec());
        }
        let text = format!("{:08}{}", self.next_value, "x".repeat(random.below(200)));
        Op::Add(owner, RType::TXT, [&[text.len() as u8][..], text.as_bytes()].concat())
    }

    /// Takes over what a restarted server has. It must be what is left by all acknowledged messages and maybe by some
    /// of those sent afterwards, in their order, each whole. Returns the least and the greatest number of versions
    /// that this part's changes made.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn found(&mut self, zone: &Rows) -> Result<(u32, u32), String> {
        let found: Rows = zone.iter().filter(|row| row.0.ends_with(&self.suffix)).cloned().collect();
        let (mut state, mut versions, mut fitting) = (self.known.clone(), 0, Vec::new());
        for count in 0..=self.sent.len() {
            if count >= self.acknowledged && state == found {
                fitting.push(versions);
            }
            if let Some(ops) = self.sent.get(count) {
                versions += u32::from(apply(&mut state, ops));
            }
        }
        let (Some(&least), Some(&most)) = (fitting.first(), fitting.last()) else {
            return Err(self.difference(&found));
        };
        (self.known, self.hoped, self.acknowledged) = (found.clone(), found, 0);
        self.sent.clear();
        Ok((least, most))
    }

    fn difference(&self, found: &Rows) -> String {
        let mut state = self.known.clone();
        self.sent.iter().take(self.acknowledged).for_each(|ops| _ = apply(&mut state, ops));
        let lacking: Vec<_> = state.difference(found).take(5).collect();
        let extra: Vec<_> = found.difference(&state).take(5).collect();
        format!(
            "*{}: no state after {} acknowledged to {} sent messages; against the acknowledged ones it lacks {lacking:?} and has {extra:?}",
            self.suffix,
            self.acknowledged,
            self.sent.len(),
        )
    }
}

/// The model is worth something only if it can say no.
#[test]
fn the_model_refuses_what_is_wrong() {
    let check = |acknowledged: usize, spoil: fn(&mut Rows, &Part), good: bool| {
        let (mut part, mut random) = (Part::new(0, "z."), Random(7));
        let mut zone = Rows::new();
        for _ in 0..20 {
            let ops = part.message(&mut random);
            apply(&mut zone, &ops);
        }
        part.acknowledged = acknowledged;
        spoil(&mut zone, &part);
        assert_eq!(part.clone().found(&zone).is_ok(), good, "{acknowledged}");
    };
    check(20, |_, _| {}, true);
    check(0, |zone, _| zone.clear(), true);
    check(20, |zone, _| zone.clear(), false);
    check(20, |zone, _| drop(zone.pop_first()), false);
    // All of a message but its last operation.
    let half = |zone: &mut Rows, part: &Part| {
        let many = part.sent.iter().position(|ops| ops.len() > 3).expect("a long message");
        zone.clear();
        part.sent[..many].iter().for_each(|ops| _ = apply(zone, ops));
        apply(zone, &part.sent[many][..2]);
    };
    check(0, half, false);
}
