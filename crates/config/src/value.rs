//! The kinds of values a configuration is made of: how each is read, described and written. `raw.rs` uses them.

use super::placeholder::{is_placeholder, placeholder};
use super::problem::{Mark, closest};
use super::reader::{Node, Reader, Step, path_text};
use super::section::Table;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::ops::Deref;

/// A value of the configuration.
pub trait Value: Clone + PartialEq + Default {
    /// What may stand here.
    const KIND: Kind;

    /// Replaces (a section: merges) the value with what starts with `node`; problems go to the reader's report.
    fn read(&mut self, node: Node<'_>, reader: &mut Reader<'_, '_>);

    /// Whether this means "off" or "none", which is accepted from a feature that is not built yet.
    fn is_off(&self) -> bool;

    /// The value as JSON, which is YAML too.
    fn to_json(&self) -> Json;

    /// Calls `keys.visit` for every key below that is no section.
    fn keys(&self, default: &Self, mark: Mark, keys: &mut Keys<'_>) {
        (keys.visit)(&keys.path, mark, self.to_json(), default.to_json());
    }

    /// Calls `walk.visit` for every key below, with the mark of its value, whose value is neither its default nor off.
    fn changed(&self, default: &Self, mark: Mark, walk: &mut Walk<'_>) {
        if self != default && !self.is_off() {
            walk.visit_key(mark);
        }
    }
}

/// What may stand at a key.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A whole number in a range, both ends included.
    Integer { min: u64, max: u64 },
    /// A number from 0 to 1.
    Fraction,
    /// Text.
    Text,
    /// Seconds, or numbers with units.
    Duration,
    /// Text that is not shown.
    Secret,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// A list.
    List(&'static Kind),
    /// One text, or a list of texts.
    OneOrMany,
    /// Free names, each with a value.
    Named(&'static Kind),
    /// Named keys.
    Section(&'static Table),
}

impl Kind {
    /// The section that stands here, alone, as the elements of a list or behind free names.
    pub fn section(&self) -> Option<&'static Table> {
        match *self {
            Kind::Section(table) | Kind::List(&Kind::Section(table)) | Kind::Named(&Kind::Section(table)) => {
                Some(table)
            }
            _ => None,
        }
    }
}

/// State of a walk over changed values.
pub struct Walk<'f> {
    /// The table path of the section being walked.
    pub section: &'static str,
    /// The way to the value being visited.
    pub path: Vec<Step>,
    /// Called with the section's table path, the way to the key, and the value's mark.
    pub visit: &'f mut dyn FnMut(&'static str, &[Step], Mark),
}

impl Walk<'_> {
    fn visit_key(&mut self, mark: Mark) {
        (self.visit)(self.section, &self.path, mark);
    }
}

/// Hears of a key: the way to it, the mark of its value, the value and its default.
pub type Visit<'f> = dyn FnMut(&[Step], Mark, Json, Json) + 'f;

/// State of a walk over all keys.
pub struct Keys<'f> {
    /// The way to the key being visited.
    pub path: Vec<Step>,
    /// Called with the way to the key, the mark of its value, the value and its default.
    pub visit: &'f mut Visit<'f>,
}

/// A value and where it was written. Equal when the values are.
#[derive(Debug, Clone, Default)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where; `Mark::default()` for a default.
    pub mark: Mark,
}

impl<T: Value> At<T> {
    /// A value that was not written anywhere.
    pub fn default_of(value: T) -> At<T> {
        At { value, mark: Mark::default() }
    }

    /// Reads the value that comes next.
    pub fn read_next(&mut self, reader: &mut Reader<'_, '_>) {
        let node = reader.next();
        self.mark = reader.mark();
        self.value.read(node, reader);
    }
}

impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> Deref for At<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl Value for bool {
    const KIND: Kind = Kind::Boolean;

    fn read(&mut self, node: Node<'_>, reader: &mut Reader<'_, '_>) {
        match &node {
            Node::Scalar { text, plain: true } if text == "true" => *self = true,
            Node::Scalar { text, plain: true } if text == "false" => *self = false,
            Node::Scalar { text, .. } => {
                let meant = match text.to_ascii_lowercase().as_str() {
                    "on" | "yes" | "y" | "1" | "true" => Some("true".into()),
                    "off" | "no" | "n" | "0" | "false" => Some("false".into()),
                    _ => None,
                };
                reader.mismatch("`true` or `false`", &node, meant);
            }
            other => reader.mismatch("`true` or `false`", other, None),
        }
    }

    fn is_off(&self) -> bool {
        !self
    }

    fn to_json(&self) -> Json {
        Json::Bool(*self)
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Int<const MIN: u64, const MAX: u64>(pub u64);

impl<const MIN: u64, const MAX: u64> Default for Int<MIN, MAX> {
    fn default() -> Self {
        Int(MIN)
    }
}

impl<const MIN: u64, const MAX: u64> Value for Int<MIN, MAX> {
    const KIND: Kind = Kind::Integer { min: MIN, max: MAX };

    fn read(&mut self, node: Node<'_>, reader: &mut Reader<'_, '_>) {
        let digits = match &node {
            Node::Scalar { text, plain: true } if text.bytes().all(|b| b.is_ascii_digit()) => text.parse::<u64>().ok(),
            _ => None,
        };
        match digits {
            Some(number) if (MIN..=MAX).contains(&number) => *self = Int(number),
            _ if MAX == u64::MAX => reader.mismatch("a whole number", &node, None),
            _ => reader.mismatch(&format!("a whole number from {MIN} to {MAX}"), &node, None),
        }
    }

    fn is_off(&self) -> bool {
        false
    }

    fn to_json(&self) -> Json {
        self.0.into()
    }
}

/// A number from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Fraction(pub f64);

impl Value for Fraction {
    const KIND: Kind = Kind::Fraction;

    fn read(&mut self, node: Node<'_>, reader: &mut Reader<'_, '_>) {
        let number = match &node {
            Node::Scalar { text, plain: true } => text.parse::<f64>().ok(),
            _ => None,
        };
        match number {
            Some(number) if (0.0..=1.0).contains(&number) => *self = Fraction(number),
            _ => reader.mismatch("a number from 0 to 1", &node, None),
        }
    }

    fn is_off(&self) -> bool {
        false
    }

    fn to_json(&self) -> Json {
        self.0.into()
    }
}

impl Value for String {
    const KIND: Kind = Kind::Text;

    fn read(&mut self, node: Node<'_>, reader: &mut Reader<'_, '_>) {
        let null = node.is_null();
        match node {
            Node::Scalar { text, .. } if !null => *self = text.into_owned(),
            other => reader.mismatch("text", &other, None),
        }
    }

    fn is_off(&self) -> bool {
        self.is_empty()
    }

    fn to_json(&self) -> Json {
        self.as_str().into()
    }
}

/// A text that is not shown.
#[derive(Clone, Default, PartialEq)]
pub struct SecretText(String);

impl SecretText {
    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

impl Value for SecretText {
    const KIND: Kind = Kind::Secret;

    fn read(&mut self, node: Node<'_>, reader: &mut Reader<'_, '_>) {
        self.0.read(node, reader);
        if is_placeholder(&self.0) {
            reader.error("stands for a secret that is not known here; give the secret itself", None);
        }
    }

    fn is_off(&self) -> bool {
        self.0.is_empty()
    }

    /// What stands for the secret; empty: there is none.
    fn to_json(&self) -> Json {
        if self.0.is_empty() { "".into() } else { placeholder(&self.0).into() }
    }
}

impl<T: Value> Value for Vec<At<T>> {
    const KIND: Kind = Kind::List(&T::KIND);

    fn read(&mut self, node: Node<'_>, reader: &mut Reader<'_, '_>) {
        self.clear();
        match node {
            Node::List => {}
            ref null if null.is_null() => return,
            ref other => return reader.mismatch("a list", other, None),
        }
        loop {
            let node = reader.next();
            if node == Node::End {
                return;
            }
            let mut element = At { value: T::default(), mark: reader.mark() };
            reader.path.push(Step::Index(self.len()));
            element.value.read(node, reader);
            reader.path.pop();
            self.push(element);
        }
    }

    fn is_off(&self) -> bool {
        self.is_empty()
    }

    fn to_json(&self) -> Json {
        self.iter().map(|element| element.to_json()).collect()
    }

    fn changed(&self, default: &Self, mark: Mark, walk: &mut Walk<'_>) {
        if self.is_empty() {
            return;
        }
        if T::KIND.section().is_none() {
            if self != default {
                walk.visit_key(mark);
            }
            return;
        }
        walk.visit_key(mark);
        let default = T::default();
        for (index, element) in self.iter().enumerate() {
            walk.path.push(Step::Index(index));
            element.value.changed(&default, element.mark, walk);
            walk.path.pop();
        }
    }
}

/// A list of texts, of which a single one may be written without the list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OneOrMany(pub Vec<At<String>>);

impl OneOrMany {
    /// A list that was not written anywhere.
    pub fn default_of(texts: &[&str]) -> OneOrMany {
        OneOrMany(text_list(texts))
    }
}

impl Value for OneOrMany {
    const KIND: Kind = Kind::OneOrMany;

    fn read(&mut self, node: Node<'_>, reader: &mut Reader<'_, '_>) {
        if !matches!(node, Node::Scalar { .. }) || node.is_null() {
            return self.0.read(node, reader);
        }
        let mut only = At { value: String::new(), mark: reader.mark() };
        only.value.read(node, reader);
        self.0 = vec![only];
    }

    fn is_off(&self) -> bool {
        self.0.is_off()
    }

    fn to_json(&self) -> Json {
        self.0.to_json()
    }
}

/// Free names, each with a value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Named<T>(pub BTreeMap<String, At<T>>);

impl<T: Value> Named<T> {
    /// One name that was not written anywhere.
    pub fn default_of(name: &str, value: T) -> Named<T> {
        Named(BTreeMap::from([(name.to_owned(), At::default_of(value))]))
    }
}

impl<T: Value> Value for Named<T> {
    const KIND: Kind = Kind::Named(&T::KIND);

    fn read(&mut self, node: Node<'_>, reader: &mut Reader<'_, '_>) {
        self.0.clear();
        match node {
            Node::Map => {}
            ref null if null.is_null() => return,
            ref other => return reader.mismatch("names with values", other, None),
        }
        loop {
            let mut name = String::new();
            match reader.next() {
                Node::End => return,
                key => name.read(key, reader),
            }
            let mark = reader.mark();
            let mut value = At { value: T::default(), mark };
            let node = reader.next();
            reader.path.push(Step::Name(name.clone()));
            value.value.read(node, reader);
            reader.path.pop();
            if let Some(first) = self.0.insert(name.clone(), value) {
                let place = reader.report.place(first.mark);
                let path = format!("{}.{name}", path_text(&reader.path));
                reader.report.error(mark, path, format!("given twice, first at {place}"));
            }
        }
    }

    fn is_off(&self) -> bool {
        self.0.is_empty()
    }

    fn to_json(&self) -> Json {
        self.0.iter().map(|(name, value)| (name.clone(), value.to_json())).collect()
    }
}

/// Texts that were not written anywhere.
pub fn text_list(texts: &[&str]) -> Vec<At<String>> {
    texts.iter().map(|text| At::default_of(text.to_string())).collect()
}

/// Reads one of `words`, whatever the case; the index of the word.
pub fn read_choice(words: &[&str], node: &Node<'_>, reader: &mut Reader<'_, '_>) -> Option<usize> {
    let Node::Scalar { text, .. } = node else {
        reader.mismatch("a word", node, None);
        return None;
    };
    let found = words.iter().position(|word| word.eq_ignore_ascii_case(text));
    if found.is_none() {
        let meant = closest(text, words.iter().copied());
        reader.mismatch(&format!("one of {}", words.join(", ")), node, meant);
    }
    found
}
