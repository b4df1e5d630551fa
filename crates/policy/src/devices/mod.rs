//! Devices and groups: who a client is, and what is blocked for it at this hour.
//!
//! ```text
//! spec (Device, Group, Schedule, Pause)   as people write them
//!    |  members, groups: read, with every mistake
//! Directory                               once for each configuration or lease file
//!    |  at(now)
//! Profiles                                until next_change_ms; find(address) -> Profile for each query
//! ```
//!
//! Beside them: leases of DHCP servers, which say what addresses a hardware address has, and the clients that were seen.

mod directory;
mod groups;
mod hours;
mod index;
pub mod lease;
mod members;
mod mistake;
pub mod seen;
pub mod spec;
mod zone;

#[cfg(test)]
mod tests;

pub use directory::{Because, Directory, MAX_PAUSES, Profile, Profiles, Setup, Surroundings};
pub use groups::{Lists, MAX_GROUP_NAME_CHARS, MAX_GROUP_RULES, MAX_GROUP_UPSTREAMS, MAX_GROUPS, MAX_SCHEDULES};
pub use lease::{Lease, Leases, Mac};
pub use members::{
    MAX_ADDRESSES, MAX_DEVICE_ADDRESSES, MAX_DEVICE_MACS, MAX_DEVICE_NAME_CHARS, MAX_DEVICE_TAGS, MAX_DEVICES,
    MAX_TAG_CHARS,
};
pub use mistake::{MAX_MISTAKES, Mistake};
pub use spec::{
    DEFAULT_GROUP, Day, Device, FixedAction, Group, Logging, OtherLists, Pause, SafeSearch, Schedule, ScheduleAction,
    Scope,
};
pub use zone::Zone;
