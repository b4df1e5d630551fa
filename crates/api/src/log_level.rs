//! `/log/level`: how much the server's own log has, by module, changed while it runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use access::{Action, Verb};
use axum::Json;
use axum::extract::State;
use config::{Level, is_module};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::require_admin;
use super::body::Body;
use super::caller::Caller;
use super::configuration::refusal;
use super::limits::{MAX_LOG_LEVEL_S, MAX_LOG_MODULES};
use super::operator::{Levels, Operator, Order};
use super::problem::{FieldError, Problem};
use super::state::App;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(get, put))
}

/// Levels.
#[derive(Debug, Serialize, ToSchema)]
pub struct LevelsOut {
    /// Least severity that is logged: ERROR, WARN, INFO, DEBUG or TRACE.
    level: &'static str,
    /// The same for modules and what is inside them.
    levels: BTreeMap<String, &'static str>,
}

impl From<&Levels> for LevelsOut {
    fn from(levels: &Levels) -> LevelsOut {
        let modules = levels.modules.iter().map(|(module, level)| (module.clone(), level.as_str())).collect();
        LevelsOut { level: levels.level.as_str(), levels: modules }
    }
}

/// How much is logged.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogLevelOut {
    /// In use.
    #[serde(flatten)]
    now: LevelsOut,
    /// What the configuration says.
    configured: LevelsOut,
    /// When that counts again, in milliseconds since 1970; null: with the next reload that changes it, or the next start.
    until_ms: Option<u64>,
}

/// How much is to be logged; without `level` and `levels`: what the configuration says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogLevelIn {
    /// Least severity that is logged; without it that of the configuration.
    level: Option<String>,
    /// The same for modules and what is inside them: `{"server::query": "DEBUG"}`; without it those of the configuration.
    levels: Option<BTreeMap<String, String>>,
    /// For so many seconds; without it until a reload changes the configuration's, or the next start.
    #[schema(minimum = 1, maximum = 86400)]
    for_seconds: Option<u64>,
}

fn current(operator: &Operator) -> LogLevelOut {
    let log = operator.running.in_use().log.clone();
    LogLevelOut { now: (&log.now).into(), configured: (&log.configured).into(), until_ms: log.until_ms }
}

/// How much the server's own log has.
#[utoipa::path(get, path = "/log/level", tag = "logs", responses((status = 200, body = LogLevelOut)))]
async fn get(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<LogLevelOut>, Problem> {
    caller.require(&Action::server(Verb::Read))?;
    Ok(Json(current(app.operator()?)))
}

/// Logs more or less from now on.
#[utoipa::path(put, path = "/log/level", tag = "logs", request_body = LogLevelIn, responses((status = 200, body = LogLevelOut)))]
async fn put(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(wanted): Body<LogLevelIn>,
) -> Result<Json<LogLevelOut>, Problem> {
    require_admin(&caller)?;
    let operator = app.operator()?;
    let configured = operator.running.in_use().log.configured.clone();
    let (levels, time) = read(wanted, configured)?;
    operator.order(|answer| Order::LogLevel(levels, time, answer)).await.map_err(refusal)?;
    Ok(Json(current(operator)))
}

/// What is wanted; no levels: those of the configuration.
fn read(wanted: LogLevelIn, configured: Levels) -> Result<(Option<Levels>, Option<Duration>), Problem> {
    let mut errors = Vec::new();
    let mut level_of = |pointer: String, word: &str, otherwise: Level| {
        Level::from_word(word).unwrap_or_else(|| {
            errors.push(FieldError::at(pointer, format!("`{word}` is none of ERROR, WARN, INFO, DEBUG, TRACE")));
            otherwise
        })
    };
    let is_empty = wanted.level.is_none() && wanted.levels.is_none();
    let level = wanted.level.map_or(configured.level, |word| level_of("/level".into(), &word, configured.level));
    let modules = match wanted.levels {
        None => configured.modules,
        Some(levels) => {
            let levels: Vec<(String, String)> = levels.into_iter().take(MAX_LOG_MODULES + 1).collect();
            let pointer = |module: &str| format!("/levels/{}", module.replace('~', "~0").replace('/', "~1"));
            let read = levels.iter().map(|(module, word)| (module.clone(), level_of(pointer(module), word, level)));
            let modules: BTreeMap<String, Level> = read.collect();
            let bad = levels.iter().filter(|(module, _)| !is_module(module));
            errors.extend(bad.map(|(module, _)| FieldError::at(pointer(module), format!("`{module}` is no module"))));
            if levels.len() > MAX_LOG_MODULES {
                errors.push(FieldError::at("/levels", format!("at most {MAX_LOG_MODULES} modules")));
            }
            modules
        }
    };
    if wanted.for_seconds.is_some_and(|seconds| !(1..=MAX_LOG_LEVEL_S).contains(&seconds)) {
        errors.push(FieldError::at("/for_seconds", format!("a number from 1 to {MAX_LOG_LEVEL_S}")));
    }
    if !errors.is_empty() {
        return Err(Problem::unprocessable(errors));
    }
    let levels = Levels { level, modules };
    Ok(((!is_empty).then_some(levels), wanted.for_seconds.map(Duration::from_secs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_is_said() {
        let configured = || Levels { level: Level::Info, modules: BTreeMap::new() };
        let read = |json: serde_json::Value| read(serde_json::from_value(json).expect("the form"), configured());
        let (levels, time) = read(serde_json::json!({})).expect("nothing is wrong");
        assert_eq!((levels, time), (None, None));
        let wanted = serde_json::json!({ "levels": { "server::query": "debug" }, "for_seconds": 60 });
        let (levels, time) = read(wanted).expect("nothing is wrong");
        let levels = levels.expect("levels");
        assert_eq!((levels.level, levels.modules["server::query"]), (Level::Info, Level::Debug));
        assert_eq!(time, Some(Duration::from_secs(60)));
        let wanted = serde_json::json!({ "level": "LOUD", "levels": { "a/b": "INFO", "c": "x" }, "for_seconds": 0 });
        let problem = serde_json::to_value(read(wanted).expect_err("mistakes")).expect("JSON");
        let pointers: Vec<&str> =
            problem["errors"].as_array().expect("a list").iter().filter_map(|it| it["pointer"].as_str()).collect();
        assert_eq!(pointers, ["/level", "/levels/c", "/levels/a~1b", "/for_seconds"]);
    }
}
