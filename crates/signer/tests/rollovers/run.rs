//! One seed: a zone with its policy, its parent and its operator, for some years of virtual time.

use dnssec::algorithm::Algorithm;
use signer::keys::{DsSource, ElementKind, Goal, Origin, Role, Visibility, ZoneKey, ZoneKeys};
use signer::policy::{DAY_S, HOUR_S, KeyLayout, SigningPolicy};
use signer::timeline::{DsSeen, Facts, Outcome, Wanted, Which, advance, confirm_ds, retire, roll};

use crate::history::find_invalid;
use crate::parent::{Cds, Parent};
use crate::random::Random;
use crate::sabotage::Sabotage;
use crate::zone::Served;

/// When it begins.
const BEGIN_S: u64 = 1_000_000_000;
/// Looks at the keys, at the most; more mean that it turns in a circle.
const MAX_LOOKS: usize = 60_000;
/// By then everything must be over that was asked for, at the latest: every wait of a rollover with the slowest parent,
/// several times over.
const QUIET_S: u64 = 400 * 86_400;

pub struct Run {
    sabotage: Sabotage,
    random: Random,
    policy: SigningPolicy,
    wanted: Wanted,
    keys: ZoneKeys,
    served: Served,
    parent: Parent,
    now_s: u64,
    /// The clock of the zone is behind by so much.
    behind_s: u64,
    max_ttl_s: u32,
    max_key_ttl_s: u32,
    /// When the operator does something next, and how often still.
    operator: (u64, u64),
    made: u32,
    log: Vec<String>,
    complaint: Option<String>,
}

/// Runs a seed; what went wrong, with the history.
pub fn run(seed: u64, sabotage: Sabotage) -> Result<(), String> {
    let mut run = Run::new(seed, sabotage);
    let result = run.live();
    result.map_err(|complaint| {
        format!("seed {seed}, {sabotage:?}: {complaint}\n{:?}\n{}", run.policy, run.log.join("\n"))
    })
}

fn draw_policy(random: &mut Random) -> SigningPolicy {
    let mut time = |choices: &[u32]| random.one_of(choices);
    SigningPolicy {
        algorithm: Algorithm::ECDSAP256SHA256,
        dnskey_ttl_s: time(&[60, HOUR_S, DAY_S, 2 * DAY_S]),
        propagation_s: time(&[0, 60, HOUR_S, DAY_S]),
        parent_ds_ttl_s: time(&[60, HOUR_S, DAY_S, 2 * DAY_S]),
        parent_propagation_s: time(&[0, 60, HOUR_S, DAY_S]),
        safety_s: time(&[0, 0, 60, HOUR_S]),
        layout: if time(&[0, 1]) == 0 { KeyLayout::Split } else { KeyLayout::Combined },
        ksk_lifetime_s: u64::from(time(&[0, 0, 10 * DAY_S, 100 * DAY_S])),
        zsk_lifetime_s: u64::from(time(&[0, 0, DAY_S, 30 * DAY_S])),
        cds: time(&[0, 1, 1]) == 1,
        ..SigningPolicy::default()
    }
}

impl Run {
    fn new(seed: u64, sabotage: Sabotage) -> Run {
        let mut random = Random::new(seed);
        let policy = draw_policy(&mut random);
        let ttls_s = [0; 3].map(|_| random.one_of(&[60, u64::from(HOUR_S), u64::from(DAY_S), u64::from(3 * DAY_S)]));
        let negative_s = random.one_of(&[60, u64::from(HOUR_S), u64::from(DAY_S)]);
        let mut keys = ZoneKeys::default();
        let mut made = 0;
        // Some zones come with their keys.
        if random.happens(30) {
            let roles: &[Role] = if random.happens(50) { &[Role::Csk] } else { &[Role::Ksk, Role::Zsk] };
            for &role in roles {
                let key = new_key(&keys, role, random.one_of(&[8, 13]), &mut made);
                let has_ds = role.signs_keys() && random.happens(80);
                let there = ZoneKey::in_service(role, Origin::Imported, key, BEGIN_S, has_ds);
                keys.add(there).expect("the tag is free");
            }
            let first = keys.keys[0].dnskey[3];
            keys.keys.iter_mut().for_each(|key| key.dnskey[3] = first);
        }
        let served_negative_s = if keys.keys.is_empty() { negative_s } else { u64::from(policy.dnskey_ttl_s) };
        let served = Served::new(&keys, &ttls_s, served_negative_s, policy.propagation_s.into(), &mut random);
        // The parent may use another TTL than the operator thinks, if it can be seen.
        let factor = if policy.cds { random.one_of(&[1, 1, 3]) } else { 1 };
        let ds = keys.keys.iter().filter(|key| key.wants_ds()).map(ZoneKey::tag).collect();
        let parent = Parent::new(ds, factor * u64::from(policy.parent_ds_ttl_s), BEGIN_S, &mut random);
        let max_ttl_s = ttls_s.into_iter().chain([negative_s]).max().expect("some") as u32;
        let operator = (BEGIN_S + random.up_to(10 * 86_400), 1 + random.up_to(7));
        let max_key_ttl_s = policy.dnskey_ttl_s;
        let (now_s, behind_s, log, complaint) = (BEGIN_S, 0, Vec::new(), None);
        let wanted = Wanted::Signed;
        Run {
            sabotage,
            random,
            policy,
            wanted,
            keys,
            served,
            parent,
            now_s,
            behind_s,
            max_ttl_s,
            max_key_ttl_s,
            operator,
            made,
            log,
            complaint,
        }
    }

