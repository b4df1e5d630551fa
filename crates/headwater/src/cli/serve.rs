//! `headwater serve`: starts the node and does what signals and the control socket say.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use super::ConfigArgs;
use crate::config::{self, Config, LoadOptions};
use crate::control::{self, Command, Request};
use crate::files::ReloadReport;
use crate::logging::{self, Log};
use crate::node::Node;

/// Server cookies are made with a new secret this often (RFC 7873 7.1).
const COOKIE_ROTATION: Duration = Duration::from_secs(24 * 3600);
/// History that need not be kept is forgotten this often.
const RETENTION_INTERVAL: Duration = Duration::from_secs(600);
/// Keys whose changes a reload cannot follow.
const AT_START_ONLY: [&str; 3] = ["data_dir:", "server.user:", "logging.format:"];
/// What is due is looked after this often.
const TICK: Duration = Duration::from_secs(1);

/// What the main thread waits for.
pub enum Event {
    /// A signal.
    Signal(i32),
    /// A command on the control socket.
    Command(Request),
}

/// The running server with what it takes to change it.
struct Serving {
    options: LoadOptions,
    config: Config,
    node: Node,
    log: Log,
}

/// Serves until told to stop.
///
/// # Errors
/// What keeps the server from starting.
pub fn run(args: ConfigArgs) -> anyhow::Result<ExitCode> {
    // Databases, keys and backups are nobody else's business.
    nix::sys::stat::umask(Mode::from_bits_truncate(0o077));
    let begin = Instant::now();
    let options = LoadOptions::from(args);
    let (config, warnings) = match Config::load(options.clone()) {
        Ok(loaded) => loaded,
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("{problem}"));
            return Ok(ExitCode::FAILURE);
        }
    };
    let log = logging::start(&config.logging)?;
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let (events, received) = mpsc::channel();
    // Before anything else, so that no signal meets its default action.
    watch_signals(events.clone())?;
    crate::privileges::raise_descriptor_limit();
    let node = Node::start(&config)?;
    let control_socket = config.control_socket();
    let control = match control::listen(&control_socket, node.app().clone(), node.runtime(), events.clone()) {
        Ok(control) => Some(control),
        Err(error) => {
            let path = control_socket.display();
            tracing::error!("no control socket, commands do not reach this server: {path}: {error}");
            None
        }
    };
    let (zones, empty) = node.zone_counts();
    let listen = words(config.server.listen.iter().map(|listen| listen.address));
    let web = words(node.web_addresses());
    let start_ms = begin.elapsed().as_millis() as u64;
    tracing::info!(zones, refused = empty, listen, web, start_ms, "ready");
    notify(&[NotifyState::Ready]);
    let mut serving = Serving { options, config, node, log };
    serving.until_stopped(&received);
    notify(&[NotifyState::Stopping]);
    if let Some(control) = control {
        control.stop(serving.node.runtime());
    }
    serving.node.stop();
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

impl Serving {
    fn until_stopped(&mut self, events: &mpsc::Receiver<Event>) {
        let (mut rotated, mut retained) = (Instant::now(), Instant::now());
        loop {
            match events.recv_timeout(TICK) {
                Ok(Event::Signal(SIGHUP)) => drop(self.reload()),
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
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.node.collect();
            if retained.elapsed() >= RETENTION_INTERVAL {
                retained = Instant::now();
                self.node.retain(&self.config);
            }
            if rotated.elapsed() >= COOKIE_ROTATION {
                rotated = Instant::now();
                if let Err(error) = self.node.rotate_cookies() {
                    tracing::error!(%error, "cookie secret not rotated");
                }
            }
        }
    }

    fn command(&mut self, command: Command) -> Result<String, String> {
        match command {
            Command::Stats => Ok(self.node.stats_report()),
            Command::Reload => self.reload().map(|report| {
                format!("{} loaded, {} refused, {} removed\n", report.loaded, report.refused, report.removed)
            }),
            Command::Stop => Ok(String::new()),
        }
    }

    /// All or nothing: a configuration with an error changes nothing.
    fn reload(&mut self) -> Result<ReloadReport, String> {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => notify(&[NotifyState::Reloading, now]),
            Err(error) => tracing::debug!(%error, "systemd not notified"),
        }
        let result = self.try_reload();
        match &result {
            Ok(report) => {
                tracing::info!(loaded = report.loaded, refused = report.refused, removed = report.removed, "reloaded")
            }
            Err(why) => tracing::error!("reload failed, nothing changed: {why}"),
        }
        notify(&[NotifyState::Ready]);
        result
    }

    fn try_reload(&mut self) -> Result<ReloadReport, String> {
        let (config, warnings) = Config::load(self.options.clone()).map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            lines.join("\n")
        })?;
        let report = self.node.reload(&config).map_err(|error| error.to_string())?;
        warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        for change in config::changes(&self.config, &config) {
            let later = AT_START_ONLY.iter().any(|key| change.starts_with(key));
            tracing::info!("changed {change}{}", if later { " (from the next start on)" } else { "" });
        }
        self.log.set_level(&config.logging);
        self.config = config;
        Ok(report)
    }
}

/// Addresses as one text, a blank between two.
fn words(addresses: impl IntoIterator<Item = SocketAddr>) -> String {
    addresses.into_iter().map(|address| address.to_string()).collect::<Vec<_>>().join(" ")
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

/// Tells systemd, where it listens.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd not notified");
    }
}
