//! Compares two versions of a zone, turns a zone into a list of records and back, and applies changes in either
//! direction. Called by the committer, the replica, transfers and history.

use dns::{Name, NameHasher, RType};

use crate::builder::Builder;
use crate::change::RrsetChange;
use crate::check::{self, Finding, check_change};
use crate::contents::Contents;
use crate::draft::Records;
use crate::node::{Node, Rrset};
use crate::order::{MAX_KEY_LEN, sort_key};
use crate::page::Page;
use crate::records::{RecordList, RecordListBuilder};

/// Changing an RRset in place costs what building anew costs for about this many records
/// (docs/decisions/0001): with more changes than that the zone is built anew.
const REBUILD_RECORDS: u64 = 16;

/// What turns `before` into `after`, two versions of one zone: in canonical order of the owners, the SOA
/// among the rest. Owners that differ in case only are the same; record data is compared to the octet. What the
/// versions share is not looked at, so that a small change of a large zone is found at once.
pub fn diff(before: &Contents, after: &Contents) -> Vec<RrsetChange> {
    // By hash and not by name, so that both versions are read nearly in the order in which they lie in memory.
    let mut others = Vec::new();
    let mut found = 0;
    for (node, _) in after.index.pages_apart(&before.index).flat_map(Page::nodes) {
        let was = before.get_labels(node.labels());
        found += usize::from(was.is_some());
        if was.is_none_or(|was| !was.has_rrsets_of(&node)) {
            others.push((key_of(node.labels()), was, Some(node)));
        }
    }
    if found < before.index.pages_apart(&after.index).map(Page::count).sum() {
        let nodes = before.index.pages_apart(&after.index).flat_map(Page::nodes).map(|(node, _)| node);
        let gone = nodes.filter(|node| after.get_labels(node.labels()).is_none());
        others.extend(gone.map(|node| (key_of(node.labels()), Some(node), None)));
    }
    others.sort_by(|a, b| a.0.cmp(&b.0));
    let mut changes = Vec::new();
    for (_, was, is) in others {
        diff_node(after, was.as_ref(), is.as_ref(), &mut changes);
    }
    changes
}

fn key_of(labels: &[u8]) -> Vec<u8> {
    sort_key(labels, &mut [0; MAX_KEY_LEN]).to_vec()
}

/// The changed RRsets of one owner.
fn diff_node(zone: &Contents, was: Option<&Node<'_>>, is: Option<&Node<'_>>, changes: &mut Vec<RrsetChange>) {
    let Some(owner) = is.or(was).map(|node| zone.owner(node)) else { return };
    let mut old = was.into_iter().flat_map(Node::rrsets).peekable();
    let mut new = is.into_iter().flat_map(Node::rrsets).peekable();
    while let Some(rtype) = old.peek().into_iter().chain(new.peek()).map(|rrset| rrset.rtype).min() {
        let before = old.next_if(|rrset| rrset.rtype == rtype).map(|rrset| Records::of(&rrset));
        let after = new.next_if(|rrset| rrset.rtype == rtype).map(|rrset| Records::of(&rrset));
        if before != after {
            changes.push(RrsetChange { owner: owner.clone(), rtype, before, after });
        }
    }
}

/// All records: the SOA first, then in canonical order of the owners, signatures behind what they cover.
pub fn list(contents: &Contents) -> RecordList {
    let mut out = RecordListBuilder::default();
    let mut wire = Vec::new();
    for node in contents.nodes() {
        wire.clear();
        wire.extend_from_slice(node.labels());
        wire.extend_from_slice(contents.origin().as_wire());
        let owner = Name::from_validated(&wire);
        let first = if node.labels().is_empty() { node.rrset(RType::SOA) } else { None };
        let rest = node.rrsets().filter(|rrset| first.is_none() || rrset.rtype != RType::SOA);
        first.into_iter().chain(rest).for_each(|rrset| push(&mut out, owner, &rrset));
    }
    out.finish()
}

fn push(out: &mut RecordListBuilder, owner: &Name, rrset: &Rrset<'_>) {
    rrset.data().for_each(|data| out.push(owner, rrset.rtype, rrset.ttl, data));
    let (ttl, signatures) = rrset.signatures();
    signatures.for_each(|data| out.push(owner, RType::RRSIG, ttl, data));
}

/// The zone `origin` made of `records`, and what the checks say about it; it is usable only if no finding
/// is an error. Records outside the zone are left out and reported.
pub fn build(origin: &Name, hasher: NameHasher, records: &RecordList) -> (Contents, Vec<Finding>) {
    let mut builder = Builder::new(origin, hasher);
    builder.reserve(usize::try_from(records.len()).unwrap_or(0));
    for record in records.iter() {
        // The builder reports it.
        let _ = builder.add(record.owner, record.rtype, record.ttl, record.rdata);
    }
    builder.finish()
}

