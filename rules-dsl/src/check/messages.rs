//! Messages of the checker.

use model::decimal::Decimal;
use model::meta::META_PREFIX;

use super::limits::{
    CHAIN_MAX, COMPARES_MAX, COMPARISONS_MAX, DISTINCT_LEVEL_MAX, FIRST_COUNT_MAX, KEY_PARTS_MAX,
    KEYS_MAX, MEASURES_MAX, NEW_FIELDS_MAX, STEPS_MAX, TERMS_MAX, TOP_MAX, VALUES_MAX,
};
use crate::diagnostic::{texts, wordings};

wordings! {
    // Names.
    DuplicateName declared_twice(name: &str):
        "`{name}` is declared twice" | "`{name}` が二度宣言されています"
        help "all names of all files share one namespace: rename one"
        | "名前は全ファイルで共通です。片方の名前を変えてください";
    ReservedName reserved_name(name: &str):
        "`{name}` begins like the alerts of hansho about itself"
        | "`{name}` は hansho 自身についてのアラートと同じ始まり方です"
        help "begin it with something else than `{META_PREFIX}`"
        | "`{META_PREFIX}` 以外で始めてください";
    WrongKind not_events(name: &str, kind: &str):
        "`{name}` is a {kind}, not events" | "`{name}` は {kind} で、イベントではありません"
        expected "a stream or filter" | "stream か filter";
    WrongKind not_a(name: &str, kind: &str, wanted: &str):
        "`{name}` is a {kind}, not a {wanted}" | "`{name}` は {kind} で、{wanted} ではありません";
    UnknownName unknown_name(name: &str):
        "nothing is called `{name}`" | "`{name}` という名前はありません";
    UnknownName outside_of(name: &str, inside: &str):
        "nothing is called `{name}`" | "`{name}` という名前はありません"
        help "did you mean `during not {inside}`?" | "`during not {inside}` のことですか?";
    Circle filter_circle(name: &str):
        "`{name}` builds on itself" | "`{name}` の定義が循環しています"
        help "let it select from a stream" | "定義をたどると stream に行き着くようにしてください";
    Circle measure_circle(name: &str):
        "`{name}` builds on itself or on too many others"
        | "`{name}` の定義が循環しているか、参照の連なりが長すぎます";
    LimitExceeded too_many_comparisons():
        "the rules together ask more than {COMPARISONS_MAX} comparisons"
        | "ルール全体の比較が{COMPARISONS_MAX}個を超えています"
        help "a filter counts at every use: use a shorter list, or `matches`"
        | "filter の比較は使うたびに数えます。\
           値の並びを短くするか `matches` を使ってください";
    LimitExceeded chain_too_long(name: &str):
        "`{name}` builds on more than {CHAIN_MAX} others"
        | "`{name}` の元になる filter が{CHAIN_MAX}段を超えています";

    // Quantities.
    NumberRange quantity_range():
        "the quantity is beyond 10²⁰" | "数量が10²⁰を超えています";
    UnitMismatch no_length(spelled: &str, value: Decimal):
        "`{spelled}` is no length of time" | "`{spelled}` は時間の長さではありません"
        help "write a unit: `{value}s`, `{value}m`, `{value}h`"
        | "単位を付けてください: `{value}秒`、`{value}分`、`{value}時間`";
    BadDuration bad_length(spelled: &str, least_ms: i64, most_days: i64):
        "`{spelled}` is no usable length of time" | "`{spelled}` は時間の長さとして使えません"
        expected "whole milliseconds, from {least_ms} ms to {most_days} days"
        | "{least_ms}ミリ秒から{most_days}日まで、ミリ秒単位";
    UnitMismatch no_event_count(spelled: &str):
        "`{spelled}` is no number of events" | "`{spelled}` は件数ではありません"
        expected "a whole number: `20`" | "整数: `20`";

    // Measures.
    UnknownName unknown_measure(word: &str):
        "`{word}` is no measure" | "`{word}` という集計はありません"
        expected "one of count sum avg stddev min max last delta increase rate distinct ratio p50 \
         p95 p99 p99.9"
        | "count sum avg stddev min max last delta increase rate distinct ratio p50 p95 p99 p99.9 \
           のどれか";
    MeasureArgument ratio_arguments(word: &str):
        "`{word}` does not take these arguments" | "`{word}` の引数が正しくありません"
        help "two kinds of events: `ratio(エラー, http)`"
        | "イベントを二つ書いてください: `ratio(エラー, http)`";
    MeasureArgument count_arguments(word: &str):
        "`{word}` does not take these arguments" | "`{word}` の引数が正しくありません"
        help "one kind of events: `count(http)`" | "イベントを一つ書いてください: `count(http)`";
    MeasureArgument field_arguments(word: &str):
        "`{word}` does not take these arguments" | "`{word}` の引数が正しくありません"
        help "one field: `{word}(http.latency)`"
        | "フィールドを一つ書いてください: `{word}(http.latency)`";
    MeasureArgument field_for_events(head: &str, field: &str):
        "events are counted here, `{field}` is a field"
        | "ここで数えるのはイベントですが、`{field}` はフィールドです"
        help "write `{head}`, or `distinct({head}.{field})` for its different values"
        | "`{head}` と書くか、値の種類を数えるなら `distinct({head}.{field})` と書いてください";
    MeasureArgument unmeasurable(word: &str, field: &str):
        "`{word}` cannot be computed of `{field}`" | "`{field}` の `{word}` は求められません"
        expected "a number, length of time, percentage or size"
        | "数、時間の長さ、割合、サイズのどれか";
    MeasureArgument missing_field(word: &str, head: &str):
        "`{word}` needs a field of `{head}`" | "`{word}` には `{head}` のフィールドが必要です";
    RepeatedWindow given_in_measure():
        "it is given in the measure and again here" | "measure の中とここの両方に書かれています"
        help "keep one of them" | "どちらか一つにしてください";

    // Alerts.
    UnitMismatch level_unit(canonical: &str, spelled: &str):
        "`{canonical}` cannot be compared with `{spelled}`"
        | "`{canonical}` は `{spelled}` と比べられません";
    LevelRange level_range():
        "`distinct` is exact up to {DISTINCT_LEVEL_MAX} only"
        | "`distinct` で正確に数えられるのは{DISTINCT_LEVEL_MAX}種類までです"
        help "lower the level, or count events"
        | "しきい値を下げるか、イベントの件数で判定してください";
    RepeatedWindow window_twice():
        "the window is given twice" | "ウィンドウが二度指定されています"
        help "keep `/…` or `within …`" | "`/…` か `within …` のどちらかにしてください";
    MissingWindow missing_window(canonical: &str, level: &str):
        "`{canonical}` needs a window" | "`{canonical}` にはウィンドウが必要です"
        help "write `{level}/分`, or `within 5m` after the level"
        | "`{level}/分` か、しきい値の後に `within 5分` と書いてください";
    RepeatedClause key_twice(name: &str):
        "the key has `{name}` twice" | "キーに `{name}` が二度あります"
        help "keep one of them" | "一つだけ残してください";
    LimitExceeded key_too_long():
        "a key has at most {KEY_PARTS_MAX} components" | "キーの要素は{KEY_PARTS_MAX}個までです";
    KeyType measured_key(name: &str):
        "`{name}` is measured, it identifies nothing" | "`{name}` は測定値なので、キーにできません"
        expected "a field of type str, int, bool or ip" | "str、int、bool、ip 型のフィールド";
    KeysDisagree keys_disagree(name: &str, left: &str, right: &str):
        "`{name}` has different types in `{left}` and `{right}`"
        | "`{name}` の型が `{left}` と `{right}` で違います"
        help "declare it alike in both streams" | "両方の stream で同じ型にしてください";
    ClearSide clear_side():
        "`clear` is not on the easier side of the level"
        | "`clear` がしきい値より緩い値になっていません";

    ClauseRefused clause_refused(word: &str):
        "this trigger does not take `{word}`" | "この条件に `{word}` は書けません";
    TrueOfNothing true_of_nothing(canonical: &str):
        "`{canonical}` of no events is 0, and this is true of it"
        | "イベントが0件のとき `{canonical}` は0で、それだけで成り立ってしまいます"
        help "it would fire before anything came: move the level past 0, or write `by`"
        | "このままではイベントが来る前に発火します。\
           0では成り立たないしきい値にするか、`by` を付けてください";
    MissingWindow within_wanted():
        "`within` is missing" | "`within` がありません"
        help "write `within 10m` after the trigger"
        | "条件の後に `within 10分` のように書いてください";
    MissingWindow missing_length(canonical: &str):
        "`{canonical}` needs a window" | "`{canonical}` にはウィンドウが必要です"
        help "write `within 5m` after it" | "その後に `within 5分` のように書いてください";
    MissingLevel level_wanted(canonical: &str):
        "`{canonical}` is compared with nothing" | "`{canonical}` のしきい値がありません"
        help "write a level, as in `{canonical} >= 10 within 1m`"
        | "しきい値を書いてください: `{canonical} >= 10 within 1分`";
    MeasureArgument measures_not_joined(sign: &str, left: &str, right: &str):
        "`{left}` and `{right}` cannot be joined by `{sign}`: their units do not go together"
        | "`{left}` と `{right}` は単位が合わないので、`{sign}` で計算できません";
    MeasureArgument nothing_versus():
        "`vs` compares a measure with itself some time ago"
        | "`vs` は集計の値を、過去の同じ集計と比べるものです"
        help "write `count(http) vs 1w ago`" | "`count(http) vs 1w ago` のように書いてください";
    LimitExceeded too_many_measures():
        "a number has at most {MEASURES_MAX} measures, and {TERMS_MAX} of them and of constants"
        | "一つの式に書ける集計は{MEASURES_MAX}個まで、定数を合わせて{TERMS_MAX}個までです";
    LimitExceeded too_many_compares():
        "a condition has at most {COMPARES_MAX} comparisons"
        | "一つの条件に書ける比較は{COMPARES_MAX}個までです";
    LimitExceeded too_many_steps():
        "a sequence has at most {STEPS_MAX} steps" | "シーケンスは{STEPS_MAX}段までです";
    LimitExceeded too_many_new_fields():
        "`new` takes at most {NEW_FIELDS_MAX} fields"
        | "`new` のフィールドは{NEW_FIELDS_MAX}個までです";
    LevelRange first_count_range():
        "the first step takes 1 to {FIRST_COUNT_MAX} events"
        | "シーケンスの最初の件数は1件から{FIRST_COUNT_MAX}件までです";
    LevelRange values_range():
        "a key remembers 1 to {VALUES_MAX} values"
        | "キーごとに覚える値は1個から{VALUES_MAX}個までです";
    LevelRange keys_range():
        "an alert holds state for 1 to {KEYS_MAX} keys"
        | "一つのアラートが状態を持つキーは1個から{KEYS_MAX}個までです";
    BadDuration step_too_long():
        "the step is longer than the window" | "刻みがウィンドウより長くなっています"
        help "write a step that divides the window" | "ウィンドウを割り切れる刻みにしてください";
    LadderShape ladder_of_one():
        "a ladder needs one value to climb" | "`ladder` は一つの値の比較にだけ使えます"
        help "write one severity, or one comparison"
        | "重大度を一つにするか、比較を一つにしてください";
    LadderShape level_beside_ladder():
        "the ladder says the levels; this one is a second"
        | "しきい値が `ladder` とここの両方に書かれています"
        help "leave it out" | "ここのしきい値を外してください";
    LadderShape mixed_ladder():
        "the rungs of a ladder compare alike" | "`ladder` の段の比較の向きが揃っていません"
        help "write the same word at every level" | "すべての段で同じ比較を使ってください";
    LadderShape rung_twice(severity: &str):
        "the ladder has `{severity}` twice" | "`ladder` に `{severity}` が二度あります"
        help "keep one of them" | "一つだけ残してください";
    LadderShape rung_order(upper: &str, lower: &str):
        "`{upper}` is not harder to reach than `{lower}`"
        | "`{upper}` のしきい値が `{lower}` より厳しくありません"
        help "the more serious, the further the level"
        | "重大度が高いほど厳しいしきい値にしてください";
    LadderShape empty_ladder():
        "the ladder has no level" | "`ladder` にしきい値がありません"
        help "write `ladder {{ medium 80%  critical 95% }}`"
        | "`ladder {{ medium 80%  critical 95% }}` のように書いてください";
    AbsenceScope absence_without_scope():
        "which keys are missed is not said" | "どのキーの途絶を検知するのかが指定されていません"
        help "write `seen 1d` for keys of the last day, or `in LIST` for expected ones"
        | "直近1日に来たキーなら `seen 1日`、\
           対象が決まっているなら `in リスト名` を付けてください";
    AbsenceScope seen_without_key():
        "`seen` speaks of keys, and there is none"
        | "`seen` はキーについての指定ですが、`by` がありません"
        help "write `by host`, or leave it out" | "`by host` を書くか、`seen` を外してください";
    AbsenceScope forgotten_before_missed():
        "a key is forgotten before it is missed" | "途絶と判定される前にキーが忘れられます"
        help "make `seen` longer than `within`" | "`seen` を `within` より長くしてください";

    // Messages.
    BadTemplate bad_template(en: &str, ja: &str):
        "{en}" | "{ja}"
        help "a brace of the text is doubled: `{{{{`"
        | "波括弧そのものは二つ重ねてください: `{{{{`";
    TwoReadings key_and_word(name: &str):
        "`{{{name}}}` is a key and a word of messages"
        | "`{{{name}}}` はキーの名前とも、組み込みのプレースホルダーとも読めます"
        help "declare the field under another name: `key: str = \"{name}\"`"
        | "フィールドを別の名前で宣言してください: `key: str = \"{name}\"`";
    BadTemplate not_shown(name: &str):
        "a message cannot show the field `{name}`" | "フィールド `{name}` はメッセージに出せません"
        expected "a field of type str, int, bool or ip" | "str、int、bool、ip 型のフィールド";
    UnknownPlaceholder no_column(column: &str):
        "no table, or more than one, has the column `{column}`"
        | "列 `{column}` を持つ table がないか、複数あります";
    UnknownPlaceholder column_key(column: &str, key: &str):
        "`{{{column}({key})}}` is looked up by no component of the key"
        | "`{{{column}({key})}}` の `{key}` はキーの要素ではありません"
        help "write a field of `by` in the parentheses"
        | "括弧の中に `by` のフィールドを書いてください";
    BadTemplate bad_top(rest: &str):
        "`{{top {rest}}}` shows nothing" | "`{{top {rest}}}` の書き方が正しくありません"
        help "write how many, 1 to {TOP_MAX}, and a field of the events: `{{top 3 src.ip}}`"
        | "1から{TOP_MAX}までの数とイベントのフィールドを書いてください: `{{top 3 src.ip}}`";
    UnknownPlaceholder unknown_placeholder(name: &str, all: &str):
        "nothing fills `{{{name}}}`" | "`{{{name}}}` というプレースホルダーはありません"
        expected "one of {all}" | "{all} のどれか";

    // Streams.
    DuplicateField field_twice(name: &str):
        "the field `{name}` is declared twice" | "フィールド `{name}` が二度宣言されています";
    EventTime no_event_time(name: &str):
        "the stream `{name}` has no event time" | "stream `{name}` にイベント時刻がありません"
        help "give one field the type `time`: `ts: time`"
        | "一つのフィールドを `time` 型にしてください: `ts: time`";
    EventTime two_event_times(name: &str):
        "the stream `{name}` has two event times" | "stream `{name}` にイベント時刻が二つあります"
        help "the other ones have the type `instant`" | "もう一方は `instant` 型にしてください";
    TwoReadings codec_of_which():
        "`codec otlp` has three readings, and the bytes of a record do not tell which"
        | "`codec otlp` は三通りに読め、レコードの中身からは区別できません"
        help "log records: `codec otlp_logs`; data points of metrics: `codec otlp_metrics`; spans \
              of traces: `codec otlp_spans`"
        | "ログ: `codec otlp_logs`。メトリクスのデータ点: `codec otlp_metrics`。\
           トレースのスパン: `codec otlp_spans`";
    UnknownCodec unknown_codec(name: &str):
        "there is no codec `{name}`" | "コーデック `{name}` はありません"
        expected "json, logfmt, text, syslog, otlp_logs, otlp_metrics or otlp_spans"
        | "json、logfmt、text、syslog、otlp_logs、otlp_metrics、otlp_spans のどれか";
    UnknownPath no_such_path(path: &str, all: &str):
        "no record of this codec has `{path}`" | "このコーデックのレコードに `{path}` はありません"
        expected "one of {all}" | "{all} のどれか"
        help "attributes are read by their keys: `attributes.KEY`, `resource.KEY`, \
              `scope.attributes.KEY`"
        | "属性はキーで読みます: `attributes.キー`、`resource.キー`、`scope.attributes.キー`";
    UnknownType unknown_type(word: &str, all: &str):
        "there is no type `{word}`" | "型 `{word}` はありません"
        expected "one of {all}" | "{all} のどれか";
    TypeArgument type_argument(word: &str):
        "the type `{word}` is not written like this" | "型 `{word}` の書き方が正しくありません";
    UnknownField unknown_field(stream: &str, name: &str, all: &str):
        "the stream `{stream}` has no field `{name}`"
        | "stream `{stream}` にフィールド `{name}` はありません"
        expected "one of its fields: {all}" | "{all} のどれか";
    TypeMismatch not_text(name: &str):
        "`{name}` is no text" | "`{name}` は文字列ではありません"
        expected "a field of type `str`" | "`str` 型のフィールド";
    BadPattern touching_holes():
        "two holes touch: nothing says where one ends"
        | "プレースホルダーが隣り合っていて、境目が決まりません"
        help "put the text that stands between them" | "間に区切りとなる文字を書いてください";
    BadPattern hole_twice():
        "the pattern reads one field twice" | "パターンに同じフィールドが二度あります"
        help "skip the other with `{{_}}`" | "片方を `{{_}}` にして読み飛ばしてください";
    BadPattern list_hole(name: &str):
        "`{name}` is a list, and a text holds one value"
        | "`{name}` はリストですが、文字列から読めるのは一つの値です"
        help "declare it as `{name}: str`" | "`{name}: str` と宣言してください";
    BadPattern unknown_hole(stream: &str, name: &str):
        "the stream `{stream}` has no field `{name}`"
        | "stream `{stream}` にフィールド `{name}` はありません"
        help "declare `{name}: str` in it, or skip with `{{_}}`"
        | "`{name}: str` を宣言するか、`{{_}}` で読み飛ばしてください";
    BadPattern bad_pattern(en: &str, ja: &str):
        "{en}" | "{ja}"
        help "a brace of the text is doubled: `{{{{`"
        | "波括弧そのものは二つ重ねてください: `{{{{`";
    BadPattern set_twice(name: &str):
        "the pattern reads `{name}` twice" | "パターンで `{name}` が二度設定されています"
        help "keep one of them" | "一つだけ残してください";

    // Conditions.
    NotACondition not_a_condition(spelled: &str):
        "`{spelled}` is a value, not a condition" | "`{spelled}` は値で、条件ではありません"
        help "compare it: `{spelled} == …`, or ask `exists(…)`"
        | "比較にしてください: `{spelled} == …`。有無の判定なら `exists(…)`";
    NotACondition not_a_value(spelled: &str):
        "`{spelled}` is a condition, not a value" | "`{spelled}` は条件で、値ではありません"
        expected "a field, a text or a number" | "フィールド、文字列、数のどれか";
    TypeMismatch not_joined(sign: &str, en: &str, ja: &str):
        "`{sign}` cannot join {en}" | "{ja}は `{sign}` で計算できません";
    TypeMismatch not_ordered(symbol: &str, en: &str, ja: &str):
        "`{symbol}` cannot compare {en}" | "{ja}は `{symbol}` で比較できません"
        help "use `==`, `!=`, `in (…)` or `contains`"
        | "`==`、`!=`、`in (…)`、`contains` のどれかを使ってください";
    BadConstant bad_address(written: &str):
        "`{written}` is not an address" | "`{written}` はアドレスではありません"
        expected "an address: `\"192.0.2.1\"`; networks: `in cidr (\"192.0.2.0/24\")`"
        | "アドレス: `\"192.0.2.1\"`。ネットワークなら `in cidr (\"192.0.2.0/24\")`";
    BadConstant bad_instant(written: &str):
        "`{written}` is not an instant" | "`{written}` は時刻ではありません"
        expected "an instant: `\"2026-01-05T09:00:00+09:00\"`"
        | "時刻: `\"2026-01-05T09:00:00+09:00\"`";
    BadConstant bad_network(written: &str):
        "`{written}` is no network" | "`{written}` はネットワークではありません"
        expected "an address and a prefix: `\"10.0.0.0/8\"`"
        | "アドレスとプレフィックス長: `\"10.0.0.0/8\"`";
    UnitMismatch units_disagree():
        "the two sides do not go together" | "両辺の型が合いません";
    TypeMismatch types_disagree():
        "the two sides do not go together" | "両辺の型が合いません";
    TypeMismatch in_a_list():
        "`in` asks about one value, this is a list"
        | "`in` で調べられるのは一つの値で、リストは調べられません"
        help "ask the list: `tags contains \"x\"`"
        | "リストに含まれるかどうかは `contains` で調べてください: `tags contains \"x\"`";
    TypeMismatch text_wanted(word: &str):
        "`{word}` needs a text in quotes" | "`{word}` には引用符で囲んだ文字列が必要です";
    BadRegex bad_regex():
        "the regular expression cannot be used" | "この正規表現は使えません"
        help "a literal text is found by `contains \"…\"`"
        | "固定の文字列なら `contains \"…\"` で検索できます";
}

