//! Texts that a name must have in it to match: what the index of patterns and expressions is made of.
//!
//! They are written in symbols: every separator is [`SEPARATOR`], and a name is read as if one [`START`] stood before
//! it and one [`SEPARATOR`] behind it. So `||ads.` needs the text `.ads.`, and `.xyz^` the text `.xyz^`.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// The symbol of every separator, and of the end of a name.
pub const SEPARATOR: u8 = b'^';

/// The symbol before a name: a dot, which is also what stands before every other label.
pub const START: u8 = b'.';

/// Literals of one set: alternatives beyond it are not followed, and the part of the expression is not required.
pub const MAX_LITERALS: usize = 32;

/// The symbol of each octet.
static SYMBOLS: [u8; 256] = {
    let mut symbols = [SEPARATOR; 256];
    let mut i = 0;
    while i < 128 {
        let byte = i as u8;
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'%') {
            symbols[i] = byte.to_ascii_lowercase();
        }
        i += 1;
    }
    symbols
};

/// The symbol of an octet.
#[inline]
pub fn fold(byte: u8) -> u8 {
    SYMBOLS.get(usize::from(byte)).copied().unwrap_or(SEPARATOR)
}

/// Sets of literals that an expression requires: every name that matches has one literal of each set in it.
///
/// The depth of an expression is limited by its parser.
pub fn of_expression(expression: &Hir) -> Vec<Vec<Vec<u8>>> {
    let mut runs = Runs::default();
    runs.add(expression);
    runs.flush();
    runs.sets
}

/// Literals gathered from left to right.
#[derive(Default)]
struct Runs {
    run: Vec<u8>,
    sets: Vec<Vec<Vec<u8>>>,
}

impl Runs {
    fn flush(&mut self) {
        if !self.run.is_empty() {
            self.sets.push(vec![std::mem::take(&mut self.run)]);
        }
    }

    fn add(&mut self, expression: &Hir) {
        if let Some(symbol) = symbol(expression) {
            self.run.push(symbol);
        } else if is_start(expression) {
            self.flush();
            self.run.push(START);
        } else {
            self.add_composed(expression);
        }
    }

    fn add_composed(&mut self, expression: &Hir) {
        match expression.kind() {
            HirKind::Literal(literal) => self.run.extend(literal.0.iter().map(|&byte| fold(byte))),
            HirKind::Capture(group) => self.add(&group.sub),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.add(part)),
            HirKind::Look(Look::End) => {
                self.run.push(SEPARATOR);
                self.flush();
            }
            // They take no octet.
            HirKind::Look(Look::WordAscii | Look::WordAsciiNegate) => {}
            HirKind::Repetition(repeated) if repeated.min > 0 => {
                self.flush();
                self.add(&repeated.sub);
                self.flush();
            }
            HirKind::Alternation(branches) => {
                self.flush();
                self.sets.extend(alternatives(branches));
            }
            _ => self.flush(),
        }
    }
}

/// One literal of each branch, the longest that it requires.
fn alternatives(branches: &[Hir]) -> Option<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for branch in branches {
        let sets = of_expression(branch);
        let shortest = |set: &Vec<Vec<u8>>| set.iter().map(Vec::len).min();
        all.extend(sets.into_iter().max_by_key(shortest)?);
        if all.len() > MAX_LITERALS {
            return None;
        }
    }
    Some(all)
}

/// The one symbol that every octet of a class has, such as both cases of a letter.
fn symbol(expression: &Hir) -> Option<u8> {
    let HirKind::Class(Class::Bytes(class)) = expression.kind() else { return None };
    let first = fold(class.ranges().first()?.start());
    let mut octets = class.ranges().iter().flat_map(|range| range.start()..=range.end());
    octets.all(|byte| fold(byte) == first).then_some(first)
}

/// Whether this is the beginning of a name or of a label: `^`, or `^` and `\.` as the only branches.
fn is_start(expression: &Hir) -> bool {
    match expression.kind() {
        HirKind::Look(Look::Start) => true,
        HirKind::Capture(group) => is_start(&group.sub),
        HirKind::Alternation(branches) => branches.iter().all(|branch| is_start(branch) || is_dot(branch)),
        _ => false,
    }
}

fn is_dot(expression: &Hir) -> bool {
    match expression.kind() {
        HirKind::Literal(literal) => *literal.0 == *b".",
        HirKind::Capture(group) => is_dot(&group.sub),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::glob::is_separator;
    use super::*;

    fn sets(text: &str) -> Vec<Vec<String>> {
        let parsed = super::super::expression::parse(text).expect("an expression");
        let text = |literal| String::from_utf8(literal).expect("ASCII");
        of_expression(&parsed).into_iter().map(|set| set.into_iter().map(text).collect()).collect()
    }

    #[test]
    fn separators_are_one_symbol() {
        for byte in 0..=u8::MAX {
            assert_eq!(fold(byte) == SEPARATOR, is_separator(byte));
        }
    }

    #[test]
    fn an_expression_requires_its_literals() {
        assert_eq!(sets(r"^ads?[0-9]*\.Track"), [[".ad"].as_slice(), [".track"].as_slice()]);
        assert_eq!(sets(r"(^|\.)pixel\.com$"), [[".pixel.com^"]]);
        assert_eq!(sets("(foo|ba(r|z))x"), [["foo", "ba"].as_slice(), ["x"].as_slice()]);
        assert_eq!(sets("x(ab)+y"), [["x"], ["ab"], ["y"]]);
        assert_eq!(sets("(foo|[0-9])"), Vec::<Vec<String>>::new());
        assert_eq!(sets(r"a[^a-z0-9._%\-]b"), [["a^b"]]);
    }

    #[test]
    fn two_starts_and_two_ends_are_one() {
        assert_eq!(
            sets("^(^|[.])a$$"),
            [[".".to_owned()].as_slice(), [".a^".to_owned()].as_slice(), ["^".to_owned()].as_slice()]
        );
    }
}
