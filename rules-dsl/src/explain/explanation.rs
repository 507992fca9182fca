//! How a rule was understood, in texts.

/// How an alert was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
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
    /// What it keeps for each key, and what a restart reads again, in English.
    pub cost_en: String,
    /// The same in Japanese.
    pub cost_ja: String,
}
