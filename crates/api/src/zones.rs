//! `/zones`: the list, one zone with its settings, making and removing zones, and changesets over several.

use std::sync::Arc;

use access::{Action, Verb, no_such_zone};
use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dns::NameBuf;
use node::read_only::MaintainedIn;
use node::zone_info::{TransferState, ZoneInfo, ZoneState};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zone::check::{Finding, Source};

use super::blocking::blocking;
use super::body::{Body, Params};
use super::caller::Caller;
use super::changeset;
use super::etag::{self, IfMatch};
use super::limits::PAGE_MAX;
use super::names;
use super::outcome::{Outcome, Warning, WriteParams};
use super::page::{self, Page};
use super::plan::{self, Plan, What};
use super::problem::Problem;
use super::rrset::RrsetIn;
use super::search::{Budget, Contains};
use super::settings::{Kind, Policy, SettingsIn, SettingsOut, Validation};
use super::state::App;
use super::steps::Changeset;

/// Findings of each zone of a list.
const LISTED_FINDINGS: usize = 10;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, configure, delete))
        .routes(routes!(changeset))
}

/// A zone.
#[derive(Debug, Serialize, ToSchema)]
pub struct ZoneOut {
    /// The apex.
    pub name: String,
    /// The apex with U-labels, if it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unicode: Option<String>,
    /// The serial; null: no contents yet.
    pub serial: Option<u32>,
    /// `serving`, `waiting` (no contents yet) or `expired`.
    pub state: &'static str,
    /// `journal`, or `file`: read-only here.
    pub source: &'static str,
    /// Number of records.
    pub records: u64,
    /// How it is served.
    pub settings: SettingsOut,
    /// What the checks say about the records that are served.
    pub findings: FindingsOut,
    /// Of a secondary: how its transfers go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer: Option<TransferOut>,
    /// Of a zone that was just made: what in the request should be looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// What the checks say about the records of a zone. Nothing of it keeps the zone from being served.
#[derive(Debug, Serialize, ToSchema)]
pub struct FindingsOut {
    /// How many findings there are; 1000 stands for that many or more.
    pub count: usize,
    /// The first of them: of one zone all that are counted, in a list of zones up to 10.
    pub list: Vec<Warning>,
}

impl FindingsOut {
    /// Up to `limit` findings of a zone.
    fn new(zone: &ZoneInfo, limit: usize) -> FindingsOut {
        let source = zone.records_from();
        let list = zone.findings.iter().take(limit).map(|finding| Warning::new(finding, source));
        FindingsOut { count: zone.findings.len(), list: list.collect() }
    }
}

/// How the transfers of a secondary zone go. Times are in milliseconds since 1970.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransferOut {
    /// The primary that was asked last.
    pub primary: Option<String>,
    /// The serial that the primary had of the zone. Where the zone is signed here, `serial` of the zone is its own and another
    /// one.
    pub primary_serial: Option<u32>,
    /// When a primary last said that the zone is current, or sent it.
    pub refreshed_at_ms: Option<u64>,
    /// When the next refresh is due.
    pub next_refresh_at_ms: Option<u64>,
    /// When the zone stops being served unless it is refreshed.
    pub expires_at_ms: Option<u64>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// Primaries that went back: nothing is transferred from them until their serial is later than the zone's, or the
    /// zone has expired.
    pub behind: Vec<BehindOut>,
}

/// A primary whose serial is earlier than the zone's.
#[derive(Debug, Serialize, ToSchema)]
pub struct BehindOut {
    /// Which.
    pub primary: String,
    /// Its serial.
    pub serial: u32,
}

impl From<&TransferState> for TransferOut {
    fn from(state: &TransferState) -> TransferOut {
        TransferOut {
            primary: state.primary.clone(),
            primary_serial: state.primary_serial,
            refreshed_at_ms: state.refreshed_at_ms,
            next_refresh_at_ms: state.next_refresh_at_ms,
            expires_at_ms: state.expires_at_ms,
            last_error: state.last_error.clone(),
            behind: state
                .behind
                .iter()
                .map(|(primary, serial)| BehindOut { primary: primary.clone(), serial: *serial })
                .collect(),
        }
    }
}

