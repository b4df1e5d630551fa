//! Which cluster a data directory belongs to. Offsets in one journal mean nothing in another: a server that goes on in a cluster
//! with what it has of another journal would pass over changes and answer what nobody made.

use std::io;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use journal::Offset;
use journal_kafka::ClusterKey;

use super::COPY_FILE;

/// Name of the file in the data directory that says it.
const FILE: &str = "cluster.id";

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// It has zones of a server that was alone.
    #[error(
        "data directory {}: it has changes of a journal of its own (up to offset {position}), which the cluster does not have; export its zones \
         (without `cluster.brokers`: `headwater zone export`), start with an empty data directory, and import them",
        directory.display()
    )]
    OwnJournal {
        /// Which.
        directory: PathBuf,
        /// How far its store is.
        position: Offset,
    },
    /// It is of another cluster.
    #[error(
        "data directory {}: it belongs to another cluster; another `cluster.key_file` or `cluster.topic_prefix` was used with it: use these, or start \
         with an empty data directory",
        .0.display()
    )]
    OtherCluster(PathBuf),
    /// The file.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Checks that `directory`, whose store has the changes up to `position`, belongs to the cluster with this key and prefix, and
/// notes that it does.
///
/// # Errors
/// [`HomeError`].
pub fn check(directory: &Path, position: Offset, key: &ClusterKey, topic_prefix: &str) -> Result<(), HomeError> {
    let own = HEXLOWER.encode(&key.derive(&format!("data directories of {topic_prefix}")));
    let path = directory.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(found) if found.trim() == own => Ok(()),
        Ok(_) => Err(HomeError::OtherCluster(directory.to_owned())),
        // What versions before left, which had no such file.
        Err(error) if error.kind() == io::ErrorKind::NotFound && (position == 0 || is_of_cluster(directory)) => {
            std::fs::write(&path, own + "\n").map_err(|error| HomeError::File { path, error })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(HomeError::OwnJournal { directory: directory.to_owned(), position })
        }
        Err(error) => Err(HomeError::File { path, error }),
    }
}

/// Whether a cluster's server has used the data directory.
pub fn is_of_cluster(directory: &Path) -> bool {
    directory.join(COPY_FILE).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_belongs_to_one_cluster() {
        let directory = tempfile::tempdir().expect("a directory");
        let key_file = |name: &str| {
            let path = directory.path().join(name);
            ClusterKey::make(&path).expect("a key")
        };
        let (key, other) = (key_file("key"), key_file("other"));
        let home = |name: &str| {
            let home = directory.path().join(name);
            std::fs::create_dir(&home).expect("a directory");
            home
        };
        let new = home("new");
        assert!(check(&new, 0, &key, "a").is_ok() && check(&new, 7, &key, "a").is_ok());
        assert!(matches!(check(&new, 7, &other, "a"), Err(HomeError::OtherCluster(_))));
        assert!(matches!(check(&new, 0, &key, "b"), Err(HomeError::OtherCluster(_))));
        let alone = home("alone");
        let refused = check(&alone, 3, &key, "a").expect_err("a journal of its own").to_string();
        assert!(refused.contains("up to offset 3") && refused.contains("zone export"), "{refused}");
        assert!(!alone.join(FILE).exists());
        let earlier = home("earlier");
        std::fs::write(earlier.join(COPY_FILE), "").expect("written");
        assert!(check(&earlier, 3, &key, "a").is_ok() && earlier.join(FILE).exists());
    }
}
