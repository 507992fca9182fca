//! The tree as the checks see it: every text file, Rust with comments and literals blanked.

use std::fs;
use std::path::Path;

/// Crates whose `src` is shipped.
pub const ROOMS: [&str; 8] =
    ["model", "rules-dsl", "engine", "connectors", "oncall", "runtime", "server", "hansho"];

/// All text files of a tree, by path from its root.
pub struct SourceTree {
    pub files: Vec<SourceText>,
    /// Read from the workspace; otherwise a sample.
    pub is_whole: bool,
}

/// One file.
pub struct SourceText {
    /// From the root, with `/`.
    pub path: String,
    pub text: String,
    /// Rust only: the text with comments, strings and characters blanked, lines kept.
    pub code: String,
    /// The line from which on a Rust file is tests: 0 when all of it is, its number of lines
    /// when nothing is.
    pub tests_from: usize,
}

/// A function with a body.
pub struct SourceFunction<'a> {
    pub path: &'a str,
    /// Counted from 1.
    pub line: usize,
    pub name: &'a str,
    /// From the line of `fn` to that of the closing brace.
    pub lines: usize,
    /// `pub` without a restriction.
    pub is_bare_pub: bool,
    pub is_test: bool,
    /// Marked `#[test]`: mostly a table of cases.
    pub is_case_table: bool,
}

impl SourceTree {
    /// Reads all files under `root` that are UTF-8, but not what git and cargo keep there.
    pub fn read(root: &Path) -> SourceTree {
        let mut files = Vec::new();
        collect(root, "", &mut files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        assert!(files.len() > ROOMS.len(), "no workspace at {}", root.display());
        SourceTree { files, is_whole: true }
    }

    /// A tree of samples.
    pub fn of(samples: &[(&str, &str)]) -> SourceTree {
        let files = samples.iter().map(|(path, text)| SourceText::new(path, (*text).to_owned()));
        SourceTree { files: files.collect(), is_whole: false }
    }

    pub fn rust(&self) -> impl Iterator<Item = &SourceText> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    pub fn functions(&self) -> Vec<SourceFunction<'_>> {
        self.rust().flat_map(functions).collect()
    }
}

impl SourceText {
    fn new(path: &str, text: String) -> SourceText {
        let code = if path.ends_with(".rs") { blank(&text) } else { String::new() };
        let tests_from = tests_from(path, &code);
        SourceText { path: path.to_owned(), text, code, tests_from }
    }

    /// The crate, or the first folder.
    pub fn room(&self) -> &str {
        self.path.split('/').next().unwrap_or("")
    }

    pub fn is_shipped(&self) -> bool {
        self.tests_from > 0
    }

    /// Lines of code, numbered from 1, without tests.
    pub fn shipped_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().take(self.tests_from).map(|(at, line)| (at + 1, line))
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<SourceText>) {
    let entries = fs::read_dir(folder).expect("a readable folder");
    for entry in entries {
        let entry = entry.expect("a readable entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if [".git", "target"].contains(&path.as_str()) {
            continue;
        }
        // A file may vanish between listing and reading, when an editor saves it.
        let Ok(kind) = fs::metadata(entry.path()) else {
            continue;
        };
        if kind.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files);
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            files.push(SourceText::new(&path, text));
        }
    }
}

/// Tests are: what is outside the rooms' `src`, files named `tests.rs` or under a `tests`
/// folder, and a trailing `#[cfg(test)] mod tests {` block.
fn tests_from(path: &str, code: &str) -> usize {
    let is_shipped = ROOMS.iter().any(|room| path.starts_with(&format!("{room}/src/")));
    if !is_shipped || path.ends_with("/tests.rs") || path.contains("/tests/") {
        return 0;
    }
    let lines: Vec<&str> = code.lines().collect();
    let block = lines.windows(2).position(|pair| {
        pair[0].trim_end() == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].contains('{')
    });
    block.unwrap_or(lines.len())
}

