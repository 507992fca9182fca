use super::lexer::{SOURCE_BYTES_MAX, TEXT_BYTES_MAX};
use super::*;
use crate::diagnostic::DiagnosticCode;
use crate::print;

fn kinds(source: &str) -> Vec<String> {
    let tokens = lex(0, source).tokens;
    let shown = |token: &Token| match &token.kind {
        TokenKind::Word(segments) => {
            let parts: Vec<&str> = segments.iter().map(|s| s.text.as_str()).collect();
            parts.join("·")
        }
        TokenKind::Quantity(quantity) => format!("#{}", print::quantity(quantity)),
        TokenKind::Text(text) => format!("'{text}'"),
        TokenKind::Clock(minutes) => format!("{minutes}min"),
        TokenKind::Symbol(symbol) => (*symbol).to_owned(),
        TokenKind::Broken => "!".to_owned(),
    };
    tokens.iter().map(shown).collect()
}

#[test]
fn texts_become_tokens() {
    let cases: &[(&str, &[&str])] = &[
        ("10回/分", &["#10回", "/", "分"]),
        ("10回/分以上", &["#10回", "/", "分", "以上"]),
        ("10回以上/5分", &["#10回", "以上", "/", "#5分"]),
        ("80%超過", &["#80%", "超過"]),
        ("１０回／分", &["#10回", "/", "分"]),
        ("５％以下", &["#5%", "以下"]),
        ("3秒間", &["#3秒間"]),
        ("1.44%", &["#1.44%"]),
        ("0..1", &["#0", "..", "#1"]),
        (
            "a ≧ 1 ≥ 2 ≦ 3 ≤ 4 ≠ 5",
            &["a", ">=", "#1", ">=", "#2", "<=", "#3", "<=", "#4", "!=", "#5"],
        ),
        ("−5", &["-", "#5"]),
        ("user.name `k8s.pod/name`.x", &["user·name", "k8s.pod/name·x"]),
        ("ＣＰＵ使用率", &["CPU使用率"]),
        ("ｻｰﾊﾞ", &["サーバ"]),
        ("p99.9(a.b)", &["p99.9", "(", "a·b", ")"]),
        ("\"１０％ \\\"x\\\" \\n\" # ここは注釈 \"", &["'１０％ \"x\" \n'"]),
        ("a　b", &["a", "b"]),
        ("x=>y", &["x", "=>", "y"]),
        ("認証失敗10回", &["認証失敗10回"]),
        ("5回線障害 a", &["!", "a"]),
        ("10,000 a", &["!", "a"]),
        ("(404, 500)", &["(", "#404", ",", "#500", ")"]),
        ("5㎳", &["#5", "!"]),
        ("1e5", &["!"]),
        ("09:00-18:00", &["540min", "-", "1080min"]),
        ("９：００〜２４：００", &["540min", "~", "1440min"]),
        ("24:01 9:5 9:60 09:00:00 9:00am", &["!", "!", "!", "!", "!"]),
        ("{a:1}", &["{", "a", ":", "#1", "}"]),
    ];
    for (source, want) in cases {
        assert_eq!(kinds(source), *want, "{source}");
    }
}

#[test]
fn tokens_keep_their_places() {
    let source = "認証 １０回／分";
    let tokens = lex(0, source).tokens;
    let texts: Vec<&str> =
        tokens.iter().map(|token| &source[token.place.start..token.place.end]).collect();
    assert_eq!(texts, ["認証", "１０回", "／", "分"]);
}

