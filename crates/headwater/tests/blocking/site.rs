//! A server with policy, the authoritative server that it forwards to, and clients with addresses of their own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use dns::edns::EdnsOption;
use dns::{Edns, Message, RType, Record};

use crate::common::{
    ANSWER_TIMEOUT, PATIENCE, SILENCE, Scratch, Server, free_port, rdata_text, receive, tcp, udp, until,
};

/// What the authoritative server says of every name of its zones that is not spelled out.
pub const OUTSIDE: &str = "NOERROR 192.0.2.10";
/// The TTL of what is blocked.
pub const TTL: u32 = 77;
/// A client of the default group.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);

const ZONE: &str = "$TTL 600\n@ SOA ns.up.com. host.up.com. 1 7200 900 1209600 300\n@ NS ns.up.com.\n\
    ns.up A 192.0.2.53\n* A 192.0.2.10\n* AAAA 2001:db8::10\n* MX 10 mail.up.com.\n* TXT \"outside\"\n";

/// The authoritative server of `com` and `net`.
pub struct Upstream {
    pub server: Server,
    _scratch: Scratch,
}

impl Upstream {
    /// Starts it; `more` are further records of `com`.
    pub fn start(name: &str, more: &str) -> Upstream {
        let scratch = Scratch::new(&format!("blocking-{name}-upstream"));
        scratch.write("com.zone", &format!("{ZONE}{more}"));
        scratch.write("net.zone", ZONE);
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        scratch.write(
            "headwater.yaml",
            &format!(
                "server:\n  workers: 1\n  listen: [{{ address: \"{address}\", protocols: [udp, tcp] }}]\n\
                 web: {{ enabled: false }}\nresolver: {{ enabled: false }}\nhistory: {{ enabled: false }}\n\
                 zones: [{{ name: com, file: com.zone }}, {{ name: net, file: net.zone }}]\n"
            ),
        );
        let mut server = Server::launch(&scratch, &["--config", "headwater.yaml"], address);
        server.process.wait_for("\"ready\"", 1);
        Upstream { server, _scratch: scratch }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address
    }
}

/// The server with policy.
pub struct Site {
    pub server: Server,
    pub scratch: Scratch,
    pub web: SocketAddr,
    pub upstream: Upstream,
}

impl Site {
    /// Starts it with this policy (`blocking` and what else stands at the top of a configuration) and these files.
    pub fn start(name: &str, policy: &str, files: &[(&str, &str)], records: &str) -> Site {
        Site::start_at(SocketAddr::from(([127, 0, 0, 1], free_port())), name, policy, files, records)
    }

    /// The same at this address.
    pub fn start_at(address: SocketAddr, name: &str, policy: &str, files: &[(&str, &str)], records: &str) -> Site {
        let upstream = Upstream::start(name, records);
        let scratch = Scratch::new(&format!("blocking-{name}"));
        for (file, text) in files {
            scratch.write(file, text);
        }
        let web = SocketAddr::from(([127, 0, 0, 1], free_port()));
        scratch.write("headwater.yaml", &configuration(address, web, upstream.address(), policy));
        let mut server = Server::launch(&scratch, &["--config", "headwater.yaml"], address);
        server.process.wait_for("\"ready\"", 1);
        Site { server, scratch, web, upstream }
    }

    /// Writes another policy; it is not taken over yet.
    pub fn configure(&self, policy: &str) {
        let text = configuration(self.server.address, self.web, self.upstream.address(), policy);
        self.scratch.write("headwater.yaml", &text);
    }

    /// Waits until a client gets this answer.
    #[track_caller]
    pub fn wait(&self, name: &str, rtype: RType, wanted: &str) {
        let mut last = String::new();
        let reached = until(PATIENCE, || {
            last = said(self.ask(CLIENT, &question(name, rtype)).as_ref());
            (last == wanted).then_some(())
        });
        assert!(reached.is_some(), "{name} {rtype}: {last}, not {wanted}:\n{}", self.server.process.log());
    }

    /// The answer that a client gets over UDP, if it gets one.
    pub fn ask(&self, client: Ipv4Addr, query: &Message) -> Option<Message> {
        ask(self.server.address, client, query)
    }

    /// What a client gets, over UDP, as text.
    pub fn says(&self, client: Ipv4Addr, name: &str, rtype: RType) -> String {
        said(self.ask(client, &question(name, rtype)).as_ref())
    }

