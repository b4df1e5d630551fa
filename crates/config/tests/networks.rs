//! Lists of networks: entries, exceptions and files.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use config::{Config, LoadOptions, NetworkList, changes};

/// A directory of one test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("config-networks").join(name);
        std::fs::create_dir_all(&directory).expect("a directory for the test");
        Scratch(directory)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).expect("a file for the test");
    }

    /// The configuration in `text`, or every problem without the directory.
    fn load(&self, text: &str) -> Result<(Config, Vec<String>), Vec<String>> {
        self.write("headwater.yaml", text);
        let options = LoadOptions { config: Some(self.0.join("headwater.yaml")), ..LoadOptions::default() };
        let directory = format!("{}/", self.0.display());
        let lines = |problems: Vec<config::Problem>| -> Vec<String> {
            problems.iter().map(|problem| problem.to_string().replace(&directory, "")).collect()
        };
        let loaded = Config::load_with(options, []);
        loaded.map(|(config, warnings)| (config, lines(warnings))).map_err(lines)
    }

    fn good(&self, text: &str) -> Config {
        let (config, warnings) = self.load(text).unwrap_or_else(|problems| panic!("{problems:#?}"));
        assert_eq!(warnings, Vec::<String>::new());
        config
    }
}

fn check(list: &NetworkList, allowed: &[&str], others: &[&str]) {
    for (addresses, want) in [(allowed, true), (others, false)] {
        for address in addresses {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!(list.allows(address), want, "{list}: {address}");
        }
    }
}

#[test]
fn the_longest_match_of_entries_and_files_decides() {
    let scratch = Scratch::new("longest");
    scratch.write("office", "# The office.\n10.1.0.0/16\n\n  !10.1.1.0/24   # guests\r\n2001:db8::/32\n");
    let config = scratch.good(
        "security:\n  allowed_networks: ['10.0.0.0/8', '!10.1.0.0/12', 'file:office', '10.1.1.7']\n\
         \x20 denied_networks: ['192.0.2.0/24', '!192.0.2.9']\n\
         web: { allowed_networks: ['::ffff:10.1.1.0/120'], metrics_allowed: ['file:office'] }\n",
    );
    let security = &config.security;
    check(
        &security.allowed_networks,
        &["10.255.0.1", "10.1.2.1", "::ffff:10.1.2.1", "10.1.1.7", "2001:db8::1"],
        &["10.2.0.1", "10.1.1.1", "::ffff:10.1.1.1", "2001:db9::1"],
    );
    check(&security.denied_networks, &["192.0.2.9"], &["192.0.2.8", "10.1.1.1"]);
    check(&config.web.allowed_networks, &["10.1.1.200"], &["10.1.2.200"]);
    check(&config.web.metrics_allowed, &["10.1.2.1"], &["10.1.1.1"]);
    let files: Vec<(&Path, usize)> = config.network_files().map(|file| (&*file.path, file.networks)).collect();
    let office = scratch.0.join("office");
    assert_eq!(files, [(&*office, 3), (&*office, 3)]);
    assert!(Config::default().web.allowed_networks.is_empty());
}

#[test]
fn an_empty_file_is_no_empty_list() {
    let scratch = Scratch::new("empty");
    scratch.write("nobody", "# nobody yet\n");
    let config = scratch.good("web: { allowed_networks: ['file:nobody'] }\n");
    assert!(!config.web.allowed_networks.is_empty());
    check(&config.web.allowed_networks, &[], &["127.0.0.1"]);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let scratch = Scratch::new("wrong");
    std::fs::write(scratch.0.join("bad"), b"10.0.0.0/8\n\n   any # who\n# 10.0.0.0/33\n\xff\n!10.0.0.0/8\n1.2.3.4 5\n")
        .expect("a file for the test");
    let problems = scratch.load(
        "security:\n  allowed_networks: ['10.0.0.0/8', '!10.0.0.0/8', any, 'file:', 'file:missing']\n\
         \x20 denied_networks: ['file:bad']\nweb: { allowed_networks: ['!10.0.0.0/8', '!::1'] }\n",
    );
    let want = [
        "headwater.yaml:2:36: security.allowed_networks[1]: 10.0.0.0/8 is given with and without `!`, first at line 2",
        "headwater.yaml:2:51: security.allowed_networks[2]: `any` is not an address or prefix",
        "headwater.yaml:2:56: security.allowed_networks[3]: expected the path of a file after `file:`",
        "headwater.yaml:2:65: security.allowed_networks[4]: missing cannot be read: No such file or directory (os error 2)",
        "headwater.yaml:4:27: web.allowed_networks: denies only, so that nobody may: who may has to be there, too, such as \
         0.0.0.0/0 and ::/0",
        "bad:3:4: security.denied_networks[0]: `any` is not an address or prefix",
        "bad:5:1: security.denied_networks[0]: not UTF-8",
        "bad:6:1: security.denied_networks[0]: 10.0.0.0/8 is given with and without `!`, first at line 1",
        "bad:7:1: security.denied_networks[0]: `1.2.3.4 5` is not an address or prefix",
    ];
    assert_eq!(problems.expect_err("problems"), want);
    let long = format!("{}\n", "x".repeat(1000)).repeat(1000);
    scratch.write("long", &long);
    let problems = scratch.load("security: { denied_networks: ['file:long'] }\n").expect_err("problems");
    assert_eq!(problems.len(), 101);
    assert!(problems[100].contains("too many errors") && problems.iter().all(|line| line.len() < 200), "{problems:#?}");
}

#[test]
fn what_is_given_twice_is_a_warning() {
    let scratch = Scratch::new("twice");
    scratch.write("more", &"10.0.0.0/8\n".repeat(30));
    let (_, warnings) = scratch
        .load("security: { denied_networks: ['10.0.0.0/8', 10.0.0.7/8, 'file:more'] }\nzones: [{ name: a, allow_query: ['::1', '::1/128'] }]\n")
        .expect("loads");
    assert_eq!(warnings.len(), 22, "{warnings:#?}");
    let want = "headwater.yaml:1:45: security.denied_networks[1]: 10.0.0.0/8 is given twice, first at line 1";
    assert!(warnings.iter().any(|line| line == want), "{warnings:#?}");
    let want = "more:1:1: security.denied_networks[2]: 10.0.0.0/8 is given twice, first at line 1 of headwater.yaml";
    assert!(warnings.iter().any(|line| line == want), "{warnings:#?}");
    let want = "headwater.yaml:1:31: security.denied_networks: 11 more networks are given twice";
    assert!(warnings.iter().any(|line| line == want), "{warnings:#?}");
    let want = "headwater.yaml:2:41: zones[0].allow_query[1]: an entry before says the same";
    assert!(warnings.iter().any(|line| line == want), "{warnings:#?}");
}

#[test]
fn other_contents_are_a_change() {
    let scratch = Scratch::new("changes");
    scratch.write("list", "10.0.0.0/8\n");
    let text = "security: { denied_networks: ['file:list'] }\n";
    let old = scratch.good(text);
    assert_eq!(old.security, scratch.good(text).security);
    scratch.write("list", "10.0.0.0/8\n::1\n");
    let new = scratch.good(text);
    assert_ne!(old.security, new.security);
    assert!(old.network_files().ne(new.network_files()));
    let file = scratch.0.join("list").display().to_string();
    let want = [format!("security.denied_networks: {file} has other contents: 1 -> 2 networks")];
    assert_eq!(changes(&old, &new), want);
}
