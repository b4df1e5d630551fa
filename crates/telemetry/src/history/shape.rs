//! What many rows have in common: everything about them that takes few values. A segment keeps each combination once.

use dns::{Class, RType, Rcode};
use resolver::Security;
use server::answered::{Refusal, Source};
use server::transport::Transport;

use super::bytes::Reader;

/// A combination of what takes few values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Type and class of the question, if the response has one.
    pub question: Option<(u16, u16)>,
    /// The RCODE.
    pub rcode: u16,
    /// The source, as a number.
    pub source: u8,
    /// The transport, as a number.
    pub transport: u8,
    /// What validation said, as a number.
    pub security: u8,
    /// That of the process (the identifiers' third part).
    pub instance: u32,
}

/// Bytes of a shape in a file.
pub const SHAPE_LEN: usize = 14;

const REFUSED: u8 = 16;
const NOT_VALIDATED: u8 = 4;

/// The number of a source. Numbers stay: files have them.
pub fn source_number(source: Source) -> u8 {
    match source {
        Source::Zone => 0,
        Source::Cache => 1,
        Source::Stale => 2,
        Source::Resolver => 3,
        Source::ControlPlane => 4,
        Source::Server => 5,
        Source::Policy => 6,
        Source::Refused(refusal) => REFUSED + refusal_number(refusal),
    }
}

fn refusal_number(refusal: Refusal) -> u8 {
    match refusal {
        Refusal::Malformed => 0,
        Refusal::NotAuthoritative => 1,
        Refusal::Zone => 2,
        Refusal::Recursion => 3,
        Refusal::Signature => 4,
        Refusal::Key => 5,
        Refusal::Time => 6,
        Refusal::ControlBusy => 7,
        Refusal::ResolverBusy => 8,
        Refusal::TransfersBusy => 9,
        Refusal::Rate => 10,
        Refusal::ResponseRate => 11,
        Refusal::ClientMisses => 12,
        Refusal::ZoneMisses => 13,
    }
}

/// The number of a transport.
pub fn transport_number(transport: Transport) -> u8 {
    match transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
    }
}

/// The number of what validation said.
pub fn security_number(security: Option<Security>) -> u8 {
    match security {
        Some(Security::Bogus) => 0,
        Some(Security::Indeterminate) => 1,
        Some(Security::Insecure) => 2,
        Some(Security::Secure) => 3,
        None => NOT_VALIDATED,
    }
}

impl Shape {
    /// Who gave the answer; `Source::Server` if the number is unknown.
    pub fn source(&self) -> Source {
        const OWN: [Source; 7] = [
            Source::Zone,
            Source::Cache,
            Source::Stale,
            Source::Resolver,
            Source::ControlPlane,
            Source::Server,
            Source::Policy,
        ];
        let refusal = || Refusal::ALL.into_iter().find(|&refusal| REFUSED + refusal_number(refusal) == self.source);
        match OWN.get(usize::from(self.source)) {
            Some(source) => *source,
            None => refusal().map_or(Source::Server, Source::Refused),
        }
    }

    /// How the query came.
    pub fn transport(&self) -> Transport {
        if self.transport == transport_number(Transport::Tcp) { Transport::Tcp } else { Transport::Udp }
    }

    /// What validation said.
    pub fn security(&self) -> Option<Security> {
        let all = [Security::Bogus, Security::Indeterminate, Security::Insecure, Security::Secure];
        all.into_iter().find(|&security| security_number(Some(security)) == self.security)
    }

    /// The RCODE.
    pub fn rcode(&self) -> Rcode {
        Rcode(self.rcode)
    }

    /// The type that was asked for.
    pub fn rtype(&self) -> Option<RType> {
        self.question.map(|(rtype, _)| RType(rtype))
    }

    /// The class that was asked for.
    pub fn class(&self) -> Option<Class> {
        self.question.map(|(_, class)| Class(class))
    }

    /// Appends its form in files.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (rtype, class) = self.question.unwrap_or_default();
        out.push(u8::from(self.question.is_some()));
        [rtype, class, self.rcode].iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        out.extend_from_slice(&[self.source, self.transport, self.security]);
        out.extend_from_slice(&self.instance.to_le_bytes());
    }

    /// Reads its form in files.
    pub fn read(reader: &mut Reader<'_>) -> Option<Shape> {
        let has_question = reader.u8()? != 0;
        let question = (reader.u16()?, reader.u16()?);
        Some(Shape {
            question: has_question.then_some(question),
            rcode: reader.u16()?,
            source: reader.u8()?,
            transport: reader.u8()?,
            security: reader.u8()?,
            instance: reader.u32()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names;

    #[test]
    fn numbers_and_their_meaning_go_both_ways() {
        let mut shape = Shape { question: None, rcode: 3, source: 0, transport: 0, security: 0, instance: 7 };
        let refusals = Refusal::ALL.into_iter().map(Source::Refused);
        for source in names::SOURCES.into_iter().map(|(source, _)| source).chain(refusals) {
            shape.source = source_number(source);
            assert_eq!(shape.source(), source);
        }
        for (transport, _) in names::TRANSPORTS {
            shape.transport = transport_number(transport);
            assert_eq!(shape.transport(), transport);
        }
        for (security, _) in names::SECURITIES {
            shape.security = security_number(security);
            assert_eq!(shape.security(), security);
        }
        for question in [None, Some((28, 1))] {
            let (mut out, shape) = (Vec::new(), Shape { question, ..shape });
            shape.write(&mut out);
            assert_eq!(out.len(), SHAPE_LEN);
            assert_eq!(Shape::read(&mut Reader::new(&out)), Some(shape));
        }
    }
}
