//! What reading statements says.

use super::expression::LIST_ITEMS_MAX;
use super::stream::FIELDS_MAX;
use super::{NESTING_MAX, STATEMENTS_MAX};
use crate::diagnostic::{texts, wordings};

wordings! {
    LimitExceeded too_many_statements():
        "more than {STATEMENTS_MAX} statements in one file"
        | "1ファイルの文が {STATEMENTS_MAX} を超えています";
    LimitExceeded too_many_fields():
        "more than {FIELDS_MAX} fields in one stream"
        | "1つの stream のフィールドが {FIELDS_MAX} を超えています";
    LimitExceeded too_many_items():
        "more than {LIST_ITEMS_MAX} items in one list"
        | "1つの並びの要素が {LIST_ITEMS_MAX} を超えています";
    LimitExceeded too_deep():
        "nested more than {NESTING_MAX} deep" | "入れ子が {NESTING_MAX} 段を超えています"
        help "give a part of it a name with `filter`" | "一部に `filter` で名前を付けてください";
    NotYet not_yet(word: &str):
        "`{word}` is part of the language but this build does not evaluate it yet"
        | "`{word}` は言語の一部ですが、この版ではまだ評価されません";
    Unexpected cannot_stand(en: &str, ja: &str):
        "{en} cannot stand here" | "{ja} はここには書けません";
    ReservedWord reserved_word(word: &str):
        "`{word}` is a word of the language" | "`{word}` は言語の語です"
        help "as a name it is back-quoted: `` `{word}` ``"
        | "名前なら `` `{word}` `` と囲んでください";
    Unexpected path_for_name(text: &str):
        "a name is one word, `{text}` is a path" | "名前は一語です。`{text}` はパスです"
        help "back-quoted it is one name: `` `{text}` ``"
        | "囲めば一つの名前になります: `` `{text}` ``";
    RepeatedClause repeated(word: &str):
        "`{word}` is written twice" | "`{word}` が二度書かれています"
        help "keep one of them" | "一つだけ残してください";

    // Alerts and their levels.
    UnknownName one_word(text: &str, head: &str, level: &str):
        "`{text}` is one word" | "`{text}` は一語として読まれます"
        help "put a space before the level: `{head} {level}/…`"
        | "しきい値の前を空けてください: `{head} {level}/…`";
    MissingLevel missing_level():
        "the trigger compares with nothing" | "トリガーに比較するしきい値がありません"
        help "write a level: `10回/分`, `>= 80% within 5m`"
        | "しきい値を書いてください: `10回/分`、`>= 80% within 5分`";
    MissingSeverity missing_severity():
        "the alert has no severity" | "アラートに重大度がありません"
        help "after the clauses write one of critical high medium low"
        | "句の後に 緊急 重要 通常 軽微 のどれかを書いてください";
    RepeatedClause compared_twice():
        "the level is compared twice" | "しきい値の比較が二度書かれています"
        help "write either `>=` before it or `以上` after it"
        | "前の `>=` か後の `以上` のどちらかにしてください";
    TwoReadings size_over_time(size: &str, window: &str, window_ja: &str):
        "`{size}/{window}` has two readings" | "`{size}/{window_ja}` には二つの読み方があります";
    TwoReadings second_slash(level: &str, window: &str, window_ja: &str):
        "a second `/` after a level has two readings"
        | "しきい値の二つ目の `/` には二つの読み方があります"
        help "per key: `{level}/{window} by src.ip`; how many different ones: `distinct(…)`"
        | "キーごと: `{level}/{window_ja} by src.ip`。種類の数: `distinct(…)`";
    UnknownUnit window_alias(word: &str, unit: &str):
        "`{word}` is no unit" | "`{word}` という単位はありません"
        help "did you mean `/{unit}`?" | "`/{unit}` のことですか?";

    // Conditions.
    Unexpected declares():
        "`=` declares, it does not compare" | "`=` は宣言で、比較ではありません"
        help "write `==`" | "`==` と書いてください";
    Unexpected unknown_function(word: &str):
        "`{word}(…)` is no function of `where`" | "`{word}(…)` は `where` の関数ではありません"
        help "the functions are `exists(f)` and `lower(f)`"
        | "関数は `exists(f)` と `lower(f)` です";
}

texts! {
    all_within(size: &str, window: &str, window_ja: &str):
        "{size} in all within {window}: `>= {size} within {window}`"
        | "{window_ja}の合計が{size}: `>= {size} within {window_ja}`";
    that_speed(size: &str, window: &str, window_ja: &str):
        "that speed on average over a longer time: `>= {size} within {window}`"
        | "その速度が長めの平均で続く: `>= {size} within {window_ja}`";
    unit_follows(unit: &str):
        "a unit follows its number directly: `10{unit}`"
        | "単位は数のすぐ後に書きます: `10{unit}`";
    back_quoted(word: &str):
        "as a name it is back-quoted: `` `{word}` ``"
        | "名前なら `` `{word}` `` と囲んでください";

    // What was found.
    end_of_file(): "the end of the file" | "ファイルの終わり";
    a_word(word: &str): "the word `{word}`" | "語 `{word}`";
    a_quantity(spelled: &str): "the quantity `{spelled}`" | "数量 `{spelled}`";
    a_text(): "a text" | "文字列";
    a_symbol(symbol: &str): "`{symbol}`" | "`{symbol}`";
    reported_already(): "what was reported already" | "報告済みの箇所";

    // What is expected.
    statement():
        "a statement: stream, filter, measure or alert"
        | "文: stream、filter、measure、alert のどれか";
    a_name(): "a name" | "名前";
    equals(): "`=`" | "`=`";
    filter_base(): "the stream or filter it selects from" | "元になる stream か filter の名前";
    after_filter(): "`where` or the next statement" | "`where` か次の文";
    after_measure():
        "`within`, `min` or the next statement" | "`within`、`min` か次の文";
    after_alert():
        "a clause, a severity or the next statement" | "句、重大度、次の文のどれか";
    after_stream():
        "`codec`, `lateness`, `extract` or the next statement"
        | "`codec`、`lateness`、`extract` か次の文";
    argument():
        "a stream, a filter, or one of their fields"
        | "stream、filter、またはそのフィールド";
    more_or_close(): "`,` or `)`" | "`,` か `)`";
    measured(): "a measure, filter or stream" | "measure、filter、stream のどれか";
    length(): "a length of time: `5m`" | "時間の長さ: `5分`";
    count(): "a number of events: `20`" | "件数: `20`";
    clear_level(): "the level at which it is over: `70%`" | "解消とみなすしきい値: `70%`";
    key(): "a field to group by" | "まとめる単位のフィールド";
    nodata(): "`hold 5m` or `clear`" | "`hold 5分` か `clear`";
    quoted(): "a text in quotes" | "引用符で囲んだ文字列";
    tail_entry():
        "`message`, `runbook`, `labels` or `}}`" | "`message`、`runbook`、`labels` か `}}`";
    brace(): "`{{`" | "`{{`";
    label(): "a label: `team: \"core\"`" | "ラベル: `team: \"core\"`";
    colon(): "`:`" | "`:`";
    level(): "a level: `10`, `80%`, `3s`" | "しきい値: `10`、`80%`、`3秒`";
    per():
        "a length of time after `/`: `分`, `5分`, `5m`"
        | "`/` の後に時間の長さ: `分`、`5分`、`5m`";
}
