//! Matchers: conditions of routes, silences and inhibitions on incidents.
//!
//! `severity=critical`, `user.name!=bot`, `alert=~認証.*`: the syntax is Alertmanager's. A pattern
//! must match the whole value.

use std::fmt;

use model::key::KeyValue;
use model::meta::{current_name, former_name};
use model::severity::Severity;
use model::transition::NamedKeyPart;
use regex::Regex;
use serde::{Deserialize, Serialize};

/// Maximum number of matchers in a list.
pub const MATCHERS_MAX: usize = 32;
/// Maximum size of a compiled pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// One condition on a named value of an incident.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Matcher {
    name: String,
    test: MatcherTest,
    is_negated: bool,
    /// Text as it was written.
    text: String,
}

#[derive(Clone, Debug)]
enum MatcherTest {
    Equals(String),
    Severity(Severity),
    Pattern(Regex),
}

/// Names and values that matchers read: names first of the incident, then of its labels, then of
/// its key.
#[derive(Clone, Copy, Debug)]
pub struct MatchSubject<'a> {
    /// The alert's name: `alert`.
    pub alert: &'a str,
    /// Severity: `severity`, in any spelling.
    pub severity: Severity,
    /// Components of the key with their names.
    pub key: &'a [NamedKeyPart],
    /// Labels of the rule.
    pub labels: &'a [(String, String)],
}

/// Error of a text that is no matcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatcherError {
    /// Problem, and what to write instead.
    pub what: String,
}

impl Matcher {
    /// Parses `NAME=VALUE`, `NAME!=VALUE`, `NAME=~PATTERN` or `NAME!~PATTERN`; the value may be in
    /// double quotes.
    ///
    /// # Errors
    /// [`MatcherError`] for any other text, and for a pattern that is invalid or too large.
    pub fn parse(text: &str) -> Result<Matcher, MatcherError> {
        let fail = |what: &str| MatcherError { what: format!("`{text}` {what}") };
        let no_operator = || fail("is no matcher; write NAME=VALUE, NAME!=VALUE or NAME=~PATTERN");
        let at = text.find(['=', '!']).ok_or_else(no_operator)?;
        let (name, rest) = text.split_at(at);
        // The shortest last: it is a prefix of another one.
        let operators =
            [("!=", true, false), ("!~", true, true), ("=~", false, true), ("=", false, false)];
        let (operator, is_negated, is_pattern) =
            operators.into_iter().find(|(it, ..)| rest.starts_with(it)).ok_or_else(no_operator)?;
        let (name, value) = (name.trim(), rest.get(operator.len()..).unwrap_or_default().trim());
        if name.is_empty() {
            return Err(no_operator());
        }
        let value = value.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(value);
        let test = if is_pattern {
            let built = regex::RegexBuilder::new(&format!("^(?:{value})$"))
                .size_limit(PATTERN_BYTES_MAX)
                .build();
            MatcherTest::Pattern(
                built.map_err(|_| fail("holds no regular expression, or a huge one"))?,
            )
        } else if name == "severity" {
            let known = Severity::from_word(value);
            let none = "names no severity; there are critical, high, medium and low";
            MatcherTest::Severity(known.ok_or_else(|| fail(none))?)
        } else {
            let current = if name == "alert" { current_name(value) } else { value };
            MatcherTest::Equals(current.to_owned())
        };
        Ok(Matcher { name: name.to_owned(), test, is_negated, text: text.to_owned() })
    }

    /// Parses a list of matchers, all of which must match.
    ///
    /// # Errors
    /// The first text that is no matcher, and a list longer than [`MATCHERS_MAX`].
    pub fn parse_all<'a>(
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<Matcher>, MatcherError> {
        let all: Vec<Matcher> = texts.into_iter().map(Matcher::parse).collect::<Result<_, _>>()?;
        if all.len() > MATCHERS_MAX {
            return Err(MatcherError { what: format!("has more than {MATCHERS_MAX} matchers") });
        }
        Ok(all)
    }

    /// Returns the name whose value it tests.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns true when it matches. A name that the incident does not have counts as an empty
    /// value. A former name of a self-alert matches the alert of today.
    pub fn matches(&self, subject: &MatchSubject<'_>) -> bool {
        let is_met = match &self.test {
            MatcherTest::Severity(severity) => subject.severity == *severity,
            MatcherTest::Equals(value) => subject.value(&self.name).unwrap_or_default() == *value,
            MatcherTest::Pattern(pattern) => {
                let former = former_name(subject.alert).filter(|_| self.name == "alert");
                pattern.is_match(&subject.value(&self.name).unwrap_or_default())
                    || former.is_some_and(|former| pattern.is_match(former))
            }
        };
        is_met != self.is_negated
    }
}

