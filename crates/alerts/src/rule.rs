//! Rules: what is watched, how long it must hold, how bad it is.
//!
//! The text of a condition is a metric with its labels, a comparison and a number, or a health check:
//! `headwater_zone_expires_seconds{zone="example.org."} < 86400`, `rate(headwater_log_dropped_total) > 0`,
//! `check journal`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest condition in bytes.
const MAX_CONDITION_BYTES: usize = 1000;
/// Most labels of a condition.
const MAX_LABELS: usize = 16;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Somebody should look at it in working hours.
    Warning,
    /// Somebody should look at it now.
    Critical,
}

impl Severity {
    /// Its name in configuration and notices.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// How a value is compared with the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
}

/// Longer ones first: one is the beginning of another.
const COMPARISONS: [(&str, Comparison); 6] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    (">", Comparison::Above),
    ("<", Comparison::Below),
];

impl Comparison {
    /// Whether `value` compares so with `threshold`. Not a number compares with nothing.
    pub fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Comparison::Above => value > threshold,
            Comparison::AtLeast => value >= threshold,
            Comparison::Below => value < threshold,
            Comparison::AtMost => value <= threshold,
            Comparison::Equal => value == threshold,
            Comparison::Unequal => value != threshold && !value.is_nan(),
        }
    }
}

/// What is watched.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// The value of a metric.
    Metric {
        /// Its name.
        metric: String,
        /// Labels that it must have.
        labels: Vec<(String, String)>,
        /// What it gains each second, instead of its value.
        is_rate: bool,
        /// How it is compared,
        comparison: Comparison,
        /// with what.
        threshold: f64,
    },
    /// A health check is not passed.
    Check(String),
}

/// A condition that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {}: {expected} expected", .column + 1)]
pub struct ConditionError {
    /// Where, in characters from 0.
    pub column: usize,
    /// What should stand there.
    pub expected: &'static str,
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name, one among the rules.
    pub name: String,
    /// What is watched.
    pub condition: Condition,
    /// How long the condition must hold before it is an alert, in seconds.
    pub for_s: u64,
    /// How bad it is.
    pub severity: Severity,
    /// What people are told; empty: the condition.
    pub summary: String,
    /// Names of those who are told; empty: everybody.
    pub recipients: Vec<String>,
}

/// What is wrong in most installations if it is so. A rule of the same name takes its place.
///
/// # Panics
/// Never: a test reads them all.
pub fn built_in() -> Vec<Rule> {
    let rules: [(&str, &str, u64, Severity, &str); 12] = [
        ("journal", "check journal", 0, Severity::Critical, "the journal cannot be written: no change is taken"),
        ("listeners", "check listeners", 30, Severity::Critical, "an address is not served"),
        (
            "disk",
            "check disk",
            60,
            Severity::Warning,
            "little space or few inodes are left on the data directory's disk",
        ),
        ("zones", "check zones", 300, Severity::Warning, "a zone has expired or cannot be refreshed"),
        ("upstreams", "check upstreams", 120, Severity::Warning, "servers that are asked do not answer"),
        ("certificates", "check certificates", 0, Severity::Warning, "a certificate expires soon"),
        (
            "configuration",
            "check configuration",
            300,
            Severity::Warning,
            "the configuration on the disk has mistakes: the one before is in use",
        ),
        ("clock", "check clock", 60, Severity::Warning, "the clock jumped or is wrong"),
        (
            "signing",
            "check signing",
            0,
            Severity::Critical,
            "a zone cannot be signed, or a change of it was refused: what is served stays as it is",
        ),
        ("log_drops", "rate(headwater_log_dropped_total) > 0", 60, Severity::Info, "rows of logs are lost"),
        (
            "anomalies",
            "headwater_anomalies_active > 0",
            60,
            Severity::Warning,
            "queries look unusual: GET /api/v1/anomalies says whose and why",
        ),
        (
            "zone_expires",
            "headwater_zone_expires_seconds < 86400",
            300,
            Severity::Warning,
            "a secondary zone expires within a day: its primaries do not answer",
        ),
    ];
    let rule = |(name, condition, for_s, severity, summary): (&str, &str, u64, Severity, &str)| {
        let condition = condition.parse().ok()?;
        let (name, summary, recipients) = (name.to_owned(), summary.to_owned(), Vec::new());
        Some(Rule { name, condition, for_s, severity, summary, recipients })
    };
    rules.into_iter().filter_map(rule).collect()
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Check(name) => write!(f, "check {name}"),
            Condition::Metric { metric, labels, is_rate, comparison, threshold } => {
                let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
                let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
                let sign = COMPARISONS.iter().find(|(_, it)| it == comparison).map_or("", |(sign, _)| sign);
                let (open, close) = if *is_rate { ("rate(", ")") } else { ("", "") };
                write!(f, "{open}{metric}{labels}{close} {sign} {threshold}")
            }
        }
    }
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Condition, ConditionError> {
        let mut reader = ConditionReader { text, rest: text };
        if text.len() > MAX_CONDITION_BYTES {
            return Err(ConditionError { column: MAX_CONDITION_BYTES, expected: "at most 1,000 bytes" });
        }
        if reader.word("check ") {
            let name = reader.name("the name of a health check")?;
            reader.end()?;
            return Ok(Condition::Check(name));
        }
        let is_rate = reader.word("rate(");
        let metric = reader.name("the name of a metric, `rate(METRIC)`, or `check NAME`")?;
        let labels = reader.labels()?;
        if is_rate && !reader.word(")") {
            return Err(reader.error("`)`"));
        }
        let sign = COMPARISONS.iter().find(|(sign, _)| reader.word(sign));
        let Some((_, comparison)) = sign else { return Err(reader.error("one of > >= < <= == !=")) };
        let threshold = reader.number()?;
        reader.end()?;
        Ok(Condition::Metric { metric, labels, is_rate, comparison: *comparison, threshold })
    }
}

