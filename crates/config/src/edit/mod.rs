//! Changes of a configuration's text in place: what is not changed stays as it is, octet by octet, comments and all.
//!
//! The text that comes out is parsed again: if it does not say exactly what it should, it is not used.

mod render;
mod tree;

use serde_json::{Map, Value as Json};

pub use render::flow;
pub use tree::{Node, Shape, parse};

use render::{entry, item, lines, scalar};
use tree::Entry;

/// Why a text cannot be changed in place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the file cannot be changed in place, edit its text instead: {0}")]
pub struct EditError(String);

impl EditError {
    fn new(why: impl Into<String>) -> EditError {
        EditError(why.into())
    }
}

/// `text` with new values. `changes` has values by path (`cache.max_size_mb`); null: the key is taken out, which makes
/// it its default again. Lists are given whole; of theirs, too, only what differs is touched.
///
/// # Errors
/// A text that uses more of YAML than configurations need; a path through something that is no section.
pub fn apply(text: &str, changes: &Map<String, Json>) -> Result<String, EditError> {
    let root = tree::parse(text)?;
    let mut wanted = tree::object(root.as_ref())?;
    for (path, value) in changes {
        set(&mut wanted, path, value)?;
    }
    let wanted = Json::Object(wanted);
    let edited = match &root {
        Some(root) if !root.is_null() && root.json() == wanted => return Ok(text.to_owned()),
        Some(root) if matches!(&root.shape, Shape::Map(entries) if keeps_one(entries, &wanted)) => {
            let mut patches = Patches { text, list: Vec::new() };
            patches.reconcile(root, &wanted, None)?;
            patches.applied()?
        }
        _ => anew(text, root.as_ref(), &wanted),
    };
    let says = tree::object(tree::parse(&edited)?.as_ref())?;
    if Json::Object(says) != wanted {
        return Err(EditError::new("it is written in an unusual way"));
    }
    Ok(edited)
}

/// Sets one value in `section`; sections on the way are made, and taken out when they become empty.
fn set(section: &mut Map<String, Json>, path: &str, value: &Json) -> Result<(), EditError> {
    let Some((first, rest)) = path.split_once('.') else {
        if value.is_null() {
            section.shift_remove(path);
        } else {
            section.insert(path.to_owned(), value.clone());
        }
        return Ok(());
    };
    let inner = section.entry(first).or_insert(Json::Null);
    if inner.is_null() {
        *inner = Json::Object(Map::new());
    }
    let Json::Object(inner) = inner else { return Err(EditError::new(format!("`{first}` is no section"))) };
    set(inner, rest, value)?;
    if inner.is_empty() {
        section.shift_remove(first);
    }
    Ok(())
}

fn keeps_one(entries: &[Entry], wanted: &Json) -> bool {
    entries.iter().any(|entry| wanted.get(&entry.key).is_some())
}

/// A text of which no key stays: its comments do.
fn anew(text: &str, root: Option<&Node>, wanted: &Json) -> String {
    let body = if wanted.as_object().is_some_and(Map::is_empty) { String::new() } else { lines(wanted, 0) };
    let (before, after) = match root {
        Some(root) if root.start < root.end => (&text[..root.start], text[root.end..].trim_start_matches(['\n', ' '])),
        _ => (text, ""),
    };
    let newline = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    format!("{before}{newline}{body}{after}")
}

/// What is to be replaced by what, in any order; later ones at the same place stand behind earlier ones.
struct Patches<'t> {
    text: &'t str,
    list: Vec<(usize, usize, String)>,
}

