//! `where` expressions to predicates: typed, with constants in base units.

use std::net::IpAddr;

use model::schema::Schema;
use model::time::Timestamp;

use super::constant::{base, network};
use super::kind::{Kind, mended};
use super::stream::field_index;
use crate::ast::{Expression, Path, Quoted, Set};
use crate::diagnostic::{Code, Diagnostic, Text, text};
use crate::rule::{Arithmetic, Comparison, Constant, Operand, Predicate, TextTest};
use crate::source::Place;

/// Largest compiled regular expression, in bytes.
pub const REGEX_BYTES_MAX: usize = 1 << 20;

/// An operand and its type.
struct Typed {
    operand: Operand,
    kind: Kind,
    place: Place,
}

struct Checker<'a, 'd> {
    schema: &'a Schema,
    diagnostics: &'d mut Vec<Diagnostic>,
}

/// Checks a condition over the fields of a stream; `None` is reported.
pub(super) fn predicate(
    schema: &Schema,
    condition: &Expression,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Predicate> {
    Checker {
        schema,
        diagnostics,
    }
    .truth(condition)
}

/// Where an expression stands.
fn place(expression: &Expression) -> Place {
    match expression {
        Expression::And(parts) | Expression::Or(parts) => match (parts.first(), parts.last()) {
            (Some(first), Some(last)) => place(first).to(place(last)),
            _ => Place::default(),
        },
        Expression::Not(inner, at) | Expression::Lower(inner, at) => at.0.to(place(inner)),
        Expression::Compare(left, _, right)
        | Expression::Text(left, _, right)
        | Expression::Arithmetic(left, _, right) => place(left).to(place(right)),
        Expression::In { value, .. } => place(value),
        Expression::Matches(left, regex) => place(left).to(regex.at.0),
        Expression::Exists(field) | Expression::Field(field) => field.at.0,
        Expression::Quoted(text) => text.at.0,
        Expression::Number(number) => number.at.0,
        Expression::Bool(_, at) => at.0,
    }
}

impl Checker<'_, '_> {
    fn report<T>(&mut self, diagnostic: Diagnostic) -> Option<T> {
        self.diagnostics.push(diagnostic);
        None
    }

    fn truths(&mut self, parts: &[Expression]) -> Option<Vec<Predicate>> {
        // Every part is checked, so that one run reports them all.
        let checked: Vec<Option<Predicate>> = parts.iter().map(|part| self.truth(part)).collect();
        checked.into_iter().collect()
    }

    fn truth(&mut self, expression: &Expression) -> Option<Predicate> {
        match expression {
            Expression::And(parts) => self.truths(parts).map(Predicate::And),
            Expression::Or(parts) => self.truths(parts).map(Predicate::Or),
            Expression::Not(inner, _) => Some(Predicate::Not(Box::new(self.truth(inner)?))),
            Expression::Compare(left, operator, right) => self.compare(left, *operator, right),
            Expression::In {
                value,
                negated,
                set,
            } => self.member(value, *negated, set),
            Expression::Text(left, test, right) => self.text_test(left, *test, right),
            Expression::Matches(left, regex) => self.matches(left, regex),
            Expression::Exists(field) => Some(Predicate::Exists(self.field(field)?)),
            Expression::Bool(true, _) => Some(Predicate::True),
            Expression::Bool(false, _) => Some(Predicate::Not(Box::new(Predicate::True))),
            Expression::Field(_) => {
                let value = self.value(expression)?;
                if value.kind != Kind::Bool {
                    return self.not_a_condition(expression);
                }
                let truth = Operand::Constant(Constant::Bool(true));
                Some(Predicate::Compare(value.operand, Comparison::Equal, truth))
            }
            Expression::Quoted(_)
            | Expression::Number(_)
            | Expression::Lower(..)
            | Expression::Arithmetic(..) => self.not_a_condition(expression),
        }
    }

    fn not_a_condition<T>(&mut self, expression: &Expression) -> Option<T> {
        let spelled = crate::print::expression(expression);
        let message = text!(
            "`{spelled}` is a value, not a condition",
            "`{spelled}` は値で、条件ではありません"
        );
        let help = text!(
            "compare it: `{spelled} == …`, or ask `exists(…)`",
            "比較してください: `{spelled} == …`。有無なら `exists(…)`"
        );
        self.report(Diagnostic::new(Code::NotACondition, place(expression), message).help(help))
    }

    fn field(&mut self, path: &Path) -> Option<usize> {
        field_index(self.schema, &path.dotted(), path.at.0, self.diagnostics)
    }

    fn value(&mut self, expression: &Expression) -> Option<Typed> {
        let at = place(expression);
        let (operand, kind) = match expression {
            Expression::Field(path) => {
                let index = self.field(path)?;
                let kind = Kind::of(&self.schema.fields.get(index)?.kind);
                (Operand::Field(index), kind)
            }
            Expression::Quoted(text) => (
                Operand::Constant(Constant::Text(text.text.clone())),
                Kind::Text,
            ),
            Expression::Number(number) => {
                let value = base(number, self.diagnostics)?;
                (
                    Operand::Constant(Constant::Number(value)),
                    Kind::quantity(number),
                )
            }
            Expression::Bool(value, _) => (Operand::Constant(Constant::Bool(*value)), Kind::Bool),
            Expression::Lower(inner, _) => {
                let inner = self.value(inner)?;
                if inner.kind != Kind::Text {
                    return self.mismatch(&inner, &Kind::Text, at);
                }
                (Operand::Lower(Box::new(inner.operand)), Kind::Text)
            }
            Expression::Arithmetic(left, operator, right) => {
                return self.arithmetic(left, *operator, right, at);
            }
            _ => {
                let spelled = crate::print::expression(expression);
                let message = text!(
                    "`{spelled}` is a condition, not a value",
                    "`{spelled}` は条件で、値ではありません"
                );
                let expected = text!(
                    "a field, a text or a number",
                    "フィールド、文字列、数のどれか"
                );
                let found = Diagnostic::new(Code::NotACondition, at, message);
                return self.report(found.expected(expected));
            }
        };
        Some(Typed {
            operand,
            kind,
            place: at,
        })
    }

    fn arithmetic(
        &mut self,
        left: &Expression,
        operator: Arithmetic,
        right: &Expression,
        at: Place,
    ) -> Option<Typed> {
        use Kind::{Bytes, Duration, Number, Percent, Time};
        let (left, right) = (self.value(left), self.value(right));
        let (left, right) = (left?, right?);
        let kind = match (&left.kind, operator, &right.kind) {
            (Time, Arithmetic::Subtract, Time) => Some(Duration),
            (Time, _, _) | (_, _, Time) => None,
            (a, Arithmetic::Add | Arithmetic::Subtract, b) if a == b && a.ordered() => {
                Some(a.clone())
            }
            (a, Arithmetic::Divide, b) if a == b && a.ordered() => Some(Number),
            (
                a @ (Number | Duration | Percent | Bytes),
                Arithmetic::Multiply | Arithmetic::Divide,
                Number,
            ) => Some(a.clone()),
            (Number, Arithmetic::Multiply, a @ (Duration | Percent | Bytes)) => Some(a.clone()),
            _ => None,
        };
        let Some(kind) = kind else {
            let (l, r) = (left.kind.words(), right.kind.words());
            let sign = crate::print::sign(operator);
            let message = Text {
                en: format!("`{sign}` cannot join {} and {}", l.en, r.en),
                ja: format!("`{sign}` で{}と{}は計算できません", l.ja, r.ja),
            };
            return self.report(Diagnostic::new(Code::TypeMismatch, at, message));
        };
        let operand =
            Operand::Arithmetic(Box::new(left.operand), operator, Box::new(right.operand));
        Some(Typed {
            operand,
            kind,
            place: at,
        })
    }

    fn compare(
        &mut self,
        left: &Expression,
        operator: Comparison,
        right: &Expression,
    ) -> Option<Predicate> {
        let (left, right) = (self.value(left), self.value(right));
        let (left, right) = (left?, right?);
        let right = self.read_as(right, &left.kind)?;
        let left = self.read_as(left, &right.kind)?;
        if left.kind != right.kind {
            let at = left.place.to(right.place);
            // The constant is what can be mended, so the other side sets the type.
            let constant_left = matches!(left.operand, Operand::Constant(_));
            let (wrong, wanted) = if constant_left {
                (&left, &right)
            } else {
                (&right, &left)
            };
            return self.mismatch(wrong, &wanted.kind, at);
        }
        let equality = matches!(operator, Comparison::Equal | Comparison::NotEqual);
        if matches!(left.kind, Kind::List(_)) || !(equality || left.kind.ordered()) {
            let words = left.kind.words();
            let symbol = operator.symbol();
            let message = Text {
                en: format!("`{symbol}` cannot compare {}", words.en),
                ja: format!("`{symbol}` で{}は比較できません", words.ja),
            };
            let help = text!(
                "use `==`, `!=`, `in (…)` or `contains`",
                "`==`、`!=`、`in (…)`、`contains` のどれかを使ってください"
            );
            let at = left.place.to(right.place);
            return self.report(Diagnostic::new(Code::TypeMismatch, at, message).help(help));
        }
        Some(Predicate::Compare(left.operand, operator, right.operand))
    }

    /// A text constant where an address or instant is wanted is read as one.
    fn read_as(&mut self, value: Typed, wanted: &Kind) -> Option<Typed> {
        let Operand::Constant(Constant::Text(text)) = &value.operand else {
            return Some(value);
        };
        let (constant, expected) = match wanted {
            Kind::Ip => {
                let address = text
                    .parse::<IpAddr>()
                    .ok()
                    .map(|ip| Constant::Ip(ip.to_canonical()));
                (
                    address,
                    text!(
                        "an address: `\"192.0.2.1\"`; networks: `in cidr (\"192.0.2.0/24\")`",
                        "アドレス: `\"192.0.2.1\"`。ネットワークなら `in cidr (\"192.0.2.0/24\")`"
                    ),
                )
            }
            Kind::Time => {
                let instant = Timestamp::parse_rfc3339(text).map(Constant::Time);
                (
                    instant,
                    text!(
                        "an instant: `\"2026-01-05T09:00:00+09:00\"`",
                        "時刻: `\"2026-01-05T09:00:00+09:00\"`"
                    ),
                )
            }
            _ => return Some(value),
        };
        match constant {
            Some(constant) => Some(Typed {
                operand: Operand::Constant(constant),
                kind: wanted.clone(),
                place: value.place,
            }),
            None => {
                let words = wanted.words();
                let message = Text {
                    en: format!("`{text}` is not {}", words.en),
                    ja: format!("`{text}` は{}ではありません", words.ja),
                };
                self.report(
                    Diagnostic::new(Code::BadConstant, value.place, message).expected(expected),
                )
            }
        }
    }

    fn mismatch<T>(&mut self, wrong: &Typed, wanted: &Kind, at: Place) -> Option<T> {
        let (found, expected) = (wrong.kind.words(), wanted.words());
        let unit = |kind: &Kind| {
            matches!(
                kind,
                Kind::Number | Kind::Duration | Kind::Percent | Kind::Bytes
            )
        };
        let code = if unit(&wrong.kind) && unit(wanted) {
            Code::UnitMismatch
        } else {
            Code::TypeMismatch
        };
        let message = text!("the two sides do not go together", "両辺の型が合いません");
        let mut diagnostic = Diagnostic::new(code, at, message)
            .found(found)
            .expected(expected);
        if let Operand::Constant(constant) = &wrong.operand {
            diagnostic.help.extend(mended(constant, wanted));
        }
        self.report(diagnostic)
    }

    /// A constant read as a value of a kind, for lists.
    fn constant(&mut self, item: &Expression, wanted: &Kind) -> Option<Constant> {
        let value = self.value(item)?;
        let value = self.read_as(value, wanted)?;
        if value.kind != *wanted {
            let at = value.place;
            return self.mismatch(&value, wanted, at);
        }
        match value.operand {
            Operand::Constant(constant) => Some(constant),
            _ => None,
        }
    }

    fn member(&mut self, value: &Expression, negated: bool, set: &Set) -> Option<Predicate> {
        let value = self.value(value)?;
        let present = match &value.operand {
            Operand::Field(index) => Predicate::Exists(*index),
            // Compared with itself a value is unequal only when it is missing.
            other => Predicate::Compare(other.clone(), Comparison::Equal, other.clone()),
        };
        let inside = match set {
            Set::Literals(items) => {
                if matches!(value.kind, Kind::List(_)) {
                    let message = text!(
                        "`in` asks about one value, this is a list",
                        "`in` は一つの値を調べます。これはリストです"
                    );
                    let help = text!(
                        "ask the list: `tags contains \"x\"`",
                        "リストに聞いてください: `tags contains \"x\"`"
                    );
                    return self.report(
                        Diagnostic::new(Code::TypeMismatch, value.place, message).help(help),
                    );
                }
                let constants: Vec<Option<Constant>> = items
                    .iter()
                    .map(|item| self.constant(item, &value.kind))
                    .collect();
                Predicate::In(value.operand, constants.into_iter().collect::<Option<_>>()?)
            }
            Set::Networks(networks) => {
                if value.kind != Kind::Ip {
                    let at = value.place;
                    return self.mismatch(&value, &Kind::Ip, at);
                }
                let mut read = Vec::new();
                for text in networks {
                    read.push(self.network(text)?);
                }
                Predicate::InNetwork(value.operand, read)
            }
        };
        // A missing value is in no set and out of none.
        let outside = |inside| Predicate::And(vec![present, Predicate::Not(Box::new(inside))]);
        Some(if negated { outside(inside) } else { inside })
    }

    fn network(&mut self, text: &Quoted) -> Option<crate::rule::Network> {
        let read = network(&text.text);
        if read.is_none() {
            let written = &text.text;
            let message = text!(
                "`{written}` is no network",
                "`{written}` はネットワークではありません"
            );
            let expected = text!(
                "an address and a prefix: `\"10.0.0.0/8\"`",
                "アドレスと長さ: `\"10.0.0.0/8\"`"
            );
            self.diagnostics
                .push(Diagnostic::new(Code::BadConstant, text.at.0, message).expected(expected));
        }
        read
    }

    fn text_test(
        &mut self,
        left: &Expression,
        test: TextTest,
        right: &Expression,
    ) -> Option<Predicate> {
        let value = self.value(left)?;
        if let (Kind::List(inner), TextTest::Contains, Operand::Field(index)) =
            (&value.kind, test, &value.operand)
        {
            let constant = self.constant(right, inner)?;
            return Some(Predicate::ListContains(*index, constant));
        }
        if value.kind != Kind::Text {
            let at = value.place;
            return self.mismatch(&value, &Kind::Text, at);
        }
        let Expression::Quoted(text) = right else {
            let word = crate::print::test_word(test);
            let message = text!(
                "`{word}` needs a text in quotes",
                "`{word}` には引用符で囲んだ文字列が必要です"
            );
            return self.report(Diagnostic::new(Code::TypeMismatch, place(right), message));
        };
        Some(Predicate::Text(value.operand, test, text.text.clone()))
    }

    fn matches(&mut self, left: &Expression, regex: &Quoted) -> Option<Predicate> {
        let value = self.value(left)?;
        if value.kind != Kind::Text {
            let at = value.place;
            return self.mismatch(&value, &Kind::Text, at);
        }
        let built = regex::RegexBuilder::new(&regex.text)
            .size_limit(REGEX_BYTES_MAX)
            .build();
        if let Err(error) = built {
            let reason = error.to_string();
            let reason = reason
                .lines()
                .last()
                .unwrap_or("")
                .trim_start_matches("error:")
                .trim()
                .to_owned();
            let message = text!(
                "the regular expression cannot be used",
                "この正規表現は使えません"
            );
            let found =
                Diagnostic::new(Code::BadRegex, regex.at.0, message).found(Text::same(&reason));
            let help = text!(
                "a literal text is found by `contains \"…\"`",
                "そのままの文字列なら `contains \"…\"` で探せます"
            );
            return self.report(found.help(help));
        }
        Some(Predicate::Matches(value.operand, regex.text.clone()))
    }
}
