//! What a request wants, read and authorised, and how it becomes intents on the committer's thread,
//! where it sees the zones as the changes before it leave them.

use std::collections::HashMap;

use dns::{NameBuf, RType};
use node::commit::{CommitError, Intent, PendingZone, PendingZones, Prepare, SerialRule};
use node::new_zone::DEFAULT_TTL_S;
use node::read_only::Part;
use zone::check::Finding;
use zone::{Contents, Edit, RecordList, Records, ZoneSettings};

use super::etag::IfMatch;
use super::settings::SettingsIn;

/// What shall happen to one zone.
pub struct Plan {
    /// The zone.
    pub zone: NameBuf,
    /// What it has to be for that.
    pub expected: IfMatch,
    /// What shall happen.
    pub what: What,
}

/// What shall happen to a zone.
pub enum What {
    /// It comes to be.
    Create {
        /// How it is served.
        settings: ZoneSettings,
        /// Its records.
        records: RecordList,
        /// The serial, if there was a zone of this name before.
        serial: SerialRule,
        /// What whoever wrote the records should look at.
        notes: Vec<Finding>,
    },
    /// RRsets change.
    Edit(Vec<Step>),
    /// All records are exchanged.
    Replace {
        /// What there is afterwards.
        records: RecordList,
        /// Where the serial comes from.
        serial: SerialRule,
    },
    /// The settings change.
    Configure(SettingsIn),
    /// It goes.
    Delete,
}

impl What {
    /// What it changes of the zone.
    fn part(&self) -> Part {
        match self {
            What::Edit(_) | What::Replace { .. } => Part::Records,
            What::Create { .. } | What::Configure(_) | What::Delete => Part::Settings,
        }
    }
}

/// What shall happen at one owner.
pub struct Step {
    /// The owner.
    pub owner: NameBuf,
    /// What shall happen.
    pub op: Op,
    /// The RRset must not be there yet.
    pub only_if_absent: bool,
    /// What whoever wrote the step should look at.
    pub notes: Vec<Finding>,
}

/// What shall happen to an RRset.
pub enum Op {
    /// It becomes this; without TTL, its own one stays.
    Replace(RType, Option<u32>, Vec<Vec<u8>>),
    /// Records come and go, the TTL changes where one is given.
    Merge {
        /// The type.
        rtype: RType,
        /// The TTL.
        ttl: Option<u32>,
        /// What comes.
        add: Vec<Vec<u8>>,
        /// What goes.
        remove: Vec<Vec<u8>>,
    },
    /// It goes.
    Delete(RType),
    /// Everything at the owner goes.
    DeleteName,
}

impl Op {
    /// The type that is changed; `None`: all.
    pub fn rtype(&self) -> Option<RType> {
        match self {
            Op::Replace(rtype, ..) | Op::Merge { rtype, .. } | Op::Delete(rtype) => Some(*rtype),
            Op::DeleteName => None,
        }
    }
}

/// The plans as what the committer calls.
pub fn prepare(plans: Vec<Plan>) -> Prepare {
    Box::new(move |zones| plans.iter().map(|plan| Ok((plan.zone.clone(), plan.intent(zones)?))).collect())
}

impl Plan {
    /// What whoever wrote it should look at.
    pub fn notes(&self) -> Vec<Finding> {
        match &self.what {
            What::Create { notes, .. } => notes.clone(),
            What::Edit(steps) => steps.iter().flat_map(|step| step.notes.iter().cloned()).collect(),
            What::Replace { .. } | What::Configure(_) | What::Delete => Vec::new(),
        }
    }

    /// What is to be done, seeing what is there.
    fn intent(&self, zones: &dyn PendingZones) -> Result<Intent, CommitError> {
        let zone = || self.zone.clone();
        if let What::Create { settings, records, serial, .. } = &self.what {
            return Ok(Intent::Create { settings: settings.clone(), records: records.clone(), serial: *serial });
        }
        zones.check_changeable(&self.zone, self.what.part())?;
        let now = zones.zone(&self.zone);
        let now = now.ok_or_else(|| CommitError::NoSuchZone(zone()))?;
        self.expected.check(&self.zone, serial(&now))?;
        match &self.what {
            What::Create { .. } | What::Delete => Ok(Intent::Delete),
            What::Configure(settings) => Ok(Intent::Configure { settings: settings.over(&now.settings) }),
            What::Replace { records, serial } => Ok(Intent::Replace { records: records.clone(), serial: *serial }),
            What::Edit(steps) => {
                let contents = now.contents.as_ref().ok_or_else(|| CommitError::NoSuchZone(zone()))?;
                Ok(Intent::Edit { edits: self.edits(contents, steps)?, serial: SerialRule::Policy })
            }
        }
    }

