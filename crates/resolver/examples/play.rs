//! Temporary: plays scenarios.
use dns::NameHasher;
use resolver::cache::CacheSettings;
use resolver::local::NoLocalData;
use resolver::scenario::{parse, run::Runner, script::Script};
use resolver::sim::Sim;
use resolver::trace::Trace;
use resolver::{Resolver, Shared};
use std::rc::Rc;

fn main() {
    for file in std::env::args().skip(1) {
        let text = String::from_utf8_lossy(&std::fs::read(&file).expect("file")).into_owned();
        let scenario = match parse::parse(&text) {
            Ok(scenario) => scenario,
            Err(problem) => {
                println!("skip {file}: {problem:?}");
                continue;
            }
        };
        let sim = Sim::new(Script::new(&scenario), 7, scenario.config.unix_s);
        let cache = CacheSettings {
            min_ttl_s: scenario.config.min_ttl,
            max_ttl_s: scenario.config.max_ttl,
            ..CacheSettings::default()
        };
        let shared = Shared::new(
            scenario.config.settings(),
            cache,
            {
                let mut a = resolver::anchors::Anchors::default();
                for r in &scenario.config.anchors {
                    a.add(&r.owner, r.rtype, &r.rdata);
                }
                a
            },
            NameHasher::new(1),
            1,
        );
        let resolver = Resolver::new(sim.clone(), shared, Rc::new(NoLocalData));
        let ask: resolver::scenario::client::Ask = Rc::new(move |question, cd| {
            let resolver = resolver.clone();
            let trace = if std::env::var("T").is_ok() { Trace::on() } else { Trace::default() };
            Box::pin(async move {
                let outcome = resolver.resolve(question, cd, trace.clone()).await;
                for step in trace.take() {
                    println!("  {} {:?}", step.at_us, step.step);
                }
                outcome
            })
        });
        match Runner::new(&scenario, sim, ask).run() {
            Ok(()) => println!("pass {file}"),
            Err(failure) => println!("fail {file} step {}: {}", failure.step, failure.why),
        }
    }
}
