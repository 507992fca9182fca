//! Measures and the windows written at them to text.

use std::fmt::Write as _;

use super::term::{keys, listed, name, path, quantity, sign};
use crate::ast::{Measure, MeasureTerm, Watch, Window};
use crate::rule::ArithmeticOp;

pub(super) fn watch(watch: &Watch) -> String {
    let by = keys(watch.by.iter().map(|key| (path(&key.field), key.optional)));
    format!("watch {} = {}{by}\n", name(&watch.name.text), measure(&watch.measure))
}

/// A measure with its own window.
pub(crate) fn measure(measure: &Measure) -> String {
    term(&measure.term) + &window(&measure.window)
}

/// ` within 5m step 1s min 20`, of what is written.
pub(super) fn window(window: &Window) -> String {
    let mut out = String::new();
    let parts = [("within", &window.within), ("step", &window.step), ("min", &window.min)];
    for (word, written) in parts {
        if let Some(written) = written {
            // Writing into a String cannot fail.
            let _ = write!(out, " {word} {}", quantity(written));
        }
    }
    out
}

fn term(term: &MeasureTerm) -> String {
    match term {
        MeasureTerm::Named(named) => name(&named.text),
        MeasureTerm::Call(function, arguments, _) => {
            format!("{}({})", function.text, listed(arguments, path))
        }
        MeasureTerm::Number(number) => quantity(number),
        MeasureTerm::Arithmetic(left, operator, right) => {
            let own = binding(term);
            format!("{} {} {}", operand(left, own), sign(*operator), operand(right, own + 1))
        }
        MeasureTerm::Versus(now, ago) => format!("{} vs {} ago", operand(now, 3), quantity(ago)),
    }
}

/// Precedence of a term; a looser one inside a tighter one needs parentheses.
fn binding(term: &MeasureTerm) -> u8 {
    match term {
        MeasureTerm::Versus(..) => 0,
        MeasureTerm::Arithmetic(_, ArithmeticOp::Add | ArithmeticOp::Subtract, _) => 1,
        MeasureTerm::Arithmetic(..) => 2,
        MeasureTerm::Named(_) | MeasureTerm::Call(..) | MeasureTerm::Number(_) => 3,
    }
}

fn operand(inner: &Measure, at_least: u8) -> String {
    let text = measure(inner);
    let bare = binding(&inner.term) >= at_least && inner.window == Window::default();
    if bare { text } else { format!("({text})") }
}
