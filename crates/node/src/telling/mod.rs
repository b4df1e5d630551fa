//! Outsiders who are told of changes of zones: a topic of Kafka, webhooks. Each has a thread ([`follower`]) that goes along the
//! history; nobody waits for it.

mod follower;
mod form;
mod listener;
mod status;

use std::io;
use std::path::Path;
use std::sync::Arc;

use config::{ChangeEvents, ChangeWebhook, Config};
use telemetry::health::Finding;
use telemetry::metrics::Snapshot;

use crate::brokers::brokers;
use crate::crew::{Crew, Member};
use crate::handle::NodeHandle;
use crate::persist::Stop;
use follower::Follower;
use listener::{Listener, Topic, Web};
use status::{State, Status};

/// The directory in the data directory with how far each has been told.
const DIRECTORY: &str = "telling";

/// Those who are told.
#[derive(Default)]
pub struct Telling {
    crew: Crew<Wanted, Status>,
}

/// Who is told, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Topic(ChangeEvents),
    Web(ChangeWebhook),
}

impl Wanted {
    /// Its name, in metrics and of its file.
    fn name(&self) -> String {
        match self {
            Wanted::Topic(events) => format!("topic.{}", events.topic),
            Wanted::Web(webhook) => format!("webhook.{}", webhook.name),
        }
    }
}

/// Begins to tell one of changes.
fn start(
    wanted: &Wanted,
    config: &Config,
    handle: &NodeHandle,
    directory: &Path,
) -> io::Result<Member<Wanted, Status>> {
    let status = Arc::new(Status::default());
    let (stopper, stop) = Stop::pair();
    let (listener, zones): (Box<dyn Listener>, _) = match wanted {
        Wanted::Topic(events) => {
            let brokers = brokers(events.brokers.as_deref(), config).map_err(io::Error::other)?;
            (Box::new(Topic::new(brokers, &events.topic)), events.zones.clone())
        }
        Wanted::Web(webhook) => (Box::new(Web::new(webhook.target.clone())), webhook.zones.clone()),
    };
    let name = wanted.name();
    let file = directory.join(format!("{name}.json"));
    let follower = Follower { name, listener, zones, handle: handle.clone(), status: status.clone(), stop, file };
    Member::start((wanted.clone(), status), stopper, "telling", move || {
        server::priority::background();
        follower.run();
    })
}

impl Telling {
    /// Tells those of a configuration; who was told before goes on.
    ///
    /// # Errors
    /// A thread that cannot be started, a directory that cannot be made.
    pub fn configure(&self, config: &Config, handle: &NodeHandle) -> io::Result<()> {
        let topic = config.change_events.iter().cloned().map(Wanted::Topic);
        let wanted: Vec<Wanted> = topic.chain(config.webhooks.iter().cloned().map(Wanted::Web)).collect();
        let directory = config.data_dir.join(DIRECTORY);
        self.crew.configure(&wanted, &directory, |wanted| start(wanted, config, handle, &directory))
    }

    /// Ends it.
    pub fn stop(&self) {
        self.crew.stop();
    }

    fn states(&self) -> Vec<(String, State)> {
        self.crew.each(|wanted, status| (wanted.name(), status.state().clone()))
    }

    /// Adds its metrics.
    pub fn add_metrics(&self, snapshot: &mut Snapshot) {
        self.states().iter().for_each(|(name, state)| status::add_metrics(snapshot, name, state));
    }

    /// Whether all are told; `None`: there is nobody.
    pub fn health(&self) -> Option<Finding> {
        let states = self.states();
        (!states.is_empty()).then(|| status::health(&states))
    }
}
