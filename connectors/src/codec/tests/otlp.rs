//! OTLP requests: what their fields are, in both encodings, and what is refused.

use model::schema::OtlpSignal;

use super::*;

mod requests;

use requests::{DrawnMessage, any_request, json, wire};

/// A schema of paths, each field named as its path; the first is the time `ts`.
fn otlp(telemetry: OtlpSignal, fields: &[(&str, FieldType)]) -> Schema {
    schema(Codec::Otlp(telemetry), fields)
}

/// The events of a record, each on a line.
fn events_at(
    decoder: &mut Decoder,
    payload: &[u8],
    timestamp: Option<Timestamp>,
) -> Result<Vec<String>, DecodeError> {
    let (partition, offset) = (0, 0);
    let record = Record { partition, offset, timestamp, payload };
    let mut shown = Vec::new();
    let decoded = decoder.decode(&record, |event| shown.push(show(event).join(" ")));
    match decoded {
        Ok(()) => Ok(shown),
        Err(error) => {
            assert!(shown.is_empty(), "a refused record lent {shown:?}");
            Err(error)
        }
    }
}

fn events(decoder: &mut Decoder, payload: &[u8]) -> Vec<String> {
    events_at(decoder, payload, Some(Timestamp(0))).unwrap()
}

fn texts<'a>(paths: &[&'a str]) -> Vec<(&'a str, FieldType)> {
    paths.iter().map(|path| (*path, FieldType::Str)).collect()
}

#[ignore = "needs real logs: set HANSHO_DATA"]
#[test]
fn the_examples_of_opentelemetry_are_read() {
    let mut log_fields = texts(&[
        "body",
        "body.url",
        "event_name",
        "severity_text",
        "trace_id",
        "span_id",
        "attributes.string.attribute",
        "attributes.map.attribute.some.map.key",
        "resource.service.name",
        "scope.name",
        "scope.version",
        "scope.attributes.my.scope.attribute",
    ]);
    log_fields.extend([
        ("severity_number", FieldType::Int),
        ("attributes.boolean.attribute", FieldType::Bool),
        ("attributes.int.attribute", FieldType::Int),
        ("attributes.double.attribute", FieldType::Float),
        ("attributes.array.attribute", FieldType::List(Box::new(FieldType::Str))),
        ("body.type", FieldType::Int),
    ]);
    let scope = r#""my.library" "1.0.0" "some scope attribute""#;
    let ids = r#""5b8efff798038103d269b633813fc60c" "eee19b7ec3c1b174""#;
    let mut point_fields = texts(&["name", "unit", "type", "resource.service.name"]);
    point_fields.extend(["value", "count", "sum", "min", "max"].map(|p| (p, FieldType::Float)));
    point_fields.push(("attributes.my.counter.attr", FieldType::Str));
    let mut span_fields = texts(&["name", "trace_id", "span_id", "parent_span_id"]);
    span_fields.extend([
        ("kind", FieldType::Int),
        ("status.code", FieldType::Int),
        ("duration", FieldType::Duration(DurationUnit::Nanoseconds)),
        ("start_time_unix_nano", FieldType::Instant(TimeFormat::Auto)),
        ("attributes.my.span.attr", FieldType::Str),
    ]);
    let at = "2018-12-13T14:51:00.300Z";
    let cases = [
        (
            "logs.json",
            otlp(OtlpSignal::Logs, &log_fields),
            vec![
                format!(r#"{at} "Example log record" - - "Information" {ids} "some string""#)
                    + &format!(r#" "some value" "my.service" {scope} 10 true 10 637.704"#)
                    + r#" ["many","values"] -"#,
            ],
        ),
        (
            "events.json",
            otlp(OtlpSignal::Logs, &log_fields),
            vec![
                format!(r#"{at} - "https://www.guidgenerator.com/online-guid-generator.aspx""#)
                    + r#" "browser.page_view" "test severity text" - - - - "my.service" "#
                    + &format!("{scope} 9 - - - - 0"),
            ],
        ),
        (
            "metrics.json",
            otlp(OtlpSignal::Metrics, &point_fields),
            vec![
                format!(r#"{at} "my.counter" "1" "sum" "my.service" 5 - - - - "some value""#),
                format!(r#"{at} "my.gauge" "1" "gauge" "my.service" 10 - - - - -"#),
                format!(r#"{at} "my.histogram" "1" "histogram" "my.service" - 2 2 0 2 -"#),
                format!(r#"{at} "my.exponential.histogram" "1" "exponential_histogram""#)
                    + r#" "my.service" - 3 10 0 5 -"#,
            ],
        ),
        (
            "trace.json",
            otlp(OtlpSignal::Spans, &span_fields),
            vec![
                format!(r#"2018-12-13T14:51:01Z "I'm a server span" {ids} "eee19b7ec3c1b173""#)
                    + r#" 2 0 1 2018-12-13T14:51:00Z "some value""#,
            ],
        ),
    ];
    for (name, schema, expected) in cases {
        let bytes = real_log(&format!("otlp/{name}"));
        assert_eq!(events(&mut decoder(schema), &bytes), expected, "{name}");
    }
}

const SCOPE: &str = r#""scope":{"name":"n","version":"v"}"#;

/// A log request of one record.
fn log(record: &str) -> String {
    format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{{SCOPE},"logRecords":[{record}]}}]}}]}}"#)
}

fn metric(metric: &str) -> String {
    format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{{SCOPE},"metrics":[{metric}]}}]}}]}}"#)
}

