//! Giving up root once the sockets are open.

use anyhow::{Context, bail};
use nix::unistd::{Gid, Uid, User, initgroups, setgid, setuid};

/// Becomes `user`, with its groups, for good.
///
/// # Errors
/// No such user, or not allowed to.
pub fn drop_to(user: &str) -> anyhow::Result<()> {
    let Some(account) = User::from_name(user)? else { bail!("server.user: there is no user `{user}`") };
    if Uid::effective() == account.uid && Gid::effective() == account.gid {
        return Ok(());
    }
    let name = std::ffi::CString::new(user)?;
    initgroups(&name, account.gid).context("server.user: groups")?;
    setgid(account.gid).context("server.user: group")?;
    setuid(account.uid).context("server.user")?;
    Ok(())
}
