//! The servers of a scenario.

use std::collections::BTreeSet;
use std::net::IpAddr;

use dns::{Class, Message, NameBuf, RType, Rcode};

use super::config::Dialect;
use super::entry::Entry;
use super::parse::{Action, Range, Scenario};
use crate::{Delivery, FakeNetwork};
use resolver::upstream::{Exchange, Transport};

/// How long a server takes, in microseconds.
const RTT_US: u64 = 1000;
/// Messages that are remembered for error texts.
const MAX_UNANSWERED: usize = 5;
/// Messages without an entry that are remembered for the end of the scenario.
const MAX_UNSCRIPTED: usize = 50;
/// Lines of the log.
const MAX_LOG: usize = 10_000;

/// What the servers do at which step.
pub struct Script {
    dialect: Dialect,
    ranges: Vec<Range>,
    /// Replies that are given once, of steps.
    replies: Vec<(u64, Option<IpAddr>, Entry)>,
    /// The entry and the address that the coming step waits for: it stays unanswered until then.
    pub awaited: Option<(Entry, Option<IpAddr>)>,
    /// The step that the scenario is at.
    pub step: u64,
    /// Lines of the entries that were used.
    used: BTreeSet<usize>,
    /// Messages that no entry was for, since the last question of a client.
    pub unanswered: Vec<String>,
    /// What clients asked so far.
    pub questions: Vec<NameBuf>,
    /// Messages that no entry or step was for so far, each once, the first of them first.
    unscripted: Vec<String>,
    /// What was sent and what came of it, line by line.
    pub log: Vec<String>,
}

impl Script {
    /// The servers of this scenario.
    pub fn new(scenario: &Scenario) -> Script {
        let once = |step: &super::parse::Step| match &step.action {
            Action::Reply(entry, address) => Some((step.number, *address, (**entry).clone())),
            _ => None,
        };
        let dialect = scenario.config.dialect;
        Script {
            dialect,
            ranges: scenario.ranges.clone(),
            replies: if dialect == Dialect::Deckard {
                scenario.steps.iter().filter_map(once).collect()
            } else {
                vec![]
            },
            awaited: None,
            step: 0,
            used: BTreeSet::new(),
            unanswered: Vec::new(),
            questions: Vec::new(),
            unscripted: Vec::new(),
            log: Vec::new(),
        }
    }

    /// The line of an entry that had to be used and was not.
    pub fn unused(&self) -> Option<usize> {
        let mut all = self.ranges.iter().flat_map(|range| &range.entries);
        all.find(|entry| entry.mandatory && !self.used.contains(&entry.line)).map(|entry| entry.line)
    }

    /// The entry for a message, if there is one.
    pub fn find(&mut self, exchange: &Exchange, query: &Message) -> Option<Entry> {
        if let Some(entry) = self.entry(exchange, query).cloned() {
            self.used.insert(entry.line);
            return Some(entry);
        }
        let address = exchange.server.ip();
        let fits = |entry: &Entry| entry.mismatch(query, Some(&exchange.transport)).is_none();
        let once = self.replies.iter().position(|(step, server, entry)| {
            *step >= self.step && server.is_none_or(|server| server == address) && fits(entry)
        });
        once.map(|at| self.replies.remove(at).2)
    }

    /// The entry of a range for a message.
    fn entry(&self, exchange: &Exchange, query: &Message) -> Option<&Entry> {
        let address = exchange.server.ip();
        let is_known = self.ranges.iter().any(|range| range.addresses.is_empty() || range.addresses.contains(&address));
        let fits = |entry: &Entry| entry.mismatch(query, Some(&exchange.transport)).is_none();
        let mut eligible = self.ranges.iter().filter(|range| {
            let is_now = (range.from..=range.to).contains(&self.step);
            // Deckard: an address that no range has is every server's.
            let anyone = range.addresses.is_empty() || (!is_known && self.dialect == Dialect::Deckard);
            is_now && (anyone || range.addresses.contains(&address))
        });
        eligible.find_map(|range| range.entries.iter().find(|entry| fits(entry)))
    }

