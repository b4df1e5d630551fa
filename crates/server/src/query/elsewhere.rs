//! Questions that our zones do not answer, or not to their end: the cache has the answer, a resolver thread gets the
//! question, or it is refused.

use dns::edns::ede;
use dns::header::Rcode;
use dns::query::flags;
use dns::question::HashedName;
use dns::response::Writer;
use dns::{Class, RType};
use zone::Zone;
use zone::answer::Ends;

use super::{Asked, Scratch, Verdict};
use crate::edns::ResponseEdns;
use crate::recursion::{Client, Recursion, Resolving};
use crate::settings::ZonePolicy;

impl Asked<'_> {
    /// Whether the resolver goes on where our zones end. Aliases of a zone that not everybody may ask are not told to
    /// it, see [`crate::recursion::LocalZones`].
    pub(super) fn goes_on(&self, zone: &Zone, ends: Ends) -> bool {
        let is_open = zone.policy.as_ref().and_then(|policy| policy.downcast_ref::<ZonePolicy>());
        let is_open = is_open.is_none_or(|policy| policy.allow_query.is_empty());
        self.recursion.is_some() && self.wants_recursion() && (is_open || ends == Ends::Cut)
    }

    fn wants_recursion(&self) -> bool {
        self.slot.query.recursion_desired && self.slot.query.qclass == Class::IN
    }

    /// The answer to a question about no zone of ours.
    #[inline]
    pub(super) fn elsewhere(&self, w: &mut Writer<'_>, scratch: &mut Scratch) -> Verdict {
        match (self.recursion, &self.settings.recursion) {
            // There is no data of these types in any zone (RFC 6895 3.1).
            (Some(_), _) if self.slot.query.qtype.is_meta() && self.slot.query.qtype != RType::ANY => {
                Verdict::from(Rcode::FORMERR)
            }
            (Some(_), _) if self.slot.query.qclass == Class::IN => self.resolve(w, scratch),
            (None, Some(_)) => {
                self.stats.resolver_denied.add(1);
                Verdict::refused(ede::PROHIBITED)
            }
            _ => {
                self.stats.not_authoritative.add(1);
                Verdict::refused(ede::NOT_AUTHORITATIVE)
            }
        }
    }

    /// The answer from the cache, or a resolver thread's.
    #[inline]
    pub(super) fn resolve(&self, w: &mut Writer<'_>, scratch: &mut Scratch) -> Verdict {
        let query = &self.slot.query;
        let octets = w.octets();
        let (dnssec_ok, low) = (query.edns.is_some_and(|edns| edns.dnssec_ok), octets.get(3).copied().unwrap_or(0));
        let ask = resolver::cache::Ask { qtype: query.qtype, dnssec_ok, checking_disabled: low & flags::CD != 0 };
        let cache = self.recursion.and_then(|recursion| recursion.cache(query.qtype));
        // A referral of ours that goes with the answer is not in the cache.
        let cache = cache.filter(|_| self.zone.is_none() || self.settings.minimal_responses);
        let is_ours = |name: &HashedName| self.zones.find(name, ask.qtype).is_some();
        let hit = cache.and_then(|cache| cache.answer(scratch.now_ms, &ask, &mut scratch.alias, is_ours, w));
        let Some(hit) = hit else {
            if self.wants_recursion() {
                return Verdict { resolve: true, ..Verdict::from(Rcode::NOERROR) };
            }
            self.stats.not_authoritative.add(1);
            return Verdict::refused(ede::NOT_AUTHORITATIVE);
        };
        self.stats.cache_hits.add(1);
        if hit.prefetch {
            self.refresh(w.octets(), scratch);
        }
        // RFC 6840 5.7, 5.8: AD is for those who asked for it, with DO or AD.
        let authentic = hit.authentic() && (dnssec_ok || low & flags::AD != 0);
        let set_low = if authentic { flags::AD } else { 0 };
        Verdict { set_low, info: hit.reason, ..Verdict::from(hit.rcode) }
    }

    /// Has a resolver thread resolve the question anew for the cache.
    #[cold]
    fn refresh(&self, buf: &[u8], scratch: &mut Scratch) {
        if self.wants_recursion() {
            self.stats.resolver_prefetches.add(1);
            self.leave(buf, 0, None, None, scratch);
        }
    }

    /// Leaves a question for a resolver thread.
    #[inline(never)]
    pub(super) fn leave_to_resolver(
        &self,
        buf: &[u8],
        limit: usize,
        opt: Option<ResponseEdns>,
        scratch: &mut Scratch,
    ) -> usize {
        self.stats.resolver_queries.add(1);
        self.leave(buf, limit, opt, Some(self.index), scratch);
        0
    }

    fn leave(&self, buf: &[u8], limit: usize, opt: Option<ResponseEdns>, index: Option<usize>, scratch: &mut Scratch) {
        let head = buf.get(..usize::from(self.slot.query.question_end)).unwrap_or_default();
        let hash = self.slot.name.hash(self.slot.name.labels());
        let arrived_us = self.recursion.map_or(0, Recursion::now_us);
        let client = Box::new(Client::new(head, opt, limit, arrived_us));
        scratch.resolving.push(Resolving { index, hash, client });
    }
}
