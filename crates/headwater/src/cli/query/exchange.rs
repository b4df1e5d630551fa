//! One question, one reply: UDP with retries, TCP when asked for or when the reply is truncated.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use dns::edns::EdnsOption;
use dns::message::{MAX_MESSAGE_LEN, MessageError};
use dns::{Header, Message, Question, Rcode};

use super::words::Request;

/// A reply and how it came.
pub struct Reply {
    /// What the server said.
    pub message: Message,
    /// Its length in octets.
    pub size: usize,
    /// Who said it.
    pub server: SocketAddr,
    /// "UDP" or "TCP".
    pub transport: &'static str,
    /// From sending the query that it answers to its arrival.
    pub elapsed: Duration,
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum NoReply {
    /// Nothing came in time.
    #[error("timed out")]
    TimedOut,
    /// The system says no.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What came is no DNS message.
    #[error("malformed reply: {0}")]
    Malformed(#[from] MessageError),
    /// What came over TCP answers something else.
    #[error("the reply does not belong to the query")]
    Mismatch,
    /// No randomness for the query's identifier.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// Asks, and asks again over TCP when the reply is truncated, or with the server's cookie when it
/// wants one (RFC 7873 5.3).
pub fn ask(request: &Request) -> Result<Reply, NoReply> {
    let mut query = query(request)?;
    let mut reply = ask_once(request, &query)?;
    if reply.message.header.rcode == Rcode::BADCOOKIE && adopt_cookie(&mut query, &reply.message) {
        reply = ask_once(request, &query)?;
    }
    Ok(reply)
}

fn ask_once(request: &Request, query: &Message) -> Result<Reply, NoReply> {
    if request.tcp {
        return ask_tcp(request, query);
    }
    let reply = ask_udp(request, query)?;
    if reply.message.header.tc && !request.ignore_truncation { ask_tcp(request, query) } else { Ok(reply) }
}

fn query(request: &Request) -> Result<Message, NoReply> {
    let mut random = [0u8; 10];
    getrandom::fill(&mut random)?;
    let [id @ .., _, _, _, _, _, _, _, _] = random;
    let [_, _, client_cookie @ ..] = random;
    let header = Header {
        id: u16::from_be_bytes(id),
        rd: request.recurse,
        ad: request.authentic_data,
        cd: request.checking_disabled,
        ..Header::default()
    };
    let question = Question { name: request.name.clone(), rtype: request.rtype, class: request.class };
    let mut edns = request.edns.clone();
    if let (Some(edns), true) = (&mut edns, request.cookie) {
        edns.options.push(EdnsOption::Cookie { client: client_cookie, server: Vec::new() });
    }
    Ok(Message { header, questions: vec![question], edns, ..Message::default() })
}

/// Puts the server's cookie into the query; false if there is none for our client cookie.
fn adopt_cookie(query: &mut Message, reply: &Message) -> bool {
    let (Some(ours), Some(theirs)) = (&mut query.edns, &reply.edns) else { return false };
    for option in &mut ours.options {
        let EdnsOption::Cookie { client, server } = option else { continue };
        for candidate in &theirs.options {
            match candidate {
                EdnsOption::Cookie { client: echoed, server: fresh } if echoed == client && !fresh.is_empty() => {
                    server.clone_from(fresh);
                    return true;
                }
                _ => {}
            }
        }
    }
    false
}

fn ask_udp(request: &Request, query: &Message) -> Result<Reply, NoReply> {
    let any: IpAddr =
        if request.server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // The system gives a random port; a connected socket takes replies from the server alone.
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(request.server)?;
    let octets = query.to_wire(MAX_MESSAGE_LEN);
    let mut buffer = vec![0; MAX_MESSAGE_LEN];
    let mut failure = NoReply::TimedOut;
    for _ in 0..request.tries {
        let sent = Instant::now();
        let outcome = socket.send(&octets).map_err(NoReply::from);
        match outcome.and_then(|_| receive_udp(&socket, query, sent + request.timeout, &mut buffer)) {
            Ok((message, size)) => {
                return Ok(Reply { message, size, server: request.server, transport: "UDP", elapsed: sent.elapsed() });
            }
            // The port is closed or the packet was lost: the next try may fare better.
            Err(error @ (NoReply::TimedOut | NoReply::Io(_))) => failure = error,
            Err(error) => return Err(error),
        }
    }
    Err(failure)
}

/// The first message before the deadline that answers the query; others are passed over.
fn receive_udp(
    socket: &UdpSocket,
    query: &Message,
    deadline: Instant,
    buffer: &mut [u8],
) -> Result<(Message, usize), NoReply> {
    loop {
        socket.set_read_timeout(Some(remaining(deadline)?))?;
        let size = socket.recv(buffer).map_err(io_error)?;
        let octets = &buffer[..size];
        if octets.first_chunk::<2>() != Some(&query.header.id.to_be_bytes()) {
            continue;
        }
        let message = Message::parse(octets)?;
        if answers(&message, query) {
            return Ok((message, size));
        }
    }
}

fn ask_tcp(request: &Request, query: &Message) -> Result<Reply, NoReply> {
    let sent = Instant::now();
    let deadline = sent + request.timeout;
    let mut stream = TcpStream::connect_timeout(&request.server, request.timeout).map_err(io_error)?;
    let octets = query.to_wire(MAX_MESSAGE_LEN);
    stream.set_write_timeout(Some(remaining(deadline)?))?;
    // RFC 7766 8: length and message in one write.
    let framed = [&(octets.len() as u16).to_be_bytes()[..], &octets].concat();
    stream.write_all(&framed).map_err(io_error)?;

    let mut len = [0; 2];
    read_exact(&mut stream, &mut len, deadline)?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(len))];
    read_exact(&mut stream, &mut reply, deadline)?;
    let message = Message::parse(&reply)?;
    if !answers(&message, query) {
        return Err(NoReply::Mismatch);
    }
    Ok(Reply { message, size: reply.len(), server: request.server, transport: "TCP", elapsed: sent.elapsed() })
}

/// Fills `buffer` before the deadline, however slowly the octets drip in.
fn read_exact(stream: &mut TcpStream, mut buffer: &mut [u8], deadline: Instant) -> Result<(), NoReply> {
    while !buffer.is_empty() {
        stream.set_read_timeout(Some(remaining(deadline)?))?;
        match stream.read(buffer).map_err(io_error)? {
            0 => return Err(io::Error::new(ErrorKind::UnexpectedEof, "connection closed").into()),
            count => buffer = &mut buffer[count..],
        }
    }
    Ok(())
}

/// Whether a message is the response to the query. A server that does not understand a query may
/// leave the question out of its error.
fn answers(message: &Message, query: &Message) -> bool {
    let header = &message.header;
    let error_without_question = message.questions.is_empty() && header.rcode != Rcode::NOERROR;
    header.qr
        && header.id == query.header.id
        && header.opcode == query.header.opcode
        && (message.questions == query.questions || error_without_question)
}

fn remaining(deadline: Instant) -> Result<Duration, NoReply> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(NoReply::TimedOut) } else { Ok(left) }
}

