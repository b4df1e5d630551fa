//! Who lives and works in the demo: its devices, when they are awake, and what they ask for. All times are in UTC.

use std::net::Ipv4Addr;

use super::names::Topic;

const HOUR_S: u64 = 3600;
const DAY_S: u64 = 24 * HOUR_S;
/// 1 January 1970 was a Thursday; days of the week begin with Monday.
const FIRST_DAY: u64 = 3;
/// The part of a working day's traffic that an office has on Saturdays and Sundays.
const WEEKEND: f64 = 0.12;

/// A group of devices that lists and rules are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Those who live in the house.
    Home,
    /// The children, who have a bedtime.
    Children,
    /// Those who work in the company.
    Office,
    /// Its servers.
    Servers,
}

/// When a device is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Home,
    Child,
    Office,
    Always,
}

/// What a device asks for, and how often one thing against the others.
type Habits = &'static [(Topic, f64)];

/// A device.
#[derive(Debug, Clone, Copy)]
pub struct Device {
    /// Its name.
    pub name: &'static str,
    /// Its address; the machine has all that begin with 127.
    pub address: Ipv4Addr,
    /// Its group.
    pub group: Group,
    /// What it is, as `$ctag` of rules has it.
    pub tag: &'static str,
    life: Life,
    /// How much it asks at its busiest, against the others.
    share: f64,
    /// What it asks for.
    pub habits: Habits,
}

/// Something that a device asks for by the clock.
#[derive(Debug, Clone, Copy)]
pub struct Beat {
    /// Which device, by its name.
    pub device: &'static str,
    /// What for: all names of the topic at a time.
    pub topic: Topic,
    /// From one time to the next.
    pub seconds: u64,
    /// The most that a time is late, in milliseconds.
    pub late_ms: u64,
}

/// A thermostat says all the time that it lives; a printer has moved, and nobody told it its new search domain.
pub const BEATS: [Beat; 2] = [
    Beat { device: "thermostat", topic: Topic::Beacon, seconds: 45, late_ms: 900 },
    Beat { device: "printer-floor-2", topic: Topic::OldDomain, seconds: 20, late_ms: 4000 },
];

const PHONE: Habits = &[
    (Topic::Push, 5.0),
    (Topic::Social, 4.0),
    (Topic::Web, 2.0),
    (Topic::Video, 2.0),
    (Topic::Shop, 1.0),
    (Topic::Trackers, 1.0),
    (Topic::Home, 0.3),
    (Topic::Missing, 0.15),
];
const LAPTOP: Habits = &[
    (Topic::Web, 5.0),
    (Topic::Shop, 2.0),
    (Topic::Cloud, 2.0),
    (Topic::Video, 1.5),
    (Topic::Updates, 0.7),
    (Topic::Home, 0.6),
    (Topic::Missing, 0.3),
];
const TV: Habits = &[(Topic::Video, 8.0), (Topic::Trackers, 3.0), (Topic::Ads, 2.0), (Topic::Updates, 0.2)];
const SPEAKER: Habits = &[(Topic::Push, 2.0), (Topic::Video, 1.0), (Topic::Home, 0.3)];
const THERMOSTAT: Habits = &[(Topic::Updates, 1.0), (Topic::Home, 0.5)];
const CHILD: Habits = &[
    (Topic::Video, 5.0),
    (Topic::Games, 3.0),
    (Topic::Social, 3.0),
    (Topic::Push, 2.0),
    (Topic::Web, 1.0),
    (Topic::Gambling, 0.15),
];
const CONSOLE: Habits = &[(Topic::Games, 8.0), (Topic::Video, 1.0), (Topic::Trackers, 1.0), (Topic::Updates, 0.4)];
const WORKSTATION: Habits = &[
    (Topic::Cloud, 6.0),
    (Topic::Company, 4.0),
    (Topic::Web, 3.0),
    (Topic::Directory, 1.2),
    (Topic::Social, 0.6),
    (Topic::Reverse, 0.4),
    (Topic::Updates, 0.4),
    (Topic::Missing, 0.25),
];
const PRINTER: Habits = &[(Topic::Directory, 1.0), (Topic::Company, 1.0), (Topic::Reverse, 0.5)];
const MAIL_SERVER: Habits = &[(Topic::Mail, 5.0), (Topic::Nuisance, 2.0), (Topic::Reverse, 1.5)];
const BUILD_SERVER: Habits = &[(Topic::Packages, 8.0), (Topic::Company, 1.5), (Topic::Updates, 0.5)];
const FILE_SERVER: Habits = &[(Topic::Directory, 3.0), (Topic::Reverse, 2.0), (Topic::Updates, 0.4)];

