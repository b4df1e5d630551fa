//! The commands about the configuration, as they are typed.

use std::path::Path;
use std::process::Command;

/// Runs `headwater` with `words`, separated by spaces: exit code, standard output, standard error.
fn headwater(words: &str) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_headwater"))
        .args(words.split_whitespace())
        .env_clear()
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .output()
        .expect("headwater runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn check_prints_every_problem() {
    let (code, out, _) = headwater("check --config testdata/config/mistakes.yaml");
    assert_eq!(code, 1);
    assert!(out.starts_with("testdata/config/mistakes.yaml:2:3: server.dns_prot: unknown key"), "{out}");
    assert_eq!(out.lines().count(), include_str!("../../../testdata/config/mistakes.txt").lines().count());
}

#[test]
fn check_accepts_the_original_file() {
    let (code, out, _) = headwater("check --config testdata/config/original.yaml");
    assert_eq!(code, 0);
    assert!(!out.contains("warning"), "{out}");
    assert_eq!(headwater("check --listen 127.0.0.1:5300").0, 0);
    assert_eq!(headwater("check --listen nowhere").0, 1);
}

#[test]
fn descriptions_are_printed() {
    let cases = [
        ("config schema", "\"$schema\""),
        ("config defaults", "dns_port: 5353"),
        ("config reference", "| `dns_port` | number, 1 to 65535 | `5353` |"),
        ("completions bash", "_headwater()"),
        ("--help", "Usage: headwater <COMMAND>"),
    ];
    for (words, want) in cases {
        let (code, out, _) = headwater(words);
        assert_eq!(code, 0, "{words}");
        assert!(out.contains(want), "{words}: {out}");
    }
}

#[test]
fn manual_pages_are_written() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("man");
    assert_eq!(headwater(&format!("man {}", directory.display())).0, 0);
    assert!(directory.join("headwater-zone-check.1").exists());
}
