//! How many labels listed names have.

use super::super::format::{Listed, Scope};

/// Which numbers of labels occur, for names that stand for themselves and for those that stand for all below too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depths {
    exact: u128,
    below: u128,
    disables: bool,
}

impl Depths {
    /// Adds a name.
    #[inline]
    pub fn add(&mut self, labels: usize, listed: Listed) {
        let bit = 1u128 << (labels & 127);
        match listed.scope {
            Scope::Exact => self.exact |= bit,
            Scope::Below => self.below |= bit,
        }
        self.disables |= listed.disables;
    }

    /// Whether a name of so many labels can match a question, whose whole name it is or not.
    #[inline]
    pub fn has(&self, labels: usize, whole: bool) -> bool {
        let set = if whole { self.below | self.exact } else { self.below };
        set >> (labels & 127) & 1 == 1
    }

    /// Whether a line that takes others away was added.
    #[inline]
    pub fn disables(&self) -> bool {
        self.disables
    }

    /// What occurs in either.
    #[must_use]
    pub fn or(&self, other: &Depths) -> Depths {
        Depths {
            exact: self.exact | other.exact,
            below: self.below | other.below,
            disables: self.disables | other.disables,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_names_count_for_whole_names_alone() {
        let mut depths = Depths::default();
        depths.add(2, Listed::block(Scope::Below));
        depths.add(3, Listed::block(Scope::Exact));
        assert!(depths.has(2, false) && depths.has(2, true) && depths.has(3, true));
        assert!(!depths.has(3, false) && !depths.has(1, true) && !depths.disables());
        let mut other = Depths::default();
        other.add(127, Listed { disables: true, ..Listed::block(Scope::Below) });
        let both = depths.or(&other);
        assert!(both.has(127, false) && both.has(3, true) && both.disables());
    }
}
