//! `hansho replay`: recorded events in, settled transitions out.

mod inputs;
mod merge;
mod summary;

use std::io::{self, BufWriter, Write};

use connectors::source::ReadState;
use connectors::transition_json::{Form, write_transition};
use engine::shard::{KEYS_PER_RULE_MAX, Restored};
use jiff::tz::TimeZone;
use model::message::Language;
use model::transition::Transition;

use crate::alert_text::AlertTexts;
use crate::cli::ReplayArgs;
use crate::commands::Exit;
use crate::pipeline::clock::monotonic;
use crate::pipeline::intake::Intake;
use crate::pipeline::{Inlet, Outlet, RoadSettings, open_road};
use crate::rule_files::{Rules, load_rules};
use inputs::Inputs;
use merge::Merge;
use summary::Summary;

/// Lines read from one input before another may be further behind.
const LINES_A_TURN: usize = 1024;

/// Runs the command.
pub(crate) fn replay(args: &ReplayArgs, language: Language) -> Result<(), Exit> {
    let rules = load_rules(&args.rules, language)?;
    rules.warnings.iter().for_each(|warning| eprintln!("{warning}"));
    let zone = TimeZone::get(&args.timezone).map_err(|error| Exit::Usage.because(error))?;
    let mut inputs = Inputs::open(&args.input, &rules)?;
    let settings = RoadSettings {
        workers: usize::from(args.workers),
        early: false,
        keys_per_rule_max: KEYS_PER_RULE_MAX,
    };
    let (inlet, outlet) = open_road(&rules.program, settings, &Restored::default());
    let intake = Intake::new(&rules.program, &rules.set.streams, args.year, inlet.shards())
        .map_err(|error| Exit::Usage.because(error))?;
    let printer = Printer {
        texts: AlertTexts::new(&rules, language, zone),
        merge: Merge::new(inlet.shards()),
        summary: Summary::start(monotonic()),
        out: BufWriter::new(io::stdout().lock()),
        line: Vec::new(),
    };
    Replay { rules, inlet, outlet, intake, printer }.run(&mut inputs, args)
}

/// One run: this thread reads and prints, the shards judge.
struct Replay<'a> {
    rules: Rules,
    inlet: Inlet,
    outlet: Outlet,
    intake: Intake,
    printer: Printer<'a>,
}

impl Replay<'_> {
    fn run(mut self, inputs: &mut Inputs, args: &ReplayArgs) -> Result<(), Exit> {
        while let Some(input) = inputs.furthest_behind() {
            if input.read(&mut self.intake, LINES_A_TURN)? == ReadState::End {
                input.has_ended = true;
            }
            self.deliver()?;
            for (stream, settled) in inputs.settled(self.rules.set.streams.len()) {
                self.inlet.mark(stream, settled, self.intake.first(stream));
            }
            self.inlet.wake();
        }
        self.settle_all(args.drain);
        self.finish(inputs, args)
    }

    /// Hands all batches over, printing meanwhile what the shards tell.
    fn deliver(&mut self) -> Result<(), Exit> {
        while !self.inlet.deliver(self.intake.batches()) {
            if !self.printer.collect(&mut self.outlet)? {
                std::thread::yield_now();
            }
        }
        self.printer.collect(&mut self.outlet).map(|_| ())
    }

    /// The end of all input: every instant up to the largest event time is settled.
    fn settle_all(&mut self, drain: bool) {
        let latest = self.intake.counts().latest;
        for stream in 0..self.rules.set.streams.len() {
            if let Some(latest) = latest {
                self.inlet.mark(stream, latest, self.intake.first(stream));
            }
        }
        self.inlet.close(drain && latest.is_some());
    }

    fn finish(mut self, inputs: &Inputs, args: &ReplayArgs) -> Result<(), Exit> {
        while !self.outlet.is_finished() {
            if !self.printer.collect(&mut self.outlet)? {
                std::thread::yield_now();
            }
        }
        self.printer.print_rest()?;
        let joined = self.outlet.join();
        joined.map_err(|shard| Exit::Unreachable.because(format!("shard {shard} failed")))?;
        inputs.report_undecodable();
        self.printer.summary.print(self.intake.counts(), args, &self.printer.texts);
        Ok(())
    }
}

/// Puts what the shards tell into one order and prints it.
struct Printer<'a> {
    texts: AlertTexts,
    merge: Merge,
    summary: Summary,
    out: BufWriter<io::StdoutLock<'a>>,
    line: Vec<u8>,
}

impl Printer<'_> {
    fn collect(&mut self, outlet: &mut Outlet) -> Result<bool, Exit> {
        let Printer { merge, summary, .. } = self;
        let any = outlet.collect(|shard, mut told| {
            summary.note(shard, &mut told);
            merge.add(shard, told);
        });
        for transition in self.merge.settled() {
            self.print(&transition)?;
        }
        Ok(any)
    }

    fn print_rest(&mut self) -> Result<(), Exit> {
        for transition in self.merge.rest() {
            self.print(&transition)?;
        }
        self.out.flush().map_err(broken_output)
    }

    fn print(&mut self, transition: &Transition) -> Result<(), Exit> {
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
