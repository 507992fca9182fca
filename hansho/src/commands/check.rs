//! `hansho check`: what is wrong with rules, and what they mean.

mod against;

use std::io::{self, Write};

use model::message::Language;
use rules_dsl::diagnostic::{Diagnostic, DiagnosticLevel};
use rules_dsl::source::SourceFile;
use rules_dsl::{CompiledRules, compile_in};
use serde::Serialize;

use crate::cli::{CheckArgs, Format};
use crate::commands::Exit;
use crate::rule_files::{Beside, read_sources};

/// The report as tools read it.
#[derive(Serialize)]
struct Report {
    errors: usize,
    warnings: usize,
    diagnostics: Vec<Finding>,
    readings: Vec<Reading>,
    watches: Vec<Reading>,
}

#[derive(Serialize)]
struct Finding {
    code: &'static str,
    level: &'static str,
    file: String,
    line: usize,
    column: usize,
    text: String,
}

#[derive(Serialize)]
struct Reading {
    alert: String,
    canonical: String,
    en: String,
    ja: String,
    cost_en: String,
    cost_ja: String,
}

/// Runs the command.
pub(crate) fn check(args: &CheckArgs, language: Language) -> Result<(), Exit> {
    let files = read_sources(&args.paths)?;
    let mut compiled = compile_in(&files, &Beside);
    let errors = compiled.diagnostics.iter().filter(|d| d.level == DiagnosticLevel::Error).count();
    if !args.against.is_empty() {
        hold_against(args, &files, &mut compiled)?;
    }
    let text = match args.format {
        Format::Json => json(&files, &compiled, errors, language)?,
        Format::Text => text(&files, &compiled, errors, language),
    };
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Exit::Unreachable.because(error))
        }
        _ if errors > 0 => Err(Exit::Findings),
        _ => Ok(()),
    }
}

/// Adds what recorded events say of the rules.
fn hold_against(
    args: &CheckArgs,
    files: &[SourceFile],
    compiled: &mut CompiledRules,
) -> Result<(), Exit> {
    let Some(set) = &compiled.rules else {
        eprintln!("hansho: --against waits until the rules have no errors");
        return Ok(());
    };
    let sample = against::sample(set, &args.against, args.year)?;
    rules_dsl::sample_lint::lint(files, compiled, &sample);
    Ok(())
}

fn json(
    files: &[SourceFile],
    compiled: &CompiledRules,
    errors: usize,
    language: Language,
) -> Result<String, Exit> {
    let finding = |diagnostic: &Diagnostic| {
        let file = files.get(diagnostic.file);
        let at = file.map(|file| file.position(diagnostic.span.start));
        Finding {
            code: diagnostic.code.id(),
            level: if diagnostic.level == DiagnosticLevel::Error { "error" } else { "warning" },
            file: file.map_or_else(String::new, |file| file.name.clone()),
            line: at.map_or(0, |at| at.line),
            column: at.map_or(0, |at| at.column),
            text: diagnostic.render(files, language),
        }
    };
    let reading = |reading: &rules_dsl::explain::Explanation| Reading {
        alert: reading.alert.clone(),
        canonical: reading.canonical.clone(),
        en: reading.words_en.clone(),
        ja: reading.words_ja.clone(),
        cost_en: reading.cost_en.clone(),
        cost_ja: reading.cost_ja.clone(),
    };
    let report = Report {
        errors,
        warnings: compiled.diagnostics.len() - errors,
        diagnostics: compiled.diagnostics.iter().map(finding).collect(),
        readings: compiled.readings.iter().map(reading).collect(),
        watches: compiled.watched.iter().map(reading).collect(),
    };
    let text = serde_json::to_string_pretty(&report);
    text.map(|text| text + "\n").map_err(|error| Exit::Unreachable.because(error))
}

fn text(
    files: &[SourceFile],
    compiled: &CompiledRules,
    errors: usize,
    language: Language,
) -> String {
    let mut out = String::new();
    for diagnostic in &compiled.diagnostics {
        out.push_str(&diagnostic.render(files, language));
        out.push('\n');
    }
    for reading in compiled.readings.iter().chain(&compiled.watched) {
        let (words, cost) = match language {
            Language::En => (&reading.words_en, &reading.cost_en),
            Language::Ja => (&reading.words_ja, &reading.cost_ja),
        };
        let (alert, canonical) = (&reading.alert, &reading.canonical);
        out.push_str(&format!("{alert}\n  {canonical}\n  {words}\n  {cost}\n"));
    }
    out + &verdict(files.len(), compiled, errors, language)
}

fn verdict(files: usize, compiled: &CompiledRules, errors: usize, language: Language) -> String {
    let (alerts, watches) = (compiled.readings.len(), compiled.watched.len());
    let warnings = compiled.diagnostics.len() - errors;
    match language {
        Language::En => {
            let watches = if watches > 0 { format!(", {watches} watches") } else { String::new() };
            format!(
                "{files} files, {alerts} alerts{watches}: {errors} errors, {warnings} warnings\n"
            )
        }
        Language::Ja => {
            let watches =
                if watches > 0 { format!("、ウォッチ{watches}件") } else { String::new() };
            format!(
                "ファイル{files}件、アラート{alerts}件{watches}: \
                 エラー{errors}件、警告{warnings}件\n"
            )
        }
    }
}
