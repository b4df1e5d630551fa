//! The API on its sockets: opened with the others, served on the runtime, changed on reload.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use journal::JournalError;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::runtime::Handle;
use zone::{Published, ZoneTable};

use crate::api::{self, App, DraftError};
use crate::auth::{self, AccessError, BootstrapError, Logins};
use crate::backend::NodeBackend;
use crate::config::{self, ADMIN_PASSWORD, Config};
use crate::durable::Durable;
use crate::lookups::Lookups;
use crate::node::NodeError;

/// What the sockets are called in messages.
pub const PROTOCOL: &str = "http";
/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// Ports after the default one that are tried when it is taken.
const LATER_PORTS: u16 = 100;

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The drafts cannot be read.
    #[error("{0}")]
    Drafts(#[from] DraftError),
    /// There is no administrator.
    #[error("first administrator: {0}")]
    Bootstrap(#[from] BootstrapError),
    /// A socket cannot be taken over.
    #[error("API: {0}")]
    Socket(#[from] std::io::Error),
}

/// The API of a node.
pub struct Web {
    app: Arc<App>,
    running: Option<api::Server>,
    sockets: Vec<Bound>,
}

/// The address that the configuration names, and the socket that serves it, which may have a later port.
type Bound = (SocketAddr, TcpListener);

/// Opens the sockets of `wanted` that are not among `open` yet. If nobody chose the port and it is taken, the next
/// port that is free on all addresses is used instead.
///
/// # Errors
/// The first that cannot be opened.
pub fn open(wanted: &config::Web, open: &[Bound]) -> Result<Vec<Bound>, NodeError> {
    let known = |address: &SocketAddr| open.iter().any(|(known, _)| known == address);
    let fresh: Vec<SocketAddr> = wanted.listen.iter().copied().filter(|address| !known(address)).collect();
    let may_move = wanted.any_port && open.is_empty();
    let mut result = bind_all(&fresh, 0);
    for offset in 1..=if may_move { LATER_PORTS } else { 0 } {
        match &result {
            Err(NodeError::Bind { error, .. }) if error.kind() == ErrorKind::AddrInUse => {
                result = bind_all(&fresh, offset);
            }
            _ => break,
        }
    }
    result
}

/// Binds a socket for each address, `offset` ports above the address's own.
fn bind_all(addresses: &[SocketAddr], offset: u16) -> Result<Vec<Bound>, NodeError> {
    let bind_one = |&wanted: &SocketAddr| {
        let address = SocketAddr::new(wanted.ip(), wanted.port().saturating_add(offset));
        let socket = bind(address).map_err(|error| NodeError::Bind { address, protocol: PROTOCOL, error })?;
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
        config: &Config,
    ) -> Result<Web, WebError> {
        if config.web.enabled {
            make_first_administrator(durable)?;
        }
        Ok(Web { app: app(durable, zones, lookups, config)?, running: None, sockets: Vec::new() })
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
        self.sockets.iter().filter_map(|(_, socket)| socket.local_addr().ok()).collect()
    }

    /// Serves on `fresh` too, and no longer on what is not `wanted`. If nothing changes nobody notices.
    ///
    /// # Errors
    /// A socket that the runtime does not take over.
    pub fn serve(&mut self, wanted: &config::Web, fresh: Vec<Bound>, runtime: &Handle) -> Result<(), WebError> {
        let before = self.sockets.len();
        self.sockets.retain(|(address, _)| wanted.listen.contains(address));
        if fresh.is_empty() && self.sockets.len() == before {
            return Ok(());
        }
        self.sockets.extend(fresh);
        if let Some(server) = self.running.take() {
            runtime.block_on(server.stop());
            self.app.stopping.send_replace(false);
        }
        let listeners = self.sockets.iter().map(|(_, socket)| socket.try_clone()).collect::<Result<_, _>>()?;
        let _inside = runtime.enter();
        self.running = Some(api::serve(listeners, self.app.clone())?);
        Ok(())
    }

    /// Lets requests under way finish, then closes everything.
    pub fn stop(self, runtime: &Handle) {
        if let Some(server) = self.running {
            runtime.block_on(server.stop());
        }
    }
}

/// What the handlers of the API share, over a node or over its data alone.
///
/// # Errors
/// Drafts that cannot be read.
pub fn app(
    durable: &Durable,
    zones: &Arc<Published<ZoneTable>>,
    lookups: Lookups,
    config: &Config,
) -> Result<Arc<App>, DraftError> {
    let backend = NodeBackend {
        zones: zones.clone(),
        keeper: durable.keeper.clone(),
        committer: durable.committer.clone(),
        history: durable.history.clone(),
        data_dir: config.data_dir.clone(),
    };
    let (access, logins) = (durable.access.clone(), Arc::new(Logins::new()));
    let app = App::new(Arc::new(backend), access, logins, config.server.name.clone(), &config.data_dir)?;
    Ok(Arc::new(App { lookups, ..app }))
}

/// The password is shown once, and not in the log.
fn make_first_administrator(durable: &Durable) -> Result<(), WebError> {
    let given = std::env::var(ADMIN_PASSWORD).ok().filter(|password| !password.is_empty());
    let admin = match auth::bootstrap(&durable.access, given) {
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
