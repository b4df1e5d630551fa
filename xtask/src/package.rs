//! `cargo xtask package deb`: the Debian package, from the program, the files in `deploy/` and what the program says
//! about itself.

use std::fmt::Write;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use crate::{dist, sbom, tree};

const NAME: &str = "headwater";
/// Who answers for the package, unless `DEBFULLNAME` and `DEBEMAIL` name somebody else (dch(1)).
const MAINTAINER: &str = "Headwater contributors <headwater@packages.invalid>";
/// What the package needs beside the libraries that its program is linked with.
const DEPENDS: &str = "adduser, init-system-helpers (>= 1.51)";

/// From the tree into the package; a directory stands for the files in it.
const FILES: &[(&str, &str, u32)] = &[
    ("deploy/headwater.service", "lib/systemd/system/headwater.service", 0o644),
    ("deploy/headwater-web.socket", "usr/share/doc/headwater/examples/headwater-web.socket", 0o644),
    ("deploy/headwater.sysusers", "usr/share/doc/headwater/examples/headwater.sysusers", 0o644),
    ("deploy/supervisor.conf", "usr/share/doc/headwater/examples/supervisor.conf", 0o644),
    ("deploy/headwater.logrotate", "etc/logrotate.d/headwater", 0o644),
    ("deploy/debian/headwater.yaml", "etc/headwater/headwater.yaml", 0o644),
    ("deploy/debian/headwater.default", "etc/default/headwater", 0o644),
    ("deploy/debian/copyright", "usr/share/doc/headwater/copyright", 0o644),
    ("deploy/debian/lintian-overrides", "usr/share/lintian/overrides/headwater", 0o644),
    ("deploy/debian/postinst", "DEBIAN/postinst", 0o755),
    ("deploy/debian/prerm", "DEBIAN/prerm", 0o755),
    ("deploy/debian/postrm", "DEBIAN/postrm", 0o755),
    ("examples", "usr/share/doc/headwater/examples", 0o644),
    ("docs/guide", "usr/share/doc/headwater/guide", 0o644),
];

/// Completions of the shells that look in these places.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/headwater"),
    ("zsh", "usr/share/zsh/vendor-completions/_headwater"),
    ("fish", "usr/share/fish/vendor_completions.d/headwater.fish"),
];

/// What to build.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// A program that is there already, instead of a new build.
    pub program: Option<PathBuf>,
    /// Revision of the package; the version is the program's.
    pub revision: Option<u32>,
}

impl Options {
    /// `--program FILE` and `--revision N`.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(words: &[&str]) -> anyhow::Result<Options> {
        let mut options = Options::default();
        for pair in words.chunks(2) {
            match pair {
                ["--program", file] => options.program = Some(PathBuf::from(file)),
                ["--revision", number] => options.revision = Some(number.parse().context("--revision")?),
                _ => bail!("package deb [--program FILE] [--revision N]"),
            }
        }
        Ok(options)
    }
}

/// Builds the package, and returns its path.
///
/// # Errors
/// A build or a tool fails; `dpkg-dev` and `binutils` must be there.
pub fn deb(root: &Path, options: &Options) -> anyhow::Result<PathBuf> {
    let target = dist::target(root);
    let architecture = tree::output(root, "dpkg", &["--print-architecture"])?.trim().to_owned();
    let version = format!("{}-{}", env!("CARGO_PKG_VERSION"), options.revision.unwrap_or(1));
    let name = format!("{NAME}_{version}_{architecture}");
    let stage = target.join("package").join(&name);
    if stage.exists() {
        fs::remove_dir_all(&stage)?;
    }
    stage_files(root, &stage)?;
    stage_program(root, &stage, options.program.as_deref())?;
    stage_texts(root, &stage, &version)?;
    let depends = shared_libraries(&target, &stage)?;
    write(&stage, "DEBIAN/control", &control(&stage, &version, &architecture, &depends)?)?;
    write(&stage, "DEBIAN/conffiles", &conffiles(&stage)?)?;
    write(&stage, "DEBIAN/md5sums", &md5sums(&stage)?)?;
    settle(&stage)?;
    let package = target.join("package").join(format!("{name}.deb"));
    let epoch = tree::output(root, "git", &["-c", "safe.directory=*", "log", "-1", "--format=%ct"])?;
    let mut build = Command::new("dpkg-deb");
    build.env("SOURCE_DATE_EPOCH", epoch.trim()).args(["--root-owner-group", "-Zxz", "--build"]);
    succeed(build.arg(&stage).arg(&package).stdout(Stdio::null()))?;
    Ok(package)
}

