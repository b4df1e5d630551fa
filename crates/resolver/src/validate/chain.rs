//! The way down from a trust anchor to the zone that must have signed an RRset, over DS at each zone cut
//! (RFC 4035 5.2).
//!
//! A [`Walk`] knows the deepest secure zone so far and has a stack of names to look at. A reply about DS of such a
//! name says by its signatures which zone it is from; if that is not known yet, it is looked at first. Only where
//! nothing is signed is it asked label by label. So a chain costs a question for DS at each cut, which the referral
//! has answered already, and one for DNSKEY of each zone.

use std::net::SocketAddr;
use std::sync::Arc;

use dns::{Name, NameBuf, RType};

use super::ds::{self, Cut};
use super::keys::{Entry, unsupported};
use super::signature::unsigned;
use super::{ChainSource, Checker, Failure, SecureZone, ZoneTrust};
use crate::anchors::Anchor;
use crate::fetched::Fetched;
use crate::limits::{BOGUS_TTL_S, MAX_BOGUS_RETRIES, MAX_TRUST_S};
use crate::security::{Reason, Security};

/// Why a walk ends before its goal.
pub(super) enum End {
    /// Below an unsigned delegation.
    Insecure(Option<Reason>),
    /// The chain is broken.
    Bogus(Failure),
}

type Steps<T> = Result<T, End>;

/// Replies that did not validate, and who gave them.
#[derive(Default)]
struct Tries {
    avoid: Vec<SocketAddr>,
    count: u32,
}

impl Tries {
    /// Whether to ask again after `failure`, but not `server`.
    fn again(&mut self, failure: &Failure, server: Option<SocketAddr>) -> bool {
        self.count += 1;
        // Who answers twice although avoided is the only one there is.
        let Some(server) = server.filter(|server| !self.avoid.contains(server)) else { return false };
        self.avoid.push(server);
        failure.retry && self.count <= MAX_BOGUS_RETRIES
    }
}

/// A name that may be a zone cut.
struct Goal {
    name: NameBuf,
    /// What its parent says about DS.
    reply: Option<Arc<Fetched>>,
    tries: Tries,
    /// Why keys were asked for again.
    failure: Option<Failure>,
    /// Whether DS was asked for again because no keys fitted.
    refreshed: bool,
}

impl Goal {
    fn new(name: &Name) -> Goal {
        Goal { name: name.to_owned(), reply: None, tries: Tries::default(), failure: None, refreshed: false }
    }
}

/// How far the way down is known.
pub(super) struct Walk<'a> {
    anchor: &'a Anchor,
    /// The deepest secure zone.
    zone: Arc<SecureZone>,
    /// Below that zone there is no zone cut down to here.
    floor: NameBuf,
    /// Names that are no zone cuts.
    no_cuts: Vec<NameBuf>,
    /// A name that does not exist: there is no zone cut at or below it (RFC 8020 2).
    nothing: Option<NameBuf>,
}

impl Walk<'_> {
    fn enter(&mut self, zone: Arc<SecureZone>) {
        if zone.zone.len() > self.floor.len() {
            self.floor.clone_from(&zone.zone);
        }
        self.zone = zone;
    }

    fn no_cut(&mut self, name: &Name) {
        if name.parent() == Some(&self.floor) {
            self.floor = name.to_owned();
        }
        self.no_cuts.push(name.to_owned());
    }

    fn is_below_zone(&self, name: &Name) -> bool {
        name.len() > self.zone.zone.len() && name.is_at_or_below(&self.zone.zone)
    }

    /// Whether `name` may be a zone cut that was not looked at.
    fn is_open(&self, name: &Name) -> bool {
        let exists = self.nothing.as_ref().is_none_or(|nothing| !name.is_at_or_below(nothing));
        exists && self.is_below_zone(name) && !self.no_cuts.iter().any(|at| **at == *name)
    }

    /// The first name below what is known, on the way to `name`, that may be a zone cut.
    fn next_below<'n>(&self, name: &'n Name) -> Option<&'n Name> {
        let below = name.ancestors().take_while(|at| at.len() > self.floor.len() && at.is_at_or_below(&self.floor));
        let may_be = |at: &&Name| !self.no_cuts.iter().any(|no_cut| **no_cut == **at);
        below.filter(may_be).last().filter(|next| self.is_open(next))
    }
}

