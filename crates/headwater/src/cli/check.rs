//! `headwater check`: every problem of the configuration and of its zones.

use super::CheckArgs;
use config::{Config, ZoneSource};
use dns::NameHasher;
use dns::zonefile::Problem;
use node::loader::{self, Loader};
use node::progress::Progress;
use std::io::{self, Write};
use std::sync::Arc;

/// Loads the configuration and every zone, and prints all problems to `out`, each with its place; true if there is
/// none. Warnings are none, unless `args.strict`.
pub fn run(args: CheckArgs, out: &mut impl Write) -> io::Result<bool> {
    let strict = args.strict;
    let (config, warnings) = match Config::load(args.config.into()) {
        Ok(loaded) => loaded,
        Err(problems) => {
            for problem in problems {
                writeln!(out, "{problem}")?;
            }
            return Ok(false);
        }
    };
    let mut good = warnings.is_empty() || !strict;
    for warning in warnings {
        writeln!(out, "{}: warning: {}", warning.place(), warning.what())?;
    }
    let progress = Progress::new("zones", config.zones.len());
    // A fixed seed: nobody sends queries to this command.
    let loader = || Loader::new(NameHasher::new(0));
    let check = |loader: &mut Loader, zone: &Arc<ZoneSource>| check_zone(loader, zone, strict);
    let problems = loader::in_parallel(&config.zones, loader, check, |done| progress.at(done));
    progress.finish();
    for (problems, warnings) in problems {
        for problem in problems {
            good = false;
            writeln!(out, "{problem}")?;
        }
        for warning in warnings {
            writeln!(out, "{}:{}: warning: {}", warning.file.display(), warning.line, warning.message)?;
        }
    }
    Ok(good)
}

/// The problems and warnings of a zone from a file.
fn check_zone(loader: &mut Loader, zone: &Arc<ZoneSource>, strict: bool) -> (Vec<Problem>, Vec<Problem>) {
    let Some(file) = zone.file() else { return (Vec::new(), Vec::new()) };
    let loaded = loader.load(&zone.name, file);
    match loaded.and_then(|loaded| if strict { loaded.strictly() } else { Ok(loaded) }) {
        Ok(loaded) => (Vec::new(), loaded.warnings),
        Err(refused) => (refused.problems, Vec::new()),
    }
}
