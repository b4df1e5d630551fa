//! Which signatures are to be made anew: because they end soon, or because other keys sign now.

use dns::rdata::typed::Rrsig;
use dns::{NameBuf, RType};
use zone::Contents;
use zone::node::Rrset;

use super::is_signed;
use crate::zone_signer::{KeyInUse, ZoneSigner};

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stale {
    /// RRsets whose signatures are to be made anew, as many as were asked for.
    pub sets: Vec<(NameBuf, RType)>,
    /// How many there are.
    pub count: usize,
    /// How many of them have signatures by other keys than those that sign now, or none.
    pub by_others: usize,
    /// The largest TTL of the zone's RRsets, in seconds.
    pub max_ttl_s: u32,
    /// When the next signature is to be made anew, of those that are not yet, in seconds since 1970.
    pub next_s: Option<u64>,
    /// When the first signature ends, in seconds since 1970.
    pub first_end_s: Option<u64>,
    /// In how many seconds the last signature begins to be valid: 0 unless the clock was ahead when it was made, or is
    /// behind now.
    pub ahead_s: u64,
}

/// Looks at all signatures of a zone, and names up to `limit` RRsets whose signatures are not as they shall be.
pub fn stale(signer: &ZoneSigner, contents: &Contents, now_s: u64, limit: usize) -> Stale {
    let mut stale = Stale::default();
    for node in contents.nodes() {
        let owner = contents.owner(&node);
        let standing = contents.standing(&owner);
        for rrset in node.rrsets().filter(|rrset| rrset.count > 0) {
            let wants = signer.signs() && is_signed(standing, rrset.rtype);
            let signers = if wants { signer.signers_of(&owner, rrset.rtype) } else { &[] };
            let ends_s = end_of(&rrset, now_s);
            stale.first_end_s = [stale.first_end_s, ends_s].into_iter().flatten().min();
            let renew_s = ends_s.map(|ends_s| ends_s.saturating_sub(u64::from(signer.policy.signature_refresh_s)));
            stale.max_ttl_s = stale.max_ttl_s.max(rrset.ttl);
            let ahead_s = begins_in_s(&rrset, now_s);
            stale.ahead_s = stale.ahead_s.max(ahead_s);
            let by_others = !are_by(&rrset, signers);
            if by_others || ahead_s > 0 || renew_s.is_some_and(|renew_s| renew_s <= now_s) {
                stale.count += 1;
                stale.by_others += usize::from(by_others);
                if stale.sets.len() < limit {
                    stale.sets.push((owner.clone(), rrset.rtype));
                }
            } else {
                stale.next_s = [stale.next_s, renew_s].into_iter().flatten().min();
            }
        }
    }
    stale
}

/// When the first signature of a zone ends, whoever made it, in seconds since 1970.
pub fn first_end_s(contents: &Contents, now_s: u64) -> Option<u64> {
    let ends = |node: zone::node::Node<'_>| node.rrsets().filter_map(|rrset| end_of(&rrset, now_s)).min();
    contents.nodes().filter_map(ends).min()
}

/// Whether the signatures are those of these keys, one of each.
fn are_by(rrset: &Rrset<'_>, signers: &[KeyInUse]) -> bool {
    let mut made: Vec<(u16, u8)> =
        rrset.signatures().1.filter_map(Rrsig::parse).map(|rrsig| (rrsig.key_tag, rrsig.algorithm)).collect();
    let mut wanted: Vec<(u16, u8)> = signers.iter().map(KeyInUse::id).collect();
    made.sort_unstable();
    wanted.sort_unstable();
    made == wanted
}

/// When the first signature of an RRset ends, in seconds since 1970.
fn end_of(rrset: &Rrset<'_>, now_s: u64) -> Option<u64> {
    rrset.signatures().1.filter_map(Rrsig::parse).map(|rrsig| time_near(rrsig.expiration, now_s)).min()
}

/// The time nearest to now that 32 bits may mean (RFC 4034 3.1.5), in seconds since 1970.
pub(crate) fn time_near(time: u32, now_s: u64) -> u64 {
    now_s.saturating_add_signed(from_now_s(time, now_s))
}

/// In how many seconds the last signature of an RRset begins to be valid.
fn begins_in_s(rrset: &Rrset<'_>, now_s: u64) -> u64 {
    let ahead = |rrsig: Rrsig<'_>| u64::try_from(from_now_s(rrsig.inception, now_s)).unwrap_or(0);
    rrset.signatures().1.filter_map(Rrsig::parse).map(ahead).max().unwrap_or(0)
}

/// Seconds from now until the time nearest to now that 32 bits may mean (RFC 4034 3.1.5).
fn from_now_s(time: u32, now_s: u64) -> i64 {
    i64::from(time.wrapping_sub(now_s as u32) as i32)
}
