//! Which of several rules that match decides.

use dns::header::Rcode;

use crate::action::Rewrite;

/// How much a rule counts: of those that match, the greatest decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// A rule that blocks.
    Block,
    /// An exception.
    Allow,
    /// A rule that spells out the answer: exceptions from it have `dnsrewrite` themselves.
    Rewrite,
    /// A rule that blocks, with `important`.
    ImportantBlock,
    /// A rule that spells out the answer, with `important`.
    ImportantRewrite,
    /// An exception, with `important`.
    ImportantAllow,
}

impl Priority {
    /// Of a rule that allows, or rewrites, or else blocks.
    pub fn of(allow: bool, rewrite: bool, important: bool) -> Priority {
        match (important, allow, rewrite) {
            (false, true, _) => Priority::Allow,
            (false, false, true) => Priority::Rewrite,
            (false, false, false) => Priority::Block,
            (true, true, _) => Priority::ImportantAllow,
            (true, false, true) => Priority::ImportantRewrite,
            (true, false, false) => Priority::ImportantBlock,
        }
    }
}

/// The one answer of several rewrites of equal priority: the first that is only a response code, else the first alias,
/// else the records of all, each once. `None` if there is no rewrite.
pub fn combine<'a>(rewrites: impl Iterator<Item = &'a Rewrite> + Clone) -> Option<Rewrite> {
    let is_code = |rewrite: &&Rewrite| rewrite.alias.is_none() && rewrite.data.is_empty();
    let alone = rewrites.clone().find(is_code).or_else(|| rewrites.clone().find(|rewrite| rewrite.alias.is_some()));
    if let Some(alone) = alone {
        return Some(alone.clone());
    }
    let mut all = Rewrite { rcode: Rcode::NOERROR, alias: None, data: Vec::new(), ttl: rewrites.clone().next()?.ttl };
    for record in rewrites.flat_map(|rewrite| &rewrite.data) {
        if !all.data.contains(record) {
            all.data.push(record.clone());
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::super::rewrite::parse;
    use super::*;

    #[test]
    fn important_comes_first_then_rewrites_exceptions_and_blocks() {
        let order = [
            Priority::ImportantAllow,
            Priority::ImportantRewrite,
            Priority::ImportantBlock,
            Priority::Rewrite,
            Priority::Allow,
            Priority::Block,
        ];
        assert!(order.windows(2).all(|pair| pair[0] > pair[1]));
    }

    #[test]
    fn a_code_comes_before_an_alias_and_an_alias_before_records_which_are_put_together() {
        let values = |texts: &[&str]| texts.iter().map(|text| parse(text).expect("a rewrite")).collect::<Vec<_>>();
        let one = values(&["192.0.2.1", "192.0.2.2", "192.0.2.1", "NOERROR;TXT;x"]);
        let all = combine(one.iter()).expect("an answer");
        assert_eq!(all.data.len(), 3);
        let alias = values(&["192.0.2.1", "a.example", "b.example"]);
        assert_eq!(combine(alias.iter()), Some(alias[1].clone()));
        let code = values(&["a.example", "NXDOMAIN", "192.0.2.1"]);
        assert_eq!(combine(code.iter()), Some(code[1].clone()));
        assert_eq!(combine(std::iter::empty()), None);
    }
}
