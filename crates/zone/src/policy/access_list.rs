//! Access lists: who may transfer, update or notify, by network and TSIG key, and for updates by name and type.
//! The configuration and the API parse them with their checks, the control plane asks them.
//!
//! An entry is made of words with blanks between: a network (`192.0.2.0/24`; an address alone is itself only) or
//! `key:NAME` or both, and for updates also `name=PATTERN` and `type=TYPE,TYPE`. An entry allows what all of its
//! words allow, a list what any of its entries allows, an empty list nothing. An entry of a network with `!` before it
//! (`!192.0.2.0/25`) denies: of what the list allows only entries with longer networks hold there, and none with a key
//! alone.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use dns::{Name, NameBuf, NameError, RType, network};
use ipnet::IpNet;

use super::name_pattern::{NamePattern, PatternError};

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// It says nothing of who.
    #[error("expected a network, `key:NAME`, or both")]
    Nobody,
    /// A word of no known kind.
    #[error("expected a network, `key:NAME`, `name=PATTERN` or `type=TYPE`, found `{0}`")]
    Word(String),
    /// A second word of one kind.
    #[error("a second {0} in one entry")]
    Repeated(&'static str),
    /// More than a network that is denied.
    #[error("`{0}` denies the whole network: it stands alone")]
    Denial(String),
    /// Not the name of a key.
    #[error("expected the name of a key after `key:`: {0}")]
    Key(NameError),
    /// Not a pattern.
    #[error("expected a name after `name=`, in which `*` stands for one label and a leading `**` for several: {0}")]
    Pattern(PatternError),
    /// Not the type of a record.
    #[error("expected record types separated by commas after `type=`, found `{0}`")]
    Type(String),
}

/// Entries of which each alone suffices, but where an address is denied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessList {
    /// Those that allow.
    entries: Box<[Entry]>,
    denied: Box<[IpNet]>,
}

impl AccessList {
    /// A list of parsed texts.
    ///
    /// # Errors
    /// The first entry that cannot be read.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<AccessList, EntryError> {
        texts.iter().map(|text| text.as_ref().parse()).collect()
    }

    /// Whether nobody is allowed anything.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether `client`, whose message is signed with `key`, may ask at all; `key` must be verified.
    pub fn allows(&self, client: IpAddr, key: Option<&Name>) -> bool {
        self.allowing(client, key).next().is_some()
    }

    /// Whether the same client may change the records of type `rtype` of `owner`. To delete all types of an owner
    /// is the type ANY, which only an entry without types allows.
    pub fn allows_change(&self, client: IpAddr, key: Option<&Name>, owner: &Name, rtype: RType) -> bool {
        self.allowing(client, key).any(|entry| entry.covers(owner, rtype))
    }

    /// The entries that allow the client something.
    fn allowing(&self, client: IpAddr, key: Option<&Name>) -> impl Iterator<Item = &Entry> {
        // An IPv4 client of a socket for both families has an address of its own kind.
        let client = client.to_canonical();
        let denied = network::longest(&self.denied, client);
        // A key alone has no network, which is less than the shortest.
        let holds = move |entry: &Entry| denied.is_none() || entry.network.map(|network| network.prefix_len()) > denied;
        self.entries.iter().filter(move |entry| holds(entry) && entry.allows(client, key))
    }
}

impl FromIterator<Entry> for AccessList {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> AccessList {
        let (denied, entries): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| entry.denies);
        let denied = denied.into_iter().filter_map(|entry| entry.network).collect();
        AccessList { entries: entries.into(), denied }
    }
}

/// One entry of an access list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    network: Option<IpNet>,
    /// It denies the network, and says nothing else.
    denies: bool,
    key: Option<NameBuf>,
    owners: Option<NamePattern>,
    /// Empty: all.
    types: Vec<RType>,
}

impl Entry {
    /// Allows everything to who comes from `address`, with `key` if one is named.
    pub fn host(address: IpAddr, key: Option<NameBuf>) -> Entry {
        Entry { network: Some(address.to_canonical().into()), key, ..Entry::default() }
    }

    /// The key that it asks for.
    pub fn key(&self) -> Option<&Name> {
        self.key.as_deref()
    }

    /// The network that it is about, and whether it denies it; `None`: it is about a key alone.
    pub fn network(&self) -> Option<network::Entry> {
        self.network.map(|network| network::Entry { network, is_excepted: self.denies })
    }

    /// Whether it is limited to some names or types, which makes sense for updates only.
    pub fn is_limited(&self) -> bool {
        self.owners.is_some() || !self.types.is_empty()
    }

    fn allows(&self, client: IpAddr, key: Option<&Name>) -> bool {
        let from_there = self.network.is_none_or(|network| network.contains(&client));
        from_there && self.key.as_deref().is_none_or(|wanted| key == Some(wanted))
    }

    fn covers(&self, owner: &Name, rtype: RType) -> bool {
        let type_covered = self.types.is_empty() || self.types.contains(&rtype);
        type_covered && self.owners.as_ref().is_none_or(|owners| owners.matches(owner))
    }
}

impl FromStr for Entry {
    type Err = EntryError;

