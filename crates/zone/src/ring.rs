//! What a signer asks of a zone: which names are its own, and the rings that denial goes round (RFC 4034 4.1.1,
//! RFC 5155 3.1.7), as they are while it changes them.

use dns::{Name, NameBuf};
use dnssec::nsec3::{HASH_LEN, Hash};

use crate::contents::{Contents, Nsec3Params, count_labels};
use crate::node::{CUT, DNAME, NSEC3_ONLY};
use crate::order::{MAX_KEY_LEN, Order, labels_of, sort_key};

/// What the zone has to say at a name (RFC 4035 2.2, RFC 6672 2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// All that stands there is the zone's own.
    Authoritative,
    /// Another zone begins there: DS records and denial are the zone's own, NS records and addresses are not.
    Delegation,
    /// It is below a delegation or a DNAME: nothing there is the zone's own.
    Occluded,
}

impl Contents {
    /// What the zone has to say at `owner`, whether or not anything stands there.
    pub fn standing(&self, owner: &Name) -> Standing {
        let Some(labels) = owner.strip_suffix(self.origin()) else { return Standing::Occluded };
        let depth = count_labels(labels);
        let skip_to = |ancestor: usize| owner.ancestors().nth(depth - ancestor);
        for ancestor in self.depths.up_to(depth) {
            let node = skip_to(ancestor).and_then(|name| self.get(name));
            let Some(node) = node else { return Standing::Authoritative };
            if ancestor > 0 && node.has(CUT) {
                return if ancestor == depth { Standing::Delegation } else { Standing::Occluded };
            }
            if node.has(DNAME) && ancestor < depth {
                return Standing::Occluded;
            }
        }
        Standing::Authoritative
    }

    /// Whether `name` exists: it has records other than those of hashed denial, or is an empty non-terminal.
    pub fn has_name(&self, name: &Name) -> bool {
        self.get(name).is_some_and(|node| !node.has(NSEC3_ONLY))
    }

    /// The names with NSEC records.
    pub fn name_ring(&self) -> NameRing {
        NameRing { origin: self.origin().to_owned(), keys: self.orders.nsec.clone() }
    }

    /// The hashes that have NSEC3 records with these parameters; none if the apex does not name the parameters.
    pub fn hash_ring(&self, params: &Nsec3Params) -> HashRing {
        let chain = self.orders.nsec3.iter().find(|chain| chain.params == *params);
        HashRing { keys: chain.map(|chain| chain.hashes.clone()).unwrap_or_default() }
    }

    /// Whether there are NSEC3 records with other parameters than these.
    pub fn has_other_hash_rings(&self, params: Option<&Nsec3Params>) -> bool {
        self.orders.nsec3.iter().any(|chain| Some(&chain.params) != params)
    }
}

/// Names in canonical order, closed to a ring. A clone shares what it does not change.
#[derive(Clone)]
pub struct NameRing {
    origin: NameBuf,
    keys: Order,
}

impl NameRing {
    /// Puts `name`, which is in the zone, into the ring, or takes it out.
    pub fn set(&mut self, name: &Name, present: bool) {
        let mut buffer = [0; MAX_KEY_LEN];
        let key = self.key(name, &mut buffer);
        self.keys.set(key, present);
    }

    /// Whether `name` is in the ring.
    pub fn contains(&self, name: &Name) -> bool {
        self.keys.contains(self.key(name, &mut [0; MAX_KEY_LEN]))
    }

    /// Number of names.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The name behind `name`, in lower case; `None` if the ring is empty.
    pub fn next(&self, name: &Name) -> Option<NameBuf> {
        next(&self.keys, self.key(name, &mut [0; MAX_KEY_LEN])).map(|key| self.name(key))
    }

    /// The name before `name`, in lower case; `None` if the ring is empty.
    pub fn before(&self, name: &Name) -> Option<NameBuf> {
        before(&self.keys, self.key(name, &mut [0; MAX_KEY_LEN])).map(|key| self.name(key))
    }

    fn key<'b>(&self, name: &Name, buffer: &'b mut [u8; MAX_KEY_LEN]) -> &'b [u8] {
        sort_key(name.strip_suffix(&self.origin).unwrap_or_default(), buffer)
    }

    fn name(&self, key: &[u8]) -> NameBuf {
        let mut wire = labels_of(key, &mut [0; 256]).to_vec();
        wire.extend_from_slice(self.origin.as_wire());
        Name::from_validated(&wire).to_owned()
    }
}

/// Hashes in order, closed to a ring. A clone shares what it does not change.
#[derive(Clone, Default)]
pub struct HashRing {
    keys: Order,
}

impl HashRing {
    /// Puts a hash into the ring, or takes it out.
    pub fn set(&mut self, hash: &Hash, present: bool) {
        self.keys.set(hash, present);
    }

