//! `headwater zone edit`: a zone as text in an editor; what was changed becomes a change of the zone.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use clap::Args;
use dns::NameBuf;

use super::import::{read, submit};
use crate::cli::client::{Client, Directory, Refused, path};
use crate::cli::{NodeArgs, ask, show};

/// The editor, if the environment names none.
const DEFAULT_EDITOR: &str = "vi";
/// Characters of the zone's name in that of the file.
const MAX_FILE_NAME: usize = 100;
/// HTTP 412: the zone is no longer what was edited.
const PRECONDITION_FAILED: u16 = 412;

/// What to edit.
#[derive(Debug, Clone, Args)]
pub struct EditArgs {
    /// Name of the zone.
    #[arg(value_parser = super::zone_name)]
    pub name: NameBuf,
    /// Commit without asking.
    #[arg(long, short)]
    pub yes: bool,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub why: String,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// What comes after a look at the text.
enum Next {
    /// The editor again.
    Again,
    /// It is done; the text is of no use any more.
    Done,
    /// It is not done; the text may be of use.
    Kept(anyhow::Error),
}

/// Has a zone edited and commits the difference, if it is still the zone that was edited.
///
/// # Errors
/// As of [`Client`]; the editor's. The text is kept, and the error says where.
pub fn edit(args: &EditArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let client = Client::find(&args.node, Directory::Existing)?;
    let mut response = client.send("GET", &path(&["zones", &args.name.to_string(), "export"]), &[], b"")?;
    let tag = response.field("etag").context("the zone has no serial")?.to_owned();
    let mut original = Vec::new();
    response.read_to_end(&mut original)?;
    let draft = Draft::new(&args.name, &original).context("temporary file")?;
    loop {
        let next = match run_editor(&draft.file) {
            Ok(()) if fs::read(&draft.file)? == original => {
                writeln!(out, "nothing to change")?;
                Next::Done
            }
            Ok(()) => attempt(args, &client, &draft, &tag, out).unwrap_or_else(Next::Kept),
            Err(error) => Next::Kept(error),
        };
        match next {
            Next::Again => {}
            Next::Done => {
                draft.remove();
                return Ok(());
            }
            Next::Kept(error) => bail!("{error:#}\nthe edited text is in {}", draft.file.display()),
        }
    }
}

/// Shows what the text would change, asks, and does it.
fn attempt(args: &EditArgs, client: &Client, draft: &Draft, tag: &str, out: &mut impl Write) -> anyhow::Result<Next> {
    let why = [("why", &*args.why)];
    let contents = match read(&args.name, &draft.file) {
        Ok(contents) => contents,
        Err(refused) => return again(refused.into()),
    };
    let preview = match submit(client, &args.name, &contents, &why, true, Some(tag)) {
        Ok(preview) => preview,
        Err(error) => return again(error),
    };
    if preview["zones"].as_array().is_none_or(Vec::is_empty) {
        writeln!(out, "nothing to change")?;
        return Ok(Next::Done);
    }
    show::diff(out, &preview)?;
    out.flush()?;
    if !args.yes {
        match ask::letter("Commit this change? [y]es, [e]dit again, [n]o: ", &['y', 'e', 'n'])? {
            'y' => {}
            'e' => return Ok(Next::Again),
            _ => return Ok(Next::Kept(anyhow::anyhow!("not committed"))),
        }
    }
    match submit(client, &args.name, &contents, &why, false, Some(tag)) {
        Ok(outcome) => {
            show::outcome(out, &outcome)?;
            Ok(Next::Done)
        }
        Err(error) => again(error),
    }
}

/// What is wrong can be put right in the editor, unless somebody else was faster.
fn again(error: anyhow::Error) -> anyhow::Result<Next> {
    let refused = error.downcast_ref::<Refused>();
    if refused.is_none_or(|refused| refused.status == PRECONDITION_FAILED) {
        return Ok(Next::Kept(error));
    }
    eprintln!("{error:#}");
    Ok(match ask::letter("Edit again? [y]es, [n]o: ", &['y', 'n'])? {
        'y' => Next::Again,
        _ => Next::Kept(anyhow::anyhow!("not committed")),
    })
}

/// `VISUAL` and `EDITOR` may have arguments: they are words of a shell, as everywhere.
fn run_editor(file: &Path) -> anyhow::Result<()> {
    let named = |name| std::env::var(name).ok().filter(|editor| !editor.trim().is_empty());
    let editor = named("VISUAL").or_else(|| named("EDITOR")).unwrap_or_else(|| DEFAULT_EDITOR.to_owned());
    let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(file).status();
    let status = status.with_context(|| format!("editor `{editor}`"))?;
    if status.success() { Ok(()) } else { bail!("editor `{editor}`: {status}") }
}

/// The text, in a directory of its own that nobody else may read: editors put copies beside it.
struct Draft {
    directory: PathBuf,
    file: PathBuf,
}

impl Draft {
    fn new(zone: &NameBuf, text: &[u8]) -> io::Result<Draft> {
        let random = getrandom::u64().map_err(io::Error::other)?;
        let directory = std::env::temp_dir().join(format!("headwater-{random:016x}"));
        DirBuilder::new().mode(0o700).create(&directory)?;
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        let name: String = zone.to_string().chars().map(plain).take(MAX_FILE_NAME).collect();
        let file = directory.join(format!("{name}zone"));
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?.write_all(text)?;
        Ok(Draft { directory, file })
    }

    fn remove(self) {
        // What stays behind is in a directory for temporary files.
        let _ = fs::remove_dir_all(self.directory);
    }
}
