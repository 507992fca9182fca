//! Texts in both languages.

use model::message::{Language, show_duration};

/// A text in English and Japanese.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BilingualText {
    /// English.
    pub en: String,
    /// Japanese.
    pub ja: String,
}

impl BilingualText {
    /// The text in one language.
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Ja => &self.ja,
        }
    }

    /// One text for both languages, such as a piece of a rule.
    pub(crate) fn same(text: &str) -> BilingualText {
        BilingualText { en: text.to_owned(), ja: text.to_owned() }
    }
}

/// A length of time in both languages.
pub(crate) fn lasting(millis: i64) -> BilingualText {
    BilingualText {
        en: show_duration(millis, Language::En),
        ja: show_duration(millis, Language::Ja),
    }
}

/// `text!("english {x}", "日本語 {x}")`: both languages filled from the variables around.
macro_rules! text {
    ($en:literal, $ja:literal $(,)?) => {
        $crate::diagnostic::BilingualText {
            en: format_args!($en).to_string(),
            ja: format_args!($ja).to_string(),
        }
    };
}
pub(crate) use text;
