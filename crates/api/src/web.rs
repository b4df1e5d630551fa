//! The API on its sockets: opened with the others, served on the runtime, changed on reload, with their certificates.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ::alerts::Alerting;
use access::{AccessError, BootstrapError, Logins};
use config::{ADMIN_PASSWORD, CertificateSource, Config};
use journal::JournalError;
use node::NodeHandle;
use node::durable::Durable;
use node::history::QueryHistory;
use node::lookups::Lookups;
use node::monitor::Monitor;
use server::certificate::IdentityError;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::runtime::Handle;
use zone::{Published, ZoneTable};

use crate::query_history::Queries;
use crate::tls::{OwnCertificate, Secure};
use crate::{App, DraftError, Listening, Server};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// Where the certificate that the server makes for itself is kept in the data directory.
const OWN_CERTIFICATE_DIR: &str = "web";
/// Ports after the default one that are tried when it is taken.
const LATER_PORTS: u16 = 100;

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// A socket cannot be opened.
    #[error("{address} (http): {error}{}", hint(.error))]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The drafts cannot be read.
    #[error("{0}")]
    Drafts(#[from] DraftError),
    /// There is no administrator.
    #[error("first administrator: {0}")]
    Bootstrap(#[from] BootstrapError),
    /// A socket cannot be taken over.
    #[error("API: {0}")]
    Socket(#[from] std::io::Error),
    /// There is no certificate to show.
    #[error("web.tls: {0}")]
    Certificate(#[from] IdentityError),
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => "; another port: `server.web_port` or `web.listen`",
        ErrorKind::AddrNotAvailable => "; another address: `web.bind_address` or `web.listen`",
        ErrorKind::PermissionDenied => "; ports below 1024 need the privilege CAP_NET_BIND_SERVICE",
        _ => "",
    }
}

/// The API of a node.
pub struct Web {
    app: Arc<App>,
    running: Option<Server>,
    sockets: Vec<Bound>,
    /// Whether the log has said that the API is served in the clear beyond this machine.
    warned: bool,
}

/// The address that the configuration names, and the socket that serves it, which may have a later port.
type Opened = (SocketAddr, TcpListener);

/// An open socket with what is spoken there.
pub struct Bound {
    /// The address that the configuration names.
    wanted: SocketAddr,
    /// The socket, which may have a later port.
    socket: TcpListener,
    /// Its TLS; `None`: HTTP in the clear.
    secure: Option<Arc<Secure>>,
}

/// What [`Web::serve`] changes: nothing of it can fail for a reason that the configuration has.
pub struct Prepared {
    sockets: Vec<Bound>,
    /// Whether sockets come, go, or speak something else.
    differ: bool,
    /// Certificates of sockets that stay.
    certificates: Vec<(Arc<Secure>, CertificateSource)>,
    own: OwnCertificate,
    /// Origins, networks and bounds.
    web: config::Web,
    /// Policies that zones may be signed by.
    dnssec: config::Dnssec,
}

/// Opens the sockets of `wanted` that are not among `open` yet, or takes them of `given`, which somebody else opened for
/// this process. If nobody chose the port and it is taken, the next port that is free on all addresses is used instead.
///
/// # Errors
/// The first that cannot be opened.
pub fn open(wanted: &config::Web, open: &[Bound], given: Vec<TcpListener>) -> Result<Vec<Opened>, WebError> {
    let known = |address: &SocketAddr| open.iter().any(|bound| bound.wanted == *address);
    let fresh: Vec<SocketAddr> =
        wanted.listen.iter().map(|socket| socket.address).filter(|address| !known(address)).collect();
    let (taken, fresh) = take_given(given, fresh);
    let may_move = wanted.any_port && open.is_empty();
    let mut result = bind_all(&fresh, 0);
    for offset in 1..=if may_move { LATER_PORTS } else { 0 } {
        match &result {
            Err(WebError::Bind { error, .. }) if error.kind() == ErrorKind::AddrInUse => {
                result = bind_all(&fresh, offset);
            }
            _ => break,
        }
    }
    result.map(|bound| taken.into_iter().chain(bound).collect())
}

/// The sockets of `given` for addresses of `wanted`, and the addresses that are left.
fn take_given(given: Vec<TcpListener>, mut wanted: Vec<SocketAddr>) -> (Vec<Opened>, Vec<SocketAddr>) {
    let mut taken = Vec::new();
    for socket in given {
        let Ok(address) = socket.local_addr() else { continue };
        match wanted.iter().position(|known| *known == address) {
            Some(index) => taken.push((wanted.remove(index), socket)),
            None => tracing::warn!(%address, "a socket was given that is none of the web interface's: not used"),
        }
    }
    (taken, wanted)
}

/// Binds a socket for each address, `offset` ports above the address's own.
fn bind_all(addresses: &[SocketAddr], offset: u16) -> Result<Vec<Opened>, WebError> {
    let bind_one = |&wanted: &SocketAddr| {
        let address = SocketAddr::new(wanted.ip(), wanted.port().saturating_add(offset));
        let socket = bind(address).map_err(|error| WebError::Bind { address, error })?;
        Ok((wanted, socket))
    };
    addresses.iter().map(bind_one).collect()
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the last connections of the process before.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from(socket))
}

impl Web {
    /// The API of a node, not served yet. At the first start it makes the first administrator.
    ///
    /// # Errors
    /// Drafts that cannot be read, no administrator.
    pub fn new(
        durable: &Durable,
        zones: &Arc<Published<ZoneTable>>,
        lookups: Lookups,
        (monitor, alerting): (Monitor, Alerting),
        queries: QueryHistory,
        config: &Config,
    ) -> Result<Web, WebError> {
        if config.web.enabled {
            make_first_administrator(durable)?;
        }
        let shared = app(durable, zones, lookups, queries, config)?;
        let app = App { monitor: Some(monitor), alerting: Some(alerting), ..shared };
        Ok(Web { app: Arc::new(app), running: None, sockets: Vec::new(), warned: false })
    }

    /// What its handlers share.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// The sockets that it is served on.
    pub fn sockets(&self) -> &[Bound] {
        &self.sockets
    }

    /// The addresses that it is served on.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().filter_map(|bound| bound.socket.local_addr().ok()).collect()
    }

    /// Those of them that speak HTTPS, with their certificates.
    pub fn secure_sockets(&self) -> Vec<(SocketAddr, Arc<Secure>)> {
        let secure = |bound: &Bound| Some((bound.socket.local_addr().ok()?, bound.secure.clone()?));
        self.sockets.iter().filter_map(secure).collect()
    }

    /// What it takes to serve as `config` says, with the sockets `fresh` for the addresses that are new. Nothing
    /// changes yet.
    ///
    /// # Errors
    /// A certificate that cannot be made.
    pub fn prepare(&self, config: &Config, fresh: Vec<Opened>) -> Result<Prepared, WebError> {
        let own = own_certificate(config);
        let (mut sockets, mut certificates, mut kept) = (Vec::new(), Vec::new(), 0);
        let mut fresh = fresh;
        for wanted in &config.web.listen {
            let known = self.sockets.iter().find(|bound| bound.wanted == wanted.address);
            let secure = match (known.and_then(|bound| bound.secure.clone()), &wanted.certificate) {
                (_, None) => None,
                (Some(secure), Some(source)) => {
                    certificates.push((secure.clone(), source.clone()));
                    Some(secure)
                }
                (None, Some(source)) => Some(Arc::new(Secure::new(source, &own)?)),
            };
            let socket = match known {
                Some(bound) => {
                    kept += usize::from(bound.secure.is_some() == secure.is_some());
                    bound.socket.try_clone()?
                }
                None => match fresh.iter().position(|(address, _)| *address == wanted.address) {
                    Some(index) => fresh.swap_remove(index).1,
                    None => continue,
                },
            };
            sockets.push(Bound { wanted: wanted.address, socket, secure });
        }
        let differ = kept != sockets.len() || kept != self.sockets.len();
        Ok(Prepared { sockets, differ, certificates, own, web: config.web.clone(), dnssec: config.dnssec.clone() })
    }

    /// Serves on what is prepared and nowhere else. If nothing changes nobody notices.
    ///
    /// # Errors
    /// A socket that the runtime does not take over.
    pub fn serve(&mut self, prepared: Prepared, runtime: &Handle) -> Result<(), WebError> {
        self.app.origins.set(&prepared.web.cors);
        self.app.admission.set(&prepared.web);
        self.app.policy_names.set(&prepared.dnssec);
        self.app.queries.default_rows.store(prepared.web.history_limit, Ordering::Relaxed);
        for (secure, source) in &prepared.certificates {
            if let Err(error) = secure.change(source, &prepared.own) {
                tracing::error!("the certificate of the web interface stays the one before: {error}");
            }
        }
        if !prepared.differ {
            return Ok(());
        }
        self.sockets = prepared.sockets;
        self.warn_in_the_clear();
        if let Some(server) = self.running.take() {
            runtime.block_on(server.stop());
            self.app.stopping.send_replace(false);
        }
        let listening = |bound: &Bound| {
            Ok::<_, io::Error>(Listening { socket: bound.socket.try_clone()?, secure: bound.secure.clone() })
        };
        let listeners = self.sockets.iter().map(listening).collect::<Result<_, _>>()?;
        let _inside = runtime.enter();
        self.running = Some(crate::serve(listeners, self.app.clone())?);
        Ok(())
    }

    /// Says once that passwords and tokens can be read on the way.
    fn warn_in_the_clear(&mut self) {
        let is_open = |bound: &&Bound| bound.secure.is_none() && !bound.wanted.ip().is_loopback();
        if let Some(bound) = self.sockets.iter().find(is_open).filter(|_| !self.warned) {
            self.warned = true;
            tracing::warn!(
                address = %bound.wanted,
                "the API is served beyond this machine without TLS: passwords and tokens can be read on the way; \
                 `web.tls` has a certificate, `web.tls.self_signed: true` makes one"
            );
        }
    }

    /// Lets requests under way finish, then closes everything.
    pub fn stop(self, runtime: &Handle) {
        if let Some(server) = self.running {
            runtime.block_on(server.stop());
        }
    }
}

