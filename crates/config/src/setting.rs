//! Keys as whoever runs the server sees them: value, default, where the value comes from, what a change of it takes.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::options::LoadOptions;
use super::problem::Mark;
use super::reader::{Step, path_text};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File {
        /// Its name.
        file: String,
        /// Line, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
    },
    /// An environment variable, of this name.
    Environment(String),
    /// A flag of the command line, with its value.
    Flag(String),
}

/// What it takes for a change to have its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Nothing.
    Live,
    /// Sockets are opened or closed.
    Rebind,
    /// The server must be started anew.
    Restart,
}

impl Effect {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Effect::Live => "live",
            Effect::Rebind => "rebind",
            Effect::Restart => "restart",
        }
    }
}

/// Keys, with what is below them, whose changes are more than a new value.
const EFFECTS: &[(&str, Effect)] = &[
    ("cluster", Effect::Restart),
    ("data_dir", Effect::Restart),
    ("journal.file", Effect::Restart),
    ("logging.format", Effect::Restart),
    ("server.name", Effect::Restart),
    ("server.user", Effect::Restart),
    ("server.bind_address", Effect::Rebind),
    ("server.dns_port", Effect::Rebind),
    ("server.listen", Effect::Rebind),
    ("server.tls", Effect::Rebind),
    ("server.udp_receive_buffer_kb", Effect::Rebind),
    ("server.web_port", Effect::Rebind),
    ("server.workers", Effect::Rebind),
    ("web.bind_address", Effect::Rebind),
    ("web.enabled", Effect::Rebind),
    ("web.listen", Effect::Rebind),
    ("web.tls", Effect::Rebind),
];

/// What it takes for a change of the key at `path` to have its effect.
pub fn effect_of(path: &str) -> Effect {
    let is_at = |key: &str| path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    EFFECTS.iter().find(|(key, _)| is_at(key)).map_or(Effect::Live, |(_, effect)| *effect)
}

/// A key.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Where it stands: `cache.max_size_mb`.
    pub path: String,
    /// Its value; of a secret what stands for it.
    pub value: Json,
    /// Its default.
    pub default: Json,
    /// Where the value comes from.
    pub origin: Origin,
}

impl Setting {
    /// The key at `path`, whose value stands at `mark` of `source`.
    pub(super) fn new(path: &[Step], source: &str, mark: Mark, value: Json, default: Json) -> Setting {
        let origin = match mark {
            mark if mark == Mark::default() => Origin::Default,
            Mark { line: 0, .. } => Origin::Environment(source.to_owned()),
            Mark { line, column, .. } => Origin::File { file: source.to_owned(), line, column },
        };
        Setting { path: path_text(path), value, default, origin }
    }
}

/// Puts in what flags say.
pub(super) fn override_by_flags(settings: &mut [Setting], options: &LoadOptions) {
    let mut set = |path: &str, flag: String, value: Json| {
        if let Some(setting) = settings.iter_mut().find(|setting| setting.path == path) {
            (setting.value, setting.origin) = (value, Origin::Flag(flag));
        }
    };
    if let Some(data) = &options.data {
        let data = data.display().to_string();
        set("data_dir", format!("--data {data}"), data.into());
    }
    if !options.listen.is_empty() {
        let flag = format!("--listen {}", options.listen.join(" --listen "));
        let sockets =
            options.listen.iter().map(|address| serde_json::json!({ "address": address, "protocols": ["udp", "tcp"] }));
        set("server.listen", flag, sockets.collect());
    }
    let Some(zones) = settings.iter_mut().find(|setting| setting.path == "zones") else { return };
    for flag in &options.zones {
        let Some((name, file)) = flag.split_once('=') else { continue };
        zones.origin = Origin::Flag(format!("--zone {}", options.zones.join(" --zone ")));
        if let Json::Array(entries) = &mut zones.value {
            entries.retain(|entry| entry["name"] != name);
            entries.push(serde_json::json!({ "name": name, "file": file }));
        }
    }
}

/// A key whose value is another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Where it stands.
    pub path: String,
    /// The value before.
    pub from: Json,
    /// The value after.
    pub to: Json,
    /// What the change takes.
    pub effect: Effect,
}

/// Every key whose value differs, in the order of `after`.
pub fn differences(before: &[Setting], after: &[Setting]) -> Vec<Difference> {
    let known: HashMap<&str, &Json> = before.iter().map(|setting| (&*setting.path, &setting.value)).collect();
    let differs = |setting: &Setting| {
        let from = known.get(&*setting.path).copied()?;
        (from != &setting.value).then(|| Difference {
            path: setting.path.clone(),
            from: from.clone(),
            to: setting.value.clone(),
            effect: effect_of(&setting.path),
        })
    };
    after.iter().filter_map(differs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_are_those_of_the_key_or_of_what_is_around_it() {
        let check = |path: &str, want: Effect| assert_eq!(effect_of(path), want, "{path}");
        check("server.listen", Effect::Rebind);
        check("server.listen[0].address", Effect::Rebind);
        check("server.tls.key", Effect::Rebind);
        check("server.names", Effect::Live);
        check("data_dir", Effect::Restart);
        check("cache.max_size_mb", Effect::Live);
    }

    #[test]
    fn every_effect_is_of_a_key() {
        use super::super::raw::Raw;
        use super::super::section::Section;
        for (path, _) in EFFECTS {
            let mut table = Some(&Raw::TABLE);
            for part in path.split('.') {
                let key = table.and_then(|table| table.keys.iter().find(|key| key.name == part));
                // Keys that are built beside this list may not be there yet.
                if key.is_none() && path.starts_with("web.") {
                    break;
                }
                table = key.unwrap_or_else(|| panic!("no key {path}")).kind.section();
            }
        }
    }
}