impl Patches<'_> {
    fn applied(mut self) -> Result<String, EditError> {
        self.list.sort_by_key(|&(start, end, _)| (start, end));
        let (mut out, mut at) = (String::with_capacity(self.text.len() + 64), 0);
        for (start, end, with) in &self.list {
            let kept = self.text.get(at..*start).ok_or_else(|| EditError::new("changes overlap"))?;
            out.push_str(kept);
            out.push_str(with);
            at = *end;
        }
        out.push_str(self.text.get(at..).unwrap_or_default());
        Ok(out)
    }

    fn replace(&mut self, start: usize, end: usize, with: impl Into<String>) {
        self.list.push((start, end, with.into()));
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// Behind the line that the octet before `at` is in.
    fn line_end(&self, at: usize) -> usize {
        if at > 0 && self.text.as_bytes().get(at - 1) == Some(&b'\n') {
            return at;
        }
        self.text[at..].find('\n').map_or(self.text.len(), |newline| at + newline + 1)
    }

    /// Inserts whole lines at `at`, the beginning of a line or the end of the text.
    fn insert_lines(&mut self, at: usize, text: String) {
        let missing = at > 0 && self.text.as_bytes().get(at - 1) != Some(&b'\n');
        self.replace(at, at, if missing { format!("\n{text}") } else { text });
    }

    /// Makes what is at `node`, the value behind `colon` if it has a key, say `wanted`.
    fn reconcile(&mut self, node: &Node, wanted: &Json, colon: Option<usize>) -> Result<(), EditError> {
        match (&node.shape, wanted) {
            (shape, _) if !matches!(shape, Shape::Map(_)) && node.json() == *wanted => Ok(()),
            (Shape::Map(entries), Json::Object(_)) if keeps_one(entries, wanted) => self.map(node, entries, wanted),
            (Shape::List(items), Json::Array(wanted)) if !items.is_empty() && !wanted.is_empty() => {
                self.list(node, items, wanted)
            }
            _ if node.json() == *wanted => Ok(()),
            _ => self.whole(node, wanted, colon),
        }
    }

    /// Replaces a value as a whole.
    fn whole(&mut self, node: &Node, wanted: &Json, colon: Option<usize>) -> Result<(), EditError> {
        match &node.shape {
            Shape::Scalar { .. } if node.start == node.end => {
                self.replace(node.start, node.end, format!(" {}", flow(wanted)))
            }
            Shape::Scalar { style, .. } => {
                let newline = if self.text[node.start..node.end].ends_with('\n') { "\n" } else { "" };
                self.replace(node.start, node.end, scalar(wanted, *style) + newline);
            }
            _ if node.flow => self.replace(node.start, node.end, flow(wanted)),
            _ => {
                let colon = colon.ok_or_else(|| EditError::new("a value inside a list changes its form"))?;
                self.replace(colon, colon, format!(" {}", flow(wanted)));
                let start = self.line_start(node.start);
                if start < colon {
                    return Err(EditError::new("a list begins on the line of its key"));
                }
                self.replace(start, self.line_end(node.end), "");
            }
        }
        Ok(())
    }

    fn map(&mut self, node: &Node, entries: &[Entry], wanted: &Json) -> Result<(), EditError> {
        let spans: Vec<(usize, usize)> =
            entries.iter().map(|entry| (entry.start, entry.value.end.max(entry.colon))).collect();
        let stays: Vec<bool> = entries.iter().map(|entry| wanted.get(&entry.key).is_some()).collect();
        for (entry, wanted) in entries.iter().filter_map(|entry| Some((entry, wanted.get(&entry.key)?))) {
            self.reconcile(&entry.value, wanted, Some(entry.colon))?;
        }
        self.remove(&spans, &stays, node.flow);
        let known = |key: &str| entries.iter().any(|entry| entry.key == key);
        let fresh = wanted.as_object().into_iter().flatten().filter(|(key, _)| !known(key));
        let last = stays.iter().rposition(|&stays| stays).map_or(node.start, |index| spans[index].1);
        if node.flow {
            for (key, value) in fresh {
                self.replace(last, last, format!(", {}: {}", Json::from(key.as_str()), flow(value)));
            }
            return Ok(());
        }
        let first = entries.first().map_or(node.start, |entry| entry.start);
        let indent = self.text[self.line_start(first)..first].chars().count();
        let all = spans.iter().map(|span| span.1).max().unwrap_or(node.end);
        for (key, value) in fresh {
            self.insert_lines(self.line_end(all), entry(key, value, indent));
        }
        Ok(())
    }

    /// Takes out the parts, at `spans`, that do not stay; at least one stays.
    fn remove(&mut self, spans: &[(usize, usize)], stays: &[bool], flow: bool) {
        let last = stays.iter().rposition(|&stays| stays).unwrap_or(0);
        for index in (0..spans.len()).filter(|&index| !stays[index]) {
            let (start, end) = spans[index];
            let line = self.line_start(start);
            let alone = self.text[line..start].chars().all(|c| c == ' ' || c == '-');
            match spans.get(index + 1) {
                _ if !flow && alone && !self.text[line..start].contains('-') => {
                    self.replace(line, self.line_end(end), "")
                }
                Some(next) if index < last => self.replace(start, next.0, ""),
                _ if index == last + 1 => self.replace(spans[last].1, spans[spans.len() - 1].1, ""),
                _ => {}
            }
        }
    }

    fn list(&mut self, node: &Node, items: &[Node], wanted: &[Json]) -> Result<(), EditError> {
        let before: Vec<Json> = items.iter().map(Node::json).collect();
        let same = |(a, b): &(&Json, &Json)| a == b;
        let head = before.iter().zip(wanted).take_while(same).count();
        let room = before.len().min(wanted.len()) - head;
        let tail = before.iter().rev().zip(wanted.iter().rev()).take(room).take_while(same).count();
        let (old, new) = (&items[head..items.len() - tail], &wanted[head..wanted.len() - tail]);
        for (node, wanted) in old.iter().zip(new) {
            self.reconcile(node, wanted, None)?;
        }
        let kept = head + old.len().min(new.len());
        let spans: Vec<(usize, usize)> = match node.flow {
            true => items.iter().map(|item| (item.start, item.end)).collect(),
            false => items.iter().map(|item| Ok((self.dash(item)?, item.end))).collect::<Result<_, EditError>>()?,
        };
        if old.len() > new.len() {
            let stays: Vec<bool> = (0..items.len()).map(|index| index < kept || index >= items.len() - tail).collect();
            return self.remove_items(&spans, &stays, node.flow);
        }
        for value in &new[old.len()..] {
            match (node.flow, kept) {
                (true, 0) => self.replace(spans[0].0, spans[0].0, format!("{}, ", flow(value))),
                (true, _) => self.replace(spans[kept - 1].1, spans[kept - 1].1, format!(", {}", flow(value))),
                (false, _) => {
                    let indent = spans[0].0 - self.line_start(spans[0].0);
                    let at = if kept == 0 { self.line_start(spans[0].0) } else { self.line_end(spans[kept - 1].1) };
                    self.insert_lines(at, item(value, indent));
                }
            }
        }
        Ok(())
    }

    fn remove_items(&mut self, spans: &[(usize, usize)], stays: &[bool], flow: bool) -> Result<(), EditError> {
        if flow {
            self.remove(spans, stays, true);
            return Ok(());
        }
        for (&(start, end), _) in spans.iter().zip(stays).filter(|(_, stays)| !**stays) {
            self.replace(self.line_start(start), self.line_end(end), "");
        }
        Ok(())
    }

    /// Where the dash of an item stands, the first of its line.
    fn dash(&self, item: &Node) -> Result<usize, EditError> {
        let before = self.text[..item.start].trim_end();
        let dash = before.len().checked_sub(1).filter(|_| before.ends_with('-'));
        let dash = dash.ok_or_else(|| EditError::new("an item does not follow its dash"))?;
        match self.text[self.line_start(dash)..dash].trim().is_empty() {
            true => Ok(dash),
            false => Err(EditError::new("a list is inside another on one line")),
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
