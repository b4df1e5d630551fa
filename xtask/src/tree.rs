//! The repository as the checks see it: paths and text of its files, and the packages that the server is
//! built from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

/// A package that the `headwater` binary is built from.
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its licence, as the package states it.
    pub licence: String,
}

/// The repository.
pub struct Tree {
    /// Paths relative to the root, with `/`, and the text of each file.
    files: BTreeMap<String, String>,
    /// What the binary is built from, ours included, what only tests use left out.
    pub packages: Vec<Package>,
}

impl Tree {
    /// Reads every file that git knows or would take, from the checkout at `root`.
    pub fn read(root: &Path) -> anyhow::Result<Tree> {
        Ok(Tree { files: files(root)?, packages: packages(root)? })
    }

    /// A tree of these files.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Tree {
        let files = files.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect();
        Tree { files, packages: Vec::new() }
    }

    /// All files.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The text of one file.
    pub fn get(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Whether `path` is a file, or a directory with a file in it.
    pub fn has(&self, path: &str) -> bool {
        let directory = format!("{}/", path.trim_end_matches('/'));
        self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(&directory))
    }

    /// Number of files.
    pub fn len(&self) -> usize {
        self.files.len()
    }
}

fn files(root: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    // Whoever owns the checkout, only names of files are asked for.
    let words = ["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let mut files = BTreeMap::new();
    for path in output(root, "git", &words)?.split_terminator('\0') {
        match std::fs::read(root.join(path)) {
            Ok(bytes) => drop(files.insert(path.to_owned(), String::from_utf8_lossy(&bytes).into_owned())),
            // Removed, but the index still has it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).context(path.to_owned()),
        }
    }
    Ok(files)
}

fn packages(root: &Path) -> anyhow::Result<Vec<Package>> {
    let listing = built_from(root, "--format={p}\t{l}")?;
    let lines: BTreeSet<&str> = listing.lines().collect();
    let package = |line: &&str| {
        let (package, licence) = line.split_once('\t')?;
        let (name, _version) = package.split_once(' ')?;
        Some(Package { name: name.to_owned(), licence: licence.to_owned() })
    };
    Ok(lines.iter().filter_map(package).collect())
}

/// A line for each package that the binary is built from, as Cargo resolves its features.
fn built_from(root: &Path, format: &str) -> anyhow::Result<String> {
    let words = ["tree", "--locked", "-p", "headwater", "-e", "normal,build", "--prefix=none", "--no-dedupe"];
    output(root, env!("CARGO"), &[&words[..], &[format]].concat())
}

/// Name and version of each package that the binary is built from.
pub fn shipped(root: &Path) -> anyhow::Result<BTreeSet<(String, String)>> {
    let listing = built_from(root, "--format={p}")?;
    let package = |line: &str| {
        let mut words = line.split(' ');
        Some((words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
    };
    Ok(listing.lines().filter_map(package).collect())
}

/// What a command prints.
pub fn output(root: &Path, program: &str, words: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(words).current_dir(root).output().with_context(|| program.to_owned())?;
    ensure!(output.status.success(), "{program} {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