fn span(span: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{{SCOPE},"spans":[{span}]}}]}}]}}"#)
}

fn attribute(key: &str, value: &str) -> String {
    format!(r#"{{"attributes":[{{"key":"{key}","value":{value}}}]}}"#)
}

/// Each request, a path in it as a field of a type: what it is; `-!` is a counted misfit.
#[test]
fn paths_lead_to_values_that_fit_their_types_or_are_missing() {
    use FieldType::{Bool, Duration, Float, Int, Ip, List, Str};
    use OtlpSignal::{Logs, Metrics, Spans};
    let nanos = Duration(DurationUnit::Nanoseconds);
    let millis = FieldType::Instant(TimeFormat::Unix(UnixUnit::Milliseconds));
    let ints = List(Box::new(Int));
    let twice = r#"{"attributes":[{"key":"a","value":{"intValue":1}},
        {"key":"a","value":{"intValue":"2"}}]}"#;
    let nested = r#"{"kvlistValue":{"values":[{"key":"b.c","value":{"stringValue":"x"}}]}}"#;
    let array = r#"{"arrayValue":{"values":[{"intValue":"1"},{"doubleValue":2.0}]}}"#;
    let holey = r#"{"arrayValue":{"values":[{"intValue":"1"},{}]}}"#;
    let summary = r#"{"summary":{"dataPoints":[{"count":"3","quantileValues":
        [{"value":1.5},{"quantile":0.5,"value":2},{"quantile":1,"value":9}]}]}}"#;
    let point = |point: &str| metric(&format!(r#"{{"gauge":{{"dataPoints":[{point}]}}}}"#));
    let histogram = metric(r#"{"histogram":{"dataPoints":[{}]}}"#);
    let status = r#"{"status":{"code":2,"message":"no"}}"#;
    let took = r#"{"startTimeUnixNano":"1000","endTimeUnixNano":"2500"}"#;
    let cases = [
        (Logs, log(r#"{"body":{"stringValue":"a\u0022b"}}"#), "body", &Str, r#""a\"b""#),
        (Logs, log(r#"{"body":{"stringValue":"500"}}"#), "body", &Int, "500"),
        (Logs, log(r#"{"body":{"stringValue":""}}"#), "body", &Str, r#""""#),
        (Logs, log(r#"{"body":{}}"#), "body", &Str, "-"),
        (Logs, log(r#"{"body":null}"#), "body", &Str, "-"),
        (Logs, log("{}"), "body", &Str, "-"),
        (Logs, log(r#"{"body":{"intValue":"5"}}"#), "body", &Str, "-!"),
        (Logs, log(r#"{"body":{"bytesValue":"AA=="}}"#), "body", &Str, "-!"),
        (Logs, log(&format!(r#"{{"body":{nested}}}"#)), "body.b.c", &Str, r#""x""#),
        (Logs, log(&format!(r#"{{"body":{nested}}}"#)), "body", &Str, "-!"),
        (Logs, log(&format!(r#"{{"body":{nested}}}"#)), "body.b", &Str, "-"),
        (Logs, log(r#"{"severityNumber":0,"severityText":""}"#), "severity_text", &Str, "-"),
        (Logs, log(r#"{"severityNumber":0}"#), "severity_number", &Int, "-"),
        (Logs, log(r#"{"severityNumber":"17"}"#), "severity_number", &Int, "17"),
        (Logs, log(r#"{"traceId":"ABcd"}"#), "trace_id", &Str, r#""abcd""#),
        (Logs, log(r#"{"traceId":""}"#), "trace_id", &Str, "-"),
        (Logs, log(r#"{"timeUnixNano":"1500000000"}"#), "time_unix_nano", &millis, ISO_1500),
        (Logs, log(r#"{"timeUnixNano":"1500000000"}"#), "time_unix_nano", &Int, "1500000000"),
        (Logs, log(&attribute("http.method", r#"{"stringValue":"GET"}"#)), HTTP, &Str, r#""GET""#),
        (Logs, log(&attribute("http", nested)), "attributes.http.b.c", &Str, r#""x""#),
        (Logs, log(&attribute("http", nested)), "attributes.http", &Str, "-!"),
        (Logs, log(&attribute("a", "null")), "attributes.a", &Str, "-"),
        (Logs, log(&attribute("a", "{}")), "attributes.a", &Str, "-"),
        (Logs, log(&attribute("a", r#"{"boolValue":true}"#)), "attributes.a", &Bool, "true"),
        (Logs, log(&attribute("a", r#"{"boolValue":true}"#)), "attributes.a", &Int, "-!"),
        (Logs, log(&attribute("a", r#"{"stringValue":"::1"}"#)), "attributes.a", &Ip, "::1"),
        (Logs, log(&attribute("a", r#"{"doubleValue":"NaN"}"#)), "attributes.a", &Float, "-!"),
        (Logs, log(&attribute("a", r#"{"doubleValue":1e-1}"#)), "attributes.a", &Float, "0.1"),
        (Logs, log(&attribute("a", array)), "attributes.a", &ints, "[1,2]"),
        (Logs, log(&attribute("a", array)), "attributes.a", &Int, "-!"),
        (Logs, log(&attribute("a", holey)), "attributes.a", &ints, "-!"),
        (Logs, log(&attribute("a", r#"{"intValue":1}"#)), "attributes.a", &ints, "-!"),
        (Logs, log(&attribute("ab", r#"{"intValue":1}"#)), "attributes.a", &Int, "-"),
        (Logs, log(twice), "attributes.a", &Int, "2"),
        (Logs, log(r#"{"t\u0072aceId":"ab","other":[{"body":1}]}"#), "trace_id", &Str, r#""ab""#),
        (Logs, log("{}"), "nothing.has.this", &Str, "-"),
        (Metrics, point(r#"{"asInt":"0"}"#), "value", &Float, "0"),
        (Metrics, point(r#"{"asDouble":0}"#), "value", &Float, "0"),
        (Metrics, point("{}"), "value", &Float, "-"),
        (Metrics, point("{}"), "count", &Int, "-"),
        (Metrics, point("{}"), "type", &Str, r#""gauge""#),
        (Metrics, histogram.clone(), "count", &Int, "0"),
        (Metrics, histogram.clone(), "sum", &Float, "-"),
        (Metrics, histogram.clone(), "value", &Float, "-"),
        (Metrics, metric(summary), "count", &Int, "3"),
        (Metrics, metric(summary), "sum", &Float, "0"),
        (Metrics, metric(summary), "min", &Float, "1.5"),
        (Metrics, metric(summary), "max", &Float, "9"),
        (Metrics, metric(summary), "type", &Str, r#""summary""#),
        (Spans, span(status), "status.code", &Int, "2"),
        (Spans, span(status), "status.message", &Str, r#""no""#),
        (Spans, span("{}"), "status.code", &Int, "0"),
        (Spans, span("{}"), "status.message", &Str, "-"),
        (Spans, span("{}"), "kind", &Int, "-"),
        (Spans, span(took), "duration", &nanos, "0.0000015"),
        (Spans, span(took), "duration", &Int, "1500"),
        (Spans, span(r#"{"startTimeUnixNano":"1000"}"#), "duration", &nanos, "-"),
    ];
    for (telemetry, request, path, kind, expected) in cases {
        let mut decoder = decoder(otlp(telemetry, &[(path, kind.clone())]));
        let shown = events(&mut decoder, request.as_bytes());
        let counted = if decoder.counters().misfits == [0, 1] { "!" } else { "" };
        let expected = format!("1970-01-01T00:00:00Z {expected}");
        let shown = format!("{}{counted}", shown.join("\n"));
        // The time of the event is not what is asked here.
        let value = |text: &str| text.split_once(' ').map(|(_, value)| value.to_owned());
        assert_eq!(value(&shown), value(&expected), "{path} as {kind:?} in {request}");
    }
}

const ISO_1500: &str = "1970-01-01T00:00:01.500Z";
const HTTP: &str = "attributes.http.method";

/// What the rule language takes for a path is one, and the decoder knows no other.
#[test]
fn the_paths_of_the_language_are_those_of_the_decoder() {
    use OtlpSignal::{Logs, Metrics, Spans};
    let ids = r#""traceId":"ab","spanId":"ab","parentSpanId":"ab""#;
    let times = r#""timeUnixNano":1,"observedTimeUnixNano":1,"startTimeUnixNano":1,
        "endTimeUnixNano":2"#;
    let all = |more: &str| format!("{{{ids},{times},{more}}}");
    let point = all(r#""count":1,"sum":1,"min":1,"max":1,"asInt":1"#);
    let named = |data: &str| {
        metric(&format!(r#"{{"name":"n","unit":"u","{data}":{{"dataPoints":[{point}]}}}}"#))
    };
    let log = log(&all(
        r#""body":{"stringValue":"b"},"severityNumber":9,"severityText":"s","eventName":"e""#,
    ));
    let span = span(&all(r#""name":"n","kind":1,"status":{"code":1,"message":"m"}"#));
    let requests = [(Logs, vec![log]), (Spans, vec![span])]
        .into_iter()
        .chain([(Metrics, vec![named("sum"), named("histogram")])]);
    let every: Vec<&str> = ALL.iter().flat_map(|telemetry| telemetry.paths()).copied().collect();
    for (telemetry, requests) in requests {
        for path in every.iter().chain(&["scope", "resource", "status", "attributes", "x"]) {
            let mut decoder = decoder(otlp(telemetry, &[(path, FieldType::Str)]));
            let shown: Vec<String> =
                requests.iter().flat_map(|one| events(&mut decoder, one.as_bytes())).collect();
            assert_eq!(shown.len(), requests.len());
            // A number is no text, but there it is.
            let is_there = decoder.counters().misfits[1] > 0
                || shown.iter().any(|event| !event.ends_with(" -"));
            assert_eq!(is_there, telemetry.has(path), "{path} of {telemetry:?}");
        }
    }
    for path in ["body.a", "attributes.a", "resource.a", "scope.attributes.a"] {
        assert!(Logs.has(path), "{path}");
    }
    assert!(!Metrics.has("body.a"));
}

/// The time of an event by the path of the `time` field.
#[test]
fn an_event_has_the_time_its_path_names_or_else_its_own() {
    use OtlpSignal::{Logs, Metrics, Spans};
    let second = |s: i64| format!("1970-01-01T00:00:0{s}Z");
    let both = r#"{"timeUnixNano":"2000000000","observedTimeUnixNano":"3000000000"}"#;
    let observed = r#"{"timeUnixNano":"0","observedTimeUnixNano":"3000000000"}"#;
    let stamped = r#"{"timeUnixNano":"2000000000","attributes":
        [{"key":"at","value":{"stringValue":"1970-01-01T00:00:05Z"}}]}"#;
    let ended = r#"{"startTimeUnixNano":"1000000000","endTimeUnixNano":"2000000000"}"#;
    let begun = r#"{"startTimeUnixNano":"1000000000"}"#;
    let point = metric(r#"{"sum":{"dataPoints":[{"timeUnixNano":2000000000}]}}"#);
    for (telemetry, request, path, expected) in [
        (Logs, log(both), "ts", Some(2)),
        (Logs, log(both), "time", Some(2)),
        (Logs, log(both), "time_unix_nano", Some(2)),
        (Logs, log(both), "observed_time_unix_nano", Some(3)),
        (Logs, log(observed), "time", Some(3)),
        (Logs, log(observed), "time_unix_nano", None),
        (Logs, log(stamped), "attributes.at", Some(5)),
        (Logs, log(stamped), "attributes.on", None),
        (Logs, log("{}"), "ts", None),
        (Metrics, point, "time", Some(2)),
        (Spans, span(ended), "ts", Some(2)),
        (Spans, span(ended), "start_time_unix_nano", Some(1)),
        (Spans, span(begun), "time", Some(1)),
    ] {
        let mut timed = otlp(telemetry, &[]);
        timed.fields[0].path = path.to_owned();
        let mut decoder = decoder(timed);
        let alone = events_at(&mut decoder, request.as_bytes(), None);
        match expected {
            Some(at) => assert_eq!(alone.unwrap(), [second(at)], "{path} of {request}"),
            None => {
                let error = alone.unwrap_err().to_string();
                let want = "resourceLogs[0].scopeLogs[0].logRecords[0]: no time: `ts`";
                assert!(error.starts_with(want), "{error}");
            }
        }
        let recorded = events_at(&mut decoder, request.as_bytes(), Some(Timestamp(9000)));
        assert_eq!(recorded.unwrap(), [second(expected.unwrap_or(9))], "{path} of {request}");
        let from_record = u64::from(expected.is_none());
        assert_eq!(decoder.counters().time_from_record, from_record, "{path} of {request}");
    }
}

#[test]
fn one_event_without_a_time_refuses_its_record_and_counts_nothing() {
    let fields = [("severity_number", FieldType::Str), ("body", FieldType::Str)];
    let mut decoder = decoder(otlp(OtlpSignal::Logs, &fields));
    let sound = r#"{"timeUnixNano":"1000000000","severityNumber":9}"#;
    let request = log(&format!("{sound},{sound},{{}}"));
    let error = events_at(&mut decoder, request.as_bytes(), None).unwrap_err();
    let path = "resourceLogs[0].scopeLogs[0].logRecords[2]: no time";
    assert!(error.to_string().starts_with(path), "{error}");
    assert_eq!(decoder.counters().misfits, [0, 0, 0]);
    let recorded = events_at(&mut decoder, request.as_bytes(), Some(Timestamp(5))).unwrap();
    assert_eq!(recorded.len(), 3);
    assert_eq!((decoder.counters().misfits.clone(), decoder.counters().time_from_record), {
        (vec![0, 2, 0], 1)
    });
}

#[test]
fn events_come_in_the_order_of_the_document_with_what_they_share() {
    let tag = |name: &str| {
        let array = format!(r#"{{"arrayValue":{{"values":[{{"stringValue":"{name}"}}]}}}}"#);
        format!(r#""attributes":[{{"key":"n","value":{array}}}]"#)
    };
    let record = |name: &str| {
        format!(
            r#"{{"timeUnixNano":"1000000000","body":{{"stringValue":"{name}"}},{}}}"#,
            tag(name)
        )
    };
    // Members in any order; a group without records, a record without attributes.
    let request = format!(
        r#"{{"resourceLogs":[
            {{"scopeLogs":[{{"logRecords":[{},{{"timeUnixNano":"1"}}],"scope":{{"name":"s1",{}}}}},
                {{"logRecords":[{}]}}],"resource":{{{}}}}},
            {{"resource":{{{}}}}},
            {{"scopeLogs":[{{"scope":{{"name":"s3"}},"logRecords":[{}]}}]}}]}}"#,
        record("a"),
        tag("scope"),
        record("b"),
        tag("r1"),
        tag("r2"),
        record("c"),
    );
    let list = || FieldType::List(Box::new(FieldType::Str));
    let fields = [
        ("attributes.n", list()),
        ("body", FieldType::Str),
        ("resource.n", list()),
        ("scope.attributes.n", list()),
        ("scope.name", FieldType::Str),
    ];
    let mut decoder = decoder(otlp(OtlpSignal::Logs, &fields));
    let expected = [
        r#"1970-01-01T00:00:01Z ["a"] "a" ["r1"] ["scope"] "s1""#,
        r#"1970-01-01T00:00:00Z - - ["r1"] ["scope"] "s1""#,
        r#"1970-01-01T00:00:01Z ["b"] "b" ["r1"] - -"#,
        r#"1970-01-01T00:00:01Z ["c"] "c" - - "s3""#,
    ];
    for _ in 0..2 {
        assert_eq!(events(&mut decoder, request.as_bytes()), expected);
    }
    for nothing in ["", "{}", r#"{"resourceLogs":[]}"#, r#"{"resourceSpans":[{}]}"#] {
        assert!(events(&mut decoder, nothing.as_bytes()).is_empty(), "{nothing}");
    }
}

#[test]
fn extract_takes_apart_what_events_hold() {
    let fields = [("body", FieldType::Str), ("user", FieldType::Str), ("src.ip", FieldType::Ip)];
    let mut schema = otlp(OtlpSignal::Logs, &fields);
    let parts = parts("login of ", &[(Some(2), " from "), (Some(3), "")]);
    schema.extracts.push(extract(1, parts, vec![]));
    let body = |text: &str| format!(r#"{{"body":{{"stringValue":"{text}"}}}}"#);
    let request = log(&format!("{},{}", body("login of a from 192.0.2.1"), body("logout")));
    assert_eq!(
        events(&mut decoder(schema), request.as_bytes()),
        [
            r#"1970-01-01T00:00:00Z "login of a from 192.0.2.1" "a" 192.0.2.1"#,
            r#"1970-01-01T00:00:00Z "logout" - -"#,
        ]
    );
}

#[test]
fn broken_requests_are_refused_with_their_place() {
    let deep = format!("{}1{}", r#"{"arrayValue":{"values":["#.repeat(40), "]}}".repeat(40));
    let deep = log(&format!(r#"{{"body":{deep}}}"#));
    let long = vec![b' '; MAX_RECORD_BYTES + 1];
    let one = "resourceLogs[0].scopeLogs[0].logRecords[0]";
    let cases: Vec<(Vec<u8>, String)> = [
        (r#"{"resourceLogs":5}"#, "column 17 (byte 16): resourceLogs: not OTLP: expected an array"),
        (r#"{"resourceLogs":[5]}"#, "resourceLogs[0]: not OTLP: expected an object"),
        (
            r#"{"resourceLogs":[{},{"scopeLogs":[{},{"logRecords":[null]}]}]}"#,
            "resourceLogs[1].scopeLogs[1].logRecords[0]: not OTLP: expected an object",
        ),
        (
            r#"{"resourceLogs":[{"scopeLogs":[{} {}]}]}"#,
            "resourceLogs[0]: not JSON: expected `,` or `]`",
        ),
        (r#"{"resourceLogs":[{"scopeLogs":["#, "resourceLogs[0].scopeLogs[0]: the record ends"),
        (r#"{"resourceLogs":[]} x"#, "more text follows"),
        ("[]", "column 1 (byte 0): the record is no JSON object"),
        ("   ", "the record ends in the middle"),
    ]
    .into_iter()
    .map(|(request, want)| (request.as_bytes().to_vec(), want.to_owned()))
    .chain(
        [
            (r#"{"timeUnixNano":"soon"}"#, ".timeUnixNano: not OTLP: expected a whole number"),
            (r#"{"timeUnixNano":-1}"#, ".timeUnixNano: not OTLP: expected a whole number"),
            (r#"{"severityNumber":1.5}"#, ".severityNumber: not OTLP: expected a whole number"),
            (r#"{"severityText":5}"#, ".severityText: not OTLP: expected a text"),
            (r#"{"traceId":"xy"}"#, ".traceId: not OTLP: expected hexadecimal digits"),
            (r#"{"body":"text"}"#, ".body: not OTLP: expected an object"),
            (
                r#"{"body":{"stringValue":"\ud800"}}"#,
                ".body.stringValue: not OTLP: expected an escape",
            ),
            (r#"{"body":{"boolValue":1}}"#, ".body.boolValue: not OTLP: expected true or false"),
            (r#"{"body":{"doubleValue":[]}}"#, ".body.doubleValue: not OTLP: expected a number"),
            (r#"{"attributes":[{},{"key":1}]}"#, ".attributes[1].key: not OTLP: expected a text"),
            (r#"{"other":tru}"#, ": not JSON: expected a value"),
        ]
        .map(|(record, want)| (log(record).into_bytes(), format!("{one}{want}"))),
    )
    .chain([
        (deep.into_bytes(), "the record is nested deeper than 64 levels".to_owned()),
        (long, "the limit is 1048576".to_owned()),
        (b"{\"a\":\"\xff\"}".to_vec(), "the bytes are not UTF-8".to_owned()),
        (
            vec![0x0a],
            "column 2 (byte 1): resourceLogs: not OTLP: expected a field that ends".to_owned(),
        ),
        (
            vec![0x0a, 9, 0],
            "(byte 1): resourceLogs: not OTLP: expected a field that ends".to_owned(),
        ),
        (
            vec![0x0a, 2, 0x12, 1],
            "resourceLogs[0].scopeLogs: not OTLP: expected a field".to_owned(),
        ),
        (
            vec![0x0a, 2, 0x10, 1],
            "resourceLogs[0].scopeLogs: not OTLP: expected a field with".to_owned(),
        ),
        (vec![0x0a, 1, 0x03], "resourceLogs[0]: not OTLP: expected a field with a wire".to_owned()),
        (vec![0x0a, 1, 0x1b], "resourceLogs[0]: not OTLP: expected a field with a wire".to_owned()),
        ([vec![0x0a, 12], vec![0xff; 12]].concat(), "expected a number of at most ten".to_owned()),
        (
            vec![0x0a, 8, 0x12, 6, 0x12, 4, 0x1a, 2, 0xc3, 0x28],
            format!("{one}.severityText: not OTLP: expected a text in UTF-8"),
        ),
        (nested_wire(70), "the record is nested deeper than 64 levels".to_owned()),
    ])
    .collect();
    let mut decoder = decoder(otlp(OtlpSignal::Logs, &[("body", FieldType::Str)]));
    for (payload, want) in cases {
        let shown = String::from_utf8_lossy(&payload[..payload.len().min(90)]).into_owned();
        let error = events_at(&mut decoder, &payload, Some(Timestamp(0))).unwrap_err().to_string();
        assert!(error.contains(&want), "{shown}: {error}");
        // One bad record leaves nothing behind.
        assert_eq!(events(&mut decoder, log("{}").as_bytes()), ["1970-01-01T00:00:00Z -"]);
    }
}

/// A log record whose body holds arrays in arrays, in protobuf.
fn nested_wire(levels: usize) -> Vec<u8> {
    let wrap = |tag: u8, inner: Vec<u8>| {
        let mut outer = vec![tag];
        let mut length = inner.len();
        while length >= 0x80 {
            outer.push(length as u8 | 0x80);
            length >>= 7;
        }
        outer.push(length as u8);
        outer.extend(inner);
        outer
    };
    let body = (0..levels).fold(Vec::new(), |inner, _| wrap(0x2a, wrap(0x0a, inner)));
    wrap(0x0a, wrap(0x12, wrap(0x12, wrap(0x2a, body))))
}

#[test]
fn events_and_what_they_share_have_limits() {
    let mut small = decoder(otlp(OtlpSignal::Logs, &[("resource.k", FieldType::Str)]));
    // Two bytes an event: a tag, and a length of zero.
    let group = |resource: &[u8], count: usize| {
        let lengthy = |tag: u8, inner: &[u8]| {
            let length = inner.len() as u32;
            let varint = (0..5).map(|at| (length >> (7 * at)) as u8 & 0x7f);
            let mut out = vec![tag];
            out.extend(varint.enumerate().map(|(at, b)| if at < 4 { b | 0x80 } else { b }));
            out.extend(inner);
            out
        };
        let value = lengthy(0x12, &lengthy(0x0a, resource));
        let attribute = lengthy(0x0a, &[lengthy(0x0a, b"k"), value].concat());
        let records = lengthy(0x12, &[0x12, 0].repeat(count));
        lengthy(0x0a, &[lengthy(0x0a, &attribute), records].concat())
    };
    assert_eq!(events(&mut small, &group(b"x", EVENTS_MAX)).len(), EVENTS_MAX);
    let (half, text) = (EVENTS_MAX / 2, vec![b'x'; SHARED_TEXT_MAX / EVENTS_MAX * 2]);
    assert_eq!(events(&mut small, &group(&text, half)).len(), half);
    for (payload, want) in [
        (group(b"x", EVENTS_MAX + 1), "logRecords[65536]: the record has more than 65536 events"),
        (group(&text, half + 1), "logRecords[32768]: the texts of its resources"),
    ] {
        let error = events_at(&mut small, &payload, Some(Timestamp(0))).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
    // Nobody asks for the text: nothing is copied, so nothing is refused.
    let mut other = decoder(otlp(OtlpSignal::Logs, &[("resource.other", FieldType::Str)]));
    assert_eq!(events(&mut other, &group(&text, half + 1)).len(), half + 1);
}

/// Fields of every kind of place, of types that some values do not fit.
fn wide(telemetry: OtlpSignal) -> Schema {
    let mut fields = texts(&[
        "body",
        "body.a.b",
        "severity_text",
        "trace_id",
        "parent_span_id",
        "event_name",
        "name",
        "unit",
        "type",
        "attributes.a",
        "attributes.a.b",
        "resource.a",
        "scope.name",
        "scope.attributes.a",
        "status.message",
    ]);
    let numbers = ["severity_number", "kind", "status.code", "count", "duration", "body.a"];
    fields.extend(numbers.map(|path| (path, FieldType::Int)));
    fields.extend(["value", "sum", "min", "max"].map(|path| (path, FieldType::Float)));
    fields.push(("resource.a.b", FieldType::List(Box::new(FieldType::Int))));
    fields.push(("attributes.b", FieldType::List(Box::new(FieldType::Str))));
    otlp(telemetry, &fields)
}

const ALL: [OtlpSignal; 3] = [OtlpSignal::Logs, OtlpSignal::Metrics, OtlpSignal::Spans];

fn drawn() -> impl Strategy<Value = (OtlpSignal, DrawnMessage)> {
    proptest::sample::select(ALL.to_vec())
        .prop_flat_map(|telemetry| any_request(telemetry).prop_map(move |drawn| (telemetry, drawn)))
}

proptest! {
    #[test]
    fn json_and_protobuf_of_one_request_are_the_same_events(
        (telemetry, request) in drawn(),
        salt in any::<u32>(),
    ) {
        let mut decoder = decoder(wide(telemetry));
        let of_json = events(&mut decoder, json(&request, salt).as_bytes());
        let counted = decoder.counters().clone();
        let of_wire = events(&mut decoder, &wire(&request, salt));
        prop_assert_eq!(of_json, of_wire);
        let twice: Vec<u64> = counted.misfits.iter().map(|count| count * 2).collect();
        prop_assert_eq!(&decoder.counters().misfits, &twice);
        prop_assert_eq!(decoder.counters().time_from_record, counted.time_from_record * 2);
    }

    #[test]
    fn damaged_bytes_never_do_harm(
        (telemetry, request) in drawn(),
        in_json in any::<bool>(),
        damage in proptest::collection::vec((any::<u16>(), any::<u8>(), 0_u8..4), 0..6),
    ) {
        let mut bytes =
            if in_json { json(&request, 0).into_bytes() } else { wire(&request, 0) };
        for (at, byte, kind) in damage {
            let at = at as usize % (bytes.len() + 1);
            match kind {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, byte),
                _ => {
                    if let Some(old) = bytes.get_mut(at) {
                        *old = if kind == 2 { byte } else { old.wrapping_add(1) };
                    }
                }
            }
        }
        let mut decoder = decoder(wide(telemetry));
        for timestamp in [None, Some(Timestamp(0))] {
            // Whatever they are: no panic, and nothing lent of what is refused.
            if let Err(error) = events_at(&mut decoder, &bytes, timestamp) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
        prop_assert_eq!(events(&mut decoder, b"").len(), 0);
    }

    #[test]
    fn any_bytes_never_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for telemetry in ALL {
            let _ = events_at(&mut decoder(wide(telemetry)), &bytes, None);
        }
    }
}