fn stage_files(root: &Path, stage: &Path) -> anyhow::Result<()> {
    for (from, to, mode) in FILES {
        let from = root.join(from);
        let mut pairs = Vec::new();
        if from.is_dir() {
            for entry in fs::read_dir(&from)? {
                let entry = entry?;
                if entry.path().is_file() {
                    pairs.push((entry.path(), stage.join(to).join(entry.file_name())));
                }
            }
        } else {
            pairs.push((from, stage.join(to)));
        }
        for (from, to) in pairs {
            make_parent(&to)?;
            fs::copy(&from, &to).with_context(|| from.display().to_string())?;
            fs::set_permissions(&to, Permissions::from_mode(*mode))?;
        }
    }
    // Zones go here.
    fs::create_dir_all(stage.join("etc/headwater/zones"))?;
    Ok(())
}

/// The program without symbols, its manual pages and completions.
fn stage_program(root: &Path, stage: &Path, program: Option<&Path>) -> anyhow::Result<()> {
    let built = match program {
        Some(program) => program.to_owned(),
        None => dist::build(root)?.join(NAME),
    };
    let staged = stage.join("usr/bin").join(NAME);
    make_parent(&staged)?;
    succeed(Command::new("objcopy").arg("--strip-all").arg(&built).arg(&staged))?;
    fs::set_permissions(&staged, Permissions::from_mode(0o755))?;
    let man = stage.join("usr/share/man/man1");
    fs::create_dir_all(&man)?;
    succeed(Command::new(&staged).arg("man").arg(&man))?;
    for entry in fs::read_dir(&man)? {
        succeed(Command::new("gzip").arg("-9n").arg(entry?.path()))?;
    }
    for (shell, path) in COMPLETIONS {
        let output = Command::new(&staged).args(["completions", shell]).output()?;
        ensure!(output.status.success(), "completions for {shell}: {}", output.status);
        write(stage, path, &String::from_utf8(output.stdout)?)?;
    }
    Ok(())
}

/// Changes and the bill of materials.
fn stage_texts(root: &Path, stage: &Path, version: &str) -> anyhow::Result<()> {
    let document = stage.join("usr/share/doc/headwater");
    write(stage, "usr/share/doc/headwater/headwater.spdx.json", &sbom::document(root)?)?;
    fs::copy(root.join("CHANGELOG.md"), document.join("changelog"))?;
    let date = tree::output(root, "git", &["-c", "safe.directory=*", "log", "-1", "--format=%cD"])?;
    let entry = "  * The changes are in /usr/share/doc/headwater/changelog.gz.";
    let text =
        format!("{NAME} ({version}) unstable; urgency=medium\n\n{entry}\n\n -- {}  {}\n", maintainer(), date.trim());
    write(stage, "usr/share/doc/headwater/changelog.Debian", &text)?;
    for file in ["changelog", "changelog.Debian"] {
        succeed(Command::new("gzip").arg("-9n").arg(document.join(file)))?;
    }
    Ok(())
}

fn maintainer() -> String {
    match (std::env::var("DEBFULLNAME"), std::env::var("DEBEMAIL")) {
        (Ok(name), Ok(address)) => format!("{name} <{address}>"),
        _ => MAINTAINER.to_owned(),
    }
}

