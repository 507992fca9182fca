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
