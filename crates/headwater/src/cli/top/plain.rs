//! One look as plain text, for scripts.

use std::io::{self, Write};

use super::model::{Model, milliseconds, percent};
use crate::cli::show;

/// Ways of an answer.
pub const PATHS: [&str; 3] = ["zone", "cache", "resolved"];

/// Prints figures and tops.
pub fn print(model: &Model, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "queries/s {:.1}", model.figure("/qps").unwrap_or(0.0))?;
    writeln!(out, "hit ratio {}", percent(model.figure("/hit_ratio")))?;
    writeln!(out, "rows lost/s {:.1}", model.figure("/dropped").unwrap_or(0.0))?;
    for (title, key) in [("RESULT", "results"), ("TRANSPORT", "transports"), ("SOURCE", "sources")] {
        let figures = model.stat.as_ref().and_then(|stat| stat[key].as_object());
        let row = |(name, rate): (&String, &serde_json::Value)| {
            [name.clone(), format!("{:.1}", rate.as_f64().unwrap_or(0.0))]
        };
        let rows: Vec<_> = figures.into_iter().flatten().map(row).collect();
        writeln!(out)?;
        show::table(out, [title, "PER SECOND"], &rows)?;
    }
    let row = |path: &str| {
        let ms = |quantile: &str| milliseconds(model.figure(&format!("/latency_ms/{path}/{quantile}")));
        [path.to_owned(), ms("p50"), ms("p95"), ms("p99")]
    };
    writeln!(out)?;
    show::table(out, ["LATENCY", "P50 MS", "P95 MS", "P99 MS"], &PATHS.map(row))?;
    for (title, kind) in [("NAME", "names"), ("CLIENT", "clients"), ("TYPE", "types")] {
        let rows: Vec<_> = model.top(kind).into_iter().map(|(what, count)| [count.to_string(), what]).collect();
        writeln!(out)?;
        show::table(out, ["COUNT", title], &rows)?;
    }
    Ok(())
}
