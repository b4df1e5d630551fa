//! The lists in a zone's settings, parsed. What the configuration, the API and the journal say of who may do what with a
//! zone goes through [`ZoneLists::parse`], so that all of them accept the same.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Display;
use std::sync::Arc;

use dns::{NameBuf, network};
use ipnet::IpNet;
use zone::policy::{AccessList, Entry, EntryError};
use zone::{ZoneKind, ZonePolicy, ZoneSettings};

use super::networks::FILE_PREFIX;
use super::peer::Peer;
use super::place::{Place, PlaceError};

/// The lists of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZoneLists {
    /// Who may do what; `None`: everybody may query, nobody anything else.
    pub policy: Option<Arc<ZonePolicy>>,
    /// Where a secondary transfers from.
    pub primaries: Vec<Peer>,
    /// Whom to tell of changes.
    pub notify: Vec<Peer>,
    /// Which servers of a cluster answer for it; empty: all.
    pub placement: Vec<Place>,
    /// The TSIG keys that entries name, each with the entry.
    pub keys: Vec<(EntryPlace, NameBuf)>,
    /// Entries that say again what another one says.
    pub repeated: Vec<EntryPlace>,
}

/// A place in a zone's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryPlace {
    /// Name of the list: `allow_transfer`.
    pub list: &'static str,
    /// Index of the entry.
    pub index: usize,
}

/// An entry that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}[{}]: {message}", place.list, place.index)]
pub struct ListProblem {
    /// Which.
    pub place: EntryPlace,
    /// What is wrong with it.
    pub message: String,
}

impl ZoneLists {
    /// The lists of `settings`.
    ///
    /// # Errors
    /// Every entry that is none.
    pub fn parse(settings: &ZoneSettings) -> Result<ZoneLists, Vec<ListProblem>> {
        let mut reader = Reader::default();
        let allow_query = reader.list("allow_query", &settings.allow_query, network_alone);
        reader.check("allow_query", &allow_query, |entry| Some(*entry));
        let mut who = |list: &'static str, texts: &[String], parse: fn(&str) -> Parsed<Entry>| {
            let entries = reader.list(list, texts, parse);
            reader.check(list, &entries, Entry::network);
            entries
        };
        let allow_transfer = who("allow_transfer", &settings.allow_transfer, unlimited);
        let allow_update = who("allow_update", &settings.allow_update, entry);
        let allow_update_forwarding = who("allow_update_forwarding", &settings.allow_update_forwarding, unlimited);
        let mut allow_notify = who("allow_notify", &settings.allow_notify, unlimited);
        let notify = reader.list("notify", &settings.notify, peer);
        let primaries = reader.list("primaries", &settings.primaries, peer);
        let placement = reader.list("placement", &settings.placement, place);
        if !reader.problems.is_empty() {
            return Err(reader.problems);
        }
        if allow_notify.is_empty() {
            let host = |peer: &Peer| Entry::host(peer.address.ip(), peer.key.clone());
            allow_notify = primaries.iter().map(host).collect();
        }
        let list = |entries: Vec<Entry>| entries.into_iter().collect::<AccessList>();
        let policy = ZonePolicy {
            allow_query: allow_query.into_iter().collect(),
            allow_transfer: list(allow_transfer),
            allow_update: list(allow_update),
            // A primary has nobody to forward to; it may have been a secondary, and become one again.
            allow_update_forwarding: match settings.kind {
                ZoneKind::Primary => AccessList::default(),
                ZoneKind::Secondary => list(allow_update_forwarding),
            },
            allow_notify: list(allow_notify),
        };
        let policy = Some(policy).filter(|policy| *policy != ZonePolicy::default()).map(Arc::new);
        Ok(ZoneLists { policy, primaries, notify, placement, keys: reader.keys, repeated: reader.repeated })
    }

    /// Whether a server of this name with these labels answers for the zone.
    pub fn is_placed_at(&self, server: &str, labels: &BTreeMap<String, String>) -> bool {
        self.placement.is_empty() || self.placement.iter().any(|place| place.has(server, labels))
    }
}

/// A parsed entry, and the key that it names.
type Parsed<T> = Result<(T, Option<NameBuf>), String>;

#[derive(Default)]
struct Reader {
    keys: Vec<(EntryPlace, NameBuf)>,
    problems: Vec<ListProblem>,
    repeated: Vec<EntryPlace>,
}

