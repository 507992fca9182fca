use rules_dsl::source::SourceFile;

use super::*;

const RULES: &str = "stream logs { time: time, user: str = \"attributes.user\" }
  codec otlp_logs lateness 2s
alert seen count(logs) >= 2 within 1m by user high";

/// An ingester, and a partition that it reads.
struct Ingest {
    ingester: RecordIngester,
    partition: PartitionProgress,
}

/// An ingester of the rules above, and a partition read from its first record.
fn ingest() -> Ingest {
    let files = [SourceFile { name: "x.rules".to_owned(), text: RULES.to_owned() }];
    let set = rules_dsl::compile(&files).rules.expect("rules");
    let program = Arc::new(Program::compile(&set).expect("a program"));
    let ingester = RecordIngester::new(&program, &set.streams, None, 1).expect("an ingester");
    let from = ResumePoint { offset: 0, front: None };
    Ingest { ingester, partition: PartitionProgress::new(0, 3, 2_000, 60_000, from) }
}

/// A request of log records, each a user at a second.
fn request(records: &[(&str, i64)]) -> String {
    let records = records.iter().map(|(user, second)| {
        let value = format!(r#"{{"stringValue":"{user}"}}"#);
        let attributes = format!(r#"[{{"key":"user","value":{value}}}]"#);
        format!(r#"{{"timeUnixNano":"{second}000000000","attributes":{attributes}}}"#)
    });
    let records = records.collect::<Vec<_>>().join(",");
    format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{records}]}}]}}]}}"#)
}

impl Ingest {
    fn take(
        &mut self,
        offset: i64,
        recorded: i64,
        payload: &str,
    ) -> Result<Vec<AdmissionOutcome>, DecodeError> {
        let mut fates = Vec::new();
        let timestamp = Some(Timestamp(recorded * 1_000));
        let record = Record { partition: 3, offset, timestamp, payload: payload.as_bytes() };
        let read = self.ingester.ingest(&mut self.partition, &record, |fate| fates.push(fate));
        read.map(|()| fates)
    }
}

#[test]
fn every_event_of_a_record_is_admitted_by_itself_and_has_a_place_of_its_own() {
    let mut of = ingest();
    let late = |behind_ms| AdmissionOutcome::Late { behind_ms };
    let future = |second: i64| AdmissionOutcome::Future { time: Timestamp(second * 1_000) };
    let first = request(&[("a", 100), ("a", 400), ("b", 97), ("b", 100), ("a", 98)]);
    let fates = of.take(7, 99, &first).unwrap();
    // The front is 99, where the record's timestamp holds it: 97 is not older than 2 s less.
    let accepted = AdmissionOutcome::Accepted;
    assert_eq!(fates, [accepted, future(400), accepted, accepted, accepted]);
    assert_eq!(of.take(7, 99, &first).unwrap(), []);
    assert!(of.take(8, 99, "{\"resourceLogs\":1}").is_err());
    let second = request(&[("a", 110), ("b", 107), ("b", 108)]);
    assert_eq!(of.take(9, 120, &second).unwrap(), [accepted, late(3_000), accepted]);
    assert_eq!(of.take(10, 120, "{}").unwrap(), []);
    let Ingest { ingester, partition } = &mut of;
    let places = ingester.batches[0].rows.iter().map(|row| {
        let EventOrigin { stream, partition, offset, index } = row.origin;
        assert_eq!((stream, partition), (0, 3));
        (offset, index, row.time.0 / 1_000)
    });
    let want = [(7, 0, 100), (7, 2, 97), (7, 3, 100), (7, 4, 98), (9, 0, 110), (9, 2, 108)];
    assert_eq!(places.collect::<Vec<_>>(), want);
    let counts = ingester.counts();
    let reported = (counts.events, counts.late_dropped, counts.refused_future, counts.undecodable);
    assert_eq!(reported, (8, 1, 1, 1));
    assert_eq!(
        (counts.latest, ingester.first(0)),
        (Some(Timestamp(110_000)), Some(Timestamp(97_000)))
    );
    assert_eq!((partition.next_offset, partition.front()), (11, Some(Timestamp(110_000))));
}

#[test]
fn a_record_is_read_again_as_a_whole_from_the_front_before_it() {
    let mut of = ingest();
    of.take(0, 50, &request(&[("a", 50)])).unwrap();
    of.take(1, 70, &request(&[("a", 55), ("a", 70), ("a", 69)])).unwrap();
    of.take(2, 75, &request(&[("a", 75)])).unwrap();
    let mut partition = of.partition;
    // 69 and 70 come after 60, in a record that begins with 55.
    let resume = partition.resume_after(Timestamp(60_000));
    assert_eq!(resume, ResumePoint { offset: 1, front: Some(Timestamp(50_000)) });
    let mut again = ingest();
    again.partition = PartitionProgress::new(0, 3, 2_000, 60_000, resume);
    let fates = again.take(1, 70, &request(&[("a", 55), ("a", 70), ("a", 69)])).unwrap();
    assert_eq!(fates, [AdmissionOutcome::Accepted; 3]);
    // A little later than the record's newest event: instants are kept in stretches.
    let resume = partition.resume_after(Timestamp(70_100));
    assert_eq!(resume, ResumePoint { offset: 2, front: Some(Timestamp(70_000)) });
}

#[test]
fn a_turn_takes_fewer_records_of_many_events() {
    let Ingest { ingester, .. } = ingest();
    let turns = [(0, 512), (0, 1), (1, 512)];
    let read = turns.map(|(stream, records)| ingester.records_a_turn(stream, records));
    assert_eq!(read, [2, 1, 512]);
}
