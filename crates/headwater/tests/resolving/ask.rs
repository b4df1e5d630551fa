//! The client: asks many questions at once, tells right answers from wrong ones, and keeps the times.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use dns::{Message, RType, Rcode};

use crate::common::{Random, receive};
use crate::data::{ASKED, Truth, name, text, truth};

/// Questions that are under way at once.
const OUTSTANDING: usize = 32;
/// How long an answer may take: longer than Headwater takes for SERVFAIL (`resolver.query_timeout_ms`).
const PATIENCE: Duration = Duration::from_secs(7);

/// What came of the questions.
#[derive(Default)]
pub struct Outcome {
    /// Times of right answers, sorted.
    pub times: Vec<Duration>,
    pub wrong: Vec<String>,
    /// Questions answered with SERVFAIL.
    pub servfail: Vec<String>,
    /// Questions not answered at all.
    pub silent: Vec<String>,
}

impl Outcome {
    pub fn failures(&self) -> usize {
        self.servfail.len() + self.silent.len()
    }

    /// The time that so many per cent of the right answers took at most, in milliseconds.
    pub fn percentile_ms(&self, percent: usize) -> f64 {
        let last = self.times.len().saturating_sub(1);
        let at = (self.times.len() * percent).div_ceil(100).saturating_sub(1).min(last);
        self.times.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
    }
}

/// Different questions, the same in each run.
pub fn questions(count: usize) -> Vec<(String, RType)> {
    let mut random = Random(53);
    let mut questions = Vec::new();
    while questions.len() < count {
        let (kind, number, zone) = (*random.pick(b"aaaacctx") as char, random.below(1000), *random.pick(&ASKED));
        let deep = if kind == 'a' && random.once_in(4) { "deep." } else { "" };
        let question = (format!("{kind}{number}.{deep}{zone}"), *random.pick(&[RType::A, RType::AAAA]));
        if !questions.contains(&question) {
            questions.push(question);
        }
    }
    questions
}

/// What an answer says, in the form of what is true; `None` if it is not one to the question, or says more.
fn said(owner: &str, rtype: RType, answer: &Message) -> Option<Truth> {
    let question = answer.questions.first()?;
    if (text(&question.name).as_str(), question.rtype) != (owner, rtype) {
        return None;
    }
    let alias = answer.answers.iter().find(|record| record.rtype == RType::CNAME && record.owner == question.name);
    let alias = alias.and_then(|record| dns::Name::from_wire(&record.rdata).ok().map(text));
    let end = alias.as_ref().map_or_else(|| question.name.clone(), |alias| name(alias));
    let data = answer.answers.iter().find(|record| record.rtype == question.rtype && record.owner == end);
    let data = data.map(|record| record.rdata.clone());
    let expected = usize::from(alias.is_some()) + usize::from(data.is_some());
    (answer.answers.len() == expected).then_some(Truth { rcode: answer.header.rcode, alias, data })
}

/// Asks all questions, with up to [`OUTSTANDING`] under way.
pub fn ask_all(server: SocketAddr, questions: &[(String, RType)]) -> Outcome {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("socket");
    socket.connect(server).expect("connect");
    socket.set_read_timeout(Some(Duration::from_millis(100))).expect("timeout");
    let (mut outcome, mut waiting) = (Outcome::default(), HashMap::new());
    let mut left = questions.iter().enumerate();
    let mut buffer = vec![0; 65_535];
    loop {
        while waiting.len() < OUTSTANDING
            && let Some((id, (owner, rtype))) = left.next()
        {
            let query = Message::query(id as u16, name(owner), *rtype);
            socket.send(&query.to_wire(512)).expect("sent");
            waiting.insert(id, Instant::now());
        }
        if waiting.is_empty() {
            break;
        }
        if let Ok(len) = receive(&socket, &mut buffer) {
            let answer = Message::parse(&buffer[..len]).expect("a well-formed response");
            let id = usize::from(answer.header.id);
            let Some(sent) = waiting.remove(&id) else { continue };
            judge(&questions[id], &answer, sent.elapsed(), &mut outcome);
        }
        waiting.retain(|&id, sent| {
            let waits = sent.elapsed() < PATIENCE;
            if !waits {
                outcome.silent.push(format!("{} {}", questions[id].0, questions[id].1));
            }
            waits
        });
    }
    outcome.times.sort();
    outcome
}

fn judge((owner, rtype): &(String, RType), answer: &Message, time: Duration, outcome: &mut Outcome) {
    let expected = truth(owner, *rtype);
    match said(owner, *rtype, answer) {
        Some(said) if said == expected => outcome.times.push(time),
        Some(said) if said.rcode == Rcode::SERVFAIL && said.data.is_none() => {
            outcome.servfail.push(format!("{owner} {rtype}"));
        }
        _ => outcome.wrong.push(format!("{owner} {rtype}: {answer:?} instead of {expected:?}")),
    }
}
