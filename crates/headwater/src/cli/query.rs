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

/// Runs the command; `args` are the words behind `query`.
///
/// Exit code: 0 when there is an answer, whatever it says; 9 when there is none. Errors: words that
/// make no sense, and transports that are not there yet.
pub fn run(args: &[String]) -> anyhow::Result<ExitCode> {
    let mut stdout = std::io::stdout().lock();
    let request = match words::parse(args)? {
        Words::Help => {
            stdout.write_all(usage().as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        Words::Request(request) => request,
    };
    match exchange::ask(&request) {
        Ok(reply) => {
            stdout.write_all(show(&request, &reply).as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(no_reply) => {
            if request.output == Output::Json {
                stdout.write_all(json::no_reply(&request, &no_reply).as_bytes())?;
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
