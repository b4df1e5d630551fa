//! Checks a change: only the owners that it touches, so that the size of the zone does not matter and an old fault elsewhere
//! does not block the change. Called by the committer.

use std::collections::HashSet;

use dns::{Name, RType};

use super::denial::{NsecChain, nsec3_owner};
use super::target::may_concern;
use super::{Checker, Finding, MAX_FINDINGS, Rule, is_below};
use crate::change::RrsetChange;
use crate::contents::{Contents, Nsec3Params, count_labels};
use crate::node::{CUT, DNAME, Node};
use crate::order::{MAX_KEY_LEN, Order, labels_of, sort_key};
use crate::records::canonical;

/// Most names below a new delegation or DNAME that are looked at.
const MAX_BELOW: usize = 100;

/// What is wrong in `after`, a version of a zone, with what `changes` touch: the owners, what a delegation or DNAME
/// that came or went hides or hid, and the name servers of the apex and of enclosing delegations whose addresses are
/// touched. The change is good if no finding is an error that was not there before.
pub fn check_change(after: &Contents, changes: &[RrsetChange]) -> Vec<Finding> {
    let mut touched: Vec<Touched<'_>> = changes.iter().filter_map(|change| Touched::of(after, change)).collect();
    touched.sort_by(|a, b| a.key.cmp(&b.key));
    let mut checker = Checker::new(after.origin());
    if let Some(apex) = after.apex() {
        checker.learn(&apex);
    }
    for owner in touched.chunk_by(|a, b| a.key == b.key) {
        checker.touched_owner(after, owner);
    }
    checker.finish_change(after)
}

/// What is wrong with the whole of `after`, a version of a zone: `old` is what was wrong before `changes`, `found` what
/// [`check_change`] says of them. Old faults that may have gone with the changes are looked for again. `None`: the same
/// as before.
pub(crate) fn carry(
    after: &Contents,
    old: &[Finding],
    changes: &[RrsetChange],
    found: &[Finding],
) -> Option<Vec<Finding>> {
    let (again, kept): (Vec<&Finding>, Vec<&Finding>) =
        old.iter().partition(|finding| changes.iter().any(|change| may_mend(after.origin(), change, finding)));
    if again.is_empty() && found.iter().all(|finding| old.contains(finding)) {
        return None;
    }
    let mut checker = Checker::new(after.origin());
    if let Some(apex) = after.apex().filter(|_| !again.is_empty()) {
        checker.learn(&apex);
    }
    let mut owners: Vec<&Name> = again.iter().map(|finding| &*finding.owner).collect();
    owners.dedup();
    for owner in owners {
        let Some(labels) = owner.strip_suffix(after.origin()) else { continue };
        let key = sort_key(labels, &mut [0; MAX_KEY_LEN]).to_vec();
        checker.owner(after, owner, &key, |_| true);
    }
    let still = checker.finish_change(after);
    let untold = again.into_iter().filter(|finding| is_kept(finding, changes));
    Some(add(kept, untold.chain(&still).chain(found)))
}

/// The same for a version that was built anew: `whole` is what that has found.
pub(crate) fn keep(whole: &[Finding], old: &[Finding], changes: &[RrsetChange], found: &[Finding]) -> Vec<Finding> {
    add(whole.iter().collect(), old.iter().filter(|finding| is_kept(finding, changes)).chain(found))
}

/// Findings and those of `more` that are not among them, up to the limit.
fn add<'f>(mut findings: Vec<&'f Finding>, more: impl Iterator<Item = &'f Finding>) -> Vec<Finding> {
    let mut known: HashSet<&Finding> = findings.iter().copied().collect();
    for finding in more {
        if findings.len() < MAX_FINDINGS && known.insert(finding) {
            findings.push(finding);
        }
    }
    findings.into_iter().cloned().collect()
}

