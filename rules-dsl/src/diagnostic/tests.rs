use model::message::Language;

use super::nearest::distance;
use super::*;
use crate::source::{SourceFile, SourceSpan};

#[test]
fn the_nearest_name_is_a_slip_away() {
    let names = ["outcome", "user.name", "認証失敗", "ts", "service", "severity"];
    let cases = [
        ("outcom", Some("outcome")),
        ("otucome", Some("outcome")),
        ("Outcome", Some("outcome")),
        ("user.nmae", Some("user.name")),
        ("認証失败", Some("認証失敗")),
        ("認失敗", Some("認証失敗")),
        ("servise", Some("service")),
        ("tss", Some("ts")),
        // Too far, nothing to be near to, or the same name.
        ("x", None),
        ("latency", None),
        ("ts", None),
        ("", None),
    ];
    for (word, want) in cases {
        assert_eq!(nearest(word, names), want, "{word}");
    }
    let long = "a".repeat(10_000);
    assert_eq!(nearest(&long, [long.as_str(), "a"]), None);
}

#[test]
fn distances_count_edits() {
    let cases = [
        ("", "", 0),
        ("abc", "abc", 0),
        ("abc", "acb", 1),
        ("abc", "ab", 1),
        ("abc", "abcd", 1),
        ("abc", "xbc", 1),
        ("ab", "ba", 1),
        ("ca", "abc", 3),
        ("", "abc", 3),
        ("ABC", "abc", 0),
        ("認証", "認可", 1),
    ];
    for (left, right, want) in cases {
        assert_eq!(distance(left, right), want, "{left} {right}");
        assert_eq!(distance(right, left), want, "{right} {left}");
    }
}

/// The lines drawn between the place and the notes.
fn drawn(text: &str, span: std::ops::Range<usize>) -> (String, String) {
    let files = [SourceFile { name: "x".to_owned(), text: text.to_owned() }];
    let place = SourceSpan { file: 0, start: span.start, end: span.end };
    let found = Diagnostic::new(DiagnosticCode::Unexpected, place, text!("m", "m"));
    let shown = found.render(&files, Language::En);
    let lines: Vec<&str> = shown.lines().collect();
    (lines[3].to_owned(), lines[4].to_owned())
}

#[test]
fn carets_stand_under_what_is_marked() {
    // (line, marked text, columns before the carets, carets)
    let cases = [
        ("abc def", "def", 4, 3),
        ("認証 失敗", "失敗", 5, 4),
        ("１０回／分 x", "x", 11, 1),
        ("\tx", "x", 4, 1),
        ("ｶﾀｶﾅ x", "x", 5, 1),
        ("e\u{301}tude x", "x", 6, 1),
        ("a\u{1b}b x", "x", 4, 1),
        ("a\u{202e}b x", "x", 3, 1),
        ("x", "", 1, 1),
    ];
    for (line, marked, before, carets) in cases {
        let start = line.rfind(marked).unwrap();
        let (source, under) = drawn(line, start..start + marked.len());
        let want = format!("  | {}{}", " ".repeat(before), "^".repeat(carets));
        assert_eq!(under, want, "{line:?}\n{source}");
    }
}

#[test]
fn long_lines_are_cut_around_the_mark() {
    for unit in ["a", "認", "ab認"] {
        let before = unit.repeat(400_000);
        let line = format!("{before}X{before}");
        let (source, under) = drawn(&line, before.len()..before.len() + 1);
        assert!(crate::source::columns(&source) < 160, "{}", source.len());
        assert!(source.starts_with("1 | …") && source.contains('X'), "{source}");
        let at = source.find('X').unwrap();
        let column = crate::source::columns(&source[..at]);
        assert_eq!(crate::source::columns(under.trim_end_matches('^')), column, "{under}");
        assert!(under.ends_with(" ^"), "{under}");
    }
    // What is marked is cut as well.
    let (_, under) = drawn(&"x".repeat(1_000), 0..1_000);
    assert_eq!(under.matches('^').count(), 80);
}

#[test]
fn places_outside_a_file_are_drawn_all_the_same() {
    for (text, span) in [("", 0..0), ("a", 5..9), ("a\n", 2..2), ("認", 1..2), ("a\nb", 0..3)] {
        let (_, under) = drawn(text, span.clone());
        assert!(under.contains('^'), "{text:?} {span:?}");
    }
    let lost = Diagnostic::new(
        DiagnosticCode::Unexpected,
        SourceSpan { file: 7, start: 0, end: 1 },
        text!("m", "m"),
    );
    assert_eq!(lost.render(&[], Language::Ja), "エラー[E0201]: m\n");
}

#[test]
fn many_findings_are_cut_errors_first() {
    let at = |start: usize| SourceSpan { file: 0, start, end: start + 1 };
    let many = DIAGNOSTICS_MAX + 50;
    let mut found: Vec<Diagnostic> = (0..many)
        .map(|i| Diagnostic::new(DiagnosticCode::NeverHolds, at(i), text!("w", "w")))
        .collect();
    found.push(Diagnostic::new(DiagnosticCode::Unexpected, at(many), text!("e", "e")));
    found.push(Diagnostic::new(DiagnosticCode::Unexpected, at(many), text!("e", "e")));
    arrange(&mut found);
    assert_eq!(found.len(), DIAGNOSTICS_MAX);
    assert!(has_errors(&found));
    assert!(found.is_sorted_by_key(|d| d.span.start));
    assert_eq!(found.iter().filter(|d| d.level == DiagnosticLevel::Error).count(), 1);
}
