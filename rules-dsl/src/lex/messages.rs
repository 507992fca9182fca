//! Messages of the lexer.

use super::lexer::{SOURCE_BYTES_MAX, TEXT_BYTES_MAX};
use super::number::FRACTION_DIGITS_MAX;
use crate::diagnostic::{texts, wordings};

wordings! {
    LimitExceeded file_too_large():
        "the file is larger than {SOURCE_BYTES_MAX} bytes"
        | "ファイルが{SOURCE_BYTES_MAX}バイトを超えています"
        help "split it: all files share one namespace"
        | "ファイルを分割してください。名前は全ファイルで共有されます";
    LimitExceeded text_too_long():
        "the text is longer than {TEXT_BYTES_MAX} bytes"
        | "文字列が{TEXT_BYTES_MAX}バイトを超えています";
    LimitExceeded name_too_long():
        "the name is longer than {TEXT_BYTES_MAX} characters"
        | "名前が{TEXT_BYTES_MAX}文字を超えています";
    StrayCharacter stray(c: char, code_point: u32):
        "the character `{c}` (U+{code_point:04X}) means nothing here"
        | "文字 `{c}` (U+{code_point:04X}) はここでは使えません";
    StrayCharacter unseen(code_point: u32):
        "the character U+{code_point:04X} is not seen, or moves what stands around it"
        | "文字 U+{code_point:04X} は目に見えないか、前後の表示を変える文字です"
        help "delete it; a regular expression looks for it by number: \
              `matches \"\\\\x{{{code_point:04X}}}\"`"
        | "削除してください。この文字を検索するなら正規表現に番号で書きます: \
           `matches \"\\\\x{{{code_point:04X}}}\"`";
    DisguisedCharacter disguised(c: char, plain: &str):
        "`{c}` is one character that would silently be read as `{plain}`"
        | "`{c}` は、そのままでは `{plain}` と読み替えられてしまう文字です"
        help "write `{plain}`, or back-quote a name that has it"
        | "`{plain}` と書くか、名前ならバッククォートで囲んでください";
    DisguisedCharacter disguised_name(written: &str, plain: &str):
        "`{written}` holds a character that would silently be read as another: `{plain}`"
        | "`{written}` には、`{plain}` と読み替えられてしまう文字が含まれています";
    Unterminated open_text():
        "this text has no closing `\"` on its line" | "文字列が同じ行で閉じられていません"
        help "a line break inside a text is written `\\n`"
        | "`\"` で閉じてください。文字列の中の改行は `\\n` と書きます";
    Unterminated open_name():
        "this back-quoted name is empty or not closed on its line"
        | "バッククォートで囲んだ名前が空か、同じ行で閉じられていません";
    UnknownEscape unknown_escape(letter: char):
        "`\\{letter}` is no escape" | "`\\{letter}` というエスケープはありません"
        help "a backslash is written twice: `\\\\{letter}`; the escapes are \\\\ \\\" \\n \\t"
        | "バックスラッシュは二つ重ねて書いてください: `\\\\{letter}`。\
           使えるエスケープは \\\\ \\\" \\n \\t だけです";

    // Numbers and units.
    NumberRange number_range(digits: &str):
        "`{digits}` is beyond 10²⁰ or has more than {FRACTION_DIGITS_MAX} fraction digits"
        | "`{digits}` は10²⁰を超えているか、小数部が{FRACTION_DIGITS_MAX}桁を超えています"
        help "write fewer digits, or another unit: `1.5TB`, `250ms`"
        | "桁を減らすか、別の単位で書いてください: `1.5TB`、`250ミリ秒`";
    NumberSpelling grouped(found: &str, joined: &str):
        "`{found}` is one number to some readers and several to others"
        | "`{found}` は一つの数にも複数の数にも読めます"
        help "write `{joined}` for one number; between several put a space after the comma"
        | "一つの数なら `{joined}` と書き、複数の数ならカンマの後に空白を入れてください";
    NumberSpelling mixed_numerals(digits: &str, first: char):
        "`{digits}{first}` mixes digits and kanji numerals"
        | "`{digits}{first}` には算用数字と漢数字が混在しています";
    NumberSpelling kanji_numerals(word: &str):
        "`{word}` is written in kanji numerals" | "`{word}` は漢数字で書かれています";
    UnknownUnit unknown_unit(run: &str):
        "`{run}` is no unit" | "`{run}` という単位はありません";
    UnitRunsOn runs_on(quantity: &str, rest: &str):
        "`{quantity}` runs on into `{rest}`" | "`{quantity}` の直後に `{rest}` が続いています";
    UnitRunsOn window_first(phrase: &str, level: &str, window: &str):
        "`{phrase}` names the window before the level"
        | "`{phrase}` では、しきい値より先にウィンドウが書かれています"
        help "did you mean `{level}/{window}`?" | "`{level}/{window}` のことですか?";
    UnitRunsOn window_of_measure(phrase: &str):
        "`{phrase}` is a window and a measure in one word"
        | "`{phrase}` では、ウィンドウと集計が一語になっています"
        help "the window follows the level, and the measure says what is computed: \
              `avg(…) 1%超/5分`"
        | "ウィンドウはしきい値の後に、集計は関数で書いてください: `avg(…) 1%超/5分`";

    ClockTime clock(written: &str):
        "`{written}` is no time of day" | "`{written}` は時刻として読めません"
        help "times of day are `00:00` to `24:00`; past midnight: `22:00-02:00`"
        | "時刻は `00:00` から `24:00` までです。日付をまたぐ場合は `22:00-02:00` と書いてください";

    // Phrases with two readings.
    TwoReadings calendar_time(phrase: &str):
        "`{phrase}` could be calendar time or a sliding length of time"
        | "`{phrase}` は暦の期間とも、直近の長さとも読めます"
        help "lengths of time slide: `1d` is the last 24 h, `1w` the last 168 h, `1h` the last \
              60 min"
        | "直近の長さで書いてください: `1日` は直近24時間、`1週間` は直近168時間、\
           `1時間` は直近60分です";
    TwoReadings up_to(phrase: &str, quantity: &str):
        "`{phrase}` has two readings" | "`{phrase}` は二通りに読めます"
        help "allowed up to {quantity}, alert above it: `{quantity}超`; alert up to and including \
              it: `{quantity}以下`"
        | "{quantity}までは許容し、超えたらアラート: `{quantity}超`。\
           {quantity}以下ならアラート: `{quantity}以下`";
    TwoReadings in_a_row(phrase: &str, quantity: &str):
        "`{phrase}` has two readings" | "`{phrase}` は二通りに読めます"
        help "that many in a window, others between them: `{quantity}/分`; a condition that lasts: \
              `for 5m`"
        | "一定時間内の回数 (間に別のイベントがあってもよい): `{quantity}/分`。\
           状態の継続: `for 5分`";
    TwoReadings every(phrase: &str):
        "`{phrase}` has two readings" | "`{phrase}` は二通りに読めます"
        help "within the last minute: `10回/分`; in every minute for some time: `10回/分 for 10m`"
        | "直近1分間の回数: `10回/分`。毎分その回数が続く状態: `10回/分 for 10分`";
}

