//! The API's reference as a page, from its description (OpenAPI).

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

const HEAD: &str = "# API reference\n\n\
<!-- Generated: `cargo xtask docs` -->\n\n\
Every call below `/api/v1`, by what it is about, then the forms of requests and responses. [The API](api.md) has what\n\
holds for all of them: who asks, errors, pages, entity tags, `Idempotency-Key`. The same for programs:\n\
[openapi.json](../api/openapi.json), served at `/api/v1/openapi.json`.\n";

/// The page of a description in JSON; one that cannot be read gives the page's head alone.
pub fn page(openapi: &str) -> String {
    let mut out = HEAD.to_owned();
    let Ok(api) = serde_json::from_str::<Value>(openapi) else { return out };
    let mut tags: BTreeMap<&str, Vec<Call<'_>>> = BTreeMap::new();
    for (path, methods) in entries(&api["paths"]) {
        for (method, operation) in entries(methods) {
            let tag = operation["tags"][0].as_str().unwrap_or("other");
            tags.entry(tag).or_default().push(Call { path, method, operation });
        }
    }
    for (tag, calls) in &tags {
        // Writing to a string does not fail, here and below.
        let _ = write!(out, "\n## {}{}\n", tag[..1].to_uppercase(), &tag[1..]);
        calls.iter().for_each(|call| write_call(&mut out, call));
    }
    out += "\n## Forms\n";
    for (name, schema) in entries(&api["components"]["schemas"]) {
        write_form(&mut out, name, schema);
    }
    out
}

struct Call<'a> {
    path: &'a str,
    method: &'a str,
    operation: &'a Value,
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

fn write_call(out: &mut String, call: &Call<'_>) {
    let Call { path, method, operation } = call;
    let _ = write!(out, "\n### `{} {path}`\n\n", method.to_uppercase());
    for key in ["summary", "description"] {
        if let Some(text) = operation[key].as_str() {
            let _ = writeln!(out, "{}\n", text.trim());
        }
    }
    let parameters: Vec<&Value> = operation["parameters"].as_array().into_iter().flatten().collect();
    if !parameters.is_empty() {
        *out += "| Parameter | In | Type | Meaning |\n| --- | --- | --- | --- |\n";
    }
    for parameter in parameters {
        let text = |key: &str| parameter[key].as_str().unwrap_or_default();
        let needed = if parameter["required"] == true { "" } else { ", optional" };
        let kind = kind_of(&parameter["schema"]);
        let _ =
            writeln!(out, "| `{}` | {}{needed} | {kind} | {} |", text("name"), text("in"), cell(text("description")));
    }
    for (media, content) in entries(&operation["requestBody"]["content"]) {
        let _ = writeln!(out, "\nBody (`{media}`): {}", kind_of(&content["schema"]));
    }
    *out += "\n";
    for (status, response) in entries(&operation["responses"]) {
        let bodies = entries(&response["content"]).map(|(media, content)| match media {
            "application/json" | "application/problem+json" => kind_of(&content["schema"]),
            _ => format!("`{media}`"),
        });
        let bodies = bodies.collect::<Vec<_>>().join(" or ");
        let body = if bodies.is_empty() { String::new() } else { format!(": {bodies}") };
        let _ = writeln!(out, "- {status}{body}");
    }
}

fn write_form(out: &mut String, name: &str, schema: &Value) {
    let _ = write!(out, "\n### {name}\n\n");
    if let Some(text) = schema["description"].as_str() {
        let _ = writeln!(out, "{}\n", text.trim());
    }
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut fields = entries(&schema["properties"]).peekable();
    if fields.peek().is_none() {
        let _ = writeln!(out, "{}", kind_of(schema));
        return;
    }
    *out += "| Field | Type | Meaning |\n| --- | --- | --- |\n";
    for (field, schema) in fields {
        let needed = if required.contains(&field) { "" } else { ", optional" };
        let text = cell(schema["description"].as_str().unwrap_or_default());
        let _ = writeln!(out, "| `{field}` | {}{needed} | {text} |", kind_of(schema));
    }
}

/// What a schema allows, in words, with links to the forms.
fn kind_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        if let Some(parts) = schema[key].as_array() {
            return parts.iter().map(kind_of).collect::<Vec<_>>().join(if key == "allOf" { " and " } else { " or " });
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        return words
            .iter()
            .map(|word| format!("`{}`", word.as_str().unwrap_or("null")))
            .collect::<Vec<_>>()
            .join(", ");
    }
    let one = |kind: &str| match kind {
        "array" => format!("list of {}", kind_of(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("object of {}", kind_of(&schema["additionalProperties"]))
        }
        "object" if schema["properties"].is_object() => {
            let fields =
                entries(&schema["properties"]).map(|(field, schema)| format!("`{field}`: {}", kind_of(schema)));
            format!("object ({})", fields.collect::<Vec<_>>().join("; "))
        }
        kind => kind.to_owned(),
    };
    match &schema["type"] {
        Value::String(kind) => one(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).map(one).collect::<Vec<_>>().join(" or "),
        _ => "any value".to_owned(),
    }
}

/// Text inside a table.
fn cell(text: &str) -> String {
    text.trim().replace('\n', " ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_forms_are_on_the_page() {
        let page = page(&api::openapi_json());
        for text in [
            "## Zones\n",
            "### `PATCH /zones/{zone}/rrsets`\n",
            "| `limit` | query, optional | integer |",
            "- 201: [BackupOut](#backupout)\n",
            "### BackupOut\n\nA backup.\n\n| Field | Type | Meaning |\n",
            "| `created_at_ms` | integer | When it was made, in milliseconds since 1970. |",
        ] {
            assert!(page.contains(text), "`{text}` is not in:\n{page}");
        }
    }
}
