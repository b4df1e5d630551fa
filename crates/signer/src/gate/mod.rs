//! The gate: nothing that a validator would refuse gets into a zone. Each signed change is judged before it counts, with the
//! code that validates other people's answers: its signatures under the keys that will be published and under those that
//! caches may still hold, the keys under the DS records of the parent, and the proofs beside what came and went.

mod denial;
mod others;
mod signatures;

use std::borrow::Borrow;
use std::collections::BTreeMap;

use dns::{NameBuf, RType};
use dnssec::verify::VerifyError;
use zone::{Contents, RrsetChange};

use crate::zone_signer::ZoneSigner;

pub use others::{Judged, Since, judge, needed_until};
use signatures::Known;
pub use signatures::{Lasting, leads};

/// Why a change is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// No signature of an RRset verifies under a set of keys.
    #[error("no signature over the {rtype} records of {owner} verifies with {keys}: {why}")]
    Signature {
        /// The owner.
        owner: NameBuf,
        /// The type.
        rtype: RType,
        /// Which keys.
        keys: KeysOf,
        /// Why the last one tried does not.
        why: VerifyError,
    },
    /// An RRset has no signature of an algorithm that the zone's keys have (RFC 4035 2.2).
    #[error("the {rtype} records of {owner} have no signature of algorithm {algorithm}, which keys of the zone have")]
    Unsigned {
        /// The owner.
        owner: NameBuf,
        /// The type.
        rtype: RType,
        /// The number of the algorithm.
        algorithm: u8,
    },
    /// The zone has no key that could verify anything.
    #[error("the zone {0} has no DNSKEY record that can verify its signatures")]
    NoKeys(NameBuf),
    /// The parent's DS records lead to no key.
    #[error(
        "no DS record at the parent leads to a key that signs the DNSKEY records of {0}: resolvers would refuse the zone"
    )]
    NoChain(NameBuf),
    /// Records of denial do not prove what they have to, or deny what is there.
    #[error("denial at {owner}: {what}")]
    Denial {
        /// The name.
        owner: NameBuf,
        /// What is wrong.
        what: &'static str,
    },
}

/// Which set of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysOf {
    /// The set that the change publishes.
    Now,
    /// A former one.
    Until(u64),
}

impl std::fmt::Display for KeysOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            KeysOf::Now => f.write_str("the keys that the zone publishes"),
            KeysOf::Until(until_s) => {
                write!(f, "the former keys, which caches may hold for up to {until_s} (seconds since 1970)")
            }
        }
    }
}

/// Judges a change: `after` is the zone with `changes`. What they do not touch was judged before; of the names that they touch
/// it is looked at again all the same, and verified again if the keys are others.
///
/// # Errors
/// The first thing that a validator would refuse.
pub fn check(
    signer: &ZoneSigner,
    after: &Contents,
    changes: &[RrsetChange],
    now_s: u64,
    threads: usize,
) -> Result<(), GateError> {
    let mut touched: BTreeMap<&NameBuf, Vec<RType>> = BTreeMap::new();
    for change in changes {
        touched.entry(&change.owner).or_default().push(change.rtype);
    }
    let has_other_keys = touched.get(&signer.origin).is_some_and(|rtypes| rtypes.contains(&RType::DNSKEY));
    let owners: Vec<&NameBuf> = touched.keys().copied().collect();
    check_names(signer, after, &owners, now_s, threads, |owner, rtype| {
        let is_new = has_other_keys || touched.get(owner).is_some_and(|rtypes| rtypes.contains(&rtype));
        if is_new { Known::Nothing } else { Known::Verified }
    })
}

/// Judges all of a zone.
///
/// # Errors
/// The first thing that a validator would refuse.
pub fn check_whole(signer: &ZoneSigner, zone: &Contents, now_s: u64, threads: usize) -> Result<(), GateError> {
    in_batches(zone, |owners| check_names(signer, zone, owners, now_s, threads, |_, _| Known::Nothing))
}

/// Has `check` look at all names of a zone, some at a time: a list of all of them takes memory.
fn in_batches(zone: &Contents, mut check: impl FnMut(&[NameBuf]) -> Result<(), GateError>) -> Result<(), GateError> {
    let mut nodes = zone.nodes().peekable();
    while nodes.peek().is_some() {
        let owners: Vec<NameBuf> = nodes.by_ref().take(BATCH).map(|node| zone.owner(&node)).collect();
        check(&owners)?;
    }
    Ok(())
}

/// Judges the step to the DNSKEY RRset that the signer wants, before it is made: every signature that the zone has and that
/// verifies now has to verify with the next keys, and a new algorithm has to have signed everything if the parent leads to the
/// zone. A change judges the
/// names that it touches alone; what other keys mean for all others is judged here.
///
/// # Errors
/// The first RRset that resolvers would refuse because of the step.
pub fn check_keys(signer: &ZoneSigner, before: &Contents, now_s: u64, threads: usize) -> Result<(), GateError> {
    let keys = signatures::Keys::of_step(signer, before, now_s);
    if !signer.signs() || !before.is_signed() || keys.are_all_the_same() {
        return Ok(());
    }
    let check = |owners: &[NameBuf]| {
        let mut verifier = keys.verifier();
        owners.iter().try_for_each(|owner| verifier.check_step(before, owner))
    };
    in_batches(before, |owners| in_shares(owners, threads, check).into_iter().collect())
}

fn check_names<N: Borrow<NameBuf> + Sync>(
    signer: &ZoneSigner,
    after: &Contents,
    owners: &[N],
    now_s: u64,
    threads: usize,
    known: impl Fn(&NameBuf, RType) -> Known + Sync,
) -> Result<(), GateError> {
    if !signer.signs() {
        return Ok(());
    }
    let keys = signatures::Keys::of(signer, after, now_s)?;
    keys.check_chain(after, &signer.parent_ds, &signer.parent_sets)?;
    let nsec3 = signer.nsec3();
    in_shares(owners, threads, |owners| {
        let mut verifier = keys.verifier();
        for owner in owners.iter().map(Borrow::borrow) {
            verifier.check_name(after, owner, |rtype| known(owner, rtype))?;
            denial::check_name(nsec3.as_ref(), after, owner)?;
        }
        Ok(())
    })
    .into_iter()
    .collect()
}

/// Names of a whole zone that are looked at together.
const BATCH: usize = 65_536;
/// Fewest names that are worth a thread.
const MIN_SHARE: usize = 64;

/// Has `check` look at all of them, in as many shares as there are threads; what it says of each share.
fn in_shares<T: Sync, R: Send>(all: &[T], threads: usize, check: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    let threads = threads.min(all.len() / MIN_SHARE).max(1);
    if threads == 1 {
        return vec![check(all)];
    }
    std::thread::scope(|scope| {
        let check = &check;
        let shares: Vec<_> =
            all.chunks(all.len().div_ceil(threads)).map(|share| scope.spawn(move || check(share))).collect();
        let join = |share: std::thread::ScopedJoinHandle<'_, _>| {
            // A thread that panicked has said so.
            share.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        shares.into_iter().map(join).collect()
    })
}