/// Whether a change may take away what was found.
fn may_mend(origin: &Name, change: &RrsetChange, finding: &Finding) -> bool {
    let moves_cuts = matches!(change.rtype, RType::NS | RType::DNAME);
    if change.owner == finding.owner || (moves_cuts && finding.owner.is_at_or_below(&change.owner)) {
        return true;
    }
    let comes_or_goes = change.before.is_none() != change.after.is_none();
    match finding.rule {
        Rule::NameServer => comes_or_goes && matches!(change.rtype, RType::A | RType::AAAA | RType::CNAME | RType::NS),
        // Any record can end what a wildcard stands for. An address in place of a host stays one.
        Rule::Host => {
            comes_or_goes && finding.host.as_ref().is_some_and(|host| may_concern(origin, &change.owner, host))
        }
        Rule::Nsec => change.rtype == RType::NSEC,
        Rule::Nsec3 => matches!(change.rtype, RType::NSEC3 | RType::NSEC3PARAM),
        Rule::Signed => change.rtype == RType::DNSKEY,
        _ => false,
    }
}

/// Whether something is still wrong that only the records as they came tell: it is until they are changed.
fn is_kept(finding: &Finding, changes: &[RrsetChange]) -> bool {
    let is_changed = |change: &RrsetChange| change.owner == finding.owner && Some(change.rtype) == finding.rtype;
    matches!(finding.rule, Rule::OneTtl | Rule::Size | Rule::InZone) && !changes.iter().any(is_changed)
}

/// A changed RRset, and where it is.
struct Touched<'a> {
    key: Vec<u8>,
    labels: &'a [u8],
    change: &'a RrsetChange,
}

