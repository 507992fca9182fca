use super::*;

#[test]
fn a_named_file_lies_beside_the_one_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hosts.txt"), "web-1\n").unwrap();
    let rules = folder.path().join("x.rules").display().to_string();
    assert_eq!(read_beside(&rules, "hosts.txt"), Ok("web-1\n".to_owned()));
    assert!(read_beside(&rules, "none.txt").is_err());
    // A device says it is empty and never ends.
    for endless in ["/dev/zero", "/dev/stdin"] {
        let error = read_beside(&rules, endless).unwrap_err();
        assert!(error.contains("regular"), "{endless}: {error}");
    }
}
