//! What is wrong with what people wrote: every mistake at once, each with its place.

use std::fmt::{self, Display};

/// How many mistakes are reported; of more, the first ones.
pub const MAX_MISTAKES: usize = 100;

/// A mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands: `clients[3].addresses[0]`.
    pub path: String,
    /// What is wrong.
    pub wrong: String,
    /// What would be right.
    pub right: String,
}

impl Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.path, self.wrong, self.right)
    }
}

/// Mistakes as they are found.
#[derive(Debug, Default)]
pub(super) struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Notes one.
    pub fn add(&mut self, path: impl Display, wrong: impl Into<String>, right: impl Into<String>) {
        if self.0.len() < MAX_MISTAKES {
            self.0.push(Mistake { path: path.to_string(), wrong: wrong.into(), right: right.into() });
        }
    }

    /// Notes that `count` of `what` are more than `most`, if they are.
    pub fn limit(&mut self, path: impl Display, what: &str, count: usize, most: usize) {
        if count > most {
            self.add(path, format!("{count} {what}"), format!("{most} at the most"));
        }
    }

    /// Notes that `name` is none: empty, longer than `most` characters, or with characters that cannot be seen.
    pub fn name(&mut self, path: impl Display, name: &str, most: usize) {
        if name.trim().is_empty() {
            self.add(path, "the name is empty", "give it one");
        } else if name.chars().count() > most {
            self.add(path, "the name is too long", format!("{most} characters at the most"));
        } else if name.chars().any(char::is_control) {
            self.add(path, "the name has control characters", "letters, digits, spaces and signs");
        }
    }

    /// All of them, or that there are none.
    pub fn none(self) -> Result<(), Vec<Mistake>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_mistakes_are_reported_with_their_places() {
        let mut mistakes = Mistakes::default();
        mistakes.name("a", " ", 3);
        mistakes.name("b", "äöü", 3);
        mistakes.name("c", "äöüß", 3);
        mistakes.name("d", "a\n", 3);
        mistakes.limit("e", "tags", 4, 3);
        mistakes.limit("f", "tags", 3, 3);
        for _ in 0..MAX_MISTAKES {
            mistakes.add("g", "w", "r");
        }
        let found = mistakes.none().expect_err("a mistake");
        assert_eq!(found.len(), MAX_MISTAKES);
        let paths: Vec<_> = found.iter().take(5).map(|mistake| mistake.path.as_str()).collect();
        assert_eq!(paths, ["a", "c", "d", "e", "g"]);
        assert_eq!(found[3].to_string(), "e: 4 tags; 3 at the most");
    }
}
