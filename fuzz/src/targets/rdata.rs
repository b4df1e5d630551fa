//! Record data alone: the first two octets of the input are the type, the rest is tried as wire form,
//! as text and as JSON.

use dns::rdata::{json, text, wire};
use dns::scan::Scanner;
use dns::{Name, RType};

use super::{Target, golden, mark};

pub struct RdataTarget;

fn scan(rtype: RType, source: &[u8]) -> Option<Vec<u8>> {
    let mut rdata = Vec::new();
    text::scan(rtype, &mut Scanner::new(source), Name::root(), &mut rdata).ok().map(|()| rdata)
}

/// Valid data survives text and JSON.
fn survives(rtype: RType, rdata: &[u8]) {
    let mut printed = String::new();
    text::write(rtype, rdata, &mut printed).expect("a string takes it");
    assert_eq!(scan(rtype, printed.as_bytes()).as_deref(), Some(rdata), "{rtype} {printed}");
    let value = json::to_json(rtype, rdata);
    assert_eq!(json::from_json(rtype, &value).as_deref(), Ok(rdata), "{rtype} {value}");
    let mut canonical = Vec::new();
    wire::canonical(rtype, rdata, &mut canonical);
    assert_eq!(wire::validate(rtype, &canonical), Ok(()), "{rtype} in canonical form");
}

impl Target for RdataTarget {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let seeds = golden().into_iter().filter_map(|(rtype, text, rdata)| {
            let rtype = RType::from_text(rtype.as_bytes())?;
            let json = json::to_json(rtype, &rdata).to_string().into_bytes();
            let forms = [rdata, text.into_bytes(), json];
            Some(forms.map(|form| [&rtype.0.to_be_bytes(), &form[..]].concat()))
        });
        seeds.flatten().collect()
    }

    fn words(&self) -> Vec<Vec<u8>> {
        let words =
            "\"|\\\"|\\000|\\255|\\|,|=| |alpn|mandatory|ipv4hint|key65535|null|[]|{}|-1|1e9|0|4294967296|\\# 1 00";
        words.split('|').map(|word| word.as_bytes().to_vec()).collect()
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let Some((rtype, rest)) = input.split_first_chunk::<2>() else { return 0 };
        let rtype = RType(u16::from_be_bytes(*rtype));
        let valid = wire::validate(rtype, rest);
        if valid.is_ok() {
            survives(rtype, rest);
        }
        let scanned = scan(rtype, rest);
        if let Some(rdata) = &scanned {
            survives(rtype, rdata);
        }
        let value = serde_json::from_slice(rest).ok();
        let read = value.map(|value| json::from_json(rtype, &value));
        if let Some(Ok(rdata)) = &read {
            survives(rtype, rdata);
        }
        let wrong = valid.err().map(|error| error.to_string());
        let expected = read.map(|read| read.err().map(|error| error.expected));
        mark((rtype.0, wrong, scanned.map(|rdata| rdata.len().min(32)), expected))
    }
}