    fn live(&mut self) -> Result<(), String> {
        let mut end_s = u64::MAX;
        for _ in 0..MAX_LOOKS {
            let next_s = self.look();
            let is_over = self.operator.1 == 0;
            if is_over && end_s == u64::MAX {
                end_s = self.now_s + QUIET_S;
            }
            let is_done = is_over && self.is_done();
            if is_done || end_s < self.now_s || self.complaint.is_some() {
                return self.judge(is_done);
            }
            self.sleep(next_s);
        }
        self.judge(false)
    }

    /// What goes wrong for caches, or does not come to an end.
    fn judge(&self, is_done: bool) -> Result<(), String> {
        let data: Vec<_> = self.served.data.iter().map(|data| &data.signers).collect();
        let end_s = self.now_s + 1;
        let invalid = find_invalid(&self.parent.ds, &self.served.sets, &data, &self.served.algorithms, end_s);
        match (invalid, &self.complaint) {
            (Some(invalid), _) => Err(invalid),
            (None, Some(complaint)) => Err(complaint.clone()),
            (None, None) if !is_done => Err(format!("at {} it has not come to an end: {:#?}", self.now_s, self.keys)),
            (None, None) => Ok(()),
        }
    }

    /// The clock of the zone.
    fn clock_s(&self) -> u64 {
        self.now_s - self.behind_s
    }

    fn facts(&self) -> Facts {
        let ds_seen = if self.policy.cds { self.ds_seen() } else { Vec::new() };
        Facts {
            max_ttl_s: self.max_ttl_s,
            dnskey_ttl_s: self.max_key_ttl_s,
            ds_seen,
            zone_is_signed: self.served.is_signed(&self.sabotage.served(&self.keys)),
            wanted: self.wanted,
        }
    }

    fn ds_seen(&self) -> Vec<DsSeen> {
        let servers = if self.sabotage == Sabotage::OneParentServer { 1 } else { self.parent.ds.servers() };
        let since_s = |matches: &dyn Fn(&Vec<u16>) -> bool| {
            let since_s = (0..servers).map(|server| self.parent.ds.since_s(server, self.now_s, matches));
            let latest_s = since_s.collect::<Option<Vec<u64>>>()?.into_iter().max();
            latest_s.map(|latest_s| latest_s.saturating_sub(self.behind_s))
        };
        let seen = |key: &ZoneKey| DsSeen {
            tag: key.tag(),
            algorithm: key.algorithm(),
            at_all_servers_since_s: since_s(&|ds| ds.contains(&key.tag())),
            gone_from_all_servers_since_s: since_s(&|ds| !ds.contains(&key.tag())),
            ttl_s: self.parent.ttl_s as u32,
        };
        self.keys.keys.iter().filter(|key| key.role.signs_keys()).map(seen).collect()
    }

