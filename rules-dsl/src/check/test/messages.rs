//! Messages about tests.

use crate::diagnostic::wordings;

wordings! {
    WrongKind not_an_alert(name: &str, kind: &str):
        "`{name}` is a {kind}, not an alert" | "`{name}` は {kind} で、アラートではありません"
        help "a test names the alert it is for" | "test には対象のアラート名を書いてください";
    WrongKind not_a_stream(name: &str, kind: &str):
        "`{name}` is a {kind}, not a stream" | "`{name}` は {kind} で、stream ではありません"
        help "give events to the stream; its filters select among them"
        | "イベントは stream に与えてください。filter はそこから選びます";
    TestEvent time_is_given(field: &str):
        "`{field}` is the event's time" | "`{field}` はイベントの時刻です"
        help "leave it out: `at` says when the event happens"
        | "ここには書かず、時刻は `at` で指定してください";
    TestEvent given_twice(field: &str):
        "`{field}` is given twice" | "`{field}` が二度書かれています";
    TestEvent list_expected(field: &str):
        "`{field}` is a list" | "`{field}` はリストです"
        help "write its items in brackets: `{field}: [\"a\", \"b\"]`"
        | "値を角括弧で囲んでください: `{field}: [\"a\", \"b\"]`";
    TestEvent no_list(field: &str):
        "`{field}` is no list" | "`{field}` はリストではありません"
        help "give it one value" | "値を一つだけ書いてください";
    TestClaim no_expectation():
        "this test expects nothing at all" | "この test には expect がありません"
        help "write `expect fire at …`, or `expect nothing`"
        | "`expect fire at …` か `expect nothing` を書いてください";
    TestClaim nothing_has_no_claims():
        "`nothing` and `late` speak of the whole test"
        | "`nothing` と `late` は test 全体に対する期待です"
        help "leave out `at` and the braces" | "`at` と波括弧を外してください";
    TestClaim unknown_claim(name: &str):
        "no transition has `{name}`" | "`{name}` という項目はありません"
        expected "a key of the alert, or value threshold peak count severity since reason message"
        | "アラートのキー、または value threshold peak count severity since reason message";
    TestClaim claim_takes_a_number(name: &str):
        "`{name}` takes a number" | "`{name}` には数を書きます";
    TestClaim claimed_severity():
        "`severity` takes one of the four, in quotes"
        | "`severity` には四つの重大度のどれかを引用符で書きます"
        expected "\"critical\" \"high\" \"medium\" \"low\"" | "\"緊急\" \"重要\" \"通常\" \"軽微\"";
    TestClaim claimed_reason():
        "`reason` takes one of five, in quotes" | "`reason` には次のどれかを引用符で書きます"
        expected "\"cleared\" \"no data\" \"calendar\" \"forgotten\" \"rule changed\""
        | "\"cleared\" \"no data\" \"calendar\" \"forgotten\" \"rule changed\"";
    TestClaim claimed_message():
        "`message` takes the whole text, in quotes" | "`message` には全文を引用符で書きます";
}
