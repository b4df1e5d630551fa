//! Whatever a text looks like, the change of one scalar changes that scalar's octets and no others.

use serde_json::{Map, Value as Json};

use super::*;

/// Texts to be made.
const TEXTS: u64 = 4000;

/// Numbers that are the same in every run (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

/// A step to a value.
#[derive(Clone)]
enum Step {
    Key(String),
    Index(usize),
}

/// A scalar of a text: the way to it, and its octets.
type Leaf = (Vec<Step>, usize, usize);

/// A text that grows, and knows where each of its scalars stands.
struct Maker {
    random: Random,
    text: String,
    leaves: Vec<Leaf>,
    path: Vec<Step>,
}

const COMMENTS: [&str; 6] = ["# plain", "# it's: {odd}, [very]", "# \"quoted", "# ünïcode – ☃", "#", "# - a: b"];
const WORDS: [&str; 6] = ["one", "two words", "it's", "192.0.2.1:53", "ünï", "a.example"];

impl Maker {
    fn scalar(&mut self) -> Json {
        let start = self.text.len();
        let value = match self.random.below(5) {
            0 => Json::from(self.random.below(1000)),
            1 => Json::from(self.random.below(2) == 0),
            _ => Json::from(self.random.pick(&WORDS)),
        };
        match &value {
            Json::String(word) if self.random.below(3) == 0 => {
                self.text.push_str(&format!("'{}'", word.replace('\'', "''")));
            }
            Json::String(word) if word.bytes().all(|b| b.is_ascii_alphanumeric()) => self.text.push_str(word),
            other => self.text.push_str(&other.to_string()),
        }
        self.leaves.push((self.path.clone(), start, self.text.len()));
        value
    }

    /// The end of a line, with or without a comment, and lines that say nothing.
    fn end_line(&mut self, indent: usize) {
        if self.random.below(3) == 0 {
            self.text.push(' ');
            self.text.push_str(self.random.pick(&COMMENTS));
        }
        self.text.push('\n');
        if self.random.below(5) == 0 {
            let between = format!("{}{}\n", " ".repeat(indent), self.random.pick(&COMMENTS));
            self.text.push_str(if self.random.below(2) == 0 { "\n" } else { &between });
        }
    }

    fn at<T>(&mut self, step: Step, make: impl FnOnce(&mut Maker) -> T) -> T {
        self.path.push(step);
        let made = make(self);
        self.path.pop();
        made
    }

    fn flow(&mut self, depth: usize) -> Json {
        match self.random.below(if depth == 0 { 1 } else { 3 }) {
            0 => self.scalar(),
            1 => {
                self.text.push('[');
                let mut items = Vec::new();
                for index in 0..1 + self.random.below(3) {
                    self.text.push_str(if index > 0 { ", " } else { "" });
                    items.push(self.at(Step::Index(index), |maker| maker.flow(depth - 1)));
                }
                self.text.push(']');
                items.into()
            }
            _ => {
                self.text.push_str("{ ");
                let mut entries = Map::new();
                for index in 0..1 + self.random.below(3) {
                    let key = format!("f{index}");
                    self.text.push_str(&format!("{}{key}: ", if index > 0 { ", " } else { "" }));
                    let value = self.at(Step::Key(key.clone()), |maker| maker.flow(depth - 1));
                    entries.insert(key, value);
                }
                self.text.push_str(" }");
                entries.into()
            }
        }
    }

    /// Keys with values, the first on the line that has begun, in column `indent`.
    fn map(&mut self, indent: usize, depth: usize) -> Json {
        let mut entries = Map::new();
        for index in 0..1 + self.random.below(4) {
            if index > 0 {
                self.text.push_str(&" ".repeat(indent));
            }
            let key = format!("k{index}");
            self.text.push_str(&format!("{key}:"));
            let value = self.at(Step::Key(key.clone()), |maker| maker.behind(indent, depth));
            entries.insert(key, value);
        }
        entries.into()
    }

    /// What is behind a colon.
    fn behind(&mut self, indent: usize, depth: usize) -> Json {
        match self.random.below(if depth == 0 { 2 } else { 4 }) {
            0 | 1 => {
                self.text.push(' ');
                let value = self.flow(2);
                self.end_line(indent);
                value
            }
            2 => {
                self.end_line(indent + 2);
                self.text.push_str(&" ".repeat(indent + 2));
                self.map(indent + 2, depth - 1)
            }
            _ => {
                let column = indent + 2 * self.random.below(2);
                self.end_line(column);
                let mut items = Vec::new();
                for index in 0..1 + self.random.below(3) {
                    self.text.push_str(&format!("{}- ", " ".repeat(column)));
                    let is_map = self.random.below(2) == 0;
                    items.push(self.at(Step::Index(index), |maker| {
                        if is_map {
                            return maker.map(column + 2, depth - 1);
                        }
                        let value = maker.flow(1);
                        maker.end_line(column);
                        value
                    }));
                }
                items.into()
            }
        }
    }
}

fn value_at<'a>(mut json: &'a mut Json, path: &[Step]) -> &'a mut Json {
    for step in path {
        json = match step {
            Step::Key(key) => &mut json[key],
            Step::Index(index) => &mut json[index],
        };
    }
    json
}

#[test]
fn a_scalar_changes_alone() {
    let mut changed = 0;
    for seed in 0..TEXTS {
        let random = Random(seed);
        let mut maker = Maker { random, text: String::new(), leaves: Vec::new(), path: Vec::new() };
        if maker.random.below(2) == 0 {
            maker.end_line(0);
        }
        let json = maker.map(0, 3);
        let Maker { mut random, text, leaves, .. } = maker;
        let understood = parse(&text).unwrap_or_else(|error| panic!("{error}:\n{text}")).expect("a value").json();
        assert_eq!(understood, json, "{text}");
        let (path, start, end) = &leaves[random.below(leaves.len())];
        let mut wanted = json.clone();
        let new = match random.below(3) {
            0 => Json::from(1000 + random.below(1000)),
            1 => Json::from("it's \"new\": # {not} a comment, ☃"),
            _ => Json::from("plain"),
        };
        *value_at(&mut wanted, path) = new.clone();
        let Some(Step::Key(top)) = path.first() else { panic!("a key") };
        let edited = apply(&text, &Map::from_iter([(top.clone(), wanted[top].clone())]));
        let edited = edited.unwrap_or_else(|error| panic!("{error}:\n{text}"));
        let (before, after) = (&text[..*start], &text[*end..]);
        assert!(edited.starts_with(before) && edited.ends_with(after), "{new}:\n{text}\n---\n{edited}");
        let middle = &edited[before.len()..edited.len() - after.len()];
        assert!(!middle.contains('\n'), "{middle}");
        assert_eq!(parse(&edited).expect("YAML").expect("a value").json(), wanted, "{edited}");
        changed += 1;
    }
    assert_eq!(changed, TEXTS);
}
