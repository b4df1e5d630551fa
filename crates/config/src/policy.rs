//! `blocking`, `clients`, `groups` and `security`: what is answered to whom, and how much of it.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::PathBuf;

use ::policy::Action;
use ::policy::devices::{Day, FixedAction, Schedule, ScheduleAction};
use ::policy::limits::access::{self, Verdict};
use ::policy::rpz::Replacement;
use dns::NameBuf;
use ipnet::IpNet;

use super::networks::{NetworkList, check_networks};
use super::problem::{Mark, Report};
use super::raw;
use super::recursion::networks;
use super::value::{At, OneOrMany, text_list};

/// Most lists, response policy zones and groups with rules of their own, together: a list has a number of eight bits.
const MAX_LISTS: usize = 200;
/// The group of clients that are in no other.
pub const DEFAULT_GROUP: &str = "default";

/// What is blocked, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocking {
    /// Whether anything is.
    pub enabled: bool,
    /// What is answered.
    pub action: Action,
    /// For how long, in seconds.
    pub ttl_s: u32,
    /// Lists.
    pub lists: Vec<BlockList>,
    /// Rules in the syntax of AdGuard, one an entry, for everybody.
    pub rules: Vec<String>,
    /// Response policy zones, in the order of their precedence.
    pub zones: Vec<PolicyZone>,
    /// Networks inside that lists may be fetched from.
    pub allow_internal: Vec<IpNet>,
}

/// A response policy zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyZone {
    /// Its apex.
    pub name: NameBuf,
    /// What is done when one of its rules matches.
    pub replacement: Replacement,
    /// Whether it is recorded which rule that was.
    pub log: bool,
    /// Whether signed answers are rewritten also for clients that may validate them.
    pub break_dnssec: bool,
}

/// A list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockList {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: ListSource,
    /// Its form.
    pub format: raw::ListFormat,
    /// The groups that it is for.
    pub groups: Vec<String>,
    /// What is answered to what it has; `None`: as everywhere.
    pub action: Option<Action>,
    /// Whether it is used.
    pub enabled: bool,
    /// Hours between two looks at where it comes from.
    pub refresh_hours: u32,
}

/// Where a list comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListSource {
    /// A web server.
    Url(String),
    /// A file.
    File(PathBuf),
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its name.
    pub name: String,
    /// Its addresses and networks.
    pub addresses: Vec<IpNet>,
    /// Its group.
    pub group: String,
    /// What it is, for rules with `$ctag`.
    pub tags: Vec<String>,
}

/// A group of devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Lists that are for it besides those that name it.
    pub lists: Vec<String>,
    /// Rules for it alone.
    pub rules: Vec<String>,
    /// When it may ask for nothing but what rules allow.
    pub schedules: Vec<Schedule>,
    /// Search engines filter their results.
    pub safe_search: bool,
}

/// How much a client may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// Queries a second from one address; 0: no limit.
    pub per_second: u32,
    /// Queries that may come at once; 0: those of a second.
    pub burst: u32,
    /// Seconds that rates are measured over.
    pub window_s: u32,
    /// Every so many held back is sent truncated; 0: none.
    pub slip: u32,
    /// Networks without limits.
    pub exempt: Vec<IpNet>,
    /// Equal answers a second to one address; 0: no limit.
    pub responses_per_second: u32,
    /// Questions a second of one client that others must be asked about; 0: no limit.
    pub client_misses_per_second: u32,
    /// Those of them that wait at a time; 0: no limit.
    pub client_outstanding: u32,
    /// Such questions a second for names of one zone that have no positive answer; 0: no limit.
    pub zone_misses_per_second: u32,
    /// Processor time that a client gets over TCP, in milliseconds a second; 0: no limit.
    pub tcp_work_ms_per_second: u32,
    /// Nothing is held back, only counted.
    pub dry_run: bool,
}

/// What is done about clients that behave in an unusual way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anomalies {
    /// They are looked for.
    pub enabled: bool,
    /// Seconds that such a client gets no answers; 0: it gets them.
    pub block_s: u32,
}

/// Who may use recursion, and how much a client may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Security {
    /// Networks that may use recursion and the cache.
    pub allowed_networks: NetworkList,
    /// Networks that get no answer to anything; what it allows is an exception.
    pub denied_networks: NetworkList,
    /// How much a client may ask.
    pub rate_limit: RateLimit,
    /// What is done about clients that behave in an unusual way.
    pub anomalies: Anomalies,
}

