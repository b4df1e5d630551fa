//! UDP: one plain thread and one socket for each worker, a batch of packets per system call.
//!
//! The kernel shares packets out among the sockets of one address (SO_REUSEPORT). Responses leave from
//! the address that was asked: by itself where the socket is bound to one address, by PKTINFO where it
//! is bound to all of them.
//! So do answers that come later, which other threads send (`delivery/datagram.rs`).

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::clock::unix_seconds;
use crate::delivery::ReturnPath;
use crate::delivery::datagram::{DatagramPath, SharedSocket};
use crate::limits::{MAX_UDP_SIZE, UDP_BATCH, UDP_SOCKET_BUFFER};
use crate::query::{Packet, Worker};
use crate::sys::address::Peer;
use crate::sys::datagrams::{Receiver, Sender};
use crate::sys::options::report_local_address;
use crate::transport::Transport;

/// How long a worker sleeps at most before it looks whether it shall stop.
const WAKE_INTERVAL: Duration = Duration::from_millis(200);

/// A socket that shares `address` with those of the other workers. The kernel is asked for a buffer of `receive_buffer`
/// octets.
///
/// # Errors
/// What the system says, for example that the port is taken.
pub fn bind(address: SocketAddr, receive_buffer: usize) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Larger buffers are a wish; the system's limit is what there is.
    let _ = socket.set_recv_buffer_size(receive_buffer);
    let _ = socket.set_send_buffer_size(UDP_SOCKET_BUFFER);
    socket.set_read_timeout(Some(WAKE_INTERVAL))?;
    if address.ip().is_unspecified() {
        report_local_address(&socket, address.is_ipv6())?;
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Answers what comes in on `socket` until `stop` is set; then what is queued is still answered.
pub fn run(socket: &UdpSocket, mut worker: Worker, stop: &AtomicBool) {
    crate::priority::prompt();
    let shared = SharedSocket::new(socket, worker.exit().clone()).map_err(|error| {
        tracing::error!(%error, "no updates, notifications and recursion over UDP");
        worker.alone();
    });
    let mut listener = Listener {
        socket,
        shared: shared.ok(),
        receiver: Receiver::new(socket.local_addr().is_ok_and(|address| address.ip().is_unspecified())),
        sender: Sender::new(),
    };
    loop {
        let stopping = stop.load(Ordering::Relaxed);
        match listener.receiver.receive(socket, !stopping) {
            Ok(count) => listener.answer(count, &mut worker),
            Err(_) if stopping => return,
            // Timed out, interrupted, or an ICMP error of an earlier response: nothing was lost.
            Err(_) => worker.refresh(),
        }
    }
}

/// One worker's socket.
struct Listener<'a> {
    socket: &'a UdpSocket,
    /// The same for those who answer in the worker's place; `None` if no descriptor was left for it.
    shared: Option<Arc<SharedSocket>>,
    receiver: Receiver<UDP_BATCH, { MAX_UDP_SIZE as usize }>,
    sender: Sender<UDP_BATCH>,
}

impl Listener<'_> {
    /// Answers the `count` packets that came with the last call: responses leave together, then what others shall
    /// answer is passed on.
    fn answer(&mut self, count: usize, worker: &mut Worker) {
        let Listener { socket, shared, receiver, sender } = self;
        let mut packets: [Packet<'_>; UDP_BATCH] = std::array::from_fn(|_| Packet::default());
        let mut peers: [Option<&Peer>; UDP_BATCH] = [None; UDP_BATCH];
        for ((packet, peer), datagram) in packets.iter_mut().zip(&mut peers).zip(receiver.received()) {
            *packet = Packet::new(datagram.buf, datagram.len, datagram.peer.address());
            *peer = Some(datagram.peer);
        }
        let packets = &mut packets[..count];
        worker.answer_batch(packets, Transport::Udp, unix_seconds());
        let responses = packets.iter().zip(peers).filter_map(|(packet, peer)| packet.response().zip(peer));
        sender.send(socket, responses, true, |_, _| worker.exit().stats.send_errors.add(1));
        for (packet, peer) in packets.iter_mut().zip(peers) {
            let (Some(&peer), Some(socket)) = (peer, &*shared) else { continue };
            let path = || ReturnPath::Datagram(DatagramPath { socket: socket.clone(), peer });
            worker.pass_on(std::mem::take(&mut packet.disposition), path);
        }
        worker.flush();
    }
}
