//! What narrows a rule beside its pattern: `client`, `ctag`, `dnstype`, `denyallow`.

use dns::RType;
use ipnet::IpNet;

use super::choice::Choice;
use super::reason::Reason;
use crate::who::Who;

/// Tags that a device may have.
pub const TAGS: [&str; 21] = [
    "device_audio",
    "device_camera",
    "device_gameconsole",
    "device_laptop",
    "device_nas",
    "device_other",
    "device_pc",
    "device_phone",
    "device_printer",
    "device_securityalarm",
    "device_tablet",
    "device_tv",
    "os_android",
    "os_ios",
    "os_linux",
    "os_macos",
    "os_other",
    "os_windows",
    "user_admin",
    "user_child",
    "user_regular",
];

/// A value of `client`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Client {
    /// Whoever asks from there; an address alone is a network of one.
    Network(IpNet),
    /// The device of this name, letter for letter.
    Device(Box<str>),
}

/// When a rule applies to a question that its pattern matches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conditions {
    /// Who asks.
    pub clients: Choice<Client>,
    /// Tags of who asks.
    pub tags: Choice<&'static str>,
    /// What is asked for.
    pub types: Choice<RType>,
    /// Names, in lower case, that it does not apply to, nor to what is below them.
    pub not_below: Vec<Box<str>>,
}

impl Client {
    /// The client that a value without its quotes and escapes names.
    pub fn parse(text: &str) -> Client {
        match dns::network::parse(text) {
            Some(network) => Client::Network(network),
            None => Client::Device(text.into()),
        }
    }

    fn is(&self, who: &Who<'_>) -> bool {
        match self {
            Client::Network(network) => network.contains(&who.address.to_canonical()),
            Client::Device(name) => who.device == Some(&**name),
        }
    }
}

/// The documented tag of that name.
///
/// # Errors
/// [`Reason::UnknownTag`].
pub fn tag(name: &str) -> Result<&'static str, Reason> {
    TAGS.iter().copied().find(|tag| *tag == name).ok_or(Reason::UnknownTag)
}

impl Conditions {
    /// Whether nothing is narrowed.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.tags.is_empty() && self.types.is_empty() && self.not_below.is_empty()
    }

    /// Whether a rule with these applies to a question for `name`, which is in lower case without final dot.
    pub fn admit(&self, name: &str, qtype: RType, who: &Who<'_>) -> bool {
        self.types.admits(|rtype| *rtype == qtype)
            && self.tags.admits(|tag| who.tags.iter().any(|has| **has == **tag))
            && self.clients.admits(|client| client.is(who))
            && !self.not_below.iter().any(|above| is_at_or_below(name, above))
    }
}

/// Whether `name` is `above` or ends in it behind a dot.
fn is_at_or_below(name: &str, above: &str) -> bool {
    name.strip_suffix(above).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_means_behind_a_dot() {
        assert!(is_at_or_below("a.com", "com") && is_at_or_below("com", "com"));
        assert!(!is_at_or_below("telecom", "com") && !is_at_or_below("com.org", "com"));
    }

    #[test]
    fn a_value_is_an_address_a_network_or_a_name() {
        assert_eq!(Client::parse("10.0.0.7/8"), Client::Network("10.0.0.0/8".parse().expect("a network")));
        assert_eq!(Client::parse("::1"), Client::Network("::1/128".parse().expect("a network")));
        assert_eq!(Client::parse("10.0.0.7/33"), Client::Device("10.0.0.7/33".into()));
    }
}