impl Reader {
    fn list<T>(&mut self, list: &'static str, texts: &[String], parse: impl Fn(&str) -> Parsed<T>) -> Vec<T> {
        let mut entries = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            let place = EntryPlace { list, index };
            match parse(text) {
                Ok((entry, key)) => {
                    entries.push(entry);
                    self.keys.extend(key.map(|key| (place, key)));
                }
                Err(message) => self.problems.push(ListProblem { place, message }),
            }
        }
        entries
    }

    /// Looks for entries that repeat or contradict others, and for a list that allows nobody, if all entries of it
    /// could be read.
    fn check<T: Display>(&mut self, list: &'static str, entries: &[T], network: impl Fn(&T) -> Option<network::Entry>) {
        if self.problems.iter().any(|problem| problem.place.list == list) {
            return;
        }
        let found: Vec<Option<network::Entry>> = entries.iter().map(network).collect();
        let is_denial = |entry: &Option<network::Entry>| entry.is_some_and(|entry| entry.is_excepted);
        let denied: HashMap<IpNet, usize> = (found.iter().enumerate().rev())
            .filter_map(|(index, entry)| entry.filter(|entry| entry.is_excepted).map(|entry| (entry.network, index)))
            .collect();
        let mut problem =
            |index, message: String| self.problems.push(ListProblem { place: EntryPlace { list, index }, message });
        if !found.is_empty() && found.iter().all(is_denial) {
            problem(0, "the list denies only, so that nobody may: who may has to be there, too".to_owned());
        }
        for (index, entry) in found.iter().enumerate() {
            let Some(network::Entry { network, is_excepted: false }) = entry else { continue };
            if let Some(denial) = denied.get(network) {
                problem(index, format!("{network} is allowed here and denied by entry {denial} of the list"));
            }
        }
        let mut known = HashSet::new();
        let again = entries.iter().enumerate().filter(|(_, entry)| !known.insert(entry.to_string()));
        self.repeated.extend(again.map(|(index, _)| EntryPlace { list, index }));
    }
}

/// A network without a key.
fn network_alone(text: &str) -> Parsed<network::Entry> {
    refuse_file(text)?;
    let entry = text.parse().map_err(|error| match text.contains("key:") {
        true => "keys are not supported here, only addresses and prefixes".to_owned(),
        false => format!("`{text}` is {error}"),
    })?;
    Ok((entry, None))
}

/// What others may set by API must not have the server read its files.
fn refuse_file(text: &str) -> Result<(), String> {
    match text.starts_with(FILE_PREFIX) {
        true => Err("lists of zones name no files; those of `security` and `web` do".to_owned()),
        false => Ok(()),
    }
}

fn entry(text: &str) -> Parsed<Entry> {
    refuse_file(text)?;
    let entry: Entry = text.parse().map_err(|error: EntryError| error.to_string())?;
    let key = entry.key().map(ToOwned::to_owned);
    Ok((entry, key))
}

/// An entry that says nothing of names and types.
fn unlimited(text: &str) -> Parsed<Entry> {
    match entry(text)? {
        (entry, _) if entry.is_limited() => Err("`name=` and `type=` limit `allow_update` only".to_owned()),
        parsed => Ok(parsed),
    }
}

fn place(text: &str) -> Parsed<Place> {
    let place: Place = text.parse().map_err(|error: PlaceError| error.to_string())?;
    Ok((place, None))
}

