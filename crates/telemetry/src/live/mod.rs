//! The live view: what goes through the server now, for many who look at once.

mod group;
mod hub;
mod queue;
mod reservoir;
mod row;
mod sketch;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tops;

use std::sync::Arc;

use crate::collector::{Collector, Delivery, Subscription};
use server::record::Wanted;

pub use hub::{
    FRAME_INTERVAL, Hub, HubCounts, JoinError, MAX_FILTERS, MAX_RATE, MAX_VIEWERS, MAX_VIEWERS_PER_USER, ShowError,
    Viewer,
};
pub use queue::{End, Next};
pub use tops::{MAX_MINUTES, Top, Tops};

/// Bytes of answers that wait for the live view at the most.
const MAX_WAITING_BYTES: usize = 16 << 20;

/// Has the hub read what is answered, on a thread of its own, until the subscription is dropped. Answers are recorded
/// for it only while somebody looks; what is recorded for others it counts all the same.
///
/// # Errors
/// A thread that cannot be started.
pub fn read(hub: &Arc<Hub>, collector: &Collector) -> std::io::Result<Subscription> {
    let reading = hub.clone();
    let subscription =
        collector.subscribe("live", Wanted::default(), MAX_WAITING_BYTES, move |delivery| match delivery {
            Delivery::Rows(rows) => reading.read(rows),
            Delivery::Idle | Delivery::End => reading.send_rows(),
        })?;
    hub.set_wanting(subscription.wanting());
    Ok(subscription)
}
