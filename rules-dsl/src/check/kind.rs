//! The types of values in `where`.

use model::decimal::Decimal;
use model::schema::FieldType;

use crate::ast::Quantity;
use crate::diagnostic::{Text, text};
use crate::quantity::UnitKind;
use crate::rule::Constant;

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Bool,
    Time,
    Duration,
    Percent,
    Bytes,
    Ip,
    List(Box<Kind>),
}

impl Kind {
    pub(super) fn of(field: &FieldType) -> Kind {
        match field {
            FieldType::Str => Kind::Text,
            FieldType::Int | FieldType::Float => Kind::Number,
            FieldType::Bool => Kind::Bool,
            FieldType::Time(_) | FieldType::Instant(_) => Kind::Time,
            FieldType::Duration(_) => Kind::Duration,
            FieldType::Percent(_) => Kind::Percent,
            FieldType::Bytes => Kind::Bytes,
            FieldType::Ip => Kind::Ip,
            FieldType::List(inner) => Kind::List(Box::new(Kind::of(inner))),
        }
    }

    pub(super) fn quantity(quantity: &Quantity) -> Kind {
        match quantity.unit.map(|unit| unit.kind) {
            None | Some(UnitKind::Count) => Kind::Number,
            Some(UnitKind::Duration) => Kind::Duration,
            Some(UnitKind::Percent) => Kind::Percent,
            Some(UnitKind::Bytes) => Kind::Bytes,
        }
    }

    pub(super) fn ordered(&self) -> bool {
        matches!(self, Kind::Number | Kind::Time | Kind::Duration | Kind::Percent | Kind::Bytes)
    }

    /// True when it is a number in some unit or none.
    pub(super) fn has_unit(&self) -> bool {
        self.ordered() && *self != Kind::Time
    }

    pub(super) fn words(&self) -> Text {
        match self {
            Kind::Text => text!("a text", "文字列"),
            Kind::Number => text!("a number", "数"),
            Kind::Bool => text!("a truth value", "真偽値"),
            Kind::Time => text!("an instant", "時刻"),
            Kind::Duration => text!("a length of time", "時間の長さ"),
            Kind::Percent => text!("a percentage", "割合"),
            Kind::Bytes => text!("a size", "サイズ"),
            Kind::Ip => text!("an address", "アドレス"),
            Kind::List(_) => text!("a list", "リスト"),
        }
    }
}

/// The constant spelled so that it has the wanted type.
pub(super) fn mended(constant: &Constant, wanted: &Kind) -> Option<Text> {
    let spelled = match (constant, wanted) {
        (Constant::Number(value), Kind::Duration) => format!("{value}s` / `{value}ms"),
        (Constant::Number(value), Kind::Percent) if *value <= Decimal::ONE => {
            format!("{}%` / `{value}%", value.shift(2)?)
        }
        (Constant::Number(value), Kind::Percent) => format!("{value}%"),
        (Constant::Number(value), Kind::Bytes) => format!("{value}B` / `{value}MB"),
        (Constant::Number(value), Kind::Text) => format!("\"{value}\""),
        (Constant::Bool(value), Kind::Text) => format!("\"{value}\""),
        (Constant::Text(text), Kind::Number) => Decimal::parse(text).ok()?.to_string(),
        (Constant::Text(text), Kind::Bool) if text == "true" || text == "false" => text.clone(),
        _ => return None,
    };
    Some(text!("write `{spelled}`", "`{spelled}` と書いてください"))
}
