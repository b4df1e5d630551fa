//! Protection against rebinding: a public name must not lead a browser to a private address.

use dns::{Name, NameBuf};

/// Which answers are let through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rebinding {
    /// Names at or below which private addresses are wanted.
    pub allowed: Vec<NameBuf>,
}

impl Rebinding {
    /// Whether `name` may have private addresses.
    pub fn allows(&self, name: &Name) -> bool {
        self.allowed.iter().any(|allowed| name.is_at_or_below(allowed))
    }
}
