//! Response policy zones: zones of ours, read as rules whenever they change.

use std::collections::HashMap;
use std::sync::Arc;

use dns::{NameBuf, NameHasher};
use policy::rpz::{Finding, PolicyRecord, PolicyZone, relative};
use zone::{Contents, ZoneTable};

/// Tells versions of a zone apart: its serial, its records, and where its findings are.
type Version = (u32, u64, usize);

fn version(contents: &Contents) -> Version {
    let serial = contents.soa().map_or(0, |soa| soa.serial);
    (serial, contents.record_count(), Arc::as_ptr(contents.findings()).cast::<()>().addr())
}

/// Zones as rules, kept as long as their contents stay the same.
#[derive(Default)]
pub struct RuleZones {
    known: HashMap<NameBuf, Known>,
}

struct Known {
    version: Version,
    rules: Arc<PolicyZone>,
}

impl RuleZones {
    /// The rules of these zones, in their order; one that has no contents has no rules. Says whether something changed.
    pub fn update(&mut self, names: &[NameBuf], zones: &ZoneTable, hasher: NameHasher) -> (Vec<Arc<PolicyZone>>, bool) {
        let mut changed = self.known.len() != names.len();
        self.known.retain(|name, _| names.contains(name));
        let mut rules = Vec::new();
        for name in names {
            let zone = zones.get(name);
            let Some(contents) = zone.and_then(|zone| zone.contents.as_ref()) else {
                changed |= self.known.remove(name).is_some();
                rules.push(Arc::new(PolicyZone::new(hasher)));
                continue;
            };
            let known = self.known.get(name).filter(|known| known.version == version(contents));
            if known.is_none() {
                changed = true;
                let (rules, findings) = read(contents, hasher);
                for finding in &findings {
                    tracing::warn!(zone = %name, owner = finding.owner, why = %finding.reason, "no rule of a response policy zone");
                }
                self.known.insert(name.clone(), Known { version: version(contents), rules: Arc::new(rules) });
            }
            rules.extend(self.known.get(name).map(|known| known.rules.clone()));
        }
        (rules, changed)
    }
}

/// Every record of a zone as rules.
fn read(contents: &Contents, hasher: NameHasher) -> (PolicyZone, Vec<Finding>) {
    let apex = contents.origin();
    let mut owners = Vec::new();
    for node in contents.nodes() {
        owners.extend(relative(&contents.owner(&node), apex).map(|owner| (owner, node)));
    }
    let records = owners.iter().flat_map(|(owner, node)| {
        node.rrsets().flat_map(move |rrset| {
            let (rtype, ttl) = (rrset.rtype, rrset.ttl);
            rrset.data().map(move |rdata| PolicyRecord { owner, rtype, ttl, rdata })
        })
    });
    let (rules, report) = PolicyZone::build(hasher, records);
    (rules, report.findings)
}
