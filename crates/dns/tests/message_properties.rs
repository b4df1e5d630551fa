//! Messages at random: what is written reads back the same, to us and to another implementation;
//! random octets never panic, and what parses survives another round.

use domain::base::name::ToName;
use domain::base::rdata::ComposeRecordData;
use domain::rdata::AllRecordData;
use proptest::collection::vec;
use proptest::prelude::*;

use dns::edns::{ClientSubnet, EdnsOption, Options};
use dns::message::MAX_MESSAGE_LEN;
use dns::{Class, Edns, Header, Message, Name, NameBuf, Question, RType, Rcode, Record};

/// Names over few labels, so that endings repeat and compression has work; case differs at times.
fn names() -> impl Strategy<Value = NameBuf> {
    let label = prop_oneof![
        6 => proptest::sample::select(vec!["www", "example", "Example", "test", "a", "b"]).prop_map(|l| l.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..=63),
    ];
    vec(label, 0..4).prop_map(|labels| {
        labels.iter().try_fold(NameBuf::root(), |name, label| name.prepend(label)).unwrap_or(NameBuf::root())
    })
}

/// Types with and without names in their data, and data that fits them.
fn typed_rdata() -> impl Strategy<Value = (RType, Vec<u8>)> {
    let one_name = proptest::sample::select(vec![RType::NS, RType::CNAME, RType::DNAME]);
    prop_oneof![
        any::<[u8; 4]>().prop_map(|octets| (RType::A, octets.to_vec())),
        any::<[u8; 16]>().prop_map(|octets| (RType::AAAA, octets.to_vec())),
        (one_name, names()).prop_map(|(rtype, name)| (rtype, name.into_wire())),
        (any::<[u8; 2]>(), names()).prop_map(|(prefix, name)| (RType::MX, [&prefix, name.as_wire()].concat())),
        (any::<[u8; 6]>(), names()).prop_map(|(prefix, name)| (RType::SRV, [&prefix, name.as_wire()].concat())),
        (names(), names(), any::<[u8; 20]>())
            .prop_map(|(m, r, numbers)| (RType::SOA, [m.as_wire(), r.as_wire(), &numbers].concat())),
        vec(any::<u8>(), 0..40).prop_map(|text| (RType::TXT, [&[text.len() as u8], &text[..]].concat())),
        vec(any::<u8>(), 0..80).prop_map(|octets| (RType(65280), octets)),
    ]
}

fn records(max: usize) -> impl Strategy<Value = Vec<Record>> {
    let record = (names(), typed_rdata(), any::<u32>()).prop_map(|(owner, (rtype, rdata), ttl)| Record {
        owner,
        rtype,
        class: Class::IN,
        ttl,
        rdata,
    });
    vec(record, 0..max)
}

fn options() -> impl Strategy<Value = EdnsOption> {
    let subnet = |address: std::net::IpAddr, source_prefix: u8| {
        let zeroed = match address {
            std::net::IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(source_prefix)).unwrap_or(0);
                std::net::IpAddr::V4((u32::from(v4) & mask).into())
            }
            std::net::IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(source_prefix)).unwrap_or(0);
                std::net::IpAddr::V6((u128::from(v6) & mask).into())
            }
        };
        EdnsOption::ClientSubnet(ClientSubnet { address: zeroed, source_prefix, scope_prefix: 0 })
    };
    prop_oneof![
        vec(any::<u8>(), 0..9).prop_map(EdnsOption::Nsid),
        (any::<[u8; 4]>(), 0..=32u8).prop_map(move |(octets, prefix)| subnet(octets.into(), prefix)),
        (any::<[u8; 16]>(), 0..=128u8).prop_map(move |(octets, prefix)| subnet(octets.into(), prefix)),
        any::<Option<u32>>().prop_map(EdnsOption::Expire),
        (any::<[u8; 8]>(), vec(any::<u8>(), 8..=32)).prop_map(|(client, server)| EdnsOption::Cookie { client, server }),
        any::<Option<u16>>().prop_map(EdnsOption::Keepalive),
        (0..500u16).prop_map(EdnsOption::Padding),
        names().prop_map(EdnsOption::Chain),
        vec(any::<u16>(), 1..5).prop_map(EdnsOption::KeyTag),
        (any::<u16>(), "[a-z ]{0,20}").prop_map(|(info, text)| EdnsOption::ExtendedError { info, text }),
        names().prop_map(EdnsOption::ReportChannel),
        (20000..=65535u16, vec(any::<u8>(), 0..9)).prop_map(|(code, data)| EdnsOption::Other { code, data }),
    ]
}

