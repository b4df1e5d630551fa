//! Tasks of the repository: its laws, generated pages, git hooks, long tests, packages.
#![forbid(unsafe_code)]

mod dist;
mod generated;
mod hooks;
mod long;
mod package;
mod reference;
mod sbom;
mod tidy;
mod tree;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};

use tidy::Severity;
use tree::Tree;

const USAGE: &str = "usage: cargo xtask tidy | docs | hooks | long [NAME] | dist | package deb | sbom
  tidy    check the laws of the house; every problem as `file:line: what`
  docs    write the pages that are generated from code
  hooks   install a git hook that checks style, lints and laws before each commit
  long    run the long forms of the tests, or those whose name contains NAME, and print their figures
  dist    build the program without debug information, and that in a file of its own
  package deb [--program FILE] [--revision N]
          build the Debian package, of a program that is built already if one is given
  sbom    print the bill of materials (SPDX 2.3, JSON)";

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
        ["hooks"] => {
            println!("installed {}", hooks::install(root)?);
            Ok(ExitCode::SUCCESS)
        }
        ["dist"] => {
            println!("{}", dist::build(root)?.display());
            Ok(ExitCode::SUCCESS)
        }
        ["package", "deb", rest @ ..] => {
            println!("{}", package::deb(root, &package::Options::parse(rest)?)?.display());
            Ok(ExitCode::SUCCESS)
        }
        ["sbom"] => {
            print!("{}", sbom::document(root)?);
            Ok(ExitCode::SUCCESS)
        }
        ["long"] => Ok(code(long::run(root, "")?)),
        ["long", part] => Ok(code(long::run(root, part)?)),
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
    code(errors == 0)
}

fn code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
