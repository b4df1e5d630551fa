//! `logging`: the server's own log, and the query log.

use super::Size;
use crate::section::{choice, section};
use crate::value::{At, Fraction, Int, Named};

type Hours = Int<0, 8760>;
type Days = Int<0, 36_500>;
type Files = Int<0, 10_000>;

section! {
    /// The server's own log.
    Logging at "logging" {
        /// Least severity that is logged.
        level: Level = Level::Info,
        /// Other levels for modules and what is inside them, the longest name counts: `{ "server::upstream": DEBUG }`.
        levels: Named<Level> = Named::default(),
        /// `json`, one object a line, or `text`; empty: `text` on a terminal, else `json`.
        format: Format = Format::Auto,
        /// File; empty: standard error. With a file, `format: json` and no `logging.queries` at all, queries are logged in it too, as
        /// configurations written for the original requirements expect.
        file: String = String::new(),
        /// Size at which the file is rotated, in MiB.
        max_size_mb: Size = Int(50),
        /// How many rotated files are kept.
        backup_count: Int<0, 1000> = Int(5),
        /// The file is rotated every so many hours too; 0: by size only.
        rotate_hours: Hours = Int(0),
        /// Days that rotated files are kept; 0: as long as there are not too many.
        keep_days: Days = Int(0),
        /// How rotated files are compressed.
        compress: Compress = Compress::Gzip,
        /// Syslog that gets the log too (RFC 5424): `unix:///dev/log`, `udp://192.0.2.1:514`, `tcp://192.0.2.1:601`, and behind `#` the
        /// facility, which is `daemon` else; empty: none.
        syslog: String = String::new(),
        /// The query log.
        queries: QueryLog = QueryLog::default(),
    }
}

choice! {
    /// Severity of a log line.
    Level {
        /// What stops the server or a part of it.
        Error = "ERROR",
        /// What needs attention.
        Warn = "WARN",
        /// What an operator wants to know.
        Info = "INFO",
        /// What explains behaviour.
        Debug = "DEBUG",
        /// Everything.
        Trace = "TRACE",
    }
}

choice! {
    /// Form of the log.
    Format {
        /// Text on a terminal, else one JSON object a line.
        Auto = "",
        /// One JSON object a line.
        Json = "json",
        /// Text, one line each.
        Text = "text",
    }
}

choice! {
    /// How rotated files are compressed.
    Compress {
        /// As gzip does, `.gz`.
        Gzip = "gzip",
        /// As zstd does, `.zst`.
        Zstd = "zstd",
        /// Not at all.
        None = "none",
    }
}

section! {
    /// The query log.
    QueryLog at "logging.queries" {
        /// Log every query that is answered.
        enabled: bool = false,
        /// Where to.
        outputs: Vec<At<Output>> = vec![At::default_of(Output::File)],
        /// File of the output `file`.
        file: String = "logs/queries.jsonl".into(),
        /// Size at which the file is rotated, in MiB.
        rotate_mb: Size = Int(100),
        /// The file is rotated every so many hours too; 0: by size only.
        rotate_hours: Hours = Int(0),
        /// How many rotated files are kept.
        keep_files: Files = Int(10),
        /// Days that rotated files are kept; 0: as long as there are not too many.
        keep_days: Days = Int(0),
        /// How rotated files are compressed.
        compress: Compress = Compress::Gzip,
        /// Address of the output `syslog`, as in `logging.syslog`.
        syslog: String = String::new(),
        /// Reader of the output `dnstap`: `unix:///run/dnstap.sock` or `tcp://192.0.2.1:6000`; with `#unidirectional` behind it for a reader that
        /// says nothing.
        dnstap: String = String::new(),
        /// The part of the queries that is logged, from 0 to 1; every output has the same ones.
        sample: Fraction = Fraction(1.0),
        /// Queries that took longer than so many milliseconds are logged, also those that `sample` leaves out; 0: no matter how long.
        slow_ms: Int<0, 600_000> = Int(0),
        /// Log only the rows that this filter has; empty: all.
        filter: String = String::new(),
        /// What is logged of clients' addresses: empty: all of them; `/24,/48`: so many bits of IPv4 and of IPv6 addresses; `hash`: pseudonyms,
        /// made with a key in `data_dir`.
        anonymise: String = String::new(),
    }
}

choice! {
    /// Where the query log goes.
    Output {
        /// The file.
        File = "file",
        /// Standard output.
        Stdout = "stdout",
        /// The system's log.
        Syslog = "syslog",
        /// dnstap: the messages as they were on the wire, those to and from other servers too.
        Dnstap = "dnstap",
    }
}
