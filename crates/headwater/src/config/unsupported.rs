//! Which keys belong to features that are not in this version: the one table to shrink as they are built.
//!
//! Such a key accepts its default and whatever means off or empty. Anything else is an error, so that nothing is
//! silently without effect. The keys that configurations written for the original requirements set are warnings.

use super::problem::{Mark, Report};
use super::raw::Raw;
use super::reader::{Step, path_text};
use super::value::{Value, Walk};

/// What happens to a value that is neither default nor off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// An error.
    Refuse,
    /// A warning: the key may be set, it has no effect yet.
    Warn,
}

use Rule::{Refuse, Warn};

/// Section, and the keys in it that are not built yet.
const UNSUPPORTED: &[(&str, &[(&str, Rule)])] = &[
    ("server.tls", &[("certificate", Refuse), ("key", Refuse)]),
    ("logging", &[("file", Warn), ("max_size_mb", Warn), ("backup_count", Warn)]),
    ("logging.queries", &[("enabled", Refuse), ("outputs", Refuse), ("file", Refuse)]),
    ("security", &[("rate_limit_per_ip", Warn), ("blacklist_enabled", Warn)]),
    ("web", &[("real_time_updates", Warn), ("history_limit", Warn)]),
];

/// What is said about a value of a feature that is not built yet.
pub const MESSAGE: &str = "not supported yet";

/// The rule for `key` of the section whose table path is `section`; none: the key is built.
pub fn rule(section: &str, key: &str) -> Option<Rule> {
    let (_, keys) = UNSUPPORTED.iter().find(|(path, _)| *path == section)?;
    keys.iter().find(|(name, _)| *name == key).map(|(_, rule)| *rule)
}

/// Reports every value of a feature that is not built yet.
pub fn check(raw: &Raw, report: &mut Report) {
    let mut visit = |section: &'static str, path: &[Step], mark: Mark| {
        let Some(Step::Key(key)) = path.last() else { return };
        match rule(section, key) {
            None => {}
            Some(Refuse) => report.error(mark, path_text(path), MESSAGE),
            Some(Warn) => report.warn(mark, path_text(path), format!("{MESSAGE}, has no effect")),
        }
    };
    let mut walk = Walk { section: "", path: Vec::new(), visit: &mut visit };
    raw.changed(&Raw::default(), Mark::default(), &mut walk);
}
