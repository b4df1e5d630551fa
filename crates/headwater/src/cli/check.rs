//! `headwater check`: every problem of the configuration and of its zones.

use super::ConfigArgs;
use crate::config::{Config, ZoneSource};
use std::io::{self, Write};

/// Loads the configuration and calls `check_zone` for each zone; it returns the zone's problems, one a line, each with
/// its place. Prints everything to `out`; true if there is no problem.
pub fn run(
    args: ConfigArgs,
    check_zone: impl Fn(&ZoneSource) -> Vec<String>,
    out: &mut impl Write,
) -> io::Result<bool> {
    let (config, warnings) = match Config::load(args.into()) {
        Ok(loaded) => loaded,
        Err(problems) => {
            for problem in problems {
                writeln!(out, "{problem}")?;
            }
            return Ok(false);
        }
    };
    for warning in warnings {
        writeln!(out, "{}: warning: {}", warning.place(), warning.what())?;
    }
    let mut good = true;
    for zone in &config.zones {
        for problem in check_zone(zone) {
            good = false;
            writeln!(out, "{problem}")?;
        }
    }
    Ok(good)
}
