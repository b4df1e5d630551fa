//! One look at one zone: its keys move on as time and the parent allow, and its signatures follow.

use std::num::NonZero;
use std::rc::Rc;
use std::sync::Arc;

use dns::rdata::typed::{Ds, Rrsig};
use dns::{Name, NameBuf, RType};
use dnssec::algorithm::Algorithm;
use dnssec::sign::SigningKey;
use journal::shared::{Author, SettingsError};
use server::clock::EARLIEST_MS;
use signer::gate;
use signer::keys::{AddError, Origin, Role, ZoneKey, ZoneKeys};
use signer::parent::Parent;
use signer::policy::SigningPolicy;
use signer::sign::{Stale, first_end_s, sign_whole};
use signer::timeline::{Awaited, Facts, NewKey, Outcome, Wait, Wanted, advance};
use signer::zone_signer::ZoneSigner;
use zone::Contents;

use super::document::{self, Former, Versioned, ZoneDocument};
use super::key_store::{self, KeyStoreError};
use super::lease::{Candidate, FOLLOW_S, Turn};
use super::parent::{Need, Parents};
use super::signer_of::signer_of;
use super::survey::Surveys;
use super::wish::Wish;
use super::{Parts, SigningError};
use crate::commit::{Committed, Intent, Request};

/// RRsets whose signatures are made anew with one change, unless their algorithm is slow.
const BATCH: usize = 500;
/// The same with RSA, which signs a thirtieth of that in the same time.
const SLOW_BATCH: usize = 50;
/// A new key is made again so often if another could be taken for it.
const MAX_ATTEMPTS: usize = 16;
/// The life of keys is looked at again so often where each look asks for another key.
const MAX_NEW_KEYS: usize = 8;
/// A zone is looked at at least this often.
const MAX_WAIT_S: u64 = 3600;
/// Whoever the journal says did it.
pub const WHO: &str = "signing";

/// What a look found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// When to look again, in seconds since 1970.
    pub next_s: u64,
    /// What is waited for.
    pub waits: Vec<Wait>,
    /// RRsets whose signatures are to be made anew.
    pub stale: usize,
    /// When the first signature ends, in seconds since 1970.
    pub first_end_s: Option<u64>,
}

/// Looks at one zone.
pub struct Look<'a> {
    pub parts: &'a Parts,
    pub parents: &'a Parents,
    /// What is known of the zone's parent.
    pub parent: &'a Parent,
    pub zone: &'a Name,
    pub wish: Wish,
    /// What the clock says, in seconds since 1970.
    pub now_s: u64,
    /// The clock has jumped ahead by so many seconds, and is not believed yet.
    pub lead_s: u64,
    /// The clock went evenly for so long that signatures which are not valid yet must be what is wrong.
    pub believes_clock: bool,
    /// What was seen of the zone in this look.
    pub surveys: Surveys,
}

