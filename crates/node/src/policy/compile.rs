//! Texts of lists and rules as what questions are looked up in.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use policy::adguard::{self, Matcher, Parsed, Rule};
use policy::blocking::build::{BuildError, ListReport, Rebuild, Source};
use policy::blocking::format::{Format, NotAList, SAMPLE_OCTETS, detect};
use policy::blocking::index::Index;
use policy::{ListId, RuleRef};

use crate::lists::Text;

/// A text changed while it was read: that is begun again so often.
const MAX_ATTEMPTS: usize = 3;
/// Rules that are more than a name, of all lists together; the others are left out and counted.
const MAX_RULES: usize = 500_000;

/// A list with its text.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its number.
    pub list: ListId,
    /// What its text is in; `None`: as it looks.
    pub format: Option<Format>,
    /// Its text.
    pub text: InputText,
}

/// Where a text is.
#[derive(Debug, Clone)]
pub enum InputText {
    /// On disk.
    Kept(Arc<Text>),
    /// In memory.
    Here(Arc<str>),
}

/// What lists were made into.
#[derive(Debug)]
pub struct Compiled {
    /// Names.
    pub index: Arc<Index>,
    /// Rules that are more than a name.
    pub matcher: Arc<Matcher>,
    /// What each list contributes.
    pub reports: Vec<ListReport>,
    /// Rules that cannot be used, by list, with the reason.
    pub unusable: Vec<(RuleRef, adguard::Reason)>,
    /// Lists that could not be read, and why.
    pub problems: Vec<(ListId, String)>,
}

/// Why nothing could be made.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// A text cannot be read.
    #[error("list {}: {error}", .list.0)]
    Read {
        /// The list.
        list: ListId,
        /// Why not.
        error: io::Error,
    },
    /// The texts do not stay as they are.
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl InputText {
    fn size_bytes(&self) -> u64 {
        match self {
            InputText::Kept(text) => text.size_bytes(),
            InputText::Here(text) => text.len() as u64,
        }
    }

    /// Reads it to its end, in pieces.
    fn read(&self, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        match self {
            InputText::Here(text) => take(text.as_bytes()),
            InputText::Kept(text) => {
                let mut reader = text.reader();
                loop {
                    let piece = reader.fill_buf()?;
                    if piece.is_empty() {
                        break;
                    }
                    take(piece);
                    let len = piece.len();
                    reader.consume(len);
                }
            }
        }
        Ok(())
    }

    fn start(&self) -> io::Result<Vec<u8>> {
        let mut start = Vec::new();
        match self {
            InputText::Here(text) => start.extend(text.bytes().take(SAMPLE_OCTETS)),
            InputText::Kept(text) => {
                text.reader().take(SAMPLE_OCTETS as u64).read_to_end(&mut start)?;
            }
        }
        Ok(start)
    }
}

/// What gathers the rules that are more than a name.
#[derive(Default)]
struct Rules {
    rules: Vec<(RuleRef, Rule)>,
    unusable: Vec<(RuleRef, adguard::Reason)>,
}

impl Rules {
    fn take(&mut self, at: RuleRef, text: &str) {
        match adguard::parse(text) {
            Parsed::Rule(rule) if self.rules.len() < MAX_RULES => self.rules.push((at, rule)),
            Parsed::Hosts { address, names } => {
                // A line of a hosts file with an address of its own is an answer spelled out.
                for name in names {
                    if let Parsed::Rule(rule) = adguard::parse(&format!("|{name}^$dnsrewrite={address}")) {
                        self.rules.push((at, rule));
                    }
                }
            }
            Parsed::Ignored(reason) => self.unusable.push((at, reason)),
            Parsed::Rule(_) | Parsed::Name(_) | Parsed::Nothing => {}
        }
    }
}

/// Makes an index of lists in place of `old`, whose shards are replaced one by one: `publish` gets the index now and then
/// while that goes on, so that what is in memory at a time is hardly more than one of them.
///
/// # Errors
/// A text that cannot be read; what has been published by then is right for what was read.
pub fn compile(old: Index, inputs: &[Input], publish: &mut dyn FnMut(&Index)) -> Result<Compiled, CompileError> {
    let (sources, read, problems) = sources(inputs)?;
    let hasher = old.hasher();
    let mut old = Some(old);
    let mut attempt = 0;
    loop {
        attempt += 1;
        // What has been published stays in force until a further attempt is done.
        let built = match old.take() {
            Some(old) => build(old, &sources, &read, publish),
            None => build(Index::empty(hasher), &sources, &read, &mut |_| {}),
        };
        match built {
            Err(CompileError::Build(BuildError::Changed(_))) if attempt < MAX_ATTEMPTS => {}
            Err(error) => return Err(error),
            Ok((index, reports, rules)) => {
                return Ok(Compiled {
                    index: Arc::new(index),
                    matcher: Arc::new(Matcher::new(rules.rules)),
                    reports,
                    unusable: rules.unusable,
                    problems,
                });
            }
        }
    }
}

type Sources<'a> = (Vec<Source>, Vec<&'a Input>, Vec<(ListId, String)>);

/// The lists whose form is known, and why others are left out.
fn sources(inputs: &[Input]) -> Result<Sources<'_>, CompileError> {
    let (mut sources, mut read, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for input in inputs {
        let format = match input.format {
            Some(format) => Ok(format),
            None => {
                let start = input.text.start().map_err(|error| CompileError::Read { list: input.list, error })?;
                detect(&start)
            }
        };
        match format {
            Ok(format) => {
                sources.push(Source { list: input.list, format, octets: input.text.size_bytes() });
                read.push(input);
            }
            Err(wrong) => problems.push((input.list, NotAList::to_string(&wrong))),
        }
    }
    Ok((sources, read, problems))
}

fn build(
    old: Index,
    sources: &[Source],
    inputs: &[&Input],
    publish: &mut dyn FnMut(&Index),
) -> Result<(Index, Vec<ListReport>, Rules), CompileError> {
    let mut rules = Rules::default();
    let mut rebuild = Rebuild::new(old, sources.to_vec())?;
    while let Some(mut pass) = rebuild.pass() {
        for input in inputs {
            let read = input.text.read(&mut |piece| pass.read(piece, &mut |at, text| rules.take(at, text)));
            read.map_err(|error| CompileError::Read { list: input.list, error })?;
            pass.end_of_list(&mut |at, text| rules.take(at, text))?;
        }
        let mut swaps = pass.end()?;
        while let Some(index) = swaps.next_shard() {
            publish(index);
        }
    }
    let (index, reports) = rebuild.finish()?;
    Ok((index, reports, rules))
}
