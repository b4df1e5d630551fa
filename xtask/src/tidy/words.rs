//! Words that have no business in the tree: paths of one machine, hosts of package registries.

use super::Problem;
use crate::tree::Tree;

/// What must not stand in any file. Each is written in two parts, so that this file may stand in the tree.
const FORBIDDEN: [(&str, &str); 11] = [
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/fa", "rm/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/ho", "me/"), "a path of one machine"),
    (concat!("bash_", "jobs"), "a path of one machine"),
    (concat!("crates", ".io"), "a host of a package registry"),
    (concat!("registry.", "npmjs"), "a host of a package registry"),
    (concat!("pypi", ".org"), "a host of a package registry"),
    (concat!("deb.", "debian"), "a host of a package registry"),
    (concat!("maven", ".org"), "a host of a package registry"),
    (concat!("proxy.", "golang"), "a host of a package registry"),
];

/// Checks every line of every file but lock files, which name the registry by their form.
pub fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| !path.ends_with(".lock")) {
        for (i, line) in text.lines().enumerate() {
            let line = line.to_ascii_lowercase();
            for (word, what) in FORBIDDEN.iter().filter(|(word, _)| line.contains(word)) {
                problems.push(Problem::error(path, i + 1, format!("`{word}` is {what}")));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    #[test]
    fn every_word_is_found_once() {
        for (word, what) in FORBIDDEN {
            let text = format!("fine\nsee x{}y\n", word.to_ascii_uppercase());
            assert_eq!(found(check, &[("docs/a.md", &text)]), format!("docs/a.md:2: `{word}` is {what}\n"));
            assert_eq!(found(check, &[("Cargo.lock", &text)]), "");
        }
    }
}
