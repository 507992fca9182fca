//! `hansho replay`: recorded events in, settled transitions out.

mod summary;

use std::io::{self, BufWriter, Write};

use connectors::transition_json::{Form, write_transition};
use jiff::tz::TimeZone;
use model::message::Language;
use model::transition::Transition;

use crate::alert_text::AlertTexts;
use crate::cli::ReplayArgs;
use crate::commands::Exit;
use crate::pipeline::Told;
use crate::pipeline::clock::monotonic;
use crate::recorded::{Course, Listener, Recorded};
use crate::rule_files::load_rules;
use summary::Summary;

/// Runs the command.
pub(crate) fn replay(args: &ReplayArgs, language: Language) -> Result<(), Exit> {
    let rules = load_rules(&args.rules, language)?;
    rules.warnings.iter().for_each(|warning| eprintln!("{warning}"));
    let zone = TimeZone::get(&args.timezone).map_err(|error| Exit::Usage.because(error))?;
    let printer = Printer {
        texts: AlertTexts::new(&rules, language, zone),
        summary: Summary::start(monotonic()),
        out: BufWriter::new(io::stdout().lock()),
        line: Vec::new(),
    };
    let course = Course { workers: usize::from(args.workers), year: args.year, drain: args.drain };
    let recorded = Recorded::open(&rules.set, &rules.program, &args.input, course, printer)?;
    let (mut printer, counts) = recorded.run()?;
    printer.out.flush().map_err(broken_output)?;
    printer.summary.print(counts, args, &printer.texts);
    Ok(())
}

/// Prints every transition as it comes.
struct Printer<'a> {
    texts: AlertTexts,
    summary: Summary,
    out: BufWriter<io::StdoutLock<'a>>,
    line: Vec<u8>,
}

impl Listener for Printer<'_> {
    fn told(&mut self, shard: usize, told: &mut Told) {
        self.summary.note(shard, told);
    }

    fn transition(&mut self, transition: &Transition) -> Result<(), Exit> {
        self.summary.count(transition);
        self.line.clear();
        let message = self.texts.transition(transition);
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
