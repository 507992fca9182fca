//! Vocabulary of other tools, recognised for better diagnostics.

/// Severity names of other tools, and the equivalents here.
const SEVERITIES_ELSEWHERE: [(&str, &str); 15] = [
    ("emergency", "critical"),
    ("fatal", "critical"),
    ("page", "critical"),
    ("error", "high"),
    ("major", "high"),
    ("warning", "medium"),
    ("warn", "medium"),
    ("minor", "low"),
    ("notice", "low"),
    ("info", "low"),
    ("重大", "緊急"),
    ("警報", "重要"),
    ("警告", "通常"),
    ("注意", "軽微"),
    ("情報", "軽微"),
];

/// The severity meant by a word of another tool.
pub(crate) fn severity_elsewhere(word: &str) -> Option<&'static str> {
    let lower = word.to_ascii_lowercase();
    let known = SEVERITIES_ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == lower);
    known.map(|(_, ours)| *ours)
}

/// Keyword for a symbol of other tools.
pub(crate) fn symbol_elsewhere(symbol: &str) -> Option<&'static str> {
    let known = [("&", "and"), ("|", "or"), ("!", "not"), ("[", "(…)")];
    known.into_iter().find(|(theirs, _)| *theirs == symbol).map(|(_, ours)| ours)
}

/// True for a word by which other tools test that a value is present.
pub(crate) fn missing_elsewhere(word: &str) -> bool {
    matches!(word.to_ascii_lowercase().as_str(), "is" | "null" | "nil" | "none")
}
