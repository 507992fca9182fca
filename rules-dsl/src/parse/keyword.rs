//! The words of the language.

/// Words that start a statement.
pub(crate) const STATEMENTS: &[&str] =
    &["stream", "list", "table", "calendar", "filter", "measure", "watch", "alert", "test"];
/// Words that start a trigger.
pub(crate) const TRIGGERS: &[&str] = &["any", "absent", "new"];
/// Words inside triggers and measures.
const TRIGGER_WORDS: &[&str] = &["then", "vs", "ago"];
/// Measures of the language that this build does not evaluate yet.
pub(crate) const LATER_MEASURES: &[&str] = &["stddev", "delta", "increase", "rate"];
/// Clauses of an alert.
pub(crate) const CLAUSES: &[&str] = &[
    "within", "step", "min", "by", "for", "clear", "keep", "during", "except", "override",
    "notify", "nodata", "shadow", "limit", "seen", "learn", "ladder",
];
/// Options of a stream.
pub(crate) const OPTIONS: &[&str] = &["codec", "lateness", "id", "partitioned_by", "extract"];
/// Words inside the braces of a test.
pub(crate) const TEST_WORDS: &[&str] = &["start", "given", "expect"];

/// Words of `where`.
pub(crate) const EXPRESSION_WORDS: &[&str] = &[
    "and",
    "or",
    "not",
    "in",
    "contains",
    "starts_with",
    "ends_with",
    "matches",
    "exists",
    "lower",
    "true",
    "false",
    "where",
    "cidr",
];

/// True when a bare word can never be a name.
pub(crate) fn reserved(word: &str) -> bool {
    STATEMENTS.contains(&word)
        || EXPRESSION_WORDS.contains(&word)
        || model::severity::Severity::from_word(word).is_some()
}

/// True when a word must be back-quoted to be written as a name anywhere.
pub(crate) fn needs_quotes(word: &str) -> bool {
    let lists = [TRIGGERS, TRIGGER_WORDS, LATER_MEASURES, CLAUSES, OPTIONS, TEST_WORDS];
    let comparison = crate::lex::COMPARISON_WORDS.iter().any(|(spelled, _)| *spelled == word);
    reserved(word) || comparison || lists.iter().any(|list| list.contains(&word))
}

/// True when a zone's name reads as one without back-quotes: `Asia/Tokyo`, `Etc/GMT+9`.
pub(crate) fn plain_zone(zone: &str) -> bool {
    let mut parts = zone.split(['/', '-', '+']);
    let word = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    parts.next().is_some_and(|first| word(first) && !needs_quotes(first))
        && parts.all(|part| word(part) || part.parse::<u8>().is_ok())
}
