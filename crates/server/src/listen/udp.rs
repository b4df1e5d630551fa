//! UDP: one plain thread and one socket for each worker, a batch of packets per system call.
//!
//! The kernel shares packets out among the sockets of one address (SO_REUSEPORT). Responses leave from
//! the address that was asked: by itself where the socket is bound to one address, by PKTINFO where it
//! is bound to all of them.
//! So do the control plane's answers, which other threads send (`udp/back.rs`).
#![allow(unsafe_code)] // recvmmsg and sendmmsg take arrays of pointers; nothing else here is unsafe.

pub(crate) mod back;

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::clock::unix_seconds;
use crate::handover::Outgoing;
use crate::limits::{MAX_UDP_SIZE, UDP_BATCH, UDP_SOCKET_BUFFER};
use crate::query::{Packet, Transport, Worker};
use crate::recursion::Way;
use back::{Exit, WayBack};

/// How long a worker sleeps at most before it looks whether it shall stop.
const WAKE_INTERVAL: Duration = Duration::from_millis(200);
/// Room for one PKTINFO of either family, aligned as the kernel wants it.
const CONTROL_LEN: usize = 64;

/// A socket that shares `address` with those of the other workers.
///
/// # Errors
/// What the system says, for example that the port is taken.
pub fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Larger buffers are a wish; the system's limit is what there is.
    let _ = socket.set_recv_buffer_size(UDP_SOCKET_BUFFER);
    let _ = socket.set_send_buffer_size(UDP_SOCKET_BUFFER);
    socket.set_read_timeout(Some(WAKE_INTERVAL))?;
    if address.ip().is_unspecified() {
        want_packet_info(&socket, address.is_ipv6())?;
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn want_packet_info(socket: &Socket, v6: bool) -> io::Result<()> {
    let on: libc::c_int = 1;
    let (level, option) =
        if v6 { (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO) } else { (libc::IPPROTO_IP, libc::IP_PKTINFO) };
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the option's value is a c_int that outlives the call.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const on).cast(), len) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Answers what comes in on `socket` until `stop` is set; then what is queued is still answered.
pub fn run(socket: &UdpSocket, mut worker: Worker, stop: &AtomicBool) {
    crate::priority::prompt();
    let wildcard = socket.local_addr().is_ok_and(|address| address.ip().is_unspecified());
    let mut batch = Batch::new(wildcard);
    let exit = Exit::new(socket).map_err(|error| {
        tracing::error!(%error, "no updates, notifications and recursion over UDP");
        worker.alone();
    });
    loop {
        let stopping = stop.load(Ordering::Relaxed);
        match batch.receive(socket, stopping) {
            Ok(count) => {
                batch.answer(count, &mut worker);
                worker.stats().send_errors.add(batch.send(socket));
                if let Ok(exit) = &exit {
                    batch.hand_over(&mut worker, exit);
                    batch.resolve(&mut worker, exit);
                }
            }
            Err(_) if stopping => {
                if let Ok(exit) = &exit {
                    exit.count(worker.stats());
                }
                return;
            }
            // Timed out, interrupted, or an ICMP error of an earlier response: nothing was lost.
            Err(_) => worker.refresh(),
        }
        if let Ok(exit) = &exit {
            exit.count(worker.stats());
        }
    }
}

/// One packet's memory. The kernel writes to it through the pointers in [`Batch`].
#[repr(C, align(64))]
struct PacketMemory {
    data: [u8; MAX_UDP_SIZE as usize],
    control: [u64; CONTROL_LEN / 8],
    address: libc::sockaddr_storage,
}

/// The arrays that recvmmsg and sendmmsg work on. Everything they point to is boxed, so moving the
/// batch does not move it.
struct Batch {
    memory: Box<[PacketMemory; UDP_BATCH]>,
    vectors: Box<[libc::iovec; UDP_BATCH]>,
    headers: Box<[libc::mmsghdr; UDP_BATCH]>,
    replies: Box<[libc::mmsghdr; UDP_BATCH]>,
    replies_len: usize,
    /// The first so many headers are not as the kernel needs them to receive.
    used: usize,
    wildcard: bool,
}

impl Batch {
    fn new(wildcard: bool) -> Batch {
        // SAFETY: all of these are plain C structs and integers, for which zero is a value.
        let (memory, vectors, headers, replies) =
            unsafe { (Box::new_zeroed().assume_init(), Box::new(zeroed()), Box::new(zeroed()), Box::new(zeroed())) };
        Batch { memory, vectors, headers, replies, replies_len: 0, used: UDP_BATCH, wildcard }
    }

    /// Waits for at least one packet; with `queued_only` takes what is there.
    fn receive(&mut self, socket: &UdpSocket, queued_only: bool) -> io::Result<usize> {
        for i in 0..self.used {
            let memory = &mut self.memory[i];
            self.vectors[i] = libc::iovec { iov_base: memory.data.as_mut_ptr().cast(), iov_len: memory.data.len() };
            let header = &mut self.headers[i].msg_hdr;
            header.msg_name = (&raw mut memory.address).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = &raw mut self.vectors[i];
            header.msg_iovlen = 1;
            if self.wildcard {
                header.msg_control = memory.control.as_mut_ptr().cast();
                header.msg_controllen = CONTROL_LEN as _;
            }
        }
        let flags = if queued_only { libc::MSG_DONTWAIT } else { libc::MSG_WAITFORONE };
        let headers = self.headers.as_mut_ptr();
        // SAFETY: UDP_BATCH headers whose pointers were just set to memory that this batch owns.
        let count =
            unsafe { libc::recvmmsg(socket.as_raw_fd(), headers, UDP_BATCH as u32, flags as _, std::ptr::null_mut()) };
        self.used = usize::try_from(count).unwrap_or(0);
        if count < 0 { Err(io::Error::last_os_error()) } else { Ok(self.used) }
    }

    /// Answers the first `count` packets and lines up the responses.
    fn answer(&mut self, count: usize, worker: &mut Worker) {
        let now = unix_seconds();
        let mut lengths = [0; UDP_BATCH];
        {
            let headers = &self.headers;
            let mut packets: [Packet<'_>; UDP_BATCH] = std::array::from_fn(|_| Packet::default());
            for (i, (packet, memory)) in packets[..count].iter_mut().zip(self.memory.iter_mut()).enumerate() {
                packet.len = (headers[i].msg_len as usize).min(memory.data.len());
                packet.client = address_of(&memory.address).ip();
                packet.buf = &mut memory.data;
            }
            worker.answer_batch(&mut packets[..count], Transport::Udp, now);
            packets[..count].iter().zip(&mut lengths).for_each(|(packet, len)| *len = packet.len);
        }
        self.replies_len = 0;
        for (i, &len) in lengths[..count].iter().enumerate().filter(|&(_, &len)| len > 0) {
            self.vectors[i].iov_len = len;
            if self.wildcard {
                reply_from(&mut self.headers[i].msg_hdr, &mut self.memory[i].control);
            }
            self.replies[self.replies_len] = self.headers[i];
            self.replies_len += 1;
        }
    }

    /// Passes on what the control plane shall answer, with the way back.
    fn hand_over(&mut self, worker: &mut Worker, exit: &Arc<Exit>) {
        for handover in worker.handed_over() {
            let way = self.way_back(handover.index, exit);
            let client = address_of(&self.memory[handover.index].address);
            worker.hand_over(handover, client, Transport::Udp, move |answer| {
                if let Outgoing::Message(message) = answer {
                    way.send(&message);
                }
            });
        }
    }

    /// Passes on what a resolver thread shall answer.
    fn resolve(&mut self, worker: &mut Worker, exit: &Arc<Exit>) {
        if worker.resolving().is_empty() {
            return;
        }
        for resolving in worker.resolving() {
            if let Some(index) = resolving.index {
                resolving.client.way = Way::Datagram(self.way_back(index, exit));
            }
        }
        worker.hand_to_resolver();
    }

    /// Where the answer to a packet of the last batch goes.
    fn way_back(&mut self, index: usize, exit: &Arc<Exit>) -> WayBack {
        let (header, memory) = (&mut self.headers[index].msg_hdr, &mut self.memory[index]);
        if self.wildcard {
            reply_from(header, &mut memory.control);
        }
        #[allow(clippy::unnecessary_cast)] // It has another type with musl.
        let control_len = if self.wildcard { header.msg_controllen as usize } else { 0 };
        WayBack {
            exit: exit.clone(),
            address: memory.address,
            address_len: header.msg_namelen,
            control: memory.control,
            control_len,
        }
    }

    /// Sends the responses. One that cannot be sent is passed over, as it would be lost on the way.
    ///
    /// Returns how many could not be sent.
    fn send(&mut self, socket: &UdpSocket) -> u64 {
        let (mut at, mut failed) = (0, 0);
        while at < self.replies_len {
            let replies = &mut self.replies[at..self.replies_len];
            // SAFETY: the headers point to memory that this batch owns, with lengths within it.
            let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), replies.as_mut_ptr(), replies.len() as u32, 0) };
            match usize::try_from(sent) {
                Ok(sent) => at += sent.max(1),
                Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    at += 1;
                    failed += 1;
                }
            }
        }
        failed
    }
}

