//! Words for what records say of policy: they have numbers only.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use policy::policies::{SAFE_SEARCH, SCHEDULE};
use policy::{ListId, Mark, RuleRef};
use telemetry::DecisionText;

use super::plan::Plan;
use super::{Shared, lock};

/// Texts of rules that are kept.
const MAX_KEPT: usize = 10_000;

/// Names of lists.
#[derive(Debug, Default)]
pub struct Names {
    lists: HashMap<ListId, (Arc<str>, &'static str)>,
}

impl Names {
    /// Those of a plan.
    pub fn of(plan: &Plan) -> Names {
        let mut lists: HashMap<ListId, (Arc<str>, &'static str)> = HashMap::new();
        for list in &plan.lists {
            lists.insert(list.id, (list.subscription.id.as_str().into(), "list"));
        }
        for (id, name, _) in &plan.rules {
            lists.insert(*id, (name.clone(), "rules"));
        }
        for zone in &plan.zones {
            lists.insert(zone.id, (zone.name.to_string().into(), "rpz"));
        }
        lists.insert(SCHEDULE, ("schedule".into(), "schedule"));
        lists.insert(SAFE_SEARCH, ("safe search".into(), "safe_search"));
        Names { lists }
    }

    /// Every list with its name, in the order of their numbers.
    pub fn all(&self) -> Vec<(ListId, Arc<str>)> {
        let mut all: Vec<_> = self.lists.iter().map(|(id, (name, _))| (*id, name.clone())).collect();
        all.sort_by_key(|(id, _)| id.0);
        all
    }

    /// The name of a list; empty: it is gone.
    pub fn list(&self, id: ListId) -> Arc<str> {
        self.lists.get(&id).map(|(name, _)| name.clone()).unwrap_or_default()
    }

    fn kind(&self, id: ListId) -> &'static str {
        self.lists.get(&id).map_or("", |(_, kind)| kind)
    }
}

/// Finds words for records.
pub struct Naming {
    shared: Arc<Shared>,
    /// Texts of rules that were found last, for one state of the rules.
    rules: Mutex<HashMap<RuleRef, Arc<str>>>,
}

impl Naming {
    /// Words for what `shared` has in force.
    pub(super) fn new(shared: Arc<Shared>) -> Naming {
        Naming { shared, rules: Mutex::default() }
    }

    fn rule(&self, rule: RuleRef, plan: &Plan) -> Arc<str> {
        if let Some((_, _, text)) = plan.rules.iter().find(|(id, ..)| *id == rule.list) {
            let line = text.lines().nth((rule.line as usize).saturating_sub(1));
            return line.unwrap_or_default().into();
        }
        let mut rules = lock(&self.rules);
        if rules.len() >= MAX_KEPT {
            rules.clear();
        }
        rules.entry(rule).or_insert_with(|| format!("line {}", rule.line).into()).clone()
    }
}

impl telemetry::Naming for Naming {
    fn decision(&self, client: IpAddr, mark: Option<Mark>) -> Option<DecisionText> {
        let state = self.shared.state();
        let group = || {
            let profile = state.profile(client)?;
            (state.plan.groups.len() > 1).then(|| profile.group.clone())
        };
        let Some(mark) = mark else { return group().map(|group| DecisionText { group, ..DecisionText::default() }) };
        Some(DecisionText {
            action: mark.did.as_str(),
            policy: state.names.kind(mark.rule.list),
            group: group().unwrap_or_default(),
            list: state.names.list(mark.rule.list),
            rule: self.rule(mark.rule, &state.plan),
        })
    }
}
