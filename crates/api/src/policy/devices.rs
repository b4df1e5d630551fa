//! `/clients`: devices, which have a name, addresses and a group.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use journal::shared::Collection;
use node::policy::{Plan, Policing};
use policy::devices::{Device, Logging, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::access::slice;
use super::super::body::{Body, Params};
use super::super::caller::Caller;
use super::super::page::{self, ListParams, Page};
use super::super::problem::{FieldError, Problem};
use super::super::state::App;
use super::edit::{Edit, tagged};
use super::named::{self, Named};
use super::{SetOut, WhyParams, origin, readable};

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(replace, delete))
}

/// A device, as it is set.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceIn {
    /// Its identifier, which stays when the name changes; left out: the name that it has first.
    #[serde(default)]
    id: String,
    /// What people call it.
    name: String,
    /// Its addresses and networks.
    #[serde(default)]
    addresses: Vec<String>,
    /// Its hardware addresses; leases say which addresses they have.
    #[serde(default)]
    macs: Vec<String>,
    /// Its group; empty: the default group.
    #[serde(default)]
    group: String,
    /// Tags that rules refer to (`$ctag`), such as `device_tv`.
    #[serde(default)]
    tags: Vec<String>,
    /// What is logged about it: `full`, `counts` or `none`; null: as its group says.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    logging: Option<Logging>,
}

/// A device.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceOut {
    /// What was set.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    device: DeviceIn,
    /// `file`: it stands in the configuration; `api`.
    origin: &'static str,
    /// Who set it; null: it stands in the configuration.
    set: Option<SetOut>,
}

impl DeviceIn {
    /// What is not built yet has to be off; the rest is checked together with all other devices.
    fn check(&self) -> Result<(), Problem> {
        let mut faults = Vec::new();
        if !self.macs.is_empty() {
            faults.push(FieldError::at("/macs", "not supported yet: a device is known by `addresses`"));
        }
        if self.logging.is_some() {
            faults.push(FieldError::at("/logging", "not supported yet: leave it out"));
        }
        if faults.is_empty() { Ok(()) } else { Err(Problem::unprocessable(faults)) }
    }
}

impl From<DeviceIn> for Device {
    fn from(device: DeviceIn) -> Device {
        let DeviceIn { id, name, addresses, macs, group, tags, logging } = device;
        Device { id, name, addresses, macs, group, tags, logging, paused_until_ms: 0 }
    }
}

impl From<Device> for DeviceIn {
    fn from(device: Device) -> DeviceIn {
        let Device { id, name, addresses, macs, group, tags, logging, .. } = device;
        DeviceIn { id, name, addresses, macs, group, tags, logging }
    }
}

impl Named for Device {
    const COLLECTION: Collection = Collection::Devices;
    const WHAT: &'static str = "device";
    const PLACE: &'static str = "clients";

    fn name(&self) -> &str {
        &self.name
    }

    /// The identifier stays, so that pauses and figures stay with it.
    fn keep(&mut self, old: &Device) {
        if self.id.is_empty() && (self.name != old.name || !old.id.is_empty()) {
            self.id = old.key().to_owned();
        }
        self.paused_until_ms = old.paused_until_ms;
    }

    fn all(plan: &mut Plan) -> &mut Vec<Device> {
        &mut plan.devices
    }

    fn is_of_file(plan: &Plan, name: &str) -> bool {
        plan.devices.iter().take(plan.file_devices).any(|known| known.name == name)
    }

    fn is_paused_by(&self, scope: &Scope) -> bool {
        matches!(scope, Scope::Device(key) if key == self.key())
    }
}

/// The devices by name. A name that stands in the configuration is that of the device there.
fn all(policing: &Policing) -> Vec<DeviceOut> {
    let state = policing.documents().state();
    let plan = policing.planned(&state);
    let of_file: HashSet<&str> = plan.devices.iter().take(plan.file_devices).map(|it| it.name.as_str()).collect();
    let shown = |device: &Device| {
        let document = state
            .get(Collection::Devices, &named::id_of(&device.name))
            .filter(|_| !of_file.contains(device.name.as_str()));
        let set = document.map(|document| SetOut::of(document));
        DeviceOut { device: device.clone().into(), origin: origin(set.as_ref()), set }
    };
    let mut all: Vec<DeviceOut> = plan.devices.iter().map(shown).collect();
    all.sort_by(|a, b| a.device.name.cmp(&b.device.name));
    all
}

fn one(policing: &Policing, name: &str) -> Result<DeviceOut, Problem> {
    let gone = || Problem::conflict(format!("device {name} has been changed meanwhile"));
    all(policing).into_iter().find(|device| device.device.name == name).ok_or_else(gone)
}

/// The devices by name: those of the configuration and those that were set here.
#[utoipa::path(get, path = "/clients", tag = "blocking", params(ListParams), responses((status = 200, body = Page<DeviceOut>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let devices = all(readable(&app, &caller)?);
    let key = |device: &DeviceOut| device.device.name.clone();
    let size = page::size(params.limit)?;
    Ok(slice(devices.into_iter(), key, params.after.as_deref(), size, |device| device).respond(&uri))
}

/// Gives a device a name. An address can be that of one device only.
#[utoipa::path(post, path = "/clients", tag = "blocking", params(WhyParams), request_body = DeviceIn,
    responses((status = 201, body = DeviceOut)))]
async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<WhyParams>,
    headers: HeaderMap,
    Body(wanted): Body<DeviceIn>,
) -> Result<Response, Problem> {
    let edit = Edit::new(&app, &caller, &params.why, headers)?;
    wanted.check()?;
    let name = wanted.name.clone();
    let version = named::create(edit, Device::from(wanted)).await?;
    Ok(tagged(StatusCode::CREATED, version, one(super::policing(&app)?, &name)?))
}

/// Changes a device, also its name. A device of the configuration cannot be changed here.
#[utoipa::path(put, path = "/clients/{name}", tag = "blocking", request_body = DeviceIn,
    params(WhyParams, ("name" = String, Path, description = "The device")), responses((status = 200, body = DeviceOut)))]
async fn replace(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    Params(params): Params<WhyParams>,
    headers: HeaderMap,
    Body(wanted): Body<DeviceIn>,
) -> Result<Response, Problem> {
    let edit = Edit::new(&app, &caller, &params.why, headers)?;
    wanted.check()?;
    let new_name = wanted.name.clone();
    let version = named::replace(edit, name, Device::from(wanted)).await?;
    Ok(tagged(StatusCode::OK, version, one(super::policing(&app)?, &new_name)?))
}

/// Removes a device, with its pauses: its addresses belong to the default group again.
#[utoipa::path(delete, path = "/clients/{name}", tag = "blocking",
    params(WhyParams, ("name" = String, Path, description = "The device")), responses((status = 204)))]
async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    Params(params): Params<WhyParams>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let edit = Edit::new(&app, &caller, &params.why, headers)?;
    named::delete::<Device>(edit, name).await?;
    Ok(StatusCode::NO_CONTENT)
}
