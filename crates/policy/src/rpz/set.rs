//! Several response policy zones in order, asked in two steps.
//!
//! **Precedence** (draft-vixie-dnsop-dns-rpz 5). What an alias leads to counts less than the alias itself; an earlier
//! zone counts more than a later one; in a zone the kinds of triggers count as [`TriggerKind`] orders them; of a kind
//! the more specific rule: a name before a wildcard, a longer wildcard before a shorter, a longer prefix (an IPv4
//! prefix as 96 longer) before a shorter, the smaller address, the name of a server that is first in canonical order.
//! A wildcard matches every name below its own, also below a name that has a rule: the rule of `a.example` does not
//! hide `*.example` from `b.a.example`, as it would in a zone that is served (RFC 4592 2.2.1), and does in BIND.
//!
//! **Two steps.** [`PolicyZones::before`] looks at what is known before a question is resolved, [`PolicyZones::after`]
//! at the answer. A match of the first step may be overruled in the second by a zone in front of it, and only by such a
//! one. [`PolicyZones::must_resolve_first`] says whether that can be. If not, the match is carried out at once:
//! this is BIND's `qname-wait-recurse no`. BIND's default is to resolve nevertheless, so that whoever runs the name's
//! servers does not learn from the missing question that the name is listed. Here the listed name is not asked for: an
//! answer that is thrown away costs time and work, and a failure of its servers would hide the policy; and asking tells
//! them that somebody has the malicious software.
//!
//! **DNSSEC.** Who asks with DO may validate, and a rewritten answer is bogus to them. A zone without `break_dnssec` does
//! not rewrite their signed answers, so that their questions are resolved first.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use dns::question::HashedName;

use super::replacement::Replacement;
use super::rule::{Trigger, TriggerKind};
use super::zone::{Hit, PolicyZone};
use crate::action::{Effect, RuleRef};
use crate::who::{ListId, ListSet};

/// Zones of a set; as many as BIND takes.
pub const MAX_ZONES: usize = 64;
/// Matches that [`PolicyZones::all_matches`] lists; those of least precedence are left out.
pub const MAX_MATCHES: usize = 256;
/// How much longer an IPv4 prefix counts, beside those of IPv6: as in an IPv4-mapped address.
const IPV4_LONGER: usize = 96;

/// What is known before a question is resolved.
const BEFORE: [TriggerKind; 2] = [TriggerKind::ClientIp, TriggerKind::Qname];
/// What an answer adds for the name of the question.
const ANSWER: [TriggerKind; 3] = [TriggerKind::ResponseIp, TriggerKind::Nsdname, TriggerKind::NsIp];
/// What an answer has for each further name; the client is the same for all.
const FURTHER: [TriggerKind; 4] =
    [TriggerKind::Qname, TriggerKind::ResponseIp, TriggerKind::Nsdname, TriggerKind::NsIp];

/// A zone as it is used.
#[derive(Debug, Clone)]
pub struct PolicySource {
    /// Its number, by which clients have it or not.
    pub list: ListId,
    /// Its rules.
    pub zone: Arc<PolicyZone>,
    /// What is done when one matches.
    pub replacement: Replacement,
    /// Whether the record of an answer names the rule.
    pub log: bool,
    /// Whether signed answers are rewritten also for those who ask with DO.
    pub break_dnssec: bool,
    /// Whether only questions with RD are rewritten; BIND's default.
    pub recursive_only: bool,
    /// No rewritten answer has a longer TTL, in seconds; `None`: those of the zone.
    pub max_policy_ttl_s: Option<u32>,
}

/// More zones than [`MAX_ZONES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {MAX_ZONES} response policy zones")]
pub struct TooManyZones;

/// What rules look at in an answer, besides its aliases: nothing else need be gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Looks {
    /// At its addresses.
    pub addresses: bool,
    /// At the name servers of its names.
    pub servers: bool,
    /// At the addresses of those too.
    pub server_addresses: bool,
    /// Whether it is signed, if who asks may validate it.
    pub signatures: bool,
}

/// Response policy zones in order of precedence.
#[derive(Debug, Clone, Default)]
pub struct PolicyZones {
    sources: Vec<PolicySource>,
    looks: Looks,
}

