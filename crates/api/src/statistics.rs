//! `/stats`: the past in numbers, and what comes most often.

use std::sync::Arc;

use access::{Action, Verb};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use server::clock::unix_seconds;
use telemetry::live::{MAX_MINUTES, Tops};
use telemetry::statistics::{Asked, Series};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::blocking::blocking;
use super::body::Params;
use super::caller::Caller;
use super::live::{live_of, require_logs};
use super::problem::Problem;
use super::state::App;

/// What is shown without `from`.
const USUAL_SPAN_S: u64 = 900;
/// Of each kind, without `limit`.
const USUAL_TOPS: usize = 10;
/// Of each kind at the most.
const MAX_TOPS: usize = 100;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(stats)).routes(routes!(top))
}

/// Which stretch of time.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct StatsParams {
    /// From when, in milliseconds since 1970; without it, 15 minutes before `to`.
    from: Option<u64>,
    /// Until when, in milliseconds since 1970; without it, now.
    to: Option<u64>,
    /// Seconds from one point to the next; without it, what gives about 900 points. The answer says what it is: each second
    /// is kept for an hour, each minute for a week, each hour for 400 days, and a series has at most 3600 points.
    #[param(minimum = 1)]
    step: Option<u64>,
}

/// Figures over time, as columns: each has one value for each point, null where the server did not run.
#[utoipa::path(get, path = "/stats", tag = "statistics", params(StatsParams), responses((status = 200, body = Series)))]
async fn stats(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<StatsParams>,
) -> Result<Json<Series>, Problem> {
    caller.require(&Action::server(Verb::Read))?;
    let to_s = params.to.map_or_else(unix_seconds, |ms| ms.div_ceil(1000));
    let from_s = params.from.map_or(to_s.saturating_sub(USUAL_SPAN_S), |ms| ms / 1000);
    if from_s >= to_s || params.from.zip(params.to).is_some_and(|(from, to)| from >= to) {
        return Err(Problem::parameter("from", "before `to`, which is now unless it is given"));
    }
    if params.step == Some(0) {
        return Err(Problem::parameter("step", "1 second or more"));
    }
    let live = live_of(&app)?.clone();
    let asked = Asked { from_s, to_s, step_s: params.step };
    blocking(move || Ok::<_, Problem>(Json(live.statistics.series(&asked)))).await
}

/// Which tops.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct TopParams {
    /// Of so many minutes before now, 1 to 60; 5 without it.
    #[param(minimum = 1, maximum = 60)]
    minutes: Option<u64>,
    /// So many of each kind, 1 to 100; 10 without it.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
}

/// What comes most often, and how many answers there were.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopsOut {
    /// Answers within that time, as far as the server has run. If these are more than were counted, nobody looked
    /// before, and it is counted from now on.
    answers: u64,
    /// The names, clients and types.
    #[serde(flatten)]
    tops: Tops,
}

/// The names, clients and types that come most often. They are counted while somebody looks, for an hour after, and
/// whenever log or history read what is answered.
#[utoipa::path(get, path = "/stats/top", tag = "statistics", params(TopParams), responses((status = 200, body = TopsOut)))]
async fn top(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<TopParams>,
) -> Result<Json<TopsOut>, Problem> {
    require_logs(&caller)?;
    let (minutes, limit) = (params.minutes.unwrap_or(5), params.limit.unwrap_or(USUAL_TOPS));
    if !(1..=MAX_MINUTES).contains(&minutes) {
        return Err(Problem::parameter("minutes", format!("1 to {MAX_MINUTES}")));
    }
    if !(1..=MAX_TOPS).contains(&limit) {
        return Err(Problem::parameter("limit", format!("1 to {MAX_TOPS}")));
    }
    let live = live_of(&app)?.clone();
    blocking(move || {
        let tops = live.hub.tops(minutes, limit);
        let to_s = unix_seconds();
        let from_s = (to_s / 60).saturating_sub(minutes) * 60;
        let answers = live.statistics.responses(from_s, to_s);
        Ok::<_, Problem>(Json(TopsOut { answers, tops }))
    })
    .await
}
