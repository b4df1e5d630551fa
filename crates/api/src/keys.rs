//! `/zones/{zone}/keys`, `/zones/{zone}/ds` and `/dnssec`: the keys that sign zones, how far each has come, and what the
//! parent shall have. Private keys come in here, and never go out.

use std::sync::Arc;

use access::{Action, Verb, no_such_zone};
use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use dns::NameBuf;
use journal::shared::Author;
use node::signing::{KeyImport, Signing, SigningError, ZoneSigning};
use serde::{Deserialize, Serialize};
use server::clock::{unix_ms, unix_seconds};
use signer::timeline::{PlannedKey, PlannedStep, Request, TimelineError, Which};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::slice;
use super::blocking::blocking;
use super::body::{Body, Params};
use super::caller::Caller;
use super::ds_forms::ZoneDsOut;
use super::key_forms::{KeyRole, SignedZoneOut, ZoneKeyOut, ZoneKeysOut};
use super::key_waits::ElementName;
use super::names;
use super::outcome::check_why;
use super::page::{self, Page};
use super::problem::{FieldError, Problem};
use super::state::App;

/// A timetable goes so far unless the request says another time, in seconds.
const PLAN_S: u64 = 365 * 24 * 3600;
/// A timetable goes no further, in seconds.
const MAX_PLAN_S: u64 = 20 * PLAN_S;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(keys, import))
        .routes(routes!(roll))
        .routes(routes!(retire))
        .routes(routes!(confirm))
        .routes(routes!(plan))
        .routes(routes!(ds))
        .routes(routes!(signed_zones))
}

/// The zone of the path, which the caller may treat so.
fn allowed(app: &App, caller: &Caller, zone: &str, verb: Verb) -> Result<NameBuf, Problem> {
    let zone = names::zone(zone)?;
    caller.require(&Action::zone(verb, &zone))?;
    app.node.zone(&zone).ok_or_else(|| Problem::not_found(no_such_zone(&zone)))?;
    Ok(zone)
}

/// Refusals of [`Signing`] as the client sees them.
fn refused(error: SigningError) -> Problem {
    let detail = error.to_string();
    match error {
        SigningError::NotSigned(_) | SigningError::Timeline(TimelineError::NoKey(_)) => Problem::not_found(detail),
        SigningError::Timeline(_)
        | SigningError::Key(_)
        | SigningError::Gate(_)
        | SigningError::ClockTooEarly
        | SigningError::ClockBehind(_) => Problem::conflict(detail),
        SigningError::Keys(_) | SigningError::Refused(_) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail),
        SigningError::Commit(error) => error.into(),
        SigningError::Signing(_) | SigningError::Settings(_) | SigningError::Raced => {
            Problem::unavailable(detail).retry_after_s(1)
        }
    }
}

/// The same of a rollover: one that is under way says when the next can begin.
fn roll_refused(error: SigningError, signing: &Signing, zone: &NameBuf, which: Which) -> Problem {
    let is_under_way = matches!(error, SigningError::Timeline(TimelineError::UnderWay(_)));
    let horizon_s = unix_seconds() + PLAN_S;
    let earliest_s = is_under_way.then(|| signing.earliest_roll(zone, which, horizon_s)).flatten();
    refused(error).with_earliest_ms(earliest_s.map(|at_s| at_s * 1000))
}

/// Who changes keys, and why.
fn author(caller: &Caller, why: &str) -> Result<Author, Problem> {
    check_why(why)?;
    Ok(Author::new(&caller.who(), why, unix_ms()))
}

/// The signing of a zone that is signed here.
fn status(signing: &Signing, zone: &NameBuf) -> Result<ZoneSigning, Problem> {
    signing.signed_zone(zone).map_err(refused)
}

/// The keys of a zone, how far each has come, and what is waited for.
#[utoipa::path(get, path = "/zones/{zone}/keys", tag = "dnssec", params(("zone" = String, Path, description = "The zone")),
    responses((status = 200, body = ZoneKeysOut)))]
async fn keys(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(zone): Path<String>,
) -> Result<Json<ZoneKeysOut>, Problem> {
    let zone = allowed(&app, &caller, &zone, Verb::Read)?;
    Ok(Json(ZoneKeysOut::from(&status(app.signing()?, &zone)?)))
}

/// What `GET /zones/{zone}/ds` takes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct DsParams {
    /// Also keys that the parent shall have no DS record of now.
    #[serde(default)]
    all: bool,
}