    /// What [`CLIENT`] gets to a query over UDP and over TCP: the same, but for what limits of size change.
    #[track_caller]
    pub fn ask_both(&self, query: &Message) -> Message {
        let over_udp = self.ask(CLIENT, query).expect("an answer over UDP");
        let over_tcp = tcp(self.server.address, &query.to_wire(65_535)).expect("an answer over TCP");
        let over_tcp = Message::parse(&over_tcp).expect("a well-formed response");
        assert_eq!(said(Some(&over_udp)), said(Some(&over_tcp)), "over UDP, over TCP");
        assert_eq!(reasons(&over_udp), reasons(&over_tcp), "over UDP, over TCP");
        over_udp
    }

    /// The metrics, as a scraper on this host gets them.
    pub fn metrics(&self) -> String {
        let stream = TcpStream::connect(self.web).expect("the port of the API");
        get(stream, "/metrics")
    }

    /// What the control socket answers to a GET request for `target`.
    pub fn control(&self, target: &str) -> String {
        get(UnixStream::connect(self.scratch.path().join("data/control.sock")).expect("the control socket"), target)
    }
}

fn get(mut stream: impl Read + Write, target: &str) -> String {
    let request = format!("GET {target} HTTP/1.0\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("a response");
    response.split_once("\r\n\r\n").expect("a head").1.to_owned()
}

fn configuration(address: SocketAddr, web: SocketAddr, upstream: SocketAddr, policy: &str) -> String {
    format!(
        "server:\n  workers: 2\n  web_port: {}\n  listen: [{{ address: \"{address}\", protocols: [udp, tcp] }}]\n  watch_config: false\n\
         web: {{ bind_address: 127.0.0.1 }}\nresolver: {{ validate: false }}\nupstream_servers: [\"{upstream}\"]\n\
         cache: {{ persist: false, prefetch: false }}\n{policy}",
        web.port()
    )
}

/// The answer over UDP to a client with this address.
pub fn ask(server: SocketAddr, client: Ipv4Addr, query: &Message) -> Option<Message> {
    ask_for(server, client, query, ANSWER_TIMEOUT)
}

/// The same, when none shall come.
pub fn ask_in_vain(server: SocketAddr, client: Ipv4Addr, query: &Message) -> Option<Message> {
    ask_for(server, client, query, SILENCE)
}

fn ask_for(server: SocketAddr, client: Ipv4Addr, query: &Message, timeout: Duration) -> Option<Message> {
    if client == CLIENT {
        let octets = udp(server, &query.to_wire(65_535), timeout)?;
        return Some(Message::parse(&octets).expect("a well-formed response"));
    }
    let socket = UdpSocket::bind((client, 0)).expect("a socket");
    socket.connect(server).expect("an address");
    socket.set_read_timeout(Some(timeout)).expect("a timeout");
    socket.send(&query.to_wire(65_535)).expect("it is sent");
    let mut buffer = vec![0; 65_535];
    let len = receive(&socket, &mut buffer).ok()?;
    Some(Message::parse(&buffer[..len]).expect("a well-formed response"))
}

/// A question with recursion, without EDNS.
pub fn question(name: &str, rtype: RType) -> Message {
    let mut query = Message::query(0x4857, name.parse().expect("a name"), rtype);
    query.header.rd = true;
    query
}

/// The same with EDNS.
pub fn question_edns(name: &str, rtype: RType) -> Message {
    Message { edns: Some(Edns::default()), ..question(name, rtype) }
}

/// RCODE and data of the answer section, sorted; `silence` for no answer, `TC` for a truncated one.
pub fn said(answer: Option<&Message>) -> String {
    let Some(answer) = answer else { return "silence".to_owned() };
    let mut text = answer.header.rcode.to_string();
    if answer.header.tc {
        text += " TC";
    }
    let mut data: Vec<String> = answer.answers.iter().map(data).collect();
    data.sort();
    data.iter().fold(text, |text, data| text + " " + data)
}

fn data(record: &Record) -> String {
    let text = rdata_text(record.rtype, &record.rdata);
    if record.rtype == RType::CNAME { format!("CNAME {text}") } else { text }
}

/// The reasons that an answer gives (RFC 8914).
pub fn reasons(answer: &Message) -> Vec<u16> {
    let options = answer.edns.iter().flat_map(|edns| &edns.options);
    options
        .filter_map(|option| match option {
            EdnsOption::ExtendedError { info, .. } => Some(*info),
            _ => None,
        })
        .collect()
}
