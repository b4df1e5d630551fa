//! Configuration: file, environment and flags in; typed values, or every problem at once, out.
//!
//! `raw.rs` is the schema, `reader.rs` and `value.rs` read it from YAML, `unsupported.rs` refuses what is not built
//! yet, `checked.rs`, `zones.rs`, `lists.rs`, `peer.rs`, `keys.rs`, `recursion.rs` and `upstream.rs` turn it into
//! typed values, `changes.rs` compares two configurations at a reload, `document.rs` prints schema, defaults and reference. There is no global state: loading again is a reload.

mod changes;
pub mod checked;
pub mod document;
mod keys;
mod lists;
mod peer;
mod problem;
pub mod raw;
mod reader;
mod recursion;
mod section;
mod unsupported;
pub mod upstream;
mod value;
mod zones;

pub use changes::changes;
pub use checked::{Config, Journal, Listen, Logging, Server, Web, ZoneOrigin, ZoneSource};
pub use keys::{Secret, TsigKey};
pub use lists::{EntryPlace, ListProblem, ZoneLists};
pub use peer::{Peer, PeerError};
pub use problem::{Problem, Warning};
pub use raw::{Clock, Format, Level};
pub use recursion::{Cache, CacheOverride, Resolver, Security};

use problem::Report;
use raw::Raw;
use reader::Reader;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use value::Value;

/// Prefix of environment variables that set keys.
const ENVIRONMENT_PREFIX: &str = "HEADWATER_";
/// The first administrator's password, at the first start: no key of the configuration, so that it is not shown.
pub const ADMIN_PASSWORD: &str = "HEADWATER_ADMIN_PASSWORD";

/// Largest configuration file, in octets: some three million zones.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// Where a configuration comes from, besides the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// The configuration file; none: defaults.
    pub config: Option<PathBuf>,
    /// `NAME=FILE`: zones besides the file's, or instead of those of the same name.
    pub zones: Vec<String>,
    /// `ADDR:PORT`: UDP and TCP sockets instead of the file's.
    pub listen: Vec<String>,
    /// Data directory instead of the file's.
    pub data: Option<PathBuf>,
}

impl Config {
    /// Loads the file, the process's environment and the flags: the later overrides the earlier. All problems come
    /// at once, in the order of the text.
    pub fn load(options: LoadOptions) -> Result<(Config, Vec<Warning>), Vec<Problem>> {
        Config::load_with(options, std::env::vars_os())
    }

    /// Like `load`, with `environment` instead of the process's.
    pub fn load_with(
        options: LoadOptions,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(Config, Vec<Warning>), Vec<Problem>> {
        let base = options.config.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
        let mut report = Report::new(&base);
        let mut raw = Raw::default();
        if let Some(file) = &options.config {
            read_file(file, &base, &mut raw, &mut report);
        }
        read_environment(environment, &mut raw, &mut report);
        unsupported::check(&raw, &mut report);
        let config = checked::check(raw, &options, &mut report);
        report.finish().map(|warnings| (config, warnings))
    }
}

fn read_file(file: &Path, base: &Path, raw: &mut Raw, report: &mut Report) {
    let source = report.add_source(file.display().to_string(), base);
    let whole = problem::Mark { source, line: 0, column: 0 };
    let mut bytes = Vec::new();
    match File::open(file).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)) {
        Err(error) => return report.error(whole, "", format!("cannot be read: {error}")),
        Ok(read) if read as u64 > MAX_FILE_BYTES => {
            return report.error(whole, "", format!("larger than {MAX_FILE_BYTES} octets"));
        }
        Ok(_) => {}
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => read_document(Reader::document(text, source, report), raw),
        Err(error) => {
            let good = &bytes[..error.valid_up_to()];
            let line_start = good.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
            let line = 1 + good.iter().filter(|&&byte| byte == b'\n').count();
            let column = 1 + String::from_utf8_lossy(&good[line_start..]).chars().count();
            let mark = problem::Mark { source, line: line as u32, column: column as u32 };
            report.error(mark, "", "not UTF-8");
        }
    }
}

/// Every `HEADWATER_A__B=VALUE` sets the key `a.b`; the value is YAML, an empty one is the empty text.
fn read_environment(variables: impl IntoIterator<Item = (OsString, OsString)>, raw: &mut Raw, report: &mut Report) {
    let ours = |(name, value): (OsString, OsString)| {
        let name = name.to_str()?.to_owned();
        let is_key = name.starts_with(ENVIRONMENT_PREFIX) && name != ADMIN_PASSWORD;
        is_key.then_some((name, value))
    };
    let mut variables: Vec<(String, OsString)> = variables.into_iter().filter_map(ours).collect();
    variables.sort();
    for (name, value) in variables {
        let source = report.add_source(&name, Path::new(""));
        let Some(value) = value.to_str() else {
            let mark = problem::Mark { source, line: 0, column: 0 };
            report.error(mark, "", "not UTF-8");
            continue;
        };
        let key = name[ENVIRONMENT_PREFIX.len()..].to_ascii_lowercase();
        let path: Vec<String> = key.split("__").map(str::to_owned).collect();
        let value = if value.trim().is_empty() { "\"\"" } else { value };
        read_document(Reader::override_at(&path, value, source, report), raw);
    }
}

fn read_document(mut reader: Reader<'_, '_>, raw: &mut Raw) {
    match reader.next() {
        reader::Node::End => {}
        root => {
            raw.read(root, &mut reader);
            reader.expect_end();
        }
    }
}
