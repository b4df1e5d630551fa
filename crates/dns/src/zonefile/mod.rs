//! Zone files, also called master files: RFC 1035 5, `$TTL` of RFC 2308 4, `$GENERATE` as BIND has it.
//!
//! [`parse`] walks the text once and hands each good record to a [`Sink`]: it keeps no records, so
//! the size of a zone does not matter to it. It reports every problem, not only the first. The
//! binary's zone loader, the import and the checker call it; [`write_record`] is its inverse and
//! serves export and `zone print`.

mod directive;
mod generate;
pub mod limits;
mod print;
mod problem;
mod reader;

use std::io;
use std::path::{Path, PathBuf};

use crate::class::Class;
use crate::name::Name;
use crate::rtype::RType;

pub use print::write_record;
pub use problem::Problem;

/// What [`parse`] has to know besides the text.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// What relative names get behind them until a `$ORIGIN` says otherwise.
    pub origin: &'a Name,
    /// The TTL in seconds of a record when neither it, nor `$TTL`, nor a record before it gives one.
    /// With `None` such a record is an error, unless it is a SOA: that takes its own MINIMUM.
    pub default_ttl: Option<u32>,
    /// The name of the text in messages; relative `$INCLUDE`s start at its directory.
    pub file: &'a Path,
    /// The class of the zone: other classes are errors.
    pub class: Class,
    /// Whether records that break the rules of their type are errors ([`crate::rdata::rules`]).
    pub rules: bool,
}

/// One record, valid until the next one is read.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Whose record it is, case as written.
    pub owner: &'a Name,
    /// Its type, never a meta type.
    pub rtype: RType,
    /// Its class, always that of [`Options`].
    pub class: Class,
    /// Seconds, at most 2^31-1 (RFC 2181 8).
    pub ttl: u32,
    /// Uncompressed wire form, at most 65535 octets.
    pub rdata: &'a [u8],
    /// Where it stands: an index into [`Outcome::files`].
    pub file: u32,
    /// The line where its entry starts, from 1.
    pub line: u32,
}

/// Where records go.
pub trait Sink {
    /// Takes a good record; they come in the order of the file.
    fn record(&mut self, record: Record<'_>);
}

/// How `$INCLUDE` gets at files; this crate does no input of its own.
pub trait Includes {
    /// The content of a file. Which files may be read, and how large they may be, is decided here.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
}

/// Refuses every `$INCLUDE`: for text that does not come from a file of the operator.
#[derive(Debug, Clone, Copy)]
pub struct NoIncludes;

impl Includes for NoIncludes {
    fn read(&self, _path: &Path) -> io::Result<Vec<u8>> {
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "$INCLUDE is not allowed here"))
    }
}

/// What came of [`parse`].
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Everything that is wrong, in the order it was met. Above [`limits::MAX_PROBLEMS`] one more
    /// problem says how many are not listed.
    pub problems: Vec<Problem>,
    /// How many records the sink got.
    pub records: u64,
    /// The files read: the zone file first, then one for each `$INCLUDE` that was followed.
    pub files: Vec<PathBuf>,
}

/// Reads a zone file; every good record goes to `sink`, also when others are bad.
///
/// Any octets are accepted as `src`. Work and memory are bounded by the size of the text, of the
/// files it includes, and by [`limits`].
///
/// ```
/// use std::path::Path;
///
/// use dns::zonefile::{NoIncludes, Options, Record, Sink, parse};
/// use dns::{Class, NameBuf};
///
/// struct Lines(Vec<String>);
///
/// impl Sink for Lines {
///     fn record(&mut self, record: Record<'_>) {
///         self.0.push(format!("{} {} {}", record.owner, record.ttl, record.rtype));
///     }
/// }
///
/// let origin: NameBuf = "example.org".parse()?;
/// let file = Path::new("example.org.zone");
/// let options = Options { origin: &origin, default_ttl: Some(60), file, class: Class::IN, rules: true };
/// let mut lines = Lines(Vec::new());
/// let outcome = parse(b"www A 192.0.2.1\n@ 300 MX 10 mail\nbad A 192.0.2\n", &options, &NoIncludes, &mut lines);
/// assert_eq!(lines.0, ["www.example.org. 60 A", "example.org. 300 MX"]);
/// assert_eq!((outcome.records, outcome.problems[0].line), (2, 3));
/// # Ok::<(), dns::NameError>(())
/// ```
pub fn parse<S: Sink + ?Sized>(src: &[u8], options: &Options<'_>, includes: &dyn Includes, sink: &mut S) -> Outcome {
    reader::Reader::new(options, includes, sink).run(src)
}
