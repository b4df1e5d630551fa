//! The demo's lists and rules, and what they decide: the configuration says the same in its words, and the past of the demo
//! goes by what is here.

use std::fmt::Write;

use super::model::{self, Group};

/// A blocklist: it blocks each of these names and everything below them.
#[derive(Debug)]
pub struct List {
    /// Its name.
    pub name: &'static str,
    /// Its file in the directory of the demo.
    pub file: &'static str,
    /// The groups that it is for.
    pub groups: &'static [Group],
    /// Its names do not exist, instead of having no address.
    pub denies: bool,
    names: &'static [&'static str],
}

/// A rule, the names that it has, and what it does.
#[derive(Debug)]
pub struct Rule {
    /// As it stands in the configuration.
    pub text: &'static str,
    name: &'static str,
    allows: bool,
}

/// What was decided about a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// It is answered as if there was no rule.
    pub allowed: bool,
    /// The name does not exist, instead of having no address.
    pub denies: bool,
    /// What kind of policy it was.
    pub policy: &'static str,
    /// The list.
    pub list: &'static str,
    /// The rule in it.
    pub rule: String,
}

/// What a list says before its names.
const HEAD: [&str; 2] = ["# A list of the demo. All names in it are made up.", "# One name a line: it and all below."];

/// The lists.
pub const LISTS: [List; 3] = [
    List {
        name: "Advertising",
        file: "lists/advertising.txt",
        groups: &[Group::Home, Group::Children, Group::Office],
        denies: false,
        names: &[
            "ad-spire.example",
            "click-harbor.example",
            "pop-mint.example",
            "banner-brigade.example",
            "sponsored-links.example",
            "ads.sports-room.example",
            "promo.market-lane.example",
        ],
    },
    List {
        name: "Tracking",
        file: "lists/tracking.txt",
        groups: &[Group::Home, Group::Children, Group::Office],
        denies: false,
        names: &[
            "track-well.example",
            "eye-line.example",
            "site-pulse.example",
            "viewer-panel.example",
            "crash-counter.example",
            "who-is-here.example",
        ],
    },
    List {
        name: "Gambling",
        file: "lists/gambling.txt",
        groups: &[Group::Children, Group::Office],
        denies: true,
        names: &["lucky-spin.example", "royal-bets.example", "poker-cellar.example"],
    },
];

/// Rules for everybody.
pub const RULES: [Rule; 2] = [
    // A shop's pages do not work without it.
    Rule { text: "@@||pixel.click-harbor.example^", name: "pixel.click-harbor.example", allows: true },
    Rule { text: "||old-api.friend-lane.example^", name: "old-api.friend-lane.example", allows: false },
];

/// Rules for children.
pub const CHILDREN_RULES: [Rule; 1] =
    [Rule { text: "||live.sports-room.example^", name: "live.sports-room.example", allows: false }];

impl List {
    /// The text of its file.
    pub fn text(&self) -> String {
        HEAD.iter().chain(self.names).fold(String::new(), |mut text, line| {
            // A String takes everything.
            let _ = writeln!(text, "{line}");
            text
        })
    }

    /// The line of its file that has the name.
    fn line(&self, name: &str) -> Option<usize> {
        let place = self.names.iter().position(|listed| is_at_or_below(name, listed))?;
        Some(HEAD.len() + place + 1)
    }
}

/// What lists and rules decide about a question of a group at a moment; `None`: nothing. The order is that of the server:
/// the schedule, exceptions, blocks.
pub fn decide(name: &str, group: Group, at_s: u64) -> Option<Decided> {
    let decided = |allowed, denies, policy, list, rule: String| Some(Decided { allowed, denies, policy, list, rule });
    let exception = RULES.iter().find(|rule| rule.allows && is_at_or_below(name, rule.name));
    let sleeps = model::bedtime(at_s).filter(|_| group == Group::Children && exception.is_none());
    if let Some(part) = sleeps {
        return decided(false, false, "schedule", "schedule", format!("line {part}"));
    }
    let has_lists = |list: &&List| list.groups.contains(&group);
    let listed = LISTS.iter().filter(has_lists).find_map(|list| Some((list, list.line(name)?)));
    if let Some(rule) = exception.filter(|_| listed.is_some()) {
        return decided(true, false, "rules", "rules", rule.text.to_owned());
    }
    if let Some(rule) = RULES.iter().find(|rule| !rule.allows && is_at_or_below(name, rule.name)) {
        return decided(false, false, "rules", "rules", rule.text.to_owned());
    }
    let mut of_children = CHILDREN_RULES.iter().filter(|_| group == Group::Children);
    if let Some(rule) = of_children.find(|rule| is_at_or_below(name, rule.name)) {
        return decided(false, false, "rules", "rules of children", rule.text.to_owned());
    }
    let (list, line) = listed?;
    decided(false, list.denies, "list", list.name, format!("line {line}"))
}

/// Whether a name is this one or below it.
fn is_at_or_below(name: &str, above: &str) -> bool {
    name.strip_suffix(above).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Wednesday, at noon.
    const NOON_S: u64 = 19_998 * 86_400 + 12 * 3600;

    #[test]
    fn lists_and_rules_decide_for_their_groups() {
        let check = |name: &str, group: Group, at_s: u64, want: Option<(&str, &str)>| {
            let decided = decide(name, group, at_s);
            assert_eq!(decided.as_ref().map(|decided| (decided.list, decided.rule.as_str())), want, "{name} {group:?}");
        };
        check("bid-2.ad-spire.example", Group::Home, NOON_S, Some(("Advertising", "line 3")));
        check("bid-2.ad-spire.example", Group::Servers, NOON_S, None);
        check("bad-spire.example", Group::Home, NOON_S, None);
        check("pixel.click-harbor.example", Group::Home, NOON_S, Some(("rules", "@@||pixel.click-harbor.example^")));
        check("www.royal-bets.example", Group::Home, NOON_S, None);
        check("www.royal-bets.example", Group::Children, NOON_S, Some(("Gambling", "line 4")));
        check("live.sports-room.example", Group::Children, NOON_S, Some(("rules of children", CHILDREN_RULES[0].text)));
        check("www.weather-now.example", Group::Children, NOON_S, None);
        check("www.weather-now.example", Group::Children, NOON_S + 10 * 3600, Some(("schedule", "line 1")));
    }

    #[test]
    fn a_line_is_where_the_list_has_the_name() {
        for list in &LISTS {
            let text = list.text();
            for name in list.names {
                let line = list.line(name).expect("a line");
                assert_eq!(text.lines().nth(line - 1), Some(*name));
            }
        }
    }
}
