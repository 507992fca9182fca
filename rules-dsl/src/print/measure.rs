//! Measures and the windows written at them to text.

use std::fmt::Write as _;

use super::term::{keys, listed, name, path, quantity, sign};
use crate::ast::{Measure, Term, Watch, Window};
use crate::rule::Arithmetic;

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

fn term(term: &Term) -> String {
    match term {
        Term::Named(named) => name(&named.text),
        Term::Call(function, arguments, _) => {
            format!("{}({})", function.text, listed(arguments, path))
        }
        Term::Number(number) => quantity(number),
        Term::Arithmetic(left, operator, right) => {
            let own = binding(term);
            format!("{} {} {}", operand(left, own), sign(*operator), operand(right, own + 1))
        }
        Term::Versus(now, ago) => format!("{} vs {} ago", operand(now, 3), quantity(ago)),
    }
}

/// Precedence of a term; a looser one inside a tighter one needs parentheses.
fn binding(term: &Term) -> u8 {
    match term {
        Term::Versus(..) => 0,
        Term::Arithmetic(_, Arithmetic::Add | Arithmetic::Subtract, _) => 1,
        Term::Arithmetic(..) => 2,
        Term::Named(_) | Term::Call(..) | Term::Number(_) => 3,
    }
}

fn operand(inner: &Measure, at_least: u8) -> String {
    let text = measure(inner);
    let bare = binding(&inner.term) >= at_least && inner.window == Window::default();
    if bare { text } else { format!("({text})") }
}
