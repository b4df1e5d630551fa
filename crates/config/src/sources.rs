//! Where a configuration comes from: a file, the environment, flags. Loading again is a reload; the same sources with
//! another text of the file say what that text would do.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::checked::{self, Config};
use super::options::LoadOptions;
use super::problem::{Mark, Problem, Report, Warning};
use super::raw::Raw;
use super::reader::{Node, Reader};
use super::setting::{self, Setting};
use super::unsupported;
use super::value::Value;

/// Prefix of environment variables that set keys.
const ENVIRONMENT_PREFIX: &str = "HEADWATER_";
/// The first administrator's password, at the first start: no key of the configuration, so that it is not shown.
pub const ADMIN_PASSWORD: &str = "HEADWATER_ADMIN_PASSWORD";

/// Largest configuration file, in octets: some three million zones.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// A configuration that can be used, with what was said about it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is accepted and should be looked at.
    pub warnings: Vec<Warning>,
    /// The text of the file; none: there is no file.
    pub text: Option<Arc<str>>,
}

/// File, environment and flags of one process.
#[derive(Debug, Clone)]
pub struct Sources {
    options: LoadOptions,
    /// The variables that set keys, sorted by name.
    environment: Vec<(String, OsString)>,
}

/// What is wrong with a file before any of it is read, where.
struct Fault {
    line: u32,
    column: u32,
    message: String,
}

impl Sources {
    /// The flags, and of `environment` what sets keys.
    pub fn new(options: LoadOptions, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Sources {
        let ours = |(name, value): (OsString, OsString)| {
            let name = name.to_str()?.to_owned();
            let is_key = name.starts_with(ENVIRONMENT_PREFIX) && name != ADMIN_PASSWORD;
            is_key.then_some((name, value))
        };
        let mut environment: Vec<(String, OsString)> = environment.into_iter().filter_map(ours).collect();
        environment.sort();
        Sources { options, environment }
    }

    /// The flags, and the environment of the process.
    pub fn of_process(options: LoadOptions) -> Sources {
        Sources::new(options, std::env::vars_os())
    }

    /// The configuration file, if there is one.
    pub fn file(&self) -> Option<&Path> {
        self.options.config.as_deref()
    }

    /// Reads the file, then loads all of it.
    ///
    /// # Errors
    /// All problems at once, in the order of the text.
    pub fn load(&self) -> Result<Loaded, Vec<Problem>> {
        let text = self.file().map(read_file).transpose();
        self.load_read(text.map(|text| text.map(Arc::from)))
    }

    /// Loads as if `text` were in the file.
    ///
    /// # Errors
    /// All problems at once, in the order of the text.
    pub fn load_text(&self, text: Option<Arc<str>>) -> Result<Loaded, Vec<Problem>> {
        self.load_read(Ok(text))
    }

    fn load_read(&self, text: Result<Option<Arc<str>>, Fault>) -> Result<Loaded, Vec<Problem>> {
        let mut report = Report::new(self.base());
        let raw = self.raw(text.as_ref().map(Option::as_deref), &mut report);
        unsupported::check(&raw, &mut report);
        let config = checked::check(raw, &self.options, &mut report);
        let warnings = report.finish()?;
        Ok(Loaded { config, warnings, text: text.unwrap_or_default() })
    }

    /// Every key with its value, its default and where it comes from, `text` being in the file.
    pub fn settings(&self, text: Option<&str>) -> Vec<Setting> {
        let mut report = Report::new(self.base());
        let raw = self.raw(Ok(text), &mut report);
        let mut settings = Vec::new();
        let mut visit = |path: &[super::reader::Step], mark: Mark, value, default| {
            settings.push(Setting::new(path, &report.source_of(mark), mark, value, default));
        };
        let mut keys = super::value::Keys { path: Vec::new(), visit: &mut visit };
        raw.keys(&Raw::default(), Mark::default(), &mut keys);
        setting::override_by_flags(&mut settings, &self.options);
        settings
    }

    fn base(&self) -> &Path {
        self.file().and_then(Path::parent).unwrap_or(Path::new(""))
    }

    /// Everything as it is written; what cannot be read is in the report.
    fn raw(&self, text: Result<Option<&str>, &Fault>, report: &mut Report) -> Raw {
        let mut raw = Raw::default();
        let name = self.file().map_or("configuration".to_owned(), |file| file.display().to_string());
        match text {
            Ok(None) => {}
            Ok(Some(text)) => {
                let source = report.add_source(name, self.base());
                read_document(Reader::document(text, source, report), &mut raw);
            }
            Err(Fault { line, column, message }) => {
                let source = report.add_source(name, self.base());
                report.error(Mark { source, line: *line, column: *column }, "", message);
            }
        }
        for (name, value) in &self.environment {
            read_variable(name, value, &mut raw, report);
        }
        raw
    }
}

fn read_file(file: &Path) -> Result<String, Fault> {
    let whole = |message| Fault { line: 0, column: 0, message };
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => return Err(whole(format!("cannot be read: {error}"))),
        Ok(read) if read as u64 > MAX_FILE_BYTES => return Err(whole(format!("larger than {MAX_FILE_BYTES} octets"))),
        Ok(_) => {}
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line_start = good.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        let line = 1 + good.iter().filter(|&&byte| byte == b'\n').count();
        let column = 1 + String::from_utf8_lossy(&good[line_start..]).chars().count();
        Fault { line: line as u32, column: column as u32, message: "not UTF-8".into() }
    })
}

/// `HEADWATER_A__B=VALUE` sets the key `a.b`; the value is YAML, an empty one is the empty text.
fn read_variable(name: &str, value: &OsString, raw: &mut Raw, report: &mut Report) {
    let source = report.add_source(name, Path::new(""));
    let Some(value) = value.to_str() else {
        report.error(Mark { source, line: 0, column: 0 }, "", "not UTF-8");
        return;
    };
    let key = name[ENVIRONMENT_PREFIX.len()..].to_ascii_lowercase();
    let path: Vec<String> = key.split("__").map(str::to_owned).collect();
    let value = if value.trim().is_empty() { "\"\"" } else { value };
    read_document(Reader::override_at(&path, value, source, report), raw);
}

fn read_document(mut reader: Reader<'_, '_>, raw: &mut Raw) {
    match reader.next() {
        Node::End => {}
        root => {
            raw.read(root, &mut reader);
            reader.expect_end();
        }
    }
}