impl<'a, S: ChainSource> Checker<'a, S> {
    /// The zone `signer`, if it is one; `None` if there is no zone of that name.
    pub(super) async fn zone_named(&self, anchor: &'a Anchor, signer: &Name) -> Steps<Option<Arc<SecureZone>>> {
        let mut walk = self.start(anchor, signer).await?;
        self.run(&mut walk, signer).await?;
        Ok((*walk.zone.zone == *signer).then_some(walk.zone))
    }

    /// The secure zone that has `name` in it; `hint` is a zone that should have it, as far as is known.
    pub(super) async fn zone_around(&self, anchor: &'a Anchor, name: &Name, hint: &Name) -> Steps<Arc<SecureZone>> {
        let mut walk = self.start(anchor, name).await?;
        loop {
            let next = if name.is_at_or_below(hint) && walk.is_open(hint) { Some(hint) } else { walk.next_below(name) };
            match next {
                Some(next) => self.run(&mut walk, next).await?,
                None => return Ok(walk.zone),
            }
        }
    }

    /// Begins at the closest zone that is known, or at the trust anchor.
    async fn start(&self, anchor: &'a Anchor, name: &Name) -> Steps<Walk<'a>> {
        let met = self
            .met
            .borrow()
            .iter()
            .filter(|met| name.is_at_or_below(&met.zone))
            .max_by_key(|met| met.zone.len())
            .cloned();
        let met = met.filter(|met| met.zone.is_at_or_below(&anchor.zone));
        let zone = match (self.trust.closest(name, &anchor.zone, self.now_s), met) {
            (Some((at, _)), Some(met)) if met.zone.len() > at.len() => met,
            (Some((_, trust)), _) => known(trust)?,
            (None, Some(met)) => met,
            (None, None) => self.enter_anchor(anchor).await?,
        };
        Ok(Walk { anchor, floor: zone.zone.clone(), zone, no_cuts: Vec::new(), nothing: None })
    }

    /// Finds out whether there is a zone cut at `goal`, and if so, enters the zone.
    async fn run(&self, walk: &mut Walk<'a>, goal: &Name) -> Steps<()> {
        if !walk.is_open(goal) {
            return Ok(());
        }
        let mut goals = vec![Goal::new(goal)];
        while let Some(goal) = goals.last_mut() {
            if !walk.is_open(&goal.name) {
                goals.pop();
                continue;
            }
            // Another question may have found it out meanwhile.
            if let Some((zone, trust)) = self.trust.closest(&goal.name, &walk.anchor.zone, self.now_s)
                && walk.is_below_zone(zone)
            {
                walk.enter(known(trust)?);
                continue;
            }
            let Some(reply) = goal.reply.clone() else {
                goal.reply = Some(self.fetch(&goal.name, RType::DS, &goal.tries.avoid).await?);
                continue;
            };
            if let Some(parent) = missing_parent(walk, &goal.name, &reply) {
                let parent = Goal::new(parent);
                goals.push(parent);
                continue;
            }
            self.step(walk, goal, &reply).await?;
        }
        Ok(())
    }

    /// Judges what the deepest secure zone says about the goal, and enters the zone there if there is one.
    async fn step(&self, walk: &mut Walk<'a>, goal: &mut Goal, reply: &Fetched) -> Steps<()> {
        let mut dnskey = None;
        if !ds::usable(reply, &goal.name, self.policy.allow_sha1).is_empty() {
            // DS and DNSKEY are verified together, at once after both are there: whoever waits for the same replies
            // then finds the zone known.
            dnskey = match self.keys_reply(&goal.name, &goal.tries.avoid).await {
                Err(End::Bogus(cause)) if !goal.tries.avoid.is_empty() => {
                    let failure = goal.failure.take().map_or(cause.clone(), |failure| failure.unless_limited(&cause));
                    return self.refresh(goal, failure, reply).await;
                }
                dnskey => Some(dnskey?),
            };
            if let Some((zone, trust)) = self.trust.closest(&goal.name, &walk.anchor.zone, self.now_s)
                && walk.is_below_zone(zone)
            {
                walk.enter(known(trust)?);
                return Ok(());
            }
        }
        match self.judge_ds(walk, &goal.name, reply) {
            Ok(Cut::None) => {
                self.tell(&goal.name, RType::DS, Security::Secure, &|| format!("no zone cut in {}", walk.zone.zone));
                walk.no_cut(&goal.name);
                Ok(())
            }
            Ok(Cut::NoName) => {
                self.tell(&goal.name, RType::DS, Security::Secure, &|| format!("no such name in {}", walk.zone.zone));
                walk.nothing = Some(goal.name.clone());
                Ok(())
            }
            Ok(Cut::Unsigned(reason, ttl)) => Err(self.insecure(&goal.name, reason, ttl)),
            Ok(Cut::Signed(ds, ttl)) => {
                let dnskey = match dnskey {
                    Some(dnskey) => dnskey,
                    None => self.keys_reply(&goal.name, &goal.tries.avoid).await?,
                };
                self.enter_zone(walk, goal, reply, (&ds, ttl), &dnskey).await
            }
            Err(failure) => self.retry_ds(goal, failure, reply.server).await,
        }
    }

    fn judge_ds(&self, walk: &Walk<'a>, name: &Name, reply: &Fetched) -> Result<Cut, Failure> {
        match ds::parent_zone(reply, name, &walk.anchor.zone) {
            Some(parent) if *parent == *walk.zone.zone => self.check_ds(&walk.zone, name, reply),
            _ => Err(unsigned(name, RType::DS, &walk.zone.zone)),
        }
    }

    async fn enter_zone(
        &self,
        walk: &mut Walk<'a>,
        goal: &mut Goal,
        reply: &Fetched,
        (ds, ttl): (&[Vec<u8>], u32),
        dnskey: &Fetched,
    ) -> Steps<()> {
        let ds: Vec<&[u8]> = ds.iter().map(Vec::as_slice).collect();
        match self.check_keys(&goal.name, Entry::Ds(&ds, ttl), dnskey) {
            Ok(zone) => {
                walk.enter(self.keep(zone));
                Ok(())
            }
            Err(failure) if goal.tries.again(&failure, dnskey.server) => {
                goal.failure = Some(failure);
                Ok(())
            }
            Err(failure) => self.refresh(goal, failure, reply).await,
        }
    }

    /// The DNSKEY reply: that of the answer itself, if that was the question.
    async fn keys_reply(&self, zone: &Name, avoid: &[SocketAddr]) -> Steps<Arc<Fetched>> {
        let (question, answer) = self.given;
        if avoid.is_empty() && question.rtype == RType::DNSKEY && *question.name == *zone {
            return Ok(Arc::new(answer.clone()));
        }
        self.fetch(zone, RType::DNSKEY, avoid).await
    }

    /// Asks others for DS after a failure, or gives up.
    async fn retry_ds(&self, goal: &mut Goal, failure: Failure, server: Option<SocketAddr>) -> Steps<()> {
        if !goal.tries.again(&failure, server) {
            return Err(self.bogus(&goal.name, failure));
        }
        match self.fetch(&goal.name, RType::DS, &goal.tries.avoid).await {
            Ok(reply) => {
                goal.reply = Some(reply);
                Ok(())
            }
            Err(End::Bogus(cause)) => Err(self.bogus(&goal.name, failure.unless_limited(&cause))),
            Err(_) => Err(self.bogus(&goal.name, failure)),
        }
    }

    /// No keys fit the DS RRset, which may be remembered from before the keys were changed: asks for it once more.
    async fn refresh(&self, goal: &mut Goal, failure: Failure, reply: &Fetched) -> Steps<()> {
        if failure.retry && !std::mem::replace(&mut goal.refreshed, true) {
            goal.tries = Tries::default();
            let avoid: Vec<SocketAddr> = reply.server.into_iter().collect();
            if let Ok(fresh) = self.fetch(&goal.name, RType::DS, &avoid).await
                && fresh.answers != reply.answers
            {
                goal.reply = Some(fresh);
                return Ok(());
            }
        }
        Err(self.bogus(&goal.name, failure))
    }

    /// The keys of a trust anchor's zone.
    async fn enter_anchor(&self, anchor: &Anchor) -> Steps<Arc<SecureZone>> {
        let zone = &*anchor.zone;
        if !anchor.is_usable(self.policy.allow_sha1) {
            let ds: Vec<&[u8]> = anchor.ds.iter().map(Vec::as_slice).collect();
            return Err(self.insecure(zone, Some(unsupported(zone, &ds, self.policy.allow_sha1)), MAX_TRUST_S));
        }
        let mut tries = Tries::default();
        let mut dnskey = self.keys_reply(zone, &[]).await?;
        loop {
            if let Some(trust) = self.trust.get(zone, self.now_s) {
                return known(trust);
            }
            let failure = match self.check_keys(zone, Entry::Anchor(anchor), &dnskey) {
                Ok(zone) => return Ok(self.keep(zone)),
                Err(failure) => failure,
            };
            if !tries.again(&failure, dnskey.server) {
                return Err(self.bogus(zone, failure));
            }
            match self.fetch(zone, RType::DNSKEY, &tries.avoid).await {
                Ok(reply) => dnskey = reply,
                Err(End::Bogus(cause)) => return Err(self.bogus(zone, failure.unless_limited(&cause))),
                Err(_) => return Err(self.bogus(zone, failure)),
            }
        }
    }

    async fn fetch(&self, name: &Name, rtype: RType, avoid: &[SocketAddr]) -> Steps<Arc<Fetched>> {
        self.source.fetch(self.context, name, rtype, avoid).await.map_err(|reason| {
            let text = format!("{rtype} of {name}: {}", reason.text);
            End::Bogus(Failure { reason: Reason { text, ..reason }, retry: false, lasting: false })
        })
    }

    fn keep(&self, zone: SecureZone) -> Arc<SecureZone> {
        let zone = Arc::new(zone);
        self.trust.insert(&zone.zone, ZoneTrust::Secure(zone.clone()));
        self.met.borrow_mut().push(zone.clone());
        self.tell(&zone.zone, RType::DNSKEY, Security::Secure, &|| {
            let tags: Vec<String> = zone.keys.iter().map(|key| key.key_tag().to_string()).collect();
            format!("keys {}", tags.join(", "))
        });
        zone
    }

    fn insecure(&self, zone: &Name, reason: Option<Reason>, ttl: u32) -> End {
        let expires_s = self.now_s + u64::from(ttl.min(MAX_TRUST_S));
        self.tell(zone, RType::DS, Security::Insecure, &|| match &reason {
            Some(reason) => reason.text.clone(),
            None => "a delegation that is not signed".to_owned(),
        });
        self.trust.insert(zone, ZoneTrust::Insecure { expires_s, reason: reason.clone() });
        End::Insecure(reason)
    }

    fn bogus(&self, zone: &Name, failure: Failure) -> End {
        self.tell(zone, RType::DNSKEY, Security::Bogus, &|| failure.reason.text.clone());
        if failure.lasting {
            let (expires_s, reason) = (self.now_s + u64::from(BOGUS_TTL_S), failure.reason.clone());
            self.trust.insert(zone, ZoneTrust::Bogus { expires_s, reason });
        }
        End::Bogus(failure.of_chain())
    }

    pub(super) fn tell(&self, name: &Name, rtype: RType, security: Security, why: &dyn Fn() -> String) {
        self.source.validated(self.context, name, rtype, security, why);
    }
}

/// What the store knows, as a step of a walk.
fn known(trust: ZoneTrust) -> Steps<Arc<SecureZone>> {
    match trust {
        ZoneTrust::Secure(zone) => Ok(zone),
        ZoneTrust::Insecure { reason, .. } => Err(End::Insecure(reason)),
        ZoneTrust::Bogus { reason, .. } => Err(End::Bogus(Failure { reason, retry: false, lasting: true })),
    }
}

/// A zone between the deepest secure one and `name` that has to be looked at before `reply`, which is about DS of
/// `name`, can be judged.
fn missing_parent<'r>(walk: &Walk<'_>, name: &'r Name, reply: &'r Fetched) -> Option<&'r Name> {
    let is_between = |zone: &Name| walk.is_open(zone) && name.is_at_or_below(zone) && name != zone;
    let parent = match ds::parent_zone(reply, name, &walk.anchor.zone) {
        Some(parent) if *parent == *walk.zone.zone => return None,
        parent => parent.filter(|parent| is_between(parent)),
    };
    let by_referral = || Some(&*reply.zone).filter(|zone| is_between(zone));
    let by_label = || walk.next_below(name).filter(|next| *next != name);
    parent.or_else(by_referral).or_else(by_label)
}
