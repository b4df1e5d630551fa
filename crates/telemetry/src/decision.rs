//! What a policy decided about a query, in words.

use std::net::IpAddr;
use std::sync::Arc;

use policy::Mark;

/// What a policy decided about a query, and why. A text that is empty: nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Decision<'a> {
    /// What was done.
    pub action: &'a str,
    /// The policy that said so.
    pub policy: &'a str,
    /// The client's group.
    pub group: &'a str,
    /// The list that has the name.
    pub list: &'a str,
    /// The rule that matched.
    pub rule: &'a str,
}

/// The same, kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DecisionText {
    /// What was done.
    pub action: &'static str,
    /// The policy that said so.
    pub policy: &'static str,
    /// The client's group.
    pub group: Arc<str>,
    /// The list that has the name.
    pub list: Arc<str>,
    /// The rule that matched.
    pub rule: Arc<str>,
}

/// Finds words for what records say of policy: they have numbers only.
pub trait Naming: Send + Sync {
    /// What was decided about a question of `client`; `None`: nothing, and the client is in no group that has a name.
    fn decision(&self, client: IpAddr, mark: Option<Mark>) -> Option<DecisionText>;
}

impl DecisionText {
    /// As readers see it.
    pub fn get(&self) -> Decision<'_> {
        let DecisionText { action, policy, group, list, rule } = self;
        Decision { action, policy, group, list, rule }
    }
}
