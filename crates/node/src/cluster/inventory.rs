//! Which zones of the journal this server has, with which serials, as one number: servers that have folded the same changes
//! have the same one. The committer's observer keeps it up.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use dns::NameBuf;
use journal::{Offset, Replica, ZoneState, checksum};
use zone::{EventId, NodeId};

/// The inventory.
#[derive(Default)]
pub struct Inventory(Mutex<State>);

#[derive(Default)]
struct State {
    /// The share of each zone in the sum, by the sum of its name.
    zones: HashMap<u64, u64>,
    now: Counted,
}

/// The inventory at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Changes up to this offset are in it.
    pub position: Offset,
    /// How many zones there are.
    pub zones: u64,
    /// The sum of their names, serials and last changes.
    pub sum: u64,
}

impl Inventory {
    /// Takes over that these zones changed, came or went.
    pub fn follow(&self, replica: &Replica, changed: &[NameBuf]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for name in changed {
            let key = checksum::row_sum(&[name.as_wire()]);
            let before = match replica.zone(name) {
                Some(zone) => state.zones.insert(key, share(name, zone)),
                None => state.zones.remove(&key),
            };
            let after = state.zones.get(&key).copied().unwrap_or(0);
            state.now.sum = state.now.sum.wrapping_sub(before.unwrap_or(0)).wrapping_add(after);
        }
        state.now.zones = state.zones.len() as u64;
        state.now.position = replica.next_offset().saturating_sub(1);
    }

    /// What it is now.
    pub fn now(&self) -> Counted {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).now
    }
}

fn share(name: &NameBuf, zone: &ZoneState) -> u64 {
    let serial = zone.serial().unwrap_or(0).to_be_bytes();
    let last = zone.last.unwrap_or(EventId { node: NodeId::default(), number: 0 });
    checksum::row_sum(&[name.as_wire(), &serial, &last.node, &last.number.to_be_bytes()])
}
