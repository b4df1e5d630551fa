//! `headwater block` and `headwater client` against the running server, with the real binary.

mod common;

use common::{Scratch, Server, headwater};

/// The exit code and what was printed.
fn run(scratch: &Scratch, words: &[&str]) -> (i32, String) {
    let words = [words, &["--data", "data"]].concat();
    let output = headwater(&words).current_dir(scratch.path()).output().expect("headwater runs");
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

/// Runs until it exits with `code`: what is set is in force a moment later.
#[track_caller]
fn wait_for(scratch: &Scratch, words: &[&str], code: i32) -> String {
    for _ in 0..200 {
        let (is, text) = run(scratch, words);
        if is == code {
            return text;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{words:?} does not exit with {code}: {:?}", run(scratch, words));
}

#[test]
fn a_name_is_blocked_for_one_device_until_it_is_paused() {
    let scratch = Scratch::new("cli-block");
    let (code, text) = run(&scratch, &["block", "check", "ads.example"]);
    assert!(code == 1 && text.contains("no server answers"), "{text}");
    scratch
        .write("example.org.zone", "$TTL 60\n@ SOA ns1 hostmaster 1 7200 900 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n");
    let _server = Server::start(&scratch, &[]);
    assert_eq!(run(&scratch, &["client", "add", "tv", "192.0.2.7"]), (0, "client tv is set\n".to_owned()));
    let (code, text) = run(&scratch, &["client", "add", "radio", "192.0.2.7"]);
    assert!(code == 1 && text.contains("tv"), "{text}");
    let (code, text) = run(&scratch, &["client", "list"]);
    assert!(code == 0 && text.contains("tv") && text.contains("192.0.2.7"), "{text}");
    let (code, text) = run(&scratch, &["block", "rule", "add", "||ads.example^$client=tv", "--comment", "loud"]);
    assert!(code == 0 && text.ends_with("is set\n"), "{text}");
    let (code, text) = run(&scratch, &["block", "rule", "add", "||ads.example^$popup"]);
    assert!(code == 1 && text.contains("browsers"), "{text}");
    let text = wait_for(&scratch, &["block", "check", "www.ads.example", "--client", "192.0.2.7"], 0);
    assert!(text.contains("*  block   rules"), "{text}");
    let (code, text) = run(&scratch, &["block", "check", "www.ads.example"]);
    assert!(code == 1 && text.contains("is not blocked"), "{text}");
    let (code, text) = run(&scratch, &["block", "pause", "5", "--device", "tv"]);
    assert!(code == 0 && text.starts_with("nothing is blocked until"), "{text}");
    wait_for(&scratch, &["block", "check", "www.ads.example", "--client", "tv"], 1);
    assert_eq!(run(&scratch, &["block", "pause", "0", "--device", "tv"]), (0, "1 pauses ended\n".to_owned()));
    wait_for(&scratch, &["block", "check", "www.ads.example", "--client", "tv"], 0);
    assert_eq!(run(&scratch, &["block", "list"]).0, 0);
    assert_eq!(run(&scratch, &["client", "remove", "tv"]), (0, "client tv is removed\n".to_owned()));
}
