//! `headwater serve`: starts the node and does what signals, the control socket and the API say.

mod configure;
mod levels;
mod watch;

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use api::operator::{InUse, Operator, Order, Running};
use api::web::{self, Web, WebError};
use config::versions::Versions;
use config::{Config, Effect, LoadOptions, Loaded, Sources};
use nix::sys::stat::Mode;
use node::Node;
use node::files::ReloadReport;
use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use self::configure::{Pending, Undone};
use self::watch::Watch;
use super::ConfigArgs;
use crate::control::{self, Command, Event};
use crate::logging::{self, Log};
use crate::systemd::{self, Watchdog, notify};

/// What is due is looked after this often, and the watchdog hears of the server, unless it wants to hear of it more often.
const TICK: Duration = Duration::from_secs(1);

/// The running server with what it takes to change it.
struct Serving {
    config: Config,
    node: Node,
    web: Web,
    log: Log,
    /// What the API sees.
    running: Arc<Running>,
    /// A configuration that waits to be confirmed.
    pending: Option<Pending>,
    /// When the levels of the log are those of the configuration again.
    levels_until: Option<Instant>,
    watch: Watch,
    /// How the API is to be served once whoever asked for that has an answer.
    web_due: Option<web::Prepared>,
    watchdog: Watchdog,
}

/// Serves until told to stop. `give_back` returns free memory to the system.
///
/// # Errors
/// What keeps the server from starting.
pub fn run(args: ConfigArgs, give_back: fn()) -> anyhow::Result<ExitCode> {
    // Databases, keys and backups are nobody else's business.
    nix::sys::stat::umask(Mode::from_bits_truncate(0o077));
    let begin = Instant::now();
    let sources = Sources::of_process(LoadOptions::from(args));
    let Undone { loaded: Loaded { config, warnings, text }, message } = match configure::load(&sources) {
        Ok(loaded) => loaded,
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("{problem}"));
            return Ok(ExitCode::FAILURE);
        }
    };
    let log = logging::start(&config.logging)?;
    message.iter().for_each(|message| tracing::warn!("{message}"));
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let (events, received) = mpsc::channel();
    // Before anything else, so that no signal meets its default action.
    watch_signals(events.clone())?;
    crate::privileges::raise_descriptor_limit();
    let (node, web) = start(&config, give_back)?;
    let versions = Versions::new(&config.data_dir);
    let running = Arc::new(Running::new(sources, versions, configure::in_use(&config, text, &web, None)));
    configure::record(&running, "start", "");
    let orders = events.clone();
    let submit = Box::new(move |order| orders.send(Event::Order(order)).is_ok());
    // It is set once: there is one process.
    let _ = web.app().operator.set(Operator { running: running.clone(), submit });
    log.mark_in(node.query_log().clone());
    let control_socket = config.control_socket();
    let control = match control::listen(&control_socket, web.app().clone(), node.runtime(), events.clone()) {
        Ok(control) => Some(control),
        Err(error) => {
            let path = control_socket.display();
            tracing::error!("no control socket, commands do not reach this server: {path}: {error}");
            None
        }
    };
    let (zones, empty) = node.zone_counts();
    let listen = words(config.server.listen.iter().map(|listen| listen.address));
    let web_listen = words(web.addresses());
    let start_ms = begin.elapsed().as_millis() as u64;
    let (https, certificates) = https_words(&web);
    tracing::info!(zones, refused = empty, listen, web = web_listen, https, certificates, start_ms, "ready");
    log.started();
    notify(&[NotifyState::Ready]);
    let watch = Watch::new(&running.sources, &config, events);
    let watchdog = Watchdog::from_environment();
    let (pending, levels_until, web_due) = (None, None, None);
    let mut serving = Serving { config, node, web, log, running, pending, levels_until, watch, web_due, watchdog };
    serving.note(None);
    serving.until_stopped(&received);
    notify(&[NotifyState::Stopping]);
    if let Some(control) = control {
        control.stop(serving.node.runtime());
    }
    serving.web.stop(serving.node.runtime());
    serving.node.stop();
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Opens the sockets, gives up privileges, and starts the node and its API.
fn start(config: &Config, give_back: fn()) -> anyhow::Result<(Node, Web)> {
    let sockets = Node::open_sockets(config)?;
    let web_sockets = web::open(&config.web, &[], systemd::sockets())?;
    if let Some(user) = &config.server.user {
        logging::files(&config.logging).try_for_each(|file| crate::privileges::give_to(user, file))?;
        crate::privileges::drop_to(user, &config.data_dir)?;
    }
    let node = Node::start(config, sockets, give_back)?;
    let serve_api = || {
        let (lookups, watching) = (node.lookups().clone(), (node.monitor().clone(), node.alerting().clone()));
        let mut web = Web::new(node.durable(), node.zones(), lookups, watching, node.queries().clone(), config)?;
        // It is set once: there is one node.
        let _ = web.app().live.set(node.live().clone());
        let _ = web.app().anomalies.set(node.anomalies().clone());
        let _ = web.app().seen_clients.set(node.seen_clients().clone());
        let _ = web.app().list_hits.set(node.list_hits().clone());
        let _ = web.app().policing.set(node.policing().clone());
        let _ = web.app().signing.set(node.signing().clone());
        web.serve(web.prepare(config, web_sockets)?, node.runtime())?;
        Ok::<_, WebError>(web)
    };
    match serve_api() {
        Ok(web) => Ok((node, web)),
        Err(error) => {
            node.stop();
            Err(error.into())
        }
    }
}

