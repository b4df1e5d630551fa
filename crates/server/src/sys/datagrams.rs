//! Many datagrams with one system call, in and out: for listeners, for answers that come later, and for questions to
//! other servers.
#![allow(unsafe_code)] // recvmmsg and sendmmsg take arrays of pointers; nothing else here is unsafe.

use std::io;
use std::mem::zeroed;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use super::address::Peer;

/// Memory for one datagram. The kernel writes to it.
#[repr(C, align(64))]
struct Slot<const SIZE: usize> {
    data: [u8; SIZE],
    peer: Peer,
}

/// Receives up to `COUNT` datagrams of up to `SIZE` bytes with one call. Everything that the kernel's structs point to
/// is boxed, so that moving the receiver does not move it.
pub struct Receiver<const COUNT: usize, const SIZE: usize> {
    slots: Box<[Slot<SIZE>; COUNT]>,
    vectors: Box<[libc::iovec; COUNT]>,
    headers: Box<[libc::mmsghdr; COUNT]>,
    /// The first so many headers are not as the kernel needs them to receive.
    used: usize,
    received: usize,
    /// The socket reports the local address of each datagram.
    local: bool,
}

/// A datagram that came in.
pub struct Datagram<'a> {
    /// The memory that it is in, of which the datagram is the first `len` bytes.
    pub buf: &'a mut [u8],
    /// Bytes of the datagram.
    pub len: usize,
    /// Who sent it, and where the response goes.
    pub peer: &'a Peer,
    /// It was larger than the memory.
    pub is_cut: bool,
}

impl<const COUNT: usize, const SIZE: usize> Receiver<COUNT, SIZE> {
    /// A receiver; `local`: its socket was set up with [`super::options::report_local_address`].
    pub fn new(local: bool) -> Self {
        // SAFETY: all of these are plain C structs and integers, for which zero is a value.
        let (slots, vectors, headers) =
            unsafe { (Box::new_zeroed().assume_init(), Box::new(zeroed()), Box::new(zeroed())) };
        Receiver { slots, vectors, headers, used: COUNT, received: 0, local }
    }

    /// Takes what has come in on `socket`; with `wait`, waits for the first datagram as long as the socket does.
    ///
    /// # Errors
    /// What the system says; `WouldBlock` if there is nothing.
    pub fn receive(&mut self, socket: &UdpSocket, wait: bool) -> io::Result<usize> {
        for i in 0..self.used {
            let Slot { data, peer } = &mut self.slots[i];
            self.vectors[i] = libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: SIZE };
            let header = &mut self.headers[i].msg_hdr;
            peer.receive(header, self.local);
            header.msg_iov = &raw mut self.vectors[i];
            header.msg_iovlen = 1;
            header.msg_flags = 0;
        }
        (self.used, self.received) = (0, 0);
        let flags = if wait { libc::MSG_WAITFORONE } else { libc::MSG_DONTWAIT };
        let (headers, count) = (self.headers.as_mut_ptr(), COUNT as u32);
        // SAFETY: COUNT headers whose pointers were set to memory that this receiver owns.
        let count = unsafe { libc::recvmmsg(socket.as_raw_fd(), headers, count, flags as _, std::ptr::null_mut()) };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for (slot, header) in self.slots.iter_mut().zip(&*self.headers).take(count) {
            slot.peer.received(&header.msg_hdr, self.local);
        }
        (self.used, self.received) = (count, count);
        Ok(count)
    }

    /// The datagrams that came with the last [`Receiver::receive`].
    #[inline]
    pub fn received(&mut self) -> impl Iterator<Item = Datagram<'_>> {
        self.slots.iter_mut().zip(&*self.headers).take(self.received).map(|(slot, header)| Datagram {
            buf: &mut slot.data,
            len: (header.msg_len as usize).min(SIZE),
            peer: &slot.peer,
            is_cut: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
        })
    }
}

/// Sends up to `COUNT` datagrams with one call.
pub struct Sender<const COUNT: usize> {
    vectors: Box<[libc::iovec; COUNT]>,
    headers: Box<[libc::mmsghdr; COUNT]>,
}