    /// Whether the coming step is about this message.
    pub fn is_awaited(&self, exchange: &Exchange, query: &Message) -> bool {
        self.awaited.as_ref().is_some_and(|(entry, server)| {
            server.is_none_or(|server| server == exchange.server.ip())
                && entry.mismatch(query, Some(&exchange.transport)).is_none()
        })
    }

    /// The messages that the scenario had nothing for, up to its end.
    pub fn unscripted(&self) -> &[String] {
        &self.unscripted
    }

    /// A step or a range that came later dealt with a message.
    pub fn dealt_with(&mut self, what: &str) {
        self.unscripted.retain(|other| other != what);
    }

    /// Whether a message probes for a zone cut above what clients asked, and the scenario has an entry for such a probe with
    /// the other type: RFC 9156 2.1 leaves that to the resolver.
    fn is_other_probe(&self, exchange: &Exchange, query: &Message) -> bool {
        let mut other = query.clone();
        let Some(question) = other.questions.first_mut() else { return false };
        question.rtype = match question.rtype {
            RType::A => RType::NS,
            RType::NS => RType::A,
            _ => return false,
        };
        let is_above = |asked: &NameBuf| *asked != question.name && asked.is_at_or_below(&question.name);
        self.questions.iter().any(is_above) && self.entry(exchange, &other).is_some()
    }

    fn note_unscripted(&mut self, what: &str, exchange: &Exchange, query: &Message) {
        if self.is_other_probe(exchange, query) {
            return;
        }
        if self.unanswered.len() < MAX_UNANSWERED {
            self.unanswered.push(what.to_owned());
        }
        if self.unscripted.len() < MAX_UNSCRIPTED && !self.unscripted.iter().any(|other| other == what) {
            self.unscripted.push(what.to_owned());
        }
    }

    /// Adds a line to the log.
    pub fn log(&mut self, line: String) {
        if self.log.len() < MAX_LOG {
            self.log.push(line);
        }
    }
}

/// A message and where it goes.
pub fn described(exchange: &Exchange, query: &Message) -> String {
    let question = query.questions.first().map(|it| match it.class {
        Class::IN => format!("{} {}", it.name, it.rtype),
        class => format!("{} {class} {}", it.name, it.rtype),
    });
    let transport = if exchange.transport == Transport::Udp { "" } else { " over TCP" };
    format!("{} to {}{transport}", question.unwrap_or_default(), exchange.server.ip())
}

/// What an entry sends, and when.
pub fn delivery(entry: &Entry, query: &Message) -> Delivery {
    if entry.adjust.silent {
        return Delivery::Silence;
    }
    Delivery::Reply { message: entry.reply(query), after_us: RTT_US + entry.adjust.delay_us }
}

impl FakeNetwork for Script {
    fn reply(&mut self, now_us: u64, exchange: &Exchange) -> Delivery {
        let Ok(query) = Message::parse(&exchange.message) else { return Delivery::Silence };
        let what = described(exchange, &query);
        let (result, delivery) = if self.is_awaited(exchange, &query) {
            ("waits for its step".to_owned(), Delivery::Silence)
        } else if let Some(entry) = self.find(exchange, &query) {
            (format!("entry on line {}", entry.line), delivery(&entry, &query))
        } else {
            self.note_unscripted(&what, exchange, &query);
            let mut reply = query.clone();
            (reply.header.qr, reply.header.rcode) = (true, Rcode::SERVFAIL);
            let failure = Delivery::Reply { message: reply.to_wire(usize::MAX), after_us: RTT_US };
            let silent = self.dialect == Dialect::Testbound;
            ("no entry".to_owned(), if silent { Delivery::Silence } else { failure })
        };
        let step = self.step;
        self.log(format!("step {step}, {:.3} s: {what}: {result}", now_us as f64 / 1e6));
        delivery
    }
}
