//! What a command printed, and how it ended.

use std::process::Output;

/// What a command did.
pub struct Ran {
    /// Its exit code; -1: a signal ended it.
    pub code: i32,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Ran {
    /// What a command that has ended did.
    pub fn of(output: &Output) -> Ran {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        Ran { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Its output, if it went well.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// What it complains about, if it does.
    #[track_caller]
    pub fn fails(self) -> String {
        assert_eq!(self.code, 1, "{}{}", self.out, self.err);
        self.err
    }
}
