//! `cargo xtask sbom`: the bill of materials of the program in SPDX 2.3, from what Cargo says it is built from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::tree;

const PROGRAM: &str = "headwater";
/// Whoever makes the document names it anew for each version.
const NAMESPACE: &str = "https://spdx.org/spdxdocs/headwater";

/// The document as JSON. The same sources give the same document: its date is that of the last commit.
///
/// # Errors
/// Cargo or git fails, or says what nobody expects; the document breaks a rule of SPDX.
pub fn document(root: &Path) -> anyhow::Result<String> {
    let words = ["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"];
    let metadata: Value = serde_json::from_str(&tree::output(root, env!("CARGO"), &words)?)?;
    let lock = std::fs::read_to_string(root.join("Cargo.lock"))?;
    let seconds = tree::output(root, "git", &["-c", "safe.directory=*", "log", "-1", "--format=@%ct"])?;
    let date = tree::output(root, "date", &["--utc", "--date", seconds.trim(), "+%Y-%m-%dT%H:%M:%SZ"])?;
    let sources = Sources { shipped: tree::shipped(root)?, checksums: checksums(&lock) };
    let document = describe(&metadata, &sources, date.trim())?;
    check(&document)?;
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// Name and version of a package.
type Key = (String, String);

/// What is known of packages beside Cargo's metadata.
struct Sources {
    /// Those that the program is built from: the metadata has optional ones, too, that no feature asks for.
    shipped: BTreeSet<Key>,
    /// SHA-256 of each package from a registry.
    checksums: BTreeMap<Key, String>,
}

fn key_of(package: &Value) -> Key {
    let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    (text("name"), text("version"))
}

fn checksums(lock: &str) -> BTreeMap<Key, String> {
    let field = |entry: &str, name: &str| {
        let line = entry.lines().find_map(|line| line.strip_prefix(&format!("{name} = \"")))?;
        line.strip_suffix('"').map(str::to_owned)
    };
    let entries = lock.split("[[package]]").skip(1);
    entries
        .filter_map(|entry| Some(((field(entry, "name")?, field(entry, "version")?), field(entry, "checksum")?)))
        .collect()
}

fn describe(metadata: &Value, sources: &Sources, date: &str) -> anyhow::Result<Value> {
    let packages = metadata["packages"].as_array().context("no packages")?;
    let shipped = packages.iter().filter(|package| sources.shipped.contains(&key_of(package)));
    let by_id: BTreeMap<&str, &Value> =
        shipped.filter_map(|package| Some((package["id"].as_str()?, package))).collect();
    let edges = dependencies(metadata)?;
    let program = packages.iter().find(|package| package["name"] == PROGRAM).context("the program is not there")?;
    let root = program["id"].as_str().context("no id")?;
    let (mut used, mut queue) = (BTreeSet::new(), vec![root]);
    while let Some(id) = queue.pop() {
        if by_id.contains_key(id) && used.insert(id) {
            queue.extend(edges.get(id).into_iter().flatten());
        }
    }
    let version = program["version"].as_str().context("no version")?;
    let mut relationships = vec![relation("SPDXRef-DOCUMENT", "DESCRIBES", &reference(program))];
    for id in &used {
        let from = by_id.get(id).map(|package| reference(package)).unwrap_or_default();
        for to in edges.get(id).into_iter().flatten().filter_map(|id| by_id.get(id)) {
            relationships.push(relation(&from, "DEPENDS_ON", &reference(to)));
        }
    }
    let described: Vec<Value> =
        used.iter().filter_map(|id| by_id.get(id)).map(|package| package_of(package, &sources.checksums)).collect();
    Ok(json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": format!("{PROGRAM}-{version}"),
        "documentNamespace": format!("{NAMESPACE}-{version}-{}", date.replace(':', "")),
        "creationInfo": { "created": date, "creators": [format!("Tool: headwater-xtask-{version}")] },
        "packages": described,
        "relationships": relationships,
    }))
}

