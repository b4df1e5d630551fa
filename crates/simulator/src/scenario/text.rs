//! Questions and records of scenarios: lines of zone files, relative names below the root.

use std::path::Path;

use dns::scan::Scanner;
use dns::zonefile::{self, NoIncludes, Options, Sink};
use dns::{Class, Name, NameBuf, RType, Record, message::Question};

/// What the root's name server is called where only its address is given.
pub const HINT_NAME: &str = "root-server.scenario.";

/// Takes the one record of a line.
#[derive(Default)]
struct One(Option<Record>);

impl Sink for One {
    fn record(&mut self, record: zonefile::Record<'_>) {
        self.0 = Some(Record {
            owner: record.owner.to_owned(),
            rtype: record.rtype,
            class: record.class,
            ttl: record.ttl,
            rdata: record.rdata.to_vec(),
        });
    }
}

/// The record on a line.
pub fn record(line: &str, default_ttl: u32) -> Result<Record, String> {
    let mut why = String::new();
    for class in [Class::IN, Class::CH, Class::HS] {
        let options = Options {
            origin: Name::root(),
            default_ttl: Some(default_ttl),
            file: Path::new("line"),
            class,
            rules: false,
        };
        let mut one = One::default();
        let outcome = zonefile::parse(line.trim().as_bytes(), &options, &NoIncludes, &mut one);
        match (outcome.problems.first(), one.0) {
            (None, Some(record)) => return Ok(record),
            (Some(problem), _) if class == Class::IN => why.clone_from(&problem.message),
            _ => {}
        }
    }
    Err(if why.is_empty() { format!("no record: {line}") } else { why })
}

/// The question on a line: a name, and type and class in any order.
pub fn question(line: &str) -> Result<Question, String> {
    let mut scanner = Scanner::new(line.trim().as_bytes());
    let error = |_| format!("bad question: {line}");
    let mut wire = Vec::new();
    let name = scanner.require("a name").map_err(error)?;
    name.name(Name::root(), &mut wire).map_err(error)?;
    let (mut class, mut rtype) = (Class::IN, None);
    while let Some(token) = scanner.token().map_err(error)? {
        if token.raw.iter().all(u8::is_ascii_digit) {
            continue;
        }
        match (Class::from_text(token.raw), RType::from_text(token.raw)) {
            // ANY is a type here when the class has been read or another type does not follow.
            (_, Some(found)) if rtype.is_none() => rtype = Some(found),
            (Some(found), _) => class = found,
            _ => return Err(format!("neither class nor type in the question: {line}")),
        }
    }
    let rtype = rtype.ok_or_else(|| format!("no type in the question: {line}"))?;
    let name: NameBuf = Name::from_wire(&wire).map_err(|error| error.to_string())?.to_owned();
    Ok(Question { name, rtype, class })
}

/// Octets in hexadecimal; blanks and comments aside.
pub fn hex(line: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = (line.split(';').next()?.chars())
        .filter(|it| !it.is_whitespace())
        .map(|it| it.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    digits.chunks(2).map(|pair| Some(pair.first()? << 4 | pair.get(1)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_questions_and_octets() {
        let shown =
            |line: &str| record(line, 3600).map(|it| format!("{} {} {} {}", it.owner, it.ttl, it.class, it.rtype));
        assert_eq!(shown(" www.example  IN A 192.0.2.1 ; one"), Ok("www.example. 3600 IN A".to_owned()));
        assert_eq!(shown("version.bind. 0 CH TXT \"a;b\""), Ok("version.bind. 0 CH TXT".to_owned()));
        assert_eq!(shown("www.example. 10 A"), Err("expected an IPv4 address, found the end of the entry".to_owned()));
        let asked = |line: &str| question(line).map(|it| format!("{} {} {}", it.name, it.class, it.rtype));
        assert_eq!(asked("a.b. IN ANY"), Ok("a.b. IN ANY".to_owned()));
        assert_eq!(asked("a.b A"), Ok("a.b. IN A".to_owned()));
        assert_eq!(asked(". CH TXT"), Ok(". CH TXT".to_owned()));
        assert_eq!(hex("00 fF ; two"), Some(vec![0, 255]));
        assert_eq!((hex("0"), hex("xy")), (None, None));
    }
}