/// Where the certificate is that the server makes for itself, and the names that this machine and its sockets have.
fn own_certificate(config: &Config) -> OwnCertificate {
    let mut names = vec!["localhost".to_owned()];
    let server = config.server.name.to_string();
    let server = server.trim_end_matches('.').to_ascii_lowercase();
    if !server.is_empty() {
        names.insert(0, server);
    }
    let here = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    let served = config.web.listen.iter().map(|socket| socket.address.ip()).filter(|ip| !ip.is_unspecified());
    for name in here.into_iter().chain(served).map(|ip| ip.to_string()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    OwnCertificate { directory: config.data_dir.join(OWN_CERTIFICATE_DIR), names }
}

/// What the handlers of the API share, over a node or over its data alone.
///
/// # Errors
/// Drafts that cannot be read.
pub fn app(
    durable: &Durable,
    zones: &Arc<Published<ZoneTable>>,
    lookups: Lookups,
    queries: QueryHistory,
    config: &Config,
) -> Result<App, DraftError> {
    let node = NodeHandle::new(durable, zones, config.data_dir.clone(), config.journal.file.clone());
    let (access, logins) = (durable.access.clone(), Arc::new(Logins::new()));
    let app = App::new(node, access, logins, config.server.name.clone(), &config.data_dir)?;
    app.policy_names.set(&config.dnssec);
    Ok(App { lookups, queries: Queries::new(queries), ..app })
}

/// The password is shown once, and not in the log.
fn make_first_administrator(durable: &Durable) -> Result<(), WebError> {
    let given = std::env::var(ADMIN_PASSWORD).ok().filter(|password| !password.is_empty());
    let admin = match access::bootstrap(&durable.access, given) {
        // Zones are served all the same.
        Err(BootstrapError::Access(AccessError::Journal(JournalError::Unwritable(why)))) => {
            tracing::error!("no first administrator: {why}");
            return Ok(());
        }
        made => made?,
    };
    let Some(admin) = admin else { return Ok(()) };
    if let Some(password) = admin.password {
        println!("first administrator: user {}, password {}", admin.user, password.reveal());
    }
    Ok(())
}