    fn from_str(text: &str) -> Result<Entry, EntryError> {
        let mut entry = Entry::default();
        for word in text.split_ascii_whitespace() {
            if let Some(name) = word.strip_prefix("key:") {
                let key = name.parse().map_err(EntryError::Key)?;
                set(&mut entry.key, key, "key")?;
            } else if let Some(pattern) = word.strip_prefix("name=") {
                let owners = pattern.parse().map_err(EntryError::Pattern)?;
                set(&mut entry.owners, owners, "name")?;
            } else if let Some(types) = word.strip_prefix("type=") {
                if !entry.types.is_empty() {
                    return Err(EntryError::Repeated("type"));
                }
                entry.types = parse_types(types)?;
            } else {
                let found: network::Entry = word.parse().map_err(|_| EntryError::Word(word.to_owned()))?;
                set(&mut entry.network, found.network, "network")?;
                entry.denies = found.is_excepted;
            }
        }
        if entry.network.is_none() && entry.key.is_none() {
            return Err(EntryError::Nobody);
        }
        if entry.denies && (entry.key.is_some() || entry.is_limited()) {
            return Err(EntryError::Denial(text.to_owned()));
        }
        Ok(entry)
    }
}

impl fmt::Display for Entry {
    /// The text that parses to this entry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut blank = "";
        let mut word = |f: &mut fmt::Formatter<'_>, prefix: &str, value: &dyn fmt::Display| {
            write!(f, "{}{prefix}{value}", std::mem::replace(&mut blank, " "))
        };
        if let Some(network) = self.network() {
            word(f, "", &network)?;
        }
        if let Some(key) = &self.key {
            word(f, "key:", key)?;
        }
        if let Some(owners) = &self.owners {
            word(f, "name=", owners)?;
        }
        if !self.types.is_empty() {
            let types: Vec<String> = self.types.iter().map(RType::to_string).collect();
            word(f, "type=", &types.join(","))?;
        }
        Ok(())
    }
}

fn set<T>(place: &mut Option<T>, value: T, kind: &'static str) -> Result<(), EntryError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(EntryError::Repeated(kind)),
    }
}

