//! Sections: how `raw.rs` lists the keys of the configuration with `section!` and the words of a choice with
//! `choice!`. Reading, defaults, JSON Schema and reference all come from those lists.

use super::problem::closest;
use super::reader::{Node, Reader, Step, path_text};
use super::value::{Kind, Value};
use serde_json::Value as Json;

/// The description of a section.
#[derive(Debug)]
pub struct Table {
    /// Where it stands: `server.tls`, `zones[]`; empty for the whole document.
    pub path: &'static str,
    /// What it is for.
    pub doc: &'static [&'static str],
    /// Its keys, in the order of the reference.
    pub keys: &'static [Key],
    /// The default of every key, as a JSON object.
    pub defaults: fn() -> Json,
}

/// The description of a key.
#[derive(Debug)]
pub struct Key {
    /// Its name inside its section.
    pub name: &'static str,
    /// What it means, one line a piece.
    pub doc: &'static [&'static str],
    /// What may stand there.
    pub kind: Kind,
}

/// A section; implemented by `section!` only.
pub trait Section: Value {
    /// Its description.
    const TABLE: Table;

    /// Reads the value of the key `name` of `TABLE`.
    fn read_key(&mut self, name: &'static str, reader: &mut Reader<'_, '_>);
}

/// Most keys a section can have.
const MAX_KEYS: usize = 48;

/// Reads a section: every known key into its place, everything else into the report.
pub fn read_section<S: Section>(section: &mut S, node: &Node<'_>, reader: &mut Reader<'_, '_>) {
    const { assert!(S::TABLE.keys.len() <= MAX_KEYS) };
    if *node != Node::Map {
        if !node.is_null() {
            reader.mismatch("a section", node, None);
        }
        return;
    }
    let mut lines = [None; MAX_KEYS];
    loop {
        let key = reader.next();
        let Node::Scalar { text, .. } = &key else {
            if key == Node::End {
                return;
            }
            reader.mismatch("a key", &key, None);
            skip_value(reader);
            continue;
        };
        let Some(index) = S::TABLE.keys.iter().position(|known| known.name == text) else {
            unknown_key(&S::TABLE, text, reader);
            skip_value(reader);
            continue;
        };
        let name = S::TABLE.keys[index].name;
        reader.path.push(Step::Key(name));
        match lines[index].replace(reader.mark()) {
            None => section.read_key(name, reader),
            Some(first) => {
                let place = reader.report.place(first);
                reader.error(format!("given twice, first at {place}"), None);
                skip_value(reader);
            }
        }
        reader.path.pop();
    }
}

fn skip_value(reader: &mut Reader<'_, '_>) {
    let value = reader.next();
    reader.skip(&value);
}

fn unknown_key(table: &Table, text: &str, reader: &mut Reader<'_, '_>) {
    let meant =
        closest(text, table.keys.iter().map(|key| key.name)).or_else(|| find_elsewhere(&super::raw::Raw::TABLE, text));
    let path = path_text(&reader.path);
    let dot = if path.is_empty() { "" } else { "." };
    let mark = reader.mark();
    reader.report.unreadable(mark, format!("{path}{dot}{text}"), "unknown key", meant);
}

/// The full path of the key called `name` in another section.
fn find_elsewhere(table: &Table, name: &str) -> Option<String> {
    table.keys.iter().find_map(|key| match key.kind.section() {
        Some(inner) => find_elsewhere(inner, name),
        None if key.name == name && !table.path.is_empty() => Some(format!("{}.{name}", table.path)),
        None => None,
    })
}

/// A field's key: its name, or the word that is a keyword of the language.
macro_rules! key_name {
    (r#override) => {
        "override"
    };
    ($key:ident) => {
        stringify!($key)
    };
}

/// Defines a section: a struct with a documented, defaulted, located field for every key.
macro_rules! section {
    ($(#[doc = $about:literal])+ $name:ident at $path:literal {
        $( $(#[doc = $doc:literal])+ $key:ident: $type:ty = $default:expr, )+
    }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name { $( $(#[doc = $doc])+ pub $key: $crate::value::At<$type>, )+ }

        impl Default for $name {
            fn default() -> Self {
                $name { $( $key: $crate::value::At::default_of($default), )+ }
            }
        }

        impl $crate::section::Section for $name {
            const TABLE: $crate::section::Table = $crate::section::Table {
                path: $path,
                doc: &[$($about),+],
                keys: &[$( $crate::section::Key {
                    name: $crate::section::key_name!($key),
                    doc: &[$($doc),+],
                    kind: <$type as $crate::value::Value>::KIND,
                }, )+],
                defaults: || $crate::value::Value::to_json(&$name::default()),
            };

            fn read_key(&mut self, name: &'static str, reader: &mut $crate::reader::Reader<'_, '_>) {
                match name {
                    $( $crate::section::key_name!($key) => self.$key.read_next(reader), )+
                    _ => {}
                }
            }
        }

        impl $crate::value::Value for $name {
            const KIND: $crate::value::Kind =
                $crate::value::Kind::Section(&<$name as $crate::section::Section>::TABLE);

            fn read(&mut self, node: $crate::reader::Node<'_>, reader: &mut $crate::reader::Reader<'_, '_>) {
                $crate::section::read_section(self, &node, reader);
            }

            fn is_off(&self) -> bool {
                *self == $name::default()
            }

            fn to_json(&self) -> serde_json::Value {
                let mut object = serde_json::Map::new();
                $( object.insert($crate::section::key_name!($key).into(), self.$key.to_json()); )+
                object.into()
            }

            fn keys(&self, default: &Self, _mark: $crate::problem::Mark, keys: &mut $crate::value::Keys<'_>) {
                $(
                    keys.path.push($crate::reader::Step::Key($crate::section::key_name!($key)));
                    self.$key.value.keys(&default.$key.value, self.$key.mark, keys);
                    keys.path.pop();
                )+
            }

            fn changed(
                &self,
                default: &Self,
                _mark: $crate::problem::Mark,
                walk: &mut $crate::value::Walk<'_>,
            ) {
                $(
                    walk.section = $path;
                    walk.path.push($crate::reader::Step::Key($crate::section::key_name!($key)));
                    self.$key.value.changed(&default.$key.value, self.$key.mark, walk);
                    walk.path.pop();
                )+
            }
        }
    };
}

/// Defines a choice: an enum whose variants each have their word; the first is the default.
macro_rules! choice {
    ($(#[doc = $about:literal])+ $name:ident { $( $(#[doc = $doc:literal])+ $variant:ident = $word:literal, )+ }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $( $(#[doc = $doc])+ $variant, )+ }

        impl $name {
            const ALL: &'static [$name] = &[$( $name::$variant, )+];
            const WORDS: &'static [&'static str] = &[$( $word, )+];

            /// What `word` stands for, whatever its case.
            pub fn from_word(word: &str) -> Option<$name> {
                Self::ALL.iter().copied().find(|it| it.as_str().eq_ignore_ascii_case(word))
            }

            /// The word that stands for it.
            pub fn as_str(self) -> &'static str {
                match self { $( $name::$variant => $word, )+ }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::ALL[0]
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::value::Value for $name {
            const KIND: $crate::value::Kind = $crate::value::Kind::Choice(Self::WORDS);

            fn read(&mut self, node: $crate::reader::Node<'_>, reader: &mut $crate::reader::Reader<'_, '_>) {
                if let Some(found) = $crate::value::read_choice(Self::WORDS, &node, reader) {
                    *self = Self::ALL[found];
                }
            }

            fn is_off(&self) -> bool {
                false
            }

            fn to_json(&self) -> serde_json::Value {
                self.as_str().into()
            }
        }
    };
}

pub(super) use {choice, key_name, section};