/// What each package is built from, what only tests use left out.
fn dependencies(metadata: &Value) -> anyhow::Result<BTreeMap<&str, Vec<&str>>> {
    let nodes = metadata["resolve"]["nodes"].as_array().context("nothing is resolved")?;
    let is_shipped = |dependency: &&Value| {
        let kinds = dependency["dep_kinds"].as_array();
        kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"] != "dev"))
    };
    let mut edges = BTreeMap::new();
    for node in nodes {
        let id = node["id"].as_str().context("a node without an id")?;
        let dependencies = node["deps"].as_array().context("a node without dependencies")?.iter().filter(is_shipped);
        edges.insert(id, dependencies.filter_map(|dependency| dependency["pkg"].as_str()).collect());
    }
    Ok(edges)
}

fn reference(package: &Value) -> String {
    let (name, version) = key_of(package);
    let legal = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '-' };
    format!("SPDXRef-{name}-{version}").chars().map(legal).collect()
}

fn relation(from: &str, kind: &str, to: &str) -> Value {
    json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to })
}

fn package_of(package: &Value, checksums: &BTreeMap<Key, String>) -> Value {
    let (name, version) = key_of(package);
    let licence = package["license"].as_str().unwrap_or_default().replace('/', " OR ");
    let licence = if licence.is_empty() { "NOASSERTION".to_owned() } else { licence };
    let mut described = json!({
        "SPDXID": reference(package),
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": licence,
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
    });
    if let Some(checksum) = checksums.get(&(name.clone(), version.clone())) {
        described["checksums"] = json!([{ "algorithm": "SHA256", "checksumValue": checksum }]);
        let locator = format!("pkg:cargo/{name}@{version}");
        described["externalRefs"] = json!([{
            "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": locator,
        }]);
    }
    described
}

/// The rules of SPDX 2.3 that such a document can break: identifiers are legal, unique, and stand for something.
fn check(document: &Value) -> anyhow::Result<()> {
    let mut known = BTreeSet::from(["SPDXRef-DOCUMENT"]);
    for package in document["packages"].as_array().context("no packages")? {
        let id = package["SPDXID"].as_str().context("a package without SPDXID")?;
        ensure!(known.insert(id), "{id} stands for two packages");
        for key in ["name", "versionInfo", "downloadLocation", "licenseConcluded"] {
            ensure!(package[key].as_str().is_some_and(|text| !text.is_empty()), "{id} has no {key}");
        }
        ensure!(package["licenseDeclared"] != "NOASSERTION", "{id} states no licence");
    }
    for relationship in document["relationships"].as_array().context("no relationships")? {
        for end in ["spdxElementId", "relatedSpdxElement"] {
            let id = relationship[end].as_str().context("a relationship without an end")?;
            ensure!(known.contains(id), "{id} is related but not described");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shipped_is_listed_with_its_digest() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("root");
        let document: Value = serde_json::from_str(&document(root).expect("a document")).expect("JSON");
        let packages = document["packages"].as_array().expect("packages");
        let named = |name: &str| packages.iter().find(|package| package["name"] == name);
        let rustls = named("rustls").expect("rustls is shipped");
        assert_eq!(rustls["checksums"][0]["checksumValue"].as_str().map(str::len), Some(64));
        assert!(named("headwater").is_some() && named("headwater-dns").is_some());
        assert!(named("ring").is_none() && named("proptest").is_none(), "neither banned nor of tests");
        assert!(document["relationships"].as_array().expect("relationships").len() > packages.len());
    }

    #[test]
    fn broken_documents_are_refused() {
        let package = |id: &str| {
            json!({ "SPDXID": id, "name": "a", "versionInfo": "1", "downloadLocation": "x",
            "licenseConcluded": "MIT", "licenseDeclared": "MIT" })
        };
        let fails = |document: Value| check(&document).expect_err("broken").to_string();
        let twice = json!({ "packages": [package("SPDXRef-a"), package("SPDXRef-a")], "relationships": [] });
        assert_eq!(fails(twice), "SPDXRef-a stands for two packages");
        let dangling = relation("SPDXRef-a", "DEPENDS_ON", "SPDXRef-b");
        let dangling = json!({ "packages": [package("SPDXRef-a")], "relationships": [dangling] });
        assert_eq!(fails(dangling), "SPDXRef-b is related but not described");
    }
}