/// A question and who asks it.
#[derive(Clone, Copy)]
pub struct RpzQuestion<'a> {
    /// Its name, hashed as the names of the zones.
    pub name: &'a HashedName,
    /// Who asks.
    pub client: IpAddr,
    /// The zones that hold for them.
    pub lists: &'a ListSet,
    /// RD of the question.
    pub recursion_desired: bool,
    /// DO of the question.
    pub dnssec_ok: bool,
    /// Whether its answer is known to have signatures, those of a denial included.
    pub signed: bool,
}

/// What an answer shows to policy.
#[derive(Clone, Copy)]
pub struct RpzAnswer<'a> {
    /// The name of the question, and what it is an alias of, one after the other.
    pub stages: &'a [Stage<'a>],
}

/// A name that was resolved on the way to an answer.
#[derive(Clone, Copy)]
pub struct Stage<'a> {
    /// The name; the first one is that of the question.
    pub name: &'a HashedName,
    /// The addresses that it has in the answer; none for an alias.
    pub addresses: &'a [IpAddr],
    /// The name servers of its zone and of those above, as far as they are known.
    pub servers: &'a [Server<'a>],
}

/// A name server.
#[derive(Clone, Copy)]
pub struct Server<'a> {
    /// Its name.
    pub name: &'a HashedName,
    /// Its addresses, as far as they are known.
    pub addresses: &'a [IpAddr],
}

/// A rule that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpzMatch {
    /// Which zone of the set, from 0.
    pub position: usize,
    /// The zone, and the number of the rule.
    pub rule: RuleRef,
    /// What matches; its text is the owner name of the rule, relative to the apex.
    pub trigger: Trigger,
    /// Which name of the answer is rewritten, from 0: what is in front of it stays, what follows is left out.
    pub stage: usize,
    /// What is done.
    pub effect: Effect,
    /// TTL of the rewritten answer in seconds.
    pub ttl_s: u32,
    /// Whether the zone is disabled: it is noted what would be done, and nothing done.
    pub dry_run: bool,
    /// Whether the record of the answer names the rule.
    pub log: bool,
}

/// Every rule that matches, by precedence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Matches {
    /// The first [`MAX_MATCHES`].
    pub matches: Vec<RpzMatch>,
    /// Which of them is carried out; `None` as well for a signed answer that is not rewritten.
    pub decides: Option<usize>,
}

/// What triggers can look at, of one name.
#[derive(Clone, Copy)]
struct View<'a> {
    client: IpAddr,
    number: usize,
    stage: Stage<'a>,
}

impl Looks {
    fn of(sources: &[PolicySource]) -> Looks {
        let at = |kind| sources.iter().any(|source| source.zone.has(kind));
        let server_addresses = at(TriggerKind::NsIp);
        let servers = server_addresses || at(TriggerKind::Nsdname);
        let signatures = sources.iter().any(|source| !source.break_dnssec);
        Looks { addresses: at(TriggerKind::ResponseIp), servers, server_addresses, signatures }
    }

    /// Whether at anything.
    #[inline]
    pub fn any(self) -> bool {
        self.addresses || self.servers || self.signatures
    }
}

impl PolicyZones {
    /// The zones in order.
    ///
    /// # Errors
    /// More than [`MAX_ZONES`].
    pub fn new(sources: Vec<PolicySource>) -> Result<PolicyZones, TooManyZones> {
        if sources.len() > MAX_ZONES {
            return Err(TooManyZones);
        }
        let looks = Looks::of(&sources);
        Ok(PolicyZones { sources, looks })
    }

    /// What the rules of any of the zones look at.
    #[inline]
    pub fn looks(&self) -> Looks {
        self.looks
    }

    /// The zones, in order.
    pub fn sources(&self) -> &[PolicySource] {
        &self.sources
    }

    /// The set with another version of the zone `list`; the other zones are shared with this set.
    #[must_use]
    pub fn with_zone(&self, list: ListId, zone: &Arc<PolicyZone>) -> PolicyZones {
        let mut next = self.clone();
        next.sources.iter_mut().filter(|source| source.list == list).for_each(|source| source.zone = Arc::clone(zone));
        next.looks = Looks::of(&next.sources);
        next
    }

    /// The rule that holds for a question, by client and name. What disabled zones would do goes to `dry_runs`.
    pub fn before(&self, question: &RpzQuestion<'_>, dry_runs: &mut Vec<RpzMatch>) -> Option<RpzMatch> {
        let view = View::of_question(question);
        self.first(question, &view, &BEFORE, self.sources.len(), dry_runs)
    }

