//! Modules of one crate: of those that stand beside each other, none imports another that imports it back, over however
//! many steps.
//!
//! A module is a file with the files of its submodules: what imports one of them imports the module, and what goes on
//! between a module and its own submodules is its own affair. It imports another if it names something in it by a
//! path from `crate`, `super`, `self` or one of its submodules. `pub use` only hands a name on: whoever takes it from
//! there imports the module that it leads to. Tests do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::Problem;
use super::rust::{is_punct, is_test_file, marks_a_test};
use crate::tree::Tree;

/// Circles that are right: modules that may be in one, by how their paths begin, and why.
const RIGHT: [(&[&str], &str); 4] = [
    (
        &["crates/dns/src/rdata/", "crates/dns/src/rtype.rs"],
        "a field of record data may hold a field (gateways, values of SVCB parameters); the name of a type stands in \
         the table of types",
    ),
    (
        &[
            "crates/config/src/planned.rs",
            "crates/config/src/raw.rs",
            "crates/config/src/section.rs",
            "crates/config/src/value.rs",
        ],
        "a section of the configuration is a value, and consists of values",
    ),
    (
        &[
            "crates/resolver/src/addresses.rs",
            "crates/resolver/src/ask.rs",
            "crates/resolver/src/followup.rs",
            "crates/resolver/src/forward.rs",
            "crates/resolver/src/iterate.rs",
            "crates/resolver/src/minimise.rs",
            "crates/resolver/src/resolve.rs",
            "crates/resolver/src/zone.rs",
        ],
        "resolving a name takes the addresses of name servers, whose names are resolved the same way",
    ),
    (
        &[
            "crates/resolver/src/dns64.rs",
            "crates/resolver/src/rebinding.rs",
            "crates/resolver/src/route.rs",
            "crates/resolver/src/settings.rs",
            "crates/resolver/src/special.rs",
        ],
        "settings hold those of DNS64 and of rebinding protection, which leave out special names, and settings say \
         which names are special",
    ),
];

/// A name may be handed on so often before it is given up.
const MAX_HAND_ONS: usize = 8;

/// Reports every circle at the first of its files.
pub fn check(tree: &Tree) -> Vec<Problem> {
    let mut crates: BTreeMap<&str, Crate> = BTreeMap::new();
    for (path, text) in tree.files().filter(|(path, _)| path.ends_with(".rs") && !is_test_file(path)) {
        let Some((root, file)) = path.split_once("/src/") else { continue };
        let Ok(tokens) = TokenStream::from_str(text) else { continue };
        crates.entry(root).or_default().add(path, file, tokens);
    }
    let circles = crates.values().flat_map(Crate::circles);
    circles.filter(|circle| !is_right(circle)).map(problem).collect()
}

fn is_right(circle: &[&str]) -> bool {
    let within = |right: &[&str]| circle.iter().all(|file| right.iter().any(|prefix| file.starts_with(prefix)));
    RIGHT.iter().any(|(right, _)| within(right))
}

fn problem(circle: Vec<&str>) -> Problem {
    Problem::error(circle[0], 1, format!("imports in a circle: {}", circle.join(", ")))
}

/// The path of a module or of a name in it, from the root of its crate.
type Path = Vec<String>;

#[derive(Default)]
struct Crate {
    modules: BTreeMap<Path, Module>,
}

#[derive(Default)]
struct Module {
    file: String,
    /// What it names.
    named: BTreeSet<Path>,
    /// What it hands on: the name here, and the path that the name stands for.
    handed_on: BTreeMap<String, Path>,
}

impl Crate {
    fn add(&mut self, path: &str, file: &str, tokens: TokenStream) {
        let name = file.trim_end_matches(".rs").trim_end_matches("/mod");
        let at: Path = match name {
            "lib" | "main" => Path::new(),
            name => name.split('/').map(str::to_owned).collect(),
        };
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut reader = Reader { children: children(&tokens), at, module: Module::default() };
        reader.module.file = path.to_owned();
        reader.walk(&tokens);
        self.modules.insert(reader.at, reader.module);
    }

    /// The module that a path leads into.
    fn module_of(&self, path: &[String]) -> Option<&Path> {
        let mut path = path.to_vec();
        for _ in 0..MAX_HAND_ONS {
            let (module, known, rest) = (0..=path.len()).rev().find_map(|len| {
                let (module, known) = self.modules.get_key_value(&path[..len])?;
                Some((module, known, &path[len..]))
            })?;
            match rest.first().and_then(|name| known.handed_on.get(name)) {
                Some(target) => path = [target.as_slice(), &rest[1..]].concat(),
                None => return Some(module),
            }
        }
        None
    }

