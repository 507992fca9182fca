//! Fingerprint of a rule's state: one hash over stream, `where`, `by`, measure and window.
//!
//! Rules with the same hash can restore each other's state: the same events lead to the same
//! windows under the same keys. The parts that evaluate the state are left out: levels, ladder,
//! `clear`, `for`, `keep`, `nodata`, calendar, severity, message and receivers (LANGUAGE §3.16).
//!
//! The bytes are written by hand, so that a new member of a rule has to be placed here. Fields are
//! written by their facts and not by their number: a field declared beside them changes nothing.

use model::schema::Schema;
use rules_dsl::rule::{
    AbsenceRoster, Alert, ArithmeticOp, BoolOp, ComparisonOp, Condition, ConstantValue,
    EventSelection, Measure, MeasureFormula, Predicate, PredicateOperand, RuleSet, TextTest,
    Trigger, Window,
};
use xxhash_rust::xxh3::xxh3_128;

/// The facts of all streams, hashed once for all rules.
#[derive(Debug)]
pub struct StreamFacts(Vec<SchemaFacts>);

/// Parts of a schema that decide state.
#[derive(Debug)]
struct SchemaFacts {
    /// Of the stream as a whole.
    whole: u128,
    /// Of each field.
    fields: Vec<u128>,
}

impl StreamFacts {
    /// The facts of the streams of a rule set.
    pub(crate) fn new(rules: &RuleSet) -> StreamFacts {
        StreamFacts(rules.streams.iter().map(|schema| SchemaFacts::of(schema)).collect())
    }

    /// The hash of everything that decides an alert's state.
    pub(crate) fn stateful_hash(&self, alert: &Alert, is_watch: bool) -> u128 {
        let mut canon = CanonicalBytes { facts: self, bytes: Vec::new() };
        canon.tag(u8::from(is_watch));
        canon.many(&alert.by, |canon, part| {
            canon.text(&part.name);
            canon.tag(u8::from(part.optional));
        });
        canon.trigger(&alert.trigger);
        xxh3_128(&canon.bytes)
    }
}

impl SchemaFacts {
    fn of(schema: &Schema) -> SchemaFacts {
        // A field's type and the patterns of `extract` are plain nouns without numbers of
        // fields in them, but for those that are written by name below.
        let fields = schema.fields.iter().map(|field| {
            let text = format!("{:?}", (&field.name, &field.path, &field.kind));
            xxh3_128(text.as_bytes())
        });
        let fields: Vec<u128> = fields.collect();
        let field = |at: usize| fields.get(at).copied();
        let extracts = schema.extracts.iter().map(|extract| {
            let patterns = extract.patterns.iter().map(|pattern| {
                let parts = pattern.parts.iter().map(|part| match part {
                    model::schema::PatternPart::Literal(text) => format!("l{text:?}"),
                    model::schema::PatternPart::Skip => "s".to_owned(),
                    model::schema::PatternPart::Hole(at) => format!("h{:?}", field(*at)),
                });
                let sets = pattern.sets.iter().map(|(at, text)| (field(*at), text));
                (parts.collect::<Vec<_>>(), sets.collect::<Vec<_>>())
            });
            (field(extract.source), patterns.collect::<Vec<_>>())
        });
        let whole = format!(
            "{:?}",
            (
                (&schema.name, &schema.input, schema.codec, schema.lateness_ms),
                (field(schema.time), schema.id.map(field)),
                extracts.collect::<Vec<_>>(),
            )
        );
        SchemaFacts { whole: xxh3_128(whole.as_bytes()), fields }
    }
}

/// Canonical bytes under construction: every part is written with its kind and its length.
struct CanonicalBytes<'a> {
    facts: &'a StreamFacts,
    bytes: Vec<u8>,
}

