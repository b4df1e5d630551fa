//! The names that the demo's devices ask for. All of them are made up: they lie below `example`, which is reserved
//! for that, or in the demo's own zones.

use std::collections::HashMap;

use dns::{NameBuf, RType};

use super::random;

/// What somebody is after who asks for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Pages.
    Web,
    /// Shops.
    Shop,
    /// Films and clips.
    Video,
    /// Friends.
    Social,
    /// Games.
    Games,
    /// What telephones do by themselves.
    Push,
    /// Parts of pages that lie elsewhere.
    Parts,
    /// Advertising.
    Ads,
    /// Tracking.
    Trackers,
    /// What children shall not see.
    Gambling,
    /// Newer versions.
    Updates,
    /// What an office has elsewhere.
    Cloud,
    /// Packages for programs.
    Packages,
    /// Where mail goes to and whether its sender is known.
    Mail,
    /// Whether a sender of mail is a known nuisance.
    Nuisance,
    /// The company's own servers.
    Company,
    /// Who is where in the company.
    Directory,
    /// Things at home.
    Home,
    /// Names of addresses.
    Reverse,
    /// Names that nobody has.
    Missing,
    /// What a printer asks for that has an old search domain.
    OldDomain,
    /// Where the thermostat says that it lives.
    Beacon,
}

/// What becomes of a question for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// A zone of the demo answers.
    Ours,
    /// It has addresses, or whatever is asked for.
    There,
    /// It is an alias of another one.
    Alias(&'static str),
    /// It does not exist.
    Missing,
    /// Its servers do not answer.
    Broken,
}

/// A name that is asked for.
#[derive(Debug, Clone)]
pub struct Site {
    /// The name as text, without the last dot.
    pub text: String,
    /// The name.
    pub name: NameBuf,
    /// Types that are asked for.
    pub types: &'static [RType],
    /// What becomes of it.
    pub fate: Fate,
    /// How long caches keep what there is, in seconds.
    pub ttl: u32,
    /// How long its servers usually take, in milliseconds.
    pub latency_ms: f64,
}

/// All names, by number, by text and by topic.
#[derive(Debug, Default)]
pub struct Names {
    /// The names.
    pub sites: Vec<Site>,
    by_name: HashMap<NameBuf, usize>,
    by_topic: HashMap<Topic, Vec<usize>>,
}