impl<'a> Touched<'a> {
    fn of(zone: &Contents, change: &'a RrsetChange) -> Option<Touched<'a>> {
        let labels = change.owner.strip_suffix(zone.origin())?;
        Some(Touched { key: sort_key(labels, &mut [0; MAX_KEY_LEN]).to_vec(), labels, change })
    }
}

impl Checker {
    /// The changes of one owner.
    fn touched_owner(&mut self, zone: &Contents, changes: &[Touched<'_>]) {
        let [Touched { key, labels, change }, ..] = changes else { return };
        let is_changed = |rtype: RType| changes.iter().any(|touched| touched.change.rtype == rtype);
        let node = zone.get_labels(labels).unwrap_or(Node::read(&[0; 3], 3));
        for touched in changes.iter().filter(|touched| !is_held(&node, touched.change)) {
            self.too_large(labels, touched.change.rtype);
        }
        self.owner(zone, &change.owner, key, is_changed);
        if is_changed(RType::NS) || is_changed(RType::DNAME) {
            self.below(zone, key);
        }
        if [RType::A, RType::AAAA, RType::CNAME, RType::NS].into_iter().any(is_changed) {
            self.collect_dependents(zone, &change.owner);
        }
    }

    /// One owner, whose name servers and chains are looked at where their types changed.
    fn owner(&mut self, zone: &Contents, owner: &Name, key: &[u8], is_changed: impl Fn(RType) -> bool) {
        let labels = owner.strip_suffix(zone.origin()).unwrap_or_default();
        let node = zone.get_labels(labels).unwrap_or(Node::read(&[0; 3], 3));
        self.room(&node, zone.hasher(), &is_changed);
        let above = flags_above(zone, owner);
        let flags = node.flags() & (CUT | DNAME);
        self.node_alone(&node, count_labels(labels), flags, above);
        if above.is_none() {
            if is_changed(RType::NS) {
                self.collect_name_servers(&node, key, None);
            }
            self.collect_targets(&node, key, &is_changed);
            self.denial_around(zone, &node, key, flags);
        }
        if is_changed(RType::NSEC3) {
            self.hashed_denial_around(zone, key);
        }
    }

    /// What can only be said when every owner was looked at.
    fn finish_change(mut self, zone: &Contents) -> Vec<Finding> {
        self.pending.sort();
        self.pending.dedup();
        self.name_servers(zone);
        self.aliased_targets(zone);
        self.findings
    }

    /// What a delegation or a DNAME hides, or has hidden until now.
    fn below(&mut self, zone: &Contents, key: &[u8]) {
        let below = zone.orders.names.order().iter_from(key).skip_while(|&other| other == key);
        for other in below.take_while(|other| is_below(other, key)).take(MAX_BELOW) {
            let mut wire = labels_of(other, &mut [0; 256]).to_vec();
            wire.extend_from_slice(zone.origin().as_wire());
            self.owner(zone, Name::from_validated(&wire), other, |_| true);
        }
    }

    /// The chain of NSEC records from the one before this owner to the one behind it.
    fn denial_around(&mut self, zone: &Contents, node: &Node<'_>, key: &[u8], flags: u16) {
        let chain = &zone.orders.nsec;
        self.nsec = previous(chain, key).filter(|previous| &previous[..] < key).and_then(|previous| {
            let node = zone.get_labels(labels_of(&previous, &mut [0; 256]))?;
            let next = dns::rdata::typed::Nsec::parse(node.rrset(RType::NSEC)?.first()?)?.next;
            let next = sort_key(next.strip_suffix(zone.origin())?, &mut [0; MAX_KEY_LEN]).to_vec();
            Some(NsecChain { owner: previous, next })
        });
        self.denial(node, key, flags);
        self.end_link(next(chain, key).unwrap_or(&[]));
        // The ring of hashes is looked at where it is touched, not as a whole.
        self.nsec3_links.clear();
    }

    /// The chains of NSEC3 records from the one before this owner to the one behind it.
    fn hashed_denial_around(&mut self, zone: &Contents, key: &[u8]) {
        let Some(hash) = Nsec3Params::hash_of(key) else { return };
        for (at, hashes) in zone.orders.nsec3.iter().map(|chain| &chain.hashes).enumerate() {
            let own = hashes.contains(&hash).then(|| hash.to_vec());
            for hash in previous(hashes, &hash).into_iter().chain(own) {
                let labels = nsec3_owner(&hash);
                let key = sort_key(&labels, &mut [0; MAX_KEY_LEN]).to_vec();
                let link = zone.get_labels(&labels).and_then(|node| self.nsec3_link(at, &node, &key));
                let next = next(hashes, &hash).or_else(|| hashes.iter().next());
                if link.is_some_and(|link| Some(&link.next[..]) != next) {
                    self.nsec3_broken(&hash);
                }
            }
        }
    }

    /// The name servers of the apex and of enclosing delegations whose addresses hang on `owner`.
    fn collect_dependents(&mut self, zone: &Contents, owner: &Name) {
        let base = if owner.is_wildcard() { owner.parent().unwrap_or(owner) } else { owner };
        for holder in owner.ancestors().take_while(|name| name.is_at_or_below(zone.origin())) {
            let names_servers =
                |node: &Node<'_>| node.rrset(RType::NS).is_some() && flags_above(zone, holder).is_none();
            let Some(node) = zone.get(holder).filter(names_servers) else { continue };
            let Some(labels) = holder.strip_suffix(zone.origin()) else { continue };
            let key = sort_key(labels, &mut [0; MAX_KEY_LEN]).to_vec();
            self.collect_name_servers(&node, &key, Some(base));
        }
    }
}

/// Whether the owner holds what a change brings; the zone leaves out what is too large.
fn is_held(node: &Node<'_>, change: &RrsetChange) -> bool {
    let Some(after) = change.after.as_ref().filter(|after| after.octets() > 0) else { return true };
    let rrset = node.rrsets().find(|rrset| rrset.rtype == change.rtype);
    rrset.is_some_and(|rrset| rrset.data().eq(canonical(change.rtype, &after.data)))
}

/// The flags of the topmost delegation or DNAME above a name, if there is one.
fn flags_above(zone: &Contents, name: &Name) -> Option<u16> {
    let above = name.ancestors().skip(1).take_while(|name| name.is_at_or_below(zone.origin()));
    let flags = above.filter_map(|name| zone.get(name)).map(|node| node.flags() & (CUT | DNAME));
    flags.filter(|&flags| flags != 0).last()
}

/// The key before `key`, or the last one.
fn previous(order: &Order, key: &[u8]) -> Option<Vec<u8>> {
    let mut others = order.clone();
    others.set(key, false);
    others.at_or_before(key).map(<[u8]>::to_vec)
}

/// The key behind `key`.
fn next<'a>(order: &'a Order, key: &[u8]) -> Option<&'a [u8]> {
    order.iter_from(key).find(|&other| other != key)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diff::{build, change, diff, list};
    use crate::draft::{Edit, Records};
    use crate::testing::{Random, name, records_at, zone};

