//! Metrics for a StatsD agent: what counters gained since the last time, gauges, and durations as timers with the upper
//! bound of their class and a sample rate that says how many there were.

use std::collections::HashMap;
use std::net::UdpSocket;

use server::stats::{BOUNDS_US, Times};

use super::{Kind, Snapshot, Value};

/// Most bytes of a datagram: one packet in any network.
const MAX_DATAGRAM: usize = 1400;
/// The duration that stands for those without a bound, in microseconds.
const LONGEST_US: u64 = 2 * BOUNDS_US[BOUNDS_US.len() - 1];

/// Sends metrics, and knows what was sent before.
#[derive(Default)]
pub struct Statsd {
    counts: HashMap<String, f64>,
    times: HashMap<String, Times>,
}

impl Statsd {
    /// The lines that say what is new in `snapshot`.
    pub fn lines(&mut self, snapshot: &Snapshot) -> Vec<String> {
        let mut lines = Vec::new();
        for (family, samples) in snapshot.families() {
            for sample in samples {
                let name = name(family.name, &sample.labels);
                match &sample.value {
                    Value::Count(count) if family.kind == Kind::Counter => {
                        lines.extend(self.gained(name, *count as f64))
                    }
                    Value::Number(number) if family.kind == Kind::Counter => lines.extend(self.gained(name, *number)),
                    Value::Count(count) => lines.push(format!("{name}:{count}|g")),
                    Value::Number(number) => lines.extend(gauge(&name, *number)),
                    Value::Times(times) => self.timers(name, times, &mut lines),
                    Value::Sum(sum_s, count) if *count > 0 => {
                        lines.extend(gauge(&format!("{name}_mean"), sum_s / *count as f64))
                    }
                    Value::Sum(..) => {}
                }
            }
        }
        lines
    }

    /// What a counter gained; one that is smaller than before began anew.
    fn gained(&mut self, name: String, now: f64) -> Option<String> {
        let before = self.counts.insert(name.clone(), now).unwrap_or(0.0);
        let gained = if now >= before { now - before } else { now };
        (gained > 0.0).then(|| format!("{name}:{gained}|c"))
    }

    fn timers(&mut self, name: String, now: &Times, lines: &mut Vec<String>) {
        let before = self.times.insert(name.clone(), *now).unwrap_or_default();
        for (class, (now, before)) in now.classes.iter().zip(before.classes).enumerate() {
            let count = if *now >= before { now - before } else { *now };
            let ms = BOUNDS_US.get(class).copied().unwrap_or(LONGEST_US) as f64 / 1000.0;
            match count {
                0 => {}
                1 => lines.push(format!("{name}:{ms}|ms")),
                _ => lines.push(format!("{name}:{ms}|ms|@{:.9}", 1.0 / count as f64)),
            }
        }
    }

    /// Sends what is new; what the network does not take is lost, as with any datagram.
    pub fn push(&mut self, snapshot: &Snapshot, socket: &UdpSocket) -> std::io::Result<()> {
        let mut failed = Ok(());
        for datagram in datagrams(&self.lines(snapshot)) {
            if let Err(error) = socket.send(datagram.as_bytes()) {
                failed = Err(error);
            }
        }
        failed
    }
}

/// A gauge. A line with a sign would add to it, so one below zero is set to zero first.
fn gauge(name: &str, number: f64) -> Vec<String> {
    let set = format!("{name}:{number}|g");
    if number < 0.0 { vec![format!("{name}:0|g"), set] } else { vec![set] }
}

/// `headwater.responses_total.NOERROR.zone`: what has a meaning in the protocol becomes `_`.
fn name(family: &str, labels: &[String]) -> String {
    let mut name = family.replacen('_', ".", 1);
    for label in labels {
        name.push('.');
        let fits = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        name.extend(label.chars().map(fits));
    }
    name
}

/// Lines in as few datagrams as they fit into.
fn datagrams(lines: &[String]) -> Vec<String> {
    let mut datagrams: Vec<String> = Vec::new();
    for line in lines {
        match datagrams.last_mut() {
            Some(last) if last.len() + 1 + line.len() <= MAX_DATAGRAM => {
                last.push('\n');
                last.push_str(line);
            }
            _ => datagrams.push(line.clone()),
        }
    }
    datagrams
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use server::stats::Histogram;

    use super::*;
    use crate::metrics::catalogue::{CONNECTIONS, RESPONSES, UPSTREAM_SECONDS};

    fn snapshot(responses: u64, times: Times) -> Snapshot {
        let mut snapshot = Snapshot::default();
        snapshot.count(&RESPONSES, &["NOERROR", "zone"], responses);
        snapshot.number(&CONNECTIONS, &[], 3.0);
        snapshot.times(&UPSTREAM_SECONDS, &["[2001:db8::1]:53"], times);
        snapshot
    }

    #[test]
    fn an_agent_hears_what_is_new() {
        let agent = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        agent.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(agent.local_addr().expect("an address")).expect("connected");
        let heard = || {
            let mut buffer = [0; 2048];
            let len = agent.recv(&mut buffer).expect("a datagram");
            String::from_utf8_lossy(&buffer[..len]).into_owned()
        };
        let (times, mut statsd) = (Histogram::default(), Statsd::default());
        [600, 700, 60_000_000].iter().for_each(|&us| times.add(us));
        statsd.push(&snapshot(10, times.get()), &socket).expect("sent");
        assert_eq!(
            heard(),
            "headwater.responses_total.NOERROR.zone:10|c\n\
             headwater.connections:3|g\n\
             headwater.upstream_seconds._2001_db8__1__53:1|ms|@0.500000000\n\
             headwater.upstream_seconds._2001_db8__1__53:20000|ms"
        );
        times.add(30);
        statsd.push(&snapshot(14, times.get()), &socket).expect("sent");
        let expected = "headwater.responses_total.NOERROR.zone:4|c\nheadwater.connections:3|g\n\
                        headwater.upstream_seconds._2001_db8__1__53:0.05|ms";
        assert_eq!(heard(), expected);
        assert_eq!(statsd.lines(&snapshot(5, times.get()))[0], "headwater.responses_total.NOERROR.zone:5|c");
    }

    #[test]
    fn datagrams_are_full_and_fit() {
        let lines: Vec<String> = (0..200).map(|n| format!("headwater.number.{n}:1|c")).collect();
        let datagrams = datagrams(&lines);
        assert!(datagrams.len() == 4 && datagrams.iter().all(|datagram| datagram.len() <= MAX_DATAGRAM));
        assert_eq!(datagrams.join("\n").lines().count(), 200);
    }
}
