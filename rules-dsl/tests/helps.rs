//! Spellings from other tools or from prose, and the help they are answered with.

use model::message::Language;
use rules_dsl::source::SourceFile;
use rules_dsl::{CompiledRules, compile};

const BASE: &str = "stream auth { ts: time, user: str, at: instant, ok: bool, n: float, \
                    took: duration(ms) }\n\
                    filter 失敗 = auth where user != \"x\"\n\
                    filter 成功 = auth where user == \"x\"\n\
                    measure 失敗率 = ratio(失敗, auth) min 20\n";

fn compiled(text: &str) -> (CompiledRules, Vec<SourceFile>) {
    let text = format!("{BASE}{text}");
    let files = vec![SourceFile { name: "x".to_owned(), text }];
    (compile(&files), files)
}

fn shown(text: &str) -> String {
    let (compiled, files) = compiled(text);
    let found = compiled.diagnostics.iter();
    found.map(|found| found.render(&files, Language::En)).collect::<Vec<_>>().join("\n")
}

/// The help, pasted over what it is about, compiles.
#[test]
fn a_level_in_prose_is_answered_with_one_that_compiles() {
    let cases = [
        ("10回超え", "10回超"),
        ("10回を超える", "10回超"),
        ("10回を上回る", "10回超"),
        ("10回より多い", "10回超"),
        ("10回を下回る", "10回未満"),
        ("10回目", "10回以上"),
        ("10回以上の", "10回以上"),
        ("1分間に10回", "10回/1分間"),
        ("1分間に10回以上", "10回以上/1分間"),
        ("5分で10件", "10件/5分"),
        ("1分あたり10回", "10回/1分"),
        ("1分間10回", "10回/1分間"),
    ];
    for (wrong, right) in cases {
        let reported = shown(&format!("alert a 失敗 {wrong} high"));
        assert!(reported.contains(&format!("did you mean `{right}`?")), "{wrong}: {reported}");
        let window = if right.contains('/') { "" } else { "/分" };
        let (mended, _) = compiled(&format!("alert a 失敗 {right}{window} high"));
        assert_eq!(mended.diagnostics, [], "{right}");
    }
}

#[test]
fn what_other_tools_write_is_answered_with_our_words() {
    let cases = [
        ("filter f = auth where ok && n > 1", "did you mean `and`?"),
        ("filter f = auth where ok || n > 1", "did you mean `or`?"),
        ("filter f = auth where !ok", "did you mean `not`?"),
        ("filter f = auth where user startswith \"a\"", "did you mean `starts_with`?"),
        ("filter f = auth where user is null", "`not exists(f)`"),
        ("filter f = auth where user in [\"a\"]", "did you mean `(…)`?"),
        ("alert a 失敗率5%/分 high", "`失敗率 5%`"),
        ("alert a 失敗率 > 5 % within 1m high", "`80%`"),
        (
            "stream t { ts: time, m: str, l: list(str) } extract m { \"x {l}\" }",
            "declare it as `l: str`",
        ),
        ("measure m = median(auth.n)", "did you mean `p50`?"),
        ("measure m = Average(auth.n)", "did you mean `avg`?"),
        ("measure m = cardinality(auth.user)", "did you mean `distinct`?"),
        ("alert a 失敗 千回/分 high", "`1000回`"),
        ("alert a 失敗 二十回/分 high", "`20回`"),
        ("alert a 失敗 一二〇回/分 high", "`120回`"),
        ("alert a 失敗 三万二千五百回/分 high", "`32500回`"),
        ("alert a 失敗率 80パーセント以上/5分 high", "did you mean `80%以上`?"),
        ("alert a 失敗率 80%/分 5分継続 high", "did you mean `for 5分`?"),
        ("alert a auth.n > 5 high", "write `last(auth.n)`, or `avg(auth.n)` with `within 5m`"),
        ("alert a 失敗 = 5 within 1m high", "write `==`"),
        ("alert a count(失敗) / count(auth) >= 5% within 1m high", "write `0.05`"),
        ("alert a avg(auth.n) >= 5% within 1m high", "write `5`"),
    ];
    for (text, help) in cases {
        let reported = shown(text);
        assert!(reported.contains(help), "{text}: {reported}");
    }
}

/// The carets of a call reach its closing parenthesis.
#[test]
fn a_call_is_drawn_whole() {
    let cases = [
        ("measure m = avg(auth.n) + avg( auth.took )", "avg(auth.n) + avg( auth.took )"),
        ("filter f = auth where lower( n ) == \"x\"", "lower( n )"),
    ];
    for (text, drawn) in cases {
        let reported = shown(text);
        let mut lines = reported.lines().skip_while(|line| !line.contains(text));
        let (line, carets) = (lines.next().unwrap(), lines.next().unwrap());
        let from = carets.find('^').unwrap();
        assert_eq!(line.get(from..carets.trim_end().len()), Some(drawn), "{reported}");
    }
}

/// Forms that the language's pages show.
#[test]
fn forms_with_something_left_out_are_read() {
    let cases = [
        "alert a avg(auth.n) > 1 within 20m step 0 high",
        "filter f = auth where at > \"2026-01-05T09:00+09:00\"\nalert a any f high",
        "alert a any 失敗 keep 0s high\n\
         test a { start \"2026-01-05T09:00+09:00\" given auth { user: \"b\" } at 0s \
         expect fire at 0s expect resolve at 0s }",
    ];
    for text in cases {
        assert_eq!(shown(text), "", "{text}");
    }
    // A format that is refused is refused once.
    let reported = shown("stream s { ts: time(\"unix_h\"), a: str }");
    assert_eq!(reported.matches("error[").count(), 1, "{reported}");
    // A level in a unit that does not fit is not compared with nothing, too.
    let reported = shown("alert a sum(auth.n) >= 5件 within 1m high");
    assert_eq!(reported.matches("error[").count(), 1, "{reported}");
    // What no event can satisfy.
    for never in ["== \"PowerShell\"", "contains \"-Enc\"", "in (\"Z\")"] {
        let reported = shown(&format!("filter f = auth where ok and lower(user) {never}"));
        assert!(reported.contains("W0108"), "{never}: {reported}");
    }
    for some in ["== \"powershell\"", "!= \"X\"", "in (\"Z\", \"y\")"] {
        assert_eq!(shown(&format!("filter f = auth where lower(user) {some}")), "", "{some}");
    }
}
