//! A running server: its zones, its sockets, its journal, and how a reload changes them.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

use dns::{Name, NameBuf, NameHasher};
use dnssec::tsig::{Key, KeyRing};
use server::policy::cookie::Secrets;
use server::settings::Settings;
use zone::{Action, ChangeSet, Contents, Published, RecordList, ZoneChange, ZoneKind, ZoneSettings, ZoneTable};

use crate::api::App;
use crate::auth::AccessStore;
use crate::clock::now_ms;
use crate::commit::{Intent, Request, SerialRule};
use crate::config::{Config, TsigKey, ZoneSource};
use crate::doors::Doors;
use crate::durable::{Durable, DurableError};
use crate::files::{FileZones, ReloadReport};
use crate::keeper::Keeper;
use crate::listeners::{self, Listeners, Workers};
use crate::lookups::Lookups;
use crate::recursion::{self, Recursor};
use crate::secondary::{self, Secondaries};
use crate::web::{self, Web};
use crate::{new_zone, notify};

/// Zones of the journal that are made before the first outcome is waited for.
const ZONES_AT_ONCE: usize = 1024;

/// Why a server cannot run as configured.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A socket cannot be opened.
    #[error("{address} ({protocol}): {error}{}", hint(.error, .protocol))]
    Bind {
        /// Where.
        address: SocketAddr,
        /// What.
        protocol: &'static str,
        /// Why.
        error: io::Error,
    },
    /// The system gave no random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// A thread cannot be started.
    #[error("thread: {0}")]
    Thread(io::Error),
    /// The data directory cannot be used.
    #[error("{0}")]
    Durable(#[from] DurableError),
    /// The API cannot be served.
    #[error("{0}")]
    Web(#[from] web::WebError),
    /// Privileges cannot be given up.
    #[error("{0:#}")]
    Privileges(anyhow::Error),
}

fn hint(error: &io::Error, protocol: &str) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse if protocol == web::PROTOCOL => "; another port: `server.web_port`",
        io::ErrorKind::AddrNotAvailable if protocol == web::PROTOCOL => "; another address: `web.bind_address`",
        io::ErrorKind::AddrInUse => "; another port: `server.dns_port` or `server.listen`, or --listen",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need the privilege CAP_NET_BIND_SERVICE",
        io::ErrorKind::AddrNotAvailable => "; another address: `server.bind_address` or `server.listen`",
        _ => "",
    }
}

/// The TSIG keys of the configuration and those made through the API.
#[derive(Default)]
struct Keys {
    configured: Vec<TsigKey>,
    ring: KeyRing,
}

/// A running server.
pub struct Node {
    zones: Arc<Published<ZoneTable>>,
    settings: Arc<Published<Settings>>,
    files: FileZones,
    workers: Workers,
    listeners: Listeners,
    recursor: Recursor,
    lookups: Lookups,
    keys: Arc<RwLock<Keys>>,
    durable: Durable,
    runtime: tokio::runtime::Runtime,
    secondaries: JoinHandle<()>,
    web: Web,
}

