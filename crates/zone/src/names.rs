//! The owners of a zone in canonical order. New owners are sorted in when somebody needs the order, or when there are many.
//!
//! Answers find names by their hash, so a change of a large zone does not sort its names in at once; it only notes them.
//! A background thread sorts many of them in together ([`Names::sort_later`]), or the first caller that needs the order
//! does.

use std::sync::{Arc, OnceLock};

use crate::order::Order;

/// An order of fewer names is kept up at once: it is quick, and small zones shall stay small.
const FEW_NAMES: usize = 4096;
/// So many names are noted before it pays to sort them in.
const MANY_NOTED: usize = 64;
/// So many names are noted at most.
const MAX_NOTED: usize = 2048;
/// How many names before their turn the memory that they will go to is asked for.
const AHEAD: usize = 2;

/// Names as sort keys; a clone shares those that are in order.
#[derive(Default)]
pub struct Names {
    order: Order,
    noted: Option<Box<Noted>>,
}

/// What happened to names since they were in order.
#[derive(Clone)]
struct Noted {
    steps: Steps,
    /// Number of names with all that.
    len: usize,
    /// The order with all that, once somebody needed it.
    order: OnceLock<Order>,
    /// The order with the first steps, when the thread that sorts them in is done.
    later: OnceLock<(Length, Arc<OnceLock<Order>>)>,
}

/// Names that came or went, one after the other.
#[derive(Clone, Default)]
struct Steps {
    keys: Vec<u8>,
    /// Where each key ends, and whether the name came.
    ends: Vec<(usize, bool)>,
}

/// How many steps, and octets of their keys.
type Length = (usize, usize);

/// Names to be sorted in by a thread that nobody waits for.
pub struct Later {
    before: Order,
    steps: Steps,
    after: Arc<OnceLock<Order>>,
}

impl Later {
    /// Sorts them in.
    pub fn sort(self) {
        self.after.get_or_init(|| self.steps.sorted_into(self.before));
    }
}

impl Clone for Names {
    fn clone(&self) -> Names {
        let noted = self.noted.clone();
        let mut names = Names { order: self.order.clone(), noted };
        names.advance();
        names
    }
}

impl From<Order> for Names {
    fn from(order: Order) -> Names {
        Names { order, noted: None }
    }
}

impl Names {
    /// The names in order.
    pub fn order(&self) -> &Order {
        match &self.noted {
            Some(noted) => noted.order.get_or_init(|| {
                let mut sorted = self.clone();
                sorted.sort();
                sorted.order
            }),
            None => &self.order,
        }
    }

    /// Number of names.
    pub fn len(&self) -> usize {
        self.noted.as_ref().map_or(self.order.len(), |noted| noted.len)
    }

    /// Adds a name that is not there, or removes one that is.
    pub fn set(&mut self, key: &[u8], present: bool) {
        self.advance();
        if self.noted.as_ref().is_some_and(|noted| noted.steps.ends.len() >= MAX_NOTED) {
            self.sort();
        }
        let len = self.order.len();
        if len < FEW_NAMES && self.noted.is_none() {
            return self.order.set(key, present);
        }
        let noted = self.noted.get_or_insert_with(|| Box::new(Noted::new(len)));
        noted.steps.push(key, present);
        noted.len = if present { noted.len + 1 } else { noted.len - 1 };
    }

    /// Sorts in what was noted: for who needs the order while it is being changed.
    pub fn sort(&mut self) {
        self.advance();
        if let Some(noted) = self.noted.take() {
            self.order = noted.steps.sorted_into(std::mem::take(&mut self.order));
        }
    }

    /// What it takes to sort in what was noted, if that is much and nobody is at it. The versions that are made of this
    /// one use what comes out as soon as it is there.
    pub fn sort_later(&self) -> Option<Later> {
        let noted = self.noted.as_ref()?;
        if noted.steps.ends.len() < MANY_NOTED || noted.order.get().is_some() {
            return None;
        }
        let after = Arc::default();
        // Taken: somebody is at it.
        noted.later.set((noted.steps.len(), Arc::clone(&after))).ok()?;
        Some(Later { before: self.order.clone(), steps: noted.steps.clone(), after })
    }

    /// Goes on from the latest order that is there.
    fn advance(&mut self) {
        let Some(noted) = &mut self.noted else { return };
        if let Some(order) = noted.order.take() {
            *self = Names::from(order);
        } else if let Some((length, order)) = noted.sorted_later() {
            self.order = order.clone();
            noted.steps.forget(length);
            noted.later = OnceLock::new();
            if noted.steps.ends.is_empty() {
                self.noted = None;
            }
        }
    }
}

impl Noted {
    fn new(len: usize) -> Noted {
        Noted { steps: Steps::default(), len, order: OnceLock::new(), later: OnceLock::new() }
    }

    /// What the other thread made of the first steps, if it is done.
    fn sorted_later(&self) -> Option<(Length, &Order)> {
        self.later.get().and_then(|(length, order)| Some((*length, order.get()?)))
    }
}

