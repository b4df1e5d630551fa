//! Names as lists write them: which texts are names, and their hashes.

use dns::NameHasher;

/// Octets that a name has at most as text without the final dot (RFC 1035 2.3.4: 255 in wire form).
pub const MAX_TEXT_OCTETS: usize = 253;
const MAX_LABEL_OCTETS: usize = 63;

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A name of letters, digits, hyphens and underscores.
    Name(Plain<'a>),
    /// An IPv4 address, or what is like one: its last label has digits only.
    Address,
    /// It has octets beyond ASCII, and is valid for the rest.
    Unicode,
    /// None of them.
    Other,
}

/// A name of letters, digits, hyphens and underscores in any case, without a dot at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain<'a> {
    text: &'a [u8],
    /// Where its dots are, if it has no more than 64 octets.
    dots: u64,
}

const BAD: u8 = 1;
const BEYOND_ASCII: u8 = 2;
const DOT: u8 = 4;

/// What an octet is in a name; zero for those of labels.
static CLASS: [u8; 256] = {
    let mut class = [BAD; 256];
    let mut octet = 0;
    while octet < 256 {
        class[octet] = match octet as u8 {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' => 0,
            b'.' => DOT,
            128..=255 => BEYOND_ASCII,
            _ => BAD,
        };
        octet += 1;
    }
    class
};

/// Sorts a text without a final dot.
#[inline]
pub fn check(text: &[u8]) -> Kind<'_> {
    let (mut seen, mut dots) = (0u8, 0u64);
    for (at, octet) in text.iter().enumerate() {
        let class = CLASS[usize::from(*octet)];
        seen |= class;
        // Of a text of more than 64 octets the dots are not used.
        dots |= u64::from(class == DOT) << (at & 63);
    }
    if seen & BAD != 0 {
        return Kind::Other;
    }
    if seen & BEYOND_ASCII != 0 {
        return Kind::Unicode;
    }
    let labels_fit = match text.len() {
        0 => false,
        1..=MAX_LABEL_OCTETS => dots & (dots << 1 | 1 | 1 << (text.len() - 1)) == 0,
        64..=MAX_TEXT_OCTETS => {
            text.split(|octet| *octet == b'.').all(|label| (1..=MAX_LABEL_OCTETS).contains(&label.len()))
        }
        _ => false,
    };
    if !labels_fit {
        Kind::Other
    } else if text.last().is_some_and(u8::is_ascii_digit) && ends_with_number(text) {
        Kind::Address
    } else {
        Kind::Name(Plain { text, dots })
    }
}

fn ends_with_number(text: &[u8]) -> bool {
    text.iter().rev().take_while(|octet| **octet != b'.').all(u8::is_ascii_digit)
}

/// The hashes of a name that the index needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashes {
    /// Of the whole name.
    pub whole: u64,
    /// Of its last two labels, of the last if there is but one.
    pub stem: u64,
    /// How many labels it has.
    pub labels: usize,
}

impl<'a> Plain<'a> {
    /// It as text.
    pub fn text(self) -> &'a [u8] {
        self.text
    }

    /// Whether it has more than one label.
    #[inline]
    pub fn has_dot(self) -> bool {
        self.dots != 0
    }

    /// Its hashes: the same values as [`NameHasher::hash`] gives for the name.
    #[inline]
    pub fn hashes(self, hasher: NameHasher) -> Hashes {
        let mut hashes = Hashes { whole: hasher.root(), stem: hasher.root(), labels: 0 };
        let mut take = |label: &[u8]| {
            hashes.whole = hasher.extend(hashes.whole, label);
            hashes.labels += 1;
            if hashes.labels <= 2 {
                hashes.stem = hashes.whole;
            }
        };
        if self.text.len() > u64::BITS as usize {
            self.text.rsplit(|octet| *octet == b'.').for_each(take);
            return hashes;
        }
        let (mut dots, mut end) = (self.dots, self.text.len());
        loop {
            let start = (u64::BITS - dots.leading_zeros()) as usize;
            take(self.text.get(start..end).unwrap_or_default());
            if start == 0 {
                return hashes;
            }
            end = start - 1;
            dots &= !(1 << end);
        }
    }
}

/// The text in A-labels of one that [`check`] takes for Unicode, without a final dot; it still may be no name. `None`:
/// IDNA does not allow it (RFC 5891).
pub fn to_a_labels(text: &[u8]) -> Option<Vec<u8>> {
    let mut name = dns::idn::to_a_labels(text).ok()?;
    name.pop_if(|last| *last == b'.');
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dns::NameBuf;

    #[test]
    fn texts_are_sorted() {
        let is_name = |text: &str| matches!(check(text.as_bytes()), Kind::Name(name) if name.text() == text.as_bytes());
        for text in ["example.org", "a_b.x-y.Example", "com", "1.2.3.4a", "4.a4"] {
            assert!(is_name(text), "{text}");
        }
        for (text, kind) in [
            ("1.2.3.4", Kind::Address),
            ("a.4", Kind::Address),
            ("", Kind::Other),
            (".", Kind::Other),
            (".example", Kind::Other),
            ("example.", Kind::Other),
            ("a..b", Kind::Other),
            ("a b", Kind::Other),
            ("*.example", Kind::Other),
            ("bücher.example", Kind::Unicode),
            ("bücher example", Kind::Other),
        ] {
            assert_eq!(check(text.as_bytes()), kind, "{text}");
        }
        for label in [63, 64] {
            for name in ["a".repeat(label), format!("x.{}", "a".repeat(label)), format!("{}.x", "a".repeat(label))] {
                assert_eq!(is_name(&name), label == 63, "{name}");
            }
        }
        assert!(!is_name(&format!("{}..{}", "a".repeat(40), "a".repeat(40))));
        let long = ["a"; 127].join(".");
        assert!(long.len() == MAX_TEXT_OCTETS && is_name(&long));
        assert!(!is_name(&format!("{long}a")) && !is_name(&format!("{long}.a")));
    }

    #[test]
    fn a_text_has_the_hash_of_its_name() {
        let hasher = NameHasher::new(5);
        let of_64 = format!("{}.{}", "a".repeat(31), "b".repeat(32));
        let of_65 = format!("{}.{}.c", "a".repeat(31), "b".repeat(31));
        let long = ["a"; 127].join(".");
        for text in ["com", "Example.COM", "a-label-of-more-than-sixteen-octets.www.example.org", &of_64, &of_65, &long]
        {
            let Kind::Name(plain) = check(text.as_bytes()) else { panic!("{text} is a name") };
            let name: NameBuf = text.parse().expect("name");
            let hashes = plain.hashes(hasher);
            assert_eq!((hashes.whole, hashes.labels), (hasher.hash(&name), name.label_count()), "{text}");
            let stem = name.ancestors().find(|ancestor| ancestor.label_count() <= 2).expect("stem");
            assert_eq!(hashes.stem, hasher.hash(stem), "{text}");
            assert_eq!(plain.has_dot(), text.contains('.'));
        }
    }

    #[test]
    fn u_labels_become_a_labels() {
        assert_eq!(to_a_labels("Bücher.example".as_bytes()).as_deref(), Some(b"xn--bcher-kva.example".as_slice()));
        assert_eq!(to_a_labels(b"\xff.example"), None);
    }
}