impl Look<'_> {
    /// Moves the keys on, signs what has to be signed, and says when to look again; `None`: the zone has nothing to do
    /// with signing any more.
    pub fn run(&self) -> Result<Option<Found>, SigningError> {
        let Some(contents) = self.contents() else { return Ok(None) };
        if self.now_s < EARLIEST_MS / 1000 {
            return Err(SigningError::ClockTooEarly);
        }
        let mut kept = document::read(&self.parts.settings.state(), self.zone);
        let has_keys = kept.version > 0 && !kept.document.keys.keys.is_empty();
        if !has_keys && self.wish.policy_name.is_empty() {
            self.parts.signers.remove(self.zone);
            return Ok(None);
        }
        if let Some(cluster) = &self.parts.cluster {
            let candidate = self.candidate(&kept.document.keys);
            let next_s = match candidate.turn(cluster, &mut kept, &self.author("this server signs the zone"))? {
                Turn::Ours => None,
                Turn::Theirs(server) => {
                    candidate.follow(&server, &kept.document);
                    Some(self.now_s + FOLLOW_S)
                }
                Turn::Later => Some(self.now_s + 1),
            };
            if let Some(next_s) = next_s {
                return Ok(Some(Found { next_s, first_end_s: first_end_s(&contents, self.now_s), ..Found::default() }));
            }
        }
        if !has_keys {
            kept.document.keys = self.first_keys(&contents)?;
        }
        if !self.wish.policy_name.is_empty() {
            check_signed_here(&contents, &kept.document.keys)?;
        }
        // What was decided before is done first: no time passes for records that nobody could have fetched.
        if has_keys {
            self.use_keys(&kept.document, &contents)?;
            self.check_clock(&contents)?;
            if kept.document.pending {
                self.settle(&contents)?;
                kept = self.begin_times(kept)?;
            }
        }
        let contents = self.contents().unwrap_or(contents);
        let before = self.survey(&contents);
        let (outcome, kept) = self.advance(kept, &contents, &before)?;
        if outcome.keys.keys.is_empty() {
            return self.forget(&kept);
        }
        let contents = self.contents().unwrap_or(contents);
        self.settle(&contents)?;
        let kept = if kept.document.pending { self.begin_times(kept)? } else { kept };
        let contents = self.contents().unwrap_or(contents);
        let after = self.survey(&contents);
        self.watch_parent(&kept.document.keys, &contents);
        let moved = kept.document.keys.signed_since_s.is_none() && self.is_as_wanted(&contents, &after);
        let latest_s = self.now_s + MAX_WAIT_S;
        let next_s = if after.count > 0 || moved {
            self.now_s + 1
        } else {
            [outcome.next_s.map(|next_s| next_s + self.lead_s), after.next_s]
                .into_iter()
                .flatten()
                .fold(latest_s, u64::min)
                .max(self.now_s + 1)
        };
        let waits = self.with_remarks(&kept.document.keys, outcome.waits);
        Ok(Some(Found { next_s, waits, stale: after.count, first_end_s: after.first_end_s }))
    }

    /// The zone, for whoever decides which server signs it.
    fn candidate(&self, keys: &ZoneKeys) -> Candidate<'_> {
        let (parts, zone, now_s) = (self.parts, self.zone, self.now_s);
        Candidate { parts, zone, policy_name: &self.wish.policy_name, policy: self.wish.policy_for(keys), now_s }
    }

    /// Says what the zone needs of its parent.
    fn watch_parent(&self, keys: &ZoneKeys, contents: &Contents) {
        let unstable = keys.keys.iter().filter(|key| key.role.signs_keys() && !key.ds.is_stable());
        let records = |rtype| contents.records(self.zone, rtype).map(|records| records.data).unwrap_or_default();
        let need = Need {
            keys: keys.keys.clone(),
            policy: self.wish.policy_for(keys),
            waiting_since_s: unstable.map(|key| key.ds.since_s).max(),
            cds: [records(RType::CDS), records(RType::CDNSKEY)].concat(),
        };
        self.parents.need(self.zone, need, self.now_s);
    }

    /// What is waited for, and of what the parent has to do, which of its servers has not done it.
    fn with_remarks(&self, keys: &ZoneKeys, mut waits: Vec<Wait>) -> Vec<Wait> {
        for wait in &mut waits {
            let published = match wait.what {
                Awaited::DsPublished => true,
                Awaited::DsWithdrawn => false,
                Awaited::Caches(_) | Awaited::Signing => continue,
            };
            let key = keys.by_tag(wait.tag);
            if let Some(remark) = key.and_then(|key| self.parent.remark(self.zone, key, published)) {
                wait.sentence = format!("{}; {remark}", wait.sentence);
            }
        }
        waits
    }

    /// The zone as it is served.
    fn contents(&self) -> Option<Contents> {
        self.parts.zones.latest().get(self.zone)?.contents.clone()
    }

    fn author(&self, why: &str) -> Author {
        Author::new(WHO, why, self.now_s * 1000)
    }

    /// The operator's own keys, if there are any.
    fn first_keys(&self, contents: &Contents) -> Result<ZoneKeys, SigningError> {
        let mut keys = ZoneKeys::default();
        let files = self.wish.key_files.iter().map(|path| key_store::read_pair(path));
        let all = files.collect::<Result<Vec<_>, _>>()?;
        let is_alone = all.len() == 1;
        for key in all {
            let flags = key.flags();
            let role = match flags & signer::keys::SECURE_ENTRY_POINT {
                _ if is_alone => Role::Csk,
                0 => Role::Zsk,
                _ => Role::Ksk,
            };
            self.parts.store().keep(self.zone, self.wish.policy.dnskey_ttl_s, &key)?;
            let dnskey = key.dnskey_rdata().to_vec();
            let published = contents.records(self.zone, RType::DNSKEY);
            // A zone that was signed with it elsewhere: its parent may well have a DS record.
            keys.add(match published.is_some_and(|records| records.data.contains(&dnskey)) {
                true => ZoneKey::in_service(role, Origin::Operator, dnskey, self.even_s(), role.signs_keys()),
                false => ZoneKey::new(role, Origin::Operator, dnskey, self.even_s()),
            })?;
        }
        Ok(keys)
    }

    /// What caches are counted by: they are no older because the clock has jumped ahead.
    fn even_s(&self) -> u64 {
        self.now_s.saturating_sub(self.lead_s)
    }

    /// Signatures that are not valid yet are made anew if they are good then whatever is wrong, the clock now or the clock
    /// by which they were made: otherwise the zone stays as it is until that is known.
    fn check_clock(&self, contents: &Contents) -> Result<(), SigningError> {
        let policy = &self.wish.policy;
        let spare_s = policy.signature_lifetime_s - policy.signature_refresh_s - policy.signature_jitter_s;
        match self.survey(contents).ahead_s {
            ahead_s if ahead_s > u64::from(spare_s) && !self.believes_clock => Err(SigningError::ClockBehind(ahead_s)),
            _ => Ok(()),
        }
    }

    /// Has the committer sign with the keys of a document. While the clock is ahead and not believed, signatures begin
    /// to be valid before the jump, and former keys count until the time has really passed.
    fn use_keys(&self, document: &ZoneDocument, contents: &Contents) -> Result<(), SigningError> {
        let mut policy = self.wish.policy_for(&document.keys);
        if self.lead_s > 0 {
            let lead_s = u32::try_from(self.lead_s).unwrap_or(u32::MAX);
            let inception_offset_s = policy.inception_offset_s.saturating_add(lead_s);
            policy = Arc::new(SigningPolicy { inception_offset_s, ..(*policy).clone() });
        }
        let mut sets = self.parent.ds_sets();
        // What the parent has wrong already keeps nobody from changing the zone.
        sets.retain(|ds| gate::leads(contents, ds, self.now_s));
        let signer = signer_of(self.zone, document, &policy, sets, &self.parts.store()).map(|mut signer| {
            signer.former.iter_mut().for_each(|former| former.until_s += self.lead_s);
            signer
        });
        let failure = signer.as_ref().err().map(ToString::to_string);
        self.parts.signers.set(self.zone, signer.map_err(|error| error.to_string()));
        failure.map_or(Ok(()), |why| Err(SigningError::Keys(why)))
    }

    fn signer(&self) -> Option<Arc<ZoneSigner>> {
        self.parts.signers.signer(self.zone).ok().flatten()
    }

    /// Whether every RRset has signatures of just those keys that sign the zone: none, where none does.
    fn is_as_wanted(&self, contents: &Contents, survey: &Stale) -> bool {
        survey.by_others == 0 && self.signer().is_some_and(|signer| signer.signs() == contents.is_signed())
    }

    /// What is to be signed anew.
    fn survey(&self, contents: &Contents) -> Rc<Stale> {
        let batch = if self.wish.policy.algorithm == Algorithm::RSASHA256 { SLOW_BATCH } else { BATCH };
        self.signer().map(|signer| self.surveys.survey(&signer, contents, self.now_s, batch)).unwrap_or_default()
    }

    /// The keys as they are now. New ones are made, and what changed is durable before anybody sees it.
    fn advance(
        &self,
        kept: Versioned,
        contents: &Contents,
        survey: &Stale,
    ) -> Result<(Outcome, Versioned), SigningError> {
        let Versioned { document: before, version } = kept;
        let mut document = before.clone();
        document.zone = self.zone.to_string();
        if !self.wish.policy_name.is_empty() {
            document.policy = self.wish.policy_name.clone();
        }
        document.note_ttl(survey.max_ttl_s, self.even_s());
        let mut outcome = self.look_ahead(&document, contents, survey);
        for _ in 0..MAX_NEW_KEYS {
            if outcome.make.is_empty() {
                break;
            }
            document.keys = outcome.keys.clone();
            for wanted in &outcome.make {
                self.make_key(&mut document.keys, wanted)?;
            }
            outcome = self.look_ahead(&document, contents, survey);
        }
        document.keys = outcome.keys.clone();
        let finished = document.keys.forget_finished();
        outcome.keys = document.keys.clone();
        self.remember_former(&mut document, contents);
        // The committer has these keys already.
        if document == before && version > 0 {
            return Ok((outcome, Versioned { document, version }));
        }
        document.pending = document.pending || document.keys != before.keys;
        if let Err(why) = self.check_step(&document, contents) {
            self.destroy_new(&before.keys, &document.keys)?;
            return Err(why);
        }
        let version = self.write(&document, version, &describe(&before.keys, &document.keys))?;
        for key in finished {
            tracing::info!(zone = %self.zone, tag = key.tag(), "the key is not needed any more: its files are removed");
            self.parts.store().destroy(self.zone, &key.dnskey)?;
        }
        self.use_keys(&document, contents)?;
        Ok((outcome, Versioned { document, version }))
    }

    /// Whether what the zone has verifies with the keys that a document publishes. All of it is verified, so it is done here and
    /// not in the committer.
    fn check_step(&self, document: &ZoneDocument, contents: &Contents) -> Result<(), SigningError> {
        let policy = self.wish.policy_for(&document.keys);
        let signer = signer_of(self.zone, document, &policy, Vec::new(), &self.parts.store())?;
        Ok(gate::check_keys(&signer, contents, self.now_s, threads())?)
    }

    /// Removes the files of keys that were made for a document that is not to be.
    fn destroy_new(&self, before: &ZoneKeys, after: &ZoneKeys) -> Result<(), SigningError> {
        let is_new = |key: &&ZoneKey| key.origin == Origin::Made && before.by_tag(key.tag()).is_none();
        Ok(after.keys.iter().filter(is_new).try_for_each(|key| self.parts.store().destroy(self.zone, &key.dnskey))?)
    }

    fn look_ahead(&self, document: &ZoneDocument, contents: &Contents, survey: &Stale) -> Outcome {
        let wanted = if self.wish.policy_name.is_empty() { Wanted::Insecure } else { Wanted::Signed };
        let facts = Facts {
            max_ttl_s: document.max_ttl_s,
            dnskey_ttl_s: dnskey_ttl(contents).max(self.wish.policy.dnskey_ttl_s),
            ds_seen: self.parent.ds_seen(),
            zone_is_signed: self.is_as_wanted(contents, survey),
            wanted,
        };
        advance(&document.keys, &self.wish.policy_for(&document.keys), &facts, self.even_s())
    }

    fn write(&self, document: &ZoneDocument, version: u64, why: &str) -> Result<u64, SettingsError> {
        document::write(&self.parts.settings, self.zone, version, document, &self.author(why))
    }

    /// Makes a key that nobody can take for another, and keeps it.
    fn make_key(&self, keys: &mut ZoneKeys, wanted: &NewKey) -> Result<(), SigningError> {
        for attempt in 1.. {
            let key = match wanted.algorithm {
                Algorithm::RSASHA256 => {
                    SigningKey::generate_rsa(wanted.algorithm, usize::from(self.wish.policy.rsa_bits))
                }
                algorithm => SigningKey::generate(algorithm),
            };
            let key = key.map_err(KeyStoreError::from)?.with_flags(wanted.flags);
            let made = ZoneKey::new(wanted.role, Origin::Made, key.dnskey_rdata().to_vec(), self.even_s());
            // A DS record of another key with the same tag would be taken for one of this key.
            let is_taken = self
                .parent
                .ds_sets()
                .iter()
                .flatten()
                .filter_map(|ds| Ds::parse(ds))
                .any(|ds| ds.key_tag == made.tag());
            let added = if is_taken { Err(AddError::TagTaken(made.tag())) } else { keys.add(made) };
            match added {
                Ok(()) => {
                    self.parts.store().keep(self.zone, self.wish.policy.dnskey_ttl_s, &key)?;
                    let (tag, algorithm, role) = (key.key_tag(), wanted.algorithm, wanted.role);
                    tracing::info!(zone = %self.zone, tag, %algorithm, "made a {role}");
                    return Ok(());
                }
                Err(AddError::TagTaken(_)) if attempt < MAX_ATTEMPTS => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Remembers the DNSKEY RRset that the zone has, if it will have another one: caches hold it for a while.
    fn remember_former(&self, document: &mut ZoneDocument, contents: &Contents) {
        document.former.retain(|former| former.until_s > self.even_s());
        let Some(records) = contents.records(self.zone, RType::DNSKEY) else { return };
        let mut next: Vec<&Vec<u8>> =
            document.keys.keys.iter().filter(|key| key.is_published()).map(|key| &key.dnskey).collect();
        let mut now: Vec<&Vec<u8>> = records.data.iter().collect();
        next.sort();
        now.sort();
        if next == now || next.is_empty() {
            return;
        }
        let ttl_s = records.ttl.max(self.wish.policy.dnskey_ttl_s) + self.wish.policy.propagation_s;
        let dnskeys = document::to_text(&records.data);
        document.former.retain(|former| former.dnskeys != dnskeys);
        document.former.push(Former { dnskeys, until_s: self.even_s() + u64::from(ttl_s) });
    }

    /// The zone becomes what its keys want: signed for the first time, or with other keys, or with fresh signatures.
    fn settle(&self, contents: &Contents) -> Result<(), SigningError> {
        let Some(signer) = self.signer() else { return Ok(()) };
        if signer.signs() && !contents.is_signed() {
            return self.sign_whole(&signer, contents);
        }
        let again = self.survey(contents).sets.clone();
        if again.is_empty() && !signer::sign::is_behind(&signer, contents) {
            return Ok(());
        }
        self.commit("signatures", Intent::Sign { again }).map(drop)
    }

    /// Signs a zone for the first time, with all processors, while the old version is served.
    fn sign_whole(&self, signer: &ZoneSigner, contents: &Contents) -> Result<(), SigningError> {
        let signed = sign_whole(signer, contents, self.now_s, threads())?;
        gate::check_whole(signer, &signed, self.now_s, threads())?;
        let made = self.commit("signed", Intent::SignWhole { from: contents.clone(), signed })?;
        if made.offset.is_some() {
            tracing::info!(zone = %self.zone, "the zone is signed");
        }
        Ok(())
    }

    fn commit(&self, why: &str, intent: Intent) -> Result<Committed, SigningError> {
        let (name, intent) = (NameBuf::from(self.zone), intent);
        let prepare = move |_: &dyn crate::commit::PendingZones| Ok(vec![(name.clone(), intent.clone())]);
        let (who, why) = (WHO.to_owned(), why.to_owned());
        let request = Request { who, why, reverts: None, prepare: Box::new(prepare), dry_run: false };
        Ok(self.parts.committer.commit_blocking(request)?)
    }

    /// The zone is now as its keys want it: from now on caches may have what it has.
    fn begin_times(&self, kept: Versioned) -> Result<Versioned, SigningError> {
        let Versioned { mut document, version } = kept;
        document.pending = false;
        document.keys.begin_changes(self.even_s());
        let version = self.write(&document, version, "published")?;
        Ok(Versioned { document, version })
    }

    /// The zone is insecure, and its last key is gone.
    fn forget(&self, kept: &Versioned) -> Result<Option<Found>, SigningError> {
        if let Some(contents) = self.contents() {
            self.settle(&contents)?;
        }
        if kept.version > 0 {
            document::delete(&self.parts.settings, self.zone, kept.version, &self.author("not signed any more"))?;
        }
        self.parts.signers.remove(self.zone);
        Ok(None)
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Refuses to sign a zone that others have signed, and whose keys are not here: resolvers trust those keys, and would
/// trust no others.
fn check_signed_here(contents: &Contents, keys: &ZoneKeys) -> Result<(), SigningError> {
    let is_by_us = |rtype: RType| {
        let records = contents.records(contents.origin(), rtype).unwrap_or_default();
        let tags = records.signatures.iter().filter_map(|rrsig| Rrsig::parse(rrsig)).map(|rrsig| rrsig.key_tag);
        let mut by_us = tags.filter(|tag| keys.by_tag(*tag).is_some());
        by_us.next().is_some()
    };
    if !contents.is_signed() || is_by_us(RType::SOA) && is_by_us(RType::DNSKEY) {
        return Ok(());
    }
    Err(SigningError::Refused(
        "the zone is signed already, and its keys are not here: name them in `dnssec_key_files`, bring them in with \
         `headwater key import --in-service`, or take its signatures away first"
            .to_owned(),
    ))
}

fn dnskey_ttl(contents: &Contents) -> u32 {
    contents.records(contents.origin(), RType::DNSKEY).map_or(0, |records| records.ttl)
}

/// What changed of the keys, for whoever reads the history.
fn describe(before: &ZoneKeys, after: &ZoneKeys) -> String {
    let mut said = Vec::new();
    for key in &after.keys {
        let was = before.by_tag(key.tag()).map(ZoneKey::state);
        if was != Some(key.state()) {
            said.push(format!("{} {} is {}", key.role, key.tag(), key.state()));
        }
    }
    let gone = before.keys.iter().filter(|key| after.by_tag(key.tag()).is_none());
    said.extend(gone.map(|key| format!("{} {} is removed", key.role, key.tag())));
    if said.is_empty() { "keys".to_owned() } else { said.join(", ") }
}
