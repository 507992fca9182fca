//! The types of values in `where`.

use model::decimal::Decimal;
use model::schema::FieldType;

use crate::ast::Quantity;
use crate::diagnostic::{BilingualText, text};
use crate::quantity::UnitKind;
use crate::rule::ConstantValue;

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ValueType {
    Text,
    Number,
    Bool,
    Time,
    Duration,
    Percent,
    Bytes,
    Ip,
    List(Box<ValueType>),
}

impl ValueType {
    pub(super) fn of(field: &FieldType) -> ValueType {
        match field {
            FieldType::Str => ValueType::Text,
            FieldType::Int | FieldType::Float => ValueType::Number,
            FieldType::Bool => ValueType::Bool,
            FieldType::Time(_) | FieldType::Instant(_) => ValueType::Time,
            FieldType::Duration(_) => ValueType::Duration,
            FieldType::Percent(_) => ValueType::Percent,
            FieldType::Bytes => ValueType::Bytes,
            FieldType::Ip => ValueType::Ip,
            FieldType::List(inner) => ValueType::List(Box::new(ValueType::of(inner))),
        }
    }

    pub(super) fn quantity(quantity: &Quantity) -> ValueType {
        match quantity.unit.map(|unit| unit.kind) {
            None | Some(UnitKind::Count) => ValueType::Number,
            Some(UnitKind::Duration) => ValueType::Duration,
            Some(UnitKind::Percent) => ValueType::Percent,
            Some(UnitKind::Bytes) => ValueType::Bytes,
        }
    }

    pub(super) fn ordered(&self) -> bool {
        matches!(
            self,
            ValueType::Number
                | ValueType::Time
                | ValueType::Duration
                | ValueType::Percent
                | ValueType::Bytes
        )
    }

    /// True when it is a number in some unit or none.
    pub(super) fn has_unit(&self) -> bool {
        self.ordered() && *self != ValueType::Time
    }

    pub(super) fn words(&self) -> BilingualText {
        match self {
            ValueType::Text => text!("a text", "文字列"),
            ValueType::Number => text!("a number", "数"),
            ValueType::Bool => text!("a truth value", "真偽値"),
            ValueType::Time => text!("an instant", "時刻"),
            ValueType::Duration => text!("a length of time", "時間の長さ"),
            ValueType::Percent => text!("a percentage", "割合"),
            ValueType::Bytes => text!("a size", "サイズ"),
            ValueType::Ip => text!("an address", "アドレス"),
            ValueType::List(_) => text!("a list", "リスト"),
        }
    }
}

/// The constant spelled so that it has the wanted type.
pub(super) fn mended(constant: &ConstantValue, wanted: &ValueType) -> Option<BilingualText> {
    let spelled = match (constant, wanted) {
        (ConstantValue::Number(value), ValueType::Duration) => format!("{value}s` / `{value}ms"),
        (ConstantValue::Number(value), ValueType::Percent) if *value <= Decimal::ONE => {
            format!("{}%` / `{value}%", value.shift(2)?)
        }
        (ConstantValue::Number(value), ValueType::Percent) => format!("{value}%"),
        (ConstantValue::Number(value), ValueType::Bytes) => format!("{value}B` / `{value}MB"),
        (ConstantValue::Number(value), ValueType::Text) => format!("\"{value}\""),
        (ConstantValue::Bool(value), ValueType::Text) => format!("\"{value}\""),
        (ConstantValue::Text(text), ValueType::Number) => Decimal::parse(text).ok()?.to_string(),
        (ConstantValue::Text(text), ValueType::Bool) if text == "true" || text == "false" => {
            text.clone()
        }
        _ => return None,
    };
    Some(text!("write `{spelled}`", "`{spelled}` と書いてください"))
}
