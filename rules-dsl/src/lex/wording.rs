//! What reading characters says.

use super::{SOURCE_BYTES_MAX, TEXT_BYTES_MAX, number::FRACTION_DIGITS_MAX};
use crate::diagnostic::{texts, wordings};

wordings! {
    LimitExceeded file_too_large():
        "the file is larger than {SOURCE_BYTES_MAX} bytes"
        | "ファイルが {SOURCE_BYTES_MAX} バイトを超えています"
        help "split it: all files share one namespace"
        | "分割してください。名前は全ファイルで共通です";
    LimitExceeded text_too_long():
        "the text is longer than {TEXT_BYTES_MAX} bytes"
        | "文字列が {TEXT_BYTES_MAX} バイトを超えています";
    LimitExceeded name_too_long():
        "the name is longer than {TEXT_BYTES_MAX} characters"
        | "名前が {TEXT_BYTES_MAX} 文字を超えています";
    StrayCharacter stray(c: char, code_point: u32):
        "the character `{c}` (U+{code_point:04X}) means nothing here"
        | "文字 `{c}` (U+{code_point:04X}) はここでは意味がありません";
    StrayCharacter unseen(code_point: u32):
        "the character U+{code_point:04X} is not seen, or moves what stands around it"
        | "文字 U+{code_point:04X} は見えないか、前後の文字の見え方を変えます"
        help "delete it; a regular expression looks for it by number: \
              `matches \"\\\\x{{{code_point:04X}}}\"`"
        | "取り除いてください。探すなら正規表現に番号で: `matches \"\\\\x{{{code_point:04X}}}\"`";
    DisguisedCharacter disguised(c: char, plain: &str):
        "`{c}` is one character that would silently be read as `{plain}`"
        | "`{c}` は一文字で、そのままでは `{plain}` と読まれてしまいます"
        help "write `{plain}`, or back-quote a name that has it"
        | "`{plain}` と書くか、名前ならバッククォートで囲んでください";
    DisguisedCharacter disguised_name(written: &str, plain: &str):
        "`{written}` holds a character that would silently be read as another: `{plain}`"
        | "`{written}` には別の文字に読み替えられてしまう文字があります: `{plain}`";
    Unterminated open_text():
        "this text has no closing `\"` on its line" | "この文字列は行内で閉じられていません"
        help "a line break inside a text is written `\\n`"
        | "文字列の中の改行は `\\n` と書きます";
    Unterminated open_name():
        "this back-quoted name is empty or not closed on its line"
        | "バッククォートの名前が空か、行内で閉じられていません";
    UnknownEscape unknown_escape(letter: char):
        "`\\{letter}` is no escape" | "`\\{letter}` というエスケープはありません"
        help "a backslash is written twice: `\\\\{letter}`; the escapes are \\\\ \\\" \\n \\t"
        | "バックスラッシュは二つ書きます: `\\\\{letter}`。エスケープは \\\\ \\\" \\n \\t だけです";

    // Numbers and units.
    NumberRange number_range(digits: &str):
        "`{digits}` is beyond 10²⁰ or has more than {FRACTION_DIGITS_MAX} fraction digits"
        | "`{digits}` は 10²⁰ を超えるか、小数が {FRACTION_DIGITS_MAX} 桁を超えています"
        help "write fewer digits, or another unit: `1.5TB`, `250ms`"
        | "桁を減らすか、別の単位で書いてください: `1.5TB`、`250ミリ秒`";
    NumberSpelling grouped(found: &str, joined: &str):
        "`{found}` is one number to some readers and several to others"
        | "`{found}` は一つの数にも複数の数にも読めます"
        help "write `{joined}` for one number; between several put a space after the comma"
        | "一つの数なら `{joined}`、複数の数ならカンマの後を空けてください";
    NumberSpelling mixed_numerals(digits: &str, first: char):
        "`{digits}{first}` mixes digits and kanji numerals"
        | "`{digits}{first}` は算用数字と漢数字が混ざっています";
    NumberSpelling kanji_numerals(word: &str, unit: &str):
        "`{word}` is written in kanji numerals" | "`{word}` は漢数字です"
        help "write the number in digits: `10{unit}`"
        | "数は算用数字で書いてください: `10{unit}`";
    UnknownUnit unknown_unit(run: &str):
        "`{run}` is no unit" | "`{run}` という単位はありません";
    UnitRunsOn runs_on(quantity: &str, rest: &str):
        "`{quantity}` runs on into `{rest}`" | "`{quantity}` の後に `{rest}` が続いています";
    UnitRunsOn window_first(phrase: &str, level: &str, window: &str):
        "`{phrase}` names the window before the level"
        | "`{phrase}` は、しきい値より先に期間を書いています"
        help "write `{level}/{window}`" | "`{level}/{window}` と書いてください";
    UnitRunsOn window_of_measure(phrase: &str):
        "`{phrase}` is a window and a measure in one word"
        | "`{phrase}` は、期間と集計を一語にしています"
        help "the window follows the level, and the measure says what is computed: \
              `avg(…) 1%超/5分`"
        | "期間はしきい値の後に、集計は measure として書きます: `avg(…) 1%超/5分`";

    ClockTime clock(written: &str):
        "`{written}` is no time of day" | "`{written}` は時刻ではありません"
        help "times of day are `00:00` to `24:00`; past midnight: `22:00-02:00`"
        | "時刻は `00:00` から `24:00` までです。深夜をまたぐなら `22:00-02:00`";

    // Phrases with two readings.
    TwoReadings calendar_time(phrase: &str):
        "`{phrase}` could be calendar time or a sliding length of time"
        | "`{phrase}` は暦の上の期間にも、直近の長さにも読めます"
        help "lengths of time slide: `1d` is the last 24 h, `1w` the last 168 h, `1h` the last \
              60 min"
        | "長さは常に直近です: `1日` は直近24時間、`1週間` は直近168時間、`1時間` は直近60分";
    TwoReadings up_to(phrase: &str, quantity: &str):
        "`{phrase}` has two readings" | "`{phrase}` には二つの読み方があります"
        help "allowed up to {quantity}, alert above it: `{quantity}超`; alert up to and including \
              it: `{quantity}以下`"
        | "{quantity}まで許し、超えたら警報: `{quantity}超`。\
           {quantity}以下で警報: `{quantity}以下`";
    TwoReadings in_a_row(phrase: &str, quantity: &str):
        "`{phrase}` has two readings" | "`{phrase}` には二つの読み方があります"
        help "that many in a window, others between them: `{quantity}/分`; a condition that lasts: \
              `for 5m`"
        | "間に別のものがあってもよい回数: `{quantity}/分`。状態が続くこと: `for 5分`";
    TwoReadings every(phrase: &str):
        "`{phrase}` has two readings" | "`{phrase}` には二つの読み方があります"
        help "within the last minute: `10回/分`; in every minute for some time: `10回/分 for 10m`"
        | "直近1分間に: `10回/分`。どの1分間でも続けて: `10回/分 for 10分`";
}

texts! {
    texts_in_quotes(): "texts stand in \"…\"" | "文字列は \"…\" で囲みます";
    plain_quote(): "only the plain `\"` closes a text" | "文字列を閉じるのは半角の `\"` だけです";
    percent_after_number():
        "`%` follows its number directly: `80%`" | "`%` は数のすぐ後に書きます: `80%`";
    back_quoted(c: char):
        "a name that is no word is back-quoted: `` `{c}` ``"
        | "語でない名前は `` `{c}` `` のように囲みます";
    write(plain: model::decimal::Decimal): "write `{plain}`" | "`{plain}` と書いてください";
    did_you_mean(spelled: &str): "did you mean `{spelled}`?" | "`{spelled}` のことですか?";
    units(all: &str): "the units are {all}" | "単位は {all} です";
    one_unit():
        "a quantity is one number and one unit, as in `90s`"
        | "数量は一つの数と一つの単位です。例: `90秒`";
    space_or_quotes(quantity: &str, rest: &str):
        "put a space after `{quantity}`, or back-quote the name `` `{quantity}{rest}` ``"
        | "`{quantity}` の後を空けるか、名前なら `` `{quantity}{rest}` `` と囲んでください";
}