/// Names as they are written down: topic, name with `{}` for a number, how many of them, TTL.
type Written = (Topic, &'static str, usize, u32);

const BOTH: &[RType] = &[RType::A, RType::AAAA];
const WEB: &[RType] = &[RType::A, RType::AAAA, RType::HTTPS];
const OLD: &[RType] = &[RType::A];
const SRV: &[RType] = &[RType::SRV];
const MX: &[RType] = &[RType::MX];
const TXT: &[RType] = &[RType::TXT];
const PTR: &[RType] = &[RType::PTR];

/// A name has so many milliseconds and more until its servers answer.
const MIN_LATENCY_MS: u64 = 9;
const LATENCY_RANGE_MS: u64 = 55;

const PAGES: &[Written] = &[
    (Topic::Web, "www.morning-post.example", 1, 300),
    (Topic::Web, "www.weather-now.example", 1, 120),
    (Topic::Web, "www.riverside-times.example", 1, 300),
    (Topic::Web, "recipes.kitchen-finds.example", 1, 900),
    (Topic::Web, "wiki.open-atlas.example", 1, 600),
    (Topic::Web, "www.city-rail.example", 1, 300),
    (Topic::Web, "forum.wood-workers.example", 1, 1800),
    // "café", "münchen": names in Unicode, as they stand in the DNS.
    (Topic::Web, "www.xn--caf-dma.example", 1, 900),
    (Topic::Web, "bibliothek.xn--mnchen-3ya.example", 1, 900),
    (Topic::Shop, "www.market-lane.example", 1, 120),
    (Topic::Shop, "images.market-lane.example", 1, 300),
    (Topic::Shop, "pay.coin-purse.example", 1, 120),
    (Topic::Shop, "www.second-shelf.example", 1, 600),
    (Topic::Video, "www.stream-vista.example", 1, 120),
    (Topic::Video, "api.stream-vista.example", 1, 60),
    (Topic::Video, "edge-{}.stream-vista.example", 24, 60),
    (Topic::Video, "www.clip-stream.example", 1, 120),
    (Topic::Video, "media-{}.clip-stream.example", 16, 60),
    (Topic::Video, "live.sports-room.example", 1, 60),
    (Topic::Social, "www.friend-lane.example", 1, 120),
    (Topic::Social, "graph.friend-lane.example", 1, 60),
    (Topic::Social, "chat.ping-me.example", 1, 60),
    (Topic::Social, "media-{}.ping-me.example", 8, 120),
    (Topic::Games, "lobby.sky-forge.example", 1, 60),
    (Topic::Games, "match-{}.sky-forge.example", 12, 30),
    (Topic::Games, "store.console-world.example", 1, 300),
    (Topic::Gambling, "www.lucky-spin.example", 1, 300),
    (Topic::Gambling, "www.royal-bets.example", 1, 300),
    (Topic::Parts, "a{}.fast-edge.example", 30, 60),
    (Topic::Parts, "static.fast-edge.example", 1, 300),
    (Topic::Parts, "fonts.type-cast.example", 1, 3600),
    (Topic::Parts, "js.lib-host.example", 1, 1800),
    (Topic::Ads, "ads.ad-spire.example", 1, 300),
    (Topic::Ads, "bid-{}.ad-spire.example", 8, 60),
    (Topic::Ads, "banner.click-harbor.example", 1, 300),
    (Topic::Ads, "pixel.click-harbor.example", 1, 300),
    (Topic::Ads, "serve.pop-mint.example", 1, 120),
    (Topic::Trackers, "collect.track-well.example", 1, 300),
    (Topic::Trackers, "metrics.track-well.example", 1, 300),
    (Topic::Trackers, "t.eye-line.example", 1, 60),
    (Topic::Trackers, "beacon.site-pulse.example", 1, 120),
    (Topic::Trackers, "insight.viewer-panel.example", 1, 300),
];

const PROGRAMS: &[Written] = &[
    (Topic::Push, "push-{}.phone-cloud.example", 16, 120),
    (Topic::Push, "gateway.phone-cloud.example", 1, 300),
    (Topic::Push, "captive.phone-cloud.example", 1, 600),
    (Topic::Push, "time.phone-cloud.example", 1, 1800),
    (Topic::Updates, "update.desk-os.example", 1, 600),
    (Topic::Updates, "download.desk-os.example", 1, 300),
    (Topic::Updates, "security.penguin-linux.example", 1, 300),
    (Topic::Cloud, "login.office-suite.example", 1, 300),
    (Topic::Cloud, "docs.office-suite.example", 1, 300),
    (Topic::Cloud, "drive.office-suite.example", 1, 120),
    (Topic::Cloud, "meet.talk-room.example", 1, 60),
    (Topic::Cloud, "turn-{}.talk-room.example", 6, 60),
    (Topic::Cloud, "crm.sales-desk.example", 1, 300),
    (Topic::Cloud, "tickets.help-hub.example", 1, 300),
    (Topic::Packages, "registry.container-hub.example", 1, 120),
    (Topic::Packages, "crates.pkg-depot.example", 1, 300),
    (Topic::Packages, "index.pkg-depot.example", 1, 300),
    (Topic::Packages, "git.code-forge.example", 1, 60),
    (Topic::Beacon, "state.warm-nest.example", 1, 3600),
];

const SPECIAL: &[(Topic, &str, usize, &[RType], Fate)] = &[
    (Topic::Parts, "img.market-lane.example", 1, WEB, Fate::Alias("a3.fast-edge.example")),
    (Topic::Parts, "cdn.morning-post.example", 1, WEB, Fate::Alias("a7.fast-edge.example")),
    (Topic::Packages, "artifacts.mirror-works.example", 1, BOTH, Fate::Broken),
    (Topic::Cloud, "sync.paper-trail.example", 1, BOTH, Fate::Broken),
    (Topic::Mail, "northwind-tools.example", 1, MX, Fate::There),
    (Topic::Mail, "harbor-logistics.example", 1, MX, Fate::There),
    (Topic::Mail, "blue-leaf.example", 1, MX, Fate::There),
    (Topic::Mail, "mx1.northwind-tools.example", 1, BOTH, Fate::There),
    (Topic::Mail, "mx1.harbor-logistics.example", 1, BOTH, Fate::There),
    (Topic::Mail, "mx1.blue-leaf.example", 1, BOTH, Fate::There),
    (Topic::Mail, "_dmarc.harbor-logistics.example", 1, TXT, Fate::There),
    (Topic::Mail, "_dmarc.blue-leaf.example", 1, TXT, Fate::There),
    (Topic::Nuisance, "{}.113.0.203.bl.spam-ledger.example", 40, OLD, Fate::Missing),
    (Topic::Missing, "www.wheather-now.example", 1, BOTH, Fate::Missing),
    (Topic::Missing, "old-api.friend-lane.example", 1, BOTH, Fate::Missing),
    (Topic::Missing, "legacy.desk-os.example", 1, BOTH, Fate::Missing),
    (Topic::Missing, "b{}.fast-edge.example", 6, BOTH, Fate::Missing),
    (Topic::OldDomain, "mail.brightwater.example.old-office.example", 1, BOTH, Fate::Missing),
    (Topic::OldDomain, "files.brightwater.example.old-office.example", 1, BOTH, Fate::Missing),
    (Topic::OldDomain, "ldap.old-office.example", 1, BOTH, Fate::Missing),
    (Topic::Company, "intranet.brightwater.example", 1, BOTH, Fate::Ours),
    (Topic::Company, "git.brightwater.example", 1, WEB, Fate::Ours),
    (Topic::Company, "files.brightwater.example", 1, BOTH, Fate::Ours),
    (Topic::Company, "wiki.brightwater.example", 1, WEB, Fate::Ours),
    (Topic::Company, "mail.brightwater.example", 1, BOTH, Fate::Ours),
    (Topic::Company, "www.brightwater.example", 1, WEB, Fate::Ours),
    // "bücher": the library.
    (Topic::Company, "xn--bcher-kva.brightwater.example", 1, BOTH, Fate::Ours),
    (Topic::Company, "timesheet.brightwater.example", 1, BOTH, Fate::Ours),
    (Topic::Company, "wpad.brightwater.example", 1, OLD, Fate::Ours),
    (Topic::Directory, "_ldap._tcp.brightwater.example", 1, SRV, Fate::Ours),
    (Topic::Directory, "_kerberos._udp.brightwater.example", 1, SRV, Fate::Ours),
    (Topic::Directory, "dc1.brightwater.example", 1, BOTH, Fate::Ours),
    (Topic::Mail, "brightwater.example", 1, MX, Fate::Ours),
    (Topic::Mail, "_dmarc.brightwater.example", 1, TXT, Fate::Ours),
    (Topic::Home, "nas.home.arpa", 1, BOTH, Fate::Ours),
    (Topic::Home, "router.home.arpa", 1, OLD, Fate::Ours),
    (Topic::Home, "tv.home.arpa", 1, OLD, Fate::Ours),
    (Topic::Home, "_ipp._tcp.home.arpa", 1, PTR, Fate::Ours),
    (Topic::Home, "wpad.home.arpa", 1, OLD, Fate::Ours),
    (Topic::Reverse, "1{}.0.10.127.in-addr.arpa", 4, PTR, Fate::Ours),
    (Topic::Reverse, "2{}.0.20.127.in-addr.arpa", 8, PTR, Fate::Ours),
];

/// Topics whose names browsers ask for, with the type HTTPS.
const BROWSED: &[Topic] =
    &[Topic::Web, Topic::Shop, Topic::Video, Topic::Social, Topic::Parts, Topic::Ads, Topic::Cloud, Topic::Gambling];
/// TTL of names that are written down without one.
const USUAL_TTL: u32 = 600;

impl Names {
    /// All names.
    ///
    /// # Errors
    /// One that is no domain name.
    pub fn new() -> anyhow::Result<Names> {
        let mut names = Names::default();
        for &(topic, pattern, count, ttl) in PAGES.iter().chain(PROGRAMS) {
            let types = if BROWSED.contains(&topic) { WEB } else { BOTH };
            names.add(pattern, count, topic, types, Fate::There, ttl)?;
        }
        for &(topic, pattern, count, types, fate) in SPECIAL {
            names.add(pattern, count, topic, types, fate, USUAL_TTL)?;
        }
        Ok(names)
    }

    fn add(
        &mut self,
        pattern: &str,
        count: usize,
        topic: Topic,
        types: &'static [RType],
        fate: Fate,
        ttl: u32,
    ) -> anyhow::Result<()> {
        for number in 1..=count {
            let text = pattern.replace("{}", &number.to_string());
            let name: NameBuf = text.parse()?;
            let latency_ms = (MIN_LATENCY_MS + random::of_octets(text.as_bytes()) % LATENCY_RANGE_MS) as f64;
            self.by_name.insert(name.clone(), self.sites.len());
            self.by_topic.entry(topic).or_default().push(self.sites.len());
            self.sites.push(Site { text, name, types, fate, ttl, latency_ms });
        }
        Ok(())
    }

    /// The number of a name.
    pub fn find(&self, name: &NameBuf) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The numbers of a topic's names, the most popular first.
    pub fn of_topic(&self, topic: Topic) -> &[usize] {
        self.by_topic.get(&topic).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_reserved_or_our_own() {
        let names = Names::new().expect("names");
        assert!(names.sites.len() > 200, "{}", names.sites.len());
        for site in &names.sites {
            let is_ours = ["brightwater.example", "home.arpa", "127.in-addr.arpa"];
            let is_ours = is_ours.iter().any(|zone| site.text.ends_with(zone)) && site.fate == Fate::Ours;
            assert!(is_ours || site.text.ends_with(".example"), "{}", site.text);
            assert_eq!(
                names.find(&site.name).map(|found| &names.sites[found].text),
                Some(&site.text),
                "it is there once"
            );
            assert!(!site.types.is_empty());
        }
    }

    #[test]
    fn aliases_lead_somewhere() {
        let names = Names::new().expect("names");
        for site in &names.sites {
            if let Fate::Alias(target) = site.fate {
                let target: NameBuf = target.parse().expect("a name");
                let found = names.find(&target).expect("the alias leads to a name that is there");
                assert_eq!(names.sites[found].fate, Fate::There);
            }
        }
    }
}
