//! Compiler of the rule language: from text to checked rules and diagnostics.
//!
//! Rule files are compiled in passes, each a function from one type to the next: characters to
//! tokens (`lex`), tokens to statements ([`ast`], `parse`), statements to an executable
//! [`rule::RuleSet`] (`check`). No pass fails: every error becomes a [`diagnostic::Diagnostic`],
//! and one run reports all of them.

pub mod ast;
mod check;
pub mod diagnostic;
pub mod explain;
pub mod format;
mod lex;
mod lint;
mod parse;
pub mod print;
pub mod quantity;
pub mod resolver;
pub mod rule;
pub mod sample_lint;
pub mod source;

use diagnostic::Diagnostic;
use explain::RuleExplanation;
use resolver::{EmptyEnvironment, Resolver};
use source::SourceFile;

/// Rules, diagnostics and explanations of some files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CompiledRules {
    /// The rules; `None` when a diagnostic is an error.
    pub rules: Option<rule::RuleSet>,
    /// Diagnostics, ordered by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// Explanations of the alerts that could be compiled, ordered by name.
    pub readings: Vec<RuleExplanation>,
    /// Explanations of the watches that could be compiled, ordered by name.
    pub watched: Vec<RuleExplanation>,
    /// The tests of those alerts, in the order written.
    pub tests: Vec<rule::Test>,
}

/// Compiles files that share one namespace and refer to no external file, zone or holiday list.
pub fn compile(files: &[SourceFile]) -> CompiledRules {
    compile_in(files, &EmptyEnvironment)
}

/// Compiles files that share one namespace; the resolver provides the external files, zones and
/// holidays they refer to.
pub fn compile_in(files: &[SourceFile], resolver: &dyn Resolver) -> CompiledRules {
    let mut diagnostics = Vec::new();
    let mut statements = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let (ast, found) = parse::parse(index, &file.text);
        statements.extend(ast.statements);
        diagnostics.extend(found);
    }
    let checked = check::check(&statements, files, resolver, &mut diagnostics);
    diagnostic::arrange(&mut diagnostics);
    let failed = diagnostic::has_errors(&diagnostics);
    CompiledRules {
        rules: (!failed).then_some(checked.rules),
        diagnostics,
        readings: checked.readings,
        watched: checked.watched,
        tests: checked.tests,
    }
}

/// Parses one file into statements; never fails.
pub fn parse(file: &SourceFile) -> (ast::Ast, Vec<Diagnostic>) {
    parse::parse(0, &file.text)
}
