//! Documents: what they name exists, and docs/status.md, docs/rfcs.md and the list of decisions are complete.

use std::collections::BTreeSet;

use super::Problem;
use crate::generated::RECORD_TYPES;
use crate::tree::Tree;

const STATUS: &str = "docs/status.md";
const RFCS: &str = "docs/rfcs.md";
const DECISIONS: &str = "docs/decisions/";
/// The highest section of the specification.
const LAST_SECTION: usize = 17;

/// Checks every Markdown file.
pub fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| path.ends_with(".md")) {
        for (i, line) in text.lines().enumerate() {
            let missing = references(line).filter_map(|reference| missing(tree, reference));
            let broken = links(line).filter_map(|link| broken(tree, path, link));
            problems.extend(missing.chain(broken).map(|what| Problem::error(path, i + 1, what)));
        }
    }
    problems.extend(status(tree.get(STATUS).unwrap_or_default()));
    problems.extend(rfcs(tree));
    problems.extend(decisions(tree));
    problems
}

/// A file, or a function in it, that a document names: `crates/dns/src/name.rs::text_errors`.
#[derive(Clone, Copy)]
struct Reference<'a> {
    path: &'a str,
    function: Option<&'a str>,
}

/// What stands between backticks and begins with a directory of ours.
fn references(line: &str) -> impl Iterator<Item = Reference<'_>> {
    const DIRECTORIES: [&str; 11] = [
        "crates/",
        "docs/",
        "testdata/",
        "examples/",
        "fuzz/",
        "bench/",
        "deploy/",
        "xtask/",
        ".ci/",
        "web/",
        ".cargo/",
    ];
    let code = line.split('`').skip(1).step_by(2);
    code.filter(|code| {
        DIRECTORIES.iter().any(|directory| code.starts_with(directory)) && !code.contains([' ', '*', '<'])
    })
    .map(|code| match code.split_once("::") {
        Some((path, function)) => Reference { path, function: Some(function) },
        None => Reference { path: code, function: None },
    })
}

fn missing(tree: &Tree, reference: Reference<'_>) -> Option<String> {
    let Reference { path, function } = reference;
    if !tree.has(path) {
        return Some(format!("there is no `{path}`"));
    }
    let function = function?;
    let there = tree.get(path).is_some_and(|text| text.contains(&format!("fn {function}(")));
    (!there).then(|| format!("there is no `{function}` in `{path}`"))
}

/// The targets of `[text](target)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// What is wrong with a link in the file `from`; outside ones are not followed.
fn broken(tree: &Tree, from: &str, link: &str) -> Option<String> {
    let target = link.split('#').next().unwrap_or(link);
    if target.is_empty() || target.contains(':') {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    (!tree.has(&path)).then(|| format!("the link to `{path}` leads nowhere"))
}

/// Every section has a row, no row stands twice, every row has a state, and every state but "not yet" a proof.
fn status(text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let (mut seen, mut rows) = (BTreeSet::new(), BTreeSet::new());
    for (i, line) in text.lines().enumerate() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, section, _, state, proof, _] = cells[..] else { continue };
        let Some(number) = section.split('.').next().and_then(|number| number.parse::<usize>().ok()) else { continue };
        seen.insert(number);
        let is_first = rows.insert(section);
        let mut error = |what: String| problems.push(Problem::error(STATUS, i + 1, what));
        if !is_first {
            error(format!("{section} has two rows"));
        }
        match state {
            "works" | "partly" if references(proof).next().is_none() => {
                error(format!("{section} is said to work and names no test"));
            }
            "works" | "partly" | "not yet" => {}
            other => error(format!("{section}: the state `{other}` is none of: works, partly, not yet")),
        }
    }
    let absent = (0..=LAST_SECTION).filter(|number| !seen.contains(number));
    problems.extend(absent.map(|number| Problem::error(STATUS, 1, format!("section {number} has no row"))));
    problems
}

