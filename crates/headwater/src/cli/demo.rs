//! `headwater demo`: a server with a household, a company and their past, to look at and to try things on. Everything in it
//! is made up, and it needs no network.
//!
//! What the devices ask is one stream of queries that follows from a seed and the time of start (`traffic.rs`): its
//! beginning lies in the past and is written to history and statistics (`past.rs`), then it goes on and is asked
//! (`live.rs`). A stand-in for the Internet answers for all other names (`internet.rs`).

mod answers;
mod blocking;
mod changes;
mod files;
mod internet;
mod live;
mod model;
mod names;
mod past;
mod random;
mod traffic;
mod zones;

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::Context;
use clap::Args;
use nix::sys::stat::Mode;
use server::clock::unix_us;

use self::files::{Found, Place, Settings};
use self::internet::Internet;
use self::live::Live;
use self::names::Names;
use self::traffic::Traffic;
use super::{ConfigArgs, serve};

const HOUR_US: u64 = 3_600_000_000;
/// Queries a second at the busiest time, unless somebody wants more or less.
const USUAL_RATE: f64 = 40.0;
/// The seed unless another one is given.
const USUAL_SEED: u64 = 1;
/// Ports unless others are given; those of `serve`.
const DNS_PORT: u16 = 5353;
const WEB_PORT: u16 = 8080;
/// If the page's port is taken and nobody has given it, one of the next so many is used.
const NEXT_PORTS: u16 = 20;
/// The most queries a second, and hours of past: a demo is small.
const MAX_RATE: f64 = 1000.0;
const MAX_PAST_HOURS: u32 = 7 * 24;

/// A demo.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Directory of the demo: made if it is not there, used again if it is a demo's.
    #[arg(long, value_name = "DIR", default_value = "headwater-demo")]
    pub directory: PathBuf,
    /// Make the demo in the directory anew.
    #[arg(long)]
    pub fresh: bool,
    /// What chance is made of: the same number makes the same demo at the same time [default: 1].
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Ask nothing while the server runs: the page shows the past alone.
    #[arg(long)]
    pub quiet_traffic: bool,
    /// Queries a second at the busiest time of the week, in UTC; nights have less [default: 40].
    #[arg(long, value_name = "Q", value_parser = rate)]
    pub queries_per_second: Option<f64>,
    /// Hours of past that a new demo has.
    #[arg(long, value_name = "N", default_value_t = 24,
        value_parser = clap::value_parser!(u32).range(0..=MAX_PAST_HOURS as i64))]
    pub past_hours: u32,
    /// Port of the DNS, UDP and TCP [default: 5353].
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub dns_port: Option<u16>,
    /// Port of the page and the API [default: 8080, or the next that is free].
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub web_port: Option<u16>,
}

/// Makes a demo or takes one that is there, and serves it until told to stop. `give_back` returns free memory to the system.
///
/// # Errors
/// What keeps the demo from being made, and the server from starting.
pub fn run(args: &DemoArgs, out: &mut impl Write, give_back: fn()) -> anyhow::Result<ExitCode> {
    // As the server has it: what is made here is nobody else's business.
    nix::sys::stat::umask(Mode::from_bits_truncate(0o077));
    let place = Place::new(args.directory.clone());
    let names = Arc::new(Names::new()?);
    let found = place.look(args.fresh)?;
    let is_new = found == Found::Nothing;
    let (settings, internet) = match found {
        Found::Demo(settings) => again(args, &place, settings, &names)?,
        Found::Nothing => {
            let internet = Internet::bind(names.clone(), 0, args.seed.unwrap_or(USUAL_SEED))?;
            let port = internet.address()?.port();
            (settings_of(args, port), internet)
        }
    };
    let from_us = unix_us() - if is_new { u64::from(args.past_hours) * HOUR_US } else { 0 };
    let mut traffic = Traffic::new(names.clone(), settings.seed, settings.rate, from_us).peekable();
    if is_new {
        make(args, &place, &settings, &names, &mut traffic, out)?;
    } else {
        writeln!(out, "Demo: the one in {} goes on.", place.directory().display())?;
    }
    describe(&place, &settings, args.quiet_traffic, out)?;
    let stopping = Arc::new(AtomicBool::new(false));
    let mut threads = vec![start("demo internet", &stopping, |stopping| internet.run(&stopping))?];
    if !args.quiet_traffic {
        let (live, have_own) = Live::open(names, SocketAddr::from((Ipv4Addr::LOCALHOST, settings.dns_port)))?;
        if !have_own {
            eprintln!(
                "headwater: not all addresses that begin with 127 are this machine's: some devices ask as 127.0.0.1"
            );
        }
        threads.push(start("demo devices", &stopping, |stopping| live.run(traffic, &stopping))?);
    }
    let served = serve::run(ConfigArgs { config: Some(place.config()), ..ConfigArgs::default() }, give_back);
    stopping.store(true, Ordering::Relaxed);
    for thread in threads {
        anyhow::ensure!(thread.join().is_ok(), "a thread of the demo ended too early; this is a bug");
    }
    served
}