    /// Whether a hash is in the ring.
    pub fn contains(&self, hash: &Hash) -> bool {
        self.keys.contains(hash)
    }

    /// Number of hashes.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no hash.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The hash behind this one; `None` if the ring is empty.
    pub fn next(&self, hash: &Hash) -> Option<Hash> {
        next(&self.keys, hash)?.first_chunk::<HASH_LEN>().copied()
    }

    /// The hash before this one; `None` if the ring is empty.
    pub fn before(&self, hash: &Hash) -> Option<Hash> {
        before(&self.keys, hash)?.first_chunk::<HASH_LEN>().copied()
    }

    /// All hashes in order.
    pub fn iter(&self) -> impl Iterator<Item = Hash> {
        self.keys.iter().filter_map(|key| key.first_chunk::<HASH_LEN>().copied())
    }
}

fn next<'k>(keys: &'k Order, key: &[u8]) -> Option<&'k [u8]> {
    keys.iter_from(key).find(|other| *other != key).or_else(|| keys.iter().next())
}

/// The greatest key that is smaller; the last one behind the first.
fn before<'k>(keys: &'k Order, key: &[u8]) -> Option<&'k [u8]> {
    let Some((&last, head)) = key.split_last() else { return keys.last() };
    // The greatest string of at most this length below `key`.
    let mut below = [u8::MAX; MAX_KEY_LEN + 1];
    below[..head.len()].copy_from_slice(head);
    match last.checked_sub(1) {
        Some(smaller) => {
            below[head.len()] = smaller;
            keys.at_or_before(&below)
        }
        None => keys.at_or_before(head),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{name, zone};

    /// RFC 4034 6.1: canonical order; it closes to a ring.
    #[test]
    fn names_go_round() {
        let mut ring = NameRing { origin: name("example."), keys: Order::default() };
        assert_eq!((ring.next(&name("example.")), ring.before(&name("example."))), (None, None));
        let names = ["example.", "a.example.", "\\000.a.example.", "Z.a.example.", "b.example.", "\\001.example."];
        names.iter().for_each(|text| ring.set(&name(text), true));
        let mut sorted: Vec<NameBuf> = names.iter().map(|text| name(text)).collect();
        sorted.sort();
        for pair in [&sorted[..], &sorted[..1]].concat().windows(2) {
            assert_eq!(ring.next(&pair[0]).as_ref(), Some(&pair[1]), "{}", pair[0]);
            assert_eq!(ring.before(&pair[1]).as_ref(), Some(&pair[0]), "{}", pair[1]);
        }
        // Of a name that is not in it.
        assert_eq!(ring.next(&name("c.example.")), Some(name("example.")));
        assert_eq!(ring.before(&name("aa.example.")), Some(name("z.a.example.")));
        ring.set(&name("B.example."), false);
        assert!(!ring.contains(&name("b.example.")) && ring.len() == 5);
    }

    #[test]
    fn hashes_go_round_in_large_rings() {
        let mut ring = HashRing::default();
        let hash = |i: u32| -> Hash {
            let mut hash = [0; HASH_LEN];
            hash[..4].copy_from_slice(&i.to_be_bytes());
            hash
        };
        (0..3000).for_each(|i| ring.set(&hash(i * 7), true));
        for i in 0..3000u32 {
            assert_eq!(ring.before(&hash(i * 7)), Some(hash((i + 2999) % 3000 * 7)));
            assert_eq!(ring.next(&hash(i * 7)), Some(hash((i + 1) % 3000 * 7)));
            assert_eq!(ring.before(&hash(i * 7 + 3)), Some(hash(i * 7)));
        }
    }

    /// RFC 4035 2.2, RFC 6672 2.4.
    #[test]
    fn whose_names_are() {
        let (zone, _) = zone(
            "@ SOA ns host 1 1 1 1 60\n@ NS ns\nns A 192.0.2.1\nsub NS ns.sub\nns.sub A 192.0.2.2\n\
             alias DNAME other.test.\nx.alias A 192.0.2.3\na.ent A 192.0.2.4\n",
        );
        let check = |text: &str, want| assert_eq!(zone.standing(&name(text)), want, "{text}");
        check("example.", Standing::Authoritative);
        check("ns.example.", Standing::Authoritative);
        check("sub.example.", Standing::Delegation);
        check("ns.sub.example.", Standing::Occluded);
        check("not.there.sub.example.", Standing::Occluded);
        check("alias.example.", Standing::Authoritative);
        check("x.alias.example.", Standing::Occluded);
        check("ent.example.", Standing::Authoritative);
        check("not.there.example.", Standing::Authoritative);
        check("other.test.", Standing::Occluded);
        assert!(zone.has_name(&name("ent.example.")) && !zone.has_name(&name("there.example.")));
    }
}
