//! The directory of a demo: what is in it, whose it is, and the configuration that serves it.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::blocking::{CHILDREN_RULES, LISTS, RULES, Rule};
use super::model::{DEVICES, Group};
use super::zones::{REVERSE, Zone};

/// Tells that the directory is a demo's, and what it was made with.
const MARKER: &str = "demo.json";
const CONFIG: &str = "headwater.yaml";
const DATA: &str = "data";
/// All that a demo makes, besides its directory.
const OURS: [&str; 5] = [MARKER, CONFIG, "zones", "lists", DATA];
/// What the file says first.
const HEAD: &str = "# The configuration of a demo: everything in it is made up. `headwater demo` made it and uses it\n\
                    # as it is now: it may be changed, here and by the web interface. `headwater demo --fresh` makes it anew.\n";
/// When the children sleep, as [`super::model::bedtime`] has it.
const BEDTIME: &str = "mon-fri 21:00-06:30 UTC; sat,sun 22:00-08:00 UTC";

/// What a demo was made with, and goes on with.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What chance is made of.
    pub seed: u64,
    /// Queries a second at the busiest time.
    pub rate: f64,
    /// The port of the DNS.
    pub dns_port: u16,
    /// The port of the page and the API.
    pub web_port: u16,
    /// The port of what stands in for the Internet.
    pub internet_port: u16,
}

/// What a directory is.
#[derive(Debug, PartialEq)]
pub enum Found {
    /// Nothing is there, or nothing that stays.
    Nothing,
    /// A demo that was made.
    Demo(Settings),
}

/// The directory of a demo.
#[derive(Debug, Clone)]
pub struct Place(PathBuf);

impl Place {
    /// This directory.
    pub fn new(directory: PathBuf) -> Place {
        Place(directory)
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.0
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.0.join(CONFIG)
    }

    /// The data directory of the server.
    pub fn data(&self) -> PathBuf {
        self.0.join(DATA)
    }

    /// The file of a zone.
    pub fn zone_file(&self, zone: &str) -> PathBuf {
        self.0.join("zones").join(format!("{zone}.zone"))
    }

    /// What is there. With `fresh`, a demo makes room; one that was not made to the end does so by itself.
    ///
    /// # Errors
    /// Something else is there; a demo runs there; what the file system says.
    pub fn look(&self, fresh: bool) -> anyhow::Result<Found> {
        let shown = self.0.display();
        let is_empty = match fs::read_dir(&self.0) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(error).with_context(|| shown.to_string()),
        };
        if is_empty {
            return Ok(Found::Nothing);
        }
        let text = match fs::read_to_string(self.0.join(MARKER)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                bail!("{shown} is not empty, and not the directory of a demo: choose another one with --directory")
            }
            Err(error) => return Err(error).with_context(|| format!("{shown}/{MARKER}")),
        };
        if UnixStream::connect(self.data().join("control.sock")).is_ok() {
            bail!("a demo is running in {shown}: stop it first, or choose another directory with --directory");
        }
        let marker: Value = serde_json::from_str(&text).with_context(|| format!("{shown}/{MARKER}"))?;
        if !fresh && marker["complete"] == true {
            let settings = Settings::read(&marker);
            return settings.map(Found::Demo).with_context(|| {
                format!("{shown}/{MARKER} is not what it was: `headwater demo --fresh` makes the demo anew")
            });
        }
        self.clear()?;
        Ok(Found::Nothing)
    }

    /// Removes what a demo has made, and nothing else.
    fn clear(&self) -> anyhow::Result<()> {
        // The marker goes last: if this ends half way, it is still the directory of a demo.
        for name in OURS.iter().rev() {
            let path = self.0.join(name);
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| path.display().to_string());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes configuration, zones and lists.
    ///
    /// # Errors
    /// What the file system says.
    pub fn make(&self, settings: &Settings) -> anyhow::Result<()> {
        for directory in ["zones", "lists"] {
            fs::create_dir_all(self.0.join(directory)).with_context(|| self.0.display().to_string())?;
        }
        self.mark(settings, false)?;
        let write = |path: PathBuf, text: String| fs::write(&path, text).with_context(|| path.display().to_string());
        Zone::all().iter().try_for_each(|zone| write(self.zone_file(zone.name), zone.text()))?;
        LISTS.iter().try_for_each(|list| write(self.0.join(list.file), list.text()))?;
        write(self.config(), settings.config())
    }

    /// Notes what the demo was made with, and whether all of it is there.
    ///
    /// # Errors
    /// What the file system says.
    pub fn mark(&self, settings: &Settings, complete: bool) -> anyhow::Result<()> {
        let path = self.0.join(MARKER);
        fs::write(&path, format!("{:#}\n", settings.marker(complete))).with_context(|| path.display().to_string())
    }
}

impl Settings {
    fn marker(&self, complete: bool) -> Value {
        json!({
            "about": "This directory is a demo of Headwater; everything in it is made up.",
            "complete": complete,
            "seed": self.seed,
            "queries_per_second": self.rate,
            "dns_port": self.dns_port,
            "web_port": self.web_port,
            "internet_port": self.internet_port,
        })
    }

