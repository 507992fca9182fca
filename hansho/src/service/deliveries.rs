//! The lines of the delivery log: what every attempt came to.

use std::borrow::Cow;

use model::time::Timestamp;
use oncall::outbox::{GiveUp, Outcome};
use serde::{Deserialize, Serialize};

/// One attempt.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    id: Cow<'a, str>,
    attempt: u32,
    outcome: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    retry_at_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    why: Option<Cow<'a, str>>,
}

const DELIVERED: &str = "delivered";
const RETRYING: &str = "retrying";
const GAVE_UP: &str = "gave up";

/// A line for the attempt of that number at the notification of that id.
pub(crate) fn write_line(id: &str, attempt: u32, outcome: &Outcome) -> Vec<u8> {
    let (word, retry_at, why) = match outcome {
        Outcome::Delivered => (DELIVERED, None, None),
        Outcome::Retrying { at } => (RETRYING, Some(at.0), None),
        Outcome::GaveUp { why } => (GAVE_UP, None, Some(Cow::Owned(why.to_string()))),
    };
    let line = Line { id: id.into(), attempt, outcome: word.into(), retry_at_ms: retry_at, why };
    // A struct of texts and numbers always serializes.
    serde_json::to_vec(&line).unwrap_or_default()
}

/// Reads a line: notification id, attempt number and outcome; `None` where it is none.
pub(crate) fn read_line(line: &[u8]) -> Option<(String, u32, Outcome)> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let outcome = match line.outcome.as_ref() {
        DELIVERED => Outcome::Delivered,
        RETRYING => Outcome::Retrying { at: Timestamp(line.retry_at_ms?) },
        GAVE_UP => Outcome::GaveUp { why: GiveUp::Rejected(line.why?.into_owned()) },
        _ => return None,
    };
    Some((line.id.into_owned(), line.attempt, outcome))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_back_as_what_decides_whether_to_send_again() {
        let outcomes = [
            Outcome::Delivered,
            Outcome::Retrying { at: Timestamp(5) },
            Outcome::GaveUp { why: GiveUp::Rejected("404".to_owned()) },
        ];
        for outcome in outcomes {
            let line = write_line("a-firing", 3, &outcome);
            let read = read_line(&line).unwrap();
            assert_eq!((read.0.as_str(), read.1), ("a-firing", 3));
            assert_eq!(
                std::mem::discriminant(&read.2),
                std::mem::discriminant(&outcome),
                "{outcome:?}"
            );
        }
        for bad in ["", "{}", r#"{"id":"a","attempt":1,"outcome":"lost"}"#] {
            assert!(read_line(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