/// What the parent shall have, in the forms that registrars ask for.
#[utoipa::path(get, path = "/zones/{zone}/ds", tag = "dnssec",
    params(("zone" = String, Path, description = "The zone"), DsParams), responses((status = 200, body = ZoneDsOut)))]
async fn ds(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(zone): Path<String>,
    Params(params): Params<DsParams>,
) -> Result<Json<ZoneDsOut>, Problem> {
    let zone = allowed(&app, &caller, &zone, Verb::Read)?;
    let signing = status(app.signing()?, &zone)?;
    Ok(Json(ZoneDsOut::new(&signing, app.node.contents(&zone).as_ref(), params.all)))
}

/// Which keys to replace: `role`, or `tag`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"role": "zsk", "why": "yearly rollover"}))]
pub struct RollIn {
    /// Those that sign this.
    #[serde(default)]
    role: Option<KeyRole>,
    /// The one with this key tag.
    #[serde(default)]
    tag: Option<u16>,
    /// Why, for the history.
    #[serde(default)]
    why: String,
}

/// Begins a rollover: a new key is made, and the old one goes once nobody needs it.
#[utoipa::path(post, path = "/zones/{zone}/keys/roll", tag = "dnssec", request_body = RollIn,
    params(("zone" = String, Path, description = "The zone")), responses((status = 200, body = ZoneKeysOut)))]
async fn roll(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(zone): Path<String>,
    Body(body): Body<RollIn>,
) -> Result<Json<ZoneKeysOut>, Problem> {
    let zone = allowed(&app, &caller, &zone, Verb::Configure)?;
    let which = match (body.role, body.tag) {
        (Some(role), None) => Which::Role(role.into()),
        (None, Some(tag)) => Which::Tag(tag),
        _ => return Err(Problem::unprocessable(vec![FieldError::at("", "expected either `role` or `tag`")])),
    };
    let author = author(&caller, &body.why)?;
    let rolled = move |signing: &Signing, zone: &NameBuf| {
        signing.request(zone, Request::Roll(which), &author).map_err(|error| roll_refused(error, signing, zone, which))
    };
    change(&app, zone, rolled).await
}

/// Which key goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"tag": 12345, "compromised": true, "why": "its file was in a backup that is lost"}))]
pub struct RetireIn {
    /// The key tag.
    tag: u16,
    /// Somebody else may have the private key: others take over as fast as caches allow.
    #[serde(default)]
    compromised: bool,
    /// Why, for the history.
    #[serde(default)]
    why: String,
}

/// Has a key go once nobody needs it, whether or not a rollover is under way. If no other key does its work, a new one is made.
#[utoipa::path(post, path = "/zones/{zone}/keys/retire", tag = "dnssec", request_body = RetireIn,
    params(("zone" = String, Path, description = "The zone")), responses((status = 200, body = ZoneKeysOut)))]
async fn retire(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(zone): Path<String>,
    Body(body): Body<RetireIn>,
) -> Result<Json<ZoneKeysOut>, Problem> {
    let zone = allowed(&app, &caller, &zone, Verb::Configure)?;
    let author = author(&caller, &body.why)?;
    let request = Request::Retire { tag: body.tag, compromised: body.compromised };
    let retired = move |signing: &Signing, zone: &NameBuf| signing.request(zone, request, &author).map_err(refused);
    change(&app, zone, retired).await
}

/// What somebody knows of the parent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"tag": 12345, "published": true, "why": "seen at the registrar"}))]
pub struct DsIn {
    /// The key tag.
    tag: u16,
    /// Every name server of the parent has the DS record; false: none has it any more.
    published: bool,
    /// Why, for the history.
    #[serde(default)]
    why: String,
}

/// Notes that the parent has the DS record of a key, or has withdrawn it.
#[utoipa::path(post, path = "/zones/{zone}/keys/ds", tag = "dnssec", request_body = DsIn,
    params(("zone" = String, Path, description = "The zone")), responses((status = 200, body = ZoneKeysOut)))]
async fn confirm(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(zone): Path<String>,
    Body(body): Body<DsIn>,
) -> Result<Json<ZoneKeysOut>, Problem> {
    let zone = allowed(&app, &caller, &zone, Verb::Configure)?;
    let author = author(&caller, &body.why)?;
    let confirmed = move |signing: &Signing, zone: &NameBuf| {
        signing.confirm_ds(zone, body.tag, body.published, &author).map_err(refused)
    };
    change(&app, zone, confirmed).await
}

