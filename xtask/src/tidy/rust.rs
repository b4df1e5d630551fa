//! Rust source, read as tokens: lengths, `unsafe`, what may panic, and what the pure crates must not touch.

use std::str::FromStr;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::Problem;
use crate::tree::Tree;

/// A longer file is worth a look.
const LONG_FILE_LINES: usize = 500;
/// A longer file is two rooms.
const MAX_FILE_LINES: usize = 800;
/// A longer function is two functions.
const MAX_FUNCTION_LINES: usize = 70;

/// The only files with `unsafe`: the memory of zones, the allocator, and system calls.
const UNSAFE_FILES: [&str; 6] = [
    "crates/headwater/src/allocator.rs",
    "crates/zone/src/memory.rs",
    "crates/server/src/priority.rs",
    "crates/server/src/sys/address.rs",
    "crates/server/src/sys/datagrams.rs",
    "crates/server/src/sys/options.rs",
];

/// Crates without clock, random source, file or socket.
const PURE: [&str; 7] = [
    "crates/dns/src/",
    "crates/dnssec/src/",
    "crates/zone/src/",
    "crates/signer/src/",
    "crates/resolver/src/",
    "crates/simulator/src/",
    "crates/policy/src/",
];
/// Names that mean one of these.
const IMPURE: [&str; 12] = [
    "SystemTime",
    "Instant",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "UnixStream",
    "UnixListener",
    "File",
    "OpenOptions",
    "fs",
    "env",
    "getrandom",
];

/// Checks every Rust file.
pub fn check(tree: &Tree) -> Vec<Problem> {
    tree.files().filter(|(path, _)| path.ends_with(".rs")).flat_map(|(path, text)| file(path, text)).collect()
}

fn file(path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    match text.lines().count() {
        lines if lines > MAX_FILE_LINES => {
            let what = format!("{lines} lines, more than {MAX_FILE_LINES}: which two rooms is it?");
            problems.push(Problem::error(path, 1, what));
        }
        lines if lines > LONG_FILE_LINES => {
            problems.push(Problem::warning(path, 1, format!("{lines} lines, more than {LONG_FILE_LINES}")));
        }
        _ => {}
    }
    match TokenStream::from_str(text) {
        Ok(tokens) => {
            let pure = PURE.iter().any(|crate_dir| path.starts_with(crate_dir));
            let mut scan = Scan { path, pure, problems };
            scan.walk(tokens, is_test_file(path));
            scan.problems
        }
        Err(error) => {
            problems.push(Problem::error(path, error.span().start().line, "no Rust source"));
            problems
        }
    }
}

/// Whether nothing in the file runs in the server.
pub fn is_test_file(path: &str) -> bool {
    let outside = ["/tests/", "/benches/", "/examples/"].iter().any(|directory| path.contains(directory));
    outside
        || path.ends_with("/tests.rs")
        || path.ends_with("_tests.rs")
        || path.ends_with("/testing.rs")
        || !path.starts_with("crates/")
}

struct Scan<'a> {
    path: &'a str,
    pure: bool,
    problems: Vec<Problem>,
}

impl Scan<'_> {
    /// Looks at every token; those of an item behind `#[test]` or `#[cfg(test)]` as at a test's.
    fn walk(&mut self, tokens: TokenStream, in_test: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut test_item = false;
        for (i, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => {
                    let attribute = group.delimiter() == Delimiter::Bracket && i > 0 && is_punct(&tokens[i - 1], '#');
                    test_item |= attribute && marks_a_test(group);
                    self.walk(group.stream(), in_test || test_item);
                    test_item &= group.delimiter() != Delimiter::Brace;
                }
                TokenTree::Ident(ident) => self.name(&ident.to_string(), &tokens, i, in_test || test_item),
                TokenTree::Punct(punct) => test_item &= punct.as_char() != ';',
                TokenTree::Literal(_) => {}
            }
        }
    }

    /// Looks at the identifier at `i`.
    fn name(&mut self, name: &str, tokens: &[TokenTree], i: usize, in_test: bool) {
        let line = tokens[i].span().start().line;
        let next = tokens.get(i + 1);
        let before = |c| i > 0 && is_punct(&tokens[i - 1], c);
        let mut error = |what: String| self.problems.push(Problem::error(self.path, line, what));
        match name {
            "fn" => {
                if let Some((name, lines)) = function(&tokens[i..]).filter(|&(_, lines)| lines > MAX_FUNCTION_LINES) {
                    error(format!("`{name}` has {lines} lines, more than {MAX_FUNCTION_LINES}"));
                }
            }
            _ if in_test => {}
            "unsafe" if !UNSAFE_FILES.contains(&self.path) => error("`unsafe` outside the files for it".into()),
            "unwrap" if before('.') || before(':') => error("`unwrap`: this may panic in the server".into()),
            "expect" if before('.') && next.is_some_and(is_call) => {
                error("`expect`: this may panic in the server".into());
            }
            "panic" | "todo" | "unimplemented" if next.is_some_and(|next| is_punct(next, '!')) => {
                error(format!("`{name}!` in the server"));
            }
            _ if self.pure && IMPURE.contains(&name) => {
                error(format!("`{name}`: this crate has no clock, random source, file or socket"));
            }
            _ => {}
        }
    }
}

