//! Who may query, transfer, update and notify a zone. The configuration and the API parse it, whoever decides asks it.

mod access_list;
mod name_pattern;
mod networks;

use std::net::IpAddr;

pub use access_list::{AccessList, Entry, EntryError};
pub use name_pattern::{NamePattern, PatternError};
pub use networks::Networks;

/// Who may do what with a zone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZonePolicy {
    /// The networks that may query the zone; empty: all.
    pub allow_query: Networks,
    /// Who may transfer it.
    pub allow_transfer: AccessList,
    /// Who may update it, and of what.
    pub allow_update: AccessList,
    /// Whose updates a secondary sends on to its primaries.
    pub allow_update_forwarding: AccessList,
    /// Who may send NOTIFY for it.
    pub allow_notify: AccessList,
}

impl ZonePolicy {
    /// What is left of `policy` where other servers answer for the zone: nobody may query or transfer it, and changes are
    /// taken as everywhere.
    pub fn elsewhere(policy: Option<&ZonePolicy>) -> ZonePolicy {
        let taken = policy.cloned().unwrap_or_default();
        ZonePolicy { allow_query: Networks::nobody(), allow_transfer: AccessList::default(), ..taken }
    }

    /// Whether `client` may query the zone.
    pub fn allows_query(&self, client: IpAddr) -> bool {
        self.allow_query.is_empty() || self.allow_query.allow(client)
    }
}
