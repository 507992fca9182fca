use std::path::PathBuf;

use model::schema::{
    DurationUnit, Extract, Field, Pattern, PatternPart, PercentScale, TimeFormat, UnixUnit,
};
use model::time::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::source::MAX_RECORD_BYTES;

mod json_documents;
mod otlp;

/// A schema whose first field is the time `ts`.
fn schema(codec: Codec, fields: &[(&str, FieldType)]) -> Schema {
    let time = ("ts", FieldType::Time(TimeFormat::Auto));
    let all = std::iter::once(&time).chain(fields);
    Schema {
        name: "s".to_owned(),
        input: "s".to_owned(),
        codec,
        fields: all
            .map(|(name, kind)| Field {
                name: (*name).to_owned(),
                path: (*name).to_owned(),
                kind: kind.clone(),
            })
            .collect(),
        time: 0,
        lateness_ms: 0,
        id: None,
        partitioned_by: None,
        extracts: Vec::new(),
    }
}

fn decoder(schema: Schema) -> Decoder {
    Decoder::new(Arc::new(schema), None).unwrap()
}

/// What an event held, as text: values in order, lists in brackets.
fn show(event: &Event<'_>) -> Vec<String> {
    let one = |value: &Value<'_>| match value {
        Value::Missing => "-".to_owned(),
        Value::Text(text) => format!("{text:?}"),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Time(time) => time.to_string(),
        Value::Ip(address) => address.to_string(),
        Value::List { .. } => unreachable!("lists do not nest"),
    };
    let show_value = |value: &Value<'_>| match value {
        Value::List { start, len } => {
            let items = &event.items[*start as usize..(start + len) as usize];
            format!("[{}]", items.iter().map(one).collect::<Vec<_>>().join(","))
        }
        other => one(other),
    };
    event.values.iter().map(show_value).collect()
}

fn decode(decoder: &mut Decoder, payload: &[u8]) -> Result<Vec<String>, DecodeError> {
    decode_at(decoder, payload, Some(Timestamp(0)))
}

fn decode_at(
    decoder: &mut Decoder,
    payload: &[u8],
    timestamp: Option<Timestamp>,
) -> Result<Vec<String>, DecodeError> {
    let (partition, offset) = (0, 0);
    let record = Record { partition, offset, timestamp, payload };
    let mut shown = None;
    decoder.decode(&record, |event| {
        assert_eq!(shown.replace(show(event)), None, "two events in one record");
    })?;
    Ok(shown.expect("an event"))
}

