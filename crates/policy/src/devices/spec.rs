//! Devices, groups, schedules and pauses as people write them, in the configuration and through the API.
//!
//! Addresses, times and zones stay text here, so that a wrong one is reported together with all other mistakes, with
//! its place; [`Directory::build`](super::Directory::build) reads them.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The group of clients that no device has, and of devices that name none.
pub const DEFAULT_GROUP: &str = "default";

/// How long a pause lasts at the most, in minutes: a year.
pub const MAX_PAUSE_MINUTES: u32 = 366 * 24 * 60;

const MS_PER_MINUTE: i64 = 60_000;

/// What is written to the query log and the history about a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Logging {
    /// Every answer.
    #[default]
    Full,
    /// Nothing; its queries are counted without names.
    Counts,
    /// Nothing, and it is no client of its own in any figure.
    None,
}

/// Whether search engines are asked for their filtered results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SafeSearch {
    /// Questions are answered as they are.
    #[default]
    Off,
    /// Filtered, YouTube in its moderate restricted mode. `true` in the configuration.
    Moderate,
    /// Filtered, YouTube in its strict restricted mode.
    Strict,
}

impl Serialize for SafeSearch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            SafeSearch::Off => serializer.serialize_bool(false),
            SafeSearch::Moderate => serializer.serialize_bool(true),
            SafeSearch::Strict => serializer.serialize_str("strict"),
        }
    }
}

impl<'de> Deserialize<'de> for SafeSearch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SafeSearch, D::Error> {
        struct Form;
        impl de::Visitor<'_> for Form {
            type Value = SafeSearch;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("false, true, \"moderate\" or \"strict\"")
            }

            fn visit_bool<E: de::Error>(self, on: bool) -> Result<SafeSearch, E> {
                Ok(if on { SafeSearch::Moderate } else { SafeSearch::Off })
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SafeSearch, E> {
                match text {
                    "off" | "false" => Ok(SafeSearch::Off),
                    "moderate" | "true" => Ok(SafeSearch::Moderate),
                    "strict" => Ok(SafeSearch::Strict),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// One device of a person: what it is called, how it is recognised, what holds for it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Its identifier, which stays when the name changes. Empty: the name.
    #[serde(default)]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Addresses and networks (`192.0.2.7`, `2001:db8:7::/64`).
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Hardware addresses (`02:00:5e:10:00:07`); leases say which addresses they have.
    #[serde(default)]
    pub macs: Vec<String>,
    /// Its group. Empty: the default group.
    #[serde(default)]
    pub group: String,
    /// Tags that rules refer to (`$ctag`), such as `device_tv` or `user_child`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What is logged about it; `None`: as its group says.
    #[serde(default)]
    pub logging: Option<Logging>,
    /// Until when nothing is blocked for it, in milliseconds since 1970; 0: no pause.
    #[serde(default)]
    pub paused_until_ms: i64,
}

impl Device {
    /// Its identifier: `id`, or the name if there is none.
    pub fn key(&self) -> &str {
        if self.id.is_empty() { &self.name } else { &self.id }
    }

    /// The name of its group.
    pub fn group_name(&self) -> &str {
        if self.group.is_empty() { DEFAULT_GROUP } else { &self.group }
    }
}

/// What holds for several devices alike.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name. The one named `default` holds for clients that no device has.
    pub name: String,
    /// Names of the lists that block for it. Lists can name groups as well: both count.
    #[serde(default)]
    pub lists: Vec<String>,
    /// Rules of its own in AdGuard syntax. The caller compiles them as a list, see [`Lists::rules`](super::Lists).
    #[serde(default)]
    pub rules: Vec<String>,
    /// Names of lists whose rules that allow still hold while a schedule blocks everything.
    #[serde(default)]
    pub allow: Vec<String>,
    /// What holds instead at certain hours; the first one that holds decides. `schedule` is the same key.
    #[serde(default, alias = "schedule")]
    pub schedules: Vec<Schedule>,
    /// Whether search engines are asked for filtered results.
    #[serde(default)]
    pub safe_search: SafeSearch,
    /// What is logged about its devices.
    #[serde(default)]
    pub logging: Logging,
    /// Servers that its questions are forwarded to. Empty: those of the server.
    #[serde(default)]
    pub upstreams: Vec<String>,
    /// Until when nothing is blocked for it, in milliseconds since 1970; 0: no pause.
    #[serde(default)]
    pub paused_until_ms: i64,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// Hours of a week at which something else holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Days on which it begins.
    pub days: Vec<Day>,
    /// When it begins, by the clock of the time zone: `21:00`.
    pub from: String,
    /// When it ends: `07:00`. At or before `from`: on the next day. `24:00` is midnight at the end of the day.
    pub to: String,
    /// Name of the time zone in the IANA database (`Europe/Berlin`). Empty: that of the system.
    #[serde(default)]
    pub time_zone: String,
    /// What holds.
    pub action: ScheduleAction,
}

/// What a schedule has hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "\"block_all\", \"no_blocking\" or { lists: [NAME, ...] }")]
pub enum ScheduleAction {
    /// Everything or nothing.
    Fixed(FixedAction),
    /// These lists instead of those of the group.
    Lists(OtherLists),
}

/// What a schedule has hold, without a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FixedAction {
    /// Everything is blocked that the group's `allow` lists and rules do not allow.
    BlockAll,
    /// Nothing is blocked but by lists that hold always.
    NoBlocking,
}