    /// Whether a match of [`PolicyZones::before`] is carried out only after the question was resolved, because its
    /// answer may bring a match of more precedence, or may be signed and must stay as it is.
    pub fn must_resolve_first(&self, question: &RpzQuestion<'_>, found: &RpzMatch) -> bool {
        let breaks = self.sources.get(found.position).is_some_and(|source| source.break_dnssec);
        let may_stay = question.dnssec_ok && !breaks && !found.is_passthru();
        let overrules = |source: &PolicySource| {
            source.replacement != Replacement::Disabled && ANSWER.into_iter().any(|kind| source.zone.has(kind))
        };
        may_stay || self.in_force(question, found.position).any(|(_, source)| overrules(source))
    }

    /// The rule that holds for an answer; `found` is what [`PolicyZones::before`] said of its question. What disabled
    /// zones would do goes to `dry_runs`, but for zones that are in it already. When a question could not be resolved,
    /// its answer is its name without addresses: `found` holds nevertheless.
    pub fn after(
        &self,
        question: &RpzQuestion<'_>,
        found: Option<RpzMatch>,
        answer: &RpzAnswer<'_>,
        dry_runs: &mut Vec<RpzMatch>,
    ) -> Option<RpzMatch> {
        // That it is signed was not known before.
        let mut found = if question.signed { self.before(question, dry_runs) } else { found };
        for (number, stage) in answer.stages.iter().enumerate() {
            found = self.stage(question, found, stage, number, dry_runs);
            if found.is_some() {
                break;
            }
        }
        found
    }

    /// One step of [`PolicyZones::after`]: what holds for the name with this number in the answer, where nothing held for
    /// those before it. `found` is what the question by itself got, for number 0.
    pub fn stage(
        &self,
        question: &RpzQuestion<'_>,
        found: Option<RpzMatch>,
        stage: &Stage<'_>,
        number: usize,
        dry_runs: &mut Vec<RpzMatch>,
    ) -> Option<RpzMatch> {
        let view = View { client: question.client, number, stage: *stage };
        let kinds = if number == 0 { &ANSWER[..] } else { &FURTHER };
        let bound = found.as_ref().map_or(self.sources.len(), |found| found.position);
        self.first(question, &view, kinds, bound, dry_runs).or(found)
    }

    /// Every rule that matches a question and its answer, by precedence. Without `answer`: by client and name.
    pub fn all_matches(&self, question: &RpzQuestion<'_>, answer: Option<&RpzAnswer<'_>>) -> Matches {
        let views: Vec<View<'_>> = match answer {
            Some(answer) if !answer.stages.is_empty() => View::of_answer(question, answer).collect(),
            _ => vec![View::of_question(question)],
        };
        let mut matches = Vec::new();
        for view in &views {
            let kinds = if view.number == 0 { &TriggerKind::ALL[..] } else { &FURTHER };
            for (position, source) in self.in_force(question, self.sources.len()) {
                for hit in kinds.iter().flat_map(|kind| view.hits(*kind, &source.zone, usize::MAX)) {
                    if matches.len() < MAX_MATCHES {
                        matches.extend(source.found(position, view, &hit));
                    }
                }
            }
        }
        let is_left_alone = |found: &RpzMatch| {
            self.sources.get(found.position).is_some_and(|source| source.leaves_alone(question, found))
        };
        Matches { decides: matches.iter().position(|found| !found.dry_run && !is_left_alone(found)), matches }
    }

    /// The zones in front of `bound` that hold for the question.
    fn in_force(&self, question: &RpzQuestion<'_>, bound: usize) -> impl Iterator<Item = (usize, &PolicySource)> {
        let (lists, recursive) = (*question.lists, question.recursion_desired);
        let zones = self.sources.iter().enumerate().take(bound);
        zones.filter(move |(_, source)| lists.has(source.list) && (recursive || !source.recursive_only))
    }

    /// The first rule of the zones in front of `bound`, of `kinds`.
    fn first(
        &self,
        question: &RpzQuestion<'_>,
        view: &View<'_>,
        kinds: &[TriggerKind],
        bound: usize,
        dry_runs: &mut Vec<RpzMatch>,
    ) -> Option<RpzMatch> {
        for (position, source) in self.in_force(question, bound) {
            let hit = kinds.iter().find_map(|kind| view.hits(*kind, &source.zone, 1).into_iter().next());
            let Some(found) = hit.and_then(|hit| source.found(position, view, &hit)) else { continue };
            if source.leaves_alone(question, &found) {
                continue;
            }
            if !found.dry_run {
                return Some(found);
            }
            if dry_runs.iter().all(|noted| noted.position != position) {
                dry_runs.push(found);
            }
        }
        None
    }
}

