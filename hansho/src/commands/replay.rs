//! `hansho replay`: recorded events in, settled transitions out.

use std::fmt::Display;
use std::io::{self, BufWriter, Write};

use connectors::alert_log_codec::{LineForm, write_transition};
use jiff::tz::TimeZone;
use model::message::Language;
use model::transition::Transition;

use runtime::notify::templates::AlertTemplates;
use runtime::pipeline::shard_worker::ShardOutput;
use runtime::replay::{ReplayCounts, ReplayObserver, ReplayOptions, ReplaySummary, WatchSummary};

use crate::cli::{OutputFormat, ReplayArgs};
use crate::commands::CommandExit;
use crate::commands::recorded::{UndecodableLines, run_replay};
use crate::rule_files::load_rules;
use crate::wiring::clock::monotonic;

/// Runs the command.
pub(crate) fn replay(args: &ReplayArgs, language: Language) -> Result<(), CommandExit> {
    let rules = load_rules(&args.rules, language)?;
    rules.warnings.iter().for_each(|warning| eprintln!("{warning}"));
    let zone = TimeZone::get(&args.timezone).map_err(|error| CommandExit::Usage.because(error))?;
    let printer = TransitionPrinter {
        templates: AlertTemplates::new(&rules, language, zone),
        tally: ReplayCounts::default(),
        out: BufWriter::new(io::stdout().lock()),
        line: Vec::new(),
        complaints: UndecodableLines::default(),
    };
    let workers = usize::from(args.workers);
    let started = monotonic();
    let options = ReplayOptions { workers, year: args.year, drain: args.drain };
    let (mut printer, counts) =
        run_replay(&rules.set, &rules.program, &args.input, options, printer)?;
    printer.complaints.report();
    printer.out.flush().map_err(broken_output)?;
    let elapsed = monotonic().duration_since(started);
    print_summary(&printer.tally.summary(&counts, elapsed, &printer.templates), args.summary);
    Ok(())
}

/// Prints every transition as it comes.
struct TransitionPrinter<'a> {
    templates: AlertTemplates,
    complaints: UndecodableLines,
    tally: ReplayCounts,
    out: BufWriter<io::StdoutLock<'a>>,
    line: Vec<u8>,
}

impl ReplayObserver for TransitionPrinter<'_> {
    type Error = CommandExit;

    fn undecodable(&mut self, input: &str, line: i64, why: &dyn Display) {
        self.complaints.record(input, line, why);
    }

    fn output(&mut self, shard: usize, output: &mut ShardOutput) {
        self.tally.record(shard, output);
    }

    fn transition(&mut self, transition: &Transition) -> Result<(), CommandExit> {
        self.tally.count(transition);
        self.line.clear();
        let message = self.templates.transition(transition);
        write_transition(&mut self.line, transition, &message, LineForm::Replay);
        self.line.push(b'\n');
        self.out.write_all(&self.line).map_err(broken_output)
    }
}

/// A reader that has seen enough closes the pipe: that is no failure.
fn broken_output(error: io::Error) -> CommandExit {
    match error.kind() {
        io::ErrorKind::BrokenPipe => CommandExit::Fine,
        _ => CommandExit::Unreachable.because(format!("cannot write to standard output: {error}")),
    }
}

/// Prints a summary to standard error.
fn print_summary(summary: &ReplaySummary, format: OutputFormat) {
    match format {
        OutputFormat::Json => match serde_json::to_string(summary) {
            Ok(line) => eprintln!("{line}"),
            Err(error) => eprintln!("hansho: the summary cannot be printed: {error}"),
        },
        OutputFormat::Text => print_text(summary),
    }
}

fn print_text(summary: &ReplaySummary) {
    eprintln!(
        "{} events in {:.2} s ({:.0}/s): {} firing, {} resolved",
        summary.events, summary.elapsed_s, summary.events_per_s, summary.firing, summary.resolved
    );
    let rest = [
        (summary.late_dropped, "late, dropped"),
        (summary.undecodable, "undecodable"),
        (summary.skipped_missing_key, "without a key field, skipped"),
        (summary.skipped_missing_value, "without the measured field, skipped"),
        (summary.refused_future, "dated in the future, refused"),
        (summary.refused_keys, "of new keys refused at a rule's limit"),
        (summary.repeated, "of events that had come before, dropped"),
        (summary.refused_values, "new values refused at a key's limit"),
        (summary.late_after_settle, "came after their instant was settled"),
    ];
    for (count, what) in rest.into_iter().filter(|(count, _)| *count > 0) {
        eprintln!("{count:>12} {what}");
    }
    for WatchSummary { line, at, .. } in &summary.watches {
        eprintln!("{line} at {at}");
    }
}