pub fn is_punct(token: &TokenTree, c: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == c)
}

fn is_call(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis)
}

/// `#[test]` or `#[cfg(test)]`, from the brackets on.
pub fn marks_a_test(attribute: &Group) -> bool {
    matches!(attribute.stream().to_string().replace(' ', "").as_str(), "test" | "cfg(test)")
}

/// The name of the function whose `fn` is the first token, and how many lines it has; `None` for a type,
/// or without a body.
fn function(tokens: &[TokenTree]) -> Option<(String, usize)> {
    let Some(TokenTree::Ident(name)) = tokens.get(1) else { return None };
    let body = tokens.iter().take_while(|token| !is_punct(token, ';')).find_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
        _ => None,
    })?;
    let lines = body.span_close().end().line - tokens[0].span().start().line + 1;
    Some((name.to_string(), lines))
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    const PLAIN: &str = "crates/server/src/a.rs";

    fn finds(path: &str, text: &str, want: &[&str]) {
        let got = found(check, &[(path, text)]);
        let want: String = want.iter().map(|want| format!("{path}:{want}\n")).collect();
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn what_may_panic() {
        let unwrap = "1: `unwrap`: this may panic in the server";
        let expect = "1: `expect`: this may panic in the server";
        finds(PLAIN, "fn f() { x.unwrap(); }", &[unwrap]);
        finds(PLAIN, "fn f() { x.map(Option::unwrap); }", &[unwrap]);
        finds(PLAIN, "fn f() { println!(\"{}\", x.unwrap()); }", &[unwrap]);
        finds(PLAIN, "fn f() { x.expect(\"why\"); }", &[expect]);
        finds(
            PLAIN,
            "fn f() { todo!() }\nfn g() { panic!(\"x\") }",
            &["1: `todo!` in the server", "2: `panic!` in the server"],
        );
        finds(PLAIN, "// x.unwrap()\nfn f() { \"x.unwrap()\"; x.unwrap_or(1); expect(2); }", &[]);
    }

    #[test]
    fn tests_may_panic() {
        finds(PLAIN, "#[cfg(test)]\nmod tests { fn f() { x.unwrap(); } }", &[]);
        finds(PLAIN, "#[test]\n#[ignore]\nfn f() { x.expect(\"\"); panic!() }", &[]);
        finds(PLAIN, "#[cfg(test)]\nuse a::b;\nfn f() { x.unwrap(); }", &["3: `unwrap`: this may panic in the server"]);
        finds(PLAIN, "#[cfg(unix)]\nfn f() { x.unwrap(); }", &["2: `unwrap`: this may panic in the server"]);
        finds("crates/server/tests/a.rs", "fn f() { x.unwrap(); }", &[]);
    }

    #[test]
    fn unsafe_has_its_files() {
        let text = "fn f() { unsafe { g() } }";
        finds(PLAIN, text, &["1: `unsafe` outside the files for it"]);
        finds("crates/zone/src/memory.rs", text, &[]);
        finds(PLAIN, "#![forbid(unsafe_code)] // unsafe", &[]);
    }

    #[test]
    fn pure_crates() {
        let text = "use std::time::Instant;";
        finds("crates/zone/src/a.rs", text, &["1: `Instant`: this crate has no clock, random source, file or socket"]);
        finds(PLAIN, text, &[]);
    }

    #[test]
    fn lengths() {
        let function = |lines: usize| format!("\nfn f() {{{}}}", "\n".repeat(lines - 1));
        finds(PLAIN, &function(MAX_FUNCTION_LINES), &[]);
        finds(PLAIN, &function(MAX_FUNCTION_LINES + 1), &["2: `f` has 71 lines, more than 70"]);
        finds(PLAIN, &format!("trait T {{ fn f(); {} }}", "\n".repeat(100)), &[]);
        finds(PLAIN, &"\n".repeat(LONG_FILE_LINES), &[]);
        finds(PLAIN, &"\n".repeat(LONG_FILE_LINES + 1), &["1: warning: 501 lines, more than 500"]);
        let two = "1: 801 lines, more than 800: which two rooms is it?";
        finds(PLAIN, &"\n".repeat(MAX_FILE_LINES + 1), &[two]);
    }

    #[test]
    fn what_is_no_rust() {
        finds(PLAIN, "fn f() {", &["1: no Rust source"]);
    }
}
