//! Groups, read: what holds for the devices of each at an instant, and when that changes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::hours::{Hours, minutes};
use super::mistake::Mistakes;
use super::spec::{DEFAULT_GROUP, FixedAction, Group, Logging, SafeSearch, Schedule, ScheduleAction};
use super::zone::Zone;
use crate::who::{ListId, ListSet};

/// How many groups there may be.
pub const MAX_GROUPS: usize = 256;
/// How many schedules a group may have.
pub const MAX_SCHEDULES: usize = 32;
/// How many rules of its own a group may have.
pub const MAX_GROUP_RULES: usize = 10_000;
/// How many upstream servers a group may have.
pub const MAX_GROUP_UPSTREAMS: usize = 16;
/// How long the name of a group may be, in characters.
pub const MAX_GROUP_NAME_CHARS: usize = 128;
/// How many edges of schedules are looked at for one that changes something; if none does, the last one is looked at
/// again when it comes.
const MAX_EDGES: usize = 64;

/// The lists that there are, as groups refer to them. Lists and rules are compiled elsewhere.
#[derive(Debug, Default, Clone)]
pub struct Lists {
    /// Lists by name.
    pub by_name: HashMap<String, ListId>,
    /// Lists that name a group themselves, by the name of the group.
    pub of_group: HashMap<String, ListSet>,
    /// The list that a group's own rules were compiled to, by the name of the group.
    pub rules: HashMap<String, ListId>,
    /// Lists that hold whatever a schedule or a pause says.
    pub always: ListSet,
}

/// What blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Blocking {
    /// The lists that hold.
    pub lists: ListSet,
    /// Whether everything is blocked that no rule of these lists allows.
    pub block_all: bool,
}

/// A group, read.
#[derive(Debug)]
pub(super) struct Terms {
    pub name: Arc<str>,
    /// What holds outside of its schedules.
    usual: Blocking,
    schedules: Vec<(Hours, Blocking)>,
    pub safe_search: SafeSearch,
    pub logging: Logging,
    pub upstreams: u16,
    /// 0: it has no pause of its own.
    pub paused_until_ms: i64,
}

impl Terms {
    /// What holds at `at_ms`, and the number of the schedule that says so.
    pub fn at(&self, at_ms: i64) -> (Blocking, Option<usize>) {
        let held = self.schedules.iter().enumerate().find(|(_, (hours, _))| hours.hold(at_ms));
        held.map_or((self.usual, None), |(number, (_, blocking))| (*blocking, Some(number)))
    }

    /// The next instant after `at_ms` at which another schedule holds.
    pub fn next_change_ms(&self, at_ms: i64) -> Option<i64> {
        let (_, held) = self.at(at_ms);
        let mut edge_ms = at_ms;
        for _ in 0..MAX_EDGES {
            edge_ms = self.schedules.iter().filter_map(|(hours, _)| hours.next_edge_ms(edge_ms)).min()?;
            if self.at(edge_ms).1 != held {
                break;
            }
        }
        Some(edge_ms)
    }
}

/// All groups, read.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub terms: Vec<Terms>,
    numbers: HashMap<String, usize>,
    /// Sets of upstream servers; the first one is empty: those of the server.
    pub upstreams: Vec<Box<[String]>>,
}

impl Groups {
    /// The number of a group.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.numbers.get(name).copied()
    }

    /// Reads `groups`; a default group is added if they have none.
    pub fn read(groups: &[Group], lists: &Lists, system: &Zone, mistakes: &mut Mistakes) -> Groups {
        mistakes.limit("groups", "groups", groups.len(), MAX_GROUPS);
        let groups = groups.get(..MAX_GROUPS).unwrap_or(groups);
        let mut read = Groups { upstreams: vec![Box::default()], ..Groups::default() };
        let mut reader = Reader { lists, system, zones: BTreeMap::new(), mistakes };
        for (i, group) in groups.iter().enumerate() {
            let path = format!("groups[{i}]");
            if read.numbers.insert(group.name.clone(), read.terms.len()).is_some() {
                let wrong = format!("there are two groups {:?}", group.name);
                reader.mistakes.add(format_args!("{path}.name"), wrong, "names that differ");
            }
            let upstreams = read.upstream_set(&group.upstreams);
            read.terms.push(reader.group(group, &path, upstreams));
        }
        if !read.numbers.contains_key(DEFAULT_GROUP) {
            let group = Group { name: DEFAULT_GROUP.to_owned(), ..Group::default() };
            read.numbers.insert(group.name.clone(), read.terms.len());
            read.terms.push(reader.group(&group, DEFAULT_GROUP, 0));
        }
        read
    }

    /// The number of this set of upstream servers. There are no more sets than groups.
    fn upstream_set(&mut self, servers: &[String]) -> u16 {
        let known = self.upstreams.iter().position(|set| **set == *servers);
        let number = known.unwrap_or_else(|| {
            self.upstreams.push(servers.into());
            self.upstreams.len() - 1
        });
        u16::try_from(number).unwrap_or(0)
    }
}

