//! The laws of the house that a program can check. Each check sees the whole tree and reports all that
//! it finds.

mod documents;
mod manifests;
mod modules;
mod rust;
mod schemas;
mod words;

use std::fmt;

use crate::generated;
use crate::tree::Tree;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The check fails.
    Error,
    /// Somebody should look.
    Warning,
}

/// One thing that is against the rules.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// File, relative to the root.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// How bad.
    pub severity: Severity,
}

impl Problem {
    fn error(file: &str, line: usize, what: impl Into<String>) -> Problem {
        Problem { file: file.to_owned(), line, what: what.into(), severity: Severity::Error }
    }

    fn warning(file: &str, line: usize, what: impl Into<String>) -> Problem {
        Problem { severity: Severity::Warning, ..Problem::error(file, line, what) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let warning = if self.severity == Severity::Warning { "warning: " } else { "" };
        write!(f, "{}:{}: {warning}{}", self.file, self.line, self.what)
    }
}

/// All problems of the tree, in the order of the files.
pub fn check(tree: &Tree) -> Vec<Problem> {
    let checks: [fn(&Tree) -> Vec<Problem>; 7] = [
        manifests::check,
        modules::check,
        rust::check,
        schemas::check,
        words::check,
        documents::check,
        generated_pages,
    ];
    let mut problems: Vec<Problem> = checks.iter().flat_map(|check| check(tree)).collect();
    problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    problems
}

/// What is generated from code is what the code says now.
fn generated_pages(tree: &Tree) -> Vec<Problem> {
    let stale = generated::pages().into_iter().filter(|(path, text)| tree.get(path) != Some(text));
    stale.map(|(path, _)| Problem::error(path, 1, "not up to date: `cargo xtask docs`")).collect()
}

/// The problems that `check` finds in `files`, one a line.
#[cfg(test)]
fn found(check: fn(&Tree) -> Vec<Problem>, files: &[(&str, &str)]) -> String {
    check(&Tree::of(files)).iter().map(|problem| format!("{problem}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_pages_are_found() {
        let pages = generated::pages();
        let good = pages.each_ref().map(|(path, text)| (*path, text.as_str()));
        assert_eq!(found(generated_pages, &good), "");
        let mut stale = good;
        stale[0].1 = "old";
        assert_eq!(found(generated_pages, &stale), format!("{}:1: not up to date: `cargo xtask docs`\n", stale[0].0));
    }
}
