//! Keys from the tools of other name servers, and keys of ours for these tools. A test is skipped where its tool is
//! missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dns::Name;
use dnssec::algorithm::Algorithm;
use dnssec::digest::{DS_SHA256, DS_SHA384};
use dnssec::key_file::{
    PublicKeyFile, Timing, file_stem, parse_private, parse_public, to_private_text, to_public_text,
};
use dnssec::sign::SigningKey;

mod support;

use support::{name, rdata};

const SIGNING: [Algorithm; 5] = [
    Algorithm::RSASHA256,
    Algorithm::RSASHA512,
    Algorithm::ECDSAP256SHA256,
    Algorithm::ECDSAP384SHA384,
    Algorithm::ED25519,
];

const ZONE: &str = "$ORIGIN example.org.\n$TTL 300\n@ SOA ns admin 1 7200 3600 86400 300\n@ NS ns\nns A 192.0.2.1\n\
    sub NS ns.sub\nns.sub A 192.0.2.2\n*.wild TXT \"any\"\n";

/// Whether a tool is there; says so if it is not.
fn have(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|directory| directory.join(tool).is_file());
    if !found {
        println!("skipped: {tool} is missing");
    }
    found
}

/// An empty directory for one test.
fn directory(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("key_tools-{}-{test}", std::process::id()));
    fs::create_dir_all(&path).expect("directory");
    path
}

/// Runs a command and gives its standard output. It must succeed.
fn run(directory: &Path, tool: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool).args(arguments).current_dir(directory).output().expect(tool);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{tool} {arguments:?}: {out}{err}");
    out.into_owned()
}

/// Reads both files of a key, which must belong together.
fn read_pair(directory: &Path, stem: &str) -> (PublicKeyFile, SigningKey, Timing) {
    let read = |ending| fs::read_to_string(directory.join(format!("{stem}.{ending}"))).expect(stem);
    let public = parse_public(&read("key")).expect(stem);
    let (key, timing) = parse_private(&read("private"), public.flags, None).expect(stem);
    assert_eq!(public.check(&key), Ok(()), "{stem}");
    (public, key, timing)
}

/// Writes both files of a key, and gives what their names begin with.
fn write_pair(directory: &Path, owner: &Name, key: &SigningKey, timing: &Timing) -> String {
    let stem = file_stem(owner, key.dnskey_rdata());
    fs::write(directory.join(format!("{stem}.key")), to_public_text(owner, 300, key)).expect("file");
    let private = to_private_text(key, timing).expect("text");
    fs::write(directory.join(format!("{stem}.private")), private.as_bytes()).expect("file");
    stem
}

/// A pair of keys that signs a zone: key-signing, zone-signing.
fn write_pairs(directory: &Path, algorithm: Algorithm, timing: &Timing) -> [String; 2] {
    [257, 256].map(|flags| {
        let key = SigningKey::generate(algorithm).expect("key").with_flags(flags);
        write_pair(directory, &name("example.org."), &key, timing)
    })
}

