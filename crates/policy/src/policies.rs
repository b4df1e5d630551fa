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
use crate::rpz::{Looks, PolicyZones, RpzMatch, RpzQuestion, Stage};
use crate::ruling::{Asked, Did, Mark, Outcome, Rules, Ruling};
use crate::safe_search::SafeSearchTable;
use crate::who::ListId;

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
        Ruling { outcome, mark, ttl: self.ttl, info, log: true }
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
        let (ttl, log) = (found.ttl_s, found.log);
        let mut ruling = Ruling { ttl, log, ..self.of_effect(found.effect, found.rule, profile) };
        if found.dry_run {
            (ruling.outcome, ruling.mark.did) = (Outcome::Pass, Did::Tried);
        }
        ruling
    }

    /// What safe search, lists, rules and schedules say of a name that the client asks for, or comes to by an alias.
    fn by_lists(&self, name: &HashedName, asked: &Asked<'_>, profile: &Profile) -> Option<Ruling> {
        let who = profile.who(asked.client.to_canonical());
        match self.engine.decide(name, asked.qtype, &who) {
            Some(decision) if !profile.block_all || decision.effect == Effect::Allow => {
                Some(self.of_effect(decision.effect, decision.rule, profile))
            }
            _ => self.scheduled(profile),
        }
    }

    fn safe_search(&self, name: &HashedName, profile: &Profile) -> Option<Ruling> {
        let rewrite = self.safe_search.find(name, profile.safe_search)?;
        let rule = RuleRef { list: SAFE_SEARCH, line: 0 };
        Some(self.ruling(Outcome::Records(rewrite.clone()), Did::Rewritten, rule, profile, ede::FILTERED))
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
        dnssec_ok: asked.dnssec_ok,
        signed: asked.signed,
    }
}

impl Rules for Policies {
    #[inline]
    fn name(&self, asked: &Asked<'_>) -> Option<Ruling> {
        let profile = self.profile(asked.client);
        if let Some(ruling) = self.safe_search(asked.name, profile) {
            return Some(ruling);
        }
        let mut tried = Vec::new();
        if !self.zones.sources().is_empty() {
            let question = question(asked, profile);
            if let Some(found) = self.zones.before(&question, &mut tried) {
                let waits = self.zones.must_resolve_first(&question, &found);
                return (!waits).then(|| self.of_zone(found, profile));
            }
        }
        // A zone that is only tried out decides nothing that others would decide.
        self.by_lists(asked.name, asked, profile).or_else(|| Some(self.of_zone(tried.pop()?, profile)))
    }

    fn answer(&self, asked: &Asked<'_>, stage: &Stage<'_>, number: usize) -> Option<Ruling> {
        let profile = self.profile(asked.client);
        if number > 0
            && let Some(ruling) = self.safe_search(stage.name, profile)
        {
            return Some(ruling);
        }
        let (question, mut tried) = (question(asked, profile), Vec::new());
        // What the question by itself got, and waits for the answer. What is tried out of it was noted.
        let waiting = if number == 0 { self.zones.before(&question, &mut Vec::new()) } else { None };
        if let Some(found) = self.zones.stage(&question, waiting, stage, number, &mut tried) {
            return Some(self.of_zone(found, profile));
        }
        // Lists have not been asked about a question whose rule waited for an answer that is signed now, and stays.
        let unsigned = RpzQuestion { signed: false, ..question };
        let is_new = number > 0 || (asked.signed && self.zones.before(&unsigned, &mut Vec::new()).is_some());
        let by_lists = if is_new { self.by_lists(stage.name, asked, profile) } else { None };
        by_lists.or_else(|| Some(self.of_zone(tried.pop()?, profile)))
    }

    #[inline]
    fn looks(&self) -> Looks {
        self.zones.looks()
    }

    #[inline]
    fn memory_of(&self, name: &HashedName, stage: usize, fetch: &mut dyn FnMut(*const u8)) {
        match stage {
            0 => self.engine.stem_addresses(name, &mut |memory| fetch(memory)),
            _ => self.engine.bucket_addresses(name, &mut |memory| fetch(memory)),
        }
    }
}
