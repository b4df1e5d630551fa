//! Searching a list by a part of a name or of record data. Every item is looked at, so that one page looks at so many, for
//! so long, and says where it ended: whoever searches goes on from there, or stops.

use std::time::Instant;

use dns::{Name, RType};

use super::limits::{MAX_SEARCHED, PAGE_MAX_SCANNED, SEARCH_MAX_SCANNED, SEARCH_TIME};
use super::problem::Problem;

/// Items between two looks at the clock.
const LOOK_EVERY: usize = 256;

/// A part of a text, whatever the case of its letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contains(String);

impl Contains {
    /// Reads the parameter `contains`; an empty one finds all.
    ///
    /// # Errors
    /// 400: it is too long.
    pub fn read(value: Option<&str>) -> Result<Option<Contains>, Problem> {
        let text = value.map(str::trim).unwrap_or_default();
        if text.chars().count() > MAX_SEARCHED {
            return Err(Problem::parameter("contains", format!("at most {MAX_SEARCHED} characters")));
        }
        Ok((!text.is_empty()).then(|| Contains(text.to_lowercase())))
    }

    /// Whether it is a part of a name, as A-labels or U-labels.
    pub fn is_in_name(&self, name: &Name) -> bool {
        name.to_string().to_ascii_lowercase().contains(&self.0)
            || dns::idn::to_u_labels(name).is_some_and(|text| text.to_lowercase().contains(&self.0))
    }

    /// Whether it is a part of record data as zone files have it.
    pub fn is_in_data(&self, rtype: RType, data: &[u8]) -> bool {
        let mut text = String::new();
        // Memory takes what is written; what cannot be written as text is not found.
        let _ = dns::rdata::text::write(rtype, data, &mut text);
        text.to_lowercase().contains(&self.0)
    }
}

/// How much one page may still look at.
#[derive(Debug)]
pub struct Budget {
    left: usize,
    until: Option<Instant>,
}

impl Budget {
    /// Of a page of all items.
    pub fn of_list() -> Budget {
        Budget { left: PAGE_MAX_SCANNED, until: None }
    }

    /// Of a page of what a search finds.
    pub fn of_search() -> Budget {
        Budget { left: SEARCH_MAX_SCANNED, until: Some(Instant::now() + SEARCH_TIME) }
    }

    /// Counts an item that is looked at; false: the page has looked at enough, and this one belongs to the next.
    pub fn take(&mut self) -> bool {
        let is_late = || self.until.is_some_and(|until| Instant::now() >= until);
        if self.left == 0 || (self.left.is_multiple_of(LOOK_EVERY) && is_late()) {
            return false;
        }
        self.left -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use dns::NameBuf;

    use super::*;

    fn contains(text: &str) -> Contains {
        Contains::read(Some(text)).expect("short enough").expect("not empty")
    }

    #[test]
    fn names_are_found_as_people_write_them() {
        let name: NameBuf = "WWW.xn--bcher-kva.example".parse().expect("a name");
        for part in ["www.", "ww.XN--b", "bücher", "BÜCHER", "example"] {
            assert!(contains(part).is_in_name(&name), "{part}");
        }
        assert!(!contains("bucher").is_in_name(&name));
        assert_eq!(Contains::read(Some("  ")).expect("nothing"), None);
        assert!(Contains::read(Some(&"x".repeat(MAX_SEARCHED + 1))).is_err());
    }

    #[test]
    fn data_is_found_as_zone_files_have_it() {
        assert!(contains("0.2.7").is_in_data(RType::A, &[192, 0, 2, 7]));
        assert!(contains("V=DMARC").is_in_data(RType::TXT, b"\x08v=DMARC1"));
        assert!(!contains("192.0.2.8").is_in_data(RType::A, &[192, 0, 2, 7]));
    }

    #[test]
    fn a_page_looks_at_so_much() {
        let mut list = Budget::of_list();
        assert_eq!((0..SEARCH_MAX_SCANNED).filter(|_| list.take()).count(), PAGE_MAX_SCANNED);
        let mut late = Budget { left: 3 * LOOK_EVERY + 5, until: Some(Instant::now()) };
        assert_eq!((0..1000).filter(|_| late.take()).count(), 5);
    }
}
