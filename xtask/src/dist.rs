//! `cargo xtask dist`: the program as it is shipped, and its debug information in a file beside it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

const PROGRAM: &str = "headwater";

/// Builds the release with debug information, and leaves two files in the directory `dist` of the target directory:
/// the program without it, and `headwater.debug`, which debuggers find if it stands beside the program. Returns the
/// directory.
///
/// # Errors
/// The build fails, or `objcopy` (package binutils) is missing.
pub fn build(root: &Path) -> anyhow::Result<PathBuf> {
    let target = target(root);
    let directory = target.join("dist");
    let words = ["build", "--release", "--locked", "--package", PROGRAM, "--config", "profile.release.strip=\"none\""];
    run(root, env!("CARGO"), &words)?;
    std::fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    let whole = target.join("release").join(PROGRAM).display().to_string();
    let program = directory.join(PROGRAM).display().to_string();
    let debug = format!("{program}.debug");
    run(root, "objcopy", &["--only-keep-debug", &whole, &debug])?;
    run(root, "objcopy", &["--strip-all", &format!("--add-gnu-debuglink={debug}"), &whole, &program])?;
    Ok(directory)
}

/// Where builds go.
pub fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

fn run(root: &Path, program: &str, words: &[&str]) -> anyhow::Result<()> {
    let status = Command::new(program).args(words).current_dir(root).status().with_context(|| program.to_owned())?;
    ensure!(status.success(), "{program} {} failed: {status}", words.join(" "));
    Ok(())
}
