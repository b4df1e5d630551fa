//! Reads scenario files: the replay format of Unbound's testbound, as Deckard uses it too.
//!
//! A line whose first word is a keyword is that; within a SECTION of an entry all other lines are zone-file lines.

use std::net::IpAddr;

use dns::edns::EdnsOption;
use dns::{Edns, Opcode, Rcode};

use super::config::{self, Config, Dialect};
use super::entry::{Criterion, Entry, Part};
use super::problem::Problem;
use super::text;

/// A scenario.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its CONFIG part.
    pub config: Config,
    /// What servers answer, and during which steps.
    pub ranges: Vec<Range>,
    /// What is done, in this order.
    pub steps: Vec<Step>,
}

/// What servers answer during some steps.
#[derive(Debug, Clone, Default)]
pub struct Range {
    /// The first step.
    pub from: u64,
    /// The last step.
    pub to: u64,
    /// The servers; none: all.
    pub addresses: Vec<IpAddr>,
    /// The answers, the first that matches counts.
    pub entries: Vec<Entry>,
}

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its number.
    pub number: u64,
    /// What is done.
    pub action: Action,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// A client asks.
    Query(Box<Entry>),
    /// The answer to the last question must match.
    CheckAnswer(Box<Entry>),
    /// A server answers a message under way; without an entry that stands for.
    Reply(Box<Entry>, Option<IpAddr>),
    /// A message must be under way to a server.
    CheckOutQuery(Box<Entry>, Option<IpAddr>),
    /// The oldest message under way gets no answer.
    Timeout(Option<IpAddr>),
    /// The oldest message under way cannot be delivered.
    Error(Option<IpAddr>),
    /// So many microseconds pass.
    TimePasses(u64),
    /// Whatever can happen happens.
    Traffic,
    /// Nothing.
    Nothing,
}

/// The text in front of the first of these characters that is not in quotes.
fn before<'a>(line: &'a str, marks: &[char]) -> &'a str {
    let mut quoted = false;
    for (at, character) in line.char_indices() {
        match character {
            '"' => quoted = !quoted,
            _ if !quoted && marks.contains(&character) => return &line[..at],
            _ => {}
        }
    }
    line
}

/// Reads a file.
pub fn parse(source: &str) -> Result<Scenario, Problem> {
    let mut lines = Lines { rest: source.lines().enumerate(), number: 0 };
    let mut config = config_part(&mut lines)?;
    let mut parser = Parser { lines, dialect: config.dialect, default_ttl: 3600 };
    let (ranges, steps) = parser.scenario()?;
    // Deckard has no such steps.
    if steps.iter().any(|step| matches!(step.action, Action::Timeout(_) | Action::Error(_) | Action::Traffic)) {
        config.dialect = Dialect::Testbound;
    }
    Ok(Scenario { config, ranges, steps })
}

/// The lines that are left, blank ones and comments passed over.
struct Lines<'a> {
    rest: std::iter::Enumerate<std::str::Lines<'a>>,
    number: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a str> {
        for (index, line) in self.rest.by_ref() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with(';') {
                self.number = index + 1;
                return Some(line);
            }
        }
        None
    }

    fn bad(&self, what: impl Into<String>) -> Problem {
        Problem::bad(self.number, what)
    }
}

fn config_part(lines: &mut Lines<'_>) -> Result<Config, Problem> {
    let mut reader = config::Reader::default();
    while let Some(line) = lines.next() {
        if line.starts_with("CONFIG_END") {
            return Ok(reader.finish());
        }
        // The list of features has semicolons between its items.
        let marks: &[char] = if line.starts_with("features:") { &['#'] } else { &['#', ';'] };
        let line = before(line, marks).trim();
        if !line.is_empty() {
            reader.line(lines.number, line)?;
        }
    }
    Err(lines.bad("no CONFIG_END"))
}

struct Parser<'a> {
    lines: Lines<'a>,
    dialect: Dialect,
    default_ttl: u32,
}

