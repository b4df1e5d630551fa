//! A file system of a few blocks, to be filled.

use std::process::Command;

/// A file system of its own in memory; gone with the value. `None` where this user cannot have one.
pub struct Tmpfs(std::path::PathBuf);

impl Tmpfs {
    pub fn mount(path: &std::path::Path, kib: u32) -> Option<Tmpfs> {
        std::fs::create_dir_all(path).expect("directory");
        let options = format!("size={kib}k");
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(path).output();
        if !done.is_ok_and(|done| done.status.success()) {
            println!("skipped: no tmpfs can be mounted here");
            return None;
        }
        Some(Tmpfs(path.to_owned()))
    }

    /// Makes it read-only (`ro`) or writable (`rw`) under whoever uses it.
    pub fn remount(&self, how: &str) {
        // A file that is open for writing keeps a file system writable, but not a view of it.
        let done = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&self.0).output().expect("mount");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Writes a file until nothing more fits.
    pub fn fill(&self) {
        use std::io::Write;
        let mut file = std::fs::File::create(self.0.join("filler")).expect("file");
        for len in [1 << 16, 4096, 64, 1] {
            while file.write_all(&vec![0; len]).is_ok() {}
        }
    }

    /// Makes room again.
    pub fn free(&self) {
        std::fs::remove_file(self.0.join("filler")).expect("the filler");
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