texts! {
    first_declared(): "first declared here" | "最初の宣言";
    declared_here(): "declared here" | "宣言の場所";
    given_here(): "given here" | "最初の指定";
    the_first_one(): "the first one" | "一つ目";
    the_other_one(): "the other one" | "もう一方";
    leave_out(): "leave it out" | "外してください";
    events_have_no_length():
        "an event lasts no time; `keep` says how long its episode stays open"
        | "イベントに継続時間はありません。解消までの時間は `keep` で指定してください";
    takes_one_level():
        "it belongs to one measure compared with one level"
        | "一つの集計を一つのしきい値と比べる条件でだけ使えます";
    takes_a_measure():
        "it belongs to a measure compared with a level"
        | "集計をしきい値と比べる条件でだけ使えます";
    takes_single_events():
        "it belongs to `any`, `then` and `new`; a condition is told when it begins and ends"
        | "`any`、`then`、`new` でだけ使えます。ほかの条件は始まりと終わりだけを通知します";
    takes_absent(): "it belongs to `absent`" | "`absent` でだけ使えます";
    takes_new(): "it belongs to `new`" | "`new` でだけ使えます";
    did_you_mean(name: &str): "did you mean `{name}`?" | "`{name}` のことですか?";
    space_before_level(head: &str, level: &str):
        "put a space before the level: `{head} {level}`"
        | "しきい値の前に空白を入れてください: `{head} {level}`";
    for_example(word: &str, head: &str, field: &str):
        "for example `{word}({head}.{field})`" | "例: `{word}({head}.{field})`";
    below_level(level: &str): "a value below {level}" | "{level}より小さい値";
    above_level(level: &str): "a value above {level}" | "{level}より大きい値";
    no_clear_with(symbol: &str):
        "no `clear` with `{symbol}`" | "`{symbol}` に `clear` は付けられません";
    fields_only_when_rising():
        "fields of an event can be shown by rising count, sum, distinct and max without `for` only"
        | "イベントのフィールドを出せるのは、`for` のない count・sum・distinct・max の \
           `>=` か `>` の条件だけです";

    // What level a measure takes, and how it is written.
    count_level(): "a count: `10`, `10回`" | "件数: `10`、`10回`";
    count_level_help(value: Decimal, events: &str):
        "a number of events: `{value}回/分`; a share of them: `ratio({events}, …) >= {value}%`"
        | "件数なら `{value}回/分`、割合なら `ratio({events}, …) >= {value}%` と書いてください";
    percent_level(): "a percentage: `5%`" | "割合: `5%`";
    percent_level_help(value: Decimal, share: Decimal):
        "`{value}%`, or `{share}%` if it is a fraction"
        | "`{value}%` と書くか、小数のつもりなら `{share}%` と書いてください";
    duration_level(): "a length of time: `3s`" | "時間の長さ: `3秒`";
    duration_level_help(value: Decimal):
        "`{value}s` or `{value}ms`" | "`{value}秒` か `{value}ミリ秒` と書いてください";
    bytes_level(): "a size: `100MB`" | "サイズ: `100MB`";
    meant_measure(ours: &str): "did you mean `{ours}`?" | "`{ours}` のことですか?";
    bytes_level_help(value: Decimal):
        "`{value}B` or `{value}MB`" | "`{value}B` か `{value}MB` と書いてください";
    bare_level(value: Decimal): "a bare number: `{value}`" | "単位のない数: `{value}`";
    bare_level_help(value: Decimal):
        "write `{value}`, or declare the field with a unit: `duration(ms)`, `percent(0..100)`, \
         `bytes`"
        | "`{value}` と書くか、フィールドを単位のある型で宣言してください: \
         `duration(ms)`、`percent(0..100)`、`bytes`";
    fraction_level_help(fraction: Decimal):
        "write `{fraction}`: a quotient is a bare number; a share of events is `ratio(…)`"
        | "`{fraction}` と書いてください。割り算の結果は単位のない数です。\
           イベントの割合なら `ratio(…)`";

    // How a field type is written.
    time_spelling(word: &str):
        "`{word}`, `{word}(\"unix_ms\")` (also unix_s unix_us unix_ns) or a pattern: \
         `{word}(\"%Y-%m-%d %H:%M:%S\")`"
        | "`{word}`、`{word}(\"unix_ms\")` (unix_s unix_us unix_ns も可)、\
         書式 `{word}(\"%Y-%m-%d %H:%M:%S\")` のどれか";
    duration_spelling():
        "name the unit of the record: `duration(ms)`; ns us ms s m h"
        | "レコードの値の単位を書いてください: `duration(ms)`。単位は ns us ms s m h です";
    percent_spelling():
        "say what all of it is: `percent(0..1)` or `percent(0..100)`"
        | "100%に当たる値を示してください: `percent(0..1)` か `percent(0..100)`";
    list_spelling(): "name what it holds: `list(str)`" | "要素の型を書いてください: `list(str)`";
    bare_spelling(word: &str):
        "it takes no argument: `{word}`" | "引数は付けられません: `{word}` とだけ書いてください";
}
