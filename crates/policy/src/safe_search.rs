//! Safe search: names of search engines, and the names under which these give filtered results.
//!
//! The services publish these names for operators of networks. A question for a search engine's name is answered with an
//! alias, whatever its type: so HTTPS and SVCB records (RFC 9460) come from the filtered service as well, and lead to no
//! address of the other one.

use std::collections::HashMap;
use std::sync::Arc;

use dns::question::HashedName;
use dns::{Name, NameBuf, NameHasher, Rcode};

use crate::action::{Effect, Rewrite};
use crate::devices::SafeSearch;

/// How long the alias may be cached, in seconds. Short, so that a schedule or a pause is felt soon.
pub const ALIAS_TTL: u32 = 300;

/// The endings under which Google has its search, as `www.google.ENDING`: the countries, `com` and `cat`.
const GOOGLE_ENDINGS: &str = "\
    ac ad ae al am as at az ba be bf bg bi bj bs bt by ca cat cc cd cf cg ch ci cl cm cn co com cv cz de dj dk dm dz ee \
    es eu fi fm fr ga ge gf gg gl gm gp gr gy hn hr ht hu ie im io iq is it je jo kg ki kz la li lk lt lu lv md me mg mk \
    ml mn ms mu mv mw ne nl no nr nu pl pn ps pt ro rs ru rw sc se sh si sk sm sn so sr st td tg tk tl tm tn to tt us vg \
    vu ws \
    co.ao co.bw co.ck co.cr co.id co.il co.in co.jp co.ke co.kr co.ls co.ma co.mz co.nz co.th co.tz co.ug co.uk co.uz \
    co.ve co.vi co.za co.zm co.zw \
    com.af com.ag com.ai com.ar com.au com.bd com.bh com.bn com.bo com.br com.bz com.co com.cu com.cy com.do com.ec \
    com.eg com.et com.fj com.gh com.gi com.gt com.hk com.jm com.kh com.kw com.lb com.lc com.ly com.mm com.mt com.mx \
    com.my com.na com.nf com.ng com.ni com.np com.om com.pa com.pe com.pg com.ph com.pk com.pr com.py com.qa com.sa \
    com.sb com.sg com.sl com.sv com.tj com.tn com.tr com.tw com.ua com.uy com.vc com.vn";

/// The endings under which Yandex has its search, as `yandex.ENDING` and `www.yandex.ENDING`.
const YANDEX_ENDINGS: &str = "\
    az by co.il com com.am com.ge com.ru com.tr de ee eu fi fr kz lt lv md net org pl ru tj tm ua uz";

/// Where other names of engines lead: the filtered name, then those it stands for.
const ENGINES: [(&str, &str); 6] = [
    ("strict.bing.com.", "www.bing.com"),
    ("safe.duckduckgo.com.", "duckduckgo.com www.duckduckgo.com start.duckduckgo.com"),
    ("familysearch.yandex.ru.", "ya.ru www.ya.ru xn--d1acpjx3f.xn--p1ai www.xn--d1acpjx3f.xn--p1ai"),
    ("forcesafe.search.brave.com.", "search.brave.com"),
    ("strict-safe-search.ecosia.org.", "www.ecosia.org"),
    ("safesearch.pixabay.com.", "pixabay.com"),
];

const GOOGLE: &str = "forcesafesearch.google.com.";
const YANDEX: &str = "familysearch.yandex.ru.";

/// The names that YouTube and its players ask for.
const YOUTUBE_NAMES: &str =
    "www.youtube.com m.youtube.com youtubei.googleapis.com youtube.googleapis.com www.youtube-nocookie.com";
const YOUTUBE_MODERATE: &str = "restrictmoderate.youtube.com.";
const YOUTUBE_STRICT: &str = "restrict.youtube.com.";

/// The answer for a name in either mode.
#[derive(Debug)]
struct Entry {
    name: NameBuf,
    moderate: Arc<Rewrite>,
    strict: Arc<Rewrite>,
}

/// All names that are rewritten, by their hash.
#[derive(Debug)]
pub struct SafeSearchTable {
    hasher: NameHasher,
    entries: HashMap<u64, Entry>,
}

impl SafeSearchTable {
    /// The built-in table, for names that are hashed by `hasher`.
    pub fn new(hasher: NameHasher) -> SafeSearchTable {
        let mut table = SafeSearchTable { hasher, entries: HashMap::new() };
        let google = GOOGLE_ENDINGS.split_ascii_whitespace().map(|ending| format!("www.google.{ending}."));
        table.add(google, GOOGLE, GOOGLE);
        let yandex = YANDEX_ENDINGS.split_ascii_whitespace();
        table.add(yandex.flat_map(|ending| ["", "www."].map(|www| format!("{www}yandex.{ending}."))), YANDEX, YANDEX);
        for (alias, names) in ENGINES {
            table.add(names.split_ascii_whitespace().map(|name| format!("{name}.")), alias, alias);
        }
        let youtube = YOUTUBE_NAMES.split_ascii_whitespace().map(|name| format!("{name}."));
        table.add(youtube, YOUTUBE_MODERATE, YOUTUBE_STRICT);
        table
    }

    fn add(&mut self, names: impl Iterator<Item = String>, moderate: &str, strict: &str) {
        let moderate = alias(moderate);
        let strict = if moderate.alias == alias(strict).alias { moderate.clone() } else { alias(strict) };
        // The names are ours and well-formed; a test counts them.
        for name in names.filter_map(|name| name.parse::<NameBuf>().ok()) {
            let entry = Entry { moderate: moderate.clone(), strict: strict.clone(), name };
            self.entries.insert(self.hasher.hash(&entry.name), entry);
        }
    }

