//! What policy is to be: what the configuration says and what was set by API, put together, with a number for each list.

use std::collections::HashMap;
use std::sync::Arc;

use config::{Blocking, Config, DEFAULT_GROUP, ListFormat, ListSource};
use dns::NameBuf;
use journal::shared::{Collection, SettingsState};
use policy::blocking::format::Format;
use policy::devices::{Device, Group, Lists as GroupLists, Pause};
use policy::rpz::Replacement;
use policy::{Action, ListId, ListSet};

use crate::lists::{Origin, Source, Subscription};

/// The list of rules that hold for everybody.
pub const OWN_RULES: &str = "rules";
/// Numbers above are not those of lists.
pub const MAX_NUMBER: u8 = 250;

/// What policy is to be.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Whether anything is blocked.
    pub enabled: bool,
    /// What is answered.
    pub action: Action,
    /// Seconds that a blocked answer may be kept.
    pub ttl_s: u32,
    /// Lists with a text of their own.
    pub lists: Vec<PlannedList>,
    /// Lists of rules that stand here: everybody's, then those of groups.
    pub rules: Vec<(ListId, Arc<str>, Arc<str>)>,
    /// Response policy zones, in their order.
    pub zones: Vec<PlannedZone>,
    /// Groups.
    pub groups: Vec<Group>,
    /// Devices.
    pub devices: Vec<Device>,
    /// Pauses.
    pub pauses: Vec<Pause>,
    /// Which lists hold for which group.
    pub of_groups: GroupLists,
    /// The groups that stand in the configuration, by name.
    pub file_groups: Vec<String>,
    /// The first so many of the devices stand there.
    pub file_devices: usize,
    /// The first so many lines of [`OWN_RULES`] stand there.
    pub file_rules: usize,
}

/// A response policy zone.
#[derive(Debug, Clone)]
pub struct PlannedZone {
    /// Its number.
    pub id: ListId,
    /// Its apex.
    pub name: NameBuf,
    /// What is done when a rule of it matches.
    pub replacement: Replacement,
    /// Whether answers are recorded with the rule.
    pub log: bool,
    /// Whether signed answers are rewritten also for clients that may validate them.
    pub break_dnssec: bool,
}

/// A list with a text of its own.
#[derive(Debug, Clone)]
pub struct PlannedList {
    /// Its number.
    pub id: ListId,
    /// Its form; `None`: as it looks.
    pub format: Option<Format>,
    /// What is answered to what it has; `None`: as everywhere.
    pub action: Option<Action>,
    /// The groups that it names itself.
    pub groups: Vec<String>,
    /// Whether it is to be used, whatever is said of blocking as a whole.
    pub is_on: bool,
    /// Where it comes from.
    pub subscription: Subscription,
}

impl PlannedList {
    /// A list that has no number yet.
    fn new(subscription: Subscription, groups: Vec<String>, is_on: bool) -> PlannedList {
        PlannedList { id: ListId(0), format: None, action: None, groups, is_on, subscription }
    }
}

/// Numbers of lists by name: one that is used again keeps its number.
#[derive(Debug, Default)]
pub struct Numbers {
    by_name: HashMap<String, ListId>,
    next: u8,
}

impl Numbers {
    /// The number of a list; `None`: there are too many.
    fn of(&mut self, name: &str) -> Option<ListId> {
        if let Some(id) = self.by_name.get(name) {
            return Some(*id);
        }
        let taken: Vec<ListId> = self.by_name.values().copied().collect();
        let free = (0..MAX_NUMBER).map(|offset| ListId((self.next + offset) % MAX_NUMBER));
        let id = free.into_iter().find(|id| !taken.contains(id))?;
        self.next = (id.0 + 1) % MAX_NUMBER;
        self.by_name.insert(name.to_owned(), id);
        Some(id)
    }

    /// Forgets lists that are not among these.
    fn keep(&mut self, used: &ListSet) {
        self.by_name.retain(|_, id| used.has(*id));
    }
}

/// A rule that was set by API.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleDocument {
    /// The rule, in the syntax of AdGuard.
    pub text: String,
    /// The group that it is for; empty: everybody.
    #[serde(default)]
    pub group: String,
    /// A note of whoever set it.
    #[serde(default)]
    pub comment: String,
    /// When it ends, in milliseconds since 1970; none: never.
    #[serde(default)]
    pub until_ms: Option<u64>,
}

/// A list that was set by API.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListDocument {
    /// Where it is fetched from.
    pub url: String,
    /// The groups that it is for; empty: the default group.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Whether it is used.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// Hours between two looks at where it comes from.
    #[serde(default = "refresh_hours")]
    pub refresh_hours: u32,
}

