//! Words of other tools.

/// What other tools call how serious something is, and what it is here.
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

/// How what other tools have a symbol for is spelled here.
pub(crate) fn symbol_elsewhere(symbol: &str) -> Option<&'static str> {
    let known = [("&", "and"), ("|", "or"), ("!", "not"), ("[", "(…)")];
    known.into_iter().find(|(theirs, _)| *theirs == symbol).map(|(_, ours)| ours)
}

/// Whether other tools ask with a word whether a value is there.
pub(crate) fn missing_elsewhere(word: &str) -> bool {
    matches!(word.to_ascii_lowercase().as_str(), "is" | "null" | "nil" | "none")
}