/// Who may use recursion, and how much a client may ask.
pub(super) fn check_security(raw: &raw::Security, report: &mut Report) -> Security {
    let path = "security.allowed_networks";
    let allowed_networks = check_networks(&raw.allowed_networks, path, Verdict::Allow, report);
    let is_all = |entry: &access::Entry| entry.network.prefix_len() == 0 && entry.verdict == Verdict::Allow;
    if allowed_networks.table().entries().iter().any(is_all) {
        report.warn(
            raw.allowed_networks.mark,
            path,
            "everybody may use recursion, also for attacks on others (RFC 5358)",
        );
    }
    Security {
        allowed_networks,
        denied_networks: check_networks(&raw.denied_networks, "security.denied_networks", Verdict::Deny, report),
        rate_limit: check_rate_limit(raw, report),
        anomalies: check_anomalies(&raw.anomalies),
    }
}

/// What is blocked. `security.blacklist_enabled` is the same switch as `blocking.enabled`.
pub(super) fn check_blocking(raw: &raw::Raw, report: &mut Report) -> Blocking {
    let blocking = &raw.blocking;
    let own = raw.groups.iter().filter(|group| !group.rules.is_empty()).count();
    let count = blocking.lists.len() + blocking.rpz.len() + own;
    if count > MAX_LISTS {
        let message = format!("{count} lists, policy zones and groups with rules, at most {MAX_LISTS}");
        report.error(blocking.lists.mark, "blocking.lists", message);
    }
    let mut names = HashSet::new();
    let mut lists = Vec::new();
    for (index, entry) in blocking.lists.iter().enumerate() {
        let path = format!("blocking.lists[{index}]");
        let Some(list) = check_list(entry, &path, report) else { continue };
        if !names.insert(list.name.clone()) {
            report.error(entry.name.mark, format!("{path}.name"), format!("list {} is given twice", list.name));
        }
        lists.push(list);
    }
    let zones = blocking.rpz.iter().enumerate();
    let zones = zones
        .filter_map(|(index, entry)| check_policy_zone(entry, &format!("blocking.rpz[{index}]"), report))
        .collect();
    Blocking {
        enabled: *blocking.enabled && *raw.security.blacklist_enabled,
        action: check_action(&blocking.action, "blocking.action", report).unwrap_or_default(),
        ttl_s: blocking.ttl.0 as u32,
        rules: blocking.rules.iter().map(|rule| rule.value.clone()).collect(),
        zones,
        allow_internal: networks(&blocking.allow_internal, "blocking.allow_internal", report),
        lists,
    }
}

/// Response policy zones are zones like others, from a file or by transfer, that only this machine may ask.
pub(super) fn zone_entries(zones: &[At<raw::PolicyZone>], report: &mut Report) -> Vec<At<raw::Zone>> {
    let mut entries = Vec::new();
    for (index, entry) in zones.iter().enumerate() {
        let path = format!("blocking.rpz[{index}]");
        match (entry.file.is_empty(), entry.primaries.is_empty()) {
            (true, true) => report.error(entry.mark, path, "neither `file` nor `primaries`"),
            (false, false) => report.error(entry.mark, path, "both `file` and `primaries`: one of them"),
            // A name that is missing or wrong has been reported.
            _ if entry.name.parse::<NameBuf>().is_err() => {}
            _ => {
                let zone = raw::Zone {
                    name: entry.name.clone(),
                    file: entry.file.clone(),
                    primaries: entry.primaries.clone(),
                    allow_query: At { value: text_list(&["127.0.0.0/8", "::1"]), mark: entry.mark },
                    ..raw::Zone::default()
                };
                entries.push(At { value: zone, mark: entry.mark });
            }
        }
    }
    entries
}

fn check_policy_zone(entry: &At<raw::PolicyZone>, path: &str, report: &mut Report) -> Option<PolicyZone> {
    let replacement = entry.r#override.parse::<Replacement>().map_err(|error| {
        let message = format!("`{}` is {error}", entry.r#override.value);
        report.error(entry.r#override.mark, format!("{path}.override"), message);
    });
    let name = policy_zone_name(entry, &format!("{path}.name"), report)?;
    Some(PolicyZone { name, replacement: replacement.ok()?, log: *entry.log, break_dnssec: *entry.break_dnssec })
}

/// The name of a response policy zone.
fn policy_zone_name(entry: &At<raw::PolicyZone>, path: &str, report: &mut Report) -> Option<NameBuf> {
    let wrong = match entry.name.parse::<NameBuf>() {
        _ if entry.name.is_empty() => "missing".to_owned(),
        Ok(name) if name.is_root() => "the root cannot be a response policy zone".to_owned(),
        Ok(name) => return Some(name),
        Err(error) => format!("`{}` is not a domain name: {error}", entry.name.value),
    };
    report.error(entry.name.mark, path, wrong);
    None
}

