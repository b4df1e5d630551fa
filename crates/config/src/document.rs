//! The configuration described from its one list of keys (`raw.rs`): JSON Schema, commented defaults, reference.
//! Printed by `headwater config schema | defaults | reference`.

use super::edit::flow;
use super::raw::Raw;
use super::section::{Key, Section, Table};
use super::unsupported;
use super::value::Kind;
use serde_json::{Map, Value as Json, json};
use std::fmt::Write;

/// JSON Schema (draft 2020-12) of the configuration file.
pub fn schema() -> String {
    let mut root = Map::new();
    root.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    root.insert("title".into(), "Headwater configuration".into());
    if let Json::Object(object) = section_schema(&Raw::TABLE) {
        root.extend(object);
    }
    let mut text = format!("{:#}", Json::Object(root));
    text.push('\n');
    text
}

/// A configuration file with every key at its default, each with what it means.
pub fn defaults() -> String {
    let mut text = String::from("# Every key of Headwater's configuration with its default.\n");
    write_defaults(&mut text, &Raw::TABLE, 0);
    text
}

/// The reference of all keys, in Markdown.
pub fn reference() -> String {
    let mut text = String::from(REFERENCE_HEAD);
    write_reference(&mut text, &Raw::TABLE);
    text
}

const REFERENCE_HEAD: &str = "\
# Configuration reference

<!-- Generated: `headwater config reference > docs/guide/configuration.md` -->

Headwater runs without a configuration file: every key has a default. A file is given by `--config FILE`. It is YAML;
JSON is accepted too. `headwater check --config FILE` reports every mistake in it at once, with line and column.

- An unknown key is an error.
- Booleans are `true` and `false`; `on`, `off`, `yes` and `no` are not.
- A duration is a number of seconds, or numbers with units: `90d`, `1h30m` (`s`, `m`, `h`, `d`, `w`).
- A relative path starts from the directory of the file it is written in; without a file, on the command line and in the
  environment, from the working directory.
- An environment variable overrides the file: `HEADWATER_` and the path in capitals, its parts joined by two
  underscores. The value is YAML: `HEADWATER_SERVER__DNS_PORT=53`, `HEADWATER_SERVER__BIND_ADDRESS='[\"192.0.2.1\"]'`.
- A flag overrides both: `--listen ADDR:PORT` stands instead of all sockets, `--data DIR` instead of `data_dir`,
  `--zone NAME=FILE` adds a zone or replaces the file of one.
- Keys marked \"not in this version\" accept their default and what means off or empty; everything else is an error,
  or a warning for the keys that older configuration files set.
";

fn section_schema(table: &Table) -> Json {
    let defaults = (table.defaults)();
    let mut properties = Map::new();
    for key in table.keys {
        let mut property = Map::new();
        property.insert("description".into(), description(table, key).into());
        if let Json::Object(kind) = kind_schema(&key.kind) {
            property.extend(kind);
        }
        if !matches!(key.kind, Kind::Section(_)) {
            property.insert("default".into(), defaults[key.name].clone());
        }
        properties.insert(key.name.into(), property.into());
    }
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

fn kind_schema(kind: &Kind) -> Json {
    match kind {
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Integer { min, max: u64::MAX } => json!({ "type": "integer", "minimum": min }),
        Kind::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Fraction => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        Kind::Text => json!({ "type": "string" }),
        Kind::Duration => json!({ "type": ["string", "integer"] }),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::List(element) => json!({ "type": "array", "items": kind_schema(element) }),
        Kind::OneOrMany => json!({ "type": ["string", "array"], "items": { "type": "string" } }),
        Kind::Secret => json!({ "type": "string", "writeOnly": true }),
        Kind::Named(element) => json!({ "type": "object", "additionalProperties": kind_schema(element) }),
        Kind::Section(table) => section_schema(table),
    }
}

fn write_defaults(text: &mut String, table: &Table, indent: usize) {
    let defaults = (table.defaults)();
    let space = " ".repeat(indent);
    for key in table.keys {
        if indent == 0 {
            text.push('\n');
        }
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "{space}# {}", description(table, key));
        match key.kind {
            Kind::Section(inner) => {
                let _ = writeln!(text, "{space}{}:", key.name);
                write_defaults(text, inner, indent + 2);
            }
            _ => {
                let _ = writeln!(text, "{space}{}: {}", key.name, flow(&defaults[key.name]));
            }
        }
        if let Kind::List(Kind::Section(entry)) = key.kind {
            let mut example = String::new();
            write_defaults(&mut example, entry, 2);
            let _ = writeln!(text, "{space}# An entry:\n{space}# -");
            for line in example.lines() {
                let _ = writeln!(text, "{space}# {line}");
            }
        }
    }
}

fn write_reference(text: &mut String, table: &Table) {
    let defaults = (table.defaults)();
    let title = if table.path.is_empty() { "Top level".to_owned() } else { format!("`{}`", table.path) };
    // Writing to a String cannot fail, here and below.
    let _ = write!(text, "\n## {title}\n\n{}\n\n", table.doc.concat().trim());
    text.push_str("| Key | Type | Default | Meaning |\n| --- | --- | --- | --- |\n");
    for key in table.keys {
        let default = match key.kind {
            Kind::Section(_) => "see below".to_owned(),
            _ => format!("`{}`", flow(&defaults[key.name])),
        };
        let meaning = description(table, key);
        let _ = writeln!(text, "| `{}` | {} | {default} | {meaning} |", key.name, kind_text(&key.kind));
    }
    for key in table.keys {
        if let Some(inner) = key.kind.section() {
            write_reference(text, inner);
        }
    }
}

fn kind_text(kind: &Kind) -> String {
    match kind {
        Kind::Boolean => "boolean".into(),
        Kind::Integer { min, max: u64::MAX } => format!("number from {min}"),
        Kind::Integer { min, max } => format!("number, {min} to {max}"),
        Kind::Fraction => "number from 0 to 1".into(),
        Kind::Text | Kind::Secret => "text".into(),
        Kind::Duration => "duration".into(),
        Kind::Choice(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Kind::List(Kind::Section(_)) => "list of sections".into(),
        Kind::List(Kind::Choice(words)) => format!("list of {}", kind_text(&Kind::Choice(words))),
        Kind::List(_) => "list of texts".into(),
        Kind::OneOrMany => "text, or list of texts".into(),
        Kind::Named(Kind::Integer { .. }) => "names with numbers".into(),
        Kind::Named(Kind::Section(_)) => "names with sections".into(),
        Kind::Named(Kind::Choice(words)) => format!("names, each with one of {}", kind_text(&Kind::Choice(words))),
        Kind::Named(_) => "names with texts".into(),
        Kind::Section(_) => "section".into(),
    }
}

fn description(table: &Table, key: &Key) -> String {
    let mut text = key.doc.concat().trim().to_owned();
    if unsupported::is_unsupported(table.path, key.name) {
        text.push_str(" (Not in this version.)");
    }
    text
}
