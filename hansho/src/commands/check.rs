//! `hansho check`: what is wrong with rules, and what they mean.

mod sample;

use std::io::{self, Write};

use model::message::Language;
use rules_dsl::diagnostic::DiagnosticLevel;
use rules_dsl::source::SourceFile;
use rules_dsl::{CompiledRules, compile_in};
use runtime::rule_check::CheckReport;

use crate::cli::{CheckArgs, OutputFormat};
use crate::commands::CommandExit;
use crate::rule_files::{FileSystemResolver, read_sources};

/// Runs the command.
pub(crate) fn check(args: &CheckArgs, language: Language) -> Result<(), CommandExit> {
    let files = read_sources(&args.paths)?;
    let mut compiled = compile_in(&files, &FileSystemResolver);
    let errors = compiled.diagnostics.iter().filter(|d| d.level == DiagnosticLevel::Error).count();
    if !args.against.is_empty() {
        hold_against(args, &files, &mut compiled)?;
    }
    let text = match args.format {
        OutputFormat::Json => json(&CheckReport::new(&files, &compiled, language))?,
        OutputFormat::Text => text(&files, &compiled, errors, language),
    };
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CommandExit::Unreachable.because(error))
        }
        _ if errors > 0 => Err(CommandExit::Findings),
        _ => Ok(()),
    }
}

/// Adds what recorded events say of the rules.
fn hold_against(
    args: &CheckArgs,
    files: &[SourceFile],
    compiled: &mut CompiledRules,
) -> Result<(), CommandExit> {
    let Some(set) = &compiled.rules else {
        eprintln!("hansho: --against waits until the rules have no errors");
        return Ok(());
    };
    let sample = sample::sample(set, &args.against, args.year)?;
    rules_dsl::sample_lint::lint(files, compiled, &sample);
    Ok(())
}

fn json(report: &CheckReport) -> Result<String, CommandExit> {
    let text = serde_json::to_string_pretty(report);
    text.map(|text| text + "\n").map_err(|error| CommandExit::Unreachable.because(error))
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
