//! Has the crate built anew when a file of the dashboard changes, comes or goes: the derive looks only when it is compiled.

use std::fs;

/// What is for development alone.
const LEFT_OUT: [&str; 4] = ["node_modules", "shots", "test", "tools"];

fn main() -> std::io::Result<()> {
    for entry in fs::read_dir("../../web")? {
        let entry = entry?;
        if !LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
            println!("cargo:rerun-if-changed={}", entry.path().display());
        }
    }
    Ok(())
}
