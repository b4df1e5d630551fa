//! Secrets in a configuration's text: shown as something that stands for them, and put back where that is sent in.

use std::collections::HashMap;

use super::edit::{self, EditError, Node, Shape};
use super::placeholder::{PREFIX, placeholder};
use super::raw::Raw;
use super::section::{Section, Table};
use super::value::Kind;
use serde_json::Value as Json;

/// `text` with something in place of each secret.
///
/// # Errors
/// A text whose secrets cannot be told from the rest.
pub fn redact(text: &str) -> Result<String, EditError> {
    let mut found = Vec::new();
    if let Some(root) = edit::parse(text)? {
        collect(&Kind::Section(&Raw::TABLE), &root, &mut found);
    }
    let shown = found.into_iter().filter(|(_, secret)| !secret.is_empty());
    Ok(splice(text, shown.map(|(node, secret)| (node.start, node.end, format!("\"{}\"", placeholder(&secret))))))
}

/// `text` with the secrets of `known` in the place of what stands for them. What stands for none of them stays, and is
/// refused as a secret later. A text that cannot be read stays as it is.
pub fn restore(text: &str, known: &str) -> String {
    if !text.contains(PREFIX) {
        return text.to_owned();
    }
    let secrets = |text: &str| {
        let mut found = Vec::new();
        if let Ok(Some(root)) = edit::parse(text) {
            collect(&Kind::Section(&Raw::TABLE), &root, &mut found);
        }
        found
    };
    let known: HashMap<String, String> =
        secrets(known).into_iter().map(|(_, secret)| (placeholder(&secret), secret)).collect();
    let back = secrets(text).into_iter().filter_map(|(node, shown)| {
        let secret = known.get(&shown)?;
        Some((node.start, node.end, Json::from(secret.as_str()).to_string()))
    });
    splice(text, back)
}

fn splice(text: &str, changes: impl Iterator<Item = (usize, usize, String)>) -> String {
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for (start, end, with) in changes {
        out.push_str(&text[at..start]);
        out.push_str(&with);
        at = end;
    }
    out.push_str(&text[at..]);
    out
}

/// The secrets in `node`, in the order of the text, by what the schema says of it.
fn collect(kind: &Kind, node: &Node, found: &mut Vec<(Node, String)>) {
    match (kind, &node.shape) {
        (Kind::Secret, Shape::Scalar { value, .. }) => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            found.push((node.clone(), text));
        }
        // A form that is refused all the same: nothing of it is shown.
        (Kind::Secret, _) => found.push((node.clone(), node.json().to_string())),
        (Kind::List(element), Shape::List(items)) => items.iter().for_each(|item| collect(element, item, found)),
        (Kind::Named(element), Shape::Map(entries)) => {
            entries.iter().for_each(|entry| collect(element, &entry.value, found));
        }
        (Kind::Section(table), Shape::Map(entries)) => {
            for entry in entries {
                if let Some(kind) = kind_of(table, &entry.key) {
                    collect(kind, &entry.value, found);
                }
            }
        }
        _ => {}
    }
}

fn kind_of(table: &'static Table, key: &str) -> Option<&'static Kind> {
    table.keys.iter().find(|known| known.name == key).map(|key| &key.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# of the office\ntsig_keys:\n  - name: a.\n    secret: c2VjcmV0  # keep\n  - { name: b., secret: 'b3RoZXI=' }\n";

    #[test]
    fn secrets_are_hidden_and_come_back() {
        let hidden = redact(TEXT).expect("YAML");
        assert!(!hidden.contains("c2VjcmV0") && !hidden.contains("b3RoZXI="), "{hidden}");
        assert!(hidden.starts_with("# of the office\n") && hidden.contains("# keep"), "{hidden}");
        let back = restore(&hidden.replace("name: a.", "name: c."), TEXT);
        let json = |text: &str| edit::parse(text).expect("YAML").expect("a value").json();
        let mut want = json(TEXT);
        want["tsig_keys"][0]["name"] = "c.".into();
        assert_eq!(json(&back), want);
        assert!(super::super::placeholder::is_placeholder(
            json(&hidden)["tsig_keys"][1]["secret"].as_str().expect("text")
        ));
    }

    #[test]
    fn a_password_of_brokers_is_hidden() {
        let text = "cluster: { brokers: ['a:1'], sasl: { user: node, password: s3cret } }\n";
        let hidden = redact(text).expect("YAML");
        assert!(hidden.contains("user: node") && !hidden.contains("s3cret"), "{hidden}");
    }

    #[test]
    fn what_stands_for_nothing_stays() {
        let text = "tsig_keys: [{ name: a., secret: \"<secret:0000000000000000>\" }]\n";
        assert_eq!(restore(text, TEXT), text);
        assert_eq!(restore("{ <secret:", TEXT), "{ <secret:");
    }
}
