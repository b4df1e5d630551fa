//! Gets the DS and DNSKEY RRsets that the validator needs, from referrals and from the network.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use dns::{Name, RType};

use crate::fetched::Fetched;
use crate::question::Question;
use crate::resolve::Resolver;
use crate::security::{Reason, Security};
use crate::trace::Step;
use crate::upstream::Upstream;
use crate::validate::{Budget, ChainSource};
use crate::work::Context;

impl<U: Upstream> ChainSource for Rc<Resolver<U>> {
    type Context = Context;

    async fn fetch(
        &self,
        context: &Context,
        name: &Name,
        rtype: RType,
        avoid: &[SocketAddr],
    ) -> Result<Arc<Fetched>, Reason> {
        if rtype == RType::DS && avoid.is_empty() {
            let delegation = self.shared().delegations.get(name, self.upstream().now_us());
            if let Some(ds) = delegation.and_then(|delegation| delegation.ds.clone()) {
                return Ok(ds);
            }
        }
        let question = Question::new(name, rtype);
        let deeper = context.deeper(&self.settings().limits)?;
        Box::pin(Resolver::fetch(self, &deeper, &question, avoid)).await
    }

    fn budget<'a>(&'a self, context: &'a Context) -> &'a Budget {
        &context.work.validation
    }

    fn unix_s(&self) -> u64 {
        self.upstream().unix_s()
    }

    fn validated(&self, context: &Context, name: &Name, rtype: RType, security: Security, why: &dyn Fn() -> String) {
        let step = || Step::Validation { name: name.to_owned(), rtype, security, why: why() };
        context.trace.add(self.upstream().now_us(), context.depth, step);
    }
}
