//! The configuration in use: changed by API, written to its file, kept in a history, taken back if nobody confirms it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::operator::{Applied, Change, InUse, LogLevels, Refused, Running};
use api::web::Web;
use config::versions::{About, Prepared, Versions};
use config::{Config, Difference, Effect, Loaded, Problem, Sources};
use server::clock::unix_ms;

use super::Serving;

/// Who takes back what nobody confirms.
const NOBODY: &str = "headwater";

/// A configuration that goes away by itself unless it is confirmed.
pub struct Pending {
    deadline: Instant,
    /// What comes back.
    before: Arc<str>,
}

/// What was loaded, and whether a configuration was taken back for it.
pub struct Undone {
    /// What was loaded.
    pub loaded: Loaded,
    /// What to tell the operator.
    pub message: Option<String>,
}

/// Loads the configuration at a start. One that nobody confirmed before the last server ended is taken back first.
///
/// # Errors
/// All problems of the configuration at once.
pub fn load(sources: &Sources) -> Result<Undone, Vec<Problem>> {
    let loaded = sources.load()?;
    let unchanged = |loaded| Undone { loaded, message: None };
    let versions = Versions::new(&loaded.config.data_dir);
    let (Some(before), Some(file), Some(text)) = (versions.unconfirmed(), sources.file(), &loaded.text) else {
        return Ok(unchanged(loaded));
    };
    versions.clear_unconfirmed();
    // A file that was written by others meanwhile is theirs.
    if versions.latest().is_none_or(|latest| *latest.text != **text) {
        return Ok(unchanged(loaded));
    }
    let restored = Prepared::new(file, &before.text).and_then(Prepared::put).map_err(|error| error.to_string());
    let again = sources.load_text(Some(before.text.as_str().into()));
    let (loaded, message) = match (restored, again) {
        (Ok(()), Ok(again)) => (again, "nobody confirmed the configuration: the one before is back".to_owned()),
        (Err(why), _) => (loaded, format!("nobody confirmed the configuration, and it cannot be taken back: {why}")),
        (_, Err(_)) => return sources.load().map(unchanged),
    };
    Ok(Undone { loaded, message: Some(message) })
}

/// What the API shows of a configuration.
pub fn in_use(config: &Config, text: Option<Arc<str>>, web: &Web, log: Option<LogLevels>) -> InUse {
    let levels = || api::operator::Levels::from(&config.logging);
    InUse {
        text,
        listen: config.server.listen.clone(),
        web: web.addresses(),
        upstreams: config.resolver.upstreams(),
        recursion: config.resolver.enabled,
        confirm_until_ms: None,
        log: log.unwrap_or_else(|| LogLevels { configured: levels(), now: levels(), until_ms: None }),
    }
}

/// Keeps the text in use in the history; its number.
pub fn record(running: &Running, who: &str, why: &str) -> Option<u64> {
    let in_use = running.in_use();
    let text = in_use.text.as_deref()?;
    let about = About { at_ms: unix_ms(), who: who.to_owned(), why: why.to_owned() };
    let kept = running.versions.add(&about, text);
    kept.inspect_err(|error| tracing::warn!(%error, "the configuration is not in its history")).ok()
}

