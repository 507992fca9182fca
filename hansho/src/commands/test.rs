//! `hansho test`: plays the rules' own tests and shows where they and the rules disagree.

mod junit;
mod verdict;

use std::fmt::Write as _;
use std::io::{self, Write as _};

use jiff::tz::TimeZone;
use model::key::KeyValue;
use model::message::{Language, show_duration};
use model::transition::{Transition, TransitionKind};
use rules_dsl::rule::{Alert, Test, TestClaim};
use rules_dsl::source::SourceFile;

use runtime::notify::templates::AlertTemplates;
use runtime::rule_test::{
    ComparedLine, PlayError, PlayedTest, TestComparison, after, compare, kind, play,
};
use runtime::rules::loaded::{LoadedRules, RuleLoadError};

use verdict::TestVerdict;

use crate::cli::TestArgs;
use crate::commands::CommandExit;
use crate::rule_files::{RulesError, load_rules};

/// Runs the command.
pub(crate) fn test(args: &TestArgs, language: Language) -> Result<(), CommandExit> {
    let rules = load_rules(&args.paths, language)?;
    rules.warnings.iter().for_each(|warning| eprintln!("{warning}"));
    let zone = TimeZone::get(&args.timezone).map_err(|error| CommandExit::Usage.because(error))?;
    // A message is as expected when it is in one of the languages: who plays the test may
    // read the other.
    let texts = [language, other(language)]
        .map(|language| AlertTemplates::new(&rules, language, zone.clone()));
    let mut verdicts = Vec::new();
    for test in &rules.tests {
        verdicts.push(verdict(&rules, &texts, test)?);
    }
    let report = report(&rules, &verdicts, language);
    match io::stdout().write_all(report.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(CommandExit::Unreachable.because(error));
        }
        _ => {}
    }
    if let Some(path) = &args.junit {
        junit::write(path, &verdicts).map_err(|error| {
            CommandExit::Unreachable.because(format!("cannot write {}: {error}", path.display()))
        })?;
    }
    let has_failed = verdicts.iter().any(|verdict| !verdict.differences.is_empty());
    if has_failed { Err(CommandExit::Findings) } else { Ok(()) }
}

const fn other(language: Language) -> Language {
    match language {
        Language::En => Language::Ja,
        Language::Ja => Language::En,
    }
}

fn verdict<'a>(
    rules: &LoadedRules,
    texts: &[AlertTemplates; 2],
    test: &'a Test,
) -> Result<TestVerdict<'a>, CommandExit> {
    let played = play(&rules.set, test).map_err(unplayable)?;
    let comparison = compare(test, &played, |transition, wanted| {
        texts.iter().any(|texts| texts.transition(transition) == wanted)
    });
    let differences = if comparison.is_met() {
        String::new()
    } else {
        let [own, _] = texts;
        differences(rules, own, test, &played, &comparison)
    };
    Ok(TestVerdict { test, place: place(&rules.files, test.place), differences })
}

fn unplayable(error: PlayError) -> CommandExit {
    match error {
        PlayError::Program(error) => RulesError::Load(RuleLoadError::Program(error)).into(),
        PlayError::Schema(error) => CommandExit::Usage.because(error),
    }
}

/// `rules/auth.rules:30`
fn place(files: &[SourceFile], place: rules_dsl::source::SourceSpan) -> String {
    let file = files.get(place.file);
    file.map_or_else(String::new, |file| {
        format!("{}:{}", file.name, file.position(place.start).line)
    })
}

/// What was expected (`-`), what was told instead (`+`), and between them what is as it
/// should be; every told line can be pasted into the test.
fn differences(
    rules: &LoadedRules,
    texts: &AlertTemplates,
    test: &Test,
    played: &PlayedTest,
    comparison: &TestComparison,
) -> String {
    let alert = rules.set.alerts.iter().find(|alert| alert.name == test.alert);
    let reported = |number: usize| match (played.transitions.get(number), alert) {
        (Some(transition), Some(alert)) => {
            let claimed = claimed(test, comparison, transition.kind);
            spelled(transition, test, alert, &claimed, texts)
        }
        _ => String::new(),
    };
    let written = |at: usize| test.expected.get(at).map_or("", |expected| &expected.text);
    let line_of = |at: usize| {
        let expected = test.expected.get(at);
        let file = expected.and_then(|expected| rules.files.get(expected.place.file));
        file.zip(expected).map_or(0, |(file, expected)| file.position(expected.place.start).line)
    };
    let mut out = String::new();
    for line in &comparison.lines {
        // Writing into a String cannot fail.
        let _ = match line {
            ComparedLine::Same(at, _) => writeln!(out, "    {}", written(*at)),
            ComparedLine::Missing(at) => {
                writeln!(out, "  - {}    # line {}", written(*at), line_of(*at))
            }
            ComparedLine::Unexpected(number) => writeln!(out, "  + {}", reported(*number)),
            ComparedLine::Late { reported, expected: 0 } => {
                writeln!(out, "  + expect late {reported}")
            }
            ComparedLine::Late { reported, expected } => {
                writeln!(out, "  - expect late {expected}\n  + expect late {reported}")
            }
        };
    }
    out
}