/// What reading a group needs.
struct Reader<'a> {
    lists: &'a Lists,
    system: &'a Zone,
    /// Zones that were looked up, or that there are none.
    zones: BTreeMap<String, Option<Zone>>,
    mistakes: &'a mut Mistakes,
}

impl Reader<'_> {
    fn group(&mut self, group: &Group, path: &str, upstreams: u16) -> Terms {
        self.mistakes.name(format_args!("{path}.name"), &group.name, MAX_GROUP_NAME_CHARS);
        self.mistakes.limit(format_args!("{path}.schedules"), "schedules", group.schedules.len(), MAX_SCHEDULES);
        self.mistakes.limit(format_args!("{path}.rules"), "rules", group.rules.len(), MAX_GROUP_RULES);
        self.mistakes.limit(format_args!("{path}.upstreams"), "servers", group.upstreams.len(), MAX_GROUP_UPSTREAMS);
        for (i, server) in group.upstreams.iter().enumerate().filter(|(_, server)| server.trim().is_empty()) {
            self.mistakes.add(
                format_args!("{path}.upstreams[{i}]"),
                format!("{server:?} is no server"),
                "an address or URL",
            );
        }
        let of_group = self.lists.of_group.get(&group.name).copied().unwrap_or_default();
        let rules = self.lists.rules.get(&group.name).map_or(ListSet::default(), |list| ListSet::default().with(*list));
        // What holds under a schedule as well, unless it lets everything pass.
        let own = rules.or(&self.lists.always);
        let usual = self.named(&group.lists, &format!("{path}.lists")).or(&of_group).or(&own);
        let allowed = self.named(&group.allow, &format!("{path}.allow")).or(&own);
        let schedules = group.schedules.get(..MAX_SCHEDULES).unwrap_or(&group.schedules);
        let schedules = schedules.iter().enumerate().filter_map(|(i, schedule)| {
            let path = format!("{path}.schedules[{i}]");
            let blocking = match &schedule.action {
                ScheduleAction::Fixed(FixedAction::BlockAll) => Blocking { lists: allowed, block_all: true },
                ScheduleAction::Fixed(FixedAction::NoBlocking) => {
                    Blocking { lists: self.lists.always, block_all: false }
                }
                ScheduleAction::Lists(other) => {
                    let lists = self.named(&other.lists, &format!("{path}.action.lists")).or(&own);
                    Blocking { lists, block_all: false }
                }
            };
            Some((self.hours(schedule, &path)?, blocking))
        });
        Terms {
            schedules: schedules.collect(),
            name: group.name.as_str().into(),
            usual: Blocking { lists: usual, block_all: false },
            safe_search: group.safe_search,
            logging: group.logging,
            upstreams,
            paused_until_ms: group.paused_until_ms,
        }
    }

    /// The lists of these names.
    fn named(&mut self, names: &[String], path: &str) -> ListSet {
        let mut set = ListSet::default();
        for (i, name) in names.iter().enumerate() {
            match self.lists.by_name.get(name) {
                Some(list) => set = set.with(*list),
                None => self.mistakes.add(
                    format_args!("{path}[{i}]"),
                    format!("no list is called {name:?}"),
                    "the name of one",
                ),
            }
        }
        set
    }

    fn hours(&mut self, schedule: &Schedule, path: &str) -> Option<Hours> {
        let distinct: HashSet<_> = schedule.days.iter().collect();
        if distinct.is_empty() {
            self.mistakes.add(
                format_args!("{path}.days"),
                "no day",
                "one at least of mon, tue, wed, thu, fri, sat, sun",
            );
        }
        let from = minutes(&schedule.from, false);
        if from.is_none() {
            self.mistakes.add(format_args!("{path}.from"), format!("{:?} is no time", schedule.from), "00:00 to 23:59");
        }
        let to = minutes(&schedule.to, true);
        if to.is_none() {
            self.mistakes.add(format_args!("{path}.to"), format!("{:?} is no time", schedule.to), "00:00 to 24:00");
        }
        let zone = self.zone(&schedule.time_zone);
        if zone.is_none() {
            let wrong = format!("no time zone is called {:?}", schedule.time_zone);
            self.mistakes.add(format_args!("{path}.time_zone"), wrong, "a name such as Europe/Berlin, or \"\"");
        }
        Some(Hours::new(&schedule.days, from?, to?, zone?))
    }

    fn zone(&mut self, name: &str) -> Option<Zone> {
        if name.is_empty() {
            return Some(self.system.clone());
        }
        self.zones.entry(name.to_owned()).or_insert_with(|| Zone::named(name)).clone()
    }
}
