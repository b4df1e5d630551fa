//! Cargo manifests: who may depend on whom, a reason for every dependency, and what the server must not be
//! built from.

use super::Problem;
use crate::tree::{Package, Tree};

/// Our crates and those of ours that each may use, from the lowest layer to the highest.
const LAYERS: [(&str, &[&str]); 18] = [
    ("headwater-dns", &[]),
    ("headwater-dnssec", &["headwater-dns"]),
    ("headwater-zone", &["headwater-dns", "headwater-dnssec"]),
    ("headwater-signer", &["headwater-dns", "headwater-dnssec", "headwater-zone"]),
    ("headwater-resolver", &["headwater-dns", "headwater-dnssec"]),
    ("headwater-simulator", &["headwater-dns", "headwater-resolver"]),
    ("headwater-policy", &["headwater-dns"]),
    ("headwater-journal", &["headwater-dns", "headwater-dnssec", "headwater-zone"]),
    // Under this name rdkafka finds it.
    (OPENSSL, &[]),
    ("headwater-journal-kafka", &["headwater-dnssec", "headwater-journal"]),
    (
        "headwater-server",
        &["headwater-dns", "headwater-dnssec", "headwater-zone", "headwater-resolver", "headwater-policy"],
    ),
    (
        "headwater-telemetry",
        &[
            "headwater-dns",
            "headwater-dnssec",
            "headwater-zone",
            "headwater-resolver",
            "headwater-server",
            "headwater-policy",
        ],
    ),
    ("headwater-alerts", &["headwater-dnssec"]),
    (
        "headwater-access",
        &["headwater-dns", "headwater-dnssec", "headwater-zone", "headwater-journal", "headwater-server"],
    ),
    (
        "headwater-config",
        &[
            "headwater-alerts",
            "headwater-dns",
            "headwater-dnssec",
            "headwater-zone",
            "headwater-signer",
            "headwater-resolver",
            "headwater-server",
            "headwater-policy",
            "headwater-telemetry",
        ],
    ),
    (
        "headwater-node",
        &[
            "headwater-dns",
            "headwater-dnssec",
            "headwater-zone",
            "headwater-signer",
            "headwater-resolver",
            "headwater-journal",
            "headwater-journal-kafka",
            "headwater-alerts",
            "headwater-telemetry",
            "headwater-server",
            "headwater-policy",
            "headwater-access",
            "headwater-config",
        ],
    ),
    (
        "headwater-api",
        &[
            "headwater-dns",
            "headwater-dnssec",
            "headwater-zone",
            "headwater-signer",
            "headwater-resolver",
            "headwater-journal",
            "headwater-alerts",
            "headwater-telemetry",
            "headwater-server",
            "headwater-policy",
            "headwater-access",
            "headwater-config",
            "headwater-node",
        ],
    ),
    (
        "headwater",
        &[
            "headwater-dns",
            "headwater-dnssec",
            "headwater-zone",
            "headwater-signer",
            "headwater-resolver",
            "headwater-simulator",
            "headwater-journal",
            "headwater-journal-kafka",
            "headwater-alerts",
            "headwater-telemetry",
            "headwater-server",
            "headwater-policy",
            "headwater-access",
            "headwater-config",
            "headwater-node",
            "headwater-api",
        ],
    ),
];

/// What the tests of a crate use of a layer above it. Unit tests cannot: they would get the crate's types twice.
const TESTS_USE: [(&str, &str); 1] = [("headwater-resolver", "headwater-simulator")];

const LOCK: &str = "Cargo.lock";
/// The package in whose place `crates/kafka-tls` stands.
const OPENSSL: &str = "openssl-sys";

/// Packages that the server must not be built from, and why.
const BANNED: [(&str, &str); 1] = [("ring", "rustls would have two crypto providers; aws-lc-rs is ours")];

/// Licences that ask for no more than a notice.
const LICENCES: [&str; 11] = [
    "CC0-1.0",
    "0BSD",
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unlicense",
    "Unicode-3.0",
];

/// Checks every manifest, and what the server is built from.
pub fn check(tree: &Tree) -> Vec<Problem> {
    let manifests = tree.files().filter(|(path, _)| *path == "Cargo.toml" || path.ends_with("/Cargo.toml"));
    let mut problems: Vec<Problem> = manifests.flat_map(|(path, text)| manifest(path, text)).collect();
    problems.extend(tree.get(LOCK).and_then(with_openssl));
    problems.extend(tree.packages.iter().filter_map(|package| unwanted(package, tree.get(LOCK).unwrap_or_default())));
    problems
}

