//! A message to another server, and what tells its answer from other packets: identifier, opcode, question, signature.

use std::sync::Arc;

use dns::header::HEADER_LEN;
use dns::message::{MAX_MESSAGE_LEN, MessageError};
use dns::{Header, Message, NameBuf, Opcode, Question, Rcode};
use dnssec::tsig::{self, Expected, Key, TsigError};
use server::clock::unix_seconds;

/// Octets of the fixed part of a question.
const QUESTION_FIXED_LEN: usize = 4;

/// A message on its way.
pub struct Exchange {
    header: Header,
    questions: Vec<Question>,
    octets: Vec<u8>,
    /// What must have signed the answer.
    signature: Option<Expected>,
}

/// Why a packet that may be the answer is none that can be used.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// It is no DNS message.
    #[error("malformed reply: {0}")]
    Malformed(#[from] MessageError),
    /// It is not signed as it must be.
    #[error("TSIG: {0}")]
    Tsig(#[from] TsigError),
}

impl Exchange {
    /// A message, signed with `key`: then its answer must be, too.
    pub fn new(message: &Message, key: Option<&Arc<Key>>) -> Exchange {
        let mut octets = message.to_wire(MAX_MESSAGE_LEN);
        let signature = key.map(|key| tsig::sign_request(key, &mut octets, unix_seconds()));
        Exchange { header: message.header, questions: message.questions.clone(), octets, signature }
    }

    /// A message that somebody else made, as it came but for its identifier; whoever made it verifies the answer. `None`: it
    /// has no readable header and question.
    pub fn forwarded(message: &[u8], id: u16) -> Option<Exchange> {
        let (_, end) = NameBuf::from_message(message, HEADER_LEN).ok()?;
        let mut head = message.get(..end + QUESTION_FIXED_LEN)?.to_vec();
        head[4..HEADER_LEN].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
        let Message { header, questions, .. } = Message::parse(&head).ok()?;
        let octets = [&id.to_be_bytes()[..], &message[2..]].concat();
        Some(Exchange { header: Header { id, ..header }, questions, octets, signature: None })
    }

    /// The message as it is sent.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Its identifier.
    pub fn id(&self) -> u16 {
        self.header.id
    }

    /// The answer in `packet`; `None` if the packet belongs to something else. After an error the right answer may still
    /// come over UDP, for anybody can send a wrong one (RFC 8945 5.4).
    pub fn answer(&mut self, packet: &[u8]) -> Option<Result<Message, AnswerError>> {
        if packet.get(..2)? != self.header.id.to_be_bytes() {
            return None;
        }
        let message = match self.verify(packet.to_vec()).map(|packet| Message::parse(&packet)) {
            Ok(Ok(message)) => message,
            Ok(Err(error)) => return Some(Err(error.into())),
            Err(error) => return Some(Err(error.into())),
        };
        self.is_answered_by(&message).then_some(Ok(message))
    }

    /// Verifies the next message of an answer that has several, and returns it without its signature.
    ///
    /// # Errors
    /// It is not signed as it must be.
    pub fn verify(&mut self, message: Vec<u8>) -> Result<Vec<u8>, TsigError> {
        match &mut self.signature {
            Some(signature) => signature.check(&message, unix_seconds()),
            None => Ok(message),
        }
    }

    /// The answer is complete.
    ///
    /// # Errors
    /// Its last message was not signed, and had to be (RFC 8945 5.3.1).
    pub fn finish(self) -> Result<(), TsigError> {
        self.signature.map_or(Ok(()), Expected::finish)
    }

    /// Whether a message with our identifier is the response. A server that does not understand a query may leave the
    /// question out of its error, nobody needs it in the answer to NOTIFY, and that to UPDATE may be without it
    /// (RFC 2136 3.8).
    fn is_answered_by(&self, message: &Message) -> bool {
        let header = &message.header;
        let may_lack_question =
            header.rcode != Rcode::NOERROR || matches!(header.opcode, Opcode::NOTIFY | Opcode::UPDATE);
        header.qr
            && header.opcode == self.header.opcode
            && (message.questions == self.questions || may_lack_question && message.questions.is_empty())
    }
}

/// An identifier that nobody can guess.
///
/// # Errors
/// The system gives no random numbers.
pub fn random_id() -> Result<u16, getrandom::Error> {
    let mut id = [0; 2];
    getrandom::fill(&mut id)?;
    Ok(u16::from_be_bytes(id))
}

#[cfg(test)]
mod tests {
    use dns::RType;

    use super::*;

    fn response(query: &Message) -> Message {
        let mut message = query.clone();
        message.header.qr = true;
        message
    }

    #[test]
    fn what_is_an_answer() {
        let query = Message::query(7, "a.example".parse().expect("name"), RType::SOA);
        let check = |want: bool, change: &dyn Fn(&mut Message)| {
            let mut message = response(&query);
            change(&mut message);
            let answer = Exchange::new(&query, None).answer(&message.to_wire(512));
            assert_eq!(answer.is_some_and(|answer| answer.is_ok()), want, "{message:?}");
        };
        check(true, &|_| {});
        check(false, &|message| message.header.id = 8);
        check(false, &|message| message.header.qr = false);
        check(false, &|message| message.header.opcode = Opcode::NOTIFY);
        check(false, &|message| message.questions[0].rtype = RType::A);
        check(false, &|message| message.questions.clear());
        check(true, &|message| (message.header.rcode, message.questions) = (Rcode::FORMERR, Vec::new()));
        assert!(Exchange::new(&query, None).answer(&[0]).is_none());
        assert!(matches!(Exchange::new(&query, None).answer(&[0, 7, 0]), Some(Err(AnswerError::Malformed(_)))));
    }

    /// RFC 1996 4.7 and RFC 2136 3.8 do not ask for the question.
    #[test]
    fn an_answer_to_notify_or_update_may_lack_the_question() {
        for opcode in [Opcode::NOTIFY, Opcode::UPDATE] {
            let mut query = Message::query(7, "a.example".parse().expect("name"), RType::SOA);
            query.header.opcode = opcode;
            let answer = Message { questions: Vec::new(), ..response(&query) };
            assert!(Exchange::new(&query, None).answer(&answer.to_wire(512)).is_some(), "{opcode:?}");
        }
    }

    #[test]
    fn what_is_forwarded_has_an_identifier_of_its_own() {
        let query = Message::query(7, "a.example".parse().expect("name"), RType::SOA);
        // Nobody here looks at what stands behind the question.
        let octets = [&query.to_wire(512)[..], b"whatever"].concat();
        let mut exchange = Exchange::forwarded(&octets, 9).expect("a question");
        assert_eq!((exchange.id(), &exchange.octets()[2..]), (9, &octets[2..]));
        assert!(exchange.octets().starts_with(&[0, 9]) && exchange.answer(&response(&query).to_wire(512)).is_none());
        let answer = Message { header: Header { id: 9, ..response(&query).header }, ..response(&query) };
        assert!(matches!(exchange.answer(&answer.to_wire(512)), Some(Ok(_))));
        for len in 0..query.to_wire(512).len() {
            assert!(Exchange::forwarded(&octets[..len], 9).is_none(), "{len}");
        }
    }

    #[test]
    fn who_signs_wants_a_signature() {
        let algorithm = "hmac-sha256".parse().expect("an algorithm");
        let key = Arc::new(Key::new("key.".parse().expect("name"), algorithm, &[1; 32]));
        let query = Message::query(7, "a.example".parse().expect("name"), RType::SOA);
        let mut exchange = Exchange::new(&query, Some(&key));
        assert!(exchange.octets().len() > query.to_wire(512).len());
        let unsigned = exchange.answer(&response(&query).to_wire(512));
        assert!(matches!(unsigned, Some(Err(AnswerError::Tsig(TsigError::Unsigned)))));
        assert!(exchange.finish().is_err());
    }
}
