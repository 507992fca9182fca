//! What a receiver says back must not tell what it was shown: many repeat the path they were
//! asked for, some the key that they do not know.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Shorter texts are not struck out: too much else would be with them.
const HIDDEN_MIN: usize = 4;
/// Shorter parts of a path are words rather than tokens.
const SEGMENT_MIN: usize = 8;
/// What stands in place of a secret.
const STRUCK_OUT: &str = "…";

/// Texts that are struck out of what is repeated to people.
#[derive(Clone, Default)]
pub(super) struct Veil {
    /// INVARIANT: the longest first, so that none leaves the rest of a longer one behind.
    hidden: Vec<String>,
}

impl Veil {
    /// Strikes out a secret from now on, also where it is part of something in base64.
    pub(super) fn hide(&mut self, secret: &str) {
        if secret.len() < HIDDEN_MIN {
            return;
        }
        self.hidden.push(secret.to_owned());
        let coded = (0..3).filter_map(|shift| base64_inside(secret, shift));
        self.hidden.extend(coded.filter(|text| text.len() >= HIDDEN_MIN));
        self.hidden.sort_by_key(|text| std::cmp::Reverse(text.len()));
        self.hidden.dedup();
    }

    /// Strikes out a header's value, and what comes after its scheme: `Bearer …`.
    pub(super) fn hide_header(&mut self, value: &str) {
        self.hide(value);
        if let Some((_, token)) = value.split_once(' ') {
            self.hide(token.trim());
        }
    }

    /// Strikes out what an address holds beside its host: the path, its longer parts, and
    /// what the query says.
    pub(super) fn hide_address(&mut self, url: &reqwest::Url) {
        self.hide(url.path());
        url.path().split('/').filter(|part| part.len() >= SEGMENT_MIN).for_each(|it| self.hide(it));
        url.query().into_iter().for_each(|query| self.hide(query));
        url.query_pairs().for_each(|(_, value)| self.hide(&value));
        url.password().into_iter().for_each(|password| self.hide(password));
    }

    /// A text without the secrets in it.
    pub(super) fn over(&self, text: &str) -> String {
        let strike = |text: String, secret: &String| match text.contains(secret.as_str()) {
            true => text.replace(secret.as_str(), STRUCK_OUT),
            false => text,
        };
        self.hidden.iter().fold(text.to_owned(), strike)
    }
}

/// The base64 of a text that begins `shift` bytes after what is encoded does, without the
/// characters that its neighbours have a part in.
fn base64_inside(text: &str, shift: usize) -> Option<String> {
    let whole = STANDARD.encode("\0".repeat(shift) + text);
    let (first, last) = ((shift * 8).div_ceil(6), (shift + text.len()) * 8 / 6);
    whole.get(first..last).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_struck_out_in_clear_and_in_base64() {
        let mut veil = Veil::default();
        veil.hide_header("Bearer hunter2");
        veil.hide("hunter22");
        veil.hide("abc");
        let url = "https://a.example/services/T0/B0/tokentoken?key=s3cr%20et&n=12";
        veil.hide_address(&reqwest::Url::parse(url).unwrap());
        for (said, shown) in [
            ("no hunter22, hunter2", "no …, …"),
            ("Cannot POST /services/T0/B0/tokentoken", "Cannot POST …"),
            ("no webhook tokentoken of s3cr et or s3cr%20et", "no webhook … of … or s3cr%20et"),
            ("key=s3cr%20et&n=12", "…"),
            ("abc 12", "abc 12"),
        ] {
            assert_eq!(veil.over(said), shown);
        }
        for around in ["", "u", "me"] {
            let coded = STANDARD.encode(format!("{around}:hunter22:"));
            let shown = veil.over(&coded);
            assert!(shown.contains('…') && shown.len() < coded.len() - 4, "{coded} {shown}");
        }
    }
}
