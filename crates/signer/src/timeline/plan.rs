//! What will happen: the timeline in virtual time.

use dnssec::algorithm::Algorithm;

use super::advance::advance;
use super::facts::{DsSeen, Facts, NewKey, Outcome, Wanted};
use super::requests::{Request, TimelineError, Which, roll};
use super::sentence::name;
use super::waits::became;
use crate::keys::{ElementKind, Origin, Role, Visibility, ZoneKey, ZoneKeys};
use crate::policy::SigningPolicy;

/// Looks at the keys, at the most: a plan of many rollovers ends there.
const MAX_LOOKS: usize = 2000;
/// Keys that are tried until one has a key tag that is free.
const MAX_TRIES: u32 = 64;

/// Something that will happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedStep {
    /// When, in seconds since 1970.
    pub at_s: u64,
    /// What.
    pub sentence: String,
    /// What others have to do for it, if anything.
    pub assumes: Option<String>,
    /// Which key it is about.
    pub key: PlannedKey,
    /// What that key signs.
    pub role: Role,
    /// The algorithm of that key.
    pub algorithm: Algorithm,
    /// Which of its elements becomes what; `None`: the key is made.
    pub became: Option<(ElementKind, Visibility)>,
}

/// A key of a timetable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlannedKey {
    /// One that is there, with its tag.
    Tag(u16),
    /// One that is not made yet; they are numbered from 1 in the order in which they are made.
    New(usize),
}

/// A request that is tried, and when it is made, in seconds since 1970.
pub type Trial = (Request, u64);

/// What will happen from `now_s` until `until_s` (seconds since 1970). It assumes that the zone is signed as soon as its
/// keys change, and that the parent does what CDS records ask for in `parent_propagation_s`. The tags of keys that are
/// not made yet are not known; sentences say `a new key` with the number in which it is made.
pub fn plan(keys: &ZoneKeys, policy: &SigningPolicy, facts: &Facts, now_s: u64, until_s: u64) -> Vec<PlannedStep> {
    let mut course = Course::new(keys, policy, facts, now_s);
    course.run(now_s, until_s);
    course.steps
}

/// The same, as if something were asked for; until then everything goes its way.
///
/// # Errors
/// It would be refused then.
pub fn plan_request(
    keys: &ZoneKeys,
    policy: &SigningPolicy,
    facts: &Facts,
    (now_s, until_s): (u64, u64),
    (request, at_s): Trial,
) -> Result<Vec<PlannedStep>, TimelineError> {
    let mut course = Course::new(keys, policy, facts, now_s);
    if now_s < at_s {
        course.run(now_s, at_s);
    }
    course.keys = request.apply(&course.keys, at_s)?;
    course.run(at_s, until_s);
    Ok(course.steps)
}

/// When a rollover can begin at the earliest, if the parent does what it is asked for; `None`: not until `until_s`.
pub fn earliest_roll(
    keys: &ZoneKeys,
    policy: &SigningPolicy,
    facts: &Facts,
    (now_s, until_s): (u64, u64),
    which: Which,
) -> Option<u64> {
    let mut course = Course::new(keys, policy, facts, now_s);
    let mut at_s = now_s;
    for _ in 0..MAX_LOOKS {
        let next_s = course.look(at_s);
        if roll(&course.keys, which, at_s).is_ok() {
            return Some(at_s);
        }
        at_s = next_s.filter(|&next_s| next_s <= until_s)?;
    }
    None
}

struct Course<'a> {
    policy: &'a SigningPolicy,
    facts: Facts,
    keys: ZoneKeys,
    /// When it begins: the parent answers no earlier.
    begun_s: u64,
    /// The tags of the keys that were made on the way.
    made: Vec<u16>,
    steps: Vec<PlannedStep>,
}

