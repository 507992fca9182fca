//! Messages of the parser.

use super::expression::LIST_ITEMS_MAX;
use super::statement::STATEMENTS_MAX;
use super::stream::FIELDS_MAX;
use super::test::REPEAT_MAX;
use super::tokens::NESTING_MAX;
use crate::diagnostic::{texts, wordings};

wordings! {
    LimitExceeded too_many_statements():
        "more than {STATEMENTS_MAX} statements in one file"
        | "一つのファイルの文が{STATEMENTS_MAX}個を超えています";
    LimitExceeded too_many_fields():
        "more than {FIELDS_MAX} fields in one stream"
        | "一つの stream のフィールドが{FIELDS_MAX}個を超えています";
    LimitExceeded too_many_items():
        "more than {LIST_ITEMS_MAX} items in one list"
        | "値の並びが{LIST_ITEMS_MAX}個を超えています";
    LimitExceeded too_deep():
        "nested more than {NESTING_MAX} deep" | "入れ子が{NESTING_MAX}段を超えています"
        help "give a part of it a name with `filter`"
        | "一部を `filter` に切り出して名前を付けてください";
    Unexpected cannot_stand(en: &str, ja: &str):
        "{en} cannot stand here" | "{ja}はここには書けません";
    Unexpected no_severity(word: &str, ours: &str):
        "`{word}` is no severity" | "`{word}` という重大度はありません"
        help "did you mean `{ours}`? The severities are critical high medium low"
        | "`{ours}` のことですか? 重大度は 緊急 重要 通常 軽微 の四つです";
    Unexpected arrow():
        "`->` is no word of the language" | "`->` という書き方はありません"
        help "did you mean `then`?" | "`then` のことですか?";
    Unexpected no_for_not():
        "what must not follow is written with `not`" | "続かないことの検知は `not` で書きます"
        help "did you mean `then not`?" | "`then not` のことですか?";
    Unexpected any_level(name: &str):
        "`any` is every event, it takes no level"
        | "`any` はイベント1件ごとの条件なので、しきい値は付けられません"
        help "a rate is written without `any`: `{name} 10回/分`"
        | "回数で判定するなら `any` を外してください: `{name} 10回/分`";
    ReservedWord reserved_word(word: &str):
        "`{word}` is a word of the language" | "`{word}` は予約語です"
        help "as a name it is back-quoted: `` `{word}` ``"
        | "名前として使うならバッククォートで囲んでください: `` `{word}` ``";
    Unexpected path_for_name(text: &str):
        "a name is one word, `{text}` is a path" | "名前に `.` は使えません: `{text}`"
        help "back-quoted it is one name: `` `{text}` ``"
        | "バッククォートで囲めば一つの名前になります: `` `{text}` ``";
    Unexpected bare_field(field: &str):
        "`{field}` is a field, and what is measured of it is not said"
        | "`{field}` はフィールドで、その何を測るかが書かれていません"
        help "write `last({field})`, or `avg({field})` with `within 5m`"
        | "`last({field})`、または `within 5分` を付けて `avg({field})` と書いてください";
    RepeatedClause repeated(word: &str):
        "`{word}` is written twice" | "`{word}` が二度書かれています"
        help "keep one of them" | "一つだけ残してください";

    // Alerts and their levels.
    UnknownName one_word(text: &str, head: &str, level: &str):
        "`{text}` is one word" | "`{text}` は一語として読まれます"
        help "put a space before the level: `{head} {level}/…`"
        | "しきい値の前に空白を入れてください: `{head} {level}/…`";
    MissingLevel missing_level():
        "the trigger compares with nothing" | "条件にしきい値がありません"
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
        "`{size}/{window}` has two readings" | "`{size}/{window_ja}` は二通りに読めます";
    TwoReadings second_slash(level: &str, window: &str, window_ja: &str):
        "a second `/` after a level has two readings"
        | "しきい値の二つ目の `/` は二通りに読めます"
        help "per key: `{level}/{window} by src.ip`; how many different ones: `distinct(…)`"
        | "キーごとの回数: `{level}/{window_ja} by src.ip`。種類の数: `distinct(…)`";
    UnknownUnit window_alias(word: &str, unit: &str):
        "`{word}` is no unit" | "`{word}` という単位はありません"
        help "did you mean `/{unit}`?" | "`/{unit}` のことですか?";

    TwoReadings versus_of_which(whole: &str, left: &str, sign: &str, right: &str):
        "`vs` after `{whole}` has two readings" | "`{whole}` の後の `vs` は二通りに読めます"
        help "all of it against then: `({whole}) vs …`; the last part only: \
              `{left} {sign} ({right} vs …)`"
        | "全体を過去と比べる: `({whole}) vs …`。最後だけを比べる: `{left} {sign} ({right} vs …)`";
    TwoReadings any_or(events: &str):
        "`or` after `any {events} and …` has two readings"
        | "`any {events} and …` の後の `or` は二通りに読めます"
        help "either condition at the event: `any {events} and (… or …)`; as two alerts: \
              `any {events}` in one of them"
        | "どちらかの条件が成り立つイベント: `any {events} and (… or …)`。\
           別々のアラートにするなら、一方を `any {events}` だけにしてください";
    Unexpected window_of_which(word: &str):
        "`{word}` stands apart from the comparisons" | "`{word}` がどの比較に付くのか分かりません"
        help "write it after each level: `a > 1 within 5m and b > 2 within 5m`"
        | "しきい値ごとに書いてください: `a > 1 within 5分 and b > 2 within 5分`";
    Unexpected rung_window():
        "a level of a ladder has no window of its own"
        | "`ladder` のしきい値にウィンドウは付けられません"
        help "write it once, at the measure: `within 5m` before `ladder`"
        | "ウィンドウは `ladder` の前に一度だけ書いてください: `within 5分`";

    // Sequences.
    SequenceShape then_not_alone():
        "`then not` stands between two kinds of events and nothing else"
        | "`then not` は二種類のイベントの間にだけ書けます"
        help "what must follow what: `注文 then not 決済 within 15m`"
        | "続くはずのイベントが来ないことの検知: `注文 then not 決済 within 15分`";
    SequenceShape counted_step():
        "only the first step of a sequence has a number"
        | "件数を書けるのはシーケンスの最初だけです"
        help "write it first: `5 認証失敗 then 認証成功`"
        | "最初に書いてください: `5 認証失敗 then 認証成功`";
    SequenceShape counted_obligation():
        "`then not` takes no number: each event of the first kind is waited for by itself"
        | "`then not` に件数は付けられません。最初のイベント1件ごとに、続くイベントを待ちます"
        help "leave the number out: `注文 then not 決済 within 15m`"
        | "件数を外してください: `注文 then not 決済 within 15分`";

    // Calendars and tests.
    Unexpected no_day(word: &str):
        "`{word}` is no day of the week" | "`{word}` という曜日はありません"
        expected "mon tue wed thu fri sat sun, or 月 火 水 木 金 土 日"
        | "mon tue wed thu fri sat sun か 月 火 水 木 金 土 日";
    TwoReadings weekdays(word: &str):
        "`{word}` has two readings" | "`{word}` は二通りに読めます"
        help "holidays included: `mon-fri`; without them: `mon-fri … except holidays \"jp.ics\"`"
        | "祝日も含む: `月-金`。祝日を除く: `月-金 … except holidays \"jp.ics\"`";
    NumberRange repeat_range():
        "one `given` is 1 to {REPEAT_MAX} events"
        | "一つの `given` のイベントは1件から{REPEAT_MAX}件までです"
        help "write another `given` for more" | "それより多いときは `given` を分けてください";

    // Conditions.
    Unexpected declares():
        "`=` declares, it does not compare" | "`=` は定義の記号です。比較には使えません"
        help "write `==`" | "`==` と書いてください";
    Unexpected unknown_function(word: &str):
        "`{word}(…)` is no function of `where`" | "`{word}(…)` は `where` の関数ではありません"
        help "the functions are `exists(f)` and `lower(f)`"
        | "使える関数は `exists(f)` と `lower(f)` だけです";
}

