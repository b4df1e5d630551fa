//! The client of a scenario: a query in, the response that the server would give out.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use dns::edns::EdnsOption;
use dns::query::{Query, Unanswerable, flags};
use dns::question::HashedName;
use dns::response::Writer;
use dns::{Class, Edns, Message, NameBuf, NameHasher, Rcode};

use super::config::Config;
use super::problem::Problem;
use resolver::anchors::Anchors;
use resolver::cache::{CacheSettings, TtlOverride};
use resolver::local::NoLocalData;
use resolver::outcome::Outcome;
use resolver::question::Question;
use resolver::resolve::{Resolver, Shared};
use resolver::trace::Trace;
use resolver::upstream::Upstream;

/// Resolves a question, with checking disabled or not.
pub type Ask = Rc<dyn Fn(Question, bool) -> Pin<Box<dyn Future<Output = Arc<Outcome>>>>>;

/// The largest response.
const MAX_RESPONSE: usize = 65_535;

/// Answers a query; silence is the answer to what is none.
pub async fn respond(ask: Ask, packet: &[u8]) -> Option<Message> {
    let hasher = NameHasher::new(0);
    let (mut query, mut name) = (Query::default(), HashedName::default());
    match query.read(packet, &mut name, hasher) {
        Ok(()) => {}
        Err(Unanswerable::Ignore) => return None,
        Err(Unanswerable::Malformed | Unanswerable::MalformedTail) => return refusal(packet, Rcode::FORMERR),
        Err(_) => return refusal(packet, Rcode::NOTIMP),
    }
    if query.qclass != Class::IN {
        return refusal(packet, Rcode::REFUSED);
    }
    let (cd, ad) = (packet.get(3)? & flags::CD != 0, packet.get(3)? & flags::AD != 0);
    let dnssec_ok = query.edns.is_some_and(|edns| edns.dnssec_ok);
    let outcome = ask(Question::new(name.name(), query.qtype), cd).await;
    let outcome = if cd { (*outcome).clone() } else { outcome.checked() };

    let mut buf = packet.to_vec();
    buf.resize(MAX_RESPONSE, 0);
    let limit = query.edns.map_or(512, |edns| usize::from(edns.udp_size));
    let mut writer = Writer::new(&mut buf, &name, hasher, usize::from(query.question_end), limit);
    outcome.write(&mut writer, query.qtype, dnssec_ok);
    let len = writer.finish(1, 0, outcome.rcode.0 as u8);
    let mut response = Message::parse(buf.get(..len)?).ok()?;
    response.header.ra = true;
    // RFC 6840 5.7, 5.8: AD tells those who asked for it that the answer has been checked.
    response.header.ad = outcome.is_authentic() && (dnssec_ok || ad) && !cd;
    response.edns = query.edns.map(|_| {
        let error = outcome.reason.as_ref();
        let options = error.map(|it| EdnsOption::ExtendedError { info: it.code, text: it.text.clone() });
        Edns { dnssec_ok, options: options.into_iter().collect(), ..Edns::default() }
    });
    Some(response)
}

/// A response without records.
fn refusal(packet: &[u8], rcode: Rcode) -> Option<Message> {
    let mut response = Message::default();
    let word = |at: usize| Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
    response.header = dns::Header::from_words(word(0)?, word(2)?);
    (response.header.qr, response.header.rcode) = (true, rcode);
    Some(response)
}

/// A resolver of its own, as the scenario wants it configured.
pub fn resolver<U: Upstream + Clone>(config: &Config, upstream: U) -> Result<Ask, Problem> {
    let cache = CacheSettings {
        overrides: vec![(NameBuf::root(), TtlOverride { min_s: config.min_ttl, max_s: config.max_ttl })],
        negative_ttl_s: config.negative_ttl,
        serve_stale: false,
        prefetch: false,
        ..CacheSettings::default()
    };
    let mut anchors = Anchors::default();
    for record in &config.anchors {
        if !anchors.add(&record.owner, record.rtype, &record.rdata) {
            return Err(Problem::Skip(format!("a trust anchor of type {} at {}", record.rtype, record.owner)));
        }
    }
    let shared = Shared::new(config.settings(), cache, anchors, NameHasher::new(0), 0);
    let resolver = Resolver::new(upstream, shared, Rc::new(NoLocalData));
    Ok(Rc::new(move |question, checking_disabled| {
        let resolver = resolver.clone();
        Box::pin(async move { resolver.resolve(question, checking_disabled, Trace::default()).await })
    }))
}
