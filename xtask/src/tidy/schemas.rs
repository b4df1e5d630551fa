//! Names of JSON forms of the API. Its description has one entry for each name: of two forms with one name it would
//! describe one, and say the same of the other.

use std::collections::HashMap;

use super::Problem;
use crate::tree::Tree;

/// What a form is derived with.
const DERIVED: &str = "ToSchema";

/// Reports every form whose name another one has already.
pub fn check(tree: &Tree) -> Vec<Problem> {
    let mut first: HashMap<String, String> = HashMap::new();
    let mut problems = Vec::new();
    let sources = tree.files().filter(|(path, _)| path.starts_with("crates/") && path.ends_with(".rs"));
    for (path, text) in sources {
        for (line, name) in forms(text) {
            match first.get(&name) {
                None => drop(first.insert(name, format!("{path}:{line}"))),
                Some(other) => {
                    let what = format!("`{name}` is also the name of the JSON form in {other}: give it another one");
                    problems.push(Problem::error(path, line, what));
                }
            }
        }
    }
    problems
}

/// The forms of a file, with their lines: types behind an attribute that derives one.
fn forms(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut derived = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        derived |= line.trim_start().starts_with("#[derive(") && line.contains(DERIVED);
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        let is_type = words.any(|word| word == "struct" || word == "enum");
        let name = words.next().filter(|_| is_type && !line.trim_start().starts_with("//"))?;
        std::mem::take(&mut derived).then(|| (at + 1, name.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    #[test]
    fn two_forms_of_one_name_are_found() {
        let form =
            |name: &str| format!("/// A struct.\n#[derive(Debug, ToSchema)]\n#[serde(x)]\npub struct {name} {{\n}}\n");
        let plain = "#[derive(Debug)]\nstruct TopOut;\nenum A {}\n#[derive(ToSchema)]\nenum B {}\n";
        let files = [
            ("crates/api/src/a.rs", &*form("TopOut")),
            ("crates/api/src/b.rs", &*form("TopOut")),
            ("crates/api/src/c.rs", plain),
            ("xtask/src/d.rs", &*form("TopOut")),
        ];
        let want = "crates/api/src/b.rs:4: `TopOut` is also the name of the JSON form in crates/api/src/a.rs:4: give it \
                    another one\n";
        assert_eq!(found(check, &files), want);
    }
}
