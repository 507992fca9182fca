//! Lists, tables and calendars as written.

use super::expression::Expression;
use super::terminal::{NodeSpan, QuotedText, SpannedName};

/// `list NAME = …`
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// Its name.
    pub name: SpannedName,
    /// Its items.
    pub items: ListItems,
}

/// The items of a list.
#[derive(Clone, Debug, PartialEq)]
pub enum ListItems {
    /// `"a", "b"`: constants, at least one.
    Literals(Vec<Expression>),
    /// `cidr "10.0.0.0/8", …`
    Networks(Vec<QuotedText>),
    /// `file "hosts.txt"`: one item a line.
    File(QuotedText),
}

/// `table NAME = file "…"`
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Its name.
    pub name: SpannedName,
    /// The CSV file: its header names the columns, its first column is the key.
    pub file: QuotedText,
}

/// `calendar NAME = mon-fri 09:00-18:00, sat 09:00-12:00 Asia/Tokyo except holidays "jp.ics"`
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    /// Its name.
    pub name: SpannedName,
    /// Its open hours; at least one.
    pub spans: Vec<CalendarSpan>,
    /// The IANA zone its days and times are read in: `Asia/Tokyo`. Checking refuses its lack.
    pub zone: Option<SpannedName>,
    /// The file of days on which it is closed.
    pub holidays: Option<QuotedText>,
}

/// Some days of the week and some hours of each.
#[derive(Clone, Debug, PartialEq)]
pub struct CalendarSpan {
    /// First and last day, both inside; one day is both. `sat-mon` runs over Sunday.
    pub days: Vec<(Weekday, Weekday)>,
    /// From and until, in minutes after midnight, `[from, until)`; whole days when nothing is
    /// written. `until` is at most 1440; where it is not after `from`, it is the next day's.
    pub hours: Option<(u16, u16)>,
    /// Its place.
    pub at: NodeSpan,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weekday {
    /// `mon`, 月
    Monday,
    /// `tue`, 火
    Tuesday,
    /// `wed`, 水
    Wednesday,
    /// `thu`, 木
    Thursday,
    /// `fri`, 金
    Friday,
    /// `sat`, 土
    Saturday,
    /// `sun`, 日
    Sunday,
}