struct ConditionReader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> ConditionReader<'a> {
    fn error(&self, expected: &'static str) -> ConditionError {
        let read = self.text.len() - self.rest.len();
        ConditionError { column: self.text.get(..read).unwrap_or(self.text).chars().count(), expected }
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn word(&mut self, word: &str) -> bool {
        self.skip_blanks();
        let Some(rest) = self.rest.strip_prefix(word) else { return false };
        self.rest = rest;
        true
    }

    fn name(&mut self, expected: &'static str) -> Result<String, ConditionError> {
        self.skip_blanks();
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() {
            return Err(self.error(expected));
        }
        self.rest = rest;
        Ok(name.to_owned())
    }

    fn labels(&mut self) -> Result<Vec<(String, String)>, ConditionError> {
        let mut labels = Vec::new();
        if !self.word("{") {
            return Ok(labels);
        }
        while !self.word("}") {
            if labels.len() >= MAX_LABELS {
                return Err(self.error("at most 16 labels"));
            }
            let name = self.name("the name of a label, or `}`")?;
            if !self.word("=") || !self.word("\"") {
                return Err(self.error("`=\"value\"`"));
            }
            let Some((value, rest)) = self.rest.split_once('"') else {
                return Err(self.error("`\"` behind the value"));
            };
            labels.push((name, value.to_owned()));
            self.rest = rest;
            let _ = self.word(",");
        }
        Ok(labels)
    }

    fn number(&mut self) -> Result<f64, ConditionError> {
        self.skip_blanks();
        let end = self.rest.find(char::is_whitespace).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        let value = number.parse::<f64>().ok().filter(|value| value.is_finite());
        let value = value.ok_or_else(|| self.error("a number"))?;
        self.rest = rest;
        Ok(value)
    }

    fn end(&mut self) -> Result<(), ConditionError> {
        self.skip_blanks();
        if self.rest.is_empty() { Ok(()) } else { Err(self.error("the end")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_come_back_as_they_were_written() {
        for text in [
            "check journal",
            "rate(headwater_log_dropped_total) > 0",
            "headwater_zone_expires_seconds{zone=\"example.org.\"} < 86400",
            "a{b=\"c\",d=\"e f\"} >= -1.5",
            "a == 0",
            "a != 3",
            "a <= 1",
        ] {
            let condition: Condition = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(condition.to_string(), text);
        }
        assert_eq!("a>1".parse::<Condition>().map(|it| it.to_string()).as_deref(), Ok("a > 1"));
    }

    #[test]
    fn errors_say_where_and_what_is_expected() {
        for (text, column, expected) in [
            ("", 0, "the name of a metric, `rate(METRIC)`, or `check NAME`"),
            ("check ", 0, "one of > >= < <= == !="),
            ("a", 1, "one of > >= < <= == !="),
            ("a > ", 4, "a number"),
            ("a > inf", 4, "a number"),
            ("a > 1 2", 6, "the end"),
            ("rate(a > 1", 7, "`)`"),
            ("a{b} > 1", 3, "`=\"value\"`"),
            ("ä > 1", 0, "the name of a metric, `rate(METRIC)`, or `check NAME`"),
        ] {
            let error = text.parse::<Condition>().expect_err(text);
            let shown = (error.column, error.expected);
            let check = text == "check ";
            assert!(check || shown == (column, expected), "{text}: {error}");
        }
    }

    #[test]
    fn every_built_in_rule_can_be_read() {
        assert_eq!(built_in().len(), 12);
    }
}