fn enabled() -> bool {
    true
}

fn refresh_hours() -> u32 {
    24
}

/// What the configuration and the shared settings say together; a document that cannot be read is left out. `now_ms`
/// decides which rules have ended; the time of the next end comes back too.
pub fn plan(config: &Config, shared: &SettingsState, numbers: &mut Numbers, now_ms: u64) -> (Plan, Option<u64>) {
    let blocking = &config.blocking;
    let mut plan =
        Plan { enabled: blocking.enabled, action: blocking.action.clone(), ttl_s: blocking.ttl_s, ..Plan::default() };
    plan.groups = groups(config, shared);
    plan.file_groups = config.groups.iter().filter(|group| says_something(group)).map(|it| it.name.clone()).collect();
    plan.devices = devices(config, shared);
    plan.file_devices = config.clients.len();
    plan.file_rules = blocking.rules.len();
    plan.pauses = documents(shared, Collection::Pauses).map(|(_, pause)| pause).collect();
    let mut used = ListSet::default();
    let next_end = own_rules(blocking, shared, &mut plan, numbers, now_ms);
    file_lists(blocking, &mut plan, numbers);
    api_lists(shared, &mut plan, numbers);
    policy_zones(blocking, &mut plan, numbers);
    for id in plan.lists.iter().map(|list| list.id) {
        used = used.with(id);
    }
    for id in plan.rules.iter().map(|(id, ..)| *id).chain(plan.zones.iter().map(|zone| zone.id)) {
        used = used.with(id);
    }
    numbers.keep(&used);
    (plan, next_end)
}

/// The documents of a collection that can be read.
pub(super) fn documents<T: serde::de::DeserializeOwned>(
    shared: &SettingsState,
    collection: Collection,
) -> impl Iterator<Item = (String, T)> {
    let all = shared.documents(collection);
    all.filter_map(move |(id, document)| match document.body.read() {
        Ok(read) => Some((id.to_string(), read)),
        Err(error) => {
            tracing::warn!(collection = collection.as_str(), %id, %error, "a shared setting cannot be read");
            None
        }
    })
}

fn groups(config: &Config, shared: &SettingsState) -> Vec<Group> {
    let mut groups: Vec<Group> = (config.groups.iter())
        .map(|group| Group {
            name: group.name.clone(),
            lists: group.lists.clone(),
            schedules: group.schedules.clone(),
            safe_search: if group.safe_search {
                policy::devices::SafeSearch::Moderate
            } else {
                policy::devices::SafeSearch::Off
            },
            rules: group.rules.clone(),
            ..Group::default()
        })
        .collect();
    for (_, group) in documents::<Group>(shared, Collection::Groups) {
        match groups.iter_mut().find(|known| known.name == group.name) {
            None => groups.push(group),
            // What the file says wins.
            Some(_) if config.groups.iter().any(|known| known.name == group.name && says_something(known)) => {}
            Some(known) => *known = group,
        }
    }
    groups
}

/// Whether a group of the configuration says anything: one that does not, such as the default group that is always
/// there, may be set by API.
fn says_something(group: &config::Group) -> bool {
    group.safe_search || !(group.lists.is_empty() && group.rules.is_empty() && group.schedules.is_empty())
}

fn devices(config: &Config, shared: &SettingsState) -> Vec<Device> {
    let mut devices: Vec<Device> = (config.clients.iter())
        .map(|client| Device {
            name: client.name.clone(),
            addresses: client.addresses.iter().map(ToString::to_string).collect(),
            group: client.group.clone(),
            tags: client.tags.clone(),
            ..Device::default()
        })
        .collect();
    for (_, device) in documents::<Device>(shared, Collection::Devices) {
        if devices.iter().all(|known| known.name != device.name) {
            devices.push(device);
        }
    }
    devices
}

