//! The past as columns of figures, for charts.

use serde::Serialize;
use utoipa::ToSchema;

use super::counts::{Counts, PATHS, RESULTS, SOURCES};
use super::figures::{Figures, Latency, Named, source_names, transport_names};
use super::levels::{Levels, RESOLUTIONS};

/// Points of a series at the most.
pub const MAX_POINTS: u64 = 3600;
/// Points of a series if nobody says how far they shall be apart: about as many.
const USUAL_POINTS: u64 = 900;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// From when, in seconds since 1970.
    pub from_s: u64,
    /// Until when.
    pub to_s: u64,
    /// Seconds from one point to the next; `None`: what fits.
    pub step_s: Option<u64>,
}

/// Columns of response times, in milliseconds.
#[derive(Debug, Default, Clone, PartialEq, Serialize, ToSchema)]
pub struct LatencyColumns {
    /// Half of the answers took no longer.
    pub p50: Vec<Option<f64>>,
    /// 95 % took no longer.
    pub p95: Vec<Option<f64>>,
    /// 99 % took no longer.
    pub p99: Vec<Option<f64>>,
}

type Column = Vec<Option<f64>>;

/// Figures over time: every column has one value for each point, null where the server did not run.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Series {
    /// When the first point begins, in milliseconds since 1970.
    pub from_ms: u64,
    /// Seconds from one point to the next. At least what was asked for; more where the past is kept more coarsely.
    pub step_s: u64,
    /// How many points there are.
    pub points: usize,
    /// Responses a second.
    #[schema(value_type = Vec<Option<f64>>)]
    pub qps: Column,
    /// Responses a second by result.
    #[schema(value_type = std::collections::BTreeMap<String, Vec<Option<f64>>>)]
    pub results: Named<Column>,
    /// Questions a second by transport.
    #[schema(value_type = std::collections::BTreeMap<String, Vec<Option<f64>>>)]
    pub transports: Named<Column>,
    /// Responses a second by who gave them.
    #[schema(value_type = std::collections::BTreeMap<String, Vec<Option<f64>>>)]
    pub sources: Named<Column>,
    /// Response times by the way of the answer.
    #[schema(value_type = std::collections::BTreeMap<String, LatencyColumns>)]
    pub latency_ms: Named<LatencyColumns>,
    /// The part of hits in the cache.
    #[schema(value_type = Vec<Option<f64>>)]
    pub hit_ratio: Column,
    /// Rows a second that were lost to log, history or live view.
    #[schema(value_type = Vec<Option<f64>>)]
    pub dropped: Column,
}

/// The level and step that serve `asked` at `now_s`: the finest that is kept since then, no finer than asked for, with
/// no more points than there may be.
fn choose(asked: &Asked, now_s: u64) -> (usize, u64) {
    let length_s = asked.to_s.saturating_sub(asked.from_s).max(1);
    let wanted_s = match asked.step_s {
        Some(step_s) => step_s.max(length_s.div_ceil(MAX_POINTS)),
        None => length_s.div_ceil(USUAL_POINTS),
    };
    let reaches = |level: &usize| {
        let resolution = RESOLUTIONS[*level];
        asked.from_s + resolution.span_s * resolution.kept as u64 >= now_s
    };
    let coarsest = RESOLUTIONS.len() - 1;
    let finest = (0..coarsest).find(reaches).unwrap_or(coarsest);
    // Fewer spans to add up where a coarser level has the same points.
    let level = (finest..=coarsest).rev().find(|&level| wanted_s.is_multiple_of(RESOLUTIONS[level].span_s));
    let level = level.unwrap_or(finest);
    (level, wanted_s.next_multiple_of(RESOLUTIONS[level].span_s))
}