    const ZONE: &str =
        "@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\nsub NS ns.sub\nns.sub A 192.0.2.2\nx.y TXT x\n";

    /// Checks what the step from `before` to `after` (zone files) finds.
    fn check(before: &str, after: &str, want: &[&str]) {
        let (before, after) = (zone(before).0, zone(after).0);
        let found = check_change(&after, &diff(&before, &after));
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), want);
    }

    #[test]
    fn faults_of_a_change() {
        let with = |more: &str| format!("{ZONE}{more}");
        check(ZONE, &with("a A 192.0.2.1\n"), &[]);
        check(
            ZONE,
            &with("ns CNAME a\n"),
            &["ns.example. CNAME: CNAME beside A", "example. NS: ns.example. is an alias (RFC 2181 10.3)"],
        );
        let ds = "DS 1 8 1 0000000000000000000000000000000000000000\n";
        check(
            ZONE,
            &with(&format!("@ {ds}")),
            &["example. DS: DS at the apex; it belongs in the parent zone (RFC 4035 2.4)"],
        );
        check(ZONE, &with(&format!("a {ds}")), &["a.example. DS: DS without NS records (RFC 4034 5)"]);
        check(ZONE, &with(&format!("sub {ds}")), &[]);
        check(
            &with(&format!("sub {ds}")),
            &with(&format!("sub {ds}")).replace("sub NS ns.sub\n", ""),
            &["sub.example. DS: DS without NS records (RFC 4034 5)"],
        );
        check(ZONE, &with("*.w NS ns\n"), &["*.w.example. NS: NS at a wildcard delegates nothing (RFC 4592 4.2)"]);
        check(ZONE, &with("y DNAME other.\n"), &["x.y.example.: data below a DNAME is never answered (RFC 6672 2.4)"]);
        check(ZONE, &with("y NS ns\n"), &["x.y.example.: data below a delegation is never answered"]);
        check(ZONE, &with("z NS ns.z\n"), &["z.example. NS: ns.z.example. has no address in the zone"]);
        check(ZONE, "", &["example. SOA: no SOA record at the apex", "example. NS: no NS record at the apex"]);
        // Addresses that somebody needs.
        let gone = |line: &str| ZONE.replace(line, "");
        check(ZONE, &gone("ns A 192.0.2.1\n"), &["example. NS: ns.example. has no address in the zone"]);
        check(ZONE, &gone("ns.sub A 192.0.2.2\n"), &["sub.example. NS: ns.sub.example. has no address in the zone"]);
        let wild = ZONE.replace("ns A", "* A");
        check(&wild, &wild.replace("* A 192.0.2.1\n", ""), &["example. NS: ns.example. has no address in the zone"]);
        let into_cut = with("@ NS a.sub\n");
        check(
            &into_cut,
            &into_cut.replace("sub NS ns.sub\n", ""),
            &["example. NS: a.sub.example. has no address in the zone"],
        );
    }

    #[test]
    fn old_faults_do_not_block() {
        let old = format!("{ZONE}@ NS lost\nz NS ns.z\na CNAME b\na A 192.0.2.1\n");
        check(&old, &format!("{old}new A 192.0.2.1\n").replace(" 1 2 3", " 2 2 3"), &[]);
        check(&old, &format!("{old}a.z A 192.0.2.1\n"), &[]);
    }

    /// What is wrong with a version is known after each change, without looking at all of it again.
    #[test]
    fn findings_are_carried_on() {
        let filler: String = (0..300).map(|i| format!("f{i} TXT x\n")).collect();
        let mut random = Random(9);
        let mut seen = [0; 2];
        for round in 0..60 {
            let mut contents = zone(&format!("{ZONE}{filler}")).0;
            for step in 0..40 {
                let changes = [random.change(&contents)];
                // More is below it than is looked at.
                if changes[0].rtype == RType::DNAME && *changes[0].owner == *contents.origin() {
                    continue;
                }
                let (after, _) = change(&contents, &changes);
                let sorted = |findings: &[Finding]| {
                    let mut lines: Vec<String> = findings.iter().map(|f| format!("{:?} {f}", f.rule)).collect();
                    lines.sort();
                    lines
                };
                let mut whole = sorted(&build(after.origin(), after.hasher(), &list(&after)).1);
                let carried = sorted(after.findings());
                // Which record elsewhere names a host is not known; what was found there is looked at again.
                let of_host = |line: &str| line.starts_with("NameServer") || line.starts_with("Host");
                whole.retain(|line| !of_host(line) || carried.contains(line));
                assert_eq!(carried, whole, "round {round} step {step}: {changes:?}\n{:?}", sorted(contents.findings()));
                seen[0] += usize::from(!carried.is_empty());
                seen[1] += usize::from(carried.len() < contents.findings().len());
                contents = after;
            }
        }
        assert!(seen[0] > 1000 && seen[1] > 40, "{seen:?}");
    }

    /// Thousands of single changes of a zone with many findings must not look at all of them each time.
    #[test]
    fn only_names_that_a_host_hangs_on_have_it_looked_at_again() {
        let filler: String = (0..300).map(|i| format!("f{i} TXT x\n")).collect();
        let text = format!(
            "@ SOA ns host 1 2 3 4 5\n@ NS ns.other.\nwww A 192.0.2.1\nalias CNAME www\n*.w CNAME www\n\
             m MX 10 alias\nn MX 10 a.b.w\no MX 10 192.0.2.1\n{filler}"
        );
        let before = zone(&text).0;
        assert_eq!(before.findings().len(), 3);
        let left = |line: &str, changed: &str| {
            let changes = crate::diff::diff(&before, &zone(&text.replace(line, changed)).0);
            assert_eq!(changes.len(), 1, "{line}");
            let after = change(&before, &changes).0;
            (after.findings().len(), Arc::ptr_eq(after.findings(), before.findings()))
        };
        assert_eq!(left("f7 TXT x\n", ""), (3, true));
        assert_eq!(left("f7 TXT x\n", "f7 TXT x\nx.y.f7 A 192.0.2.1\n"), (3, true));
        assert_eq!(left("f7 TXT x\n", "f7 TXT x\nc.w A 192.0.2.1\n"), (3, false));
        assert_eq!(left("f7 TXT x\n", "f7 TXT x\nc.b.w A 192.0.2.1\n"), (2, false));
        assert_eq!(left("*.w CNAME www\n", ""), (2, false));
        assert_eq!(left("alias CNAME www\n", ""), (2, false));
        assert_eq!(left("o MX 10 192.0.2.1\n", ""), (2, false));
        assert_eq!(left("f7 TXT x\n", "f7 TXT x\n* TXT x\n"), (3, false));
    }

    /// The chains are looked at around what is touched.
    #[test]
    fn chains() {
        let nsec = "\
@ SOA ns host 1 2 3 4 5\n@ NS ns.other.\n@ NSEC a NS SOA NSEC\na TXT x\na NSEC c TXT NSEC\nc TXT x\nc NSEC @ TXT NSEC\n";
        check(nsec, nsec, &[]);
        check(nsec, &nsec.replace("a TXT", "a A 192.0.2.1\na TXT"), &["a.example. NSEC: does not list A"]);
        check(nsec, &format!("{nsec}b TXT x\n"), &["b.example. NSEC: missing in a zone with NSEC records"]);
        let added = format!("{nsec}b TXT x\nb NSEC c TXT NSEC\n");
        check(nsec, &added, &["a.example. NSEC: chain is broken: next name is not the next owner"]);
        check(nsec, &added.replace("a NSEC c", "a NSEC b"), &[]);
        check(
            &added.replace("a NSEC c", "a NSEC b"),
            &nsec.replace("a NSEC c", "a NSEC b"),
            &["a.example. NSEC: chain is broken: next name is not the next owner"],
        );
    }

    #[test]
    fn what_is_too_large_is_reported() {
        let before = zone(ZONE).0;
        let records = |count: u32| Records {
            data: (0..count).map(|i| [&i.to_be_bytes()[..], &[0; 1018]].concat()).collect(),
            ..Records::default()
        };
        for (count, want) in [(63, ""), (64, "no DNS message holds"), (200_000, "more than 1048576 octets")] {
            let after = Some(records(count));
            let change = RrsetChange { owner: name("big.example."), rtype: RType(65280), before: None, after };
            let found = check_change(&before.with(&[change.edit()]), std::slice::from_ref(&change));
            assert_eq!(found.len(), usize::from(!want.is_empty()), "{count}");
            assert!(found.iter().all(|f| f.to_string().starts_with(&format!("big.example. TYPE65280: {want}"))));
        }
        // One owner with many large RRsets.
        let change = |n: u16| RrsetChange {
            owner: name("big.example."),
            rtype: RType(65280 + n),
            before: None,
            after: Some(records(60)),
        };
        let changes: Vec<RrsetChange> = (0..20u16).map(change).collect();
        let edits: Vec<Edit> = changes.iter().map(RrsetChange::edit).collect();
        let found = check_change(&before.with(&edits), &changes);
        assert_eq!(found.len(), 3);
    }

    /// On random zones and changes: what the check of the whole zone finds at a touched owner, the check of the change
    /// finds too, and it finds nothing that the check of the whole zone does not.
    #[test]
    fn agrees_with_the_check_of_the_whole_zone() {
        let mut random = Random(5);
        let mut errors = 0;
        for round in 0..3000 {
            let mut contents = zone(ZONE).0;
            for _ in 0..random.below(12) {
                contents = contents.with(&[random.change(&contents).edit()]);
            }
            let mut changes: Vec<RrsetChange> = Vec::new();
            let mut after = contents.clone();
            for _ in 0..1 + random.below(4) {
                let change = random.change(&contents);
                changes.retain(|other| other.owner != change.owner || other.rtype != change.rtype);
                after = after.with(&[change.edit()]);
                changes.push(change);
            }
            assert!(changes.iter().all(|change| records_at(&contents, &change.owner, change.rtype) == change.before));
            let whole = build(after.origin(), after.hasher(), &list(&after)).1;
            let found = check_change(&after, &changes);
            for finding in &found {
                assert!(whole.contains(finding), "round {round}: {finding} of {changes:?}");
            }
            let of_owner = |finding: &&Finding| !matches!(finding.rule, Rule::OneTtl | Rule::Signed);
            for finding in whole.iter().filter(of_owner) {
                // Old name servers and hosts of a touched owner are not looked at: every change touches the apex.
                let of_host = finding.rtype == Some(RType::NS) || finding.rule == Rule::Host;
                let concerns = |change: &RrsetChange| {
                    change.owner == finding.owner && (!of_host || Some(change.rtype) == finding.rtype)
                };
                if changes.iter().any(concerns) {
                    errors += 1;
                    assert!(found.contains(finding), "round {round}: {finding} of {changes:?}");
                }
            }
        }
        assert!(errors > 1000, "{errors}");
    }
}
