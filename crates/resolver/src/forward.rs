//! Forwarding: other resolvers are asked, the best first; one that does not answer is passed over for the next.
//!
//! What is known of servers ([`crate::servers`]) is their health: every question measures it. While the best is not
//! known to be well, the next is asked beside it, and the first good answer counts.

use std::rc::Rc;
use std::sync::Arc;

use dns::Name;
use dns::edns::ede;
use futures_util::future::{Either, select};

use crate::ask::{Ask, AskError};
use crate::fetched::Fetched;
use crate::question::Question;
use crate::resolve::Resolver;
use crate::scrub::{Asked, Meaning, scrub};
use crate::security::Reason;
use crate::settings::{ForwardZone, Forwarder};
use crate::upstream::{ExchangeError, Upstream};
use crate::work::{Context, Exceeded};

/// Why a forwarder gave no answer.
enum Refusal {
    /// It may be asked again.
    Silent(String),
    /// Asking it again is no use.
    Useless(String),
    /// A limit was passed.
    Exceeded(Exceeded),
}

impl<U: Upstream> Resolver<U> {
    /// Who is asked about a name instead of the servers of its zone; nobody if a stub zone is closer to it.
    pub(crate) fn forwarders_of(&self, name: &Name) -> Option<&ForwardZone> {
        let settings = self.settings();
        let stub = settings.stub_of(name).map(|stub| stub.name.label_count());
        settings.forward_of(name).filter(|zone| stub.is_none_or(|labels| labels < zone.name.label_count()))
    }

    /// Asks the servers that a zone is forwarded to. Those in `avoid` come last.
    ///
    /// # Errors
    /// What each of them said.
    pub(crate) async fn forward(
        self: &Rc<Self>,
        context: &Context,
        zone: &ForwardZone,
        question: &Question,
        avoid: &[std::net::SocketAddr],
    ) -> Result<Arc<Fetched>, Reason> {
        let mut servers: Vec<(&Forwarder, u32)> =
            zone.servers.iter().filter(|server| !avoid.contains(&server.address)).map(|server| (server, 0)).collect();
        let mut failures = Vec::new();
        while let Some(index) = self.best(&servers) {
            let server = servers[index].0;
            let well = self.shared().servers.is_proven(server.address);
            let other = if well { None } else { self.second(&servers, index) };
            let (answered, at) = match other {
                None => (self.ask_forwarder(context, server, question).await, index),
                Some(second) => {
                    let beside = servers[second].0;
                    self.ask_both(context, (server, index), (beside, second), question).await
                }
            };
            match answered {
                Ok(fetched) => return Ok(Arc::new(fetched)),
                Err(Refusal::Exceeded(exceeded)) => return Err(exceeded.into()),
                Err(Refusal::Silent(why)) if servers[at].1 >= self.settings().retries => {
                    failures.push(format!("{}: {why}", servers.remove(at).0.address));
                }
                Err(Refusal::Silent(_)) => servers[at].1 += 1,
                Err(Refusal::Useless(why)) => failures.push(format!("{}: {why}", servers.remove(at).0.address)),
            }
        }
        let text = format!("no forwarder for {} gave an answer: {}", zone.name, failures.join("; "));
        Err(Reason::new(ede::NO_REACHABLE_AUTHORITY, text))
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
        let first = std::pin::pin!(self.ask_forwarder(context, one, question));
        let second = std::pin::pin!(self.ask_forwarder(context, two, question));
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
            AskError::Malformed
            | AskError::TooManyRrsets(_)
            | AskError::WrongCase
            | AskError::Truncated
            | AskError::Exchange(ExchangeError::Unfit) => Refusal::Useless(error.to_string()),
            AskError::Exchange(_) => Refusal::Silent(error.to_string()),
        })?;
        let asked = Asked { question, zone: Name::root(), forwarder: true, harden_glue: true, server: address };
        match scrub(&asked, &reply) {
            Meaning::Answer(fetched) | Meaning::Weak(fetched) => Ok(fetched),
            Meaning::Referral(_) => Err(Refusal::Useless("referral".to_owned())),
            Meaning::Lame(why) => Err(Refusal::Useless(why.to_owned())),
            Meaning::Error(rcode) => Err(Refusal::Useless(rcode.to_string())),
        }
    }
}
