//! `cargo xtask tidy` checks the laws of the house, `cargo xtask docs` writes the generated pages.
#![forbid(unsafe_code)]

mod generated;
mod tidy;
mod tree;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};

use tidy::Severity;
use tree::Tree;

const USAGE: &str = "usage: cargo xtask tidy | docs
  tidy   check the laws of the house; every problem as `file:line: what`
  docs   write the pages that are generated from code";

fn main() -> anyhow::Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask stands in the root of the tree")?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => Ok(run_tidy(&Tree::read(root)?)),
        ["docs"] => {
            for (path, text) in generated::pages() {
                let file = root.join(path);
                std::fs::write(&file, text).with_context(|| file.display().to_string())?;
            }
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!("{USAGE}"),
    }
}

fn run_tidy(tree: &Tree) -> ExitCode {
    let problems = tidy::check(tree);
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    for problem in &problems {
        println!("{problem}");
    }
    println!("tidy: {} files, {errors} errors, {} warnings", tree.len(), problems.len() - errors);
    if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