    /// How many names are rewritten.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What is answered to a question for `name`, whatever its type; `None`: it is no business of safe search.
    #[inline]
    pub fn find(&self, name: &HashedName, mode: SafeSearch) -> Option<&Arc<Rewrite>> {
        if mode == SafeSearch::Off {
            return None;
        }
        self.entry(name.hash(name.labels()), name.name(), mode)
    }

    /// The same for a name as text, absolute or not.
    pub fn rewrite(&self, name: &str, mode: SafeSearch) -> Option<Arc<Rewrite>> {
        let name = NameBuf::from_text(name.as_bytes(), Name::root()).ok()?;
        self.entry(self.hasher.hash(&name), &name, mode).cloned()
    }

    /// The same as the effect of a rule.
    pub fn effect(&self, name: &HashedName, mode: SafeSearch) -> Option<Effect> {
        self.find(name, mode).cloned().map(Effect::Rewrite)
    }

    fn entry(&self, hash: u64, name: &Name, mode: SafeSearch) -> Option<&Arc<Rewrite>> {
        let entry = self.entries.get(&hash).filter(|entry| *entry.name == *name)?;
        match mode {
            SafeSearch::Off => None,
            SafeSearch::Moderate => Some(&entry.moderate),
            SafeSearch::Strict => Some(&entry.strict),
        }
    }
}

fn alias(name: &str) -> Arc<Rewrite> {
    let alias = name.parse::<NameBuf>().ok();
    Arc::new(Rewrite { rcode: Rcode::NOERROR, alias, data: Vec::new(), ttl: Some(ALIAS_TTL) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use SafeSearch::{Moderate, Off, Strict};

    fn table() -> SafeSearchTable {
        SafeSearchTable::new(NameHasher::new(42))
    }

    fn alias_of(name: &str, mode: SafeSearch) -> Option<String> {
        table().rewrite(name, mode).map(|rewrite| rewrite.alias.as_ref().expect("an alias").to_string())
    }

    #[test]
    fn engines_lead_to_their_filtered_names() {
        for (name, target) in [
            ("www.google.com", "forcesafesearch.google.com."),
            ("WWW.Google.co.uk.", "forcesafesearch.google.com."),
            ("www.google.com.br", "forcesafesearch.google.com."),
            ("www.bing.com", "strict.bing.com."),
            ("duckduckgo.com", "safe.duckduckgo.com."),
            ("yandex.ru", "familysearch.yandex.ru."),
            ("www.yandex.com.tr", "familysearch.yandex.ru."),
            ("ya.ru", "familysearch.yandex.ru."),
            ("search.brave.com", "forcesafe.search.brave.com."),
            ("www.ecosia.org", "strict-safe-search.ecosia.org."),
            ("pixabay.com", "safesearch.pixabay.com."),
        ] {
            assert_eq!(alias_of(name, Moderate).as_deref(), Some(target), "{name}");
            assert_eq!(alias_of(name, Strict).as_deref(), Some(target), "{name}");
            assert_eq!(alias_of(name, Off), None, "{name}");
        }
    }

    #[test]
    fn youtube_has_two_modes() {
        for name in YOUTUBE_NAMES.split(' ') {
            assert_eq!(alias_of(name, Moderate).as_deref(), Some(YOUTUBE_MODERATE), "{name}");
            assert_eq!(alias_of(name, Strict).as_deref(), Some(YOUTUBE_STRICT), "{name}");
        }
    }

    #[test]
    fn other_names_and_names_below_are_left_alone() {
        for name in
            ["mail.google.com", "google.com", "a.www.google.com", "www.google.example", "com", ".", "bing.com.example"]
        {
            assert_eq!(alias_of(name, Strict), None, "{name}");
        }
    }

    #[test]
    fn no_alias_is_rewritten_again() {
        let table = table();
        for entry in table.entries.values() {
            for rewrite in [&entry.moderate, &entry.strict] {
                let target = rewrite.alias.as_ref().expect("an alias");
                assert!(table.rewrite(&target.to_string(), Strict).is_none(), "{target}");
            }
        }
    }

    #[test]
    fn every_name_of_the_table_is_in_it() {
        let google = GOOGLE_ENDINGS.split_ascii_whitespace().count();
        let yandex = YANDEX_ENDINGS.split_ascii_whitespace().count() * 2;
        assert_eq!(table().len(), google + yandex + 11 + 5);
        assert!(google > 185, "{google}");
    }

    #[test]
    fn a_hashed_question_finds_what_its_text_finds() {
        let hasher = NameHasher::new(7);
        let table = SafeSearchTable::new(hasher);
        let mut question = HashedName::default();
        question.set(&"M.YouTube.com.".parse::<NameBuf>().expect("a well-formed text"), hasher);
        assert_eq!(table.find(&question, Strict), table.rewrite("m.youtube.com", Strict).as_ref());
        assert!(matches!(table.effect(&question, Moderate), Some(Effect::Rewrite(rewrite)) if rewrite.data.is_empty()));
        assert!(table.find(&question, Off).is_none());
        question.set(&"example.org.".parse::<NameBuf>().expect("a well-formed text"), hasher);
        assert!(table.find(&question, Strict).is_none());
    }
}
