//! The thread that judges what was taken without being judged, and looks when signatures end.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use dns::{Name, NameBuf};
use server::clock::unix_seconds;
use signer::gate;
use zone::{DnssecValidation, Published, ZoneTable};

use super::{Presigned, serial_of, threads};
use crate::catalogue::{Catalogue, ZoneRef};
use crate::commit::Committer;
use crate::read_only::MaintainedIn;

/// Something that others did is looked for at least this often.
const TICK: Duration = Duration::from_secs(60);

/// What the thread needs.
pub struct Parts {
    /// The zones as they are served.
    pub zones: Arc<Published<ZoneTable>>,
    /// How they shall be served.
    pub catalogue: Arc<Catalogue>,
    /// Has zones published anew.
    pub committer: Committer,
    /// What is known of zones that are validated.
    pub presigned: Arc<Presigned>,
    /// Has a zone from a file served no longer, if it still has this serial.
    pub withdraw: fn(&ZoneRef, Option<u32>, &Published<ZoneTable>),
}

/// The thread.
pub struct Watch {
    wake: SyncSender<Wake>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Why the thread looks.
enum Wake {
    /// Something changed.
    Look,
    Stop,
}

impl Watch {
    /// Starts it.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn start(parts: Parts) -> std::io::Result<Arc<Watch>> {
        let (wake, wakes) = sync_channel(1);
        let run = move || {
            server::priority::patient();
            run(&parts, &wakes);
        };
        let thread = std::thread::Builder::new().name("presigned".into()).spawn(run)?;
        Ok(Arc::new(Watch { wake, thread: Mutex::new(Some(thread)) }))
    }

    /// Has every zone looked at soon.
    pub fn look(&self) {
        // A wake that waits does for this one, too.
        if let Err(TrySendError::Disconnected(_)) = self.wake.try_send(Wake::Look) {
            tracing::debug!("validation of zones has stopped");
        }
    }

    /// Ends the thread.
    pub fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = self.wake.send(Wake::Stop);
            if thread.join().is_err() {
                tracing::error!("the thread that validates zones panicked; this is a bug of the server");
            }
        }
    }
}

fn run(parts: &Parts, wakes: &Receiver<Wake>) {
    loop {
        let now_s = unix_seconds();
        let next_s = look(parts, now_s);
        let left = next_s.map_or(TICK, |next_s| Duration::from_secs(next_s.saturating_sub(now_s).max(1)).min(TICK));
        match wakes.recv_timeout(left) {
            Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(Wake::Look) | Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Looks at every zone that is validated; returns when the first one loses a signature that makes it go.
fn look(parts: &Parts, now_s: u64) -> Option<u64> {
    let entries = parts.catalogue.validated_zones();
    let names: BTreeSet<NameBuf> = entries.iter().map(|entry| entry.name().clone()).collect();
    let again = parts.presigned.keep(&names);
    if !again.is_empty() {
        parts.committer.touch(again);
    }
    entries.iter().filter_map(|entry| look_at(parts, entry, now_s)).min()
}

fn look_at(parts: &Parts, entry: &ZoneRef, now_s: u64) -> Option<u64> {
    let zone: &Name = entry.name();
    // What is not served is not looked at: it has to come anew.
    let contents = parts.zones.latest().get(zone)?.contents.clone()?;
    let serial = serial_of(&contents);
    let known = parts.presigned.zone(zone).filter(|known| known.is_of(serial));
    let until = match known {
        Some(known) => known.until,
        None => {
            let judged = gate::judge(&contents, None, now_s, threads());
            parts.presigned.taken(&contents, &judged);
            judged.until
        }
    };
    if entry.validation() != DnssecValidation::Expire {
        return None;
    }
    let end_s = until?.end_s;
    if end_s > now_s {
        return Some(end_s);
    }
    // The time is that of the version that was judged, and other signatures may count by now.
    let end_s = gate::needed_until(&contents, now_s).map_or(end_s, |until| until.end_s);
    if end_s > now_s {
        return Some(end_s);
    }
    tracing::error!(%zone, "expired: a signature that resolvers need has ended; the zone answers SERVFAIL");
    parts.presigned.end(zone, serial);
    match entry.maintained_in() {
        MaintainedIn::File => (parts.withdraw)(entry, serial, &parts.zones),
        _ => parts.committer.touch(vec![zone.to_owned()]),
    }
    None
}
