//! Entries (RFC 1035 5.1): the walk over a file, and what one entry's fields mean.

use std::path::PathBuf;

use super::limits::MAX_TTL;
use super::problem::{Place, Problems, other, shown};
use super::{Includes, Options, Outcome, Record, Sink};
use crate::class::Class;
use crate::name::{Name, NameBuf};
use crate::rdata;
use crate::rdata::rules::Fault;
use crate::rtype::RType;
use crate::scan::{ScanError, ScanErrorKind, Scanner, Token};

/// The byte order mark that some editors put in front of UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// One reading of a zone file with all that it includes.
pub(super) struct Reader<'a, S: ?Sized> {
    pub options: &'a Options<'a>,
    pub includes: &'a dyn Includes,
    pub files: Vec<PathBuf>,
    /// Records that `$GENERATE` made so far.
    pub generated: u64,
    sink: &'a mut S,
    problems: Problems,
    records: u64,
    /// The data of the current record; here so that its memory is used again.
    rdata: Vec<u8>,
}

/// What earlier entries leave for later ones. An included file starts with a copy.
#[derive(Clone)]
pub(super) struct Context {
    /// Index of the file.
    pub file: u32,
    /// How many `$INCLUDE`s led here.
    pub depth: u32,
    /// What relative names get behind them.
    pub origin: NameBuf,
    /// The `$TTL` in force.
    pub default_ttl: Option<u32>,
    /// The TTL of the record before (RFC 1035 5.1).
    pub last_ttl: Option<u32>,
    /// Wire form of the owner of the entry before; empty if there is none, or a bad one.
    pub owner: Vec<u8>,
}

/// The fields between owner and data.
pub(super) struct Header {
    /// The TTL, if given.
    pub ttl: Option<u32>,
    /// The type.
    pub rtype: RType,
    /// Where the type stands.
    pub offset: usize,
}

impl<'a, S: Sink + ?Sized> Reader<'a, S> {
    pub(super) fn new(options: &'a Options<'a>, includes: &'a dyn Includes, sink: &'a mut S) -> Reader<'a, S> {
        Reader {
            options,
            includes,
            files: vec![options.file.to_owned()],
            generated: 0,
            sink,
            problems: Problems::default(),
            records: 0,
            rdata: Vec::new(),
        }
    }

    pub(super) fn run(mut self, src: &[u8]) -> Outcome {
        let origin = self.options.origin.to_owned();
        let mut context = Context { file: 0, depth: 0, origin, default_ttl: None, last_ttl: None, owner: Vec::new() };
        self.file(src, &mut context);
        Outcome { problems: self.problems.finish(), records: self.records, files: self.files }
    }

    /// Reads one file entry by entry.
    pub(super) fn file(&mut self, src: &[u8], context: &mut Context) {
        let src = src.strip_prefix(BOM).unwrap_or(src);
        let mut scanner = Scanner::new(src);
        while !scanner.at_end() {
            let (start, line) = (scanner.offset(), scanner.line());
            if let Err(error) = self.entry(context, &mut scanner, line) {
                let file = &self.files[context.file as usize];
                self.problems.add(&Place { file, src, start, line }, &error);
            }
            scanner.next_entry();
        }
    }

    #[inline]
    fn entry(&mut self, context: &mut Context, scanner: &mut Scanner<'_>, line: u32) -> Result<(), ScanError> {
        let owner_left_out = scanner.starts_with_blank();
        let Some(first) = scanner.token()? else {
            return Ok(());
        };
        let header = if owner_left_out {
            if context.owner.is_empty() {
                return Err(other("the owner is left out, and no entry before has a good one", first.offset));
            }
            self.header(first, scanner)?
        } else if first.raw.starts_with(b"$") && !first.quoted {
            return self.directive(first, context, scanner, line);
        } else {
            context.owner.clear();
            if let Err(error) = first.name(&context.origin, &mut context.owner) {
                context.owner.clear();
                return Err(error);
            }
            self.header(scanner.require("a record type")?, scanner)?
        };
        let owner = std::mem::take(&mut context.owner);
        let done = self.record(Name::from_validated(&owner), &header, context, scanner, line);
        context.owner = owner;
        done
    }

    /// TTL and class in either order, each of them optional, and the type.
    #[inline]
    pub(super) fn header(&self, first: Token<'_>, scanner: &mut Scanner<'_>) -> Result<Header, ScanError> {
        let (mut ttl, mut has_class) = (None, false);
        let mut token = first;
        loop {
            if token.quoted {
                return Err(ScanError::expected("a record type", token));
            }
            if ttl.is_none() && token.raw.first().is_some_and(u8::is_ascii_digit) {
                ttl = Some(ttl_field(token)?);
            } else if !has_class && let Some(class) = class_field(token.raw) {
                has_class = true;
                if class != self.options.class {
                    return Err(other(
                        format!("class {class} in a zone of class {}", self.options.class),
                        token.offset,
                    ));
                }
            } else {
                return Ok(Header { ttl, rtype: type_field(token)?, offset: token.offset });
            }
            token = scanner.require("a record type")?;
        }
    }

    /// Reads the data from `scanner` and hands the record to the sink.
    #[inline]
    pub(super) fn record(
        &mut self,
        owner: &Name,
        header: &Header,
        context: &mut Context,
        scanner: &mut Scanner<'_>,
        line: u32,
    ) -> Result<(), ScanError> {
        self.rdata.clear();
        let before = scanner.offset();
        rdata::text::scan(header.rtype, scanner, &context.origin, &mut self.rdata)?;
        if self.options.rules
            && let Some(fault) = rdata::rules::check(owner, header.rtype, &self.rdata).err().and_then(Fault::refuses)
        {
            return Err(other(fault.to_string(), scanner.next_field_from(before)));
        }
        let ttl = header.ttl.or(context.default_ttl).or(context.last_ttl).or(self.options.default_ttl);
        let Some(ttl) = ttl.or_else(|| soa_minimum(header.rtype, &self.rdata)) else {
            return Err(other("no TTL: neither the record nor a $TTL or a record before gives one", header.offset));
        };
        context.last_ttl = Some(ttl);
        self.records += 1;
        let (rtype, class, file) = (header.rtype, self.options.class, context.file);
        self.sink.record(Record { owner, rtype, class, ttl, rdata: &self.rdata, file, line });
        Ok(())
    }
}

