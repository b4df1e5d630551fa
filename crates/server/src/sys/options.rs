//! Socket options that no safe interface has.
#![allow(unsafe_code)] // setsockopt takes a pointer; nothing else here is unsafe.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd};

/// Has the kernel report a connection only when its first bytes are there (TCP_DEFER_ACCEPT), or after `seconds`.
pub fn defer_accept(socket: impl AsFd, seconds: u8) -> io::Result<()> {
    set(socket, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, libc::c_int::from(seconds))
}

/// Has the kernel say with each datagram which local address it came to (PKTINFO).
pub fn report_local_address(socket: impl AsFd, v6: bool) -> io::Result<()> {
    match v6 {
        true => set(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1),
        false => set(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1),
    }
}

fn set(socket: impl AsFd, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the option's value is a c_int that outlives the call.
    let done = unsafe { libc::setsockopt(socket.as_fd().as_raw_fd(), level, option, (&raw const value).cast(), len) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
