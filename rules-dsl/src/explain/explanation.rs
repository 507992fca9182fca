//! Texts of an explanation.

/// Explanation of an alert or a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleExplanation {
    /// The alert's name.
    pub alert: String,
    /// The streams and filters it reads, in the order of
    /// [`crate::rule::Trigger::selections`].
    pub reads: Vec<String>,
    /// `count(認証失敗) >= 10 within 1m by user.name`
    pub canonical: String,
    /// In English words.
    pub words_en: String,
    /// In Japanese words.
    pub words_ja: String,
    /// State for each key, and the events that a restart replays, in English.
    pub cost_en: String,
    /// The same in Japanese.
    pub cost_ja: String,
}
