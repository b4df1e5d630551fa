//! Decides what follows a server's reply or silence: a query with less EDNS, a new cookie, TCP, or the end.
//!
//! RFC 6891 7 (servers that do not know EDNS), RFC 7873 5.3 (cookies), RFC 7766 5 (TCP after TC), RFC 2181 9 (TC is no
//! answer). EDNS goes as slowly as it can: without DO a signed zone does not validate. That a server cannot do something
//! is remembered once it has answered a question without that, not before ([`crate::ask`]).

use dns::Rcode;
use dns::edns::EdnsOption;

use crate::ask::{Ask, AskError};
use crate::reply::Reply;
use crate::resolve::Resolver;
use crate::servers::{Cookies, Level, Manner};
use crate::upstream::{ExchangeError, Transport, Upstream};

/// How a question goes to a server this time.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub manner: Manner,
    pub transport: Transport,
    /// The cookie is one that the server wanted.
    renewed: bool,
    /// What came over UDP did not repeat the question.
    unfit: bool,
}

impl Round {
    pub fn new(manner: Manner, transport: Transport) -> Round {
        Round { manner, transport, renewed: false, unfit: false }
    }

    /// The same with so much of EDNS.
    pub fn at(&self, level: Level) -> Round {
        let manner = Manner { level, proven: false, ..self.manner.clone() };
        Round { manner, ..self.clone() }
    }

    /// The same without mixed case.
    pub fn in_plain_case(&self) -> Round {
        let manner = Manner { mixed_case: false, ..self.manner.clone() };
        Round { manner, ..self.clone() }
    }

    fn plainer(&self) -> Option<Next> {
        self.manner.level.plainer().map(|level| Next::Again(self.at(level)))
    }

    /// Over TCP no cookie is needed, and an answer there says nothing of one.
    fn over_tcp(mut self) -> Next {
        if self.manner.level == Level::Cookie {
            (self.manner.level, self.manner.wanted) = (Level::Edns, Level::Edns);
        }
        Next::Again(Round { transport: Transport::Tcp, ..self })
    }
}

/// What comes next.
pub(crate) enum Next {
    /// The end, and how it was asked.
    Done(Result<Reply, AskError>, Manner),
    /// Ask again, in this way.
    Again(Round),
}

/// Whether a reply says what is or is not there (RFC 6672 2.2: YXDOMAIN of a DNAME that makes names too long).
pub(crate) fn is_answer(reply: &Reply) -> bool {
    matches!(reply.header.rcode, Rcode::NOERROR | Rcode::NXDOMAIN | Rcode::YXDOMAIN)
}

impl<U: Upstream> Resolver<U> {
    /// What comes next after a reply, or none.
    pub(crate) fn next(&self, ask: &Ask<'_>, heard: Result<Reply, AskError>, round: Round) -> Next {
        let udp = round.transport == Transport::Udp;
        let reply = match heard {
            Ok(reply) => reply,
            Err(AskError::Exchange(ExchangeError::Unfit)) if udp => return Round { unfit: true, ..round }.over_tcp(),
            // TCP was a last attempt; that nobody is there says nothing new.
            Err(error) if round.unfit && error.is_silence() => {
                return Next::Done(Err(ExchangeError::Unfit.into()), round.manner);
            }
            Err(error) => {
                let plainer = if error == AskError::Malformed && !round.manner.proven { round.plainer() } else { None };
                return plainer.unwrap_or(Next::Done(Err(error), round.manner));
            }
        };
        if let Some((client, server)) = self.keep_cookie(ask, &reply, &round.manner)
            && reply.header.rcode == Rcode::BADCOOKIE
            && !round.renewed
        {
            let manner = Manner { cookie: Some((client, server)), ..round.manner };
            return Next::Again(Round { manner, renewed: true, ..round });
        }
        let refuses = match reply.header.rcode {
            Rcode::FORMERR | Rcode::NOTIMP => !round.manner.proven || reply.edns.is_none(),
            Rcode::BADVERS => true,
            Rcode::BADCOOKIE => round.manner.level == Level::Cookie,
            Rcode::REFUSED | Rcode::SERVFAIL => round.manner.level == Level::Cookie && !round.manner.proven,
            _ => false,
        };
        if refuses && let Some(next) = round.plainer() {
            return next;
        }
        match reply.header.tc || reply.header.rcode == Rcode::BADCOOKIE {
            true if udp => round.over_tcp(),
            _ if reply.header.tc => Next::Done(Err(AskError::Truncated), round.manner),
            _ => Next::Done(Ok(reply), round.manner),
        }
    }

    /// Keeps the cookie of a reply (RFC 7873 5.3), and returns both parts if it is new.
    fn keep_cookie(&self, ask: &Ask<'_>, reply: &Reply, manner: &Manner) -> Option<Cookies> {
        let cookies = reply.edns.iter().flat_map(|edns| &edns.options);
        let (client, server) = cookies
            .filter_map(|option| match option {
                EdnsOption::Cookie { client, server } => Some((*client, server)),
                _ => None,
            })
            .next()?;
        let ours = match &manner.cookie {
            Some(cookies) => cookies.clone(),
            None => self.shared().servers.cookie(ask.server)?,
        };
        // One that does not repeat our part is worth nothing.
        if ours.0 != client || server.is_empty() || ours.1 == *server {
            return None;
        }
        self.shared().servers.remember_cookie(ask.server, client, server.clone());
        Some((client, server.clone()))
    }
}
