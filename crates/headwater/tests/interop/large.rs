//! Records as large as a message carries, both ways with BIND, signed and not (RFC 1035 4.2.2, RFC 8945 5.3.1).

use crate::common::{PATIENCE, Scratch, until};
use crate::peer::{Kind, Peer, Zone};
use crate::tools::{self, Signing, contents, free_address, serial};
use crate::zonefile::LONG_TIMERS;

/// Octets of the data of the one TXT record, which has an RRset to itself.
const RDATA_LEN: usize = 65_009;

/// A zone with that record.
fn text(zone: &str) -> String {
    let (mut left, mut strings) = (RDATA_LEN, String::new());
    while left > 0 {
        let len = left.min(256) - 1;
        strings += &format!(" \"{}\"", "x".repeat(len));
        left -= len + 1;
    }
    format!(
        "{zone} 3600 SOA ns.other. host.other. 7 {LONG_TIMERS}\n{zone} 3600 NS ns.other.\nlone.{zone} 60 TXT{strings}\n"
    )
}

#[test]
fn a_lone_text_of_65009_octets_goes_both_ways() {
    if !Kind::Bind.is_installed() {
        return;
    }
    let scratch = Scratch::new("interop-large");
    let bind_address = free_address();
    let (mut zones, mut entries) = (Vec::new(), String::new());
    for signing in [Signing::None, Signing::Sha512] {
        let key = signing.key().map_or(String::new(), |(name, ..)| format!(" key:{name}"));
        let (ours, theirs) =
            (format!("{}.large-us.test.", signing.label()), format!("{}.large-bind.test.", signing.label()));
        let file = format!("{}.zone", signing.label());
        scratch.write(&file, &text(&ours));
        entries += &format!(
            "  - {{ name: {ours}, file: {file}, allow_transfer: [\"127.0.0.1{key}\"] }}\n  \
             - {{ name: {theirs}, primaries: [\"{bind_address}{key}\"], allow_transfer: [\"127.0.0.1{key}\"] }}\n"
        );
        let primary = Some(text(&theirs));
        zones.push(Zone { name: ours, signing, primary: None, extra: String::new() });
        zones.push(Zone { name: theirs, signing, primary, extra: String::new() });
    }
    let server = tools::headwater(&scratch, free_address(), &entries);
    let bind = Peer::start(Kind::Bind, &scratch, bind_address, server.address, &zones);
    for zone in &zones {
        for address in [server.address, bind.address] {
            let serves = until(PATIENCE, || serial(address, &zone.name).filter(|&serial| serial == 7));
            assert!(serves.is_some(), "{} at {address}:\n{}\n{}", zone.name, server.process.log(), bind.process.log());
        }
        let [here, there] = [server.address, bind.address].map(|address| contents(address, zone.signing, &zone.name));
        assert!(here == there && here.len() == 3, "{}: {} and {} records", zone.name, here.len(), there.len());
        assert!(here.iter().any(|line| line.len() > RDATA_LEN), "{}", zone.name);
    }
}
