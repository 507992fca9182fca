//! Inhibition: suppresses notifications of effects while their cause is open.

use std::collections::HashMap;

use crate::incident::Incident;
use crate::matcher::{MatchSubject, Matcher, all_match};

/// Maximum number of inhibitions.
pub const INHIBITIONS_MAX: usize = 64;

/// Inhibition rule: while a source is open, targets with equal values are suppressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inhibition {
    /// Matchers of the cause; all of them must hold.
    pub source: Vec<Matcher>,
    /// Matchers of the effects; all of them must hold.
    pub target: Vec<Matcher>,
    /// Names whose values must be present and equal in both.
    pub equal: Vec<String>,
}

/// Open incidents that inhibit others, counted by inhibition and equal values.
#[derive(Debug, Default)]
pub(crate) struct InhibitionSources(HashMap<(usize, Vec<String>), u32>);

impl Inhibition {
    /// Returns the values that must be equal; `None` where one is missing: a missing value equals
    /// nothing.
    fn values(&self, of: &MatchSubject<'_>) -> Option<Vec<String>> {
        let value = |name: &String| of.value(name).filter(|value| !value.is_empty());
        self.equal.iter().map(value).collect()
    }
}

impl InhibitionSources {
    /// Adds an incident that opened.
    pub(crate) fn open(&mut self, all: &[Inhibition], of: &MatchSubject<'_>) {
        for place in places(all, of) {
            *self.0.entry(place).or_default() += 1;
        }
    }

    /// Removes an incident that was resolved.
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

    /// Returns true when an open incident inhibits this one. An incident never inhibits itself.
    pub(crate) fn explain(&self, all: &[Inhibition], incident: &Incident) -> bool {
        explanations(all, &incident.subject()).any(|place| self.0.contains_key(&place))
    }
}

/// Returns true when an inhibition could suppress the incident, if a matching source opened.
pub(crate) fn may_be_explained(all: &[Inhibition], incident: &Incident) -> bool {
    explanations(all, &incident.subject()).next().is_some()
}

/// Returns the counter keys of the sources that would inhibit an incident.
fn explanations<'a>(
    all: &'a [Inhibition],
    of: &'a MatchSubject<'_>,
) -> impl Iterator<Item = (usize, Vec<String>)> {
    let about = all.iter().enumerate().filter(|(_, it)| {
        // An incident that matches source and target is not inhibited, so it cannot inhibit itself.
        all_match(&it.target, of) && !all_match(&it.source, of)
    });
    about.filter_map(|(number, it)| Some((number, it.values(of)?)))
}

fn places(all: &[Inhibition], of: &MatchSubject<'_>) -> Vec<(usize, Vec<String>)> {
    let sources = all.iter().enumerate().filter(|(_, it)| all_match(&it.source, of));
    sources.filter_map(|(number, it)| Some((number, it.values(of)?))).collect()
}