fn check_list(entry: &At<raw::BlockList>, path: &str, report: &mut Report) -> Option<BlockList> {
    let name = required(&entry.name, entry.mark, &format!("{path}.name"), report)?;
    let source = match (entry.url.as_str(), entry.file.as_str()) {
        ("", "") => {
            report.error(entry.mark, path, "neither `url` nor `file`");
            return None;
        }
        (_, "") if !entry.url.starts_with("http://") && !entry.url.starts_with("https://") => {
            let message = format!("`{}` does not begin with http:// or https://", entry.url.value);
            report.error(entry.url.mark, format!("{path}.url"), message);
            return None;
        }
        (url, "") => ListSource::Url(url.to_owned()),
        ("", _) => ListSource::File(report.resolve(entry.file.mark, &entry.file)),
        _ => {
            report.error(entry.mark, path, "both `url` and `file`: one of them");
            return None;
        }
    };
    Some(BlockList {
        name,
        source,
        format: *entry.format,
        groups: entry.groups.iter().map(|group| group.value.clone()).collect(),
        action: check_action(&entry.action, &format!("{path}.action"), report),
        enabled: *entry.enabled,
        refresh_hours: entry.refresh_hours.0 as u32,
    })
}

/// `None`: none is given, or it is wrong.
fn check_action(raw: &At<OneOrMany>, path: &str, report: &mut Report) -> Option<Action> {
    match raw.0.as_slice() {
        [] => return None,
        [only] => match only.as_str() {
            "" => return None,
            "null" => return Some(Action::Null),
            "nxdomain" => return Some(Action::Nxdomain),
            "nodata" => return Some(Action::Nodata),
            "refused" => return Some(Action::Refused),
            "drop" => return Some(Action::Drop),
            _ => {}
        },
        _ => {}
    }
    let mut addresses: Vec<IpAddr> = Vec::new();
    for text in &raw.0 {
        match text.parse() {
            Ok(address) => addresses.push(address),
            Err(_) => {
                let message =
                    format!("`{}` is none of null, nxdomain, nodata, refused, drop, and no address", text.value);
                report.error(text.mark, path, message);
            }
        }
    }
    (!addresses.is_empty()).then(|| Action::Addresses(addresses.into()))
}

fn required(text: &At<String>, entry: Mark, path: &str, report: &mut Report) -> Option<String> {
    if text.is_empty() {
        report.error(entry, path, "missing");
        return None;
    }
    Some(text.value.clone())
}

/// The groups; `default` is always one of them.
pub(super) fn check_groups(raw: &raw::Raw, report: &mut Report) -> Vec<Group> {
    let lists: HashSet<&str> = raw.blocking.lists.iter().map(|list| list.name.as_str()).collect();
    let mut groups: Vec<Group> = Vec::new();
    for (index, entry) in raw.groups.iter().enumerate() {
        let path = format!("groups[{index}]");
        let Some(name) = required(&entry.name, entry.mark, &format!("{path}.name"), report) else { continue };
        if groups.iter().any(|group| group.name == name) {
            report.error(entry.name.mark, format!("{path}.name"), format!("group {name} is given twice"));
            continue;
        }
        for list in entry.lists.iter().filter(|list| !lists.contains(list.as_str())) {
            let message = format!("there is no list `{}` in blocking.lists", list.value);
            report.error(list.mark, format!("{path}.lists"), message);
        }
        groups.push(Group {
            name,
            lists: entry.lists.iter().map(|list| list.value.clone()).collect(),
            rules: entry.rules.iter().map(|rule| rule.value.clone()).collect(),
            schedules: check_schedules(&entry.schedule, &format!("{path}.schedule"), report),
            safe_search: *entry.safe_search,
        });
    }
    if groups.iter().all(|group| group.name != DEFAULT_GROUP) {
        let (name, lists, rules) = (DEFAULT_GROUP.to_owned(), Vec::new(), Vec::new());
        groups.push(Group { name, lists, rules, schedules: Vec::new(), safe_search: false });
    }
    let known: HashSet<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    for (index, list) in raw.blocking.lists.iter().enumerate() {
        for group in list.groups.iter().filter(|group| !known.contains(group.as_str())) {
            let message = format!("there is no group `{}` in groups", group.value);
            report.error(group.mark, format!("blocking.lists[{index}].groups"), message);
        }
    }
    groups
}

/// Schedules such as `mon-fri 21:00-07:00 Europe/Berlin`, with `;` between; days and zone may be left out.
fn check_schedules(text: &At<String>, path: &str, report: &mut Report) -> Vec<Schedule> {
    let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
    let mut schedules = Vec::new();
    for part in parts {
        match schedule(part) {
            Some(schedule) => schedules.push(schedule),
            None => {
                let message = format!("`{part}` is no schedule: `mon-fri 21:00-07:00 Europe/Berlin` is one");
                report.error(text.mark, path, message);
            }
        }
    }
    schedules
}

