//! What a change of the configuration would do, found out without doing it.

use std::sync::Arc;

use config::edit::{self, EditError};
use config::{Difference, Effect, NetworkList, Origin, Setting, Warning, secrets};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::operator::{InUse, Running};
use super::problem::{FieldError, Problem};

/// A new configuration: its whole text, or some values.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The whole text of the file. What stands for a secret in the text that is shown stands for it here too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Values by path: `{"cache.max_size_mb": 200}`; null: the default again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Map<String, Value>>,
}

/// Something that is wrong with a configuration, or to be looked at.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConfigProblem {
    /// The file, environment variable or flag.
    pub source: String,
    /// Line, from 1; 0: it has no lines.
    pub line: u32,
    /// Column in characters, from 1; 0: it has no lines.
    pub column: u32,
    /// The key.
    pub path: String,
    /// What is wrong, and what was expected.
    pub message: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl From<&config::Problem> for ConfigProblem {
    fn from(problem: &config::Problem) -> ConfigProblem {
        let config::Problem { file, line, column, path, message, suggestion } = problem.clone();
        ConfigProblem { source: file, line, column, path, message, suggestion }
    }
}

/// A value that would be another one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DifferenceOut {
    /// The key.
    pub path: String,
    /// Its value now.
    pub from: Value,
    /// Its value then.
    pub to: Value,
    /// What it takes: `live`: nothing; `rebind`: sockets are opened or closed; `restart`: a new start.
    pub effect: &'static str,
}

impl From<Difference> for DifferenceOut {
    fn from(difference: Difference) -> DifferenceOut {
        let Difference { path, from, to, effect } = difference;
        DifferenceOut { path, from, to, effect: effect.as_str() }
    }
}

/// A new configuration and what it would do.
pub struct Plan {
    /// The text of the file.
    pub text: Arc<str>,
    /// What would be different.
    pub diff: Vec<Difference>,
    /// What should be looked at.
    pub warnings: Vec<Warning>,
    /// Whose hosts may use the API then.
    pub web_allowed: NetworkList,
}

impl Plan {
    /// The paths whose change takes `effect`.
    pub fn paths(&self, effect: Effect) -> Vec<String> {
        self.diff.iter().filter(|it| it.effect == effect).map(|it| it.path.clone()).collect()
    }

    /// The differences as JSON.
    pub fn diff_json(&self) -> Value {
        let diff: Vec<DifferenceOut> = self.diff.iter().cloned().map(DifferenceOut::from).collect();
        // It consists of strings, numbers and lists: it can always be written.
        serde_json::to_value(diff).unwrap_or_default()
    }
}

/// Why there is no plan.
pub enum NoPlan {
    /// The configuration has mistakes.
    Invalid(Vec<config::Problem>),
    /// The request makes no sense.
    Problem(Problem),
}

impl From<Problem> for NoPlan {
    fn from(problem: Problem) -> NoPlan {
        NoPlan::Problem(problem)
    }
}

impl From<EditError> for NoPlan {
    fn from(error: EditError) -> NoPlan {
        NoPlan::Problem(Problem::conflict(error.to_string()))
    }
}

impl From<NoPlan> for Problem {
    fn from(no: NoPlan) -> Problem {
        match no {
            NoPlan::Problem(problem) => problem,
            NoPlan::Invalid(problems) => invalid(&problems),
        }
    }
}

/// 422 with every mistake of a configuration.
pub fn invalid(problems: &[config::Problem]) -> Problem {
    let errors = problems.iter().map(|problem| FieldError {
        pointer: Some(pointer(&problem.path)),
        line: Some(problem.line).filter(|&line| line > 0),
        column: Some(problem.column).filter(|&column| column > 0),
        detail: problem.to_string(),
        ..FieldError::default()
    });
    Problem::unprocessable(errors.collect())
}

/// `/server/listen/0` for `server.listen[0]`.
fn pointer(path: &str) -> String {
    let parts = path.split(['.', '[']).map(|part| part.trim_end_matches(']')).filter(|part| !part.is_empty());
    parts.map(|part| format!("/{part}")).collect()
}

/// Finds out what `wanted` would do. Blocking.
///
/// # Errors
/// Mistakes, all of them; a request that makes no sense.
pub fn plan(running: &Running, in_use: &InUse, wanted: &Wanted) -> Result<Plan, NoPlan> {
    let before = in_use.text.as_deref().unwrap_or_default();
    let text = match wanted {
        Wanted { text: Some(text), changes: None } => secrets::restore(text, before),
        Wanted { text: None, changes: Some(changes) } => {
            let shown = secrets::redact(before)?;
            secrets::restore(&edit::apply(&shown, changes)?, before)
        }
        _ => return Err(Problem::bad_request("either `text` or `changes` is needed").into()),
    };
    let text: Arc<str> = text.into();
    let (known, wanted) = (running.sources.settings(in_use.text.as_deref()), running.sources.settings(Some(&text)));
    // Before anything is read: what is wrong with a file shows what is in it.
    check_files(&known, &wanted)?;
    let loaded = running.sources.load_text(Some(text.clone())).map_err(NoPlan::Invalid)?;
    let diff = config::differences(&known, &wanted);
    Ok(Plan { text, diff, warnings: loaded.warnings, web_allowed: loaded.config.web.allowed_networks })
}

/// Refuses lists of networks that come to name a file: whoever may write the configuration file says which files the
/// server reads.
fn check_files(known: &[Setting], wanted: &[Setting]) -> Result<(), Problem> {
    let known = config::named_files(known);
    let fresh = config::named_files(wanted).into_iter().find(|named| !known.contains(named));
    match fresh {
        None => Ok(()),
        Some((path, entry)) => Err(Problem::conflict(format!(
            "{path}: `{entry}` names a file, which only the configuration file may do, not a change by API"
        ))),
    }
}

/// Refuses changes of values that the file does not decide, with what would be different if it did.
///
/// # Errors
/// 409.
pub fn check_origins(settings: &[Setting], changes: &Map<String, Value>) -> Result<(), Problem> {
    let is_part = |setting: &Setting, path: &str| {
        setting.path == path || setting.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
    };
    for (path, to) in changes {
        let fixed = settings.iter().filter(|setting| is_part(setting, path)).find_map(|setting| {
            let by = match &setting.origin {
                Origin::Environment(name) => format!("the environment variable {name}"),
                Origin::Flag(flag) => format!("the flag `{flag}`"),
                Origin::Default | Origin::File { .. } => return None,
            };
            Some((setting, by))
        });
        let Some((setting, by)) = fixed else { continue };
        let detail = format!("{} comes from {by}, which overrides the file: change it there", setting.path);
        let effect = config::effect_of(&setting.path);
        let (path, from, to) = (setting.path.clone(), setting.value.clone(), to.clone());
        let diff = serde_json::to_value([DifferenceOut { path, from, to, effect: effect.as_str() }]);
        return Err(Problem::conflict(detail).with_diff(diff.unwrap_or_default()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_pointers() {
        assert_eq!(pointer("server.listen[0].address"), "/server/listen/0/address");
        assert_eq!(pointer(""), "");
    }
}
