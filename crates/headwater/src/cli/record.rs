//! `headwater record set|add|delete`: the records of one owner and type, changed with one command.

use std::io::Write;

use clap::{Args, Subcommand};
use dns::rdata::{field::Field, table, text};
use dns::scan::Scanner;
use dns::{Name, NameBuf, RType};
use serde_json::{Map, Value, json};

use super::client::{Client, Directory, Refused, path, target};
use super::{NodeArgs, show};

/// What to do with records.
#[derive(Debug, Subcommand)]
pub enum RecordCommand {
    /// Make these the only records of the name and type.
    Set(ValuesArgs),
    /// Add records to those of the name and type.
    Add(ValuesArgs),
    /// Delete these records; without a value, all records of the name and type.
    Delete(DeleteArgs),
}

/// Which records, and how the change is made.
#[derive(Debug, Args)]
pub struct Target {
    /// Name of the zone.
    #[arg(value_parser = super::zone::zone_name)]
    pub zone: NameBuf,
    /// Owner of the records: `@` for the zone's name, relative to the zone, or absolute with a final dot.
    #[arg(value_name = "NAME")]
    pub owner: String,
    /// Type of the records, such as A, MX or TXT.
    #[arg(value_name = "TYPE", value_parser = record_type)]
    pub rtype: RType,
}

/// How the change is made.
#[derive(Debug, Args)]
pub struct How {
    /// Why, for the history.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub why: String,
    /// Only print what would change.
    #[arg(long)]
    pub dry_run: bool,
    /// End when these servers of the cluster have served the change: `all`, `quorum`, or a number of them; prints which have.
    #[arg(long, value_name = "SERVERS", conflicts_with = "dry_run")]
    pub wait: Option<String>,
    /// Wait so long at most, in milliseconds; the change stays made.
    #[arg(long, value_name = "N", requires = "wait")]
    pub timeout_ms: Option<u64>,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Records to set or add.
#[derive(Debug, Args)]
pub struct ValuesArgs {
    #[command(flatten)]
    target: Target,
    /// Data of a record as in a zone file, one VALUE each: `192.0.2.1`, `"10 mail"`. A single record may also be given
    /// in several words: `10 mail`. Each VALUE of a TXT record is its text, without quotes. One that begins with `-` stands
    /// behind `--`.
    #[arg(value_name = "VALUE", required = true)]
    values: Vec<String>,
    /// Time to live in seconds; without it, that of the records there, or 3600.
    #[arg(long, value_name = "N")]
    ttl: Option<u32>,
    #[command(flatten)]
    how: How,
}

/// Records to delete.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    #[command(flatten)]
    target: Target,
    /// Data of a record to delete, as for `set`; without one, all records of the name and type.
    #[arg(value_name = "VALUE")]
    values: Vec<String>,
    #[command(flatten)]
    how: How,
}

/// Changes records and prints what became of the change.
///
/// # Errors
/// As of [`Client`]; every fault of a value.
pub fn run(command: &RecordCommand, out: &mut impl Write) -> anyhow::Result<()> {
    let (target, how) = match command {
        RecordCommand::Set(args) | RecordCommand::Add(args) => (&args.target, &args.how),
        RecordCommand::Delete(args) => (&args.target, &args.how),
    };
    let (method, body) = request(command);
    let outcome = send(target, how, method, &body)?;
    if how.dry_run {
        show::diff(out, &outcome)?;
    }
    show::outcome(out, &outcome)?;
    show::receipts(out, &outcome)?;
    anyhow::ensure!(
        outcome["wait_met"] != json!(false),
        "the change is made, but not all who were waited for serve it yet"
    );
    Ok(())
}

/// The method and the body of the request that does what `command` says.
fn request(command: &RecordCommand) -> (&'static str, Value) {
    let body = |key: &str, target: &Target, values: &[String], ttl: Option<u32>| {
        let mut body = Map::new();
        body.insert(key.into(), json!(records(target.rtype, &target.zone, values)));
        body.extend(ttl.map(|ttl| ("ttl".into(), json!(ttl))));
        Value::Object(body)
    };
    match command {
        RecordCommand::Set(args) => ("PUT", body("records", &args.target, &args.values, args.ttl)),
        RecordCommand::Add(args) => ("PATCH", body("add", &args.target, &args.values, args.ttl)),
        RecordCommand::Delete(args) if args.values.is_empty() => ("DELETE", Value::Null),
        RecordCommand::Delete(args) => ("PATCH", body("remove", &args.target, &args.values, None)),
    }
}

