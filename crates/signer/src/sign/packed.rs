//! A list of names that takes little more memory than their octets: a zone may have millions.

use dns::{Name, NameBuf};

/// Names one after the other, each in wire form behind its length.
#[derive(Default)]
pub struct PackedNames(Vec<u8>);

impl PackedNames {
    /// The names, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &Name> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            let (&len, behind) = rest.split_first()?;
            let (wire, behind) = behind.split_at_checked(usize::from(len))?;
            rest = behind;
            Some(Name::from_validated(wire))
        })
    }
}

impl FromIterator<NameBuf> for PackedNames {
    fn from_iter<I: IntoIterator<Item = NameBuf>>(names: I) -> PackedNames {
        let mut packed = PackedNames::default();
        for name in names {
            // RFC 1035 2.3.4: a name has 255 octets at most.
            packed.0.push(name.as_wire().len() as u8);
            packed.0.extend_from_slice(name.as_wire());
        }
        packed.0.shrink_to_fit();
        packed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_out_as_they_came_in() {
        let names: Vec<NameBuf> =
            [".", "a.example.", "Example.", "\\000.b.c.example."].map(|text| text.parse().expect("a name")).into();
        let packed: PackedNames = names.iter().cloned().collect();
        assert!(packed.iter().eq(names.iter().map(|name| &**name)));
        assert_eq!(PackedNames::default().iter().count(), 0);
    }
}
