//! Shapes of code that can be counted: how far a type is spread, and how names are passed on.

use std::collections::{BTreeMap, BTreeSet};

use super::TidyFinding;
use super::ceilings::{RoomCount, against};
use super::modules::{CrateModule, ModuleGraph};
use super::source::{SourceText, SourceTree};
use super::tokens::{CodeToken, after_generics, after_group, is_name, text, tokens};

/// Files that one type's `impl` blocks may stand in.
const IMPL_FILES_MAX: usize = 3;

/// Types spread over more files than that today.
const SPREAD_TYPES: &[(&str, usize)] = &[("tests", 1)];
/// Functions with a tuple pattern among their parameters today.
const TUPLE_PARAMETERS: &[(&str, usize)] = &[("runtime", 2), ("tests", 3)];
/// Names bound once more without being used in between today.
const REBINDINGS: &[(&str, usize)] = &[("runtime", 14), ("tests", 5)];
/// Blocks that only move today.
const MOVING_BLOCKS: &[(&str, usize)] = &[];

/// A type is found in few places.
pub fn spread_types(tree: &SourceTree) -> Vec<TidyFinding> {
    let graph = ModuleGraph::new(tree);
    let mut files: BTreeMap<(usize, String), BTreeSet<&str>> = BTreeMap::new();
    for (at, module) in graph.modules.iter().enumerate() {
        if is_test(module.file) {
            continue;
        }
        for path in implemented(module) {
            if let Some(definition) = graph.definition(at, &path) {
                files.entry(definition).or_default().insert(&module.file.path);
            }
        }
    }
    let wide = files.into_iter().filter(|(_, files)| files.len() > IMPL_FILES_MAX);
    let counted = wide.map(|((at, name), files)| {
        let file = graph.modules[at].file;
        let names: Vec<&str> = files.iter().copied().collect();
        let what = format!(
            "impl blocks of {name} in {} files, at most {IMPL_FILES_MAX}: {}",
            files.len(),
            names.join(", ")
        );
        let way_out = "cut by thought: give the parts types of their own, or use functions";
        one(file, 0, what, way_out)
    });
    against(tree, "SPREAD_TYPES", SPREAD_TYPES, counted.collect())
}

/// A parameter has a name.
pub fn tuple_parameters(tree: &SourceTree) -> Vec<TidyFinding> {
    let counted = tree.rust().flat_map(|file| {
        let all = tokens(&file.code);
        let found = (0..all.len()).filter(|at| text(&all, *at) == "fn").filter_map(|at| {
            let name = text(&all, at + 1);
            has_tuple_pattern(&all, at).then(|| {
                let what = format!("fn {name} takes a tuple apart in its parameters");
                one(file, all[at].line, what, "pass a struct, or the parts one by one")
            })
        });
        found.collect::<Vec<_>>()
    });
    against(tree, "TUPLE_PARAMETERS", TUPLE_PARAMETERS, counted.collect())
}

/// A name is bound once for each thing that it means.
pub fn rebindings(tree: &SourceTree) -> Vec<TidyFinding> {
    let way_out = "write one expression, or give the second thing a name of its own";
    let counted = tree.rust().flat_map(|file| {
        let all = tokens(&file.code);
        let lets = (0..all.len()).filter_map(|at| binding(&all, at)).collect::<Vec<_>>();
        let empty = lets
            .iter()
            .filter(|it| it.is_empty)
            .map(|it| one(file, it.line, format!("`let {0} = {0}`", it.name), way_out));
        let chained = lets.windows(2).filter(|pair| pair[1].resumes_from(&pair[0])).map(|pair| {
            let what = format!("{} is bound and at once bound again", pair[1].name);
            one(file, pair[1].line, what, way_out)
        });
        empty.chain(chained).collect::<Vec<_>>()
    });
    against(tree, "REBINDINGS", REBINDINGS, counted.collect())
}

/// A block is a scope, not a way to move.
pub fn moving_blocks(tree: &SourceTree) -> Vec<TidyFinding> {
    let way_out = "move the value itself, or make the closure in a function that owns it";
    let counted = tree.rust().flat_map(|file| {
        let all = tokens(&file.code);
        let blocks = (0..all.len()).filter(|at| is_moving_block(&all, *at));
        blocks
            .map(|at| one(file, all[at].line, "a block that only moves".to_owned(), way_out))
            .collect::<Vec<_>>()
    });
    against(tree, "MOVING_BLOCKS", MOVING_BLOCKS, counted.collect())
}

