//! Changes as clients write them: one RRset, one zone or thousands of zones; all of it happens, or
//! none. Read and authorised here, turned into a [`Prepare`] by `plan.rs`.

use access::{Action, Verb};
use dns::{NameBuf, RType};
use node::commit::SerialRule;
use node::new_zone;
use zone::check::Finding;
use zone::{RecordList, ZoneSettings};

use super::caller::Caller;
use super::etag::IfMatch;
use super::limits::{MAX_ERRORS, MAX_STEPS};
use super::names;
use super::plan::{Op, Plan, Step, What};
use super::problem::{FieldError, Problem};
use super::rrset::{self, Place, RrsetIn};
use super::settings::{Kind, SettingsIn};
use super::state::App;
use super::steps::{RrsetOp, RrsetStep, ZoneAction, ZoneStep};

/// Name servers of a new zone.
const MAX_NAMESERVERS: usize = 32;

/// Why a step cannot be planned.
pub enum Unplanned {
    /// Fields are at fault.
    Fields(Vec<FieldError>),
    /// It is refused.
    Refused(Problem),
}

impl From<Vec<FieldError>> for Unplanned {
    fn from(errors: Vec<FieldError>) -> Unplanned {
        Unplanned::Fields(errors)
    }
}

impl From<Problem> for Unplanned {
    fn from(problem: Problem) -> Unplanned {
        Unplanned::Refused(problem)
    }
}

impl From<Unplanned> for Problem {
    fn from(unplanned: Unplanned) -> Problem {
        match unplanned {
            Unplanned::Fields(errors) => Problem::unprocessable(errors),
            Unplanned::Refused(problem) => problem,
        }
    }
}

fn field(pointer: &str, detail: impl Into<String>) -> Unplanned {
    Unplanned::Fields(vec![FieldError::at(pointer, detail)])
}

/// Reads and authorises every step.
///
/// # Errors
/// Every field that is at fault, or the first refusal.
pub fn plan_all(app: &App, caller: &Caller, steps: &[ZoneStep]) -> Result<Vec<Plan>, Problem> {
    if steps.is_empty() {
        return Err(Problem::unprocessable(vec![FieldError::at("/zones", "at least one zone")]));
    }
    let count: usize = steps.iter().map(|step| 1 + step.changes.as_ref().map_or(0, Vec::len)).sum();
    if count > MAX_STEPS {
        return Err(Problem::unprocessable(vec![FieldError::at("/zones", format!("at most {MAX_STEPS} steps"))]));
    }
    let (mut plans, mut errors): (Vec<Plan>, Vec<FieldError>) = (Vec::with_capacity(steps.len()), Vec::new());
    let mut names = std::collections::HashSet::with_capacity(steps.len());
    for (i, step) in steps.iter().enumerate() {
        match plan(app, caller, step) {
            Ok(plan) if !names.insert(plan.zone.clone()) => {
                errors.push(FieldError::at(format!("/zones/{i}/zone"), "this zone occurs twice"));
            }
            Ok(plan) => plans.push(plan),
            Err(Unplanned::Fields(found)) => errors.extend(found.into_iter().map(|e| e.below(&format!("/zones/{i}")))),
            Err(Unplanned::Refused(problem)) => return Err(problem),
        }
        if errors.len() >= MAX_ERRORS {
            break;
        }
    }
    if errors.is_empty() { Ok(plans) } else { Err(Problem::unprocessable(errors)) }
}

fn plan(app: &App, caller: &Caller, step: &ZoneStep) -> Result<Plan, Unplanned> {
    let zone: NameBuf = step.zone.parse().map_err(|error| field("/zone", format!("no domain name: {error}")))?;
    misplaced(step)?;
    let what = match step.action {
        ZoneAction::Create => {
            let (rrsets, nameservers) = (step.rrsets.as_deref(), step.nameservers.as_deref());
            let settings = step.settings.clone().unwrap_or_default();
            let created =
                create(app, caller, &zone, &settings, nameservers.unwrap_or_default(), rrsets.unwrap_or_default());
            created.map_err(|error| below_settings(error, "/settings"))?
        }
        ZoneAction::Edit => {
            let changes = step.changes.as_deref().unwrap_or_default();
            What::Edit(edit(app, caller, &zone, changes).map_err(|errors| prefixed(errors, "/changes"))?)
        }
        ZoneAction::Configure => {
            let settings = step.settings.clone().ok_or_else(|| field("/settings", "the settings to change"))?;
            configure(app, caller, &zone, &settings).map_err(|error| below_settings(error, "/settings"))?;
            What::Configure(settings)
        }
        ZoneAction::Delete => {
            caller.require(&Action::zone(Verb::Delete, &zone))?;
            What::Delete
        }
    };
    let expected = step.if_serial.map_or(IfMatch::Nothing, |serial| IfMatch::Serials(vec![serial]));
    Ok(Plan { zone, expected, what })
}

