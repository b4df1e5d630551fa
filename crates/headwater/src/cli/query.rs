//! `headwater query`: asks one server one question and shows what it says.
//!
//! The words of the command line come in any order, as people know them from other clients;
//! [`words`] reads them, [`exchange`] talks to the server, [`text`] and [`json`] show the reply.

mod exchange;
mod json;
mod text;
mod words;

use std::io::Write;
use std::process::ExitCode;

use exchange::{NoReply, Reply};
use words::{Output, Request, Words};

pub use words::usage;

/// Exit code when no usable reply came, the same as in other clients.
const EXIT_NO_REPLY: u8 = 9;

/// Runs the command; `args` are the words behind `query`, the reply goes to `out`.
///
/// Exit code: 0 when there is an answer, whatever it says; 9 when there is none. Errors: words that
/// make no sense, and transports that are not there yet.
pub fn run(args: &[String], out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let request = match words::parse(args)? {
        Words::Help => {
            out.write_all(usage().as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        Words::Request(request) => request,
    };
    match exchange::ask(&request) {
        Ok(reply) => {
            out.write_all(show(&request, &reply).as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(no_reply) => {
            if request.output == Output::Json {
                out.write_all(json::no_reply(&request, &no_reply).as_bytes())?;
            }
            report(&request, &no_reply);
            Ok(ExitCode::from(EXIT_NO_REPLY))
        }
    }
}

fn show(request: &Request, reply: &Reply) -> String {
    match request.output {
        Output::Full => text::full(reply),
        Output::Short => text::short(&reply.message),
        Output::Json => json::reply(reply),
    }
}

fn report(request: &Request, no_reply: &NoReply) {
    eprintln!(";; no reply from {}: {no_reply}", request.server);
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use dns::edns::{EdnsOption, ede};
    use dns::{Edns, Header, Message, NameBuf, RType, Rcode, Record};

    use super::Reply;

    /// A reply with something in every section.
    pub fn sample() -> Reply {
        let name = |text: &str| text.parse::<NameBuf>().expect("test name");
        let record = |owner: &str, ttl, rtype, rdata: Vec<u8>| Record {
            owner: name(owner),
            rtype,
            class: dns::Class::IN,
            ttl,
            rdata,
        };
        let mut message = Message::query(4660, name("www.example."), RType::A);
        message.header = Header { qr: true, aa: true, rcode: Rcode::NXDOMAIN, ..message.header };
        message.answers.push(record("www.example.", 300, RType::CNAME, name("a.example.").into_wire()));
        message.answers.push(record("a.example.", 86400, RType::A, vec![192, 0, 2, 1]));
        message.authorities.push(record("example.", 60, RType(65280), vec![0xab]));
        let error = EdnsOption::ExtendedError { info: ede::BLOCKED, text: "list \u{1b}[1m".into() };
        let options = vec![EdnsOption::Nsid(b"ns1".to_vec()), error];
        message.edns = Some(Edns { dnssec_ok: true, options, ..Edns::default() });
        let server = "192.0.2.53:53".parse().expect("test address");
        Reply { message, size: 99, server, transport: "UDP", elapsed: Duration::from_micros(1234) }
    }
}
