//! Days of clients with nothing wrong: people who browse, phones, things, a mail server, scanners for viruses, servers.

use dns::{RType, Rcode};

use crate::traffic::{DAY, HOUR, MINUTE, Query, Rng, SECOND};

/// What kind of client it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    Browser,
    Office,
    Phone,
    Thing,
    MailServer,
    Scanned,
    Server,
    FileSharer,
    Nat,
}

/// The models in a network, in turn.
pub const MODELS: [Model; 16] = [
    Model::Browser,
    Model::Phone,
    Model::Thing,
    Model::Office,
    Model::Browser,
    Model::Scanned,
    Model::Phone,
    Model::Server,
    Model::Thing,
    Model::MailServer,
    Model::Browser,
    Model::FileSharer,
    Model::Phone,
    Model::Office,
    Model::Nat,
    Model::Thing,
];

/// The names that clients of one network ask for.
pub struct World {
    sites: Vec<String>,
    third_parties: Vec<String>,
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut rng = Rng::new(seed);
        let sites = (0..4_000).map(|_| rng.site()).collect();
        let prefixes = ["cdn", "static", "api", "px", "ads", "sync", "img", "tag", "metrics", "fonts"];
        let third_parties = (0..600)
            .map(|_| match rng.below(5) {
                0 => format!("d{}.cloudfront.net", rng.text("abcdefghijklmnopqrstuvwxyz0123456789", 13)),
                1 => format!("e{}.dsc{}.akamaiedge.net", rng.below(99_999), rng.text("abcdefg", 1)),
                2 => format!("{}.{}", rng.hex(16), rng.site()),
                _ => format!("{}.{}", rng.pick(&prefixes), rng.site()),
            })
            .collect();
        World { sites, third_parties }
    }

    /// What `client` of `model` asks on day `day`.
    pub fn day(&self, model: Model, client: u32, day: u64, seed: u64, out: &mut Vec<Query>) {
        let rng = Rng::new(seed ^ (u64::from(client) << 32) ^ day);
        // What a client is does not change from day to day.
        let own = Rng::new(seed ^ (u64::from(client) << 32) ^ 0xfeed);
        let mut run = Run { world: self, client, start: day * DAY, rng, own, out };
        match model {
            Model::Browser => run.browser(25),
            Model::Office => run.office(),
            Model::Phone => run.phone(),
            Model::Thing => run.thing(),
            Model::MailServer => run.mail_server(),
            Model::Scanned => run.scanned(),
            Model::Server => run.server(),
            Model::FileSharer => run.file_sharer(),
            Model::Nat => (0..12).for_each(|_| run.browser(20)),
        }
    }
}

struct Run<'a> {
    world: &'a World,
    client: u32,
    start: u64,
    rng: Rng,
    own: Rng,
    out: &'a mut Vec<Query>,
}

