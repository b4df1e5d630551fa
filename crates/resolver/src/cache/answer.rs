//! A response straight from the cache, written on the thread that received the query: no allocation, and one shard's
//! lock at a time, only while one RRset is copied.

use dns::edns::ede;
use dns::question::HashedName;
use dns::response::{Full, Owner, Section, Writer};
use dns::{Name, RType, Rcode};

use super::entry::{self, Kind, NO_NAME, Proof, View};
use super::found::{Ask, Hit};
use super::key::Key;
use super::limits::MAX_ALIASES;
use super::shard::Shard;
use super::{Cache, Role};
use crate::security::Security;

/// Proofs of one response that are remembered, so that each is written once.
const MAX_WRITTEN: usize = 16;

/// Where the walk along the aliases stands.
enum Step {
    /// The answer is complete.
    Done,
    /// On with the name in the scratch space.
    Alias,
    /// The cache does not have it.
    Miss,
    /// What there is has to be answered with SERVFAIL.
    Failed,
    /// It does not fit.
    Full,
}

struct Walk<'c> {
    cache: &'c Cache,
    ask: Ask,
    now_ms: u64,
    hit: Hit,
    /// An alias on the way has proofs, which belong behind all answers.
    proofs_on_the_way: bool,
    written: [u64; MAX_WRITTEN],
    written_count: usize,
}

impl Cache {
    /// Writes the answer to the question of `w`, aliases followed; `alias` is scratch space. `None`: it is not, or not
    /// completely, in the cache, and nothing was written. What does not fit sets TC.
    ///
    /// `is_ours` says of the name that an alias leads to that the cache has no say in it: it is in a zone of the
    /// server, which may be newer than what the cache learned.
    ///
    /// Bogus data and failures are SERVFAIL, but clients that set CD get the data, and `None` for failures of
    /// validation without data.
    pub fn answer(
        &self,
        now_ms: u64,
        ask: &Ask,
        alias: &mut HashedName,
        is_ours: impl Fn(&HashedName) -> bool,
        w: &mut Writer<'_>,
    ) -> Option<Hit> {
        let mark = w.mark();
        let hit =
            Hit { rcode: Rcode::NOERROR, security: Security::Secure, reason: None, prefetch: false, stale: false };
        let (written, written_count) = ([0; MAX_WRITTEN], 0);
        let mut walk = Walk { cache: self, ask: *ask, now_ms, hit, proofs_on_the_way: false, written, written_count };
        let step = match walk.answers(alias, is_ours, w) {
            Step::Done if walk.proofs_on_the_way && ask.dnssec_ok => walk.proofs_of_aliases(alias, w),
            step => step,
        };
        match step {
            Step::Done => Some(walk.hit),
            Step::Full => {
                w.set_truncated();
                Some(walk.hit)
            }
            Step::Failed => {
                w.rollback(mark);
                Some(Hit { rcode: Rcode::SERVFAIL, ..walk.hit })
            }
            Step::Miss | Step::Alias => {
                w.rollback(mark);
                None
            }
        }
    }
}