impl RpzMatch {
    /// Whether the rule says that nothing is rewritten.
    pub fn is_passthru(&self) -> bool {
        self.effect == Effect::Allow
    }
}

impl PolicySource {
    /// Whether the answer is signed for somebody who may validate it, and stays therefore.
    fn leaves_alone(&self, question: &RpzQuestion<'_>, found: &RpzMatch) -> bool {
        question.dnssec_ok && question.signed && !self.break_dnssec && !found.is_passthru()
    }

    fn found(&self, position: usize, view: &View<'_>, hit: &Hit<'_>) -> Option<RpzMatch> {
        let trigger = Trigger::from_key(hit.space, hit.key)?;
        let ttl_s = hit.body.ttl(self.max_policy_ttl_s);
        Some(RpzMatch {
            position,
            rule: RuleRef { list: self.list, line: hit.number },
            trigger,
            stage: view.number,
            effect: self.replacement.effect(hit.body, view.stage.name.name(), ttl_s),
            ttl_s,
            dry_run: self.replacement == Replacement::Disabled,
            log: self.log,
        })
    }
}

impl<'a> View<'a> {
    fn of_question(question: &RpzQuestion<'a>) -> View<'a> {
        let stage = Stage { name: question.name, addresses: &[], servers: &[] };
        View { client: question.client, number: 0, stage }
    }

    fn of_answer(question: &RpzQuestion<'a>, answer: &RpzAnswer<'a>) -> impl Iterator<Item = View<'a>> {
        let client = question.client;
        answer.stages.iter().enumerate().map(move |(number, stage)| View { client, number, stage: *stage })
    }

    /// The rules of `zone` that match by `kind`, by precedence; of each address or name looked at, the first `limit`.
    fn hits<'z>(&self, kind: TriggerKind, zone: &'z PolicyZone, limit: usize) -> Vec<Hit<'z>>
    where
        'a: 'z,
    {
        if !zone.has(kind) {
            return Vec::new();
        }
        let Stage { name, addresses, servers } = self.stage;
        match kind {
            TriggerKind::ClientIp => zone.by_address(kind, self.client).take(limit).collect(),
            TriggerKind::Qname => zone.by_name(kind, name).take(limit).collect(),
            TriggerKind::ResponseIp => by_addresses(kind, zone, addresses.iter().copied(), limit),
            TriggerKind::NsIp => {
                let addresses = servers.iter().flat_map(|server| server.addresses.iter().copied());
                by_addresses(kind, zone, addresses, limit)
            }
            TriggerKind::Nsdname => {
                let hits = servers.iter().flat_map(|server| {
                    zone.by_name(kind, server.name).take(limit).map(move |hit| (server.name.name(), hit))
                });
                let mut hits: Vec<_> = hits.collect();
                // Stable: of one name the more specific stays in front.
                hits.sort_by(|(a, _), (b, _)| a.canonical_cmp(b));
                once_each(hits.into_iter().map(|(_, hit)| hit))
            }
        }
    }
}

/// The rules that match any of the addresses: the longest prefix first, then the smallest address.
fn by_addresses(
    kind: TriggerKind,
    zone: &PolicyZone,
    addresses: impl Iterator<Item = IpAddr>,
    limit: usize,
) -> Vec<Hit<'_>> {
    let of_each = addresses.flat_map(|address| {
        let address = address.to_canonical();
        let longer = if address.is_ipv4() { IPV4_LONGER } else { 0 };
        let hits = zone.by_address(kind, address).take(limit);
        hits.map(move |hit| ((Reverse(hit.length + longer), address), hit))
    });
    let mut hits: Vec<_> = of_each.collect();
    hits.sort_by_key(|(precedence, _)| *precedence);
    once_each(hits.into_iter().map(|(_, hit)| hit))
}

/// Each rule where it first comes.
fn once_each<'z>(hits: impl Iterator<Item = Hit<'z>>) -> Vec<Hit<'z>> {
    let mut seen = BTreeSet::new();
    hits.filter(|hit| seen.insert(hit.number)).collect()
}
