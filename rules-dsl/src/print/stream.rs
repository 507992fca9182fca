//! Streams to text.

use std::fmt::Write as _;

use super::term::{name, path, quantity, quoted};
use crate::ast::{Extract, Field, FieldKind, KindArgument, Stream};

pub(super) fn stream(stream: &Stream) -> String {
    let mut out = format!("stream {}", name(&stream.name.text));
    // Writing into a String cannot fail.
    if let Some(from) = &stream.from {
        let _ = write!(out, " from {}", quoted(&from.text));
    }
    out.push_str(" {\n");
    for field in &stream.fields {
        let _ = writeln!(out, "  {},", declared(field));
    }
    out.push('}');
    if let Some(codec) = &stream.codec {
        let _ = write!(out, " codec {}", name(&codec.text));
    }
    if let Some(lateness) = &stream.lateness {
        let _ = write!(out, " lateness {}", quantity(lateness));
    }
    for (word, field) in [("id", &stream.id), ("partitioned_by", &stream.partitioned_by)] {
        if let Some(field) = field {
            let _ = write!(out, " {word} {}", path(field));
        }
    }
    for extract in &stream.extracts {
        out.push_str(&patterns(extract));
    }
    out.push('\n');
    out
}

fn declared(field: &Field) -> String {
    let mut out = format!("{}: {}", path(&field.name), kind(&field.kind));
    if let Some(place) = &field.path {
        let _ = write!(out, " = {}", quoted(&place.text));
    }
    out
}

fn kind(kind_of: &FieldKind) -> String {
    let word = &kind_of.name.text;
    match &kind_of.argument {
        None => word.clone(),
        Some(KindArgument::Kind(inner)) => format!("{word}({})", kind(inner)),
        Some(KindArgument::Range(low, high)) => {
            format!("{word}({}..{})", quantity(low), quantity(high))
        }
        Some(KindArgument::Format(format)) => format!("{word}({})", quoted(&format.text)),
    }
}

fn patterns(extract: &Extract) -> String {
    let mut out = format!(" extract {} {{\n", path(&extract.source));
    for pattern in &extract.patterns {
        let _ = write!(out, "  {}", quoted(&pattern.pattern.text));
        for (index, (field, text)) in pattern.sets.iter().enumerate() {
            let arrow = if index == 0 { " =>" } else { "" };
            let _ = write!(out, "{arrow} {} {}", path(field), quoted(&text.text));
        }
        out.push('\n');
    }
    out.push('}');
    out
}
