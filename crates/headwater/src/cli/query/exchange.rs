//! One question, one reply: UDP with retries, TCP when asked for or when the reply is truncated.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use dns::edns::EdnsOption;
use dns::{Header, Message, Question, Rcode};
use node::outbound::{self, AnswerError, Attempts, Exchange, Stream, Wait};

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
    Io(io::Error),
    /// What came is no DNS message.
    #[error(transparent)]
    Unusable(#[from] AnswerError),
    /// What came over TCP answers something else.
    #[error("the reply does not belong to the query")]
    Mismatch,
    /// No randomness for the query's identifier.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

impl From<io::Error> for NoReply {
    fn from(error: io::Error) -> NoReply {
        match error.kind() {
            ErrorKind::TimedOut => NoReply::TimedOut,
            _ => NoReply::Io(error),
        }
    }
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
    let attempts = Attempts { count: request.tries, timeout: request.timeout };
    let take = |answer: Result<_, AnswerError>, packet: &[u8]| {
        Some(answer.map(|message| (message, packet.len())).map_err(NoReply::from))
    };
    let ((message, size), elapsed) = outbound::ask(request.server, &mut Exchange::new(query, None), attempts, take)?;
    Ok(Reply { message, size, server: request.server, transport: "UDP", elapsed })
}

fn ask_tcp(request: &Request, query: &Message) -> Result<Reply, NoReply> {
    let sent = Instant::now();
    let mut stream = Stream::connect(request.server, request.timeout)?;
    let mut exchange = Exchange::new(query, None);
    stream.send(exchange.octets())?;
    let mut reply = Vec::new();
    stream.receive(&mut reply, Wait::Until(sent + request.timeout))?;
    let message = exchange.answer(&reply).ok_or(NoReply::Mismatch)??;
    Ok(Reply { message, size: reply.len(), server: request.server, transport: "TCP", elapsed: sent.elapsed() })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, UdpSocket};
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
        assert!(matches!(ask(&request(malformed, "")), Err(NoReply::Unusable(_))));
        let closed = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("port");
        assert!(matches!(ask(&request(closed, "")), Err(NoReply::Io(_))));
        assert!(matches!(ask(&request(closed, "+tcp")), Err(NoReply::Io(_))));
    }
}
