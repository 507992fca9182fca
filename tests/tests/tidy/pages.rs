//! English pages use the words of the field, and the promises name tests that exist.

use super::TidyFinding;
use super::source::{SourceText, SourceTree};

/// Words and phrases that are no terms of the field, and what to write instead.
const BANNED: &[(&[&str], &str)] = &[
    (&["tell", "tells", "telling", "told"], "write notify, report or print"),
    (&["hear", "hears", "hearing", "heard"], "write receive"),
    (&["say", "says", "saying", "said"], "write print, report, return or name"),
    (&["judge", "judges", "judging", "judged", "judgement"], "write evaluate"),
    (&["take up", "takes up", "taking up", "taken up", "took up"], "write apply or restore"),
    (&["go on", "goes on", "going on", "went on", "gone on"], "write continue or resume"),
    (&["in force"], "write active"),
    (&["anew"], "write again, or from the start"),
    (&["by itself", "by themselves"], "write alone or automatically"),
    (&["however many"], "write any number of"),
    (&["whoever", "whatever", "whom"], "name the person or the thing"),
    (&["nobody", "somebody", "anybody"], "name the person, or write no one"),
];

/// Pages whose words are binding or not ours.
const EXCLUDED: &[&str] = &["docs/spec/language.md"];

const PROMISES: &[&str] = &["docs/promises.md", "docs/promises.ja.md"];

/// No English page contains a private word. Code blocks, code spans and addresses do not count.
pub fn english_pages_use_the_fields_words(tree: &SourceTree) -> Vec<TidyFinding> {
    let is_english = |file: &&SourceText| {
        let path = file.path.as_str();
        path.ends_with(".md") && !path.ends_with(".ja.md") && !EXCLUDED.contains(&path)
    };
    tree.files.iter().filter(is_english).flat_map(private_words).collect()
}

fn private_words(file: &SourceText) -> Vec<TidyFinding> {
    let words = words(&file.text);
    let mut findings = Vec::new();
    for at in 0..words.len() {
        for (phrases, way_out) in BANNED {
            let is_here = |phrase: &&&str| {
                let rest = words[at..].iter().map(|word| word.text.as_str());
                phrase.split(' ').eq(rest.take(phrase.split(' ').count()))
            };
            findings.extend(phrases.iter().find(is_here).map(|phrase| TidyFinding {
                place: format!("{}:{}", file.path, words[at].line),
                what: format!("{phrase:?} in an English page"),
                way_out,
            }));
        }
    }
    findings
}

struct Word {
    text: String,
    line: usize,
}

/// The words of a page's prose, in lower case. A sign that is no letter ends a word; one that is
/// no space and no line break also parts phrases, as an empty word.
fn words(page: &str) -> Vec<Word> {
    let mut words = Vec::new();
    for (line, text) in prose(page).lines().enumerate() {
        let mut word = String::new();
        for c in text.chars().chain([' ']) {
            if c.is_alphabetic() || c == '\'' || c == '’' {
                word.extend(c.to_lowercase());
                continue;
            }
            if !word.is_empty() {
                words.push(Word { text: std::mem::take(&mut word), line: line + 1 });
            }
            if !c.is_whitespace() {
                words.push(Word { text: String::new(), line: line + 1 });
            }
        }
    }
    words
}

/// A page with code blocks, code spans and the addresses of links blanked, its lines kept.
fn prose(page: &str) -> String {
    let mut out = String::new();
    let mut is_block = false;
    let mut is_span = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
            is_span = false;
        } else if !is_block {
            // A code span may cross lines, but no paragraph.
            is_span &= !line.trim().is_empty();
            let (mut is_address, mut last) = (false, ' ');
            for c in line.chars() {
                let is_code = is_span;
                is_span ^= c == '`';
                is_address |= !is_span && last == ']' && c == '(';
                out.push(if is_code || is_span || is_address { '.' } else { c });
                is_address &= c != ')';
                last = c;
            }
        }
        out.push('\n');
    }
    out
}

/// The tests that the promises name exist.
pub fn promised_tests(tree: &SourceTree) -> Vec<TidyFinding> {
    let functions: Vec<&str> = tree.functions().iter().map(|function| function.name).collect();
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| PROMISES.contains(&file.path.as_str())) {
        for (line, text) in
            file.text.lines().enumerate().filter(|(_, text)| text.starts_with("| P"))
        {
            let spans = text.split('`').skip(1).step_by(2);
            let is_test = |span: &&str| span.contains('_') && !span.contains(['.', ' ']);
            let missing = spans.filter(is_test).filter(|name| !functions.contains(name));
            findings.extend(missing.map(|name| TidyFinding {
                place: format!("{}:{}", file.path, line + 1),
                what: format!("no test is named {name}"),
                way_out: "name the test that verifies the promise",
            }));
        }
    }
    findings
}

#[test]
fn only_prose_counts() {
    let cases = [
        ("It tells us.", vec![1]),
        ("Fine.\nRules in\nforce.", vec![2]),
        ("Go on. WHOEVER", vec![1, 1]),
        ("`tells` and [a](what-it-says.md#told) and foretells", vec![]),
        ("`a\ntold b` is code", vec![]),
        ("An open ` ends with the paragraph.\n\nIt is told.", vec![3]),
        ("```text\nhansho says\n```\nIt is said.", vec![4]),
        ("`go` on, go, on; rules_in_force", vec![]),
        ("[what it says](a.md)", vec![1]),
    ];
    for (page, expected) in cases {
        let tree = SourceTree::of(&[("docs/a.md", page)]);
        let found = english_pages_use_the_fields_words(&tree);
        let places: Vec<String> = found.into_iter().map(|finding| finding.place).collect();
        let expected: Vec<String> =
            expected.iter().map(|line| format!("docs/a.md:{line}")).collect();
        assert_eq!(places, expected, "{page}");
    }
}
