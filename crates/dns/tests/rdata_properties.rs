//! Random record data: whatever is valid survives text and JSON unchanged, nothing panics.

use dns::rdata::{json, table, text, typed, wire};
use dns::scan::Scanner;
use dns::{Name, RType};
use proptest::collection::vec;
use proptest::prelude::*;

fn scan(rtype: RType, source: &[u8]) -> Result<Vec<u8>, String> {
    let mut rdata = Vec::new();
    text::scan(rtype, &mut Scanner::new(source), Name::root(), &mut rdata).map_err(|e| e.to_string())?;
    Ok(rdata)
}

/// How many cases each property sees; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    ProptestConfig::default().cases.max(4000)
}

/// A number of a known type or any other.
fn rtype() -> impl Strategy<Value = RType> {
    let known: Vec<u16> = table::TYPES.iter().map(|def| def.rtype.0).collect();
    prop_oneof![20 => proptest::sample::select(known), 1 => any::<u16>()].prop_map(RType)
}

/// Octets that are often parts of record data: small numbers, names, strings, bitmaps, addresses.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let name = vec(vec(any::<u8>(), 1..6), 0..3).prop_map(|labels| {
        let mut name = Vec::new();
        for label in labels {
            name.push(label.len() as u8);
            name.extend(label);
        }
        name.push(0);
        name
    });
    let string = vec(any::<u8>(), 0..9).prop_map(|text| [&[text.len() as u8], &text[..]].concat());
    let bitmap = vec(any::<u16>(), 1..9).prop_map(|types| {
        let mut wire = Vec::new();
        dns::rdata::bitmap::encode(types.into_iter().map(RType), &mut wire);
        wire
    });
    let param = (0u16..10, vec(any::<u8>(), 0..9))
        .prop_map(|(key, value)| [&key.to_be_bytes(), &(value.len() as u16).to_be_bytes(), &value[..]].concat());
    let small = vec(0u8..4, 1..9);
    let piece = prop_oneof![small, name, string, bitmap, param, vec(any::<u8>(), 1..21)];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn valid_data_survives(rtype in rtype(), rdata in octets()) {
        round_trip(rtype, &rdata)?;
    }

    /// The random octets stand behind whole golden data: changed, cut and prolonged.
    #[test]
    fn changed_golden_data_survives(
        line in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        new in any::<u8>(),
        more in vec(any::<u8>(), 0..3),
    ) {
        let lines: Vec<&str> = GOLDEN.lines().filter(|line| !line.starts_with('#')).collect();
        let columns: Vec<&str> = line.get(&lines).split('\t').collect();
        let mut rdata = data_encoding::HEXUPPER.decode(columns[2].trim_matches('-').as_bytes()).expect("hex");
        if !rdata.is_empty() {
            let at = at.index(rdata.len());
            rdata[at] = new;
        }
        rdata.extend(more);
        round_trip(RType::from_text(columns[0].as_bytes()).expect("a type"), &rdata)?;
    }

    #[test]
    fn random_text_gives_valid_data_or_an_error(rtype in rtype(), source in "[ -~\t\n]{0,40}") {
        if let Ok(rdata) = scan(rtype, source.as_bytes()) {
            prop_assert_eq!(wire::validate(rtype, &rdata), Ok(()));
        }
    }

    #[test]
    fn changed_golden_text_gives_valid_data_or_an_error(
        line in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        new in any::<u8>(),
    ) {
        let lines: Vec<&str> = GOLDEN.lines().filter(|line| !line.starts_with('#')).collect();
        let columns: Vec<&str> = line.get(&lines).split('\t').collect();
        let mut source = columns[1].as_bytes().to_vec();
        if !source.is_empty() {
            let at = at.index(source.len());
            source[at] = new;
        }
        let rtype = RType::from_text(columns[0].as_bytes()).expect("a type");
        if let Ok(rdata) = scan(rtype, &source) {
            round_trip(rtype, &rdata)?;
            prop_assert_eq!(wire::validate(rtype, &rdata), Ok(()));
        }
    }
}

/// A JSON value of any kind, numbers near the limits among them.
fn value() -> impl Strategy<Value = serde_json::Value> {
    let number = prop_oneof![any::<i64>(), 0i64..300, Just(65535), Just(65536), Just(1 << 32)];
    let scalar = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        number.prop_map(Into::into),
        "[ -~\\PC]{0,12}".prop_map(Into::into),
    ];
    prop_oneof![scalar.clone(), vec(scalar, 0..3).prop_map(Into::into)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// Golden objects with one property exchanged.
    #[test]
    fn changed_json_gives_valid_data_or_an_error(
        line in any::<prop::sample::Index>(),
        property in any::<prop::sample::Index>(),
        value in value(),
    ) {
        let lines: Vec<&str> = GOLDEN.lines().filter(|line| !line.starts_with('#')).collect();
        let columns: Vec<&str> = line.get(&lines).split('\t').collect();
        let rtype = RType::from_text(columns[0].as_bytes()).expect("a type");
        let rdata = data_encoding::HEXUPPER.decode(columns[2].trim_matches('-').as_bytes()).expect("hex");
        let mut object = json::to_json(rtype, &rdata);
        let properties = object.as_object_mut().expect("an object");
        let at = property.index(properties.len());
        let name = properties.keys().nth(at).cloned().expect("a property");
        properties.insert(name, value);
        match json::from_json(rtype, &object) {
            Ok(rdata) => round_trip(rtype, &rdata)?,
            Err(error) => prop_assert!(error.pointer.is_empty() || error.pointer.starts_with('/'), "{}", error),
        }
    }
}

const GOLDEN: &str = include_str!("../../../testdata/rdata/golden.txt");

/// Every function takes the data; text and JSON give it back.
fn round_trip(rtype: RType, rdata: &[u8]) -> Result<(), TestCaseError> {
    let mut printed = String::new();
    text::write(rtype, rdata, &mut printed).expect("a string takes anything");
    let object = json::to_json(rtype, rdata);
    let mut canonical = Vec::new();
    wire::canonical(rtype, rdata, &mut canonical);
    prop_assert!(canonical.eq_ignore_ascii_case(rdata));
    let names = wire::names(rtype, rdata).count();
    let _ = (typed::target(rtype, rdata), typed::Soa::parse(rdata), typed::Rrsig::parse(rdata));
    let _ = (typed::Nsec::parse(rdata), typed::Nsec3::parse(rdata), typed::Nsec3Param::parse(rdata));
    let mut expanded = Vec::new();
    let whole = wire::expand(rtype, rdata, 0, rdata.len(), &mut expanded);
    if wire::validate(rtype, rdata).is_err() {
        prop_assert!(printed.starts_with("\\# "), "{} {}", rtype, printed);
        return Ok(());
    }
    prop_assert_eq!(whole, Ok(()));
    prop_assert_eq!(&expanded[..], rdata);
    prop_assert!(names <= rdata.len());
    prop_assert!(wire::validate(rtype, &canonical).is_ok());
    let rescanned = scan(rtype, printed.as_bytes());
    prop_assert_eq!(rescanned.as_deref(), Ok(rdata), "{} {}", rtype, &printed);
    let back = json::from_json(rtype, &object);
    prop_assert_eq!(back.as_deref(), Ok(rdata), "{} {}", rtype, &object);
    // What goes over the API is text.
    let reread: serde_json::Value = serde_json::from_str(&object.to_string()).expect("JSON");
    prop_assert_eq!(&reread, &object);
    Ok(())
}
