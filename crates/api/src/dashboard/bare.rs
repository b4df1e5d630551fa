//! Removes comments and indentation from scripts and style sheets before they are sent: browsers do not need them, and
//! they are a fifth of the bytes.

/// A script or style sheet without comments that stand on lines of their own, types in comments (`/** … */`),
/// indentation and empty lines. Lines stay lines, so that nothing changes its meaning.
///
/// It is for files of `web/`, which keep to this: no string has a line that begins as a comment does.
pub fn bare(text: &str) -> String {
    let (mut out, mut in_comment) = (String::with_capacity(text.len()), false);
    for line in text.lines() {
        let mut rest = line.trim();
        if in_comment {
            let Some((_, behind)) = rest.split_once("*/") else { continue };
            rest = behind.trim_start();
        }
        let (kept, is_open) = without_types(rest);
        in_comment = is_open;
        if !kept.is_empty() && !kept.starts_with("//") {
            out.push_str(&kept);
            out.push('\n');
        }
    }
    out
}

/// A line without types in comments, and without a comment at its beginning; whether that comment goes on.
fn without_types(line: &str) -> (String, bool) {
    let (mut kept, mut rest) = (String::new(), line);
    loop {
        let begin = if rest.starts_with("/*") && kept.is_empty() { Some(0) } else { rest.find("/** ") };
        let Some(begin) = begin else {
            kept.push_str(rest);
            return (kept, false);
        };
        kept.push_str(&rest[..begin]);
        match rest[begin + 2..].split_once("*/") {
            Some((_, behind)) => rest = if kept.is_empty() { behind.trim_start() } else { behind },
            None => return (kept.trim_end().to_owned(), true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_indentation_go() {
        let text = "/** What it is.\n * More. */\nimport { a } from './a.js';\n\n// A reason.\nexport const f = (x) => {\n  \
                    const y = /** @type {string} */ (x); // here\n  /* why */ return `//${y}`;\n};\n/* one */ /* two */\n";
        let want =
            "import { a } from './a.js';\nexport const f = (x) => {\nconst y =  (x); // here\nreturn `//${y}`;\n};\n";
        assert_eq!(bare(text), want);
    }

    #[test]
    fn what_looks_like_a_comment_within_a_line_stays() {
        for line in ["const url = 'https://example.org/*';", "const glob = '**/*.js';", "a = b / c; // d"] {
            assert_eq!(bare(line), format!("{line}\n"));
        }
    }

    #[test]
    fn style_sheets_keep_their_rules() {
        assert_eq!(bare("/* Colours.\n   Two. */\n:root {\n  --a: #fff;\n}\n"), ":root {\n--a: #fff;\n}\n");
    }
}
