//! The nearest of some names, for "did you mean".

/// The name nearest to a word, if it is near enough to be a slip.
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer words are no slips; the bound keeps the comparison cheap for hostile text.
    const WORD_CHARS_MAX: usize = 64;
    let length = word.chars().count();
    if length > WORD_CHARS_MAX {
        return None;
    }
    let limit = (length / 3).clamp(1, 3);
    // `order` for `order_id`, `ip` for `src.ip`: as near as a slip may be.
    let apart = |name: &str| {
        let apart = distance(word, name);
        if is_end_of(word, name) { apart.min(limit) } else { apart }
    };
    names
        .into_iter()
        .filter(|name| name.chars().count() <= WORD_CHARS_MAX && *name != word)
        .map(|name| (apart(name), name))
        .filter(|(distance, name)| *distance <= limit && *distance < name.chars().count())
        .min()
        .map(|(_, name)| name)
}

/// True when a word is the first or last part of a longer name.
fn is_end_of(word: &str, name: &str) -> bool {
    let is_cut = |c: char| c == '.' || c == '_';
    name.strip_prefix(word).is_some_and(|rest| rest.starts_with(is_cut))
        || name.strip_suffix(word).is_some_and(|rest| rest.ends_with(is_cut))
}

/// Edits between two words; two neighbours swapped count as one.
///
/// Optimal string alignment distance, after Damerau (1964).
pub(super) fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().flat_map(char::to_lowercase).collect();
    let right: Vec<char> = right.chars().flat_map(char::to_lowercase).collect();
    let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, r) in right.iter().enumerate() {
            let change = at(&above, j) + usize::from(l != r);
            let mut best = change.min(at(&above, j + 1) + 1).min(at(&row, j) + 1);
            let swapped =
                i > 0 && j > 0 && left.get(i - 1) == Some(r) && right.get(j - 1) == Some(l);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(left.len())
}