impl Parser<'_> {
    fn scenario(&mut self) -> Result<(Vec<Range>, Vec<Step>), Problem> {
        let (mut ranges, mut steps, mut begun) = (Vec::new(), Vec::new(), false);
        while let Some(line) = self.lines.next() {
            let words: Vec<&str> = before(line, &[';']).split_whitespace().collect();
            match words.first().copied().unwrap_or_default() {
                "SCENARIO_BEGIN" => begun = true,
                "SCENARIO_END" if begun => return Ok((ranges, steps)),
                "RANGE_BEGIN" if begun => ranges.push(self.range(&words[1..])?),
                "STEP" if begun => steps.push(self.step(&words[1..])?),
                other => return Err(self.lines.bad(format!("unexpected {other}"))),
            }
        }
        Err(self.lines.bad("no SCENARIO_END"))
    }

    fn range(&mut self, words: &[&str]) -> Result<Range, Problem> {
        let [from, to, addresses @ ..] = words else { return Err(self.lines.bad("RANGE_BEGIN needs two steps")) };
        let mut range = Range { from: self.number(from)?, to: self.number(to)?, ..Range::default() };
        for address in addresses {
            range.addresses.push(self.address(address)?);
        }
        while let Some(line) = self.lines.next() {
            let words: Vec<&str> = before(line, &[';']).split_whitespace().collect();
            match words[..] {
                ["RANGE_END", ..] => return Ok(range),
                ["ADDRESS", address, ..] => range.addresses.push(self.address(address)?),
                ["ENTRY_BEGIN", ..] => range.entries.push(self.entry()?),
                _ => return Err(self.lines.bad(format!("unexpected in a range: {line}"))),
            }
        }
        Err(self.lines.bad("no RANGE_END"))
    }

    fn step(&mut self, words: &[&str]) -> Result<Step, Problem> {
        let [number, kind, rest @ ..] = words else { return Err(self.lines.bad("STEP needs a number and a kind")) };
        let number = self.number(number)?;
        let address = match rest {
            ["ADDRESS", address, ..] => Some(self.address(address)?),
            [word @ ("REPEAT" | "PAUSE" | "NEXT"), ..] => return Err(Problem::Skip(format!("STEP with {word}"))),
            _ => None,
        };
        let action = match *kind {
            "QUERY" => Action::Query(self.step_entry()?),
            "CHECK_ANSWER" | "ANSWER" => Action::CheckAnswer(self.step_entry()?),
            "REPLY" | "MOCK" => Action::Reply(self.step_entry()?, address),
            "CHECK_OUT_QUERY" => Action::CheckOutQuery(self.step_entry()?, address),
            "TIMEOUT" => Action::Timeout(address),
            "ERROR" => Action::Error(address),
            "NOTHING" => Action::Nothing,
            "TRAFFIC" => Action::Traffic,
            "TIME_PASSES" => match rest {
                ["ELAPSE", seconds, ..] => {
                    let seconds: f64 = seconds.parse().map_err(|_| self.lines.bad("not a number of seconds"))?;
                    Action::TimePasses((seconds.clamp(0.0, 1e12) * 1e6) as u64)
                }
                _ => return Err(Problem::Skip("TIME_PASSES with a formula".to_owned())),
            },
            other => return Err(Problem::Skip(format!("STEP {other}"))),
        };
        Ok(Step { number, action })
    }

    fn step_entry(&mut self) -> Result<Box<Entry>, Problem> {
        match self.lines.next() {
            Some(line) if line.starts_with("ENTRY_BEGIN") => Ok(Box::new(self.entry()?)),
            _ => Err(self.lines.bad("the step needs an entry")),
        }
    }

    fn number(&self, word: &str) -> Result<u64, Problem> {
        word.parse().map_err(|_| self.lines.bad(format!("not a step: {word}")))
    }

    fn address(&self, word: &str) -> Result<IpAddr, Problem> {
        word.parse().map_err(|_| self.lines.bad(format!("not an address: {word}")))
    }

    fn entry(&mut self) -> Result<Entry, Problem> {
        let mut entry = Entry { line: self.lines.number, ..Entry::default() };
        let mut section = None;
        let mut any_match = false;
        while let Some(line) = self.lines.next() {
            let words: Vec<&str> = before(line, &[';']).split_whitespace().collect();
            match words.first().copied().unwrap_or_default() {
                "ENTRY_END" => {
                    if !any_match && self.dialect == Dialect::Deckard {
                        entry.criteria = vec![Criterion::Opcode, Criterion::Qtype, Criterion::Qname];
                    }
                    if entry.adjust.copy_id || self.dialect == Dialect::Testbound {
                        return Ok(entry);
                    }
                    entry.adjust.copy_id = !entry.adjust.copy_query;
                    return Ok(entry);
                }
                "MATCH" => {
                    any_match = true;
                    words[1..].iter().try_for_each(|word| self.criterion(word, &mut entry))?;
                }
                "ADJUST" => words[1..].iter().try_for_each(|word| self.adjust(word, &mut entry))?,
                "REPLY" | "FLAGS" => {
                    let words = words[1..].iter().flat_map(|word| word.split(','));
                    words.filter(|word| !word.is_empty()).try_for_each(|word| self.flag(word, &mut entry))?;
                }
                "SECTION" => {
                    let part = self.part(words.get(1).copied().unwrap_or_default())?;
                    entry.sections.insert(part);
                    section = Some(part);
                }
                "MANDATORY" => entry.mandatory = true,
                "RAW" => entry.raw = Some(self.raw_line()?),
                "HEX_ANSWER_BEGIN" => entry.raw = Some(self.hex("HEX_ANSWER_END")?),
                "HEX_EDNSDATA_BEGIN" => self.edns_data(&mut entry)?,
                word @ ("EXTRA_PACKET" | "TSIG") => return Err(Problem::Skip(format!("{word} in an entry"))),
                word if word.starts_with('$') => self.directive(&words)?,
                _ => match section {
                    Some(part) => self.record(line, part, &mut entry)?,
                    None => return Err(self.lines.bad(format!("unexpected in an entry: {line}"))),
                },
            }
        }
        Err(self.lines.bad("no ENTRY_END"))
    }

    fn directive(&mut self, words: &[&str]) -> Result<(), Problem> {
        match words {
            ["$TTL", ttl, ..] => {
                self.default_ttl = ttl.parse().map_err(|_| self.lines.bad("not a TTL"))?;
                Ok(())
            }
            _ => Err(Problem::Skip(format!("{} in an entry", words.join(" ")))),
        }
    }

    fn record(&self, line: &str, part: Part, entry: &mut Entry) -> Result<(), Problem> {
        let message = &mut entry.message;
        let section = match part {
            Part::Question => {
                message.questions.push(text::question(line).map_err(|what| self.lines.bad(what))?);
                return Ok(());
            }
            Part::Answer => &mut message.answers,
            Part::Authority => &mut message.authorities,
            Part::Additional => &mut message.additionals,
        };
        section.push(text::record(line, self.default_ttl).map_err(|what| self.lines.bad(what))?);
        Ok(())
    }

    fn part(&self, word: &str) -> Result<Part, Problem> {
        match word {
            "QUESTION" => Ok(Part::Question),
            "ANSWER" => Ok(Part::Answer),
            "AUTHORITY" => Ok(Part::Authority),
            "ADDITIONAL" => Ok(Part::Additional),
            _ => Err(self.lines.bad(format!("no section: {word}"))),
        }
    }

    fn criterion(&self, word: &str, entry: &mut Entry) -> Result<(), Problem> {
        use Criterion::*;
        let criterion = match word {
            "all" | "all_noedns" => {
                let rest = [Minimal(Part::Authority), Minimal(Part::Additional)];
                entry.criteria.extend([Opcode, Question, Flags, Rcode, Section(Part::Answer)].into_iter().chain(rest));
                return Ok(());
            }
            "opcode" => Opcode,
            "qtype" => Qtype,
            "qname" => Qname,
            "qcase" => Qcase,
            "subdomain" => Subdomain,
            "question" => Question,
            "flags" => Flags,
            "rcode" => Rcode,
            "answer" => Section(Part::Answer),
            "authority" => Section(Part::Authority),
            "additional" => Section(Part::Additional),
            "answertypes" => AnswerTypes,
            "answerrrsigs" => AnswerSignatures,
            "ttl" => Ttl,
            "DO" => DnssecOk,
            "noedns" => NoEdns,
            "UDP" => Udp,
            "TCP" => Tcp,
            "ede=any" => ExtendedError(None),
            _ => match word.strip_prefix("ede=").and_then(|code| code.parse().ok()) {
                Some(code) => ExtendedError(Some(code)),
                None => return Err(Problem::Skip(format!("MATCH {word}"))),
            },
        };
        entry.criteria.push(criterion);
        Ok(())
    }

    fn adjust(&self, word: &str, entry: &mut Entry) -> Result<(), Problem> {
        let adjust = &mut entry.adjust;
        match word {
            "copy_id" => adjust.copy_id = true,
            "copy_query" => adjust.copy_query = true,
            "do_not_answer" => adjust.silent = true,
            // Identifiers are the network's business here, also in raw replies.
            "raw_id" => {}
            _ => {
                let seconds = word.strip_prefix("sleep=").or_else(|| word.strip_prefix("packet_sleep="));
                match seconds.and_then(|seconds| seconds.parse::<u32>().ok()) {
                    Some(seconds) => adjust.delay_us += u64::from(seconds) * 1_000_000,
                    None => return Err(Problem::Skip(format!("ADJUST {word}"))),
                }
            }
        }
        Ok(())
    }

    fn flag(&self, word: &str, entry: &mut Entry) -> Result<(), Problem> {
        let header = &mut entry.message.header;
        match word {
            "QR" => header.qr = true,
            "AA" => header.aa = true,
            "TC" => header.tc = true,
            "RD" => header.rd = true,
            "RA" => header.ra = true,
            "AD" => header.ad = true,
            "CD" => header.cd = true,
            "DO" => entry.message.edns.get_or_insert_with(Edns::default).dnssec_ok = true,
            "NOTIMPL" => header.rcode = Rcode::NOTIMP,
            _ => match (word.parse::<Rcode>(), word.parse::<Opcode>()) {
                (Ok(rcode), _) => header.rcode = rcode,
                (_, Ok(opcode)) => header.opcode = opcode,
                _ => return Err(self.lines.bad(format!("neither flag, RCODE nor OPCODE: {word}"))),
            },
        }
        Ok(())
    }

    /// The line behind RAW; `NULL` is no octet at all.
    fn raw_line(&mut self) -> Result<Vec<u8>, Problem> {
        let line = self.lines.next().unwrap_or_default();
        let octets = if line == "NULL" { Some(Vec::new()) } else { text::hex(line) };
        octets.ok_or_else(|| self.lines.bad("not hexadecimal"))
    }

    fn hex(&mut self, end: &str) -> Result<Vec<u8>, Problem> {
        let mut octets = Vec::new();
        while let Some(line) = self.lines.next() {
            if line.starts_with(end) {
                return Ok(octets);
            }
            octets.extend(text::hex(line).ok_or_else(|| self.lines.bad("not hexadecimal"))?);
        }
        Err(self.lines.bad(format!("no {end}")))
    }

    fn edns_data(&mut self, entry: &mut Entry) -> Result<(), Problem> {
        let data = self.hex("HEX_EDNSDATA_END")?;
        let edns = entry.message.edns.get_or_insert_with(Edns::default);
        for option in dns::edns::Options::new(&data) {
            let (code, data) = option.map_err(|error| self.lines.bad(error.to_string()))?;
            edns.options.push(EdnsOption::from_wire(code, data).map_err(|error| self.lines.bad(error.to_string()))?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scenario with these CONFIG lines and this body parses, or fails as said.
    fn check(config: &str, body: &str, expected: Result<(), &str>) {
        let source = format!("{config}\nCONFIG_END\nSCENARIO_BEGIN test\n{body}\nSCENARIO_END\n");
        let got = match parse(&source) {
            Ok(_) => Ok(()),
            Err(Problem::Bad { line, what }) => Err(format!("{line}: {what}")),
            Err(Problem::Skip(why)) => Err(format!("skip: {why}")),
        };
        assert_eq!(got, expected.map_err(str::to_owned), "{source}");
    }

    #[test]
    fn what_parses() {
        check("; nothing", "", Ok(()));
        check("\tstub-addr: 193.0.14.129 \t# K.ROOT\n do-ip6: no\nquery-minimization: off", "", Ok(()));
        check("features: min_ttl = 5; max_ttl=9", "", Ok(()));
        check("server:\n target-fetch-policy: \"0 0 0 0 0\"\nstub-zone:\n name: \".\"\n stub-addr: ::1", "", Ok(()));
        check("trust-anchor: \". 3600 IN DS 1 8 2 AB\"", "", Ok(()));
        check("", "RANGE_BEGIN 1 2 192.0.2.1; x\n ADDRESS 192.0.2.2\nENTRY_BEGIN\nENTRY_END\nRANGE_END", Ok(()));
        check("", "STEP 1 TIME_PASSES ELAPSE 1.5 ; wait", Ok(()));
        check("", "STEP 1 QUERY\nENTRY_BEGIN\nRAW\n00ff\nENTRY_END", Ok(()));
        check("", "STEP 1 QUERY\nENTRY_BEGIN\nREPLY RD, DO\nSECTION QUESTION\na. ANY ANY\nENTRY_END", Ok(()));
    }

    #[test]
    fn what_is_wrong_and_where() {
        check("", "STEP 1", Err("4: STEP needs a number and a kind"));
        check("", "STEP 1 QUERY\nSTEP 2 NOTHING", Err("5: the step needs an entry"));
        check("do-ip6: maybe", "", Err("1: neither yes nor no: maybe"));
        check("", "RANGE_BEGIN 1 2\nADDRESS nowhere\nRANGE_END", Err("5: not an address: nowhere"));
        check("", "nonsense", Err("4: unexpected nonsense"));
        let entry = |lines: &str| format!("STEP 1 QUERY\nENTRY_BEGIN\n{lines}\nENTRY_END");
        check("", &entry("SECTION ANSWER\nwww A 192.0.2"), Err("7: expected an IPv4 address, found \"192.0.2\""));
        check("", &entry("REPLY QR\nREPLY WHAT"), Err("7: neither flag, RCODE nor OPCODE: WHAT"));
        check("", &entry("SECTION QUESTION\nwww IN"), Err("7: no type in the question: www IN"));
        assert_eq!(parse("a: b").expect_err("no end"), Problem::Skip("CONFIG a: b".to_owned()));
        assert_eq!(parse("").expect_err("no end"), Problem::bad(0, "no CONFIG_END"));
    }

    #[test]
    fn what_is_skipped() {
        check("server:\nprefetch: yes", "", Err("skip: CONFIG prefetch: yes"));
        check("server:\nprefetch: no", "", Ok(()));
        check("auth-zone:", "", Err("skip: CONFIG auth-zone:"));
        check("val-override-date: -1", "", Err("skip: CONFIG val-override-date: -1"));
        check("", "STEP 1 CHECK_AUTOTRUST .", Err("skip: STEP CHECK_AUTOTRUST"));
        check("", "STEP 1 QUERY\nENTRY_BEGIN\nMATCH serial=3\nENTRY_END", Err("skip: MATCH serial=3"));
    }
}
