//! Counts of a time before the server ran, from whoever knows them: written as the server would have, before it starts.

use std::io;
use std::path::Path;

use super::counts::Counts;
use super::file::StatisticsFile;
use super::levels::Levels;

/// Counts of the past, second by second.
#[derive(Debug, Default)]
pub struct Past {
    levels: Levels,
}

impl Past {
    /// Adds what was counted in the second `at_s` since 1970; later ones follow.
    pub fn add(&mut self, at_s: u64, counts: &Counts) {
        self.levels.add(at_s, counts);
    }

    /// Writes them to `directory`, as the past of the server that starts there.
    ///
    /// # Errors
    /// What the file system says; there are statistics already.
    pub fn write(mut self, directory: &Path) -> io::Result<()> {
        if StatisticsFile::exists(directory) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there are statistics already"));
        }
        StatisticsFile::open(directory, &mut self.levels).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use server::answered::SourceGroup;
    use server::clock::unix_seconds;
    use server::stats::Totals;

    use super::super::{Asked, Statistics};
    use super::*;

    #[test]
    fn a_past_is_there_when_the_server_starts() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut totals = Totals::default();
        totals.answers[0][SourceGroup::Cache as usize] = 5;
        let (now_s, mut past) = (unix_seconds(), Past::default());
        (now_s - 7200..now_s).for_each(|at_s| past.add(at_s, &Counts::of(&totals, 0)));
        past.write(directory.path()).expect("written");
        let statistics = Statistics::start(directory.path(), Counts::default, |_| ()).expect("a thread");
        let asked = |from_s, to_s, step_s| statistics.series(&Asked { from_s, to_s, step_s: Some(step_s) });
        let fine = asked(now_s - 600, now_s - 300, 1);
        assert!(fine.qps.len() == 300 && fine.qps.iter().all(|qps| *qps == Some(5.0)), "{:?}", fine.qps);
        let coarse = asked(now_s - 7000, now_s - 120, 60);
        assert!(coarse.qps.iter().all(|qps| *qps == Some(5.0)), "{:?}", coarse.qps);
        statistics.stop();
        let again = Past::default().write(directory.path());
        assert!(again.is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists));
    }
}
