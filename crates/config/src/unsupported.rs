//! Which keys belong to features that are not in this version: the one table to shrink as they are built.
//!
//! Such a key accepts its default and whatever means off or empty. Anything else is an error, so that nothing is
//! silently without effect.

use super::problem::{Mark, Report};
use super::raw::Raw;
use super::reader::{Step, path_text};
use super::value::{Value, Walk};

/// Section, and the keys in it that are not built yet.
const UNSUPPORTED: &[(&str, &[&str])] = &[("server.tls", &["certificate", "key"])];

/// What is said about a value of a feature that is not built yet.
pub const MESSAGE: &str = "not supported yet";

/// Whether `key` of the section whose table path is `section` is not built yet.
pub fn is_unsupported(section: &str, key: &str) -> bool {
    let keys = UNSUPPORTED.iter().find(|(path, _)| *path == section).map_or(&[][..], |(_, keys)| *keys);
    keys.contains(&key)
}

/// Reports every value of a feature that is not built yet.
pub fn check(raw: &Raw, report: &mut Report) {
    let mut visit = |section: &'static str, path: &[Step], mark: Mark| {
        let Some(Step::Key(key)) = path.last() else { return };
        if is_unsupported(section, key) {
            report.error(mark, path_text(path), MESSAGE);
        }
    };
    let mut walk = Walk { section: "", path: Vec::new(), visit: &mut visit };
    raw.changed(&Raw::default(), Mark::default(), &mut walk);
}
