//! A server of the API on a loopback port, over a node whose journal is in memory, with an administrator.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use access::{AccessEvent, AccessStore, Grant, Logins, NewToken, bootstrap};
use api::{App, Listening, Server};
use config::{Config, LoadOptions};
use dns::NameHasher;
use journal::MemoryJournal;
use journal::shared::SharedSettings;
use node::NodeHandle;
use node::data_dir::DataDir;
use node::durable::Durable;
use node::files;
use node::history::QueryHistory;
use node::lookups::Lookups;
use node::policy::{Parts, Policing};
use node::schedule::SystemTimeSource;
use node::scheduler::{Scheduler, Unstarted};
use node::signing::{self, Signing};
use serde_json::Value;
use signer::policy::SigningPolicy;
use zone::{Published, ZoneTable};

/// The administrator's password.
pub const PASSWORD: &str = "correct horse battery";

/// A running server.
pub struct House {
    pub access: Arc<AccessStore>,
    pub lookups: Lookups,
    pub queries: QueryHistory,
    pub app: Arc<App>,
    pub address: SocketAddr,
    /// A token that may do everything.
    pub token: String,
    agent: ureq::Agent,
    data_dir: PathBuf,
    runtime: Option<tokio::runtime::Runtime>,
    server: Option<Server>,
    zones: Arc<Published<ZoneTable>>,
    durable: Option<Durable>,
    policing: Arc<Policing>,
    /// Timed work waits here; nobody does it.
    _unstarted: Unstarted,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// Panics unless it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Reply {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

impl House {
    /// A node that keeps nothing on disk.
    pub fn open() -> House {
        House::over(|data_dir| {
            let access = Arc::new(MemoryJournal::default());
            let access = AccessStore::open(access, &data_dir.join("seal.key")).expect("access");
            let settings = SharedSettings::open(Arc::new(MemoryJournal::default())).expect("shared settings");
            DataDir::in_memory(Arc::new(MemoryJournal::default()), access, settings).expect("a store in memory")
        })
    }

    /// A node with a data directory.
    pub fn on_disk() -> House {
        House::over(|data_dir| DataDir::open(data_dir, &data_dir.join("journal.db"), None).expect("a data directory"))
    }

