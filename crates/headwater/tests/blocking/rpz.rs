//! The same policy zone in front of the same authoritative server: ours, BIND's and Unbound's answers are compared.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;

use dns::{Message, RType};

use crate::common::{Scratch, tcp};
use crate::peers;
use crate::policy_zone::{Question, generate};
use crate::site::{CLIENT, Site, ask_in_vain, question, said};

const SEED: u64 = 9;
/// Silence is believed after so many questions.
const ATTEMPTS: usize = 3;

/// The client whose rule is PASSTHRU.
const PASSED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 6);

const POLICY: &str = "blocking:\n  rpz: [{ name: rpz, file: rpz.zone }]\n";

/// A difference that is meant: to whom, what ours and theirs must be like (with the zone file), and why.
struct Meant {
    peer: &'static str,
    holds: fn(&Difference, &str) -> bool,
    why: &'static str,
}

/// An answer that is not the same.
struct Difference {
    question: Question,
    transport: &'static str,
    ours: String,
    theirs: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Difference { question: (client, name, rtype), transport, ours, theirs } = self;
        write!(f, "{client} {name} {rtype} over {transport}: ours {ours}, theirs {theirs}")
    }
}

const MEANT: &[Meant] = &[
    Meant {
        peer: "bind",
        holds: |difference, zone| is_hidden(&difference.question.1, zone),
        why: "a wildcard of ours matches every name below it; BIND has an owner name in between hide it, as in a zone",
    },
    Meant {
        peer: "unbound",
        holds: |difference, zone| is_hidden(&difference.question.1, zone),
        why: "a wildcard of ours matches every name below it; Unbound has an owner name in between hide it, as in a zone",
    },
    Meant {
        peer: "bind",
        holds: |difference, _| {
            let Difference { question, ours, theirs, .. } = difference;
            is_alias(question) && without_chain(theirs) == without_chain(ours)
        },
        why: "who asks for an alias of a listed name gets our answer at once; BIND tells the alias before it",
    },
    Meant {
        peer: "unbound",
        holds: |difference, _| difference.question.0 == PASSED && difference.theirs == "NOERROR",
        why: "PASSTHRU of a client ends the search, as with BIND; Unbound goes on to data of the name",
    },
];

/// Whether the question is for a name that is an alias upstream.
fn is_alias((_, name, _): &Question) -> bool {
    name.starts_with("to")
}

/// Unbound 1.17 ends at a rule TCP-only for the target of an alias, and looks at no target of an alias that it has cached:
/// it is not asked for aliases.
fn is_asked(peer: &str, question: &Question) -> bool {
    peer != "unbound" || !is_alias(question)
}

/// What is said without aliases.
fn without_chain(said: &str) -> String {
    let mut words = Vec::new();
    let mut rest = said.split(' ');
    while let Some(word) = rest.next() {
        match word {
            "CNAME" => drop(rest.next()),
            _ => words.push(word),
        }
    }
    words.join(" ")
}

/// Whether a name is below an owner name of the zone, or below one above such a name, that is itself below a wildcard:
/// in a zone that is served it hides the wildcard (RFC 4592 2.2.1).
fn is_hidden(name: &str, zone: &str) -> bool {
    let owners: Vec<&str> = zone.lines().filter_map(|line| line.split(' ').next()).collect();
    let below = |owner: &str, above: &str| owner == above || owner.ends_with(&format!(".{above}"));
    let mut hidden_at = owners.iter().any(|owner| below(owner, name) && *owner != name);
    for (at, _) in name.match_indices('.') {
        let above = &name[at + 1..];
        if owners.contains(&format!("*.{above}").as_str()) {
            return hidden_at;
        }
        hidden_at |= owners.iter().any(|owner| below(owner, above));
    }
    false
}

/// What a server answers over UDP, and over TCP where the client has the address that TCP questions come from.
fn answers(server: SocketAddr, questions: &[Question], is_asked: impl Fn(&Question) -> bool) -> Vec<[String; 2]> {
    let one = |question: &Question| if is_asked(question) { answer(server, question) } else { Default::default() };
    questions.iter().map(one).collect()
}

