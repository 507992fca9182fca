//! `hansho fmt`: rule files in the one layout.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use model::message::Language;
use rules_dsl::diagnostic::DiagnosticLevel;
use rules_dsl::format::format;
use rules_dsl::source::SourceFile;

use crate::cli::FmtArgs;
use crate::commands::CommandExit;
use crate::rule_files::{FILE_BYTES_MAX, read_sources};

/// Runs the command. A file with errors is left alone and the others are still laid out.
pub(crate) fn fmt(args: &FmtArgs, language: Language) -> Result<(), CommandExit> {
    if args.paths.contains(&PathBuf::from("-")) {
        return filter(args, language);
    }
    let mut has_findings = false;
    let mut out = io::stdout().lock();
    for file in read_sources(&args.paths)? {
        let Some(laid_out) = laid_out(&file, language) else {
            has_findings = true;
            continue;
        };
        if laid_out == file.text {
            continue;
        }
        if args.check {
            has_findings = true;
        } else {
            replace(Path::new(&file.name), &laid_out).map_err(|error| {
                CommandExit::Unreachable.because(format!("cannot write {}: {error}", file.name))
            })?;
        }
        // Whoever closed the pipe does not want to read on; the files still matter.
        drop(writeln!(out, "{}", file.name));
    }
    if has_findings { Err(CommandExit::Findings) } else { Ok(()) }
}

/// Standard input to standard output, for editors.
fn filter(args: &FmtArgs, language: Language) -> Result<(), CommandExit> {
    if args.paths.len() > 1 {
        return Err(CommandExit::Usage.because("`-` is standard input: name no files beside it"));
    }
    let mut text = String::new();
    let limited = io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    limited
        .map_err(|error| CommandExit::Unreachable.because(format!("standard input: {error}")))?;
    let file = SourceFile { name: "<stdin>".to_owned(), text };
    let laid_out = laid_out(&file, language).ok_or(CommandExit::Findings)?;
    if args.check {
        return if laid_out == file.text { Ok(()) } else { Err(CommandExit::Findings) };
    }
    let written = io::stdout().lock().write_all(laid_out.as_bytes());
    written.map_err(|error| CommandExit::Unreachable.because(error))
}

/// The file's layout; `None` where it cannot be read, which is said on standard error.
fn laid_out(file: &SourceFile, language: Language) -> Option<String> {
    let files = std::slice::from_ref(file);
    match format(file) {
        Ok(laid_out) => Some(laid_out),
        Err(found) => {
            for diagnostic in found.iter().filter(|found| found.level == DiagnosticLevel::Error) {
                eprintln!("{}", diagnostic.render(files, language));
            }
            None
        }
    }
}

/// Puts a text in a file's place, whole or not at all. What a link points to is replaced,
/// not the link.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
    fresh.write_all(text.as_bytes())?;
    fresh.as_file().sync_all()?;
    fs::set_permissions(fresh.path(), fs::metadata(&path)?.permissions())?;
    fresh.persist(&path)?;
    Ok(())
}
