//! Query files ("name type" lines) as packets.

use std::path::Path;

use dns::{NameBuf, RType};

/// The packets of a query file, at most a million.
pub fn read(file: &Path, dnssec: bool) -> anyhow::Result<Vec<Vec<u8>>> {
    let text = std::fs::read_to_string(file)?;
    let lines = text.lines().take(1_000_000).filter(|line| !line.trim().is_empty());
    lines.map(|line| packet(line, dnssec)).collect()
}

fn packet(line: &str, dnssec: bool) -> anyhow::Result<Vec<u8>> {
    let mut words = line.split_whitespace();
    let bad = || anyhow::anyhow!("`{line}` is not NAME TYPE");
    let name: NameBuf = words.next().ok_or_else(bad)?.parse()?;
    let rtype = words.next().and_then(|word| RType::from_text(word.as_bytes())).ok_or_else(bad)?;
    let mut packet = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(dnssec)];
    packet.extend_from_slice(name.as_wire());
    packet.extend_from_slice(&rtype.0.to_be_bytes());
    packet.extend_from_slice(&[0, 1]);
    if dnssec {
        packet.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0]);
    }
    Ok(packet)
}
