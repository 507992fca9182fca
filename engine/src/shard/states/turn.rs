//! States that go on under rules in another wording.

use std::sync::Arc;

use rules_dsl::rule::Alert;

use super::{States, alert_of};
use crate::hours::Hours;
use crate::levels::Levels;
use crate::probe::announces_early;
use crate::program::Program;
use crate::shard::table::StateId;
use crate::timer::Timers;

impl States {
    /// Takes the place of its program: what is announced ahead of settling is announced by the
    /// new levels, and what was remembered of calendars is forgotten.
    pub(crate) fn adopt(&mut self, program: Arc<Program>) {
        self.program = program;
        self.rules.iter_mut().for_each(|rule| rule.hours = Hours::default());
        let mut silent = Vec::new();
        for (place, probe) in &mut self.probes {
            match alert_of(&self.program, *place) {
                Some(alert) if self.settings.early && announces_early(alert) => {
                    probe.turn(Levels::new(alert, self.keys.bytes(place.1)));
                }
                _ => silent.push(*place),
            }
        }
        silent.into_iter().for_each(|place| self.drop_probe(place));
    }

    /// Whether an alert is announced ahead of settling here.
    pub(crate) fn announces(&self, alert: &Alert) -> bool {
        self.settings.early && announces_early(alert)
    }

    /// Has every state of some rules judged anew when another wording begins to judge it;
    /// `settled` is judged.
    pub(crate) fn turn(&mut self, rules: &[usize], settled: i64, timers: &mut Timers<StateId>) {
        for (id, state) in self.table.states.iter_mut() {
            let rule = state.place.0 as usize;
            let plan =
                self.program.rules().get(rule).filter(|_| rules.binary_search(&rule).is_ok());
            let Some(plan) = plan else { continue };
            state.turn(settled, plan);
            if let Some(turn) = plan.next_turn(settled) {
                timers.hasten(&mut state.alarm, turn, id);
            }
        }
    }
}
