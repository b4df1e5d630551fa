//! Runs a scenario step by step.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::rc::Rc;

use dns::{Edns, Message};

use super::Unscripted;
use super::client::{self, Ask};
use super::config::Dialect;
use super::entry::Entry;
use super::parse::{Action, Scenario, Step};
use super::script::{self, Script};
use crate::{Delivery, Sim};
use resolver::upstream::{Exchange, ExchangeError, Upstream};

/// How long a step may take in virtual time, in microseconds.
const STEP_TIMEOUT_US: u64 = 30_000_000;

/// A step that did not go as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The step.
    pub step: u64,
    /// Why.
    pub why: String,
    /// Nothing else was wrong but that servers were asked what the scenario does not script.
    pub unscripted: bool,
}

impl Failure {
    fn new(step: u64, why: String) -> Failure {
        Failure { step, why, unscripted: false }
    }
}

/// A message under way.
struct Sent {
    id: u64,
    exchange: Exchange,
    query: Message,
}

impl Sent {
    fn described(&self) -> String {
        script::described(&self.exchange, &self.query)
    }
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
    unscripted: Unscripted,
}

impl<'a> Runner<'a> {
    /// At the beginning.
    pub fn new(scenario: &'a Scenario, sim: Sim<Script>, ask: Ask, unscripted: Unscripted) -> Runner<'a> {
        Runner { scenario, sim, ask, answers: Rc::default(), expected: 0, unscripted }
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Result<(), Failure> {
        for step in &self.scenario.steps {
            self.step(step).map_err(|why| Failure::new(step.number, why))?;
        }
        let last = self.scenario.steps.last().map_or(0, |step| step.number);
        let script = self.sim.network();
        if let Some(line) = script.unused() {
            return Err(Failure::new(last, format!("the mandatory entry on line {line} was not used")));
        }
        match script.unscripted() {
            [_, ..] if self.unscripted == Unscripted::Fails => {
                let asked = script.unscripted().join(", ");
                let why = format!("servers were asked what the scenario does not script: {asked}");
                Err(Failure { step: last, why, unscripted: true })
            }
            _ => Ok(()),
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
                let sent = self.wait_for(Some(entry), *server)?;
                if let Delivery::Reply { message, .. } = script::delivery(entry, &sent.query) {
                    self.end_exchange(&sent, Ok(message));
                }
                Ok(())
            }
            Action::CheckOutQuery(entry, server) => {
                let sent = self.wait_for(Some(entry), *server)?;
                if entry.adjust.copy_id {
                    self.end_exchange(&sent, Ok(entry.reply(&sent.query)));
                } else {
                    self.answer_from_ranges(&sent);
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
            self.under_way().iter().for_each(|sent| self.answer_from_ranges(sent));
        }
    }

    /// The messages under way, the oldest first.
    fn under_way(&self) -> Vec<Sent> {
        let sent = |(id, exchange): (u64, Exchange)| {
            let query = Message::parse(&exchange.message).ok()?;
            Some(Sent { id, exchange, query })
        };
        self.sim.pending().into_iter().filter_map(sent).collect()
    }

    /// Ends a message under way as the scenario says.
    fn end_exchange(&self, sent: &Sent, result: Result<Vec<u8>, ExchangeError>) {
        self.sim.network_mut().dealt_with(&sent.described());
        self.sim.end_exchange(sent.id, result);
    }

    /// Answers a message that waits, if an entry is for it now.
    fn answer_from_ranges(&self, sent: &Sent) {
        let mut script = self.sim.network_mut();
        let awaited = script.is_awaited(&sent.exchange, &sent.query);
        let entry = if awaited { None } else { script.find(&sent.exchange, &sent.query) };
        drop(script);
        let Some(entry) = entry else { return };
        self.sim.network_mut().dealt_with(&sent.described());
        if let Delivery::Reply { message, .. } = script::delivery(&entry, &sent.query) {
            self.end_exchange(sent, Ok(message));
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
        let asked = entry.message.questions.iter().map(|question| question.name.clone());
        self.sim.network_mut().questions.extend(asked);
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
    fn wait_for(&self, entry: Option<&Entry>, server: Option<IpAddr>) -> Result<Sent, String> {
        let fits = |sent: &Sent| {
            let here = server.is_none_or(|server| server == sent.exchange.server.ip());
            here && entry.is_none_or(|it| it.mismatch(&sent.query, Some(&sent.exchange.transport)).is_none())
        };
        self.flow(|runner| runner.under_way().iter().any(fits));
        let mut under_way = self.under_way();
        match under_way.iter().position(fits) {
            Some(at) => Ok(under_way.swap_remove(at)),
            None => {
                let described: Vec<_> = under_way.iter().map(Sent::described).collect();
                Err(format!("no such message was sent; under way: [{}]", described.join(", ")))
            }
        }
    }

    fn break_off(&self, server: Option<IpAddr>, error: ExchangeError) -> Result<(), String> {
        let sent = self.wait_for(None, server)?;
        self.end_exchange(&sent, Err(error));
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dns::{RType, Rcode};

    use super::super::parse;
    use super::*;
    use resolver::outcome::{Outcome, Timed};
    use resolver::rrset::Rrset;
    use resolver::security::Security;
    use resolver::upstream::Transport;

    /// Asks 192.0.2.1 for all, once, and believes it; SERVFAIL without a reply within a second.
    fn believer(sim: Sim<Script>) -> Ask {
        Rc::new(move |question, _| {
            let sim = sim.clone();
            Box::pin(async move {
                let message = Message::query(0, question.name.clone(), question.rtype).to_wire(512);
                let server = "192.0.2.1:53".parse().expect("address");
                let exchange = Exchange { server, transport: Transport::Udp, message, timeout_us: 1_000_000 };
                let Ok(reply) = sim.exchange(exchange).await else {
                    return Arc::new(Outcome::empty(Rcode::SERVFAIL, Security::Indeterminate));
                };
                let reply = Message::parse(&reply).expect("reply");
                let mut outcome = Outcome::empty(reply.header.rcode, Security::Insecure);
                for record in reply.answers {
                    let rrset = Rrset::new(record.owner, record.rtype, record.ttl).with(&record.rdata);
                    outcome.answers.push(Timed { rrset: Arc::new(rrset), ttl: record.ttl });
                }
                Arc::new(outcome)
            })
        })
    }

    const ASK: &str = "STEP 10 QUERY\nENTRY_BEGIN\nREPLY RD\nSECTION QUESTION\nwww. IN A\nENTRY_END\n";
    const RANGE: &str = "RANGE_BEGIN 0 100\nADDRESS 192.0.2.1\nENTRY_BEGIN\nMATCH opcode qtype qname\nADJUST copy_id\n\
        REPLY QR AA NOERROR\nSECTION QUESTION\nwww. IN A\nSECTION ANSWER\nwww. 60 IN A 192.0.2.7\nENTRY_END\nRANGE_END\n";

    fn entry(step: &str, matches: &str, reply: &str, answer: &str) -> String {
        format!(
            "STEP {step}\nENTRY_BEGIN\nMATCH {matches}\nADJUST copy_id\nREPLY {reply}\nSECTION QUESTION\nwww. IN A\n\
             SECTION ANSWER\n{answer}\nENTRY_END\n"
        )
    }

    /// The scenario of these steps ends like this.
    fn check(config: &str, steps: &[&str], expected: Result<(), (u64, &str)>) {
        let source = format!("{config}\nCONFIG_END\nSCENARIO_BEGIN x\n{}SCENARIO_END\n", steps.concat());
        let scenario = parse::parse(&source).expect("parses");
        let sim = Sim::new(Script::new(&scenario), 0, 1000);
        let got = Runner::new(&scenario, sim.clone(), believer(sim.clone()), Unscripted::Passes).run();
        sim.shut_down();
        let got = got.map_err(|failure| (failure.step, failure.why));
        assert_eq!(got, expected.map_err(|(step, why)| (step, why.to_owned())), "{source}");
    }

    const GOOD: &str = "www. IN A 192.0.2.7";

    #[test]
    fn answers_are_compared() {
        let with = |matches: &str, reply: &str, answer: &str, expected: Result<(), (u64, &str)>| {
            check("", &[RANGE, ASK, &entry("20 CHECK_ANSWER", matches, reply, answer)], expected);
        };
        with("all", "QR RD RA NOERROR", GOOD, Ok(()));
        with("all ttl", "QR RD RA NOERROR", "www. 60 IN A 192.0.2.7", Ok(()));
        with(
            "all ttl",
            "QR RD RA",
            "WWW. 61 A 192.0.2.7",
            Err((20, "answer: missing WWW. 61 A 192.0.2.7; too much: www. 60 A 192.0.2.7")),
        );
        with("all", "QR RD RA NOERROR", "", Err((20, "answer: too much: www. A 192.0.2.7")));
        with("rcode", "QR NXDOMAIN", "", Err((20, "rcode: wanted NXDOMAIN, got NOERROR")));
        with("flags", "QR RD RA AD", GOOD, Err((20, "flags: wanted QR RD RA AD, got QR RD RA")));
        with("answertypes", "QR", "www. TXT x", Err((20, "answer types: wanted TXT, got A")));
        with("ede=any", "QR", GOOD, Err((20, "extended error: wanted any, got []")));
        with("subdomain", "QR", GOOD, Ok(()));
    }

    #[test]
    fn what_no_entry_is_for() {
        let failed = entry("20 CHECK_ANSWER", "all", "QR RD RA SERVFAIL", "");
        check("", &[ASK, &failed], Ok(()));
        check("server:", &[ASK, &failed], Ok(()));
        let wrong = entry("20 CHECK_ANSWER", "all", "QR RD RA", "");
        check("", &[ASK, &wrong], Err((20, "rcode: wanted NOERROR, got SERVFAIL [no entry for: www. A to 192.0.2.1]")));
    }

    #[test]
    fn steps_of_testbound() {
        let good = entry("40 CHECK_ANSWER", "all", "QR RD RA", GOOD);
        let reply = entry("30 REPLY", "qname", "QR AA", GOOD);
        let sent = |address: &str| {
            entry(&format!("20 CHECK_OUT_QUERY {address}"), "qname qtype", "", "").replace("ADJUST copy_id\n", "")
        };
        check("server:", &[ASK, &sent(""), &reply, &good], Ok(()));
        check("server:", &[RANGE, ASK, &sent("ADDRESS 192.0.2.1"), &good], Ok(()));
        let missing = "no such message was sent; under way: []";
        check("server:", &[RANGE, ASK, &sent("ADDRESS 192.0.2.9"), &good], Err((20, missing)));
        let failed = entry("40 CHECK_ANSWER", "all", "QR RD RA SERVFAIL", "");
        check("", &[ASK, "STEP 30 TIMEOUT\n", &failed], Ok(()));
        check("", &[RANGE, ASK, "STEP 30 TRAFFIC\n", &good, "STEP 50 TIME_PASSES ELAPSE 5\n"], Ok(()));
    }

    #[test]
    fn replies_of_deckard() {
        let steps =
            [ASK, &entry("30 REPLY", "qname", "QR AA", GOOD), &entry("40 CHECK_ANSWER", "all", "QR RD RA", GOOD)];
        check("", &steps, Ok(()));
        let unused = RANGE.replace("MATCH", "MANDATORY\nMATCH");
        check("", &[&unused, "STEP 1 NOTHING\n"], Err((1, "the mandatory entry on line 6 was not used")));
        check("", &[RANGE, ASK, ASK, "STEP 1 NOTHING\n"], Ok(()));
    }

    #[test]
    fn types_of_questions() {
        assert_eq!(RType::A.to_string(), "A");
        let wanted = entry("20 CHECK_ANSWER", "rcode", "QR REFUSED", "");
        check("", &[&ASK.replace(" IN ", " CH "), &wanted], Ok(()));
    }
}