fn edns() -> impl Strategy<Value = Edns> {
    (any::<u16>(), any::<u8>(), any::<bool>(), any::<bool>(), vec(options(), 0..4)).prop_map(
        |(udp_size, version, dnssec_ok, compact_ok, options)| Edns {
            udp_size,
            version,
            dnssec_ok,
            compact_ok,
            options,
        },
    )
}

prop_compose! {
    fn messages()(
        id: u16,
        flags: u16,
        extended_rcode: u8,
        questions in vec((names(), any::<u16>()), 0..3),
        answers in records(12),
        authorities in records(6),
        additionals in records(6),
        edns in proptest::option::of(edns()),
    ) -> Message {
        let mut header = Header::from_words(id, flags);
        if edns.is_some() {
            header.rcode = Rcode(header.rcode.0 | u16::from(extended_rcode) << 4);
        }
        let question = |(name, rtype)| Question { name, rtype: RType(rtype), class: Class::IN };
        let questions = questions.into_iter().map(question).collect();
        Message { header, questions, answers, authorities, additionals, edns }
    }
}

/// The records of all sections as `domain` reads them.
fn as_others_read_it(octets: &[u8]) -> Vec<Record> {
    let message = domain::base::Message::from_octets(octets).expect("header");
    let mut out = Vec::new();
    for item in message.iter() {
        let (record, _section) = item.expect("record");
        let record = record.into_any_record::<AllRecordData<_, _>>().expect("record data");
        let mut rdata = Vec::new();
        record.data().compose_rdata(&mut rdata).expect("Vec takes everything");
        out.push(Record {
            owner: NameBuf::from_wire(record.owner().to_vec().as_slice().to_vec()).expect("name"),
            rtype: RType(record.rtype().to_int()),
            class: Class(record.class().to_int()),
            ttl: record.ttl().as_secs(),
            rdata,
        });
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back(message in messages()) {
        let octets = message.to_wire(MAX_MESSAGE_LEN);
        let parsed = Message::parse(&octets);
        prop_assert_eq!(parsed.as_ref(), Ok(&message));
        // Equality of names ignores case; it is kept all the same.
        let wires = |message: &Message| -> Vec<Vec<u8>> {
            message.answers.iter().map(|record| record.owner.as_wire().to_vec()).collect()
        };
        prop_assert_eq!(wires(&parsed.expect("parsed")), wires(&message));
    }

    #[test]
    fn others_read_the_same(mut message in messages()) {
        message.edns = None;
        message.header.rcode = Rcode(message.header.rcode.0 & 15);
        let octets = message.to_wire(MAX_MESSAGE_LEN);
        let ours = [message.answers, message.authorities, message.additionals].concat();
        prop_assert_eq!(as_others_read_it(&octets), ours);
    }

    #[test]
    fn compression_only_shortens(message in messages()) {
        let plain: usize = message.answers.iter().map(|r| r.owner.len() + 10 + r.rdata.len()).sum();
        let answers_only = Message { answers: message.answers, ..Message::default() };
        prop_assert!(answers_only.to_wire(MAX_MESSAGE_LEN).len() <= 12 + plain);
    }

    #[test]
    fn a_limit_is_kept(message in messages(), limit in 0..2000usize) {
        let octets = message.to_wire(limit);
        prop_assert!(octets.len() <= limit.max(23));
        let cut = Message::parse(&octets).expect("well-formed");
        let is_prefix = |cut: &[Record], whole: &[Record]| whole.starts_with(cut);
        prop_assert!(is_prefix(&cut.answers, &message.answers));
        prop_assert!(is_prefix(&cut.authorities, &message.authorities));
        prop_assert!(is_prefix(&cut.additionals, &message.additionals));
        let whole = cut.answers.len() == message.answers.len() && cut.authorities.len() == message.authorities.len();
        prop_assert!(whole || cut.header.tc);
    }

    #[test]
    fn octets_never_panic(octets in vec(any::<u8>(), 0..300)) {
        let _ = Message::parse(&octets);
        prop_assert!(Options::new(&octets).count() <= octets.len() / 4 + 1);
    }

    #[test]
    fn damaged_messages_parse_or_err(message in messages(), damage in vec((any::<usize>(), any::<u8>()), 1..6)) {
        let mut octets = message.to_wire(MAX_MESSAGE_LEN);
        for (at, value) in damage {
            let len = octets.len();
            octets[at % len] = value;
        }
        if let Ok(parsed) = Message::parse(&octets) {
            for record in &parsed.answers {
                prop_assert!(Name::from_wire(record.owner.as_wire()).is_ok());
            }
            prop_assert_eq!(Message::parse(&parsed.to_wire(MAX_MESSAGE_LEN)), Ok(parsed));
        }
    }
}