    /// Everything that happens now; when time brings something next.
    fn look(&mut self) -> u64 {
        self.operate();
        self.parent_acts();
        let served = self.sabotage.served(&self.keys);
        self.served.sign(&served, self.now_s, &mut self.random);
        let mut outcome = self.advance();
        // Whoever makes keys may be slow.
        if !outcome.make.is_empty() && self.random.happens(80) {
            for new in outcome.make.clone() {
                let data = new_key(&self.keys, new.role, new.algorithm.0, &mut self.made);
                let key = ZoneKey::new(new.role, Origin::Made, data, self.clock_s());
                self.log.push(format!("{} key {} of {:?} is made", self.now_s, key.tag(), new));
                self.keys.add(key).expect("the tag is free");
            }
            outcome = self.advance();
        }
        let soon_s = self.now_s + 1 + self.random.up_to(3600);
        let next_s = outcome.next_s.map_or(u64::MAX, |next_s| next_s + self.behind_s);
        if outcome.make.is_empty() { next_s } else { next_s.min(soon_s) }
    }

    fn advance(&mut self) -> Outcome {
        let (mut policy, mut facts) = (self.policy.clone(), self.facts());
        self.sabotage.inputs(&mut policy, &mut facts);
        let outcome = advance(&self.keys, &policy, &facts, self.clock_s());
        let again = advance(&outcome.keys, &policy, &facts, self.clock_s());
        if again.keys != outcome.keys {
            self.complaint = Some(format!("a second look changes {:#?} to {:#?}", outcome.keys, again.keys));
        }
        if let Some(next_s) = outcome.next_s.filter(|&next_s| next_s <= self.clock_s()) {
            self.complaint = Some(format!("the next look is due at {next_s}, and it is {}", self.clock_s()));
        }
        if outcome.keys != self.keys {
            self.note(&outcome.keys);
        }
        self.keys = outcome.keys.clone();
        for key in self.keys.forget_finished() {
            self.log.push(format!("{} key {} is forgotten", self.now_s, key.tag()));
        }
        let served = self.sabotage.served(&self.keys);
        self.served.publish(&served, self.policy.dnskey_ttl_s.into(), self.now_s, &mut self.random);
        self.served.sign(&served, self.now_s, &mut self.random);
        if self.wanted == Wanted::Signed && *self.served.cds.newest() == Cds::Delete {
            let insecure_before = self.log.iter().any(|line| line.contains("insecure"));
            if !insecure_before {
                self.complaint = Some(format!("at {} the parent is asked to delete all DS records", self.now_s));
            }
        }
        outcome
    }

    fn note(&mut self, keys: &ZoneKeys) {
        let letter = |visibility| match visibility {
            Visibility::Hidden => '-',
            Visibility::Rumoured => '<',
            Visibility::Omnipresent => '+',
            Visibility::Unretentive => '>',
        };
        let text = |key: &ZoneKey| {
            let elements: String =
                Role::Csk.elements().iter().map(|&kind| letter(key.element(kind).visibility)).collect();
            let going = if key.goal == Goal::Gone { " goes" } else { "" };
            format!("{} {:?} {} {elements}{going}", key.tag(), key.role, key.algorithm().0)
        };
        let keys: Vec<String> = keys.keys.iter().map(text).collect();
        self.log.push(format!("{} {}", self.now_s, keys.join(" | ")));
    }

    fn parent_acts(&mut self) {
        if self.parent.next_s() <= self.now_s {
            let did = self.parent.act(&self.served.cds, &self.policy, self.now_s, &mut self.random);
            self.log.extend(did.map(|sentence| format!("{} {sentence}", self.now_s)));
        }
        if !self.policy.cds {
            self.confirm();
        }
    }

    /// The operator says what the parent has done, and knows when it is done with it.
    fn confirm(&mut self) {
        if self.parent.is_busy(&self.served.cds, self.now_s) {
            return;
        }
        for key in self.keys.clone().keys {
            let published = self.parent.ds.newest().contains(&key.tag());
            let is_new =
                key.ds_confirmed.is_none_or(|known| known.by != DsSource::Hand || known.published != published);
            if is_new && let Ok(keys) = confirm_ds(&self.keys, key.tag(), published, self.clock_s()) {
                self.log.push(format!("{} DS of {} confirmed: {published}", self.now_s, key.tag()));
                self.keys = keys;
            }
        }
    }