#[test]
fn what_looks_like_a_number_is_refused_by_its_code() {
    let cases = [
        ("① ", DiagnosticCode::DisguisedCharacter),
        ("10²", DiagnosticCode::DisguisedCharacter),
        ("5㎆", DiagnosticCode::DisguisedCharacter),
        ("x²", DiagnosticCode::DisguisedCharacter),
        ("1万", DiagnosticCode::NumberSpelling),
        ("10,000", DiagnosticCode::NumberSpelling),
        ("1,000,000", DiagnosticCode::NumberSpelling),
        ("5min", DiagnosticCode::UnknownUnit),
        ("3つ", DiagnosticCode::UnknownUnit),
        ("5回線障害", DiagnosticCode::UnitRunsOn),
        ("10回以上の", DiagnosticCode::UnitRunsOn),
        ("1m30s", DiagnosticCode::UnitRunsOn),
        ("10回まで", DiagnosticCode::TwoReadings),
        ("5分以内", DiagnosticCode::TwoReadings),
        ("3回連続", DiagnosticCode::TwoReadings),
        ("1ヶ月", DiagnosticCode::TwoReadings),
        ("5営業日", DiagnosticCode::TwoReadings),
        ("9時", DiagnosticCode::TwoReadings),
        ("1週", DiagnosticCode::TwoReadings),
        ("\"a", DiagnosticCode::Unterminated),
        ("`a", DiagnosticCode::Unterminated),
        ("\"\\d\"", DiagnosticCode::UnknownEscape),
        ("“x”", DiagnosticCode::StrayCharacter),
        ("٣", DiagnosticCode::StrayCharacter),
        ("0.1234567891", DiagnosticCode::NumberRange),
    ];
    for (source, code) in cases {
        let found = lex(0, source).diagnostics;
        assert_eq!(found.first().map(|d| d.code), Some(code), "{source}: {found:?}");
    }
}

#[test]
fn large_inputs_are_refused() {
    let source = "#".repeat(SOURCE_BYTES_MAX + 1);
    assert_eq!(
        lex(0, &source).diagnostics.first().map(|d| d.code),
        Some(DiagnosticCode::LimitExceeded)
    );
    let long = format!("\"{}\"", "a".repeat(TEXT_BYTES_MAX + 1));
    assert_eq!(
        lex(0, &long).diagnostics.first().map(|d| d.code),
        Some(DiagnosticCode::LimitExceeded)
    );
    // A number of any length is refused in one line.
    let found = lex(0, &"1".repeat(SOURCE_BYTES_MAX)).diagnostics;
    assert!(found[0].message.en.len() < 200, "{}", found[0].message.en.len());
}

#[test]
fn characters_nobody_sees_are_refused_where_they_stand() {
    // (source, the code point refused; none when the source is fine)
    let cases = [
        ("認証\u{200b}失敗", Some("200B")),
        ("\u{200d}a", Some("200D")),
        ("a\u{fe0f}", Some("FE0F")),
        ("葛\u{e0100}", Some("E0100")),
        ("\u{3164}", Some("3164")),
        ("x\u{feff}y", Some("FEFF")),
        ("\u{feff}x", None),
        ("`a\u{202e}b`", Some("202E")),
        ("`a\u{200b}b`", Some("200B")),
        ("\"a\u{202e}b\"", Some("202E")),
        ("\"👨\u{200d}👩\"", None),
        ("# a\u{2067}b", Some("2067")),
        ("# a\u{2028}alert b", Some("2028")),
        ("# a\ralert b", Some("000D")),
        ("# a\r\nb", None),
        ("# a\r", None),
        ("a\r\nb\tc\u{3000}d", None),
        ("サーバ ｻｰﾊﾞ が", None),
    ];
    for (source, code_point) in cases {
        let found = lex(0, source).diagnostics;
        let shown: Vec<&str> = found.iter().map(|d| d.message.en.as_str()).collect();
        assert_eq!(shown.len(), usize::from(code_point.is_some()), "{source:?}: {shown:?}");
        if let (Some(code_point), [only]) = (code_point, shown.as_slice()) {
            assert!(only.contains(&format!("U+{code_point} ")), "{source:?}: {only}");
            assert!(found[0].span.end - found[0].span.start <= 4, "{source:?}");
        }
    }
}

#[test]
fn controls_and_other_quotes_are_answered() {
    let cases = [
        ("\0", DiagnosticCode::StrayCharacter),
        ("a\0b", DiagnosticCode::StrayCharacter),
        ("\u{1b}[31m", DiagnosticCode::StrayCharacter),
        ("「x」", DiagnosticCode::StrayCharacter),
        ("'x'", DiagnosticCode::StrayCharacter),
        ("＂x＂", DiagnosticCode::Unterminated),
        ("\"a\nb\"", DiagnosticCode::Unterminated),
        ("\"a\\", DiagnosticCode::Unterminated),
        ("``", DiagnosticCode::Unterminated),
        ("a.`", DiagnosticCode::Unterminated),
    ];
    for (source, code) in cases {
        let found = lex(0, source).diagnostics;
        assert_eq!(found.first().map(|d| d.code), Some(code), "{source:?}: {found:?}");
    }
    let found = lex(0, "＂x＂").diagnostics;
    assert!(found[0].help.iter().any(|help| help.en.contains("closes a text")));
}
