//! `headwater top`: what goes through a server now, in the terminal.

mod keys;
mod link;
mod model;
mod plain;
mod view;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use ratatui::crossterm::event::{self, Event};

use super::NodeArgs;
use keys::Keys;
use link::{Link, News};
use model::Model;

/// Between two looks at the keyboard and at what the server sent.
const TURN: Duration = Duration::from_millis(50);
/// For the first figures: they come once a second.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which server to look at, and how.
#[derive(Debug, Clone, Args)]
pub struct TopArgs {
    /// Server elsewhere: `https://dns.example.org:8443`. Without it, the one that runs here.
    #[arg(long, value_name = "URL", requires = "token_file", conflicts_with_all = ["config", "data"])]
    pub server: Option<String>,
    /// File with the token to show there.
    #[arg(long, value_name = "FILE", requires = "server")]
    pub token_file: Option<PathBuf>,
    /// PEM file with the certificates to trust there instead of the system's.
    #[arg(long, value_name = "FILE", requires = "server")]
    pub ca: Option<PathBuf>,
    /// Show only queries that match: `client:192.0.2.7 code:NXDOMAIN time:>200ms`.
    #[arg(long, value_name = "FILTER", default_value = "")]
    pub filter: String,
    /// Queries a second to show at the most; more are sampled.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=40))]
    pub rate: u32,
    /// Print figures and tops once, and end.
    #[arg(long)]
    pub once: bool,
    /// Which server here.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Shows the server until a key says that it is enough.
///
/// # Errors
/// No server, and what it refuses; a terminal that cannot be used.
pub fn run(args: &TopArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let link = link::open(args)?;
    if args.once { once(&link, out) } else { watch(&link, args) }
}

/// Prints the first figures.
fn once(link: &Link, out: &mut impl Write) -> anyhow::Result<()> {
    let mut model = Model::default();
    let end = Instant::now() + PATIENCE;
    while !model.is_complete() {
        if Instant::now() >= end {
            bail!("the server sends no figures");
        }
        match link.next(TURN) {
            Some(News::Frame(frame)) => model.take(&frame),
            Some(News::End(why)) => bail!("{why}"),
            None => {}
        }
    }
    Ok(plain::print(&model, out)?)
}

/// Shows figures as they come.
fn watch(link: &Link, args: &TopArgs) -> anyhow::Result<()> {
    let mut model = Model::default();
    let mut keys = Keys::new(&args.filter, args.rate);
    link.rows(&args.filter, args.rate);
    let mut terminal = ratatui::try_init()?;
    let ended: anyhow::Result<()> = loop {
        if let Err(error) = terminal.draw(|frame| view::draw(frame, &model, &keys)) {
            break Err(error.into());
        }
        while let Some(news) = link.next(Duration::ZERO) {
            match news {
                News::Frame(frame) => model.take(&frame),
                News::End(why) => model.end(&why),
            }
        }
        match pressed() {
            Ok(None) => {}
            Ok(Some(Event::Key(key))) => {
                if keys.press(&key, link) {
                    break Ok(());
                }
            }
            Ok(Some(_)) => {}
            Err(error) => break Err(error.into()),
        }
    };
    ratatui::restore();
    ended
}

/// What was typed, if anything was within a turn.
fn pressed() -> std::io::Result<Option<Event>> {
    if event::poll(TURN)? { event::read().map(Some) } else { Ok(None) }
}
