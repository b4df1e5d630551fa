//! Random zones with everything in them that makes answering hard, the same for the same seed.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Random;

/// Labels that names are made of: few, so that names meet.
const LABELS: [&str; 14] =
    ["a", "b", "c", "www", "*", "mail", "_tcp", "Mixed", "x\\.y", "\\000\\255", "xn--4ca", "*", "d-e", "0"];
/// Owners besides the apex that are tried.
const OWNERS: usize = 60;

/// A zone and the names worth asking for.
pub struct Generated {
    /// The apex, absolute.
    pub origin: String,
    /// The zone file.
    pub text: String,
    /// Absolute names that own something.
    pub owners: Vec<String>,
}

/// What a name has; a name is its labels below the apex, from the left.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Data,
    Alias,
    Redirection,
    Delegation,
    Glue,
}

struct Zone {
    origin: String,
    kinds: BTreeMap<Vec<String>, Kind>,
    records: Vec<(Vec<String>, String)>,
}

/// The zone for a seed; `wild_cuts`: with delegations at wildcards.
pub fn generate(origin: &str, random: &mut Random, wild_cuts: bool) -> Generated {
    let mut zone = Zone { origin: origin.to_owned(), kinds: BTreeMap::new(), records: Vec::new() };
    zone.kinds.insert(vec!["ns1".to_owned()], Kind::Data);
    zone.records.push((vec!["ns1".to_owned()], "A 192.0.2.53".to_owned()));
    for _ in 0..OWNERS {
        let depth = 1 + random.below(3) + random.below(2);
        let name: Vec<String> = (0..depth).map(|_| random.pick(&LABELS).to_string()).collect();
        zone.add(&name, random, wild_cuts);
    }
    zone.finish(random)
}

impl Zone {
    fn add(&mut self, name: &[String], random: &mut Random, wild_cuts: bool) {
        let hidden =
            (1..name.len()).any(|i| matches!(self.kind(&name[i..]), Some(Kind::Delegation | Kind::Redirection)));
        let below = || self.kinds.keys().any(|known| known.len() > name.len() && known.ends_with(name));
        let wild = name.iter().any(|label| label == "*");
        let kind = match random.below(12) {
            0 | 1 => Kind::Alias,
            2 if !wild && !below() => Kind::Redirection,
            3..=5 if (!wild || wild_cuts) && !below() => Kind::Delegation,
            _ => Kind::Data,
        };
        if hidden || self.kinds.contains_key(name) {
            return;
        }
        self.kinds.insert(name.to_owned(), kind);
        match kind {
            Kind::Alias => {
                let target = self.target(random);
                self.push(name, format!("CNAME {target}"));
            }
            Kind::Redirection => {
                let target = self.target(random);
                self.push(name, format!("DNAME {target}"));
                if random.once_in(2) {
                    self.push(name, "TXT \"beside a DNAME\"".to_owned());
                }
            }
            Kind::Delegation => self.delegate(name, random),
            Kind::Data | Kind::Glue => self.data(name, random),
        }
    }

    fn kind(&self, name: &[String]) -> Option<Kind> {
        self.kinds.get(name).copied()
    }

    fn push(&mut self, name: &[String], rest: String) {
        self.records.push((name.to_owned(), rest));
    }

    fn data(&mut self, name: &[String], random: &mut Random) {
        // At least one of these.
        for (i, keep) in (0..5).map(|i| (i, random.once_in(3))).collect::<Vec<_>>() {
            let number = random.below(250);
            match i {
                0 if keep => {
                    (0..=random.below(3)).for_each(|n| self.push(name, format!("A 198.51.100.{}", number + n)))
                }
                1 if keep => self.push(name, format!("AAAA 2001:db8::{number:x}")),
                2 if keep => self.push(name, format!("MX {number} ns1.{}", self.origin)),
                3 if keep => self.push(name, format!("SRV 0 0 {number} {}", self.target(random))),
                4 => self.push(name, format!("TXT \"number {number}\"")),
                _ => {}
            }
        }
    }

    /// NS records with servers below the cut (with glue), in the zone, or elsewhere; DS or none.
    fn delegate(&mut self, name: &[String], random: &mut Random) {
        let owner = name.join(".");
        let below = random.once_in(2);
        let wild = name.iter().any(|label| label == "*");
        if below && !wild {
            self.push(name, format!("NS ns.{owner}.{}", self.origin));
            let glue: Vec<String> = [&["ns".to_owned()], name].concat();
            self.kinds.insert(glue.clone(), Kind::Glue);
            self.push(&glue, format!("A 203.0.113.{}", random.below(250)));
            if random.once_in(2) {
                self.push(&glue, format!("AAAA 2001:db8:1::{:x}", random.below(250)));
            }
        }
        if random.once_in(3) {
            self.push(name, format!("NS ns1.{}", self.origin));
        }
        if !below || wild || random.once_in(3) {
            self.push(name, "NS ns.outside.test.".to_owned());
        }
        if random.once_in(2) {
            self.push(name, format!("DS {} 13 2 {:064x}", random.below(65_535), random.next()));
        }
    }

    /// A name for an alias: one that exists, one below it, one that does not, one outside.
    fn target(&self, random: &mut Random) -> String {
        let known: Vec<&Vec<String>> = self.kinds.keys().collect();
        let name = known[random.below(known.len())].join(".");
        match random.below(6) {
            0 => format!("www.outside{}.test.", random.below(3)),
            1 => format!("missing.{}", self.origin),
            2 => format!("x.{name}.{}", self.origin),
            _ => format!("{name}.{}", self.origin),
        }
    }

    fn finish(self, random: &mut Random) -> Generated {
        let origin = self.origin;
        let minimum = [60, 3600, 86_400][random.below(3)];
        let mut text =
            format!("$TTL 3600\n{origin} 7200 IN SOA ns1.{origin} host.{origin} 1 7200 900 1209600 {minimum}\n");
        text +=
            &format!("{origin} IN NS ns1.{origin}\n{origin} IN NS ns.outside.test.\n{origin} IN MX 5 ns1.{origin}\n");
        let mut owners = vec![origin.clone()];
        for (name, rest) in &self.records {
            let owner = format!("{}.{origin}", name.join("."));
            // One TTL for an RRset: it follows from the owner and the type.
            let ttl = 60 * (1 + (owner.len() + rest.find(' ').unwrap_or(0)) % 50);
            writeln!(text, "{owner} {ttl} IN {rest}").expect("a string takes it");
            owners.push(owner);
        }
        owners.dedup();
        Generated { origin, text, owners }
    }
}
