//! Trust anchors: where chains of signatures begin (RFC 4035 4.4). Parsed from files or built in; called by
//! [`crate::validate`] and by whoever configures it.
//!
//! [`rollover`] follows a zone's changes of keys (RFC 5011), [`store`] keeps that in a file, [`signal`] tells zones which
//! keys are trusted (RFC 8145).

pub mod rollover;
pub mod signal;
pub mod store;

use std::path::Path;

use dns::rdata::typed::{Dnskey, Ds};
use dns::zonefile::{self, NoIncludes, Options, Problem, Record, Sink};
use dns::{Class, Name, NameBuf, RType};
use dnssec::algorithm::{Algorithm, is_supported};
use dnssec::digest::digest_supported;
use dnssec::key::{REVOKED, ZONE_KEY, key_tag};

use crate::limits::MAX_ANCHORS;

/// The root's key signing keys of 2017 and 2024, as <https://data.iana.org/root-anchors/root-anchors.xml> has them
/// (RFC 9718).
const ROOT: &str = "\
. IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D
. IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16
";

/// The trust anchors of one zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The zone's apex.
    pub zone: NameBuf,
    /// Data of DS records.
    pub ds: Vec<Vec<u8>>,
    /// Data of DNSKEY records.
    pub keys: Vec<Vec<u8>>,
}

impl Anchor {
    /// Whether anything that it leads to can be verified; if not, the zone is insecure (RFC 4035 5.2).
    pub fn is_usable(&self, allow_sha1: bool) -> bool {
        let supported = |algorithm| is_supported(Algorithm(algorithm), allow_sha1);
        let mut ds = self.ds.iter().filter_map(|rdata| Ds::parse(rdata));
        let mut keys = self.keys.iter().filter_map(|rdata| Dnskey::parse(rdata));
        ds.any(|ds| supported(ds.algorithm) && digest_supported(ds.digest_type))
            || keys.any(|key| supported(key.algorithm))
    }

    /// The tags of its keys, ascending.
    pub fn key_tags(&self) -> Vec<u16> {
        let ds = self.ds.iter().filter_map(|rdata| Ds::parse(rdata)).map(|ds| ds.key_tag);
        let mut tags: Vec<u16> = ds.chain(self.keys.iter().map(|key| key_tag(key))).collect();
        tags.sort_unstable();
        tags.dedup();
        tags
    }
}

/// Why a file has no trust anchors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError {
    /// It is no text of records.
    #[error("{0}")]
    Syntax(Problem),
    /// A record that is no trust anchor.
    #[error("line {line}: {what}")]
    Record {
        /// The line, from 1.
        line: u32,
        /// What is wrong with it.
        what: String,
    },
    /// There is none at all.
    #[error("no DS or DNSKEY record")]
    Empty,
}

/// Trust anchors of any number of zones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Anchors {
    zones: Vec<Anchor>,
}

impl Anchors {
    /// Those of the root that are built in.
    pub fn root() -> Anchors {
        Anchors::parse(ROOT.as_bytes(), Path::new("built-in trust anchors")).unwrap_or_default()
    }