/// Every RFC that the server's code cites stands in docs/rfcs.md, or defines a record type.
fn rfcs(tree: &Tree) -> Vec<Problem> {
    let numbers = |path| tree.get(path).map_or_else(BTreeSet::new, |text| text.lines().flat_map(cited).collect());
    let (listed, types) = (numbers(RFCS), numbers(RECORD_TYPES));
    let mut problems = Vec::new();
    let mut reported = BTreeSet::new();
    let source = |path: &str| path.starts_with("crates/") && path.contains("/src/") && path.ends_with(".rs");
    for (path, text) in tree.files().filter(|(path, _)| source(path)) {
        for (i, line) in text.lines().enumerate() {
            for number in cited(line) {
                if !listed.contains(&number) && !types.contains(&number) && reported.insert(number) {
                    problems.push(Problem::error(path, i + 1, format!("RFC {number} is not in {RFCS}")));
                }
            }
        }
    }
    problems
}

/// Every decision record is in the list of them.
fn decisions(tree: &Tree) -> Vec<Problem> {
    let list = tree.get(&format!("{DECISIONS}README.md")).unwrap_or_default();
    let records = tree.files().filter_map(|(path, _)| Some((path, path.strip_prefix(DECISIONS)?)));
    let unlisted = records.filter(|(_, name)| *name != "README.md" && !list.contains(&format!("({name})")));
    unlisted.map(|(path, _)| Problem::error(path, 1, format!("is not in the list of {DECISIONS}README.md"))).collect()
}

/// The numbers behind `RFC `.
fn cited(line: &str) -> impl Iterator<Item = u32> {
    line.split("RFC ").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    const CODE: (&str, &str) = ("crates/dns/src/a.rs", "/// RFC 1035 3.1.\n#[test]\nfn works() {}\n");

    fn whole_status() -> String {
        (0..=LAST_SECTION).map(|number| format!("| {number} | x | works | `crates/dns/src/a.rs::works` |\n")).collect()
    }

    fn finds(document: (&str, &str), want: &str) {
        let status = whole_status();
        let mut files = vec![(STATUS, status.as_str()), (RFCS, "| RFC 1035 | x |\n"), CODE];
        files.retain(|(path, _)| *path != document.0);
        files.push(document);
        assert_eq!(found(check, &files), want, "{document:?}");
    }

    #[test]
    fn what_documents_name() {
        finds(("README.md", "`crates/dns/src/a.rs`, `crates/dns`, `crates/dns/src/a.rs::works`, `a/b`"), "");
        finds(("README.md", "\n`crates/x.rs`"), "README.md:2: there is no `crates/x.rs`\n");
        let want = "README.md:1: there is no `gone` in `crates/dns/src/a.rs`\n";
        finds(("README.md", "`crates/dns/src/a.rs::gone`"), want);
    }

    #[test]
    fn where_links_lead() {
        finds(("docs/a.md", "[a](rfcs.md#x) [b](../crates/dns/) [c](https://example.org/) [d](#e)"), "");
        finds(("docs/a.md", "[a](b.md)"), "docs/a.md:1: the link to `docs/b.md` leads nowhere\n");
    }

    #[test]
    fn rows_of_the_status() {
        let row = |row: &str| whole_status().replace("| 3 | x | works | `crates/dns/src/a.rs::works` |\n", row);
        finds((STATUS, &row("| 3.1 | x | not yet | |\n")), "");
        finds((STATUS, &row("")), "docs/status.md:1: section 3 has no row\n");
        finds(
            (STATUS, &row("| 3.1 | x | not yet | |\n| 3.1 | y | not yet | |\n")),
            "docs/status.md:5: 3.1 has two rows\n",
        );
        finds((STATUS, &row("| 3 | x | works | sure |\n")), "docs/status.md:4: 3 is said to work and names no test\n");
        let want = "docs/status.md:4: 3: the state `soon` is none of: works, partly, not yet\n";
        finds((STATUS, &row("| 3 | x | soon | |\n")), want);
    }

    #[test]
    fn listed_decisions() {
        let record = ("docs/decisions/0001-x.md", "# 0001");
        let listed = |list| {
            let problems = decisions(&Tree::of(&[record, ("docs/decisions/README.md", list)]));
            problems.first().map(ToString::to_string)
        };
        assert_eq!(listed("| [0001](0001-x.md) | x |"), None);
        let want = "docs/decisions/0001-x.md:1: is not in the list of docs/decisions/README.md";
        assert_eq!(listed("").as_deref(), Some(want));
    }

    #[test]
    fn cited_rfcs() {
        finds((RFCS, "RFC 1034, RFC 10356"), "crates/dns/src/a.rs:1: RFC 1035 is not in docs/rfcs.md\n");
        finds((RFCS, "RFC 1035: 3.1"), "");
    }
}
