//! Self-alerts as lines of the alert log.

use model::meta::MetaTransition;

use super::error::{RecordError, bad};
use super::line::{AlertLogLine, LineForm};

/// Value of `kind` of such a line; `step` is the kind of the step.
pub(super) const META: &str = "meta";
/// Version of these lines; absent in logs of earlier versions.
const VERSION: u32 = 1;

const BEGAN: &str = "firing";
const ENDED: &str = "resolved";

/// Appends a step like a transition of kind `meta`, with the version of its form and what
/// happened at the end.
pub fn write_meta(out: &mut Vec<u8>, step: &MetaTransition, message: &str) {
    let facts = step.facts();
    let mut line = AlertLogLine::new(META, (&facts, step.measured, step.id), message);
    line.keep_exact(LineForm::Log, 0, &[]);
    line.rest.version = Some(VERSION);
    let happened = if step.is_over { ENDED } else { BEGAN };
    line.rest.step = Some(happened.into());
    line.write(out);
}

/// Returns true when a line of kind `meta` is a resolution.
pub(super) fn is_over(version: u32, step: Option<&str>) -> Result<bool, RecordError> {
    if version != VERSION {
        return Err(bad("version", &version.to_string()));
    }
    match step {
        Some(BEGAN) => Ok(false),
        Some(ENDED) => Ok(true),
        other => Err(bad("step", other.unwrap_or("null"))),
    }
}

#[cfg(test)]
mod tests {
    use model::alert_facts::Measurement;
    use model::decimal::Decimal;
    use model::meta::MetaAlert;
    use model::time::Timestamp;
    use model::transition::EpisodeId;

    use super::super::{AlertRecord, read_record};
    use super::*;

    #[test]
    fn a_step_reads_back_as_what_it_was_and_another_version_is_refused() {
        let step = MetaTransition {
            alert: MetaAlert::RecordsLost { topic: "auth".to_owned(), partition: 3 },
            is_over: false,
            at: Timestamp(1_767_225_654_000),
            since: Timestamp(1_767_225_654_000),
            measured: Measurement { value: Some(Decimal::from_int(12)), threshold: None },
            id: EpisodeId(0xab),
        };
        for is_over in [false, true] {
            let step = MetaTransition { is_over, ..step.clone() };
            let mut line = Vec::new();
            write_meta(&mut line, &step, "失われた");
            let read = read_record(&line).unwrap();
            assert_eq!(read, AlertRecord::Meta(step, "失われた".to_owned()));
            let text = String::from_utf8(line).unwrap();
            assert!(text.starts_with(r#"{"kind":"meta","alert":"hansho.records_lost""#), "{text}");
            let changes = [
                ("\"version\":1", "\"version\":2", "`version` cannot be `2`"),
                ("records_lost", "records_found", "`alert` cannot be `hansho.records_found`"),
                ("\"step\":\"", "\"step\":\"un", "`step` cannot be `un"),
            ];
            for (old, new, want) in changes {
                let error = read_record(text.replace(old, new).as_bytes()).unwrap_err();
                assert!(error.to_string().contains(want), "{error}");
            }
        }
    }
}