/// What the expectations of a kind that were not met say: the same is to be shown of what was
/// told instead.
fn claimed(test: &Test, comparison: &TestComparison, of: TransitionKind) -> Vec<&'static str> {
    let missing = comparison.lines.iter().filter_map(|line| match line {
        ComparedLine::Missing(at) => test.expected.get(*at),
        _ => None,
    });
    let alike = missing.filter(|expected| kind(expected.what) == Some(of));
    let name = |claim: &TestClaim| match claim {
        TestClaim::Key(..) => "key",
        TestClaim::Value(_) => "value",
        TestClaim::Threshold(_) => "threshold",
        TestClaim::Peak(_) => "peak",
        TestClaim::Count(_) => "count",
        TestClaim::Severity(_) => "severity",
        TestClaim::Since(_) => "since",
        TestClaim::Reason(_) => "reason",
        TestClaim::Message(_) => "message",
    };
    alike.flat_map(|expected| expected.claims.iter().map(name)).collect()
}

/// A transition as a test would expect it.
fn spelled(
    transition: &Transition,
    test: &Test,
    alert: &Alert,
    claimed: &[&str],
    texts: &AlertTemplates,
) -> String {
    let word = match transition.kind {
        TransitionKind::Firing => "fire",
        TransitionKind::Changed => "change",
        TransitionKind::Again => "again",
        TransitionKind::Resolved => "resolve",
    };
    let length = |millis: i64| show_duration(millis, Language::En);
    let mut fields = Vec::new();
    for (name, value) in &transition.facts.key {
        let name = rules_dsl::print::dotted(name);
        match value {
            // A missing component cannot be claimed.
            KeyValue::Null => {}
            KeyValue::Int(_) | KeyValue::Bool(_) => fields.push(format!("{name}: {value}")),
            KeyValue::Text(_) | KeyValue::Ip(_) => {
                fields.push(format!("{name}: {}", rules_dsl::print::quoted(&value.to_string())));
            }
        }
    }
    let unit = alert.unit();
    let quantity = |name: &str, value: Option<model::decimal::Decimal>| {
        value.map(|value| format!("{name}: {}", rules_dsl::quantity::written(value, unit)))
    };
    let is_claimed = |name: &str| claimed.contains(&name);
    if let Some(reason) = transition.reason {
        fields.extend(quantity("peak", transition.peak));
        fields.push(format!("reason: \"{}\"", reason.name()));
    } else if !is_claimed("value") {
        fields.extend(quantity("value", transition.measured.value));
    }
    if is_claimed("value") {
        fields.extend(quantity("value", transition.measured.value));
    }
    if is_claimed("threshold") {
        fields.extend(quantity("threshold", transition.measured.threshold));
    }
    if is_claimed("count") {
        fields.push(format!("count: {}", transition.count));
    }
    if is_claimed("severity") || !alert.rungs.is_empty() {
        fields.push(format!("severity: \"{}\"", transition.facts.severity.name()));
    }
    let began_before = transition.reason.is_none() && transition.facts.since != transition.facts.at;
    if is_claimed("since") || began_before {
        fields.push(format!("since: {}", length(after(test, transition.facts.since))));
    }
    if is_claimed("message") {
        let message = rules_dsl::print::quoted(&texts.transition(transition));
        fields.push(format!("message: {message}"));
    }
    let at = length(after(test, transition.facts.at));
    let fields = fields.join(", ");
    if fields.is_empty() {
        return format!("expect {word} at {at}");
    }
    format!("expect {word} at {at} {{ {fields} }}")
}

fn report(rules: &LoadedRules, verdicts: &[TestVerdict<'_>], language: Language) -> String {
    let mut out = String::new();
    for verdict in verdicts {
        let word = if verdict.differences.is_empty() { "ok  " } else { "FAIL" };
        let _ = writeln!(out, "{word}  {}  {}", verdict.test.alert, verdict.place);
        out.push_str(&verdict.differences);
    }
    let failed = verdicts.iter().filter(|verdict| !verdict.differences.is_empty()).count();
    let is_tested = |alert: &&Alert| !rules.tests.iter().any(|test| test.alert == alert.name);
    let untested: Vec<&str> =
        rules.set.alerts.iter().filter(is_tested).map(|alert| alert.name.as_str()).collect();
    if failed > 0 {
        out.push_str(match language {
            Language::En => "- expected, + actual: an actual line can be pasted into the test\n",
            Language::Ja => {
                "- は期待した遷移、+ は実際の遷移です。+ の行はそのまま test に貼り付けられます\n"
            }
        });
    }
    if !untested.is_empty() {
        let names = untested.join(" ");
        out.push_str(&match language {
            Language::En => format!("without a test: {names}\n"),
            Language::Ja => format!("テストのないアラート: {names}\n"),
        });
    }
    let tests = verdicts.len();
    out + &match language {
        Language::En => format!("{tests} tests, {failed} failed\n"),
        Language::Ja => format!("テスト{tests}件、失敗{failed}件\n"),
    }
}
