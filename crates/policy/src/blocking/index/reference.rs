//! Where a listed name stands and what is said of it there, in 32 bits.
//!
//! Lines are counted through all lists of an index: the line of a list is its number there and how many lines the lists
//! before it have.

use std::sync::Arc;

use super::super::format::{Listed, Scope};
use crate::action::RuleRef;
use crate::who::ListId;

const LINE_BITS: u32 = 27;
/// Lines of all lists of an index together; names of later lines are ignored and counted.
pub const MAX_LINES: u32 = (1 << LINE_BITS) - 1;
const DISABLES: u32 = 1 << LINE_BITS;
const IMPORTANT: u32 = 1 << (LINE_BITS + 1);
const ALLOW: u32 = 1 << (LINE_BITS + 2);
const BELOW: u32 = 1 << (LINE_BITS + 3);
/// Free for whoever keeps references: never set in one.
pub const FREE_BIT: u32 = 1 << 31;

/// A line that lists a name. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference(u32);

impl Reference {
    /// `line` is counted through all lists, from 1; `None` after [`MAX_LINES`].
    #[inline]
    pub fn new(line: u64, listed: Listed) -> Option<Reference> {
        let line = u32::try_from(line).ok().filter(|line| (1..=MAX_LINES).contains(line))?;
        let flag = |set: bool, bit: u32| if set { bit } else { 0 };
        Some(Reference(
            line | flag(listed.disables, DISABLES)
                | flag(listed.important, IMPORTANT)
                | flag(listed.allow, ALLOW)
                | flag(listed.scope == Scope::Below, BELOW),
        ))
    }

    /// From what [`Reference::bits`] gave; [`FREE_BIT`] is dropped.
    #[inline]
    pub fn from_bits(bits: u32) -> Reference {
        Reference(bits & !FREE_BIT)
    }

    /// It as a number.
    #[inline]
    pub fn bits(self) -> u32 {
        self.0
    }

    /// The line, counted through all lists.
    #[inline]
    pub fn line(self) -> u32 {
        self.0 & MAX_LINES
    }

    /// What is said of the name.
    #[inline]
    pub fn listed(self) -> Listed {
        Listed {
            scope: if self.0 & BELOW != 0 { Scope::Below } else { Scope::Exact },
            allow: self.0 & ALLOW != 0,
            important: self.0 & IMPORTANT != 0,
            disables: self.0 & DISABLES != 0,
        }
    }

    /// Whether both say the same of the name, at whatever lines.
    #[inline]
    pub fn says_as(self, other: Reference) -> bool {
        (self.0 ^ other.0) & !MAX_LINES == 0
    }
}

/// How many lines stand before each list.
#[derive(Debug, Clone, Default)]
pub struct Starts(Arc<[(u32, ListId)]>);

impl Starts {
    /// From the lists in order, each with how many lines the lists before it have.
    pub fn new(starts: &[(u32, ListId)]) -> Starts {
        Starts(starts.into())
    }

    /// The position of the list that a line is in.
    #[inline]
    pub fn position(&self, line: u32) -> usize {
        self.0.partition_point(|(start, _)| *start < line).saturating_sub(1)
    }

    /// List and line.
    #[inline]
    pub fn rule(&self, reference: Reference) -> RuleRef {
        let line = reference.line();
        let (start, list) = self.0.get(self.position(line)).copied().unwrap_or((0, ListId(0)));
        RuleRef { list, line: line.saturating_sub(start) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_gives_back_what_was_put_into_it() {
        for bits in 0..16u8 {
            let listed = Listed {
                scope: if bits & 1 != 0 { Scope::Below } else { Scope::Exact },
                allow: bits & 2 != 0,
                important: bits & 4 != 0,
                disables: bits & 8 != 0,
            };
            for line in [1, 77, MAX_LINES] {
                let reference = Reference::new(line.into(), listed).expect("line");
                assert_eq!((reference.line(), reference.listed()), (line, listed));
                assert_eq!(Reference::from_bits(reference.bits() | FREE_BIT), reference);
            }
        }
        let block = Listed::block(Scope::Exact);
        assert_eq!(Reference::new(u64::from(MAX_LINES) + 1, block), None);
        assert_eq!(Reference::new(0, block), None);
    }

    #[test]
    fn a_line_counted_through_all_lists_leads_to_its_list() {
        // The second list is empty.
        let starts = Starts::new(&[(0, ListId(4)), (10, ListId(9)), (10, ListId(2)), (15, ListId(1))]);
        let rule = |line: u64| {
            let rule = starts.rule(Reference::new(line, Listed::block(Scope::Exact)).expect("line"));
            (rule.list.0, rule.line)
        };
        assert_eq!([rule(1), rule(10), rule(11), rule(15), rule(16)], [(4, 1), (4, 10), (2, 1), (2, 5), (1, 1)]);
    }
}