/// What a step says that its action has no use for.
fn misplaced(step: &ZoneStep) -> Result<(), Unplanned> {
    use ZoneAction::{Configure, Create, Edit};
    let said = [
        ("/settings", step.settings.is_some(), &[Create, Configure][..]),
        ("/nameservers", step.nameservers.is_some(), &[Create]),
        ("/rrsets", step.rrsets.is_some(), &[Create]),
        ("/changes", step.changes.is_some(), &[Edit]),
    ];
    let wrong = said.iter().filter(|(_, said, actions)| *said && !actions.contains(&step.action));
    let errors: Vec<FieldError> =
        wrong.map(|(pointer, ..)| FieldError::at(*pointer, "this action has no use for it")).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors.into()) }
}

/// Faults of a list stand below it.
pub fn prefixed(unplanned: Unplanned, prefix: &str) -> Unplanned {
    match unplanned {
        Unplanned::Fields(errors) => errors.into_iter().map(|error| error.below(prefix)).collect::<Vec<_>>().into(),
        refused @ Unplanned::Refused(_) => refused,
    }
}

/// Faults of settings stand deeper; others where they are.
fn below_settings(unplanned: Unplanned, prefix: &str) -> Unplanned {
    let in_settings = |error: &FieldError| {
        let pointer = error.pointer.as_deref().unwrap_or_default();
        !pointer.starts_with("/rrsets") && !pointer.starts_with("/nameservers")
    };
    match unplanned {
        Unplanned::Fields(errors) => {
            let moved = |error: FieldError| if in_settings(&error) { error.below(prefix) } else { error };
            errors.into_iter().map(moved).collect::<Vec<_>>().into()
        }
        refused @ Unplanned::Refused(_) => refused,
    }
}

/// Reads and authorises a new zone. Pointers are as in the body of `POST /zones`.
///
/// # Errors
/// What is at fault, or the refusal.
pub fn create(
    app: &App,
    caller: &Caller,
    zone: &NameBuf,
    settings: &SettingsIn,
    nameservers: &[String],
    rrsets: &[RrsetIn],
) -> Result<What, Unplanned> {
    caller.require(&Action::zone(Verb::Create, zone))?;
    settings.check(&app.policy_names)?;
    let (given, notes) = given_rrsets(zone, rrsets)?;
    let full = settings.over(&ZoneSettings::default());
    if settings.kind == Some(Kind::Secondary) {
        if full.primaries.is_empty() {
            return Err(field("/primaries", "a secondary needs a primary"));
        }
        if !rrsets.is_empty() || !nameservers.is_empty() {
            return Err(field("/rrsets", "the records of a secondary come from its primaries"));
        }
        let (records, serial) = (RecordList::default(), SerialRule::Policy);
        return Ok(What::Create { settings: full, records, serial, notes: Vec::new() });
    }
    let mut servers = Vec::new();
    for (i, text) in nameservers.iter().take(MAX_NAMESERVERS).enumerate() {
        let name: Result<NameBuf, _> = text.parse();
        servers.push(name.map_err(|error| field(&format!("/nameservers/{i}"), format!("no domain name: {error}")))?);
    }
    if nameservers.len() > MAX_NAMESERVERS {
        return Err(field("/nameservers", format!("at most {MAX_NAMESERVERS}")));
    }
    if servers.is_empty() {
        servers.push(app.server_name.clone());
    }
    let records = new_zone::records(zone, &servers, &given, full.serial_policy, server::clock::unix_ms());
    Ok(What::Create { settings: full, records, serial: SerialRule::Policy, notes })
}

/// The RRsets of a new zone, and what whoever wrote them should look at.
type GivenRrsets = (Vec<(NameBuf, RType, zone::Records)>, Vec<Finding>);

