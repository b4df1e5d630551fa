//! Answers as log, history and live view see them: the record of the exit, with an identifier and the question read.

use dns::{Class, Name, RType};
use server::answered::question;
use server::record::{Batch, ExchangeRecord, Record, ResponseRecord};

use crate::decision::{Decision, DecisionText, Naming};
use crate::request_id::RequestId;

/// What was recorded in one turn of the collector, in the order of each thread.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    batch: Batch,
    /// The number of the first row; the others follow.
    first: u64,
    instance: u32,
    /// What policy decided about each answer; empty: about none.
    decisions: Vec<Option<DecisionText>>,
}

/// An answer to a query.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// What it is called.
    pub id: RequestId,
    /// What was asked; `None` if the response does not repeat the question.
    pub question: Option<(&'a Name, RType, Class)>,
    /// What the exit recorded.
    pub record: ResponseRecord<'a>,
    /// What policy decided about it.
    pub decision: Decision<'a>,
}

impl Rows {
    /// What is in `batch`; the first row has the number `first`. `instance` is that of the process.
    pub fn new(batch: Batch, first: u64, instance: u32) -> Rows {
        Rows { batch, first, instance, decisions: Vec::new() }
    }

    /// The same, with words for what policy decided.
    pub fn named(mut self, naming: &dyn Naming) -> Rows {
        let decide = |record: &ResponseRecord<'_>| naming.decision(record.client.ip(), record.policy);
        self.decisions = self.responses().map(|record| decide(&record)).collect();
        self
    }

    fn responses(&self) -> impl Iterator<Item = ResponseRecord<'_>> {
        self.batch.records().filter_map(|record| match record {
            Record::Response(record) => Some(record),
            Record::Exchange(_) => None,
        })
    }

    /// The answers.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (self.first..).zip(self.responses()).enumerate().map(|(at, (sequence, record))| Row {
            id: RequestId::new(record.time_us, self.instance, sequence),
            question: question(record.response),
            record,
            decision: self.decisions.get(at).and_then(Option::as_ref).map(DecisionText::get).unwrap_or_default(),
        })
    }

    /// The exchanges with other servers.
    pub fn exchanges(&self) -> impl Iterator<Item = ExchangeRecord<'_>> {
        self.batch.records().filter_map(|record| match record {
            Record::Response(_) => None,
            Record::Exchange(record) => Some(record),
        })
    }

    /// The memory that they take.
    pub fn size_bytes(&self) -> usize {
        self.batch.size_bytes()
    }
}

impl<'a> Row<'a> {
    /// The apex of the zone of ours that the name is in.
    pub fn zone(&self) -> Option<&'a Name> {
        let (name, ..) = self.question?;
        let labels = usize::from(self.record.apex_labels?);
        name.ancestors().nth(name.label_count().checked_sub(labels)?)
    }
}
