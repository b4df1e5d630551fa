//! The commands of `docs/guide/api.md`, run as they are written.

use std::path::Path;
use std::process::Command;

use super::house::House;

/// The commands of the page, in their order.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| !block.contains("export ")).map(str::to_owned).collect()
}

#[test]
fn the_ten_calls_work_as_written() {
    if Command::new("curl").arg("--version").output().is_err() {
        println!("skipped: no curl");
        return;
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/api.md");
    let page = std::fs::read_to_string(page).expect("docs/guide/api.md");
    let house = House::open();
    let directory = std::env::temp_dir().join(format!("headwater-guide-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("directory");
    let commands = commands(&page);
    assert_eq!(commands.len(), 10, "the page has ten calls");
    for command in commands {
        let run = Command::new("sh")
            .args(["-e", "-c", &command])
            .current_dir(&directory)
            .env("API", format!("http://{}/api/v1", house.address))
            .env("TOKEN", &house.token)
            .env("no_proxy", "*")
            .output()
            .expect("sh");
        let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert!(run.status.success(), "{command}\n{out}\n{err}");
        assert!(!out.is_empty(), "{command} says nothing");
    }
    std::fs::remove_dir_all(&directory).expect("remove");
}
