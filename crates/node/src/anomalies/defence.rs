//! Blocks for a while of clients that misbehave, where the configuration wants them.

use std::net::IpAddr;

use ipnet::IpNet;
use journal::shared::{Author, SharedSettings};

use super::board::AnomalyView;
use super::{Kind, Settings};
use crate::timed_blocks::{self, NotBlocked, Wanted};

/// Who makes the blocks.
pub const AUTHOR: &str = "anomaly detection";
/// Blocks of this author that hold at a time; further clients are not blocked, which the log says.
pub const MAX_BLOCKS: usize = 100;

/// Whether anomalies of this kind say that the client itself does something wrong: that a name has a private address, or
/// that replies are forged, is the doing of others, and random subdomains are about a name and all who ask for it.
fn is_of_client(kind: Kind) -> bool {
    match kind {
        Kind::HighFrequency | Kind::NxdomainFlood | Kind::Tunnel | Kind::GeneratedNames | Kind::Beacon => true,
        Kind::RandomSubdomains | Kind::Rebinding | Kind::ForgedReplies => false,
    }
}

/// The client that is to be blocked for an anomaly; `None`: nobody.
fn offender(view: &AnomalyView, settings: &Settings) -> Option<IpAddr> {
    if settings.block_ms == 0 || view.muted || view.ended || !is_of_client(view.kind) {
        return None;
    }
    let client = view.client?.to_canonical();
    let is_exempt = client.is_loopback() || settings.exempt.iter().any(|network| network.contains(&client));
    (!is_exempt).then_some(client)
}

/// Blocks the client of an anomaly that has begun or goes on, unless it is blocked, exempt, or this host. `now_ms` is
/// wall-clock time.
pub(super) fn defend(documents: &SharedSettings, view: &AnomalyView, settings: &Settings, now_ms: u64) {
    let Some(client) = offender(view, settings) else { return };
    let author = Author::new(AUTHOR, &format!("{}: {}", view.kind, view.why()), now_ms);
    let network = IpNet::from(client);
    let until_ms = now_ms.saturating_add(settings.block_ms);
    let holding = timed_blocks::list(&documents.state(), now_ms);
    if holding.iter().any(|block| block.network.contains(&network)) {
        return;
    }
    match timed_blocks::add(documents, &author, &Wanted { network, until_ms, max_own: MAX_BLOCKS }) {
        Ok(block) => tracing::warn!(
            target: "security",
            event = "block", %client, block = block.id, anomaly = view.id, seconds = settings.block_ms / 1000,
            "a client is blocked: {}", author.why
        ),
        Err(NotBlocked::Already) => {}
        Err(NotBlocked::TooMany) => tracing::warn!(
            target: "security",
            event = "block", %client, anomaly = view.id, "a client is not blocked: {MAX_BLOCKS} are"
        ),
        Err(NotBlocked::Settings(error)) => {
            tracing::error!(%client, %error, "a client cannot be blocked: the block cannot be kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use journal::MemoryJournal;

    use super::*;

    const NOW_MS: u64 = 1_900_000_000_000;

    fn view(kind: Kind, client: Option<IpAddr>) -> AnomalyView {
        AnomalyView {
            id: 1,
            kind,
            client,
            device: None,
            zone: None,
            server: None,
            score_percent: 80,
            reasons: vec!["900 answers NXDOMAIN".into()],
            examples: Vec::new(),
            begun_ms: NOW_MS,
            last_seen_ms: NOW_MS,
            ended: false,
            muted: false,
        }
    }

    fn settings() -> Settings {
        let exempt = vec!["198.51.100.0/24".parse().expect("a network")];
        Settings { block_ms: 60_000, exempt, ..Settings::default() }
    }

    fn documents() -> SharedSettings {
        SharedSettings::open(Arc::new(MemoryJournal::default())).expect("shared settings")
    }

    #[test]
    fn only_a_client_that_misbehaves_is_blocked() {
        let client: IpAddr = "192.0.2.7".parse().expect("an address");
        let of = |kind| offender(&view(kind, Some(client)), &settings());
        for kind in Kind::ALL {
            let others = matches!(kind, Kind::RandomSubdomains | Kind::Rebinding | Kind::ForgedReplies);
            assert_eq!(of(kind), (!others).then_some(client), "{kind}");
        }
        let tunnel = |text: &str| offender(&view(Kind::Tunnel, text.parse().ok()), &settings());
        for never in ["127.0.0.1", "::1", "::ffff:127.0.0.9", "198.51.100.9", ""] {
            assert_eq!(tunnel(never), None, "{never}");
        }
        assert_eq!(tunnel("::ffff:192.0.2.7"), Some(client));
        let tunnel = view(Kind::Tunnel, Some(client));
        assert_eq!(offender(&AnomalyView { muted: true, ..tunnel.clone() }, &settings()), None);
        assert_eq!(offender(&AnomalyView { ended: true, ..tunnel.clone() }, &settings()), None);
        assert_eq!(offender(&tunnel, &Settings::default()), None, "blocks are off");
    }

    #[test]
    fn a_client_is_blocked_once_until_the_block_ends() {
        let documents = documents();
        let tunnel = view(Kind::Tunnel, "192.0.2.7".parse().ok());
        defend(&documents, &tunnel, &settings(), NOW_MS);
        defend(&documents, &tunnel, &settings(), NOW_MS + 59_999);
        let blocks = timed_blocks::list(&documents.state(), NOW_MS + 59_999);
        assert_eq!(blocks.iter().map(|block| block.until_ms).collect::<Vec<_>>(), [NOW_MS + 60_000]);
        assert_eq!(blocks.first().map(|block| (block.who.as_str(), block.reason.as_str())), {
            Some((AUTHOR, "tunnel: 900 answers NXDOMAIN"))
        });
        defend(&documents, &tunnel, &settings(), NOW_MS + 60_000);
        assert_eq!(
            timed_blocks::list(&documents.state(), NOW_MS + 60_000).len(),
            1,
            "it goes on, and so does the block"
        );
    }

    #[test]
    fn blocks_are_bounded() {
        let documents = documents();
        for client in 0..MAX_BLOCKS as u8 + 20 {
            defend(&documents, &view(Kind::Tunnel, Some([192, 0, 2, client].into())), &settings(), NOW_MS);
        }
        assert_eq!(timed_blocks::list(&documents.state(), NOW_MS).len(), MAX_BLOCKS);
    }
}