    /// The operator wants something else.
    fn operate(&mut self) {
        if self.now_s < self.operator.0 || self.operator.1 == 0 {
            return;
        }
        self.operator.1 -= 1;
        let gap_s = self.random.one_of(&[86_400, 5 * 86_400, 60 * 86_400]);
        self.operator.0 = self.now_s + self.random.up_to(gap_s);
        let what = self.random.up_to(11);
        match what {
            0..=2 => {
                let roles: Vec<Role> = self.keys.keys.iter().map(|key| key.role).collect();
                let role = if roles.is_empty() { Role::Ksk } else { self.random.one_of(&roles) };
                let rolled = roll(&self.keys, Which::Role(role), self.clock_s());
                self.log.push(format!("{} {role:?} shall be replaced: {:?}", self.now_s, rolled.as_ref().err()));
                self.keys = rolled.unwrap_or(self.keys.clone());
            }
            3 | 4 => self.policy.algorithm = Algorithm(self.random.one_of(&[8, 13, 15])),
            5 => self.policy.layout = self.random.one_of(&[KeyLayout::Split, KeyLayout::Combined]),
            6 => {
                self.policy.dnskey_ttl_s = self.random.one_of(&[60, HOUR_S, DAY_S, 2 * DAY_S]);
                self.max_key_ttl_s = self.max_key_ttl_s.max(self.policy.dnskey_ttl_s);
            }
            7 => {
                self.wanted = if self.wanted == Wanted::Signed { Wanted::Insecure } else { Wanted::Signed };
                self.log.push(format!("{} wanted: {:?} (insecure at least once)", self.now_s, self.wanted));
            }
            8 => self.behind_s += self.random.up_to(2 * 86_400),
            9 | 10 => self.retire(),
            _ => {}
        }
        let (algorithm, layout) = (self.policy.algorithm.0, self.policy.layout);
        self.log.push(format!("{} the operator does {what}: algorithm {algorithm}, {layout:?}", self.now_s));
        if self.operator.1 == 0 {
            (self.policy.ksk_lifetime_s, self.policy.zsk_lifetime_s) = (0, 0);
        }
    }

    /// Some key is to go, mostly because somebody else has it.
    fn retire(&mut self) {
        let tags: Vec<u16> = self.keys.keys.iter().map(ZoneKey::tag).collect();
        if tags.is_empty() {
            return;
        }
        let (tag, compromised) = (self.random.one_of(&tags), self.random.happens(80));
        let retired = retire(&self.keys, tag, compromised);
        let refused = retired.as_ref().err();
        self.log.push(format!("{} key {tag} shall go, compromised: {compromised}: {refused:?}", self.now_s));
        self.keys = retired.unwrap_or(self.keys.clone());
    }

    /// Whether everything is as it is wanted, and caches have nothing else.
    fn is_done(&self) -> bool {
        let roles: &[Role] = match (self.wanted, self.policy.layout) {
            (Wanted::Insecure, _) => &[],
            (Wanted::Signed, KeyLayout::Split) => &[Role::Ksk, Role::Zsk],
            (Wanted::Signed, KeyLayout::Combined) => &[Role::Csk],
        };
        let is_whole = |key: &ZoneKey| {
            let everywhere = |&kind: &ElementKind| key.is(kind, Visibility::Omnipresent);
            key.algorithm() == self.policy.algorithm && key.role.elements().iter().all(everywhere)
        };
        let keys = &self.keys.keys;
        keys.len() == roles.len()
            && roles.iter().all(|&role| keys.iter().any(|key| key.role == role && is_whole(key)))
            && self.parent.ds.newest().iter().eq(keys
                .iter()
                .map(ZoneKey::tag)
                .filter(|tag| keys.iter().any(|key| key.tag() == *tag && key.role.signs_keys()))
                .collect::<Vec<u16>>()
                .iter())
    }

    /// Until something happens, or a while less.
    fn sleep(&mut self, next_s: u64) {
        let operator_s = if self.operator.1 == 0 { u64::MAX } else { self.operator.0 };
        let signing_s = self.served.next_s().unwrap_or(u64::MAX);
        let events = [next_s, operator_s, signing_s, self.parent.next_s()];
        let next_s = events.into_iter().min().expect("some").max(self.now_s + 1);
        let early = self.random.happens(10);
        let gap_s = next_s - self.now_s;
        self.now_s = if early { self.now_s + 1 + self.random.up_to(gap_s - 1) } else { next_s };
    }
}

/// The data of a DNSKEY record whose tag is free.
fn new_key(keys: &ZoneKeys, role: Role, algorithm: u8, made: &mut u32) -> Vec<u8> {
    loop {
        *made += 1;
        // So far apart that no two keys of a run have the same tag, whatever their flags and algorithms.
        let data = [&role.flags().to_be_bytes()[..], &[3, algorithm], &(*made * 16).to_be_bytes()].concat();
        if keys.tag_is_free(&data) {
            return data;
        }
    }
}