/// The figures of a stretch of time.
pub fn series(levels: &Levels, asked: &Asked, now_s: u64) -> Series {
    let to_s = asked.to_s.min(now_s + 1);
    let (level, step_s) = choose(&Asked { to_s, ..*asked }, now_s);
    let from_s = asked.from_s / step_s * step_s;
    let points = to_s.saturating_sub(from_s).div_ceil(step_s).min(MAX_POINTS + 1) as usize;
    let mut sums: Vec<Option<(Counts, u64)>> = vec![None; points];
    for (at_s, counts) in levels.between(level, from_s, to_s) {
        let Some(behind_s) = at_s.checked_sub(from_s) else { continue };
        let Some(sum) = sums.get_mut((behind_s / step_s) as usize) else { continue };
        let (sum, seconds) = sum.get_or_insert_default();
        sum.add(&counts);
        *seconds += RESOLUTIONS[level].span_s.min(now_s.saturating_sub(at_s).max(1));
    }
    let figures: Vec<Option<Figures>> =
        sums.into_iter().map(|sum| sum.map(|(counts, seconds)| Figures::of(&counts, seconds as f64))).collect();
    columns(&figures, from_s, step_s)
}

fn columns(figures: &[Option<Figures>], from_s: u64, step_s: u64) -> Series {
    let column = |value: &dyn Fn(&Figures) -> Option<f64>| -> Column {
        figures.iter().map(|figures| figures.as_ref().and_then(value)).collect()
    };
    let named = |names: Vec<&'static str>, of: fn(&Figures) -> &Named<f64>| {
        let one = |(index, name): (usize, &'static str)| {
            (name, column(&|figures| of(figures).0.get(index).map(|(_, value)| *value)))
        };
        Named(names.into_iter().enumerate().map(one).collect())
    };
    let latency = |(path, name): (usize, &'static str)| {
        let percentile = |of: fn(&Latency) -> Option<f64>| {
            column(&move |figures| figures.latency_ms.0.get(path).and_then(|(_, latency)| of(latency)))
        };
        let columns = LatencyColumns {
            p50: percentile(|latency| latency.p50),
            p95: percentile(|latency| latency.p95),
            p99: percentile(|latency| latency.p99),
        };
        (name, columns)
    };
    Series {
        from_ms: from_s * 1000,
        step_s,
        points: figures.len(),
        qps: column(&|figures| Some(figures.qps)),
        results: named(RESULTS.to_vec(), |figures| &figures.results),
        transports: named(transport_names(), |figures| &figures.transports),
        sources: named(source_names(&SOURCES), |figures| &figures.sources),
        latency_ms: Named(source_names(&PATHS).into_iter().enumerate().map(latency).collect()),
        hit_ratio: column(&|figures| figures.hit_ratio),
        dropped: column(&|figures| Some(figures.dropped)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::counts::FIELDS;
    use super::*;

    const NOW_S: u64 = 1_700_000_000;

    #[test]
    fn the_step_fits_what_is_kept() {
        let check = |ago_s: u64, length_s: u64, step_s: Option<u64>, want: (usize, u64)| {
            let asked = Asked { from_s: NOW_S - ago_s, to_s: NOW_S - ago_s + length_s, step_s };
            assert_eq!(choose(&asked, NOW_S), want, "{ago_s} {length_s} {step_s:?}");
        };
        check(900, 900, None, (0, 1));
        check(900, 900, Some(60), (1, 60));
        check(3600, 3600, Some(5), (0, 5));
        check(7200, 60, Some(1), (1, 60));
        check(7 * 86_400, 7 * 86_400, None, (1, 720));
        check(30 * 86_400, 30 * 86_400, None, (2, 3600));
        check(400 * 86_400, 400 * 86_400, Some(3600), (2, 10_800));
    }

    #[test]
    fn points_have_rates_and_gaps_are_null() {
        let mut levels = Levels::default();
        let mut fields = [0; FIELDS];
        fields[0] = 30;
        (0..10).chain(20..30).for_each(|second| drop(levels.add(NOW_S + second, &Counts::from_fields(fields))));
        let asked = Asked { from_s: NOW_S, to_s: NOW_S + 30, step_s: Some(5) };
        let got = series(&levels, &asked, NOW_S + 30);
        assert_eq!((got.step_s, got.points, got.from_ms), (5, 6, NOW_S * 1000));
        let [full, gap] = [Some(30.0), None];
        assert_eq!(got.qps, [full, full, gap, gap, full, full]);
        assert_eq!(got.results.0[0], ("NOERROR", vec![full, full, gap, gap, full, full]));
        assert_eq!(got.hit_ratio, [None; 6]);
    }
}
