//! What a change of zones makes untrue of what the resolver has learned: names of zones that are not served here, what lies
//! below cuts that lead elsewhere now, and all of a zone that comes or goes. What a zone that is served here has of itself is
//! never in the cache.

use std::collections::BTreeMap;

use dns::{Name, NameBuf, RType};
use resolver::cache::ChangedNames;
use zone::{Action, ChangeSet, RecordList, RrsetChange};

/// At a cut, who answers below it and with which keys.
type Cuts<'a> = BTreeMap<&'a Name, Vec<(RType, &'a [u8])>>;

/// Adds what a change makes untrue; `is_served` says of a zone whether it is answered from here.
pub fn add_changed(changed: &mut ChangedNames, change: &ChangeSet, is_served: impl Fn(&Name) -> bool) {
    for zone in &change.zones {
        let apex: &NameBuf = &zone.zone.name;
        match &zone.action {
            Action::Create { .. } | Action::Delete { .. } => changed.add_subtree(apex),
            Action::Edit(changes) => {
                let is_served = is_served(apex);
                changes.iter().for_each(|rrset| add_rrset(changed, apex, rrset, is_served));
            }
            Action::Replace { before, after } if is_served(apex) => add_cuts(changed, apex, before, after),
            Action::Replace { .. } => changed.add_subtree(apex),
            Action::Configure { .. } => {}
        }
    }
}

fn add_rrset(changed: &mut ChangedNames, apex: &Name, rrset: &RrsetChange, is_served: bool) {
    if is_cut(apex, &rrset.owner, rrset.rtype) || !is_served && rrset.rtype == RType::DNAME {
        changed.add_subtree(&rrset.owner);
    } else if !is_served {
        changed.add_name(&rrset.owner);
    }
}

/// The cuts that are others in `after`.
fn add_cuts(changed: &mut ChangedNames, apex: &Name, before: &RecordList, after: &RecordList) {
    let (before, after) = (cuts(apex, before), cuts(apex, after));
    let differs = |owner: &&&Name| before.get(*owner) != after.get(*owner);
    before.keys().chain(after.keys()).filter(differs).for_each(|owner| changed.add_subtree(owner));
}

fn cuts<'a>(apex: &Name, records: &'a RecordList) -> Cuts<'a> {
    let mut cuts = Cuts::new();
    for record in records.iter().filter(|record| is_cut(apex, record.owner, record.rtype)) {
        cuts.entry(record.owner).or_default().push((record.rtype, record.rdata));
    }
    cuts.values_mut().for_each(|data| data.sort_unstable());
    cuts
}

/// Whether a record of this owner and type says who answers below it.
fn is_cut(apex: &Name, owner: &Name, rtype: RType) -> bool {
    matches!(rtype, RType::NS | RType::DS) && owner != apex
}

#[cfg(test)]
mod tests {
    use zone::{RecordListBuilder, Records, ZoneChange, ZoneSettings};

    use super::*;

    fn name(text: &str) -> NameBuf {
        text.parse().expect("a name")
    }

    /// The subtrees and names that are forgotten.
    fn forgotten(action: Action, is_served: bool) -> (Vec<String>, Vec<String>) {
        let zone = ZoneChange {
            zone: name("example.").into(),
            base: None,
            from: None,
            to: None,
            primary_serial: None,
            action,
        };
        let mut changed = ChangedNames::default();
        let set = ChangeSet { zones: vec![zone], ..ChangeSet::default() };
        add_changed(&mut changed, &set, |_| is_served);
        let texts = |names: Vec<&Name>| names.into_iter().map(ToString::to_string).collect();
        (texts(changed.subtrees().collect()), texts(changed.names().collect()))
    }

    fn edit(owner: &str, rtype: RType) -> Action {
        let after = Some(Records { ttl: 1, data: vec![vec![0]], signatures: Vec::new() });
        Action::Edit(vec![RrsetChange { owner: name(owner), rtype, before: None, after }])
    }

    fn list(records: &[(&str, RType, u8)]) -> RecordList {
        let mut list = RecordListBuilder::default();
        records.iter().for_each(|(owner, rtype, data)| list.push(&name(owner), *rtype, 1, &[*data]));
        list.finish()
    }

    #[test]
    fn what_is_forgotten() {
        let check = |action: Action, is_served, subtrees: &[&str], names: &[&str]| {
            let text = format!("{action:?} {is_served}");
            let (found, single) = forgotten(action, is_served);
            assert_eq!((found, single), (own(subtrees), own(names)), "{text}");
        };
        fn own(texts: &[&str]) -> Vec<String> {
            texts.iter().map(|text| (*text).to_owned()).collect()
        }
        // What is served here is not in the cache.
        check(edit("www.example.", RType::A), true, &[], &[]);
        check(edit("www.Example.", RType::A), false, &[], &["www.example."]);
        check(edit("*.w.example.", RType::A), false, &["w.example."], &[]);
        check(edit("d.example.", RType::DNAME), false, &["d.example."], &[]);
        for rtype in [RType::NS, RType::DS] {
            check(edit("sub.example.", rtype), true, &["sub.example."], &[]);
        }
        check(edit("example.", RType::NS), true, &[], &[]);
        let create = Action::Create { settings: ZoneSettings::default(), records: RecordList::default() };
        check(create, true, &["example."], &[]);
        let (a, ns) = (RType::A, RType::NS);
        let before = list(&[("example.", ns, 1), ("a.example.", ns, 1), ("b.example.", ns, 2), ("c.example.", a, 3)]);
        let after = list(&[("example.", ns, 2), ("a.example.", ns, 1), ("b.example.", ns, 3), ("c.example.", a, 4)]);
        check(Action::Replace { before: before.clone(), after: after.clone() }, true, &["b.example."], &[]);
        check(Action::Replace { before, after }, false, &["example."], &[]);
    }
}