impl ZoneOut {
    /// A zone with up to `findings` of its findings.
    fn new(zone: &ZoneInfo, findings: usize) -> ZoneOut {
        ZoneOut {
            name: zone.name.to_string(),
            unicode: dns::idn::to_u_labels(&zone.name),
            serial: zone.serial,
            state: match zone.state {
                ZoneState::Serving => "serving",
                ZoneState::Elsewhere => "elsewhere",
                ZoneState::Waiting => "waiting",
                ZoneState::Expired => "expired",
            },
            source: match zone.maintained_in {
                MaintainedIn::Journal => "journal",
                MaintainedIn::Configuration => "configuration",
                MaintainedIn::File | MaintainedIn::SignedFile => "file",
            },
            records: zone.records,
            settings: (&*zone.settings).into(),
            findings: FindingsOut::new(zone, findings),
            transfer: zone.transfer.as_ref().map(TransferOut::from),
            warnings: Vec::new(),
        }
    }
}

/// What `GET /zones` takes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ZoneListParams {
    /// Items of the page, 1 to 1000; 100 without it.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<String>,
    /// Only zones with this in their name, as A-labels or U-labels.
    #[param(max_length = 255)]
    contains: Option<String>,
    /// Only these.
    kind: Option<Kind>,
    /// Only zones in this state.
    state: Option<StateFilter>,
}

/// The states that zones can be searched by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum StateFilter {
    /// It answers.
    Serving,
    /// Other servers of the cluster answer for it.
    Elsewhere,
    /// It has no contents yet.
    Waiting,
    /// No primary confirmed it for too long.
    Expired,
    /// A secondary whose last transfer failed.
    Failing,
    /// The checks have something to say about its records.
    Findings,
}

impl StateFilter {
    fn fits(self, zone: &ZoneInfo) -> bool {
        match self {
            StateFilter::Serving => zone.state == ZoneState::Serving,
            StateFilter::Elsewhere => zone.state == ZoneState::Elsewhere,
            StateFilter::Waiting => zone.state == ZoneState::Waiting,
            StateFilter::Expired => zone.state == ZoneState::Expired,
            StateFilter::Failing => zone.transfer.as_ref().is_some_and(|transfer| transfer.last_error.is_some()),
            StateFilter::Findings => !zone.findings.is_empty(),
        }
    }
}

/// Which zones are wanted.
struct WantedZones {
    size: usize,
    after: Option<NameBuf>,
    contains: Option<Contains>,
    kind: Option<Kind>,
    state: Option<StateFilter>,
}

impl WantedZones {
    fn fits(&self, zone: &ZoneInfo) -> bool {
        self.kind.is_none_or(|kind| kind == Kind::from(zone.settings.kind))
            && self.state.is_none_or(|state| state.fits(zone))
            && self.contains.as_ref().is_none_or(|contains| contains.is_in_name(&zone.name))
    }

    fn is_search(&self) -> bool {
        self.contains.is_some() || self.kind.is_some() || self.state.is_some()
    }
}

