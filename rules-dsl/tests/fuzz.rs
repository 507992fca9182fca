//! Fuzzers of the parser, the formatter and the checker: rule files that are changed at
//! random by bytes, by words and by whole statements. None of them may panic, point outside
//! the file, report without end or contradict itself.
//!
//! `HANSHO_MINUTES=10` runs each for so long instead of a fixed number of times;
//! `HANSHO_SEED` repeats one run.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use model::message::Language;
use rules_dsl::ast::{Ast, Statement};
use rules_dsl::diagnostic::{DIAGNOSTICS_MAX, Diagnostic, has_errors};
use rules_dsl::source::SourceFile;
use rules_dsl::{compile, format, parse, print};

/// Runs of each fuzzer unless `HANSHO_MINUTES` says for how long.
const RUNS: u64 = 3_000;
/// Longest text that is tried.
const BYTES_MAX: usize = 8_000;
/// Characters that have meant trouble to some reader of text.
const CHARACTERS: [char; 32] = [
    '"', '`', '\\', '#', '{', '}', '(', ')', '[', ']', ',', ':', '/', '-', '.', '~', '\n', '\t',
    '\r', '\0', ' ', '　', '％', '１', '／', '≧', '〜', '～', '分', '\u{202e}', '\u{feff}', '🔥',
];

/// SplitMix64: <https://prng.di.unimi.it/splitmix64.c>.
struct FuzzRandom(u64);

impl FuzzRandom {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.bits() % bound.max(1) as u64) as usize
    }
}

/// Texts that the changes start from: shipped rules, rules of tests, and one per diagnostic.
fn corpus() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["../rules", "../hansho/tests/rules", "tests/golden"];
    let mut files: Vec<_> = folders
        .iter()
        .flat_map(|folder| fs::read_dir(root.join(folder)).expect("a folder of rules"))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "rules" || end == "txt"))
        .collect();
    files.sort();
    let texts: Vec<String> = files
        .iter()
        .map(|path| fs::read_to_string(path).expect("a rule file"))
        .map(|text| text.split("---- en ----").next().unwrap_or("").to_owned())
        .filter(|text| text.len() <= BYTES_MAX)
        .collect();
    assert!(texts.len() > 60, "{} texts", texts.len());
    texts
}

/// The words, numbers and marks of a text: what is between white space, cut at marks.
fn words(text: &str) -> Vec<&str> {
    text.split_inclusive([' ', '\n', '(', ')', '{', '}', ',', ':', '/']).collect()
}

