//! Redaction of secrets in responses: many receivers echo the path of the request, some an unknown
//! key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Minimum length of a redacted text, in bytes: shorter ones would redact too much else.
const SECRET_BYTES_MIN: usize = 4;
/// Minimum length of a path segment that may be a token, in bytes.
const SEGMENT_BYTES_MIN: usize = 8;
/// Text in place of a secret.
const REPLACEMENT: &str = "…";

/// Secrets to redact in texts for people.
#[derive(Clone, Default)]
pub(super) struct Redactor {
    /// INVARIANT: the longest first, so that no part of a longer secret remains.
    secrets: Vec<String>,
}

impl Redactor {
    /// Adds a secret; its base64 encodings are redacted too.
    pub(super) fn add_secret(&mut self, secret: &str) {
        if secret.len() < SECRET_BYTES_MIN {
            return;
        }
        self.secrets.push(secret.to_owned());
        let coded = (0..3).filter_map(|shift| base64_inside(secret, shift));
        self.secrets.extend(coded.filter(|text| text.len() >= SECRET_BYTES_MIN));
        self.secrets.sort_by_key(|text| std::cmp::Reverse(text.len()));
        self.secrets.dedup();
    }

    /// Adds the value of a header, and the part after its scheme: `Bearer …`.
    pub(super) fn add_header(&mut self, value: &str) {
        self.add_secret(value);
        if let Some((_, token)) = value.split_once(' ') {
            self.add_secret(token.trim());
        }
    }

    /// Adds the parts of a URL other than its host: the path, its longer segments, and the values
    /// of the query.
    pub(super) fn add_url(&mut self, url: &reqwest::Url) {
        self.add_secret(url.path());
        url.path()
            .split('/')
            .filter(|part| part.len() >= SEGMENT_BYTES_MIN)
            .for_each(|it| self.add_secret(it));
        url.query().into_iter().for_each(|query| self.add_secret(query));
        url.query_pairs().for_each(|(_, value)| self.add_secret(&value));
        url.password().into_iter().for_each(|password| self.add_secret(password));
    }

    /// Returns a text with the secrets replaced.
    pub(super) fn redact(&self, text: &str) -> String {
        let strike = |text: String, secret: &String| match text.contains(secret.as_str()) {
            true => text.replace(secret.as_str(), REPLACEMENT),
            false => text,
        };
        self.secrets.iter().fold(text.to_owned(), strike)
    }
}

/// Returns the base64 of a text at an offset of `shift` bytes in the encoded data, without the
/// characters that also depend on its neighbours.
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
        let mut redactor = Redactor::default();
        redactor.add_header("Bearer hunter2");
        redactor.add_secret("hunter22");
        redactor.add_secret("abc");
        let url = "https://a.example/services/T0/B0/tokentoken?key=s3cr%20et&n=12";
        redactor.add_url(&reqwest::Url::parse(url).unwrap());
        for (said, shown) in [
            ("no hunter22, hunter2", "no …, …"),
            ("Cannot POST /services/T0/B0/tokentoken", "Cannot POST …"),
            ("no webhook tokentoken of s3cr et or s3cr%20et", "no webhook … of … or s3cr%20et"),
            ("key=s3cr%20et&n=12", "…"),
            ("abc 12", "abc 12"),
        ] {
            assert_eq!(redactor.redact(said), shown);
        }
        for around in ["", "u", "me"] {
            let coded = STANDARD.encode(format!("{around}:hunter22:"));
            let shown = redactor.redact(&coded);
            assert!(shown.contains('…') && shown.len() < coded.len() - 4, "{coded} {shown}");
        }
    }
}
