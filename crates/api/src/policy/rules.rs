//! `/blocking/rules`: rules of our own, each with its group, its comment and its end.

use std::sync::Arc;

use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use journal::shared::{Collection, Document};
use node::policy::{OWN_RULES, Plan, Policing, RuleDocument};
use policy::adguard::{Parsed, Reason, parse};
use serde::{Deserialize, Serialize};
use server::clock::unix_ms;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::access::slice;
use super::super::body::{Body, Params};
use super::super::caller::Caller;
use super::super::page::{self, ListParams, Page};
use super::super::problem::{FieldError, Problem};
use super::super::state::App;
use super::edit::{Edit, body, tagged};
use super::named::{documents, of_file};
use super::{SetOut, WhyParams, origin, policing, readable};

/// The longest comment, in octets.
const MAX_COMMENT_OCTETS: usize = 1000;
/// Identifiers of rules that stand in the configuration begin so.
const OF_FILE: &str = "file-";

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(replace, delete))
}

/// A rule to be set.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockRuleIn {
    /// The rule, in the syntax of AdGuard: `||ads.example^` blocks a name and those below it, `@@||good.example^` allows.
    text: String,
    /// The group that it is for; left out: everybody.
    #[serde(default)]
    group: String,
    /// A note.
    #[serde(default)]
    comment: String,
    /// When it ends, in milliseconds since 1970; null: never.
    #[serde(default)]
    until_ms: Option<u64>,
}

/// A rule.
#[derive(Debug, Serialize, ToSchema)]
pub struct BlockRuleOut {
    /// Its identifier.
    id: String,
    /// `file`: it stands in the configuration; `api`.
    origin: &'static str,
    /// The rule.
    text: String,
    /// The group that it is for; empty: everybody.
    group: String,
    /// A note of whoever set it.
    comment: String,
    /// When it ends, in milliseconds since 1970; null: never.
    until_ms: Option<u64>,
    /// It has ended.
    ended: bool,
    /// Who set it; null: it stands in the configuration.
    set: Option<SetOut>,
}

impl BlockRuleIn {
    fn check(&self, plan: &Plan) -> Result<(), Problem> {
        let mut faults: Vec<FieldError> =
            fault(&self.text).map(|what| FieldError::at("/text", what)).into_iter().collect();
        if !self.group.is_empty() && plan.groups.iter().all(|known| known.name != self.group) {
            faults.push(FieldError::at("/group", format!("there is no group {}", self.group)));
        }
        if self.comment.len() > MAX_COMMENT_OCTETS {
            faults.push(FieldError::at("/comment", format!("at most {MAX_COMMENT_OCTETS} bytes")));
        }
        if self.until_ms.is_some_and(|until_ms| until_ms <= unix_ms()) {
            faults.push(FieldError::at("/until_ms", "a time that has not passed, in milliseconds since 1970"));
        }
        if faults.is_empty() { Ok(()) } else { Err(Problem::unprocessable(faults)) }
    }

    fn document(&self) -> RuleDocument {
        let BlockRuleIn { text, group, comment, until_ms } = self.clone();
        RuleDocument { text: text.trim().to_owned(), group, comment, until_ms }
    }
}

/// Why a text is no rule; `None`: it is one.
pub fn fault(text: &str) -> Option<String> {
    if text.contains(['\n', '\r']) {
        return Some("a rule is one line".to_owned());
    }
    match parse(text.trim()) {
        Parsed::Nothing => Some("it says nothing: it is empty or a comment".to_owned()),
        Parsed::Ignored(reason) => Some(format!("it would have no effect: {}", words(reason))),
        Parsed::Hosts { .. } | Parsed::Name(_) | Parsed::Rule(_) => None,
    }
}

fn words(reason: Reason) -> &'static str {
    match reason {
        Reason::TooLong => "it is too long, or a modifier has too many values",
        Reason::Cosmetic => "it is for the contents of pages, not for names",
        Reason::Url => "it is for URLs, not for names",
        Reason::BrowserModifier => "it has a modifier that only browsers can follow",
        Reason::UnknownModifier => "it has a modifier that is not known",
        Reason::BadModifier => "a modifier lacks its value, has one that is not valid, or is there twice",
        Reason::UnknownTag => "ctag names a tag that does not exist",
        Reason::UnknownType => "dnstype names a type that does not exist",
        Reason::BadRewrite => "dnsrewrite has a value that cannot be answered",
        Reason::BadPattern => "no name can match its pattern",
        Reason::TooWide => "it would match nearly every name: narrow it with a modifier",
        Reason::BadName => "there is no valid name behind the address",
        Reason::RegexSyntax => "it is no regular expression",
        Reason::RegexLookAround => "regular expressions cannot look ahead or behind here",
        Reason::RegexBackReference => "regular expressions cannot refer back to a group here",
        Reason::RegexTooLarge => "its regular expression is too large",
    }
}

/// The rules of the configuration that are for everybody, then those that were set here.
fn all(policing: &Policing) -> Vec<(String, BlockRuleOut)> {
    let state = policing.documents().state();
    let plan = policing.planned(&state);
    let own = plan.rules.iter().find(|(_, name, _)| **name == *OWN_RULES);
    let lines = own.iter().flat_map(|(.., text)| text.lines()).take(plan.file_rules).enumerate();
    let of_file = lines.map(|(i, text)| (format!("0-{i:020}"), of_configuration(i, text)));
    let of_api = documents::<RuleDocument>(&state, Collection::Rules)
        .map(|(id, document, rule)| (format!("1-{id:0>20}"), shown(id, document, rule)));
    let mut all: Vec<(String, BlockRuleOut)> = of_file.chain(of_api).collect();
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all
}

