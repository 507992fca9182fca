//! The alert log made shorter, at any moment: what is closed, committed and delivered goes.
//!
//! The checker remembers what the service forgets: records keep their place, and
//! [`Survivors::gone`] says which of them the service no longer has.

use engine::program::Program;
use model::time::Timestamp;
use oncall::compaction::{Candidate, kept};
use oncall::incident::Step;

use super::memory;
use super::recovery::{commits, published, published_of};
use super::{Course, Crash, Design, Fate, Survivors, Told};
use crate::drawn::Case;

impl Survivors {
    /// The records the service still has, with their numbers.
    pub(super) fn log(&self) -> impl Iterator<Item = (usize, &Told)> {
        let all = self.alert_log.iter().enumerate();
        all.filter(|(number, _)| !self.gone.contains(number))
    }

    /// Everybody has been told of every record so far, or was given up. The service knows it
    /// by their age.
    pub(super) fn age(&mut self) {
        self.aged = self.alert_log.len();
    }
}

/// Makes the log shorter; a crash leaves the old one or the new one.
pub(super) fn compact(
    (case, program): (&Case, &Program),
    course: Course<'_>,
    survivors: &mut Survivors,
    fate: &mut Fate,
) -> Result<(), Crash> {
    fate.survive()?;
    let design = course.design;
    let published = published(case, &commits(survivors), survivors.replaced.as_ref());
    let log: Vec<(usize, Candidate<'_>)> = survivors
        .log()
        .map(|(number, told)| (number, candidate((case, program), &published, told)))
        .map(|(number, of)| {
            let is_told = of.is_done || design == Design::CompactsBeyondCommit;
            (number, Candidate { is_done: is_told && number < survivors.aged, ..of })
        })
        .collect();
    let stays = kept(log.iter().map(|(_, candidate)| *candidate));
    let stays = log.iter().zip(stays).filter(|((_, candidate), stays)| {
        *stays && !(candidate.is_done && design == Design::CompactsOpenEpisode)
    });
    let is_open = |(of, _): &(&(usize, Candidate<'_>), bool)| of.1.is_done;
    let (all, open) = (log.len(), stays.clone().filter(is_open).count());
    let left: Vec<usize> = stays.map(|((number, _), _)| *number).collect();
    let gone: Vec<usize> = log
        .iter()
        .map(|(number, _)| *number)
        .filter(|it| left.binary_search(it).is_err())
        .collect();
    if left.len() < all {
        survivors.note("alert log made shorter");
        if open > 0 {
            survivors.note("open episode kept in a shorter log");
        }
    }
    survivors.gone.extend(gone);
    memory::compact(survivors, program, memory::remembering(course.seed), &published);
    fate.survive()
}

/// A record, done once no successor derives it again.
fn candidate<'a>(
    (case, program): (&Case, &Program),
    published: &[Timestamp],
    told: &'a Told,
) -> Candidate<'a> {
    let (step, name, at) = match told {
        Told::Settled(of) | Told::Withdrawn(of) => {
            (Step::Transition(of), &of.facts.alert, of.facts.at)
        }
        Told::Early(of) => (Step::Early(of), &of.facts.alert, of.facts.at),
    };
    let is_shadow = case.rules.alerts.iter().any(|alert| alert.name == *name && alert.is_shadow);
    Candidate { step, is_shadow, is_done: at <= published_of(program, published, name) }
}