/// The contents after `changes`, which know what is wrong with them, and what the checks say about the changes alone.
/// Changes outside the zone have no effect.
pub fn change(contents: &Contents, changes: &[RrsetChange]) -> (Contents, Vec<Finding>) {
    let is_rebuilt = is_rebuilt(contents, changes);
    let mut after = match is_rebuilt {
        true => rebuild(contents, changes, true),
        false => contents.with_each(changes.iter().map(|it| (&*it.owner, it.rtype, it.after.as_ref()))),
    };
    let found = check_change(&after, changes);
    let old = contents.findings();
    let all = match is_rebuilt {
        true => Some(check::keep(after.findings(), old, changes, &found)),
        false => check::carry(&after, old, changes, &found),
    };
    if let Some(all) = all {
        after.set_findings(all);
    }
    (after, found)
}

/// The contents before `changes`. What was wrong with them is not looked for: nobody serves them.
pub fn undo_changes(contents: &Contents, changes: &[RrsetChange]) -> Contents {
    if is_rebuilt(contents, changes) {
        return rebuild(contents, changes, false);
    }
    let mut before = contents.with_each(changes.iter().rev().map(|it| (&*it.owner, it.rtype, it.before.as_ref())));
    before.set_findings(Vec::new());
    before
}

fn is_rebuilt(contents: &Contents, changes: &[RrsetChange]) -> bool {
    (changes.len() as u64).saturating_mul(REBUILD_RECORDS) > contents.record_count()
}

/// A change as [`rebuild`] needs it.
struct Step<'a> {
    key: Vec<u8>,
    change: &'a RrsetChange,
    becomes: Option<&'a Records>,
}

/// The same as [`Contents::with`] gives, built anew.
fn rebuild(contents: &Contents, changes: &[RrsetChange], forward: bool) -> Contents {
    let steps = steps(contents.origin(), changes, forward);
    let mut builder = Builder::new(contents.origin(), contents.hasher());
    builder.reserve(usize::try_from(contents.record_count()).unwrap_or(0));
    let mut rest = &steps[..];
    for (key, node) in contents.keyed_nodes() {
        let new_owners = rest.iter().take_while(|step| step.key.as_slice() < key).count();
        rest[..new_owners].iter().for_each(|step| add_step(&mut builder, &step.change.owner, step));
        let here = rest[new_owners..].iter().take_while(|step| step.key == key).count();
        let (touched, behind) = rest[new_owners..].split_at(here);
        let owner = contents.owner(&node);
        for rrset in node.rrsets().filter(|rrset| touched.iter().all(|step| step.change.rtype != rrset.rtype)) {
            add_all(&mut builder, &owner, &rrset);
        }
        touched.iter().for_each(|step| add_step(&mut builder, &owner, step));
        rest = behind;
    }
    rest.iter().for_each(|step| add_step(&mut builder, &step.change.owner, step));
    builder.finish().0
}

/// The changes in canonical order, one for each RRset: the one that is made last.
fn steps<'a>(origin: &Name, changes: &'a [RrsetChange], forward: bool) -> Vec<Step<'a>> {
    let step = |change: &'a RrsetChange| {
        let key = key_of(change.owner.strip_suffix(origin)?);
        let becomes = if forward { &change.after } else { &change.before };
        Some(Step { key, change, becomes: becomes.as_ref() })
    };
    let mut steps: Vec<Step<'_>> = changes.iter().filter_map(step).collect();
    // Of equal elements `dedup_by` keeps the first: that is the last one forward and the first one backward.
    if forward {
        steps.reverse();
    }
    steps.sort_by(|a, b| (&a.key, a.change.rtype).cmp(&(&b.key, b.change.rtype)));
    steps.dedup_by(|b, a| a.change.rtype == b.change.rtype && a.key == b.key);
    steps
}

fn add_step(builder: &mut Builder, owner: &Name, step: &Step<'_>) {
    let Some(records) = step.becomes else { return };
    let of_type = |rtype: RType| move |data| (rtype, data);
    let data = records.data.iter().map(of_type(step.change.rtype));
    for (rtype, data) in data.chain(records.signatures.iter().map(of_type(RType::RRSIG))) {
        // `steps` has left out what is outside the zone.
        let _ = builder.add(owner, rtype, records.ttl, data);
    }
}

