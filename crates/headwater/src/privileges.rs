//! What the process may do: giving up root once the sockets are open, and how many files it may open.

use anyhow::{Context, bail};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, Uid, User, chown, initgroups, setgid, setuid};
use std::path::Path;

/// Becomes `user`, with its groups, for good. The directory `data` is made before, if need be, and given to the user:
/// where it stands the user may not be allowed to make one.
///
/// # Errors
/// No such user, or not allowed to.
pub fn drop_to(user: &str, data: &Path) -> anyhow::Result<()> {
    let Some(account) = User::from_name(user)? else { bail!("server.user: there is no user `{user}`") };
    if Uid::effective() == account.uid && Gid::effective() == account.gid {
        return Ok(());
    }
    if !data.exists() {
        std::fs::create_dir_all(data).with_context(|| format!("data directory {}", data.display()))?;
        chown(data, Some(account.uid), Some(account.gid)).with_context(|| format!("owner of {}", data.display()))?;
    }
    let name = std::ffi::CString::new(user)?;
    initgroups(&name, account.gid).context("server.user: groups")?;
    setgid(account.gid).context("server.user: group")?;
    setuid(account.uid).context("server.user")?;
    Ok(())
}

/// Gives `user` the log file `path`, and its directory if that is not there yet or is ours for this file alone: it will be
/// rotated there.
///
/// # Errors
/// No such user, or not allowed to.
pub fn give_to(user: &str, path: &Path) -> anyhow::Result<()> {
    let Some(account) = User::from_name(user)? else { bail!("server.user: there is no user `{user}`") };
    let give = |path: &Path| {
        chown(path, Some(account.uid), Some(account.gid)).with_context(|| format!("owner of {}", path.display()))
    };
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        let is_new = !directory.exists();
        std::fs::create_dir_all(directory).with_context(|| format!("log directory {}", directory.display()))?;
        let has_others = std::fs::read_dir(directory)?.any(|entry| entry.is_ok_and(|entry| entry.path() != path));
        if is_new || !has_others {
            give(directory)?;
        }
    }
    if path.exists() { give(path) } else { Ok(()) }
}

/// Allows as many open files as the system lets us: each stream connection is one.
pub fn raise_descriptor_limit() {
    let raised =
        getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}
