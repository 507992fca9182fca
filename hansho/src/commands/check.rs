//! `hansho check`: what is wrong with rules, and what they mean.

use std::io::{self, Write};

use model::message::Language;
use rules_dsl::compile;
use rules_dsl::diagnostic::Level;
use serde::Serialize;

use crate::cli::{CheckArgs, Format};
use crate::commands::Exit;
use crate::rule_files::read_sources;

/// The report as tools read it.
#[derive(Serialize)]
struct Report {
    errors: usize,
    warnings: usize,
    diagnostics: Vec<Finding>,
    readings: Vec<Reading>,
}

#[derive(Serialize)]
struct Finding {
    code: String,
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
}

/// Runs the command.
pub fn check(args: &CheckArgs, language: Language) -> Result<(), Exit> {
    let files = read_sources(&args.paths)?;
    let compiled = compile(&files);
    let errors = compiled
        .diagnostics
        .iter()
        .filter(|d| d.level == Level::Error)
        .count();
    let warnings = compiled.diagnostics.len() - errors;
    let mut out = String::new();
    match args.format {
        Format::Json => {
            let finding = |diagnostic: &rules_dsl::diagnostic::Diagnostic| {
                let file = files.get(diagnostic.file);
                let at = file.map(|file| file.position(diagnostic.span.start));
                Finding {
                    code: diagnostic.code.id().to_owned(),
                    level: if diagnostic.level == Level::Error {
                        "error"
                    } else {
                        "warning"
                    },
                    file: file.map_or_else(String::new, |file| file.name.clone()),
                    line: at.map_or(0, |at| at.line),
                    column: at.map_or(0, |at| at.column),
                    text: diagnostic.render(&files, language),
                }
            };
            let reading = |reading: &rules_dsl::reading::Reading| Reading {
                alert: reading.alert.clone(),
                canonical: reading.canonical.clone(),
                en: reading.words_en.clone(),
                ja: reading.words_ja.clone(),
            };
            let report = Report {
                errors,
                warnings,
                diagnostics: compiled.diagnostics.iter().map(finding).collect(),
                readings: compiled.readings.iter().map(reading).collect(),
            };
            let text = serde_json::to_string_pretty(&report);
            out.push_str(&text.map_err(|error| Exit::Unreachable.because(error))?);
            out.push('\n');
        }
        Format::Text => {
            for diagnostic in &compiled.diagnostics {
                out.push_str(&diagnostic.render(&files, language));
                out.push('\n');
            }
            for reading in &compiled.readings {
                let words = match language {
                    Language::En => &reading.words_en,
                    Language::Ja => &reading.words_ja,
                };
                let (alert, canonical) = (&reading.alert, &reading.canonical);
                out.push_str(&format!("{alert}\n  {canonical}\n  {words}\n"));
            }
            out.push_str(&verdict(
                files.len(),
                compiled.readings.len(),
                errors,
                warnings,
                language,
            ));
        }
    }
    // A closed pipe means the reader has seen enough.
    let _ = io::stdout().write_all(out.as_bytes());
    if errors > 0 {
        Err(Exit::Findings)
    } else {
        Ok(())
    }
}

fn verdict(
    files: usize,
    alerts: usize,
    errors: usize,
    warnings: usize,
    language: Language,
) -> String {
    match language {
        Language::En => {
            format!("{files} files, {alerts} alerts: {errors} errors, {warnings} warnings\n")
        }
        Language::Ja => {
            format!(
                "{files} ファイル、アラート {alerts} 件: エラー {errors} 件、警告 {warnings} 件\n"
            )
        }
    }
}