fn schedule(text: &str) -> Option<Schedule> {
    let mut words = text.split_ascii_whitespace().peekable();
    let days = match words.peek()?.starts_with(|first: char| first.is_ascii_digit()) {
        true => DAYS.iter().map(|(_, day)| *day).collect(),
        false => days(words.next()?)?,
    };
    let (from, to) = words.next()?.split_once('-')?;
    let is_time = |text: &str| {
        let parts = text.split_once(':').map(|(hour, minute)| (hour.parse::<u8>(), minute.parse::<u8>()));
        matches!(parts, Some((Ok(0..=24), Ok(0..=59))))
    };
    let time_zone = words.next().unwrap_or_default().to_owned();
    let is_known = time_zone.is_empty() || ::policy::devices::Zone::named(&time_zone).is_some();
    if !is_time(from) || !is_time(to) || !is_known || words.next().is_some() {
        return None;
    }
    let (from, to) = (from.to_owned(), to.to_owned());
    Some(Schedule { days, from, to, time_zone, action: ScheduleAction::Fixed(FixedAction::BlockAll) })
}

const DAYS: [(&str, Day); 7] = [
    ("mon", Day::Mon),
    ("tue", Day::Tue),
    ("wed", Day::Wed),
    ("thu", Day::Thu),
    ("fri", Day::Fri),
    ("sat", Day::Sat),
    ("sun", Day::Sun),
];

/// Days such as `mon-fri`, `sat,sun` and `fri-mon`.
fn days(text: &str) -> Option<Vec<Day>> {
    let number = |word: &str| DAYS.iter().position(|(name, _)| word.eq_ignore_ascii_case(name));
    let mut all = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        let count = (last + DAYS.len() - first) % DAYS.len() + 1;
        all.extend(DAYS.iter().cycle().skip(first).take(count).map(|(_, day)| *day));
    }
    Some(all)
}

/// The devices.
pub(super) fn check_clients(raw: &raw::Raw, groups: &[Group], report: &mut Report) -> Vec<Client> {
    let mut names = HashSet::new();
    let mut owners: std::collections::HashMap<IpNet, String> = std::collections::HashMap::new();
    let mut clients = Vec::new();
    for (index, entry) in raw.clients.iter().enumerate() {
        let path = format!("clients[{index}]");
        let Some(name) = required(&entry.name, entry.mark, &format!("{path}.name"), report) else { continue };
        if !names.insert(name.clone()) {
            report.error(entry.name.mark, format!("{path}.name"), format!("client {name} is given twice"));
        }
        if groups.iter().all(|group| group.name != entry.group.value) {
            let message = format!("there is no group `{}` in groups", entry.group.value);
            report.error(entry.group.mark, format!("{path}.group"), message);
        }
        let addresses = networks(&entry.addresses, &format!("{path}.addresses"), report);
        if addresses.is_empty() {
            report.error(entry.mark, format!("{path}.addresses"), "missing: the device is known by them");
        }
        for network in &addresses {
            if let Some(other) = owners.insert(*network, name.clone()).filter(|other| *other != name) {
                let message = format!("{network} belongs to client {other} already");
                report.error(entry.addresses.mark, format!("{path}.addresses"), message);
            }
        }
        let tags = entry.tags.iter().map(|tag| tag.value.clone()).collect();
        clients.push(Client { name, addresses, group: entry.group.value.clone(), tags });
    }
    clients
}

/// How much a client may ask.
fn check_rate_limit(raw: &raw::Security, report: &mut Report) -> RateLimit {
    let limit = &raw.rate_limit;
    RateLimit {
        per_second: raw.rate_limit_per_ip.0 as u32,
        burst: limit.burst.0 as u32,
        window_s: limit.window_seconds.0 as u32,
        slip: limit.slip.0 as u32,
        exempt: networks(&limit.exempt, "security.rate_limit.exempt", report),
        responses_per_second: limit.responses_per_second.0 as u32,
        client_misses_per_second: limit.client_misses_per_second.0 as u32,
        client_outstanding: limit.client_outstanding.0 as u32,
        zone_misses_per_second: limit.zone_misses_per_second.0 as u32,
        tcp_work_ms_per_second: limit.tcp_work_ms_per_second.0 as u32,
        dry_run: *limit.dry_run,
    }
}

/// What is done about clients that behave in an unusual way.
fn check_anomalies(raw: &raw::Anomalies) -> Anomalies {
    Anomalies { enabled: *raw.enabled, block_s: raw.block_seconds.0 as u32 }
}
