use proptest::prelude::*;

use super::*;
use crate::ast::Ast;
use crate::ast::arbitrary::statement_of;
use crate::lex::lex;
use crate::print::print;

fn formatted(text: &str) -> String {
    let file = SourceFile { name: "x".to_owned(), text: text.to_owned() };
    format(&file).unwrap_or_else(|found| panic!("{text}\n{found:#?}"))
}

#[track_caller]
fn check(written: &str, want: &str) {
    let got = formatted(written);
    assert_eq!(got, want, "\n{got}");
    assert_eq!(formatted(&got), got, "once more");
}

#[test]
fn white_space_is_set() {
    check("", "");
    check("\n\n# 一\n\n\n\n# 二\n", "# 一\n\n# 二\n");
    check("filter a=b   where x==1 and not( y>2 )", "filter a = b where x == 1 and not (y > 2)\n");
    check("filter a = b where x in( 1,2 ) # なぜ", "filter a = b where x in (1, 2)  # なぜ\n");
    check("measure m=( a+b )*8/count( c )", "measure m = (a+b) * 8/count(c)\n");
    check("list l = cidr \"10.0.0.0/8\" ,\"::1\"", "list l = cidr \"10.0.0.0/8\", \"::1\"\n");
    check(
        "calendar c=mon - fri 09:00-18:00,sat Asia/Tokyo",
        "calendar c = mon - fri 09:00-18:00, sat Asia/Tokyo\n",
    );
    check("stream s{ts:time,p:percent( 0..1 )}", "stream s { ts: time, p: percent(0..1) }\n");
    check(
        "table t = file \"a.csv\"\r\n\r\n\r\nlist l = 1",
        "table t = file \"a.csv\"\n\nlist l = 1\n",
    );
}

#[test]
fn spellings_stay_the_authors() {
    let kept = "alert 多発 認証失敗 １０回以上／５分 by user? 緊急\n";
    check(kept, kept);
    // With a space before it the sign would belong to a level.
    let kept = "measure m = count(s)-1 within 5m\n";
    check(kept, kept);
    let kept = "alert `by` (a - 1) * 2 >= -0.5% within 300秒 low\n";
    check(kept, kept);
    check("alert a x 10回/2分 by k high", "alert a x 10回/2分 by k high\n");
}

#[test]
fn entries_stand_on_lines_of_their_own() {
    check(
        "alert a x 1回/分 low{message \"m\"runbook \"r\"\nlabels{a:\"1\",b:\"2\"}}",
        "alert a x 1回/分 low {\n  message \"m\"\n  runbook \"r\"\n  \
         labels { a: \"1\", b: \"2\" }\n}\n",
    );
    check(
        "alert a x by k ladder{low 1 high 2}{ message \"m\" }",
        "alert a x by k ladder { low 1  high 2 } { message \"m\" }\n",
    );
    check(
        "test a{given s{k:\"1\"}at 0s every 1s x2 expect fire at 1s # 二つ目\n}",
        "test a {\n  given s { k: \"1\" } at 0s every 1s x2\n  expect fire at 1s  # 二つ目\n}\n",
    );
    check(
        "stream s { ts: time,\n m: str } codec text extract m { \"a {x}\" => y \"1\" \"b\" }",
        "stream s {\n  ts: time,\n  m: str\n\
         } codec text extract m { \"a {x}\" => y \"1\"  \"b\" }\n",
    );
}

#[test]
fn what_is_long_breaks_where_it_may() {
    let user = "利用者".repeat(9);
    check(
        &format!("filter f = auth where {user} == 1 and {user} == 2 or {user} == 3"),
        &format!("filter f = auth where {user} == 1\n  and {user} == 2\n  or {user} == 3\n"),
    );
    check(
        &format!(
            "alert a x 1回/分 by {user}, {user} during not clear nodata clear \
             low {{ message \"m\" }}"
        ),
        &format!(
            "alert a x 1回/分 by {user},\n  {user} during not clear nodata clear low {{\n    \
             message \"m\"\n  }}\n"
        ),
    );
    check(
        &format!("test a {{ given s {{ k: \"{user}\", j: 1 }} at 100s every 10s x100 }}"),
        &format!(
            "test a {{\n  given s {{ k: \"{user}\", j: 1 }}\n    at 100s every 10s x100\n}}\n"
        ),
    );
}

#[test]
fn comments_stay_where_they_are() {
    check(
        "# file\n\nfilter a = s # one\nfilter bb = s # two\n  # next\nfilter c = s\n   # mid\n\
         where x == 1\n#end",
        "# file\n\nfilter a = s   # one\nfilter bb = s  # two\n# next\nfilter c = s\n  # mid\n  \
         where x == 1\n#end\n",
    );
    check(
        "alert a x 1回/分 low { # open\n\n# first\n\nmessage \"m\"\n\n# last\n\n} # after",
        "alert a x 1回/分 low {  # open\n  # first\n\n  message \"m\"\n\n  # last\n}  # after\n",
    );
}

#[test]
fn a_file_that_cannot_be_read_is_left_alone() {
    let file = SourceFile { name: "x".to_owned(), text: "alert a   {".to_owned() };
    assert!(format(&file).is_err_and(|found| !found.is_empty()));
}

/// The tokens of a text apart from each other by other gaps; those that touch still do.
fn scattered(text: &str, gaps: &[u8]) -> String {
    let tokens = lex(0, text).tokens;
    let (mut out, mut end) = (String::new(), 0);
    for (token, choice) in tokens.iter().zip(gaps.iter().cycle()) {
        let place = token.place;
        if place.start > end {
            out.push_str(match choice % 9 {
                0 => "\n",
                1 => "\n\n\n",
                2 => " # 後\n",
                3 => "\n\t# 前\n",
                4 => "\r\n # 一\n\n# 二\n",
                5 => "   ",
                _ => " ",
            });
        }
        out.push_str(&text[place.start..place.end]);
        end = place.end;
    }
    out
}

fn comments(text: &str) -> Vec<&str> {
    lex(0, text).comments.iter().map(|place| text[place.start..place.end].trim_end()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(1_000)
    })]

    #[test]
    fn only_white_space_moves(
        statements in prop::collection::vec(statement_of(), 1..4),
        gaps in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let text = scattered(&print(&Ast { statements }), &gaps);
        let (read, found) = parse(0, &text);
        prop_assert!(found.is_empty(), "{text}\n{found:#?}");
        let laid_out = lay_out(&text);
        let (again, found) = parse(0, &laid_out);
        prop_assert!(found.is_empty(), "{text}\n\n{laid_out}\n{found:#?}");
        prop_assert_eq!(read, again, "{}\n\n{}", text, laid_out);
        prop_assert_eq!(comments(&text), comments(&laid_out));
        let twice = lay_out(&laid_out);
        prop_assert!(twice == laid_out, "{text}\n--- once\n{laid_out}\n--- twice\n{twice}");
        prop_assert!(laid_out.lines().all(|line| line.trim_end() == line), "{laid_out}");
    }
}