/// A boundary of a character.
fn boundary(text: &str, random: &mut FuzzRandom) -> usize {
    let mut at = random.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn change(text: &mut String, corpus: &[String], random: &mut FuzzRandom) {
    let other = &corpus[random.below(corpus.len())];
    match random.below(8) {
        0 => {
            let (from, count) = (boundary(text, random), random.below(40));
            let cut: usize = text[from..].chars().take(count).map(char::len_utf8).sum();
            text.replace_range(from..from + cut, "");
        }
        1 => text.insert(boundary(text, random), CHARACTERS[random.below(CHARACTERS.len())]),
        2..=4 => {
            let (mut own, from) = (words(text), words(other));
            if own.is_empty() || from.is_empty() {
                return;
            }
            let (at, word) = (random.below(own.len()), from[random.below(from.len())]);
            match random.below(3) {
                0 => own[at] = word,
                1 => own.insert(at, word),
                _ => drop(own.remove(at)),
            }
            *text = own.concat();
        }
        5 => {
            let own: Vec<&str> = words(text);
            let (from, count) = (random.below(own.len()), random.below(12));
            let again = own[from..own.len().min(from + count)].concat();
            text.insert_str(boundary(text, random), &again);
        }
        6 => {
            let lines: Vec<&str> = other.split_inclusive('\n').collect();
            if !lines.is_empty() {
                let line = lines[random.below(lines.len())];
                text.insert_str(boundary(text, random), line);
            }
        }
        _ => {
            let digits = ["0", "-1", "1e9", "99999999999999999999", "0.0000001", "１０", "5%"];
            text.insert_str(boundary(text, random), digits[random.below(digits.len())]);
        }
    }
}

fn changed(seed: u64, corpus: &[String]) -> String {
    let mut random = FuzzRandom(seed);
    let mut text = corpus[random.below(corpus.len())].clone();
    // A text that is still whole goes through more of the code: most are changed little.
    change(&mut text, corpus, &mut random);
    while random.below(2) == 0 {
        change(&mut text, corpus, &mut random);
    }
    let mut end = text.len().min(BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs a check on changed texts; says how many of them were free of errors.
fn fuzz(name: &str, check: fn(&SourceFile) -> Result<bool, String>) {
    let corpus = corpus();
    let began = Instant::now();
    let minutes = number("HANSHO_MINUTES").map(|minutes| Duration::from_secs(60 * minutes));
    let first = number("HANSHO_SEED");
    let is_over = |runs: u64| match (first, minutes) {
        (Some(_), _) => runs > 0,
        (None, Some(minutes)) => began.elapsed() >= minutes,
        (None, None) => runs >= RUNS,
    };
    let (mut runs, mut whole) = (0, 0_u64);
    while !is_over(runs) {
        let seed = first.unwrap_or(runs);
        let text = changed(seed, &corpus);
        let file = SourceFile { name: "x.rules".to_owned(), text };
        let checked = std::panic::catch_unwind(|| check(&file));
        match checked.unwrap_or_else(|_| Err("it panicked".to_owned())) {
            Ok(is_whole) => whole += u64::from(is_whole),
            Err(why) => panic!(
                "{why}\n{}\nagain: HANSHO_SEED={seed} cargo test -p rules-dsl --test fuzz {name}",
                file.text
            ),
        }
        runs += 1;
    }
    println!("{name}: {runs} runs, {whole} without an error");
    assert!(first.is_some() || whole * 50 > runs, "hardly a text is whole: {whole} of {runs}");
}

/// Checks what holds of every report.
fn bounded(file: &SourceFile, found: &[Diagnostic]) -> Result<(), String> {
    if found.len() > DIAGNOSTICS_MAX + 1 {
        return Err(format!("{} diagnostics", found.len()));
    }
    let is_in = |at: usize| file.text.is_char_boundary(at);
    for one in found {
        if !is_in(one.span.start) || !is_in(one.span.end) || one.span.start > one.span.end {
            return Err(format!("it points outside: {one:?}"));
        }
        for language in [Language::En, Language::Ja] {
            let shown = one.render(std::slice::from_ref(file), language);
            let unsafe_to_show = |c: char| c.is_control() && c != '\n';
            if shown.is_empty() || shown.contains(unsafe_to_show) {
                return Err(format!("it shows {shown:?}"));
            }
        }
    }
    Ok(())
}

fn is_broken(statement: &Statement) -> bool {
    matches!(statement, Statement::Broken(_))
}

#[test]
fn parser() {
    fuzz("parser", |file| {
        let (read, found) = parse(file);
        bounded(file, &found)?;
        let whole = read.statements.into_iter().filter(|statement| !is_broken(statement));
        let whole = Ast { statements: whole.collect() };
        let printed = print::print(&whole);
        let (again, said) = parse(&SourceFile { name: String::new(), text: printed.clone() });
        let has_failed = has_errors(&found);
        // What was repeated or put in doubt is printed as it was understood.
        if !has_failed && (again != whole || has_errors(&said)) {
            return Err(format!("it reads otherwise once printed:\n{printed}\n{said:?}"));
        }
        Ok(!has_failed)
    });
}

#[test]
fn formatter() {
    fuzz("formatter", |file| {
        let (read, found) = parse(file);
        let laid_out = match format::format(file) {
            Ok(laid_out) => laid_out,
            Err(said) if has_errors(&found) && said == found => return Ok(false),
            Err(said) => return Err(format!("refused: {said:?}")),
        };
        let again = SourceFile { name: file.name.clone(), text: laid_out.clone() };
        if parse(&again).0 != read {
            return Err(format!("it reads otherwise once laid out:\n{laid_out}"));
        }
        let is_new = laid_out != file.text;
        let is_laid_out = laid_out.lines().all(|line| line.trim_end() == line);
        if format::format(&again).as_ref() != Ok(&laid_out) {
            return Err(format!("laid out twice it is another text:\n{laid_out}"));
        }
        // The layout of a text that would read otherwise is that text, unchanged.
        if !is_new && !is_laid_out {
            return Err("it was not laid out".to_owned());
        }
        Ok(true)
    });
}

#[test]
fn checker() {
    fuzz("checker", |file| {
        let files = std::slice::from_ref(file);
        let compiled = compile(files);
        bounded(file, &compiled.diagnostics)?;
        let has_failed = has_errors(&compiled.diagnostics);
        if compiled.rules.is_none() != has_failed {
            return Err("rules and errors, or neither".to_owned());
        }
        if compile(files) != compiled {
            return Err("the second time it says something else".to_owned());
        }
        // The file may name a zone or a file beside it, of which there are none here.
        let is_read = parse(file).1.is_empty();
        Ok(is_read)
    });
}
