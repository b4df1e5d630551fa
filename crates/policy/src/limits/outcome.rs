//! What becomes of a question or an answer that a limit has looked at.

/// Largest `slip`; more is this.
pub const MAX_SLIP: u8 = 15;

/// How a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// By datagram: its source may be forged.
    Datagram,
    /// By a connection.
    Stream,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// The question is answered.
    Pass,
    /// No answer.
    Drop,
    /// An empty answer with TC, so that a client that is really there comes again over TCP (RFC 1035 4.1.1).
    Truncate,
    /// REFUSED, or the connection is closed.
    Refuse,
}

/// What a limit says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// What is done.
    pub handling: Handling,
    /// Whether the limit was passed, to be counted; with `handling` [`Handling::Pass`] in a dry run.
    pub limited: bool,
}

impl Outcome {
    /// Within the limit.
    pub const PASS: Outcome = Outcome { handling: Handling::Pass, limited: false };

    /// Beyond the limit.
    #[inline]
    pub(super) fn beyond(handling: Handling, dry_run: bool) -> Outcome {
        Outcome { handling: if dry_run { Handling::Pass } else { handling }, limited: true }
    }
}

/// Which answers beyond a limit are truncated instead of dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slip(u8);

impl Slip {
    /// Bits for how many were dropped since the last truncated one.
    pub const BITS: u32 = 4;

    /// Every `slip`-th is truncated; 0: none. More than [`MAX_SLIP`] is that.
    pub fn new(slip: u8) -> Slip {
        Slip(slip.min(MAX_SLIP))
    }

    /// The next answer beyond the limit, after `dropped`; with how many were dropped then.
    #[inline]
    pub fn next(self, dropped: u64) -> (u64, Handling) {
        match u64::from(self.0) {
            0 => (0, Handling::Drop),
            slip if dropped + 1 >= slip => (0, Handling::Truncate),
            _ => (dropped + 1, Handling::Drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truncated(slip: u8, of: usize) -> Vec<usize> {
        let mut dropped = 0;
        let mut next = || {
            let (now, handling) = Slip::new(slip).next(dropped);
            dropped = now;
            assert!(now < 1 << Slip::BITS);
            handling
        };
        (0..of).filter(|_| next() == Handling::Truncate).collect()
    }

    #[test]
    fn every_nth_answer_is_truncated() {
        assert!(truncated(0, 10).is_empty());
        assert_eq!(truncated(1, 3), [0, 1, 2]);
        assert_eq!(truncated(2, 6), [1, 3, 5]);
        assert_eq!(truncated(MAX_SLIP, 30), [14, 29]);
        assert_eq!(truncated(255, 30), [14, 29]);
    }

    #[test]
    fn a_dry_run_counts_and_passes() {
        assert_eq!(Outcome::beyond(Handling::Drop, true), Outcome { handling: Handling::Pass, limited: true });
        assert_eq!(Outcome::beyond(Handling::Drop, false).handling, Handling::Drop);
    }
}
