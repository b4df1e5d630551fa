//! Which client is which device, and what holds for it now.
//!
//! A [`Directory`] is what was configured, read once. [`Directory::at`] gives what is in force at an instant, and when
//! that ends: whoever publishes it makes the next one then. Schedules and pauses begin and end by nothing else.

use std::net::IpAddr;
use std::sync::Arc;

use super::groups::{Blocking, Groups, Lists, Terms};
use super::index::Index;
use super::lease::Leases;
use super::members::{Member, Members};
use super::mistake::{Mistake, Mistakes};
use super::spec::{DEFAULT_GROUP, Device, Group, Logging, Pause, SafeSearch, Scope};
use super::zone::Zone;
use crate::who::{ListSet, Who};

/// How many pauses there may be; those that have ended count, so whoever keeps them removes these.
pub const MAX_PAUSES: usize = 4096;

/// What people configured.
#[derive(Debug, Clone, Copy, Default)]
pub struct Setup<'a> {
    /// Devices.
    pub devices: &'a [Device],
    /// Groups.
    pub groups: &'a [Group],
    /// Pauses.
    pub pauses: &'a [Pause],
}

/// What a directory is built with that nobody configures in it.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The lists that there are.
    pub lists: &'a Lists,
    /// Leases, for devices with hardware addresses. Whoever reads a new lease file builds a new directory.
    pub leases: &'a Leases,
    /// The time zone of schedules that name none.
    pub system_zone: &'a Zone,
    /// The time, in milliseconds since 1970: leases that have ended are nobody's.
    pub now_ms: i64,
    /// What addresses are hashed with, so that nobody can choose ones that collide.
    pub seed: u64,
}

/// Why this holds for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Because {
    /// Its group says so.
    Group,
    /// This schedule of its group says so, from 0.
    Schedule(usize),
    /// It is paused.
    Paused(Arc<Pause>),
}

/// What holds for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The name of the device; `None`: no device has the address.
    pub device: Option<Arc<str>>,
    /// Tags of the device.
    pub tags: Arc<[Box<str>]>,
    /// The name of the group.
    pub group: Arc<str>,
    /// Its number, as records have it.
    pub group_number: u8,
    /// The lists that hold now.
    pub lists: ListSet,
    /// Whether everything is blocked that no rule of these lists allows.
    pub block_all: bool,
    /// Whether search engines are asked for filtered results. Off while paused.
    pub safe_search: SafeSearch,
    /// What is logged.
    pub logging: Logging,
    /// The set of upstream servers, see [`Directory::upstreams`]; 0: those of the server.
    pub upstreams: u16,
    /// Why the lists are these.
    pub because: Because,
}

impl Profile {
    /// The client at `address` as rules see it.
    pub fn who(&self, address: IpAddr) -> Who<'_> {
        Who { address, device: self.device.as_deref(), tags: &self.tags, lists: &self.lists }
    }
}

/// Devices and groups, read and checked. Immutable.
#[derive(Debug)]
pub struct Directory {
    index: Arc<Index>,
    members: Vec<Member>,
    groups: Groups,
    default_group: usize,
    always: ListSet,
    pauses: Pauses,
    contested_leases: usize,
}

impl Directory {
    /// Reads what people configured.
    ///
    /// # Errors
    /// Every mistake, up to [`MAX_MISTAKES`](super::MAX_MISTAKES).
    pub fn build(setup: Setup<'_>, around: &Surroundings<'_>) -> Result<Directory, Vec<Mistake>> {
        let mut mistakes = Mistakes::default();
        let groups = Groups::read(setup.groups, around.lists, around.system_zone, &mut mistakes);
        let members = Members::read(setup.devices, &groups, around.leases, around.now_ms, &mut mistakes);
        let pauses = Pauses::read(setup.pauses, &groups, &members, &mut mistakes);
        mistakes.none()?;
        // Devices are counted from 1, as 0 is nobody.
        let entries: Vec<_> =
            members.networks.iter().filter_map(|(net, device)| Some((*net, u32::try_from(device + 1).ok()?))).collect();
        Ok(Directory {
            index: Arc::new(Index::new(&entries, around.seed)),
            default_group: groups.number(DEFAULT_GROUP).unwrap_or(0),
            always: around.lists.always,
            contested_leases: members.contested_leases,
            members: members.members,
            groups,
            pauses,
        })
    }