/// Rules for everybody and rules of groups; each kind is a list of its own.
fn own_rules(
    blocking: &Blocking,
    shared: &SettingsState,
    plan: &mut Plan,
    numbers: &mut Numbers,
    now_ms: u64,
) -> Option<u64> {
    let mut next_end = None::<u64>;
    let mut everybody = blocking.rules.clone();
    let mut of_groups: HashMap<String, Vec<String>> = HashMap::new();
    for group in &plan.groups {
        of_groups.entry(group.name.clone()).or_default().extend(group.rules.iter().cloned());
    }
    for (_, rule) in documents::<RuleDocument>(shared, Collection::Rules) {
        match rule.until_ms {
            Some(until_ms) if until_ms <= now_ms => continue,
            Some(until_ms) => next_end = Some(next_end.map_or(until_ms, |end| end.min(until_ms))),
            None => {}
        }
        match rule.group.as_str() {
            "" => everybody.push(rule.text),
            group => of_groups.entry(group.to_owned()).or_default().push(rule.text),
        }
    }
    let all_groups: Vec<String> = plan.groups.iter().map(|group| group.name.clone()).collect();
    if let Some(id) = numbers.of(OWN_RULES).filter(|_| !everybody.is_empty()) {
        plan.rules.push((id, OWN_RULES.into(), lines(&everybody)));
        for group in &all_groups {
            let set = plan.of_groups.of_group.entry(group.clone()).or_default();
            *set = set.with(id);
        }
    }
    for group in all_groups {
        let Some(rules) = of_groups.remove(&group).filter(|rules| !rules.is_empty()) else { continue };
        let name = format!("rules of {group}");
        if let Some(id) = numbers.of(&name) {
            plan.rules.push((id, name.into(), lines(&rules)));
            plan.of_groups.rules.insert(group, id);
        }
    }
    next_end
}

fn lines(rules: &[String]) -> Arc<str> {
    rules.iter().flat_map(|rule| [rule.as_str(), "\n"]).collect::<String>().into()
}

fn file_lists(blocking: &Blocking, plan: &mut Plan, numbers: &mut Numbers) {
    for list in &blocking.lists {
        let source = match &list.source {
            ListSource::Url(url) => Source::Url(url.clone()),
            ListSource::File(path) => Source::File(path.clone()),
        };
        let subscription = Subscription {
            id: list.name.clone(),
            source,
            origin: Origin::Configuration,
            format: format_word(list.format).to_owned(),
            refresh_hours: list.refresh_hours,
            enabled: list.enabled && blocking.enabled,
        };
        let list_of_file = PlannedList::new(subscription, list.groups.clone(), list.enabled);
        let (format, action) = (format(list.format), list.action.clone());
        add_list(plan, numbers, PlannedList { format, action, ..list_of_file });
    }
}

fn api_lists(shared: &SettingsState, plan: &mut Plan, numbers: &mut Numbers) {
    for (name, list) in documents::<ListDocument>(shared, Collection::Lists) {
        if plan.lists.iter().any(|known| known.subscription.id == name) {
            continue;
        }
        let subscription = Subscription {
            id: name,
            source: Source::Url(list.url),
            origin: Origin::Api,
            format: "auto".to_owned(),
            refresh_hours: list.refresh_hours,
            enabled: list.enabled && plan.enabled,
        };
        let groups = if list.groups.is_empty() { vec![DEFAULT_GROUP.to_owned()] } else { list.groups };
        add_list(plan, numbers, PlannedList::new(subscription, groups, list.enabled));
    }
}

/// Gives a list its number; one too many is left out.
fn add_list(plan: &mut Plan, numbers: &mut Numbers, list: PlannedList) {
    let Some(id) = numbers.of(&list.subscription.id) else { return };
    plan.of_groups.by_name.insert(list.subscription.id.clone(), id);
    for group in &list.groups {
        let set = plan.of_groups.of_group.entry(group.clone()).or_default();
        *set = set.with(id);
    }
    plan.lists.push(PlannedList { id, ..list });
}

/// Response policy zones hold for everybody.
fn policy_zones(blocking: &Blocking, plan: &mut Plan, numbers: &mut Numbers) {
    for zone in &blocking.zones {
        let Some(id) = numbers.of(&format!("rpz {}", zone.name)) else { continue };
        let (name, replacement) = (zone.name.clone(), zone.replacement.clone());
        plan.zones.push(PlannedZone { id, name, replacement, log: zone.log, break_dnssec: zone.break_dnssec });
        for group in plan.groups.iter().map(|group| group.name.clone()).collect::<Vec<_>>() {
            let set = plan.of_groups.of_group.entry(group).or_default();
            *set = set.with(id);
        }
    }
}

fn format(format: ListFormat) -> Option<Format> {
    match format {
        ListFormat::Auto => None,
        ListFormat::Hosts => Some(Format::Hosts),
        ListFormat::Domains | ListFormat::Wildcards => Some(Format::Domains),
        ListFormat::Adblock => Some(Format::Adguard),
        ListFormat::Dnsmasq => Some(Format::Dnsmasq),
        ListFormat::Unbound => Some(Format::Unbound),
    }
}

fn format_word(format: ListFormat) -> &'static str {
    match format {
        ListFormat::Auto => "auto",
        ListFormat::Hosts => "hosts",
        ListFormat::Domains => "domains",
        ListFormat::Wildcards => "wildcards",
        ListFormat::Adblock => "adblock",
        ListFormat::Dnsmasq => "dnsmasq",
        ListFormat::Unbound => "unbound",
    }
}