impl Serving {
    fn until_stopped(&mut self, events: &mpsc::Receiver<Event>) {
        let tick = self.watchdog.interval(TICK);
        loop {
            self.watchdog.alive();
            match events.recv_timeout(self.watch.patience(tick)) {
                Ok(Event::Signal(SIGHUP)) => drop(self.reload("SIGHUP")),
                Ok(Event::Signal(SIGUSR1)) => {
                    // Where the log goes; who sends the signal reads it there.
                    let _ = std::io::stderr().write_all(self.node.stats_report().as_bytes());
                }
                Ok(Event::Signal(_)) => return,
                Ok(Event::Command(request)) => {
                    let answer = self.command(request.command);
                    // Who has gone away hears nothing.
                    let _ = request.answer.send(answer);
                    if request.command == Command::Stop {
                        return;
                    }
                }
                Ok(Event::Order(Order::Configure(change, answer))) => drop(answer.send(self.configure(change))),
                Ok(Event::Order(Order::Confirm(who, answer))) => drop(answer.send(self.confirm(&who))),
                Ok(Event::Order(Order::LogLevel(levels, time, answer))) => {
                    self.set_levels(levels, time);
                    // As above.
                    let _ = answer.send(Ok(()));
                }
                Ok(Event::FileChanged) => self.watch.changed(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.look_after();
        }
    }

    /// Does what is due.
    fn look_after(&mut self) {
        self.look_at_file();
        self.serve_web();
        self.go_back_if_unconfirmed();
        self.serve_web();
        self.end_levels();
        self.running.set_queries(self.node.responses());
    }

    fn command(&mut self, command: Command) -> Result<String, String> {
        match command {
            Command::Stats => Ok(self.node.stats_report()),
            Command::Reload => self.reload("control socket").map(|report| {
                format!("{} loaded, {} refused, {} removed\n", report.loaded, report.refused, report.removed)
            }),
            Command::Stop => Ok(String::new()),
        }
    }

    /// All or nothing: a configuration with an error changes nothing.
    fn reload(&mut self, why: &str) -> Result<ReloadReport, String> {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => notify(&[NotifyState::Reloading, now]),
            Err(error) => tracing::debug!(%error, "systemd not notified"),
        }
        self.watchdog.be_patient(true);
        let result = self.try_reload(why);
        self.watchdog.be_patient(false);
        match &result {
            Ok(report) => {
                tracing::info!(loaded = report.loaded, refused = report.refused, removed = report.removed, "reloaded")
            }
            Err(why) => tracing::error!("reload failed, nothing changed: {why}"),
        }
        self.note(result.as_ref().err().cloned());
        notify(&[NotifyState::Ready]);
        result
    }

    fn try_reload(&mut self, why: &str) -> Result<ReloadReport, String> {
        let loaded = self.running.sources.load().map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            lines.join("\n")
        })?;
        let is_other = loaded.text != self.running.in_use().text;
        let report = self.take(loaded).map_err(|error| error.to_string())?;
        if is_other {
            // Whoever wrote the file has decided.
            self.settle();
            configure::record(&self.running, "file", why);
        }
        Ok(report)
    }

    /// Takes over what was loaded, all of it or nothing.
    fn take(&mut self, loaded: Loaded) -> anyhow::Result<ReloadReport> {
        let Loaded { config, warnings, text } = loaded;
        let report = self.change_to(&config)?;
        warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        for change in config::changes(&self.config, &config) {
            let path = change.split(':').next().unwrap_or_default();
            let later = config::effect_of(path) == Effect::Restart;
            tracing::info!("changed {change}{}", if later { " (from the next start on)" } else { "" });
        }
        self.take_levels(&config.logging);
        self.log.set_outputs(&config.logging);
        self.watch.follow(&config);
        let confirm_until_ms = self.running.in_use().confirm_until_ms;
        let log = self.running.in_use().log.clone();
        let in_use = configure::in_use(&config, text, &self.web, Some(log));
        self.running.update(|now| *now = InUse { confirm_until_ms, ..in_use });
        self.config = config;
        Ok(report)
    }

    /// Opens all sockets that are new before anything changes, so that an error leaves everything as it was.
    fn change_to(&mut self, config: &Config) -> anyhow::Result<ReloadReport> {
        let sockets = self.node.open_new_sockets(config)?;
        let web_sockets = web::open(&config.web, self.web.sockets(), Vec::new())?;
        let prepared = self.web.prepare(config, web_sockets)?;
        let report = self.node.reload(config, sockets)?;
        // Whoever asked for it may wait for an answer through what is served now.
        self.web_due = Some(prepared);
        Ok(report)
    }

    /// Serves the API where it is to be served now. This waits for requests under way: none of them may wait for us.
    fn serve_web(&mut self) {
        let Some(prepared) = self.web_due.take() else { return };
        if let Err(error) = self.web.serve(prepared, self.node.runtime()) {
            tracing::error!(%error, "the API is not served as configured");
        }
        let addresses = self.web.addresses();
        self.running.update(|in_use| in_use.web = addresses);
    }
}

