//! Connections of clients that have taken more processor time than they may: nothing is read from them for a while, so
//! that what they send waits with them.

use std::time::{Duration, Instant};

use super::Server;
use super::connection::{Next, Reason};
use crate::clock::Clock;
use crate::policy::limits::WorkLimits;

/// A connection that rests is looked at again after this time.
const REST: Duration = Duration::from_millis(50);

impl Server {
    /// Does what can be done on a connection, and counts what it costs. Nothing is read while its client has no time left.
    pub(super) fn advance_within(&mut self, limits: &WorkLimits, id: usize, readable: bool) -> Next {
        let Some(client) = self.table.get_mut(id).map(|connection| connection.client.ip()) else {
            return Next::Close(Reason::Gone);
        };
        let begin_us = Clock::Monotonic.now_us();
        let has_time = !readable || limits.limit.may(client, begin_us);
        if !has_time {
            self.exit.stats.tcp_work_limited.add(1);
        }
        let reads = readable && (has_time || limits.dry_run);
        let next = self.work_on(id, |connection, bench| connection.serve(bench, reads));
        let end_us = Clock::Monotonic.now_us();
        limits.limit.charge(client, end_us.saturating_sub(begin_us), end_us);
        match next {
            Next::Read { progress } if readable && !reads => {
                self.rest(id);
                Next::Wait { progress }
            }
            next => next,
        }
    }

    /// Has a connection looked at again later. It is not idle meanwhile.
    fn rest(&mut self, id: usize) {
        let Some(ticket) = self.table.get_mut(id).map(|connection| connection.ticket) else { return };
        self.table.touch(id, self.bench.now);
        self.resting.push_back((ticket, self.bench.now + REST));
    }

    /// Goes on with connections that have rested.
    pub(super) fn wake(&mut self) {
        while let Some(&(ticket, due)) = self.resting.front()
            && self.bench.now >= due
        {
            self.resting.pop_front();
            if self.table.get_mut(ticket.id).is_some_and(|connection| connection.ticket == ticket) {
                self.serve(ticket.id, true);
            }
        }
    }

    /// How long the worker may sleep: until a connection has rested, or `longest`.
    pub(super) fn patience(&self, longest: Duration) -> Duration {
        let rest = self.resting.front().map(|(_, due)| due.saturating_duration_since(Instant::now()));
        rest.map_or(longest, |rest| rest.min(longest))
    }
}
