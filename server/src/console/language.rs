//! Language of a page: the one in its address, else the one that the browser prefers.

use axum::http::{HeaderMap, header};
use model::message::Language;

/// Code of a language, as in `lang="ja"`.
pub(super) const fn code(language: Language) -> &'static str {
    match language {
        Language::En => "en",
        Language::Ja => "ja",
    }
}

/// Language of a request: `stated` if there are pages in it, else by `Accept-Language`, else
/// English.
pub(super) fn requested(stated: Option<&str>, headers: &HeaderMap) -> Language {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    stated.and_then(of_tag).or_else(|| accepted.and_then(preferred)).unwrap_or(Language::En)
}

/// Best language of an `Accept-Language` header (RFC 9110, 12.5.4): the highest weight counts,
/// and among equals the first.
fn preferred(accepted: &str) -> Option<Language> {
    let mut best: Option<(u16, Language)> = None;
    for range in accepted.split(',') {
        let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
        let Some(language) = of_tag(tag.trim()) else { continue };
        let weight = thousandths(weight.trim());
        if weight > best.map_or(0, |(known, _)| known) {
            best = Some((weight, language));
        }
    }
    best.map(|(_, language)| language)
}

/// Language of a tag such as `ja-JP`, where there are pages in it.
fn of_tag(tag: &str) -> Option<Language> {
    let primary = tag.split('-').next().unwrap_or_default();
    [Language::En, Language::Ja]
        .into_iter()
        .find(|language| primary.eq_ignore_ascii_case(code(*language)))
}

/// Weight of `q=0.8` in thousandths; 0, which is "not acceptable", for what is no weight.
fn thousandths(weight: &str) -> u16 {
    let value = weight
        .strip_prefix("q=")
        .or_else(|| weight.strip_prefix("Q="))
        .and_then(|value| value.parse::<f32>().ok());
    value.map_or(0, |value| (value.clamp(0.0, 1.0) * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_decides_then_the_browser() {
        let check = |stated: Option<&str>, accepted: &str, want: Language| {
            let headers =
                HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, accepted.parse().unwrap())]);
            assert_eq!(requested(stated, &headers), want, "{stated:?} {accepted}");
        };
        check(None, "", Language::En);
        check(None, "ja", Language::Ja);
        check(None, "ja-JP,ja;q=0.9,en;q=0.8", Language::Ja);
        check(None, "en-US,en;q=0.9,ja;q=0.8", Language::En);
        check(None, "fr, ja;q=0.3, en;q=0.4", Language::En);
        check(None, "fr;q=1, JA;q=0.2", Language::Ja);
        check(None, "ja;q=0", Language::En);
        check(None, "ja;q=NaN, en;q=x", Language::En);
        check(None, "de", Language::En);
        check(Some("ja"), "en", Language::Ja);
        check(Some("en"), "ja", Language::En);
        check(Some("de"), "ja", Language::Ja);
        assert_eq!(requested(None, &HeaderMap::new()), Language::En);
    }
}
