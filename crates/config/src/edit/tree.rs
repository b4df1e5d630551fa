//! A configuration's text as a tree of places: where each key and each value begins and ends, in octets.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};
use serde_json::{Map, Value as Json};

use super::EditError;

/// Most values inside values.
const MAX_DEPTH: usize = 32;

/// A value, and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it begins.
    pub start: usize,
    /// Behind its last octet.
    pub end: usize,
    /// What it is.
    pub shape: Shape,
    /// Whether it is written in one piece, with brackets if it has parts, and not line by line.
    pub flow: bool,
}

/// What a value is.
#[derive(Debug, Clone)]
pub enum Shape {
    /// Text, a number, true or false, or nothing.
    Scalar {
        /// As it is understood.
        value: Json,
        /// How it is written.
        style: ScalarStyle,
    },
    /// A list.
    List(Vec<Node>),
    /// Keys with values.
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where it begins.
    pub start: usize,
    /// Behind the colon.
    pub colon: usize,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// The value without its place.
    pub fn json(&self) -> Json {
        match &self.shape {
            Shape::Scalar { value, .. } => value.clone(),
            Shape::List(items) => items.iter().map(Node::json).collect(),
            Shape::Map(entries) => {
                Json::Object(entries.iter().map(|entry| (entry.key.clone(), entry.value.json())).collect())
            }
        }
    }

    /// Whether nothing is written here.
    pub fn is_null(&self) -> bool {
        matches!(self.shape, Shape::Scalar { value: Json::Null, .. })
    }
}

/// The value of the only document in `text`; none: it has nothing but comments.
///
/// # Errors
/// What cannot be changed in place: text that is no YAML, or uses more of YAML than configurations need.
pub fn parse(text: &str) -> Result<Option<Node>, EditError> {
    let places = Places::new(text);
    let mut builder = Builder { text, places, parser: Parser::new_from_str(text), depth: 0 };
    let mut root = None;
    loop {
        let (event, span) = builder.next()?;
        match event {
            Event::StreamEnd => return Ok(root),
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            event if root.is_none() => root = Some(builder.node(event, span)?),
            _ => return Err(EditError::new("there is more than one document")),
        }
    }
}

/// A plain scalar as it is understood: what the readers of `value.rs` tell apart.
pub fn plain(text: &str) -> Json {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Json::Null,
        "true" => Json::Bool(true),
        "false" => Json::Bool(false),
        _ => serde_json::from_str::<serde_json::Number>(text).map_or_else(|_| text.into(), Json::Number),
    }
}

/// Positions in characters, as the parser gives them, to those in octets.
struct Places {
    /// Where each character begins; empty: every character is one octet.
    starts: Vec<usize>,
}

impl Places {
    fn new(text: &str) -> Places {
        match text.is_ascii() {
            true => Places { starts: Vec::new() },
            false => Places { starts: text.char_indices().map(|(at, _)| at).chain([text.len()]).collect() },
        }
    }

    fn octet(&self, index: usize, text: &str) -> usize {
        match self.starts.is_empty() {
            true => index.min(text.len()),
            false => self.starts.get(index).copied().unwrap_or(text.len()),
        }
    }
}

struct Builder<'t> {
    text: &'t str,
    places: Places,
    parser: Parser<'t, StrInput<'t>>,
    depth: usize,
}

/// Octets of a scalar, which `written` begins with: the parser counts blanks and comments behind it, too.
fn scalar_len(written: &str) -> usize {
    let octets = written.as_bytes();
    let Some(quote @ (b'"' | b'\'')) = octets.first().copied() else { return written.trim_ascii_end().len() };
    let mut at = 1;
    while let Some(&octet) = octets.get(at) {
        let is_doubled = quote == b'\'' && octets.get(at + 1) == Some(&quote);
        match octet {
            b'\\' if quote == b'"' => at += 2,
            _ if octet == quote && is_doubled => at += 2,
            _ if octet == quote => return at + 1,
            _ => at += 1,
        }
    }
    octets.len()
}

impl<'t> Builder<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), EditError> {
        match self.parser.next_event() {
            Some(Ok(found)) => Ok(found),
            Some(Err(error)) => Err(EditError::new(format!("not YAML: {error}"))),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn octets(&self, span: Span) -> (usize, usize) {
        (self.places.octet(span.start.index(), self.text), self.places.octet(span.end.index(), self.text))
    }

    fn node(&mut self, event: Event<'t>, span: Span) -> Result<Node, EditError> {
        let (start, end) = self.octets(span);
        let flow = matches!(self.text.as_bytes().get(start), Some(b'[' | b'{'));
        match event {
            Event::Scalar(text, style, 0, None) => {
                let value = if style == ScalarStyle::Plain { plain(&text) } else { Json::from(&*text) };
                // A block begins with its mark, on the line before its text.
                let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let mark = self.text.get(..=start).filter(|_| is_block).and_then(|before| before.rfind(['|', '>']));
                let start = mark.unwrap_or(start);
                let written = self.text.get(start..end).unwrap_or_default();
                let end = start + scalar_len(written);
                Ok(Node { start, end, shape: Shape::Scalar { value, style }, flow: true })
            }
            Event::SequenceStart(0, None) => self.inside(|builder| builder.list(start, flow)),
            Event::MappingStart(0, None) => self.inside(|builder| builder.map(start, flow)),
            _ => Err(EditError::new("anchors, aliases and tags are not supported")),
        }
    }

    fn inside(&mut self, read: impl FnOnce(&mut Self) -> Result<Node, EditError>) -> Result<Node, EditError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(EditError::new(format!("more than {MAX_DEPTH} values inside each other")));
        }
        let node = read(self);
        self.depth -= 1;
        node
    }

    fn list(&mut self, start: usize, flow: bool) -> Result<Node, EditError> {
        let mut items: Vec<Node> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                let end = items.last().map_or(start, |item| item.end);
                let end = if flow { self.octets(span).1 } else { end };
                return Ok(Node { start, end, shape: Shape::List(items), flow });
            }
            items.push(self.node(event, span)?);
        }
    }

    fn map(&mut self, start: usize, flow: bool) -> Result<Node, EditError> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                let end = entries.last().map_or(start, |entry| entry.value.end);
                let end = if flow { self.octets(span).1 } else { end };
                return Ok(Node { start, end, shape: Shape::Map(entries), flow });
            }
            let Event::Scalar(key, ..) = event else { return Err(EditError::new("a key is no text")) };
            let (start, end) = self.octets(span);
            let colon = self.colon(end)?;
            let (event, span) = self.next()?;
            let mut value = self.node(event, span)?;
            if value.is_null() && value.start == value.end {
                // The parser says no place for what is not written.
                (value.start, value.end) = (colon, colon);
            }
            entries.push(Entry { key: key.into_owned(), start, colon, value });
        }
    }

    /// The place behind the colon of the key that ends at `end`.
    fn colon(&self, end: usize) -> Result<usize, EditError> {
        let rest = self.text.get(end..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        match rest[blanks..].starts_with(':') {
            true => Ok(end + blanks + 1),
            false => Err(EditError::new("a key is not followed by a colon")),
        }
    }
}

/// Keys with values as one JSON object.
pub fn object(node: Option<&Node>) -> Result<Map<String, Json>, EditError> {
    match node.map(Node::json) {
        None | Some(Json::Null) => Ok(Map::new()),
        Some(Json::Object(object)) => Ok(object),
        Some(_) => Err(EditError::new("the document is no section")),
    }
}