/// Keys of BIND, and what it says of them: names of files, times, DS records.
#[test]
fn keys_of_dnssec_keygen() {
    if !have("dnssec-keygen") || !have("dnssec-dsfromkey") {
        return;
    }
    let directory = directory("keygen");
    let check = |arguments: &[&str], times: [Option<u32>; 2]| {
        let stem = run(&directory, "dnssec-keygen", arguments);
        let stem = stem.trim();
        let (public, key, timing) = read_pair(&directory, stem);
        assert_eq!(file_stem(&public.owner, key.dnskey_rdata()), stem);
        assert_eq!([timing.publish_s, timing.inactive_s], times, "{arguments:?}");
        for (digest, digest_type) in [("SHA-256", DS_SHA256), ("SHA-384", DS_SHA384)] {
            let ds = run(&directory, "dnssec-dsfromkey", &["-a", digest, &format!("{stem}.key")]);
            let (_, ds) = ds.split_once(" DS ").expect("a DS record");
            assert_eq!(key.ds_rdata(&public.owner, digest_type), Ok(rdata(dns::RType::DS, ds.trim())), "{stem}");
        }
    };
    let (publish, inactive) = ("20240229123456", "20300101000000");
    let times = [Some(1_709_210_096), Some(1_893_456_000)];
    for algorithm in SIGNING {
        let number = algorithm.0.to_string();
        check(&["-a", &number, "-P", publish, "-I", inactive, "Example.org"], times);
        check(&["-a", &number, "-C", "-f", "KSK", "-L", "3600", "example.org"], [None; 2]);
    }
    check(&["-a", "8", "-b", "4096", "-P", publish, "-I", inactive, "."], times);
    check(&["-a", "13", "-C", "*.a/b\\.c\\000x._d.example.org"], [None; 2]);
    fs::remove_dir_all(&directory).expect("directory");
}

/// BIND finds our keys by the names of their files, signs with them, and verifies what it signed.
#[test]
fn keys_for_dnssec_signzone() {
    if !have("dnssec-signzone") || !have("dnssec-verify") {
        return;
    }
    let past = Timing { publish_s: Some(1_000_000_000), activate_s: Some(1_000_000_000), ..Timing::default() };
    for (algorithm, timing) in
        SIGNING.iter().flat_map(|algorithm| [(*algorithm, past), (*algorithm, Timing::default())])
    {
        let directory = directory(&format!("signzone-{algorithm}-{}", timing.publish_s.is_some()));
        fs::write(directory.join("zone"), ZONE).expect("file");
        let [ksk, zsk] = write_pairs(&directory, algorithm, &timing);
        // Without times nothing is active of itself: the keys are named then.
        let last: &[&str] = if timing.publish_s.is_some() { &["-S", "zone"] } else { &["-k", &ksk, "zone", &zsk] };
        if timing.publish_s.is_none() {
            let keys =
                [&ksk, &zsk].map(|stem| fs::read_to_string(directory.join(format!("{stem}.key"))).expect("file"));
            fs::write(directory.join("zone"), format!("{ZONE}{}", keys.concat())).expect("file");
        }
        run(&directory, "dnssec-signzone", &[&["-o", "example.org", "-f", "signed"], last].concat());
        run(&directory, "dnssec-verify", &["-o", "example.org", "signed"]);
        fs::remove_dir_all(&directory).expect("directory");
    }
}

/// The same with ldns, which takes the names of files.
#[test]
fn keys_for_ldns_signzone() {
    if !have("ldns-signzone") || !have("ldns-verify-zone") {
        return;
    }
    for algorithm in SIGNING {
        let directory = directory(&format!("ldns-signzone-{algorithm}"));
        fs::write(directory.join("zone"), ZONE).expect("file");
        let [ksk, zsk] = write_pairs(&directory, algorithm, &Timing::default());
        run(&directory, "ldns-signzone", &["-o", "example.org", "-f", "signed", "zone", &ksk, &zsk]);
        run(&directory, "ldns-verify-zone", &["signed"]);
        fs::remove_dir_all(&directory).expect("directory");
    }
}

#[test]
fn keys_of_ldns_keygen() {
    if !have("ldns-keygen") {
        return;
    }
    let directory = directory("ldns-keygen");
    for algorithm in SIGNING {
        let arguments = ["-a", &algorithm.to_string(), "-b", "2048", "-k", "example.org"];
        let stem = run(&directory, "ldns-keygen", &arguments);
        let (_, key, timing) = read_pair(&directory, stem.trim());
        assert_eq!((key.algorithm(), key.flags(), timing), (algorithm, 257, Timing::default()));
    }
    fs::remove_dir_all(&directory).expect("directory");
}

