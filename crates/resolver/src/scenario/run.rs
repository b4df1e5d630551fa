//! Runs a scenario step by step.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::rc::Rc;

use dns::{Class, Edns, Message};

use super::client::{self, Ask};
use super::config::Dialect;
use super::entry::Entry;
use super::parse::{Action, Scenario, Step};
use super::script::{self, Script};
use crate::sim::{Delivery, Sim};
use crate::upstream::{Exchange, ExchangeError, Upstream};

/// How long a step may take in virtual time, in microseconds.
const STEP_TIMEOUT_US: u64 = 30_000_000;

/// A step that did not go as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The step.
    pub step: u64,
    /// Why.
    pub why: String,
}

/// A scenario under way.
pub struct Runner<'a> {
    scenario: &'a Scenario,
    sim: Sim<Script>,
    ask: Ask,
    /// Responses to clients that no step has looked at.
    answers: Rc<RefCell<VecDeque<Message>>>,
    /// Questions that were asked and have to be answered.
    expected: usize,
}

impl<'a> Runner<'a> {
    /// At the beginning.
    pub fn new(scenario: &'a Scenario, sim: Sim<Script>, ask: Ask) -> Runner<'a> {
        Runner { scenario, sim, ask, answers: Rc::default(), expected: 0 }
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Result<(), Failure> {
        for step in &self.scenario.steps {
            self.step(step).map_err(|why| Failure { step: step.number, why })?;
        }
        let last = self.scenario.steps.last().map_or(0, |step| step.number);
        match self.sim.network().unused() {
            Some(line) => Err(Failure { step: last, why: format!("the mandatory entry on line {line} was not used") }),
            None => Ok(()),
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        self.arrive_at(step);
        let testbound = self.scenario.config.dialect == Dialect::Testbound;
        match &step.action {
            Action::Query(entry) => self.query(entry, testbound),
            Action::CheckAnswer(entry) => self.check_answer(entry, testbound),
            // Deckard: the reply is given whenever it is wanted, and queries are not looked at.
            Action::Reply(..) | Action::CheckOutQuery(..) if !testbound => Ok(()),
            Action::Reply(entry, server) => {
                let (id, _, query) = self.wait_for(Some(entry), *server)?;
                if let Delivery::Reply { message, .. } = script::delivery(entry, &query) {
                    self.sim.end_exchange(id, Ok(message));
                }
                Ok(())
            }
            Action::CheckOutQuery(entry, server) => {
                let (id, exchange, query) = self.wait_for(Some(entry), *server)?;
                if entry.adjust.copy_id {
                    self.sim.end_exchange(id, Ok(entry.reply(&query)));
                } else {
                    self.answer_from_ranges(id, &exchange);
                }
                Ok(())
            }
            Action::Timeout(server) => self.break_off(*server, ExchangeError::Timeout),
            Action::Error(server) => self.break_off(*server, ExchangeError::Unreachable),
            Action::TimePasses(us) => {
                self.sim.pass(*us);
                Ok(())
            }
            Action::Traffic => {
                self.flow(|runner| runner.is_answered() && runner.sim.pending().is_empty());
                Ok(())
            }
            Action::Nothing => Ok(()),
        }
    }

    /// The servers follow the step, also with messages that wait since earlier ones.
    fn arrive_at(&self, step: &Step) {
        {
            let mut script = self.sim.network_mut();
            script.step = step.number;
            script.awaited = match &step.action {
                _ if self.scenario.config.dialect == Dialect::Deckard => None,
                Action::Reply(entry, server) | Action::CheckOutQuery(entry, server) => {
                    Some(((**entry).clone(), *server))
                }
                _ => None,
            };
            if matches!(step.action, Action::Query(_)) {
                script.unanswered.clear();
            }
        }
        if self.scenario.config.dialect == Dialect::Testbound {
            self.sim.run_ready();
            self.sim.pending().iter().for_each(|(id, exchange)| self.answer_from_ranges(*id, exchange));
        }
    }

    /// Answers a message that waits, if an entry is for it now.
    fn answer_from_ranges(&self, id: u64, exchange: &Exchange) {
        let Ok(query) = Message::parse(&exchange.message) else { return };
        let mut script = self.sim.network_mut();
        let entry = if script.is_awaited(exchange, &query) { None } else { script.find(exchange, &query) };
        drop(script);
        if let Some(Delivery::Reply { message, .. }) = entry.map(|entry| script::delivery(&entry, &query)) {
            self.sim.end_exchange(id, Ok(message));
        }
    }

    fn is_answered(&self) -> bool {
        self.answers.borrow().len() >= self.expected
    }

    /// Lets time pass until something has happened, within the bound of a step.
    fn flow(&self, mut done: impl FnMut(&Runner<'_>) -> bool) -> bool {
        self.sim.run_until(self.sim.now_us() + STEP_TIMEOUT_US, || done(self))
    }

    fn query(&mut self, entry: &Entry, testbound: bool) -> Result<(), String> {
        let packet = match &entry.raw {
            Some(raw) => raw.clone(),
            None => {
                let mut message = entry.message.clone();
                message.header.id = 0x4857;
                // Deckard speaks EDNS always, testbound only with DO.
                if !testbound {
                    message.edns.get_or_insert_with(Edns::default).udp_size = 4096;
                }
                message.to_wire(usize::MAX)
            }
        };
        if !testbound {
            self.answers.borrow_mut().clear();
            self.expected = 0;
        }
        // Whether a raw query is answered, and how, is not looked at.
        let counts = entry.raw.is_none();
        self.expected += usize::from(counts);
        let (ask, answers) = (self.ask.clone(), self.answers.clone());
        self.sim.spawn(Box::pin(async move {
            let response = client::respond(ask, &packet).await;
            if counts {
                answers.borrow_mut().extend(response);
            }
        }));
        if !testbound {
            self.flow(|runner| runner.is_answered());
        }
        Ok(())
    }

    fn check_answer(&mut self, entry: &Entry, testbound: bool) -> Result<(), String> {
        self.flow(|runner| !runner.answers.borrow().is_empty());
        let Some(answer) = self.answers.borrow().front().cloned() else {
            let seconds = STEP_TIMEOUT_US / 1_000_000;
            return Err(format!("no answer within {seconds} s{}", self.unanswered()));
        };
        if testbound {
            self.answers.borrow_mut().pop_front();
            self.expected = self.expected.saturating_sub(1);
        }
        match entry.mismatch(&answer, None) {
            Some(why) => Err(format!("{why}{}{}", reason(&answer), self.unanswered())),
            None => Ok(()),
        }
    }

    /// The messages that no entry was for, as part of an error text.
    fn unanswered(&self) -> String {
        let script = self.sim.network();
        if script.unanswered.is_empty() {
            String::new()
        } else {
            format!(" [no entry for: {}]", script.unanswered.join(", "))
        }
    }

    /// The oldest message under way that matches, waiting for one if there is none.
    fn wait_for(&self, entry: Option<&Entry>, server: Option<IpAddr>) -> Result<(u64, Exchange, Message), String> {
        let find = |sim: &Sim<Script>| {
            sim.pending().into_iter().find_map(|(id, exchange)| {
                let query = Message::parse(&exchange.message).ok()?;
                let here = server.is_none_or(|server| server == exchange.server.ip());
                let fits = entry.is_none_or(|it| it.mismatch(&query, Some(&exchange.transport)).is_none());
                (here && fits).then_some((id, exchange, query))
            })
        };
        self.flow(|runner| find(&runner.sim).is_some());
        find(&self.sim).ok_or_else(|| {
            let under_way = self.sim.pending().iter().map(|(_, exchange)| described(exchange)).collect::<Vec<_>>();
            format!("no such message was sent; under way: [{}]", under_way.join(", "))
        })
    }

    fn break_off(&self, server: Option<IpAddr>, error: ExchangeError) -> Result<(), String> {
        let (id, ..) = self.wait_for(None, server)?;
        self.sim.end_exchange(id, Err(error));
        Ok(())
    }
}

/// A message and where it goes.
fn described(exchange: &Exchange) -> String {
    let question = Message::parse(&exchange.message).ok().and_then(|query| query.questions.into_iter().next());
    let question = question.map_or_else(
        || "?".to_owned(),
        |it| {
            if it.class == Class::IN {
                format!("{} {}", it.name, it.rtype)
            } else {
                format!("{} {} {}", it.name, it.class, it.rtype)
            }
        },
    );
    format!("{question} to {}", exchange.server.ip())
}

/// The extended error of a response, as part of an error text.
fn reason(answer: &Message) -> String {
    let mut options = answer.edns.iter().flat_map(|edns| &edns.options);
    let error = options.find_map(|option| match option {
        dns::edns::EdnsOption::ExtendedError { info, text } => Some(format!(" (EDE {info}: {text})")),
        _ => None,
    });
    error.unwrap_or_default()
}
