//! `headwater zone`: zones of the server (`zone/`), and zone files without one (here: `check`, `print`, `wire`).

mod edit;
mod history;
mod import;
mod manage;

use std::io::{self, Write};

use dns::zonefile::{self, Record, Sink};
use dns::{Class, Name, NameBuf, NameHasher, RType};
use node::loader::{self, Files};
use zone::key::KeyError;
use zone::node::{Node, Rrset};
use zone::{Contents, ZoneKey};

use super::{ZoneCheckArgs, ZoneCommand, ZoneFileArgs};

pub use edit::EditArgs;
pub use history::{DiffArgs, HistoryArgs, RevertArgs};
pub use import::ImportArgs;
pub use manage::{CreateArgs, DeleteArgs, NameArgs, PlaceArgs, ShowArgs};

/// Reads the name of a zone, `NAME`. `NAME@VARIANT` is refused as such: without this, it would be the name of another zone.
///
/// # Errors
/// What is wrong with it.
pub fn zone_name(text: &str) -> Result<NameBuf, KeyError> {
    text.parse().and_then(ZoneKey::into_plain_name)
}

/// Does what was typed; false if a zone file is bad, and then what is wrong with it has been printed.
///
/// # Errors
/// What keeps it from being done.
pub fn run(command: &ZoneCommand, out: &mut impl Write) -> anyhow::Result<bool> {
    match command {
        ZoneCommand::List(args) => manage::list(args, out)?,
        ZoneCommand::Show(args) => manage::show(args, out)?,
        ZoneCommand::Create(args) => manage::create(args, out)?,
        ZoneCommand::Place(args) => manage::place(args, out)?,
        ZoneCommand::Delete(args) => manage::delete(args, out)?,
        ZoneCommand::Refresh(args) => manage::refresh(args, out)?,
        ZoneCommand::Notify(args) => manage::notify(args, out)?,
        ZoneCommand::Edit(args) => edit::edit(args, out)?,
        ZoneCommand::History(args) => history::history(args, out)?,
        ZoneCommand::Diff(args) => history::diff(args, out)?,
        ZoneCommand::Revert(args) => history::revert(args, out)?,
        ZoneCommand::Export(args) => import::export(args, out)?,
        ZoneCommand::Import(args) => return import::import(args, out),
        ZoneCommand::Check(args) => return Ok(check(args, out)?),
        ZoneCommand::Print(args) => return Ok(print(args, out)?),
        ZoneCommand::Wire(args) => return Ok(wire(args, out)?),
    }
    Ok(true)
}

/// Prints every problem of a zone file; true if there is none but warnings, which are problems only if `args.strict`.
pub fn check(args: &ZoneCheckArgs, out: &mut impl Write) -> io::Result<bool> {
    let ZoneCheckArgs { strict, zone: args } = args;
    let loaded = loader::load(&args.name, &args.file, hasher());
    match loaded.and_then(|loaded| if *strict { loaded.strictly() } else { Ok(loaded) }) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                writeln!(out, "{}:{}: warning: {}", warning.file.display(), warning.line, warning.message)?;
            }
            let contents = &loaded.contents;
            writeln!(out, "{}: {} records, {} names", args.name, contents.record_count(), contents.name_count())?;
            Ok(true)
        }
        Err(refused) => {
            refused.problems.iter().try_for_each(|problem| writeln!(out, "{problem}"))?;
            Ok(false)
        }
    }
}

/// Prints the zone in canonical text and order; false and the problems on standard error if it is bad.
pub fn print(args: &ZoneFileArgs, out: &mut impl Write) -> io::Result<bool> {
    match loader::load(&args.name, &args.file, hasher()) {
        Ok(loaded) => {
            let contents = &loaded.contents;
            contents.nodes().try_for_each(|node| print_node(contents, &node, out))?;
            Ok(true)
        }
        Err(refused) => {
            refused.problems.iter().for_each(|problem| eprintln!("{problem}"));
            Ok(false)
        }
    }
}

/// The names of a single command are hashed under a fixed seed: nobody can send it queries.
fn hasher() -> NameHasher {
    NameHasher::new(0)
}

fn print_node(contents: &Contents, node: &Node<'_>, out: &mut impl Write) -> io::Result<()> {
    let owner = contents.owner(node).to_canonical();
    // The SOA comes first, as in every zone file.
    let (soa, others): (Vec<_>, Vec<_>) = node.rrsets().partition(|rrset| rrset.rtype == RType::SOA);
    soa.iter().chain(&others).try_for_each(|rrset| print_rrset(&owner, rrset, out))
}

fn print_rrset(owner: &Name, rrset: &Rrset<'_>, out: &mut impl Write) -> io::Result<()> {
    let (sig_ttl, signatures) = rrset.signatures();
    let records = rrset.data().map(|data| (rrset.rtype, rrset.ttl, data));
    for (rtype, ttl, data) in records.chain(signatures.map(|data| (RType::RRSIG, sig_ttl, data))) {
        let mut line = String::new();
        let mut canonical = Vec::new();
        dns::rdata::wire::canonical(rtype, data, &mut canonical);
        // Writing to a string does not fail.
        let _ = zonefile::write_record(owner, ttl, Class::IN, rtype, &canonical, &mut line);
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}

/// Prints each record with its data in hexadecimal, in file order; bad lines go to standard error.
pub fn wire(args: &ZoneFileArgs, out: &mut impl Write) -> io::Result<bool> {
    let source = std::fs::read(&args.file)?;
    let mut sink = WireSink { out, failed: None };
    let outcome = zonefile::parse(&source, &loader::options(&args.name, &args.file), &Files, &mut sink);
    if let Some(error) = sink.failed {
        return Err(error);
    }
    for problem in &outcome.problems {
        let place = if problem.file == args.file { String::new() } else { format!("{}:", problem.file.display()) };
        eprintln!("error {place}{}:{}: {}", problem.line, problem.column, problem.message);
    }
    Ok(outcome.problems.is_empty())
}

struct WireSink<'w, W: Write> {
    out: &'w mut W,
    failed: Option<io::Error>,
}

impl<W: Write> Sink for WireSink<'_, W> {
    fn record(&mut self, record: Record<'_>) {
        if self.failed.is_none() {
            let Record { owner, ttl, class, rtype, rdata, .. } = record;
            let hex = data_encoding::HEXUPPER.encode(rdata);
            self.failed = writeln!(self.out, "{owner}\t{ttl}\t{class}\t{rtype}\t{hex}").err();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_refused_as_such() {
        let refusal = |text: &str| zone_name(text).expect_err("refused").to_string();
        assert_eq!(
            refusal("example.org@internal"),
            "example.org. has no variant `internal`: views are not supported yet"
        );
        assert!(refusal("example.org@").contains("must have 1 to 63"));
        assert!(refusal("a..b").contains("no domain name"));
        let name = |text: &str| zone_name(text).map(|name| name.to_string());
        assert_eq!(name("example.org"), Ok("example.org.".to_owned()));
        assert_eq!(name(r"a\@b.example"), Ok(r"a\@b.example.".to_owned()));
    }
}
