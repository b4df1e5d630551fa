//! The JSON forms of what the parent shall have: DS records, in the forms that registrars ask for.

use dns::{Name, RType};
use node::signing::{KeyStatus, ZoneSigning};
use serde::Serialize;
use utoipa::ToSchema;
use zone::Contents;

use super::key_forms::{DsConfirmedOut, KeyRole, confirmed};
use super::record_text::line;

/// What the parent shall have.
#[derive(Debug, Serialize, ToSchema)]
pub struct ZoneDsOut {
    /// The zone.
    pub zone: String,
    /// The keys that a DS record is for.
    pub keys: Vec<KeyDsOut>,
    /// The CDS records that the zone publishes (RFC 7344), as zone files have them.
    pub cds: Vec<String>,
}

/// What registrars ask for of a key.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyDsOut {
    /// Its key tag.
    pub tag: u16,
    /// What it signs.
    pub role: KeyRole,
    /// The parent shall have a DS record for it now.
    pub wants_ds: bool,
    /// What is known of its DS record at the parent.
    pub ds_confirmed: Option<DsConfirmedOut>,
    /// Its DNSKEY record, as zone files have it.
    pub dnskey: String,
    /// Its DS records.
    pub ds: Vec<DsFieldsOut>,
}

/// A DS record with its fields apart.
#[derive(Debug, Serialize, ToSchema)]
pub struct DsFieldsOut {
    /// The record, as zone files have it.
    pub line: String,
    /// The key tag.
    pub tag: u16,
    /// The number of the algorithm.
    pub algorithm: u8,
    /// 2: SHA-256; 4: SHA-384.
    pub digest_type: u8,
    /// The digest, in hexadecimal.
    pub digest: String,
}

impl ZoneDsOut {
    /// The keys that want a DS record, or `all` that can have one; `contents`: the zone as it is served.
    pub fn new(status: &ZoneSigning, contents: Option<&Contents>, all: bool) -> ZoneDsOut {
        let zone = &status.zone;
        let wanted = status.keys.iter().filter(|key| key.wants_ds || all && !key.ds.is_empty());
        let cds = contents.and_then(|contents| contents.records(zone, RType::CDS)).map(|records| records.data);
        ZoneDsOut {
            zone: zone.to_string(),
            keys: wanted.map(|key| KeyDsOut::new(zone, key)).collect(),
            cds: cds.unwrap_or_default().iter().map(|data| line(zone, RType::CDS, data)).collect(),
        }
    }
}

impl KeyDsOut {
    fn new(zone: &Name, status: &KeyStatus) -> KeyDsOut {
        let key = &status.key;
        let fields = |record: &node::signing::DsRecord| DsFieldsOut {
            line: line(zone, RType::DS, &record.rdata),
            tag: key.tag(),
            algorithm: key.algorithm().0,
            digest_type: record.digest_type,
            // Behind tag, algorithm and type of the digest (RFC 4034 5.1).
            digest: data_encoding::HEXUPPER.encode(record.rdata.get(4..).unwrap_or_default()),
        };
        KeyDsOut {
            tag: key.tag(),
            role: key.role.into(),
            wants_ds: status.wants_ds,
            ds_confirmed: confirmed(key),
            dnskey: line(zone, RType::DNSKEY, &key.dnskey),
            ds: status.ds.iter().map(fields).collect(),
        }
    }
}
