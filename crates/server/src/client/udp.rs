//! Datagrams to and from other servers, many with one system call. [`super::pool`] says on which socket.
#![allow(unsafe_code)] // recvmmsg and sendmmsg take arrays of pointers; nothing else here is unsafe.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use socket2::SockAddr;

use crate::limits::{UPSTREAM_BATCH, UPSTREAM_DATAGRAM};
use crate::listen::udp::address_of;

/// Memory for one datagram. The kernel writes to it.
#[repr(C, align(64))]
struct Memory {
    data: [u8; UPSTREAM_DATAGRAM],
    address: libc::sockaddr_storage,
}

/// The arrays that recvmmsg and sendmmsg work on, all of them boxed. Their pointers are set before each call.
pub(crate) struct Datagrams {
    memory: Box<[Memory; UPSTREAM_BATCH]>,
    vectors: Box<[libc::iovec; UPSTREAM_BATCH]>,
    headers: Box<[libc::mmsghdr; UPSTREAM_BATCH]>,
    addresses: Vec<SockAddr>,
    /// How many were received with the last call.
    received: usize,
}

impl Datagrams {
    pub fn new() -> Datagrams {
        // SAFETY: all of these are plain C structs and integers, for which zero is a value.
        let (memory, vectors, headers) =
            unsafe { (Box::new_zeroed().assume_init(), Box::new(zeroed()), Box::new(zeroed())) };
        Datagrams { memory, vectors, headers, addresses: Vec::with_capacity(UPSTREAM_BATCH), received: 0 }
    }

    /// Takes what has come in on `socket`; returns how many datagrams that are, up to [`UPSTREAM_BATCH`].
    ///
    /// # Errors
    /// What the system says; `WouldBlock` if there is nothing.
    pub fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        self.received = 0;
        for ((memory, vector), header) in self.memory.iter_mut().zip(&mut *self.vectors).zip(&mut *self.headers) {
            *vector = libc::iovec { iov_base: memory.data.as_mut_ptr().cast(), iov_len: memory.data.len() };
            let header = &mut header.msg_hdr;
            header.msg_name = (&raw mut memory.address).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = &raw mut *vector;
            header.msg_iovlen = 1;
            header.msg_flags = 0;
        }
        let (headers, count) = (self.headers.as_mut_ptr(), UPSTREAM_BATCH as u32);
        let flags = libc::MSG_DONTWAIT;
        // SAFETY: UPSTREAM_BATCH headers whose pointers were just set to memory that is owned here.
        let count = unsafe { libc::recvmmsg(socket.as_raw_fd(), headers, count, flags as _, std::ptr::null_mut()) };
        self.received = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        Ok(self.received)
    }

    /// The datagrams that came with the last [`Datagrams::receive`], but those that are too large, and who sent them.
    pub fn received(&self) -> impl Iterator<Item = (&[u8], SocketAddr)> {
        let whole = |(header, _): &(&libc::mmsghdr, &Memory)| header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
        self.headers.iter().zip(self.memory.iter()).take(self.received).filter(whole).map(|(header, memory)| {
            let len = (header.msg_len as usize).min(memory.data.len());
            (&memory.data[..len], address_of(&memory.address))
        })
    }

    /// Sends up to [`UPSTREAM_BATCH`] messages; `failed` hears of those that the system does not send.
    pub fn send(&mut self, socket: &UdpSocket, messages: &[(&[u8], SocketAddr)], mut failed: impl FnMut(usize)) {
        let messages = &messages[..messages.len().min(UPSTREAM_BATCH)];
        self.addresses.clear();
        self.addresses.extend(messages.iter().map(|&(_, address)| SockAddr::from(address)));
        for (i, (message, _)) in messages.iter().enumerate() {
            self.vectors[i] = libc::iovec { iov_base: message.as_ptr().cast_mut().cast(), iov_len: message.len() };
            let header = &mut self.headers[i].msg_hdr;
            header.msg_name = self.addresses[i].as_ptr().cast_mut().cast();
            header.msg_namelen = self.addresses[i].len();
            header.msg_iov = &raw mut self.vectors[i];
            header.msg_iovlen = 1;
            header.msg_flags = 0;
        }
        let mut at = 0;
        while at < messages.len() {
            let headers = &mut self.headers[at..messages.len()];
            let (pointer, count) = (headers.as_mut_ptr(), headers.len() as u32);
            // SAFETY: the headers point to the messages and to addresses that are owned here, which outlive the call;
            // nothing but the headers is written to.
            let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), pointer, count, libc::MSG_DONTWAIT as _) };
            match usize::try_from(sent) {
                Ok(sent) => at += sent.max(1),
                Err(_) => match io::Error::last_os_error().kind() {
                    io::ErrorKind::Interrupted => {}
                    // No room in the socket's buffer: lost, as it may be anywhere on the way.
                    io::ErrorKind::WouldBlock => at += 1,
                    _ => {
                        failed(at);
                        at += 1;
                    }
                },
            }
        }
    }
}
