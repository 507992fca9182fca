//! `hansho replay`: recorded events in, settled transitions out.

mod summary;

use std::fmt::Display;
use std::io::{self, BufWriter, Write};

use connectors::transition_json::{Form, write_transition};
use jiff::tz::TimeZone;
use model::message::Language;
use model::transition::Transition;

use runtime::notify::templates::AlertTemplates;
use runtime::pipeline::shard_worker::ShardOutput;
use runtime::replay::{ReplayObserver, ReplayOptions};

use crate::cli::ReplayArgs;
use crate::commands::Exit;
use crate::commands::recorded::{Complaints, run_replay};
use crate::rule_files::load_rules;
use crate::wiring::clock::monotonic;
use summary::Summary;

/// Runs the command.
pub(crate) fn replay(args: &ReplayArgs, language: Language) -> Result<(), Exit> {
    let rules = load_rules(&args.rules, language)?;
    rules.warnings.iter().for_each(|warning| eprintln!("{warning}"));
    let zone = TimeZone::get(&args.timezone).map_err(|error| Exit::Usage.because(error))?;
    let printer = Printer {
        templates: AlertTemplates::new(&rules, language, zone),
        summary: Summary::start(monotonic()),
        out: BufWriter::new(io::stdout().lock()),
        line: Vec::new(),
        complaints: Complaints::default(),
    };
    let workers = usize::from(args.workers);
    let options = ReplayOptions { workers, year: args.year, drain: args.drain };
    let (mut printer, counts) =
        run_replay(&rules.set, &rules.program, &args.input, options, printer)?;
    printer.complaints.report();
    printer.out.flush().map_err(broken_output)?;
    printer.summary.print(counts, args, &printer.templates);
    Ok(())
}

/// Prints every transition as it comes.
struct Printer<'a> {
    templates: AlertTemplates,
    complaints: Complaints,
    summary: Summary,
    out: BufWriter<io::StdoutLock<'a>>,
    line: Vec<u8>,
}

impl ReplayObserver for Printer<'_> {
    type Error = Exit;

    fn undecodable(&mut self, input: &str, line: i64, why: &dyn Display) {
        self.complaints.note(input, line, why);
    }

    fn output(&mut self, shard: usize, output: &mut ShardOutput) {
        self.summary.note(shard, output);
    }

    fn transition(&mut self, transition: &Transition) -> Result<(), Exit> {
        self.summary.count(transition);
        self.line.clear();
        let message = self.templates.transition(transition);
        write_transition(&mut self.line, transition, &message, Form::Replay);
        self.line.push(b'\n');
        self.out.write_all(&self.line).map_err(broken_output)
    }
}

/// A reader that has seen enough closes the pipe: that is no failure.
fn broken_output(error: io::Error) -> Exit {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Exit::Fine,
        _ => Exit::Unreachable.because(format!("cannot write to standard output: {error}")),
    }
}
