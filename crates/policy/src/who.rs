//! Who asks, as policies tell clients apart.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The number of a list: of names, of rules, or a response policy zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListId(pub u8);

/// A set of lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListSet([u64; 4]);

impl ListSet {
    /// Every list.
    pub const ALL: ListSet = ListSet([u64::MAX; 4]);

    /// This set with `list`.
    #[must_use]
    pub fn with(mut self, list: ListId) -> ListSet {
        self.0[usize::from(list.0 >> 6)] |= 1 << (list.0 & 63);
        self
    }

    /// Whether `list` is in it.
    #[inline]
    pub fn has(&self, list: ListId) -> bool {
        self.0[usize::from(list.0 >> 6)] >> (list.0 & 63) & 1 == 1
    }

    /// What is in both.
    #[inline]
    #[must_use]
    pub fn and(&self, other: &ListSet) -> ListSet {
        ListSet(std::array::from_fn(|i| self.0[i] & other.0[i]))
    }

    /// What is in either.
    #[must_use]
    pub fn or(&self, other: &ListSet) -> ListSet {
        ListSet(std::array::from_fn(|i| self.0[i] | other.0[i]))
    }

    /// Whether no list is in it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }

    /// How many lists are in it.
    #[inline]
    pub fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// The lists, by number.
    pub fn iter(&self) -> impl Iterator<Item = ListId> + '_ {
        (0..=u8::MAX).map(ListId).filter(|list| self.has(*list))
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Who<'a> {
    /// Where the question came from.
    pub address: IpAddr,
    /// Name of the device that has the address, if it has one.
    pub device: Option<&'a str>,
    /// Tags of the device (`$ctag`), such as `device_tv` or `user_child`.
    pub tags: &'a [Box<str>],
    /// The lists that hold for it now.
    pub lists: &'a ListSet,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_into_it() {
        let set = ListSet::default().with(ListId(0)).with(ListId(63)).with(ListId(64)).with(ListId(255));
        assert_eq!(set.iter().map(|list| list.0).collect::<Vec<_>>(), [0, 63, 64, 255]);
        assert!(!set.has(ListId(1)) && !set.is_empty());
        let other = ListSet::default().with(ListId(64)).with(ListId(7));
        assert_eq!(set.and(&other).iter().collect::<Vec<_>>(), [ListId(64)]);
        assert_eq!((set.or(&other).iter().count(), set.or(&other).len()), (5, 5));
        assert!(ListSet::ALL.has(ListId(200)));
    }
}