/// The lists that hold during a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherLists {
    /// Their names.
    pub lists: Vec<String>,
}

/// For whom blocking is paused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Everybody.
    All,
    /// The group of this name.
    Group(String),
    /// The device with this identifier.
    Device(String),
}

/// A time in which nothing is blocked for somebody, but by lists that hold always. It ends by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// For whom.
    pub scope: Scope,
    /// When it ends, in milliseconds since 1970.
    pub until_ms: i64,
    /// The reason that was given.
    #[serde(default)]
    pub why: String,
    /// Who ordered it.
    #[serde(default)]
    pub by: String,
}

impl Pause {
    /// A pause of `minutes` from `now_ms` on, of [`MAX_PAUSE_MINUTES`] at the most.
    pub fn for_minutes(scope: Scope, now_ms: i64, minutes: u32, why: &str, by: &str) -> Pause {
        let length_ms = i64::from(minutes.min(MAX_PAUSE_MINUTES)) * MS_PER_MINUTE;
        Pause { scope, until_ms: now_ms.saturating_add(length_ms), why: why.to_owned(), by: by.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_read_as_people_write_it() {
        let text = r#"{"name": "children", "lists": ["ads"], "safe_search": "strict", "logging": "counts",
            "schedule": [{"days": ["mon", "sun"], "from": "21:00", "to": "07:00", "action": "block_all"},
                          {"days": ["sat"], "from": "08:00", "to": "10:00", "time_zone": "Asia/Tokyo",
                           "action": {"lists": ["games"]}}]}"#;
        let group: Group = serde_json::from_str(text).expect("JSON of this form");
        assert_eq!(group.safe_search, SafeSearch::Strict);
        assert_eq!(group.schedules[0].days, [Day::Mon, Day::Sun]);
        assert_eq!(group.schedules[0].action, ScheduleAction::Fixed(FixedAction::BlockAll));
        assert_eq!(group.schedules[1].action, ScheduleAction::Lists(OtherLists { lists: vec!["games".into()] }));
        let again: Group = serde_json::from_str(&serde_json::to_string(&group).expect("what can be written"))
            .expect("JSON of this form");
        assert_eq!(again, group);
    }

    #[test]
    fn an_unknown_key_or_word_is_refused() {
        assert!(serde_json::from_str::<Device>(r#"{"name": "tv", "adresses": []}"#).is_err());
        assert!(serde_json::from_str::<Group>(r#"{"name": "g", "safe_search": "loose"}"#).is_err());
        let action = serde_json::from_str::<ScheduleAction>(r#""block_everything""#).expect_err("a mistake");
        assert!(action.to_string().contains("no_blocking"), "{action}");
        assert!(serde_json::from_str::<ScheduleAction>(r#"{"lists": [], "more": 1}"#).is_err());
    }

    #[test]
    fn safe_search_is_a_switch_or_a_word() {
        for (text, value) in [
            ("false", SafeSearch::Off),
            ("true", SafeSearch::Moderate),
            (r#""moderate""#, SafeSearch::Moderate),
            (r#""strict""#, SafeSearch::Strict),
        ] {
            assert_eq!(serde_json::from_str::<SafeSearch>(text).expect("JSON of this form"), value, "{text}");
        }
        assert_eq!(serde_json::to_string(&SafeSearch::Strict).expect("what can be written"), r#""strict""#);
    }

    #[test]
    fn a_pause_of_minutes_ends_and_has_a_longest() {
        let pause = Pause::for_minutes(Scope::Group("tv".into()), 1_000, 5, "film", "ann");
        assert_eq!(pause.until_ms, 301_000);
        let text = serde_json::to_string(&pause).expect("what can be written");
        assert!(text.contains(r#""scope":{"group":"tv"}"#), "{text}");
        assert_eq!(serde_json::from_str::<Pause>(&text).expect("JSON of this form"), pause);
        assert_eq!(serde_json::from_str::<Scope>(r#""all""#).expect("JSON of this form"), Scope::All);
        let longest = Pause::for_minutes(Scope::All, 0, u32::MAX, "", "");
        assert_eq!(longest.until_ms, i64::from(MAX_PAUSE_MINUTES) * 60_000);
    }
}