    /// The files of each circle, sorted.
    fn circles(&self) -> Vec<Vec<&str>> {
        let imports = self.imports();
        let reached: BTreeMap<&[String], BTreeSet<&[String]>> =
            imports.keys().map(|from| (*from, reach(&imports, from))).collect();
        let mut seen = BTreeSet::new();
        let mut circles = Vec::new();
        for (at, reach) in &reached {
            let returns = |other: &&[String]| reached.get(other).is_some_and(|reach| reach.contains(at));
            let circle: BTreeSet<&[String]> = reach.iter().copied().filter(returns).collect();
            if circle.len() > 1 && seen.insert(circle.clone()) {
                let files = circle.iter().filter_map(|module| Some(self.modules.get(*module)?.file.as_str()));
                let mut files: Vec<&str> = files.collect();
                files.sort_unstable();
                circles.push(files);
            }
        }
        circles
    }

    /// What each module imports of those that stand beside it.
    fn imports(&self) -> BTreeMap<&[String], BTreeSet<&[String]>> {
        let mut imports: BTreeMap<&[String], BTreeSet<&[String]>> = BTreeMap::new();
        for (at, module) in &self.modules {
            for target in module.named.iter().filter_map(|path| self.module_of(path)) {
                let shared = at.iter().zip(target).take_while(|(a, b)| a == b).count();
                if shared < at.len().min(target.len()) {
                    imports.entry(&at[..=shared]).or_default().insert(&target[..=shared]);
                }
            }
        }
        imports
    }
}

/// What `from` imports, over however many steps.
fn reach<'a>(imports: &BTreeMap<&'a [String], BTreeSet<&'a [String]>>, from: &[String]) -> BTreeSet<&'a [String]> {
    let of = |module: &[String]| imports.get(module).into_iter().flatten().copied();
    let mut found = BTreeSet::new();
    let mut open: Vec<&[String]> = of(from).collect();
    while let Some(module) = open.pop() {
        if found.insert(module) {
            open.extend(of(module));
        }
    }
    found
}

/// The modules that a file declares without a body: each is a file of its own.
fn children(tokens: &[TokenTree]) -> BTreeSet<String> {
    let declared = tokens.windows(3).filter(|three| is_ident(&three[0], "mod") && is_punct(&three[2], ';'));
    declared.map(|three| three[1].to_string()).collect()
}

struct Reader {
    at: Path,
    children: BTreeSet<String>,
    module: Module,
}

impl Reader {
    fn walk(&mut self, tokens: &[TokenTree]) {
        let (mut test_item, mut i) = (false, 0);
        while i < tokens.len() {
            match &tokens[i] {
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    let attribute = group.delimiter() == Delimiter::Bracket && i > 0 && is_punct(&tokens[i - 1], '#');
                    test_item |= attribute && marks_a_test(group);
                    if !test_item {
                        self.walk(&inner);
                    }
                    test_item &= group.delimiter() != Delimiter::Brace;
                }
                TokenTree::Punct(punct) => test_item &= punct.as_char() != ';',
                TokenTree::Ident(_) if test_item => {}
                TokenTree::Ident(_) if is_ident(&tokens[i], "use") => i = self.import(tokens, i),
                TokenTree::Ident(_) if i == 0 || !is_punct(&tokens[i - 1], ':') => {
                    if let Some(path) = self.absolute(&path_at(&tokens[i..])) {
                        self.module.named.insert(path);
                    }
                }
                _ => {}
            }
            i += 1;
        }
    }

    /// Reads the `use` at `i`; gives back where it ends.
    fn import(&mut self, tokens: &[TokenTree], i: usize) -> usize {
        let end = (i..tokens.len()).find(|&at| is_punct(&tokens[at], ';')).unwrap_or(tokens.len());
        let public = i > 0
            && match &tokens[i - 1] {
                TokenTree::Group(_) => i > 1 && is_ident(&tokens[i - 2], "pub"),
                before => is_ident(before, "pub"),
            };
        let mut leaves = Vec::new();
        leaves_of(&tokens[i + 1..end], &mut Vec::new(), &mut leaves);
        for (path, name) in leaves {
            match self.absolute(&path) {
                Some(path) if public => drop(self.module.handed_on.insert(name, path)),
                Some(path) => drop(self.module.named.insert(path)),
                None => {}
            }
        }
        end
    }

    /// The path from the root of the crate, if it leads into this crate.
    fn absolute(&self, path: &[String]) -> Option<Path> {
        let (first, mut rest) = path.split_first()?;
        let mut base = match first.as_str() {
            "crate" => Path::new(),
            "self" => self.at.clone(),
            "super" => self.at[..self.at.len().checked_sub(1)?].to_vec(),
            child if self.children.contains(child) && !rest.is_empty() => {
                [self.at.as_slice(), &[child.to_owned()]].concat()
            }
            _ => return None,
        };
        while let Some((_, behind)) = rest.split_first().filter(|(first, _)| *first == "super") {
            base.pop()?;
            rest = behind;
        }
        Some([base.as_slice(), rest].concat())
    }
}

