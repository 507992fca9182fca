//! Recorded events of a command line: files as the inputs of a replay.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use connectors::source::file::FileSource;
use engine::program::Program;
use model::schema::Schema;
use rules_dsl::rule::RuleSet;
use runtime::ingest::admission::IngestCounts;
use runtime::replay::{ReplayError, ReplayInput, ReplayObserver, ReplayOptions, ReplayPipeline};

use crate::commands::CommandExit;
use crate::wiring::clock::SystemClock;
use crate::wiring::threads::ShardThreads;

/// Undecodable lines of one input that are shown; the rest is counted.
const COMPLAINTS_MAX: u64 = 20;

/// Undecodable lines, by input in the order in which each had its first.
#[derive(Debug, Default)]
pub struct UndecodableLines(Vec<(String, u64)>);

impl UndecodableLines {
    /// Shows a line that could not be decoded, if not too many were shown before.
    pub(crate) fn record(&mut self, input: &str, line: i64, why: &dyn Display) {
        let known = self.0.iter().position(|(of, _)| of == input);
        let at = known.unwrap_or_else(|| {
            self.0.push((input.to_owned(), 0));
            self.0.len() - 1
        });
        if let Some((_, lines)) = self.0.get_mut(at) {
            *lines += 1;
            if *lines <= COMPLAINTS_MAX {
                eprintln!("{input}:{line}: {why}");
            }
        }
    }

    /// Says how many more lines could not be decoded than were shown.
    pub(crate) fn report(&self) {
        for (input, lines) in self.0.iter().filter(|(_, lines)| *lines > COMPLAINTS_MAX) {
            let more = lines - COMPLAINTS_MAX;
            eprintln!("{input}: {more} more lines could not be decoded");
        }
    }
}

/// Replays every `[STREAM=]FILE` to its end.
pub(crate) fn run_replay<O: ReplayObserver<Error = CommandExit>>(
    set: &RuleSet,
    program: &Arc<Program>,
    files: &[String],
    options: ReplayOptions,
    observer: O,
) -> Result<(O, IngestCounts), CommandExit> {
    let mut inputs: Vec<ReplayInput> = Vec::new();
    for specification in files {
        let (stream, path) = resolve(specification, &set.streams)?;
        let siblings = inputs.iter().filter(|input| input.stream == stream).count();
        let number = i32::try_from(siblings).unwrap_or(i32::MAX);
        let source = FileSource::open(path, number)
            .map_err(|error| CommandExit::Unreachable.because(error))?;
        let label = if path == "-" { "<stdin>".to_owned() } else { path.to_owned() };
        inputs.push(ReplayInput { label, stream, source });
    }
    let executor = ShardThreads::new(SystemClock::start());
    let replay = ReplayPipeline::new(&set.streams, program, inputs, options, executor, observer)
        .map_err(|error| CommandExit::Usage.because(error))?;
    replay.run().map_err(|error| match error {
        ReplayError::Source(error) => CommandExit::Unreachable.because(error),
        ReplayError::Shard(shard) => {
            CommandExit::Unreachable.because(format!("shard {shard} failed"))
        }
        ReplayError::Observer(exit) => exit,
    })
}

/// The stream and the path a specification names.
fn resolve<'a>(
    specification: &'a str,
    streams: &[Arc<Schema>],
) -> Result<(usize, &'a str), CommandExit> {
    let names = || streams.iter().map(|schema| schema.name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some((name, path)) = specification.split_once('=') {
        if let Some(stream) = streams.iter().position(|schema| schema.name == name) {
            return Ok((stream, path));
        }
        if streams.len() != 1 || !Path::new(specification).exists() {
            let known = names();
            let what = format!("{specification}: no stream `{name}`; there are {known}");
            return Err(CommandExit::Usage.because(what));
        }
    }
    if streams.len() == 1 {
        return Ok((0, specification));
    }
    let what = format!("{specification}: name its stream, as in STREAM=FILE: {}", names());
    Err(CommandExit::Usage.because(what))
}