/// Changes the keys of a zone, and shows them.
async fn change(
    app: &App,
    zone: NameBuf,
    change: impl FnOnce(&Signing, &NameBuf) -> Result<(), Problem> + Send + 'static,
) -> Result<Json<ZoneKeysOut>, Problem> {
    let signing = app.signing()?.clone();
    blocking(move || {
        change(&signing, &zone)?;
        Ok(Json(ZoneKeysOut::from(&status(&signing, &zone)?)))
    })
    .await
}

/// A key that comes from elsewhere. It has no `Debug`: `private` is secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyImportIn {
    /// The private key: BIND's format (`K*.private`), or PKCS#8 in PEM.
    private: String,
    /// The public key file beside it (`K*.key`); without it the role says what flags the key has.
    #[serde(default)]
    public: Option<String>,
    /// What it signs.
    role: KeyRole,
    /// The zone was signed with it until now, elsewhere: it is published and in use at once.
    #[serde(default)]
    in_service: bool,
    /// The parent has a DS record for it. Only with `in_service`.
    #[serde(default)]
    has_ds: bool,
    /// Why, for the history.
    #[serde(default)]
    why: String,
}

/// Brings a key in. The private key is kept on this server and never shown.
#[utoipa::path(post, path = "/zones/{zone}/keys", tag = "dnssec", request_body = KeyImportIn,
    params(("zone" = String, Path, description = "The zone")), responses((status = 201, body = ZoneKeyOut)))]
async fn import(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(zone): Path<String>,
    Body(body): Body<KeyImportIn>,
) -> Result<(StatusCode, Json<ZoneKeyOut>), Problem> {
    let zone = allowed(&app, &caller, &zone, Verb::Configure)?;
    let author = author(&caller, &body.why)?;
    if body.has_ds && !body.in_service {
        let detail = "a key that is not in use yet has no DS record at the parent: `in_service` must be true, too";
        return Err(Problem::unprocessable(vec![FieldError::at("/has_ds", detail)]));
    }
    let KeyImportIn { private, public, role, in_service, has_ds, .. } = body;
    let key = KeyImport { private: private.into(), public, role: role.into(), in_service, has_ds };
    let signing = app.signing()?.clone();
    let out = blocking(move || {
        let tag = signing.import(&zone, &key, &author).map_err(refused)?;
        let keys = ZoneKeysOut::from(&status(&signing, &zone)?).keys;
        let gone = || Problem::conflict(format!("key {tag} is gone again"));
        keys.into_iter().find(|key| key.tag == tag).ok_or_else(gone)
    });
    Ok((StatusCode::CREATED, Json(out.await?)))
}

/// What `GET /zones/{zone}/keys/plan` takes. Times are in seconds since 1970.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct PlanParams {
    /// Until when; a year from its begin without it, and at most twenty.
    until_s: Option<u64>,
    /// As if a rollover of this role were begun.
    #[param(inline)]
    roll: Option<KeyRole>,
    /// As if the key with this tag were to go.
    retire: Option<u16>,
    /// As if somebody else had the private key of the one that is to go.
    #[serde(default)]
    compromised: bool,
    /// From when: then the rollover begins, or the key is to go; now without it.
    at_s: Option<u64>,
}

impl PlanParams {
    /// What is tried, if anything.
    fn request(&self) -> Result<Option<Request>, Problem> {
        match (self.roll, self.retire) {
            (Some(_), Some(_)) => Err(Problem::parameter("retire", "stands beside `roll`: one of them can be tried")),
            (None, None) if self.compromised => {
                Err(Problem::parameter("compromised", "says why a key is to go: `retire` must say which one"))
            }
            (Some(_), None) if self.compromised => {
                Err(Problem::parameter("compromised", "is for `retire`, with the tag of the key, and not for `roll`"))
            }
            (Some(role), None) => Ok(Some(Request::Roll(Which::Role(role.into())))),
            (None, Some(tag)) => Ok(Some(Request::Retire { tag, compromised: self.compromised })),
            (None, None) => Ok(None),
        }
    }
}

/// A timetable.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyPlanOut {
    /// From when it counts, in milliseconds since 1970.
    from_ms: u64,
    /// Until when, in milliseconds since 1970.
    until_ms: u64,
    /// What will happen, the earliest first.
    steps: Vec<KeyStepOut>,
}

