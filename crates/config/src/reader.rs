//! YAML as a stream of located nodes, pulled by the values of `value.rs` without a tree in between.
//! Every problem goes to the report and reading goes on; a syntax error ends the stream, and so every open list and map.

use super::problem::{Mark, Report};
use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};
use std::borrow::Cow;
use std::fmt::Write;

/// The beginning (or the whole) of a value, or the end of the list or map around it.
#[derive(Debug, Clone, PartialEq)]
pub enum Node<'a> {
    /// Text; `plain` is false where it was quoted.
    Scalar { text: Cow<'a, str>, plain: bool },
    /// A list starts: nodes follow until `End`.
    List,
    /// A map starts: key and value nodes follow in turn until `End`.
    Map,
    /// The list, map or document is over.
    End,
    /// Already reported, to be passed over.
    Bad,
}

impl Node<'_> {
    /// Whether this is YAML's way to write nothing at all.
    pub fn is_null(&self) -> bool {
        matches!(self, Node::Scalar { text, plain: true } if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    fn describe(&self) -> String {
        match self {
            _ if self.is_null() => "nothing".into(),
            Node::Scalar { text, .. } => format!("`{text}`"),
            Node::List => "a list".into(),
            Node::Map => "a section".into(),
            Node::End | Node::Bad => "nothing".into(),
        }
    }
}

/// One step of the path to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A key of a section.
    Key(&'static str),
    /// A free name.
    Name(String),
    /// An element of a list, from 0.
    Index(usize),
}

/// `server.listen[0].address`
pub fn path_text(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        // Writing to a String cannot fail.
        let _ = match step {
            Step::Key(key) if text.is_empty() => write!(text, "{key}"),
            Step::Key(key) => write!(text, ".{key}"),
            Step::Name(name) => write!(text, ".{name}"),
            Step::Index(index) => write!(text, "[{index}]"),
        };
    }
    text
}

/// Pulls nodes out of one YAML text.
pub struct Reader<'a, 'r> {
    parser: Parser<'a, StrInput<'a>>,
    /// Nodes to hand out before the text's own, last first.
    ahead: Vec<Node<'a>>,
    source: u32,
    /// Whether lines and columns mean something in this source.
    located: bool,
    failed: bool,
    mark: Mark,
    /// The path of the value being read.
    pub path: Vec<Step>,
    /// Where problems go.
    pub report: &'r mut Report,
}

impl<'a, 'r> Reader<'a, 'r> {
    /// A reader of a whole document.
    pub fn document(text: &'a str, source: u32, report: &'r mut Report) -> Self {
        let parser = Parser::new_from_str(text);
        let mark = Mark { source, line: 1, column: 1 };
        Reader { parser, ahead: Vec::new(), source, located: true, failed: false, mark, path: Vec::new(), report }
    }

    /// A reader of the document that sets only the key at `path` to `value`, which has no lines of its own
    /// (an environment variable).
    pub fn override_at(path: &'a [String], value: &'a str, source: u32, report: &'r mut Report) -> Self {
        let mut reader = Reader::document(value, source, report);
        reader.located = false;
        reader.mark = Mark { source, line: 0, column: 0 };
        for key in path.iter().rev() {
            reader.ahead.push(Node::Scalar { text: Cow::Borrowed(key), plain: true });
            reader.ahead.push(Node::Map);
        }
        reader
    }

    /// The next node; `Node::End` for ever once the text is over or broken.
    pub fn next(&mut self) -> Node<'a> {
        if let Some(node) = self.ahead.pop() {
            return node;
        }
        while !self.failed {
            let (event, span) = match self.parser.next_event() {
                None => return Node::End,
                Some(Ok(found)) => found,
                Some(Err(error)) => {
                    self.failed = true;
                    self.set_mark(error.marker().line(), error.marker().col());
                    self.error(format!("not YAML: {}", error.info()), None);
                    return Node::End;
                }
            };
            if let Some(node) = self.node(event, span.start.line(), span.start.col()) {
                return node;
            }
        }
        Node::End
    }

    /// Where the last node stands.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// Passes over the rest of a value whose first node is `first`.
    pub fn skip(&mut self, first: &Node<'_>) {
        let mut open = usize::from(matches!(first, Node::List | Node::Map));
        while open > 0 && !self.failed {
            match self.next() {
                Node::List | Node::Map => open += 1,
                Node::End => open -= 1,
                Node::Scalar { .. } | Node::Bad => {}
            }
        }
    }

    /// Reports an error about the last node.
    pub fn error(&mut self, message: impl Into<String>, suggestion: Option<String>) {
        self.report.unreadable(self.mark, path_text(&self.path), message, suggestion);
    }

    /// Reports that `found` is not what belongs here, and passes over it.
    pub fn mismatch(&mut self, expected: &str, found: &Node<'_>, suggestion: Option<String>) {
        if *found != Node::Bad && !self.failed {
            self.error(format!("expected {expected}, found {}", found.describe()), suggestion);
        }
        self.skip(found);
    }

    /// Reports anything behind the document's value.
    pub fn expect_end(&mut self) {
        if !self.failed && self.next() != Node::End {
            self.error("only one document is expected", None);
        }
    }

    fn set_mark(&mut self, line: usize, column: usize) {
        if self.located {
            let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            self.mark = Mark { source: self.source, line: clamp(line), column: clamp(column.saturating_add(1)) };
        }
    }

    fn node(&mut self, event: Event<'a>, line: usize, column: usize) -> Option<Node<'a>> {
        let (node, tagged) = match event {
            Event::Scalar(text, style, _, tag) => {
                (Node::Scalar { text, plain: style == ScalarStyle::Plain }, tag.is_some())
            }
            Event::SequenceStart(_, tag) => (Node::List, tag.is_some()),
            Event::MappingStart(_, tag) => (Node::Map, tag.is_some()),
            // The mark stays on the last value: an end is nothing a message points at.
            Event::SequenceEnd | Event::MappingEnd | Event::StreamEnd => return Some(Node::End),
            Event::Alias(_) => {
                self.set_mark(line, column);
                self.error("aliases are not supported", None);
                return Some(Node::Bad);
            }
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => return None,
        };
        self.set_mark(line, column);
        if tagged {
            self.error("tags are not supported", None);
        }
        Some(node)
    }
}