    fn read(marker: &Value) -> Option<Settings> {
        let port = |key: &str| marker[key].as_u64().and_then(|port| u16::try_from(port).ok());
        Some(Settings {
            seed: marker["seed"].as_u64()?,
            rate: marker["queries_per_second"].as_f64()?,
            dns_port: port("dns_port")?,
            web_port: port("web_port")?,
            internet_port: port("internet_port")?,
        })
    }

    /// The text of the configuration. Whoever tries the demo is the only one who reaches it: it listens on this machine alone.
    fn config(&self) -> String {
        let mut text = String::from(HEAD);
        let Settings { dns_port, web_port, internet_port, .. } = self;
        // A String takes everything.
        let _ = write!(
            text,
            "server:\n  name: ns1.brightwater.example\n  bind_address: [\"127.0.0.1\"]\n  dns_port: {dns_port}\n  \
             web_port: {web_port}\ndata_dir: {DATA}\n\n\
             # What stands in for the Internet while the demo runs. It signs nothing, so nothing is validated.\n\
             upstream_servers: [\"127.0.0.1:{internet_port}\"]\n\
             resolver:\n  validate: false\n  priming: false\n  trust_anchor_update: false\n  \
             trust_anchor_signalling: false\n\n\
             # The two other zones live in the journal, where the web interface can change them.\n\
             zones:\n  - {{ name: {REVERSE}, file: zones/{REVERSE}.zone }}\n\n"
        );
        text.push_str(&groups());
        text.push_str(&devices());
        text.push_str(&blocking());
        text
    }
}

fn groups() -> String {
    let mut text = String::from("groups:\n");
    for group in Group::ALL {
        let rest = match group {
            Group::Children => format!(", rules: {}, schedule: \"{BEDTIME}\"", quoted(&CHILDREN_RULES)),
            _ => String::new(),
        };
        let _ = writeln!(text, "  - {{ name: {}{rest} }}", group.as_str());
    }
    text
}

fn devices() -> String {
    let mut text = String::from("\nclients:\n");
    for device in &DEVICES {
        let child = if device.group == Group::Children { ", user_child" } else { "" };
        let (name, address, group, tag) = (device.name, device.address, device.group.as_str(), device.tag);
        let _ = writeln!(text, "  - {{ name: {name}, addresses: [{address}], group: {group}, tags: [{tag}{child}] }}");
    }
    text
}

fn blocking() -> String {
    let mut text = String::from("\nblocking:\n  lists:\n");
    for list in &LISTS {
        let groups: Vec<&str> = list.groups.iter().map(|group| group.as_str()).collect();
        let action = if list.denies { ", action: nxdomain" } else { "" };
        let _ = writeln!(
            text,
            "    - {{ name: {}, file: {}, format: domains, groups: [{}]{action} }}",
            list.name,
            list.file,
            groups.join(", ")
        );
    }
    let _ = writeln!(text, "  rules: {}", quoted(&RULES));
    text
}

/// Rules as a list of texts.
fn quoted(rules: &[Rule]) -> String {
    let texts: Vec<String> = rules.iter().map(|rule| format!("\"{}\"", rule.text)).collect();
    format!("[{}]", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use config::{Config, LoadOptions};

    use super::*;

    fn settings() -> Settings {
        Settings { seed: 7, rate: 2.5, dns_port: 5300, web_port: 8000, internet_port: 5301 }
    }

    #[test]
    fn the_configuration_is_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = Place::new(directory.path().join("demo"));
        place.make(&settings()).expect("made");
        let options = LoadOptions { config: Some(place.config()), ..LoadOptions::default() };
        let (config, warnings) = Config::load(options).expect("a configuration");
        assert!(warnings.is_empty(), "{warnings:?}");
        assert_eq!((config.clients.len(), config.zones.len()), (DEVICES.len(), 1));
        assert!(Group::ALL.iter().all(|group| config.groups.iter().any(|known| known.name == group.as_str())));
    }

    #[test]
    fn a_directory_is_used_again_and_others_are_left_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = Place::new(directory.path().join("demo"));
        assert_eq!(place.look(false).expect("nothing"), Found::Nothing);
        place.make(&settings()).expect("made");
        assert_eq!(place.look(false).expect("half a demo"), Found::Nothing, "what is not complete makes room");
        assert!(!place.config().exists());
        place.make(&settings()).and_then(|()| place.mark(&settings(), true)).expect("made");
        assert_eq!(place.look(false).expect("a demo"), Found::Demo(settings()));
        fs::write(place.directory().join("notes.txt"), "mine").expect("a file");
        assert_eq!(place.look(true).expect("room"), Found::Nothing);
        assert!(place.directory().join("notes.txt").exists() && !place.config().exists());
        let error = place.look(false).expect_err("something else is there").to_string();
        assert!(error.contains("not the directory of a demo"), "{error}");
    }
}
