//! Requests for zones that the configuration names: that they are there, served as it says, with the records of their files.

use config::ZoneSource;
use dns::{Name, NameBuf};
use server::clock::unix_ms;
use zone::{Contents, RecordList, ZoneKind, ZoneSettings};

use crate::commit::{Intent, PendingZones, Request, SerialRule};
use crate::new_zone;

/// Makes a zone of the journal, or has it served, as the configuration says.
pub fn as_configured(source: &ZoneSource, server: &NameBuf) -> Request {
    let (name, settings, server) = (source.name.clone(), (*source.settings).clone(), server.clone());
    let is_from_file = source.file().is_some();
    let prepare = move |zones: &dyn PendingZones| {
        let settings = settings.clone();
        let intent = match zones.zone(&name) {
            Some(_) => Intent::Configure { settings },
            // Its file has not been read yet.
            None if is_from_file => return Ok(Vec::new()),
            None => {
                let records = first_records(&name, &settings, &server);
                Intent::Create { settings, records, serial: SerialRule::Policy }
            }
        };
        Ok(vec![(name.clone(), intent)])
    };
    let (who, why) = ("configuration".to_owned(), "named in `zones`".to_owned());
    Request { who, why, reverts: None, prepare: Box::new(prepare), dry_run: false }
}

/// The records of a zone file, for a zone that is signed here.
pub fn from_file(source: &ZoneSource, contents: &Contents) -> Request {
    let (name, settings) = (source.name.clone(), (*source.settings).clone());
    let records = zone::diff::list(contents);
    let prepare = move |zones: &dyn PendingZones| {
        let (records, serial) = (records.clone(), SerialRule::FromFile);
        let intent = match zones.zone(&name) {
            Some(_) => Intent::Replace { records, serial },
            None => Intent::Create { settings: settings.clone(), records, serial },
        };
        Ok(vec![(name.clone(), intent)])
    };
    let (who, why) = ("configuration".to_owned(), "zone file".to_owned());
    Request { who, why, reverts: None, prepare: Box::new(prepare), dry_run: false }
}

/// The records of a zone that the configuration names and that is not there yet.
fn first_records(name: &Name, settings: &ZoneSettings, server: &NameBuf) -> RecordList {
    match settings.kind {
        ZoneKind::Secondary => RecordList::default(),
        ZoneKind::Primary => {
            let servers = std::slice::from_ref(server);
            new_zone::records(name, servers, &[], settings.serial_policy, unix_ms())
        }
    }
}