fn one(file: &SourceText, line: usize, what: String, way_out: &'static str) -> RoomCount {
    let place = if line == 0 { file.path.clone() } else { format!("{}:{line}", file.path) };
    RoomCount {
        room: file.room().to_owned(),
        amount: 1,
        finding: TidyFinding { place, what, way_out },
    }
}

fn is_test(file: &SourceText) -> bool {
    file.path.ends_with("/tests.rs") || file.path.contains("/tests/")
}

/// The paths of the types that a file has `impl` blocks of.
fn implemented<'a>(module: &CrateModule<'a>) -> Vec<Vec<&'a str>> {
    let all = &module.tokens;
    let is_item = |at: &usize| {
        let before = at.checked_sub(1).map_or("", |at| text(all, at));
        text(all, *at) == "impl" && ["", "}", ";", "]", "{", "unsafe"].contains(&before)
    };
    (0..all.len()).filter(is_item).map(|at| implementing_type(all, at + 1)).collect()
}

/// The type in `impl<…> Trait for Type<…> {`.
fn implementing_type<'a>(all: &[CodeToken<'a>], from: usize) -> Vec<&'a str> {
    let mut path = Vec::new();
    let mut at = after_generics(all, from);
    loop {
        match text(all, at) {
            "" | "{" | "where" => return path,
            "for" => path.clear(),
            "<" => {
                at = after_generics(all, at);
                continue;
            }
            "(" | "[" => {
                at = after_group(all, at);
                continue;
            }
            "'" => at += 1,
            "mut" | "dyn" => {}
            word if is_name(word) => path.push(word),
            _ => {}
        }
        at += 1;
    }
}

/// True when a parameter of the function at `at` begins with a parenthesis.
fn has_tuple_pattern(all: &[CodeToken<'_>], at: usize) -> bool {
    let open = after_generics(all, at + 2);
    if !is_name(text(all, at + 1)) || text(all, open) != "(" {
        return false;
    }
    let end = after_group(all, open) - 1;
    let mut from = open + 1;
    while from < end {
        let mut start = from;
        while ["&", "mut"].contains(&text(all, start)) {
            start += 1;
        }
        if text(all, start) == "(" && text(all, after_group(all, start)) == ":" {
            return true;
        }
        from = after_parameter(all, start, end);
    }
    false
}

/// The index after the comma that ends a parameter.
fn after_parameter(all: &[CodeToken<'_>], from: usize, end: usize) -> usize {
    let mut at = from;
    while at < end {
        match text(all, at) {
            "," => return at + 1,
            "(" | "[" | "{" => at = after_group(all, at),
            "<" => at = after_generics(all, at),
            _ => at += 1,
        }
    }
    end
}

/// A `let NAME = …;`
struct LetBinding<'a> {
    name: &'a str,
    line: usize,
    start: usize,
    /// After the semicolon.
    end: usize,
    /// Its value begins with the name and goes on with a method or a field.
    takes_itself: bool,
    /// Its value is the name, or a reference to it.
    is_empty: bool,
}

impl LetBinding<'_> {
    /// True when it binds the name of the statement before it to something of that.
    fn resumes_from(&self, before: &LetBinding<'_>) -> bool {
        before.end == self.start && before.name == self.name && self.takes_itself
    }
}

fn binding<'a>(all: &[CodeToken<'a>], start: usize) -> Option<LetBinding<'a>> {
    if text(all, start) != "let" {
        return None;
    }
    let at = start + 1 + usize::from(text(all, start + 1) == "mut");
    let name = text(all, at);
    // The type of a binding is part of what it says.
    if !is_name(name) || text(all, at + 1) != "=" {
        return None;
    }
    let end = statement_end(all, at + 2)?;
    let mut value = at + 2;
    while ["&", "mut"].contains(&text(all, value)) {
        value += 1;
    }
    let is_itself = text(all, value) == name;
    let next = text(all, value + 1);
    Some(LetBinding {
        name,
        line: all[start].line,
        start,
        end,
        takes_itself: is_itself && next == ".",
        is_empty: is_itself && next == ";",
    })
}