impl<const COUNT: usize> Sender<COUNT> {
    /// A sender.
    pub fn new() -> Self {
        // SAFETY: plain C structs, for which zero is a value.
        let (vectors, headers) = unsafe { (Box::new(zeroed()), Box::new(zeroed())) };
        Sender { vectors, headers }
    }

    /// Sends `messages`; with `wait`, waits for room in the socket's buffer. One that cannot be sent is passed over, as
    /// it could be lost on the way: `failed` hears which one it was, and why.
    #[inline]
    pub fn send<'m>(
        &mut self,
        socket: &UdpSocket,
        mut messages: impl Iterator<Item = (&'m [u8], &'m Peer)>,
        wait: bool,
        mut failed: impl FnMut(usize, io::ErrorKind),
    ) {
        let mut before = 0;
        loop {
            let mut count = 0;
            for (message, peer) in messages.by_ref().take(COUNT) {
                let vector = &mut self.vectors[count];
                *vector = libc::iovec { iov_base: message.as_ptr().cast_mut().cast(), iov_len: message.len() };
                let header = &mut self.headers[count].msg_hdr;
                peer.send(header);
                header.msg_iov = vector;
                header.msg_iovlen = 1;
                count += 1;
            }
            if count == 0 {
                return;
            }
            self.send_headers(socket, count, wait, |i, error| failed(before + i, error));
            before += count;
        }
    }

    /// Sends what the first `count` headers point to.
    fn send_headers(
        &mut self,
        socket: &UdpSocket,
        count: usize,
        wait: bool,
        mut failed: impl FnMut(usize, io::ErrorKind),
    ) {
        let flags = if wait { 0 } else { libc::MSG_DONTWAIT };
        let mut at = 0;
        while at < count {
            let headers = &mut self.headers[at..count];
            let (pointer, len) = (headers.as_mut_ptr(), headers.len() as u32);
            // SAFETY: the headers point to messages and peers that the caller lends until it returns; the kernel writes
            // to nothing but the headers.
            let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), pointer, len, flags as _) };
            match usize::try_from(sent) {
                Ok(sent) => at += sent.max(1),
                Err(_) => match io::Error::last_os_error().kind() {
                    io::ErrorKind::Interrupted => {}
                    error => {
                        failed(at, error);
                        at += 1;
                    }
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn datagrams_go_and_come_back() {
        let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let (ours, theirs) = (bind(), bind());
        let peer = Peer::from(theirs.local_addr().expect("an address"));
        let messages: Vec<Vec<u8>> = (1..=5).map(|len| vec![len; usize::from(len)]).collect();
        let messages = || messages.iter().map(|message| (&message[..], &peer));
        let (mut sender, mut receiver) = (Sender::<2>::new(), Receiver::<8, 4>::new(false));
        sender.send(&ours, messages(), true, |_, error| panic!("{error}"));
        assert_eq!(receiver.receive(&theirs, true).ok(), Some(5), "more than one call of the sender takes");
        for (i, datagram) in (1..).zip(receiver.received()) {
            assert_eq!((datagram.len, datagram.is_cut), (i.min(4), i > 4));
            assert!(datagram.buf[..datagram.len].iter().all(|&octet| usize::from(octet) == i));
            assert_eq!(Some(datagram.peer.address()), ours.local_addr().ok());
        }
        let error = receiver.receive(&theirs, false).expect_err("nothing is left");
        assert_eq!((error.kind(), receiver.received().count()), (io::ErrorKind::WouldBlock, 0));
        // A port that is not one.
        let nowhere = Peer::from(std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let mut failed = Vec::new();
        let messages = [(&b"a"[..], &peer), (b"b", &nowhere), (b"c", &peer), (b"d", &nowhere)];
        sender.send(&ours, messages.into_iter(), true, |i, _| failed.push(i));
        assert_eq!((failed, receiver.receive(&theirs, true).ok()), (vec![1, 3], Some(2)));
    }
}