fn peer(text: &str) -> Parsed<Peer> {
    let peer: Peer = text.parse().map_err(|error: super::peer::PeerError| error.to_string())?;
    let key = peer.key.clone();
    Ok((peer, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn no_lists_are_no_policy() {
        assert_eq!(ZoneLists::parse(&ZoneSettings::default()), Ok(ZoneLists::default()));
        let settings = ZoneSettings { notify: texts(&["192.0.2.1"]), ..ZoneSettings::default() };
        assert_eq!(ZoneLists::parse(&settings).expect("lists").policy, None);
    }

    #[test]
    fn primaries_may_notify_unless_others_are_named() {
        let check = |allow_notify: &[&str], client: [u8; 4], key: Option<&str>, want: bool| {
            let settings = ZoneSettings {
                primaries: texts(&["192.0.2.1:5300", "192.0.2.2 key:k"]),
                allow_notify: texts(allow_notify),
                ..ZoneSettings::default()
            };
            let policy = ZoneLists::parse(&settings).expect("lists").policy.expect("a policy");
            let key: Option<NameBuf> = key.map(|key| key.parse().expect("a name"));
            assert_eq!(policy.allow_notify.allows(client.into(), key.as_deref()), want, "{client:?} {key:?}");
        };
        check(&[], [192, 0, 2, 1], None, true);
        check(&[], [192, 0, 2, 2], None, false);
        check(&[], [192, 0, 2, 2], Some("K"), true);
        check(&[], [192, 0, 2, 3], Some("K"), false);
        check(&["192.0.2.3"], [192, 0, 2, 1], None, false);
        check(&["192.0.2.3"], [192, 0, 2, 3], None, true);
    }

    #[test]
    fn secondaries_alone_forward_updates() {
        let policy = |kind| {
            let settings =
                ZoneSettings { kind, allow_update_forwarding: texts(&["192.0.2.0/24"]), ..ZoneSettings::default() };
            ZoneLists::parse(&settings).expect("lists").policy
        };
        let client = [192, 0, 2, 1].into();
        let secondary = policy(ZoneKind::Secondary).expect("a policy");
        assert!(secondary.allow_update_forwarding.allows(client, None));
        assert!(!secondary.allow_update.allows(client, None));
        assert_eq!(policy(ZoneKind::Primary), None);
    }

    #[test]
    fn every_bad_entry_is_named() {
        let settings = ZoneSettings {
            allow_query: texts(&["key:k", "::1", "x"]),
            allow_transfer: texts(&["key:k", "key:k type=A"]),
            allow_update: texts(&["key:k type=A", "any"]),
            allow_update_forwarding: texts(&["key:k name=*.x"]),
            notify: texts(&["x"]),
            ..ZoneSettings::default()
        };
        let found = ZoneLists::parse(&settings).expect_err("problems");
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        let want = [
            "allow_query[0]: keys",
            "allow_query[2]: `x`",
            "allow_transfer[1]: `name=`",
            "allow_update[1]: ",
            "allow_update_forwarding[0]: `name=` and `type=` limit `allow_update` only",
            "notify[0]: ",
        ];
        assert_eq!(found.len(), want.len(), "{found:#?}");
        assert!(found.iter().zip(want).all(|(found, want)| found.starts_with(want)), "{found:#?}");
    }

    #[test]
    fn what_repeats_contradicts_or_allows_nobody_is_named() {
        let settings = ZoneSettings {
            allow_query: texts(&["10.0.0.0/8", "!10.0.0.7/8", "10.0.0.9/8"]),
            allow_transfer: texts(&["!10.0.0.0/8", "!::1"]),
            allow_update: texts(&["10.0.0.0/8 key:k type=A", "10.0.0.0/8 key:k", "10.0.0.0/8 key:k type=A", "::1"]),
            allow_notify: texts(&["10.0.0.0/8 key:k", "!10.0.0.0/8", "file:x"]),
            ..ZoneSettings::default()
        };
        let found = ZoneLists::parse(&settings).expect_err("problems");
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "allow_query[0]: 10.0.0.0/8 is allowed here and denied by entry 1 of the list",
                "allow_query[2]: 10.0.0.0/8 is allowed here and denied by entry 1 of the list",
                "allow_transfer[0]: the list denies only, so that nobody may: who may has to be there, too",
                "allow_notify[2]: lists of zones name no files; those of `security` and `web` do",
            ]
        );
        let settings = ZoneSettings { allow_update: settings.allow_update, ..ZoneSettings::default() };
        let lists = ZoneLists::parse(&settings).expect("lists");
        assert_eq!(lists.repeated, [EntryPlace { list: "allow_update", index: 2 }]);
    }

    #[test]
    fn keys_are_listed_with_their_places() {
        let settings = ZoneSettings {
            allow_transfer: texts(&["::1", "key:a"]),
            primaries: texts(&["::1 key:b"]),
            ..ZoneSettings::default()
        };
        let keys = ZoneLists::parse(&settings).expect("lists").keys;
        let keys: Vec<String> =
            keys.iter().map(|(place, key)| format!("{}[{}] {key}", place.list, place.index)).collect();
        assert_eq!(keys, ["allow_transfer[1] a.", "primaries[0] b."]);
    }
}