    fn over(data: impl FnOnce(&Path) -> DataDir) -> House {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let data_dir = std::env::temp_dir().join(format!("headwater-api-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&data_dir).expect("directory");
        let hasher = NameHasher::new(1);
        let zones = Published::new(ZoneTable::new(hasher, Vec::new()));
        let (scheduler, unstarted) = Scheduler::new(Arc::new(SystemTimeSource));
        let durable = Durable::start(
            data(&data_dir),
            hasher,
            &zones,
            (&[], &node::signing::Configured::default()),
            (scheduler, &node::lookups::Lookups::default()),
        )
        .expect("a node");
        let access = durable.access.clone();
        bootstrap(&access, Some(PASSWORD.into())).expect("first administrator");
        let node = NodeHandle::new(&durable, &zones, data_dir.clone(), data_dir.join("journal.db"));
        let name = "ns1.example.net".parse().expect("name");
        let app = App::new(node, access.clone(), Arc::new(Logins::new()), name, &data_dir).expect("app");
        let app = Arc::new(app);
        let (lookups, queries) = (app.lookups.clone(), app.queries.history.clone());
        let policing = start_policing(&durable, &zones, &data_dir);
        assert!(app.policing.set(policing.clone()).is_ok(), "it is set once");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("runtime");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("address");
        let server = runtime
            .block_on(async { api::serve(vec![Listening { socket: listener, secure: None }], app.clone()) })
            .expect("server");
        let client = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).proxy(None).build();
        let mut house = House {
            access,
            lookups,
            queries,
            app,
            address,
            token: String::new(),
            agent: client.into(),
            data_dir,
            runtime: Some(runtime),
            server: Some(server),
            zones,
            durable: Some(durable),
            policing,
            _unstarted: unstarted,
        };
        house.token = house.new_token(vec![Grant::everything()]);
        house
    }

    /// What is set by API and not by the configuration.
    pub fn settings(&self) -> &Arc<SharedSettings> {
        &self.durable.as_ref().expect("it runs").settings
    }

    /// Has the configuration name a zone that is served from a file.
    pub fn add_file_zone(&self, name: &str) {
        let file = self.data_dir.join("file.zone");
        std::fs::write(&file, "@ 60 IN SOA . . 1 60 60 60 60\n@ 60 IN NS ns.example.net.\n").expect("a zone file");
        let zones = vec![format!("{name}={}", file.display())];
        let options = LoadOptions { zones, ..LoadOptions::default() };
        let (config, _) = Config::load_with(options, []).expect("a configuration");
        let durable = self.durable.as_ref().expect("it runs");
        let changed = durable.catalogue.configure(&config.zones);
        files::reload(
            &durable.catalogue,
            &durable.presigned,
            &changed.not_from_files,
            &self.zones,
            |_, _, _| {},
            |_, _| {},
        );
    }

    /// Has what is blocked, and for whom, be as a configuration says that has only this, and waits until it is.
    pub fn configure_policy(&self, text: &str) {
        let file = self.data_dir.join("policy.yaml");
        std::fs::write(&file, text).expect("a configuration file");
        let options = LoadOptions { config: Some(file), ..LoadOptions::default() };
        let (config, _) = Config::load_with(options, []).expect("a configuration");
        self.policing.configure(&config);
        let is_there = || self.policing.plan().groups.len() >= config.groups.len();
        for _ in 0..500 {
            if is_there() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("the configuration is not in force");
    }

    /// Has the zones of this configuration be those that are configured.
    pub fn configure_zones(&self, text: &str) {
        std::fs::create_dir_all(&self.data_dir).expect("a directory");
        let file = self.data_dir.join("headwater.yaml");
        std::fs::write(&file, text).expect("written");
        let options = LoadOptions { config: Some(file), ..LoadOptions::default() };
        let (config, _) = Config::load_with(options, []).expect("a configuration");
        self.durable.as_ref().expect("it runs").catalogue.configure(&config.zones);
    }

    /// Has zones signed from now on, by the policies that a configuration has by itself, and by `quick`, whose keys need
    /// no more time than the zone's TTLs.
    pub fn sign(&self) {
        let (mut config, _) = Config::load_with(LoadOptions::default(), []).expect("a configuration");
        let quick = SigningPolicy {
            dnskey_ttl_s: 1,
            propagation_s: 0,
            parent_ds_ttl_s: 1,
            parent_propagation_s: 0,
            safety_s: 0,
            ..SigningPolicy::default()
        };
        config.dnssec.policies.insert("quick".into(), Arc::new(quick));
        self.app.policy_names.set(&config.dnssec);
        let durable = self.durable.as_ref().expect("it runs");
        let configured = signing::Configured { keys_dir: self.data_dir.join("keys"), ..signing::configured(&config) };
        let signing = Signing::start(signing::Parts {
            zones: self.zones.clone(),
            catalogue: durable.catalogue.clone(),
            settings: durable.settings.clone(),
            committer: durable.committer.clone(),
            signers: durable.signers.clone(),
            configured: RwLock::new(configured),
            lookups: Lookups::new(self.zones.clone()),
            scheduler: durable.scheduler.clone(),
            cluster: None,
            left: signing::LeftToOthers::default(),
        });
        assert!(self.app.signing.set(signing.expect("a thread")).is_ok(), "it is set once");
    }

    /// A token of the administrator with these grants.
    pub fn new_token(&self, grants: Vec<Grant>) -> String {
        let token = NewToken::new("admin", "test", grants, None).expect("token");
        let (at_ms, who, why) = (server::clock::unix_ms(), "test".to_owned(), String::new());
        self.access.submit(&AccessEvent { at_ms, who, why, kind: token.kind }).expect("submitted");
        token.text.reveal().to_owned()
    }

    /// A request with any header fields.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = if body.is_empty() && matches!(method, "GET" | "DELETE") {
            self.agent.run(request.body(()).expect("request")).expect("response")
        } else {
            self.agent.run(request.body(body.to_owned()).expect("request")).expect("response")
        };
        let text = response.body_mut().read_to_string().expect("body");
        Reply { status: response.status().as_u16(), headers: response.headers().clone(), text }
    }

    /// A request by the administrator's token, under `/api/v1`, with more header fields.
    pub fn with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Reply {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
        all.extend(headers);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, &format!("/api/v1{path}"), &all, &body)
    }

    /// A request by the administrator's token, under `/api/v1`.
    pub fn call(&self, method: &str, path: &str, body: Value) -> Reply {
        self.with(method, path, &[], body)
    }

    /// A request by another token.
    pub fn by(&self, token: &str, method: &str, path: &str, body: Value) -> Reply {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, &format!("/api/v1{path}"), &headers, &body)
    }

    /// Stops the server, as the process would.
    pub fn stop(&mut self) {
        if let (Some(runtime), Some(server)) = (&self.runtime, self.server.take()) {
            runtime.block_on(server.stop());
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        self.policing.stop();
        if let Some(signing) = self.app.signing.get() {
            signing.stop();
        }
        if let Some(durable) = self.durable.take() {
            durable.stop();
        }
        let _ = std::fs::remove_dir_all(&self.data_dir);
    }
}

/// What is blocked, as `serve` has it. Lists cannot be fetched: no host is found.
fn start_policing(durable: &Durable, zones: &Arc<Published<ZoneTable>>, data_dir: &Path) -> Arc<Policing> {
    let settings = Published::new(server::settings::Settings::default());
    let lookup = Arc::new(|host: &str| Err(std::io::Error::other(format!("{host} is not looked up in tests"))));
    let parts = Parts { settings: &settings, zones, documents: &durable.settings, lookup, give_back: || {} };
    let policing = Policing::start(data_dir, parts).expect("threads");
    let told = Arc::downgrade(&policing);
    durable.settings.observe(move |_| told.upgrade().iter().for_each(|policing| policing.look()));
    policing
}
