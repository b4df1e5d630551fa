//! The lists in a zone's settings, parsed. What the configuration, the API and the journal say of who may do what with a
//! zone goes through [`ZoneLists::parse`], so that all of them accept the same.

use std::sync::Arc;

use dns::NameBuf;
use zone::policy::{AccessList, Entry, EntryError, parse_network};
use zone::{ZonePolicy, ZoneSettings};

use super::peer::Peer;

/// The lists of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZoneLists {
    /// Who may do what; `None`: everybody may query, nobody anything else.
    pub policy: Option<Arc<ZonePolicy>>,
    /// Where a secondary transfers from.
    pub primaries: Vec<Peer>,
    /// Whom to tell of changes.
    pub notify: Vec<Peer>,
    /// The TSIG keys that entries name, each with the entry.
    pub keys: Vec<(EntryPlace, NameBuf)>,
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
        let mut reader = Reader { keys: Vec::new(), problems: Vec::new() };
        let allow_query = reader.list("allow_query", &settings.allow_query, |text| {
            let network = parse_network(text).ok_or_else(|| match text.contains("key:") {
                true => "keys are not supported here, only addresses and prefixes".to_owned(),
                false => format!("`{text}` is not an address or prefix"),
            })?;
            Ok((network, None))
        });
        let allow_transfer = reader.list("allow_transfer", &settings.allow_transfer, unlimited);
        let allow_update = reader.list("allow_update", &settings.allow_update, entry);
        let mut allow_notify = reader.list("allow_notify", &settings.allow_notify, unlimited);
        let notify = reader.list("notify", &settings.notify, peer);
        let primaries = reader.list("primaries", &settings.primaries, peer);
        if !reader.problems.is_empty() {
            return Err(reader.problems);
        }
        if allow_notify.is_empty() {
            let host = |peer: &Peer| Entry::host(peer.address.ip(), peer.key.clone());
            allow_notify = primaries.iter().map(host).collect();
        }
        let list = |entries: Vec<Entry>| entries.into_iter().collect::<AccessList>();
        let policy = ZonePolicy {
            allow_query,
            allow_transfer: list(allow_transfer),
            allow_update: list(allow_update),
            allow_notify: list(allow_notify),
        };
        let policy = Some(policy).filter(|policy| *policy != ZonePolicy::default()).map(Arc::new);
        Ok(ZoneLists { policy, primaries, notify, keys: reader.keys })
    }
}

/// A parsed entry, and the key that it names.
type Parsed<T> = Result<(T, Option<NameBuf>), String>;

struct Reader {
    keys: Vec<(EntryPlace, NameBuf)>,
    problems: Vec<ListProblem>,
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
}

fn entry(text: &str) -> Parsed<Entry> {
    let entry: Entry = text.parse().map_err(|error: EntryError| error.to_string())?;
    let key = entry.key().map(ToOwned::to_owned);
    Ok((entry, key))
}

/// An entry that says nothing of names and types.
fn unlimited(text: &str) -> Parsed<Entry> {
    match entry(text)? {
        (entry, _) if entry.is_limited() => Err("`name=` and `type=` limit updates only".to_owned()),
        parsed => Ok(parsed),
    }
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
    fn every_bad_entry_is_named() {
        let settings = ZoneSettings {
            allow_query: texts(&["key:k", "::1", "x"]),
            allow_transfer: texts(&["key:k", "key:k type=A"]),
            allow_update: texts(&["key:k type=A", "any"]),
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
            "notify[0]: ",
        ];
        assert_eq!(found.len(), want.len(), "{found:#?}");
        assert!(found.iter().zip(want).all(|(found, want)| found.starts_with(want)), "{found:#?}");
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
