//! Forwarding: asks other resolvers, the best first, and goes on to the next when one does not answer.
//!
//! Every exchange updates what [`crate::servers`] knows about a forwarder. As long as the best one is not known to answer,
//! the next is asked at the same time, and the first good answer wins. If the configuration says so, the servers of the
//! zone are asked when no forwarder answers ([`Resolver::forward_or_iterate`]).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use dns::edns::ede;
use dns::{Name, Rcode};
use futures_util::FutureExt;
use futures_util::future::{Either, select};

use crate::ask::{Ask, AskError};
use crate::fetched::Fetched;
use crate::limits::FALLBACK_AFTER_US;
use crate::question::Question;
use crate::resolve::Resolver;
use crate::scrub::{Asked, Meaning, scrub};
use crate::security::Reason;
use crate::settings::{ForwardZone, Forwarder};
use crate::upstream::{ExchangeError, Upstream};
use crate::work::{Context, Exceeded};

/// A forwarder that gives no answer is told of once in so many microseconds.
const TELL_AGAIN_US: u64 = 60_000_000;

/// Why a forwarder gave no answer.
enum Refusal {
    /// It may be asked again.
    Silent(String),
    /// It is of no use, for whatever question: the operator should know.
    Useless(String),
    /// It found no answer to this question.
    Unable(String),
    /// A limit was passed.
    Exceeded(Exceeded),
}

/// When the operator was told last of a forwarder that gives no answer.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<HashMap<SocketAddr, u64>>);

impl Told {
    /// Whether it is time to tell of `server`, which then counts as told of.
    fn is_due(&self, server: SocketAddr, now_us: u64) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = told.get(&server).is_none_or(|&at_us| at_us + TELL_AGAIN_US <= now_us);
        if due {
            told.insert(server, now_us);
        }
        due
    }
}

/// The forwarders of a zone, as one question sees them.
struct Asking<'a> {
    /// Those that may still be asked, and how often each was asked in vain.
    servers: Vec<(&'a Forwarder, u32)>,
    /// What the others said.
    failures: Vec<String>,
}

impl<U: Upstream> Resolver<U> {
    /// Asks the servers that a zone is forwarded to. Those in `avoid` are passed over.
    ///
    /// # Errors
    /// What each of them said.
    pub(crate) async fn forward(
        &self,
        context: &Context,
        zone: &ForwardZone,
        question: &Question,
        avoid: &[SocketAddr],
    ) -> Result<Arc<Fetched>, Reason> {
        let servers = zone.servers.iter().filter(|server| !avoid.contains(&server.address));
        let mut asking = Asking { servers: servers.map(|server| (server, 0)).collect(), failures: Vec::new() };
        while let Some(index) = self.best(&asking.servers) {
            let server = asking.servers[index].0;
            let well = self.shared().servers.is_proven(server.address);
            let other = if well { None } else { self.second(&asking.servers, index) };
            let (answered, at) = match other {
                None => (self.ask_forwarder(context, server, question).await, index),
                Some(second) => {
                    let beside = asking.servers[second].0;
                    self.ask_both(context, (server, index), (beside, second), question).await
                }
            };
            match answered {
                Ok(fetched) => return Ok(Arc::new(fetched)),
                Err(Refusal::Exceeded(exceeded)) => return Err(self.out_of(asking, exceeded)),
                Err(Refusal::Silent(_)) if asking.servers[at].1 < self.settings().retries => asking.servers[at].1 += 1,
                Err(Refusal::Silent(why) | Refusal::Useless(why)) => {
                    self.tell(asking.servers[at].0, &why);
                    asking.give_up(at, &why);
                }
                Err(Refusal::Unable(why)) => asking.give_up(at, &why),
            }
        }
        let text = format!("no forwarder for {} gave an answer: {}", zone.name, asking.failures.join("; "));
        Err(Reason::new(ede::NO_REACHABLE_AUTHORITY, text))
    }

    /// Asks the servers that a zone is forwarded to; if none of them answers, or not soon, the servers of the name's
    /// zone as well: the first good answer counts. Forwarders of which none is well are asked only to find out whether
    /// that has changed, and nobody waits for them.
    ///
    /// # Errors
    /// What came of both.
    pub(crate) async fn forward_or_iterate(
        self: &Rc<Self>,
        context: &Context,
        zone: &ForwardZone,
        question: &Question,
        avoid: &[SocketAddr],
    ) -> Result<Arc<Fetched>, Reason> {
        let now_us = self.upstream().now_us();
        let left_us = context.deadline_us.saturating_sub(now_us);
        let mut servers = zone.servers.iter().filter(|server| !avoid.contains(&server.address));
        let patience_us = match servers.any(|server| self.shared().servers.is_well(server.address)) {
            true => FALLBACK_AFTER_US.min(left_us / 2),
            false => 0,
        };
        let forwarded = {
            let (this, zone, question, avoid) = (self.clone(), zone.clone(), question.clone(), avoid.to_vec());
            let context = Context { deadline_us: now_us + left_us / 2, ..context.clone() };
            async move { this.forward(&context, &zone, &question, &avoid).await }.boxed_local().shared()
        };
        // It goes on when another answer came first: that a forwarder is well again is learned from its reply.
        self.upstream().spawn(Box::pin(forwarded.clone().map(drop)));
        let patience = pin!(self.upstream().sleep_until(now_us + patience_us));
        let iterate = || self.iterate(context, question, None, avoid);
        let forwarded = match select(forwarded, patience).await {
            Either::Left((Ok(fetched), _)) => return Ok(fetched),
            Either::Left((Err(refused), _)) => return iterate().await.map_err(|reason| both(&refused, &reason)),
            Either::Right((_, forwarded)) => forwarded,
        };
        match select(pin!(iterate()), forwarded).await {
            Either::Left((Ok(fetched), _)) | Either::Right((Ok(fetched), _)) => Ok(fetched),
            Either::Left((Err(reason), forwarded)) => forwarded.await.map_err(|refused| both(&refused, &reason)),
            Either::Right((Err(refused), iterated)) => iterated.await.map_err(|reason| both(&refused, &reason)),
        }
    }

