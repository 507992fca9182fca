//! Tables of the texts of diagnostics: the passes hold the decisions, and the texts stand together
//! for review and translation.

/// Declares one function per diagnostic:
/// `Code name(argument: Type): "english" | "日本語" help "way out" | "方法";`
///
/// The function takes the place, then the arguments; every text may name the arguments in
/// braces. The slots after the headline are those of `Diagnostic`: `found`, `expected` and
/// `help`.
macro_rules! wordings {
    ($(
        $(#[$doc:meta])*
        $code:ident $name:ident($($argument:ident: $kind:ty),*):
        $en:literal | $ja:literal
        $($slot:ident $slot_en:literal | $slot_ja:literal)*;
    )+) => {$(
        $(#[$doc])*
        pub(crate) fn $name(
            place: $crate::source::SourceSpan,
            $($argument: $kind),*
        ) -> $crate::diagnostic::Diagnostic {
            let code = $crate::diagnostic::DiagnosticCode::$code;
            let message = $crate::diagnostic::text!($en, $ja);
            $crate::diagnostic::Diagnostic::new(code, place, message)
                $(.$slot($crate::diagnostic::text!($slot_en, $slot_ja)))*
        }
    )+};
}
pub(crate) use wordings;

/// Declares one function per text: `name(argument: Type): "english" | "日本語";`
macro_rules! texts {
    ($($name:ident($($argument:ident: $kind:ty),*): $en:literal | $ja:literal;)+) => {$(
        pub(crate) fn $name($($argument: $kind),*) -> $crate::diagnostic::BilingualText {
            $crate::diagnostic::text!($en, $ja)
        }
    )+};
}
pub(crate) use texts;