/// A line that names a dependency.
struct Dependency<'a> {
    line: usize,
    name: &'a str,
    /// Whether a comment stands above it; crates of this tree in a row may share one.
    explained: bool,
    /// Whether only tests have it.
    of_tests: bool,
}

fn manifest(path: &str, text: &str) -> Vec<Problem> {
    let (package, dependencies) = read(text);
    let mut problems = Vec::new();
    for dependency in dependencies.iter().filter(|dependency| !dependency.explained) {
        let what = format!("`{}` has no comment above it that says what it is for", dependency.name);
        problems.push(Problem::error(path, dependency.line, what));
    }
    if !path.starts_with("crates/") {
        return problems;
    }
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == package) else {
        problems.push(Problem::error(
            path,
            1,
            format!("`{package}` is a new crate: decision record, then xtask's table"),
        ));
        return problems;
    };
    let ours = |name: &str| LAYERS.iter().any(|(ours, _)| *ours == name);
    for dependency in dependencies.iter().filter(|dependency| ours(dependency.name)) {
        let in_tests = dependency.of_tests && TESTS_USE.contains(&(package, dependency.name));
        if !allowed.contains(&dependency.name) && !in_tests {
            let what = format!("`{package}` may not use `{}`: it is not a layer below", dependency.name);
            problems.push(Problem::error(path, dependency.line, what));
        }
    }
    problems
}

/// The package's name, empty for a workspace, and its dependencies of every kind.
fn read(text: &str) -> (&str, Vec<Dependency<'_>>) {
    let (mut package, mut table, mut open, mut above) = ("", "", 0i32, "");
    let mut dependencies = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        let inside = open > 0;
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).filter(|_| !inside) {
            table = name;
        } else if let Some((key, value)) = line.split_once('=').filter(|_| !inside && !line.starts_with('#')) {
            let key = key.trim();
            let name = key.split('.').next().unwrap_or(key);
            if table == "package" && key == "name" {
                package = value.trim().trim_matches('"');
            } else if table.ends_with("dependencies") {
                let shares = name.starts_with("headwater") && above.starts_with("headwater");
                let previous = dependencies.last().is_some_and(|previous: &Dependency<'_>| previous.explained);
                let explained = above.starts_with('#') || (shares && previous);
                let of_tests = table == "dev-dependencies";
                dependencies.push(Dependency { line: i + 1, name, explained, of_tests });
            }
        }
        let count = |wanted: &[char]| line.chars().filter(|c| wanted.contains(c)).count() as i32;
        if !line.starts_with('#') {
            open += count(&['[', '{']) - count(&[']', '}']);
        }
        above = line;
    }
    (package, dependencies)
}

/// Why the server must not be built from `package`, at its line in the lock file.
fn unwanted(package: &Package, lock: &str) -> Option<Problem> {
    let Package { name, licence } = package;
    let what = match BANNED.iter().find(|(banned, _)| banned == name) {
        Some((_, why)) => format!("the server is built from `{name}`: {why}"),
        None if !is_free(licence) => format!("the server is built from `{name}`, whose licence is `{licence}`"),
        None => return None,
    };
    Some(Problem::error(LOCK, entry(name, lock).map_or(1, |(line, _)| line), what))
}

/// Whether the server is built from OpenSSL, and not from the package of ours that has its name.
fn with_openssl(lock: &str) -> Option<Problem> {
    let (line, mut rest) = entry(OPENSSL, lock)?;
    let is_foreign = rest.by_ref().take_while(|line| !line.is_empty()).any(|line| line.starts_with("source = "));
    is_foreign.then(|| {
        let what =
            format!("the server is built from OpenSSL: `[patch.crates-io]` must have {OPENSSL} of crates/kafka-tls");
        Problem::error(LOCK, line, what)
    })
}

/// The line of a package in the lock file, and the lines behind it.
fn entry<'t>(name: &str, lock: &'t str) -> Option<(usize, std::str::Lines<'t>)> {
    let (entry, mut lines, mut number) = (format!("name = \"{name}\""), lock.lines(), 0);
    loop {
        number += 1;
        if lines.next()? == entry {
            return Some((number, lines));
        }
    }
}