fn given_rrsets(zone: &NameBuf, rrsets: &[RrsetIn]) -> Result<GivenRrsets, Unplanned> {
    let (mut given, mut notes, mut errors) = (Vec::with_capacity(rrsets.len()), Vec::new(), Vec::new());
    for (i, rrset) in rrsets.iter().enumerate() {
        match rrset.read(zone) {
            Ok((owner, rtype, records, noted)) => {
                given.push((owner, rtype, records));
                notes.extend(noted);
            }
            Err(found) => errors.extend(found.into_iter().map(|error| error.below(&format!("/rrsets/{i}")))),
        }
    }
    if errors.is_empty() { Ok((given, notes)) } else { Err(errors.into()) }
}

/// Checks and authorises a change of settings.
///
/// # Errors
/// What is at fault, or the refusal.
pub fn configure(app: &App, caller: &Caller, zone: &NameBuf, settings: &SettingsIn) -> Result<(), Unplanned> {
    caller.require(&Action::zone(Verb::Configure, zone))?;
    Ok(settings.check(&app.policy_names)?)
}

/// Reads and authorises changes of RRsets. Pointers begin with the place in the list.
///
/// # Errors
/// What is at fault, or the first refusal.
pub fn edit(app: &App, caller: &Caller, zone: &NameBuf, changes: &[RrsetStep]) -> Result<Vec<Step>, Unplanned> {
    if changes.is_empty() {
        return Err(field("", "at least one change"));
    }
    if changes.len() > MAX_STEPS {
        return Err(field("", format!("at most {MAX_STEPS} changes")));
    }
    let (mut steps, mut errors) = (Vec::with_capacity(changes.len()), Vec::new());
    for (i, change) in changes.iter().enumerate() {
        match read_change(zone, change) {
            Ok((owner, op, notes)) => steps.push(Step { notes, ..authorised(app, caller, zone, owner, op)? }),
            Err(found) => errors.extend(found.into_iter().map(|error| error.below(&format!("/{i}")))),
        }
    }
    if errors.is_empty() { Ok(steps) } else { Err(errors.into()) }
}

fn read_change(zone: &NameBuf, change: &RrsetStep) -> Result<(NameBuf, Op, Vec<Finding>), Vec<FieldError>> {
    let error = |pointer: &str, why: &str| vec![FieldError::at(pointer, why)];
    let owner = names::owner(&change.name, zone).map_err(|why| error("/name", &why))?;
    if change.op == RrsetOp::Delete && (change.records.is_some() || change.ttl.is_some()) {
        return Err(error("/records", "delete takes no records and no TTL; remove does"));
    }
    let Some(rtype) = &change.rtype else {
        return if change.op == RrsetOp::Delete {
            Ok((owner, Op::DeleteName, Vec::new()))
        } else {
            Err(error("/type", "a record type"))
        };
    };
    let rtype = names::rtype(rtype).map_err(|why| error("/type", &why))?;
    let ttl = rrset::ttl(change.ttl)?;
    let records = change.records.as_deref().unwrap_or_default();
    let place = Place { owner: &owner, rtype, zone };
    let (op, notes) = match change.op {
        RrsetOp::Replace => {
            let given = place.data("/records", records)?;
            (Op::Replace(rtype, ttl, given.data), given.notes)
        }
        RrsetOp::Add => {
            let given = place.data("/records", records)?;
            (Op::Merge { rtype, ttl, add: given.data, remove: Vec::new() }, given.notes)
        }
        RrsetOp::Remove => {
            let remove = place.to_remove("/records", records)?;
            (Op::Merge { rtype, ttl, add: Vec::new(), remove }, Vec::new())
        }
        RrsetOp::Delete => (Op::Delete(rtype), Vec::new()),
    };
    Ok((owner, op, notes))
}

/// A step, if the caller may make it. Who may only create RRsets may do so where there is none.
///
/// # Errors
/// The refusal.
pub fn authorised(app: &App, caller: &Caller, zone: &NameBuf, owner: NameBuf, op: Op) -> Result<Step, Problem> {
    let action = |verb| Action { verb, zone: Some(zone), name: Some(&owner), rtype: op.rtype() };
    let only_if_absent = match op {
        Op::Delete(_) | Op::DeleteName => {
            caller.require(&action(Verb::Delete))?;
            false
        }
        _ if caller.may(&action(Verb::Update)) => false,
        Op::Replace(..) | Op::Merge { .. } => {
            let there = app.node.contents(zone).is_some_and(|contents| {
                contents.get(&owner).is_some_and(|node| op.rtype().is_some_and(|rtype| node.rrset(rtype).is_some()))
            });
            caller.require(&action(if there { Verb::Update } else { Verb::Create }))?;
            true
        }
    };
    Ok(Step { owner, op, only_if_absent, notes: Vec::new() })
}
