//! The history of queries as a file, made while it is sent.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use telemetry::history::{Cursor, Wanted};

use super::row::{CSV_HEADER, QueryOut};
use super::{Range, search_slice};
use crate::problem::Problem;
use crate::state::App;

/// Rows that are found and sent at once.
const ROWS_AT_ONCE: usize = 1000;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Values with commas between them, and a line with their names.
    Csv,
    /// An object of JSON a line.
    JsonLines,
}

impl Format {
    /// The format with this name.
    ///
    /// # Errors
    /// 400: there is none.
    pub fn from_text(text: Option<&str>) -> Result<Format, Problem> {
        match text {
            Some("csv") => Ok(Format::Csv),
            None | Some("jsonl") => Ok(Format::JsonLines),
            Some(_) => Err(Problem::parameter("format", "csv or jsonl")),
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Format::Csv => "text/csv; charset=utf-8",
            Format::JsonLines => "application/jsonl; charset=utf-8",
        }
    }

    fn file_name(self) -> &'static str {
        match self {
            Format::Csv => "attachment; filename=\"queries.csv\"",
            Format::JsonLines => "attachment; filename=\"queries.jsonl\"",
        }
    }

    fn push(self, row: &QueryOut, out: &mut String) {
        match self {
            Format::Csv => row.push_csv(out),
            // A row consists of strings and numbers: it can always be written.
            Format::JsonLines => drop(writeln!(out, "{}", serde_json::to_string(row).unwrap_or_default())),
        }
    }
}

/// Where an export is.
enum Place {
    Start,
    After(Cursor),
    End,
}

/// The rows of `range`, the latest first. Between two pieces nothing is held for a client that is slow.
pub fn respond(app: Arc<App>, range: Range, format: Format) -> Response {
    let range = Arc::new(range);
    let pieces = stream::unfold((app, Place::Start), move |(app, place)| {
        let range = range.clone();
        async move {
            let after = match place {
                Place::Start => None,
                Place::After(cursor) => Some(cursor),
                Place::End => return None,
            };
            let mut text = match (after, format) {
                (None, Format::Csv) => CSV_HEADER.to_owned(),
                _ => String::new(),
            };
            let wanted = range.clone();
            let found = search_slice(&app, move |store, stop| {
                let wanted = Wanted { filter: &wanted.filter, from_us: wanted.from_us, to_us: wanted.to_us };
                store.search(&wanted, after, ROWS_AT_ONCE, stop)
            });
            let next = match found.await {
                Ok(found) => {
                    found.rows.into_iter().for_each(|row| format.push(&QueryOut::from(row), &mut text));
                    found.progress.next.map_or(Place::End, Place::After)
                }
                // The history was switched off meanwhile.
                Err(_) => Place::End,
            };
            Some((Ok::<_, Infallible>(Bytes::from(text)), (app, next)))
        }
    });
    let headers = [(header::CONTENT_TYPE, format.media_type()), (header::CONTENT_DISPOSITION, format.file_name())];
    (headers, Body::from_stream(pieces)).into_response()
}
