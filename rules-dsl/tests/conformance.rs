//! The rules of every conformance case compile.

use rules_dsl::compile;
use rules_dsl::source::SourceFile;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/conformance/cases");

#[test]
fn conformance_rules_compile() {
    let mut compiled_cases = 0;
    for case in std::fs::read_dir(CASES).unwrap() {
        let path = case.unwrap().path().join("case.rules");
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        let compiled = compile(&[SourceFile { name, text: text.clone() }]);
        assert!(compiled.rules.is_some(), "{text}: {:#?}", compiled.diagnostics);
        compiled_cases += 1;
    }
    assert!(compiled_cases >= 80, "{compiled_cases}");
}