/// A socket's timeout shows as one of two errors.
fn io_error(error: io::Error) -> NoReply {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => NoReply::TimedOut,
        _ => NoReply::Io(error),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use dns::{Class, Edns, RType, Record};

    use super::super::words::{self, Words};
    use super::*;

    fn request(server: SocketAddr, more: &str) -> Request {
        let line = format!("www.example A @{server} {more}");
        let args: Vec<String> = line.split_whitespace().map(String::from).collect();
        match words::parse(&args) {
            Ok(Words::Request(request)) => Request { timeout: Duration::from_millis(300), ..*request },
            _ => panic!("{line}"),
        }
    }

    /// The response to a query with one address record.
    fn response(query: &Message) -> Message {
        let mut message = query.clone();
        message.header.qr = true;
        let question = &query.questions[0];
        message.answers.push(Record {
            owner: question.name.clone(),
            rtype: RType::A,
            class: Class::IN,
            ttl: 1,
            rdata: vec![192, 0, 2, 1],
        });
        message
    }

    fn both_on_one_port() -> io::Result<(TcpListener, UdpSocket)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let socket = UdpSocket::bind(listener.local_addr()?)?;
        Ok((listener, socket))
    }

    /// A server on UDP and TCP of one port: `udp` gets the number of the query and the query and
    /// gives the packets to send; over TCP there is the plain response. It ends with the test.
    fn serve(udp: impl Fn(usize, Message) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
        let (listener, socket) = (0..100).find_map(|_| both_on_one_port().ok()).expect("a free port");
        let address = socket.local_addr().expect("address");
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            for number in 0.. {
                let Ok((len, client)) = socket.recv_from(&mut buffer) else { return };
                for packet in udp(number, Message::parse(&buffer[..len]).expect("query")) {
                    socket.send_to(&packet, client).expect("send");
                }
            }
        });
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("connection");
                let (mut len, mut query) = ([0; 2], Vec::new());
                stream.read_exact(&mut len).expect("length");
                query.resize(usize::from(u16::from_be_bytes(len)), 0);
                stream.read_exact(&mut query).expect("query");
                let reply = response(&Message::parse(&query).expect("query")).to_wire(4096);
                // In pieces, as networks do.
                for octets in [&(reply.len() as u16).to_be_bytes()[..1], &[reply.len() as u8], &reply[..5], &reply[5..]]
                {
                    stream.write_all(octets).expect("send");
                    thread::sleep(Duration::from_millis(5));
                }
            }
        });
        address
    }

    #[test]
    fn what_does_not_belong_is_passed_over() {
        let server = serve(|_, query| {
            let mut wrong_id = response(&query);
            wrong_id.header.id ^= 1;
            let mut wrong_question = response(&query);
            wrong_question.questions[0].rtype = RType::AAAA;
            let packets = [wrong_id.to_wire(512), wrong_question.to_wire(512), query.to_wire(512), vec![1]];
            packets.into_iter().chain([response(&query).to_wire(512)]).collect()
        });
        let reply = ask(&request(server, "")).expect("reply");
        assert_eq!((reply.message.answers.len(), reply.transport), (1, "UDP"));
        assert_eq!(reply.size, reply.message.to_wire(512).len());
    }

    #[test]
    fn lost_packets_are_sent_again() {
        let lossy = || serve(|number, query| if number < 2 { vec![] } else { vec![response(&query).to_wire(512)] });
        assert!(ask(&request(lossy(), "")).is_ok());
        assert!(matches!(ask(&request(lossy(), "+tries=2")), Err(NoReply::TimedOut)));
    }

    #[test]
    fn truncation_leads_to_tcp() {
        let server = serve(|_, query| {
            let mut message = response(&query);
            message.answers.clear();
            message.header.tc = true;
            vec![message.to_wire(512)]
        });
        let over = |more: &str| {
            let reply = ask(&request(server, more)).expect("reply");
            (reply.transport, reply.message.answers.len())
        };
        assert_eq!(over(""), ("TCP", 1));
        assert_eq!(over("+tcp"), ("TCP", 1));
        assert_eq!(over("+ignore"), ("UDP", 0));
    }

    #[test]
    fn a_server_may_insist_on_its_cookie() {
        let server = serve(|_, query| {
            let mut message = response(&query);
            let Some(Edns { options, .. }) = &mut message.edns else { panic!("EDNS") };
            let [EdnsOption::Cookie { server, .. }] = &mut options[..] else { panic!("cookie") };
            if *server != [7; 8] {
                *server = vec![7; 8];
                message.header.rcode = Rcode::BADCOOKIE;
            }
            vec![message.to_wire(512)]
        });
        let reply = ask(&request(server, "+cookie")).expect("reply");
        assert_eq!(reply.message.header.rcode, Rcode::NOERROR);
    }

    #[test]
    fn errors_may_lack_the_question() {
        let server = serve(|_, query| {
            let header = Header { qr: true, rcode: Rcode::FORMERR, ..query.header };
            vec![Message { header, ..Message::default() }.to_wire(512)]
        });
        assert_eq!(ask(&request(server, "")).expect("reply").message.header.rcode, Rcode::FORMERR);
    }

    #[test]
    fn no_reply() {
        let malformed = serve(|_, query| vec![query.to_wire(512)[..14].to_vec()]);
        assert!(matches!(ask(&request(malformed, "")), Err(NoReply::Malformed(_))));
        let closed = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("port");
        assert!(matches!(ask(&request(closed, "")), Err(NoReply::Io(_))));
        assert!(matches!(ask(&request(closed, "+tcp")), Err(NoReply::Io(_))));
    }
}
