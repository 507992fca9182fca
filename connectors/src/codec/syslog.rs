//! Syslog lines: RFC 3164 as daemons write it, and RFC 5424.

use model::time::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

use crate::codec::error::{DecodeReason, ExpectedInput};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A part of a syslog line, as fields name it by their path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SyslogPart {
    Time,
    Host,
    Program,
    Pid,
    MessageId,
    Message,
    /// The numbers of the priority: the whole, its facility and its severity.
    Priority,
    Facility,
    Severity,
}

/// Time in the header of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderTime {
    /// A date with its year.
    Instant(Timestamp),
    /// Month, day and millisecond of the day.
    NoYear(u32, u32, i64),
}

/// A line taken apart; texts are parts of the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SyslogLine<'a> {
    pub time: Option<HeaderTime>,
    pub host: Option<&'a str>,
    pub program: Option<&'a str>,
    pub pid: Option<&'a str>,
    pub message_id: Option<&'a str>,
    pub message: &'a str,
    pub priority: Option<u8>,
}

impl SyslogPart {
    /// The part a field's path names.
    pub fn from_path(path: &str) -> Option<SyslogPart> {
        Some(match path {
            "time" => SyslogPart::Time,
            "host" => SyslogPart::Host,
            "program" => SyslogPart::Program,
            "pid" => SyslogPart::Pid,
            "msgid" => SyslogPart::MessageId,
            "message" => SyslogPart::Message,
            "priority" => SyslogPart::Priority,
            "facility" => SyslogPart::Facility,
            "severity" => SyslogPart::Severity,
            _ => return None,
        })
    }
}

impl HeaderTime {
    /// The instant, in UTC; `None` when the year is missing or has no such day.
    ///
    /// Without a given year it is the one that brings the date closest to when the record was
    /// taken, so that a line of 31 December read in January is not a year early.
    pub fn instant(self, year: Option<i64>, recorded: Option<Timestamp>) -> Option<Timestamp> {
        let (month, day, of_day) = match self {
            HeaderTime::Instant(time) => return Some(time),
            HeaderTime::NoYear(month, day, of_day) => (month, day, of_day),
        };
        if year.is_some() {
            return Timestamp::from_civil(year?, month, day, of_day);
        }
        let recorded = recorded?;
        let (about, ..) = recorded.date();
        let years = [about - 1, about, about + 1].into_iter();
        let instants = years.filter_map(|year| Timestamp::from_civil(year, month, day, of_day));
        instants.min_by_key(|instant| instant.0.abs_diff(recorded.0))
    }
}

/// A place in a line, moving forward.
struct SyslogCursor<'a> {
    whole: &'a str,
    rest: &'a str,
}

/// Takes a line without its line end apart.
pub(super) fn parse(whole: &str) -> Result<SyslogLine<'_>, (usize, DecodeReason)> {
    let mut line = SyslogCursor { whole, rest: whole };
    let priority = line.priority()?;
    if let Some(rest) = line.rest.strip_prefix("1 ")
        && priority.is_some()
    {
        line.rest = rest;
        return line.parse_5424(priority);
    }
    let time = Some(line.header_time()?);
    let host = Some(line.word()?);
    let (program, pid, message) = split_tag(line.rest);
    let message_id = None;
    Ok(SyslogLine { time, host, program, pid, message_id, message, priority })
}

impl<'a> SyslogCursor<'a> {
    fn fault<T>(&self, expected: ExpectedInput) -> Result<T, (usize, DecodeReason)> {
        let at = self.whole.len() - self.rest.len();
        Err((at, DecodeReason::Syslog(expected)))
    }

    /// `<0>` to `<191>`, where the line begins with one.
    fn priority(&mut self) -> Result<Option<u8>, (usize, DecodeReason)> {
        let Some(body) = self.rest.strip_prefix('<') else {
            return Ok(None);
        };
        let Some((digits, rest)) = body.split_once('>') else {
            return self.fault(ExpectedInput::Priority);
        };
        let plain = (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        match digits.parse::<u8>() {
            Ok(priority) if plain && priority <= 191 => {
                self.rest = rest;
                Ok(Some(priority))
            }
            _ => self.fault(ExpectedInput::Priority),
        }
    }

    fn word(&mut self) -> Result<&'a str, (usize, DecodeReason)> {
        match self.rest.split_once(' ') {
            Some((word, rest)) if !word.is_empty() => {
                self.rest = rest;
                Ok(word)
            }
            _ => self.fault(ExpectedInput::HeaderWord),
        }
    }

