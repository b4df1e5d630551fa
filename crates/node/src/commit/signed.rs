//! Changes of zones that are signed here: what they touch is signed with them, and nothing that a resolver would refuse
//! gets past the gate.

use std::num::NonZero;
use std::sync::Arc;

use dns::{Name, NameBuf, RType};
use signer::gate;
use signer::sign::sign_change;
use signer::zone_signer::{ZoneSigner, is_signers_own};
use zone::{Contents, Records, RrsetChange};

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

    /// The changes that somebody wants, without those of signatures and denial, which are not theirs to make, and those of
    /// the signer's own keys, which it puts back.
    pub fn plain(&self, mut changes: Vec<RrsetChange>) -> Vec<RrsetChange> {
        let origin = &self.signer.origin;
        changes.retain(|change| {
            let is_of_keys = change.rtype == RType::DNSKEY && change.owner == *origin;
            let [before, after] = [&change.before, &change.after].map(|records| match is_of_keys {
                true => Some((0, self.keys_of_others(records.as_ref()))),
                false => records.as_ref().map(|records| (records.ttl, records.data.iter().collect())),
            });
            !is_signers_own(origin, &change.owner, change.rtype) && before != after
        });
        changes
    }

    /// The data of DNSKEY records that are not the signer's (RFC 8901).
    fn keys_of_others<'r>(&self, records: Option<&'r Records>) -> Vec<&'r Vec<u8>> {
        let all = records.into_iter().flat_map(|records| &records.data);
        all.filter(|dnskey| !self.signer.known.contains(dnskey)).collect()
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
        let signed = sign_change(&self.signer, contents, changes, again, self.now_s, threads);
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

fn threads(changes: usize) -> usize {
    if changes < MANY_CHANGES { 1 } else { std::thread::available_parallelism().map_or(1, NonZero::get) }
}
