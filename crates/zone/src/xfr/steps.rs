//! Received differences as edits of the zone that they were made for.

use std::collections::HashMap;

use dns::name::eq_ignore_case;
use dns::{NameBuf, RType};

use super::XfrError;
use crate::contents::Contents;
use crate::draft::{Edit, Records};
use crate::records::{ListedRecord, RecordList, compare_data, filed_under};

/// Octets of an RRset that differences are made in: each of its records is looked for among the others. With more the
/// zone is transferred as a whole.
const MAX_RRSET_BYTES: usize = 1 << 17;

/// One difference of an incremental transfer (RFC 1995 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The serial before.
    pub from: u32,
    /// The serial afterwards.
    pub to: u32,
    /// What goes: first the old SOA record.
    pub deleted: RecordList,
    /// What comes: first the new SOA record.
    pub added: RecordList,
}

/// The edits that `steps`, one after the other, make to `contents`: one for each RRset that is not the same
/// afterwards.
///
/// # Errors
/// [`XfrError::NotExact`] if a record that goes is not there, or the SOA record would be missing: then
/// the zone has to be transferred as a whole (RFC 1995 3).
pub fn edits(steps: &[Step], contents: &Contents) -> Result<Vec<Edit>, XfrError> {
    let mut work = Work { contents, places: HashMap::new(), rrsets: Vec::new() };
    for step in steps {
        step.deleted.iter().try_for_each(|record| work.delete(&record))?;
        step.added.iter().try_for_each(|record| work.add(&record))?;
    }
    work.rrsets.retain(|rrset| rrset.now != rrset.before);
    let is_soa = |rrset: &Rrset| rrset.rtype == RType::SOA && *rrset.owner == *contents.origin();
    if work.rrsets.iter().any(|rrset| is_soa(rrset) && rrset.now.data.len() != 1) {
        return Err(XfrError::NotExact("there is not one SOA record afterwards"));
    }
    Ok(work.rrsets.into_iter().map(Rrset::into_edit).collect())
}

/// An RRset that steps touch.
struct Rrset {
    owner: NameBuf,
    rtype: RType,
    before: Records,
    now: Records,
}

impl Rrset {
    fn into_edit(self) -> Edit {
        let records = (!self.now.is_empty()).then_some(self.now);
        Edit { owner: self.owner, rtype: self.rtype, records }
    }
}

struct Work<'c> {
    contents: &'c Contents,
    places: HashMap<(NameBuf, RType), usize>,
    rrsets: Vec<Rrset>,
}

impl Work<'_> {
    /// The RRset that a record belongs to, as the steps so far left it, and whether it is a signature there.
    fn rrset(&mut self, record: &ListedRecord<'_>) -> (&mut Rrset, bool) {
        let (rtype, is_signature) = filed_under(record.rtype, record.rdata);
        let known = self.rrsets.last().is_some_and(|last| last.rtype == rtype && *last.owner == *record.owner);
        let place = match known {
            true => self.rrsets.len() - 1,
            false => *self.places.entry((record.owner.to_owned(), rtype)).or_insert_with(|| {
                let before = self.contents.records(record.owner, rtype).unwrap_or_default();
                self.rrsets.push(Rrset { owner: record.owner.to_owned(), rtype, now: before.clone(), before });
                self.rrsets.len() - 1
            }),
        };
        (&mut self.rrsets[place], is_signature)
    }

    /// The TTL is not compared: an RRset has one, whatever a difference says about its records (RFC 2181 5.2).
    fn delete(&mut self, record: &ListedRecord<'_>) -> Result<(), XfrError> {
        let (rrset, is_signature) = self.rrset(record);
        let list = if is_signature { &mut rrset.now.signatures } else { &mut rrset.now.data };
        let exact = list.iter().position(|data| data == record.rdata);
        // Names in the data may differ in case.
        let same = |data: &Vec<u8>| {
            eq_ignore_case(data, record.rdata) && compare_data(record.rtype, data, record.rdata).is_eq()
        };
        let found = exact.or_else(|| list.iter().position(same));
        list.remove(found.ok_or(XfrError::NotExact("a record to be deleted is not there"))?);
        Ok(())
    }

    fn add(&mut self, record: &ListedRecord<'_>) -> Result<(), XfrError> {
        let (rrset, is_signature) = self.rrset(record);
        let now = &mut rrset.now;
        if !is_signature || now.data.is_empty() {
            now.ttl = record.ttl;
        }
        let list = if is_signature { &mut now.signatures } else { &mut now.data };
        if list.iter().any(|data| data == record.rdata) {
            return Ok(());
        }
        list.push(record.rdata.to_vec());
        if now.octets() > MAX_RRSET_BYTES {
            return Err(XfrError::TooLarge);
        }
        Ok(())
    }
}