texts! {
    all_within(size: &str, window: &str, window_ja: &str):
        "{size} in all within {window}: `>= {size} within {window}`"
        | "{window_ja}の合計が{size}: `>= {size} within {window_ja}`";
    that_speed(size: &str, window: &str, window_ja: &str):
        "that speed on average over a longer time: `>= {size} within {window}`"
        | "長めの期間で平均してその速度: `>= {size} within {window_ja}`";
    unit_follows(unit: &str):
        "a unit follows its number directly: `10{unit}`"
        | "単位は数の直後に書いてください: `10{unit}`";
    back_quoted(word: &str):
        "as a name it is back-quoted: `` `{word}` ``"
        | "名前として使うならバッククォートで囲んでください: `` `{word}` ``";

    // What was found.
    end_of_file(): "the end of the file" | "ファイルの終わり";
    a_word(word: &str): "the word `{word}`" | "`{word}`";
    a_quantity(spelled: &str): "the quantity `{spelled}`" | "`{spelled}`";
    a_text(): "a text" | "文字列";
    a_symbol(symbol: &str): "`{symbol}`" | "`{symbol}`";
    reported_already(): "what was reported already" | "報告済みの箇所";

    // What is expected.
    statement():
        "a statement: stream list table calendar filter measure watch alert test"
        | "文: stream list table calendar filter measure watch alert test のどれか";
    a_name(): "a name" | "名前";
    equals(): "`=`" | "`=`";
    filter_base(): "the stream or filter it selects from" | "元になる stream か filter の名前";
    after_filter(): "`where` or the next statement" | "`where` か次の文";
    after_measure():
        "`within`, `step`, `min` or the next statement"
        | "`within`、`step`、`min` か次の文";
    after_watch():
        "`within`, `step`, `min`, `by` or the next statement"
        | "`within`、`step`、`min`、`by` か次の文";
    after_list(): "`,` or the next statement" | "`,` か次の文";
    after_table(): "the next statement" | "次の文";
    after_calendar():
        "a zone, `except holidays \"…\"` or the next statement"
        | "タイムゾーン、`except holidays \"…\"`、次の文のどれか";
    after_test(): "the next statement" | "次の文";
    after_alert():
        "a clause, a severity or the next statement" | "句、重大度、次の文のどれか";
    after_stream():
        "`codec`, `lateness`, `id`, `partitioned_by`, `extract` or the next statement"
        | "`codec`、`lateness`、`id`、`partitioned_by`、`extract` か次の文";
    argument():
        "a stream, a filter, or one of their fields"
        | "stream、filter、またはそのフィールド";
    more_or_close(): "`,` or `)`" | "`,` か `)`";
    more_or_brace(): "`,` or `}}`" | "`,` か `}}`";
    more_or_bracket(): "`,` or `]`" | "`,` か `]`";
    operator_or_close(): "an operator or `)`" | "演算子か `)`";
    condition_close(): "a level, `and`, `or` or `)`" | "しきい値、`and`、`or`、`)` のどれか";
    close(): "`)`" | "`)`";
    literal(): "a text, number, true or false" | "文字列、数、true、false のどれか";
    networks():
        "networks in quotes: `\"10.0.0.0/8\"`"
        | "引用符で囲んだネットワーク: `\"10.0.0.0/8\"`";
    list_items():
        "items: `\"a\", \"b\"`, `cidr \"10.0.0.0/8\"` or `file \"hosts.txt\"`"
        | "要素: `\"a\", \"b\"`、`cidr \"10.0.0.0/8\"`、`file \"hosts.txt\"` のどれか";
    file(): "a file: `file \"limits.csv\"`" | "ファイル: `file \"limits.csv\"`";
    holidays():
        "`holidays` and a file: `except holidays \"jp.ics\"`"
        | "`holidays` とファイル: `except holidays \"jp.ics\"`";
    day():
        "a day of the week: mon tue wed thu fri sat sun"
        | "曜日: mon tue wed thu fri sat sun、月 火 水 木 金 土 日";
    hours(): "hours: `09:00-18:00`" | "時間帯: `09:00-18:00`";
    zone(): "a time zone: `Asia/Tokyo`" | "タイムゾーン: `Asia/Tokyo`";
    a_clock_time(spelled: &str): "the time of day `{spelled}`" | "時刻 `{spelled}`";
    ask_exists():
        "a missing field is asked for by `exists(f)`, or `not exists(f)`"
        | "フィールドの有無は `exists(f)`、`not exists(f)` で尋ねます";
    did_you_mean(word: &str): "did you mean `{word}`?" | "`{word}` のことですか?";
    events(): "a stream or filter" | "stream か filter の名前";
    new_field(): "a field: `new geo.country in 認証成功`"
        | "フィールド: `new geo.country in 認証成功`";
    new_in(): "`,` or `in` and the events" | "`,`、または `in` とイベントの名前";
    then(): "`then` and what comes after it" | "`then` と次に来るイベント";
    ago(): "`ago`: `vs 1w ago`" | "`ago`: `vs 1w ago`";
    after_versus():
        "one `vs`; of a `vs` only in parentheses" | "`vs` は一つ。重ねるなら丸括弧で囲む";
    calendar(): "a calendar: `during 営業時間`" | "calendar の名前: `during 営業時間`";
    lookup(list: &str, field: &str):
        "a name and a field: `{list}({field})`" | "名前とフィールド: `{list}({field})`";
    each(): "`each`: `notify each`" | "`each`: `notify each`";
    limit():
        "a number of keys or values: `limit 100 keys`" | "キーか値の数: `limit 100 keys`";
    roster(): "a list of those expected: `in 監視対象`" | "対象の list: `in 監視対象`";
    rung(): "a severity and its level: `medium 80%`" | "重大度としきい値: `通常 80%`";
    tested(): "the alert under test" | "テスト対象のアラートの名前";
    test_line(): "`given`, `expect`, `start` or `}}`" | "`given`、`expect`、`start`、`}}` のどれか";
    given_stream(): "the stream of the event" | "イベントの stream";
    given_field(): "a field: `user.name: \"a\"`" | "フィールド: `user.name: \"a\"`";
    moment(): "`at` and a time from the start: `at 54s`" | "`at` と開始からの経過時間: `at 54秒`";
    how_many(): "how many: `x10`" | "件数: `x10`";
    later(): "`later`: `arriving 2s later`" | "`later`: `arriving 2秒 later`";
    expected():
        "what is expected: fire change again resolve nothing late"
        | "期待する結果: fire change again resolve nothing late のどれか";
    measured(): "a measure, filter or stream" | "measure、filter、stream のどれか";
    length(): "a length of time: `5m`" | "時間の長さ: `5分`";
    count(): "a number of events: `20`" | "件数: `20`";
    clear_level(): "the level at which it is over: `70%`" | "解消とみなすしきい値: `70%`";
    key(): "a field to group by" | "キーにするフィールド";
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
