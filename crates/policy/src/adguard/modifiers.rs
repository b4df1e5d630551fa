//! What stands behind the `$` of a rule.

use std::sync::Arc;

use dns::RType;

use super::choice::Choice;
use super::conditions::{Client, Conditions, tag};
use super::pattern::is_name;
use super::reason::Reason;
use super::rewrite;
use crate::action::Rewrite;

/// Values of one modifier.
pub const MAX_VALUES: usize = 1000;

/// Modifiers of rules for browsers, without their values.
const OF_BROWSERS: [&str; 55] = [
    "1p",
    "3p",
    "all",
    "app",
    "content",
    "cookie",
    "csp",
    "css",
    "doc",
    "document",
    "domain",
    "ehide",
    "elemhide",
    "empty",
    "extension",
    "first-party",
    "font",
    "frame",
    "from",
    "genericblock",
    "generichide",
    "ghide",
    "hls",
    "image",
    "inline-font",
    "inline-script",
    "jsinject",
    "match-case",
    "media",
    "method",
    "mp4",
    "network",
    "object",
    "other",
    "ping",
    "popup",
    "redirect",
    "redirect-rule",
    "removeheader",
    "removeparam",
    "replace",
    "script",
    "shide",
    "specifichide",
    "stealth",
    "strict1p",
    "strict3p",
    "stylesheet",
    "subdocument",
    "third-party",
    "urlblock",
    "webrtc",
    "websocket",
    "xhr",
    "xmlhttprequest",
];

/// The value of `dnsrewrite`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rewriting {
    /// No value: an exception from all of them.
    All,
    /// This answer, or an exception from rules with it.
    Is(Arc<Rewrite>),
}

/// The modifiers of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Modifiers {
    /// `important`.
    pub important: bool,
    /// `badfilter`.
    pub badfilter: bool,
    /// `dnsrewrite`.
    pub rewriting: Option<Rewriting>,
    /// `client`, `ctag`, `dnstype`, `denyallow`.
    pub conditions: Conditions,
}

impl Modifiers {
    /// The modifiers in `text`, separated by commas.
    ///
    /// # Errors
    /// Why the whole rule has to be ignored.
    pub fn parse(text: &str) -> Result<Modifiers, Reason> {
        let mut modifiers = Modifiers::default();
        for part in split(text, ',') {
            let part = part.trim();
            let (name, value) = part.split_once('=').map_or((part, None), |(name, value)| (name, Some(value)));
            modifiers.add(name, value)?;
        }
        Ok(modifiers)
    }

    fn add(&mut self, name: &str, value: Option<&str>) -> Result<(), Reason> {
        let conditions = &mut self.conditions;
        match name {
            "important" => set(&mut self.important, value),
            "badfilter" => set(&mut self.badfilter, value),
            "dnsrewrite" => {
                if self.rewriting.is_some() {
                    return Err(Reason::BadModifier);
                }
                self.rewriting = Some(match value.map(unescape) {
                    None => Rewriting::All,
                    Some(value) if value.is_empty() => Rewriting::All,
                    Some(value) => Rewriting::Is(Arc::new(rewrite::parse(&value)?)),
                });
                Ok(())
            }
            "client" => choose(&mut conditions.clients, value, |text| Ok(Client::parse(&unquote(text)?))),
            "ctag" => choose(&mut conditions.tags, value, tag),
            "dnstype" => {
                choose(&mut conditions.types, value, |text| {
                    RType::from_text(text.as_bytes()).ok_or(Reason::UnknownType)
                })?;
                // Types that are named leave no room for those that are excepted.
                if !conditions.types.only.is_empty() {
                    conditions.types.except.clear();
                }
                Ok(())
            }
            "denyallow" => deny_allow(&mut conditions.not_below, value),
            _ => Err(unknown(name)),
        }
    }
}

fn unknown(name: &str) -> Reason {
    let name = name.strip_prefix('~').unwrap_or(name);
    let known = OF_BROWSERS.contains(&name);
    if known { Reason::BrowserModifier } else { Reason::UnknownModifier }
}

fn set(flag: &mut bool, value: Option<&str>) -> Result<(), Reason> {
    if *flag || value.is_some() {
        return Err(Reason::BadModifier);
    }
    *flag = true;
    Ok(())
}