impl CanonicalBytes<'_> {
    fn tag(&mut self, tag: u8) {
        self.bytes.push(tag);
    }

    fn number(&mut self, number: i128) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn millis(&mut self, millis: i64) {
        self.number(millis.into());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as i128);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn many<T>(&mut self, all: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.number(all.len() as i128);
        all.iter().for_each(|one| each(self, one));
    }

    /// Writes parts whose order does not matter, each once.
    fn set<T>(&mut self, all: &[T], mut each: impl FnMut(&mut Self, &T)) {
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for one in all {
            let outside = std::mem::take(&mut self.bytes);
            each(self, one);
            parts.push(std::mem::replace(&mut self.bytes, outside));
        }
        parts.sort_unstable();
        parts.dedup();
        self.many(&parts, |canon, part| {
            canon.number(part.len() as i128);
            canon.bytes.extend_from_slice(part);
        });
    }

    fn field(&mut self, stream: usize, field: usize) {
        let known = self.facts.0.get(stream).and_then(|facts| facts.fields.get(field));
        // Fields without a declaration, in tests, are identified by their number.
        self.number(known.map_or(field as i128, |known| *known as i128));
    }

    fn trigger(&mut self, trigger: &Trigger) {
        match trigger {
            Trigger::Condition(condition) => {
                self.tag(0);
                self.condition(condition);
            }
            Trigger::Any { of, and } => {
                self.tag(1);
                self.selection(of);
                self.many(and.as_slice(), |canon, condition| canon.condition(condition));
            }
            Trigger::Sequence { steps, first_count, within_ms } => {
                self.tag(2);
                self.many(steps, |canon, step| canon.selection(step));
                self.number((*first_count).into());
                self.millis(*within_ms);
            }
            Trigger::ThenNot { first, then, within_ms } => {
                self.tag(3);
                self.selection(first);
                self.selection(then);
                self.millis(*within_ms);
            }
            Trigger::Absent { of, within_ms, roster } => {
                self.tag(4);
                self.selection(of);
                self.millis(*within_ms);
                self.roster(roster);
            }
            Trigger::New { of, fields, within_ms, learn_ms, values_max } => {
                self.tag(5);
                self.selection(of);
                self.many(fields, |canon, field| canon.field(of.stream, *field));
                [*within_ms, *learn_ms].into_iter().for_each(|millis| self.millis(millis));
                self.number((*values_max).into());
            }
        }
    }

    fn roster(&mut self, roster: &AbsenceRoster) {
        match roster {
            AbsenceRoster::Whole => self.tag(0),
            AbsenceRoster::Seen(seen_ms) => {
                self.tag(1);
                self.millis(*seen_ms);
            }
            AbsenceRoster::Listed(keys) => {
                self.tag(2);
                self.set(keys, |canon, key| canon.constant(key));
            }
        }
    }

    /// Everything but the levels it is compared with.
    fn condition(&mut self, condition: &Condition) {
        self.many(&condition.windows, CanonicalBytes::window);
        self.many(&condition.compares, |canon, compare| {
            canon.formula(&compare.value);
            canon.comparison(compare.comparison);
        });
        self.joint(&condition.joint);
    }

    fn window(&mut self, window: &Window) {
        let (tag, permille) = match &window.measure {
            Measure::Count(_) => (0, 0),
            Measure::Sum(_) => (1, 0),
            Measure::Avg(_) => (2, 0),
            Measure::Stddev(_) => (3, 0),
            Measure::Min(_) => (4, 0),
            Measure::Max(_) => (5, 0),
            Measure::Last(_) => (6, 0),
            Measure::Delta(_) => (7, 0),
            Measure::Increase(_) => (8, 0),
            Measure::Rate(_) => (9, 0),
            Measure::Distinct(_) => (10, 0),
            Measure::Quantile { permille, .. } => (11, *permille),
            Measure::Ratio(..) => (12, 0),
        };
        self.tag(tag);
        self.number(permille.into());
        window.measure.selections().for_each(|of| self.selection(of));
        let Window { window_ms, step_ms, ago_ms, min_events, measure: _ } = window;
        [*window_ms, *step_ms, *ago_ms].into_iter().for_each(|millis| self.millis(millis));
        self.number((*min_events).into());
    }

    fn formula(&mut self, formula: &MeasureFormula) {
        match formula {
            MeasureFormula::Window(at) => {
                self.tag(0);
                self.number(*at as i128);
            }
            // Its unit is for showing it.
            MeasureFormula::Number(number, _) => {
                self.tag(1);
                self.number(number.units());
            }
            MeasureFormula::Arithmetic(left, how, right) => {
                self.tag(2);
                self.formula(left);
                self.arithmetic(*how);
                self.formula(right);
            }
        }
    }

    fn joint(&mut self, joint: &BoolOp) {
        match joint {
            BoolOp::Compare(at) => {
                self.tag(0);
                self.number(*at as i128);
            }
            BoolOp::And(parts) => {
                self.tag(1);
                self.many(parts, CanonicalBytes::joint);
            }
            BoolOp::Or(parts) => {
                self.tag(2);
                self.many(parts, CanonicalBytes::joint);
            }
        }
    }

    /// Everything but the fields that messages show.
    fn selection(&mut self, of: &EventSelection) {
        let EventSelection { stream, predicate, field, key, message_fields: _ } = of;
        let whole = self.facts.0.get(*stream).map_or(*stream as i128, |facts| facts.whole as i128);
        self.number(whole);
        self.predicate(predicate, *stream);
        self.many(field.as_slice(), |canon, field| canon.field(*stream, *field));
        self.many(key, |canon, field| canon.field(*stream, *field));
    }

    fn predicate(&mut self, predicate: &Predicate, stream: usize) {
        match predicate {
            Predicate::True => self.tag(0),
            Predicate::And(parts) => {
                self.tag(1);
                self.many(parts, |canon, part| canon.predicate(part, stream));
            }
            Predicate::Or(parts) => {
                self.tag(2);
                self.many(parts, |canon, part| canon.predicate(part, stream));
            }
            Predicate::Not(inner) => {
                self.tag(3);
                self.predicate(inner, stream);
            }
            Predicate::Compare(left, how, right) => {
                self.tag(4);
                self.operand(left, stream);
                self.comparison(*how);
                self.operand(right, stream);
            }
            Predicate::In(operand, constants) => {
                self.tag(5);
                self.operand(operand, stream);
                self.set(constants, |canon, constant| canon.constant(constant));
            }
            Predicate::InNetwork(operand, networks) => {
                self.tag(6);
                self.operand(operand, stream);
                self.set(networks, |canon, network| {
                    canon.text(&network.address.to_string());
                    canon.tag(network.prefix);
                });
            }
            Predicate::Text(operand, test, text) => {
                self.tag(7);
                self.operand(operand, stream);
                self.tag(match test {
                    TextTest::Contains => 0,
                    TextTest::StartsWith => 1,
                    TextTest::EndsWith => 2,
                });
                self.text(text);
            }
            Predicate::Matches(operand, pattern) => {
                self.tag(8);
                self.operand(operand, stream);
                self.text(pattern);
            }
            Predicate::ListContains(field, constant) => {
                self.tag(9);
                self.field(stream, *field);
                self.constant(constant);
            }
            Predicate::Exists(field) => {
                self.tag(10);
                self.field(stream, *field);
            }
        }
    }

    fn operand(&mut self, operand: &PredicateOperand, stream: usize) {
        match operand {
            PredicateOperand::Field(field) => {
                self.tag(0);
                self.field(stream, *field);
            }
            PredicateOperand::Lower(inner) => {
                self.tag(1);
                self.operand(inner, stream);
            }
            PredicateOperand::Constant(constant) => {
                self.tag(2);
                self.constant(constant);
            }
            PredicateOperand::Arithmetic(left, how, right) => {
                self.tag(3);
                self.operand(left, stream);
                self.arithmetic(*how);
                self.operand(right, stream);
            }
        }
    }

    fn constant(&mut self, constant: &ConstantValue) {
        match constant {
            ConstantValue::Text(text) => {
                self.tag(0);
                self.text(text);
            }
            ConstantValue::Number(number) => {
                self.tag(1);
                self.number(number.units());
            }
            ConstantValue::Bool(truth) => {
                self.tag(2);
                self.tag(u8::from(*truth));
            }
            ConstantValue::Time(time) => {
                self.tag(3);
                self.millis(time.0);
            }
            ConstantValue::Ip(address) => {
                self.tag(4);
                self.text(&address.to_canonical().to_string());
            }
        }
    }

    fn comparison(&mut self, comparison: ComparisonOp) {
        self.text(comparison.symbol());
    }

    fn arithmetic(&mut self, how: ArithmeticOp) {
        self.tag(match how {
            ArithmeticOp::Add => 0,
            ArithmeticOp::Subtract => 1,
            ArithmeticOp::Multiply => 2,
            ArithmeticOp::Divide => 3,
        });
    }
}

#[cfg(test)]
mod tests;
