//! `cargo xtask long`: the long forms of tests that `.ci/run` runs in short, and the coverage of all tests.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Context;

/// One run.
struct Step {
    name: &'static str,
    /// Environment variables that make it long.
    variables: &'static [(&'static str, &'static str)],
    /// Words for cargo.
    words: &'static [&'static str],
    /// Lines with one of these are figures to print at the end.
    figures: &'static [&'static str],
}

const STEPS: [Step; 15] = [
    Step {
        name: "simulation",
        variables: &[("HEADWATER_SEEDS", "200000")],
        words: &["test", "--release", "-p", "headwater-resolver", "--test", "simulation", "--", "--nocapture"],
        figures: &["seeds:", "test result:"],
    },
    Step {
        name: "questions",
        variables: &[("HEADWATER_SEEDS", "20000")],
        words: &["test", "--release", "-p", "headwater-resolver", "questions", "--", "--nocapture"],
        figures: &["seeds", "test result: ok. 1"],
    },
    Step {
        name: "kills",
        variables: &[("HEADWATER_CRASH_ROUNDS", "1000")],
        words: &["test", "--release", "-p", "headwater", "--test", "crash", "kills", "--", "--nocapture"],
        figures: &["kills", "test result:"],
    },
    Step {
        name: "servers on one journal",
        variables: &[("HEADWATER_SHARED_ROUNDS", "300")],
        words: &["test", "--release", "-p", "headwater", "--test", "crash", "shared", "--", "--nocapture"],
        figures: &["rounds", "test result:"],
    },
    Step {
        name: "kills while keys are replaced",
        variables: &[("HEADWATER_SIGNING_KILLS", "200")],
        words: &["test", "--release", "-p", "headwater", "--test", "signing", "kills", "--", "--nocapture"],
        figures: &["kills", "test result:"],
    },
    Step {
        name: "figures of a cluster",
        variables: &[],
        words: &[
            "test",
            "--release",
            "-p",
            "headwater",
            "--test",
            "cluster",
            "figures",
            "--",
            "--nocapture",
            "--ignored",
        ],
        figures: &["ms", "changes/s", "queries", "test result:"],
    },
    Step {
        name: "rollovers",
        variables: &[],
        words: &[
            "test",
            "--release",
            "-p",
            "headwater-signer",
            "--test",
            "rollovers",
            "--",
            "--ignored",
            "--nocapture",
        ],
        figures: &["test result:"],
    },
    Step {
        name: "soak",
        variables: &[("HEADWATER_SOAK_CHANGES", "1000000")],
        words: &["test", "--release", "-p", "headwater", "--test", "crash", "soak", "--", "--nocapture"],
        figures: &["KiB", "changes", "test result:"],
    },
    Step {
        name: "reload under load",
        variables: &[("HEADWATER_SOAK_SECONDS", "600")],
        words: &["test", "--release", "-p", "headwater", "--test", "reload_under_load", "--", "--nocapture"],
        figures: &["queries", "test result:"],
    },
    Step {
        name: "reloads of every kind",
        variables: &[("HEADWATER_RELOADS", "1000")],
        words: &["test", "--release", "-p", "headwater", "--test", "config_api", "load", "--", "--nocapture"],
        figures: &["reloads", "test result:"],
    },
    Step {
        name: "differential",
        variables: &[("HEADWATER_DIFFERENTIAL_ZONES", "2000")],
        words: &["test", "--release", "-p", "headwater", "--test", "differential", "--", "--nocapture"],
        figures: &["equal", "test result:"],
    },
    Step {
        name: "resolvers side by side",
        variables: &[("HEADWATER_MATRIX", "1")],
        words: &["test", "--release", "-p", "headwater", "--test", "resolving", "matrix", "--", "--nocapture"],
        figures: &["rows", "without an answer", "test result:"],
    },
    Step {
        name: "requests from the API's description",
        variables: &[("HEADWATER_SCHEMATHESIS_EXAMPLES", "200")],
        words: &["test", "--release", "-p", "headwater", "--test", "schemathesis", "--", "--nocapture"],
        figures: &["Test cases:", "test result:"],
    },
    Step {
        name: "fuzz",
        variables: &[],
        words: &["run", "--release", "-p", "headwater-fuzz", "--", "all", "--seconds", "300"],
        figures: &["inputs"],
    },
    Step {
        name: "coverage",
        variables: &[],
        words: &["llvm-cov", "--workspace", "--locked", "--summary-only"],
        figures: &["TOTAL", "Filename"],
    },
];

/// Runs the steps whose names contain `part`, all of them with an empty one, in the tree at `root`; prints the figures of all at the end.
/// Says whether every step succeeded.
///
/// # Errors
/// cargo cannot be started.
pub fn run(root: &Path, part: &str) -> anyhow::Result<bool> {
    let steps: Vec<&Step> = STEPS.iter().filter(|step| step.name.contains(part)).collect();
    anyhow::ensure!(
        !steps.is_empty(),
        "no step is called `{part}`; there are: {}",
        STEPS.map(|step| step.name).join(", ")
    );
    let mut summary = Vec::new();
    let mut good = true;
    for step in steps {
        println!("== {}", step.name);
        let begin = Instant::now();
        let output = Command::new(env!("CARGO"))
            .args(step.words)
            .envs(step.variables.iter().copied())
            .current_dir(root)
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cargo {}", step.words.join(" ")))?;
        let text = String::from_utf8_lossy(&output.stdout);
        print!("{text}");
        good &= output.status.success();
        let state = if output.status.success() { "good" } else { "FAILED" };
        summary.push(format!("{}: {state}, {} s", step.name, begin.elapsed().as_secs()));
        let figures = text.lines().filter(|line| step.figures.iter().any(|figure| line.contains(figure)));
        summary.extend(figures.map(|line| format!("  {line}")));
    }
    println!("\n== figures\n{}", summary.join("\n"));
    Ok(good)
}