/// Replaces every character inside comments, strings and character literals by a space, so
/// that words, braces and semicolons left over are code. Newlines stay.
pub fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` itself when none begins there.
fn literal_end(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    let end = match chars[at] {
        '/' if next == Some('/') => find(chars, at, "\n"),
        '/' if next == Some('*') => block_comment_end(chars, at),
        '"' => string_end(chars, at + 1),
        'r' => raw_string_end(chars, at),
        '\'' if next == Some('\\') => find(chars, at + 3, "'") + 1,
        '\'' if chars.get(at + 2) == Some(&'\'') => at + 3,
        _ => at,
    };
    end.min(chars.len())
}

/// The first place from `from` on where `wanted` stands, or the end.
fn find(chars: &[char], from: usize, wanted: &str) -> usize {
    let wanted: Vec<char> = wanted.chars().collect();
    let from = from.min(chars.len());
    let found = chars[from..].windows(wanted.len()).position(|window| window == wanted);
    found.map_or(chars.len(), |offset| from + offset)
}

fn block_comment_end(chars: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn string_end(chars: &[char], from: usize) -> usize {
    let mut at = from;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// `r"…"`, `r#"…"#`; `at` when it is neither (an identifier, or `r#name`).
fn raw_string_end(chars: &[char], at: usize) -> usize {
    let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
    if chars.get(at + 1 + hashes) != Some(&'"') {
        return at;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    find(chars, at + 2 + hashes, &close) + 1 + hashes
}

/// The functions of a file, with bodies; declarations in traits have none.
fn functions(file: &SourceText) -> Vec<SourceFunction<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(offset) = file.code[from..].find("fn ") {
        let at = from + offset;
        from = at + 3;
        let before = &file.code[..at];
        if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &file.code[from..];
        let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
        let Some(body) = body_lines(rest) else {
            continue;
        };
        let line = before.matches('\n').count() + 1;
        let lead = before.rsplit('\n').next().unwrap_or("").trim_start();
        found.push(SourceFunction {
            path: &file.path,
            line,
            name,
            lines: body,
            is_bare_pub: lead.starts_with("pub "),
            is_test: line > file.tests_from,
            is_case_table: before.trim_end().ends_with("#[test]"),
        });
    }
    found
}

/// Lines from here to the brace that closes the body; nothing when a semicolon comes first.
fn body_lines(rest: &str) -> Option<usize> {
    let (mut round, mut curly) = (0_i32, 0_i32);
    for (at, c) in rest.char_indices() {
        match c {
            '(' | '[' => round += 1,
            ')' | ']' => round -= 1,
            ';' if round == 0 && curly == 0 => return None,
            '{' => curly += 1,
            '}' => {
                curly -= 1;
                if curly == 0 {
                    return Some(rest[..at].matches('\n').count() + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[test]
fn comments_and_literals_are_blanked() {
    let cases = [
        ("a // b\nc", "a     \nc"),
        ("a /* /* b */ c */ d", "a                 d"),
        (r#"f("x\"y", 'z')"#, "f(      ,    )"),
        (r##"r#"a"b"# c"##, "         c"),
        ("'a: loop { '\\n' }", "'a: loop {      }"),
        ("r#type + r", "r#type + r"),
        ("\"open", "     "),
        ("br\"x\" + var", "b     + var"),
    ];
    for (text, expected) in cases {
        assert_eq!(blank(text), expected, "{text}");
    }
}

#[test]
fn functions_are_found_with_their_lengths() {
    let text = "trait T { fn none(&self) -> [u8; 3]; }\npub fn one() {}\nimpl A {\n    \
                pub(crate) const fn three<F: Fn() -> u8>(f: F)\n    {\n    }\n}\n\
                #[cfg(test)]\nmod tests {\n    #[test]\n    \
                fn last() { let f = |fn_x: fn(u8)| { }; }\n}\n";
    let tree = SourceTree::of(&[("model/src/a.rs", text)]);
    let seen: Vec<_> = tree
        .functions()
        .iter()
        .map(|f| (f.name.to_owned(), f.line, f.lines, f.is_bare_pub, f.is_test, f.is_case_table))
        .collect();
    let expected = [
        ("one".to_owned(), 2, 1, true, false, false),
        ("three".to_owned(), 4, 3, false, false, false),
        ("last".to_owned(), 11, 1, false, true, true),
    ];
    assert_eq!(seen, expected);
}
