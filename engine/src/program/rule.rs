//! A compiled alert: the signals that feed it, and the versions that evaluated its state.

use rules_dsl::rule::{Alert, ComparisonOp};

use crate::window::WindowPlan;

/// An alert and the signals that feed it.
#[derive(Debug)]
pub struct RulePlan {
    /// The checked rule.
    pub alert: Alert,
    /// Streams it reads, ascending: an instant is settled for it when it is in all of them.
    pub streams: Vec<usize>,
    /// Signals it consumes, each with its role.
    pub(crate) inputs: Vec<(u32, InputRole)>,
    /// Plan of each window of the condition.
    pub(crate) windows: Vec<WindowPlan>,
    /// Present where the condition is one comparison of one window and the rule has no calendar:
    /// then the value alone shows that nothing changes.
    pub(crate) glance: Option<ComparisonOp>,
    /// True when a key without events in any window is not evaluated.
    pub(crate) forgets_silence: bool,
    /// True when entries that leave its window cannot turn it on.
    pub(crate) only_gains: bool,
    /// True when it has states that are created without an event and never dropped.
    pub(crate) is_seeded: bool,
    /// True when only seeded keys are evaluated.
    pub(crate) has_roster: bool,
    /// True when it is a watch: its values are shown, and it never fires.
    pub(crate) is_watch: bool,
    /// Hash of what decides its state: see [`crate::state_fingerprint`].
    pub(crate) stateful: u128,
    // INVARIANT: ascending in `until`.
    /// Previous versions that evaluated the same state, up to an instant each.
    pub(crate) earlier: Vec<PreviousVersion>,
    /// First instant that the rule applies to: before it, nothing is true.
    pub(crate) begins: i64,
}

/// A version of a rule that evaluated up to an instant.
#[derive(Clone, Debug)]
pub struct PreviousVersion {
    /// Last instant that it evaluates.
    pub(crate) until: i64,
    /// The rule as it was; only the parts that decide an evaluation are read.
    pub(crate) alert: Alert,
}

/// Role of an observation in a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputRole {
    /// An event of the trigger itself: of a sequence the number of the step.
    Step(u8),
    /// An entry of a window: of a ratio 0 is the numerator and 1 the denominator.
    Window { window: u8, part: u8 },
}

impl RulePlan {
    /// True when it is a watch: its values are shown, and it never fires.
    pub const fn is_watch(&self) -> bool {
        self.is_watch
    }

    /// Signals it consumes, in the order of [`rules_dsl::rule::Trigger::selections`].
    pub fn signals(&self) -> impl Iterator<Item = u32> {
        self.inputs.iter().map(|(signal, _)| *signal)
    }

    /// Bytes its windows keep for each event, or for each step where they move in steps; where
    /// different values count, for each value.
    pub fn entry_bytes(&self) -> usize {
        self.windows.iter().map(WindowPlan::entry_bytes).sum()
    }

    /// Length of the past, in milliseconds, that the next result depends on, in the longest of its
    /// versions.
    pub fn horizon_ms(&self) -> i64 {
        let reach_ms = self.longest_ms(|alert| alert.trigger.reach_ms());
        let held_ms = reach_ms.saturating_add(self.longest_ms(|alert| alert.hold_ms));
        held_ms.saturating_add(self.running_ms())
    }

    /// Greatest age, in milliseconds, of a `for` or `keep` that still runs, in the longest of its
    /// versions.
    pub(crate) fn running_ms(&self) -> i64 {
        self.longest_ms(Alert::running_ms)
    }

    fn longest_ms(&self, of: impl Fn(&Alert) -> i64) -> i64 {
        self.earlier.iter().map(|earlier| of(&earlier.alert)).fold(of(&self.alert), i64::max)
    }

    /// Time for which it must be true before it fires, in milliseconds, in the longest of its
    /// versions.
    pub(crate) fn for_ms(&self) -> i64 {
        self.longest_ms(|alert| alert.for_ms)
    }

    /// Version that evaluates an instant, and the last instant it evaluates.
    pub(crate) fn wording(&self, now: i64) -> (&Alert, i64) {
        let earlier = self.earlier.iter().find(|earlier| now <= earlier.until);
        earlier.map_or((&self.alert, i64::MAX), |earlier| (&earlier.alert, earlier.until))
    }

    /// Next instant after `now` at which another version starts to apply.
    pub(crate) fn next_turn(&self, now: i64) -> Option<i64> {
        let until = self.wording(now).1;
        (until < i64::MAX).then(|| until + 1)
    }
}