fn parse_types(text: &str) -> Result<Vec<RType>, EntryError> {
    let one = |word: &str| {
        let rtype = RType::from_text(word.as_bytes()).filter(|rtype| !rtype.is_meta());
        rtype.ok_or_else(|| EntryError::Type(word.to_owned()))
    };
    text.split(',').map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NameBuf {
        text.parse().expect("a name")
    }

    #[test]
    fn entries_are_printed_as_they_are_read() {
        let check = |text: &str, want: &str| {
            let entry: Entry = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(entry.to_string(), want);
            assert_eq!(want.parse(), Ok(entry), "{want}");
        };
        check("192.0.2.0/24", "192.0.2.0/24");
        check("192.0.2.7/24", "192.0.2.0/24");
        check("192.0.2.7", "192.0.2.7/32");
        check("2001:DB8::1", "2001:db8::1/128");
        check("!192.0.2.7/24", "!192.0.2.0/24");
        check("key:k", "key:k.");
        check("  key:k.\t192.0.2.0/24 ", "192.0.2.0/24 key:k.");
        check(
            "key:acme. name=_acme-challenge.*.example.org type=TXT",
            "key:acme. name=_acme-challenge.*.example.org. type=TXT",
        );
        check("::1 type=txt,AAAA,TYPE65280 name=**.a", "::1/128 name=**.a. type=TXT,AAAA,TYPE65280");
    }

    #[test]
    fn what_is_no_entry() {
        let check = |text: &str, want: &str| {
            let error = text.parse::<Entry>().expect_err(text).to_string();
            assert!(error.contains(want), "{text}: {error}");
        };
        check("", "expected a network, `key:NAME`, or both");
        check("name=a type=A", "expected a network, `key:NAME`, or both");
        check("any", "found `any`");
        check("192.0.2.0/33", "found `192.0.2.0/33`");
        check("192.0.2.1:53", "found `192.0.2.1:53`");
        check("key:k KEY:k", "found `KEY:k`");
        check("key:", "after `key:`: empty label");
        check("key:a..b", "after `key:`: empty label");
        check("key:a key:b", "a second key");
        check("::1 ::2", "a second network");
        check("::1 !::2", "a second network");
        check("!::1 key:k", "stands alone");
        check("!::1 type=A", "stands alone");
        check("!key:k", "found `!key:k`");
        check("!", "found `!`");
        check("key:a name=b name=c", "a second name");
        check("key:a type=A type=A", "a second type");
        check("key:a name=", "\"\" is not a pattern of names");
        check("key:a name=a..b", "empty label");
        check("key:a name=a.**.b", "may only be the first label");
        check("key:a type=", "found ``");
        check("key:a type=A,", "found ``");
        check("key:a type=NOSUCH", "found `NOSUCH`");
        check("key:a type=ANY", "found `ANY`");
    }

    #[test]
    fn who_is_allowed() {
        let list = AccessList::parse(&["192.0.2.0/24", "key:k", "2001:db8::/32 key:v6"]).expect("a list");
        let check = |client: &str, key: Option<&str>, want: bool| {
            let key_name = key.map(name);
            let client: IpAddr = client.parse().expect("an address");
            assert_eq!(list.allows(client, key_name.as_deref()), want, "{client} {key:?}");
        };
        check("192.0.2.1", None, true);
        check("::ffff:192.0.2.1", None, true);
        check("192.0.2.1", Some("other"), true);
        check("192.0.3.1", None, false);
        check("192.0.3.1", Some("K"), true);
        check("192.0.3.1", Some("v6"), false);
        check("2001:db8::1", Some("v6"), true);
        check("2001:db8::1", None, false);
        check("2001:db9::1", Some("v6"), false);
        assert!(!AccessList::default().allows([127, 0, 0, 1].into(), Some(&name("k"))));
        let host = Entry::host("::ffff:192.0.2.1".parse().expect("an address"), Some(name("k")));
        assert_eq!(host.to_string(), "192.0.2.1/32 key:k.");
    }

    #[test]
    fn a_longer_network_that_is_denied_holds() {
        let texts = ["10.0.0.0/8", "!10.1.0.0/16", "10.1.1.0/24", "!10.1.1.9", "key:k", "10.1.2.0/24 key:k", "!::/0"];
        let check = |list: &AccessList, client: &str, key: Option<&str>, want: bool| {
            let key_name = key.map(name);
            let client: IpAddr = client.parse().expect("an address");
            assert_eq!(list.allows(client, key_name.as_deref()), want, "{client} {key:?}");
        };
        let list = AccessList::parse(&texts).expect("a list");
        let backwards: Vec<&str> = texts.iter().rev().copied().collect();
        for list in [list, AccessList::parse(&backwards).expect("a list")] {
            check(&list, "10.0.0.1", None, true);
            check(&list, "10.1.0.1", None, false);
            check(&list, "::ffff:10.1.0.1", None, false);
            check(&list, "10.1.0.1", Some("k"), false);
            check(&list, "10.1.1.1", None, true);
            check(&list, "10.1.1.9", None, false);
            check(&list, "10.1.1.9", Some("k"), false);
            check(&list, "10.1.2.1", None, false);
            check(&list, "10.1.2.1", Some("k"), true);
            check(&list, "10.1.2.1", Some("other"), false);
            check(&list, "192.0.2.1", None, false);
            check(&list, "192.0.2.1", Some("k"), true);
            check(&list, "2001:db8::1", Some("k"), false);
        }
        // The same network: denied.
        let list = AccessList::parse(&["10.0.0.0/8", "!10.0.0.0/8"]).expect("a list");
        check(&list, "10.0.0.1", None, false);
        assert!(AccessList::parse(&["!10.0.0.0/8"]).expect("a list").is_empty(), "it allows nobody anything");
    }

    #[test]
    fn what_may_be_changed_where_a_network_is_denied() {
        let texts = ["key:acme type=TXT", "192.0.2.0/24 type=A", "!192.0.2.0/28", "192.0.2.1 key:acme type=AAAA"];
        let list = AccessList::parse(&texts).expect("a list");
        let check = |client: &str, rtype: RType, want: bool| {
            let client: IpAddr = client.parse().expect("an address");
            let allowed = list.allows_change(client, Some(&name("acme")), &name("www.example.org"), rtype);
            assert_eq!(allowed, want, "{client} {rtype}");
        };
        check("192.0.2.99", RType::TXT, true);
        check("192.0.2.99", RType::A, true);
        check("192.0.2.2", RType::TXT, false);
        check("192.0.2.2", RType::A, false);
        check("192.0.2.1", RType::AAAA, true);
        check("192.0.2.1", RType::TXT, false);
    }

    #[test]
    fn what_may_be_changed() {
        let texts = ["key:acme name=_acme-challenge.*.example.org type=TXT", "key:admin", "::1 type=A,AAAA"];
        let list = AccessList::parse(&texts).expect("a list");
        let check = |client: &str, key: &str, owner: &str, rtype: RType, want: bool| {
            let client: IpAddr = client.parse().expect("an address");
            let allowed = list.allows_change(client, Some(&name(key)), &name(owner), rtype);
            assert_eq!(allowed, want, "{client} {key} {owner} {rtype}");
        };
        check("192.0.2.1", "acme", "_ACME-challenge.www.example.org", RType::TXT, true);
        check("192.0.2.1", "acme", "_acme-challenge.www.example.org", RType::A, false);
        check("192.0.2.1", "acme", "_acme-challenge.www.example.org", RType::ANY, false);
        check("192.0.2.1", "acme", "www.example.org", RType::TXT, false);
        check("192.0.2.1", "other", "_acme-challenge.www.example.org", RType::TXT, false);
        check("192.0.2.1", "admin", "www.example.org", RType::ANY, true);
        check("::1", "acme", "www.example.org", RType::AAAA, true);
        check("::1", "acme", "www.example.org", RType::MX, false);
        assert!(list.allows("::2".parse().expect("an address"), Some(&name("acme"))));
    }
}
