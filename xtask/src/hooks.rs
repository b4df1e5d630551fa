//! `cargo xtask hooks`: what git runs before it takes a commit.

use std::path::Path;

use anyhow::Context;

use crate::tree::output;

const PRE_COMMIT: &str = "#!/bin/sh
# Installed by `cargo xtask hooks`.
set -e
cargo fmt --all --check
cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
cargo xtask tidy
";

/// Installs the pre-commit hook: style, lints and the laws of the house. Another hook that stands there is kept.
/// Returns the file.
///
/// # Errors
/// A hook that is not ours stands there; git or the disk fails.
pub fn install(root: &Path) -> anyhow::Result<String> {
    let hooks = output(root, "git", &["rev-parse", "--git-path", "hooks"])?;
    let directory = root.join(hooks.trim());
    let file = directory.join("pre-commit");
    let shown = file.display().to_string();
    match std::fs::read_to_string(&file) {
        Ok(there) if !there.contains("cargo xtask hooks") => {
            anyhow::bail!("{shown}: another hook stands there; move it away first");
        }
        _ => {}
    }
    std::fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    std::fs::write(&file, PRE_COMMIT).with_context(|| shown.clone())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).with_context(|| shown.clone())?;
    }
    Ok(shown)
}