impl Walk<'_> {
    fn answers(&mut self, alias: &mut HashedName, is_ours: impl Fn(&HashedName) -> bool, w: &mut Writer<'_>) -> Step {
        for aliases in 0..=MAX_ALIASES {
            match self.step(aliases == 0, alias, w) {
                Step::Alias if is_ours(alias) => return Step::Miss,
                Step::Alias => {}
                step => return step,
            }
        }
        Step::Miss
    }

    /// Writes what there is for the question's name, or for that in the scratch space.
    #[inline]
    fn step(&mut self, first: bool, alias: &mut HashedName, w: &mut Writer<'_>) -> Step {
        let question = w.question();
        let name = if first { question } else { &*alias };
        let key = Key { name: name.name(), hash: name.hash(name.labels()), rtype: self.ask.qtype };
        let mut shard = self.cache.lock(key.hash);
        // Behind a stale alias all may be stale.
        let found = self.cache.search(&shard, key, self.now_ms, self.hit.stale);
        let found = match found {
            Some(found) => Some(found),
            None => match self.failed(&mut shard, key) {
                Ok(found) => found,
                Err(step) => return step,
            },
        };
        let Some((entry, role)) = found else {
            shard.stats.misses += 1;
            shard.stats.of(self.ask.qtype).misses += 1;
            return Step::Miss;
        };
        let used = self.cache.using(&mut shard, entry, role, self.now_ms);
        let Some(view) = shard.view(entry) else { return Step::Miss };
        self.note(view);
        self.hit.prefetch |= used.prefetch;
        self.hit.stale |= used.stale;
        if view.security() == Security::Bogus && !self.ask.checking_disabled {
            self.count(&mut shard);
            return Step::Failed;
        }
        let owner = if first { Owner::Question } else { Owner::Name(key.name) };
        if self.write(view, owner, used.ttl, role, w).is_err() {
            self.count(&mut shard);
            return Step::Full;
        }
        if role == Role::Alias {
            let target = entry::records(view.rdata()).next().and_then(|rdata| Name::from_wire(rdata).ok());
            let Some(target) = target else { return Step::Miss };
            alias.set(target, self.cache.hasher);
            return Step::Alias;
        }
        if view.rtype() == NO_NAME {
            self.hit.rcode = Rcode::NXDOMAIN;
        }
        if self.hit.stale {
            let nxdomain = self.hit.rcode == Rcode::NXDOMAIN;
            self.hit.reason = Some(if nxdomain { ede::STALE_NXDOMAIN } else { ede::STALE_ANSWER });
        }
        self.count(&mut shard);
        Step::Done
    }

    fn count(&self, shard: &mut Shard) {
        shard.stats.hits += 1;
        shard.stats.stale_hits += u64::from(self.hit.stale);
        shard.stats.of(self.ask.qtype).hits += 1;
    }

    /// What a failure in the cache leads to: stale data if that may be served (RFC 8767 5), else SERVFAIL.
    fn failed(&mut self, shard: &mut Shard, key: Key<'_>) -> Result<Option<(super::Ref, Role)>, Step> {
        let Some(entry) = shard.find(key, true) else { return Ok(None) };
        let Some(view) = shard.view(entry).filter(|view| self.now_ms < view.expires_ms()) else { return Ok(None) };
        if view.security() == Security::Bogus && self.ask.checking_disabled {
            return Ok(None);
        }
        if self.cache.settings.serve_stale
            && let Some(stale) = self.cache.search(shard, key, self.now_ms, true)
        {
            return Ok(Some(stale));
        }
        self.note(view);
        self.count(shard);
        Err(Step::Failed)
    }

    /// The answer is as good as the worst of its parts.
    fn note(&mut self, view: View<'_>) {
        if view.security() < self.hit.security || self.hit.reason.is_none() {
            self.hit.reason = view.reason_code().or(self.hit.reason);
        }
        self.hit.security = self.hit.security.min(view.security());
    }

    #[inline]
    fn write(
        &mut self,
        view: View<'_>,
        owner: Owner<'_>,
        ttl: u32,
        role: Role,
        w: &mut Writer<'_>,
    ) -> Result<(), Full> {
        if view.kind() == Kind::Positive {
            if view.proof_count() > 0 {
                // RFC 6672 3.1: the DNAME stands in front of the CNAME that is made from it.
                for proof in view.proofs().filter(|proof| proof.rtype == RType::DNAME) {
                    self.rrset(Section::Answer, Owner::Name(proof.owner), proof, ttl, w)?;
                }
            }
            let (rtype, rdata, signatures) = (view.rtype(), view.rdata(), view.signatures());
            let rrset = Proof { owner: view.name(), rtype, ttl, rdata, signatures };
            self.rrset(Section::Answer, owner, rrset, ttl, w)?;
        }
        if role == Role::Alias {
            self.proofs_on_the_way |= view.proof_count() > 0;
            return Ok(());
        }
        self.authority(view, ttl, w)
    }

    /// The SOA, and for clients that want them the proofs.
    fn authority(&mut self, view: View<'_>, ttl: u32, w: &mut Writer<'_>) -> Result<(), Full> {
        for proof in view.proofs().filter(|proof| proof.rtype != RType::DNAME) {
            let wanted = proof.rtype == RType::SOA || self.ask.dnssec_ok;
            if wanted && self.is_new(&proof) {
                self.rrset(Section::Authority, Owner::Name(proof.owner), proof, ttl, w)?;
            }
        }
        Ok(())
    }

    fn is_new(&mut self, proof: &Proof<'_>) -> bool {
        let id = self.cache.hasher.hash(proof.owner) ^ u64::from(proof.rtype.0);
        if self.written[..self.written_count].contains(&id) {
            return false;
        }
        if let Some(slot) = self.written.get_mut(self.written_count) {
            *slot = id;
            self.written_count += 1;
        }
        true
    }

    /// All of an RRset or nothing.
    #[inline]
    fn rrset(
        &self,
        section: Section,
        owner: Owner<'_>,
        rrset: Proof<'_>,
        ttl: u32,
        w: &mut Writer<'_>,
    ) -> Result<(), Full> {
        let mark = w.mark();
        let mut result =
            entry::records(rrset.rdata).try_for_each(|rdata| w.record(section, owner, rrset.rtype, ttl, rdata));
        if self.ask.dnssec_ok && result.is_ok() {
            let mut signatures = entry::records(rrset.signatures);
            result = signatures.try_for_each(|rdata| w.record(section, owner, RType::RRSIG, ttl, rdata));
        }
        if result.is_err() {
            w.rollback(mark);
        }
        result
    }

    /// Goes along the aliases a second time for the proofs of those that a wildcard made.
    fn proofs_of_aliases(&mut self, alias: &mut HashedName, w: &mut Writer<'_>) -> Step {
        let question = w.question();
        for aliases in 0..=MAX_ALIASES {
            let name = if aliases == 0 { question } else { &*alias };
            let key = Key { name: name.name(), hash: name.hash(name.labels()), rtype: self.ask.qtype };
            let shard = self.cache.lock(key.hash);
            let Some((entry, role)) = self.cache.search(&shard, key, self.now_ms, self.hit.stale) else {
                return Step::Miss;
            };
            let Some(view) = shard.view(entry).filter(|_| role == Role::Alias) else { return Step::Done };
            let ttl = match view.ttl_left(self.now_ms) {
                0 => self.cache.settings.stale_answer_ttl_s,
                left => left,
            };
            if self.authority(view, ttl, w).is_err() {
                return Step::Full;
            }
            let target = entry::records(view.rdata()).next().and_then(|rdata| Name::from_wire(rdata).ok());
            let Some(target) = target else { return Step::Miss };
            alias.set(target, self.cache.hasher);
        }
        Step::Miss
    }
}