/// Keys of Knot are in PEM, and their DNSKEY records in its database.
#[test]
fn keys_of_keymgr() {
    if !have("keymgr") {
        return;
    }
    let directory = directory("keymgr");
    for algorithm in SIGNING {
        let keys = directory.join(algorithm.to_string());
        let path = keys.to_string_lossy();
        fs::create_dir(&keys).expect("directory");
        let generate = format!("algorithm={algorithm}");
        let id = run(&directory, "keymgr", &["-D", &path, "example.org", "generate", &generate, "ksk=yes"]);
        let public = run(&directory, "keymgr", &["-D", &path, "example.org", "dnskey"]);
        let pem = fs::read_to_string(keys.join(format!("keys/{}.pem", id.trim()))).expect("file");
        let public = parse_public(&public).expect("public key");
        let (key, _) = parse_private(&pem, public.flags, Some(algorithm)).expect("private key");
        assert_eq!(public.check(&key), Ok(()), "{algorithm}");
    }
    fs::remove_dir_all(&directory).expect("directory");
}

/// Knot takes our files, and derives the same key tag.
#[test]
fn keys_for_keymgr() {
    if !have("keymgr") {
        return;
    }
    let directory = directory("keymgr-import");
    let path = directory.to_string_lossy();
    for algorithm in SIGNING {
        let key = SigningKey::generate(algorithm).expect("key").with_flags(257);
        let stem = write_pair(&directory, &name("example.org."), &key, &Timing::default());
        run(&directory, "keymgr", &["-D", &path, "example.org", "import-bind", &format!("{stem}.key")]);
        let public = run(&directory, "keymgr", &["-D", &path, "example.org", "dnskey", &key.key_tag().to_string()]);
        assert_eq!(parse_public(&public).map(|public| public.check(&key)), Ok(Ok(())), "{algorithm}");
    }
    fs::remove_dir_all(&directory).expect("directory");
}

/// PowerDNS prints private keys without their public ones, which it shows elsewhere.
#[test]
fn keys_of_pdnsutil() {
    if !have("pdnsutil") {
        return;
    }
    let directory = directory("pdnsutil");
    let path = |file: &str| directory.join(file).to_string_lossy().into_owned();
    let configuration =
        format!("launch=bind\nbind-dnssec-db={}\nbind-config={}\n", path("dnssec.db"), path("named.conf"));
    fs::write(path("pdns.conf"), configuration).expect("file");
    let zone = format!("zone \"example.org\" {{ type master; file \"{}\"; }};\n", path("zone"));
    fs::write(path("named.conf"), zone).expect("file");
    fs::write(path("zone"), ZONE).expect("file");
    let configured = format!("--config-dir={}", directory.to_string_lossy());
    let pdnsutil = |arguments: &[&str]| run(&directory, "pdnsutil", &[&[configured.as_str()], arguments].concat());
    pdnsutil(&["create-bind-db", &path("dnssec.db")]);
    for algorithm in SIGNING {
        let bits: &[&str] = if algorithm.0 <= 10 { &["2048"] } else { &[] };
        let mnemonic = algorithm.to_string();
        let id = pdnsutil(&[&["add-zone-key", "example.org", "ksk", "active"], bits, &[mnemonic.as_str()]].concat());
        let private = pdnsutil(&["export-zone-key", "example.org", id.trim()]);
        let public = parse_public(&pdnsutil(&["export-zone-dnskey", "example.org", id.trim()])).expect("public key");
        let (key, timing) = parse_private(&private, public.flags, None).expect("private key");
        assert_eq!((public.check(&key), timing), (Ok(()), Timing::default()), "{algorithm}");
        // And back: PowerDNS imports what we write.
        let file = path("imported");
        fs::write(&file, to_private_text(&key, &timing).expect("text").as_bytes()).expect("file");
        pdnsutil(&["import-zone-key", "example.org", &file, "ksk"]);
    }
    fs::remove_dir_all(&directory).expect("directory");
}