/// Whether every part of a licence expression leaves the choice of a licence that we take.
fn is_free(licence: &str) -> bool {
    let plain = licence.replace(['(', ')'], "").replace('/', " OR ");
    plain.split(" AND ").all(|part| part.split(" OR ").any(|choice| LICENCES.contains(&choice.trim())))
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    const DNS: &str = "crates/dns/Cargo.toml";

    fn finds(path: &str, text: &str, want: &str) {
        assert_eq!(found(check, &[(path, text)]), want, "{text}");
    }

    #[test]
    fn reasons() {
        let head = "[package]\nname = \"headwater-dns\"\n";
        finds(DNS, &format!("{head}[dependencies]\n# Why.\na = \"1\"\n"), "");
        let missing = "crates/dns/Cargo.toml:6: `b` has no comment above it that says what it is for\n";
        finds(DNS, &format!("{head}[dependencies]\n# Why.\na = \"1\"\nb.workspace = true\n"), missing);
        finds(DNS, &format!("{head}[dev-dependencies]\n# Why.\na = {{ x = [\n\"=\",\n] }}\n[features]\nc = []\n"), "");
        let row = "headwater-dns.workspace = true\nheadwater-zone.workspace = true\n";
        finds("bench/Cargo.toml", &format!("[dependencies]\n# Ours.\n{row}"), "");
        let missing = "bench/Cargo.toml:5: `a` has no comment above it that says what it is for\n";
        finds("bench/Cargo.toml", &format!("[dependencies]\n# Ours.\n{row}a = \"1\"\n"), missing);
        let missing = "Cargo.toml:2: `a` has no comment above it that says what it is for\n";
        finds("Cargo.toml", "[workspace.dependencies]\na = \"1\"\n", missing);
    }

    #[test]
    fn layers() {
        let crate_using = |package: &str, dependency: &str| {
            format!("[package]\nname = \"{package}\"\n[dependencies]\n# Why.\n{dependency}.workspace = true\n")
        };
        finds("crates/zone/Cargo.toml", &crate_using("headwater-zone", "headwater-dns"), "");
        let upward =
            "crates/zone/Cargo.toml:5: `headwater-zone` may not use `headwater-server`: it is not a layer below\n";
        finds("crates/zone/Cargo.toml", &crate_using("headwater-zone", "headwater-server"), upward);
        // What is built on a crate is for its tests alone.
        let simulated = crate_using("headwater-resolver", "headwater-simulator");
        let resolver = "crates/resolver/Cargo.toml";
        finds(resolver, &simulated.replace("[dependencies]", "[dev-dependencies]"), "");
        let upward =
            format!("{resolver}:5: `headwater-resolver` may not use `headwater-simulator`: it is not a layer below\n");
        finds(resolver, &simulated, &upward);
        let new = "crates/x/Cargo.toml:1: `headwater-x` is a new crate: decision record, then xtask's table\n";
        finds("crates/x/Cargo.toml", &crate_using("headwater-x", "headwater-dns"), new);
    }

    #[test]
    fn packages_of_the_server() {
        let finds = |name: &str, licence: &str, want: Option<&str>| {
            let mut tree = Tree::of(&[(LOCK, "[[package]]\nname = \"rings\"\nname = \"ring\"\n")]);
            tree.packages = vec![Package { name: name.to_owned(), licence: licence.to_owned() }];
            let got: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
            assert_eq!(got.first().map(String::as_str), want);
        };
        finds("rings", "(MIT OR GPL-3.0) AND Unicode-3.0", None);
        finds("rings", "Unlicense/GPL-3.0", None);
        let licence = "Cargo.lock:2: the server is built from `rings`, whose licence is `MIT AND EUPL-1.2`";
        finds("rings", "MIT AND EUPL-1.2", Some(licence));
        finds("other", "", Some("Cargo.lock:1: the server is built from `other`, whose licence is ``"));
        let banned =
            "Cargo.lock:3: the server is built from `ring`: rustls would have two crypto providers; aws-lc-rs is ours";
        finds("ring", "MIT", Some(banned));
    }

    #[test]
    fn openssl_is_ours() {
        let ours =
            "[[package]]\nname = \"openssl-sys\"\nversion = \"0.9.999\"\n\n[[package]]\nname = \"a\"\nsource = \"b\"\n";
        finds(LOCK, ours, "");
        let foreign = "[[package]]\nname = \"openssl-sys\"\nversion = \"0.9.109\"\nsource = \"b\"\n";
        let want = "Cargo.lock:2: the server is built from OpenSSL: `[patch.crates-io]` must have openssl-sys of crates/kafka-tls\n";
        finds(LOCK, foreign, want);
    }
}