impl Steps {
    fn len(&self) -> Length {
        (self.ends.len(), self.keys.len())
    }

    fn push(&mut self, key: &[u8], present: bool) {
        self.keys.extend_from_slice(key);
        self.ends.push((self.keys.len(), present));
    }

    /// Leaves out the first ones.
    fn forget(&mut self, (steps, octets): Length) {
        self.ends.drain(..steps);
        self.keys.drain(..octets);
        self.ends.iter_mut().for_each(|(end, _)| *end -= octets);
    }

    /// `order` after them. Of several steps with one name the last one counts.
    fn sorted_into(&self, mut order: Order) -> Order {
        let mut start = 0;
        let step = |&(end, present): &(usize, bool)| (&self.keys[std::mem::replace(&mut start, end)..end], present);
        let mut steps: Vec<(&[u8], bool)> = self.ends.iter().map(step).collect();
        steps.sort_by(|a, b| a.0.cmp(b.0));
        for (i, &(key, present)) in steps.iter().enumerate() {
            if let Some((later, _)) = steps.get(i + AHEAD) {
                order.prefetch(later);
            }
            if steps.get(i + 1).is_none_or(|next| next.0 != key) {
                order.set(key, present);
            }
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing::Random;

    type Model = BTreeSet<Vec<u8>>;

    fn compare(names: &Names, model: &Model) {
        assert_eq!(names.len(), model.len());
        assert!(names.order().iter().eq(model.iter().map(Vec::as_slice)));
        assert_eq!(names.order().len(), model.len());
    }

    /// Takes a random name out or puts it in.
    fn step(names: &mut Names, model: &mut Model, random: &mut Random, growing: bool) {
        let key = format!("{:05}", random.below(12_000)).into_bytes();
        let present = !model.contains(&key);
        if present != growing && random.below(4) > 0 {
            return;
        }
        names.set(&key, present);
        if present {
            model.insert(key)
        } else {
            model.remove(&key)
        };
        assert_eq!(names.len(), model.len());
    }

    /// Against the standard library's set, on both sides of the sizes at which something changes, with versions that
    /// were left behind, and sorted by whoever comes first.
    #[test]
    fn agrees_with_a_model() {
        let mut random = Random(11);
        let (mut names, mut model) = (Names::default(), Model::new());
        let (mut old, mut waiting, mut sorted) = (Vec::new(), Vec::new(), 0);
        for round in 0..40_000 {
            step(&mut names, &mut model, &mut random, round < 25_000);
            match random.below(600) {
                0 => compare(&names, &model),
                1 => names.sort(),
                2 => old.push((names.clone(), model.clone())),
                3..10 => names = names.clone(),
                10..60 => waiting.extend(names.sort_later()),
                60..100 => {
                    sorted += waiting.len();
                    waiting.drain(..).for_each(Later::sort);
                }
                // A version that is never published: what it noted is its own.
                100..110 => {
                    let (mut draft, mut other) = (names.clone(), model.clone());
                    (0..100).for_each(|_| step(&mut draft, &mut other, &mut random, true));
                    waiting.extend(draft.sort_later());
                    old.push((draft, other));
                }
                _ => {}
            }
            if old.len() > 50 {
                let at = random.below(50) as usize;
                let (names, model) = old.swap_remove(at);
                compare(&names, &model);
            }
        }
        compare(&names, &model);
        assert!(sorted > 100, "{sorted}");
        old.iter().for_each(|(names, model)| compare(names, model));
    }

    #[test]
    fn what_comes_and_goes_between_leaves_nothing() {
        let mut names = Names::default();
        (0..FEW_NAMES).for_each(|i| names.set(&(2 * i as u32).to_be_bytes(), true));
        let new = 7u32.to_be_bytes();
        names.set(&new, true);
        names.set(&new, false);
        assert!(!names.order().contains(&new) && names.len() == FEW_NAMES);
        names.set(&new, true);
        assert!(names.order().contains(&new) && names.len() == FEW_NAMES + 1);
    }

    #[test]
    fn what_was_sorted_meanwhile_is_used() {
        let mut names = Names::default();
        (0..FEW_NAMES).for_each(|i| names.set(&(2 * i as u32).to_be_bytes(), true));
        (0..MANY_NOTED).for_each(|i| names.set(&(2 * i as u32 + 1).to_be_bytes(), true));
        let later = names.sort_later().expect("they are many");
        assert!(names.sort_later().is_none(), "somebody is at it");
        let mut next = names.clone();
        next.set(b"x", true);
        later.sort();
        next.set(b"y", true);
        assert_eq!(next.noted.as_ref().map(|noted| noted.steps.len()), Some((2, 2)));
        assert_eq!((next.order.len(), next.len()), (FEW_NAMES + MANY_NOTED, FEW_NAMES + MANY_NOTED + 2));
        assert!(names.clone().noted.is_none() && next.order().contains(b"x"));
    }
}
