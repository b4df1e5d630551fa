//! What a server has told so far.

use std::collections::VecDeque;

use serde_json::Value;

use crate::cli::show::printable;

/// Seconds of rates that are kept.
const KEPT_S: usize = 120;
/// Rows that are kept.
const KEPT_ROWS: usize = 200;

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The time of day.
    pub time: String,
    /// Who asked.
    pub client: String,
    /// For which name.
    pub name: String,
    /// For which type.
    pub rtype: String,
    /// With which result.
    pub code: String,
    /// Who gave the answer.
    pub source: String,
    /// Milliseconds that it took.
    pub ms: f64,
}

/// What has been told.
#[derive(Debug, Default)]
pub struct Model {
    /// The latest figures.
    pub stat: Option<Value>,
    /// The latest tops.
    pub tops: Option<Value>,
    /// Queries a second, the latest last.
    pub rates: VecDeque<f64>,
    /// The latest rows first.
    pub rows: VecDeque<Row>,
    /// How many answers the last frame of rows is about: seen, matched, sampled.
    pub counts: [u64; 3],
    /// What is wrong.
    pub trouble: Option<String>,
}

impl Model {
    /// Takes a frame.
    pub fn take(&mut self, frame: &Value) {
        match frame["t"].as_str() {
            Some("stat") => {
                self.rates.push_back(frame["qps"].as_f64().unwrap_or(0.0));
                if self.rates.len() > KEPT_S {
                    self.rates.pop_front();
                }
                self.stat = Some(frame.clone());
            }
            Some("tops") => self.tops = Some(frame.clone()),
            Some("rows") => {
                self.counts = ["seen", "matched", "sampled"].map(|key| frame[key].as_u64().unwrap_or(0));
                self.trouble = None;
                frame["rows"].as_array().into_iter().flatten().for_each(|row| self.rows.push_front(read(row)));
                self.rows.truncate(KEPT_ROWS);
            }
            Some("error") => self.trouble = Some(text(&frame["detail"])),
            // What later versions say.
            _ => {}
        }
    }

    /// The stream has ended.
    pub fn end(&mut self, why: &str) {
        self.trouble = Some(why.to_owned());
    }

    /// Whether there are figures and tops.
    pub fn is_complete(&self) -> bool {
        self.stat.is_some() && self.tops.is_some()
    }

    /// A figure.
    pub fn figure(&self, path: &str) -> Option<f64> {
        self.stat.as_ref()?.pointer(path)?.as_f64()
    }

    /// The part of the responses of the last second with this result, in percent.
    pub fn percent_of(&self, result: &str) -> f64 {
        let qps = self.figure("/qps").unwrap_or(0.0);
        let part = self.figure(&format!("/results/{result}")).unwrap_or(0.0);
        if qps > 0.0 { 100.0 * part / qps } else { 0.0 }
    }

    /// What comes most often: (what, how often).
    pub fn top(&self, kind: &str) -> Vec<(String, u64)> {
        let list = self.tops.as_ref().and_then(|tops| tops[kind].as_array());
        let pair = |top: &Value| (text(&top["key"]), top["count"].as_u64().unwrap_or(0));
        list.into_iter().flatten().map(pair).collect()
    }
}

fn read(row: &Value) -> Row {
    let timestamp = text(&row["timestamp"]);
    Row {
        time: timestamp.get(11..23).unwrap_or(&timestamp).to_owned(),
        client: text(&row["client_ip"]),
        name: text(&row["domain"]),
        rtype: text(&row["query_type"]),
        code: text(&row["response_code"]),
        source: text(&row["source"]),
        ms: row["response_time_ms"].as_f64().unwrap_or(0.0),
    }
}

/// Text of somebody else.
fn text(value: &Value) -> String {
    value.as_str().map(printable).unwrap_or_default()
}

/// Milliseconds in few digits; `-`: there are none.
pub fn milliseconds(ms: Option<f64>) -> String {
    match ms {
        None => "-".to_owned(),
        Some(ms) if ms < 10.0 => format!("{ms:.2}"),
        Some(ms) if ms < 100.0 => format!("{ms:.1}"),
        Some(ms) => format!("{ms:.0}"),
    }
}

/// A part in percent; `-`: there is none.
pub fn percent(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.1} %", 100.0 * ratio))
}