/// The zones, in canonical order. A search ends after 200 ms with what it has found: `next` goes on where it ended.
#[utoipa::path(get, path = "/zones", tag = "zones", params(ZoneListParams),
    responses((status = 200, body = Page<ZoneOut>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ZoneListParams>,
) -> Result<Response, Problem> {
    let after = params.after.as_deref().map(|text| text.parse::<NameBuf>());
    let wanted = WantedZones {
        size: page::size(params.limit)?,
        after: after.transpose().map_err(|_| Problem::parameter("after", "`next` of a page"))?,
        contains: Contains::read(params.contains.as_deref())?,
        kind: params.kind,
        state: params.state,
    };
    let page = blocking(move || Ok::<_, Problem>(page_of(&app, &caller, wanted))).await?;
    Ok(page.respond(&uri))
}

/// A page of the zones that are wanted and that the caller may see.
fn page_of(app: &App, caller: &Caller, wanted: WantedZones) -> Page<ZoneOut> {
    let (mut items, mut last, is_search) = (Vec::new(), wanted.after.clone(), wanted.is_search());
    let mut budget = if is_search { Budget::of_search() } else { Budget::of_list() };
    loop {
        // Of a list one more than wanted tells whether there are more.
        let count = if is_search { PAGE_MAX } else { wanted.size - items.len() + 1 };
        let zones = app.node.zones_after(last.as_deref(), count);
        let is_end = zones.len() < count;
        for zone in &zones {
            if items.len() == wanted.size || !budget.take() {
                return Page { items, next: last.map(|name| name.to_string()) };
            }
            if wanted.fits(zone) && caller.may(&Action::zone(Verb::Read, &zone.name)) {
                items.push(ZoneOut::new(zone, LISTED_FINDINGS));
            }
            last = Some(zone.name.clone());
        }
        if is_end {
            return Page { items, next: None };
        }
    }
}

/// A new zone. Without `rrsets` it gets a SOA and NS records; with `primaries` it is a secondary.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "example.org"}))]
pub struct NewZone {
    /// The apex.
    pub name: String,
    /// `primary`, or `secondary`.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// How serials are found.
    #[serde(default)]
    pub serial_policy: Option<Policy>,
    /// Its name servers; without them, this server.
    #[serde(default)]
    pub nameservers: Vec<String>,
    /// Records besides SOA and NS, or instead of them.
    #[serde(default)]
    pub rrsets: Vec<RrsetIn>,
    /// Of a secondary: `address[:port] [key:NAME]`.
    #[serde(default)]
    pub primaries: Option<Vec<String>>,
    /// Who may ask; empty: everybody.
    #[serde(default)]
    pub allow_query: Option<Vec<String>>,
    /// Who may transfer.
    #[serde(default)]
    pub allow_transfer: Option<Vec<String>>,
    /// Who may send updates, and of what.
    #[serde(default)]
    pub allow_update: Option<Vec<String>>,
    /// Of a secondary: whose updates go on to the primaries; elsewhere it has no effect.
    #[serde(default)]
    pub allow_update_forwarding: Option<Vec<String>>,
    /// Who may send NOTIFY; empty: the primaries.
    #[serde(default)]
    pub allow_notify: Option<Vec<String>>,
    /// Whom to tell of changes: `address[:port] [key:NAME]`.
    #[serde(default)]
    pub notify: Option<Vec<String>>,
    /// Name of the policy of `dnssec.policies` that the zone is signed by here; empty, or `off`: it is not signed here.
    #[serde(default)]
    pub dnssec: Option<String>,
    /// What is done about signatures of others: of a secondary that is not signed here; elsewhere it has no effect.
    #[serde(default)]
    pub dnssec_validate: Option<Validation>,
    /// Which servers of a cluster answer for it: names of servers, and labels `KEY=VALUE`, in both of which `*` stands for any
    /// text; empty: all.
    #[serde(default)]
    pub placement: Option<Vec<String>>,
}

impl NewZone {
    fn into_settings(self) -> SettingsIn {
        SettingsIn {
            kind: self.kind,
            serial_policy: self.serial_policy,
            primaries: self.primaries,
            allow_query: self.allow_query,
            allow_transfer: self.allow_transfer,
            allow_update: self.allow_update,
            allow_update_forwarding: self.allow_update_forwarding,
            allow_notify: self.allow_notify,
            notify: self.notify,
            dnssec: self.dnssec,
            dnssec_validate: self.dnssec_validate,
            placement: self.placement,
        }
    }
}

/// Makes a zone. It answers when this does.
#[utoipa::path(post, path = "/zones", tag = "zones", params(WriteParams), request_body = NewZone,
    responses((status = 201, body = ZoneOut, description = "the new zone"), (status = 200, body = Outcome, description = "dry run")))]
async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<WriteParams>,
    Body(mut body): Body<NewZone>,
) -> Result<Response, Problem> {
    let zone: NameBuf = body.name.parse().map_err(|error| {
        Problem::unprocessable(vec![super::problem::FieldError::at("/name", format!("no domain name: {error}"))])
    })?;
    let (nameservers, rrsets) = (std::mem::take(&mut body.nameservers), std::mem::take(&mut body.rrsets));
    let settings = body.into_settings();
    let what = changeset::create(&app, &caller, &zone, &settings, &nameservers, &rrsets)?;
    let dry_run = params.dry_run;
    let plan = Plan { zone: zone.clone(), expected: IfMatch::Nothing, what };
    let notes = plan.notes();
    let committed = app.commit(&caller, params.submission(false)?, plan::prepare(vec![plan])).await?;
    let Some(info) = app.node.zone(&zone).filter(|_| !dry_run) else {
        return Ok(Outcome::new(&committed, dry_run).noted(&notes).respond(StatusCode::OK));
    };
    let warnings = notes.iter().map(|note| Warning::new(note, Source::Made)).collect();
    let out = ZoneOut { warnings, ..ZoneOut::new(&info, usize::MAX) };
    let mut response = (StatusCode::CREATED, Json(out)).into_response();
    let mut location = String::from("/api/v1/zones/");
    page::encode(&info.name.to_string(), &mut location);
    response.headers_mut().extend(HeaderValue::try_from(location).ok().map(|value| (header::LOCATION, value)));
    response.headers_mut().extend(info.serial.map(|serial| (header::ETAG, etag::of(serial))));
    Ok(response)
}

