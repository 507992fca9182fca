use model::message::Language;

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

#[test]
fn rules_run_again_from_what_was_read_of_the_disk() {
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(home.path().join(name), text).unwrap();
    file("admins.txt", "root\nada\n");
    file(
        "a.rules",
        "stream auth from \"auth\" { ts: time, user.name: str }\n\
         list admins = file \"admins.txt\"\n\
         filter f = auth where user.name in admins\n\
         alert a f >= 2 within 1m by user.name high\n",
    );
    let rules = load_rules(&[home.path().to_owned()], Language::En)
        .unwrap_or_else(|error| panic!("{error}"));
    let (hash, sources) = (rules.program.hash(), rules.sources);
    assert_eq!(sources.names().count(), 1);
    let text = serde_json::to_string(&sources).unwrap();
    drop(home);
    let kept: RuleSources = serde_json::from_str(&text).unwrap();
    let again = kept.compile(Language::En).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((again.program.hash(), again.sources), (hash, sources));
}