fn add_all(builder: &mut Builder, owner: &Name, rrset: &Rrset<'_>) {
    let (ttl, signatures) = rrset.signatures();
    let data = rrset.data().map(|data| (rrset.rtype, rrset.ttl, data));
    for (rtype, ttl, data) in data.chain(signatures.map(|data| (RType::RRSIG, ttl, data))) {
        // A node of the zone is in it.
        let _ = builder.add(owner, rtype, ttl, data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::Edit;
    use crate::testing::{Random, text, zone};

    const ZONE: &str = "@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n";

    #[test]
    fn differences_in_canonical_order() {
        let check = |before: &str, after: &str, want: &[&str]| {
            let (before, after) = (zone(before).0, zone(after).0);
            let line = |change: &RrsetChange| {
                let count = |records: &Option<Records>| records.as_ref().map_or(0, |records| records.data.len());
                format!("{} {} {}>{}", change.owner, change.rtype, count(&change.before), count(&change.after))
            };
            assert_eq!(diff(&before, &after).iter().map(line).collect::<Vec<_>>(), want);
        };
        check(ZONE, ZONE, &[]);
        check(ZONE, "", &["example. NS 1>0", "example. SOA 1>0", "ns.example. A 1>0"]);
        let more = format!("{ZONE}z A 192.0.2.1\na.a TXT x\nNS A 192.0.2.2\n");
        check(ZONE, &more, &["a.a.example. TXT 0>1", "ns.example. A 1>2", "z.example. A 0>1"]);
        check(ZONE, &ZONE.replace(" 1 2 3", " 2 2 3"), &["example. SOA 1>1"]);
        check(ZONE, &ZONE.replace("ns A", "ns 61 A"), &["ns.example. A 1>1"]);
        check(ZONE, &ZONE.replace("ns A", "NS A"), &[]);
    }

    #[test]
    fn records_outside_the_zone_are_reported() {
        let mut records = RecordListBuilder::default();
        records.push(Name::root(), RType::A, 1, &[1, 2, 3, 4]);
        let (_, findings) = build(&crate::testing::name("example."), NameHasher::new(1), &records.finish());
        assert_eq!(findings[2].to_string(), ". A: is not in the zone example., and left out");
    }

    /// Changes found by comparing lead from one zone to the other and back, page by page as well as by
    /// building anew, and a list of records makes the zone that it was made of.
    #[test]
    fn there_and_back() {
        let mut random = Random(11);
        let mut contents = zone(ZONE).0;
        for round in 0..400 {
            let before = contents.clone();
            let steps: Vec<_> = (0..random.below(20)).map(|_| random.change(&contents)).collect();
            let edits: Vec<Edit> = steps.iter().map(RrsetChange::edit).collect();
            contents = contents.with(&edits);
            let anew = rebuild(&before, &steps, true);
            assert_eq!(text(&anew), text(&contents), "{round}");
            assert!(diff(&anew, &contents).is_empty() && anew.record_count() == contents.record_count());

            let changes = diff(&before, &contents);
            let undo: Vec<Edit> = changes.iter().map(RrsetChange::undo).collect();
            for back in [contents.with(&undo), rebuild(&contents, &changes, false)] {
                assert_eq!(diff(&back, &before), [], "{round}");
            }
            let forward = change(&before, &changes).0;
            assert_eq!(diff(&forward, &contents), []);
            assert_eq!(diff(&undo_changes(&forward, &changes), &before), []);

            let records = list(&contents);
            assert_eq!(records.len(), contents.record_count());
            let (built, _) = build(contents.origin(), contents.hasher(), &records);
            assert_eq!(list(&built), records, "{round}");
        }
        assert!(contents.record_count() > 50);
    }

    /// Both ways of applying let the last of several changes to one RRset win, in either direction.
    #[test]
    fn the_last_change_wins() {
        let (contents, _) = zone(ZONE);
        let (one, two) = (zone("x A 192.0.2.1\n").0, zone("x A 192.0.2.2\n").0);
        let steps = [diff(&zone("").0, &one), diff(&one, &two)].concat();
        let count = |contents: &Contents| contents.record_count();
        for forward in [contents.with(&[steps[0].edit(), steps[1].edit()]), rebuild(&contents, &steps, true)] {
            assert!(text(&forward).contains("192.0.2.2") && count(&forward) == 4);
            let undone = [forward.with(&[steps[1].undo(), steps[0].undo()]), rebuild(&forward, &steps, false)];
            assert!(undone.iter().all(|back| text(back) == text(&contents)));
        }
    }

    /// Versions of a large zone, which share most of their pages: what is found is what a look at every node finds, also
    /// when pages are split and shared out anew.
    #[test]
    fn what_versions_share_hides_no_change() {
        let mut random = Random(23);
        let text: String = (0..2000).map(|n| format!("n{n} A 192.0.2.1\n")).collect();
        let mut contents = zone(&format!("{ZONE}{text}")).0;
        for round in 0..30 {
            let before = contents.clone();
            let edit = |n: u64, data: Option<u8>| Edit {
                owner: crate::testing::name(&format!("n{n}.example.")),
                rtype: RType::A,
                records: data.map(|last| Records { ttl: 60, data: vec![vec![192, 0, 2, last]], signatures: vec![] }),
            };
            let count = [1, 3, 40, 400][random.below(4) as usize];
            let edits: Vec<Edit> = (0..count)
                .map(|_| edit(random.below(4000), (random.below(3) > 0).then(|| random.below(4) as u8)))
                .collect();
            contents = contents.with(&edits);
            // Built anew it shares nothing.
            let (apart, _) = build(contents.origin(), contents.hasher(), &list(&contents));
            assert_eq!(diff(&before, &contents), diff(&before, &apart), "{round}");
            assert_eq!(diff(&contents, &before), diff(&apart, &before), "{round}");
            assert_eq!(diff(&contents, &contents.clone()), []);
            let shared = contents.index.pages_apart(&before.index).count();
            let all = apart.index.pages_apart(&contents.index).count();
            assert!(count > 3 || shared < all, "{shared} of {all} pages are looked at");
        }
    }
}
