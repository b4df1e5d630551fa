//! Changes as data: the records before, the records after, and the serial that the change was built on. The journal
//! carries them, the replica folds them; transfers, history and reverts are made from them.

use std::fmt;
use std::str::FromStr;

use dns::{NameBuf, RType};

use crate::draft::{Edit, Records};
use crate::key::ZoneKey;
use crate::records::RecordList;
use crate::settings::ZoneSettings;

/// What one commit does, to one zone or to several: all of it happens, or none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeSet {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Who, as the log names them: `user:anna`, `token:acme`, `update:192.0.2.1 key:k.`, `transfer:...`.
    pub who: String,
    /// Why, in the words of whoever made the change; may be empty.
    pub why: String,
    /// The offset of the change that this one takes back.
    pub reverts: Option<u64>,
    /// Its identity; `None`: the event was written before events had one, or this is none.
    pub id: Option<EventId>,
    /// What happens to each zone; a zone occurs once.
    pub zones: Vec<ZoneChange>,
}

/// Who wrote an event: octets that a node chooses at random at each start, so that a number never means two events.
pub type NodeId = [u8; 8];

/// The identity of an event: which of those that a node wrote since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId {
    /// The node.
    pub node: NodeId,
    /// Larger for a later event of the node.
    pub number: u64,
}

impl fmt::Display for EventId {
    /// Both in hexadecimal, as in `00f1e2d3c4b5a697-1f`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{:x}", u64::from_be_bytes(self.node), self.number)
    }
}

impl FromStr for EventId {
    type Err = String;

    fn from_str(text: &str) -> Result<EventId, String> {
        let form = || format!("`{text}` is no identity of a change, as 00f1e2d3c4b5a697-1f is one");
        let number = |text: &str| u64::from_str_radix(text, 16).map_err(|_| form());
        let (node, count) = text.split_once('-').filter(|(node, _)| node.len() == 16).ok_or_else(form)?;
        Ok(EventId { node: number(node)?.to_be_bytes(), number: number(count)? })
    }
}

/// What happens to one zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneChange {
    /// Which zone.
    pub zone: ZoneKey,
    /// The event that changed the zone last, as whoever made this change saw it; `None`: one without an identity did,
    /// or there was no such zone.
    pub base: Option<EventId>,
    /// The serial that the change was built on; `None`: there was no such zone, or it had no contents.
    pub from: Option<u32>,
    /// The serial afterwards; `None`: no zone, or no contents.
    pub to: Option<u32>,
    /// The primary's serial of the version that the zone was made from, where the zone goes on with serials of its own:
    /// a secondary that is signed here. `None`: there is no other serial than the zone's.
    pub primary_serial: Option<u32>,
    /// What happens.
    pub action: Action,
}

/// Kinds of change. Each carries what was as well as what is, so that it can be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "few changes are held at once, and each has its settings read where it stands"
)]
pub enum Action {
    /// The zone comes to be. Without records it has no contents yet (a secondary before its first transfer).
    Create {
        /// How it is served.
        settings: ZoneSettings,
        /// Its records.
        records: RecordList,
    },
    /// RRsets change; among them the SOA.
    Edit(Vec<RrsetChange>),
    /// All records are exchanged.
    Replace {
        /// What was; empty if there were no contents.
        before: RecordList,
        /// What is.
        after: RecordList,
    },
    /// The way the zone is served changes; its records do not.
    Configure {
        /// What was.
        before: ZoneSettings,
        /// What is.
        after: ZoneSettings,
    },
    /// The zone goes.
    Delete {
        /// How it was served.
        settings: ZoneSettings,
        /// Its records.
        records: RecordList,
    },
}

/// The records of one owner and type before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RrsetChange {
    /// The owner.
    pub owner: NameBuf,
    /// The type.
    pub rtype: RType,
    /// What was; `None`: nothing.
    pub before: Option<Records>,
    /// What is; `None`: nothing.
    pub after: Option<Records>,
}

impl RrsetChange {
    /// The step that makes it.
    pub fn edit(&self) -> Edit {
        Edit { owner: self.owner.clone(), rtype: self.rtype, records: self.after.clone() }
    }

    /// The step that takes it back.
    pub fn undo(&self) -> Edit {
        Edit { owner: self.owner.clone(), rtype: self.rtype, records: self.before.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_read_as_they_are_written() {
        let id = EventId { node: [0, 1, 2, 3, 4, 5, 6, 255], number: 31 };
        assert_eq!(id.to_string(), "00010203040506ff-1f");
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "12", "00010203040506ff", "00010203040506ff-", "10203040506ff-1", "00010203040506fg-1"] {
            assert!(bad.parse::<EventId>().is_err(), "{bad}");
        }
    }
}
