//! What the control plane tells the data plane; immutable, replaced whole on a reload.

use std::net::IpAddr;

use dnssec::tsig::KeyRing;
use ipnet::IpNet;

use crate::limits;
use crate::policy::acl::AccessList;
use crate::policy::cookie::Secrets;
use crate::recursion::Recursion;

/// How queries are answered, apart from the zones.
#[derive(Clone)]
pub struct Settings {
    /// Answered to `version.bind CH TXT`; `None`: refused.
    pub version: Option<String>,
    /// Answered to `id.server CH TXT` and `hostname.bind CH TXT`; `None`: refused.
    pub server_id: Option<String>,
    /// The NSID option's data (RFC 5001); empty: not sent.
    pub nsid: Vec<u8>,
    /// Largest UDP response in octets, and what we tell clients that we take (RFC 6891 6.2.5).
    pub udp_size: u16,
    /// Leave out authority and additional data that an answer does not need.
    pub minimal_responses: bool,
    /// What server cookies are made with; `None`: clients get none.
    pub cookies: Option<Secrets>,
    /// Who resolves what is in no zone of ours, and for whom; `None`: nobody.
    pub recursion: Option<Recursion>,
    /// The TSIG keys that messages may be signed with (RFC 8945).
    pub keys: KeyRing,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            version: None,
            server_id: None,
            nsid: Vec::new(),
            udp_size: limits::DEFAULT_UDP_SIZE,
            minimal_responses: true,
            cookies: None,
            recursion: None,
            keys: KeyRing::default(),
        }
    }
}

/// Who may do what with a zone; attached to [`zone::Zone::policy`]. No policy: everybody may query, nobody anything
/// else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZonePolicy {
    /// The networks that may query the zone; empty: all.
    pub allow_query: Vec<IpNet>,
    /// Who may transfer it.
    pub allow_transfer: AccessList,
    /// Who may update it, and of what.
    pub allow_update: AccessList,
    /// Who may send NOTIFY for it.
    pub allow_notify: AccessList,
}

impl ZonePolicy {
    /// Whether `client` may query the zone.
    pub fn allows_query(&self, client: IpAddr) -> bool {
        self.allow_query.is_empty() || self.allow_query.iter().any(|network| network.contains(&client))
    }
}