impl Run<'_> {
    fn ask(&mut self, at: u64, name: impl Into<String>) {
        self.out.push(Query::new(at, self.client, name));
    }

    fn nxdomain(&mut self, at: u64, name: impl Into<String>) {
        self.out.push(Query::new(at, self.client, name).failing(Rcode::NXDOMAIN));
    }

    /// A, AAAA and HTTPS at once, as browsers ask.
    fn ask_all(&mut self, at: u64, name: &str) {
        self.ask(at, name);
        for (later, qtype) in [(1, RType::AAAA), (2, RType::HTTPS)] {
            let query = Query::new(at + later, self.client, name);
            self.out.push(Query { qtype, address: None, ..query });
        }
    }

    /// Sessions over the day, each with some pages.
    fn browser(&mut self, sessions: u64) {
        for _ in 0..self.rng.between(sessions / 2, sessions + 1) {
            let mut at = self.start + self.rng.between(7 * HOUR, 23 * HOUR);
            for _ in 0..self.rng.between(2, 20) {
                self.page(at);
                at += self.rng.wait(40 * SECOND);
            }
            match self.rng.below(12) {
                0 => self.video(at),
                1 => self.open_tab(at),
                2 => self.map(at),
                _ => {}
            }
        }
        self.polls(&["clients4.google.com", "detectportal.firefox.com", "www.msftconnecttest.com"]);
    }

    fn page(&mut self, at: u64) {
        let site = self.world.sites[self.rng.popular(self.world.sites.len())].clone();
        if self.rng.chance(0.015) {
            let typo = format!("www.{}{site}", self.rng.text("abcdefghijklmnopqrstuvwxyz", 1));
            self.nxdomain(at, typo);
            return;
        }
        self.ask_all(at, &format!("www.{site}"));
        for i in 0..self.rng.between(3, 25) {
            let at = at + 100 * i + self.rng.below(300);
            if self.rng.chance(0.01) {
                let dead = format!("track.{}", self.rng.site());
                self.nxdomain(at, dead);
            } else if self.rng.chance(0.2) {
                let own = format!("{}.{site}", self.rng.pick(&["img", "static", "cdn", "api", "assets", "login"]));
                self.ask_all(at, &own);
            } else {
                let name = self.world.third_parties[self.rng.popular(self.world.third_parties.len())].clone();
                self.ask_all(at, &name);
            }
        }
    }

    fn video(&mut self, at: u64) {
        for i in 0..self.rng.between(5, 40) {
            let node = self.rng.text("abcdefghijklmnopqrstuvwxyz0123456789", 8);
            let name = format!("rr{}---sn-{node}.googlevideo.com", self.rng.between(1, 8));
            self.ask_all(at + i * 20 * SECOND, &name);
        }
    }

    /// A page that stays open and asks its server again and again. With short periods the connection stays and the name
    /// is asked for only when that breaks; with long ones whenever the TTL is over.
    fn open_tab(&mut self, at: u64) {
        let site = self.world.sites[self.rng.popular(self.world.sites.len())].clone();
        let period = *self.rng.pick(&[15, 30, 60, 120, 300]) * SECOND;
        let host = if self.rng.chance(0.7) { "live" } else { "www" };
        if host == "live" {
            ["www", "static"].iter().for_each(|other| self.ask_all(at, &format!("{other}.{site}")));
        }
        let (until, mut at) = (at + self.rng.between(10 * MINUTE, 3 * HOUR), at);
        while at < until {
            let query = Query::new(at, self.client, format!("{host}.{site}"));
            let kept = u64::from(query.ttl) * SECOND;
            self.out.push(query);
            at += if period <= 60 * SECOND {
                self.rng.wait(5 * MINUTE).max(kept)
            } else {
                kept.div_ceil(period).max(1) * period + self.rng.below(period / 20)
            };
        }
    }

    /// Tiles and images whose names are hashes, below one name.
    fn map(&mut self, at: u64) {
        let site = self.world.sites[self.rng.popular(200)].clone();
        for i in 0..self.rng.between(5, 30) {
            let name = format!("{}.tiles.{site}", self.rng.hex(20));
            self.ask_all(at + i * 700, &name);
        }
    }

    /// What systems ask all day, at fixed intervals.
    fn polls(&mut self, names: &[&str]) {
        for name in names {
            let period = *self.own.pick(&[300, 600, 900, 1800]) * SECOND;
            let mut at = self.start + self.own.below(period);
            while at < self.start + DAY {
                let late = self.rng.below(2 * SECOND);
                self.ask(at + late, *name);
                at += period;
            }
        }
    }

    /// A client whose resolver tries a search list first.
    fn office(&mut self) {
        let mut plain = Vec::new();
        let mut other = Run {
            world: self.world,
            client: self.client,
            start: self.start,
            rng: self.rng.clone(),
            own: self.own.clone(),
            out: &mut plain,
        };
        other.browser(20);
        for query in plain {
            if self.rng.chance(0.5) {
                self.nxdomain(query.time_ms, format!("{}.corp.{}", query.name, "harbortrade.com"));
            }
            self.out.push(query);
        }
        let mut at = self.start;
        while at < self.start + DAY {
            self.nxdomain(at, "wpad.corp.harbortrade.com");
            self.nxdomain(at, "_ldap._tcp.dc._msdcs.workgroup");
            at += self.rng.wait(5 * MINUTE);
        }
    }

    fn phone(&mut self) {
        let apps: Vec<String> = (0..12).map(|_| format!("api.{}", self.own.site())).collect();
        for _ in 0..self.rng.between(40, 120) {
            let at = self.start + self.rng.between(6 * HOUR, 24 * HOUR);
            for i in 0..self.rng.between(1, 6) {
                let app = self.rng.pick(&apps).clone();
                self.ask_all(at + i * 300, &app);
            }
        }
        self.browser(10);
        self.polls(&["connectivitycheck.gstatic.com", "mtalk.google.com", "time.android.com"]);
        self.local();
    }

    fn local(&mut self) {
        for service in ["lb._dns-sd._udp.0.1.168.192.in-addr.arpa", "_airplay._tcp.local", "b._dns-sd._udp.home.arpa"] {
            let mut at = self.start + self.rng.below(HOUR);
            while at < self.start + DAY {
                self.nxdomain(at, service);
                at += self.rng.wait(20 * MINUTE);
            }
        }
    }

    /// A thing that asks its maker's servers, known or not, at fixed intervals and little else.
    fn thing(&mut self) {
        let (maker, period) = (self.own.site(), *self.own.pick(&[30, 60, 300, 600]) * SECOND);
        for (prefix, factor) in [("mqtt", 1), ("update", 12), ("telemetry", 3)] {
            let mut at = self.start + self.own.below(period);
            while at < self.start + DAY {
                let late = self.rng.below(SECOND);
                self.ask(at + late, format!("{prefix}.{maker}"));
                at += period * factor;
            }
        }
        self.polls(&["pool.ntp.org", "1.pool.ntp.org"]);
        self.local();
    }

    fn mail_server(&mut self) {
        let lists = ["zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org", "bl.mailcheck-lists.example.net"];
        let senders: Vec<String> = (0..400).map(|_| self.own.site()).collect();
        for _ in 0..self.rng.between(1_500, 4_000) {
            let at = self.start + self.rng.below(DAY);
            let ip: Vec<String> = (0..4).map(|_| self.rng.between(1, 255).to_string()).collect();
            self.nxdomain(at, format!("{}.in-addr.arpa", ip.join(".")));
            for list in lists {
                self.nxdomain(at + 50, format!("{}.{list}", ip.join(".")));
            }
            let sender = if self.rng.chance(0.25) { self.rng.site() } else { self.rng.pick(&senders).clone() };
            if self.rng.chance(0.08) {
                self.nxdomain(at + 100, sender);
                continue;
            }
            self.nxdomain(at + 120, format!("{sender}.dbl.spamhaus.org"));
            let selector = format!("{}._domainkey.{sender}", self.rng.pick(&["s1", "google", "selector1", "k2024"]));
            for (name, payload) in [(sender.clone(), 150), (format!("_dmarc.{sender}"), 80), (selector, 410)] {
                let query = Query::new(at + 150, self.client, name);
                self.out.push(query.with_payload(RType::TXT, payload));
            }
            self.out.push(Query::new(at + 160, self.client, sender).with_payload(RType::MX, 40));
        }
    }

    /// A person whose scanner looks files up by their hash.
    fn scanned(&mut self) {
        self.browser(20);
        for _ in 0..self.rng.between(5, 30) {
            let at = self.start + self.rng.between(8 * HOUR, 20 * HOUR);
            for i in 0..self.rng.between(5, 120) {
                let key = self.rng.text("abcdefghijklmnopqrstuvwxyz234567", 32);
                let zone = self.rng.pick(&["avts.mcafee.com", "sophosxl.net", "e5.sk"]);
                let query = Query::new(at + i * 400, self.client, format!("{key}.{}.{zone}", self.rng.hex(12)));
                self.out.push(if self.rng.chance(0.4) {
                    query.failing(Rcode::NXDOMAIN)
                } else {
                    query.with_payload(RType::TXT, 60)
                });
            }
        }
    }

    /// A server that polls, logs with reverse look-ups, and has a search list of its own.
    fn server(&mut self) {
        let polled: Vec<String> = (0..6).map(|_| format!("api.{}", self.own.site())).collect();
        let names: Vec<&str> = polled.iter().map(String::as_str).collect();
        self.polls(&names);
        self.polls(&["packages.example-registry.org", "github.com", "mirror.example-distribution.org"]);
        for _ in 0..self.rng.between(200, 1_500) {
            let at = self.start + self.rng.below(DAY);
            let ip: Vec<String> = (0..4).map(|_| self.rng.between(1, 255).to_string()).collect();
            self.nxdomain(at, format!("{}.in-addr.arpa", ip.join(".")));
        }
        for _ in 0..self.rng.between(10, 40) {
            let at = self.start + self.rng.below(DAY);
            for i in 0..self.rng.between(5, 80) {
                let name =
                    format!("{}.s3.eu-west-1.amazonaws.com", self.rng.pick(&["logs", "assets", "backup", "media"]));
                for search in ["default.svc.cluster.local", "svc.cluster.local"] {
                    self.nxdomain(at + i * 200, format!("{name}.{search}"));
                }
                self.ask(at + i * 200, name);
            }
        }
    }

    /// A program with a list of trackers, half of which are gone.
    fn file_sharer(&mut self) {
        self.browser(15);
        let trackers: Vec<String> = (0..24).map(|_| format!("tracker.{}", self.own.site())).collect();
        let mut at = self.start + self.rng.below(HOUR);
        while at < self.start + DAY {
            for (i, tracker) in trackers.iter().enumerate() {
                let name = tracker.clone();
                if i % 2 == 0 { self.nxdomain(at, name) } else { self.ask(at, name) }
            }
            at += 15 * MINUTE + self.rng.below(5 * MINUTE);
        }
    }
}