/// The packages of the libraries that the program is linked with, as dpkg-shlibdeps(1) finds them.
fn shared_libraries(target: &Path, stage: &Path) -> anyhow::Result<String> {
    let directory = target.join("package/shlibs");
    write(&directory, "debian/control", &format!("Source: {NAME}\n\nPackage: {NAME}\nArchitecture: any\n"))?;
    let mut command = Command::new("dpkg-shlibdeps");
    command.current_dir(&directory).args(["-O", "-e"]).arg(stage.join("usr/bin").join(NAME));
    let output = command.stderr(Stdio::inherit()).output().context("dpkg-shlibdeps (package dpkg-dev)")?;
    ensure!(output.status.success(), "dpkg-shlibdeps: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let depends = text.trim().strip_prefix("shlibs:Depends=").context("no dependencies found")?;
    Ok(depends.to_owned())
}

fn control(stage: &Path, version: &str, architecture: &str, depends: &str) -> anyhow::Result<String> {
    let kib: u64 = files_of(stage)?
        .iter()
        .filter_map(|file| fs::metadata(stage.join(file)).ok())
        .map(|m| m.len().div_ceil(1024))
        .sum();
    let maintainer = maintainer();
    Ok(format!(
        "Package: {NAME}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: {maintainer}\n\
        Installed-Size: {kib}\nDepends: {depends}, {DEPENDS}\nRecommends: ca-certificates\nSuggests: logrotate\n\
        Section: net\nPriority: optional\n\
        Description: DNS server, authoritative and resolving\n \
        Headwater answers for zones from files or from a journal of changes that\n \
        can be previewed, compared and reverted, and resolves names for those who\n \
        may ask, validating what it gets. Mistakes in zones and configuration are\n \
        reported all at once, with file, line and column.\n .\n \
        As installed it resolves for this machine, on port 53 of the loopback\n \
        addresses.\n"
    ))
}

/// What the administrator may change, and an upgrade must not overwrite.
fn conffiles(stage: &Path) -> anyhow::Result<String> {
    let files = files_of(stage)?;
    Ok(files.iter().filter(|file| file.starts_with("etc/")).fold(String::new(), |text, file| text + "/" + file + "\n"))
}

fn md5sums(stage: &Path) -> anyhow::Result<String> {
    let files: Vec<String> =
        files_of(stage)?.into_iter().filter(|file| !file.starts_with("DEBIAN/") && !file.starts_with("etc/")).collect();
    let output = Command::new("md5sum").args(&files).current_dir(stage).output()?;
    ensure!(output.status.success(), "md5sum: {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// Paths of all files, sorted.
fn files_of(stage: &Path) -> anyhow::Result<Vec<String>> {
    let listing = tree::output(stage, "find", &[".", "-type", "f", "-printf", "%P\\n"])?;
    let mut files: Vec<String> = listing.lines().map(str::to_owned).collect();
    files.sort();
    Ok(files)
}

/// Permissions do not depend on the umask of who builds.
fn settle(stage: &Path) -> anyhow::Result<()> {
    succeed(Command::new("find").arg(stage).args(["-type", "d", "-exec", "chmod", "0755", "{}", "+"]))?;
    let plain = ["-type", "f", "!", "-perm", "-0100", "-exec", "chmod", "0644", "{}", "+"];
    succeed(Command::new("find").arg(stage).args(plain))
}

fn write(directory: &Path, path: &str, text: &str) -> anyhow::Result<()> {
    let file = directory.join(path);
    make_parent(&file)?;
    fs::write(&file, text).with_context(|| file.display().to_string())
}

fn make_parent(file: &Path) -> anyhow::Result<()> {
    file.parent().map_or(Ok(()), fs::create_dir_all).with_context(|| file.display().to_string())
}

fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| program.clone())?;
    let mut words = String::new();
    for word in command.get_args() {
        // Writing to a string does not fail.
        let _ = write!(words, " {}", word.to_string_lossy());
    }
    ensure!(status.success(), "{program}{words} failed: {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let options = Options::parse(&["--program", "a/b", "--revision", "2"]).expect("options");
        assert_eq!(options, Options { program: Some("a/b".into()), revision: Some(2) });
        assert!(Options::parse(&["--program"]).is_err());
        assert!(Options::parse(&["--revision", "x"]).is_err());
    }

    #[test]
    fn every_file_of_the_package_is_in_the_tree() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("root");
        for (from, _, _) in FILES {
            assert!(root.join(from).exists(), "{from}");
        }
    }
}
