//! What people did in the demo: an administrator, two zones in the journal, and changes of them, each with its reason. All
//! of it goes the way that changes of a server which does not run go, and has the time at which it was made.

use std::fs;

use anyhow::Context;
use serde_json::{Value, json};

use super::files::Place;
use super::zones::{COMPANY, HOME};
use crate::cli::NodeArgs;
use crate::cli::client::{Client, Directory, path, target};

/// The name of the administrator.
pub const ADMINISTRATOR: &str = "admin";
/// Octets of chance in the password: 120 bits.
const SECRET_LEN: usize = 15;

/// A change: zone, owner, type, values, why.
type Change = (&'static str, &'static str, &'static str, &'static [&'static str], &'static str);

const CHANGES: [Change; 6] = [
    (COMPANY, "voice", "A", &["127.20.0.9", "127.20.0.19"], "a second telephone server for the new floor"),
    (COMPANY, "mail-backup", "A", &["203.0.113.27"], "the provider moved our backup mail server"),
    (
        COMPANY,
        "@",
        "TXT",
        &["v=spf1 mx include:mail.sales-desk.example -all"],
        "newsletters come from the sales desk now",
    ),
    (COMPANY, "shop", "CNAME", &["www"], "the shop opens on Monday"),
    (HOME, "weather", "A", &["127.10.0.60"], "the new weather station on the balcony"),
    (HOME, "printer", "A", &["127.10.0.7"], "the printer is on the wired network now"),
];

/// How much was made.
#[derive(Debug)]
pub struct Made {
    /// The administrator's password.
    pub password: String,
    /// Changes of zones.
    pub changes: usize,
}

/// Makes the administrator, the zones, and the changes.
///
/// # Errors
/// What the server's own checks say, and the system's.
pub fn make(place: &Place) -> anyhow::Result<Made> {
    let args = NodeArgs { config: Some(place.config()), data: None };
    let client = Client::find(&args, Directory::Made)?;
    let password = password()?;
    let user = json!({
        "name": ADMINISTRATOR, "display_name": "Administrator of the demo", "roles": ["admin"], "password": password
    });
    client.call("POST", "/api/v1/users", &user).context("the administrator")?;
    for (zone, why) in [(COMPANY, "the company's names, from its old server"), (HOME, "names for the things at home")] {
        let file = place.zone_file(zone);
        let text = fs::read(&file).with_context(|| file.display().to_string())?;
        let target = target(&path(&["zones", zone, "import"]), &[("create", "true"), ("why", why)]);
        client.send("POST", &target, &[("content-type", "text/dns")], &text).with_context(|| zone.to_owned())?;
    }
    for (zone, owner, rtype, values, why) in CHANGES {
        let target = target(&path(&["zones", zone, "rrsets", owner, rtype]), &[("why", why)]);
        let records: Vec<Value> = values.iter().map(|value| record(rtype, value)).collect();
        client.call("PUT", &target, &json!({"records": records})).with_context(|| format!("{owner} of {zone}"))?;
    }
    Ok(Made { password, changes: CHANGES.len() })
}

/// A value as the API takes it: text as text.
fn record(rtype: &str, value: &str) -> Value {
    if rtype == "TXT" { json!({"text": [value]}) } else { json!(value) }
}

/// A password that nobody can guess: small letters and digits.
fn password() -> anyhow::Result<String> {
    let mut octets = [0; SECRET_LEN];
    getrandom::fill(&mut octets)?;
    Ok(data_encoding::BASE32_NOPAD.encode(&octets).to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::files::Settings;

    #[test]
    fn zones_are_in_the_journal_with_their_changes() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = Place::new(directory.path().join("demo"));
        let settings = Settings { seed: 1, rate: 1.0, dns_port: 5300, web_port: 8000, internet_port: 5301 };
        place.make(&settings).expect("files");
        let made = make(&place).expect("changes");
        assert!(made.password.len() >= 20 && made.changes == CHANGES.len());
        let args = NodeArgs { config: Some(place.config()), data: None };
        let client = Client::find(&args, Directory::Existing).expect("the data directory");
        for zone in [COMPANY, HOME] {
            let history = client.get(&path(&["zones", zone, "changes"])).expect("a history");
            let wanted = 1 + CHANGES.iter().filter(|change| change.0 == zone).count();
            assert!(history["items"].as_array().is_some_and(|items| items.len() >= wanted - 1), "{history:#}");
        }
    }
}
