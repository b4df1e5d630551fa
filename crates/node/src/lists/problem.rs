//! Why a list is not what its source has now, in words for whoever looks after the server.

use std::io;
use std::time::Duration;

use rustls::CertificateError;
use ureq::Timeout;

/// The longest text of somebody else's that is repeated, in characters.
const MAX_FOREIGN_CHARS: usize = 120;

/// Why a list could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The URL is not one that is fetched.
    #[error("the URL is not fetched: {0}")]
    Url(String),
    /// Who may not name files named one.
    #[error("lists from files come from the configuration file only")]
    FileByApi,
    /// No name, no address.
    #[error("the host cannot be found: {0}")]
    Host(String),
    /// The address is inside.
    #[error("{0}")]
    Guarded(String),
    /// No connection.
    #[error("no connection: {0}")]
    Connect(String),
    /// The certificate is not the server's, too old, or of nobody who is trusted.
    #[error("the server's certificate is not accepted: {0}")]
    Certificate(String),
    /// TLS failed in another way.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// The server answers with something else than the list.
    #[error("the server answers with status {status}{}", status_words(*.status))]
    Status {
        /// Status of the response.
        status: u16,
        /// When to ask again, if the server says so.
        retry_after: Option<Duration>,
    },
    /// Redirects without end.
    #[error("the server redirects more than {0} times")]
    Redirects(usize),
    /// What came is no HTTP, or not what was asked for.
    #[error("the server breaks the protocol: {0}")]
    Protocol(String),
    /// A limit of time passed.
    #[error("the server takes too long: {0}")]
    Timeout(&'static str),
    /// Too few bytes came.
    #[error("the server is too slow: less than {0} bytes a second")]
    Slow(u64),
    /// The end is missing.
    #[error("the list is cut off: the connection ended before it was complete")]
    Truncated,
    /// Nobody can tell whether the end is missing.
    #[error("the server does not say where the list ends, so that a part of it would look like all of it")]
    NoLength,
    /// It does not end, or not soon enough.
    #[error("the list is larger than {0} bytes")]
    TooLarge(u64),
    /// It cannot be unpacked.
    #[error("the list cannot be unpacked: {0}")]
    Packed(String),
    /// A page.
    #[error("this is a web page (HTML), not a list")]
    Html,
    /// Something else that is no list.
    #[error("this is no list of text lines: {0}")]
    NoList(&'static str),
    /// It was much larger before.
    #[error(
        "the list shrank from {before} to {now} bytes, which looks like a mistake of its source; a forced refresh takes it"
    )]
    Shrunk {
        /// Bytes of the list that is kept.
        before: u64,
        /// Bytes of the one that was refused.
        now: u64,
    },
    /// A file that cannot be read.
    #[error("the file cannot be read: {0}")]
    File(String),
    /// The disk of the data directory is full.
    #[error("the disk is full: the list cannot be kept")]
    DiskFull,
    /// The data directory does not take it.
    #[error("the list cannot be kept in the data directory: {0}")]
    Disk(io::Error),
    /// What was kept is not what was written.
    #[error("the text that was kept is damaged: {0}")]
    Damaged(String),
    /// The server is stopping.
    #[error("the server stops")]
    Stopping,
}

/// What a status means for a list.
fn status_words(status: u16) -> &'static str {
    match status {
        401 | 403 => ": it does not let us have the list",
        404 => ": there is no such list",
        410 => ": the list is gone for good",
        429 => ": we asked too often",
        500..=599 => ": it has a problem of its own",
        _ => "",
    }
}

impl Problem {
    /// Why something could not be written to the data directory.
    pub(super) fn of_disk(error: io::Error) -> Problem {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Problem::DiskFull,
            _ => Problem::Disk(error),
        }
    }

    /// Why the body of a response could not be read; what our own readers say passes through unchanged.
    pub(super) fn of_body(error: io::Error) -> Problem {
        let error = match error.downcast::<Problem>() {
            Ok(problem) => return problem,
            Err(error) => error,
        };
        let error = match error.downcast::<ureq::Error>() {
            Ok(error) => return Problem::of_http(error),
            Err(error) => error,
        };
        let error = match error.downcast::<rustls::Error>() {
            Ok(error) => return Problem::of_tls(&error),
            Err(error) => error,
        };
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
                Problem::Truncated
            }
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => Problem::Packed(foreign(&error.to_string())),
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Problem::Timeout("nothing comes any more"),
            _ => Problem::Connect(foreign(&error.to_string())),
        }
    }

    /// Why a request failed.
    pub(super) fn of_http(error: ureq::Error) -> Problem {
        use ureq::Error;
        match error {
            Error::Io(error) => Problem::of_connection(error),
            Error::Timeout(reason) => Problem::Timeout(match reason {
                Timeout::Resolve | Timeout::Connect => "no connection in time",
                Timeout::RecvResponse | Timeout::SendRequest => "no answer in time",
                Timeout::PerRead | Timeout::PerWrite => "nothing comes any more",
                _ => "the list is not complete in time",
            }),
            Error::Other(error) => match error.downcast::<Problem>() {
                Ok(problem) => *problem,
                Err(error) => Problem::Guarded(error.to_string()),
            },
            Error::Rustls(error) => Problem::of_tls(&error),
            Error::Tls(why) => Problem::Tls(why.to_owned()),
            Error::HostNotFound => Problem::Host("no address".to_owned()),
            error => Problem::Protocol(foreign(&error.to_string())),
        }
    }

    /// Why there was no connection, or no head of a response from it.
    fn of_connection(error: io::Error) -> Problem {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Problem::Connect("the server closes it without an answer".to_owned()),
            io::ErrorKind::InvalidData | io::ErrorKind::Other => match Problem::of_body(error) {
                Problem::Packed(why) => Problem::Protocol(why),
                problem => problem,
            },
            _ => Problem::Connect(foreign(&error.to_string())),
        }
    }

    fn of_tls(error: &rustls::Error) -> Problem {
        let rustls::Error::InvalidCertificate(why) = error else {
            return Problem::Tls(foreign(&error.to_string()));
        };
        Problem::Certificate(match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "it is not valid yet; is the clock of this machine right?".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "it is for another name".to_owned()
            }
            CertificateError::BadSignature => "its signature is wrong".to_owned(),
            CertificateError::UnknownIssuer => "nobody who is trusted has issued it".to_owned(),
            other => foreign(&other.to_string()),
        })
    }

    /// How long the server wants to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Problem::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// The beginning of a text that comes from elsewhere, on one line.
fn foreign(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_FOREIGN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_of_a_reader_stays_what_it_was() {
        let error = io::Error::other(Problem::Slow(9));
        assert!(matches!(Problem::of_body(error), Problem::Slow(9)));
        let error = io::Error::other(ureq::Error::Timeout(Timeout::PerRead));
        assert_eq!(Problem::of_body(error).to_string(), "the server takes too long: nothing comes any more");
    }

    #[test]
    fn a_text_from_elsewhere_is_cut_and_on_one_line() {
        let Problem::Packed(text) = Problem::of_body(io::Error::new(io::ErrorKind::InvalidData, "a\nb".repeat(99)))
        else {
            panic!("another problem");
        };
        assert_eq!((text.chars().count(), &text[..4]), (MAX_FOREIGN_CHARS, "a ba"));
    }

    #[test]
    fn a_full_disk_is_called_so() {
        assert_eq!(Problem::of_disk(io::ErrorKind::StorageFull.into()).to_string(), Problem::DiskFull.to_string());
    }
}