impl<'a> Course<'a> {
    fn new(keys: &ZoneKeys, policy: &'a SigningPolicy, facts: &Facts, begun_s: u64) -> Course<'a> {
        let (facts, keys) = (facts.clone(), keys.clone());
        Course { policy, facts, keys, begun_s, made: Vec::new(), steps: Vec::new() }
    }

    /// Every look that is due from one time to another.
    fn run(&mut self, mut at_s: u64, until_s: u64) {
        for _ in 0..MAX_LOOKS {
            match self.look(at_s) {
                Some(next_s) if next_s <= until_s => at_s = next_s,
                _ => break,
            }
        }
    }

    /// One look; when the next one is due.
    fn look(&mut self, at_s: u64) -> Option<u64> {
        let answers_s = self.parent_answers(at_s);
        let mut outcome = advance(&self.keys, self.policy, &self.facts, at_s);
        self.note(&outcome.keys, at_s);
        // Keys that are made lead to no others of their role: one round is enough.
        if !outcome.make.is_empty() && outcome.make.clone().into_iter().all(|new| self.add(new, at_s)) {
            outcome = advance(&self.keys, self.policy, &self.facts, at_s);
            self.note(&outcome.keys, at_s);
        }
        self.facts.zone_is_signed = true;
        self.next_s(&outcome, answers_s, at_s)
    }

    fn next_s(&self, outcome: &Outcome, answers_s: Option<u64>, at_s: u64) -> Option<u64> {
        let propagation_s = u64::from(self.policy.parent_propagation_s);
        // What was asked of the parent now is answered a while later.
        let asks = |key: &&ZoneKey| !key.ds.is_stable() && key.ds.since_s == at_s && self.facts.ds_of(key).is_none();
        let asked_s = outcome.keys.keys.iter().find(asks).map(|_| at_s.saturating_add(propagation_s));
        let signed_s = outcome.keys.signed_since_s.is_none().then(|| at_s.saturating_add(1));
        let signed_s = signed_s.filter(|_| outcome.keys.keys.iter().any(|key| !key.zone_signatures.is_stable()));
        [outcome.next_s, answers_s, asked_s, signed_s].into_iter().flatten().filter(|&next_s| at_s < next_s).min()
    }

    /// Has the parent do what it was asked for, where its time has come; when the next such time comes. What was seen of
    /// the parent holds until it does.
    fn parent_answers(&mut self, at_s: u64) -> Option<u64> {
        let mut next_s = None;
        for key in self.keys.keys.iter().filter(|key| !key.ds.is_stable()) {
            let done_s = key.ds.since_s.max(self.begun_s).saturating_add(self.policy.parent_propagation_s.into());
            let published = key.wants_ds();
            let seen = self.facts.ds_of(key).copied();
            let is_done = seen.is_some_and(|seen| match published {
                true => seen.at_all_servers_since_s.is_some(),
                false => seen.gone_from_all_servers_since_s.is_some(),
            });
            if is_done {
                continue;
            }
            if at_s < done_s {
                next_s = Some(next_s.unwrap_or(done_s).min(done_s));
                continue;
            }
            let (tag, algorithm) = (key.tag(), key.algorithm());
            self.facts.ds_seen.retain(|seen| (seen.tag, seen.algorithm) != (tag, algorithm));
            self.facts.ds_seen.push(DsSeen {
                tag,
                algorithm,
                at_all_servers_since_s: published.then_some(done_s),
                gone_from_all_servers_since_s: (!published).then_some(done_s),
                ttl_s: seen.map_or(0, |seen| seen.ttl_s),
            });
        }
        next_s
    }

    /// Adds a key that the real caller would make.
    fn add(&mut self, new: NewKey, at_s: u64) -> bool {
        let header = [&new.flags.to_be_bytes()[..], &[3, new.algorithm.0]].concat();
        let first = self.keys.changes as u32;
        (0..MAX_TRIES).any(|number| {
            let data = [&header[..], b"not made yet", &first.wrapping_add(number * 7919).to_be_bytes()].concat();
            let key = ZoneKey::new(new.role, Origin::Made, data, at_s);
            let tag = key.tag();
            let added = self.keys.add(key).is_ok();
            if added {
                self.made.push(tag);
                self.steps.push(PlannedStep {
                    at_s,
                    sentence: format!("{}, is made", self.called(tag, new)),
                    assumes: Some("the key can be made".to_owned()),
                    key: PlannedKey::New(self.made.len()),
                    role: new.role,
                    algorithm: new.algorithm,
                    became: None,
                });
            }
            added
        })
    }

    fn called(&self, tag: u16, new: NewKey) -> String {
        let number = self.made.iter().position(|&made| made == tag).map_or(0, |place| place + 1);
        format!("new key {number} ({}), a {}", new.algorithm, new.role)
    }

    /// Notes what has changed, and takes it over.
    fn note(&mut self, after: &ZoneKeys, at_s: u64) {
        // What time has brought comes before what follows from it.
        for stable in [true, false] {
            for (before, key) in self.keys.keys.iter().zip(&after.keys) {
                let kinds = key.role.elements().iter().filter(|&&kind| kind != ElementKind::KeySignature);
                let changed = |kind| before.element(kind).visibility != key.element(kind).visibility;
                for &kind in kinds.filter(|&&kind| changed(kind) && key.element(kind).is_stable() == stable) {
                    self.steps.push(self.step(key, kind, at_s));
                }
            }
        }
        self.keys = after.clone();
        self.keys.forget_finished();
    }

    fn step(&self, key: &ZoneKey, kind: ElementKind, at_s: u64) -> PlannedStep {
        PlannedStep {
            at_s,
            sentence: self.sentence(key, kind),
            assumes: self.assumes(key, kind),
            key: self.planned(key),
            role: key.role,
            algorithm: key.algorithm(),
            became: Some((kind, key.element(kind).visibility)),
        }
    }

    fn planned(&self, key: &ZoneKey) -> PlannedKey {
        let place = self.made.iter().position(|&made| made == key.tag());
        place.map_or(PlannedKey::Tag(key.tag()), |place| PlannedKey::New(place + 1))
    }

    fn sentence(&self, key: &ZoneKey, kind: ElementKind) -> String {
        let sentence = became(key, kind);
        match self.planned(key) {
            PlannedKey::New(number) => sentence.replace(&name(key), &format!("new key {number} ({})", key.algorithm())),
            PlannedKey::Tag(_) => sentence,
        }
    }

    fn assumes(&self, key: &ZoneKey, kind: ElementKind) -> Option<String> {
        let by = if self.policy.cds { "as the CDS records ask" } else { "when it is told to" };
        match (kind, key.element(kind).visibility) {
            (ElementKind::Ds, Visibility::Omnipresent) => {
                Some(format!("the parent publishes the DS record of {}, {by}", self.short(key)))
            }
            (ElementKind::Ds, Visibility::Hidden) if self.facts.wanted == Wanted::Insecure => {
                Some(format!("the parent withdraws its DS records, {by}"))
            }
            (ElementKind::Ds, Visibility::Hidden) => {
                Some(format!("the parent withdraws the DS record of {}, {by}", self.short(key)))
            }
            (ElementKind::ZoneSignatures, Visibility::Omnipresent) => {
                Some("the zone is signed within a second".to_owned())
            }
            _ => None,
        }
    }

    fn short(&self, key: &ZoneKey) -> String {
        match self.planned(key) {
            PlannedKey::New(number) => format!("new key {number}"),
            PlannedKey::Tag(_) => name(key),
        }
    }
}
