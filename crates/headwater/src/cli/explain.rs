//! `headwater explain NAME [TYPE]`: how the running server answers a question, step by step.

use std::io::{self, Write};

use clap::Args;
use serde_json::Value;

use super::NodeArgs;
use super::client::{self, Client};
use super::show::{cell, printable};

/// What to explain.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// The name.
    pub name: String,
    /// The type.
    #[arg(default_value = "A")]
    pub rtype: String,
    /// Also show data that does not validate.
    #[arg(long)]
    pub checking_disabled: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Prints the steps and the answer.
///
/// # Errors
/// No running server, and what it refuses.
pub fn run(args: &ExplainArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let mut query = vec![("name", args.name.as_str()), ("type", args.rtype.as_str())];
    query.extend(args.checking_disabled.then_some(("checking_disabled", "true")));
    let explained = Client::server(&args.node)?.get(&client::target("/api/v1/explain", &query))?;
    if args.json {
        return Ok(writeln!(out, "{explained:#}")?);
    }
    Ok(print(out, &explained)?)
}

fn print(out: &mut impl Write, explained: &Value) -> io::Result<()> {
    for step in explained["steps"].as_array().into_iter().flatten() {
        let at_ms = step["at_us"].as_u64().unwrap_or(0) as f64 / 1000.0;
        let indent = "  ".repeat(step["depth"].as_u64().unwrap_or(0).min(20) as usize);
        writeln!(out, "{at_ms:10.3} ms  {indent}{}", printable(&describe(step)))?;
    }
    writeln!(out)?;
    let elapsed_ms = explained["elapsed_us"].as_u64().unwrap_or(0) as f64 / 1000.0;
    let (rcode, security) = (cell(&explained["rcode"]), cell(&explained["security"]));
    writeln!(out, "{rcode}, {security}, {} ({elapsed_ms:.3} ms)", answered_by(explained))?;
    if let Some(text) = explained["reason"]["text"].as_str() {
        let code = cell(&explained["reason"]["code"]);
        writeln!(out, "because: {} (EDE {code})", printable(text))?;
    }
    for (section, mark) in [("answers", ""), ("authorities", "; ")] {
        for record in explained[section].as_array().into_iter().flatten() {
            let [name, ttl, rtype, data] = ["name", "ttl", "type", "data"].map(|key| printable(&cell(&record[key])));
            writeln!(out, "{mark}{name} {ttl} IN {rtype} {data}")?;
        }
    }
    Ok(())
}

/// Who had the answer, in words.
fn answered_by(explained: &Value) -> String {
    let of = explained["zone"].as_str().map_or(String::new(), |zone| format!(" {zone}"));
    match explained["answered_by"].as_str() {
        Some("zone") => format!("from our own zone{of}"),
        Some("special") => "a special name, answered here".to_owned(),
        Some("cache") => "from the cache".to_owned(),
        Some("forwarders") => format!("from the forwarders of{of}"),
        Some("servers") => format!("from the servers of{of}"),
        _ => "from nobody".to_owned(),
    }
}

/// One step in words.
fn describe(step: &Value) -> String {
    let text = |key: &str| cell(&step[key]);
    let question = || format!("{} {}", text("name"), text("type"));
    match step["step"].as_str() {
        Some("begin") => format!("{}:", question()),
        Some("cache") => {
            format!("cache: {}: {}, {}, {} s left", question(), text("result"), text("security"), text("ttl"))
        }
        Some("local") => match step["zone"].as_str() {
            Some(zone) => format!("own zone {zone}: {}", question()),
            None => format!("special name: {}", question()),
        },
        Some("zone") => format!("zone {}", text("zone")),
        Some("exchange") => {
            let server = match step["server_name"].as_str() {
                Some(name) => format!("{name} ({})", text("server")),
                None => text("server"),
            };
            let elapsed_ms = step["elapsed_us"].as_u64().unwrap_or(0) as f64 / 1000.0;
            let rcode = step["rcode"].as_str().map_or(String::new(), |rcode| format!(", {rcode}"));
            let (asked, how, result) = (question(), text("transport"), text("result"));
            format!("{server} {how}: {asked}: {result}{rcode} ({elapsed_ms:.3} ms)")
        }
        Some("validation") => format!("validation: {}: {}: {}", question(), text("security"), text("result")),
        Some("alias") => format!("alias of {}", text("name")),
        Some("end") => format!("= {}, {}", text("rcode"), text("security")),
        _ => step.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn steps_are_lines() {
        let explained = json!({
            "name": "www.example.", "type": "A", "answered_by": "servers", "zone": "example.", "rcode": "NOERROR",
            "security": "bogus", "reason": {"code": 7, "text": "expired\u{1b}"}, "elapsed_us": 12345,
            "answers": [{"name": "www.example.", "type": "A", "ttl": 60, "data": "192.0.2.1"}], "authorities": [],
            "steps": [
                {"at_us": 0, "depth": 0, "step": "begin", "name": "www.example.", "type": "A"},
                {"at_us": 1500, "depth": 1, "step": "exchange", "name": "www.example.", "type": "A", "server": "192.0.2.53:53",
                 "server_name": "ns.example.", "transport": "udp", "elapsed_us": 1000, "result": "answer", "rcode": "NOERROR"},
                {"at_us": 2000, "depth": 0, "step": "local", "name": "x.home.arpa.", "type": "A"},
            ],
        });
        let mut out = Vec::new();
        print(&mut out, &explained).expect("written");
        let want = "\x20    0.000 ms  www.example. A:\n\
                    \x20    1.500 ms    ns.example. (192.0.2.53:53) udp: www.example. A: answer, NOERROR (1.000 ms)\n\
                    \x20    2.000 ms  special name: x.home.arpa. A\n\n\
                    NOERROR, bogus, from the servers of example. (12.345 ms)\n\
                    because: expired  (EDE 7)\nwww.example. 60 IN A 192.0.2.1\n";
        assert_eq!(String::from_utf8_lossy(&out), want);
    }
}