    /// Reads DS and DNSKEY records in the form of zone files; `file` names the text in messages. Owners are absolute,
    /// TTLs need not be given.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(text: &[u8], file: &Path) -> Result<Anchors, AnchorError> {
        let options = Options { origin: Name::root(), default_ttl: Some(0), file, class: Class::IN, rules: false };
        let mut reader = Reader::default();
        let outcome = zonefile::parse(text, &options, &NoIncludes, &mut reader);
        if let Some(problem) = outcome.problems.into_iter().next() {
            return Err(AnchorError::Syntax(problem));
        }
        match reader.error {
            Some(error) => Err(error),
            None if reader.anchors.zones.is_empty() => Err(AnchorError::Empty),
            None => Ok(reader.anchors),
        }
    }

    /// Adds an anchor; false if there are too many.
    pub fn add(&mut self, zone: &Name, rtype: RType, rdata: &[u8]) -> bool {
        let index = match self.zones.iter().position(|anchor| *anchor.zone == *zone) {
            Some(index) => index,
            None => {
                self.zones.push(Anchor { zone: zone.to_canonical(), ds: Vec::new(), keys: Vec::new() });
                self.zones.len() - 1
            }
        };
        let total: usize = self.zones.iter().map(|anchor| anchor.ds.len() + anchor.keys.len()).sum();
        let list = match rtype {
            RType::DS => &mut self.zones[index].ds,
            _ => &mut self.zones[index].keys,
        };
        let fits = total < MAX_ANCHORS;
        if fits && !list.iter().any(|known| known == rdata) {
            list.push(rdata.to_vec());
        }
        fits
    }

    /// Adds those of another set, as of another file; too many are left out.
    pub fn merge(&mut self, other: &Anchors) {
        for anchor in &other.zones {
            let ds = anchor.ds.iter().map(|rdata| (RType::DS, rdata));
            for (rtype, rdata) in ds.chain(anchor.keys.iter().map(|rdata| (RType::DNSKEY, rdata))) {
                self.add(&anchor.zone, rtype, rdata);
            }
        }
    }

    /// Puts `anchor` in the place of what there is for its zone; without keys and DS records, nothing (RFC 5011 5).
    pub fn replace(&mut self, anchor: Anchor) {
        self.zones.retain(|known| known.zone != anchor.zone);
        if !anchor.ds.is_empty() || !anchor.keys.is_empty() {
            self.zones.push(anchor);
        }
    }

    /// That of the closest zone that `name` is in.
    pub fn closest(&self, name: &Name) -> Option<&Anchor> {
        let above = self.zones.iter().filter(|anchor| name.is_at_or_below(&anchor.zone));
        above.max_by_key(|anchor| anchor.zone.len())
    }

    /// Those of each zone.
    pub fn iter(&self) -> impl Iterator<Item = &Anchor> {
        self.zones.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.zones.is_empty()
    }
}

/// Takes records of a file of trust anchors.
#[derive(Default)]
struct Reader {
    anchors: Anchors,
    error: Option<AnchorError>,
}

impl Sink for Reader {
    fn record(&mut self, record: Record<'_>) {
        if self.error.is_some() {
            return;
        }
        let what = match not_an_anchor(record.rtype, record.rdata) {
            Some(what) => what,
            None if self.anchors.add(record.owner, record.rtype, record.rdata) => return,
            None => format!("more than {MAX_ANCHORS} trust anchors"),
        };
        self.error = Some(AnchorError::Record { line: record.line, what });
    }
}

/// Why a record cannot be a trust anchor.
fn not_an_anchor(rtype: RType, rdata: &[u8]) -> Option<String> {
    match rtype {
        RType::DS if Ds::parse(rdata).is_some() => None,
        RType::DNSKEY => match Dnskey::parse(rdata) {
            None => Some("a malformed key".to_owned()),
            Some(key) if key.flags & ZONE_KEY == 0 => Some("a key without the zone key bit".to_owned()),
            Some(key) if key.flags & REVOKED != 0 => Some("a revoked key".to_owned()),
            Some(_) => None,
        },
        RType::DS => Some("a malformed DS record".to_owned()),
        _ => Some(format!("{rtype} is no trust anchor")),
    }
}

#[cfg(test)]
mod tests {
    use dnssec::digest::ds_matches;

    use super::*;

    fn parse(text: &str) -> Result<Anchors, AnchorError> {
        Anchors::parse(text.as_bytes(), Path::new("anchors"))
    }

    fn name(text: &str) -> NameBuf {
        text.parse().expect("name")
    }

