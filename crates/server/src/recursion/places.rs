//! Places for clients that wait on a resolver thread, and how zones share them.
//!
//! Questions for random names of one zone whose servers do not answer wait for seconds each. They would take all places,
//! and nothing else would be resolved. So a zone has a quarter of the places at most as soon as half of all are taken.
//! Zones are told apart by a hash of a few labels at the end of the name, which is cheap and needs no more: two zones of
//! one number share what one would have.

use std::cell::Cell;
use std::rc::Rc;

use dns::question::HashedName;
use resolver::limits::MAX_CLIENTS;

/// From so many taken places on, zones have shares.
const CONTESTED: usize = MAX_CLIENTS / 2;
/// The share of a zone.
const SHARE: u16 = (MAX_CLIENTS / 4) as u16;
/// Zones that are told apart; a power of two.
const ZONES: usize = 4096;

/// The places of one thread.
pub struct Places {
    taken: Cell<usize>,
    zones: Box<[Cell<u16>]>,
}

/// The place of one client, free again when this is dropped.
pub struct Place {
    places: Rc<Places>,
    zone: usize,
}

impl Default for Places {
    fn default() -> Places {
        Places { taken: Cell::new(0), zones: vec![Cell::new(0); ZONES].into() }
    }
}

impl Places {
    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.taken.get()
    }

    /// A place for a question below `zone` ([`zone_hash`]); `None`: there is none left, or none for this zone.
    pub fn take(self: &Rc<Self>, zone: u64) -> Option<Place> {
        let zone = zone as usize % ZONES;
        let (taken, of_zone) = (self.taken.get(), self.zones.get(zone)?);
        if taken >= MAX_CLIENTS || taken >= CONTESTED && of_zone.get() >= SHARE {
            return None;
        }
        self.taken.set(taken + 1);
        of_zone.set(of_zone.get() + 1);
        Some(Place { places: self.clone(), zone })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let taken = &self.places.taken;
        taken.set(taken.get().saturating_sub(1));
        if let Some(of_zone) = self.places.zones.get(self.zone) {
            of_zone.set(of_zone.get().saturating_sub(1));
        }
    }
}

/// The hash of the zone that `name` counts for: of its last two labels, three where the second is as short as in `co.uk`,
/// four in `arpa`.
pub fn zone_hash(name: &HashedName) -> u64 {
    /// The longest second label that many have a name below, such as `com.au`.
    const MAX_SHARED_LEN: usize = 3;
    let second = name.labels().checked_sub(2).map_or(0, |_| name.start(1) - name.start(2) - 1);
    let depth = match name.suffix(1).as_wire() {
        top if top.eq_ignore_ascii_case(b"\x04arpa\0") => 4,
        _ if second <= MAX_SHARED_LEN => 3,
        _ => 2,
    };
    name.hash(depth.min(name.labels()))
}

#[cfg(test)]
mod tests {
    use dns::{NameBuf, NameHasher};

    use super::*;

    fn hash(name: &str) -> u64 {
        let mut hashed = HashedName::default();
        hashed.set(&name.parse::<NameBuf>().expect("a name"), NameHasher::new(7));
        zone_hash(&hashed)
    }

    #[test]
    fn names_of_one_zone_count_together_and_those_of_others_do_not() {
        assert_eq!(hash("a.victim.example."), hash("b.c.VICTIM.example."));
        assert_ne!(hash("a.victim.example."), hash("a.other.example."));
        assert_ne!(hash("a.victim.co.uk."), hash("a.other.co.uk."));
        assert_eq!(hash("a.victim.co.uk."), hash("victim.co.uk."));
        assert_ne!(hash("1.2.3.in-addr.arpa."), hash("1.2.4.in-addr.ARPA."));
        for short in [".", "com.", "co.uk."] {
            assert_eq!(hash(short), hash(short));
        }
    }

    #[test]
    fn a_zone_has_its_share_when_half_of_the_places_are_taken_and_others_have_the_rest() {
        let places = Rc::new(Places::default());
        let (victim, others) = (hash("victim.example."), (0..).map(|i| hash(&format!("zone{i}.example."))));
        let of_victim: Vec<Place> = std::iter::from_fn(|| places.take(victim)).take(MAX_CLIENTS).collect();
        assert_eq!(of_victim.len(), CONTESTED);
        let others: Vec<Place> = others.take(50_000).filter_map(|zone| places.take(zone)).collect();
        assert_eq!(others.len(), MAX_CLIENTS - CONTESTED);
        drop(of_victim);
        assert_eq!(places.taken(), MAX_CLIENTS - CONTESTED);
        let of_victim: Vec<Place> = std::iter::from_fn(|| places.take(victim)).take(MAX_CLIENTS).collect();
        assert_eq!(of_victim.len(), usize::from(SHARE));
        drop(of_victim);
        drop(others);
        assert_eq!(places.taken(), 0);
    }
}
