//! A reply for people: comments begin with `;`, records are lines of a zone file.

use data_encoding::HEXLOWER;
use dns::edns::{EdnsOption, code, ede};
use dns::{Edns, Header, Message, Record, rdata};

use super::exchange::Reply;

/// All of a reply.
pub fn full(reply: &Reply) -> String {
    let message = &reply.message;
    let header = &message.header;
    let mut lines = vec![format!(
        ";; {}  opcode {}  id {}  flags {}",
        header.rcode,
        header.opcode,
        header.id,
        flag_names(header).join(" ")
    )];
    if let Some(edns) = &message.edns {
        lines.extend(edns_lines(edns));
    }
    lines.push(String::new());
    lines.push(";; question".to_string());
    lines.extend(message.questions.iter().map(|q| format!(";  {}  {}  {}", q.name, q.class, q.rtype)));
    let sections =
        [("answer", &message.answers), ("authority", &message.authorities), ("additional", &message.additionals)];
    for (title, records) in sections {
        if !records.is_empty() {
            lines.push(format!("\n;; {title}"));
            lines.extend(record_lines(records));
        }
    }
    lines.push(format!(
        "\n;; {} over {}, {:.1} ms, {} octets",
        reply.server,
        reply.transport,
        reply.elapsed.as_secs_f64() * 1000.0,
        reply.size
    ));
    lines.push(String::new());
    lines.join("\n")
}

/// The data of the answer section, one line each.
pub fn short(message: &Message) -> String {
    message.answers.iter().map(|record| rdata(record) + "\n").collect()
}

/// The flags that are set.
pub fn flag_names(header: &Header) -> Vec<&'static str> {
    let flags = [
        (header.qr, "qr"),
        (header.aa, "aa"),
        (header.tc, "tc"),
        (header.rd, "rd"),
        (header.ra, "ra"),
        (header.z, "z"),
        (header.ad, "ad"),
        (header.cd, "cd"),
    ];
    flags.into_iter().filter_map(|(set, name)| set.then_some(name)).collect()
}

/// The EDNS flags that are set.
pub fn edns_flag_names(edns: &Edns) -> Vec<&'static str> {
    let flags = [(edns.dnssec_ok, "do"), (edns.compact_ok, "co")];
    flags.into_iter().filter_map(|(set, name)| set.then_some(name)).collect()
}

/// What an option is called.
pub fn option_name(option: &EdnsOption) -> String {
    code::name(option.code()).map_or_else(|| format!("OPT{}", option.code()), str::to_string)
}

/// What an option says. What is not plain text is escaped: it comes from outside and goes to a terminal.
pub fn option_text(option: &EdnsOption) -> String {
    match option {
        EdnsOption::Nsid(id) => format!("{} {:?}", HEXLOWER.encode(id), String::from_utf8_lossy(id)),
        EdnsOption::ClientSubnet(s) => format!("{}/{}/{}", s.address, s.source_prefix, s.scope_prefix),
        EdnsOption::Expire(seconds) => seconds.map_or(String::new(), |seconds| format!("{seconds} s")),
        EdnsOption::Cookie { client, server } if server.is_empty() => HEXLOWER.encode(client),
        EdnsOption::Cookie { client, server } => format!("{} {}", HEXLOWER.encode(client), HEXLOWER.encode(server)),
        EdnsOption::Keepalive(timeout) => timeout.map_or(String::new(), |t| format!("{:.1} s", f64::from(t) / 10.0)),
        EdnsOption::Padding(len) => format!("{len} octets"),
        EdnsOption::Chain(name) | EdnsOption::ReportChannel(name) => name.to_string(),
        EdnsOption::KeyTag(tags) => tags.iter().map(u16::to_string).collect::<Vec<_>>().join(" "),
        EdnsOption::ExtendedError { info, text } => {
            let meaning = ede::text(*info).unwrap_or("unknown code");
            if text.is_empty() { format!("{info} {meaning}") } else { format!("{info} {meaning}: {text:?}") }
        }
        EdnsOption::Other { data, .. } => HEXLOWER.encode(data),
    }
}

/// Record data in zone-file form (RFC 1035 5.1), or as octets (RFC 3597 5).
pub fn rdata(record: &Record) -> String {
    let mut out = String::new();
    // A String takes everything.
    let _ = rdata::text::write(record.rtype, &record.rdata, &mut out);
    out
}

fn edns_lines(edns: &Edns) -> Vec<String> {
    let flags = edns_flag_names(edns).join(" ");
    let head = format!(";; EDNS  version {}  udp size {}  flags {flags}", edns.version, edns.udp_size);
    let option = |option: &EdnsOption| format!(";;   {}  {}", option_name(option), option_text(option));
    let lines = std::iter::once(head).chain(edns.options.iter().map(option));
    lines.map(|line| line.trim_end().to_string()).collect()
}

/// Records as columns.
fn record_lines(records: &[Record]) -> Vec<String> {
    let cells: Vec<[String; 4]> = records
        .iter()
        .map(|r| [r.owner.to_string(), r.ttl.to_string(), r.class.to_string(), r.rtype.to_string()])
        .collect();
    let width = |column: usize| cells.iter().map(|cells| cells[column].len()).max().unwrap_or(0);
    let [owner, ttl, class, rtype] = [width(0), width(1), width(2), width(3)];
    let line = |(cells, record): (&[String; 4], &Record)| {
        let [o, t, c, r] = cells;
        format!("{o:<owner$}  {t:>ttl$}  {c:<class$}  {r:<rtype$}  {}", rdata(record)).trim_end().to_string()
    };
    cells.iter().zip(records).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn layout() {
        let want = "\
;; NXDOMAIN  opcode QUERY  id 4660  flags qr aa rd
;; EDNS  version 0  udp size 1232  flags do
;;   NSID  6e7331 \"ns1\"
;;   EDE  15 Blocked: \"list \\u{1b}[1m\"

;; question
;  www.example.  IN  A

;; answer
www.example.    300  IN  CNAME  a.example.
a.example.    86400  IN  A      192.0.2.1

;; authority
example.  60  IN  TYPE65280  \\# 1 AB

;; 192.0.2.53:53 over UDP, 1.2 ms, 99 octets
";
        assert_eq!(full(&sample()), want);
        assert_eq!(short(&sample().message), "a.example.\n192.0.2.1\n");
    }

    #[test]
    fn options() {
        let check = |option: EdnsOption, want: &str| assert_eq!(option_text(&option), want);
        check(EdnsOption::Expire(None), "");
        check(EdnsOption::Expire(Some(9)), "9 s");
        check(EdnsOption::Keepalive(Some(125)), "12.5 s");
        check(EdnsOption::Padding(3), "3 octets");
        check(EdnsOption::KeyTag(vec![1, 20326]), "1 20326");
        check(EdnsOption::Cookie { client: [1; 8], server: vec![2; 8] }, "0101010101010101 0202020202020202");
        check(EdnsOption::ExtendedError { info: 4711, text: String::new() }, "4711 unknown code");
        check(EdnsOption::Other { code: 65001, data: vec![1, 255] }, "01ff");
        assert_eq!(option_name(&EdnsOption::Other { code: 65001, data: vec![] }), "OPT65001");
    }
}
