//! `/zones/{zone}/export` and `/import`: zone files out of and into the journal (RFC 1035 5).

use std::convert::Infallible;
use std::path::Path as FilePath;
use std::sync::Arc;

use access::{Action, Verb};
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dns::zonefile::{self, NoIncludes, Options, Record, Sink};
use dns::{Class, Name, NameBuf, RType};
use futures_util::stream;
use node::commit::SerialRule;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zone::node::Node;
use zone::{Contents, RecordList, RecordListBuilder, ZoneSettings};

use super::blocking::blocking;
use super::body::Params;
use super::caller::Caller;
use super::etag::{self, IfMatch};
use super::limits::EXPORT_CHUNK_BYTES;
use super::names;
use super::outcome::{Outcome, WriteParams};
use super::plan::{self, Plan, What};
use super::problem::{FieldError, Problem};
use super::rrsets;
use super::state::App;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(export)).routes(routes!(import))
}

/// The zone as zone file.
#[utoipa::path(get, path = "/zones/{zone}/export", tag = "zones", params(("zone" = String, Path, description = "The zone")),
    responses((status = 200, body = String, content_type = "text/dns"), (status = 304, description = "the client has it")))]
async fn export(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(zone): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let zone = names::zone(&zone)?;
    caller.require(&Action::zone(Verb::Read, &zone))?;
    let contents = rrsets::contents(&app, &caller, &zone)?;
    let serial = contents.soa().map(|soa| soa.serial);
    if serial.is_some_and(|serial| etag::is_known(&headers, serial)) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let mut response = respond(contents);
    response.headers_mut().extend(serial.map(|serial| (header::ETAG, etag::of(serial))));
    Ok(response)
}

/// A version of a zone as zone file, made piece by piece while it is sent.
pub fn respond(contents: Contents) -> Response {
    let pieces = stream::unfold(Some((contents.origin().to_owned(), contents)), |state| async {
        let (from, contents) = state?;
        let (piece, next) = piece(&contents, &from);
        Some((Ok::<Bytes, Infallible>(piece.into()), next.map(|next| (next, contents))))
    });
    ([(header::CONTENT_TYPE, "text/dns")], Body::from_stream(pieces)).into_response()
}

/// A zone as zone file.
pub fn zone_file(contents: &Contents) -> String {
    let mut out = String::new();
    contents.nodes().for_each(|node| write_node(&contents.owner(&node), &node, &mut out));
    out
}

/// Some records from the owner `from` on, and the owner to go on with.
fn piece(contents: &Contents, from: &Name) -> (String, Option<NameBuf>) {
    let mut out = String::new();
    for node in contents.nodes_from(from) {
        let owner = contents.owner(&node);
        if out.len() >= EXPORT_CHUNK_BYTES {
            return (out, Some(owner));
        }
        write_node(&owner, &node, &mut out);
    }
    (out, None)
}

/// The SOA record comes first: readers expect it (RFC 1035 5.2 does so by its example, RFC 5936 2.2 of transfers).
fn write_node(owner: &Name, node: &Node<'_>, out: &mut String) {
    let (soa, others): (Vec<_>, Vec<_>) = node.rrsets().partition(|rrset| rrset.rtype == RType::SOA);
    for rrset in soa.into_iter().chain(others) {
        let records = rrset.data().map(|data| (rrset.ttl, rrset.rtype, data));
        let (ttl, signatures) = rrset.signatures();
        for (ttl, rtype, data) in records.chain(signatures.map(|data| (ttl, RType::RRSIG, data))) {
            // Writing to a string does not fail.
            let _ = zonefile::write_record(owner, ttl, Class::IN, rtype, data, out);
        }
    }
}

/// What `POST /zones/{zone}/import` takes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ImportParams {
    /// Only say what would happen: the difference and what the checks find.
    #[serde(default)]
    dry_run: bool,
    /// Why, for the history.
    #[serde(default)]
    why: String,
    /// Make the zone if there is none.
    #[serde(default)]
    create: bool,
    /// Take the serial of the file even if it is not later than the zone's; secondaries then need a transfer by hand.
    #[serde(default)]
    force_serial: bool,
}

/// Replaces all records of a zone by those of a zone file. Every bad line is reported.
#[utoipa::path(post, path = "/zones/{zone}/import", tag = "zones",
    params(("zone" = String, Path, description = "The zone"), ImportParams),
    request_body(content = String, content_type = "text/dns"), responses((status = 200, body = Outcome)))]
async fn import(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(zone): Path<String>,
    expected: IfMatch,
    Params(params): Params<ImportParams>,
    body: Bytes,
) -> Result<Response, Problem> {
    let zone = names::zone(&zone)?;
    let creates = params.create && app.node.zone(&zone).is_none();
    caller.require(&Action::zone(if creates { Verb::Create } else { Verb::Update }, &zone))?;
    let origin = zone.clone();
    let records = blocking(move || read(&origin, &body)).await?;
    let serial = if params.force_serial { SerialRule::AsGiven } else { SerialRule::Policy };
    let what = match creates {
        true => What::Create { settings: ZoneSettings::default(), records, serial, notes: Vec::new() },
        false => What::Replace { records, serial },
    };
    let (dry_run, conditional) = (params.dry_run, expected != IfMatch::Nothing);
    let submission = WriteParams { dry_run, why: params.why }.submission(conditional)?;
    let plans = vec![Plan { zone, expected, what }];
    let committed = app.commit(&caller, submission, plan::prepare(plans)).await?;
    Ok(Outcome::new(&committed, dry_run).respond(StatusCode::OK))
}

/// Takes records over; those outside the zone too, which the checks report.
#[derive(Default)]
struct Collected(RecordListBuilder);

impl Sink for Collected {
    fn record(&mut self, record: Record<'_>) {
        self.0.push(record.owner, record.rtype, record.ttl, record.rdata);
    }
}

fn read(zone: &Name, text: &[u8]) -> Result<RecordList, Problem> {
    let mut sink = Collected::default();
    let options =
        Options { origin: zone, default_ttl: None, file: FilePath::new("import"), class: Class::IN, rules: true };
    let outcome = zonefile::parse(text, &options, &NoIncludes, &mut sink);
    let place = |problem: zonefile::Problem| FieldError {
        line: Some(problem.line),
        column: Some(problem.column),
        detail: problem.message,
        ..FieldError::default()
    };
    let mut errors: Vec<FieldError> = outcome.problems.into_iter().map(place).collect();
    errors.sort_by_key(|error| (error.line, error.column));
    if errors.is_empty() && outcome.records == 0 {
        errors.push(FieldError {
            line: Some(1),
            column: Some(1),
            detail: "there are no records".into(),
            ..FieldError::default()
        });
    }
    if !errors.is_empty() {
        let detail = format!("the zone file has {} faults", errors.len());
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with(errors));
    }
    Ok(sink.0.finish())
}
