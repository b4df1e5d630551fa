//! Questions that our zones do not answer, or not to their end: the cache has the answer, a resolver thread gets the
//! question, or it is refused.

use std::time::Instant;

use dns::edns::ede;
use dns::header::Rcode;
use dns::query::flags;
use dns::question::HashedName;
use dns::response::Writer;
use dns::{Class, RType};
use resolver::Question;
use zone::Zone;
use zone::answer::Ends;

use super::asked::{Asked, Scratch};
use super::verdict::{Reply, Verdict};
use crate::answered::{Refusal, Source};
use crate::edns::ResponseEdns;
use crate::policy::limits::Miss;
use crate::recursion::{Job, Judging, Recursion, Unresolved, zone_hash};

/// One look-up in the cache of so many is measured: reading the clock twice costs as much as half of one.
const LOOKUPS_A_TIMED_ONE: u32 = 1024;

impl Scratch {
    /// Whether the look-up that comes is one whose time is measured.
    #[inline]
    fn times_next_lookup(&mut self) -> bool {
        self.lookups = self.lookups.wrapping_add(1);
        self.lookups.is_multiple_of(LOOKUPS_A_TIMED_ONE)
    }
}

impl Asked<'_> {
    /// Whether the resolver goes on where our zones end. Aliases of a zone that not everybody may ask are not told to
    /// it, see [`crate::recursion::LocalZones`].
    pub(super) fn goes_on(&self, zone: &Zone, ends: Ends) -> bool {
        self.recursion.is_some() && self.wants_recursion() && (zone.is_open() || ends == Ends::Cut)
    }

    pub(super) fn wants_recursion(&self) -> bool {
        self.slot.query.recursion_desired && self.slot.query.qclass == Class::IN
    }

    /// Stage: whether the client may ask for what is in no zone of ours.
    #[inline]
    pub(super) fn recursion_permitted(&self) -> Verdict {
        let query = &self.slot.query;
        match (self.recursion, &self.settings.recursion) {
            // There is no data of these types in any zone (RFC 6895 3.1).
            (Some(_), _) if query.qtype.is_meta() && query.qtype != RType::ANY => {
                Verdict::Answer(Reply::own(Rcode::FORMERR))
            }
            (Some(_), _) if query.qclass == Class::IN => Verdict::Continue,
            (None, Some(_)) => Verdict::Answer(Reply::refused(Refusal::Recursion, ede::PROHIBITED)),
            _ => Verdict::Answer(not_authoritative()),
        }
    }

    /// Stage: the answer of the cache; `None`: it takes the resolver.
    #[inline]
    pub(super) fn cached_answer(&self, w: &mut Writer<'_>, scratch: &mut Scratch) -> Option<Reply> {
        let query = &self.slot.query;
        let octets = w.octets();
        let (dnssec_ok, low) = (query.edns.is_some_and(|edns| edns.dnssec_ok), octets.get(3).copied().unwrap_or(0));
        let ask = resolver::cache::Ask { qtype: query.qtype, dnssec_ok, checking_disabled: low & flags::CD != 0 };
        let cache = self.recursion.and_then(|recursion| recursion.cache(query.qtype));
        // A referral of ours that goes with the answer is not in the cache.
        let cache = cache.filter(|_| self.zone.is_none() || self.settings.minimal_responses);
        let is_ours = |name: &HashedName| self.zones.find(name, ask.qtype).is_some();
        let timed = scratch.times_next_lookup().then(Instant::now);
        let hit = cache.and_then(|cache| cache.answer(scratch.now_ms, &ask, &mut scratch.alias, is_ours, w));
        if let Some(begin) = timed {
            self.stats.cache_lookups_timed.add(1);
            self.stats.cache_lookup_ns.add(begin.elapsed().as_nanos() as u64);
        }
        let Some(hit) = hit else { return (!self.wants_recursion()).then(not_authoritative) };
        // RFC 6840 5.7, 5.8: AD is for those who asked for it, with DO or AD.
        let authentic = hit.authentic() && (dnssec_ok || low & flags::AD != 0);
        let source = if hit.stale { Source::Stale } else { Source::Cache };
        let set_low = if authentic { flags::AD } else { 0 };
        Some(Reply {
            set_low,
            info: hit.reason,
            refresh: hit.prefetch,
            security: Some(hit.security),
            ..Reply::new(hit.rcode, source)
        })
    }

    /// Stage: whether others may be asked; if not, nothing is left of what is written.
    #[inline]
    pub(super) fn miss(&self, w: &mut Writer<'_>) -> Result<Option<Miss>, Reply> {
        let Some(limits) = &self.settings.limits else { return Ok(None) };
        limits.miss(self.client, &self.slot.name, self.begin_us, self.stats).map_err(|refusal| {
            w.clear(usize::from(self.slot.query.question_end));
            Reply { info: Some(ede::OTHER), ..Reply::new(Rcode::SERVFAIL, Source::Refused(refusal)) }
        })
    }

    /// The question for a resolver thread.
    #[inline(never)]
    pub(super) fn unresolved(
        &self,
        buf: &[u8],
        limit: usize,
        opt: Option<ResponseEdns>,
        (judging, miss): (Option<Judging>, Option<Miss>),
    ) -> Box<Unresolved> {
        self.stats.resolver_queries.add(1);
        let head = buf.get(..usize::from(self.slot.query.question_end)).unwrap_or_default();
        let arrived_us = self.recursion.map_or(0, Recursion::now_us);
        Box::new(
            Unresolved::new(head, (self.hash(), zone_hash(&self.slot.name)), opt, limit, arrived_us)
                .judged(judging)
                .counted(miss),
        )
    }

    /// Has a resolver thread resolve the question anew for the cache.
    #[cold]
    pub(super) fn refresh(&self) -> Option<(u64, Job)> {
        self.wants_recursion().then(|| {
            self.stats.resolver_prefetches.add(1);
            (self.hash(), Job::Refresh(Question::new(self.slot.name.name(), self.slot.query.qtype)))
        })
    }

    /// Questions for one name go to the same thread.
    fn hash(&self) -> u64 {
        self.slot.name.hash(self.slot.name.labels())
    }
}

/// Nobody here knows, and nobody wants it found out.
fn not_authoritative() -> Reply {
    Reply::refused(Refusal::NotAuthoritative, ede::NOT_AUTHORITATIVE)
}
