//! Tokens of blanked Rust code, and the `use` items among them.

/// A word, a `::`, an arrow, or one other character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeToken<'a> {
    pub text: &'a str,
    /// Counted from 1.
    pub line: usize,
}

/// One name that a `use` item brings in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UseImport<'a> {
    /// All of its segments, without a trailing `self`.
    pub path: Vec<&'a str>,
    /// The name it has here; `*` for all of a module.
    pub alias: &'a str,
    /// `pub use` and its restricted kinds.
    pub is_reexport: bool,
    /// `mod NAME { … }` blocks around it.
    pub depth: usize,
}

/// Items that `#[cfg(test)]` may stand before.
const ITEMS: [&str; 11] = [
    "mod",
    "fn",
    "use",
    "impl",
    "struct",
    "enum",
    "const",
    "static",
    "trait",
    "type",
    "macro_rules",
];

/// The tokens of code whose comments and literals are blanked, without items for tests only.
pub fn shipped_tokens(code: &str) -> Vec<CodeToken<'_>> {
    without_tests(&tokens(code))
}

pub fn tokens(code: &str) -> Vec<CodeToken<'_>> {
    let mut found = Vec::new();
    for (at, text) in code.lines().enumerate() {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            let pair = ["::", "->", "=>"].iter().find(|pair| rest.starts_with(**pair));
            let length = match pair {
                _ if word > 0 => word,
                Some(pair) => pair.len(),
                None => first.len_utf8(),
            };
            let (token, after) = rest.split_at(length);
            found.push(CodeToken { text: token, line: at + 1 });
            rest = after.trim_start();
        }
    }
    found
}

pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// True for a name or a keyword.
pub fn is_name(token: &str) -> bool {
    token.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
}

/// The token at an index, or nothing.
pub fn text<'a>(tokens: &[CodeToken<'a>], at: usize) -> &'a str {
    tokens.get(at).map_or("", |token| token.text)
}

/// The index after the bracket that closes the one at `open`.
pub fn after_group(tokens: &[CodeToken<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// The index after the `>` that closes the `<` at `open`; `open` when none stands there.
pub fn after_generics(tokens: &[CodeToken<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "<" => depth += 1,
            ">" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return if at == open { open } else { at + 1 };
        }
    }
    tokens.len()
}

/// Leaves out the items marked `#[cfg(test)]`.
fn without_tests<'a>(all: &[CodeToken<'a>]) -> Vec<CodeToken<'a>> {
    let mut kept = Vec::with_capacity(all.len());
    let mut at = 0;
    while at < all.len() {
        match test_item_end(all, at) {
            Some(end) => at = end,
            None => {
                kept.push(all[at]);
                at += 1;
            }
        }
    }
    kept
}

/// The end of the item that a `#[cfg(test)]` at `at` takes out of what ships.
fn test_item_end(all: &[CodeToken<'_>], at: usize) -> Option<usize> {
    if !(text(all, at) == "#" && text(all, at + 1) == "[" && text(all, at + 2) == "cfg") {
        return None;
    }
    let after = after_group(all, at + 1);
    let words: Vec<&str> = all[at..after].iter().map(|token| token.text).collect();
    if !words.contains(&"test") || words.contains(&"not") {
        return None;
    }
    let mut from = after;
    while text(all, from) == "#" {
        from = after_group(all, from + 1);
    }
    let item = (from..all.len()).find(|at| ITEMS.contains(&text(all, *at)))?;
    let is_near = all[from..item].iter().all(|token| {
        ["pub", "(", ")", "crate", "super", "in", "::", "unsafe", "async"].contains(&token.text)
    });
    is_near.then(|| item_end(all, item))
}

/// The index after the `;` or the block that ends the item.
fn item_end(all: &[CodeToken<'_>], item: usize) -> usize {
    let ends_with_block = text(all, item) != "use";
    let mut at = item;
    while at < all.len() {
        match text(all, at) {
            ";" => return at + 1,
            "{" if ends_with_block => return after_group(all, at),
            "(" | "[" | "{" => at = after_group(all, at),
            _ => at += 1,
        }
    }
    all.len()
}

/// The names brought in by the `use` item at `at`, and the index after it.
pub fn imports<'a>(tokens: &[CodeToken<'a>], at: usize) -> (Vec<UseImport<'a>>, usize) {
    let is_reexport = is_public(tokens, at);
    let mut found = Vec::new();
    let end = tree(tokens, at + 1, &[], &mut found);
    let made =
        found.into_iter().map(|(path, alias)| UseImport { path, alias, is_reexport, depth: 0 });
    (made.collect(), end)
}

/// `pub` or `pub(…)` before the token.
fn is_public(tokens: &[CodeToken<'_>], at: usize) -> bool {
    let before = &tokens[..at];
    match before.last().map(|token| token.text) {
        Some("pub") => true,
        Some(")") => before
            .iter()
            .rposition(|token| token.text == "(")
            .is_some_and(|open| open.checked_sub(1).is_some_and(|at| text(before, at) == "pub")),
        _ => false,
    }
}

type UseName<'a> = (Vec<&'a str>, &'a str);

/// Reads one branch of a `use` tree; gives the index of what ends it.
fn tree<'a>(
    tokens: &[CodeToken<'a>],
    from: usize,
    prefix: &[&'a str],
    found: &mut Vec<UseName<'a>>,
) -> usize {
    let mut path = prefix.to_vec();
    let mut at = from;
    loop {
        match text(tokens, at) {
            "::" => at += 1,
            "{" => {
                at += 1;
                while !["}", ""].contains(&text(tokens, at)) {
                    at = tree(tokens, at, &path, found);
                    at += usize::from(text(tokens, at) == ",");
                }
                return at + 1;
            }
            "*" => {
                found.push((path, "*"));
                return at + 1;
            }
            "as" => {
                found.push((path, text(tokens, at + 1)));
                return at + 2;
            }
            word if is_name(word) => {
                path.push(word);
                at += 1;
            }
            _ => {
                path.pop_if(|last| *last == "self");
                let alias = path.last().copied().unwrap_or("");
                found.push((path, alias));
                return at;
            }
        }
    }
}

#[test]
fn use_trees_are_read() {
    let code = "pub(crate) use a::{self, b::{C, d as e}, f::*};";
    let all = tokens(code);
    let (found, end) = imports(&all, 4);
    let seen: Vec<_> = found.iter().map(|it| (it.path.join("."), it.alias)).collect();
    let expected = [("a", "a"), ("a.b.C", "C"), ("a.b.d", "e"), ("a.f", "*")];
    assert_eq!(seen, expected.map(|(path, alias)| (path.to_owned(), alias)));
    assert!(found.iter().all(|it| it.is_reexport));
    assert_eq!(text(&all, end), ";");
}

#[test]
fn items_for_tests_are_left_out() {
    let cases = [
        ("a #[cfg(test)] mod tests; b", "a b"),
        ("a #[cfg(test)] pub(crate) fn f() -> [u8; 2] { x } b", "a b"),
        ("a #[cfg(test)] #[allow(x)] use c::{d, e}; b", "a b"),
        ("#[cfg(not(test))] fn f() {}", "# [ cfg ( not ( test ) ) ] fn f ( ) { }"),
    ];
    for (code, expected) in cases {
        let kept: Vec<&str> = shipped_tokens(code).iter().map(|token| token.text).collect();
        assert_eq!(kept.join(" "), expected, "{code}");
    }
}
