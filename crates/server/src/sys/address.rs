//! The other end of a datagram, as the kernel writes and reads it.
#![allow(unsafe_code)] // Socket addresses and control messages are C structs behind pointers.

use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Room for one PKTINFO of either family.
const CONTROL_BYTES: usize = 64;

/// Who sent a datagram and which local address it came to, or where one goes and from which local address.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Peer {
    /// The PKTINFO; aligned as the kernel wants it.
    control: [u64; CONTROL_BYTES / 8],
    address: libc::sockaddr_storage,
    address_len: libc::socklen_t,
    /// 0: the kernel chooses the local address.
    control_len: usize,
}

impl Peer {
    /// Who sent the datagram, or whom it goes to.
    #[inline]
    pub fn address(&self) -> SocketAddr {
        let address = &self.address;
        if i32::from(address.ss_family) == libc::AF_INET {
            // SAFETY: the family says that this is a sockaddr_in, which the storage has room for.
            let v4 = unsafe { *(&raw const *address).cast::<libc::sockaddr_in>() };
            return (Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes()), u16::from_be(v4.sin_port)).into();
        }
        // SAFETY: the storage has room for a sockaddr_in6, and any bytes make one.
        let v6 = unsafe { *(&raw const *address).cast::<libc::sockaddr_in6>() };
        let (ip, port) = (Ipv6Addr::from(v6.sin6_addr.s6_addr), u16::from_be(v6.sin6_port));
        SocketAddrV6::new(ip, port, 0, v6.sin6_scope_id).into()
    }

    /// Has `header` receive into this peer; with `local`, also which local address the datagram came to.
    #[inline]
    pub(super) fn receive(&mut self, header: &mut libc::msghdr, local: bool) {
        header.msg_name = (&raw mut self.address).cast();
        header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        if local {
            header.msg_control = self.control.as_mut_ptr().cast();
            header.msg_controllen = CONTROL_BYTES as _;
        }
    }

    /// Takes over the lengths that the kernel wrote into `header`, which received into this peer. The PKTINFO becomes
    /// that of the response: the same local address, the interface left to routing unless the address has a meaning on
    /// one link only.
    #[inline]
    pub(super) fn received(&mut self, header: &libc::msghdr, local: bool) {
        self.address_len = header.msg_namelen;
        self.control_len = 0;
        if !local {
            return;
        }
        // SAFETY: msg_control points to `control`; the kernel wrote msg_controllen bytes of well-formed control
        // messages into it, and the macros stay within that length.
        unsafe {
            let first = libc::CMSG_FIRSTHDR(header);
            if first.is_null() {
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
        }
        #[allow(clippy::unnecessary_cast)] // It has another type with musl.
        let control_len = header.msg_controllen as usize;
        self.control_len = control_len.min(CONTROL_BYTES);
    }

    /// Has `header` send to this peer. The kernel only reads what the pointers lead to.
    #[inline]
    pub(super) fn send(&self, header: &mut libc::msghdr) {
        header.msg_name = (&raw const self.address).cast_mut().cast();
        header.msg_namelen = self.address_len;
        (header.msg_control, header.msg_controllen) = (std::ptr::null_mut(), 0);
        if self.control_len > 0 {
            header.msg_control = self.control.as_ptr().cast_mut().cast();
            header.msg_controllen = self.control_len as _;
        }
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Peer {
        let address = socket2::SockAddr::from(address);
        // SAFETY: plain integers, for which zero is a value; socket2's storage is the system's.
        let (mut peer, len) = (unsafe { zeroed::<Peer>() }, address.len());
        peer.address_len = len;
        // SAFETY: the address has `len` bytes, and the storage has room for every kind of address.
        unsafe {
            std::ptr::copy_nonoverlapping(
                address.as_ptr().cast::<u8>(),
                (&raw mut peer.address).cast::<u8>(),
                (len as usize).min(size_of::<libc::sockaddr_storage>()),
            );
        }
        peer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_as_they_were() {
        for text in ["192.0.2.1:53", "[2001:db8::1]:5300", "[fe80::1%7]:53"] {
            let address: SocketAddr = text.parse().expect("an address");
            assert_eq!(Peer::from(address).address(), address);
        }
    }
}
