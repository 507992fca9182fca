//! Requests drawn at random and written in both encodings, by an encoder that shares nothing
//! with the decoder.

use model::schema::OtlpSignal;
use proptest::collection::vec;
use proptest::option;

use super::super::*;

/// A message as its members: protobuf's number, JSON's name, the value.
pub type DrawnMessage = Vec<(u32, &'static str, DrawnMember)>;

#[derive(Clone, Debug)]
pub enum DrawnMember {
    One(DrawnMessage),
    Many(Vec<DrawnMessage>),
    Text(String),
    Id(Vec<u8>),
    Bytes(Vec<u8>),
    Varint(i64),
    Fixed(u64),
    Signed(i64),
    Double(f64),
    Bool(bool),
}

use DrawnMember::{Bool, Bytes, Double, Fixed, Id, Many, One, Signed, Text, Varint};

/// A request of the given telemetry.
pub fn any_request(telemetry: OtlpSignal) -> BoxedStrategy<DrawnMessage> {
    let (groups, scopes, records) = match telemetry {
        OtlpSignal::Logs => ("resourceLogs", "scopeLogs", "logRecords"),
        OtlpSignal::Metrics => ("resourceMetrics", "scopeMetrics", "metrics"),
        OtlpSignal::Spans => ("resourceSpans", "scopeSpans", "spans"),
    };
    let record = match telemetry {
        OtlpSignal::Logs => any_log(),
        OtlpSignal::Metrics => any_metric(),
        OtlpSignal::Spans => any_span(),
    };
    let scope = (option::of(text()), attributes(3)).prop_map(|(name, attributes)| {
        let name = name.map(|name| (1, "name", Text(name)));
        name.into_iter().chain([attributes]).collect::<DrawnMessage>()
    });
    let scoped = (option::of(scope), vec(record, 0..4)).prop_map(move |(scope, all)| {
        let scope = scope.map(|scope| (1, "scope", One(scope)));
        scope.into_iter().chain([(2, records, Many(all))]).collect::<DrawnMessage>()
    });
    let group = (option::of(attributes(1)), vec(scoped, 0..3)).prop_map(move |(of, all)| {
        let resource = of.map(|attributes| (1, "resource", One(vec![attributes])));
        resource.into_iter().chain([(2, scopes, Many(all))]).collect::<DrawnMessage>()
    });
    vec(group, 0..3).prop_map(move |all| vec![(1, groups, Many(all))]).boxed()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), Just("12".to_owned()), any::<String>()]
}

fn double() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(637.704),
        Just(f64::NAN),
        Just(f64::INFINITY),
        -1e6..1e6,
        any::<f64>()
    ]
}

fn nanos() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1_544_712_660_300_000_000), any::<u64>()]
}

fn any_value() -> impl Strategy<Value = DrawnMessage> {
    let leaf = prop_oneof![
        Just(vec![]),
        text().prop_map(|text| vec![(1, "stringValue", Text(text))]),
        any::<bool>().prop_map(|truth| vec![(2, "boolValue", Bool(truth))]),
        any::<i64>().prop_map(|number| vec![(3, "intValue", Varint(number))]),
        double().prop_map(|number| vec![(4, "doubleValue", Double(number))]),
        vec(any::<u8>(), 0..4).prop_map(|bytes| vec![(7, "bytesValue", Bytes(bytes))]),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(|items| vec![(
                5,
                "arrayValue",
                One(vec![(1, "values", Many(items))])
            )]),
            vec(key_value(inner), 0..3).prop_map(|entries| vec![(
                6,
                "kvlistValue",
                One(vec![(1, "values", Many(entries))])
            )]),
        ]
    })
}

fn key_value(value: impl Strategy<Value = DrawnMessage>) -> impl Strategy<Value = DrawnMessage> {
    let keys = proptest::sample::select(vec!["a", "b", "a.b", "", "鐘"]);
    (keys, option::of(value)).prop_map(|(key, value)| {
        let value = value.map(|value| (2, "value", One(value)));
        [(1, "key", Text(key.to_owned()))].into_iter().chain(value).collect()
    })
}

fn attributes(number: u32) -> impl Strategy<Value = (u32, &'static str, DrawnMember)> {
    vec(key_value(any_value()), 0..4).prop_map(move |all| (number, "attributes", Many(all)))
}

/// Members, each there or not.
fn some_of(
    all: Vec<BoxedStrategy<(u32, &'static str, DrawnMember)>>,
) -> impl Strategy<Value = DrawnMessage> {
    let all: Vec<_> = all.into_iter().map(option::of).collect();
    all.prop_map(|all| all.into_iter().flatten().collect())
}

fn named<T: std::fmt::Debug + 'static>(
    number: u32,
    name: &'static str,
    value: impl Strategy<Value = T> + 'static,
    member: fn(T) -> DrawnMember,
) -> BoxedStrategy<(u32, &'static str, DrawnMember)> {
    value.prop_map(move |value| (number, name, member(value))).boxed()
}

fn id() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..17)
}

fn any_log() -> BoxedStrategy<DrawnMessage> {
    some_of(vec![
        named(1, "timeUnixNano", nanos(), Fixed),
        named(2, "severityNumber", 0_i64..25, Varint),
        named(3, "severityText", text(), Text),
        named(5, "body", any_value(), One),
        attributes(6).boxed(),
        named(7, "droppedAttributesCount", 0_i64..9, Varint),
        named(9, "traceId", id(), Id),
        named(10, "spanId", id(), Id),
        named(11, "observedTimeUnixNano", nanos(), Fixed),
        named(12, "eventName", text(), Text),
    ])
    .boxed()
}

