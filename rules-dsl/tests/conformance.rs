//! Every conformance case in this build's language compiles; every other one says so and
//! nothing else.

use rules_dsl::compile;
use rules_dsl::diagnostic::Code;
use rules_dsl::source::SourceFile;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/conformance/cases");
const LATER: [&str; 5] = ["any ", "absent ", " then ", " ladder ", " new "];

#[test]
fn conformance_rules_compile() {
    let Ok(cases) = std::fs::read_dir(CASES) else {
        println!("skipped: {CASES} is absent");
        return;
    };
    let mut compiled_cases = 0;
    for case in cases {
        let path = case.unwrap().path().join("case.rules");
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        let compiled = compile(&[SourceFile { name, text: text.clone() }]);
        let alert = text.lines().find(|line| line.starts_with("alert")).unwrap();
        if LATER.iter().any(|word| alert.contains(word)) {
            let codes: Vec<Code> = compiled.diagnostics.iter().map(|d| d.code).collect();
            assert!(!codes.is_empty(), "{alert}");
            assert!(codes.iter().all(|code| *code == Code::NotYet), "{alert}: {codes:?}");
        } else {
            assert!(compiled.rules.is_some(), "{alert}: {:#?}", compiled.diagnostics);
            compiled_cases += 1;
        }
    }
    assert!(compiled_cases > 40, "{compiled_cases}");
}
