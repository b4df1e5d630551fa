//! All rules together, as the path of a query asks them.
//!
//! The order: what holds for the client (its device and group, schedules and pauses), safe search, response policy zones,
//! then lists and rules. The first that says something decides; of lists and rules the order of effect does.

use std::net::IpAddr;
use std::sync::Arc;

use dns::edns::ede;
use dns::question::HashedName;

use crate::action::{Action, Effect, RuleRef};
use crate::blocking::engine::Engine;
use crate::devices::{Because, Profile, Profiles, SafeSearch};
use crate::rpz::{PolicyZones, RpzAnswer, RpzMatch, RpzQuestion, Stage, TriggerKind};
use crate::ruling::{Asked, Did, Mark, Outcome, Rules, Ruling};
use crate::safe_search::SafeSearchTable;
use crate::who::{ListId, ListSet};

/// In the place of a list: a schedule of the client's group lets nothing through but what rules allow.
pub const SCHEDULE: ListId = ListId(255);
/// In the place of a list: the rewriting of search engines.
pub const SAFE_SEARCH: ListId = ListId(254);

/// Lists, rules and response policy zones, and for whom each holds; immutable.
pub struct Policies {
    /// Lists and rules.
    pub engine: Engine,
    /// What holds for each client now.
    pub profiles: Arc<Profiles>,
    /// Response policy zones.
    pub zones: PolicyZones,
    /// Names of search engines, and what they are rewritten to.
    pub safe_search: Arc<SafeSearchTable>,
    /// Seconds that a blocked answer may be kept.
    pub ttl: u32,
    /// What a schedule answers that blocks everything.
    pub action: Action,
}

impl Policies {
    /// What rules say of the name for this client, and for whom: for those who explain it.
    pub fn profile(&self, client: IpAddr) -> &Profile {
        self.profiles.find(client.to_canonical())
    }

    /// Whether no question can be decided by any of it.
    pub fn says_nothing(&self) -> bool {
        let is_plain = |profile: &Profile| !profile.block_all && profile.safe_search == SafeSearch::Off;
        self.engine.is_empty()
            && self.zones.sources().is_empty()
            && self.profiles.devices().iter().chain([self.profiles.unknown()]).all(is_plain)
    }

    fn ruling(&self, outcome: Outcome, did: Did, rule: RuleRef, profile: &Profile, info: u16) -> Ruling {
        let mark = Mark { did, rule, group: profile.group_number };
        Ruling { outcome, mark, ttl: self.ttl, info }
    }

    /// The ruling that an effect is.
    fn of_effect(&self, effect: Effect, rule: RuleRef, profile: &Profile) -> Ruling {
        let (outcome, did) = match effect {
            Effect::Allow => (Outcome::Pass, Did::Allowed),
            Effect::Block(action) => (Outcome::Act(action.unwrap_or_else(|| self.action.clone())), Did::Blocked),
            Effect::Rewrite(rewrite) => (Outcome::Records(rewrite), Did::Rewritten),
        };
        self.ruling(outcome, did, rule, profile, ede::BLOCKED)
    }

    fn of_zone(&self, found: RpzMatch, profile: &Profile) -> Ruling {
        let ttl = found.ttl_s;
        let mut ruling = Ruling { ttl, ..self.of_effect(found.effect, found.rule, profile) };
        if found.dry_run {
            (ruling.outcome, ruling.mark.did) = (Outcome::Pass, Did::Tried);
        }
        ruling
    }

    fn zones_name(&self, asked: &Asked<'_>, profile: &Profile) -> Option<Ruling> {
        if self.zones.sources().is_empty() {
            return None;
        }
        let mut tried = Vec::new();
        let found = self.zones.before(&question(asked, profile), &mut tried);
        found.or_else(|| tried.pop()).map(|found| self.of_zone(found, profile))
    }

    /// A schedule lets nothing through but what a rule allows.
    fn scheduled(&self, profile: &Profile) -> Option<Ruling> {
        if !profile.block_all {
            return None;
        }
        let line = match profile.because {
            Because::Schedule(number) => number as u32 + 1,
            Because::Group | Because::Paused(_) => 0,
        };
        let rule = RuleRef { list: SCHEDULE, line };
        Some(self.ruling(Outcome::Act(self.action.clone()), Did::Blocked, rule, profile, ede::FILTERED))
    }
}

/// The question as response policy zones are asked.
fn question<'a>(asked: &Asked<'a>, profile: &'a Profile) -> RpzQuestion<'a> {
    RpzQuestion {
        name: asked.name,
        client: asked.client.to_canonical(),
        lists: &profile.lists,
        recursion_desired: true,
        dnssec_ok: false,
    }
}

impl Rules for Policies {
    #[inline]
    fn name(&self, asked: &Asked<'_>) -> Option<Ruling> {
        let profile = self.profile(asked.client);
        if let Some(rewrite) = self.safe_search.find(asked.name, profile.safe_search) {
            let rule = RuleRef { list: SAFE_SEARCH, line: 0 };
            let outcome = Outcome::Records(rewrite.clone());
            return Some(self.ruling(outcome, Did::Rewritten, rule, profile, ede::FILTERED));
        }
        if let Some(ruling) = self.zones_name(asked, profile) {
            return Some(ruling);
        }
        let who = profile.who(asked.client.to_canonical());
        match self.engine.decide(asked.name, asked.qtype, &who) {
            Some(decision) if !profile.block_all || decision.effect == Effect::Allow => {
                Some(self.of_effect(decision.effect, decision.rule, profile))
            }
            _ => self.scheduled(profile),
        }
    }

    fn address(&self, asked: &Asked<'_>, address: IpAddr) -> Option<Ruling> {
        let profile = self.profile(asked.client);
        let stage = Stage { name: asked.name, addresses: &[address], servers: &[] };
        let answer = RpzAnswer { signed: false, stages: &[stage] };
        let mut tried = Vec::new();
        let found = self.zones.after(&question(asked, profile), None, &answer, &mut tried);
        found.or_else(|| tried.pop()).map(|found| self.of_zone(found, profile))
    }

    fn has_addresses(&self) -> bool {
        self.zones.look_at(TriggerKind::ResponseIp, &ListSet::ALL)
    }

    #[inline]
    fn memory_of(&self, name: &HashedName, stage: usize, fetch: &mut dyn FnMut(*const u8)) {
        match stage {
            0 => self.engine.stem_addresses(name, &mut |memory| fetch(memory)),
            _ => self.engine.bucket_addresses(name, &mut |memory| fetch(memory)),
        }
    }
}
