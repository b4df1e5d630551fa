//! The one socket option of TCP that no safe interface has.
#![allow(unsafe_code)] // setsockopt takes a pointer; nothing else here is unsafe.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd};

/// Has the kernel report a connection only when its first octets are there (TCP_DEFER_ACCEPT), or
/// after `seconds`.
pub(super) fn defer_accept(socket: impl AsFd, seconds: u8) -> io::Result<()> {
    let value = libc::c_int::from(seconds);
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    let (fd, option) = (socket.as_fd().as_raw_fd(), libc::TCP_DEFER_ACCEPT);
    // SAFETY: the option's value is a c_int that outlives the call.
    let done = unsafe { libc::setsockopt(fd, libc::IPPROTO_TCP, option, (&raw const value).cast(), len) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