impl Serving {
    /// Takes over a configuration by API: checked, prepared on the disk, in use, in the file, in this order, so that
    /// whatever fails leaves everything as it was.
    ///
    /// # Errors
    /// Why nothing has changed.
    pub(super) fn configure(&mut self, change: Change) -> Result<Applied, Refused> {
        let in_use = self.running.in_use();
        if self.pending.is_some() {
            return Err(Refused::Conflict(
                "a change waits to be confirmed: confirm it, or wait until it is taken back".into(),
            ));
        }
        if change.expected != in_use.tag() {
            return Err(Refused::Changed("the configuration has changed meanwhile: read it anew".into()));
        }
        let running = self.running.clone();
        let no_file = || Refused::Unwritable("there is no configuration file".into());
        let (Some(file), Some(before)) = (running.sources.file(), in_use.text.clone()) else { return Err(no_file()) };
        if std::fs::read(file).is_ok_and(|on_disk| on_disk != before.as_bytes()) {
            let why = "the file has other contents than what is in use: reload it first";
            return Err(Refused::Changed(why.into()));
        }
        let loaded = running.sources.load_text(Some(change.text.clone())).map_err(Refused::Invalid)?;
        let warnings = loaded.warnings.clone();
        let unwritable = |error| Refused::Unwritable(format!("{} cannot be written: {error}", file.display()));
        let prepared = Prepared::new(file, &change.text).map_err(unwritable)?;
        let settings = |text: &str| running.sources.settings(Some(text));
        let differences = config::differences(&settings(&before), &settings(&change.text));
        self.take(loaded).map_err(|error| Refused::Failed(error.to_string()))?;
        if let Err(error) = prepared.put() {
            self.use_again(before)?;
            return Err(unwritable(error));
        }
        let back_to = running.versions.latest().map(|version| version.id);
        let version = record(&running, &change.who, &change.why);
        tracing::info!(who = change.who, why = change.why, version, "configuration changed by API");
        let confirm_within = is_risky(&differences).then_some(change.confirm_within);
        if let Some(time) = confirm_within {
            self.await_confirmation(time, before, back_to);
        }
        Ok(Applied { version, confirm_within, warnings })
    }

    /// Has the configuration taken back after `time`, should nobody confirm it.
    fn await_confirmation(&mut self, time: Duration, before: Arc<str>, back_to: Option<u64>) {
        if let Some(Err(error)) = back_to.map(|id| self.running.versions.set_unconfirmed(id)) {
            tracing::warn!(%error, "the change will not be taken back if the server ends before it is confirmed");
        }
        self.pending = Some(Pending { deadline: Instant::now() + time, before });
        let until = unix_ms() + time.as_millis() as u64;
        self.running.update(|in_use| in_use.confirm_until_ms = Some(until));
        tracing::warn!(
            seconds = time.as_secs(),
            "it may be that nobody reaches the server any more: the configuration is taken back unless it is confirmed"
        );
    }

    /// Uses a configuration again that was in use.
    fn use_again(&mut self, text: Arc<str>) -> Result<(), Refused> {
        let failed = |why: String| {
            tracing::error!("the configuration before cannot be used again: {why}");
            Refused::Failed(why)
        };
        let loaded = self.running.sources.load_text(Some(text)).map_err(Refused::Invalid)?;
        self.take(loaded).map(drop).map_err(|error| failed(error.to_string()))
    }

    /// Keeps the configuration that waits to be confirmed.
    ///
    /// # Errors
    /// Nothing waits.
    pub(super) fn confirm(&mut self, who: &str) -> Result<(), Refused> {
        if self.pending.is_none() {
            return Err(Refused::Conflict("nothing waits to be confirmed".into()));
        }
        self.settle();
        tracing::info!(who, "configuration confirmed");
        Ok(())
    }

    /// Nothing waits to be confirmed any more.
    pub(super) fn settle(&mut self) {
        if self.pending.take().is_some() {
            self.running.versions.clear_unconfirmed();
            self.running.update(|in_use| in_use.confirm_until_ms = None);
        }
    }

    /// Takes back what nobody has confirmed in time.
    pub(super) fn go_back_if_unconfirmed(&mut self) {
        let Some(Pending { before, .. }) = self.pending.take_if(|pending| Instant::now() >= pending.deadline) else {
            return;
        };
        let running = self.running.clone();
        let put_back = || -> std::io::Result<()> {
            let Some(file) = running.sources.file() else { return Ok(()) };
            Prepared::new(file, &before)?.put()
        };
        if let Err(error) = put_back() {
            tracing::error!(%error, "the configuration file cannot be written: it keeps what nobody confirmed");
        }
        if self.use_again(before.clone()).is_ok() {
            tracing::warn!("nobody confirmed the configuration: the one before is back");
            record(&running, NOBODY, "nobody confirmed the version before");
        }
        running.versions.clear_unconfirmed();
        running.update(|in_use| in_use.confirm_until_ms = None);
    }
}

/// Whether whoever made the change may no longer reach the server.
fn is_risky(differences: &[Difference]) -> bool {
    let is_risky = |it: &Difference| it.effect == Effect::Rebind || it.path == "web.allowed_networks";
    differences.iter().any(is_risky)
}
