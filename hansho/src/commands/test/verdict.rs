//! Verdict of a rule test.

use rules_dsl::rule::Test;

/// A test that was played.
pub(super) struct TestVerdict<'a> {
    pub(super) test: &'a Test,
    /// `rules/auth.rules:30`
    pub(super) place: String,
    /// Differences; empty when all is as expected.
    pub(super) differences: String,
}
