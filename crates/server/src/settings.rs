//! What the control plane tells the data plane; immutable, replaced whole on a reload.

use std::sync::Arc;
use std::time::Duration;

use dnssec::tsig::KeyRing;
use policy::Rules;

use crate::limits;
use crate::policy::cookie::Secrets;
use crate::policy::limits::Limits;
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
    /// How long an idle connection is kept, which clients are told that ask (RFC 7828).
    pub tcp_idle: Duration,
    /// Leave out authority and additional data that an answer does not need.
    pub minimal_responses: bool,
    /// What server cookies are made with; `None`: clients get none.
    pub cookies: Option<Secrets>,
    /// Who resolves what is in no zone of ours, and for whom; `None`: nobody.
    pub recursion: Option<Recursion>,
    /// Who may ask, and how much; `None`: everybody, and as much as they like.
    pub limits: Option<Arc<Limits>>,
    /// What is blocked or rewritten, for whom; `None`: nothing.
    pub rules: Option<Arc<dyn Rules>>,
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
            tcp_idle: limits::TCP_IDLE,
            minimal_responses: true,
            cookies: None,
            recursion: None,
            limits: None,
            rules: None,
            keys: KeyRing::default(),
        }
    }
}