fn answer(server: SocketAddr, (client, name, rtype): &Question) -> [String; 2] {
    let query = question(name, *rtype);
    let over_udp = (0..ATTEMPTS).find_map(|_| ask_in_vain(server, *client, &query));
    let over_tcp = (*client == CLIENT && over_udp.is_some()).then(|| {
        let octets = tcp(server, &query.to_wire(65_535)).ok();
        said(octets.map(|octets| Message::parse(&octets).expect("a well-formed response")).as_ref())
    });
    [said(over_udp.as_ref()), over_tcp.unwrap_or_default()]
}

#[test]
fn answers_are_those_of_bind_and_unbound() {
    let generated = generate(SEED);
    let site = Site::start("rpz", POLICY, &[("rpz.zone", &generated.zone)], &generated.records);
    let kid = [127, 0, 0, 5].into();
    let in_force = crate::common::until(crate::common::PATIENCE, || {
        (site.says(kid, "outside.com", RType::A) == "NXDOMAIN").then_some(())
    });
    assert!(in_force.is_some(), "{}", site.server.process.log());
    let scratch = Scratch::new("blocking-rpz-peers");
    scratch.write("rpz.zone", &generated.zone);
    let peers = peers::start_all(&scratch, peers::Upstream::Forward(site.upstream.address()));
    for peer in &peers {
        let wanted = || {
            (said(ask_in_vain(peer.address, kid, &question("outside.com", RType::A)).as_ref()) == "NXDOMAIN")
                .then_some(())
        };
        assert!(crate::common::until(crate::common::PATIENCE, wanted).is_some(), "{} has no policy", peer.name);
    }
    let questions = &generated.questions;
    let (ours, theirs) = thread::scope(|scope| {
        let ask = |peer: &peers::Peer| answers(peer.address, questions, |question| is_asked(peer.name, question));
        let theirs: Vec<_> = peers.iter().map(|peer| scope.spawn(move || ask(peer))).collect();
        let ours = answers(site.server.address, questions, |_| true);
        (ours, theirs.into_iter().map(|them| them.join().expect("answers")).collect::<Vec<_>>())
    });
    let mut unmeant = Vec::new();
    for (peer, theirs) in peers.iter().zip(&theirs) {
        let mut counts = vec![0; MEANT.len()];
        let all = questions.iter().zip(&ours).zip(theirs);
        for ((question, ours), theirs) in all.filter(|((question, _), _)| is_asked(peer.name, question)) {
            for (transport, (ours, theirs)) in ["UDP", "TCP"].into_iter().zip(ours.iter().zip(theirs)) {
                if ours == theirs {
                    continue;
                }
                // Silence of a peer that is asked by many at a time is not its policy until it is alone.
                let again = (theirs == "silence" || theirs.is_empty()).then(|| answer(peer.address, question));
                let theirs = again.map_or(theirs.clone(), |both| both[usize::from(transport == "TCP")].clone());
                if *ours == theirs {
                    continue;
                }
                let ours = ours.clone();
                let difference = Difference { question: question.clone(), transport, ours, theirs };
                match MEANT
                    .iter()
                    .position(|meant| meant.peer == peer.name && (meant.holds)(&difference, &generated.zone))
                {
                    Some(at) => counts[at] += 1,
                    None => unmeant.push((peer.name, difference)),
                }
            }
        }
        println!("{}: {} questions", peer.name, questions.len());
        for (meant, count) in MEANT.iter().zip(counts).filter(|(meant, _)| meant.peer == peer.name) {
            println!("  {count} differ: {}", meant.why);
        }
    }
    let some: Vec<String> = unmeant.iter().take(80).map(|(peer, it)| format!("{peer}: {it}")).collect();
    assert!(unmeant.is_empty(), "{} differences:\n{}\n{}", unmeant.len(), some.join("\n"), generated.zone);
    let kinds: std::collections::BTreeSet<&str> =
        ours.iter().flatten().filter_map(|said| said.split(' ').next()).collect();
    assert!(["NOERROR", "NXDOMAIN", "silence"].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
}
