//! Changes of zones as clients write them: `changeset.rs` plans them, `draft_store.rs` keeps them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::rrset::RrsetIn;
use super::settings::SettingsIn;

/// Changes of several zones.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Changeset {
    /// Why the changes are made.
    #[serde(default)]
    pub why: String,
    /// What happens to each zone; a zone occurs once.
    pub zones: Vec<ZoneStep>,
}

/// What shall happen to a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ZoneAction {
    /// It comes to be: `settings`, `nameservers`, `rrsets`.
    Create,
    /// RRsets change: `changes`.
    Edit,
    /// The settings change: `settings`.
    Configure,
    /// It goes.
    Delete,
}

/// A change of one zone.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ZoneStep {
    /// The zone.
    pub zone: String,
    /// What shall happen to it.
    pub action: ZoneAction,
    /// Only if it has this serial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_serial: Option<u32>,
    /// How it is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<SettingsIn>,
    /// The name servers of a new zone; without them, this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nameservers: Option<Vec<String>>,
    /// The records of a new zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rrsets: Option<Vec<RrsetIn>>,
    /// Changes of RRsets, made one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<RrsetStep>>,
}

/// What shall happen to an RRset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RrsetOp {
    /// It becomes `records`.
    Replace,
    /// `records` come to those that are there.
    Add,
    /// `records` go from those that are there.
    Remove,
    /// It goes; without `type`, everything at the name goes.
    Delete,
}

/// A change of one RRset.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"op": "replace", "name": "www", "type": "A", "ttl": 300, "records": [{"address": "192.0.2.1"}]}))]
pub struct RrsetStep {
    /// What shall happen.
    pub op: RrsetOp,
    /// The owner: absolute with a final dot, else relative to the zone; `@` is the apex.
    pub name: String,
    /// The type: a mnemonic or `TYPEn`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub rtype: Option<String>,
    /// Time to live in seconds; without it, that of the RRset, or 3600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u32>,
    /// Data, as in RRsets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Value>>)]
    pub records: Option<Vec<Value>>,
}