/// The index after the semicolon that ends a statement; nothing for `let … else` and `if let`.
fn statement_end(all: &[CodeToken<'_>], from: usize) -> Option<usize> {
    let mut at = from;
    while at < all.len() {
        match text(all, at) {
            ";" => return Some(at + 1),
            "else" if text(all, at + 1) == "{" && text(all, after_group(all, at + 1)) == ";" => {
                return None;
            }
            "(" | "[" | "{" => at = after_group(all, at),
            "" | ")" | "]" | "}" => return None,
            _ => at += 1,
        }
    }
    None
}

/// `{ x }` as a value, or `{ let x = x.clone(); move … }`.
fn is_moving_block(all: &[CodeToken<'_>], open: usize) -> bool {
    if text(all, open) != "{" {
        return false;
    }
    let before = open.checked_sub(1).map_or("", |at| text(all, at));
    let is_value = ["=", "(", ",", "return", "&"].contains(&before);
    let after = text(all, open + 3);
    let is_braced_name = is_name(text(all, open + 1)) && text(all, open + 2) == "}";
    if is_braced_name {
        return after == "." || (is_value && [";", ",", ")"].contains(&after));
    }
    let mut at = open + 1;
    while let Some(copy) = binding(all, at).filter(|it| is_copy(all, it)) {
        at = copy.end;
    }
    let is_async = text(all, at) == "async" && text(all, at + 1) == "move";
    is_value && at > open + 1 && (is_async || text(all, at) == "move")
}

/// `let x = x.clone();`, `let x = Arc::clone(&x);`, `let x = x;`
fn is_copy(all: &[CodeToken<'_>], binding: &LetBinding<'_>) -> bool {
    let value = &all[binding.start..binding.end];
    let words: Vec<&str> = value.iter().map(|it| it.text).filter(|it| is_name(it)).collect();
    let names = words.iter().filter(|word| **word == binding.name).count();
    let others = words.iter().filter(|word| **word != binding.name);
    let is_plain = others.clone().all(|word| ["let", "mut", "clone", "Arc", "Rc"].contains(word));
    names == 2 && is_plain && others.count() <= 4
}

#[test]
fn parameters_are_read() {
    let cases = [
        ("fn f((a, b): (u8, u8)) {}", true),
        ("fn f<F: Fn(u8) -> u8>(x: u8, &(a, b): &(u8, u8)) {}", true),
        ("fn f(x: HashMap<u8, (u8, u8)>, g: fn((u8, u8))) {}", false),
        ("fn f(x: (u8, u8)) { y.map(|(a, b)| a) }", false),
        ("type F = fn((u8, u8));", false),
        ("fn f(Pair { a, b }: Pair, Point(x): Point) {}", false),
    ];
    for (code, expected) in cases {
        let all = tokens(code);
        let found = (0..all.len()).any(|at| text(&all, at) == "fn" && has_tuple_pattern(&all, at));
        assert_eq!(found, expected, "{code}");
    }
}

#[test]
fn bindings_and_blocks_are_read() {
    let cases = [
        ("let a = a;", 1, 0),
        ("let mut a = &mut a;", 1, 0),
        ("let a = f(); let a = a.g();", 1, 0),
        ("let a = f(); h(a); let a = a.g();", 0, 0),
        ("let a = f(); let a = g(b);", 0, 0),
        ("let a: u8 = a;", 0, 0),
        ("let Some(a) = a else { return; };", 0, 0),
        ("f({ let a = a.clone(); move || a });", 0, 1),
        ("f({ let a = Arc::clone(&a); let b = b.clone(); async move { a } });", 0, 1),
        ("let b = { a };", 0, 1),
        ("let b = { let a = a.lock(); a.x };", 0, 0),
        ("for b in { a }.next() {}", 0, 1),
        ("f(S { a }); if x == y { a }", 0, 0),
        ("if c == '\\t' { TAB } else { 1 }", 0, 0),
    ];
    for (code, bound, moved) in cases {
        let tree = SourceTree::of(&[("engine/src/a.rs", code)]);
        assert_eq!(rebindings(&tree).len(), bound, "{code}");
        assert_eq!(moving_blocks(&tree).len(), moved, "{code}");
    }
}

#[test]
fn implementing_types_are_read() {
    let cases = [
        ("impl A { }", "A"),
        ("impl<'a, T: Fn() -> B> super::C<'a, T> where T: D { }", "super.C"),
        ("impl<T> From<T> for a::B<T> { }", "a.B"),
        ("impl Iterator for &'a mut B { }", "B"),
        ("unsafe impl Send for B {}", "B"),
    ];
    for (code, expected) in cases {
        let all = tokens(code);
        let at = all.iter().position(|token| token.text == "impl").expect("an impl");
        assert_eq!(implementing_type(&all, at + 1).join("."), expected, "{code}");
    }
}