impl Node {
    /// Opens the sockets, gives up privileges, loads the zones and starts to answer.
    ///
    /// # Errors
    /// A socket that cannot be opened, a data directory that cannot be used. A zone file that cannot be loaded is
    /// logged, and its zone answers SERVFAIL.
    pub fn start(config: &Config) -> Result<Node, NodeError> {
        let hasher = NameHasher::new(getrandom::u64()?);
        let sockets = listeners::open(&config.server.listen, config.server.workers, |_| false)?;
        let web_sockets = web::open(&config.web, &[])?;
        if let Some(user) = &config.server.user {
            crate::privileges::drop_to(user, &config.data_dir).map_err(NodeError::Privileges)?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(config.server.workers)
            .thread_name("async")
            .enable_all()
            .build()
            .map_err(NodeError::Thread)?;
        let zones = Published::new(ZoneTable::new(hasher, Vec::new()));
        let settings = Published::new(settings(config, Some(Secrets::new(random_secret()?))));
        let (secondaries, waiting) = Secondaries::new();
        let durable = Durable::open(&config.data_dir, hasher, &zones, &config.zones, secondaries)?;
        let keys = Arc::new(RwLock::new(Keys::default()));
        let current_keys = keys.clone();
        let ring: Arc<dyn Fn() -> KeyRing + Send + Sync> =
            Arc::new(move || current_keys.read().unwrap_or_else(PoisonError::into_inner).ring.clone());
        let shared =
            secondary::Shared { zones: zones.clone(), keys: ring.clone(), follower: durable.keeper.follower.clone() };
        let secondaries = waiting.run(shared, durable.committer.clone()).map_err(NodeError::Thread)?;
        start_notifier(&runtime, &durable.keeper, &zones, ring);
        let workers = Workers::new(zones.clone(), settings.clone());
        workers.set_control(Arc::new(Doors {
            zones: zones.clone(),
            keeper: durable.keeper.clone(),
            committer: durable.committer.clone(),
            history: durable.history.clone(),
            runtime: runtime.handle().clone(),
        }));
        let (all_keys, published) = (keys.clone(), settings.clone());
        durable.access.observe(move |access| refresh_keys(&all_keys, access, &published));
        let parts = recursion::Parts { zones: &zones, workers: &workers, runtime: runtime.handle() };
        let recursor = Recursor::start(config, &parts)?;
        settings.update(|settings| Settings { recursion: recursor.settings(config), ..settings.clone() });
        let (files, listeners) = (FileZones::default(), Listeners::default());
        let lookups = Lookups::new(zones.clone());
        lookups.set(recursor.lookup());
        let web = Web::new(&durable, &zones, lookups.clone(), config)?;
        let mut node = Node {
            zones,
            settings,
            files,
            workers,
            listeners,
            recursor,
            lookups,
            keys,
            durable,
            runtime,
            secondaries,
            web,
        };
        node.set_keys(&config.tsig_keys);
        node.reload_zones(config);
        node.listeners = Listeners::start(sockets, config.server.workers, &node.workers)?;
        node.web.serve(&config.web, web_sockets, node.runtime.handle())?;
        Ok(node)
    }

    /// Takes over a new configuration: sockets that are new are opened first, so that an error leaves
    /// everything as it was; then zones that changed are read, and sockets that are gone are closed.
    ///
    /// # Errors
    /// A new socket that cannot be opened; nothing has changed then.
    pub fn reload(&mut self, config: &Config) -> Result<ReloadReport, NodeError> {
        let change = self.listeners.change(&config.server.listen, config.server.workers)?;
        let web_sockets = web::open(&config.web, self.web.sockets())?;
        let parts = recursion::Parts { zones: &self.zones, workers: &self.workers, runtime: self.runtime.handle() };
        let recursor = self.recursor.change(config, &parts)?;
        let retired = recursor.map(|recursor| std::mem::replace(&mut self.recursor, recursor));
        let cookies = self.settings.latest().cookies.clone();
        let recursion = self.recursor.settings(config);
        self.settings.publish(Settings { recursion, ..settings(config, cookies) });
        // Workers hand questions to the new threads from now on.
        self.lookups.set(self.recursor.lookup());
        if let Some(retired) = retired {
            self.recursor.succeed(retired);
        }
        self.set_keys(&config.tsig_keys);
        let touched = self.durable.keeper.configure(&config.zones);
        let report = self.reload_zones(config);
        self.durable.committer.touch(touched);
        change.finish(&mut self.listeners, &self.workers)?;
        self.web.serve(&config.web, web_sockets, self.runtime.handle())?;
        Ok(report)
    }

    /// Reads the zone files that changed, and makes the zones of the journal that are configured and not there.
    fn reload_zones(&mut self, config: &Config) -> ReloadReport {
        let keeper = self.durable.keeper.clone();
        let mut changed = Vec::new();
        let report = self.files.reload(&config.zones, &self.zones, |source, before, after| {
            if let Some(before) = before {
                keeper.recent.add(&[file_change(source, before, after)]);
            }
            changed.push(source.name.clone());
        });
        keeper.notify(&changed);
        self.make_zones(config);
        report
    }

    /// Has the journal have the zones that the configuration names, served as it says. Many are submitted before the
    /// first outcome is waited for, so that they share appends.
    fn make_zones(&self, config: &Config) {
        let named: Vec<&Arc<ZoneSource>> = config.zones.iter().filter(|source| source.file().is_none()).collect();
        for group in named.chunks(ZONES_AT_ONCE) {
            let (outcome, outcomes) = channel();
            for source in group {
                let (outcome, zone) = (outcome.clone(), source.name.clone());
                let request = as_configured(source, &config.server.name);
                self.durable.committer.submit(request, move |made| drop(outcome.send((zone, made))));
            }
            drop(outcome);
            for (zone, made) in outcomes {
                if let Err(error) = made {
                    tracing::error!(%zone, %error, "zone not made as configured");
                }
            }
        }
    }

    /// Has messages verified with the keys of the configuration and those made through the API.
    fn set_keys(&self, configured: &[TsigKey]) {
        self.keys.write().unwrap_or_else(PoisonError::into_inner).configured = configured.to_vec();
        refresh_keys(&self.keys, &self.durable.access, &self.settings);
    }

    /// Makes a new secret for server cookies (RFC 7873 7.1); cookies of the last one stay valid.
    ///
    /// # Errors
    /// No random numbers.
    pub fn rotate_cookies(&self) -> Result<(), NodeError> {
        let secret = random_secret()?;
        self.settings.update(|settings| {
            let cookies = settings.cookies.clone().map(|secrets| secrets.rotated(secret));
            Settings { cookies, ..settings.clone() }
        });
        Ok(())
    }

    /// Frees what no worker uses any more.
    pub fn collect(&self) {
        self.zones.collect();
        self.settings.collect();
    }

    /// Forgets the history that is not to be kept any longer.
    pub fn retain(&self, config: &Config) {
        self.durable.retain(&config.journal);
    }

    /// The counters as text, one a line, summed over all workers.
    pub fn stats_report(&self) -> String {
        let zones = self.zones.latest();
        let contents = || zones.zones().filter_map(|zone| zone.contents.as_ref());
        let records: u64 = contents().map(Contents::record_count).sum();
        let findings: usize = contents().map(|contents| contents.findings().len()).sum();
        let found_in = contents().filter(|contents| !contents.findings().is_empty()).count();
        let zones =
            format!("zones {}\nrecords {records}\nfindings {findings}\nzones_with_findings {found_in}", zones.len());
        format!("{zones}\n{}", self.workers.stats_report())
    }

    /// How many zones are served, and how many of them have no contents.
    pub fn zone_counts(&self) -> (usize, usize) {
        let zones = self.zones.latest();
        (zones.len(), zones.zones().filter(|zone| zone.contents.is_none()).count())
    }

    /// The addresses that the API is served on.
    pub fn web_addresses(&self) -> Vec<SocketAddr> {
        self.web.addresses()
    }

    /// What the handlers of the API share.
    pub fn app(&self) -> &Arc<App> {
        self.web.app()
    }

    /// Where tasks run.
    pub fn runtime(&self) -> &tokio::runtime::Handle {
        self.runtime.handle()
    }

    /// Answers what has come in, makes the changes that wait, then stops.
    pub fn stop(self) {
        self.web.stop(self.runtime.handle());
        self.listeners.stop();
        self.recursor.stop();
        self.durable.stop();
        if self.secondaries.join().is_err() {
            tracing::error!("the secondaries' thread panicked; this is a bug of the server");
        }
        self.runtime.shutdown_background();
    }
}

/// Makes a zone of the journal, or has it served, as the configuration says.
fn as_configured(source: &ZoneSource, server: &NameBuf) -> Request {
    let (name, settings, server) = (source.name.clone(), (*source.settings).clone(), server.clone());
    let prepare = move |drafts: &dyn crate::commit::Drafts| {
        let settings = settings.clone();
        let intent = match drafts.zone(&name) {
            Some(_) => Intent::Configure { settings },
            None => {
                let records = first_records(&name, &settings, &server);
                Intent::Create { settings, records, serial: SerialRule::Policy }
            }
        };
        Ok(vec![(name.clone(), intent)])
    };
    let (who, why) = ("configuration".to_owned(), "named in `zones`".to_owned());
    Request { who, why, reverts: None, prepare: Box::new(prepare), dry_run: false }
}

/// The records of a zone that the configuration names and that is not there yet.
fn first_records(name: &Name, settings: &ZoneSettings, server: &NameBuf) -> RecordList {
    match settings.kind {
        ZoneKind::Secondary => RecordList::default(),
        ZoneKind::Primary => {
            let servers = std::slice::from_ref(server);
            new_zone::records(name, servers, &[], settings.serial_policy, now_ms())
        }
    }
}

/// Publishes the keys that there are now.
fn refresh_keys(keys: &RwLock<Keys>, access: &AccessStore, settings: &Published<Settings>) {
    let made = access.open_keys(&access.state()).unwrap_or_else(|error| {
        tracing::error!(%error, "TSIG keys cannot be opened");
        Vec::new()
    });
    let made = made.into_iter().filter_map(|key| Some(Key::new(key.name, key.algorithm.parse().ok()?, &key.secret)));
    let mut keys = keys.write().unwrap_or_else(PoisonError::into_inner);
    // The configuration wins: it comes last.
    let configured = keys.configured.iter().map(|key| Key::new(key.name.clone(), key.algorithm, key.secret.octets()));
    let ring = KeyRing::new(made.chain(configured));
    keys.ring = ring.clone();
    settings.update(|settings| Settings { keys: ring, ..settings.clone() });
}

fn start_notifier(
    runtime: &tokio::runtime::Runtime,
    keeper: &Arc<Keeper>,
    zones: &Arc<Published<ZoneTable>>,
    keys: Arc<dyn Fn() -> KeyRing + Send + Sync>,
) {
    let (notifier, knows) = (keeper.notifier.clone(), keeper.clone());
    let peers = move |zone: &NameBuf| knows.notify_peers(zone);
    let shared = notify::Shared { zones: zones.clone(), peers: Box::new(peers), keys };
    runtime.spawn(async move {
        if let Err(error) = notifier.run(shared).await {
            tracing::error!(%error, "no NOTIFY can be sent");
        }
    });
}

/// What a reload changed in a zone from a file, as transfers need it. Without a later serial there is no difference
/// to send: what was known of the zone's changes is forgotten.
fn file_change(source: &ZoneSource, before: &Contents, after: &Contents) -> journal::Accepted {
    let serial = |contents: &Contents| contents.soa().map_or(0, |soa| soa.serial);
    let (from, to) = (serial(before), serial(after));
    let wanted = source.lists.policy.as_ref().is_some_and(|policy| !policy.allow_transfer.is_empty());
    let action = if wanted && dns::serial::is_later(to, from) {
        Action::Edit(zone::diff::diff(before, after))
    } else {
        Action::Replace { before: RecordList::default(), after: RecordList::default() }
    };
    let change = ZoneChange { zone: source.name.clone(), from: Some(from), to: Some(to), action };
    let change = Arc::new(ChangeSet { zones: vec![change], ..ChangeSet::default() });
    journal::Accepted { first: 0, offset: 0, change }
}

fn random_secret() -> Result<[u8; 16], NodeError> {
    let mut secret = [0; 16];
    getrandom::fill(&mut secret)?;
    Ok(secret)
}

/// The data plane's settings for a configuration; the keys come separately.
fn settings(config: &Config, cookies: Option<Secrets>) -> Settings {
    let identity = || nix::unistd::gethostname().ok()?.into_string().ok();
    Settings {
        version: config.server.chaos.then(|| concat!("headwater ", env!("CARGO_PKG_VERSION")).to_owned()),
        server_id: if config.server.chaos { identity() } else { None },
        nsid: config.server.nsid.clone(),
        udp_size: config.server.edns_udp_size,
        minimal_responses: config.server.minimal_responses,
        cookies,
        recursion: None,
        keys: KeyRing::default(),
    }
}
