//! The way back for answers that come later, from threads of the control plane.
#![allow(unsafe_code)] // sendmsg takes pointers; nothing else here is unsafe.

use std::io;
use std::mem::zeroed;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::CONTROL_LEN;
use crate::stats::Stats;

/// A worker's socket for those who answer in its place. Only the worker may change its counters, so what they did is
/// kept here until it counts it.
pub(super) struct Exit {
    socket: UdpSocket,
    uncounted: AtomicBool,
    octets: AtomicU64,
    send_errors: AtomicU64,
    /// Responses by RCODE, of which the header has four bits.
    rcodes: [AtomicU64; 16],
}

impl Exit {
    /// A way out through `socket`.
    ///
    /// # Errors
    /// No file descriptor is left.
    pub fn new(socket: &UdpSocket) -> io::Result<Arc<Exit>> {
        Ok(Arc::new(Exit {
            socket: socket.try_clone()?,
            uncounted: AtomicBool::new(false),
            octets: AtomicU64::new(0),
            send_errors: AtomicU64::new(0),
            rcodes: Default::default(),
        }))
    }

    /// Counts what left since the last time.
    pub fn count(&self, stats: &Stats) {
        if !self.uncounted.load(Ordering::Relaxed) {
            return;
        }
        self.uncounted.store(false, Ordering::Relaxed);
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        stats.response_bytes.add(take(&self.octets));
        stats.send_errors.add(take(&self.send_errors));
        for (rcode, count) in self.rcodes.iter().enumerate() {
            let count = take(count);
            stats.responses.add(count);
            stats.rcodes[rcode].add(count);
        }
    }
}

/// Where the answer to one packet goes, as the kernel wrote it.
pub(super) struct WayBack {
    pub exit: Arc<Exit>,
    pub address: libc::sockaddr_storage,
    pub address_len: libc::socklen_t,
    /// The PKTINFO of the response, if the socket is bound to all addresses.
    pub control: [u64; CONTROL_LEN / 8],
    pub control_len: usize,
}

impl WayBack {
    /// Sends a response. One that cannot be sent at once is passed over, as it would be lost on the way.
    pub fn send(mut self, message: &[u8]) {
        let mut vector = libc::iovec { iov_base: message.as_ptr().cast_mut().cast(), iov_len: message.len() };
        // SAFETY: a plain C struct, for which zero is a value.
        let mut header: libc::msghdr = unsafe { zeroed() };
        header.msg_name = (&raw mut self.address).cast();
        header.msg_namelen = self.address_len;
        header.msg_iov = &raw mut vector;
        header.msg_iovlen = 1;
        if self.control_len > 0 {
            header.msg_control = self.control.as_mut_ptr().cast();
            header.msg_controllen = self.control_len.min(CONTROL_LEN) as _;
        }
        let (exit, socket) = (&self.exit, self.exit.socket.as_raw_fd());
        // SAFETY: all that the header points to outlives the call, with lengths within it; nothing is written to.
        let sent = unsafe { libc::sendmsg(socket, &raw const header, libc::MSG_DONTWAIT) };
        if sent < 0 {
            exit.send_errors.fetch_add(1, Ordering::Relaxed);
        } else {
            let rcode = message.get(3).map_or(0, |octet| usize::from(octet & 0x0f));
            exit.octets.fetch_add(message.len() as u64, Ordering::Relaxed);
            exit.rcodes[rcode].fetch_add(1, Ordering::Relaxed);
        }
        exit.uncounted.store(true, Ordering::Relaxed);
    }
}