    /// What is in force at `now_ms`, in milliseconds since 1970.
    pub fn at(&self, now_ms: i64) -> Profiles {
        let mut now = Now { now_ms, next_change_ms: None };
        let groups: Vec<Profile> = self.groups.terms.iter().enumerate().map(|(i, _)| self.group(i, &mut now)).collect();
        let members = self.members.iter().enumerate().filter_map(|(i, member)| {
            let mut profile = groups.get(member.group)?.clone();
            let own = now.active(self.pauses.of_device(i));
            if let Some(pause) = own.filter(|own| longer(own, &profile.because)) {
                self.pause(&mut profile, pause, &mut now);
            }
            profile.device = Some(member.name.clone());
            profile.tags = member.tags.clone();
            profile.logging = member.logging.unwrap_or(profile.logging);
            Some(profile)
        });
        let devices = members.collect();
        let unknown = self.group(self.default_group, &mut now);
        Profiles { index: self.index.clone(), unknown, devices, next_change_ms: now.next_change_ms }
    }

    /// What holds for devices of a group that have no pause of their own.
    fn group(&self, number: usize, now: &mut Now) -> Profile {
        let terms = self.groups.terms.get(number);
        let (blocking, schedule) = terms.map_or((Blocking::default(), None), |terms| terms.at(now.now_ms));
        let mut profile = Profile {
            device: None,
            tags: Arc::default(),
            group: terms.map_or_else(Arc::default, |terms| terms.name.clone()),
            group_number: number as u8,
            lists: blocking.lists,
            block_all: blocking.block_all,
            safe_search: terms.map_or(SafeSearch::Off, |terms| terms.safe_search),
            logging: terms.map_or(Logging::Full, |terms| terms.logging),
            upstreams: terms.map_or(0, |terms| terms.upstreams),
            because: schedule.map_or(Because::Group, Because::Schedule),
        };
        match now.active(self.pauses.of_group(number)) {
            Some(pause) => self.pause(&mut profile, pause, now),
            None => now.changes(terms.and_then(|terms| terms.next_change_ms(now.now_ms))),
        }
        profile
    }

    /// Nothing is blocked but by what holds always, until the end of `pause`.
    fn pause(&self, profile: &mut Profile, pause: &Arc<Pause>, now: &mut Now) {
        now.changes(Some(pause.until_ms));
        profile.lists = self.always;
        profile.block_all = false;
        profile.safe_search = SafeSearch::Off;
        profile.because = Because::Paused(pause.clone());
    }

    /// The servers of a set, in the order of the group that has them; nothing: those of the server. Numbers are of this
    /// directory alone: what outlives it is keyed by the servers.
    pub fn upstreams(&self, set: u16) -> &[String] {
        self.groups.upstreams.get(usize::from(set)).map_or(&[], |servers| servers)
    }

    /// How many sets of upstream servers there are, that of the server included.
    pub fn upstream_sets(&self) -> usize {
        self.groups.upstreams.len()
    }

    /// How many leased addresses did not go to the device with the hardware address, as another one was given them by
    /// hand.
    pub fn contested_leases(&self) -> usize {
        self.contested_leases
    }
}

/// Whether `pause` ends after what holds, if that is a pause.
fn longer(pause: &Pause, because: &Because) -> bool {
    !matches!(because, Because::Paused(other) if other.until_ms >= pause.until_ms)
}

/// An instant, and the first one after it at which something changes.
struct Now {
    now_ms: i64,
    next_change_ms: Option<i64>,
}

