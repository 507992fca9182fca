//! The words of the language.

/// Words that start a statement.
pub(crate) const STATEMENTS: &[&str] = &["stream", "filter", "measure", "alert"];
/// Statements of the language that this build does not evaluate yet.
pub(crate) const LATER_STATEMENTS: &[&str] = &["list", "table", "calendar", "watch", "test"];
/// Clauses and triggers of the language that this build does not evaluate yet.
pub(crate) const LATER_CLAUSES: &[&str] = &[
    "then", "vs", "during", "except", "override", "ladder", "notify", "shadow", "limit", "seen",
    "learn", "step", "any", "absent", "new",
];
/// Triggers that start with a word of their own.
pub(crate) const LATER_TRIGGERS: &[&str] = &["any", "absent", "new"];
/// Measures of the language that this build does not evaluate yet.
pub(crate) const LATER_MEASURES: &[&str] = &["stddev", "delta", "increase", "rate"];
/// Options of a stream that this build does not evaluate yet.
pub(crate) const LATER_OPTIONS: &[&str] = &["id", "partitioned_by"];
/// Codecs of the language that this build does not know yet.
pub(crate) const LATER_CODECS: &[&str] = &["logfmt", "otlp"];
/// Clauses of an alert.
pub(crate) const CLAUSES: &[&str] = &["within", "min", "by", "for", "clear", "keep", "nodata"];
/// Options of a stream.
pub(crate) const OPTIONS: &[&str] = &["codec", "lateness", "extract"];

const EXPRESSION_WORDS: &[&str] = &[
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

/// Whether a bare word can never be a name.
pub(crate) fn reserved(word: &str) -> bool {
    STATEMENTS.contains(&word)
        || LATER_STATEMENTS.contains(&word)
        || EXPRESSION_WORDS.contains(&word)
        || model::severity::Severity::from_word(word).is_some()
}

/// Whether a word must be back-quoted to be written as a name anywhere.
pub(crate) fn needs_quotes(word: &str) -> bool {
    let later = LATER_CLAUSES.contains(&word) || LATER_MEASURES.contains(&word);
    let clause =
        CLAUSES.contains(&word) || OPTIONS.contains(&word) || LATER_OPTIONS.contains(&word);
    let comparison = crate::lex::COMPARISON_WORDS.iter().any(|(spelled, _)| *spelled == word);
    reserved(word) || later || clause || comparison
}

/// Whether a zone's name reads as one without back-quotes: `Asia/Tokyo`, `Etc/GMT+9`.
pub(crate) fn plain_zone(zone: &str) -> bool {
    let mut parts = zone.split(['/', '-', '+']);
    let word = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    parts.next().is_some_and(|first| word(first) && !needs_quotes(first))
        && parts.all(|part| word(part) || part.parse::<u8>().is_ok())
}
