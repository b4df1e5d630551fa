//! From where on something counts as an anomaly.

/// Every number that decides. Times are in milliseconds; "in a window" means in the window now and the one before, that
/// is between one and two times `window_ms`. Shares and scores are from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Length of a window.
    pub window_ms: u64,
    /// A client is judged once it has been seen for this long, or has asked `burn_in_queries`.
    pub burn_in_ms: u64,
    /// Queries after which a client is judged though it is new.
    pub burn_in_queries: u64,
    /// Score from which something is reported.
    pub report_score: f32,
    /// An anomaly ends when nothing has confirmed it for this long.
    pub quiet_ms: u64,
    /// An anomaly that goes on is told again at most this often, unless its score rises by a tenth.
    pub update_ms: u64,

    /// High frequency: least queries in a minute, whatever the client's own habit.
    pub frequency_floor_per_minute: u32,
    /// High frequency: how many times the client's own busiest minute so far.
    pub frequency_factor: f32,
    /// High frequency: for so many minutes in a row.
    pub frequency_minutes: u32,

    /// NXDOMAIN share: least answers NXDOMAIN in a window.
    pub nxdomain_answers: u32,
    /// NXDOMAIN share: least distinct names among them (the same name again and again is a fault, not a flood).
    pub nxdomain_names: f32,
    /// NXDOMAIN share: least share of the client's queries.
    pub nxdomain_share: f32,

    /// Random subdomains: least distinct names below one registrable name in a window.
    pub subdomains: f32,
    /// Random subdomains: least share of queries that ask for a name not asked before.
    pub subdomains_unrepeated_share: f32,
    /// Random subdomains: least share of failures (NXDOMAIN, SERVFAIL).
    pub subdomains_failure_share: f32,
    /// Random subdomains without failures: least distinct names, all random-looking and none from the cache.
    pub subdomains_unfailing: f32,

    /// Tunnelling: least distinct names that a client asks below one registrable name in a window.
    pub tunnel_names: f32,
    /// Tunnelling: least share of queries for a name not asked before.
    pub tunnel_unrepeated_share: f32,
    /// Tunnelling: octets in front of the registrable name from which a name can carry data.
    pub tunnel_name_octets: usize,
    /// Tunnelling: octets that names carry in a window, for the full score.
    pub tunnel_up_octets: f32,
    /// Tunnelling: octets that answers carry in a window, for the full score.
    pub tunnel_down_octets: f32,

    /// DGA: least distinct registrable names without existence in a window, when they look random.
    pub dga_random_names: u32,
    /// DGA: the same, however they look.
    pub dga_any_names: u32,
    /// DGA: least share of all registrable names that the client asked for.
    pub dga_share: f32,

    /// Beaconing: least number of intervals in a row that are alike.
    pub beacon_intervals: u32,
    /// Beaconing: least time from the first of them to the last.
    pub beacon_span_ms: u64,
    /// Beaconing: how much an interval may differ from the mean, as a share of it.
    pub beacon_tolerance: f32,
    /// Beaconing: shortest interval.
    pub beacon_shortest_ms: u64,
    /// Beaconing: names that a client has asked for within this time since it was first seen are its habit.
    pub beacon_learn_ms: u64,
    /// Beaconing: most names that were ever asked for below the registrable name. (Sites have several; a program that
    /// reports to its master has one.)
    pub beacon_names: f32,
    /// Beaconing: most clients that ever asked for names below it.
    pub beacon_clients: f32,

    /// Forged replies: least mismatched replies that claim to be from one server, in a window.
    pub mismatches: u32,
}

impl Default for Thresholds {
    /// Fixed on generated traffic so that there is at most one false alarm in a hundred days of a client.
    fn default() -> Thresholds {
        Thresholds {
            window_ms: 600_000,
            burn_in_ms: 600_000,
            burn_in_queries: 1_000,
            report_score: 0.7,
            quiet_ms: 1_800_000,
            update_ms: 600_000,
            frequency_floor_per_minute: 1_200,
            frequency_factor: 4.0,
            frequency_minutes: 2,
            nxdomain_answers: 150,
            nxdomain_names: 60.0,
            nxdomain_share: 0.4,
            subdomains: 100.0,
            subdomains_unrepeated_share: 0.6,
            subdomains_failure_share: 0.4,
            subdomains_unfailing: 1_000.0,
            tunnel_names: 30.0,
            tunnel_unrepeated_share: 0.4,
            tunnel_name_octets: 16,
            tunnel_up_octets: 5_000.0,
            tunnel_down_octets: 10_000.0,
            dga_random_names: 8,
            dga_any_names: 25,
            dga_share: 0.15,
            beacon_intervals: 24,
            beacon_span_ms: 1_800_000,
            beacon_tolerance: 0.25,
            beacon_shortest_ms: 5_000,
            beacon_learn_ms: 21_600_000,
            beacon_names: 2.0,
            beacon_clients: 3.0,
            mismatches: 50,
        }
    }
}