/// The address in a socket address that the kernel wrote.
pub(crate) fn address_of(address: &libc::sockaddr_storage) -> SocketAddr {
    match i32::from(address.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that this is a sockaddr_in, which the storage has room for.
            let v4 = unsafe { *(&raw const *address).cast::<libc::sockaddr_in>() };
            (Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes()), u16::from_be(v4.sin_port)).into()
        }
        _ => {
            // SAFETY: the storage has room for a sockaddr_in6, and any octets make one.
            let v6 = unsafe { *(&raw const *address).cast::<libc::sockaddr_in6>() };
            let (ip, port) = (Ipv6Addr::from(v6.sin6_addr.s6_addr), u16::from_be(v6.sin6_port));
            SocketAddrV6::new(ip, port, 0, v6.sin6_scope_id).into()
        }
    }
}

/// Turns the PKTINFO of a query into that of its response: the same local address, the interface left
/// to routing unless the address has a meaning on one link only.
fn reply_from(header: &mut libc::msghdr, control: &mut [u64; CONTROL_LEN / 8]) {
    // SAFETY: `control` is what msg_control points to; the kernel wrote msg_controllen octets of
    // well-formed control messages into it, and the macros stay within that length.
    unsafe {
        let first = libc::CMSG_FIRSTHDR(header);
        if first.is_null() {
            header.msg_control = std::ptr::null_mut();
            header.msg_controllen = 0;
            return;
        }
        let data = libc::CMSG_DATA(first);
        if (*first).cmsg_level == libc::IPPROTO_IP {
            (*data.cast::<libc::in_pktinfo>()).ipi_ifindex = 0;
        } else {
            let info = data.cast::<libc::in6_pktinfo>();
            let link_local = (*info).ipi6_addr.s6_addr[0] == 0xfe && (*info).ipi6_addr.s6_addr[1] & 0xc0 == 0x80;
            if !link_local {
                (*info).ipi6_ifindex = 0;
            }
        }
        header.msg_control = control.as_mut_ptr().cast();
    }
}
