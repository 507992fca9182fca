use super::*;

/// What Kubernetes makes of a mounted `ConfigMap`: the files are links into a hidden folder
/// that is itself a link to a hidden folder.
#[cfg(unix)]
#[test]
fn a_mounted_folder_holds_every_file_once() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let version = folder.path().join("..2026_01_01");
    std::fs::create_dir(&version).unwrap();
    std::fs::write(version.join("a.rules"), "# a").unwrap();
    symlink("..2026_01_01", folder.path().join("..data")).unwrap();
    symlink("..data/a.rules", folder.path().join("a.rules")).unwrap();
    std::fs::create_dir(folder.path().join("team")).unwrap();
    std::fs::write(folder.path().join("team/b.rules"), "# b").unwrap();
    std::fs::write(folder.path().join(".b.rules.swp"), "").unwrap();
    let files = read_sources(&[folder.path().to_owned()]).unwrap();
    let texts: Vec<&str> = files.iter().map(|file| file.text.as_str()).collect();
    assert_eq!(texts, ["# a", "# b"]);
}