fn send(on: &Target, how: &How, method: &str, body: &Value) -> anyhow::Result<Value> {
    let client = Client::find(&how.node, Directory::Existing)?;
    let rrset = path(&["zones", &on.zone.to_string(), "rrsets", &on.owner, &on.rtype.to_string()]);
    let mut query = vec![("why", how.why.as_str())];
    query.extend(how.dry_run.then_some(("dry_run", "true")));
    let timeout_ms = how.timeout_ms.map(|timeout_ms| timeout_ms.to_string());
    query.extend(how.wait.as_deref().map(|servers| ("wait", servers)));
    query.extend(timeout_ms.as_deref().map(|timeout_ms| ("timeout_ms", timeout_ms)));
    client.call(method, &target(&rrset, &query), body).map_err(|error| match error.downcast::<Refused>() {
        Ok(Refused { status, problems }) => {
            let problems = problems.iter().map(|problem| naming_value(problem, body)).collect();
            Refused { status, problems }.into()
        }
        Err(error) => error,
    })
}

/// The problem with the value that it is about instead of its place in the body, such as `add/0`: whoever typed the
/// value has not seen the body.
fn naming_value(problem: &str, body: &Value) -> String {
    let named = || {
        let (place, detail) = problem.split_once(": ")?;
        let mut steps = place.split('/');
        let record = body.get(steps.next()?)?.get(steps.next()?.parse::<usize>().ok()?)?;
        let value = record.as_str().or_else(|| record["text"][0].as_str())?;
        Some(format!("`{value}`: {detail}"))
    };
    named().unwrap_or_else(|| problem.to_owned())
}

fn record_type(text: &str) -> Result<RType, String> {
    RType::from_text(text.as_bytes()).ok_or_else(|| format!("`{text}` is not a record type (`A`, `MX`, `TYPE65280`)"))
}

/// The values as the API takes them: one record each, unless only all of them together make one.
fn records(rtype: RType, zone: &Name, values: &[String]) -> Vec<Value> {
    if is_text(rtype) {
        let plain = |value: &String| if value.starts_with('"') { json!(value) } else { json!({"text": [value]}) };
        return values.iter().map(plain).collect();
    }
    let whole = values.join(" ");
    let is_one = values.iter().any(|value| !is_record(rtype, zone, value)) && is_record(rtype, zone, &whole);
    if is_one { vec![json!(whole)] } else { values.iter().map(|value| json!(value)).collect() }
}

/// Whether the data of the type is nothing but text.
fn is_text(rtype: RType) -> bool {
    table::by_type(rtype).is_some_and(|def| matches!(def.fields, [only] if only.field == Field::CharStrings))
}

fn is_record(rtype: RType, zone: &Name, value: &str) -> bool {
    text::scan(rtype, &mut Scanner::new(value.as_bytes()), zone, &mut Vec::new()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_records_or_words_of_one() {
        let zone: NameBuf = "example.org".parse().expect("name");
        let check = |rtype: RType, values: &[&str], want: Value| {
            let values: Vec<String> = values.iter().map(|value| value.to_string()).collect();
            assert_eq!(json!(records(rtype, &zone, &values)), want, "{values:?}");
        };
        check(RType::A, &["192.0.2.1", "192.0.2.2"], json!(["192.0.2.1", "192.0.2.2"]));
        check(RType::MX, &["10 mail", "20 mail2"], json!(["10 mail", "20 mail2"]));
        check(RType::MX, &["10", "mail"], json!(["10 mail"]));
        check(RType::NS, &["10", "20"], json!(["10", "20"]));
        // What is wrong either way goes to the server as it is, which says what is wrong with each value.
        check(RType::A, &["192.0.2.1", "x"], json!(["192.0.2.1", "x"]));
        check(RType::TXT, &["v=spf1 -all; x"], json!([{"text": ["v=spf1 -all; x"]}]));
        check(RType::TXT, &["\"a b\" c"], json!(["\"a b\" c"]));
    }

    #[test]
    fn problems_name_the_value() {
        let body = json!({"add": ["192.0.2.1", {"text": ["a: b"]}], "ttl": 60});
        let check = |problem: &str, want: &str| assert_eq!(naming_value(problem, &body), want);
        check("add/0: no address", "`192.0.2.1`: no address");
        check("add/1/text/0: too long: 256", "`a: b`: too long: 256");
        for other in ["add/2: x", "remove/0: x", "ttl: too large", "zone example. is not here", "add/x: y"] {
            check(other, other);
        }
    }
}