    fn edits(&self, contents: &Contents, steps: &[Step]) -> Result<Vec<Edit>, CommitError> {
        let mut work = Work { contents, edits: Vec::with_capacity(steps.len()), places: HashMap::new() };
        for step in steps {
            let present = step.op.rtype().is_some_and(|rtype| work.now(&step.owner, rtype).is_some());
            if step.only_if_absent && present {
                let serial = contents.soa().map(|soa| soa.serial);
                return Err(CommitError::Conflict { zone: self.zone.clone(), serial });
            }
            work.apply(step);
        }
        Ok(work.edits)
    }
}

/// The serial of a zone.
pub fn serial(now: &PendingZone) -> Option<u32> {
    now.contents.as_ref().and_then(|contents| contents.soa()).map(|soa| soa.serial)
}

/// The edits so far, on top of what is there.
struct Work<'a> {
    contents: &'a Contents,
    edits: Vec<Edit>,
    /// Where in `edits` an RRset stands.
    places: HashMap<(NameBuf, RType), usize>,
}

impl Work<'_> {
    fn now(&self, owner: &NameBuf, rtype: RType) -> Option<Records> {
        match self.places.get(&(owner.clone(), rtype)).and_then(|&place| self.edits.get(place)) {
            Some(edit) => edit.records.clone(),
            None => self.contents.get(owner).and_then(|node| node.rrset(rtype)).map(|rrset| Records::of(&rrset)),
        }
    }

    fn set(&mut self, owner: &NameBuf, rtype: RType, records: Option<Records>) {
        let place = *self.places.entry((owner.clone(), rtype)).or_insert(self.edits.len());
        match self.edits.get_mut(place) {
            Some(edit) => edit.records = records,
            None => self.edits.push(Edit { owner: owner.clone(), rtype, records }),
        }
    }

    fn apply(&mut self, Step { owner, op, .. }: &Step) {
        match op {
            Op::Replace(rtype, ttl, data) => {
                let before = self.now(owner, *rtype);
                self.replace(owner, *rtype, before, *ttl, data.clone());
            }
            Op::Merge { rtype, ttl, add, remove } => {
                let before = self.now(owner, *rtype);
                let mut data = before.as_ref().map(|before| before.data.clone()).unwrap_or_default();
                data.retain(|have| !remove.contains(have));
                data.extend(add.iter().filter(|new| !before.as_ref().is_some_and(|b| b.data.contains(new))).cloned());
                self.replace(owner, *rtype, before, *ttl, data);
            }
            Op::Delete(rtype) => self.set(owner, *rtype, None),
            Op::DeleteName => {
                let types =
                    self.contents.get(owner).into_iter().flat_map(|node| node.rrsets()).map(|rrset| rrset.rtype);
                let pending = self.edits.iter().filter(|edit| edit.owner == *owner).map(|edit| edit.rtype);
                let all: Vec<RType> = types.chain(pending).collect();
                all.into_iter().for_each(|rtype| self.set(owner, rtype, None));
            }
        }
    }

    fn replace(
        &mut self,
        owner: &NameBuf,
        rtype: RType,
        before: Option<Records>,
        ttl: Option<u32>,
        data: Vec<Vec<u8>>,
    ) {
        if data.is_empty() {
            return self.set(owner, rtype, None);
        }
        let ttl = ttl.or(before.as_ref().map(|before| before.ttl)).unwrap_or(DEFAULT_TTL_S);
        // What stays the same keeps its signatures.
        let same = before.filter(|before| {
            before.ttl == ttl && before.data.len() == data.len() && data.iter().all(|new| before.data.contains(new))
        });
        let records = same.unwrap_or(Records { ttl, data, signatures: Vec::new() });
        self.set(owner, rtype, Some(records));
    }
}
