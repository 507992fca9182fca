//! STYLE's budgets: how long, how wide, how public, how tested.

use unicode_width::UnicodeWidthStr;

use super::TidyFinding;
use super::source::{SourceFunction, SourceTree};

/// Lines of a file without its tests.
const FILE_LINES_MAX: usize = 800;

/// Lines of one function. A `#[test]` is a table of cases and may be longer; what it calls
/// may not.
const FUNCTION_LINES_MAX: usize = 70;

/// Lines that nine of ten shipped functions stay within.
const FUNCTION_LINES_P90: usize = 25;

/// Columns of a line; a wide character takes two.
const COLUMNS_MAX: usize = 100;

/// Bare `pub fn` among the shipped functions, percent.
const PUBLIC_PERCENT_MAX: usize = 30;

/// Lines of test code for a hundred lines of code: at least and at most. STYLE wants 70 to 110;
/// the lower end is where the first road stands.
const TEST_PERCENT: (usize, usize) = (55, 110);

/// A file fits in a reader's head.
pub fn file_length(tree: &SourceTree) -> Vec<TidyFinding> {
    let over = tree.rust().filter(|file| file.tests_from > FILE_LINES_MAX);
    let findings = over.map(|file| TidyFinding {
        place: file.path.clone(),
        what: format!("{} lines without tests, at most {FILE_LINES_MAX}", file.tests_from),
        way_out: "give the second thought in it a file of its own",
    });
    findings.collect()
}

/// A screen per thought.
pub fn function_length(tree: &SourceTree) -> Vec<TidyFinding> {
    let all = tree.functions();
    let over = all
        .iter()
        .filter(|function| function.lines > FUNCTION_LINES_MAX && !function.is_case_table);
    let findings = over.map(|function| TidyFinding {
        place: format!("{}:{}", function.path, function.line),
        what: format!(
            "{} has {} lines, at most {FUNCTION_LINES_MAX}",
            function.name, function.lines
        ),
        way_out: "keep the control flow and move the leaves into functions",
    });
    findings.collect()
}

/// Most functions are short.
pub fn function_length_p90(tree: &SourceTree) -> Vec<TidyFinding> {
    let p90 = p90(&shipped(tree));
    if p90 <= FUNCTION_LINES_P90 {
        return Vec::new();
    }
    vec![TidyFinding {
        place: "workspace".to_owned(),
        what: format!("one function in ten has {p90} lines or more, budget {FUNCTION_LINES_P90}"),
        way_out: "split the longest ones",
    }]
}

/// No line is cut off on a reader's screen.
pub fn columns(tree: &SourceTree) -> Vec<TidyFinding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (at, line) in file.text.lines().enumerate() {
            if line.width() > COLUMNS_MAX {
                findings.push(TidyFinding {
                    place: format!("{}:{}", file.path, at + 1),
                    what: format!("{} columns, at most {COLUMNS_MAX}", line.width()),
                    way_out: "break the line; a long text can go on after a backslash",
                });
            }
        }
    }
    findings
}

/// What is public is promised.
pub fn public_share(tree: &SourceTree) -> Vec<TidyFinding> {
    let functions = shipped(tree);
    let public = functions.iter().filter(|function| function.is_bare_pub).count();
    if public * 100 <= functions.len() * PUBLIC_PERCENT_MAX {
        return Vec::new();
    }
    vec![TidyFinding {
        place: "workspace".to_owned(),
        what: format!(
            "{public} of {} functions are bare pub, at most {PUBLIC_PERCENT_MAX} %",
            functions.len()
        ),
        way_out: "narrow those that only their crate calls to pub(crate) or pub(super)",
    }]
}

/// Tests grow with the source, and do not bury it.
pub fn test_ratio(tree: &SourceTree) -> Vec<TidyFinding> {
    let (tests, source) = test_and_source_lines(tree);
    let percent = tests * 100 / source.max(1);
    if source == 0 || (TEST_PERCENT.0..=TEST_PERCENT.1).contains(&percent) {
        return Vec::new();
    }
    vec![TidyFinding {
        place: "workspace".to_owned(),
        what: format!("{tests} lines of tests for {source} of source ({percent} %)"),
        way_out: "cover what is new, or fold tests that say the same into one table",
    }]
}

/// The measures behind the budgets, on one line.
pub fn figures(tree: &SourceTree) -> String {
    let functions = shipped(tree);
    let public = functions.iter().filter(|function| function.is_bare_pub).count();
    let (tests, source) = test_and_source_lines(tree);
    format!(
        "tidy: {source} lines of source, {tests} of tests ({} %), {} functions, {public} bare pub \
         ({} %), 90th percentile {} lines",
        tests * 100 / source.max(1),
        functions.len(),
        public * 100 / functions.len().max(1),
        p90(&functions)
    )
}

fn shipped(tree: &SourceTree) -> Vec<SourceFunction<'_>> {
    tree.functions().into_iter().filter(|function| !function.is_test).collect()
}

/// The nearest-rank 90th percentile; 0 of none.
fn p90(functions: &[SourceFunction<'_>]) -> usize {
    let mut lengths: Vec<usize> = functions.iter().map(|function| function.lines).collect();
    lengths.sort_unstable();
    let rank = (lengths.len() * 9).div_ceil(10);
    rank.checked_sub(1).and_then(|at| lengths.get(at)).copied().unwrap_or(0)
}

/// Lines of Rust that are tests, and those that are shipped; benches are neither.
fn test_and_source_lines(tree: &SourceTree) -> (usize, usize) {
    let counted = tree.rust().filter(|file| file.room() != "benches");
    counted.fold((0, 0), |(tests, source), file| {
        let (shipped, tested) = file.text.split_at(line_start(&file.text, file.tests_from));
        (tests + code_lines(tested), source + code_lines(shipped))
    })
}

/// Lines that hold code: what is documented well must not look untested for it.
fn code_lines(text: &str) -> usize {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    text.lines().filter(is_code).count()
}

/// The byte at which a line begins, counted from 0.
fn line_start(text: &str, line: usize) -> usize {
    text.split_inclusive('\n').take(line).map(str::len).sum()
}
