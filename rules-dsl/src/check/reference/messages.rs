//! Messages about lists, tables and calendars.

use crate::check::limits::{ITEMS_MAX, ROWS_MAX};
use crate::diagnostic::{texts, wordings};

wordings! {
    NamedFile unreadable(name: &str, error: &str):
        "`{name}` cannot be read: {error}" | "`{name}` を読めません: {error}"
        help "the path counts from the rule file's own folder"
        | "パスを確認してください。起点はこのルールファイルのあるフォルダーです";
    NamedFile bad_line(name: &str, line: usize, text: &str):
        "line {line} of `{name}` is `{text}`" | "`{name}` の{line}行目 `{text}` を読めません";
    NamedFile bad_csv(name: &str, error: &str):
        "`{name}` is no table: {error}" | "`{name}` を表として読めません: {error}";
    NamedFile column_twice(name: &str, column: &str):
        "`{name}` has the column `{column}` twice" | "`{name}` に列 `{column}` が二つあります";
    LimitExceeded too_many_items(name: &str):
        "`{name}` has more than {ITEMS_MAX} items" | "`{name}` の項目が{ITEMS_MAX}個を超えています";
    LimitExceeded too_many_rows(name: &str):
        "`{name}` has more than {ROWS_MAX} rows" | "`{name}` の行数が{ROWS_MAX}を超えています";
    TwoReadings all_day_or_never(hours: &str):
        "`{hours}` could be a whole day or no time at all"
        | "`{hours}` は丸一日にも、まったくない時間にも読めます"
        help "a whole day: leave the hours out, `mon-fri`; over midnight: `22:00-06:00`"
        | "丸一日なら時刻を書かず `mon-fri`、深夜をまたぐなら `22:00-06:00` と書いてください";
    CalendarZone no_zone(name: &str):
        "the calendar `{name}` has no time zone" | "calendar `{name}` にタイムゾーンがありません"
        help "write an IANA zone after the hours: `mon-fri 09:00-18:00 Asia/Tokyo`"
        | "時刻の後に IANA のタイムゾーン名を書いてください: `mon-fri 09:00-18:00 Asia/Tokyo`";
    CalendarZone unknown_zone(zone: &str):
        "there is no time zone `{zone}`" | "タイムゾーン `{zone}` はありません"
        help "zones are named as in `Asia/Tokyo`, `Europe/Berlin`, `UTC`"
        | "`Asia/Tokyo`、`Europe/Berlin`、`UTC` のように書いてください";
    ChangedClocks opening_skipped(edge: &str, day: &str, zone: &str, before: &str, after: &str):
        "there is no {edge} on {day} in {zone}: it opens as the clocks go from {before} to {after}"
        | "{zone} の {day} は時計が {before} から {after} に進むため {edge} がなく、\
           その瞬間に開きます";
    ChangedClocks closing_skipped(edge: &str, day: &str, zone: &str, before: &str, after: &str):
        "there is no {edge} on {day} in {zone}: it closes as the clocks go from {before} to {after}"
        | "{zone} の {day} は時計が {before} から {after} に進むため {edge} がなく、\
           その瞬間に閉じます";
    ChangedClocks hours_skipped(day: &str, zone: &str, before: &str, after: &str):
        "it does not open on {day} in {zone}, where the clocks go from {before} to {after}"
        | "{zone} の {day} は時計が {before} から {after} に進むため、一度も開きません";
    ChangedClocks edge_twice(edge: &str, day: &str, zone: &str, before: &str, after: &str):
        "{edge} comes twice on {day} in {zone}, where the clocks go back from {before} to {after}: \
         open episodes end and `for` begins anew in between"
        | "{zone} の {day} は時計が {before} から {after} に戻るため、{edge} が2回あります。\
           その間に発火中のアラートは解消し、`for` も数え直しになります";
    AbsenceScope roster_of_one():
        "a list names keys of one component"
        | "list で対象を指定できるのは、要素が一つのキーだけです"
        help "write `by host in LIST`" | "`by host in リスト名` と書いてください";
    AbsenceScope seen_and_listed():
        "`seen` and `in` both say which keys are missed"
        | "`seen` と `in` の両方で対象のキーが指定されています"
        help "keep one of them" | "どちらか一つにしてください";
    OverrideShape not_in_key(name: &str):
        "`{name}` is no component of the key" | "`{name}` はキーに含まれていません"
        help "add it to `by`" | "`by` に加えてください";
    OverrideShape no_level_column(table: &str, severity: &str):
        "the table `{table}` has no column `{severity}`"
        | "table `{table}` に列 `{severity}` がありません"
        help "its header names severities and `clear`"
        | "見出しに重大度や `clear` の列を書いてください";
    OverrideShape bad_level(table: &str, line: usize, cell: &str):
        "line {line} of the table `{table}` has the level `{cell}`"
        | "table `{table}` の{line}行目のしきい値 `{cell}` を読めません";
    OverrideShape row_order(table: &str, line: usize):
        "the levels in line {line} of the table `{table}` do not rise with the severity"
        | "table `{table}` の{line}行目は、重大度が高いほど厳しいしきい値になっていません";
    OverrideShape clear_of_none(table: &str):
        "the table `{table}` has `clear` levels, the alert has no `clear`"
        | "table `{table}` に `clear` の列がありますが、アラートに `clear` がありません"
        help "write the alert's own `clear`, which goes where the table has none"
        | "table に値がない場合に使う `clear` をアラートに書いてください";
    OverrideShape row_clear(table: &str, line: usize):
        "`clear` in line {line} of the table `{table}` is not on the easier side of the level"
        | "table `{table}` の{line}行目の `clear` がしきい値より緩い値になっていません";
}

texts! {
    whole_hours(hours: &str):
        "move them out of what the clocks skip or show twice: `{hours}`"
        | "飛ばされる時間や2回ある時間の外に動かしてください: `{hours}`";
    items_of(kind: &str): "{kind} on every line" | "各行に{kind}";
}
