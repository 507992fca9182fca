//! Random documents: the decoder against a plain reading of the same tree, and its verdict on
//! broken ones against serde_json's.

use super::*;

#[derive(Clone, Debug)]
enum DrawnJson {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<DrawnJson>),
    Object(Vec<(String, DrawnJson)>),
}

const PATHS: [&str; 4] = ["a", "a.b", "b.a.b", "b"];

fn any_json() -> impl Strategy<Value = DrawnJson> {
    let leaf = prop_oneof![
        Just(DrawnJson::Null),
        any::<bool>().prop_map(DrawnJson::Bool),
        "-?(0|[1-9][0-9]{0,5})(\\.[0-9]{1,4})?([eE][+-]?[0-9])?".prop_map(DrawnJson::Number),
        any::<String>().prop_map(DrawnJson::Text),
    ];
    let names = proptest::sample::select(vec!["a", "b", "a.b", "b.a", "b.a.b", "c", "", "a."]);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let member = (names.clone().prop_map(str::to_owned), inner.clone());
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(DrawnJson::Array),
            proptest::collection::vec(member, 0..5).prop_map(DrawnJson::Object),
        ]
    })
}

fn any_object() -> impl Strategy<Value = DrawnJson> {
    let names = proptest::sample::select(vec!["a", "b", "a.b", "b.a", "c"]);
    let member = (names.prop_map(str::to_owned), any_json());
    proptest::collection::vec(member, 0..6).prop_map(DrawnJson::Object)
}

/// Writes a document; `salt` decides about escapes and spaces.
fn write(json: &DrawnJson, salt: u32, out: &mut String) {
    let space = if salt & 1 == 1 { " " } else { "" };
    match json {
        DrawnJson::Null => out.push_str("null"),
        DrawnJson::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        DrawnJson::Number(text) => out.push_str(text),
        DrawnJson::Text(text) => write_text(text, salt, out),
        DrawnJson::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { space });
                write(item, salt.rotate_left(1), out);
                out.push_str(space);
            }
            out.push(']');
        }
        DrawnJson::Object(members) => {
            out.push('{');
            for (index, (name, value)) in members.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { space });
                write_text(name, salt.rotate_left(2), out);
                out.push_str(space);
                out.push(':');
                write(value, salt.rotate_left(3), out);
                out.push_str(space);
            }
            out.push('}');
        }
    }
}

fn write_text(text: &str, salt: u32, out: &mut String) {
    if salt & 2 == 0 {
        out.push_str(&serde_json::to_string(text).unwrap());
        return;
    }
    out.push('"');
    for unit in text.encode_utf16() {
        out.push_str(&format!("\\u{unit:04x}"));
    }
    out.push('"');
}

/// The last value in the document that stands at a path, in any spelling of the nesting.
fn at_path<'a>(json: &'a DrawnJson, path: &str, found: &mut Option<&'a DrawnJson>) {
    let DrawnJson::Object(members) = json else {
        return;
    };
    for (name, value) in members {
        if name == path {
            *found = Some(value);
        } else if let Some(rest) = path.strip_prefix(name.as_str())
            && let Some(rest) = rest.strip_prefix('.')
        {
            at_path(value, rest, found);
        }
    }
}

fn as_text(json: Option<&DrawnJson>) -> String {
    match json {
        Some(DrawnJson::Text(text)) => format!("{text:?}"),
        _ => "-".to_owned(),
    }
}

fn as_float(json: Option<&DrawnJson>) -> String {
    match json {
        Some(DrawnJson::Number(text) | DrawnJson::Text(text)) => match Decimal::parse(text) {
            Ok(number) => number.to_string(),
            Err(_) => "-".to_owned(),
        },
        _ => "-".to_owned(),
    }
}

fn both_kinds() -> Decoder {
    let texts = PATHS.map(|path| (path, FieldType::Str));
    let floats = PATHS.map(|path| (path, FieldType::Float));
    decoder(schema(Codec::Json, &[texts, floats].concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_decoder_reads_what_stands_there(
        // Several for one decoder, which guesses a document's order by the one before.
        documents in proptest::collection::vec(any_object(), 1..4),
        salt: u32,
    ) {
        let mut decoder = both_kinds();
        for document in documents {
            let mut text = String::new();
            write(&document, salt, &mut text);
            let parsed: Result<serde_json::Value, _> = serde_json::from_str(&text);
            prop_assert!(parsed.is_ok(), "{}", text);
            let values = decode(&mut decoder, text.as_bytes()).unwrap();
            for (index, path) in PATHS.iter().enumerate() {
                let mut found = None;
                at_path(&document, path, &mut found);
                prop_assert_eq!(&values[1 + index], &as_text(found), "{} in {}", path, text);
                let float = &values[1 + PATHS.len() + index];
                prop_assert_eq!(float, &as_float(found), "{} in {}", path, text);
            }
        }
    }

    #[test]
    fn broken_documents_are_broken_for_serde_json_too(
        document in any_object(),
        salt: u32,
        place: proptest::sample::Index,
        byte in proptest::sample::select(b"{}[]\",:\\0-.eutn x\x00\x1f\xff".to_vec()),
        change in 0..3,
    ) {
        let mut text = String::new();
        write(&document, salt, &mut text);
        let mut bytes = text.into_bytes();
        let at = place.index(bytes.len());
        match change {
            0 => bytes.truncate(at),
            1 => bytes[at] = byte,
            _ => bytes.insert(at, byte),
        }
        // A number out of a float's range and half a surrogate pair are serde_json's limits in
        // a value, and no faults of a document: its scan for raw values has neither.
        let theirs = serde_json::from_slice::<&serde_json::value::RawValue>(&bytes)
            .is_ok_and(|raw| raw.get().starts_with('{'));
        let ours = decode(&mut both_kinds(), &bytes);
        let shown = String::from_utf8_lossy(&bytes);
        prop_assert_eq!(ours.is_ok(), theirs, "{}: {:?}", shown, ours);
        if let Err(DecodeError { place: Some(place), .. }) = ours {
            prop_assert!(place.byte <= bytes.len());
        }
    }
}