impl Now {
    fn changes(&mut self, at_ms: Option<i64>) {
        self.next_change_ms = self.next_change_ms.into_iter().chain(at_ms).min();
    }

    /// The pause, unless it has ended.
    fn active<'a>(&self, pause: Option<&'a Arc<Pause>>) -> Option<&'a Arc<Pause>> {
        pause.filter(|pause| pause.until_ms > self.now_ms)
    }
}

/// The pause of each group and device that ends last.
#[derive(Debug, Default)]
struct Pauses {
    /// With the pause of everybody.
    groups: Vec<Option<Arc<Pause>>>,
    devices: Vec<Option<Arc<Pause>>>,
}

impl Pauses {
    fn read(pauses: &[Pause], groups: &Groups, members: &Members, mistakes: &mut Mistakes) -> Pauses {
        mistakes.limit("pauses", "pauses", pauses.len(), MAX_PAUSES);
        let own_of_group = |terms: &Terms| own(Scope::Group(terms.name.to_string()), terms.paused_until_ms);
        let own_of_device = |member: &Member| own(Scope::Device(member.key.to_string()), member.paused_until_ms);
        let mut read = Pauses {
            groups: groups.terms.iter().map(own_of_group).collect(),
            devices: members.members.iter().map(own_of_device).collect(),
        };
        for (i, pause) in pauses.iter().take(MAX_PAUSES).enumerate() {
            let path = format!("pauses[{i}].scope");
            let shared = Arc::new(pause.clone());
            match &pause.scope {
                Scope::All => read.groups.iter_mut().for_each(|slot| later(slot, &shared)),
                Scope::Group(name) => match groups.number(name).and_then(|number| read.groups.get_mut(number)) {
                    Some(slot) => later(slot, &shared),
                    None => mistakes.add(path, format!("no group is called {name:?}"), "the name of one"),
                },
                Scope::Device(key) => match members.number(key).and_then(|number| read.devices.get_mut(number)) {
                    Some(slot) => later(slot, &shared),
                    None => mistakes.add(path, format!("no device has the identifier {key:?}"), "that of one"),
                },
            }
        }
        read
    }

    fn of_group(&self, number: usize) -> Option<&Arc<Pause>> {
        self.groups.get(number)?.as_ref()
    }

    fn of_device(&self, number: usize) -> Option<&Arc<Pause>> {
        self.devices.get(number)?.as_ref()
    }
}

/// The pause that a group or device has in its own settings.
fn own(scope: Scope, until_ms: i64) -> Option<Arc<Pause>> {
    (until_ms > 0).then(|| Arc::new(Pause { scope, until_ms, why: String::new(), by: String::new() }))
}

/// Puts `pause` into `slot`, unless what is there ends later.
fn later(slot: &mut Option<Arc<Pause>>, pause: &Arc<Pause>) {
    if slot.as_ref().is_none_or(|there| there.until_ms < pause.until_ms) {
        *slot = Some(pause.clone());
    }
}

/// What is in force for every client until [`Profiles::next_change_ms`]. Immutable.
#[derive(Debug)]
pub struct Profiles {
    index: Arc<Index>,
    unknown: Profile,
    devices: Box<[Profile]>,
    next_change_ms: Option<i64>,
}

impl Profiles {
    /// What holds for the client at `address`: the device with the longest network that has it, or the default group.
    #[inline]
    pub fn find(&self, address: IpAddr) -> &Profile {
        // Devices are counted from 1, and 0 is nobody.
        let number = self.index.find(address).wrapping_sub(1);
        self.devices.get(number as usize).unwrap_or(&self.unknown)
    }

    /// What holds for clients that no device has.
    pub fn unknown(&self) -> &Profile {
        &self.unknown
    }

    /// What holds for each device, in the order of the configuration.
    pub fn devices(&self) -> &[Profile] {
        &self.devices
    }

    /// When something else comes into force, in milliseconds since 1970; `None`: nothing does by itself.
    pub fn next_change_ms(&self) -> Option<i64> {
        self.next_change_ms
    }
}
