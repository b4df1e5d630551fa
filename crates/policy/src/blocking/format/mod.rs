//! The formats that lists come in, line by line, without allocation per line.
//!
//! | Format | Lines | What a name stands for |
//! | --- | --- | --- |
//! | hosts | `0.0.0.0 name name`, also `127.0.0.1`, `::`, `::1` | this name alone |
//! | domains | `name`, `*.name`, `.name` | the name and everything below |
//! | dnsmasq | `address=/name/`, `local=/name/`, `server=/name/` | the name and everything below |
//! | Unbound | `local-zone: "name" always_nxdomain` and the like | the name and everything below |
//! | | `local-data: "name A 0.0.0.0"` | this name alone |
//! | AdGuard | `\|\|name^`, `@@\|\|name^`, with `$important` and `$badfilter` | the name and everything below |
//! | | `name`, hosts lines | this name alone |
//! | | every other rule is handed over as text | |
//!
//! What is said of a name of one label, such as `com`, is taken as it stands.

mod adguard;
mod configuration;
mod detect;
mod line;
mod plain;
mod split;

pub use detect::{NotAList, SAMPLE_OCTETS, detect};
pub use line::{Found, Listed, Reason, Scope};
pub use split::{Lines, MAX_LINE_OCTETS};

use serde::{Deserialize, Serialize};

/// How the text of a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A hosts file.
    Hosts,
    /// A name a line, also with `*.` or `.` in front.
    Domains,
    /// Lines of dnsmasq's configuration.
    Dnsmasq,
    /// Lines of Unbound's configuration.
    Unbound,
    /// Rules in AdGuard's syntax, among which names alone and lines of hosts files may stand.
    Adguard,
}

impl Format {
    /// Reads one line, without its end, and tells `found` what stands in it: nothing, one thing, or several names.
    pub fn read<'a>(self, line: &'a [u8], found: &mut impl FnMut(Found<'a>)) {
        let line = line.trim_ascii();
        if line.is_empty() {
            return;
        }
        match self {
            Format::Hosts => plain::hosts(line, found),
            Format::Domains => plain::domains(line, found),
            Format::Dnsmasq => configuration::dnsmasq(line, found),
            Format::Unbound => configuration::unbound(line, found),
            Format::Adguard => adguard::rule(line, found),
        }
    }
}

#[cfg(test)]
mod tests;
