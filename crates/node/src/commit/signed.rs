//! Changes of zones that are signed here: what they touch is signed with them, and nothing that a resolver would refuse
//! gets past the gate.

use std::num::NonZero;
use std::sync::Arc;

use dns::{Name, NameBuf, RType};
use signer::gate;
use signer::sign::{Extent, sign_change};
use signer::zone_signer::{ZoneSigner, is_signers_own};
use zone::{Contents, RrsetChange};

use super::request::{CommitError, SigningFailure};

/// Changes with fewer RRsets are signed by one thread.
const MANY_CHANGES: usize = 256;

/// Signs changes of one zone.
pub struct Signing {
    name: NameBuf,
    signer: Arc<ZoneSigner>,
    now_s: u64,
}

impl Signing {
    pub fn new(name: &Name, signer: Arc<ZoneSigner>, now_ms: u64) -> Signing {
        Signing { name: name.to_owned(), signer, now_s: now_ms / 1000 }
    }

    /// The changes that somebody wants, without those of signatures and denial, which are not theirs to make.
    pub fn plain(&self, mut changes: Vec<RrsetChange>) -> Vec<RrsetChange> {
        let origin = &self.signer.origin;
        changes.retain(|change| !is_signers_own(origin, &change.owner, change.rtype) && changes_data(change));
        // The signer puts its own keys back.
        let (known, own) =
            (&self.signer.known, |change: &RrsetChange| change.rtype == RType::DNSKEY && change.owner == *origin);
        changes.retain(|change| {
            let data = |records: &Option<zone::Records>| {
                let all = records.as_ref().map(|records| records.data.clone()).unwrap_or_default();
                all.into_iter().filter(|dnskey| !known.contains(dnskey)).collect::<Vec<_>>()
            };
            !own(change) || data(&change.before) != data(&change.after)
        });
        changes
    }

    /// The changes with all that has to change with them.
    ///
    /// # Errors
    /// What cannot be signed.
    pub fn sign(
        &self,
        contents: &Contents,
        changes: Vec<RrsetChange>,
        again: &[(NameBuf, RType)],
    ) -> Result<Vec<RrsetChange>, CommitError> {
        let threads = threads(changes.len() + again.len());
        let signed = sign_change(&self.signer, contents, changes, Extent::Also(again), self.now_s, threads);
        signed.map_err(|error| self.failure(error.into()))
    }

    /// Lets a change pass whose outcome is `after`.
    ///
    /// # Errors
    /// Resolvers would refuse it.
    pub fn check(&self, after: &Contents, changes: &[RrsetChange]) -> Result<(), CommitError> {
        gate::check(&self.signer, after, changes, self.now_s, threads(changes.len()))
            .map_err(|error| self.failure(error.into()))
    }

    /// Whether the apex or the kind of denial is not as the signer wants it.
    pub fn is_behind(&self, contents: &Contents) -> bool {
        signer::sign::is_behind(&self.signer, contents)
    }

    fn failure(&self, why: SigningFailure) -> CommitError {
        CommitError::Signing { zone: self.name.clone(), why }
    }
}

/// Whether records change, and not their signatures alone.
fn changes_data(change: &RrsetChange) -> bool {
    let data = |records: &Option<zone::Records>| records.as_ref().map(|records| (records.ttl, records.data.clone()));
    data(&change.before) != data(&change.after)
}

fn threads(changes: usize) -> usize {
    if changes < MANY_CHANGES { 1 } else { std::thread::available_parallelism().map_or(1, NonZero::get) }
}
