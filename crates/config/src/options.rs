//! The flags that a configuration depends on.

use std::path::PathBuf;

/// Where a configuration comes from, besides the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// The configuration file; none: defaults.
    pub config: Option<PathBuf>,
    /// `NAME=FILE`: zones besides the file's, or instead of those of the same name.
    pub zones: Vec<String>,
    /// `ADDR:PORT`: UDP and TCP sockets instead of the file's.
    pub listen: Vec<String>,
    /// Data directory instead of the file's.
    pub data: Option<PathBuf>,
}