const fn device(
    name: &'static str,
    place: [u8; 2],
    group: Group,
    tag: &'static str,
    share: f64,
    habits: Habits,
) -> Device {
    let life = match group {
        Group::Home => Life::Home,
        Group::Children => Life::Child,
        Group::Office => Life::Office,
        Group::Servers => Life::Always,
    };
    Device { name, address: Ipv4Addr::new(127, place[0], 0, place[1]), group, tag, life, share, habits }
}

/// The devices of the household and of the company.
pub const DEVICES: [Device; 24] = [
    device("phone-anna", [10, 11], Group::Home, "device_phone", 1.2, PHONE),
    device("phone-jonas", [10, 12], Group::Home, "device_phone", 1.0, PHONE),
    device("laptop-anna", [10, 13], Group::Home, "device_laptop", 1.4, LAPTOP),
    device("tv", [10, 14], Group::Home, "device_tv", 1.5, TV),
    device("speaker", [10, 31], Group::Home, "device_audio", 0.3, SPEAKER),
    Device { life: Life::Always, ..device("thermostat", [10, 30], Group::Home, "device_other", 0.02, THERMOSTAT) },
    device("tablet-mia", [10, 40], Group::Children, "device_tablet", 0.9, CHILD),
    device("phone-leo", [10, 41], Group::Children, "device_phone", 1.0, CHILD),
    device("console", [10, 42], Group::Children, "device_gameconsole", 0.8, CONSOLE),
    device("ws-reception", [20, 21], Group::Office, "device_pc", 0.5, WORKSTATION),
    device("ws-sales-1", [20, 22], Group::Office, "device_pc", 0.8, WORKSTATION),
    device("ws-sales-2", [20, 23], Group::Office, "device_pc", 0.7, WORKSTATION),
    device("ws-design", [20, 24], Group::Office, "device_pc", 0.9, WORKSTATION),
    device("ws-dev-1", [20, 25], Group::Office, "device_pc", 1.1, WORKSTATION),
    device("ws-dev-2", [20, 26], Group::Office, "device_pc", 1.0, WORKSTATION),
    device("laptop-director", [20, 27], Group::Office, "device_laptop", 0.6, WORKSTATION),
    device("meeting-room", [20, 28], Group::Office, "device_other", 0.2, WORKSTATION),
    device("printer-floor-1", [20, 50], Group::Office, "device_printer", 0.06, PRINTER),
    device("printer-floor-2", [20, 51], Group::Office, "device_printer", 0.06, PRINTER),
    device("mail", [20, 5], Group::Servers, "device_other", 0.7, MAIL_SERVER),
    device("build", [20, 6], Group::Servers, "device_other", 0.9, BUILD_SERVER),
    device("files", [20, 7], Group::Servers, "device_nas", 0.25, FILE_SERVER),
    device("dc1", [20, 10], Group::Servers, "device_other", 0.3, FILE_SERVER),
    device("monitor", [20, 8], Group::Servers, "device_other", 0.25, FILE_SERVER),
];

/// How awake a household is at each hour: a breakfast, work and school, a long evening.
const HOME_DAY: [f64; 24] = [
    0.14, 0.07, 0.05, 0.04, 0.05, 0.12, 0.42, 0.70, 0.52, 0.34, 0.30, 0.34, 0.46, 0.40, 0.36, 0.42, 0.56, 0.70, 0.84,
    0.95, 1.00, 0.95, 0.66, 0.32,
];
const CHILD_DAY: [f64; 24] = [
    0.03, 0.01, 0.01, 0.01, 0.01, 0.03, 0.30, 0.45, 0.12, 0.06, 0.06, 0.06, 0.16, 0.46, 0.66, 0.80, 0.90, 1.00, 0.90,
    0.70, 0.36, 0.12, 0.06, 0.04,
];
const OFFICE_DAY: [f64; 24] = [
    0.03, 0.03, 0.02, 0.02, 0.03, 0.05, 0.16, 0.46, 0.86, 1.00, 1.00, 0.92, 0.62, 0.84, 1.00, 0.96, 0.80, 0.48, 0.24,
    0.14, 0.10, 0.08, 0.05, 0.04,
];
const SERVER_DAY: [f64; 24] = [
    0.50, 0.45, 0.70, 0.55, 0.42, 0.42, 0.50, 0.65, 0.85, 1.00, 1.00, 0.95, 0.85, 0.95, 1.00, 0.95, 0.85, 0.75, 0.65,
    0.60, 0.55, 0.55, 0.50, 0.50,
];

impl Group {
    /// All of them.
    pub const ALL: [Group; 4] = [Group::Home, Group::Children, Group::Office, Group::Servers];

    /// Its name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Group::Home => "home",
            Group::Children => "children",
            Group::Office => "office",
            Group::Servers => "servers",
        }
    }
}