/// Each JSON value read as a field of a type: what it becomes; `-!` is a counted misfit.
#[test]
fn values_fit_their_types_or_are_missing_and_counted() {
    use FieldType::{Bool, Bytes, Duration, Float, Instant, Int, Ip, List, Percent, Str};
    let millis = Duration(DurationUnit::Milliseconds);
    let hours = Duration(DurationUnit::Hours);
    let hundred = Percent(PercentScale::Hundred);
    let unix_ms = Instant(TimeFormat::Unix(UnixUnit::Milliseconds));
    let auto = Instant(TimeFormat::Auto);
    let apache = Instant(TimeFormat::Pattern("%d/%b/%Y:%H:%M:%S %z".to_owned()));
    let naive = Instant(TimeFormat::Pattern("%Y-%m-%d %H:%M:%S".to_owned()));
    let long_list = format!("[{}1]", "1,".repeat(LIST_ITEMS_MAX));
    let cases = [
        (&Str, r#""a""#, r#""a""#),
        (&Str, r#""""#, r#""""#),
        (&Str, "null", "-"),
        (&Str, "5", "-!"),
        (&Str, "true", "-!"),
        (&Str, "{}", "-!"),
        (&Str, "[1]", "-!"),
        (&Str, r#""\u0000\ud83d\udd14\"\/\n""#, "\"\\0🔔\\\"/\\n\""),
        (&Str, r#""\ud83d""#, "-!"),
        (&Str, r#""\udd14x""#, "-!"),
        (&Str, r#""\ud83d\u0041""#, "-!"),
        (&Int, "500", "500"),
        (&Int, r#""500""#, "500"),
        (&Int, "-0", "0"),
        (&Int, "5.0", "5"),
        (&Int, "50e-1", "5"),
        (&Int, "1e3", "1000"),
        (&Int, "3.5", "-!"),
        (&Int, "3.0000000001", "-!"),
        (&Int, "0.1e-400", "-!"),
        (&Int, "0.0e-400", "0"),
        (&Int, "9223372036854775807", "9223372036854775807"),
        (&Int, "9223372036854775808", "-!"),
        (&Int, "1e999", "-!"),
        (&Int, r#"" 5""#, "-!"),
        (&Int, "true", "-!"),
        (&Float, "0.1", "0.1"),
        (&Float, "85.8349999999", "85.835"),
        (&Float, "1e20", "100000000000000000000"),
        (&Float, "-1.1e20", "-!"),
        (&Float, "1e999", "-!"),
        (&Float, "1e-999", "0"),
        (&Float, r#""0.5""#, "0.5"),
        (&Float, r#""NaN""#, "-!"),
        (&Float, r#""x""#, "-!"),
        (&Bool, "true", "true"),
        (&Bool, "false", "false"),
        (&Bool, r#""true""#, "true"),
        (&Bool, r#""yes""#, "-!"),
        (&Bool, "1", "-!"),
        (&Ip, r#""203.0.113.9""#, "203.0.113.9"),
        (&Ip, r#""::ffff:203.0.113.9""#, "203.0.113.9"),
        (&Ip, r#""2001:DB8::1""#, "2001:db8::1"),
        (&Ip, r#""999.1.1.1""#, "-!"),
        (&Ip, "5", "-!"),
        (&millis, "1500", "1.5"),
        (&millis, "0.0000015", "0.000000002"),
        (&hours, "1.5", "5400"),
        (&hours, "1e20", "-!"),
        (&hundred, "85.835", "0.85835"),
        (&hundred, r#""80""#, "0.8"),
        (&Bytes, "1048576", "1048576"),
        (&unix_ms, "1767225600123.9", "2026-01-01T00:00:00.123Z"),
        (&unix_ms, "1e18", "-!"),
        (&auto, r#""2026-01-01T09:00:00.1239+09:00""#, "2026-01-01T00:00:00.123Z"),
        (&auto, "1767225600", "2026-01-01T00:00:00Z"),
        (&auto, "1767225600.9999999999", "2026-01-01T00:00:00.999Z"),
        (&auto, "1767225600123", "2026-01-01T00:00:00.123Z"),
        (&auto, "1767225600123456", "2026-01-01T00:00:00.123Z"),
        (&auto, "1767225600123456789", "2026-01-01T00:00:00.123Z"),
        (&auto, r#""1767225600""#, "2026-01-01T00:00:00Z"),
        (&auto, "-1.5", "1969-12-31T23:59:58.500Z"),
        (&auto, r#""2026-01-01T00:00:00""#, "-!"),
        (&auto, "true", "-!"),
        (&apache, r#""10/Oct/2000:13:55:36 -0700""#, "2000-10-10T20:55:36Z"),
        (&apache, r#""10/Oct/2000""#, "-!"),
        (&naive, r#""2026-01-01 00:00:01""#, "2026-01-01T00:00:01Z"),
        (&List(Box::new(Int)), "[]", "[]"),
        (&List(Box::new(Int)), r#"[ 1 , "2",3.0 ]"#, "[1,2,3]"),
        (&List(Box::new(Int)), "[1,null]", "-!"),
        (&List(Box::new(Int)), "[[1]]", "-!"),
        (&List(Box::new(Int)), "1", "-!"),
        (&List(Box::new(Int)), long_list.as_str(), "-!"),
        (&List(Box::new(Str)), r#"["a\n","b,]"]"#, r#"["a\n","b,]"]"#),
    ];
    for (kind, json, expected) in cases {
        let mut decoder = decoder(schema(Codec::Json, &[("f", kind.clone())]));
        let values = decode(&mut decoder, format!("{{\"f\":{json}}}").as_bytes()).unwrap();
        let counted = if decoder.counters().misfits == [0, 1] { "!" } else { "" };
        assert_eq!(format!("{}{counted}", values[1]), expected, "{json} as {kind:?}");
    }
}

#[test]
fn fields_are_found_however_they_are_nested_and_named() {
    let kinds = ["a", "user.name", "x.y.z"].map(|name| (name, FieldType::Str));
    let mut schema = schema(Codec::Json, &kinds);
    schema.fields.push(Field {
        name: "alias".to_owned(),
        path: "user.name".to_owned(),
        kind: FieldType::Str,
    });
    let mut decoder = decoder(schema);
    for (json, expected) in [
        (r#"{}"#, "- - - -"),
        (r#"{"a":"1","user":{"name":"n"},"x":{"y":{"z":"3"}}}"#, r#""1" "n" "3" "n""#),
        (r#"{"user.name":"n","x.y":{"z":"3"}}"#, r#"- "n" "3" "n""#),
        (r#"{"x":{"y.z":"3"},"user":"n"}"#, r#"- - "3" -"#),
        (r#"{"x.y.z":"3","x":{"y":{"z":"4"}}}"#, r#"- - "4" -"#),
        (r#"{"x":{"y":{"z":"4"}},"x.y.z":"3"}"#, r#"- - "3" -"#),
        (r#"{"a":"1","a":"2"}"#, r#""2" - - -"#),
        (r#"{"a":"1","a":null}"#, "- - - -"),
        (r#"{"\u0061":"1","us\u0065r":{"n\u0061me":"n"}}"#, r#""1" "n" - "n""#),
        (r#"{"\ud800":"1","A":"1","user":{"name":{"a":"1"}}}"#, "- - - -"),
        (r#"{"other":[{"a":"1"},[["x"]],1e999,"\ud800"],"a":"2"}"#, r#""2" - - -"#),
        (" \t\r\n{ \"a\" : \"1\" , \"b\" : { } , \"c\" : [ ] } \n", r#""1" - - -"#),
        ("\u{feff}{\"a\":\"1\"}", r#""1" - - -"#),
    ] {
        let values = decode(&mut decoder, json.as_bytes()).unwrap();
        assert_eq!(values[1..].join(" "), expected, "{json}");
    }
}

#[test]
fn bad_input_is_refused_with_its_place_and_plain_words() {
    let deep = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
    let deep_objects = format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200));
    let two_mib = format!("{{\"a\":\"{}\"}}", "x".repeat(2 << 20));
    let (one_too_many, arrays) = (deep(63 + 1), deep(200));
    let cases: [(&[u8], &str); 31] = [
        (b"", "column 1 (byte 0): the record ends in the middle"),
        (b"{\"a\":1", "column 7 (byte 6): the record ends in the middle"),
        (b"{\"a\":\"x", "column 8 (byte 7): the record ends"),
        (b"{\"a\":tr", "column 8 (byte 7): the record ends"),
        (b"{\"a\":-", "the record ends"),
        (b"{\"a\":\"\\", "the record ends"),
        (b"{\"a\":[1,", "the record ends"),
        (b"{} {}", "column 4 (byte 3): more text follows"),
        (b"[1]", "column 1 (byte 0): the record is no JSON object"),
        (b"hello", "column 1 (byte 0): the record is no JSON object"),
        (one_too_many.as_bytes(), "nested deeper than 64 levels"),
        (arrays.as_bytes(), "column 69 (byte 68): the record is nested deeper than 64"),
        (deep_objects.as_bytes(), "nested deeper than 64 levels"),
        (two_mib.as_bytes(), "the record is 2097160 bytes long; the limit is 1048576"),
        (b"{\"a\":\"\xff\"}", "column 7 (byte 6): the bytes are not UTF-8"),
        ("{\"鐘\":x}".as_bytes(), "column 6 (byte 7): not JSON: expected a value"),
        (b"{\n\"a\":\n x}", "line 3 of the record, column 2 (byte 8): not JSON"),
        (b"{\"a\" 1}", "expected `:` after the name"),
        (b"{a:1}", "column 2 (byte 1): not JSON: expected a name in double quotes"),
        (b"{\"a\":1,}", "expected a name in double quotes"),
        (b"{\"a\":1 \"b\":2}", "expected `,` or `}`"),
        (b"{\"a\":[1 2]}", "expected `,` or `]`"),
        (b"{\"a\":01}", "expected `,` or `}`"),
        (b"{\"a\":1.}", "expected a digit"),
        (b"{\"a\":1e+}", "expected a digit"),
        (b"{\"a\":+1}", "expected a value"),
        (b"{\"a\":NaN}", "expected a value"),
        (b"{\"a\":\"\0\"}", "column 7 (byte 6): not JSON: expected control characters"),
        (b"\0", "the record is no JSON object"),
        (b"{\"a\":\"\\x\"}", "expected an escape"),
        (b"{\"a\":\"\\u12g4\"}", "expected an escape"),
    ];
    let mut decoder = decoder(schema(Codec::Json, &[("a", FieldType::Int)]));
    for (payload, expected) in cases {
        let error = decode(&mut decoder, payload).unwrap_err().to_string();
        let shown = String::from_utf8_lossy(&payload[..payload.len().min(80)]);
        assert!(error.contains(expected), "{shown}: {error}");
        // One bad record leaves nothing behind.
        assert_eq!(decode(&mut decoder, b"{\"a\":7}").unwrap()[1], "7");
    }
    assert!(decode(&mut decoder, deep(63).as_bytes()).is_ok());
    let largest = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_RECORD_BYTES - 8));
    assert!(decode(&mut decoder, largest.as_bytes()).is_ok());
}

#[test]
fn a_missing_time_is_the_records() {
    let mut decoder = decoder(schema(Codec::Json, &[]));
    let ok = decode_at(&mut decoder, b"{\"ts\":\"2026-01-01T00:00:00Z\"}", None);
    assert_eq!(ok.unwrap(), ["2026-01-01T00:00:00Z"]);
    assert_eq!(decoder.counters().time_from_record, 0);
    for (json, misfits) in [("{}", 0), ("{\"ts\":null}", 0), ("{\"ts\":\"soon\"}", 1)] {
        let before = decoder.counters().clone();
        let dated = decode_at(&mut decoder, json.as_bytes(), Some(Timestamp(1000)));
        assert_eq!(dated.unwrap(), ["1970-01-01T00:00:01Z"], "{json}");
        assert_eq!(decoder.counters().time_from_record, before.time_from_record + 1);
        assert_eq!(decoder.counters().misfits[0], before.misfits[0] + misfits);
        let error = decode_at(&mut decoder, json.as_bytes(), None).unwrap_err().to_string();
        let words = if misfits == 0 { "`ts` is missing" } else { "`ts` cannot be read" };
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn text_is_the_message() {
    let mut decoder = decoder(schema(Codec::Text, &[("message", FieldType::Str)]));
    for (line, message) in
        [("a b", "\"a b\""), ("a\r\n", "\"a\""), ("{\"ts\":1}", "\"{\\\"ts\\\":1}\"")]
    {
        assert_eq!(decode(&mut decoder, line.as_bytes()).unwrap()[1], message);
    }
    assert!(decode_at(&mut decoder, b"a", None).is_err());
    assert!(decode(&mut decoder, b"a\xff").is_err());
}

const SYSLOG_FIELDS: [(&str, FieldType); 8] = [
    ("host", FieldType::Str),
    ("program", FieldType::Str),
    ("pid", FieldType::Int),
    ("message", FieldType::Str),
    ("msgid", FieldType::Str),
    ("priority", FieldType::Int),
    ("facility", FieldType::Int),
    ("severity", FieldType::Int),
];

#[test]
fn syslog_lines_are_taken_apart() {
    let schema = Arc::new(schema(Codec::Syslog, &SYSLOG_FIELDS));
    let mut decoder = Decoder::new(schema, Some(2015)).unwrap();
    for (line, expected) in [
        (
            "Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user a: b\r",
            r#"2015-12-10T06:55:46Z "LabSZ" "sshd" 24200 "Invalid user a: b" - - - -"#,
        ),
        (
            "<13>Feb  1 00:00:01 h postfix/smtpd: x",
            r#"2015-02-01T00:00:01Z "h" "postfix/smtpd" - "x" - 13 1 5"#,
        ),
        (
            "Feb 28 23:59:59 h last message repeated 3 times",
            r#"2015-02-28T23:59:59Z "h" - - "last message repeated 3 times" - - - -"#,
        ),
        (
            "2026-01-05T09:00:00.5+09:00 h kernel: [1.2] up",
            r#"2026-01-05T00:00:00.500Z "h" "kernel" - "[1.2] up" - - - -"#,
        ),
        ("Feb  1 00:00:01 h ", r#"2015-02-01T00:00:01Z "h" - - "" - - - -"#),
        (
            r#"<165>1 2003-10-11T22:14:15.003Z h.example su 77 ID47 [a@1 k="v\"]"][b] BOMless"#,
            r#"2003-10-11T22:14:15.003Z "h.example" "su" 77 "BOMless" "ID47" 165 20 5"#,
        ),
        (
            "<34>1 2003-10-11T22:14:15Z - - - - - \u{feff}'su' failed",
            r#"2003-10-11T22:14:15Z - - - "'su' failed" - 34 4 2"#,
        ),
        ("<34>1 - h p 1 m -", r#"1970-01-01T00:00:00Z "h" "p" 1 "" "m" 34 4 2"#),
    ] {
        let values = decode(&mut decoder, line.as_bytes()).unwrap();
        assert_eq!(values.join(" "), expected, "{line}");
    }
    for (line, expected) in [
        ("", "column 1 (byte 0): not a syslog line: expected a time"),
        ("hello world", "expected a time"),
        ("Dec 32 06:55:46 h p: x", "expected a time"),
        ("Dec 10 24:55:46 h p: x", "expected a time"),
        ("Dec 10 06:55:46", "expected a time"),
        ("Dec 10 06:55:46 h", "column 17 (byte 16): not a syslog line: expected a word"),
        ("<192>Dec 10 06:55:46 h p: x", "expected a priority"),
        ("<1", "expected a priority"),
        ("<34>1 2003-10-11T22:14:15Z h p 1 m x", "column 36 (byte 35): not a syslog line"),
        ("<34>1 2003-10-11T22:14:15Z h p 1 m [a", "expected `-` or `[id"),
    ] {
        let error = decode(&mut decoder, line.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{line}: {error}");
    }
    // 2015 has no such day.
    assert!(decode_at(&mut decoder, b"Feb 29 00:00:00 h p: x", None).is_err());
}

#[test]
fn logfmt_lines_are_pairs_of_fields() {
    let fields = [
        ("level", FieldType::Str),
        ("msg", FieldType::Str),
        ("status", FieldType::Int),
        ("took", FieldType::Duration(DurationUnit::Milliseconds)),
        ("retried", FieldType::Bool),
        ("src.ip", FieldType::Ip),
    ];
    let mut decoder = decoder(schema(Codec::Logfmt, &fields));
    for (line, expected) in [
        (
            "ts=2026-01-05T09:00:00Z level=warn msg=\"slow: \\\"/a b\\\"\" status=200 \
             took=1500 retried",
            r#"2026-01-05T09:00:00Z "warn" "slow: \"/a b\"" 200 1.5 true -"#,
        ),
        (
            "src.ip=192.0.2.1 ts=1767603600 other=x level=\"a b\" level=c retried=false\r\n",
            r#"2026-01-05T09:00:00Z "c" - - - false 192.0.2.1"#,
        ),
        ("ts=1767603600 status=many msg=", r#"2026-01-05T09:00:00Z - "" - - - -"#),
    ] {
        assert_eq!(decode(&mut decoder, line.as_bytes()).unwrap().join(" "), expected, "{line}");
    }
    assert_eq!(decoder.counters().misfits, [0, 0, 0, 1, 0, 0, 0]);
    for (line, expected) in [
        ("ts=1767603600 msg=\"open", "column 19 (byte 18): not a logfmt line: expected a `\"`"),
        ("ts=1767603600 =1", "expected a key"),
    ] {
        let error = decode(&mut decoder, line.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn a_date_without_a_year_names_the_option() {
    let pattern = FieldType::Time(TimeFormat::Pattern("%b %d %H:%M:%S".to_owned()));
    let mut json = schema(Codec::Json, &[]);
    json.fields[0].kind = pattern;
    for (schema, line) in [
        (schema(Codec::Syslog, &SYSLOG_FIELDS), "Dec 10 06:55:46 LabSZ sshd[24200]: x"),
        (json, "{\"ts\":\"Dec 10 06:55:46\"}"),
    ] {
        let schema = Arc::new(schema);
        let mut without = Decoder::new(Arc::clone(&schema), None).unwrap();
        let error = decode_at(&mut without, line.as_bytes(), None).unwrap_err();
        assert_eq!(error.reason, DecodeReason::NoYear);
        assert!(error.to_string().contains("--year"), "{error}");
        let mut with = Decoder::new(schema, Some(2015)).unwrap();
        assert_eq!(decode(&mut with, line.as_bytes()).unwrap()[0], "2015-12-10T06:55:46Z");
    }
}

#[test]
fn schemas_that_cannot_be_decoded_are_refused() {
    let list = FieldType::List(Box::new(FieldType::List(Box::new(FieldType::Int))));
    let pattern = |text: &str| FieldType::Instant(TimeFormat::Pattern(text.to_owned()));
    let mut touching = schema(Codec::Text, &[("message", FieldType::Str)]);
    touching.extracts.push(extract(1, vec![PatternPart::Skip, PatternPart::Hole(1)], vec![]));
    let mut unknown = schema(Codec::Text, &[("message", FieldType::Str)]);
    unknown.extracts.push(extract(1, vec![PatternPart::Hole(9)], vec![]));
    let mut timeless = schema(Codec::Json, &[("a", FieldType::Int)]);
    timeless.time = 1;
    for (schema, expected) in [
        (schema(Codec::Json, &[("l", list)]), "`l` is a list of lists"),
        (schema(Codec::Json, &[("t", pattern("%!"))]), "time format of field `t`"),
        (schema(Codec::Json, &[("t", pattern("%H:%M"))]), "time format of field `t`"),
        (touching, "two holes that touch"),
        (unknown, "does not declare"),
        (timeless, "no field of type `time`"),
    ] {
        let error = Decoder::new(Arc::new(schema), None).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

fn extract(source: usize, parts: Vec<PatternPart>, sets: Vec<(usize, String)>) -> Extract {
    let patterns = vec![Pattern { parts, sets }];
    Extract { source, patterns }
}

/// `literal`, then (hole, literal) pairs.
fn parts(first: &str, rest: &[(Option<usize>, &str)]) -> Vec<PatternPart> {
    let mut parts = vec![PatternPart::Literal(first.to_owned())];
    for (field, literal) in rest {
        parts.push(field.map_or(PatternPart::Skip, PatternPart::Hole));
        parts.push(PatternPart::Literal((*literal).to_owned()));
    }
    parts
}

/// An sshd log's schema: `ts message outcome user src.ip port`.
fn sshd(codec: Codec) -> Schema {
    let fields = [
        ("message", FieldType::Str),
        ("outcome", FieldType::Str),
        ("user", FieldType::Str),
        ("src.ip", FieldType::Ip),
        ("port", FieldType::Int),
    ];
    let mut schema = schema(codec, &fields);
    let failure = vec![(2, "failure".to_owned())];
    let holes = [(Some(3), " from "), (Some(4), " port "), (Some(5), " ssh2")];
    let mut failed = extract(1, parts("Failed password for ", &holes), failure.clone());
    let repeated =
        [(None, " times: [ Failed password for "), holes[0], holes[1], (Some(5), " ssh2]")];
    let repeated = extract(1, parts("message repeated ", &repeated), failure);
    failed.patterns.extend(repeated.patterns);
    schema.extracts.push(failed);
    schema
}

#[test]
fn extract_fills_typed_fields_and_sets_constants() {
    let mut decoder = decoder(sshd(Codec::Json));
    for (message, expected) in [
        ("Failed password for root from 1.2.3.4 port 22 ssh2", r#""failure" "root" 1.2.3.4 22"#),
        (
            "message repeated 5 times: [ Failed password for root from 1.2.3.4 port 22 ssh2]",
            r#""failure" "root" 1.2.3.4 22"#,
        ),
        (
            "Failed password for x from 6.6.6.6 port 1 ssh2 from 1.2.3.4 port 22 ssh2",
            r#""failure" "x from 6.6.6.6 port 1 ssh2" 1.2.3.4 22"#,
        ),
        (
            "Failed password for a\\u0022b from 1.2.3.4 port 22 ssh2",
            r#""failure" "a\"b" 1.2.3.4 22"#,
        ),
        ("Failed password for root from UNKNOWN port 99 ssh2", r#""failure" "root" - 99"#),
        ("Accepted password for root", "- - - -"),
    ] {
        let json = format!("{{\"message\":\"{message}\"}}");
        let values = decode(&mut decoder, json.as_bytes()).unwrap();
        assert_eq!(values[2..].join(" "), expected, "{message}");
    }
    assert_eq!(decoder.counters().misfits, [0, 0, 0, 0, 1, 0]);
}

#[test]
fn a_time_can_be_extracted() {
    let mut schema = schema(Codec::Text, &[("message", FieldType::Str)]);
    schema.fields[0].kind = FieldType::Time(TimeFormat::Pattern("%d/%b/%Y:%H:%M:%S %z".to_owned()));
    schema.extracts.push(extract(
        1,
        parts("", &[(None, "["), (Some(0), "] "), (None, "")]),
        vec![],
    ));
    let line = b"127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 200";
    let values = decode_at(&mut decoder(schema), line, None).unwrap();
    assert_eq!(values[0], "2000-10-10T20:55:36Z");
}

/// The bytes of a real log, which cannot lie in this repository.
fn real_log(path: &str) -> Vec<u8> {
    let folder = std::env::var_os("HANSHO_DATA").expect("HANSHO_DATA names no folder");
    let path = PathBuf::from(folder).join(path);
    std::fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

#[test]
#[ignore = "needs real logs: set HANSHO_DATA"]
fn a_real_sshd_log_has_520_failed_passwords() {
    let log = real_log("openssh/OpenSSH_2k.log");
    let mut decoder = Decoder::new(Arc::new(sshd(Codec::Syslog)), Some(2015)).unwrap();
    let (mut failed, mut addresses) = (0, std::collections::BTreeSet::new());
    let lines = log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    for payload in lines {
        let values = decode_at(&mut decoder, payload, None).unwrap();
        if values[2] == "\"failure\"" {
            failed += 1;
            addresses.insert(values[4].clone());
        }
    }
    assert_eq!((failed, addresses.len()), (520, 23));
    assert!(!addresses.contains("-"));
}

/// `decode` promises not to allocate for the vectors of values once they have grown.
#[test]
fn value_buffers_are_reused() {
    let mut decoder =
        decoder(schema(Codec::Json, &[("l", FieldType::List(Box::new(FieldType::Int)))]));
    let payload = b"{\"l\":[1,2,3]}";
    decode(&mut decoder, payload).unwrap();
    let memory = |decoder: &Decoder| {
        let (values, items) = (&decoder.values, &decoder.items);
        (values.as_ptr(), values.capacity(), items.as_ptr(), items.capacity())
    };
    let before = memory(&decoder);
    assert!(before.1 >= 2 && before.3 >= 3);
    decode(&mut decoder, payload).unwrap();
    assert_eq!(memory(&decoder), before);
}
