//! The way back for answers that come later, from threads of the control plane and from resolver threads.
#![allow(unsafe_code)] // sendmsg and sendmmsg take pointers; nothing else here is unsafe.

use std::io;
use std::mem::zeroed;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::CONTROL_LEN;
use crate::limits::{MAX_UDP_SIZE, UDP_BATCH};
use crate::stats::Stats;

/// A worker's socket for those who answer in its place. Only the worker may change its counters, so what they did is
/// kept here until it counts it.
pub(crate) struct Exit {
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
pub(crate) struct WayBack {
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
        // Counted first: whoever has the response finds it counted.
        let rcode = message.get(3).map_or(0, |octet| usize::from(octet & 0x0f));
        exit.octets.fetch_add(message.len() as u64, Ordering::Relaxed);
        exit.rcodes[rcode].fetch_add(1, Ordering::Relaxed);
        exit.uncounted.store(true, Ordering::Relaxed);
        // SAFETY: all that the header points to outlives the call, with lengths within it; nothing is written to.
        let sent = unsafe { libc::sendmsg(socket, &raw const header, libc::MSG_DONTWAIT) };
        if sent < 0 {
            exit.send_errors.fetch_add(1, Ordering::Relaxed);
            exit.uncounted.store(true, Ordering::Relaxed);
        }
    }
}

/// Responses that leave together: what a resolver thread has answered in one turn.
pub(crate) struct Outbox {
    responses: Vec<(WayBack, usize)>,
    data: Box<[[u8; MAX_UDP_SIZE as usize]; UDP_BATCH]>,
    vectors: Box<[libc::iovec; UDP_BATCH]>,
    headers: Box<[libc::mmsghdr; UDP_BATCH]>,
    failed: u64,
}

impl Outbox {
    pub fn new() -> Outbox {
        // SAFETY: all of these are plain C structs and integers, for which zero is a value.
        let (data, vectors, headers) =
            unsafe { (Box::new_zeroed().assume_init(), Box::new(zeroed()), Box::new(zeroed())) };
        Outbox { responses: Vec::with_capacity(UDP_BATCH), data, vectors, headers, failed: 0 }
    }

    /// Memory for the next response.
    pub fn room(&mut self) -> &mut [u8] {
        if self.responses.len() >= UDP_BATCH {
            self.flush();
        }
        &mut self.data[self.responses.len()]
    }

    /// Has the response of `len` octets that was made in [`Outbox::room`] sent with the next flush.
    pub fn push(&mut self, way: WayBack, len: usize) {
        if self.responses.len() < UDP_BATCH {
            self.responses.push((way, len.min(usize::from(MAX_UDP_SIZE))));
        }
    }

    /// Sends what is there, all that leaves through one socket together.
    pub fn flush(&mut self) {
        let mut order = [(std::ptr::null(), 0); UDP_BATCH];
        for (i, (place, (way, _))) in order.iter_mut().zip(&self.responses).enumerate() {
            *place = (Arc::as_ptr(&way.exit), i);
        }
        let order = &mut order[..self.responses.len()];
        order.sort_unstable();
        order.chunk_by(|a, b| a.0 == b.0).for_each(|group| self.send(group));
        self.responses.clear();
    }

    /// How many could not be sent since this was last asked.
    pub fn take_failed(&mut self) -> u64 {
        std::mem::take(&mut self.failed)
    }

    /// Sends responses that leave through one socket. One that cannot be sent at once is passed over.
    fn send(&mut self, group: &[(*const Exit, usize)]) {
        for (slot, &(_, i)) in group.iter().enumerate() {
            let (way, len) = &mut self.responses[i];
            self.vectors[slot] = libc::iovec { iov_base: self.data[i].as_mut_ptr().cast(), iov_len: *len };
            let header = &mut self.headers[slot].msg_hdr;
            header.msg_name = (&raw mut way.address).cast();
            header.msg_namelen = way.address_len;
            header.msg_iov = &raw mut self.vectors[slot];
            header.msg_iovlen = 1;
            (header.msg_control, header.msg_controllen) = (std::ptr::null_mut(), 0);
            if way.control_len > 0 {
                header.msg_control = way.control.as_mut_ptr().cast();
                header.msg_controllen = way.control_len.min(CONTROL_LEN) as _;
            }
        }
        let Some(&(_, first)) = group.first() else { return };
        let (socket, count, mut at) = (self.responses[first].0.exit.socket.as_raw_fd(), group.len(), 0);
        while at < count {
            let headers = &mut self.headers[at..count];
            let (pointer, len) = (headers.as_mut_ptr(), headers.len() as u32);
            // SAFETY: the headers point to memory that is owned here, with lengths within it.
            let sent = unsafe { libc::sendmmsg(socket, pointer, len, libc::MSG_DONTWAIT as _) };
            match usize::try_from(sent) {
                Ok(sent) => at += sent.max(1),
                Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    at += 1;
                    self.failed += 1;
                }
            }
        }
    }
}
