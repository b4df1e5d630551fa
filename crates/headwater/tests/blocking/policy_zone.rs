//! A policy zone with rules of every kind that names, addresses and clients trigger, the same in every run, and questions
//! that meet them, nearly meet them, and do not.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::Ipv4Addr;

use dns::RType;

use crate::common::Random;
use crate::site::CLIENT;

/// Names that rules and questions are about.
const NAMES: usize = 60;
/// Rules about names.
const RULES: usize = 140;
/// Hosts with addresses of their own, of which some are the subject of rules.
const HOSTS: usize = 64;
/// Questions.
const QUESTIONS: usize = 500;
const TYPES: [RType; 4] = [RType::A, RType::AAAA, RType::TXT, RType::MX];
/// What rules do, the common ones more than once: DROP takes a test time.
const ACTIONS: [&str; 13] = [
    "CNAME .",
    "CNAME .",
    "CNAME *.",
    "CNAME *.",
    "CNAME rpz-passthru.",
    "CNAME rpz-passthru.",
    "CNAME rpz-tcp-only.",
    "CNAME rpz-tcp-only.",
    "A 203.0.113.7",
    "TXT \"walled\"",
    "CNAME garden.net.",
    "CNAME *.garden.net.",
    "AAAA 2001:db8:bad::7",
];
/// Rules about clients; `127.0.0.16/29` is a network.
pub const CLIENT_RULES: &str = "32.5.0.0.127.rpz-client-ip CNAME .\n32.6.0.0.127.rpz-client-ip CNAME rpz-passthru.\n\
    29.16.0.0.127.rpz-client-ip CNAME *.\n32.8.0.0.127.rpz-client-ip CNAME rpz-tcp-only.\n\
    32.9.0.0.127.rpz-client-ip CNAME rpz-drop.\n";

/// A question of a client.
pub type Question = (Ipv4Addr, String, RType);

/// A policy zone and what goes with it.
pub struct Generated {
    /// The zone file.
    pub zone: String,
    /// Records of the authoritative server's zone `com`.
    pub records: String,
    /// What is asked.
    pub questions: Vec<Question>,
}

fn name(random: &mut Random) -> String {
    let below = ["", "", "a.", "b.", "x.a."][random.below(5)];
    format!("{below}n{}.{}", random.below(NAMES), ["com", "net"][random.below(2)])
}

/// The zone and the questions of a seed.
pub fn generate(seed: u64) -> Generated {
    let mut random = Random(seed);
    let mut zone = "$TTL 300\n@ SOA localhost. root.localhost. 1 7200 900 1209600 300\n@ NS localhost.\n".to_owned();
    let mut triggers = BTreeSet::new();
    while triggers.len() < RULES {
        let name = name(&mut random);
        let trigger = if random.once_in(3) { format!("*.{name}") } else { name };
        if triggers.insert(trigger.clone()) {
            let _ = writeln!(zone, "{trigger} {}", random.pick(&ACTIONS));
        }
    }
    zone += "dropped.com CNAME rpz-drop.\n*.dropped.com CNAME rpz-drop.\n";
    zone += CLIENT_RULES;
    let mut records = String::new();
    for host in 0..HOSTS {
        let _ = writeln!(records, "ip{host} A 198.51.100.{host}\nip{host} AAAA 2001:db8:5::{host:x}");
        let _ = writeln!(records, "to{host} CNAME {}.", name(&mut random));
        if host % 4 == 1 {
            let _ = writeln!(zone, "32.{host}.100.51.198.rpz-ip {}", address_action(&mut random));
            let _ = writeln!(zone, "128.{host:x}.zz.5.db8.2001.rpz-ip {}", address_action(&mut random));
        }
    }
    let _ = writeln!(zone, "28.48.100.51.198.rpz-ip CNAME .");
    Generated { zone, records, questions: questions(&mut random) }
}

/// What a rule about addresses does: data of its own would be an answer that the name does not have.
fn address_action(random: &mut Random) -> &'static str {
    const ACTIONS: &[&str] = &["CNAME .", "CNAME *.", "CNAME rpz-passthru.", "CNAME rpz-tcp-only.", "A 203.0.113.8"];
    random.pick::<&str>(ACTIONS)
}

fn questions(random: &mut Random) -> Vec<Question> {
    let mut questions = BTreeSet::new();
    while questions.len() < QUESTIONS {
        let host = random.below(HOSTS);
        let name = match random.below(10) {
            0..=5 => name(random),
            6 => format!("y.{}", name(random)),
            7 | 8 => format!("ip{host}.com"),
            _ => format!("to{host}.com"),
        };
        let client = if random.once_in(8) { [127, 0, 0, *random.pick(&[5, 6, 8, 17, 23, 24])].into() } else { CLIENT };
        questions.insert((client, name, random.pick(&TYPES).0));
    }
    let mut all: Vec<Question> =
        questions.into_iter().map(|(client, name, rtype)| (client, name, RType(rtype))).collect();
    all.push((CLIENT, "dropped.com".into(), RType::A));
    all.push((CLIENT, "a.dropped.com".into(), RType::TXT));
    all.push(([127, 0, 0, 9].into(), "outside.com".into(), RType::A));
    all
}