    /// `Mmm dd hh:mm:ss `, or RFC 3339, which newer daemons write in its place.
    fn header_time(&mut self) -> Result<HeaderTime, (usize, DecodeReason)> {
        if let Some((word, rest)) = self.rest.split_once(' ')
            && let Some(time) = Timestamp::parse_rfc3339(word)
        {
            self.rest = rest;
            return Ok(HeaderTime::Instant(time));
        }
        match parse_bsd_time(self.rest) {
            Some((time, rest)) => {
                self.rest = rest;
                Ok(time)
            }
            None => self.fault(ExpectedInput::HeaderTime),
        }
    }

    fn parse_5424(mut self, priority: Option<u8>) -> Result<SyslogLine<'a>, (usize, DecodeReason)> {
        let time = if let Some(rest) = self.rest.strip_prefix("- ") {
            self.rest = rest;
            None
        } else {
            Some(self.header_time()?)
        };
        let known = |word: &'a str| (word != "-").then_some(word);
        let host = known(self.word()?);
        let program = known(self.word()?);
        let pid = known(self.word()?);
        let message_id = known(self.word()?);
        let Some(rest) = skip_structured(self.rest) else {
            return self.fault(ExpectedInput::StructuredPart);
        };
        let text = rest.strip_prefix(' ').unwrap_or(rest);
        let message = text.strip_prefix('\u{feff}').unwrap_or(text);
        Ok(SyslogLine { time, host, program, pid, message_id, message, priority })
    }
}

fn parse_bsd_time(text: &str) -> Option<(HeaderTime, &str)> {
    let name = text.get(..3)?;
    let month = MONTHS.iter().position(|month| *month == name)? as u32 + 1;
    let rest = text.get(3..)?.strip_prefix(' ')?;
    let (day, rest) = rest.trim_start_matches(' ').split_once(' ')?;
    let (clock, rest) = rest.split_once(' ')?;
    let number = |text: &str| {
        let plain = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse::<i64>().ok()).flatten()
    };
    let mut parts = clock.split(':').map(number);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let day = number(day)? as u32;
    // The year is not known yet: a leap year has every day a year can have.
    Timestamp::from_civil(2024, month, day, 0)?;
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let of_day = hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS;
    Some((HeaderTime::NoYear(month, day, of_day), rest))
}

/// `program[pid]: message`, `program: message`, or a message alone.
fn split_tag(text: &str) -> (Option<&str>, Option<&str>, &str) {
    let alone = (None, None, text);
    let Some(at) = text.find(['[', ':', ' ']) else {
        return alone;
    };
    let (program, rest) = text.split_at(at);
    if program.is_empty() {
        return alone;
    }
    let trim =
        |message: &'_ str| message.len() - message.strip_prefix(' ').unwrap_or(message).len();
    let after = |message: &'_ str| text.len() - message.len() + trim(message);
    if let Some(message) = rest.strip_prefix(':') {
        return (Some(program), None, text.get(after(message)..).unwrap_or_default());
    }
    let tagged = rest.strip_prefix('[').and_then(|rest| rest.split_once("]:"));
    match tagged {
        Some((pid, message)) if !pid.contains(' ') => {
            (Some(program), Some(pid), text.get(after(message)..).unwrap_or_default())
        }
        _ => alone,
    }
}

/// Text after `-` or `[…][…]`, where a backslash keeps the next character from counting.
fn skip_structured(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix('-') {
        return Some(rest);
    }
    let mut rest = text;
    while let Some(inside) = rest.strip_prefix('[') {
        let (mut quoted, mut escaped) = (false, false);
        let end = inside.bytes().position(|byte| {
            let close = byte == b']' && !quoted;
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = quoted,
                b'"' => quoted = !quoted,
                _ => {}
            }
            close
        })?;
        rest = inside.get(end + 1..)?;
    }
    (rest.len() < text.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_without_year_is_the_one_closest_to_its_record() {
        let noon = 12 * HOUR_MS;
        let recorded = |text: &str| Timestamp::parse_rfc3339(text);
        let cases = [
            ((12, 31), "2027-01-01T00:00:10Z", Some("2026-12-31T12:00:00Z")),
            ((1, 1), "2026-12-31T23:59:50Z", Some("2027-01-01T12:00:00Z")),
            ((11, 23), "2026-11-23T12:00:01Z", Some("2026-11-23T12:00:00Z")),
            ((2, 29), "2027-03-01T00:00:00Z", Some("2028-02-29T12:00:00Z")),
            ((2, 29), "2026-03-01T00:00:00Z", None),
        ];
        for ((month, day), taken, want) in cases {
            let said = HeaderTime::NoYear(month, day, noon).instant(None, recorded(taken));
            assert_eq!(said, want.and_then(recorded), "{month}-{day} taken {taken}");
        }
        let given =
            HeaderTime::NoYear(11, 23, noon).instant(Some(2015), recorded("2026-11-23T12:00:01Z"));
        assert_eq!(given, recorded("2015-11-23T12:00:00Z"));
    }
}
