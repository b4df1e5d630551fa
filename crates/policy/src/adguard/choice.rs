//! Lists of values of which some may be negated with `~`.

/// What a modifier such as `client` or `ctag` chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<T> {
    /// One of these must hold, unless there is none.
    pub only: Vec<T>,
    /// None of these may hold.
    pub except: Vec<T>,
}

impl<T> Default for Choice<T> {
    fn default() -> Choice<T> {
        Choice { only: Vec::new(), except: Vec::new() }
    }
}

impl<T> Choice<T> {
    /// Whether nothing is chosen: everything is admitted.
    pub fn is_empty(&self) -> bool {
        self.only.is_empty() && self.except.is_empty()
    }

    /// Adds a value.
    pub fn push(&mut self, negated: bool, value: T) {
        if negated { self.except.push(value) } else { self.only.push(value) }
    }

    /// Whether what `holds` describes is chosen.
    pub fn admits(&self, holds: impl Fn(&T) -> bool) -> bool {
        !self.except.iter().any(&holds) && (self.only.is_empty() || self.only.iter().any(&holds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_excepted_is_not_admitted_even_if_it_is_named() {
        let choice = Choice { only: vec![1, 2], except: vec![2] };
        assert!(choice.admits(|value| *value == 1));
        assert!(!choice.admits(|value| *value == 2));
        assert!(!choice.admits(|value| *value == 3));
        assert!(Choice::<u8>::default().admits(|_| true));
    }
}