/// A TTL: seconds, or numbers with units that add up, such as `1h30m` (as BIND has it).
pub(super) fn ttl_field(token: Token<'_>) -> Result<u32, ScanError> {
    let too_large = ScanErrorKind::OutOfRange(MAX_TTL.into());
    let seconds = match rdata::text::duration_s(token.raw) {
        Ok(seconds) if !token.quoted => seconds,
        Err(ScanErrorKind::OutOfRange(_)) => return Err(ScanError::new(too_large, token.offset)),
        _ => return Err(ScanError::expected("a TTL such as 3600 or 1h30m", token)),
    };
    if seconds > MAX_TTL { Err(ScanError::new(too_large, token.offset)) } else { Ok(seconds) }
}

/// A class; `IN` first, because it is the usual one.
#[inline]
fn class_field(raw: &[u8]) -> Option<Class> {
    match raw {
        b"IN" => Some(Class::IN),
        _ => Class::from_text(raw),
    }
}

/// The type of a record; the usual ones first.
#[inline]
fn type_field(token: Token<'_>) -> Result<RType, ScanError> {
    let rtype = match token.raw {
        b"A" => return Ok(RType::A),
        b"AAAA" => return Ok(RType::AAAA),
        b"RRSIG" => return Ok(RType::RRSIG),
        b"NS" => return Ok(RType::NS),
        other => RType::from_text(other),
    };
    let message = match rtype {
        Some(rtype) if !rtype.is_meta() => return Ok(rtype),
        Some(rtype) => format!("type {rtype} cannot stand in a zone"),
        None => format!("unknown record type {}", shown(token.raw)),
    };
    Err(other(message, token.offset))
}

/// The MINIMUM of a SOA: what BIND and Knot use as its TTL when nothing else gives one.
fn soa_minimum(rtype: RType, rdata: &[u8]) -> Option<u32> {
    let minimum = rdata.last_chunk().filter(|_| rtype == RType::SOA)?;
    Some(u32::from_be_bytes(*minimum)).filter(|&ttl| ttl <= MAX_TTL)
}