/// One zone.
#[utoipa::path(get, path = "/zones/{zone}", tag = "zones", params(("zone" = String, Path, description = "The zone")),
    responses((status = 200, body = ZoneOut), (status = 304, description = "the client has it")))]
async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(zone): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let zone = names::zone(&zone)?;
    caller.require(&Action::zone(Verb::Read, &zone))?;
    let info = app.node.zone(&zone).ok_or_else(|| Problem::not_found(no_such_zone(&zone)))?;
    let tag = info.serial.map(|serial| (header::ETAG, etag::of(serial)));
    // The state of transfers changes without the serial.
    let known = info.transfer.is_none() && info.serial.is_some_and(|serial| etag::is_known(&headers, serial));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(ZoneOut::new(&info, usize::MAX)).into_response()
    };
    response.headers_mut().extend(tag);
    Ok(response)
}

/// Changes settings; what is left out stays.
#[utoipa::path(patch, path = "/zones/{zone}", tag = "zones", request_body = SettingsIn,
    params(("zone" = String, Path, description = "The zone"), WriteParams), responses((status = 200, body = Outcome)))]
async fn configure(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(zone): Path<String>,
    expected: IfMatch,
    Params(params): Params<WriteParams>,
    Body(settings): Body<SettingsIn>,
) -> Result<Response, Problem> {
    let zone = names::zone(&zone)?;
    changeset::configure(&app, &caller, &zone, &settings)?;
    one(&app, &caller, params, Plan { zone, expected, what: What::Configure(settings) }).await
}

/// Removes a zone.
#[utoipa::path(delete, path = "/zones/{zone}", tag = "zones",
    params(("zone" = String, Path, description = "The zone"), WriteParams), responses((status = 200, body = Outcome)))]
async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(zone): Path<String>,
    expected: IfMatch,
    Params(params): Params<WriteParams>,
) -> Result<Response, Problem> {
    let zone = names::zone(&zone)?;
    caller.require(&Action::zone(Verb::Delete, &zone))?;
    one(&app, &caller, params, Plan { zone, expected, what: What::Delete }).await
}

/// Makes the change of one zone.
///
/// # Errors
/// What the committer says.
pub async fn one(app: &App, caller: &Caller, params: WriteParams, plan: Plan) -> Result<Response, Problem> {
    let (dry_run, conditional) = (params.dry_run, plan.expected != IfMatch::Nothing);
    let (submission, notes) = (params.submission(conditional)?, plan.notes());
    let committed = app.commit(caller, submission, plan::prepare(vec![plan])).await?;
    Ok(Outcome::new(&committed, dry_run).noted(&notes).respond(StatusCode::OK))
}

/// What `POST /changesets` takes besides its body.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ChangesetParams {
    /// Only say what would happen: the difference and what the checks find.
    #[serde(default)]
    pub dry_run: bool,
}

/// Changes several zones: all of it happens, or none.
#[utoipa::path(post, path = "/changesets", tag = "changes", params(ChangesetParams), request_body = Changeset,
    responses((status = 200, body = Outcome)))]
async fn changeset(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<ChangesetParams>,
    Body(body): Body<Changeset>,
) -> Result<Response, Problem> {
    commit_changeset(&app, &caller, body, params.dry_run).await
}

/// Makes a changeset, or says what it would do.
///
/// # Errors
/// What is at fault in it, or what the committer says.
pub async fn commit_changeset(app: &App, caller: &Caller, set: Changeset, dry_run: bool) -> Result<Response, Problem> {
    let conditional = set.zones.iter().any(|step| step.if_serial.is_some());
    let plans = changeset::plan_all(app, caller, &set.zones)?;
    let submission = WriteParams { dry_run, why: set.why }.submission(conditional)?;
    let notes: Vec<Finding> = plans.iter().flat_map(Plan::notes).collect();
    let committed = app.commit(caller, submission, plan::prepare(plans)).await?;
    Ok(Outcome::new(&committed, dry_run).noted(&notes).respond(StatusCode::OK))
}