fn of_configuration(index: usize, text: &str) -> BlockRuleOut {
    BlockRuleOut {
        id: format!("{OF_FILE}{}", index + 1),
        origin: origin(None),
        text: text.to_owned(),
        group: String::new(),
        comment: String::new(),
        until_ms: None,
        ended: false,
        set: None,
    }
}

fn shown(id: &str, document: &Document, rule: RuleDocument) -> BlockRuleOut {
    let RuleDocument { text, group, comment, until_ms } = rule;
    let ended = until_ms.is_some_and(|until_ms| until_ms <= unix_ms());
    let set = Some(SetOut::of(document));
    BlockRuleOut { id: id.to_owned(), origin: origin(set.as_ref()), text, group, comment, until_ms, ended, set }
}

fn one(policing: &Policing, id: &str) -> Result<BlockRuleOut, Problem> {
    let gone = || Problem::conflict(format!("rule {id} has been changed meanwhile"));
    let state = policing.documents().state();
    let document = state.get(Collection::Rules, id).ok_or_else(gone)?;
    Ok(shown(id, document, document.body.read().map_err(|_| gone())?))
}

/// The rules: those of the configuration that are for everybody, then those that were set here in the order in which
/// they came. Rules of groups of the configuration stand in `/groups`.
#[utoipa::path(get, path = "/blocking/rules", tag = "blocking", params(ListParams),
    responses((status = 200, body = Page<BlockRuleOut>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let rules = all(readable(&app, &caller)?);
    let key = |(key, _): &(String, BlockRuleOut)| key.clone();
    let size = page::size(params.limit)?;
    Ok(slice(rules.into_iter(), key, params.after.as_deref(), size, |(_, rule)| rule).respond(&uri))
}

/// Sets a rule. One that would have no effect is refused with its reason.
#[utoipa::path(post, path = "/blocking/rules", tag = "blocking", params(WhyParams), request_body = BlockRuleIn,
    responses((status = 201, body = BlockRuleOut)))]
async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<WhyParams>,
    headers: HeaderMap,
    Body(wanted): Body<BlockRuleIn>,
) -> Result<Response, Problem> {
    let edit = Edit::new(&app, &caller, &params.why, headers)?;
    let made = Arc::new(std::sync::OnceLock::new());
    let numbers = made.clone();
    let version = edit.make(move |checked| {
        wanted.check(&checked.policing.planned(checked.state))?;
        // The number stays if this is called again: nobody else has it before this one.
        let id = numbers.get_or_init(|| checked.state.free_number(Collection::Rules).to_string());
        Ok(vec![checked.state.put(Collection::Rules, id, body(&wanted.document())?)])
    });
    let version = version.await?;
    let id = made.get().map_or("", String::as_str);
    Ok(tagged(StatusCode::CREATED, version, one(policing(&app)?, id)?))
}

/// Changes a rule. A rule of the configuration cannot be changed here.
#[utoipa::path(put, path = "/blocking/rules/{id}", tag = "blocking", request_body = BlockRuleIn,
    params(WhyParams, ("id" = String, Path, description = "The rule")), responses((status = 200, body = BlockRuleOut)))]
async fn replace(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Params(params): Params<WhyParams>,
    headers: HeaderMap,
    Body(wanted): Body<BlockRuleIn>,
) -> Result<Response, Problem> {
    let edit = Edit::new(&app, &caller, &params.why, headers)?;
    refuse_file(&id)?;
    let changed = id.clone();
    let version = edit.make(move |checked| {
        checked.expecting(Collection::Rules, &changed, "rule")?;
        wanted.check(&checked.policing.planned(checked.state))?;
        Ok(vec![checked.state.put(Collection::Rules, &changed, body(&wanted.document())?)])
    });
    let version = version.await?;
    Ok(tagged(StatusCode::OK, version, one(policing(&app)?, &id)?))
}

/// Removes a rule.
#[utoipa::path(delete, path = "/blocking/rules/{id}", tag = "blocking",
    params(WhyParams, ("id" = String, Path, description = "The rule")), responses((status = 204)))]
async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Params(params): Params<WhyParams>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let edit = Edit::new(&app, &caller, &params.why, headers)?;
    refuse_file(&id)?;
    let change = edit.make(move |checked| {
        checked.expecting(Collection::Rules, &id, "rule")?;
        Ok(vec![checked.state.delete(Collection::Rules, &id)])
    });
    change.await?;
    Ok(StatusCode::NO_CONTENT)
}

fn refuse_file(id: &str) -> Result<(), Problem> {
    if id.starts_with(OF_FILE) { Err(of_file("rule", id)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_without_effect_is_refused_in_words() {
        let check = |text: &str, want: Option<&str>| {
            let fault = fault(text);
            match want {
                None => assert_eq!(fault, None, "{text}"),
                Some(want) => assert!(fault.as_deref().is_some_and(|fault| fault.contains(want)), "{text}: {fault:?}"),
            }
        };
        check("||ads.example^", None);
        check("@@||good.example^$client=192.0.2.7", None);
        check("0.0.0.0 ads.example", None);
        check("ads.example", None);
        check("! a comment", Some("says nothing"));
        check("", Some("says nothing"));
        check("a.example\nb.example", Some("one line"));
        check("||ads.example^$third-party", Some("browsers"));
        check("||ads.example^$nonsense", Some("not known"));
        check("example##.banner", Some("contents of pages"));
        check("/(/", Some("regular expression"));
    }
}
