//! Inhibition: what need not be told while something that explains it is open.

use std::collections::HashMap;

use crate::incident::Incident;
use crate::matcher::{MatchSubject, Matcher, all_match};

/// Inhibitions one service may have.
pub const INHIBITIONS_MAX: usize = 64;

/// While a source is open, targets with the same values are not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inhibition {
    /// Matchers of the cause; all of them must hold.
    pub source: Vec<Matcher>,
    /// Matchers of the effects; all of them must hold.
    pub target: Vec<Matcher>,
    /// Names whose values must be there and the same in both.
    pub equal: Vec<String>,
}

/// The open incidents that explain others, counted by what must be the same.
#[derive(Debug, Default)]
pub(crate) struct InhibitionSources(HashMap<(usize, Vec<String>), u32>);

impl Inhibition {
    /// The values that must be the same; `None` where one is missing: what has no value has
    /// none in common with anything.
    fn values(&self, of: &MatchSubject<'_>) -> Option<Vec<String>> {
        let value = |name: &String| of.value(name).filter(|value| !value.is_empty());
        self.equal.iter().map(value).collect()
    }
}

impl InhibitionSources {
    /// An incident opened.
    pub(crate) fn open(&mut self, all: &[Inhibition], of: &MatchSubject<'_>) {
        for place in places(all, of) {
            *self.0.entry(place).or_default() += 1;
        }
    }

    /// One that was opened is over.
    pub(crate) fn close(&mut self, all: &[Inhibition], of: &MatchSubject<'_>) {
        for place in places(all, of) {
            if let Some(count) = self.0.get_mut(&place) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.0.remove(&place);
                }
            }
        }
    }

    /// True when an open incident explains this one. None explains itself.
    pub(crate) fn explain(&self, all: &[Inhibition], incident: &Incident) -> bool {
        explanations(all, &incident.subject()).any(|place| self.0.contains_key(&place))
    }
}

/// True when an incident could be explained, should the right one open.
pub(crate) fn may_be_explained(all: &[Inhibition], incident: &Incident) -> bool {
    explanations(all, &incident.subject()).next().is_some()
}

/// The places at which what explains an incident would stand.
fn explanations<'a>(
    all: &'a [Inhibition],
    of: &'a MatchSubject<'_>,
) -> impl Iterator<Item = (usize, Vec<String>)> {
    let about = all.iter().enumerate().filter(|(_, it)| {
        // What is of both kinds is told: none explains itself.
        all_match(&it.target, of) && !all_match(&it.source, of)
    });
    about.filter_map(|(number, it)| Some((number, it.values(of)?)))
}

fn places(all: &[Inhibition], of: &MatchSubject<'_>) -> Vec<(usize, Vec<String>)> {
    let sources = all.iter().enumerate().filter(|(_, it)| all_match(&it.source, of));
    sources.filter_map(|(number, it)| Some((number, it.values(of)?))).collect()
}