fn any_span() -> BoxedStrategy<DrawnMessage> {
    let status =
        some_of(vec![named(2, "message", text(), Text), named(3, "code", 0_i64..3, Varint)]);
    some_of(vec![
        named(1, "traceId", id(), Id),
        named(2, "spanId", id(), Id),
        named(3, "traceState", text(), Text),
        named(4, "parentSpanId", id(), Id),
        named(5, "name", text(), Text),
        named(6, "kind", 0_i64..6, Varint),
        named(7, "startTimeUnixNano", nanos(), Fixed),
        named(8, "endTimeUnixNano", nanos(), Fixed),
        attributes(9).boxed(),
        named(15, "status", status, One),
    ])
    .boxed()
}

fn any_metric() -> BoxedStrategy<DrawnMessage> {
    let number = prop_oneof![
        named(4, "asDouble", double(), Double),
        named(6, "asInt", any::<i64>(), Signed),
    ];
    let numbers = || {
        vec![
            named(2, "startTimeUnixNano", nanos(), Fixed),
            named(3, "timeUnixNano", nanos(), Fixed),
        ]
    };
    let totals = || {
        let mut all = numbers();
        all.push(named(4, "count", any::<u64>(), Fixed));
        all.push(named(5, "sum", double(), Double));
        all
    };
    let extremes = |min: u32, max: u32, key: u32| {
        let mut all = totals();
        all.push(named(min, "min", double(), Double));
        all.push(named(max, "max", double(), Double));
        all.push(attributes(key).boxed());
        all
    };
    let number_point = {
        let mut all = numbers();
        all.extend([number.boxed(), attributes(7).boxed()]);
        all
    };
    let share = prop_oneof![Just(0.0), Just(0.5), Just(1.0)];
    let quantile =
        some_of(vec![named(1, "quantile", share, Double), named(2, "value", double(), Double)]);
    let summary = {
        let mut all = totals();
        all.push(named(6, "quantileValues", vec(quantile, 0..4), Many));
        all.push(attributes(7).boxed());
        all
    };
    let kind = |number: u32, name: &'static str, point| {
        let points = vec(some_of(point), 0..3);
        named(number, name, points, |all| One(vec![(1, "dataPoints", Many(all))]))
    };
    let kind = prop_oneof![
        kind(5, "gauge", number_point.clone()),
        kind(7, "sum", number_point),
        kind(9, "histogram", extremes(11, 12, 9)),
        kind(10, "exponentialHistogram", extremes(12, 13, 1)),
        kind(11, "summary", summary),
    ];
    some_of(vec![
        named(1, "name", text(), Text),
        named(2, "description", text(), Text),
        named(3, "unit", text(), Text),
        kind.boxed(),
    ])
    .boxed()
}

/// The order in which members are written: forwards or backwards.
fn ordered(message: &DrawnMessage, salt: u32) -> Vec<&(u32, &'static str, DrawnMember)> {
    let mut all: Vec<_> = message.iter().collect();
    if salt & 1 == 1 {
        all.reverse();
    }
    all
}

/// The request in protobuf.
pub fn wire(message: &DrawnMessage, salt: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let below = salt.rotate_right(1);
    for (number, _, member) in ordered(message, salt) {
        let mut lengthy = |bytes: &[u8]| {
            varint(u64::from(number << 3 | 2), &mut out);
            varint(bytes.len() as u64, &mut out);
            out.extend(bytes);
        };
        match member {
            One(inner) => lengthy(&wire(inner, below)),
            Many(all) => all.iter().for_each(|inner| lengthy(&wire(inner, below))),
            Text(text) => lengthy(text.as_bytes()),
            Id(bytes) | Bytes(bytes) => lengthy(bytes),
            Varint(value) => {
                varint(u64::from(number << 3), &mut out);
                varint(*value as u64, &mut out);
            }
            Bool(value) => {
                varint(u64::from(number << 3), &mut out);
                out.push(u8::from(*value));
            }
            Fixed(_) | Signed(_) | Double(_) => {
                varint(u64::from(number << 3 | 1), &mut out);
                out.extend(match member {
                    Signed(value) => value.to_le_bytes(),
                    Double(value) => value.to_le_bytes(),
                    Fixed(value) => value.to_le_bytes(),
                    _ => unreachable!("the others are written above"),
                });
            }
        }
    }
    out
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The request in JSON; `salt` decides about order, and whether 64 bits are text or number.
pub fn json(message: &DrawnMessage, salt: u32) -> String {
    let below = salt.rotate_right(1);
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let long = |digits: String| if salt & 2 == 2 { digits } else { quoted(&digits) };
    let members = ordered(message, salt).into_iter().map(|(_, name, member)| {
        let value = match member {
            One(inner) => json(inner, below),
            Many(all) => {
                let all: Vec<String> = all.iter().map(|inner| json(inner, below)).collect();
                format!("[{}]", all.join(", "))
            }
            Text(text) => quoted(text),
            Id(bytes) => {
                let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
                quoted(&digits)
            }
            Bytes(_) => quoted("AAAA"),
            Varint(value) | Signed(value) => long(value.to_string()),
            Fixed(value) => long(value.to_string()),
            Double(value) if value.is_nan() => quoted("NaN"),
            Double(value) if value.is_infinite() => quoted("Infinity"),
            Double(value) => serde_json::Value::from(*value).to_string(),
            Bool(value) => value.to_string(),
        };
        format!("{}:{value}", quoted(name))
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}