    /// A limit was passed while forwarders were asked: what they said so far is part of the reason.
    fn out_of(&self, mut asking: Asking<'_>, exceeded: Exceeded) -> Reason {
        if matches!(exceeded, Exceeded::Time(_)) {
            let silent = ExchangeError::Timeout.to_string();
            for (server, _) in asking.servers.iter().filter(|(_, attempts)| *attempts > 0) {
                self.tell(server, &silent);
                asking.failures.push(format!("{}: {silent}", server.address));
            }
        }
        let reason = Reason::from(exceeded);
        match asking.failures.is_empty() {
            true => reason,
            false => Reason { text: format!("{}: {}", reason.text, asking.failures.join("; ")), ..reason },
        }
    }

    /// Tells the operator, now and then, of a forwarder that gives no answer.
    fn tell(&self, server: &Forwarder, why: &str) {
        if self.shared().told.is_due(server.address, self.upstream().now_us()) {
            self.upstream().refused(server.address, &server.transport, why);
        }
    }

    fn best(&self, servers: &[(&Forwarder, u32)]) -> Option<usize> {
        let addresses: Vec<_> = servers.iter().map(|(server, attempts)| (server.address, *attempts)).collect();
        let (now_us, random) = (self.upstream().now_us(), self.upstream().random());
        self.shared().servers.choose(&addresses, Name::root(), now_us, random)
    }

    /// Another server to ask beside one that may not answer.
    fn second(&self, servers: &[(&Forwarder, u32)], first: usize) -> Option<usize> {
        (0..servers.len()).filter(|&index| index != first).min_by_key(|&index| servers[index].1)
    }

    /// The first good answer of two servers; if none is good, what the second to fail said.
    async fn ask_both(
        &self,
        context: &Context,
        (one, at_one): (&Forwarder, usize),
        (two, at_two): (&Forwarder, usize),
        question: &Question,
    ) -> (Result<Fetched, Refusal>, usize) {
        let first = pin!(self.ask_forwarder(context, one, question));
        let second = pin!(self.ask_forwarder(context, two, question));
        match select(first, second).await {
            Either::Left((Ok(fetched), _)) => (Ok(fetched), at_one),
            Either::Right((Ok(fetched), _)) => (Ok(fetched), at_two),
            Either::Left((Err(_), second)) => (second.await, at_two),
            Either::Right((Err(_), first)) => (first.await, at_one),
        }
    }

    async fn ask_forwarder(
        &self,
        context: &Context,
        server: &Forwarder,
        question: &Question,
    ) -> Result<Fetched, Refusal> {
        let (transport, address) = (&server.transport, server.address);
        // Without EDNS nothing that a forwarder says can be validated.
        let (name, recursion, signatures) = (None, true, self.settings().validate);
        let (wary, plain) = (false, false);
        let ask = Ask { server: address, name, transport, question, recursion, signatures, wary, plain };
        let reply = self.ask(context, ask).await.map_err(|error| match error {
            AskError::Exceeded(exceeded) => Refusal::Exceeded(exceeded),
            AskError::Exchange(ExchangeError::Timeout | ExchangeError::Busy) => Refusal::Silent(error.to_string()),
            _ => Refusal::Useless(error.to_string()),
        })?;
        let asked = Asked { question, zone: Name::root(), forwarder: true, harden_glue: true, server: address };
        match scrub(&asked, &reply) {
            Meaning::Answer(fetched) | Meaning::Weak(fetched) => Ok(fetched),
            Meaning::Referral(_) => Err(Refusal::Useless("a referral: it does not resolve for us".to_owned())),
            Meaning::Lame(why) => Err(Refusal::Useless(why.to_owned())),
            Meaning::Error(rcode @ (Rcode::REFUSED | Rcode::NOTIMP)) => Err(Refusal::Useless(rcode.to_string())),
            Meaning::Error(rcode) => Err(Refusal::Unable(rcode.to_string())),
        }
    }
}

impl Asking<'_> {
    fn give_up(&mut self, index: usize, why: &str) {
        let (server, _) = self.servers.remove(index);
        self.failures.push(format!("{}: {why}", server.address));
    }
}

/// The reason where neither forwarders nor the servers of the zone gave an answer.
fn both(forwarded: &Reason, iterated: &Reason) -> Reason {
    let text = format!("{}; then {}", forwarded.text, iterated.text);
    Reason { code: iterated.code, text, limit: forwarded.limit || iterated.limit }
}