    #[test]
    fn the_root_is_built_in() {
        let anchors = Anchors::root();
        let root = anchors.closest(&name("www.example.")).expect("root");
        assert_eq!(root.key_tags(), [20326, 38696]);
        assert!(root.zone.is_root() && root.is_usable(false));
        // The root's key of 2017.
        let key = ". DNSKEY 257 3 8 AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLAJr5emLvN\
            7SWXgnLh4+B5xQlNVz8Og8kvArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF0jLHwVN8efS3rCj/EWgvIWgb9tarp\
            VUDK/b58Da+sqqls3eNbuv7pr+eoZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzuDWfdRUfhHdY6+cn8HFRm+2hM8AnXGX\
            ws9555KrUB5qihylGa8subX2Nn6UwNR1AkUTV74bU=";
        let key = parse(key).expect("key");
        let matches = root.ds.iter().filter(|ds| ds_matches(&root.zone, &key.zones[0].keys[0], ds)).count();
        assert_eq!(matches, 1);
    }

    #[test]
    fn files() {
        let key = "257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";
        let anchors = parse(&format!(
            "; comment\n. DS 1 13 2 AB ; one\nexample. 3600 IN DNSKEY {key}\nExample. IN DS 2 13 2 CD\n\
             example. DS 2 13 2 CD\na.b.example. DNSKEY ( {key} )\n"
        ));
        let mut anchors = anchors.expect("anchors");
        let check = |anchors: &Anchors, at: &str, want: Option<(&str, &[u16])>| {
            let at = name(at);
            let got = anchors.closest(&at).map(|anchor| (anchor.zone.to_string(), anchor.key_tags()));
            assert_eq!(got, want.map(|(zone, tags)| (zone.to_owned(), tags.to_vec())), "{at}");
        };
        check(&anchors, "org.", Some((".", &[1])));
        check(&anchors, "b.example.", Some(("example.", &[2, 3613])));
        check(&anchors, "x.a.b.EXAMPLE.", Some(("a.b.example.", &[3613])));
        let mut more = parse("org. DS 4 13 2 EF").expect("anchors");
        check(&more, "example.", None);
        more.merge(&anchors);
        check(&more, "example.", Some(("example.", &[2, 3613])));
        anchors.replace(Anchor { zone: NameBuf::root(), ds: vec![vec![0, 9, 13, 2, 1]], keys: Vec::new() });
        check(&anchors, "org.", Some((".", &[9])));
        anchors.replace(Anchor { zone: NameBuf::root(), ds: Vec::new(), keys: Vec::new() });
        check(&anchors, "org.", None);
        assert_eq!((anchors.iter().count(), anchors.is_empty()), (2, false));
    }

    #[test]
    fn files_that_are_wrong() {
        let check = |text: &str, want: &str| assert_eq!(parse(text).expect_err(text).to_string(), want);
        check("", "no DS or DNSKEY record");
        check("; nothing\n", "no DS or DNSKEY record");
        check("\n. A 192.0.2.1", "line 2: A is no trust anchor");
        check(". DNSKEY 1 3 15 AQ==", "line 1: a key without the zone key bit");
        check(". DNSKEY 385 3 15 AQ==", "line 1: a revoked key");
        assert!(matches!(parse(". DS x"), Err(AnchorError::Syntax(_))));
        assert!(matches!(parse("$INCLUDE other"), Err(AnchorError::Syntax(_))));
        let many: String = (0..=MAX_ANCHORS).map(|i| format!("z{i}. DS 1 13 2 AB\n")).collect();
        check(&many, "line 257: more than 256 trust anchors");
    }

    #[test]
    fn what_can_be_verified() {
        let check = |text: &str, sha1, want| {
            assert_eq!(parse(text).expect(text).zones[0].is_usable(sha1), want, "{text}");
        };
        check(". DS 1 13 2 AB", false, true);
        check(". DS 1 13 1 AB", false, true);
        check(". DS 1 13 3 AB", true, false);
        check(". DS 1 5 2 AB", false, false);
        check(". DS 1 5 2 AB", true, true);
        check(". DS 1 16 2 AB\n. DS 2 15 2 AB", false, true);
        check(". DNSKEY 257 3 15 AQ==", false, true);
        check(". DNSKEY 257 3 16 AQ==", false, false);
    }
}
