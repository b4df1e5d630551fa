//! Many changes as one difference (RFC 1995 4): what a client with an old serial is sent.

use std::borrow::Borrow;
use std::collections::HashMap;

use dns::{Name, RType};

use super::serial_of;
use crate::change::{Action, ZoneChange};
use crate::contents::Contents;
use crate::draft::Records;
use crate::records::{RecordList, RecordListBuilder};

/// Why there is no difference to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoDifference {
    /// The changes do not lead from the client's serial to that of the zone.
    #[error("the changes since the client's serial are not known")]
    Gap,
    /// One of the changes is more than an edit: all records were exchanged.
    #[error("the zone was replaced since the client's serial")]
    Replaced,
    /// The zone has fewer records than the difference.
    #[error("the difference is larger than the zone")]
    Larger,
}

/// An owner and type, what was before the first change and what is after the last.
type Touched<'c> = (&'c Name, RType, Option<&'c Records>, Option<&'c Records>);

/// A record apart from its owner: type, TTL, data.
type Single<'c> = (RType, u32, &'c [u8]);

/// The difference between the version with serial `from` and `contents`, as records in the order of
/// RFC 1995 4: the new SOA, the old SOA, what goes, the new SOA, what comes, the new SOA.
///
/// `changes` are those of the zone in their order; those before `from` and behind the contents' serial are
/// left out. What cancels out vanishes; a record whose TTL changes goes and comes.
pub fn condense<C: Borrow<ZoneChange>>(
    from: u32,
    contents: &Contents,
    changes: &[C],
) -> Result<RecordList, NoDifference> {
    let to = contents.soa().ok_or(NoDifference::Gap)?.serial;
    let origin = contents.origin();
    let touched = fold(from, to, changes)?;
    let soas = touched.iter().find(|(owner, rtype, ..)| *rtype == RType::SOA && *owner == origin);
    let Some((_, _, Some(old), Some(new))) = soas else { return Err(NoDifference::Gap) };
    let (Some(old_soa), Some(new_soa)) = (old.data.first(), new.data.first()) else { return Err(NoDifference::Gap) };
    if serial_of(old_soa) != Some(from) || serial_of(new_soa) != Some(to) {
        return Err(NoDifference::Gap);
    }
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    for &(owner, rtype, before, after) in &touched {
        let (before, after) = (singles(rtype, before), singles(rtype, after));
        gone.extend(before.iter().filter(|one| after.binary_search(one).is_err()).map(|&one| (owner, one)));
        come.extend(after.iter().filter(|one| before.binary_search(one).is_err()).map(|&one| (owner, one)));
        if (gone.len() + come.len()) as u64 > contents.record_count() {
            return Err(NoDifference::Larger);
        }
    }
    let mut list = RecordListBuilder::default();
    list.push(origin, RType::SOA, new.ttl, new_soa);
    list.push(origin, RType::SOA, old.ttl, old_soa);
    gone.iter().for_each(|(owner, (rtype, ttl, rdata))| list.push(owner, *rtype, *ttl, rdata));
    list.push(origin, RType::SOA, new.ttl, new_soa);
    come.iter().for_each(|(owner, (rtype, ttl, rdata))| list.push(owner, *rtype, *ttl, rdata));
    list.push(origin, RType::SOA, new.ttl, new_soa);
    Ok(list.finish())
}

/// What the changes between two serials touch, in the order in which they first do.
fn fold<C: Borrow<ZoneChange>>(from: u32, to: u32, changes: &[C]) -> Result<Vec<Touched<'_>>, NoDifference> {
    let mut places: HashMap<(&Name, RType), usize> = HashMap::new();
    let mut touched: Vec<Touched<'_>> = Vec::new();
    let mut serial = from;
    // A serial may come twice after a long time; the later one counts.
    let start = changes.iter().rposition(|change| change.borrow().from == Some(from)).ok_or(NoDifference::Gap)?;
    for change in changes[start..].iter().map(Borrow::borrow) {
        if serial == to {
            break;
        }
        if change.from != Some(serial) {
            return Err(NoDifference::Gap);
        }
        let edits = match &change.action {
            Action::Edit(edits) => edits,
            Action::Configure { .. } => continue,
            _ => return Err(NoDifference::Replaced),
        };
        for edit in edits {
            let place = *places.entry((&edit.owner, edit.rtype)).or_insert_with(|| {
                touched.push((&edit.owner, edit.rtype, edit.before.as_ref(), None));
                touched.len() - 1
            });
            touched[place].3 = edit.after.as_ref();
        }
        serial = change.to.ok_or(NoDifference::Gap)?;
    }
    if serial == to { Ok(touched) } else { Err(NoDifference::Gap) }
}

/// The records of an RRset and the signatures over them, sorted. An SOA RRset gives only its signatures.
fn singles(rtype: RType, records: Option<&Records>) -> Vec<Single<'_>> {
    let Some(records) = records else { return Vec::new() };
    let data = records.data.iter().filter(|_| rtype != RType::SOA).map(|data| (rtype, records.ttl, &data[..]));
    let signatures = records.signatures.iter().map(|data| (RType::RRSIG, records.ttl, &data[..]));
    let mut all: Vec<_> = data.chain(signatures).collect();
    all.sort_unstable();
    all
}