texts! {
    in_digits(value: u64, unit: &str):
        "write the number in digits: `{value}{unit}`"
        | "数は算用数字で書いてください: `{value}{unit}`";
    texts_in_quotes(): "texts stand in \"…\"" | "文字列は \"…\" で囲んでください";
    plain_quote(): "only the plain `\"` closes a text" | "文字列を閉じるのは半角の `\"` だけです";
    percent_after_number():
        "`%` follows its number directly: `80%`" | "`%` は数の直後に書いてください: `80%`";
    space_before_level(name: &str, digits: &str):
        "put a space before the level: `{name} {digits}%`"
        | "しきい値の前に空白を入れてください: `{name} {digits}%`";
    back_quoted(c: char):
        "a name that is no word is back-quoted: `` `{c}` ``"
        | "記号を含む名前は `` `{c}` `` のようにバッククォートで囲んでください";
    write(plain: model::decimal::Decimal): "write `{plain}`" | "`{plain}` と書いてください";
    did_you_mean(spelled: &str): "did you mean `{spelled}`?" | "`{spelled}` のことですか?";
    units(all: &str): "the units are {all}" | "単位は {all} です";
    one_unit():
        "a quantity is one number and one unit, as in `90s`"
        | "数と単位は一つずつ書いてください。例: `90秒`";
    space_or_quotes(quantity: &str, rest: &str):
        "put a space after `{quantity}`, or back-quote the name `` `{quantity}{rest}` ``"
        | "`{quantity}` の後に空白を入れるか、\
           名前ならバッククォートで囲んでください: `` `{quantity}{rest}` ``";
}
