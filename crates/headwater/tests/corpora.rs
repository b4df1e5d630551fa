//! Third-party cases: the answers of other servers to generated zones, zone file entries with their
//! verdicts, packets of all sorts. They stand in `shared/corpora` beside the repository or above it, if at all, with
//! runners in Python; what their summary lines say is what is asserted.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{Scratch, Server, free_port};

/// The corpora and a Python that runs them; says so if there are none.
fn corpora() -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let Some(directory) = above.map(|above| above.join("shared/corpora")).find(|path| path.is_dir()) else {
        println!("skipped: no corpora");
        return None;
    };
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: no python3");
        return None;
    }
    Some(directory)
}

/// Runs one of the runners; what it printed.
fn run(corpora: &Path, scratch: &Scratch, args: &[&str]) -> String {
    let Output { stdout, stderr, .. } = Command::new("python3")
        .arg(corpora.join(args[0]))
        .args(&args[1..])
        .current_dir(scratch.path())
        .env("TMPDIR", scratch.path())
        .output()
        .expect("python3 runs");
    let (out, errors) = (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr));
    println!("{out}{errors}");
    out
}

/// The number in front of or behind `word` in the first line of `text` with it.
fn number_behind(text: &str, word: &str) -> u64 {
    let rest = text.split_once(word).unwrap_or_else(|| panic!("no `{word}` in:\n{text}")).1;
    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("no number behind `{word}` in:\n{text}"))
}

/// The adapter that tells the runner of the Ferret set how Headwater is started.
const FERRET_ADAPTER: &str = r#"
name = "headwater"
config_file = "headwater.yaml"
config = """
server: { workers: 1, listen: [ { address: "127.0.0.1:{port}", protocols: [udp, tcp] } ] }
data_dir: "{dir}/data"
web: { enabled: false }
resolver: { enabled: false }
zones:
{zones}
"""
zone = "  - { name: \"{origin}\", file: \"{file}\" }\n"
argv = ["HEADWATER", "serve", "--config", "{conf}"]
"#;

#[test]
fn ferret() {
    let Some(corpora) = corpora() else { return };
    let scratch = Scratch::new("ferret");
    let adapter = FERRET_ADAPTER.replace("HEADWATER", env!("CARGO_BIN_EXE_headwater"));
    let adapter = scratch.write("headwater.toml", &adapter);
    let corpus = corpora.join("ferret/sample.jsonl.gz");
    let (corpus, adapter, port) =
        (corpus.display().to_string(), adapter.display().to_string(), free_port().to_string());
    let args = ["run", "--corpus", &corpus, "--only", "v", "--adapter", &adapter, "--port", &port];
    let out = run(&corpora, &scratch, &[&["ferret/run_ferret.py"], &args[..]].concat());
    let core = out.lines().find(|line| line.trim_start().starts_with("valid   core")).expect("a summary");
    let total = number_behind(core, "core");
    assert!(total > 2000, "{core}");
    assert_eq!(number_behind(core, "majority"), total, "{core}");
    assert_eq!((number_behind(core, "no-reply"), number_behind(core, "failed")), (0, 0), "{core}");
}

#[test]
fn zone_file_entries() {
    let Some(corpora) = corpora() else { return };
    let scratch = Scratch::new("zonefile-corpus");
    let corpus = corpora.join("zonefile/zscan.jsonl").display().to_string();
    let check = concat!("'", env!("CARGO_BIN_EXE_headwater"), "' zone check {origin} {file}");
    let out = run(&corpora, &scratch, &["zonefile/zscan.py", "cli", "--corpus", &corpus, "--cmd", check]);
    assert!(number_behind(&out, "'good accepted':") > 200);
    assert!(!out.contains("CRASH"), "{out}");
    // TYPE0, which stands for no type (RFC 6895 3.1); BIND and NSD refuse it, too.
    assert_eq!(number_behind(&out, "'good rejected':"), 1, "{out}");
    // Characters in names that Knot alone, or with NSD, wants escaped; BIND takes them all, and
    // RFC 1035 5.1 gives a meaning of their own to none of them. Blanks inside base64, which RFC 4034 2.2 allows and Knot
    // refuses.
    assert_eq!(number_behind(&out, "'bad accepted':"), 7 + 3, "{out}");
}

/// Replays the packets against a server of the zone they were made for.
fn packets(name: &str, transport: &[&str]) {
    let Some(corpora) = corpora() else { return };
    let scratch = Scratch::new(name);
    let zone = format!("example.={}", corpora.join("packets/example.signed").display());
    let mut server = Server::start(&scratch, &["--zone", &zone]);
    let corpus = corpora.join("packets/packets.jsonl").display().to_string();
    let (port, id) = (server.address.port().to_string(), server.process.id().to_string());
    let args = ["run", "--corpus", &corpus, "--port", &port, "--pid", &id, "--probe", "example"];
    let out = run(&corpora, &scratch, &[&["packets/replay.py"], &args[..], transport].concat());
    assert!(out.contains("invariant violations 0; server alive"), "{out}");
    assert!(server.process.is_running());
}

#[test]
fn packets_over_udp() {
    packets("packets-udp", &[]);
}

#[test]
fn packets_over_tcp() {
    packets("packets-tcp", &["--tcp"]);
}