/// Reads `a|~b|c` into a choice that was empty.
fn choose<T>(
    choice: &mut Choice<T>,
    value: Option<&str>,
    read: impl Fn(&str) -> Result<T, Reason>,
) -> Result<(), Reason> {
    if !choice.is_empty() {
        return Err(Reason::BadModifier);
    }
    for item in items(value)? {
        let (negated, text) = item.strip_prefix('~').map_or((false, item), |text| (true, text));
        if text.is_empty() {
            return Err(Reason::BadModifier);
        }
        choice.push(negated, read(text)?);
    }
    Ok(())
}

fn deny_allow(names: &mut Vec<Box<str>>, value: Option<&str>) -> Result<(), Reason> {
    if !names.is_empty() {
        return Err(Reason::BadModifier);
    }
    for item in items(value)? {
        let labels = dns::idn::to_a_labels(item.as_bytes()).map_err(|_| Reason::BadModifier)?;
        let name = String::from_utf8(labels).map_err(|_| Reason::BadModifier)?.to_ascii_lowercase();
        if !is_name(&name) {
            return Err(Reason::BadModifier);
        }
        names.push(name.into());
    }
    Ok(())
}

/// The values between `|`.
fn items(value: Option<&str>) -> Result<impl Iterator<Item = &str>, Reason> {
    let value = value.ok_or(Reason::BadModifier)?;
    if split(value, '|').nth(MAX_VALUES).is_some() {
        return Err(Reason::TooLong);
    }
    Ok(split(value, '|'))
}

/// The parts between separators that have no backslash before them.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |c| {
        let ends = c == separator && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })
}

/// The text without the quotes around it, if it has any, and without escapes.
fn unquote(text: &str) -> Result<String, Reason> {
    let Some(quote) = text.chars().next().filter(|first| matches!(first, '\'' | '"')) else {
        return Ok(unescape(text));
    };
    let inner = text.get(1..).and_then(|rest| rest.strip_suffix(quote)).ok_or(Reason::BadModifier)?;
    if inner.is_empty() || split(inner, quote).nth(1).is_some() || inner.ends_with('\\') {
        return Err(Reason::BadModifier);
    }
    Ok(unescape(inner))
}

/// The text without the backslashes before quotes, commas and pipes.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '\\'
            && let Some(special) = rest.next_if(|next| matches!(next, '\'' | '"' | ',' | '|'))
        {
            out.push(special);
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_escapes_of_clients() {
        let clients =
            |text: &str| Modifiers::parse(&format!("client={text}")).map(|modifiers| modifiers.conditions.clients);
        let device = |name: &str| Client::Device(name.into());
        let only = |names: &[&str]| Choice { only: names.iter().map(|name| device(name)).collect(), except: vec![] };
        assert_eq!(clients(r"'Frank\'s laptop'"), Ok(only(&["Frank's laptop"])));
        assert_eq!(clients("\"a b\"|c"), Ok(only(&["a b", "c"])));
        assert_eq!(clients(r"a\|b\,c"), Ok(only(&["a|b,c"])));
        let except = Choice { only: vec![], except: vec![device("Mary's, and Boris's")] };
        assert_eq!(clients(r"~'Mary\'s\, and Boris\'s'"), Ok(except));
        for bad in ["", "~", "'a", "''", "a||b", "'a'b'", r"'a\'"] {
            assert_eq!(clients(bad), Err(Reason::BadModifier), "{bad}");
        }
        assert_eq!(clients(&"a|".repeat(MAX_VALUES)), Err(Reason::TooLong));
    }

    #[test]
    fn modifiers_for_browsers_are_told_from_those_that_nobody_knows() {
        assert_eq!(Modifiers::parse("important,third-party"), Err(Reason::BrowserModifier));
        assert_eq!(Modifiers::parse("~script"), Err(Reason::BrowserModifier));
        assert_eq!(Modifiers::parse("domain=a.example"), Err(Reason::BrowserModifier));
        assert_eq!(Modifiers::parse("nonsense"), Err(Reason::UnknownModifier));
        assert_eq!(Modifiers::parse(""), Err(Reason::UnknownModifier));
        assert_eq!(Modifiers::parse("important,important"), Err(Reason::BadModifier));
    }
}
