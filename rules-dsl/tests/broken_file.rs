//! A file of five lines with three errors, as `hansho check` answers it in English: each error
//! once, where it stands, with a way out; and nothing that merely follows from another one.

use model::message::Language;
use rules_dsl::compile;
use rules_dsl::source::SourceFile;

const BROKEN: &str = r#"stream auth { ts: time, outcome: str, user.name: str }
filter failed = auth where outcom == "failure"
alret burst failed 10回/分 by user.name high
alert many failed 10回まで/分 by user.name high
alert few failed < 3 within 1h low
"#;

const ANSWER: &str = r#"error[E0303]: the stream `auth` has no field `outcom`
 --> auth.rules:2:28
  |
2 | filter failed = auth where outcom == "failure"
  |                            ^^^^^^
  = expected: one of its fields: ts outcome user.name
  = help: did you mean `outcome`?

error[E0201]: the word `alret` cannot stand here
 --> auth.rules:3:1
  |
3 | alret burst failed 10回/分 by user.name high
  | ^^^^^
  = found: the word `alret`
  = expected: a statement: stream list table calendar filter measure watch alert test
  = help: did you mean `alert`?

error[E0108]: `10回まで` has two readings
 --> auth.rules:4:19
  |
4 | alert many failed 10回まで/分 by user.name high
  |                   ^^^^^^^^
  = help: allowed up to 10回, alert above it: `10回超`; alert up to and including it: `10回以下`
"#;

#[test]
fn three_errors_are_answered_by_three_findings() {
    let files = [SourceFile { name: "auth.rules".to_owned(), text: BROKEN.to_owned() }];
    let found = compile(&files).diagnostics;
    let shown: Vec<String> = found.iter().map(|d| d.render(&files, Language::En)).collect();
    let shown = shown.join("\n");
    assert_eq!(shown, ANSWER);
    assert_eq!(found.len(), 3, "{shown}");
}

#[test]
fn an_error_in_one_file_leaves_the_report_of_the_others_complete() {
    let file = |name: &str, text: &str| SourceFile { name: name.to_owned(), text: text.to_owned() };
    let streams = file("a.rules", "stream auth { ts: time, outcome: str, user: str, n: int }\n");
    let whole = file(
        "b.rules",
        "filter failed = auth where outcome == \"failure\"\n\
         alert burst failed 10回/分 by user high\n\
         alert rare ratio(failed, auth) > 5% within 1m low\n\
         alert typo failde 10回/分 low\n",
    );
    let broken = file("c.rules", &BROKEN.replace("burst", "later").replace("failed =", "lost ="));
    let empty = file("c.rules", "");
    let without = compile(&[streams.clone(), whole.clone(), empty]);
    let with = compile(&[streams, whole, broken]);
    // A second `auth` is an error of the broken file, and what it declares too is refused.
    let of_whole = |compiled: &rules_dsl::CompiledRules| {
        let found = compiled.diagnostics.iter().filter(|found| found.file == 1);
        found.cloned().collect::<Vec<_>>()
    };
    assert_eq!(of_whole(&without).len(), 2, "{:?}", of_whole(&without));
    assert_eq!(of_whole(&with), of_whole(&without));
    let readings = |compiled: &rules_dsl::CompiledRules| {
        let mut readings = compiled.readings.clone();
        readings.retain(|reading| reading.alert == "burst" || reading.alert == "rare");
        readings
    };
    assert_eq!(readings(&with), readings(&without));
    assert_eq!(readings(&with).len(), 2);
}