/// Something that will happen.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyStepOut {
    /// When, in milliseconds since 1970.
    at_ms: u64,
    /// What.
    sentence: String,
    /// What others have to do for it.
    assumes: Option<String>,
    /// The tag of the key that it is about; null: it is not made yet.
    tag: Option<u16>,
    /// Keys that are not made yet are numbered from 1.
    new_key: Option<usize>,
    /// What the key signs.
    role: KeyRole,
    /// The algorithm of the key.
    algorithm: String,
    /// Which part of the key changes; null: the key is made.
    element: Option<ElementName>,
    /// What that becomes, as in the elements of keys.
    visibility: Option<&'static str>,
}

impl From<PlannedStep> for KeyStepOut {
    fn from(step: PlannedStep) -> KeyStepOut {
        let (tag, new_key) = match step.key {
            PlannedKey::Tag(tag) => (Some(tag), None),
            PlannedKey::New(number) => (None, Some(number)),
        };
        KeyStepOut {
            at_ms: step.at_s * 1000,
            sentence: step.sentence,
            assumes: step.assumes,
            tag,
            new_key,
            role: step.role.into(),
            algorithm: step.algorithm.to_string(),
            element: step.became.map(|(kind, _)| kind.into()),
            visibility: step.became.map(|(_, visibility)| visibility.as_str()),
        }
    }
}

/// What will happen to the keys of a zone.
#[utoipa::path(get, path = "/zones/{zone}/keys/plan", tag = "dnssec",
    params(("zone" = String, Path, description = "The zone"), PlanParams), responses((status = 200, body = KeyPlanOut)))]
async fn plan(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(zone): Path<String>,
    Params(params): Params<PlanParams>,
) -> Result<Json<KeyPlanOut>, Problem> {
    let zone = allowed(&app, &caller, &zone, Verb::Read)?;
    let now_s = unix_seconds();
    let request = params.request()?;
    if params.at_s.is_some() && request.is_none() {
        return Err(Problem::parameter("at_s", "says when something begins: `roll` or `retire` must say what"));
    }
    let at_s = params.at_s.unwrap_or(now_s).max(now_s);
    let until_s = params.until_s.unwrap_or(at_s.saturating_add(PLAN_S));
    if at_s > now_s + MAX_PLAN_S || until_s > now_s + MAX_PLAN_S {
        let name = if at_s > now_s + MAX_PLAN_S { "at_s" } else { "until_s" };
        return Err(Problem::parameter(name, "at most twenty years from now, in seconds since 1970"));
    }
    let signing = app.signing()?.clone();
    let planned = blocking(move || {
        let planned = signing.plan(&zone, until_s, request.map(|request| (request, at_s)));
        planned.map_err(|error| match request {
            Some(Request::Roll(which)) => roll_refused(error, &signing, &zone, which),
            _ => refused(error),
        })
    });
    let planned = planned.await?;
    let steps = planned.steps.into_iter().map(KeyStepOut::from).collect();
    Ok(Json(KeyPlanOut { from_ms: planned.from_s * 1000, until_ms: until_s * 1000, steps }))
}

/// What `GET /dnssec` takes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct SignedZonesParams {
    /// Items of the page, 1 to 1000; 100 without it.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Only this zone: none if it is not signed here.
    zone: Option<String>,
}

/// The zones that are signed here, by name.
#[utoipa::path(get, path = "/dnssec", tag = "dnssec", params(SignedZonesParams), responses((status = 200, body = Page<SignedZoneOut>)))]
async fn signed_zones(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<SignedZonesParams>,
) -> Result<Response, Problem> {
    let size = page::size(params.limit)?;
    let only = params.zone.as_deref().map(names::zone).transpose()?;
    let signing = app.signing()?.clone();
    let page = blocking(move || {
        let mut zones = match only {
            Some(zone) => signing.zone(&zone).into_iter().collect(),
            None => signing.zones(),
        };
        zones.retain(|status| caller.may(&Action::zone(Verb::Read, &status.zone)));
        // Pages go by the text of the name, not by its canonical order.
        let key = |status: &ZoneSigning| status.zone.to_string();
        zones.sort_by_cached_key(key);
        Ok::<_, Problem>(slice(zones.iter(), |zone| key(zone), params.after.as_deref(), size, SignedZoneOut::from))
    });
    Ok(page.await?.respond(&uri))
}
