//! Takes a text apart by patterns of literals and holes, in linear time.
//!
//! Say a pattern is `P h₁ L₁ h₂ L₂ … hₙ Lₙ`: a prefix, then holes each followed by a literal
//! (the last may be empty and must end the text). A first pass goes from right to left: `Rₙ`
//! is where `Lₙ` ends the text, and `Rᵢ` the rightmost place of `Lᵢ` that ends before `Rᵢ₊₁`.
//! Then what follows hole i can match with `Lᵢ` at a place p exactly if `Lᵢ` stands at p and
//! p ≤ Rᵢ: further right nothing fits, and at p or left of `Rᵢ` the places `Rᵢ₊₁ …` still do.
//! So a second pass from left to right needs no trial and error: a named hole, which takes the
//! longest text, ends at `Rᵢ`; a `{_}`, which takes the shortest, ends at the first place of
//! `Lᵢ`, which is at most `Rᵢ`. Both passes look at every byte once per pattern.
//!
//! A named hole therefore swallows any copy of a later literal that an attacker wrote into it:
//! in `for {user} from {src.ip} port {_}` the user `x from 1.2.3.4 port 1` stays a user.

use model::schema::{Pattern, PatternPart};

/// A pattern ready to be matched.
#[derive(Debug)]
pub(super) struct PatternMatcher {
    prefix: String,
    links: Vec<PatternHole>,
}

/// A hole and the literal behind it.
#[derive(Debug)]
struct PatternHole {
    /// The field a named hole fills; `None` is `{_}`.
    field: Option<usize>,
    literal: String,
}

/// Places found by the last match, kept to be reused.
#[derive(Debug, Default)]
pub(super) struct MatchedSpans {
    rightmost: Vec<usize>,
    /// (field, start, end) of each named hole, in order.
    pub holes: Vec<(usize, usize, usize)>,
}

impl PatternMatcher {
    /// `None` when two holes touch.
    pub fn new(pattern: &Pattern) -> Option<PatternMatcher> {
        let (mut prefix, mut links) = (String::new(), Vec::<PatternHole>::new());
        for part in &pattern.parts {
            let field = match part {
                PatternPart::Literal(text) => {
                    let literal = links.last_mut().map_or(&mut prefix, |link| &mut link.literal);
                    literal.push_str(text);
                    continue;
                }
                PatternPart::Skip => None,
                PatternPart::Hole(field) => Some(*field),
            };
            if links.last().is_some_and(|link| link.literal.is_empty()) {
                return None;
            }
            let literal = String::new();
            links.push(PatternHole { field, literal });
        }
        Some(PatternMatcher { prefix, links })
    }

    /// The fields its named holes fill.
    pub fn fields(&self) -> impl Iterator<Item = usize> {
        self.links.iter().filter_map(|link| link.field)
    }

    /// True when the pattern covers the whole text; `places` then has its named holes.
    pub fn matches(&self, text: &str, places: &mut MatchedSpans) -> bool {
        places.holes.clear();
        let Some((last, inner)) = self.links.split_last() else {
            return text == self.prefix;
        };
        if !text.starts_with(&self.prefix) || !text.ends_with(&last.literal) {
            return false;
        }
        let first = self.prefix.len();
        let suffix = text.len() - last.literal.len();
        let found = suffix >= first && self.find_rightmost(text, first, suffix, inner, places);
        if found {
            self.find_holes(text, first, places);
        }
        found
    }

    fn find_rightmost(
        &self,
        text: &str,
        first: usize,
        suffix: usize,
        inner: &[PatternHole],
        places: &mut MatchedSpans,
    ) -> bool {
        places.rightmost.clear();
        places.rightmost.resize(self.links.len(), suffix);
        let mut end = suffix;
        for (link, place) in inner.iter().zip(&mut places.rightmost).rev() {
            let region = text.get(first..end).unwrap_or_default();
            let Some(at) = region.rfind(&link.literal) else {
                return false;
            };
            end = first + at;
            *place = end;
        }
        true
    }

    fn find_holes(&self, text: &str, first: usize, places: &mut MatchedSpans) {
        let mut start = first;
        let last = self.links.len() - 1;
        for (index, (link, rightmost)) in self.links.iter().zip(&places.rightmost).enumerate() {
            let mut end = *rightmost;
            match link.field {
                Some(field) => places.holes.push((field, start, end)),
                None if index < last => {
                    let region = text.get(start..end + link.literal.len()).unwrap_or_default();
                    end = region.find(&link.literal).map_or(end, |at| start + at);
                }
                None => {}
            }
            start = end + link.literal.len();
        }
    }
}

#[cfg(test)]
mod tests;
