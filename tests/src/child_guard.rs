//! Ends a child process when the test process is gone, however it went.
//!
//! `Drop` does not run when a test process is killed, aborts, or keeps the child in a static.
//! The operating system does close its pipes, so a shell that waits on one notices and ends
//! the child by its process id.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The shell waits for end of file on its standard input, then ends process `$1` and removes
/// the folder `$2` that the child wrote to.
const WAIT_THEN_END: &str = r#"cat >/dev/null; kill -9 "$1" 2>/dev/null; rm -rf "$2""#;

/// A watcher tied to one child process.
#[derive(Debug)]
pub struct ChildGuard {
    watcher: Child,
}

impl ChildGuard {
    /// Ties process `pid` and its scratch `folder` to the life of the calling process.
    ///
    /// # Errors
    /// When no `sh` can be started.
    pub fn tie(pid: u32, folder: &Path) -> io::Result<ChildGuard> {
        // INVARIANT: the write end of this pipe stays in `watcher.stdin` and is inherited by
        // nobody (std opens it close-on-exec), so it closes exactly when this process ends.
        let watcher = Command::new("sh")
            .args(["-c", WAIT_THEN_END, "leash", &pid.to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(ChildGuard { watcher })
    }
}

impl Drop for ChildGuard {
    /// Unties: the child was ended and waited for already, its id may belong to another now.
    fn drop(&mut self) {
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
    }
}
