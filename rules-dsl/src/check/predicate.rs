//! `where` expressions to predicates: typed, with constants in base units.

use std::net::IpAddr;

use model::schema::Schema;

use super::constant::{base, instant, network};
use super::kind::{ValueType, mended};
use super::limits::REGEX_BYTES_MAX;
use super::membership::members;
use super::messages;
use super::scope::NameScope;
use super::stream::field_index;
use crate::ast::{Expression, FieldPath, MembershipSet, QuotedText};
use crate::diagnostic::{BilingualText, Diagnostic};
use crate::rule::{
    ArithmeticOp, ComparisonOp, ConstantValue, Predicate, PredicateOperand, TextTest,
};
use crate::source::SourceSpan;

/// An operand and its type.
pub(super) struct TypedOperand {
    pub(super) operand: PredicateOperand,
    pub(super) kind: ValueType,
    place: SourceSpan,
}

struct PredicateChecker<'a, 'd> {
    schema: &'a Schema,
    /// Names of the lists; constants need none.
    scope: Option<&'a NameScope<'a>>,
    diagnostics: &'d mut Vec<Diagnostic>,
}

/// Checks a condition over the fields of a stream; `None` is reported.
pub(super) fn predicate(
    scope: &NameScope<'_>,
    schema: &Schema,
    condition: &Expression,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Predicate> {
    PredicateChecker { schema, scope: Some(scope), diagnostics }.truth(condition)
}

/// A constant of a kind, as lists and tests write it; `None` is reported.
pub(super) fn constant(
    schema: &Schema,
    item: &Expression,
    kind: &ValueType,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<ConstantValue> {
    PredicateChecker { schema, scope: None, diagnostics }.constant(item, kind)
}

/// Place of an expression.
pub(super) fn place(expression: &Expression) -> SourceSpan {
    match expression {
        Expression::And(parts) | Expression::Or(parts) => match (parts.first(), parts.last()) {
            (Some(first), Some(last)) => place(first).to(place(last)),
            _ => SourceSpan::default(),
        },
        Expression::Not(inner, at) => at.0.to(place(inner)),
        Expression::Lower(_, at) => at.0,
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

impl PredicateChecker<'_, '_> {
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
            Expression::In { value, negated, set } => self.member(value, *negated, set),
            Expression::Text(left, test, right) => self.text_test(left, *test, right),
            Expression::Matches(left, regex) => self.matches(left, regex),
            Expression::Exists(field) => Some(Predicate::Exists(self.field(field)?)),
            Expression::Bool(true, _) => Some(Predicate::True),
            Expression::Bool(false, _) => Some(Predicate::Not(Box::new(Predicate::True))),
            Expression::Field(_) => {
                let value = self.value(expression)?;
                if value.kind != ValueType::Bool {
                    return self.not_a_condition(expression);
                }
                let truth = PredicateOperand::Constant(ConstantValue::Bool(true));
                Some(Predicate::Compare(value.operand, ComparisonOp::Equal, truth))
            }
            Expression::Quoted(_)
            | Expression::Number(_)
            | Expression::Lower(..)
            | Expression::Arithmetic(..) => self.not_a_condition(expression),
        }
    }

    fn not_a_condition<T>(&mut self, expression: &Expression) -> Option<T> {
        let spelled = crate::print::expression(expression);
        self.report(messages::not_a_condition(place(expression), &spelled))
    }

    fn field(&mut self, path: &FieldPath) -> Option<usize> {
        field_index(self.schema, &path.dotted(), path.at.0, self.diagnostics)
    }

    fn value(&mut self, expression: &Expression) -> Option<TypedOperand> {
        let at = place(expression);
        let constant = |constant, kind| (PredicateOperand::Constant(constant), kind);
        let (operand, kind) = match expression {
            Expression::Field(path) => {
                let index = self.field(path)?;
                let kind = ValueType::of(&self.schema.fields.get(index)?.kind);
                (PredicateOperand::Field(index), kind)
            }
            Expression::Quoted(text) => {
                constant(ConstantValue::Text(text.text.clone()), ValueType::Text)
            }
            Expression::Number(number) => {
                let value = base(number, self.diagnostics)?;
                constant(ConstantValue::Number(value), ValueType::quantity(number))
            }
            Expression::Bool(value, _) => constant(ConstantValue::Bool(*value), ValueType::Bool),
            Expression::Lower(inner, _) => return self.lower(inner, at),
            Expression::Arithmetic(left, operator, right) => {
                return self.arithmetic(left, *operator, right, at);
            }
            _ => {
                let spelled = crate::print::expression(expression);
                return self.report(messages::not_a_value(at, &spelled));
            }
        };
        let place = at;
        Some(TypedOperand { operand, kind, place })
    }

    fn lower(&mut self, inner: &Expression, place: SourceSpan) -> Option<TypedOperand> {
        let inner = self.value(inner)?;
        if inner.kind != ValueType::Text {
            return self.mismatch(&inner, &ValueType::Text, place);
        }
        let operand = PredicateOperand::Lower(Box::new(inner.operand));
        let kind = ValueType::Text;
        Some(TypedOperand { operand, kind, place })
    }

    fn arithmetic(
        &mut self,
        left: &Expression,
        operator: ArithmeticOp,
        right: &Expression,
        place: SourceSpan,
    ) -> Option<TypedOperand> {
        let (left, right) = (self.value(left), self.value(right));
        let (left, right) = (left?, right?);
        let Some(kind) = joined(&left.kind, operator, &right.kind) else {
            let (l, r) = (left.kind.words(), right.kind.words());
            let (en, ja) = (format!("{} and {}", l.en, r.en), format!("{}と{}", l.ja, r.ja));
            let sign = crate::print::sign(operator);
            return self.report(messages::not_joined(place, sign, &en, &ja));
        };
        let operands = (Box::new(left.operand), Box::new(right.operand));
        let operand = PredicateOperand::Arithmetic(operands.0, operator, operands.1);
        Some(TypedOperand { operand, kind, place })
    }

    fn compare(
        &mut self,
        left: &Expression,
        operator: ComparisonOp,
        right: &Expression,
    ) -> Option<Predicate> {
        let (left, right) = (self.value(left), self.value(right));
        let (left, right) = (left?, right?);
        let right = self.read_as(right, &left.kind)?;
        let left = self.read_as(left, &right.kind)?;
        let at = left.place.to(right.place);
        if left.kind != right.kind {
            // The constant is what can be mended, so the other side sets the type.
            return match left.operand {
                PredicateOperand::Constant(_) => self.mismatch(&left, &right.kind, at),
                _ => self.mismatch(&right, &left.kind, at),
            };
        }
        let equality = matches!(operator, ComparisonOp::Equal | ComparisonOp::NotEqual);
        if matches!(left.kind, ValueType::List(_)) || !(equality || left.kind.ordered()) {
            let words = left.kind.words();
            let symbol = operator.symbol();
            return self.report(messages::not_ordered(at, symbol, &words.en, &words.ja));
        }
        Some(Predicate::Compare(left.operand, operator, right.operand))
    }

    /// A text constant where an address or instant is wanted is read as one.
    fn read_as(&mut self, value: TypedOperand, wanted: &ValueType) -> Option<TypedOperand> {
        let PredicateOperand::Constant(ConstantValue::Text(text)) = &value.operand else {
            return Some(value);
        };
        let place = value.place;
        let read = match wanted {
            ValueType::Ip => {
                let read = text.parse::<IpAddr>();
                read.map(|address| ConstantValue::Ip(address.to_canonical()))
                    .map_err(|_| messages::bad_address(place, text))
            }
            ValueType::Time => {
                let read = instant(text).map(ConstantValue::Time);
                read.ok_or_else(|| messages::bad_instant(place, text))
            }
            _ => return Some(value),
        };
        let constant = read.map_err(|found| self.diagnostics.push(found)).ok()?;
        Some(TypedOperand {
            operand: PredicateOperand::Constant(constant),
            kind: wanted.clone(),
            place,
        })
    }

    fn mismatch<T>(
        &mut self,
        wrong: &TypedOperand,
        wanted: &ValueType,
        at: SourceSpan,
    ) -> Option<T> {
        let found = if wrong.kind.has_unit() && wanted.has_unit() {
            messages::units_disagree(at)
        } else {
            messages::types_disagree(at)
        };
        let mut found = found.found(wrong.kind.words()).expected(wanted.words());
        if let PredicateOperand::Constant(constant) = &wrong.operand {
            found.help.extend(mended(constant, wanted));
        }
        self.report(found)
    }

    /// A constant read as a value of a kind, for lists.
    fn constant(&mut self, item: &Expression, wanted: &ValueType) -> Option<ConstantValue> {
        let value = self.value(item)?;
        let value = self.read_as(value, wanted)?;
        if value.kind != *wanted {
            let at = value.place;
            return self.mismatch(&value, wanted, at);
        }
        match value.operand {
            PredicateOperand::Constant(constant) => Some(constant),
            _ => None,
        }
    }

    fn member(
        &mut self,
        value: &Expression,
        negated: bool,
        set: &MembershipSet,
    ) -> Option<Predicate> {
        let value = self.value(value)?;
        let present = match &value.operand {
            PredicateOperand::Field(index) => Predicate::Exists(*index),
            // Compared with itself a value is unequal only when it is missing.
            other => Predicate::Compare(other.clone(), ComparisonOp::Equal, other.clone()),
        };
        let inside = match set {
            MembershipSet::Literals(items) => self.one_of(value, items)?,
            MembershipSet::Networks(networks) => self.in_networks(value, networks)?,
            MembershipSet::List(name) => {
                let list = self.scope?.list(name, self.diagnostics)?;
                members(list, value, name, self.schema, self.diagnostics)?
            }
        };
        // A missing value is in no set and out of none.
        let outside = |inside| Predicate::And(vec![present, Predicate::Not(Box::new(inside))]);
        Some(if negated { outside(inside) } else { inside })
    }

    fn one_of(&mut self, value: TypedOperand, items: &[Expression]) -> Option<Predicate> {
        if matches!(value.kind, ValueType::List(_)) {
            return self.report(messages::in_a_list(value.place));
        }
        let items = items.iter();
        let constants: Vec<Option<ConstantValue>> =
            items.map(|item| self.constant(item, &value.kind)).collect();
        let constants = constants.into_iter().collect::<Option<_>>()?;
        Some(Predicate::In(value.operand, constants))
    }

    fn in_networks(&mut self, value: TypedOperand, networks: &[QuotedText]) -> Option<Predicate> {
        if value.kind != ValueType::Ip {
            return self.mismatch(&value, &ValueType::Ip, value.place);
        }
        let mut read = Vec::new();
        for text in networks {
            match network(&text.text) {
                Some(network) => read.push(network),
                None => return self.report(messages::bad_network(text.at.0, &text.text)),
            }
        }
        Some(Predicate::InNetwork(value.operand, read))
    }

    fn text_test(
        &mut self,
        left: &Expression,
        test: TextTest,
        right: &Expression,
    ) -> Option<Predicate> {
        let value = self.value(left)?;
        if let (ValueType::List(inner), TextTest::Contains, PredicateOperand::Field(index)) =
            (&value.kind, test, &value.operand)
        {
            let constant = self.constant(right, inner)?;
            return Some(Predicate::ListContains(*index, constant));
        }
        if value.kind != ValueType::Text {
            return self.mismatch(&value, &ValueType::Text, value.place);
        }
        let Expression::Quoted(text) = right else {
            return self.report(messages::text_wanted(place(right), crate::print::test_word(test)));
        };
        Some(Predicate::Text(value.operand, test, text.text.clone()))
    }

    fn matches(&mut self, left: &Expression, regex: &QuotedText) -> Option<Predicate> {
        let value = self.value(left)?;
        if value.kind != ValueType::Text {
            return self.mismatch(&value, &ValueType::Text, value.place);
        }
        let built = regex::RegexBuilder::new(&regex.text).size_limit(REGEX_BYTES_MAX).build();
        if let Err(error) = built {
            let lines = error.to_string();
            let last = lines.lines().last().unwrap_or("");
            let reason = BilingualText::same(last.trim_start_matches("error:").trim());
            return self.report(messages::bad_regex(regex.at.0).found(reason));
        }
        Some(Predicate::Matches(value.operand, regex.text.clone()))
    }
}

/// The type of two values joined by an operator.
fn joined(left: &ValueType, operator: ArithmeticOp, right: &ValueType) -> Option<ValueType> {
    use ArithmeticOp::{Add, Divide, Multiply, Subtract};
    use ValueType::{Bytes, Duration, Number, Percent, Time};
    match (left, operator, right) {
        (Time, Subtract, Time) => Some(Duration),
        (Time, _, _) | (_, _, Time) => None,
        (a, Add | Subtract, b) if a == b && a.ordered() => Some(a.clone()),
        (a, Divide, b) if a == b && a.ordered() => Some(Number),
        (a @ (Number | Duration | Percent | Bytes), Multiply | Divide, Number) => Some(a.clone()),
        (Number, Multiply, a @ (Duration | Percent | Bytes)) => Some(a.clone()),
        _ => None,
    }
}