/// Returns true when all matchers of a list match.
pub fn all_match(matchers: &[Matcher], subject: &MatchSubject<'_>) -> bool {
    matchers.iter().all(|matcher| matcher.matches(subject))
}

impl MatchSubject<'_> {
    /// Returns the value of a name; `None` where the incident has none.
    pub fn value(&self, name: &str) -> Option<String> {
        let label = || self.labels.iter().find(|(label, _)| label == name);
        let component = || self.key.iter().find(|(component, _)| component == name);
        match name {
            "alert" => Some(self.alert.to_owned()),
            "severity" => Some(self.severity.name().to_owned()),
            "level" => Some(self.severity.level().to_string()),
            _ => label().map(|(_, value)| value.clone()).or_else(|| {
                component().map(|(_, value)| match value {
                    KeyValue::Null => String::new(),
                    value => value.to_string(),
                })
            }),
        }
    }
}

impl From<Matcher> for String {
    fn from(matcher: Matcher) -> String {
        matcher.text
    }
}

impl TryFrom<String> for Matcher {
    type Error = MatcherError;

    fn try_from(text: String) -> Result<Matcher, MatcherError> {
        Matcher::parse(&text)
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Matcher) -> bool {
        self.text == other.text
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for MatcherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for MatcherError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_ask_for_names_labels_and_keys() {
        let key = vec![
            ("user.name".to_owned(), KeyValue::Text("山田".to_owned())),
            ("team".to_owned(), KeyValue::Text("of the key".to_owned())),
        ];
        let labels = vec![("team".to_owned(), "soc".to_owned())];
        let subject = MatchSubject {
            alert: "認証失敗多発",
            severity: Severity::High,
            key: &key,
            labels: &labels,
        };
        let cases = [
            ("alert=認証失敗多発", true),
            ("alert=~認証.*", true),
            ("alert=~認証", false),
            ("alert!~.*多発", false),
            ("severity=high", true),
            ("severity=重要", true),
            ("severity=L2", true),
            ("severity!=critical", true),
            ("level=2", true),
            ("level=~[12]", true),
            ("team=soc", true),
            ("user.name = \"山田\"", true),
            ("user.name!=山田", false),
            ("region=", true),
            ("region!=", false),
            ("region=tokyo", false),
            ("region!=tokyo", true),
        ];
        for (text, want) in cases {
            assert_eq!(Matcher::parse(text).unwrap().matches(&subject), want, "{text}");
        }
    }

    #[test]
    fn a_former_name_of_an_alert_of_the_service_matches_the_alert_of_today() {
        let subject =
            |alert| MatchSubject { alert, severity: Severity::High, key: &[], labels: &[] };
        let cases = [
            ("alert=hansho.held_back", true),
            ("alert=\"hansho.held_back\"", true),
            ("alert!=hansho.held_back", false),
            ("alert=~hansho\\.(held_back|undelivered)", true),
            ("alert!~hansho\\.held_back", false),
            ("alert=hansho.partition_paused", true),
            ("alert=~hansho\\.partition_.*", true),
            ("alert=hansho.undelivered", false),
            ("alert=~hansho\\.undelivered", false),
            ("service=hansho.held_back", false),
        ];
        for (text, want) in cases {
            let matcher = Matcher::parse(text).unwrap();
            assert_eq!(matcher.matches(&subject("hansho.partition_paused")), want, "{text}");
            assert_eq!(matcher.to_string(), text, "it is shown as it was written");
        }
    }

    #[test]
    fn what_is_no_matcher_is_refused_with_a_way_out() {
        let cases = [
            ("", "is no matcher"),
            ("team", "is no matcher"),
            ("=x", "is no matcher"),
            ("severity=urgent", "names no severity"),
            ("team=~(", "no regular expression"),
            ("team=~\\pL{5000}{50}", "or a huge one"),
        ];
        for (text, want) in cases {
            let error = Matcher::parse(text).unwrap_err().what;
            assert!(error.contains(want), "{text}: {error}");
        }
        assert!(Matcher::parse_all(vec!["a=b"; MATCHERS_MAX + 1]).is_err());
        assert_eq!(Matcher::parse_all(["a=b", "c=~d"]).unwrap().len(), 2);
    }
}