/// Addresses as one text, a blank between two.
fn words(addresses: impl IntoIterator<Item = SocketAddr>) -> String {
    addresses.into_iter().map(|address| address.to_string()).collect::<Vec<_>>().join(" ")
}

/// The addresses that speak HTTPS, and the fingerprints of their certificates; `None`: none does.
fn https_words(web: &Web) -> (Option<String>, Option<String>) {
    let sockets = web.secure_sockets();
    if sockets.is_empty() {
        return (None, None);
    }
    let mut certificates: Vec<String> = Vec::new();
    for (_, secure) in &sockets {
        let identity = secure.identity();
        let kind = if identity.is_self_signed() { " (self-signed)" } else { "" };
        let text = format!("SHA-256 {}{kind}", identity.fingerprint());
        if !certificates.contains(&text) {
            certificates.push(text);
        }
    }
    (Some(words(sockets.iter().map(|(address, _)| *address))), Some(certificates.join(", ")))
}

/// Passes signals on as events. The second one that asks to stop ends the process at once.
fn watch_signals(events: Sender<Event>) -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let mut stopping = false;
        for signal in signals.forever() {
            if matches!(signal, SIGINT | SIGTERM) && std::mem::replace(&mut stopping, true) {
                std::process::exit(1);
            }
            if events.send(Event::Signal(signal)).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}
