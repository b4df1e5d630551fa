//! Values as text: in one piece, or line by line.

use saphyr_parser::ScalarStyle;
use serde_json::Value as Json;

use super::tree::plain;

/// Columns by which what is inside stands further right.
pub const STEP: usize = 2;

/// JSON on one line, with spaces where YAML is written with them.
pub fn flow(value: &Json) -> String {
    match value {
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(entries) if entries.is_empty() => "{}".into(),
        Json::Object(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{}: {}", Json::from(key.as_str()), flow(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// A value in place of a scalar that was written in `style`, which is kept if it fits.
pub fn scalar(value: &Json, style: ScalarStyle) -> String {
    match value {
        Json::String(text) if style == ScalarStyle::Plain && is_plain(text) => text.clone(),
        Json::String(text) if style == ScalarStyle::SingleQuoted && !text.chars().any(char::is_control) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        other => flow(other),
    }
}

/// Whether `text` needs no quotes anywhere.
fn is_plain(text: &str) -> bool {
    let is_simple = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'/' | b'_' | b'-');
    text.bytes().all(is_simple)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '/')
        && plain(text).is_string()
}

/// A key as it is written line by line.
fn key_text(key: &str) -> String {
    if is_plain(key) { key.to_owned() } else { Json::from(key).to_string() }
}

/// A key with its value, on lines of their own that begin in column `indent`.
pub fn entry(key: &str, value: &Json, indent: usize) -> String {
    let (space, key) = (" ".repeat(indent), key_text(key));
    match value {
        Json::Object(entries) if !entries.is_empty() => {
            format!("{space}{key}:\n{}", lines(value, indent + STEP))
        }
        Json::Array(items) if items.iter().any(Json::is_object) => {
            let items: String = items.iter().map(|it| item(it, indent + STEP)).collect();
            format!("{space}{key}:\n{items}")
        }
        other => format!("{space}{key}: {}\n", scalar(other, ScalarStyle::Plain)),
    }
}

/// The entries of a section, each on lines of its own.
pub fn lines(value: &Json, indent: usize) -> String {
    match value {
        Json::Object(entries) => entries.iter().map(|(key, value)| entry(key, value, indent)).collect(),
        other => format!("{}{}\n", " ".repeat(indent), flow(other)),
    }
}

/// An item of a list, whose dash stands in column `indent`.
pub fn item(value: &Json, indent: usize) -> String {
    let space = " ".repeat(indent);
    match value {
        Json::Object(entries) if !entries.is_empty() => {
            let inner = lines(value, indent + STEP);
            format!("{space}- {}", inner.trim_start_matches(' '))
        }
        other => format!("{space}- {}\n", scalar(other, ScalarStyle::Plain)),
    }
}
