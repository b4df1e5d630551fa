//! Classes (RFC 1035 3.2.4, RFC 2136 1.3).

use std::fmt;

/// A class or QCLASS.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Class(pub u16);

impl Class {
    /// The Internet.
    pub const IN: Class = Class(1);
    /// Chaosnet, today only for server identification.
    pub const CH: Class = Class(3);
    /// Hesiod.
    pub const HS: Class = Class(4);
    /// NONE (RFC 2136 1.3).
    pub const NONE: Class = Class(254);
    /// ANY (RFC 1035 3.2.5).
    pub const ANY: Class = Class(255);

    /// The class that `text` names: a mnemonic or `CLASSn` (RFC 3597 5), case ignored.
    pub fn from_text(text: &[u8]) -> Option<Class> {
        for (class, mnemonic) in MNEMONICS {
            if text.eq_ignore_ascii_case(mnemonic.as_bytes()) {
                return Some(class);
            }
        }
        crate::rtype::generic_number(text, b"CLASS").map(Class)
    }
}

const MNEMONICS: [(Class, &str); 5] =
    [(Class::IN, "IN"), (Class::CH, "CH"), (Class::HS, "HS"), (Class::NONE, "NONE"), (Class::ANY, "ANY")];

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match MNEMONICS.iter().find(|(class, _)| class == self) {
            Some((_, mnemonic)) => f.write_str(mnemonic),
            None => write!(f, "CLASS{}", self.0),
        }
    }
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