/// The path that begins with the first token: names with `::` between them.
fn path_at(tokens: &[TokenTree]) -> Path {
    let mut path = Path::new();
    let mut rest = tokens;
    while let [TokenTree::Ident(name), behind @ ..] = rest {
        path.push(name.to_string());
        match behind {
            [colon, second, behind @ ..] if is_punct(colon, ':') && is_punct(second, ':') => rest = behind,
            _ => break,
        }
    }
    path
}

/// Every path of a `use`, and the name that it gets here.
fn leaves_of(tokens: &[TokenTree], base: &mut Path, leaves: &mut Vec<(Path, String)>) {
    for item in tokens.split(|token| is_punct(token, ',')) {
        let path = path_at(item);
        let depth = base.len();
        base.extend(path.iter().filter(|name| depth == 0 || *name != "self").cloned());
        match item.last() {
            Some(TokenTree::Group(group)) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                leaves_of(&inner, base, leaves);
            }
            // `a as b`: the last token is the name.
            Some(TokenTree::Ident(name)) => leaves.push((base.clone(), name.to_string())),
            _ => leaves.push((base.clone(), String::new())),
        }
        base.truncate(depth);
    }
}

fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == name)
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    fn finds(files: &[(&str, &str)], want: &[&str]) {
        let files: Vec<(String, &str)> =
            files.iter().map(|(name, text)| (format!("crates/x/src/{name}.rs"), *text)).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let want: Vec<String> = want.iter().map(|name| format!("crates/x/src/{name}.rs")).collect();
        let want = match want.first() {
            Some(first) => format!("{first}:1: imports in a circle: {}\n", want.join(", ")),
            None => String::new(),
        };
        assert_eq!(found(check, &files), want, "{files:?}");
    }

    #[test]
    fn two_that_import_each_other() {
        finds(&[("a", "use crate::b::B;"), ("b", "fn f() { crate::a::g(); }")], &["a", "b"]);
        finds(&[("a", "use crate::{b::B, c::{self, D}};"), ("b", ""), ("c", "")], &[]);
        finds(&[("a", "use crate::{c::C, b::{self, B as X}};"), ("b", "use super::a;"), ("c", "")], &["a", "b"]);
    }

    #[test]
    fn over_several_steps() {
        let three = [
            ("a", "use crate::b::B;"),
            ("b", "use crate::c::d::D;"),
            ("c", "mod d;"),
            ("c/d", "use super::super::a::A;"),
        ];
        finds(&three, &["a", "b", "c"]);
    }

    #[test]
    fn submodules_belong_to_their_module() {
        finds(&[("a", "mod b; fn f() { b::g() }"), ("a/b", "use super::X;")], &[]);
        finds(
            &[("a", "mod b; fn f() { b::g() }"), ("a/b", "use crate::c::C;"), ("c", "use crate::a::A;")],
            &["a", "c"],
        );
        finds(&[("a", "mod b; mod c;"), ("a/b", "use super::c::C;"), ("a/c", "use super::b::B;")], &["a/b", "a/c"]);
    }

    #[test]
    fn names_that_are_handed_on() {
        finds(&[("lib", "mod a; mod b; pub use a::A; pub use b::B;"), ("a", "use crate::B;"), ("b", "")], &[]);
        finds(
            &[("lib", "mod a; mod b; pub use a::A; pub use b::B;"), ("a", "use crate::B;"), ("b", "use crate::A;")],
            &["a", "b"],
        );
    }

    #[test]
    fn tests_may_import_anything() {
        finds(&[("a", "use crate::b::B;"), ("b", "#[cfg(test)] mod tests { use crate::a::A; }")], &[]);
        finds(&[("a", "use crate::b::B;"), ("b", "#[cfg(test)] use crate::a::A;")], &[]);
    }
}