impl Device {
    /// How much it asks at this moment, against the others.
    pub fn activity(&self, at_s: u64) -> f64 {
        let (day, hour) = match self.life {
            Life::Home => (&HOME_DAY, 1.0),
            Life::Child => (&CHILD_DAY, 1.0),
            Life::Office if is_weekend(at_s) => (&OFFICE_DAY, WEEKEND),
            Life::Office => (&OFFICE_DAY, 1.0),
            Life::Always => (&SERVER_DAY, 1.0),
        };
        self.share * hour * between_hours(day, at_s)
    }
}

/// How much all devices together ask at this moment.
pub fn activity(at_s: u64) -> f64 {
    DEVICES.iter().map(|device| device.activity(at_s)).sum()
}

/// The most that [`activity`] is within a week.
pub fn peak() -> f64 {
    (0..7 * 24 * 4).map(|quarter| activity(quarter * HOUR_S / 4)).fold(0.0, f64::max)
}

/// Which part of the children's schedule has them sleep at this moment, counted from 1; `None`: they are up.
/// [`super::files`] writes the same down in the configuration's words.
pub fn bedtime(at_s: u64) -> Option<u32> {
    let minute = at_s % DAY_S / 60;
    // After midnight it is still the evening of the day before that counts.
    let evening = if minute >= 12 * 60 { at_s } else { at_s.saturating_sub(DAY_S) };
    let (number, from, to) = match is_weekend(evening) {
        false => (1, 21 * 60, 6 * 60 + 30),
        true => (2, 22 * 60, 8 * 60),
    };
    (minute >= from || minute < to).then_some(number)
}

fn is_weekend(at_s: u64) -> bool {
    (at_s / DAY_S + FIRST_DAY) % 7 >= 5
}

/// The curve's value between the hours that it is given for.
fn between_hours(day: &[f64; 24], at_s: u64) -> f64 {
    let second = at_s % DAY_S;
    let hour = (second / HOUR_S) as usize;
    let into = (second % HOUR_S) as f64 / HOUR_S as f64;
    day[hour] * (1.0 - into) + day[(hour + 1) % 24] * into
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A Wednesday, 00:00.
    const WEDNESDAY_S: u64 = 19_998 * DAY_S;

    #[test]
    fn nights_are_quiet_and_days_have_their_busy_hours() {
        assert_eq!((WEDNESDAY_S / DAY_S + FIRST_DAY) % 7, 2, "a Wednesday");
        let at = |hour: u64| activity(WEDNESDAY_S + hour * HOUR_S) / peak();
        assert!(at(3) < 0.25, "night: {}", at(3));
        assert!(at(10) > 0.6, "working hours: {}", at(10));
        assert!(at(20) > 2.0 * at(3), "evening: {}", at(20));
        let of = |name: &str, hour: u64| {
            let device = DEVICES.iter().find(|device| device.name == name).expect("a device");
            device.activity(WEDNESDAY_S + hour * HOUR_S)
        };
        assert!(of("phone-anna", 7) > of("phone-anna", 9), "breakfast");
        assert!(of("ws-dev-1", 10) > 5.0 * of("ws-dev-1", 20));
        let sunday = WEDNESDAY_S + 4 * DAY_S;
        assert!(activity(sunday + 10 * HOUR_S) < activity(WEDNESDAY_S + 10 * HOUR_S));
        assert!((0..7 * 24 * 60).all(|minute| activity(minute * 60) <= peak() * 1.001));
    }

    #[test]
    fn children_sleep_later_at_the_weekend() {
        let at = |day: u64, hour: u64, minute: u64| bedtime(WEDNESDAY_S + day * DAY_S + hour * HOUR_S + minute * 60);
        assert_eq!([at(0, 20, 59), at(0, 21, 0), at(1, 6, 29), at(1, 6, 30)], [None, Some(1), Some(1), None]);
        let saturday = 3;
        assert_eq!([at(saturday, 6, 0), at(saturday, 7, 0)], [Some(1), None], "the night from Friday");
        assert_eq!([at(saturday, 21, 30), at(saturday, 22, 0)], [None, Some(2)]);
        assert_eq!([at(saturday + 1, 7, 30), at(saturday + 2, 7, 30)], [Some(2), Some(2)]);
    }

    #[test]
    fn devices_have_names_and_addresses_of_their_own() {
        let names: BTreeSet<&str> = DEVICES.iter().map(|device| device.name).collect();
        let addresses: BTreeSet<Ipv4Addr> = DEVICES.iter().map(|device| device.address).collect();
        assert_eq!((names.len(), addresses.len()), (DEVICES.len(), DEVICES.len()));
        assert!(BEATS.iter().all(|beat| names.contains(beat.device)));
    }
}