/// Runs something until it is told to stop.
fn start(
    name: &str,
    stopping: &Arc<AtomicBool>,
    run: impl FnOnce(Arc<AtomicBool>) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let stopping = stopping.clone();
    thread::Builder::new().name(name.into()).spawn(move || run(stopping))
}

/// Goes on with a demo. What it was made with cannot be changed, but for how much is asked.
fn again(args: &DemoArgs, place: &Place, found: Settings, names: &Arc<Names>) -> anyhow::Result<(Settings, Internet)> {
    let same = |given: Option<u64>, known: u64| given.is_none_or(|given| given == known);
    let ports = same(args.dns_port.map(u64::from), found.dns_port.into())
        && same(args.web_port.map(u64::from), found.web_port.into());
    anyhow::ensure!(
        ports && same(args.seed, found.seed),
        "the demo in {} has other ports or another seed: --fresh makes it anew, --directory another one",
        place.directory().display()
    );
    let port = found.internet_port;
    let internet = Internet::bind(names.clone(), port, found.seed).with_context(|| {
        format!(
            "port {port}, where the demo's stand-in for the Internet was: --fresh makes the demo anew, with another one"
        )
    })?;
    Ok((Settings { rate: args.queries_per_second.unwrap_or(found.rate), ..found }, internet))
}

/// What a new demo is made with.
fn settings_of(args: &DemoArgs, internet_port: u16) -> Settings {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let web_port = args.web_port.or_else(|| (WEB_PORT..WEB_PORT + NEXT_PORTS).find(is_free));
    Settings {
        seed: args.seed.unwrap_or(USUAL_SEED),
        rate: args.queries_per_second.unwrap_or(USUAL_RATE),
        dns_port: args.dns_port.unwrap_or(DNS_PORT),
        web_port: web_port.unwrap_or(WEB_PORT),
        internet_port,
    }
}

/// Makes a new demo, and says what it made.
fn make(
    args: &DemoArgs,
    place: &Place,
    settings: &Settings,
    names: &Arc<Names>,
    traffic: &mut std::iter::Peekable<Traffic>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    // Before minutes go into a past that nobody can be shown.
    UdpSocket::bind((Ipv4Addr::LOCALHOST, settings.dns_port))
        .with_context(|| format!("port {}: choose another one with --dns-port", settings.dns_port))?;
    let directory = place.directory().display();
    writeln!(out, "Demo: making {} hours of past in {directory} ...", args.past_hours)?;
    out.flush()?;
    place.make(settings)?;
    let changed = changes::make(place)?;
    let internet = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.internet_port));
    let past = past::write(&place.data(), names.clone(), traffic, internet, settings.seed)?;
    place.mark(settings, true)?;
    writeln!(
        out,
        "Demo: made a home and a company with {} devices, 3 zones with {} changes, 3 blocklists, and {} queries of the last \
         {} hours, {} of them blocked.\n      Log in as `{}` with the password {} - it is for this directory alone, and is \
         not shown again.",
        model::DEVICES.len(),
        changed.changes,
        past.queries,
        args.past_hours,
        past.blocked,
        changes::ADMINISTRATOR,
        changed.password
    )?;
    Ok(())
}

/// Says what runs, and where.
fn describe(place: &Place, settings: &Settings, is_quiet: bool, out: &mut impl Write) -> io::Result<()> {
    let Settings { dns_port, web_port, rate, .. } = settings;
    let asked = match is_quiet {
        true => "The devices ask nothing.".to_owned(),
        false => format!("The devices ask, up to {rate} queries a second."),
    };
    writeln!(
        out,
        "      The page is at http://127.0.0.1:{web_port}/, the DNS at 127.0.0.1 port {dns_port}. {asked}\n      \
         This is a demo: everything in it is made up, it needs no network, and only this machine reaches it.\n      \
         Ctrl-C stops it; `headwater demo --directory {}` goes on with it.",
        place.directory().display()
    )?;
    out.flush()
}

/// Reads a number of queries a second.
fn rate(text: &str) -> Result<f64, String> {
    let rate: Option<f64> = text.parse().ok();
    let rate = rate.filter(|rate| *rate > 0.0 && *rate <= MAX_RATE);
    rate.ok_or_else(|| format!("a number above 0, {MAX_RATE} at the most"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_that_a_demo_can_do() {
        assert_eq!(rate("2.5"), Ok(2.5));
        for text in ["0", "-1", "NaN", "inf", "1001", "many"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
