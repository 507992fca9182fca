//! Apache Kafka as Maven artifacts: fetched once, kept in the cargo target folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::error::StartError;

/// The artifacts to copy; a change of it fetches anew.
const POM: &str = include_str!("../../kafka/pom.xml");

/// The name of the file that says a folder of artifacts is whole. It holds the pom text.
const COMPLETE: &str = "complete";

/// A fetch that takes longer is given up, seconds (it took 7 on a first run).
const FETCH_MAX_S: &str = "300";

/// A folder that holds all jars of one Kafka version.
#[derive(Debug, Clone)]
pub struct KafkaArtifacts {
    /// The folder of the jars.
    pub libs: PathBuf,
    /// Kafka's version, such as `4.4.0`.
    pub version: String,
}

/// Returns the artifacts, fetching them with `mvn` unless a whole set lies in the target folder.
///
/// Several test processes may ask at once: a file lock lets one fetch and the others wait.
///
/// # Errors
/// When `mvn` is missing or fails, or the target folder cannot be written.
pub fn fetch() -> Result<KafkaArtifacts, StartError> {
    let version = version_in(POM).ok_or(StartError::Pom)?;
    let folder = target_folder().join(format!("kafka-{version}"));
    let libs = folder.join("libs");
    fs::create_dir_all(&folder).map_err(|error| StartError::Folder(folder.clone(), error))?;

    let in_folder = |error: io::Error| StartError::Folder(folder.clone(), error);
    let lock = File::create(folder.join("lock")).map_err(in_folder)?;
    lock.lock().map_err(in_folder)?;
    let complete = folder.join(COMPLETE);
    if fs::read_to_string(&complete).is_ok_and(|text| text == POM) {
        return Ok(KafkaArtifacts { libs, version });
    }
    // What an interrupted fetch left, or another pom, must not mix with this one's jars.
    let _ = fs::remove_file(&complete);
    let _ = fs::remove_dir_all(&libs);
    copy_dependencies(&libs)?;
    fs::write(&complete, POM).map_err(in_folder)?;
    Ok(KafkaArtifacts { libs, version })
}

/// Runs Maven. Checksums are strict: a jar that differs from its published sum is refused.
fn copy_dependencies(libs: &Path) -> Result<(), StartError> {
    let pom = Path::new(env!("CARGO_MANIFEST_DIR")).join("kafka/pom.xml");
    let output = Command::new("timeout")
        .args([FETCH_MAX_S, "mvn", "-q", "-B", "--strict-checksums", "-f"])
        .arg(pom)
        .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg(format!("-DoutputDirectory={}", libs.display()))
        .output()
        .map_err(|error| StartError::Missing("mvn", error.to_string()))?;
    // `timeout` answers 127 when it finds no such command and 124 when time ran out.
    match output.status.code() {
        Some(0) => Ok(()),
        Some(127) => Err(StartError::Missing("mvn", "no such command".to_owned())),
        Some(124) => Err(StartError::Fetch(format!("no answer within {FETCH_MAX_S} s"))),
        _ => Err(StartError::Fetch(last_lines(&output))),
    }
}

/// The end of what a command said, for a reason that fits on a few lines.
pub(super) fn last_lines(output: &Output) -> String {
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    tail(&String::from_utf8_lossy(&said))
}

/// The last five lines of a text.
pub(super) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

/// The text between `<kafka.version>` and its end tag.
fn version_in(pom: &str) -> Option<String> {
    let (_, rest) = pom.split_once("<kafka.version>")?;
    let (version, _) = rest.split_once("</kafka.version>")?;
    Some(version.to_owned())
}

/// Cargo's target folder: the one above this test binary that cargo has tagged.
fn target_folder() -> PathBuf {
    let tagged = std::env::current_exe().ok().and_then(|binary| {
        let mut above = binary.ancestors();
        above.find(|folder| folder.join("CACHEDIR.TAG").is_file()).map(Path::to_path_buf)
    });
    tagged.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pom_names_a_kafka_4() {
        let version = version_in(POM).unwrap();
        assert!(version.starts_with("4."), "{version}");
        assert_eq!(version_in("<project/>"), None);
    }

    #[test]
    fn a_reason_is_the_last_five_lines() {
        assert_eq!(tail("1\n\n2\n3\n4\n5\n6\n"), "2\n3\n4\n5\n6");
        assert_eq!(tail("one"), "one");
        assert_eq!(tail(""), "");
    }
}
